"""What is selected, hashed and shown of events."""

import time
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from hotspot import read_police_uk
from hotspot.data.content import table_hash
from hotspot.errors import CoverageError, RegionError, ResolutionError, UnknownNameError
from tests.data.street_files import REGION, row, text, write
from tests.patterns import events_at

OFFENCES = ("Burglary", "Drugs", "Robbery")


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    for month in ("2019-01", "2019-02", "2019-03"):
        rows = [
            row(
                i,
                crime_id="",
                month=month,
                crime_type=OFFENCES[i % 3],
                lsoa_code="E1" if i else "",
            )
            for i in range(30)
        ]
        write(folder, text(rows), f"{month}-metropolitan-street.csv")
    return read_police_uk(folder, region=REGION)


def test_selected_and_not_selected_add_up(events):
    one = events.select(offences=["Burglary", "Drugs"], start="2019-02-01")
    assert len(one) == 40
    assert set(one.table["offence"]) == {"Burglary", "Drugs"}
    assert one.start == pd.Timestamp("2019-02-01", tz="UTC")
    assert one.coverage["month"].tolist() == ["2019-02", "2019-03"]
    source = one.source
    assert source.dropped["not selected"] == 50
    assert source.rows_in == source.rows_kept + sum(source.dropped.values())
    again = one.select(end="2019-03-01").source
    assert again.rows_in == again.rows_kept + sum(again.dropped.values())


def test_the_parts_of_a_selection_make_the_whole(events):
    parts = [events.select(offences=one) for one in OFFENCES]
    assert sum(map(len, parts)) == len(events)
    months = [events.select(end="2019-02-01"), events.select(start="2019-02-01")]
    assert sum(map(len, months)) == len(events)
    assert pd.concat([part.coverage for part in months]).equals(
        events.coverage.set_index(pd.Index([0, 0, 1]))
    )


def test_a_selected_region_is_what_it_shares_with_the_old_one(events):
    west = gpd.GeoSeries([box(520_000, 170_000, 529_250, 190_000)], crs=27700)
    some = events.select(region=west.to_crs(32630))
    assert 0 < len(some) < len(events)
    assert some.region.area == pytest.approx(3250 * 6000, rel=1e-3)
    assert some.table.geometry.x.max() < 529_250.1
    with pytest.raises(RegionError, match="does not overlap"):
        events.select(region=box(0, 0, 1, 1))


def test_what_was_never_recorded_cannot_be_selected(events):
    with pytest.raises(CoverageError, match="lies outside the recorded window"):
        events.select(end="2019-05-01")
    with pytest.raises(CoverageError, match="is not before end"):
        events.select(start="2019-03-01", end="2019-03-01")
    with pytest.raises(ResolutionError, match="is not the beginning of a month"):
        events.select(start="2019-02-02")
    with pytest.raises(UnknownNameError, match="'Burglary'"):
        events.select(offences="burglari")
    assert len(events.select(offences="Shoplifting")) == 0


def test_before_leaves_what_a_model_may_see(events):
    past = events.before(pd.Timestamp("2019-02-01", tz="Europe/London"))
    assert len(past) == 30
    assert past.coverage["month"].tolist() == ["2019-01"]
    assert past.content_hash() == events.select(end="2019-02-01").content_hash()


def test_the_content_hash_does_not_depend_on_the_order_of_rows(events):
    shuffled = events.table.sample(frac=1, random_state=1)
    assert replace(events, table=shuffled).content_hash() == events.content_hash()
    other = replace(events.source, name="elsewhere")
    assert replace(events, source=other, report=None).content_hash() == events.content_hash()


@pytest.mark.parametrize(
    "change",
    [
        {"region": box(526_000, 181_000, 532_000, 187_000.001)},
        {"end": pd.Timestamp("2019-04-02", tz="UTC")},
        {"time_resolution": "day"},
        {"place_resolution": 7.0},
        {"time_zone": "UTC"},
        {"coverage": None},
    ],
)
def test_the_content_hash_changes_with_the_window(events, change):
    assert replace(events, **change).content_hash() != events.content_hash()


@pytest.mark.parametrize("column", ["time", "offence", "geometry", "force", "lsoa_code"])
def test_the_content_hash_changes_with_one_value_of_one_row(events, column):
    table = events.table.copy()
    new = {
        "time": table["time"][5] + pd.Timedelta(1, "us"),
        "geometry": gpd.points_from_xy([table.geometry.x[5] + 1e-9], [table.geometry.y[5]])[0],
    }.get(column, "changed")
    table.loc[5, column] = new
    assert replace(events, table=table).content_hash() != events.content_hash()


def test_the_content_hash_counts_repeated_rows(events):
    once = replace(events, table=events.table.iloc[[0, 1, 1]])
    twice = replace(events, table=events.table.iloc[[0, 0, 1]])
    assert once.content_hash() != twice.content_hash()


def test_the_content_hash_tells_rows_apart_whose_codes_overflow_a_word():
    """With n = 2**16 - 1 distinct times, x, y and forces a row's codes need 65 bits.

    The time's highest bit would be lost in 64, and rows whose times were exchanged there
    would look the same.
    """
    n = 2**16 - 1
    number = np.arange(n)
    table = gpd.GeoDataFrame(
        {
            "time": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(number, "min"),
            "offence": "Burglary",
            "force": number.astype(str),
        },
        geometry=gpd.points_from_xy(number, number),
        crs=27700,
    )
    exchanged = table.copy()
    pair = [100, 100 + 2**15]
    exchanged.loc[pair, "time"] = table.loc[pair[::-1], "time"].to_numpy()
    assert table_hash(exchanged) != table_hash(table)
    assert table_hash(table.iloc[::-1]) == table_hash(table)


def test_the_repr_says_what_when_and_how_finely(events):
    assert repr(events) == (
        "<Events: 90 of 3 offences, 2019-01-01 to 2019-03-31, times by the month\n"
        f" places to {events.place_resolution:.0f} m, region of 36.0 km², "
        "source data.police.uk, street-level files>"
    )
    assert repr(events.select(offences="Shoplifting")).startswith("<Events: none, 2019-01-01")


def test_cutting_the_past_is_cheap(events):
    """`before` is called for every fold, so it may not rebuild or hash anything."""
    begin = time.perf_counter()
    for _ in range(20):
        events.before(events.end)
    assert (time.perf_counter() - begin) / 20 < 0.1


def test_rows_put_in_order_say_the_same_and_stay_in_order():
    events = events_at(
        ["2019-01-03", "2019-01-01", "2019-01-01", "2019-01-01"],
        [1, 5, 5, 2],
        [1, 9, 3, 7],
        start="2019-01-01",
        end="2019-02-01",
    )
    ordered = events.in_order()
    assert ordered.content_hash() == events.content_hash()
    np.testing.assert_array_equal(ordered.coordinates(), events.coordinates())
    assert ordered.table.geometry.y.tolist() == [7, 3, 9, 1]
