"""Counting: every event once, in the right cell and the right local period."""

import numpy as np
import pandas as pd
import pytest
from shapely import box

from hotspot import Grid, count_events, make_periods
from hotspot.errors import CoverageError, GridMismatchError, ResolutionError
from hotspot.grid.counts import covered_periods
from tests.patterns import events_at, monthly_events


def test_each_event_is_counted_in_its_half_open_cell_and_period():
    events = events_at(
        ["2019-01-31 23:59:59", "2019-02-01", "2019-02-28"],
        [0, 250, 999.9],
        [0, 0, 999.9],
        start="2019-01-01",
        end="2019-04-01",
    )
    grid = Grid.over(events.region, cell_size=250)
    counts = count_events(events, grid, make_periods("2019-01", "2019-04"))
    assert counts.sel(time="2019-01-01").values[0, 0] == 1
    assert counts.sel(time="2019-02-01").values[0, 1] == 1
    assert counts.sel(time="2019-02-01").values[3, 3] == 1
    assert counts.sum() == 3


def test_an_event_at_the_end_of_the_last_period_is_not_counted():
    events = events_at(["2019-03-01"], [1], [1], start="2019-01-01", end="2019-04-01")
    counts = count_events(events, Grid.over(events.region), make_periods("2019-01", "2019-03"))
    assert counts.sum() == 0


def test_a_period_begins_at_local_midnight_in_summer_time():
    """23:30 UTC on 30 June is 00:30 on 1 July in London."""
    events = events_at(
        [pd.Timestamp("2019-06-30 23:30", tz="UTC")], [1], [1], start="2019-06-01", end="2019-08-01"
    )
    counts = count_events(events, Grid.over(events.region), make_periods("2019-06", "2019-08"))
    assert counts.sum(("y", "x")).values.tolist() == [0, 1]


def test_times_finer_than_a_microsecond_are_counted():
    late = pd.Timestamp("2019-01-31 23:59:59.999999999", tz="Europe/London")
    events = events_at([late], [1], [1], start="2019-01-01", end="2019-03-01")
    counts = count_events(events, Grid.over(events.region), make_periods("2019-01", "2019-03"))
    assert counts.sum(("y", "x")).values.tolist() == [1, 0]


def test_counts_agree_with_the_numbers_the_events_were_made_from():
    made = np.random.default_rng(3).poisson(1.5, (5, 3, 4))
    events = monthly_events(made)
    counts = count_events(events, Grid.over(events.region), make_periods("2019-01", count=5))
    np.testing.assert_array_equal(counts, made)


def test_cells_outside_the_region_are_not_a_number():
    events = events_at(
        ["2019-01-05"],
        [1],
        [1],
        region=box(0, 0, 250, 250).union(box(500, 500, 750, 750)),
        start="2019-01-01",
        end="2019-02-01",
    )
    counts = count_events(events, Grid.over(events.region), make_periods("2019-01", count=1))
    assert int(np.isfinite(counts).sum()) == 2


def test_a_missing_force_month_is_refused_and_not_zero():
    events = monthly_events(np.ones((3, 2, 2), int))
    other = events.coverage.assign(force="another force")
    coverage = pd.concat([events.coverage, other.drop(index=1)], ignore_index=True)
    gap = type(events)(**{**vars(events), "coverage": coverage})
    months = make_periods("2019-01", count=3)
    assert covered_periods(gap, months).tolist() == [True, False, True]
    with pytest.raises(CoverageError, match="Missing is not zero"):
        count_events(gap, Grid.over(gap.region), months)


def test_a_period_outside_the_recorded_window_is_refused():
    events = monthly_events(np.ones((3, 2, 2), int))
    with pytest.raises(CoverageError, match="outside the recorded window"):
        count_events(events, Grid.over(events.region), make_periods("2019-03", count=2))


@pytest.mark.parametrize("length", ["day", "week"])
def test_month_data_are_not_counted_by_finer_periods(length):
    events = monthly_events(np.ones((3, 2, 2), int))
    periods = make_periods("2019-01-01", count=3, length=length)
    with pytest.raises(ResolutionError, match="recorded by the month"):
        count_events(events, Grid.over(events.region), periods)


def test_another_reference_system_is_refused():
    events = monthly_events(np.ones((3, 2, 2), int))
    grid = Grid.over(box(0, 0, 1000, 1000), cell_size=250, crs=32630)
    with pytest.raises(GridMismatchError, match="Project the region"):
        count_events(events, grid, make_periods("2019-01", count=1))
