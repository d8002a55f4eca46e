"""Known answers of the audits that have few elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from hotspot.audit.counterfactual import counterfactual_reporting
from hotspot.audit.exposure import flag_share_against_records
from hotspot.audit.interpolation import interpolated_share
from hotspot.audit.within_groups import error_against_allocation
from tests.audit.conftest import labels, residents, windows


def by_group(found, key="value"):
    return {row["group"]: row[key] for row in found.groups}


def test_flags_everywhere_fall_on_groups_by_their_numbers(rng):
    """300 of a and 100 of b; beside offences 1 x 300 of a and 3 x 100 of b, as many of both."""
    observed = windows([[1, 3]] * 6)
    people = residents([[300, 0], [0, 100]])
    found = flag_share_against_records(xr.ones_like(observed), observed, people, rng=rng)
    assert by_group(found, "flag_share") == pytest.approx({"a": 0.75, "b": 0.25})
    assert by_group(found) == pytest.approx({"a": 1.5, "b": 0.5})


def test_a_flag_moves_to_where_half_is_reported_by_hand(rng):
    """Of a 5, 4 and 1 are recorded, of b 3, 2.9 and 1: where half is reported 6, 5.8 and 2
    happened, and of three flags the second leaves a for b."""
    expected = windows([[5, 4, 1, 3, 2.9, 1]] * 6)
    found = counterfactual_reporting(
        expected, labels("aaabbb"), xr.ones_like(expected[0]), rates={"a": 1.0, "b": 0.5},
        source="assumption", area_share=0.5, rng=rng,
    )  # fmt: skip
    assert found.value == pytest.approx(1 / 3)
    assert by_group(found, "flag_share") == pytest.approx({"a": 2 / 3, "b": 1 / 3})
    assert by_group(found, "flag_share_if_alike") == pytest.approx({"a": 1 / 3, "b": 2 / 3})


def test_two_groups_err_alike(rng):
    """What one is given too much of, the other is given too little of."""
    found = error_against_allocation(
        windows([[1, 1]] * 6), windows([[5, 5]] * 6), windows([[3, 1]] * 6), labels("ab"), rng=rng
    )
    assert by_group(found, "error") == pytest.approx({"a": 0.25, "b": 0.25})
    assert by_group(found) == pytest.approx({"a": 2 / 3, "b": 2.0})
    assert found.value == pytest.approx(1.0)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_that_is_interpolated_is_that_of_cut_areas(share):
    people = residents([[80, 20, 50]], names=["all"])
    people = replace(people, split=people.residents.sum("group") * share)
    found = interpolated_share(windows([[1, 1, 0]]), people)
    assert found.value == pytest.approx(share)
    assert found.status == ("ok" if share < 0.3 else "warn")
    assert np.isfinite(found.value)
