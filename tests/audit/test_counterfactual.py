"""Maps as they would be under other reporting, or equal exposure, against enumeration."""

from itertools import combinations

import numpy as np
import pytest
import xarray as xr

from hotspot.audit.counterfactual import counterfactual_reporting
from hotspot.audit.parity import price_of_parity
from hotspot.errors import ParameterError, UnknownNameError
from tests.audit.conftest import labels, residents, windows


def counterfactual(expected, names, rates, rng, **more):
    given = {"source": "assumption", "area_share": 0.1, "rng": rng, **more}
    return counterfactual_reporting(
        expected, labels(names), xr.ones_like(expected[0]), rates=rates, **given
    )


def by_group(found, key="value"):
    return {row["group"]: row[key] for row in found.groups}


def test_districts_alike_in_truth_are_flagged_0_2_and_1_8_times_and_once_when_rescaled(rng):
    """Akpinar's finding. With exponential rates, cells of the side that reports half lie above a
    cut t with chance exp(-2t), the others with exp(-t); at exp(-t) = 1/9, where (1/9 + 1/81) /
    2 of all cells are flagged, the two sides have .2 and 1.8 times their due."""
    truth = rng.exponential(size=40_000)
    side = np.arange(truth.size) % 2
    reported = truth * np.where(side == 0, 1.0, 0.5)
    names = np.where(side == 0, "all", "half").tolist()
    share = (1 / 9 + 1 / 81) / 2
    found = counterfactual(
        windows([reported]), names, {"all": 1.0, "half": 0.5}, rng, area_share=share
    )
    assert 2 * by_group(found, "flag_share")["all"] == pytest.approx(1.8, abs=0.03)
    assert 2 * by_group(found, "flag_share")["half"] == pytest.approx(0.2, abs=0.03)
    rescaled = by_group(found, "flag_share_if_alike")
    assert 2 * rescaled["all"] == pytest.approx(1.0, abs=0.05)
    assert 2 * rescaled["half"] == pytest.approx(1.0, abs=0.05)


def test_equal_rates_displace_nothing(rng):
    expected = windows(rng.gamma(2.0, 1.0, (6, 50)))
    found = counterfactual(expected, ["a", "b"] * 25, {"a": 0.4, "b": 0.4}, rng)
    assert found.value == 0.0
    assert set(by_group(found).values()) == {1.0}


@pytest.mark.parametrize(
    ("rates", "more", "error", "match"),
    [
        ({"a": 1.0}, {}, UnknownNameError, "no rate for group 'b'"),
        ({"a": 1.0, "b": 0.01}, {}, ParameterError, "map of the rates"),
        ({"a": 1.0, "b": 1.1}, {}, ParameterError, "must lie in"),
        ({"a": 1.0, "b": 0.5}, {"source": " "}, ParameterError, "Name where the rates"),
    ],
)
def test_rates_without_sense_are_refused(rng, rates, more, error, match):
    with pytest.raises(error, match=match):
        counterfactual(windows([[1, 2]] * 3), ["a", "b"], rates, rng, area_share=0.5, **more)


def parity(expected, people, **more):
    expected = windows([expected])[0]
    return price_of_parity(expected, residents(people), xr.ones_like(expected), **more)


def test_the_price_is_that_of_enumeration():
    """Six cells, three flags: of all 20 ways, the best that expose both groups alike."""
    m = np.array([5.0, 4.0, 3.0, 2.0, 1.5, 1.0])
    people = np.array([[30, 20, 10, 10, 20, 30.0], [0, 10, 20, 30, 20, 40]])
    share = people / people.sum(axis=1, keepdims=True) - people.sum(axis=0) / people.sum()
    for slack in (0.0, 0.02, 0.05, 0.1, 0.3):
        kept = [
            m[list(c)].sum() for k in range(4) for c in combinations(range(6), k)
            if np.abs(share[:, list(c)].sum(axis=1)).max() <= slack + 1e-12
        ]  # fmt: skip
        found = parity(m, people, area_share=0.5, slacks=[slack], whole_cells=True)
        assert 1 - found.value == pytest.approx(max(kept) / 12.0, abs=1e-9)


def test_a_wide_slack_costs_nothing_and_a_narrow_one_more():
    found = parity([5, 4, 3, 2, 1, 1], [[9, 9, 9, 1, 1, 1], [1, 1, 1, 9, 9, 9]], area_share=0.5)
    curve = [row["value"] for row in found.groups]
    assert curve == sorted(curve, reverse=True)
    assert parity(
        [5, 4, 3, 2], [[9, 9, 1, 1], [1, 1, 9, 9]], area_share=0.5, slacks=[2.0]
    ).value == pytest.approx(0.0, abs=1e-9)


def test_cells_in_part_lose_no_more_than_whole_ones(rng):
    m, people = rng.gamma(1.0, size=40), rng.integers(1, 50, (2, 40))
    whole = parity(m, people, area_share=0.2, slacks=[0.01], whole_cells=True).value
    part = parity(m, people, area_share=0.2, slacks=[0.01], whole_cells=False).value
    assert -1e-9 <= part <= whole + 0.05  # the best without a limit may be cut too


def test_one_group_has_no_price_and_several_windows_must_be_chosen_from():
    assert parity([5, 1], [[5, 5], [0, 0]], area_share=0.5).status == "not_computable"
    several = windows([[1, 2], [2, 1]])
    with pytest.raises(ParameterError, match="of one map, got 2"):
        price_of_parity(
            several, residents([[5, 1], [1, 5]]), xr.ones_like(several[0]), area_share=0.5
        )
    with pytest.raises(ParameterError, match="0 or more"):
        parity([5, 1], [[5, 1], [1, 5]], area_share=0.5, slacks=[-0.1])
