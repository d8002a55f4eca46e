"""Counts by month and area."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from hotspot import count_in_areas, load_boroughs, load_sample
from hotspot.errors import ParameterError, RegionError, TooFewEventsError, UnknownNameError

from ..breaks.cities import SIDE, city, coverage_of, simulated

THIRDS = gpd.GeoDataFrame(
    {"name": ["a", "b"]}, geometry=[box(0, 0, 500, SIDE), box(500, 0, 1500, SIDE)], crs=27700
)


def test_counts_are_those_of_a_join_by_month():
    events = load_sample(offences="Burglary")
    boroughs = load_boroughs(["Camden", "Hackney"])
    counts = count_in_areas(events, boroughs)
    joined = gpd.sjoin(events.table, boroughs[["name", "geometry"]], predicate="intersects")
    local = joined["time"].dt.tz_convert("Europe/London").dt.strftime("%Y-%m")
    expected = joined.groupby([local, "name"]).size().unstack()
    assert counts.index.left.strftime("%Y-%m").tolist() == expected.index.tolist()
    np.testing.assert_array_equal(counts[["Camden", "Hackney"]], expected[["Camden", "Hackney"]])


def test_a_point_on_a_common_border_counts_once_and_one_outside_never():
    place = np.array([[500.0, 10.0], [100.0, 10.0], [1900.0, 10.0]])
    events = city(place, np.array([0, 0, 1]), np.array([0, 1, 2]), months=2)
    np.testing.assert_array_equal(count_in_areas(events, THIRDS), [[2, 0], [0, 0]])


def test_a_month_that_was_not_published_is_not_a_number():
    coverage = coverage_of(60, missing=[("south", "2014-03")])
    events = city(*simulated(np.random.default_rng(1)), coverage=coverage)
    missing = count_in_areas(events, THIRDS).isna().all(axis=1)
    assert missing.to_numpy().nonzero()[0].tolist() == [2]


def test_months_from_a_cut_off_on_are_not_counted():
    events = city(*simulated(np.random.default_rng(2)))
    end = pd.Timestamp("2015-01-15", tz="Europe/London")
    counts = count_in_areas(events, THIRDS, end=end)
    assert len(counts) == 12
    pd.testing.assert_frame_equal(counts, count_in_areas(events, THIRDS).iloc[:12])


def test_areas_that_do_not_fit_are_refused():
    events = city(*simulated(np.random.default_rng(3)))
    for areas, by, error, words in (
        (THIRDS, "ward", UnknownNameError, "no column 'ward'"),
        (THIRDS.assign(name="a"), "name", ParameterError, "Two areas are called 'a'"),
        (THIRDS.to_crs(4326), "name", RegionError, "Give areas in the events' system"),
        (THIRDS.iloc[:0], "name", RegionError, "0 areas"),
    ):
        with pytest.raises(error, match=words):
            count_in_areas(events, areas, by=by)
    with pytest.raises(TooFewEventsError, match="No whole month"):
        count_in_areas(events, THIRDS, end=pd.Timestamp("2014-01-09", tz="Europe/London"))
