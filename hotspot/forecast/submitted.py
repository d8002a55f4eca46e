"""Reads anybody's forecast: ranks, flagged cells, expected counts or whole distributions.

A submitted forecast is an ``xarray.Dataset`` that says what it is in its attribute
``submission_kind``; it is no :func:`hotspot.check_forecast` forecast, which must have bounds.

====================  ===================================================  ======================
``submission_kind``   what the file says of each place                     variables
====================  ===================================================  ======================
``"flagged"``         whether it is flagged                                ``flagged``
``"ranking"``         a score, larger is hotter, of no unit                ``score``
``"expected_count"``  how many events are expected                         ``expected_count``
``"distribution"``    that, and how far counts may stray                   also ``count_quantile``,
                                                                           ``count_variance``,
                                                                           ``simulated_count``
====================  ===================================================  ======================

All have the dims (time, y, x). Where the places are areas rather than square cells (attribute
``places``), ``y`` has one label, ``x`` numbers the areas, and the coordinates ``area`` and
``geometry`` along ``x`` hold their names and outlines. NaN marks what the file does not speak of.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas as pd
import shapely
import xarray as xr
from pyproj import CRS

from hotspot._checks import local_timestamp
from hotspot.errors import FileFormatError, LeakError, ParameterError, RegionError
from hotspot.forecast.submitted_columns import columns_by_meaning, numbers
from hotspot.forecast.submitted_files import Rows, crs_named, file_hash, read_rows
from hotspot.forecast.submitted_periods import periods_of_rows
from hotspot.forecast.submitted_places import (
    Areas,
    Lattice,
    areas_of,
    lattice_of_centres,
    lattice_of_squares,
    projected,
)
from hotspot.forecast.submitted_values import labelled

_AREA_UNITS = ("m2", "ha", "km2", "mi2", "cell")
_TIME_UNITS = ("day", "week", "year", "period")


def read_forecast(
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, object] | None = None,
    crs: object = None,
    to_crs: object = None,
    cell_size: float | None = None,
    anchor: Literal["centre", "south-west"] = "centre",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    length: str | None = None,
    time_zone: str | None = None,
    issued_at: str | pd.Timestamp | None = None,
    data_cutoff: str | pd.Timestamp | None = None,
    rate_per: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Read a forecast that somebody made, on whatever cells or areas, so that it can be judged.

    It may be of flagged places, of scores or ranks, of expected counts, or of whole
    distributions. What the file does not say is asked for, never guessed. A rate :math:`r` per
    area and time becomes the expected count :math:`r \, a \, d` of a place of area :math:`a` in a
    period of length :math:`d`.

    Parameters
    ----------
    path : str or Path
        CSV, GeoJSON, GeoPackage, shapefile, GeoParquet or GeoTIFF (``.csv``, ``.geojson``,
        ``.json``, ``.gpkg``, ``.shp``, ``.parquet``, ``.tif``), or ``.nc`` and ``.zarr`` of
        :func:`hotspot.save_forecast`. A CSV has centres ``x`` and ``y``, or outlines in a column
        ``wkt``. In a raster each band is a column, named by its tag ``variable`` or its
        description.
    columns : mapping, optional
        What a column says, by meaning: ``{"score": "risk_2024"}``; for a raster a band's number.
        Meanings: ``expected_count``, ``rate``, ``score``, ``rank`` (1 is the hottest),
        ``flagged`` (0 or 1), ``count_variance``, ``probability`` (of at least one event),
        quantiles as ``"q0.05"``, members as ``"member_1"``; ``x``, ``y``, ``area`` (the name),
        ``start``, ``end``. Columns of these very names, and a few alike, need no telling.
    crs : optional
        Reference system of the coordinates, where the file does not state one.
    to_crs : optional
        Project outlines to this first. For squares of the National Grid that were saved as
        GeoJSON, 27700 makes them squares again.
    cell_size : float, optional
        Side of the cells, in units of the CRS, where it cannot be told from the spacing.
    anchor : {"centre", "south-west"}
        What ``x`` and ``y`` of a table are of each cell.
    start, end : str or Timestamp, optional
        The period, half-open, where the file has no columns of that meaning.
    length : str, optional
        "month", "week", ...: how long the periods are, where only their start is known.
    time_zone : str, optional
        Of times without one; default what the file states, else "Europe/London".
    issued_at, data_cutoff : str or Timestamp, optional
        When it was made, and from when on its maker had no data. Where neither file nor caller
        says, nobody can tell whether it saw what it forecasts, and judgements say so.
    rate_per : (area, time), optional
        Units of a rate: "m2", "ha", "km2", "mi2" or "cell", and "day", "week", "year" or
        "period". A cell cut by the border is given its part inside when it is judged.

    Returns
    -------
    Dataset (time, y, x)
        See the module. ``time_end`` (time) is the end of each period. Attributes:
        ``submission_kind``, ``places`` ("cells" or "areas"), ``crs`` (WKT), ``cell_size``,
        ``time_zone``, ``read_as`` (JSON: the column of each meaning), ``source``,
        ``source_sha256``, and ``issued_at``, ``data_cutoff``, ``model`` where known.

    Raises
    ------
    MissingFileError, FileFormatError
        If there is no file, or it is damaged, empty, or holds text where numbers should be.
    ParameterError
        If something has to be told: which column, what it says, the cell size, the period, the
        units of a rate.
    UnknownNameError
        If `columns` names what is not there.
    GridMismatchError, GridError
        If cells do not lie on one lattice, or there would be more than 10,000,000.
    RegionError
        If there is no CRS, or an outline is invalid.
    ForecastError
        If a place is there twice in a period; if a count, a rate or a chance is negative or
        infinite; if quantiles fall as their level rises.
    DateError
        If a time cannot be read.
    LeakError
        If it was made from data later than it was issued.

    See Also
    --------
    judge_forecast : Every score that such a forecast allows, and why not the others.
    match_observed : The same forecast beside the counts of its own cells or areas.

    Notes
    -----
    The order of rows does not matter. Time and memory are linear in the rows.

    Examples
    --------
    >>> import tempfile
    >>> lines = ["x,y,risk", "50,50,0.9", "150,50,0.2", "50,150,0.4", "150,150,0.1"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "vendor.csv")
    ...     _ = path.write_text("\n".join(lines))
    ...     submitted = read_forecast(
    ...         path, columns={"score": "risk"}, crs=27700, start="2024-01-01", end="2024-02-01")
    >>> submitted.attrs["submission_kind"], submitted.attrs["cell_size"]
    ('ranking', 100.0)
    >>> submitted["score"].values
    array([[[0.9, 0.2],
            [0.4, 0.1]]])
    """
    path = Path(path)
    if anchor not in ("centre", "south-west"):
        raise ParameterError(f"anchor must be 'centre' or 'south-west', got {anchor!r}.")
    _require_units(rate_per)
    told = dict(columns or {})
    rows = read_rows(path, bands=told)
    told = {m: m if isinstance(v, int) and v not in rows.table else v for m, v in told.items()}
    meanings = columns_by_meaning(list(rows.table.columns), told)
    zone = time_zone or rows.stated.get("time_zone") or "Europe/London"
    periods, period = periods_of_rows(
        rows.table, meanings, given=(start, end), length=length, time_zone=zone
    )
    system = _system(rows, crs)
    if rows.geometry is None:
        places = _lattice(rows, meanings, system, cell_size=cell_size, anchor=anchor)
        if to_crs is not None:
            raise RegionError("Centres of cells cannot be projected; to_crs is for outlines.")
    else:
        names = _names(rows, meanings, told="area" in told)
        target = system if to_crs is None else crs_named(to_crs, what="to_crs")
        places = _outlines(rows, names, system, to=target, cell_size=cell_size)
        system = target
    dataset = labelled(
        rows.table, meanings, places, periods=periods, period=period, rate_per=rate_per
    )
    stated = _stated(rows, zone, issued_at=issued_at, data_cutoff=data_cutoff)
    return dataset.assign_attrs(
        crs=system.to_wkt(),
        time_zone=zone,
        **stated,
        read_as=json.dumps({meaning: str(name) for meaning, name in meanings.items()}),
        source=path.name,
        source_sha256=file_hash(path),
    )


