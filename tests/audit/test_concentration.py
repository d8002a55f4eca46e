"""Gini, Theil and streaks against answers worked out by hand."""

import numpy as np
import pytest
import xarray as xr

from hotspot.audit.concentration import concentration, gini, persistence, streaks, theil
from tests.audit.conftest import labels, windows


@pytest.mark.parametrize(
    ("values", "expected"), [([5, 5, 5], 0.0), ([0, 0, 0, 7], 0.75), ([1, 2, 3, 4], 0.25)]
)
def test_gini_by_hand(values, expected):
    assert gini(np.array(values, float)) == pytest.approx(expected)


def test_gini_weighs_by_area():
    """A value on twice the land is two values."""
    assert gini(np.array([1.0, 3.0]), np.array([2.0, 1.0])) == pytest.approx(
        gini(np.array([1.0, 1.0, 3.0]))
    )


def test_theil_of_one_of_n_is_log_n_and_its_parts_sum_to_it(rng):
    assert theil(np.array([0, 0, 0, 0, 3.0]), np.arange(5))[0] == pytest.approx(np.log(5))
    assert theil(np.ones(5), np.array([0, 0, 1, 1, 2])) == pytest.approx((0, 0, 0), abs=1e-12)
    values = rng.gamma(1.0, size=200)
    groups = rng.integers(4, size=200)
    total, between, within = theil(values, groups)
    assert total == pytest.approx(between + within, abs=1e-12)
    by_definition = np.mean(values / values.mean() * np.log(values / values.mean()))
    assert total == pytest.approx(by_definition, rel=1e-12)
    inner = 0.0
    for g in range(4):
        own = values[groups == g]
        inner += own.sum() / values.sum() * np.mean(own / own.mean() * np.log(own / own.mean()))
    assert within == pytest.approx(inner, rel=1e-12)


def test_a_flag_that_never_moves_has_one_less_its_share(rng):
    found = concentration(windows([[1, 0, 0, 0]] * 6), xr.ones_like(windows([[1] * 4])[0]), rng=rng)
    assert found.value == 0.75
    assert "75% of the land was never flagged" in found.reading


def test_a_flag_that_goes_round_has_none(rng):
    found = concentration(windows(np.eye(4)), xr.ones_like(windows([[1] * 4])[0]), rng=rng)
    assert found.value == pytest.approx(0.0)


def test_blocks_of_cells_and_classes_stand_beside(rng):
    found = concentration(
        windows([[1, 0, 0, 0]] * 6),
        xr.ones_like(windows([[1] * 4])[0]),
        rng=rng,
        labels=labels(["n", "n", "s", "s"]),
    )
    rows = {row["group"]: row["value"] for row in found.groups}
    assert rows["blocks of 2 x 2 cells"] == 0.5
    assert rows["Theil's index, between"] == pytest.approx(np.log(2))
    assert rows["Theil's index, within"] == pytest.approx(np.log(2))


def test_random_flags_have_runs_of_one_over_one_less_their_share(rng):
    z = rng.random((2000, 400)) < 0.1
    assert streaks(z)[0] == pytest.approx(1 / 0.9, rel=0.01)


def test_streaks_by_hand():
    z = np.array([[1, 0, 1], [1, 1, 1], [0, 1, 1], [1, 0, 1]], bool)
    mean, longest = streaks(z)
    assert mean == pytest.approx(9 / 4)  # runs of 2, 1, 2 and 4
    assert longest.tolist() == [2, 2, 4]


def test_a_place_flagged_without_end_alarms_only_where_less_was_recorded(rng):
    flags = windows([[1, 0]] * 30)
    expected = flags * 3.0
    fulfilled = persistence(flags, expected, expected, rng=rng)
    assert (fulfilled.value, fulfilled.status) == (30.0, "ok")
    fallen = windows(rng.poisson(1.0, (30, 1)) * np.array([[1, 0]]))
    habit = persistence(flags, fallen, expected, rng=rng)
    assert habit.status == "warn"
    assert "of what was foretold" in habit.reason


def test_overlap_from_window_to_window_by_hand(rng):
    flags = windows([[1, 1, 0], [0, 1, 1], [0, 1, 1]])
    found = persistence(flags, flags, flags, rng=rng)
    rows = {row["group"]: row["value"] for row in found.groups}
    assert rows["overlap of flags 1 windows apart"] == pytest.approx((1 + 2) / (3 + 2))
    assert rows["share of cells never flagged"] == 0.0


def test_nothing_flagged_is_not_computable(rng):
    none = windows([[0, 0]] * 4)
    assert persistence(none, none, none, rng=rng).status == "not_computable"
    assert concentration(none, xr.ones_like(none[0]), rng=rng).status == "not_computable"
