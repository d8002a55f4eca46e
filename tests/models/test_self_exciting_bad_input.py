"""What SelfExciting cannot fit is refused, with what was given and what to do."""

import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from hotspot import (
    ConstantBackground,
    ExponentialDisplacement,
    Grid,
    PiecewiseConstantDisplacement,
    PiecewiseConstantLag,
    PowerLawLag,
    SelfExciting,
)
from hotspot.errors import (
    ConvergenceError,
    DateError,
    EstimateOnBoundError,
    ParameterError,
    UnknownNameError,
)
from hotspot.models.parts.displacement import GaussianDisplacement
from hotspot.models.parts.lag import ExponentialLag
from hotspot.models.self_exciting.climb import Limits, maximise
from hotspot.models.self_exciting.likelihood import Parts
from tests.models.self_exciting_cases import SQUARE, START, as_events, branching_process

GRID = Grid.over(SQUARE, cell_size=500.0)
CONSTANT = SelfExciting(background=ConstantBackground())
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)


@pytest.fixture(scope="module")
def events():
    rows = branching_process(np.random.default_rng(11), background=1.2, days=200.0)
    return as_events(rows, days=200.0)


class _Flat:
    """A likelihood that knows the sum of two parameters only: its information is singular."""

    record = SimpleNamespace(n=100, first=0)

    def value_and_gradient(self, parts):
        v = parts.vector
        away = np.array([v[0] + v[1], v[0] + v[1], v[2], v[3]])
        return -0.5 * 100 * ((v[0] + v[1]) ** 2 + v[2] ** 2 + v[3] ** 2), -100 * away

    def value(self, parts):
        return self.value_and_gradient(parts)[0]

    def branching_ratio(self, parts):
        return parts.productivity


def test_parameters_that_the_data_do_not_tell_apart_are_refused_with_the_trace():
    limits = Limits(np.full(4, -5.0), np.full(4, 5.0), [("low", "high")] * 4)
    start = Parts(0.6, 0.5, ExponentialLag(1.4), GaussianDisplacement(0.7))
    with pytest.raises(ConvergenceError, match="do not tell the parameters apart") as caught:
        maximise(_Flat(), [start], limits)
    assert len(caught.value.trace) > 3


def test_squares_have_no_density_for_other_displacements(events):
    coarse = replace(events, place_resolution=80.0)
    model = replace(CONSTANT, displacement=ExponentialDisplacement(100.0))
    with pytest.raises(ParameterError, match="coarse_places=False"):
        model.fit(coarse, GRID)
    assert replace(model, coarse_places=False).fit(coarse, GRID).record.place_cell == 0


def test_steps_narrower_than_the_record_tells_are_refused(events):
    daily = as_events(
        branching_process(np.random.default_rng(11), background=1.2, days=200.0),
        days=200.0,
        resolution="day",
    )
    narrow = PiecewiseConstantLag(edges=(0, 0.5, 5, 40), weights=(1, 1, 1))
    with pytest.raises(ParameterError, match=r"narrowest step of the lag is 0\.5 days"):
        replace(CONSTANT, lag=narrow).fit(daily, GRID)
    near = PiecewiseConstantDisplacement(edges=(0, 20, 500), weights=(1, 1))
    with pytest.raises(ParameterError, match="narrowest step of the displacement is 20 m"):
        replace(CONSTANT, displacement=near, coarse_places=False).fit(
            replace(events, place_resolution=80.0), GRID
        )


def test_a_power_law_of_an_exponential_is_sent_to_the_exponential():
    """Lags of a fixed length have no tail at all: the exponent wants to be infinite."""
    rng = np.random.default_rng(3)
    first = np.column_stack([rng.uniform(0, 190, 250), rng.uniform(0, 3000, (250, 2))])
    second = first[:120] + np.column_stack(
        [rng.uniform(0, 6, 120), 60 * rng.standard_normal((120, 2))]
    )
    rows = np.concatenate([first, second])
    rows = rows[(rows[:, 1:] > 0).all(axis=1) & (rows[:, 1:] < 3000).all(axis=1)]
    events = as_events(rows[np.argsort(rows[:, 0])], days=200.0)
    with pytest.raises(EstimateOnBoundError, match="ExponentialLag describes it"):
        replace(CONSTANT, lag=PowerLawLag(c=3.0, p=2.5)).fit(events, GRID)


def test_marks_that_are_not_there_or_missing_are_refused(events):
    model = replace(CONSTANT, marks=("premises",))
    with pytest.raises(UnknownNameError, match="no column"):
        model.fit(events, GRID)
    premises = np.where(np.arange(len(events)) % 2 == 0, "shop", None)
    with pytest.raises(ParameterError, match="'premises' is missing in"):
        model.fit(replace(events, table=events.table.assign(premises=premises)), GRID)


def test_a_level_whose_one_event_triggered_nothing_is_refused(events):
    """Its coefficient wants to be minus infinity."""
    premises = np.where(np.arange(len(events)) == 50, "shop", "home")
    marked = replace(events, table=events.table.assign(premises=premises))
    with pytest.raises(EstimateOnBoundError, match="Join levels"):
        replace(CONSTANT, marks=("premises",)).fit(marked, GRID)


def test_intervals_that_end_before_they_begin_are_refused(events):
    later = events.table["time"] + pd.Timedelta(hours=1)
    with pytest.raises(DateError, match="have no earliest_time, or one after their time"):
        CONSTANT.fit(replace(events, table=events.table.assign(earliest_time=later)), GRID)


def test_an_unknown_displacement_is_refused():
    with pytest.raises(ParameterError, match="displacement must be one of GaussianDisplacement"):
        SelfExciting(displacement=ExponentialLag(1.0))


def test_a_clock_change_and_a_leap_day_move_nothing():
    """The same instants, recorded in London from a leap February over the spring change."""
    rows = branching_process(np.random.default_rng(11), background=2.0, days=120.0)
    start = pd.Timestamp("2024-02-01", tz="UTC")
    utc = as_events(rows, days=120.0, start=start)
    london = replace(utc, time_zone="Europe/London")
    assert CONSTANT.fit(london, GRID).parameters == CONSTANT.fit(utc, GRID).parameters
    end = pd.Timestamp("2024-03-31 03:00", tz="Europe/London")
    assert CONSTANT.fit(london, GRID, end=end).record.end == pytest.approx(59 + 2 / 24)
    assert start > START
