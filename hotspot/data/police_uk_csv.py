"""One street-level CSV of data.police.uk: its bytes become checked columns, or a typed error.

pyarrow parses fast, and it notices rows of the wrong length. It does not notice an unclosed
quote (it swallows lines until the next one), a NUL byte or a cut-off last line, so these are
looked for in the bytes before and the rows are counted after.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from hotspot._typing import BoolArray
from hotspot.data.ingest import Piece
from hotspot.data.offences import OFFENCES
from hotspot.errors import CoordinateError, DateError, FileFormatError

OnBadRows = Literal["refuse", "drop"]
MAX_BAD_SHARE = 0.01  # beyond this a file is not a street-level file with some bad rows
FIRST_YEAR = 2010  # data.police.uk begins with December 2010
# Everything data.police.uk covers, Northern Ireland and Shetland included.
WEST, SOUTH, EAST, NORTH = -9.0, 49.7, 2.1, 61.0
STREET_NAME = re.compile(r"^(\d{4}-\d{2})-(.+)-street\.csv(\.gz)?$")
COLUMNS = {
    "Crime ID": "id",
    "Month": "month",
    "Falls within": "force",
    "Longitude": "longitude",
    "Latitude": "latitude",
    "LSOA code": "lsoa_code",
    "Crime type": "offence",
}
_CODED = pa.dictionary(pa.int32(), pa.string())
_TYPES = {
    "Crime ID": pa.string(),
    "Month": _CODED,
    "Falls within": _CODED,
    "Longitude": pa.float64(),
    "Latitude": pa.float64(),
    "LSOA code": _CODED,
    "Crime type": _CODED,
}


@dataclass
class _Faults:
    """The rows of one file that could not be read, and what to do about them."""

    name: str
    on_bad_rows: OnBadRows
    count: int = 0
    kinds: set[str] = field(default_factory=set)

    def add(self, what: str, where: str, *, rows: int = 1, error: type = FileFormatError) -> None:
        if self.on_bad_rows == "refuse":
            raise error(
                f"{self.name}, {where}: {what}. Mend the file or take it again from "
                'data.police.uk; on_bad_rows="drop" leaves such rows out and counts them.'
            )
        self.count += rows
        self.kinds.add(what)

    def require_few(self, rows: int) -> None:
        if self.count > MAX_BAD_SHARE * (rows + self.count):
            raise FileFormatError(
                f"{self.name}: {self.count:,} of {rows + self.count:,} rows cannot be read "
                f"({'; '.join(sorted(self.kinds)[:3])}). More than {MAX_BAD_SHARE:.0%} is not a "
                "file with a few bad rows; take it again from data.police.uk."
            )


def parse_street_file(
    name: str, data: bytes, *, encoding: str = "utf-8", on_bad_rows: OnBadRows = "refuse"
) -> Piece:
    """Parse and check the bytes of one street-level CSV.

    Raises
    ------
    FileFormatError, CoordinateError, DateError
        See :func:`hotspot.read_police_uk`.
    """
    found = STREET_NAME.match(name.rsplit("/", 1)[-1])
    month, force = (found[1], found[2]) if found else ("", "")
    if month:
        require_month(month, name)
    sha256 = hashlib.sha256(data).hexdigest()
    faults = _Faults(name, on_bad_rows)
    text, note = _clean_text(data, name, encoding)
    _require_header(text, name)
    text = _without_broken_lines(text, faults)
    rows = _parsed(text, faults)
    _require_months(rows["month"], month, name)
    _require_known_offences(rows["offence"], name)
    rows = _located_or_blank(rows, text, faults)
    faults.require_few(rows.num_rows)
    return Piece(name, sha256, force, month, rows, faults.count, note)


def require_month(month: str, where: str) -> None:
    """Refuse what is not a month, lies in the future, or is older than the source."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise DateError(f"{where}: {month!r} is not a month; expected YYYY-MM, 01 to 12.")
    if month > f"{pd.Timestamp.now():%Y-%m}":
        raise DateError(f"{where}: {month} lies in the future.")
    if int(month[:4]) < FIRST_YEAR:
        raise DateError(f"{where}: {month} is before {FIRST_YEAR}, when data.police.uk begins.")


def _clean_text(data: bytes, name: str, encoding: str) -> tuple[bytes, str]:
    """UTF-8 bytes with \\n line ends and without a byte order mark."""
    note = ""
    if not data or data.isspace():
        raise FileFormatError(f"{name} is empty: not even a header. Download it again.")
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        _require_utf8(data, name)
    else:
        data = _decoded(data, name, encoding).encode()
        note = f"decoded from {encoding}"
    if data.startswith(b"\xef\xbb\xbf"):
        data, note = data[3:], "byte order mark removed"
    if b"\r" in data:
        if data.count(b"\r") != data.count(b"\r\n"):
            line = data.count(b"\n", 0, re.search(rb"\r(?!\n)", data).start()) + 1
            raise FileFormatError(
                f"{name}, line {line}: a carriage return without a line feed. Save the file with "
                "line ends \\n or \\r\\n."
            )
        data = data.replace(b"\r\n", b"\n")
    return (data if data.endswith(b"\n") else data + b"\n"), note


