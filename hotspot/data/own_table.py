"""Anybody's own table of points and times becomes Events, checked at the door."""

from __future__ import annotations

import difflib
import warnings
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from hotspot._checks import local_timestamp, region_polygon
from hotspot._typing import BoolArray, TimeResolution
from hotspot.data.content import table_hash
from hotspot.data.events import Events, Source
from hotspot.data.snap_points import spacing_of
from hotspot.errors import (
    CoordinateError,
    DataQualityWarning,
    DateError,
    ParameterError,
    TooFewEventsError,
    UnknownNameError,
)
from hotspot.guards.persons import require_no_persons

# Where fewer than half the events have a place of their own, places were snapped to a list.
SNAPPED_SHARE = 0.5
_KEPT = ("force", "lsoa_code")
_UNIT = {"hour": "h", "day": "D", "month": "M"}


@dataclass(frozen=True, eq=False)
class Window:
    """Where and when events could have been recorded, as far as the caller said."""

    region: object
    start: str | pd.Timestamp | None
    end: str | pd.Timestamp | None
    time_zone: str


def events_from_table(
    table: gpd.GeoDataFrame,
    window: Window,
    *,
    time_resolution: TimeResolution,
    place_resolution: float | None,
    columns: tuple[str, str],
    earliest_time: str | None,
    marks: tuple[str, ...],
    coverage: pd.DataFrame | None,
    source: Source,
) -> Events:
    """See :meth:`hotspot.Events.from_geodataframe`."""
    if time_resolution not in ("exact", "hour", "day", "month"):
        raise ParameterError(
            f'time_resolution must be "exact", "hour", "day" or "month", got {time_resolution!r}.'
        )
    if place_resolution is not None and not 0 <= place_resolution < np.inf:
        raise ParameterError(f"place_resolution must be 0 or more metres, got {place_resolution}.")
    for column in (*columns, *marks, *([earliest_time] if earliest_time else [])):
        _require_column(table, column)
    require_no_persons(table, kept=(columns[1], *_KEPT, *marks))
    _require_points_in_metres(table)
    rows = _rows_of(
        table, window.time_zone, time_resolution, columns, earliest_time=earliest_time, marks=marks
    )
    doubts: list[str] = []
    start, end = _time_window(rows["time"], window, time_resolution, doubts)
    region = _space_window(rows, window.region, doubts)
    in_time = ((rows["time"] >= start) & (rows["time"] < end)).to_numpy()
    in_space = _covered(region, rows)
    dropped = {
        "outside window": int((~in_time).sum()),
        "outside region": int((in_time & ~in_space).sum()),
    }
    doubts += [
        f"{count:,} of {len(rows):,} events lie {why} and are dropped."
        for why, count in dropped.items()
        if count
    ]
    kept = rows[in_time & in_space].reset_index(drop=True)
    for doubt in doubts:
        warnings.warn(doubt, DataQualityWarning, stacklevel=3)
    return Events(
        table=kept,
        region=region,
        start=start,
        end=end,
        time_resolution=time_resolution,
        place_resolution=_spacing(kept, region) if place_resolution is None else place_resolution,
        coverage=coverage,
        time_zone=window.time_zone,
        source=replace(
            source,
            sha256=table_hash(rows),
            rows_in=len(rows),
            rows_kept=len(kept),
            dropped=dropped,
        ),
    )


def _rows_of(
    table: gpd.GeoDataFrame,
    time_zone: str,
    time_resolution: TimeResolution,
    columns: tuple[str, str],
    *,
    earliest_time: str | None,
    marks: tuple[str, ...],
) -> gpd.GeoDataFrame:
    time = _utc(table[columns[0]], time_zone)
    time = _floored(time, time_zone, time_resolution)
    rows = gpd.GeoDataFrame(
        {"time": time, "offence": table[columns[1]].astype(str).to_numpy()},
        geometry=gpd.array.GeometryArray(table.geometry.to_numpy(), crs=table.crs),
    ).assign(**{name: table[name].to_numpy() for name in (*_KEPT, *marks) if name in table})
    if earliest_time is not None:
        rows["earliest_time"] = _earliest(
            table[earliest_time], rows["time"], time_zone, time_resolution
        )
    return rows


