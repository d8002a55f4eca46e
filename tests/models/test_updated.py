"""A fitted self-exciting model whose cut-off moves on: same parameters, more history."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely

from hotspot import Grid, SelfExciting, make_periods
from hotspot.errors import (
    CoordinateError,
    CoverageError,
    LeakError,
    ResolutionError,
    UnknownNameError,
)
from hotspot.models.backgrounds.base import ConstantBackground
from hotspot.models.parts.displacement import GaussianDisplacement, StudentDisplacement
from hotspot.models.parts.lag import ExponentialLag, PowerLawLag
from tests.models.self_exciting_cases import SQUARE, START, as_events, branching_process

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)
GRID = Grid.over(SQUARE, cell_size=500.0)
DAYS = 240.0
CUT = START + pd.Timedelta(days=200)
LATER = START + pd.Timedelta(days=230)
WEEK = make_periods(LATER.tz_localize(None), count=1, length="week", time_zone="UTC")
PARTS = {
    "exponential": (ExponentialLag(0.15), GaussianDisplacement(150.0)),
    "power law": (PowerLawLag(3.0, 2.0), StudentDisplacement(200.0, 2.5)),
}


def events_of(**rest):
    rows = branching_process(np.random.default_rng(21), background=1.5, days=DAYS)
    return as_events(rows, days=DAYS, **rest)


def fit(events, *, end, parts="exponential", **options):
    lag, displacement = PARTS[parts]
    model = SelfExciting(
        background=ConstantBackground(), lag=lag, displacement=displacement,
        hold=("lag", "displacement"), **options,
    )  # fmt: skip
    return model.fit(events, GRID, end=end)


def with_factors(events):
    """A mark that takes turns, but by the event's place, so that rows may be in any order."""
    odd = np.floor(events.table.geometry.x.to_numpy()).astype(int) % 2
    return replace(events, table=events.table.assign(premises=np.where(odd, "flat", "house")))


def with_intervals(events, *, days=3.0):
    begin = events.table["time"] - pd.Timedelta(days=days)
    return replace(events, table=events.table.assign(earliest_time=begin.clip(lower=START)))


@pytest.mark.parametrize(
    ("parts", "dress", "options"),
    [
        ("exponential", None, {}),
        ("exponential", None, {"shortest_lag": 1.5}),
        ("exponential", None, {"coarse_places": True}),
        ("exponential", with_factors, {"shortest_lag": 1.5}),
        ("exponential", with_intervals, {}),
        ("exponential", with_intervals, {"shortest_lag": 1.5}),
        ("power law", None, {}),
        ("power law", with_factors, {"shortest_lag": 1.5}),
    ],
)
def test_an_updated_model_expects_what_one_that_had_all_along_the_same_parameters(
    parts, dress, options
):
    events = dress(events_of()) if dress else events_of()
    more = {"marks": ("premises",)} if dress is with_factors else {}
    fitted = fit(events, end=CUT, parts=parts, **options, **more)
    whole = fit(events, end=LATER, parts=parts, **options, **more)
    steps = fitted.updated(events, end=CUT + pd.Timedelta(days=11)).updated(events, end=LATER)
    same = replace(whole, estimate=fitted.estimate).expected_count(WEEK)
    # Sums on the grid are good to 1e-3 of the peak; what future events' marks are like was
    # learned from one month less.
    tolerance = (2e-3 if more else 1e-3) * same.max().item()
    np.testing.assert_allclose(steps.expected_count(WEEK), same, rtol=0, atol=tolerance)


def test_several_offences_are_updated_each_by_its_own():
    rng = np.random.default_rng(3)
    events = events_of()
    kinds = np.where(rng.random(len(events)) < 0.6, "Burglary", "Robbery")
    events = replace(events, table=events.table.assign(offence=kinds))
    both = {"offences": ("Burglary", "Robbery")}
    fitted, whole = (fit(events, end=end, **both) for end in (CUT, LATER))
    moved = fitted.updated(events, end=LATER)
    same = replace(whole, estimate=fitted.estimate)
    for offence in both["offences"]:
        expected = same.of(offence).expected_count(WEEK)
        np.testing.assert_allclose(
            moved.of(offence).expected_count(WEEK), expected, rtol=0, atol=1e-3 * expected.max()
        )
    other = events.table.assign(offence=np.where(kinds == "Robbery", "Arson", kinds))
    without = fitted.updated(replace(events, table=other), end=LATER)
    assert without.later.t.size == (kinds[(events.table["time"] >= CUT) & (
        events.table["time"] < LATER)] == "Burglary").sum()  # fmt: skip


def test_recent_events_count_where_the_cutoff_has_moved_past_them():
    """Ten events in one cell in the last day: theta of each in the following days, near there."""
    burst = np.column_stack([np.linspace(229, 229.9, 10), np.full((10, 2), 1250.0)])
    rows = branching_process(np.random.default_rng(21), background=1.5, days=DAYS)
    quiet = rows[(rows[:, 0] < 215) | (rows[:, 0] > 230)]
    events = [as_events(one, days=DAYS) for one in (quiet, np.concatenate([quiet, burst]))]
    fitted = fit(events[0], end=CUT)
    maps = [fitted.updated(one, end=LATER).expected_count(WEEK)[0] for one in events]
    gained = maps[1] - maps[0]
    assert gained.values.argmax() == GRID.cell_of(np.array([1250.0]), np.array([1250.0]))[0]
    lag = fitted.estimate.parts.lag
    direct = 10 * fitted.branching_ratio * (lag.integral(7.5) - lag.integral(0.5))
    assert direct < gained.sum().item() < 1.7 * direct


