"""Every row of a street-level archive is kept, or counted by the reason it was dropped for."""

import gzip
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely import box

from hotspot import read_police_uk
from hotspot.data.ingest import REASONS
from hotspot.errors import (
    CoordinateError,
    DataQualityWarning,
    FileFormatError,
    TooFewEventsError,
    UnknownNameError,
)
from tests.data.street_files import HEADER, NAME, REGION, good, row, text, write

FEBRUARY = "2019-02-metropolitan-street.csv"


def require_adds_up(events):
    report = events.report
    assert (report["rows_in"] == report["rows_kept"] + report[list(REASONS)].sum(axis=1)).all()
    source = events.source
    assert source.rows_in == source.rows_kept + sum(source.dropped.values())
    assert source.rows_kept == len(events) == report["rows_kept"].sum()
    assert source.rows_in == report["rows_in"].sum()


def dropped(events):
    return {reason: count for reason, count in events.source.dropped.items() if count}


def test_a_row_becomes_an_event_at_its_place_and_month(tmp_path):
    write(tmp_path, good(3))
    events = read_police_uk(tmp_path, region=REGION)
    # EPSG:27700 by an independent route: +proj=tmerc with the OSGB36 Helmert parameters.
    to_grid = Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
        "+step +proj=push +v_3 +step +proj=cart +ellps=WGS84 +step +inv +proj=helmert "
        "+x=446.448 +y=-125.157 +z=542.06 +rx=0.15 +ry=0.247 +rz=0.842 +s=-20.489 "
        "+convention=position_vector +step +inv +proj=cart +ellps=airy +step +proj=pop +v_3 "
        "+step +proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 +y_0=-100000 +ellps=airy"
    )
    x, y = to_grid.transform([-0.14, -0.139, -0.138], [51.53, 51.531, 51.532])
    points = events.table.geometry
    np.testing.assert_allclose(points.x, x, atol=3)  # a finer grid shift may be installed
    np.testing.assert_allclose(points.y, y, atol=3)
    assert events.table.crs.to_epsg() == 27700
    assert list(events.table["time"]) == [pd.Timestamp("2019-01-01", tz="UTC")] * 3
    assert events.table.columns.tolist() == ["time", "offence", "geometry", "force", "lsoa_code"]
    assert events.time_resolution == "month"


def test_a_summer_month_begins_an_hour_before_midnight_utc(tmp_path):
    write(tmp_path, good(3, month="2019-07"), "2019-07-metropolitan-street.csv")
    events = read_police_uk(tmp_path, region=REGION)
    assert events.start == pd.Timestamp("2019-06-30 23:00", tz="UTC")
    assert events.end == pd.Timestamp("2019-07-31 23:00", tz="UTC")
    assert (events.table["time"] == events.start).all()


def test_rows_in_are_rows_kept_and_dropped_for_each_reason(tmp_path):
    far = {"longitude": "-1.549", "latitude": "53.800"}  # Leeds
    january = [
        row(0),
        row(1, crime_type="Drugs"),
        row(2, longitude="", latitude=""),
        row(0),
        row(0, longitude="-0.120000"),
        row(3, **far),
        row(4),
        row(5),
        row(6),
    ]
    write(tmp_path, text(january))
    write(tmp_path, text([row(0, month="2019-02"), row(7, month="2019-02")]), FEBRUARY)
    with pytest.warns(DataQualityWarning, match=r"9\.1% of the rows have no coordinates"):
        events = read_police_uk(tmp_path, offences="Burglary", region=REGION)
    require_adds_up(events)
    assert dropped(events) == {
        "other offence": 1,
        "no location": 1,
        "duplicate": 1,
        "duplicate in another month": 1,
        "duplicate with another place or offence": 1,
        "outside region": 1,
    }
    assert events.report["rows_in"].tolist() == [9, 2]
    assert events.report["rows_kept"].tolist() == [4, 1]


def test_the_first_outcome_of_an_offence_stands(tmp_path):
    """The same ID, month and place with a revised outcome is one offence."""
    rows = [row(0), row(1), row(2), row(0, outcome="Offender sent to prison")]
    write(tmp_path, text(rows))
    events = read_police_uk(tmp_path, region=REGION)
    assert dropped(events) == {"duplicate": 1}
    assert len(events) == 3


