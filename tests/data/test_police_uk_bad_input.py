"""No fault in a street-level file passes in silence: a typed refusal, or a counted drop."""

import re

import pandas as pd
import pytest

from hotspot import read_police_uk
from hotspot.errors import (
    CoordinateError,
    DataQualityWarning,
    DateError,
    FileFormatError,
    HotspotError,
    MissingFileError,
    ParameterError,
)
from tests.data.street_files import HEADER, NAME, REGION, good, row, text, write

MANY = 200  # one bad row is less than 1 % of these


def with_line(line: str, n: int = MANY) -> bytes:
    """A good file whose third line is replaced."""
    lines = good(n).decode().split("\n")
    lines[2] = line
    return "\n".join(lines).encode()


def read(folder, data, name=NAME, **options):
    write(folder, data, name)
    return read_police_uk(folder, region=REGION, **options)


def test_a_byte_order_mark_is_removed_and_noted(tmp_path):
    events = read(tmp_path, b"\xef\xbb\xbf" + good(9))
    assert len(events) == 9
    assert events.report["note"].tolist() == ["byte order mark removed"]


def test_windows_line_ends_are_read(tmp_path):
    assert len(read(tmp_path, good(9).replace(b"\n", b"\r\n"))) == 9


def test_blank_lines_and_a_missing_last_line_end_are_read(tmp_path):
    data = good(9).replace(b"\n", b"\n\n", 3).rstrip(b"\n")
    assert read(tmp_path, data).source.rows_in == 9


def test_commas_inside_quotes_are_read(tmp_path):
    events = read(tmp_path, with_line(row(1, location='"On or near High Street, Acton"')))
    assert len(events) == MANY


UTF16 = good(9).decode().encode("utf-16")
LATIN = good(9).replace(b"Camden 001A", "Camdén 001A".encode("latin-1"))


@pytest.mark.parametrize(
    ("data", "encoding", "named"),
    [
        (UTF16, "utf-16", r"byte 0 \(0xff\) on line 1 .*encoding=\"utf-16\""),
        (LATIN, "latin-1", r"byte \d+ \(0xe9\) on line 2 .*encoding=\"cp1252\" or \"latin-1\""),
    ],
)
def test_other_encodings_are_refused_by_byte_and_line_and_read_when_named(
    tmp_path, data, encoding, named
):
    with pytest.raises(FileFormatError, match=named):
        read(tmp_path, data)
    assert len(read(tmp_path, data, encoding=encoding)) == 9


@pytest.mark.parametrize("encoding", ["utf-99", "ascii"])
def test_a_wrong_encoding_is_refused(tmp_path, encoding):
    with pytest.raises(FileFormatError, match=r"not known to Python|is not ascii"):
        read(tmp_path, LATIN, encoding=encoding)


BAD_LINES = {
    "short": (row(1).rsplit(",", 2)[0], "line 3: 10 fields where 12 are expected"),
    "long": (row(1) + ",more,and more", "line 3: 14 fields where 12 are expected"),
    "unclosed quote": (row(1, location='"On or near'), "line 3: a quote that is not closed"),
    "line end in quotes": (row(1, location='"On or\nnear"'), "line 3: a quote that is not closed"),
    "NUL": (row(1, location="On or\0near"), "line 3: a NUL byte"),
    "no force": (row(1, falls_within=""), "line 3: no force in 'Falls within'"),
}
BAD_PLACES = {
    "text": (row(1, longitude="unknown"), "line 3: a coordinate is not a finite number"),
    "inf": (row(1, longitude="inf"), "line 3: a coordinate is not a finite number"),
    "minus inf": (row(1, latitude="-inf"), "line 3: a coordinate is not a finite number"),
    "NaN": (row(1, latitude="NaN"), "line 3: a coordinate is not a finite number"),
    "1e999": (row(1, latitude="1e999"), "line 3: a coordinate is not a finite number"),
    "half": (row(1, latitude=""), "line 3: only one of longitude and latitude is given"),
    "null island": (row(1, longitude="0", latitude="0"), "line 3: longitude and latitude are 0"),
    "latitude over 90": (row(1, latitude="151.53"), "latitude 151.53 is not in the United King"),
    "antimeridian": (row(1, longitude="179.9"), "line 3: longitude 179.9, latitude 51.531 is not"),
    "one swapped": (row(1, longitude="51.53", latitude="-0.14"), "line 3: longitude 51.53, lat"),
    "one in metres": (row(1, longitude="529090", latitude="181680"), "line 3: longitude 529090"),
}
CASES = [
    *[pytest.param(*case, FileFormatError, id=name) for name, case in BAD_LINES.items()],
    *[pytest.param(*case, CoordinateError, id=name) for name, case in BAD_PLACES.items()],
]