@pytest.mark.parametrize("parts", PARTS)
def test_nothing_at_or_after_the_new_cutoff_is_seen(parts):
    events = events_of()
    fitted = fit(events, end=CUT, parts=parts)
    late = events.table["time"] >= LATER
    moved = events.table.copy()
    moved.loc[late, "geometry"] = shapely.Point(100, 100)
    runs = [
        fitted.updated(replace(events, table=table), end=LATER)
        for table in (events.table, moved, events.table[~late])
    ]
    for other in runs[1:]:
        np.testing.assert_array_equal(runs[0].expected_count(WEEK), other.expected_count(WEEK))
    on_time = events.table[~late].copy()
    on_time.loc[on_time.index[-1], "time"] = LATER.as_unit("us")
    fewer = fitted.updated(replace(events, table=on_time), end=LATER)
    assert fewer.later.t.size == runs[0].later.t.size - 1


def test_what_the_fit_has_seen_is_not_read_again():
    events = events_of()
    fitted = fit(events, end=CUT)
    new = replace(events, table=events.table[events.table["time"] >= CUT])
    np.testing.assert_array_equal(
        fitted.updated(new, end=LATER).expected_count(WEEK),
        fitted.updated(events, end=LATER).expected_count(WEEK),
    )


def test_the_order_of_rows_does_not_matter():
    events = with_factors(events_of())
    shuffled = replace(events, table=events.table.sample(frac=1, random_state=3))
    found = []
    for one in (events, shuffled):
        model = fit(one, end=CUT, marks=("premises",)).updated(one, end=LATER)
        rng = np.random.default_rng(5)
        found.append(model.simulate_counts(WEEK, size=30, rng=rng).to_numpy().tobytes())
    assert found[0] == found[1]


def test_futures_of_an_updated_model_follow_its_whole_history():
    events = events_of()
    model = fit(events, end=CUT).updated(events, end=LATER)
    sure = replace(model.estimate, covariance=np.zeros_like(model.estimate.covariance))
    model = replace(model, estimate=sure)
    futures = model.simulate_counts(WEEK, size=2000, rng=np.random.default_rng(1)).to_numpy()
    mean, variance = model.expected_count(WEEK).to_numpy(), model.count_variance(WEEK).to_numpy()
    assert np.abs((futures.mean(axis=0) - mean) / np.sqrt(variance / 2000)).max() < 4


def test_estimates_and_diagnostics_stay_those_of_the_fit():
    events = events_of()
    fitted = fit(events, end=CUT)
    moved = fitted.updated(events, end=LATER)
    assert moved.data_cutoff == LATER
    assert moved.fitted_until == fitted.fitted_until == CUT
    assert moved.summary() == fitted.summary()
    np.testing.assert_array_equal(moved.time_rescaled_residuals(), fitted.time_rescaled_residuals())
    assert moved.gain_over_background == fitted.gain_over_background
    assert moved.parameters["events_since_fit"] == moved.later.t.size > 0
    assert "events_since_fit" not in fitted.parameters


def test_an_update_to_the_same_cutoff_changes_nothing():
    events = events_of()
    fitted = fit(events, end=CUT)
    week = make_periods(CUT.tz_localize(None), count=1, length="week", time_zone="UTC")
    again = fitted.updated(events, end=CUT)
    np.testing.assert_allclose(again.expected_count(week), fitted.expected_count(week))


def test_an_earlier_cutoff_or_period_is_refused():
    events = events_of()
    moved = fit(events, end=CUT).updated(events, end=LATER)
    with pytest.raises(LeakError, match="the parameters have seen what comes after it"):
        moved.updated(events, end=CUT)
    seen = make_periods(CUT.tz_localize(None), count=1, length="week", time_zone="UTC")
    with pytest.raises(LeakError, match="the model has seen"):
        moved.expected_count(seen)


def test_a_record_with_a_gap_or_too_short_is_refused():
    events = events_of()
    fitted = fit(events, end=CUT)
    with pytest.raises(CoverageError, match="Missing is not zero"):
        fitted.updated(events, end=START + pd.Timedelta(days=DAYS + 1))
    with pytest.raises(CoverageError, match="Missing is not zero"):
        fitted.updated(events.select(start=CUT + pd.Timedelta(days=1)), end=LATER)


def test_events_that_do_not_fit_the_model_are_refused():
    events = with_factors(events_of())
    fitted = fit(events, end=CUT, marks=("premises",))
    with pytest.raises(ResolutionError, match="fitted to times by the exact"):
        fitted.updated(replace(events, time_resolution="day"), end=LATER)
    unseen = replace(events, table=events.table.assign(premises="boat"))
    with pytest.raises(UnknownNameError, match="boat"):
        fitted.updated(unseen, end=LATER)
    away = events.table.copy()
    away.loc[away["time"] >= CUT, "geometry"] = shapely.Point(9e5, 9e5)
    with pytest.raises(CoordinateError, match="outside the grid's region"):
        fitted.updated(replace(events, table=away), end=LATER)
