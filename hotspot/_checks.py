"""Checks at the door: what is given becomes what is meant, or a typed error says why not."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from hotspot.errors import DateError, RegionError


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
    try:
        stamp = pd.Timestamp(when)
    except (ValueError, TypeError):
        raise DateError(
            f'{when!r} is not a date; write it like "2019-01" or "2019-01-31".'
        ) from None
    if pd.isna(stamp):
        raise DateError(f"{when!r} is not a date.")
    return stamp.tz_localize(time_zone) if stamp.tz is None else stamp.tz_convert(time_zone)
