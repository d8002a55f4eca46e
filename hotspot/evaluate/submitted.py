"""Somebody's forecast beside what was recorded, on its own cells or areas."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
import shapely
import xarray as xr
from pyproj import CRS

from hotspot._checks import require_choice, require_same_grid
from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import (
    CoordinateError,
    ForecastError,
    GridError,
    GridMismatchError,
    LeakError,
    ParameterError,
    RegionError,
)
from hotspot.forecast.submitted_periods import periods_of
from hotspot.forecast.submitted_places import projected
from hotspot.grid.areas import require_no_overlap
from hotspot.grid.cells import MAX_CELLS, Grid, area_inside
from hotspot.grid.counts import count_events, require_covered, require_resolvable

KINDS = ("flagged", "ranking", "expected_count", "distribution")
_PRIMARY = ("expected_count", "rate", "score", "flagged")
_SQUARE_METRES = {"m2": 1.0, "ha": 1e4, "km2": 1e6, "mi2": (5280 * 0.3048) ** 2}
_REST = "(not in the file)"
# Share of the region up to which gaps between areas pass for inexact outlines.
_SLIVERS = 1e-3


def match_observed(
    submitted: xr.Dataset,
    observed: Events | xr.DataArray,
    *,
    unlisted: Literal["refuse", "lowest"] = "refuse",
    overlap: Literal["refuse", "label"] = "refuse",
    at_border: Literal["keep", "share"] = "keep",
) -> xr.Dataset:
    """Put somebody's forecast beside the events that were recorded, on its own cells or areas.

    Parameters
    ----------
    submitted : Dataset (time, y, x)
        As :func:`hotspot.read_forecast` gives it.
    observed : Events, or DataArray (time, y, x)
        What was recorded, with its window; or counts on the very places of the forecast, NaN
        outside the region. Each place then counts with its whole area.
    unlisted : {"refuse", "lowest"}
        What to make of places of the region that the file does not speak of: refuse them, or
        take them to be ranked below all others, and to expect 0 events. Where cells are only
        flagged, those not listed are not flagged, in either case.
    overlap : {"refuse", "label"}
        What to make of a data cut-off later than the first period: refuse it, or go on and write
        it into the attribute ``seen_future``.
    at_border : {"keep", "share"}
        What to make of the expected count of a place that the region's border cuts: keep it, as
        nothing is recorded beyond, or cut it to the share of the place's area that lies inside.

    Returns
    -------
    Dataset (time, y, x)
        The forecast's variables over the region, NaN outside; ``observed_count``; and the
        coordinate ``inside_area``, each place's area inside the region in units of the CRS
        squared. Score functions take it: ``hit_rate(matched, matched["observed_count"], ...)``.
        Attributes added: ``share_unlisted`` of the region's area, ``share_outside`` of the
        expected counts (or flagged places), which lie outside the region and are left out.

    Raises
    ------
    ForecastError
        If `submitted` is no submitted forecast, or flags nothing inside the region.
    ParameterError
        If counts at the border are to be cut, but it has none, or their spread too.
    GridMismatchError
        If places of the region are not in the file and `unlisted` is "refuse", or the counts are
        on other cells.
    RegionError
        If areas overlap, or none lies in the region.
    CoverageError, ResolutionError
        If a period was not, or not wholly, recorded, or cuts through the unit of time in which
        events were.
    LeakError
        If the data cut-off is later than the beginning of the first period.

    Notes
    -----
    Cells keep the reference system that they were made in: events and region are projected to it,
    so that squares stay square. Areas are projected to that of the events. An event on the border
    of two areas counts in the first of them in the Dataset. Gaps between areas that make up to
    0.1 % of the region are taken for inexact outlines, and their events given to the nearest area.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> from hotspot import Events, read_forecast
    >>> table = gpd.GeoDataFrame(
    ...     {"time": pd.to_datetime(["2024-01-03", "2024-01-09"]), "offence": "Burglary"},
    ...     geometry=gpd.points_from_xy([10, 160], [20, 30]), crs=27700)
    >>> events = Events.from_geodataframe(table, time_resolution="day", start="2024-01-01",
    ...     end="2024-02-01", region=box(0, 0, 200, 100), place_resolution=0.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "flags.csv")
    ...     _ = path.write_text("x,y,flagged\\n50,50,1\\n150,50,0\\n")
    ...     submitted = read_forecast(path, crs=27700, cell_size=100, start="2024-01-01",
    ...                               end="2024-02-01")
    >>> match_observed(submitted, events)["observed_count"].values
    array([[[1., 1.]]])
    """
    require_choice(unlisted, "unlisted", ("refuse", "lowest"))
    require_choice(overlap, "overlap", ("refuse", "label"))
    require_choice(at_border, "at_border", ("keep", "share"))
    _require_submitted(submitted)
    seen = _seen_future(submitted, overlap)
    if isinstance(observed, Events):
        lay_out = _on_areas if submitted.attrs["places"] == "areas" else _on_cells
        matched, share_outside = lay_out(submitted, observed)
    else:
        matched, share_outside = _on_given_counts(submitted, observed), 0.0
    matched = _as_counts(matched)
    if at_border == "share":
        matched = _cut_at_border(matched)
    matched, share_unlisted = _fill_unlisted(matched, unlisted)
    if "flagged" in matched and not (matched["flagged"] > 0).any():
        raise ForecastError("No flagged place lies inside the region: there is nothing to judge.")
    return matched.assign_attrs(
        share_unlisted=share_unlisted, share_outside=share_outside, seen_future=seen
    )


def primary_of(submitted: xr.Dataset) -> str:
    """The variable that says how hot a place is, or whether it is flagged."""
    named = [name for name in _PRIMARY if name in submitted]
    return named[0] if named else "count_quantile"


def _require_submitted(submitted: xr.Dataset) -> None:
    if not isinstance(submitted, xr.Dataset) or submitted.attrs.get("submission_kind") not in KINDS:
        raise ForecastError(
            "This is no submitted forecast: its attribute 'submission_kind' must be one of "
            f"{KINDS}. Read a file with read_forecast, or save a forecast with save_forecast and "
            "read it back."
        )


def _seen_future(submitted: xr.Dataset, overlap: str) -> str:
    cutoff = submitted.attrs.get("data_cutoff")
    if cutoff is None:
        return "unknown: the data cut-off is not stated"
    first = periods_of(submitted)[0].left
    if pd.Timestamp(cutoff) <= first:
        return "no"
    said = f"data_cutoff {cutoff} is later than the first period, which begins {first}"
    if overlap == "refuse":
        raise LeakError(
            f"{said}: its maker may have seen what it forecasts. To score it all the same, "
            'labelled so, give overlap="label".'
        )
    return f"yes: {said}"


def _on_given_counts(submitted: xr.Dataset, observed: xr.DataArray) -> xr.Dataset:
    if not isinstance(observed, xr.DataArray):
        raise ForecastError(
            f"observed must be Events or a DataArray of counts, got {type(observed).__name__}."
        )
    require_same_grid(submitted[primary_of(submitted)], observed)
    counts = observed.reset_coords(drop=True).astype(float)
    if "time" not in counts.dims:
        counts = counts.expand_dims(time=submitted["time"])
    counts = counts.transpose("time", "y", "x")
    if submitted.attrs["places"] == "cells":
        whole = np.full((1, 1), float(submitted.attrs["cell_size"]) ** 2)
    elif CRS.from_wkt(submitted.attrs["crs"]).is_geographic:
        raise RegionError("The areas are in degrees, which have no size: read them with to_crs.")
    else:
        whole = shapely.area(submitted["geometry"].to_numpy())[None]
    inside = ~counts.isnull().all("time").to_numpy()
    area = ("y", "x"), np.where(inside, whole, 0.0)
    matched = submitted.drop_vars("geometry", errors="ignore")
    if submitted.attrs["places"] == "areas":
        matched = matched.assign_coords(whole_area=(("y", "x"), whole))
    matched = matched.where(xr.DataArray(inside, dims=("y", "x")))
    return matched.assign(observed_count=counts).assign_coords(inside_area=area)


def _on_cells(submitted: xr.Dataset, events: Events) -> tuple[xr.Dataset, float]:
    system = CRS.from_wkt(submitted.attrs["crs"])
    moved = _in_system(events, system)
    # What was projected is rounded, and would touch cells by a hair.
    hair = 0.0 if moved is events else 1e-6
    size = submitted.attrs["cell_size"]
    x, y = (
        _axis(submitted[name].to_numpy(), size, moved.region.bounds[i::2], hair=hair)
        for i, name in ((0, "x"), (1, "y"))
    )
    if x.size * y.size > MAX_CELLS:
        raise GridError(
            f"Cells of {size:g} over the events' region are {x.size * y.size:,}, more than "
            f"{MAX_CELLS:,}. Is cell_size in the units of {system.name}?"
        )
    area = area_inside(
        moved.region, *(np.append(axis - size / 2, axis[-1] + size / 2) for axis in (x, y))
    )
    area[area < hair * size**2] = 0.0
    grid = Grid(x=x, y=y, cell_size=size, inside_area=area, region=moved.region, crs=system)
    whole = submitted.reindex(x=x, y=y, method="nearest", tolerance=size / 100)
    inside = xr.DataArray(grid.inside, dims=("y", "x"))
    if not (whole[primary_of(whole)].notnull() & inside).any():
        raise RegionError(
            "No cell of the forecast lies in the region of the events. Is its reference system "
            f"{system.name}, and are x and y in their order?"
        )
    counts = count_events(moved, grid, periods_of(submitted)).to_numpy()
    matched = whole.where(inside).assign(observed_count=(("time", "y", "x"), counts))
    matched = matched.assign_coords(inside_area=(("y", "x"), area))
    return matched, _lost(_mass(matched), _mass(submitted))


def _axis(
    centres: FloatArray, size: float, reach: tuple[float, float], *, hair: float
) -> FloatArray:
    """The axis of cells, longer or shorter so that it spans what is to be scored."""
    low, high = ((edge - (centres[0] - size / 2)) / size for edge in reach)
    if not high - low < MAX_CELLS:
        raise GridError(f"Cells of {size:g} over the events' region are more than {MAX_CELLS:,}.")
    steps = np.arange(int(np.floor(low + hair)), int(np.ceil(high - hair)))
    axis = centres[0] + steps * size
    # The file's own numbers where it has them: a sum may differ from them in the last bit.
    known = (steps >= 0) & (steps < centres.size)
    axis[known] = centres[steps[known]]
    return axis


def _in_system(events: Events, system: CRS) -> Events:
    own = events.table.crs
    if own is None:
        raise CoordinateError("The events carry no reference system.")
    if system.equals(own, ignore_axis_order=True):
        return events
    region = projected(np.array([events.region], dtype=object), CRS.from_user_input(own), system)[0]
    return replace(events, table=events.table.to_crs(system), region=region)


def _on_areas(submitted: xr.Dataset, events: Events) -> tuple[xr.Dataset, float]:
    own, system = CRS.from_user_input(events.table.crs), CRS.from_wkt(submitted.attrs["crs"])
    outlines = submitted["geometry"].to_numpy()
    if not system.equals(own, ignore_axis_order=True):
        outlines = projected(outlines, system, own)
    require_no_overlap(outlines, submitted["area"].to_numpy())
    parts = shapely.intersection(outlines, events.region)
    area = shapely.area(parts)
    if not (area > 0).any():
        raise RegionError(
            "No area of the forecast lies in the region of the events. Is its reference system "
            f"{system.name}, and are x and y in their order?"
        )
    rest = events.region.area - area.sum()
    gaps = rest <= _SLIVERS * events.region.area
    counts = _counts_in(outlines, area > 0, events, periods_of(submitted), slivers=gaps)
    if gaps:
        counts = counts[:, :-1]
    else:
        left = shapely.difference(events.region, shapely.union_all(outlines))
        area, outlines = np.append(area, rest), np.append(outlines, left)
    matched = _with_rest(submitted, rest=not gaps)
    inside = xr.DataArray((area > 0)[None], dims=("y", "x"))
    held = np.where((area > 0)[None, None], counts[:, None, :], np.nan)
    matched = matched.where(inside).assign(observed_count=(("time", "y", "x"), held))
    matched = matched.assign_coords(
        inside_area=(("y", "x"), area[None]), whole_area=(("y", "x"), shapely.area(outlines)[None])
    )
    return matched, _lost(_mass(matched), _mass(submitted))


def _with_rest(submitted: xr.Dataset, *, rest: bool) -> xr.Dataset:
    """The areas, and one more place for the part of the region that the file does not speak of."""
    bare = submitted.drop_vars(["geometry", "area"])
    names = submitted["area"].to_numpy().tolist()
    if rest:
        bare = bare.reindex(x=np.arange(len(names) + 1))
        names = [*names, _REST]
    return bare.assign_coords(area=("x", np.array(names, dtype=object)))


def _counts_in(outlines, wanted, events: Events, periods, *, slivers: bool) -> FloatArray:
    """(time, n + 1): events of each area, and last those of none, by period."""
    require_covered(events, periods)
    require_resolvable(events, periods)
    points = events.table.geometry.to_numpy()
    inside = shapely.intersects(events.region, points)
    time = pd.DatetimeIndex(events.table["time"])
    number = periods.get_indexer(time.tz_convert(periods.left.tz))
    keep = inside & (number >= 0)
    points, number = points[keep], number[keep]
    known = np.flatnonzero(wanted)
    tree = shapely.STRtree(outlines[known])
    place = np.full(points.size, len(outlines))
    point, area = tree.query(points, predicate="intersects")
    np.minimum.at(place, point, known[area])
    if slivers:
        lost = np.flatnonzero(place == len(outlines))
        place[lost] = known[tree.nearest(points[lost])] if lost.size else place[lost]
    width = len(outlines) + 1
    flat = np.bincount(number * width + place, minlength=len(periods) * width)
    return flat.reshape(len(periods), width).astype(float)


def _as_counts(matched: xr.Dataset) -> xr.Dataset:
    """A rate becomes the expected count of each place's part inside the region."""
    if "rate" not in matched:
        return matched
    unit, _ = json.loads(matched.attrs["rate_per"])
    if unit == "cell":
        if matched.attrs["places"] == "areas":
            raise ForecastError('A rate per "cell" was stated, but the places are areas.')
        factor = matched["inside_area"] / matched.attrs["cell_size"] ** 2
    else:
        metres = CRS.from_wkt(matched.attrs["crs"]).axis_info[0].unit_conversion_factor
        if matched.attrs["places"] == "areas":
            metres = 1.0  # areas were projected to the events' system, which is in metres
        factor = matched["inside_area"] * metres**2 / _SQUARE_METRES[unit]
    counts = (matched["rate"] * factor).transpose("time", "y", "x").reset_coords(drop=True)
    return matched.drop_vars("rate").assign(expected_count=counts)