def _decoded(data: bytes, name: str, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except LookupError:
        raise FileFormatError(f"encoding={encoding!r} is not known to Python.") from None
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{name}: byte {error.start} (0x{data[error.start]:02x}) on line "
            f"{data.count(bytes([10]), 0, error.start) + 1} is not {encoding}."
        ) from None


def _require_utf8(data: bytes, name: str) -> None:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise FileFormatError(
            f"{name}: byte 0 (0x{data[0]:02x}) on line 1 begins UTF-16 text, not UTF-8. "
            'Give encoding="utf-16".'
        )
    if data.isascii():
        return
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileFormatError(
            f"{name}: byte {error.start} (0x{data[error.start]:02x}) on line {line} is not UTF-8. "
            'If the file was saved by a spreadsheet, give encoding="cp1252" or "latin-1".'
        ) from None


def _require_header(text: bytes, name: str) -> None:
    first = text[: text.index(b"\n")].decode()
    if first.lstrip().startswith(("<", "{", "[")):
        kind = "an HTML or XML page" if first.lstrip().startswith("<") else "JSON"
        raise FileFormatError(
            f"{name} is {kind}, not CSV: most likely an error page that was saved as a file. "
            "Download it again."
        )
    header = [cell.strip('"') for cell in first.split(",")]
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        other = next((mark for mark in (";", "\t", "|") if first.count(mark) > 5), None)
        if other:
            raise FileFormatError(
                f"{name}: the fields are separated by {other!r}, expected commas. A spreadsheet "
                "may have saved it so; take the original from data.police.uk."
            )
        raise FileFormatError(
            f"{name}: the header lacks {missing}; it has {header[:15]}. Expected a street-level "
            "file of data.police.uk."
        )
    twice = sorted({column for column in COLUMNS if header.count(column) > 1})
    if twice:
        raise FileFormatError(f"{name}: the header has {twice} more than once.")


def _without_broken_lines(text: bytes, faults: _Faults) -> bytes:
    """`text` without the lines that hold a NUL or an odd number of quotes."""
    broken: dict[int, str] = {}
    if b"\0" in text:
        at = np.flatnonzero(np.frombuffer(text, np.uint8) == 0)
        broken |= dict.fromkeys(_lines_of(at, text).tolist(), "a NUL byte")
    if b'"' in text:
        at = np.flatnonzero(np.frombuffer(text, np.uint8) == ord('"'))
        line, quotes = np.unique(_lines_of(at, text), return_counts=True)
        broken |= dict.fromkeys(line[quotes % 2 == 1].tolist(), "a quote that is not closed")
    if not broken:
        return text
    for line in sorted(broken):
        faults.add(broken[line], f"line {line + 1}")
    lines = text.split(b"\n")
    return b"\n".join(line for i, line in enumerate(lines) if i not in broken)


def _lines_of(positions: np.ndarray, text: bytes) -> np.ndarray:
    """Number, from 0, of the line that each byte position lies on."""
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    return np.searchsorted(ends, positions)


def _parsed(text: bytes, faults: _Faults) -> pa.Table:
    wrong: list[pyarrow.csv.InvalidRow] = []
    try:
        table = _read_csv(text, _TYPES, wrong)
    except pa.ArrowInvalid as error:
        if "conversion error" not in str(error):
            raise FileFormatError(f"{faults.name} cannot be parsed as CSV: {error}.") from error
        wrong.clear()
        table = _read_csv(
            text, {**_TYPES, "Longitude": pa.string(), "Latitude": pa.string()}, wrong
        )
        table = _numbers(table, faults)
    for row in wrong:
        faults.add(
            f"{row.actual_columns} fields where {row.expected_columns} are expected",
            f"line {_line_of_row(text, row.number)}",
        )
    # NumPy counts without the interpreter's lock, bytes.count with it.
    lines = np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    if table.num_rows + len(wrong) + 1 != lines:
        blank = sum(not line.strip() for line in io.BytesIO(text))
        if table.num_rows + len(wrong) + 1 != lines - blank:
            raise FileFormatError(
                f"{faults.name}: {lines - blank:,} lines gave {table.num_rows:,} rows, so quotes "
                "have swallowed some. Take the file again from data.police.uk."
            )
    return table.select(list(COLUMNS)).rename_columns(list(COLUMNS.values()))


def _read_csv(text: bytes, types: dict[str, pa.DataType], wrong: list) -> pa.Table:
    def note_and_skip(row):
        wrong.append(row)
        return "skip"

    return pyarrow.csv.read_csv(
        pa.BufferReader(text),
        # One thread a file: files are read side by side, and only so do rows have numbers.
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=2**24),
        parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=note_and_skip),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=list(types),
            column_types=types,
            strings_can_be_null=True,
            null_values=[""],  # "NaN" and "NA" in a coordinate are faults, not blanks
            check_utf8=False,
        ),
    )


