"""ProspectiveMap against its formula by hand, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from shapely import box

from hotspot.errors import ParameterError, ResolutionError, TooFewEventsError
from hotspot.grid.cells import Grid
from hotspot.models.prospective import ProspectiveMap
from hotspot.models.protocol import Model
from tests.models.test_kde import REGION, START, clustered, events_at

# One or two events are too few to learn from past errors, and that is said.
few_events = pytest.mark.filterwarnings(
    "ignore:Only . past periods:hotspot.errors.DataQualityWarning"
)

EXACT = ProspectiveMap(weeks=8, cells=8, background_share=1e-9)


@pytest.fixture(scope="module")
def grid():
    return Grid.over(REGION, cell_size=250)


def plain_map(events, grid, *, weeks, cells):
    """The formula, cell by cell and event by event."""
    total = np.zeros(grid.shape)
    for day, x, y in events.coordinates():
        age = int((365 - day) // 7)
        if age >= weeks:
            continue
        row, column = divmod(int(grid.cell_of([x], [y])[0]), grid.x.size)
        for r in range(grid.shape[0]):
            for c in range(grid.shape[1]):
                distance = max(abs(r - row), abs(c - column))
                if distance < cells:
                    total[r, c] += 1 / ((1 + distance) * (1 + age))
    return total


def test_the_map_is_the_formula(grid):
    events = clustered(120)
    rate = EXACT.fit(events, grid).rate
    plain = plain_map(events, grid, weeks=8, cells=8)
    recent = (events.coordinates()[:, 0] >= 365 - 56).sum()
    np.testing.assert_allclose(rate, plain / plain.sum() * recent / 56, atol=1e-9)


@few_events
def test_a_neighbour_counts_half_and_a_week_counts_half(grid):
    """One event last week and one a week before: 1 and 1/2; their neighbours half of each."""
    events = events_at([[1125, 1125], [5125, 4125]], [364.0, 357.5])
    rate = ProspectiveMap(cells=2, background_share=1e-9).fit(events, grid).rate
    assert rate[4, 4] / rate[16, 20] == pytest.approx(2.0, rel=1e-6)
    assert rate[4, 4] / rate[5, 5] == pytest.approx(2.0, rel=1e-6)
    assert rate[4, 4] / rate[4, 6] > 1e6


def test_the_total_is_that_of_the_last_weeks(grid):
    events = clustered(900)
    recent = (events.coordinates()[:, 0] >= 365 - 56).sum()
    assert ProspectiveMap().fit(events, grid).rate.sum() == pytest.approx(recent / 56)


@few_events
def test_relative_variance_of_one_event_is_one(grid):
    events = events_at([[3125, 2625]], [364.0])
    variance = EXACT.fit(events, grid).rate_variance
    assert variance[10, 12] == pytest.approx(1.0, rel=1e-4)


@few_events
def test_cells_partly_inside_get_their_part():
    grid = Grid.over(box(0, 0, 6000, 4875), cell_size=250)
    rate = EXACT.fit(events_at([[3125, 4625]], [364.0]), grid).rate
    assert rate[19, 12] / rate[17, 12] == pytest.approx(0.5, rel=1e-6)


def test_it_is_a_model_and_the_order_of_rows_changes_no_byte(grid):
    points = clustered().coordinates()
    shuffled = points[np.random.default_rng(1).permutation(len(points))]
    assert isinstance(EXACT, Model)
    one, other = (
        EXACT.fit(events_at(some[:, 1:], some[:, 0]), grid).rate for some in (points, shuffled)
    )
    assert one.tobytes() == other.tobytes()


def test_month_data_are_refused(grid):
    with pytest.raises(ResolutionError, match="recorded by the month"):
        ProspectiveMap().fit(events_at([[1, 1]], [0.0], resolution="month"), grid)


def test_no_recent_event_is_too_few(grid):
    with pytest.raises(TooFewEventsError, match="in the 8 weeks before"):
        ProspectiveMap().fit(events_at([[1000, 1000]], [10.0]), grid)
    with pytest.raises(TooFewEventsError, match="Nothing was recorded"):
        ProspectiveMap().fit(clustered(), grid, end=START - pd.Timedelta(days=1))


@pytest.mark.parametrize(
    "options", [{"weeks": 0}, {"cells": -1}, {"weeks": 2.5}, {"background_share": 1.0}]
)
def test_impossible_options_are_refused(options):
    name = next(iter(options))
    with pytest.raises(ParameterError, match=f"{name} must be"):
        ProspectiveMap(**options)