@pytest.mark.parametrize(("line", "said", "error"), CASES)
def test_a_row_that_cannot_be_read_is_refused_with_its_line(tmp_path, line, said, error):
    with pytest.raises(error, match=re.escape(NAME) + ".*" + re.escape(said)):
        read(tmp_path, with_line(line))


@pytest.mark.parametrize(("line", "said", "error"), CASES)
def test_a_row_that_cannot_be_read_is_dropped_and_counted_on_request(tmp_path, line, said, error):
    del said, error
    events = read(tmp_path, with_line(line, 400), on_bad_rows="drop")
    lost = 1 + line.count("\n")
    assert events.source.dropped["bad row"] == lost
    assert events.source.rows_in == 399 + lost
    assert len(events) == 399


def test_more_bad_rows_than_one_in_a_hundred_are_refused_even_so(tmp_path):
    lines = good(100).replace(b"Burglary", b"Burglary,", 2)
    with pytest.raises(FileFormatError, match="2 of 100 rows cannot be read"):
        read(tmp_path, lines, on_bad_rows="drop")


def test_a_file_cut_off_in_a_row_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match="line 10: 11 fields where 12 are expected"):
        read(tmp_path, good(9)[:-3])


def test_a_message_does_not_repeat_what_stands_in_the_row(tmp_path):
    with pytest.raises(HotspotError) as caught:
        read(tmp_path, with_line(row(1, crime_id="planted", location="planted") + ",x"))
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty: not even a header"),
        (b"\n\n", "is empty: not even a header"),
        (good(9).replace(b"\n", b"\r"), "line 1: a carriage return without a line feed"),
        (good(9).replace(b",", b";"), "separated by ';', expected commas"),
        (good(9).replace(b",", b"\t"), r"separated by '\\t', expected commas"),
        (good(9).replace(b"Longitude", b"Long", 1), r"the header lacks \['Longitude'\]"),
        (good(9).partition(b"\n")[2], "the header lacks"),
        (good(9).replace(b"Latitude", b"Longitude", 1), r"the header lacks \['Latitude'\]"),
        (good(9).replace(b"Context", b"Month", 1), r"the header has \['Month'\] more than once"),
        (b"<!DOCTYPE html>\n<html>404</html>\n", "is an HTML or XML page, not CSV"),
        (b'{"error": "not found"}\n', "is JSON, not CSV"),
    ],
)
def test_what_is_not_a_street_level_csv_is_refused(tmp_path, data, said):
    with pytest.raises(FileFormatError, match=said):
        read(tmp_path, data)


def test_a_header_with_quotes_is_read(tmp_path):
    quoted = ",".join(f'"{name}"' for name in HEADER.split(","))
    assert len(read(tmp_path, good(9).replace(HEADER.encode(), quoted.encode()))) == 9


def test_an_unknown_crime_type_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(FileFormatError, match=r"'Jaywalking' is not a crime type.*'Burglary'"):
        read(tmp_path, with_line(row(1, crime_type="Jaywalking")), on_bad_rows="drop")