def _line_of_row(text: bytes, row: int) -> int:
    """Line of the `row`-th line that is not blank; the header is the first."""
    seen = 0
    for number, line in enumerate(io.BytesIO(text), start=1):
        seen += bool(line.strip())
        if seen == row:
            return number
    return 0


def _numbers(table: pa.Table, faults: _Faults) -> pa.Table:
    """The coordinates as numbers; what is no number becomes infinite and is judged later."""
    for column in ("Longitude", "Latitude"):
        written = table[column].combine_chunks()
        if pc.any(pc.match_substring_regex(written, r"^-?\d+,\d+$")).as_py():
            raise CoordinateError(
                f"{faults.name}: {column} has decimal commas. Write numbers with a point; "
                "the original on data.police.uk does."
            )
        number = pd.to_numeric(written.to_pandas(), errors="coerce").to_numpy(float, copy=True)
        number[~np.isfinite(number)] = np.inf
        number = pa.array(number, mask=written.is_null().to_numpy(zero_copy_only=False))
        table = table.set_column(table.column_names.index(column), column, number)
    return table


def _require_months(months: pa.ChunkedArray, expected: str, name: str) -> None:
    if months.null_count:
        raise DateError(f"{name}: {months.null_count:,} rows have no month.")
    for month in months.unique().to_pylist():
        require_month(month, name)
        if expected and month != expected:
            raise DateError(
                f"{name} holds rows of {month}. A file of data.police.uk holds the month in its "
                "name only; files may have been joined or renamed."
            )


def _require_known_offences(offences: pa.ChunkedArray, name: str) -> None:
    for offence in offences.unique().to_pylist():
        if offence not in OFFENCES:
            raise FileFormatError(
                f"{name}: {offence!r} is not a crime type of data.police.uk. "
                f"Known are {list(OFFENCES)}."
            )


def _located_or_blank(rows: pa.Table, text: bytes, faults: _Faults) -> pa.Table:
    """`rows` without those whose place or force cannot be right."""
    blank = {
        column: rows[column].is_null().to_numpy() for column in ("longitude", "latitude", "force")
    }
    x, y = (rows[column].to_numpy() for column in ("longitude", "latitude"))
    inside = in_united_kingdom(x, y)
    bad = ~(inside | (blank["longitude"] & blank["latitude"])) | blank["force"]
    if not bad.any():
        return rows
    given = ~(blank["longitude"] | blank["latitude"])
    refuse_other_systems(x[given], y[given], faults.name)
    first = int(np.flatnonzero(bad)[0])
    if blank["force"][first] and inside[first]:
        what, error = "no force in 'Falls within'", FileFormatError
    else:
        no_x, no_y = blank["longitude"][first], blank["latitude"][first]
        what, error = _place_fault(x[first], y[first], one_is_blank=no_x != no_y), CoordinateError
    faults.add(what, f"line {_line_of_row(text, first + 2)}", rows=int(bad.sum()), error=error)
    return rows.filter(pa.array(~bad))


def _place_fault(x: float, y: float, *, one_is_blank: bool) -> str:
    if one_is_blank:
        return "only one of longitude and latitude is given"
    if x == 0 and y == 0:
        return "longitude and latitude are 0, a blank that was written as a number"
    if not (np.isfinite(x) and np.isfinite(y)):
        return "a coordinate is not a finite number"
    return f"longitude {x:g}, latitude {y:g} is not in the United Kingdom"


def in_united_kingdom(longitude: np.ndarray, latitude: np.ndarray) -> BoolArray:
    """Which places lie in the box round everything that data.police.uk covers."""
    with np.errstate(invalid="ignore"):
        across = (longitude >= WEST) & (longitude <= EAST)
        return across & (latitude >= SOUTH) & (latitude <= NORTH)


def refuse_other_systems(x: np.ndarray, y: np.ndarray, name: str) -> None:
    """Refuse coordinates that look swapped, or like eastings and northings; never mend them."""
    if not x.size:
        return
    with np.errstate(invalid="ignore"):
        swapped = in_united_kingdom(y, x)
        metres = (np.abs(x) > 180) & (np.abs(y) > 90) & (np.abs(x) < 1e7) & (np.abs(y) < 1e7)
    if swapped.mean() > 0.5:
        raise CoordinateError(
            f"{name}: longitude and latitude look swapped: {swapped.mean():.0%} of the places "
            "would lie in the United Kingdom if they were exchanged. Exchange the columns."
        )
    if metres.mean() > 0.5:
        raise CoordinateError(
            f"{name}: longitude and latitude look like eastings and northings in metres (the first "
            f"is {x[0]:.0f}, {y[0]:.0f}). Build the events with Events.from_geodataframe, whose "
            "table says its reference system."
        )
