"""Answers of the data.police.uk API, which are JSON, become Events."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa
from shapely.geometry.base import BaseGeometry

from hotspot.data.events import Events
from hotspot.data.ingest import Piece, Wanted, events_of
from hotspot.data.offences import CSV_NAME_OF_SLUG, known_offences
from hotspot.data.police_uk_csv import in_united_kingdom, refuse_other_systems, require_month
from hotspot.errors import (
    CoordinateError,
    DataQualityWarning,
    FileFormatError,
    MissingFileError,
    TooFewEventsError,
)


def read_police_uk_json(
    path: str | os.PathLike[str] | Sequence[dict],
    *,
    offences: str | Iterable[str] | None = None,
    region: gpd.GeoDataFrame | gpd.GeoSeries | BaseGeometry | None = None,
    lsoas: gpd.GeoDataFrame | None = None,
    force: str = "unknown",
) -> Events:
    """Read offences from answers of the data.police.uk API.

    Takes what ``/crimes-street/...`` and ``/crimes-at-location`` answer with, and gives the
    same as :func:`hotspot.read_police_uk` gives for the files: events with their window and an
    account of every row.

    Parameters
    ----------
    path : path, or list of dict
        A .json file, a folder of them, or the offences of one answer as Python has parsed them.
    offences : str or iterable of str, optional
        Keep these, named as in the CSV files ("Burglary"). The API's slugs are translated.
    region, lsoas
        See :func:`hotspot.read_police_uk`. The API names no LSOA, so `lsoas` finds no code to
        disagree with.
    force : str
        The API does not say which force recorded an offence; say it here for ``coverage``.

    Returns
    -------
    Events
        Offences with the ``persistent_id``, or without one the ``id``, of an earlier located
        row are duplicates: answers for neighbouring places overlap.

    Raises
    ------
    FileFormatError
        If it is not JSON, not a list of offences, lacks a field, or has an unknown category.
    DateError, CoordinateError, RegionError, UnknownNameError
        See :func:`hotspot.read_police_uk`.
    TooFewEventsError
        If there is no offence at all: an empty answer does not say for which month.

    Warns
    -----
    DataQualityWarning
        See :func:`hotspot.read_police_uk`. Coverage is the months that occur; a month for
        which the API had nothing cannot be told from one that was not asked for.

    Examples
    --------
    >>> from shapely import box
    >>> answer = [
    ...     {
    ...         "category": "bicycle-theft", "month": "2024-01", "id": 7, "persistent_id": "",
    ...         "location": {"latitude": "51.5380", "longitude": "-0.1410"},
    ...     }
    ... ]
    >>> events = read_police_uk_json(answer, region=box(528_000, 183_000, 530_000, 185_000))
    >>> events.table["offence"].tolist()
    ['Bicycle theft']
    """
    wanted = Wanted(None if offences is None else known_offences(offences), region, lsoas)
    skipped: dict[str, str] = {}
    pieces = [_piece(name, data, force) for name, data in _answers(path, skipped)]
    if not any(piece.rows.num_rows for piece in pieces):
        raise TooFewEventsError(
            "There is no offence in the answer, so not even its month is known. Ask the API for "
            "months and places that have some."
        )
    events, doubts = events_of(pieces, wanted, skipped=skipped, name="data.police.uk, API")
    for doubt in doubts:
        warnings.warn(doubt, DataQualityWarning, stacklevel=2)
    return events


def _answers(source: object, skipped: dict[str, str]) -> list[tuple[str, bytes | list]]:
    if not isinstance(source, str | os.PathLike):
        return [("answer", list(source))]
    path = Path(source)
    if not path.exists():
        raise MissingFileError(f"There is no file or folder at {path}.")
    if path.is_file():
        return [(path.name, path.read_bytes())]
    files = sorted(file for file in path.rglob("*") if file.is_file())
    found = []
    for file in files:
        name = file.relative_to(path).as_posix()
        if file.suffix.lower() == ".json":
            found.append((name, file.read_bytes()))
        else:
            skipped[name] = "not JSON"
    if not found:
        raise FileFormatError(f"{path} holds no .json file.")
    return found


def _piece(name: str, data: bytes | list, force: str) -> Piece:
    if isinstance(data, bytes):
        sha256 = hashlib.sha256(data).hexdigest()
        rows = _parsed(name, data)
    else:
        sha256 = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
        rows = data
    columns: dict[str, list] = {key: [] for key in ("id", "month", "offence")}
    longitude, latitude = np.full((2, len(rows)), np.nan)
    for i, row in enumerate(rows):
        where = f"{name}, offence {i + 1}"
        for key, value in zip(columns, _fields(row, where), strict=True):
            columns[key].append(value)
        longitude[i], latitude[i] = _place(row["location"], where)
    for month in set(columns["month"]):
        require_month(month, name)
    _require_in_united_kingdom(longitude, latitude, name)
    coded = {
        "month": columns["month"],
        "force": [force] * len(rows),
        "lsoa_code": [None] * len(rows),
        "offence": columns["offence"],
    }
    table = {
        "id": pa.array(columns["id"], pa.string()),
        "longitude": pa.array(longitude),
        "latitude": pa.array(latitude),
        **{key: pa.array(values, pa.string()).dictionary_encode() for key, values in coded.items()},
    }
    return Piece(name, sha256, force="", month="", rows=pa.table(table))


def _parsed(name: str, data: bytes) -> list:
    try:
        # Python's parser lets NaN and Infinity through, which JSON does not know.
        rows = json.loads(data, parse_constant=_not_json)
    except ValueError as error:  # also bytes that are not UTF-8
        kind = "an HTML page" if data.lstrip()[:1] == b"<" else "not JSON"
        raise FileFormatError(
            f"{name} is {kind} ({error}). It may be an error page or cut short; ask the API again."
        ) from None
    if not isinstance(rows, list):
        raise FileFormatError(f"{name} holds a {type(rows).__name__}, expected a list of offences.")
    return rows


def _not_json(constant: str) -> float:
    raise ValueError(f"{constant} is not a number in JSON")


def _fields(row: object, where: str) -> tuple[str | None, str, str]:
    """Identity, month and offence of one row."""
    wanted = ("category", "month", "location")
    if not isinstance(row, dict) or not set(wanted) <= row.keys():
        has = sorted(row) if isinstance(row, dict) else type(row).__name__
        raise FileFormatError(f"{where} lacks one of {list(wanted)}; it has {has}.")
    offence = CSV_NAME_OF_SLUG.get(row["category"])
    if offence is None:
        raise FileFormatError(
            f"{where}: {row['category']!r} is not a category of the API. Known are "
            f"{sorted(CSV_NAME_OF_SLUG)}."
        )
    persistent, numeric = row.get("persistent_id"), row.get("id")
    identity = persistent or (None if numeric is None else f"id {numeric}")
    return identity, str(row["month"]), offence


def _place(location: object, where: str) -> tuple[float, float]:
    if location is None:
        return np.nan, np.nan
    try:
        place = float(location["longitude"]), float(location["latitude"])
    except (KeyError, TypeError, ValueError):
        raise CoordinateError(
            f"{where}: the location is not two numbers, 'longitude' and 'latitude'."
        ) from None
    if not np.isfinite(place).all():
        raise CoordinateError(f"{where}: a coordinate is not a finite number.")
    return place


def _require_in_united_kingdom(longitude: np.ndarray, latitude: np.ndarray, name: str) -> None:
    given = np.isfinite(longitude)
    refuse_other_systems(longitude[given], latitude[given], name)
    far = given & ~in_united_kingdom(longitude, latitude)
    if far.any():
        i = int(np.flatnonzero(far)[0])
        raise CoordinateError(
            f"{name}, offence {i + 1}: longitude {longitude[i]:g}, latitude {latitude[i]:g} is not "
            "in the United Kingdom."
        )
