"""The API's answers become the same events, with the same account, as the files do."""

import json

import pytest

from hotspot import read_police_uk, read_police_uk_json
from hotspot.data.offences import CSV_NAME_OF_SLUG, OFFENCES
from hotspot.errors import (
    CoordinateError,
    DataQualityWarning,
    DateError,
    FileFormatError,
    MissingFileError,
    TooFewEventsError,
)
from tests.data.street_files import REGION, good, write


def offence(i=0, **changes):
    longitude, latitude = f"{-0.14 + 0.001 * (i % 7):.6f}", f"{51.53 + 0.001 * (i % 5):.6f}"
    return {
        "category": "burglary",
        "location_type": "Force",
        "location": {
            "latitude": latitude,
            "longitude": longitude,
            "street": {"id": i, "name": "On or near High Street"},
        },
        "context": "",
        "outcome_status": None,
        "persistent_id": f"{i:064x}",
        "id": 1000 + i,
        "location_subtype": "",
        "month": "2019-01",
        **changes,
    }


def read(answer, **options):
    return read_police_uk_json(answer, region=REGION, **options)


def test_an_answer_holds_the_same_events_as_the_csv(tmp_path):
    force = "Metropolitan Police Service"
    from_api = read([offence(i) for i in range(12)], force=force)
    from_csv = read_police_uk(write(tmp_path, good(12)), region=REGION)
    columns = ["time", "offence", "geometry", "force"]
    assert from_api.table[columns].equals(from_csv.table[columns])
    assert from_api.coverage.equals(from_csv.coverage)
    assert (from_api.start, from_api.end) == (from_csv.start, from_csv.end)


def test_rows_in_are_rows_kept_and_dropped_for_each_reason():
    leeds = {"latitude": "53.8", "longitude": "-1.549"}
    rows = [
        *(offence(i) for i in range(24)),
        offence(0, id=7),
        offence(1, month="2019-02"),
        offence(2, category="drugs"),
        offence(30, category="drugs"),
        offence(31, location=None),
        offence(32, location=leeds),
    ]
    events = read(rows, offences="Burglary")
    assert {reason: n for reason, n in events.source.dropped.items() if n} == {
        "other offence": 2,
        "no location": 1,
        "duplicate": 1,
        "duplicate in another month": 1,
        "outside region": 1,
    }
    assert len(events) == 24
    assert events.source.rows_in == 30 == events.report["rows_in"].sum()


def test_without_a_persistent_id_the_numeric_id_tells_rows_apart():
    twice = [offence(0, persistent_id=""), offence(0, persistent_id="")]
    other = offence(0, persistent_id="", id=5)
    nameless = offence(0, persistent_id="", id=None)
    assert len(read([*twice, other, nameless, nameless])) == 4


def test_files_of_a_folder_are_read_and_overlaps_counted(tmp_path):
    write(tmp_path, json.dumps([offence(i) for i in range(6)]).encode(), "west.json")
    write(tmp_path, json.dumps([offence(i) for i in range(4, 9)]).encode(), "east.json")
    write(tmp_path, b"[]", "north.json")
    write(tmp_path, b"", "notes.txt")
    events = read(tmp_path)
    assert len(events) == 9
    assert events.source.dropped["duplicate"] == 2
    report = events.report.set_index("file")
    assert report.loc["notes.txt", "skipped"] == "not JSON"
    assert report.loc["north.json", "rows_in"] == 0


def test_every_slug_has_a_name_that_the_csv_uses():
    assert set(CSV_NAME_OF_SLUG.values()) < set(OFFENCES)
    rows = [offence(i, category=slug) for i, slug in enumerate(CSV_NAME_OF_SLUG)]
    assert read(rows).table["offence"].tolist() == list(CSV_NAME_OF_SLUG.values())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<html>429 Too Many Requests</html>", "is an HTML page"),
        (b"", "is not JSON"),
        (b'[{"category": "burglary"', "is not JSON"),
        (b"\xff[]", "is not JSON"),
        (b'{"error": "too many"}', "holds a dict, expected a list"),
        (b"[1]", "offence 1 lacks one of .*; it has int"),
        (b'[{"category": "burglary", "month": "2019-01"}]', "offence 1 lacks one of"),
        (json.dumps([offence(category="jaywalking")]).encode(), "'jaywalking' is not a category"),
        (json.dumps([offence(x=float("nan"))]).encode(), "NaN is not a number in JSON"),
    ],
)
def test_what_is_not_an_answer_is_refused(tmp_path, data, said):
    with pytest.raises(FileFormatError, match=said):
        read(write(tmp_path, data, "answer.json"))


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ({"latitude": "51.5"}, "the location is not two numbers"),
        ({"latitude": "51.5", "longitude": "west"}, "the location is not two numbers"),
        ({"latitude": "51.5", "longitude": None}, "the location is not two numbers"),
        ({"latitude": "inf", "longitude": "0"}, "not a finite number"),
        ({"latitude": "-0.14", "longitude": "51.53"}, "look swapped"),
        ({"latitude": "181680", "longitude": "529090"}, "look like eastings and northings"),
        ({"latitude": "0", "longitude": "0"}, "is not in the United Kingdom"),
        ({"latitude": "151", "longitude": "0"}, "is not in the United Kingdom"),
    ],
)
def test_a_place_that_cannot_be_right_is_refused(location, said):
    with pytest.raises(CoordinateError, match=said):
        read([offence(location=location)])


@pytest.mark.parametrize("month", ["2024-13", "2999-01", "2019", None])
def test_an_impossible_month_is_refused(month):
    with pytest.raises(DateError, match=r"is not a month|lies in the future"):
        read([offence(month=month)])


def test_an_answer_without_offences_is_refused(tmp_path):
    with pytest.raises(TooFewEventsError, match="not even its month is known"):
        read([])
    with pytest.raises(MissingFileError, match="There is no file"):
        read(tmp_path / "nothing.json")
    with pytest.raises(FileFormatError, match=r"holds no \.json file"):
        read(tmp_path)


def test_a_month_between_that_has_no_answer_is_missing():
    with pytest.warns(DataQualityWarning, match="unknown: 2019-02 missing"):
        read([offence(0), offence(1, month="2019-03")])