def _earliest(
    column: pd.Series, latest: pd.Series, time_zone: str, resolution: TimeResolution
) -> pd.Series:
    """Begins of intervals, none after its end."""
    earliest = _floored(_utc(column, time_zone), time_zone, resolution)
    bad = (earliest.to_numpy() > latest.to_numpy()).sum()
    if bad:
        raise DateError(
            f"In {bad:,} rows column {column.name!r} is later than the time by which the event "
            "had happened. Drop these rows or set it to that time, and count them."
        )
    return earliest


def _require_column(table: gpd.GeoDataFrame, column: str) -> None:
    if column not in table:
        near = difflib.get_close_matches(column, map(str, table.columns), n=3, cutoff=0.4)
        raise UnknownNameError(
            f"The table has no column {column!r}; it has {near or list(table.columns)}. Name it "
            "with time=... or offence=..., or add it with table.assign(...)."
        )
    if table[column].isna().any():
        first = table.index[table[column].isna()][0]
        kind = DateError if pd.api.types.is_datetime64_any_dtype(table[column]) else ParameterError
        raise kind(
            f"Column {column!r} is missing in {table[column].isna().sum():,} rows, the first at "
            f"index {first!r}. Drop those rows first, and say how many they were."
        )


def _require_points_in_metres(table: gpd.GeoDataFrame) -> None:
    if table.crs is None:
        raise CoordinateError(
            "The table has no CRS, so its numbers could be anything. Set the one it is in with "
            "table.set_crs(...), then project it: table.to_crs(27700) for London."
        )
    units = {axis.unit_name for axis in table.crs.axis_info}
    if not table.crs.is_projected or units != {"metre"}:
        raise CoordinateError(
            f"The table's CRS is {table.crs.name}, in {' and '.join(sorted(units))}. Distances and "
            "areas need metres: table.to_crs(27700) for London, a national grid or UTM elsewhere."
        )
    points = table.geometry.to_numpy()
    missing = shapely.is_missing(points) | shapely.is_empty(points)
    other = ~missing & (shapely.get_type_id(points) != 0)
    if other.any():
        raise CoordinateError(
            f"{other.sum():,} geometries are not points, the first a {points[other][0].geom_type}. "
            "An event is a point."
        )
    finite = ~missing  # GEOS has no coordinates of an empty point to give
    finite[finite] = np.isfinite(shapely.get_coordinates(points[finite])).all(axis=1)
    if not finite.all():
        raise CoordinateError(
            f"{(~finite).sum():,} places are missing or not finite, the first at index "
            f"{table.index[~finite][0]!r}. Drop those rows first, and say how many they were."
        )


def _utc(time: pd.Series, time_zone: str) -> pd.Series:
    """Times in UTC, in microseconds; those without a zone are wall-clock times of `time_zone`."""
    if not pd.api.types.is_datetime64_any_dtype(time):
        aware = {getattr(one, "tzinfo", None) is not None for one in time}
        if len(aware) == 2:
            raise DateError(
                f"Column {time.name!r} mixes times with and without a time zone. Give all of "
                "them one: series.dt.tz_localize(...)."
            )
        if len(time):
            raise DateError(
                f"Column {time.name!r} holds {type(time.iloc[0]).__name__}, not datetimes. Convert "
                "it with pandas.to_datetime(..., format=...), which says what it cannot read."
            )
        time = pd.to_datetime(time)
    wall = time.reset_index(drop=True)
    if wall.dt.tz is None:
        local = wall.dt.tz_localize(time_zone, ambiguous="NaT", nonexistent="NaT")
        lost = local.isna()
        if lost.any():
            named = ", ".join(str(one) for one in wall[lost].head(3))
            raise DateError(
                f"{lost.sum():,} times do not exist or come twice in {time_zone}, where the clock "
                f"changes: {named}. Give times with a zone, or settle them with "
                "series.dt.tz_localize(..., ambiguous=..., nonexistent=...)."
            )
        wall = local
    return wall.dt.tz_convert("UTC").dt.as_unit("us")