def test_the_categories_before_2013_are_read_as_published(tmp_path):
    old = ("Violent crime", "Public disorder and weapons", "Other crime")
    data = text([row(i, month="2012-05", crime_type=old[i % 3]) for i in range(9)])
    events = read(tmp_path, data, "2012-05-metropolitan-street.csv")
    assert set(events.table["offence"]) == set(old)


def test_swapped_coordinates_are_refused_and_named(tmp_path):
    swapped = [row(i, longitude="51.53", latitude="-0.14") for i in range(6)]
    rows = [*swapped, row(7), row(8), row(9)]
    with pytest.raises(CoordinateError, match="look swapped: 67%"):
        read(tmp_path, text(rows), on_bad_rows="drop")


def test_eastings_in_the_longitude_column_are_refused_and_named(tmp_path):
    data = good(9, longitude="529090", latitude="181680")
    with pytest.raises(CoordinateError, match="look like eastings and northings in metres"):
        read(tmp_path, data, on_bad_rows="drop")


@pytest.mark.parametrize("written", ['"-0,14"', '"0,14"'])
def test_decimal_commas_are_refused_and_named(tmp_path, written):
    with pytest.raises(CoordinateError, match="Longitude has decimal commas"):
        read(tmp_path, good(9, longitude=written), on_bad_rows="drop")


def test_over_a_fifth_without_coordinates_is_refused(tmp_path):
    rows = [row(i, longitude="", latitude="") for i in range(3)] + [row(i) for i in range(3, 12)]
    with pytest.raises(CoordinateError, match=r"25\.0% of the rows have no coordinates"):
        read(tmp_path, text(rows))


def test_over_a_twentieth_without_coordinates_is_warned_of_and_counted(tmp_path):
    rows = [row(0, longitude="", latitude="")] + [row(i) for i in range(1, 12)]
    with pytest.warns(DataQualityWarning, match=r"8\.3% of the rows have no coordinates"):
        events = read(tmp_path, text(rows))
    assert events.source.dropped["no location"] == 1


@pytest.mark.parametrize(
    ("month", "said"),
    [
        ("2024-13", "'2024-13' is not a month"),
        ("0001-01", "0001-01 is before 2010"),
        (f"{pd.Timestamp.now().year + 1}-01", "lies in the future"),
    ],
)
def test_an_impossible_month_is_refused_in_the_name_and_in_the_rows(tmp_path, month, said):
    with pytest.raises(DateError, match=said):
        read(tmp_path / "a", good(9, month=month), f"{month}-metropolitan-street.csv")
    with pytest.raises(DateError, match=said):
        read(tmp_path / "b", with_line(row(1, month=month)), on_bad_rows="drop")


@pytest.mark.parametrize("month", ["01/2019", "2019-01-05", "2019"])
def test_a_month_in_another_format_is_refused(tmp_path, month):
    with pytest.raises(DateError, match="is not a month; expected YYYY-MM"):
        read(tmp_path, good(9, month=month))


def test_rows_without_a_month_are_refused(tmp_path):
    with pytest.raises(DateError, match="1 rows have no month"):
        read(tmp_path, with_line(row(1, month="")))


def test_rows_of_another_month_than_the_name_says_are_refused(tmp_path):
    with pytest.raises(DateError, match="holds rows of 2019-02"):
        read(tmp_path, with_line(row(1, month="2019-02")))


def test_a_missing_path_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(MissingFileError, match="There is no file or folder at"):
        read_police_uk(tmp_path / "nothing")
    with pytest.raises(FileFormatError, match=r"holds no street-level file.*it is empty"):
        read_police_uk(tmp_path)


def test_a_folder_of_other_files_is_refused_and_says_what_there_is(tmp_path):
    write(tmp_path, b"", "notes.txt")
    write(tmp_path, b"", "london.zip")
    with pytest.raises(FileFormatError, match=r"london\.zip \(unknown name: an archive.*notes"):
        read_police_uk(tmp_path)


def test_an_unknown_option_is_refused(tmp_path):
    with pytest.raises(ParameterError, match='must be "refuse" or "drop"'):
        read(tmp_path, good(9), on_bad_rows="ignore")
