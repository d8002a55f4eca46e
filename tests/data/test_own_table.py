"""A table of one's own becomes events only when its places, times and window are clear."""

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString, Point, box

from hotspot import Events
from hotspot.errors import (
    CoordinateError,
    DataQualityWarning,
    DateError,
    ParameterError,
    RegionError,
    TooFewEventsError,
    UnknownNameError,
)

REGION = box(0, 0, 10_000, 10_000)


def table(times=("2024-03-01 22:15", "2024-03-02 01:40", "2024-03-05 12:00"), **options):
    n = len(times)
    places = gpd.points_from_xy(1000.0 * np.arange(1, n + 1), 500.0 * np.arange(1, n + 1) ** 2)
    offences = np.array(["Burglary", "Theft"] * n)[:n]
    frame = {"time": pd.to_datetime(list(times)), "offence": offences}
    return gpd.GeoDataFrame(frame, geometry=places, **{"crs": 27700, **options})


def events(of=None, **options):
    given = {"time_resolution": "exact", "region": REGION, "start": "2024-03-01", "end": "2024-04"}
    return Events.from_geodataframe(table() if of is None else of, **{**given, **options})


def test_times_without_a_zone_are_local_and_kept_as_utc():
    """22:15 in July is 21:15 in UTC; in March the clocks agree."""
    summer = events(table(["2024-07-01 22:15"]), start="2024-07-01", end="2024-08-01")
    assert summer.table["time"].tolist() == [pd.Timestamp("2024-07-01 21:15", tz="UTC")]
    assert summer.start == pd.Timestamp("2024-06-30 23:00", tz="UTC")
    assert events().table["time"].iloc[0] == pd.Timestamp("2024-03-01 22:15", tz="UTC")
    toronto = events(time_zone="America/Toronto", start="2024-02-01")
    assert toronto.table["time"].iloc[0] == pd.Timestamp("2024-03-02 03:15", tz="UTC")


def test_times_with_a_zone_keep_their_instant():
    aware = table()
    aware["time"] = aware["time"].dt.tz_localize("America/Chicago")
    assert events(aware).table["time"].iloc[0] == pd.Timestamp("2024-03-02 04:15", tz="UTC")


def test_the_argument_is_not_changed():
    given = table()
    before = given.copy(deep=True)
    events(given, time_resolution="day")
    pd.testing.assert_frame_equal(given, before)


@pytest.mark.parametrize(
    ("resolution", "first"),
    [("hour", "2024-07-05 13:00"), ("day", "2024-07-04 23:00"), ("month", "2024-06-30 23:00")],
)
def test_times_are_set_to_the_beginning_of_what_was_recorded(resolution, first):
    of = table(["2024-07-05 14:31"])
    made = events(of, time_resolution=resolution, start="2024-07-01", end="2024-08-01")
    assert made.table["time"].tolist() == [pd.Timestamp(first, tz="UTC")]


@pytest.mark.parametrize("when", ["2025-03-30 01:30", "2025-10-26 01:30"])
def test_wall_clock_times_that_do_not_exist_or_come_twice_are_refused(when):
    with pytest.raises(DateError, match=f"1 times do not exist or come twice.*{when}"):
        events(table([when]))
    settled = table([when])
    settled["time"] = settled["time"].dt.tz_localize("UTC")
    assert len(events(settled, start="2025", end="2026")) == 1


def test_a_mix_of_times_with_and_without_a_zone_is_refused():
    of = table()
    naive, aware = dt.datetime(2024, 3, 1), dt.datetime(2024, 3, 2, tzinfo=dt.UTC)
    of["time"] = pd.Series([naive, aware, naive], dtype=object)
    with pytest.raises(DateError, match="mixes times with and without a time zone"):
        events(of)


def test_text_is_not_taken_for_times():
    of = table()
    of["time"] = ["01/02/2024", "02/01/2024", "24:00"]
    with pytest.raises(DateError, match="holds str, not datetimes"):
        events(of)


def test_missing_times_and_offences_are_refused():
    of = table()
    of.loc[1, "time"] = pd.NaT
    with pytest.raises(DateError, match="'time' is missing in 1 rows, the first at index 1"):
        events(of)
    of = table()
    of.loc[2, "offence"] = None
    with pytest.raises(ParameterError, match="'offence' is missing in 1 rows, the first at"):
        events(of)


