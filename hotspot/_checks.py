"""Checks at the door: what is given becomes what is meant, or a typed error says why not."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from hotspot.errors import (
    DateError,
    ForecastError,
    GridMismatchError,
    ParameterError,
    RegionError,
    UnknownNameError,
)

_COUNT_AGAIN = (
    "Count the events with the grid that the forecast was made on: "
    "count_events(events, grid, periods)."
)


def region_polygon(
    region: gpd.GeoDataFrame | gpd.GeoSeries | BaseGeometry, *, crs: object = None
) -> tuple[BaseGeometry, CRS]:
    """The one polygon of a region and its CRS, or a `RegionError` that says what is wrong."""
    if isinstance(region, gpd.GeoDataFrame | gpd.GeoSeries):
        if region.crs is None:
            raise RegionError("The region has no CRS. Set it with region.set_crs(...).")
        system = CRS.from_user_input(region.crs)
        parts = np.asarray(region.geometry.values)
    else:
        if not isinstance(region, BaseGeometry):
            raise RegionError(
                "The region must be a GeoDataFrame, a GeoSeries or a shapely polygon, got a "
                f"{type(region).__name__}."
            )
        system = CRS.from_user_input(crs if crs is not None else 27700)
        parts = np.asarray([region], dtype=object)
    _require_metres(system)
    parts = parts[~(shapely.is_missing(parts) | shapely.is_empty(parts))]
    if parts.size == 0:
        raise RegionError("The region is empty: it has no polygon.")
    for part in parts:
        if not shapely.is_valid(part):
            raise RegionError(
                f"The region's polygon is invalid ({shapely.is_valid_reason(part)}). Mend it "
                "with shapely.make_valid and look at the change in area before going on."
            )
    area = shapely.union_all(parts)
    if area.geom_type not in ("Polygon", "MultiPolygon") or area.area == 0:
        raise RegionError(f"The region must be a polygon with an area, got a {area.geom_type}.")
    return area, system


def _require_metres(system: CRS) -> None:
    if not system.is_projected or {axis.unit_name for axis in system.axis_info} != {"metre"}:
        raise RegionError(
            f"The region's CRS is {system.name}, which is not in metres. Project it first, for "
            "London with region.to_crs(27700)."
        )


def local_timestamp(when: str | pd.Timestamp, time_zone: str) -> pd.Timestamp:
    """`when` as an instant in `time_zone`; without a zone of its own it is local already."""
    if isinstance(when, int | float):
        # pandas would take 2019 for 2019 nanoseconds after 1970.
        raise DateError(f'{when!r} is a number, not a date; write it like "2019-01-31".')
    try:
        stamp = pd.Timestamp(when)
    except (ValueError, TypeError):
        raise DateError(
            f'{when!r} is not a date; write it like "2019-01" or "2019-01-31".'
        ) from None
    if pd.isna(stamp):
        raise DateError(f"{when!r} is not a date.")
    try:
        return stamp.tz_localize(time_zone) if stamp.tz is None else stamp.tz_convert(time_zone)
    except KeyError:
        raise UnknownNameError(
            f'{time_zone!r} is not a time zone; give one like "Europe/London".'
        ) from None
    except ValueError as error:
        raise DateError(
            f"{stamp} does not name one instant in {time_zone}: clocks change there ({error}). "
            "Give it with its offset from UTC."
        ) from None


def require_variable(forecast: xr.Dataset, name: str) -> xr.DataArray:
    """The variable `name` of a forecast, or a `ForecastError` that says what it holds."""
    if not isinstance(forecast, xr.Dataset):
        raise ForecastError(
            f"A forecast is an xarray.Dataset, got {type(forecast).__name__}. "
            'A bare map can be wrapped: xr.Dataset({"expected_count": map}).'
        )
    if name not in forecast:
        raise ForecastError(
            f"This needs '{name}', which the forecast does not hold; it holds "
            f"{sorted(map(str, forecast.data_vars))}."
        )
    return forecast[name]


def require_same_grid(forecast: xr.DataArray, observed: xr.DataArray) -> None:
    """Refuse two arrays that do not lie on one grid, or differ along a dimension they share."""
    for dim in ("y", "x"):
        for role, array in (("forecast", forecast), ("observed", observed)):
            if dim not in array.dims:
                raise GridMismatchError(
                    f"{role} has no dimension '{dim}'; its dimensions are {array.dims}."
                )
    require_same_labels(forecast, observed, hint=_COUNT_AGAIN)


def require_same_labels(forecast: xr.DataArray, observed: xr.DataArray, *, hint: str) -> None:
    """Refuse two arrays whose shared dimensions differ in length or in labels."""
    for dim in forecast.dims:
        if dim not in observed.dims:
            continue
        ours, theirs = forecast.sizes[dim], observed.sizes[dim]
        unit = "cells" if dim in ("y", "x") else "labels"
        if ours != theirs:
            raise GridMismatchError(
                f"forecast and observed differ along '{dim}': {ours} against {theirs} {unit}. "
                f"{hint}"
            )
        if dim in forecast.coords and dim in observed.coords:
            a, b = forecast[dim].values, observed[dim].values
            if not _equal(a, b):
                where = int(np.flatnonzero(~_equal_each(a, b))[0])
                raise GridMismatchError(
                    f"forecast and observed differ along '{dim}': label {where} is {a[where]} "
                    f"against {b[where]}. {hint}"
                )


def require_share(value: float, name: str) -> None:
    """Refuse a share outside (0, 1]."""
    if not 0.0 < value <= 1.0:
        raise ParameterError(f"{name} must be in (0, 1], got {value}.")


def require_level(level: float) -> None:
    """Refuse the nominal level of an interval outside (0, 1)."""
    if not 0.0 < level < 1.0:
        raise ParameterError(f"level must be in (0, 1), such as 0.9, got {level}.")


def require_generator(rng: object) -> None:
    """Refuse anything but a NumPy generator, so that chance comes in by the door."""
    if not isinstance(rng, np.random.Generator):
        raise ParameterError(
            f"rng must be a numpy.random.Generator, got {type(rng).__name__}. "
            "Make one with numpy.random.default_rng(seed)."
        )


def require_choice(value: str, name: str, choices: tuple[str, ...]) -> None:
    """Refuse an option that is not one of `choices`."""
    if value not in choices:
        raise ParameterError(f"{name} must be one of {choices}, got {value!r}.")


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(_equal_each(a, b).all())


def _equal_each(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    # Cell centres that went through a file or a division may differ in the last bits.
    if np.issubdtype(a.dtype, np.floating) and np.issubdtype(b.dtype, np.floating):
        return np.isclose(a, b, rtol=1e-9, atol=1e-6, equal_nan=True)
    return np.asarray(a == b)