def _require_units(rate_per: tuple[str, str] | None) -> None:
    if rate_per is None:
        return
    if len(rate_per) != 2 or rate_per[0] not in _AREA_UNITS or rate_per[1] not in _TIME_UNITS:
        raise ParameterError(
            f"rate_per must be one of {_AREA_UNITS} and one of {_TIME_UNITS}, such as "
            f'("km2", "day"); got {rate_per!r}.'
        )


def _system(rows: Rows, given: object) -> CRS:
    if given is None and rows.crs is None:
        raise RegionError(
            "The file does not say in which reference system its coordinates are. Give it with "
            "crs, for the National Grid crs=27700."
        )
    if given is None:
        return rows.crs
    system = crs_named(given, what="crs")
    if rows.crs is not None and not rows.crs.equals(system, ignore_axis_order=True):
        raise RegionError(
            f"crs={given!r} was given, but the file says that it is in {rows.crs.name}. To project "
            "its outlines, give to_crs."
        )
    return system


def _lattice(
    rows: Rows, meanings: dict, system: CRS, *, cell_size: float | None, anchor: str
) -> Lattice:
    """Cells from their centres."""
    if not {"x", "y"} <= set(meanings):
        raise ParameterError(
            "The file says nowhere where its places are: give columns of centres with "
            'columns={"x": ..., "y": ...}, or a file with outlines.'
        )
    if system.is_geographic:
        raise RegionError(
            "x and y are in degrees, in which no cell is square. Give outlines, or centres in a "
            "projected system."
        )
    x, y = (numbers(rows.table[meanings[m]], meaning=m) for m in ("x", "y"))
    size = _stated_size(rows) if cell_size is None else cell_size
    if size is None and "flagged" in meanings and rows.table[meanings["flagged"]].nunique() < 2:
        raise ParameterError(
            "The file holds flagged cells only, from which their size cannot be told. Give it with "
            "cell_size."
        )
    lattice = lattice_of_centres(x, y, cell_size=size)
    half = lattice.size / 2 if anchor == "south-west" else 0.0
    return replace(lattice, x=lattice.x + half, y=lattice.y + half)