def _cut_at_border(matched: xr.Dataset) -> xr.Dataset:
    spread = {"count_variance", "count_quantile", "simulated_count", "probability"}
    if "rate_per" in matched.attrs or "expected_count" not in matched or spread & set(matched):
        raise ParameterError(
            'at_border="share" cuts expected counts only: ranks have nothing to cut, and of a '
            "distribution the mean alone could be."
        )
    if matched.attrs["places"] == "areas":
        whole = matched["whole_area"]
    else:
        whole = matched.attrs["cell_size"] ** 2
    share = (matched["inside_area"] / whole).clip(max=1.0).reset_coords(drop=True)
    cut = (matched["expected_count"] * share).transpose("time", "y", "x")
    return matched.assign(expected_count=cut)


def _fill_unlisted(matched: xr.Dataset, unlisted: str) -> tuple[xr.Dataset, float]:
    name = primary_of(matched)
    said = matched[name]
    said = said.isel(quantile=0, drop=True) if "quantile" in said.dims else said
    area = matched["inside_area"]
    silent = said.isnull() & (area > 0)
    share = float((silent * area).sum() / (area.sum() * matched.sizes["time"]))
    if not silent.any():
        return matched, 0.0
    if name == "flagged":
        filled = matched["flagged"].where(~silent, 0.0).transpose("time", "y", "x")
        return matched.assign(flagged=filled), share
    if unlisted == "refuse":
        hit = int(matched["observed_count"].where(silent).sum())
        raise GridMismatchError(
            f"The file says nothing of {share:.2%} of the region ({int(silent.sum())} places, "
            f"which hold {hit} events). Cut the region to what was forecast, or take them as "
            'lowest with unlisted="lowest".'
        )
    lowest = matched["score"].min() - 1 if name == "score" else 0.0
    changed = {
        other: matched[other].where(~silent, lowest if other == name else 0.0)
        for other in (name, "count_variance", "probability", "count_quantile", "simulated_count")
        if other in matched
    }
    return matched.assign({k: v.transpose(*matched[k].dims) for k, v in changed.items()}), share


def _mass(submitted: xr.Dataset) -> float:
    """Expected events, or flagged places; 0 for scores, of which no sum means anything."""
    name = primary_of(submitted)
    if name in ("expected_count", "rate", "flagged"):
        return float(submitted[name].sum())
    return 0.0


def _lost(kept: float, said: float) -> float:
    return max(0.0, 1.0 - kept / said) if said > 0 else 0.0
