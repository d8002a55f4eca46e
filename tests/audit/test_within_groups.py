"""Calibration, hit rates and errors by group against hand calculations and simulated truth."""

import numpy as np
import pytest

from hotspot.audit.within_groups import (
    calibration_by_group,
    error_against_allocation,
    hit_rate_gap,
)
from tests.audit.conftest import labels, windows

FOUR = labels(["a", "b", "c", "d"])


def by_group(found, key="value"):
    return {row["group"]: row[key] for row in found.groups}


def test_recorded_over_expected_by_hand(rng):
    """Half of all too many foretold for a, half too few for b: the whole map is right."""
    found = calibration_by_group(
        windows([[20, 10]] * 12), windows([[10, 20]] * 12), labels(["a", "b"]), rng=rng
    )
    assert by_group(found) == {"a": 0.5, "b": 2.0}
    assert by_group(found, "recorded") == {"a": 120, "b": 240}
    assert found.status == "warn"


def test_the_exact_interval_is_garwoods(rng):
    """10 recorded: the mean lies between 4.795 and 18.391."""
    found = calibration_by_group(windows([[10.0, 30]]), windows([[10, 30]]), labels("ab"), rng=rng)
    assert by_group(found, "exact_lower")["a"] == pytest.approx(0.4795, abs=1e-4)
    assert by_group(found, "exact_upper")["a"] == pytest.approx(1.8391, abs=1e-4)


def test_a_level_that_is_wrong_everywhere_alarms_no_group(rng):
    expected = windows(np.full((24, 4), 30.0))
    observed = windows(rng.poisson(20.0, (24, 4)))
    assert calibration_by_group(expected, observed, FOUR, rng=rng).status == "ok"


def test_a_group_of_half_as_much_again_is_found_and_the_others_are_not(rng):
    rates = np.array([45.0, 30, 30, 30])
    found = calibration_by_group(
        windows(np.full((24, 4), 30.0)), windows(rng.poisson(rates, (24, 4))), FOUR, rng=rng
    )
    assert found.status == "warn"
    ratio = by_group(found)["a"] / np.mean([by_group(found)[g] for g in "bcd"])
    assert ratio == pytest.approx(1.5, abs=0.12)
    assert by_group(found, "lower")["a"] > 1.0


def test_no_offence_at_all_is_not_computable(rng):
    found = calibration_by_group(
        windows([[1, 1]] * 6), windows([[0, 0]] * 6), labels("ab"), rng=rng
    )
    assert found.status == "not_computable"


def test_cells_without_a_group_are_left_out(rng):
    found = calibration_by_group(
        windows([[10, 10, 99]] * 6), windows([[10, 10, 1]] * 6), labels(["a", "b", None]), rng=rng
    )
    assert by_group(found) == {"a": 1.0, "b": 1.0}


def test_hit_rates_by_hand(rng):
    """In a 3 of 4 flags see one, in b 1 of 4."""
    observed = windows([[1, 0], [2, 0], [1, 0], [0, 1]] * 3)
    found = hit_rate_gap(windows([[1, 1]] * 12), observed, labels("ab"), rng=rng)
    assert by_group(found) == {"a": 0.75, "b": 0.25}
    assert found.value == 0.5
    assert found.status == "warn"
    assert found.interval[0] > 0.05


def test_equal_hit_rates_alarm_nobody(rng):
    observed = windows(rng.random((24, 40)) < 0.3)
    groups = labels(["a"] * 20 + ["b"] * 20)
    assert hit_rate_gap(windows(np.ones((24, 40))), observed, groups, rng=rng).status == "ok"


def test_one_group_with_flags_has_no_gap(rng):
    found = hit_rate_gap(windows([[1, 0]] * 6), windows([[1, 1]] * 6), labels("ab"), rng=rng)
    assert found.status == "not_computable"
    assert "it takes two" in found.reason


def test_errors_and_allocation_by_hand(rng):
    """Shares foretold .6/.3/.1, recorded .5/.3/.2; flags all in a."""
    found = error_against_allocation(
        windows([[1, 0, 0]] * 6), windows([[6, 3.1, 0.9]] * 6), windows([[5, 3, 2]] * 6),
        labels("abc"), rng=rng,
    )  # fmt: skip
    assert by_group(found, "error") == pytest.approx({"a": 0.1, "b": 0.01, "c": 0.11})
    assert by_group(found) == pytest.approx({"a": 2.0, "b": 0.0, "c": 0.0})
    assert found.value == pytest.approx(11.0)


def test_a_share_foretold_without_error_has_no_ratio(rng):
    same = windows([[1, 2]] * 6)
    found = error_against_allocation(same, same, same, labels("ab"), rng=rng)
    assert found.status == "not_computable"
