"""Records that a fitted model makes, and the parametric bootstrap."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hotspot import (
    ConstantBackground,
    ExponentialLag,
    GaussianDisplacement,
    Grid,
    KernelBackground,
    SelfExciting,
    parametric_bootstrap,
    simulate_record,
)
from hotspot.errors import ExplosiveError, LeakError, ParameterError
from tests.models.self_exciting_cases import SQUARE, START, as_events, branching_process

GRID = Grid.over(SQUARE, cell_size=500.0)
CONSTANT = SelfExciting(background=ConstantBackground(), window="250 days")
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)


@pytest.fixture(scope="module")
def events():
    rows = branching_process(np.random.default_rng(31), background=1.6, days=300.0)
    return as_events(rows, days=300.0)


@pytest.fixture(scope="module")
def fitted(events):
    return CONSTANT.fit(events, GRID)


def test_simulated_records_hold_as_many_events_as_the_compensator_expects(events, fitted):
    """At the maximum that is the number recorded; families make it vary more than Poisson."""
    rng = np.random.default_rng(1)
    counts = [
        len(simulate_record(fitted, events, rng=rng)) - fitted.record.first for _ in range(60)
    ]
    error = np.std(counts) / np.sqrt(60)
    assert abs(np.mean(counts) - fitted.record.n) < 3.5 * error
    assert np.var(counts) > 1.2 * np.mean(counts)


def test_the_history_stays_and_the_window_is_made_anew(events, fitted):
    again = simulate_record(fitted, events, rng=np.random.default_rng(1))
    before = events.table["time"] < fitted.window_start
    history = again.table[again.table["time"] < fitted.window_start]
    assert len(history) == before.sum() == fitted.record.first
    assert set(history["time"]) == set(events.table["time"][before])
    assert not set(again.table["time"][len(history) :]) & set(events.table["time"])
    assert again.end == fitted.data_cutoff
    assert len(again.select(region=SQUARE)) == len(again)


def test_the_same_generator_makes_the_same_record(events, fitted):
    hashes = {
        simulate_record(fitted, events, rng=np.random.default_rng(5)).content_hash()
        for _ in range(2)
    }
    assert len(hashes) == 1


def test_what_the_history_triggers_fades_into_the_window():
    """Without a background, one day of 400 events: a share of θ e^-ωd is still to come."""
    rng = np.random.default_rng(2)
    rows = np.column_stack([rng.uniform(9, 10, 400), rng.uniform(1000, 2000, (400, 2))])
    more = branching_process(rng, background=3.0, days=50.0, theta=0.6, rate=0.1, sd=50.0)
    more[:, 0] += 10
    both = np.concatenate([rows, more])
    events = as_events(both[np.argsort(both[:, 0])], days=60.0)
    model = SelfExciting(
        background=ConstantBackground(),
        window="50 days",
        lag=ExponentialLag(0.1),
        displacement=GaussianDisplacement(50.0),
        hold=("lag", "displacement"),
    )
    fitted = model.fit(events, GRID)
    parts = fitted.estimate.parts._replace(background_rate=1e-9, productivity=0.3)
    alone = replace(fitted, estimate=replace(fitted.estimate, parts=parts))
    counts = [len(simulate_record(alone, events, rng=rng)) - alone.record.first for _ in range(40)]
    # Direct children after day 10: θ Σ e^{-ω(10 - t)}; with grandchildren some 1 / (1 - θ) times.
    direct = 0.3 * np.exp(-0.1 * (10 - rows[:, 0])).sum() * (1 - np.exp(-5.0))
    assert direct < np.mean(counts) < direct / 0.7
    assert np.mean(counts) == pytest.approx(direct * (1 + 0.3 * 0.96 / 0.7), rel=0.06)


def test_marks_intervals_and_coarse_times_are_those_of_the_record(events):
    table = events.table.assign(
        premises=np.where(np.arange(len(events)) % 3 == 0, "shop", "home"),
        earliest_time=events.table["time"] - pd.Timedelta(hours=8),
    )
    marked = replace(events, table=table)
    fitted = replace(CONSTANT, marks=("premises",)).fit(marked, GRID)
    again = simulate_record(fitted, marked, rng=np.random.default_rng(1)).table
    assert (again["time"] - again["earliest_time"] == pd.Timedelta(hours=8)).all()
    assert (again["premises"] == "shop").mean() == pytest.approx(1 / 3, abs=0.08)
    daily = replace(events, table=events.table.assign(time=events.table["time"].dt.floor("D")))
    daily = replace(daily, time_resolution="day")
    made = simulate_record(CONSTANT.fit(daily, GRID), daily, rng=np.random.default_rng(1)).table
    assert (made["time"] == made["time"].dt.floor("D")).all()


def test_marks_multiply_what_simulated_events_trigger():
    """One in two events triggers four times as much: without that a third of the events is gone."""
    rng = np.random.default_rng(8)
    rows = branching_process(rng, background=2.0, days=300.0, theta=0.5)
    events = as_events(rows, days=300.0)
    premises = np.where(np.arange(len(rows)) % 2 == 0, "shop", "home")
    events = replace(events, table=events.table.assign(premises=premises))
    fitted = replace(CONSTANT, marks=("premises",)).fit(events, GRID)
    parts = fitted.estimate.parts._replace(productivity=0.2, marks=np.array([np.log(4.0)]))
    marked = replace(fitted, estimate=replace(fitted.estimate, parts=parts))
    made = [len(simulate_record(marked, events, rng=rng)) - marked.record.first for _ in range(20)]
    # B days / (1 - mean θ), with θ of .2 and .8 in equal parts; the border takes some.
    expected = parts.background_rate * 250.0 / (1 - 0.5)
    assert 0.82 * expected < np.mean(made) < 1.02 * expected


def test_the_bootstrap_scatters_as_the_standard_errors_say(events, fitted):
    """The model is right and the background known: 30 refits against the information."""
    draws = parametric_bootstrap(
        CONSTANT, fitted, events, rng=np.random.default_rng(4), size=30, progress=False
    )
    assert (draws["refused"] == "").mean() >= 0.9
    ratio = draws["branching ratio"].dropna()
    assert 0.6 < ratio.std() / fitted.branching_ratio_error < 1.6
    assert abs(ratio.mean() - fitted.branching_ratio) < 4 * ratio.std() / np.sqrt(len(ratio))


def test_the_bootstrap_counts_that_the_background_was_learned(events):
    model = SelfExciting(background=KernelBackground(600.0), window="250 days")
    fitted = model.fit(events, GRID)
    draws = parametric_bootstrap(
        model, fitted, events, rng=np.random.default_rng(4), size=4, progress=False
    )
    assert (draws.columns[-1], len(draws)) == ("refused", 4)


def test_what_makes_no_sense_is_refused(events, fitted):
    parts = fitted.estimate.parts._replace(productivity=1.2)
    endless = replace(fitted, estimate=replace(fitted.estimate, parts=parts))
    with pytest.raises(ExplosiveError, match="never end"):
        simulate_record(endless, events, rng=np.random.default_rng(1))
    with pytest.raises(LeakError, match="give the events that it was fitted to"):
        simulate_record(
            fitted, events.before(START + pd.Timedelta(days=200)), rng=np.random.default_rng(1)
        )
    with pytest.raises(ParameterError, match="size must be at least 1"):
        parametric_bootstrap(CONSTANT, fitted, events, rng=np.random.default_rng(1), size=0)
