"""Events recorded since a fit: read for a forecast from a later cut-off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import shapely

from hotspot._checks import local_timestamp
from hotspot._typing import FloatArray, IntArray
from hotspot.data.events import Events
from hotspot.errors import CoverageError, LeakError, ResolutionError
from hotspot.grid.cells import Grid
from hotspot.grid.counts import require_covered, require_same_crs
from hotspot.models.self_exciting.arrange import (
    earliest_days,
    kinds_of,
    marks_design,
    require_finite,
    require_inside,
    require_times,
)
from hotspot.models.self_exciting.likelihood import Record
from hotspot.models.self_exciting.moments import Past
from hotspot.models.self_exciting.roll import rolled


@dataclass(frozen=True, eq=False)
class Later:
    """What was recorded between a fit and the cut-off of a forecast.

    Attributes
    ----------
    t, x, y : (k,) float64
        Days since the fit's window began, in the order they were read; metres.
    earliest : (k,) float64 or None
        Begin of the interval in which each event happened; None where times are known.
    design : (k, d) float64 or None
        What each event's marks multiply their coefficients by; None without marks.
    kind : (k,) int64 or None
        Which offence each is; None where there is one.
    echo : (M, ny, nx) float64 or None
        For an exponential lag, what all events still trigger at the cut-off, by their offence and
        by cell, for a productivity of 1; of events too recent to have begun, nothing.
    """

    t: FloatArray
    x: FloatArray
    y: FloatArray
    earliest: FloatArray | None = None
    design: FloatArray | None = None
    kind: IntArray | None = None
    echo: FloatArray | None = None

    def and_then(self, fresh: Later) -> Later:
        """Both, without an echo."""
        columns = ("t", "x", "y", "earliest", "design", "kind")
        pairs = ((getattr(self, name), getattr(fresh, name)) for name in columns)
        return Later(*(None if one is None else np.concatenate([one, two]) for one, two in pairs))


class Sources(NamedTuple):
    """When and where events trigger, in order of time.

    An event known to an interval triggers in equal parts from several times in it.
    """

    t: FloatArray
    x: FloatArray
    y: FloatArray
    weight: FloatArray | None  # what its marks, and its part, multiply its productivity by
    kind: IntArray | None

    def between(self, after: float, until: float) -> Sources:
        """Those with after < t <= until."""
        which = slice(*np.searchsorted(self.t, [after, until], side="right"))
        return Sources(*(None if column is None else column[which] for column in self))

    def seen_from(self, now: float, record: Record, marks: FloatArray) -> Past:
        """As a forecast sees them from its cut-off, in days since the fit's window began."""
        pool = None if record.design is None else np.exp(record.design[record.first :] @ marks)
        return Past(
            now - self.t,
            np.column_stack([self.x, self.y]),
            record.shortest_lag,
            record.place_cell,
            self.weight,
            self.kind,
            pool,
            record.window_kind if pool is not None else None,
        )


def sources_of(events: Record | Later, marks: FloatArray, shortest_lag: float) -> Sources:
    """When and where events trigger, their marks weighed by these coefficients."""
    weight = None if events.design is None else np.exp(events.design @ marks)
    if events.earliest is None:
        return Sources(events.t, events.x, events.y, weight, events.kind)
    if isinstance(events, Record):
        t, event, share = events.roll.sources()
    else:
        points = np.column_stack([events.x, events.y])
        roll = rolled(
            events.t, events.earliest, points, first=events.t.size, shortest_lag=shortest_lag
        )
        t, event, share = roll.sources()
    weight = share if weight is None else share * weight[event]
    kind = None if events.kind is None else events.kind[event]
    return Sources(t, events.x[event], events.y[event], weight, kind)


def together(all_sources: Sequence[Sources]) -> Sources:
    """Several in one, in order of time."""
    if len(all_sources) == 1:
        return all_sources[0]
    t = np.concatenate([one.t for one in all_sources])
    order = slice(None) if (np.diff(t) >= 0).all() else np.argsort(t, kind="stable")
    columns = zip(*all_sources, strict=True)
    return Sources(
        *(None if column[0] is None else np.concatenate(column)[order] for column in columns)
    )


