"""Somebody's file becomes rows: columns, outlines if it has them, and what it says of itself."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from hotspot.errors import (
    FileFormatError,
    GridError,
    MissingFileError,
    ParameterError,
    RegionError,
    UnknownNameError,
)
from hotspot.grid.cells import MAX_CELLS

# What a file may state of itself, under the names that save_forecast uses.
STATED = ("issued_at", "data_cutoff", "model", "time_zone", "crs", "cell_size")
_OWN = (".nc", ".zarr")
_TABLES = (".csv",)
_PARQUET = (".parquet", ".geoparquet")
_RASTERS = (".tif", ".tiff")
_VECTORS = (".geojson", ".json", ".gpkg", ".shp")
_HEAD = 1_000_000  # characters of a GeoJSON in which what it states of itself must stand


@dataclass(frozen=True)
class Rows:
    """What a file holds, row by row.

    Attributes
    ----------
    table : DataFrame
        Columns as the file names them.
    geometry : (n,) array of Polygon, or None
        Outlines, where the file has them.
    crs : CRS or None
        Of the outlines, or of the coordinates; None where the file does not say.
    stated : dict
        What the file says of itself; see :data:`STATED`.
    pixel : float or None
        Side of a raster's square cells.
    """

    table: pd.DataFrame
    geometry: np.ndarray | None = None
    crs: CRS | None = None
    stated: dict[str, str] = field(default_factory=dict)
    pixel: float | None = None


def read_rows(path: Path, *, bands: Mapping[str, object] | None) -> Rows:
    """Read any of the known formats.

    Raises
    ------
    MissingFileError
        If there is nothing at `path`.
    ParameterError
        If its suffix is not known.
    FileFormatError
        If it is damaged, empty, or not what its suffix says.
    """
    if not path.exists():
        raise MissingFileError(f"There is no forecast at {path}.")
    suffix = path.suffix.lower()
    known = (*_TABLES, *_PARQUET, *_RASTERS, *_VECTORS, *_OWN)
    if suffix not in known:
        raise ParameterError(f"{path.name!r} ends in none of {', '.join(known)}.")
    if path.is_file() and path.stat().st_size == 0:
        raise FileFormatError(f"{path.name} is empty.")
    if suffix in _OWN:
        rows = _own(path)
    elif suffix in _RASTERS:
        rows = _raster(path, bands or {})
    elif suffix in _TABLES:
        rows = _csv(path)
    else:
        rows = _outlines(path, suffix)
    if len(rows.table) == 0:
        raise FileFormatError(f"{path.name} holds no row: nothing is forecast.")
    return rows


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes; of the sorted files of a folder."""
    whole = hashlib.sha256()
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    for one in files:
        if one != path:
            whole.update(one.relative_to(path).as_posix().encode())
        whole.update(one.read_bytes())
    return whole.hexdigest()


def crs_named(value: object, *, what: str) -> CRS:
    """A reference system, or a `RegionError` that names what was given."""
    try:
        return CRS.from_user_input(value)
    except CRSError as error:
        raise RegionError(f"{what}={str(value)[:80]!r} is no reference system.") from error


def _own(path: Path) -> Rows:
    from hotspot.forecast.export import load_forecast
    from hotspot.forecast.layers import cell_table

    forecast = load_forecast(path)
    table = cell_table(forecast)
    return _with_own_centres(table, {"hotspot": forecast.attrs})


