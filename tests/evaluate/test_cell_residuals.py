"""Residuals of cells and of Voronoi cells: by hand, and what they must sum to."""

import numpy as np
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hotspot import Grid, cell_residuals, count_events, make_periods, voronoi_residuals
from hotspot.errors import (
    ForecastError,
    GridMismatchError,
    ParameterError,
    TooFewEventsError,
)
from hotspot.evaluate.residuals.voronoi import voronoi_cells
from tests.models.self_exciting_cases import as_events

L_SHAPE = shapely.Polygon([(0, 0), (1000, 0), (1000, 300), (400, 300), (400, 800), (0, 800)])
WITH_HOLE = shapely.box(0, 0, 900, 700) - shapely.Point(400, 300).buffer(150)
TWO_PARTS = shapely.box(0, 0, 300, 700) | shapely.box(500, 100, 900, 600)
REGIONS = {"l_shape": L_SHAPE, "with_hole": WITH_HOLE, "two_parts": TWO_PARTS}


def maps(expected, observed, **further):
    cells = {"y": [0.0], "x": np.arange(len(expected), dtype=float)}
    named = {"expected_count": expected, **further}
    forecast = xr.Dataset({k: (("y", "x"), [list(map(float, v))]) for k, v in named.items()}, cells)
    return forecast, xr.DataArray([observed], cells, ["y", "x"])


def test_residuals_by_hand():
    """(2 - 4) / 2; 1 - 1; deviance of 3 where 1 was expected: sqrt(2 (3 log 3 - 2)) = 1.609."""
    forecast, observed = maps([4, 1, 1], [2, 1, 3])
    assert cell_residuals(forecast, observed).values.tolist() == [[-2, 0, 2]]
    assert cell_residuals(forecast, observed, kind="pearson").values.tolist() == [[-1, 0, 2]]
    deviance = cell_residuals(forecast, observed, kind="deviance").values[0]
    assert deviance[0] == pytest.approx(-np.sqrt(2 * (2 * np.log(0.5) + 2)))
    assert deviance[1] == 0
    assert deviance[2] == pytest.approx(1.6098, abs=1e-4)


def test_the_forecasts_own_variance_is_used_where_it_is_asked_for():
    forecast, observed = maps([4, 1], [2, 1], count_variance=[16, 4])
    found = cell_residuals(forecast, observed, kind="pearson", variance="forecast")
    assert found.values.tolist() == [[-0.5, 0]]


def test_what_the_forecast_called_impossible_is_infinitely_far_off():
    forecast, observed = maps([0, 0, 2], [0, 3, 2])
    assert cell_residuals(forecast, observed).values.tolist() == [[0, 3, 0]]
    for kind in ("pearson", "deviance"):
        assert cell_residuals(forecast, observed, kind=kind).values.tolist() == [[0, np.inf, 0]]


@given(
    expected=arrays(float, (3, 4), elements=st.floats(0.01, 20)),
    observed=arrays(int, (3, 4), elements=st.integers(0, 9)),
)
@settings(max_examples=40, deadline=None)
def test_residuals_sum_to_observed_less_expected_and_their_signs_agree(expected, observed):
    cells = {"y": np.arange(3.0), "x": np.arange(4.0)}
    forecast = xr.Dataset({"expected_count": (("y", "x"), expected)}, cells)
    counts = xr.DataArray(observed, cells, ["y", "x"])
    raw = cell_residuals(forecast, counts)
    assert raw.sum().item() == pytest.approx(observed.sum() - expected.sum(), abs=1e-9)
    for kind in ("pearson", "deviance"):
        other = cell_residuals(forecast, counts, kind=kind)
        assert (np.sign(other) == np.sign(raw)).where(np.abs(raw) > 1e-6, other=True).all()


def test_every_model_and_period_has_its_own_and_the_outside_stays_blank():
    expected = xr.DataArray(np.ones((2, 3, 1, 4)), dims=["model", "time", "y", "x"])
    expected = expected.assign_coords(y=[0.0], x=np.arange(4.0))
    expected[..., 3] = np.nan
    observed = expected.isel(model=0) + 1
    found = cell_residuals(xr.Dataset({"expected_count": expected}), observed)
    assert found.dims == ("model", "time", "y", "x")
    assert (found.isel(x=slice(3)) == 1).all()
    assert found.isel(x=3).isnull().all()