@pytest.mark.parametrize(
    ("crs", "said"),
    [
        (None, "no CRS"),
        (4326, "WGS 84, in degree"),
        (2913, "Oregon North.*in foot"),
    ],
)
def test_places_that_are_not_in_metres_are_refused(crs, said):
    with pytest.raises(CoordinateError, match=f"(?s){said}.*to_crs"):
        events(table(crs=crs))


@pytest.mark.parametrize("bad", [Point(), None, Point(np.nan, 1), Point(np.inf, 1)])
def test_places_that_are_missing_or_not_finite_are_refused(bad):
    of = table()
    of.geometry = gpd.GeoSeries([Point(1, 1), bad, Point(2, 2)], crs=27700)
    with pytest.raises(CoordinateError, match=r"1 places are missing or not finite, .* index 1"):
        events(of)


def test_geometries_other_than_points_are_refused():
    of = table()
    of.geometry = gpd.GeoSeries([LineString([(0, 0), (1, 1)])] * 3, crs=27700)
    with pytest.raises(CoordinateError, match="3 geometries are not points, the first a Line"):
        events(of)


def test_events_outside_the_window_are_dropped_counted_and_warned_of():
    with pytest.warns(DataQualityWarning) as warned:
        made = events(region=box(0, 0, 2500, 10_000), start="2024-03-02")
    assert made.source.dropped == {"outside window": 1, "outside region": 1}
    assert (made.source.rows_in, made.source.rows_kept, len(made)) == (3, 1, 1)
    assert [str(one.message) for one in warned] == [
        "1 of 3 events lie outside window and are dropped.",
        "1 of 3 events lie outside region and are dropped.",
    ]


def test_the_window_is_half_open():
    """An event at the start counts, one at the end does not; on the region's edge one counts."""
    of = table(["2024-03-01", "2024-04-01"])
    with pytest.warns(DataQualityWarning, match="1 of 2 events lie outside window"):
        made = events(of)
    assert made.table["time"].tolist() == [pd.Timestamp("2024-03-01", tz="UTC")]
    assert len(events(region=box(1000, 0, 10_000, 10_000))) == 3


def test_a_window_that_is_not_given_is_guessed_with_a_warning():
    with pytest.warns(DataQualityWarning) as warned:
        made = events(region=None, start=None, end=None)
    assert len(warned) == 2
    assert made.start == pd.Timestamp("2024-03-01", tz="UTC")
    assert made.end == pd.Timestamp("2024-03-06", tz="UTC")
    assert made.table.geometry.within(made.region).all()


def test_no_events_are_an_answer_only_with_a_window():
    assert len(events(table([]))) == 0
    with pytest.raises(TooFewEventsError, match="give region, start and end"):
        events(table([]), end=None)
    with pytest.raises(TooFewEventsError, match="0 events span no area"):
        events(table([]), region=None)


def test_events_in_one_place_make_no_region():
    of = table()
    of.geometry = gpd.GeoSeries([Point(1, 1)] * 3, crs=27700)
    with pytest.raises(TooFewEventsError, match="3 events span no area"):
        events(of, region=None)


def test_events_that_all_lie_outside_the_region_are_refused():
    with pytest.raises(CoordinateError, match="None of the 3 events lies in the region"):
        events(region=box(-10, -10, -5, -5))


def test_a_region_in_another_system_is_projected():
    elsewhere = gpd.GeoSeries([REGION], crs=27700).to_crs(32630)
    made = events(region=elsewhere)
    assert made.region.area == pytest.approx(1e8, rel=1e-6)


def test_a_bow_tie_is_no_region():
    from shapely import Polygon

    with pytest.raises(RegionError, match="invalid"):
        events(region=Polygon([(0, 0), (10_000, 10_000), (10_000, 0), (0, 10_000)]))


def test_shared_places_are_estimated_and_own_places_are_exact():
    """Five places in 100 km² shared by 20 events: sqrt(1e8 / 5) = 4472 m."""
    assert events().place_resolution == 0
    of = table(["2024-03-02"] * 20)
    of.geometry = gpd.GeoSeries([Point(1000 * (i % 5), 1000) for i in range(20)], crs=27700)
    assert events(of).place_resolution == pytest.approx((1e8 / 5) ** 0.5)
    assert events(of, place_resolution=30).place_resolution == 30