def test_identical_rows_without_an_id_are_all_kept(tmp_path):
    write(tmp_path, text([row(1, crime_id="")] * 3 + [row(2)]))
    events = read_police_uk(tmp_path, region=REGION)
    assert len(events) == 4
    assert dropped(events) == {}


def test_ids_of_any_length_are_compared_whole(tmp_path):
    ids = ["a", "b", "a" * 64, "a" * 63 + "b", "é" * 32, "a", "a" * 64]
    write(tmp_path, text([row(i, crime_id=one) for i, one in enumerate(ids)]))
    events = read_police_uk(tmp_path, region=REGION)
    assert dropped(events) == {"duplicate with another place or offence": 2}


def test_a_located_row_stands_for_one_of_the_same_id_without_a_place(tmp_path):
    rows = [row(0, longitude="", latitude=""), row(0), *(row(i) for i in range(1, 25))]
    write(tmp_path, text(rows))
    events = read_police_uk(tmp_path, region=REGION)
    assert dropped(events) == {"no location": 1}
    assert len(events) == 25


def test_reading_one_offence_is_reading_all_and_selecting_it(tmp_path):
    rows = [row(i % 9, crime_type=("Burglary", "Drugs")[i % 2]) for i in range(30)]
    write(tmp_path, text(rows))
    first = read_police_uk(tmp_path, offences=["Drugs"], region=REGION)
    second = read_police_uk(tmp_path, region=REGION).select(offences=["Drugs"])
    pd.testing.assert_frame_equal(first.table, second.table)
    assert len(first) == 4  # IDs 0 to 8 occur first with i = 0 to 8; odd ones are drugs


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.sampled_from(["Burglary", "Drugs", "Robbery"]),
            st.sampled_from(["-0.14", "-0.10", "-1.5", ""]),
            st.booleans(),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_the_report_always_adds_up(tmp_path, drawn):
    rows = [
        row(i, crime_type=offence, longitude=x, latitude="51.53" if x else "")
        if named
        else row(i, crime_id="", crime_type=offence, longitude=x, latitude="51.53" if x else "")
        for i, offence, x, named in drawn
    ]
    write(tmp_path, text(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataQualityWarning)
        try:
            events = read_police_uk(tmp_path, offences=["Burglary", "Drugs"], region=REGION)
        except CoordinateError:  # over 20 % without a place, or none inside
            return
    require_adds_up(events)
    assert events.source.rows_in == len(drawn)


def test_plain_and_gzipped_files_hold_the_same_events(tmp_path):
    write(tmp_path / "a", good(9), f"2019-01/{NAME}")
    write(tmp_path / "b", gzip.compress(good(9)), f"{NAME}.gz")
    one, other = (read_police_uk(tmp_path / name, region=REGION) for name in "ab")
    alone = read_police_uk(tmp_path / "b" / f"{NAME}.gz", region=REGION)
    assert one.content_hash() == other.content_hash() == alone.content_hash()
    assert one.source.sha256 == other.source.sha256


def test_a_single_file_may_have_any_name(tmp_path):
    path = write(tmp_path, good(9), "my download.csv")
    events = read_police_uk(path, region=REGION)
    assert events.coverage.to_dict("records") == [
        {"force": "Metropolitan Police Service", "month": "2019-01", "rows": 9}
    ]


def test_other_files_of_an_archive_stand_in_the_report_as_skipped(tmp_path):
    write(tmp_path, good(9))
    write(tmp_path, b"x", "2019-01-metropolitan-outcomes.csv")
    write(tmp_path, b"x", "2019-01-metropolitan-stop-and-search.csv")
    events = read_police_uk(tmp_path, region=REGION)
    require_adds_up(events)
    skipped = events.report[events.report["skipped"] != ""]
    assert skipped["skipped"].tolist() == ["not street-level"] * 2
    assert (skipped["rows_in"] == 0).all()


def test_a_csv_with_an_unknown_name_is_skipped_with_a_warning(tmp_path):
    write(tmp_path, good(9))
    write(tmp_path, good(9), "copy of january.csv")
    with pytest.warns(DataQualityWarning, match=r"skipped for their names, the first copy of"):
        events = read_police_uk(tmp_path, region=REGION)
    assert len(events) == 9


def test_a_copy_of_a_file_is_not_counted_twice(tmp_path):
    write(tmp_path, good(9, crime_id=""))
    write(tmp_path, good(9, crime_id=""), f"copy/{NAME}")
    events = read_police_uk(tmp_path, region=REGION)
    assert len(events) == 9
    assert "same bytes as" in events.report["skipped"].iloc[-1]


def test_two_versions_of_one_force_month_are_refused(tmp_path):
    write(tmp_path, good(9))
    write(tmp_path, good(8), f"later/{NAME}")
    with pytest.raises(FileFormatError, match="are of one force and month but differ"):
        read_police_uk(tmp_path, region=REGION)


def test_a_missing_force_month_is_told_from_a_month_without_offences(tmp_path):
    write(tmp_path, good(9))
    write(tmp_path, good(9, month="2019-03"), "2019-03-metropolitan-street.csv")
    with pytest.warns(DataQualityWarning, match="Metropolitan Police Service: 2019-02 missing"):
        events = read_police_uk(tmp_path, region=REGION)
    assert events.coverage["month"].tolist() == ["2019-01", "2019-03"]


def test_a_file_with_a_header_only_is_coverage_with_zero_rows(tmp_path):
    write(tmp_path, good(9))
    write(tmp_path, text([]), FEBRUARY)
    with pytest.warns(DataQualityWarning, match="Metropolitan Police Service: 2019-02 has no rows"):
        events = read_police_uk(tmp_path, region=REGION)
    assert events.coverage["rows"].tolist() == [9, 0]
    assert events.end == pd.Timestamp("2019-03-01", tz="UTC")


def test_zero_events_in_a_given_region_are_an_answer(tmp_path):
    write(tmp_path, good(9))
    events = read_police_uk(tmp_path, offences="Robbery", region=REGION)
    assert len(events) == 0
    assert dropped(events) == {"other offence": 9}
    assert np.isnan(events.place_resolution)


def test_without_a_region_the_hull_stands_for_it_with_a_warning(tmp_path):
    write(tmp_path, good(30))
    with pytest.warns(DataQualityWarning, match="No region was given"):
        events = read_police_uk(tmp_path)
    assert events.table.geometry.intersects(events.region).all()


def test_events_that_span_no_area_do_not_make_a_region(tmp_path):
    write(tmp_path, good(9, longitude="-0.14", latitude="51.53"))
    with pytest.raises(TooFewEventsError, match="span no area"):
        read_police_uk(tmp_path)


def test_a_region_that_holds_no_event_is_refused(tmp_path):
    write(tmp_path, good(9))
    elsewhere = gpd.GeoSeries([box(400_000, 400_000, 401_000, 401_000)], crs=27700)
    with pytest.raises(CoordinateError, match="None of the 9 located events lies in the region"):
        read_police_uk(tmp_path, region=elsewhere)


def test_snap_spacing_is_the_root_of_area_per_place(tmp_path):
    """Four places in 36 km²: sqrt(36e6 / 4) = 3000 m."""
    places = ["-0.14", "-0.13", "-0.12", "-0.11"]
    write(tmp_path, text([row(i, longitude=places[i % 4], latitude="51.53") for i in range(40)]))
    events = read_police_uk(tmp_path, region=REGION)
    assert events.place_resolution == pytest.approx(3000)


def test_a_misspelt_offence_is_answered_with_the_near_ones(tmp_path):
    with pytest.raises(UnknownNameError, match=r"'Burglery'.*'Burglary'"):
        read_police_uk(tmp_path, offences="Burglery")


def test_lsoa_codes_that_disagree_with_the_place_are_counted_and_kept(tmp_path):
    rows = [row(i, lsoa_code=("E1", "E2", "")[i % 3]) for i in range(12)]
    write(tmp_path, text(rows))
    lsoas = gpd.GeoDataFrame({"code": ["E1"]}, geometry=REGION, crs=27700)
    events = read_police_uk(tmp_path, region=REGION, lsoas=lsoas)
    assert events.report["lsoa_disagrees"].tolist() == [4]
    assert len(events) == 12


def test_the_order_of_columns_does_not_matter(tmp_path):
    header = HEADER.split(",")
    turned = [",".join(reversed(line.split(","))) for line in [HEADER, *map(row, range(9))]]
    write(tmp_path / "a", good(9))
    write(tmp_path / "b", "\n".join([*turned, ""]).encode())
    one, other = (read_police_uk(tmp_path / name, region=REGION) for name in "ab")
    assert header[0] == "Crime ID"
    assert one.content_hash() == other.content_hash()
