"""Counting events by whole months, in areas as they are and not as cells."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from hotspot._checks import local_timestamp
from hotspot._typing import FloatArray, IntArray
from hotspot.data.events import Events
from hotspot.errors import ParameterError, RegionError, TooFewEventsError, UnknownNameError
from hotspot.grid.counts import covered_periods
from hotspot.grid.periods import make_periods


def count_in_areas(
    events: Events, areas: gpd.GeoDataFrame, *, by: str = "name", end: pd.Timestamp | None = None
) -> pd.DataFrame:
    """Recorded offences of each month in each borough, ward or census area.

    What :class:`~hotspot.EndemicEpidemicAreas` and :class:`~hotspot.LevelModel` are fitted to.

    Parameters
    ----------
    events : Events
    areas : GeoDataFrame
        Polygons in the CRS of the events. A point on a common border counts in the first of them.
    by : str
        Column of `areas` that names them; the names must differ.
    end : Timestamp, optional
        Count the whole months before it; default the end of the events' window.

    Returns
    -------
    DataFrame (months, areas), float64
        The index is that of :func:`make_periods`. Whole numbers; NaN in months that not every force
        published: missing is not zero. Events in no area are not counted.

    Raises
    ------
    TooFewEventsError
        If no whole month was recorded.
    UnknownNameError, ParameterError
        If there is no column `by`, or it gives two areas one name.
    RegionError
        If `areas` are in another CRS than the events, or there are none.

    Notes
    -----
    Each point is looked up among the polygons: seconds for a million events.

    Examples
    --------
    >>> from hotspot import load_boroughs, load_sample
    >>> counts = count_in_areas(load_sample(), load_boroughs(["Camden", "Islington"]))
    >>> counts.shape, bool(counts.min().min() > 0)
    ((48, 2), True)
    """
    if by not in areas.columns:
        columns = [str(name) for name in areas.columns if name != areas.geometry.name]
        raise UnknownNameError(f"The areas have no column {by!r}; they have {columns}.")
    names = areas[by].astype(str)
    if names.duplicated().any():
        raise ParameterError(f"Two areas are called {names[names.duplicated()].iloc[0]!r}.")
    if not len(areas) or areas.crs is None or not areas.crs.equals(events.table.crs):
        raise RegionError(
            f"{len(areas)} areas in {getattr(areas.crs, 'name', 'no CRS')}, events in "
            f"{events.table.crs.name}. Give areas in the events' system: areas.to_crs(...)."
        )
    months = months_of(events, end)
    days, *place = events.coordinates().T
    month = month_of_days(days, events, months)
    area = _area_of(shapely.points(*place), areas)
    kept = (month >= 0) & (area >= 0)
    size = len(months) * len(areas)
    counts = np.bincount(month[kept] * len(areas) + area[kept], minlength=size).astype(float)
    counts = counts.reshape(len(months), len(areas))
    counts[~covered_periods(events, months)] = np.nan
    return pd.DataFrame(counts, months, pd.Index(names, name="area"))


def months_of(events: Events, end: pd.Timestamp | None = None) -> pd.IntervalIndex:
    """The whole months that were looked at before `end`.

    Raises
    ------
    TooFewEventsError
        If there is none.
    """
    cutoff = events.end
    if end is not None:
        cutoff = min(cutoff, local_timestamp(end, events.time_zone))
    first = events.start.tz_convert(events.time_zone)
    begins = first == first.normalize() and first.day == 1
    if not begins:  # a month that the window cuts was not recorded in whole
        first = (first.tz_localize(None).normalize() + pd.offsets.MonthBegin(1)).tz_localize(
            events.time_zone
        )
    next_month = (first.tz_localize(None) + pd.DateOffset(months=1)).tz_localize(events.time_zone)
    if next_month > cutoff:
        raise TooFewEventsError(
            f"No whole month was recorded between {events.start:%Y-%m-%d} and {cutoff:%Y-%m-%d}."
        )
    return make_periods(first, cutoff, time_zone=events.time_zone)


def month_of_days(days: FloatArray, events: Events, months: pd.IntervalIndex) -> IntArray:
    """Among consecutive months that of each time, in days since the events' start; -1 for none."""
    day = pd.Timedelta(days=1)
    starts = ((months.left - events.start) / day).to_numpy(float)
    last = (months.right[-1] - events.start) / day
    return np.where(days < last, np.searchsorted(starts, days, side="right") - 1, -1)


def _area_of(points: np.ndarray, areas: gpd.GeoDataFrame) -> IntArray:
    """Index of the area of each point; -1 for none."""
    # Many events lie on one map point, and a point is looked up once.
    _, first, place = np.unique(
        shapely.get_coordinates(points) @ [1, 1j], return_index=True, return_inverse=True
    )
    tree = shapely.STRtree(areas.geometry.to_numpy())
    event, area = tree.query(points[first], predicate="intersects")
    found = np.full(first.size, len(areas))
    np.minimum.at(found, event, area)
    return np.where(found < len(areas), found, -1)[place]