def later_end(events: Events, since: pd.Timestamp, end: pd.Timestamp | str) -> pd.Timestamp:
    """The new cut-off, or a refusal where the events do not reach from the old one to it.

    Raises
    ------
    LeakError
        If it lies before the old.
    CoverageError
        If the events between the two were not all recorded.
    """
    cutoff = local_timestamp(end, events.time_zone)
    if cutoff < since:
        raise LeakError(
            f"end {cutoff} lies before the data cut-off {since}: the parameters have seen what "
            "comes after it. Fit again with that end."
        )
    if events.start > since or events.end < cutoff:
        raise CoverageError(
            f"The events were recorded from {events.start} to {events.end}, and what is wanted is "
            f"from {since} to {cutoff}. Missing is not zero: give a record that holds all of it."
        )
    if events.coverage is not None and cutoff > since:
        window = pd.IntervalIndex.from_breaks([since, cutoff.tz_convert(since.tz)], closed="left")
        require_covered(events, window)
    return cutoff


def read_later(
    events: Events,
    grid: Grid,
    *,
    since: pd.Timestamp,
    end: pd.Timestamp,
    start: pd.Timestamp,
    place_cell: float,
    marks: tuple[str, ...] = (),
    levels: Mapping[str, list] | None = None,
    offences: tuple[str, ...] = (),
) -> Later:
    """The events from `since` to `end` as arrays, by time, then x, then y.

    Parameters
    ----------
    events : Events
    grid : Grid
    since, end : Timestamp
        The cut-offs between which they lie.
    start : Timestamp
        From when days are counted.
    place_cell : float
        Side of the squares to whose centres places are set; 0 for exact places.
    marks : tuple of str
        Columns on which productivity depends.
    levels : dict
        As the fit found them.
    offences : tuple of str
        Those that were fitted; others are left out. Empty: all events.

    Raises
    ------
    GridMismatchError
        If events and grid are in different reference systems.
    DateError
        If an event has no time.
    CoordinateError
        If an event has no finite place, or lies outside the grid's region.
    UnknownNameError
        If a mark is missing, or has a level that the fit never saw.
    """
    require_same_crs(events, grid)
    # Numbers, not a table of the few rows: of one day's update nearly all would be pandas' time.
    stamps = pd.DatetimeIndex(events.table["time"]).as_unit("ns").asi8
    if (stamps == pd.NaT.value).any():
        require_times(events)
    first, last, zero = (one.as_unit("ns").value for one in (since, end, start))
    wanted = (stamps >= first) & (stamps < last)
    if offences:
        wanted &= events.table["offence"].isin(offences).to_numpy()
    rows = np.flatnonzero(wanted)
    days = (stamps[rows] - zero) / (24 * 3600e9)
    places = events.table.geometry.to_numpy()[rows]
    points = np.column_stack([shapely.get_x(places), shapely.get_y(places)])
    require_finite(days, *points.T)
    require_inside(points, grid)
    order = np.lexsort([points[:, 1], points[:, 0], days])
    if place_cell > 0:
        corner = np.array(grid.bounds[:2])
        points = (np.floor((points - corner) / place_cell) + 0.5) * place_cell + corner
    later = Later(days[order], *np.ascontiguousarray(points[order].T))
    if not (marks or offences) and "earliest_time" not in events.table:
        return later
    some = replace(events, table=events.table.iloc[rows[order]], report=None)
    return replace(
        later,
        earliest=earliest_days(some, start),
        design=marks_design(some, marks, dict(levels or {})),
        kind=kinds_of(some, offences),
    )


def require_same_resolution(events: Events, time_resolution: str) -> None:
    """Refuse times recorded more or less finely than those of the fit.

    Raises
    ------
    ResolutionError
    """
    if events.time_resolution != time_resolution:
        raise ResolutionError(
            f"The model was fitted to times by the {time_resolution}, and these events have times "
            f"by the {events.time_resolution}. Give both as finely as one another."
        )
