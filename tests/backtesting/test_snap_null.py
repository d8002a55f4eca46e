"""The snap-null finds what the map points' geometry makes of a PAI, and what is left."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.spatial import cKDTree
from shapely import box

import hotspot as hs
from hotspot.errors import ParameterError, TooFewEventsError
from tests.patterns import LONDON

SIDE = 1000.0


def snapped(places, points, seed=1):
    """Month data of 24 months: places moved to the nearest map point."""
    rng = np.random.default_rng(seed)
    at = points[cKDTree(points).query(places)[1]]
    months = pd.period_range("2020-01", periods=24, freq="M")
    which = rng.integers(24, size=len(at))
    times = months.to_timestamp().tz_localize(LONDON)[which].tz_convert("UTC")
    table = gpd.GeoDataFrame(
        {"time": times, "offence": "Burglary"},
        geometry=gpd.points_from_xy(*at.T), crs=27700,
    )  # fmt: skip
    return hs.Events(
        table, box(0, 0, SIDE, SIDE), pd.Timestamp("2020-01-01", tz=LONDON),
        pd.Timestamp("2022-01-01", tz=LONDON), time_resolution="month", place_resolution=100.0,
        coverage=pd.DataFrame({"force": "one", "month": months.astype(str), "rows": 1}),
    )  # fmt: skip


def report_of(places, points, *, cell_size, **options):
    events = snapped(places, points)
    folds = hs.rolling_origin("2021-01", "2022-01", horizon=12)
    grid = hs.Grid.over(events.region, cell_size=cell_size)
    options = {"rng": np.random.default_rng(3), "n_records": 3, **options}
    return hs.snap_null(hs.HistoricalRate(background_share=1e-6), events, grid, folds, **options)


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(7).uniform(0, SIDE, (100, 2))


@pytest.fixture(scope="module")
def even():
    return np.random.default_rng(8).uniform(0, SIDE, (4000, 2))


def test_the_pai_of_even_places_is_large_on_fine_cells_and_all_of_it_geometry(points, even):
    """Cells of 25 m, points 100 m apart: published PAI near 18 of at most 20, and nothing in it."""
    report = report_of(even, points, cell_size=25)
    row = report.table.loc["area"]
    assert row["pai"] > 15
    assert row["ratio"] == pytest.approx(1, abs=0.05)
    assert row["null_truth"] == pytest.approx(1, abs=0.25)
    assert row["p_value"] > 0.2
    assert report.spacing == pytest.approx(100)
    # 100 points in 1600 cells; snapping moves a place by some 50 m, two cells.
    assert report.holding_cells == pytest.approx(100 / 1600, rel=0.06)
    assert report.same_cell < 0.08
    assert "100 map points, 100 m apart" in str(report)


def test_on_cells_far_wider_than_the_points_lie_apart_the_null_is_near_one(points, even):
    report = report_of(even, points, cell_size=250, area_share=0.25)
    assert report.table.loc["area", "null"] < 1.4
    assert report.holding_cells == 1
    assert report.same_cell > 0.75


def test_hotspots_that_are_there_are_left_over(points):
    rng = np.random.default_rng(9)
    places = np.vstack([rng.uniform(0, SIDE, (1000, 2)), rng.normal(500, 60, (1000, 2))])
    report = report_of(places, points, cell_size=100)
    row = report.table.loc["area"]
    assert row["ratio"] > 1.8
    assert row["p_value"] == 0.25  # none of the three reaches it: 1 in 4


def test_per_resident_a_record_that_follows_residents_has_nothing_left(points):
    """Twice as many residents in the west, and events in proportion."""
    rng = np.random.default_rng(10)
    west = rng.random(4000) < 2 / 3
    x = np.where(west, rng.uniform(0, 500, 4000), rng.uniform(500, SIDE, 4000))
    places = np.column_stack([x, rng.uniform(0, SIDE, 4000)])
    grid = hs.Grid.over(box(0, 0, SIDE, SIDE), cell_size=100)
    residents = xr.DataArray(
        np.where(grid.x < 500, 2.0, 1.0) * np.ones((10, 1)), {"y": grid.y, "x": grid.x}, ["y", "x"]
    )
    table = report_of(
        places, points, cell_size=100, surfaces={"resident": residents}, area_share=0.2
    ).table
    assert table.loc["resident", "ratio"] == pytest.approx(1, abs=0.06)
    assert table.loc["area", "ratio"] > table.loc["resident", "ratio"] + 0.05


def test_the_same_seed_gives_the_same_report(points, even):
    first, again = (report_of(even[:500], points, cell_size=250, area_share=0.25) for _ in range(2))
    assert first.table.equals(again.table)


def test_what_makes_no_sense_is_refused(points, even):
    with pytest.raises(ParameterError, match="Area is always a measure"):
        report_of(even, points, cell_size=250, surfaces={"area": None})
    with pytest.raises(ParameterError, match="area_share must be in"):
        report_of(even, points, cell_size=250, area_share=0.0)
    with pytest.raises(TooFewEventsError, match="No event falls on the grid"):
        report_of(even[:0], points, cell_size=250)
