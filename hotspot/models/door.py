"""The door of every fit: one reference system, and the guards, before anything is learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import pandas as pd

from hotspot.data.events import Events
from hotspot.grid.cells import Grid
from hotspot.grid.counts import require_same_crs
from hotspot.guards.record import of_breaks
from hotspot.guards.scope import Scope, checked_scope
from hotspot.models.weights import cutoff_of


def scope_of(events: Events, grid: Grid, *, end: pd.Timestamp | None = None) -> Scope:
    """What a model would be fitted to, if the guards let it pass.

    Raises
    ------
    RefusedError
        If offences, cells or numbers are such as no forecast is made of, and the events carry no
        override; see :data:`hotspot.guards.GUARDS`.
    GridMismatchError
        If events and grid are in different reference systems.
    """
    require_same_crs(events, grid)
    past = events.before(cutoff_of(events, end))
    counts = past.table["offence"].value_counts(sort=False)
    scope = checked_scope(
        {str(name): int(count) for name, count in counts.items() if count},
        cell_size=grid.cell_size,
        place_resolution=events.place_resolution,
        overrides=events.overrides,
    )
    first, last = (edge.tz_convert(events.time_zone) for edge in (past.start, past.end))
    return replace(scope, findings=(*scope.findings, *of_breaks(events.source.name, first, last)))


def guarded(fit: Callable[..., Any]) -> Callable[..., Any]:
    """A model's ``fit`` behind the door; what was fitted keeps its scope."""

    @wraps(fit)
    def behind_the_door(
        self: Any, events: Events, grid: Grid, *, end: pd.Timestamp | None = None
    ) -> Any:
        scope = scope_of(events, grid, end=end)
        return replace(fit(self, events, grid, end=end), scope=scope)

    return behind_the_door
