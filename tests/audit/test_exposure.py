"""Exposure and flag shares against answers worked out by hand."""

import numpy as np
import pytest

from hotspot.audit.exposure import exposure_disparity, flag_share_against_records
from hotspot.errors import GridMismatchError, ParameterError
from tests.audit.conftest import residents, windows

# Populations 100/0, 50/50, 0/100, 50/50 of two groups in four cells; the first two are flagged.
PEOPLE = [[100, 50, 0, 50], [0, 50, 100, 50]]
FIRST_TWO = windows([[1, 1, 0, 0]] * 6)


def by_group(found, key="value"):
    return {row["group"]: row[key] for row in found.groups}


def test_three_quarters_against_one_quarter_is_a_ratio_of_3(rng):
    found = exposure_disparity(FIRST_TWO, residents(PEOPLE, reference="b"), rng=rng)
    assert by_group(found, "exposure") == {"a": 0.75, "b": 0.25}
    assert by_group(found) == {"a": 3.0, "b": 1.0}
    assert (found.value, found.interval, found.status) == (3.0, (3.0, 3.0), "warn")
    assert "3.00 times as often" in found.reading


def test_against_all_residents_the_ratios_are_1_5_and_0_5(rng):
    found = exposure_disparity(FIRST_TWO, residents(PEOPLE), rng=rng)
    assert by_group(found) == pytest.approx({"a": 1.5, "b": 0.5})


def test_flags_everywhere_expose_all_alike(rng):
    found = exposure_disparity(windows([[1, 1, 1, 1]] * 6), residents(PEOPLE), rng=rng)
    assert by_group(found) == pytest.approx({"a": 1.0, "b": 1.0})
    assert found.status == "ok"


def test_the_interval_is_over_windows(rng):
    """Flags on the one side and the other in turn: 1 on the whole, and nobody knows."""
    turns = windows([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1]] * 2)
    found = exposure_disparity(turns, residents([[9, 0], [0, 9]], reference="b"), rng=rng)
    assert found.value == pytest.approx(1.0)
    assert found.interval[0] < 0.5
    assert found.interval[1] > 2.0
    assert found.status == "ok"


def test_fractional_flags_count_in_part(rng):
    found = exposure_disparity(windows([[0.5, 0]] * 6), residents([[8, 2], [2, 8]]), rng=rng)
    assert by_group(found, "exposure") == pytest.approx({"a": 0.4, "b": 0.1})


def test_one_window_has_no_interval_and_says_why(rng):
    found = exposure_disparity(windows([[1, 0]]), residents([[8, 2], [2, 8]]), rng=rng)
    assert found.interval is None
    assert "too few windows" in found.reason
    assert found.status == "ok"


def test_a_group_of_nobody_is_left_out(rng):
    found = exposure_disparity(FIRST_TWO, residents([*PEOPLE, [0] * 4], names="abc"), rng=rng)
    assert set(by_group(found)) == {"a", "b"}


def test_a_reference_that_is_never_flagged_has_no_ratio(rng):
    found = exposure_disparity(
        windows([[1, 0]] * 6), residents([[5, 0], [0, 5]], reference="b"), rng=rng
    )
    assert found.status == "not_computable"
    assert "no resident of the reference" in found.reason


def test_flags_in_proportion_to_records_have_a_ratio_of_1(rng):
    observed = windows([[3, 1, 0, 2], [1, 1, 2, 0]] * 3)
    found = flag_share_against_records(observed / 8, observed, residents(PEOPLE), rng=rng)
    assert by_group(found) == pytest.approx({"a": 1.0, "b": 1.0})


def test_flag_shares_by_hand(rng):
    """Under flags 150 of a and 50 of b; beside the two offences 50 and 150."""
    observed = windows([[0, 1, 1, 0]] * 6)
    found = flag_share_against_records(FIRST_TWO, observed, residents(PEOPLE), rng=rng)
    assert by_group(found, "flag_share") == pytest.approx({"a": 0.75, "b": 0.25})
    assert by_group(found, "record_share") == pytest.approx({"a": 0.25, "b": 0.75})
    assert by_group(found, "population_share") == pytest.approx({"a": 0.5, "b": 0.5})
    assert by_group(found) == pytest.approx({"a": 3.0, "b": 1 / 3})


@pytest.mark.parametrize("what", ["flagged", "recorded"])
def test_where_nothing_was_flagged_or_recorded_there_is_no_share(rng, what):
    some, none = windows([[1, 0]] * 6), windows([[0, 0]] * 6)
    given = (none, some) if what == "flagged" else (some, none)
    found = flag_share_against_records(*given, residents([[5, 1], [1, 5]]), rng=rng)
    assert found.status == "not_computable"
    assert f"nothing was {what}" in found.reason


def test_the_same_seed_gives_the_same_interval():
    turns = windows([[1, 0], [0, 1], [1, 0], [1, 0], [0, 1], [0, 1]])
    found = [
        exposure_disparity(turns, residents([[8, 2], [2, 8]]), rng=np.random.default_rng(5))
        for _ in range(2)
    ]
    assert found[0] == found[1]


def test_another_grid_is_refused(rng):
    with pytest.raises(GridMismatchError):
        exposure_disparity(FIRST_TWO, residents([[5, 1], [1, 5]]), rng=rng)


def test_several_models_at_once_are_refused(rng):
    several = FIRST_TWO.expand_dims(model=["one", "other"])
    with pytest.raises(ParameterError, match=r"of one forecaster: .*model"):
        exposure_disparity(several, residents(PEOPLE), rng=rng)
