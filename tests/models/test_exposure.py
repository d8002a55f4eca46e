"""Map points as exposure: what is known when, and a new list."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from hotspot import Events, Grid, make_periods
from hotspot.models.endemic_epidemic.exposure import (
    area_exposure,
    map_point_exposure,
    new_list,
    new_point_share,
)
from hotspot.models.endemic_epidemic.month_counts import MonthCounts


def record(months, x):
    """Events at y = 50 in cells of 100 m along a strip of two."""
    periods = make_periods("2020-01", count=max(months) + 1)
    region = box(0, 0, 200, 100)
    table = gpd.GeoDataFrame(
        {"time": periods.left.tz_convert("UTC")[months], "offence": "Burglary"},
        geometry=gpd.points_from_xy(x, np.full(len(x), 50.0)),
        crs=27700,
    )
    start, end = periods.left[0].tz_convert("UTC"), periods.right[-1].tz_convert("UTC")
    events = Events(table, region, start, end, "month", 30.0)
    return events, Grid.over(gpd.GeoSeries([region], crs=27700), cell_size=100)


def test_points_are_counted_from_the_month_after_they_are_first_used():
    """Cell 0 has a point from month 0 and one from month 1; cell 1 has one from month 2.

    To these are added the points first used in the last year, halved between equal cells.
    """
    events, grid = record([0, 1, 2, 2], [10.0, 20.0, 150.0, 10.0])
    exposure = map_point_exposure(MonthCounts.of(events, grid, None), grid.inside_area)
    np.testing.assert_allclose(exposure.monthly[1], [1 + 0.5, 0.5])
    np.testing.assert_allclose(exposure.monthly[2], [2 + 1.0, 1.0])
    np.testing.assert_allclose(exposure.monthly[3], [2 + 1.5, 1 + 1.5])
    np.testing.assert_allclose(exposure.yearly[-1], exposure.monthly[-1])
    assert exposure.new_list_at is None


def test_exact_places_are_exposed_by_area_alone():
    events, grid = record([0, 1], [10.0, 150.0])
    exposure = area_exposure(MonthCounts.of(events, grid, None), grid.inside_area)
    np.testing.assert_allclose(exposure.monthly, 1.0)


def test_a_share_of_new_points_is_counted_by_month():
    share, number = new_point_share(np.array([0, 1, 0, 2]), np.array([0, 0, 1, 1]), 3)
    np.testing.assert_allclose(share, [1.0, 0.5, 0.0])
    np.testing.assert_array_equal(number, [2, 2, 0])


def test_a_share_that_jumps_is_a_new_list_and_one_that_falls_is_not():
    falling = 0.8 ** np.arange(20)
    number = np.full(20, 500)
    assert new_list(falling, number) is None
    jumped = falling.copy()
    jumped[12:] = 0.8 ** np.arange(8)
    assert new_list(jumped, number) == 12


def test_a_jump_within_chance_is_no_new_list():
    """4 of 12 events on new points where 1 of 12 were: that happens."""
    share = np.array([1.0, 0.5, 1 / 12, 1 / 12, 1 / 12, 4 / 12, 1 / 12])
    assert new_list(share, np.full(7, 12)) is None


@pytest.mark.real
def test_london_has_a_new_list_from_december_2011(real_data):
    """The share of events on points not used before goes from 20 % to 74 %."""
    path = real_data / "met_burglary_police_uk/dev_met_burglary_2010-12_2021-12.parquet"
    rows = pd.read_parquet(path, columns=["month", "easting", "northing"]).dropna()
    rows = rows[rows["month"].astype(str) < "2013"]
    month = (pd.PeriodIndex(rows["month"].astype(str), freq="M") - pd.Period("2010-12", "M")).map(
        lambda months: months.n
    )
    point = pd.factorize(rows["easting"] + 1j * rows["northing"])[0]
    share, number = new_point_share(point, month.to_numpy(np.int64), 25)
    assert new_list(share, number) == 12
    assert share[11] == pytest.approx(0.20, abs=0.01)
    assert share[12] == pytest.approx(0.74, abs=0.01)
