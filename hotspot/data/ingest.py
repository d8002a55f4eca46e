"""Rows of many files become Events, and every row that does not is counted by reason.

Both readers of police.uk end here. For each row the first of :data:`REASONS` that applies is
the one it is dropped for, so that rows in = rows kept + rows dropped, per file and in total.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from shapely.geometry.base import BaseGeometry

from hotspot._checks import region_polygon
from hotspot._typing import BoolArray, IntArray
from hotspot.data.duplicates import duplicates, id_groups
from hotspot.data.events import Events, Source
from hotspot.data.snap_points import NATIONAL_GRID, SnapPoints, spacing_of
from hotspot.errors import CoordinateError, RegionError, TooFewEventsError

# The order is the order of precedence. The three kinds of duplicate are rows whose Crime ID was
# seen before. Published files hold them all: the same row twice; the same offence with a revised
# outcome; and (City of London, 2018) one ID with several places. One ID is one offence here, so the
# first located row stands. A row without an ID is never a duplicate: two offences of one kind at
# one map point in one month are nothing unusual.
DUPLICATES = (
    "duplicate",
    "duplicate in another month",
    "duplicate with another place or offence",
)
REASONS = ("bad row", "other offence", "no location", *DUPLICATES, "outside region")
WARN_UNLOCATED = 0.05
MAX_UNLOCATED = 0.20
LICENCE = "Open Government Licence v3.0"
TIME_ZONE = "Europe/London"


@dataclass(frozen=True, eq=False)
class Piece:
    """The rows that could be read of one file.

    Attributes
    ----------
    name, sha256 : str
        Name inside the folder or archive; hash of the bytes as they were read.
    force, month : str
        From the name, ``YYYY-MM-<force>-street.csv``; empty where it has another name.
    rows : Table
        ``id`` (text), ``longitude``, ``latitude`` (float64, NaN or null where no place was
        published), ``month``, ``force``, ``lsoa_code``, ``offence`` (dictionary-encoded text).
    bad_rows : int
        Rows that could not be read.
    note : str
        What was corrected on the way.
    """

    name: str
    sha256: str
    force: str
    month: str
    rows: pa.Table
    bad_rows: int = 0
    note: str = ""


@dataclass(frozen=True, eq=False)
class Wanted:
    """What the caller asked a reader for; see :func:`hotspot.read_police_uk`."""

    offences: Sequence[str] | None = None
    region: object = None
    lsoas: gpd.GeoDataFrame | None = None


def events_of(
    pieces: Sequence[Piece], wanted: Wanted, *, skipped: Mapping[str, str], name: str
) -> tuple[Events, list[str]]:
    """De-duplicate, filter, project and label the rows of `pieces`, in their order.

    Returns
    -------
    Events, list of str
        The second says what is doubtful, for the reader to warn of.
    """
    rows = pa.concat_tables([piece.rows for piece in pieces]).unify_dictionaries()
    piece_of_row = np.repeat(np.arange(len(pieces)), [piece.rows.num_rows for piece in pieces])
    with ThreadPoolExecutor(1) as pool:  # the two longest steps, side by side
        grouping = pool.submit(id_groups, rows["id"])
        points = SnapPoints.of(rows["longitude"].to_numpy(), rows["latitude"].to_numpy())
        group = grouping.result()
    code = {column: _codes(rows[column]) for column in ("month", "offence", "force", "lsoa_code")}
    doubts = _unlocated_doubt(~points.located, piece_of_row, pieces)

    dropped = np.zeros(len(piece_of_row), np.int8)
    again, kind = duplicates(group, points.of_row, code["month"][0], code["offence"][0])
    dropped[again] = REASONS.index("duplicate") + 1 + kind
    dropped[~points.located] = REASONS.index("no location") + 1
    if wanted.offences is not None:
        named = np.isin(code["offence"][1].astype(str), list(wanted.offences))
        dropped[~named[code["offence"][0]]] = REASONS.index("other offence") + 1
    if wanted.region is None:
        region = _hull(points, dropped == 0)
        doubts.append(
            "No region was given, so the convex hull of the events stands for it. Points cannot "
            "tell where nobody looked: give the region that the force covers, region=..."
        )
    else:
        region = _on_national_grid(wanted.region)
        _mark_outside(dropped, points, region)

    kept = np.flatnonzero(dropped == 0)
    report = _report(pieces, piece_of_row, dropped)
    table = _table(points, code, kept)
    if wanted.lsoas is not None:
        disagrees = _lsoa_disagrees(table, points.of_row[kept], wanted.lsoas)
        report["lsoa_disagrees"] = np.bincount(piece_of_row[kept][disagrees], minlength=len(pieces))
    coverage = _coverage(pieces)
    start, end = month_span(coverage["month"])
    events = Events(
        table=table,
        region=region,
        start=start,
        end=end,
        time_resolution="month",
        place_resolution=spacing_of(region, points.used_by(kept).sum()),
        coverage=coverage,
        time_zone=TIME_ZONE,
        source=_source(report, name),
        report=_with_skipped(report, skipped),
    )
    return events, doubts + _coverage_doubt(coverage, start, end)


def _codes(column: pa.ChunkedArray) -> tuple[IntArray, np.ndarray]:
    """Codes (-1 for blank) and names of a dictionary column."""
    whole = column.combine_chunks()
    return whole.indices.fill_null(-1).to_numpy(), np.asarray(whole.dictionary.to_pylist(), object)


def _unlocated_doubt(unlocated: BoolArray, piece: IntArray, pieces: Sequence[Piece]) -> list[str]:
    """A sentence on rows without a place, or an error where they are too many to go on."""
    share = unlocated.mean() if unlocated.size else 0.0
    if share <= WARN_UNLOCATED:
        return []
    rows = np.bincount(piece, minlength=len(pieces))
    by_piece = np.bincount(piece[unlocated], minlength=len(pieces)) / np.maximum(rows, 1)
    said = (
        f"{share:.1%} of the rows have no coordinates (most in {pieces[by_piece.argmax()].name}, "
        f"{by_piece.max():.0%})"
    )
    if share > MAX_UNLOCATED:
        raise CoordinateError(
            f"{said}. Over {MAX_UNLOCATED:.0%} a map of the rest says little; look at the files, "
            "and leave out those months if they were published so."
        )
    return [f"{said}. They are counted as 'no location' and never placed."]


def _hull(points: SnapPoints, kept: BoolArray) -> BaseGeometry:
    used = np.flatnonzero(points.used_by(kept))
    hull = shapely.convex_hull(shapely.multipoints(np.c_[points.x[used], points.y[used]]))
    if hull.area == 0:
        raise TooFewEventsError(
            f"{kept.sum():,} located events in {used.size} distinct places span no area, so the "
            "region cannot be guessed. Give it: region=..."
        )
    return hull.buffer(spacing_of(hull, used.size))


def _on_national_grid(region: object) -> BaseGeometry:
    polygon, crs = region_polygon(region)
    if crs.equals(f"EPSG:{NATIONAL_GRID}"):
        return polygon
    return gpd.GeoSeries([polygon], crs=crs).to_crs(NATIONAL_GRID).iloc[0]


def _mark_outside(dropped: np.ndarray, points: SnapPoints, region: BaseGeometry) -> None:
    candidate = dropped == 0
    outside = candidate & ~points.inside(region)[points.of_row]
    if candidate.any() and not (candidate & ~outside).any():
        west, south, east, north = region.bounds
        raise CoordinateError(
            f"None of the {candidate.sum():,} located events lies in the region (x {west:.0f} to "
            f"{east:.0f}, y {south:.0f} to {north:.0f}, metres on the National Grid). Is it the "
            "region of this force, and in EPSG:27700?"
        )
    dropped[outside] = REASONS.index("outside region") + 1


def _report(pieces: Sequence[Piece], piece_of_row: IntArray, dropped: np.ndarray) -> pd.DataFrame:
    """One row a file; rows_in = rows_kept + the columns of :data:`REASONS`."""
    width = len(REASONS) + 1
    counts = np.bincount(piece_of_row * width + dropped, minlength=len(pieces) * width)
    counts = counts.reshape(len(pieces), width)
    names = _force_names(pieces)
    report = pd.DataFrame(
        {
            "file": [piece.name for piece in pieces],
            "force": [names.get(piece.force, piece.force) for piece in pieces],
            "month": [_months_of(piece) for piece in pieces],
            "rows_in": [piece.rows.num_rows + piece.bad_rows for piece in pieces],
            "rows_kept": counts[:, 0],
            **{reason: counts[:, 1 + i] for i, reason in enumerate(REASONS)},
            "sha256": [piece.sha256 for piece in pieces],
            "skipped": "",
            "note": [piece.note for piece in pieces],
        }
    )
    report["bad row"] = [piece.bad_rows for piece in pieces]
    return report


def _months_of(piece: Piece) -> str:
    if piece.month:
        return piece.month
    months = sorted(piece.rows["month"].unique().to_pylist())
    return months[0] if len(months) == 1 else " to ".join(months[:1] + months[-1:])


def _with_skipped(report: pd.DataFrame, skipped: Mapping[str, str]) -> pd.DataFrame:
    """`report` with a row of zeros for each file that was not read, and why."""
    if not skipped:
        return report
    blank = {
        name: 0 if pd.api.types.is_integer_dtype(kind) else ""
        for name, kind in report.dtypes.items()
    }
    rows = [{**blank, "file": file, "skipped": why} for file, why in skipped.items()]
    return pd.concat([report, pd.DataFrame(rows)], ignore_index=True).astype(report.dtypes)


def _source(report: pd.DataFrame, name: str) -> Source:
    whole = hashlib.sha256("".join(sorted(report["sha256"])).encode())
    return Source(
        name=name,
        licence=LICENCE,
        sha256=whole.hexdigest(),
        rows_in=int(report["rows_in"].sum()),
        rows_kept=int(report["rows_kept"].sum()),
        dropped={reason: int(report[reason].sum()) for reason in REASONS},
    )


def _table(points: SnapPoints, code: Mapping, kept: IntArray) -> gpd.GeoDataFrame:
    months = code["month"][1]
    instants = pd.DatetimeIndex([local_month(month) for month in months]).as_unit("us")
    place = shapely.points(points.x, points.y)[points.of_row[kept]]
    columns = {"time": pd.Series(instants.take(code["month"][0][kept]))}
    for column in ("offence", "force", "lsoa_code"):
        codes, names = code[column]
        picked = pa.array(codes[kept], mask=codes[kept] < 0)
        columns[column] = pa.array(names, pa.string()).take(picked).to_pandas()
    return gpd.GeoDataFrame(
        {"time": columns["time"], "offence": columns["offence"]},
        geometry=gpd.array.GeometryArray(place, crs=NATIONAL_GRID),
    ).assign(force=columns["force"], lsoa_code=columns["lsoa_code"])


def _lsoa_disagrees(table: gpd.GeoDataFrame, place: IntArray, lsoas: gpd.GeoDataFrame) -> BoolArray:
    """Which rows carry another LSOA code than the polygon they lie in; none where no polygon is."""
    if "code" not in lsoas or lsoas.crs is None:
        raise RegionError("`lsoas` needs a column 'code', polygons and a CRS; see load_lsoas().")
    polygons = lsoas.to_crs(NATIONAL_GRID)
    distinct, first = np.unique(place, return_index=True)
    points = table.geometry.to_numpy()[first]
    which, polygon = shapely.STRtree(polygons.geometry.to_numpy()).query(points, "intersects")
    pairs = pd.DataFrame({"place": distinct[which], "code": polygons["code"].to_numpy()[polygon]})
    published = pd.DataFrame({"place": place, "code": table["lsoa_code"].to_numpy()})
    met = pd.MultiIndex.from_frame(published).isin(pd.MultiIndex.from_frame(pairs))
    judged = np.isin(place, distinct[which]) & table["lsoa_code"].notna().to_numpy()
    return judged & ~met


def _force_names(pieces: Sequence[Piece]) -> dict[str, str]:
    """What each force in the file names calls itself in 'Falls within', most often."""
    said: dict[str, Counter] = {}
    for piece in pieces:
        for one in piece.rows["force"].value_counts().to_pylist():
            said.setdefault(piece.force, Counter())[one["values"]] += one["counts"]
    return {force: counter.most_common(1)[0][0] for force, counter in said.items()}


def _coverage(pieces: Sequence[Piece]) -> pd.DataFrame:
    """Which force-months are present: by file name, or by the rows where the name is silent."""
    names = _force_names(pieces)
    rows: Counter = Counter()
    for piece in pieces:
        if piece.month:
            force = names.get(piece.force, piece.force)
            rows[force, piece.month] += piece.rows.num_rows + piece.bad_rows
        else:
            pairs = piece.rows.select(["force", "month"]).to_pandas().astype(str)
            rows.update(pairs.value_counts().to_dict())
    ordered = sorted(rows)
    return pd.DataFrame(
        {
            "force": [force for force, _ in ordered],
            "month": [month for _, month in ordered],
            "rows": np.asarray([rows[key] for key in ordered], np.int64),
        }
    )


def _coverage_doubt(coverage: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
    """A sentence on force-months inside the window that have no file, or a file without rows."""
    first, last = (
        edge.tz_convert(TIME_ZONE).tz_localize(None)
        for edge in (start, end - pd.Timedelta(1, "us"))
    )
    months = set(pd.period_range(first, last, freq="M").astype(str))
    doubts = []
    for force, present in coverage.groupby("force")["month"]:
        missing = sorted(months - set(present))
        if missing:
            doubts.append(f"{force}: {_some(missing)} missing")
    empty = coverage[coverage["rows"] == 0]
    doubts += [f"{force}: {month} has no rows" for force, month in empty[["force", "month"]].values]
    if not doubts:
        return []
    return [
        f"{'; '.join(doubts)}. A month that was not published is not a month without offences; "
        "Events.coverage says which are present."
    ]


def _some(months: Sequence[str]) -> str:
    return ", ".join(months[:6]) + (f" and {len(months) - 6} more" if len(months) > 6 else "")


def month_span(months: pd.Series) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First instant of the first month and last of the last, local months told in UTC."""
    after = pd.Period(months.max(), "M") + 1
    return local_month(months.min()), local_month(str(after))


def local_month(month: str) -> pd.Timestamp:
    """The instant at which a month begins in London, in UTC."""
    return pd.Timestamp(f"{month}-01").tz_localize(TIME_ZONE).tz_convert("UTC")
