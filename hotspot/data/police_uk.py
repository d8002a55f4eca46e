"""Street-level archives of data.police.uk, of any force, become Events."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import geopandas as gpd
from shapely.geometry.base import BaseGeometry

from hotspot.data.archives import Member, members
from hotspot.data.events import Events
from hotspot.data.ingest import Piece, Wanted, events_of
from hotspot.data.offences import known_offences
from hotspot.data.police_uk_csv import STREET_NAME, OnBadRows, parse_street_file
from hotspot.errors import DataQualityWarning, FileFormatError, ParameterError

_OTHER_KINDS = ("-outcomes.csv", "-stop-and-search.csv")


def read_police_uk(
    path: str | os.PathLike[str],
    *,
    offences: str | Iterable[str] | None = None,
    region: gpd.GeoDataFrame | gpd.GeoSeries | BaseGeometry | None = None,
    lsoas: gpd.GeoDataFrame | None = None,
    encoding: str = "utf-8",
    on_bad_rows: OnBadRows = "refuse",
    progress: bool = False,
) -> Events:
    """Read the offences that police forces published by street and month.

    Reads the street-level files of a data.police.uk download and answers with events, the
    window they were recorded in, and an account of every row. Six columns are kept: month,
    longitude, latitude, LSOA code, crime type and the force it falls within. What comes near a
    person (Crime ID, location text, last outcome, context) is dropped; the Crime ID is used
    once, in memory, to find repeated rows.

    Parameters
    ----------
    path : path
        A folder (with all folders in it), a zip, a tar (.tar, .gz, .xz, .bz2) or one .csv or
        .csv.gz. Files are known by their name, ``YYYY-MM-<force>-street.csv``; the outcomes
        and stop-and-search files of an archive stand in the report as skipped. Nothing is
        unpacked to disk.
    offences : str or iterable of str, optional
        Keep these crime types, named as police.uk names them ("Burglary").
    region : GeoDataFrame, GeoSeries or (Multi)Polygon, optional
        The region that was observed; events outside are dropped and counted. A bare polygon
        is taken to be in EPSG:27700. Without it the convex hull of the events, widened by the
        snap spacing, stands for it, with a warning.
    lsoas : GeoDataFrame, optional
        Polygons with a column ``code`` (:func:`hotspot.load_lsoas`). Then the report counts
        in ``lsoa_disagrees`` the kept rows whose published code is not that of the polygon
        they lie in. Nothing is dropped for it.
    encoding : str
        Of the files; police.uk publishes UTF-8.
    on_bad_rows : {"refuse", "drop"}
        What becomes of a row that cannot be read. Dropped rows are counted; a file in which
        more than 1 % are bad is refused either way.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Events
        ``table`` with ``time`` (first instant of the month in London, as UTC), ``offence``,
        ``geometry`` (EPSG:27700), ``force``, ``lsoa_code``. ``place_resolution`` is the
        estimated snap spacing, sqrt(area of the region / distinct places), in metres.
        ``report`` has one row a file, in which ``rows_in`` is the sum of ``rows_kept`` and one
        column per reason a row was dropped for (:data:`hotspot.data.ingest.REASONS`).

    Raises
    ------
    MissingFileError
        If there is nothing at `path`.
    FileFormatError
        If a file is not a street-level CSV: encoding, separator, header, row length, quotes,
        an unknown crime type, an error page; if two files are of one force and month and
        differ; if there is none.
    ArchiveError
        If an archive is corrupt, encrypted or unsafe.
    DateError
        If a month is not one, lies in the future, or is not the one in the file's name.
    CoordinateError
        If coordinates are swapped, in metres, or not in the United Kingdom; if over 20 % are
        missing; if none lies in `region`.
    UnknownNameError
        If one of `offences` is not a crime type; the message lists the near ones.
    RegionError
        If `region` is empty, invalid or has no CRS in metres.
    TooFewEventsError
        If no `region` is given and the events span no area.
    ParameterError
        If `on_bad_rows` is another word.

    Warns
    -----
    DataQualityWarning
        Force-months missing inside the window, over 5 % of rows without a place, no region
        given, CSV files with unknown names. Settle it by looking at ``report`` and
        ``coverage``.

    Notes
    -----
    Rows with the Crime ID of an earlier located row are duplicates, and the first stands
    (files in order of month, then force). Rows without an ID are never duplicates. Reading
    with `offences` keeps the same rows as reading everything and selecting afterwards.

    Time and memory grow with the bytes: two to three times what pyarrow needs to parse them
    (``benchmarks/reading.py``), and about 0.4 KB of memory a row.

    See Also
    --------
    read_police_uk_json : The same from the answers of the API.
    Events.from_geodataframe : A table of your own, with exact times.

    References
    ----------
    https://data.police.uk/about/#columns

    Tompson, L., Johnson, S., Ashby, M., Perkins, C., & Edwards, P. (2015). UK open source
    crime data: accuracy and possibilities for research. Cartography and Geographic
    Information Science, 42(2), 97-111. https://doi.org/10.1080/15230406.2014.972456

    Examples
    --------
    >>> from hotspot import load_boroughs, read_police_uk, sample_path
    >>> events = read_police_uk(
    ...     sample_path("police_uk/archive.zip"),  # simulated, in the layout of an archive
    ...     offences=["Burglary", "Robbery"],
    ...     region=load_boroughs(["Camden", "Islington", "Hackney"]),
    ... )
    >>> source = events.source
    >>> source.rows_in == source.rows_kept + sum(source.dropped.values())
    True
    >>> sorted(events.table["offence"].unique())
    ['Burglary', 'Robbery']
    """
    if on_bad_rows not in ("refuse", "drop"):
        raise ParameterError(f'on_bad_rows must be "refuse" or "drop", got {on_bad_rows!r}.')
    wanted = Wanted(None if offences is None else known_offences(offences), region, lsoas)
    path = Path(path)
    skipped: dict[str, str] = {}
    pieces = _parsed(path, skipped, progress, encoding=encoding, on_bad_rows=on_bad_rows)
    pieces = _one_of_each(sorted(pieces, key=_order), skipped)
    if not pieces:
        raise FileFormatError(
            f"{path} holds no street-level file. Expected names like "
            f"2019-01-metropolitan-street.csv{_what_there_is(skipped)}."
        )
    name = "data.police.uk, street-level files"
    events, doubts = events_of(pieces, wanted, skipped=skipped, name=name)
    unknown = [file for file, why in skipped.items() if why.startswith("unknown")]
    if unknown:
        doubts.append(
            f"{len(unknown)} files were skipped for their names, the first {unknown[0]}; expected "
            "names like 2019-01-metropolitan-street.csv."
        )
    for doubt in doubts:
        warnings.warn(doubt, DataQualityWarning, stacklevel=2)
    return events


def _order(piece: Piece) -> tuple[str, str, str]:
    return piece.month, piece.force, piece.name


def _is_street_file(name: str) -> bool:
    return STREET_NAME.match(name.rsplit("/", 1)[-1]) is not None


def _parsed(path: Path, skipped: dict[str, str], progress: bool, **options) -> list[Piece]:
    """Every street-level file at `path`, parsed side by side; the names of others in `skipped`.

    Reading, hashing and parsing release the interpreter's lock, so threads are enough. At
    most a few files wait at a time, which bounds the memory of an archive that streams.
    """
    workers = min(8, os.cpu_count() or 1)
    pieces: list[Piece] = []
    with ThreadPoolExecutor(workers) as pool:
        waiting: list[Future[Piece]] = []
        try:
            for member in _with_bar(members(path, _is_street_file), progress):
                if member.load is None:
                    skipped[member.name] = _why_skipped(member.name)
                    continue
                waiting.append(pool.submit(_load_and_parse, member, options))
                if len(waiting) > 4 * workers:
                    pieces.append(waiting.pop(0).result())
            pieces += [future.result() for future in waiting]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return pieces


def _load_and_parse(member: Member, options: dict) -> Piece:
    return parse_street_file(member.name, member.load(), **options)


def _with_bar(items: Iterator[Member], progress: bool) -> Iterator[Member]:
    if not progress:
        return items
    from tqdm.auto import tqdm

    return iter(tqdm(items, desc="reading", unit=" files"))


def _why_skipped(name: str) -> str:
    base = name.rsplit("/", 1)[-1]
    if base.startswith(".") or "__MACOSX" in name:
        return "hidden file"
    if base.endswith(_OTHER_KINDS):
        return "not street-level"
    if base.endswith((".csv", ".csv.gz")):
        return "unknown name"
    if base.endswith((".zip", ".tar", ".gz", ".xz", ".bz2", ".tgz")):
        return "unknown name: an archive; read it by itself"
    return "not a CSV"


def _one_of_each(pieces: Sequence[Piece], skipped: dict[str, str]) -> list[Piece]:
    """`pieces` with one file for each force and month; copies are skipped, rivals refused.

    Rows without a Crime ID cannot be de-duplicated, so a month read twice would count twice.
    """
    chosen: dict[tuple, Piece] = {}
    for piece in pieces:
        key = (piece.force, piece.month) if piece.month else (piece.sha256,)
        first = chosen.setdefault(key, piece)
        if first is piece:
            continue
        if first.sha256 != piece.sha256:
            raise FileFormatError(
                f"{first.name} and {piece.name} are of one force and month but differ. Archives "
                "of different dates hold revised months; keep one of them."
            )
        skipped[piece.name] = f"same bytes as {first.name}"
    return list(chosen.values())


def _what_there_is(skipped: dict[str, str]) -> str:
    if not skipped:
        return "; it is empty"
    return "; it has " + ", ".join(f"{name} ({why})" for name, why in list(skipped.items())[:5])
