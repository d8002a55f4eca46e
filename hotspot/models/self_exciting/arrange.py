"""Events become the arrays of a likelihood, or are refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import shapely

from hotspot._typing import FloatArray, IntArray
from hotspot.data.events import Events
from hotspot.errors import (
    CoordinateError,
    DateError,
    ParameterError,
    TooFewEventsError,
    UnknownNameError,
)
from hotspot.grid.cells import Grid
from hotspot.models.backgrounds.base import WindowEvents
from hotspot.models.log_linear import LogLinear

_LEAST_EVENTS = 20
_DAY = pd.Timedelta(days=1)


def marks_design(
    events: Events, marks: tuple[str, ...], levels: dict[str, list]
) -> FloatArray | None:
    """Columns that the marks' coefficients multiply, one row an event; None without marks.

    Raises
    ------
    UnknownNameError
        If a column is missing, or holds a level that was not there in fitting.
    ParameterError
        If a mark is missing or not finite.
    """
    if not marks:
        return None
    # The first column is the intercept, which the productivity is.
    return LogLinear(marks).design(events.table, levels)[0][:, 1:]


def checked_offences(offences: Iterable[str] | str) -> tuple[str, ...]:
    """Two or more different names, or none."""
    given = (offences,) if isinstance(offences, str) else tuple(offences)
    if len(given) == 1 or len(set(given)) < len(given):
        raise ParameterError(
            f"offences must be two or more different ones that excite one another; got {given}. "
            "For one offence, fit to events.select(offences=...)."
        )
    return given


def of_offences(events: Events, offences: tuple[str, ...]) -> Events:
    """The events of these offences; all of them if none is named.

    Raises
    ------
    UnknownNameError
        If no event is of one of them.
    """
    if not offences:
        return events
    present = events.table["offence"]
    missing = sorted(set(offences) - set(present))
    if missing:
        raise UnknownNameError(
            f"No event before the cut-off is of {missing}; there are {sorted(present.unique())}."
        )
    return replace(events, table=events.table[present.isin(offences)].reset_index(drop=True))


def kinds_of(events: Events, offences: tuple[str, ...]) -> IntArray | None:
    """Place of each event's offence in `offences`; None if none is named."""
    if not offences:
        return None
    return pd.Index(offences).get_indexer(events.table["offence"]).astype(np.int64)


def require_each(window: WindowEvents) -> None:
    """Refuse a window in which one of the offences has too few events."""
    for kind, offence in enumerate(window.offences):
        try:
            require_enough(window.points[window.kind == kind], window.start, window.end)
        except TooFewEventsError as error:
            raise TooFewEventsError(f"Of {offence!r}: {error}") from None


def earliest_days(events: Events, start: pd.Timestamp) -> FloatArray | None:
    """Begin of each event's interval, days since `start`; None where times are known."""
    if "earliest_time" not in events.table:
        return None
    earliest = events.table["earliest_time"]
    late = (earliest > events.table["time"]).sum() + earliest.isna().sum()
    if late:
        raise DateError(
            f"{late} events have no earliest_time, or one after their time. Set it to the time "
            "where that is known."
        )
    return ((earliest - start) / _DAY).to_numpy(float)


def require_times(events: Events) -> None:
    """Refuse events without a time: a cut at the window would let them go unseen."""
    missing = events.table["time"].isna()
    if missing.any():
        raise DateError(
            f"{missing.sum()} of {len(missing)} events have no time. Drop them, and count what was "
            "dropped."
        )


def require_finite(days: FloatArray, x: FloatArray, y: FloatArray) -> None:
    """Refuse events without a finite time and place."""
    bad = ~(np.isfinite(days) & np.isfinite(x) & np.isfinite(y))
    if bad.any():
        raise CoordinateError(
            f"{bad.sum()} of {bad.size} events have no finite time and place. Drop them, and count "
            "what was dropped."
        )


def require_enough(points: FloatArray, start: pd.Timestamp, cutoff: pd.Timestamp) -> None:
    """Refuse a window with too few events, or too few places, to tell anything from."""
    places = len(np.unique(points[:_LEAST_EVENTS], axis=0))
    if places < _LEAST_EVENTS // 2:
        places = len(np.unique(points, axis=0))
    if len(points) < _LEAST_EVENTS or places < _LEAST_EVENTS // 2:
        raise TooFewEventsError(
            f"{len(points)} events in {places} distinct places lie between {start:%Y-%m-%d} and "
            f"{cutoff:%Y-%m-%d}; a self-exciting model needs at least {_LEAST_EVENTS} events in "
            f"{_LEAST_EVENTS // 2} places. Use a longer window or a larger region."
        )


def require_inside(points: FloatArray, grid: Grid) -> None:
    """Refuse events outside the grid's region."""
    shapely.prepare(grid.region)
    inside = shapely.intersects_xy(grid.region, *points.T)
    inside &= grid.inside.ravel()[np.maximum(grid.cell_of(*points.T), 0)]
    if not inside.all():
        raise CoordinateError(
            f"{(~inside).sum()} of {len(points)} events lie outside the grid's region, the first "
            f"at {points[int(np.argmin(inside))]}. Leave them out: "
            "events.select(region=grid.region)."
        )