def _floored(time: pd.Series, time_zone: str, resolution: TimeResolution) -> pd.Series:
    """The first instant of each time's local hour, day or month."""
    if resolution == "exact" or not len(time):
        return time
    if resolution == "hour":
        return time.dt.floor("h")  # every zone with whole-hour offsets; others keep UTC hours
    wall = time.dt.tz_convert(time_zone).dt.tz_localize(None)
    wall = wall.dt.to_period(_UNIT[resolution]).dt.start_time
    return wall.dt.tz_localize(time_zone).dt.tz_convert("UTC").dt.as_unit("us")


def _time_window(
    time: pd.Series, window: Window, resolution: TimeResolution, doubts: list[str]
) -> tuple[pd.Timestamp, pd.Timestamp]:
    zone = window.time_zone
    given = [
        None if edge is None else local_timestamp(edge, zone).tz_convert("UTC")
        for edge in (window.start, window.end)
    ]
    if None in given:
        if not len(time):
            raise TooFewEventsError(
                "The table is empty. Zero events are a valid answer only with the window they "
                "were not seen in: give region, start and end."
            )
        unit = "M" if resolution == "month" else "D"
        wall = pd.DatetimeIndex([time.min(), time.max()]).tz_convert(zone).tz_localize(None)
        first, last = wall.to_period(unit)
        guessed = [first.start_time, (last + 1).start_time]
        given = [
            edge or pd.Timestamp(guess).tz_localize(zone).tz_convert("UTC")
            for edge, guess in zip(given, guessed, strict=True)
        ]
        doubts.append(
            f"The window was not given, so it is taken to run from {given[0]} to {given[1]}, as "
            "the events do. Give start and end: quiet days at either end are part of the record."
        )
    if not given[0] < given[1]:
        raise DateError(f"start {given[0]} is not before end {given[1]}.")
    return given[0], given[1]


def _space_window(rows: gpd.GeoDataFrame, region: object, doubts: list[str]) -> BaseGeometry:
    if region is not None:
        polygon, crs = region_polygon(region, crs=rows.crs)
        if not crs.equals(rows.crs, ignore_axis_order=True):
            polygon = gpd.GeoSeries([polygon], crs=crs).to_crs(rows.crs).iloc[0]
        if len(rows) and not _covered(polygon, rows).any():
            raise CoordinateError(
                f"None of the {len(rows):,} events lies in the region. Are both in the CRS that "
                f"they say, {rows.crs.name}?"
            )
        return polygon
    hull = shapely.convex_hull(shapely.multipoints(rows.geometry.to_numpy()))
    if hull.area == 0:
        raise TooFewEventsError(
            f"{len(rows):,} events span no area, so the region cannot be guessed. Give region=..."
        )
    doubts.append(
        "No region was given, so the convex hull of the events stands for it. Points cannot tell "
        "where nobody looked: give the region that was observed, region=..."
    )
    n_places = np.unique(shapely.get_coordinates(rows.geometry.to_numpy()), axis=0).shape[0]
    return hull.buffer(spacing_of(hull, n_places))


def _covered(region: BaseGeometry, rows: gpd.GeoDataFrame) -> BoolArray:
    shapely.prepare(region)
    return shapely.intersects(region, rows.geometry.to_numpy())


def _spacing(rows: gpd.GeoDataFrame, region: BaseGeometry) -> float:
    places, count = np.unique(
        shapely.get_coordinates(rows.geometry.to_numpy()), axis=0, return_counts=True
    )
    snapped = len(rows) > 0 and (count == 1).sum() < SNAPPED_SHARE * len(rows)
    return spacing_of(region, len(places)) if snapped else 0.0
