"""Breaks in a record: found where they were put, and seldom where there is none."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from hotspot import find_breaks
from hotspot.errors import DataQualityWarning, ParameterError, TooFewEventsError

from .cities import SIDE, city, coverage_of, simulated

HALVES = gpd.GeoDataFrame(
    {"name": ["west", "east"]},
    geometry=[box(0, 0, SIDE / 2, SIDE), box(SIDE / 2, 0, SIDE, SIDE)],
    crs=27700,
)


def test_a_city_that_stays_as_it_was_has_a_break_in_at_most_one_of_twenty():
    """Of 40 cities 6 or more would have one in 1 of 70 such tests if 1 in 20 had."""
    rng = np.random.default_rng(4)
    cities = (simulated(rng, noise=0.03, rate=100.0, points=200) for _ in range(40))
    assert sum(len(find_breaks(city(*one))) > 0 for one in cities) < 6


def test_a_step_by_three_tenths_is_found_in_its_month_with_its_size():
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(10):
        breaks = find_breaks(city(*simulated(rng, step=1.3)))
        assert breaks["kind"].tolist() == ["level"]
        months = pd.PeriodIndex(breaks["month"], freq="M")
        assert abs((months[0] - pd.Period("2016-07", "M")).n) <= 1
        inside += breaks["lower"].item() < 1.3 < breaks["upper"].item()
    assert inside >= 8


@pytest.mark.parametrize("to", ["new points", "the same points"])
def test_shuffled_places_with_the_same_totals_are_other_map_points(to):
    place, month, point = simulated(np.random.default_rng(6), points=2000)
    late, rng = month >= 30, np.random.default_rng(7)
    unshuffled = city(place, month, point)
    assert find_breaks(unshuffled).empty
    if to == "new points":
        place = np.vstack([place, place + 0.5])
        point = np.where(late, point + 2000, point)
    else:  # each point's offences move to some other point of the same list
        point = np.where(late, rng.permutation(2000)[point], point)
    breaks = find_breaks(city(place, month, point))
    assert breaks["kind"].tolist() == ["map points"]
    assert breaks["month"].tolist() == ["2016-07"]
    assert 0 < breaks["lower"].item() < breaks["size"].item() < breaks["upper"].item()


def test_a_month_of_which_half_is_lost_stands_alone():
    rng = np.random.default_rng(8)
    place, month, point = simulated(rng)
    kept = (month != 40) | (rng.random(month.size) < 0.5)
    breaks = find_breaks(city(place, month[kept], point[kept]))
    assert breaks[["month", "kind", "where"]].to_numpy().tolist() == [
        ["2017-05", "single month", "whole"]
    ]
    assert breaks["lower"].item() < 0.5 < breaks["upper"].item()


def test_of_a_last_month_apart_it_is_said_that_nobody_knows_whether_it_stays():
    place, month, point = simulated(np.random.default_rng(9))
    kept = (month != 59) | (np.arange(month.size) % 2 == 0)
    breaks = find_breaks(city(place, month[kept], point[kept]))
    assert breaks["month"].tolist() == ["2018-12"]
    assert "cannot be known yet" in breaks["finding"].item()


def test_months_that_a_force_did_not_publish_are_named_and_not_taken_for_empty():
    place, month, point = simulated(np.random.default_rng(10))
    missing = [("north", "2015-03"), ("north", "2015-04"), ("south", "2018-11")]
    gone = np.isin(month, [14, 15, 58])
    coverage = coverage_of(60, missing=missing)
    breaks = find_breaks(city(place, month[~gone], point[~gone], coverage=coverage))
    columns = ["month", "kind", "where", "size"]
    assert breaks[columns].to_numpy().tolist() == [
        ["2015-03", "missing", "north", 2.0],
        ["2018-11", "missing", "south", 1.0],
    ]
    assert breaks["finding"].iloc[0].startswith("north did not publish 2015-03 to 2015-04")
    unsaid = find_breaks(city(place, month[~gone], point[~gone]))
    assert {"2015-03", "2018-11"} & set(unsaid["month"])


def test_a_step_in_one_area_is_found_there():
    rng = np.random.default_rng(11)
    place, month, point = simulated(rng, rate=600.0)
    west = place[point, 0] < SIDE / 2
    kept = ~west | (month < 30) | (rng.random(month.size) < 0.6)
    breaks = find_breaks(city(place, month[kept], point[kept]), areas=HALVES)
    assert "west" in set(breaks["where"])
    assert "east" not in set(breaks["where"])
    of_west = breaks[breaks["where"] == "west"]
    assert of_west["month"].tolist() == ["2016-07"]
    assert of_west["lower"].item() < 0.6 < of_west["upper"].item()


def test_what_comes_after_the_cut_off_changes_nothing():
    place, month, point = simulated(np.random.default_rng(12), step=1.5)
    end = pd.Timestamp("2016-07-01", tz="Europe/London")
    assert find_breaks(city(place, month, point), end=end).empty


def test_exact_places_have_no_list_of_points():
    """Places never repeat here, and 30 months in they all change."""
    place, month, _ = simulated(np.random.default_rng(13))
    point = np.arange(month.size)
    place = np.random.default_rng(1).uniform(0, SIDE, (month.size, 2))
    assert find_breaks(city(place, month, point, place_resolution=0.0)).empty


def test_what_cannot_be_looked_for_is_said():
    place, month, point = simulated(np.random.default_rng(14), months=20)
    with pytest.warns(DataQualityWarning, match="not looked for in 20 published months"):
        assert find_breaks(city(place, month, point, months=20)).empty
    place, month, point = simulated(np.random.default_rng(14), rate=8.0)
    with pytest.warns(DataQualityWarning, match="too few, and 20 are needed"):
        assert find_breaks(city(place, month, point)).empty
    place, month, point = simulated(np.random.default_rng(15), rate=100.0)
    thin = gpd.GeoDataFrame({"name": ["corner"]}, geometry=[box(0, 0, 300, 300)], crs=27700)
    with pytest.warns(DataQualityWarning, match="1 areas with fewer than 20.*corner"):
        find_breaks(city(place, month, point), areas=thin)


def test_input_that_makes_no_sense_is_refused():
    events = city(*simulated(np.random.default_rng(16)))
    with pytest.raises(ParameterError, match="false_alarms"):
        find_breaks(events, false_alarms=0.0)
    with pytest.raises(TooFewEventsError, match="No whole month"):
        find_breaks(events, end=pd.Timestamp("2014-01-20", tz="Europe/London"))


@pytest.mark.real
def test_london_has_other_points_from_december_2011(real_data):
    """And no other list in the 25 months."""
    from hotspot.breaks.map_points import point_changes

    path = real_data / "met_burglary_police_uk/dev_met_burglary_2010-12_2021-12.parquet"
    rows = pd.read_parquet(
        path, columns=["month", "easting", "northing"], filters=[("month", "<", "2013-01")]
    ).dropna()
    months = pd.period_range("2010-12", "2012-12", freq="M")
    month = months.get_indexer(pd.PeriodIndex(rows["month"].astype(str), freq="M"))
    point, _ = pd.factorize(pd.MultiIndex.from_frame(rows[["easting", "northing"]]))
    (change,) = point_changes(point, month, len(months), false_alarms=0.05)
    assert str(months[change.row]) == "2011-12"
    assert change.share == pytest.approx(0.74, abs=0.01)