def _stated_size(rows: Rows) -> float | None:
    """The side of the cells, as the file has or states it."""
    stated = rows.stated.get("cell_size")
    if rows.pixel is not None or stated is None:
        return rows.pixel
    try:
        return float(stated)
    except ValueError:
        raise FileFormatError(f"The file states a cell_size of {stated[:40]!r}.") from None


def _outlines(
    rows: Rows, names: list[str] | None, system: CRS, *, to: CRS, cell_size: float | None
) -> Lattice | Areas:
    """Cells where all outlines are squares of one lattice in the system `to`, else areas."""
    areas = areas_of(rows.geometry, names)
    outlines = areas.geometry if to is system else projected(areas.geometry, system, to)
    lattice = None if to.is_geographic else lattice_of_squares(outlines, cell_size=cell_size)
    if lattice is None:
        return Areas(outlines, areas.names, areas.slot)
    return replace(lattice, row=lattice.row[areas.slot], column=lattice.column[areas.slot])


def _names(rows: Rows, meanings: dict, *, told: bool) -> list[str] | None:
    """The outlines' names. A column that was not told and does not tell them apart is none."""
    if "area" not in meanings:
        return None
    names = rows.table[meanings["area"]].astype(str).tolist()
    shapes = set(shapely.to_wkb(rows.geometry))
    return names if told or len(set(names)) >= len(shapes) else None


def _stated(rows: Rows, zone: str, **given: object) -> dict[str, str]:
    """What is known of how the forecast was made, as text."""
    known = {"model": rows.stated["model"][:200]} if "model" in rows.stated else {}
    instants = {}
    for name in ("issued_at", "data_cutoff"):
        value = given[name] if given[name] is not None else rows.stated.get(name)
        if value is not None:
            instants[name] = local_timestamp(value, zone)
    if len(instants) == 2 and instants["data_cutoff"] > instants["issued_at"]:
        raise LeakError(
            f"data_cutoff {instants['data_cutoff']} is later than issued_at "
            f"{instants['issued_at']}: the forecast has seen its future."
        )
    return known | {name: value.isoformat() for name, value in instants.items()}