def _csv(path: Path) -> Rows:
    """All as text. Rows longer or shorter than the header would move values to other columns."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in csv.reader(file, strict=True) if line]
    except (ValueError, csv.Error) as error:
        raise FileFormatError(f"{path.name} cannot be read as CSV in UTF-8: {error}") from error
    if not lines:
        raise FileFormatError(f"{path.name} is empty.")
    header, *lines = lines
    wrong = [i for i, line in enumerate(lines, start=1) if len(line) != len(header)]
    if wrong:
        raise FileFormatError(
            f"{path.name} cannot be read as CSV: row {wrong[0]} has {len(lines[wrong[0] - 1])} "
            f"values, the header {len(header)}. Decimals need a point, not a comma."
        )
    if len(set(header)) < len(header):
        raise FileFormatError(f"{path.name} has two columns of one name: {header}.")
    table = pd.DataFrame(lines, columns=header, dtype=object)
    for name in table.columns:
        if str(name).strip().lower() in ("geometry", "wkt"):
            try:
                outlines = shapely.from_wkt(table[name].to_numpy(object))
            except (shapely.errors.ShapelyError, TypeError) as error:
                raise FileFormatError(
                    f"Column {name!r} of {path.name} holds an outline that is no WKT: {error}"
                ) from error
            return Rows(table.drop(columns=name), geometry=outlines)
    return Rows(table)


def _outlines(path: Path, suffix: str) -> Rows:
    try:
        is_parquet = suffix in _PARQUET
        table = gpd.read_parquet(path) if is_parquet else gpd.read_file(path)
        attributes = dict(table.attrs)
        if suffix in (".geojson", ".json"):
            attributes = {"hotspot": _head_of_geojson(path).get("hotspot")}
    except Exception as error:  # each of the readers raises its own
        raise FileFormatError(
            f"{path.name} cannot be read as {suffix[1:]} with outlines: {error}"
        ) from error
    if not isinstance(table, gpd.GeoDataFrame):
        raise FileFormatError(f"{path.name} holds no outlines.")
    return _with_own_centres(table, attributes)


def _head_of_geojson(path: Path) -> dict[str, object]:
    """Members of a collection before its features; those may be hundreds of megabytes."""
    with path.open(encoding="utf-8") as file:
        head, features, _ = file.read(_HEAD).partition('"features"')
    try:
        members = json.loads(head.rstrip().rstrip(",") + "}") if features else {}
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _with_own_centres(table: gpd.GeoDataFrame, attributes: Mapping[str, object]) -> Rows:
    """Rows with outlines; by their centres where the file states the grid that it was made on.

    In longitude and latitude squares are no squares any more, and their corners are rounded: the
    centres of a forecast that was saved by this library are as they were.
    """
    own = attributes.get("hotspot")
    stated = {name: str(own[name]) for name in STATED if isinstance(own, dict) and name in own}
    columns = pd.DataFrame(table.drop(columns=table.geometry.name))
    if {"crs", "cell_size"} <= set(stated) and {"x", "y"} <= set(columns.columns):
        return Rows(columns, crs=crs_named(stated["crs"], what="crs"), stated=stated)
    crs = None if table.crs is None else CRS.from_user_input(table.crs)
    # GeoJSON is in degrees by definition, and often is not.
    if crs is not None and crs.is_geographic and np.abs(table.total_bounds).max() > 360:
        crs = None
    return Rows(columns, geometry=table.geometry.to_numpy(), crs=crs, stated=stated)


def _raster(path: Path, told: Mapping[str, object]) -> Rows:
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(path) as raster:
            if raster.width * raster.height * raster.count > 20 * MAX_CELLS:
                raise GridError(f"{path.name} holds more than {20 * MAX_CELLS:,} values.")
            bands = _named_bands(raster, told)
            # All at once: with bands interleaved by pixel, reading one would decode them all.
            layers = raster.read(list(bands), masked=True)
            values = dict(zip(bands, layers, strict=True))
            transform, crs = raster.transform, raster.crs
            stated = {name: raster.tags()[name] for name in STATED if name in raster.tags()}
    except RasterioError as error:
        raise FileFormatError(f"{path.name} cannot be read as GeoTIFF: {error}") from error
    table = _band_table(bands, values)
    row, column = table.pop("row").to_numpy(), table.pop("column").to_numpy()
    table["x"], table["y"] = _placed(transform, column + 0.5, row + 0.5)
    system = None if crs is None else CRS.from_user_input(crs.to_wkt())
    square = transform.b == transform.d == 0 and np.isclose(transform.a, -transform.e, rtol=1e-9)
    if square and not (system is not None and system.is_geographic):
        return Rows(table, crs=system, stated=stated, pixel=abs(transform.a))
    steps = ((0, 0), (1, 0), (1, 1), (0, 1))
    corners = [np.stack(_placed(transform, column + i, row + j), axis=-1) for i, j in steps]
    outlines = shapely.polygons(np.stack(corners, axis=1))
    return Rows(table.drop(columns=["x", "y"]), geometry=outlines, crs=system, stated=stated)


def _placed(transform, column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b, c, d, e, f = tuple(transform)[:6]
    return c + a * column + b * row, f + d * column + e * row


def _named_bands(raster, told: Mapping[str, object]) -> dict[int, tuple[str, str, str]]:
    """For each band that is wanted, its column's name, and start and end of its period."""
    numbers = {value: meaning for meaning, value in told.items() if isinstance(value, int)}
    missing = [number for number in numbers if number not in raster.indexes]
    if missing:
        raise UnknownNameError(
            f"columns: there is no band {missing[0]}; the raster has {raster.count}, from 1."
        )
    bands = {}
    for number, description in zip(raster.indexes, raster.descriptions, strict=True):
        tags = raster.tags(number)
        name = tags.get("variable", description or f"band {number}")
        if name == "count_quantile" and "quantile" in tags:
            name = f"q{tags['quantile']}"
        bands[number] = (numbers.get(number, name), tags.get("time", ""), tags.get("time_end", ""))
    return bands


def _band_table(bands: dict, values: dict) -> pd.DataFrame:
    """One row a cell and period, a column for each name; masked cells are left out."""
    periods = sorted({(start, end) for _, start, end in bands.values()})
    parts = []
    for start, end in periods:
        here = {name: n for n, (name, a, b) in bands.items() if (a, b) == (start, end)}
        known = np.any([~np.ma.getmaskarray(values[n]) for n in here.values()], axis=0)
        row, column = np.nonzero(known)
        part = {"row": row, "column": column}
        part |= {name: values[n].astype(float).filled(np.nan)[known] for name, n in here.items()}
        part |= {"time": start, "time_end": end} if start else {}
        parts.append(pd.DataFrame(part))
    table = pd.concat(parts, ignore_index=True)
    if "time_end" in table and (table["time_end"] == "").any():
        table = table.drop(columns="time_end")
    return table