def test_a_misspelt_column_is_answered_with_the_near_ones():
    with pytest.raises(UnknownNameError, match=r"no column 'offense'; it has \['offence'\]"):
        events(offence="offense")


def test_other_columns_are_not_carried_along():
    made = events(table().assign(beat="12", force="Met", lsoa_code="E1"))
    assert made.table.columns.tolist() == ["time", "offence", "geometry", "force", "lsoa_code"]


@pytest.mark.parametrize(
    "options", [{"time_resolution": "week"}, {"place_resolution": -1}, {"place_resolution": np.nan}]
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ParameterError, match="must be"):
        events(**options)


def test_a_start_after_the_end_is_refused():
    with pytest.raises(DateError, match="is not before end"):
        events(start="2024-05-01")


class TestMarksAndIntervals:
    """Columns that are carried along, and times known only to an interval."""

    @staticmethod
    def table():
        times = pd.to_datetime(["2024-03-02 08:00", "2024-03-05 07:30"])
        return gpd.GeoDataFrame(
            {
                "time": times,
                "offence": "Vehicle crime",
                "parked": times - pd.Timedelta(hours=10),
                "premises": ["street", "garage"],
                "value": [3.5, 12.0],
                "remark": ["a", "b"],
            },
            geometry=gpd.points_from_xy([530_010.0, 530_400.0], [180_020.0, 180_300.0]),
            crs=27700,
        )

    @staticmethod
    def read(table, **options):
        return Events.from_geodataframe(
            table,
            time_resolution="exact",
            region=box(530_000, 180_000, 531_000, 181_000),
            start="2024-03-01",
            end="2024-04-01",
            earliest_time="parked",
            marks=("premises", "value"),
            **options,
        )

    def test_marks_are_kept_and_other_columns_are_not(self):
        table = self.read(self.table()).table
        assert list(table["premises"]) == ["street", "garage"]
        assert list(table["value"]) == [3.5, 12.0]
        assert "remark" not in table

    def test_an_interval_ends_at_the_time_and_is_in_utc(self):
        table = self.read(self.table()).table
        assert (table["time"] - table["earliest_time"] == pd.Timedelta(hours=10)).all()
        assert str(table["earliest_time"].dt.tz) == "UTC"

    def test_an_event_is_not_seen_before_its_interval_has_ended(self):
        early = self.read(self.table()).before(pd.Timestamp("2024-03-05 00:00", tz="UTC"))
        assert len(early) == 1

    def test_an_interval_that_ends_before_it_begins_is_refused(self):
        table = self.table()
        table.loc[1, "parked"] = pd.Timestamp("2024-03-06")
        with pytest.raises(DateError, match="In 1 rows column 'parked' is later"):
            self.read(table)

    def test_a_mark_that_is_not_there_or_is_missing_is_refused(self):
        with pytest.raises(UnknownNameError, match="no column 'premises'"):
            self.read(self.table().drop(columns="premises"))
        table = self.table()
        table.loc[0, "premises"] = None
        with pytest.raises(ParameterError, match="Column 'premises' is missing in 1 rows"):
            self.read(table)

    def test_marks_and_intervals_go_to_geoparquet_and_back(self, tmp_path):
        events = self.read(self.table())
        events.to_parquet(tmp_path / "events.parquet")
        again = Events.from_parquet(tmp_path / "events.parquet")
        assert again.content_hash() == events.content_hash()
        pd.testing.assert_frame_equal(
            pd.DataFrame(again.table.drop(columns="geometry"))[
                sorted(again.table.columns.drop("geometry"))
            ],
            pd.DataFrame(events.table.drop(columns="geometry"))[
                sorted(events.table.columns.drop("geometry"))
            ],
            check_dtype=False,
        )

    def test_the_content_hash_changes_with_a_mark_and_with_an_interval(self):
        table = self.table()
        first = self.read(table).content_hash()
        marked, earlier = table.copy(), table.copy()
        marked.loc[0, "value"] = 4.0
        earlier.loc[0, "parked"] -= pd.Timedelta(hours=1)
        assert (
            len({first, self.read(marked).content_hash(), self.read(earlier).content_hash()}) == 3
        )