def test_senseless_requests_are_refused():
    forecast, observed = maps([4, 1], [2, 1])
    with pytest.raises(ParameterError, match="kind must be one of"):
        cell_residuals(forecast, observed, kind="anscombe")
    with pytest.raises(ForecastError, match="count_variance"):
        cell_residuals(forecast, observed, kind="pearson", variance="forecast")
    with pytest.raises(GridMismatchError, match="2 against 1"):
        cell_residuals(forecast, observed.isel(x=[0]))
    forecast, observed = maps([4, 1], [2, 1], count_variance=[1, -1])
    with pytest.raises(ForecastError, match="negative"):
        cell_residuals(forecast, observed, kind="pearson", variance="forecast")


def places_in(region, n, *, seed=1):
    west, south, east, north = region.bounds
    drawn = np.random.default_rng(seed).uniform((west, south), (east, north), (4 * n, 2))
    return drawn[shapely.contains_xy(region, *drawn.T)][:n]


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize("shift", [0.0, 5e5])  # as far from the origin as London
def test_voronoi_cells_partition_the_region_and_hold_what_is_nearest(name, shift):
    region = shapely.transform(REGIONS[name], lambda at: at + shift)
    places = places_in(region, 60)
    cells = voronoi_cells(places, region)
    assert shapely.area(cells).sum() == pytest.approx(region.area, rel=1e-9)
    overlap = shapely.area(shapely.intersection(cells[:, None], cells)[~np.eye(60, dtype=bool)])
    assert overlap.max() < 1e-6
    asked = places_in(region, 200, seed=2)
    nearest = np.hypot(*(asked[:, None] - places).transpose(2, 0, 1)).argmin(axis=1)
    assert shapely.distance(cells[nearest], shapely.points(asked)).max() < 1e-6


@pytest.mark.parametrize("name", REGIONS)
def test_voronoi_residuals_sum_to_events_less_expected(name):
    region = REGIONS[name]
    places = places_in(region, 40)
    rows = np.column_stack([np.linspace(0, 9, 50), np.vstack([places, places[:10]])])
    events = as_events(rows, days=10, region=region)
    grid = Grid.over(region, cell_size=100)
    rate = np.random.default_rng(3).gamma(1.0, 1.0, grid.shape)
    expected = xr.DataArray(np.where(grid.inside, rate, np.nan), {"y": grid.y, "x": grid.x})
    found = voronoi_residuals(expected, events, grid)
    assert len(found) == 40  # ten places have two events each
    assert found["events"].sum() == 50
    assert found["expected"].sum() == pytest.approx(np.nansum(expected), rel=1e-9)
    assert found["residual"].sum() == pytest.approx(50 - np.nansum(expected), rel=1e-9)


def test_voronoi_residuals_of_an_even_intensity_spread_as_the_paper_says():
    """Standard deviation 3.569^-1/2 = .529 for cells that no border cuts."""
    region = shapely.box(0, 0, 1000, 1000)
    places = places_in(region, 800)
    events = as_events(np.column_stack([np.zeros(800), places]), days=1, region=region)
    grid = Grid.over(region, cell_size=100)
    expected = xr.DataArray(np.full(grid.shape, 8.0), {"y": grid.y, "x": grid.x})
    found = voronoi_residuals(expected, events, grid)
    whole = shapely.contains_properly(region, found.geometry.to_numpy())
    assert whole.sum() > 600
    # 700 cells that hang together a little: twice the error of so many independent ones.
    assert found["standardised"][whole].std() == pytest.approx(1.0, abs=0.06)
    assert found["residual"][whole].mean() == pytest.approx(0.0, abs=0.04)


def test_voronoi_residuals_refuse_what_does_not_fit():
    region = shapely.box(0, 0, 400, 300)
    events = as_events([[0, 50, 50], [1, 250, 150]], days=5, region=region)
    grid = Grid.over(region, cell_size=100)
    counts = count_events(events, grid, make_periods("2021-01-01", count=5, length="day"))
    with pytest.raises(ParameterError, match="sum it over time"):
        voronoi_residuals(counts, events, grid)
    one = counts.sum("time")
    with pytest.raises(GridMismatchError, match="does not lie on the grid"):
        voronoi_residuals(one.isel(x=slice(2)), events, grid)
    with pytest.raises(ParameterError, match="0 or more in every cell"):
        voronoi_residuals(-1 - one, events, grid)
    with pytest.raises(TooFewEventsError, match="at least 2 places, got 1"):
        voronoi_residuals(one, as_events([[0, 5, 5]], days=5, region=region), grid)
    outside = as_events([[0, 50, 50], [1, 950, 150]], days=5, region=region)
    with pytest.raises(GridMismatchError, match="lie off the grid"):
        voronoi_residuals(one, outside, grid)
