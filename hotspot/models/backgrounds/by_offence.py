"""A background for each of several offences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray
from hotspot.models.backgrounds.base import Background, LaidBackground, WindowEvents


@dataclass(frozen=True, eq=False)
class LaidByOffence:
    """Backgrounds laid side by side; as :class:`LaidBackground`, with a first axis of offences.

    Attributes
    ----------
    at_events : (n,) float64
        u(s) ν(t) at each event of the window, of its own offence; per square metre.
    laid : tuple of M LaidBackground
    offences : tuple of str
    """

    at_events: FloatArray
    laid: tuple[LaidBackground, ...]
    offences: tuple[str, ...]
    pattern: None = field(default=None, init=False, repr=False)

    @property
    def parameters(self) -> Mapping[str, object]:
        """What was chosen and estimated for each offence, ready for JSON."""
        return {
            "backgrounds": {
                one: dict(laid.parameters)
                for one, laid in zip(self.offences, self.laid, strict=True)
            }
        }

    @property
    def cell_share(self) -> FloatArray:
        """(M, ny, nx); each offence's sums to 1."""
        return np.stack([laid.cell_share for laid in self.laid])

    @property
    def map_moves(self) -> bool:
        """Whether the shares of the cells change with time."""
        return any(laid.map_moves for laid in self.laid)

    def days(self, start, end) -> FloatArray:
        """Integral of each offence's ν; (M,) or (M, k) days."""
        return np.stack([laid.days(start, end) for laid in self.laid])

    def cell_days(self, start: pd.Timestamp, end: pd.Timestamp) -> FloatArray:
        """Integral of u ν over each cell; (M, ny, nx) days."""
        return np.stack([laid.cell_days(start, end) for laid in self.laid])

    def breaks(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
        """Instants strictly between `start` and `end` at which a background may jump."""
        found = [laid.breaks(start, end) for laid in self.laid]
        return found[0].append(found[1:]).unique().sort_values()


@dataclass(frozen=True)
class BackgroundByOffence:
    """The same kind of background, laid for each offence under its own events.

    Attributes
    ----------
    background : Background
    """

    background: Background

    @property
    def follows_events(self) -> bool:
        """As of the background itself."""
        return self.background.follows_events

    def lay(self, window: WindowEvents, chance: FloatArray) -> LaidByOffence:
        """One background after another; `window` says of what offence each event is."""
        at_events, laid = np.empty(len(window.points)), []
        for kind, offence in enumerate(window.offences):
            own = window.kind == kind
            laid.append(self.background.lay(_of_kind(window, kind, offence), chance[own]))
            at_events[own] = laid[-1].at_events
        return LaidByOffence(at_events, tuple(laid), window.offences)


def _of_kind(window: WindowEvents, kind: int, offence: str) -> WindowEvents:
    own, table = window.kind == kind, window.events.table
    events = replace(window.events, table=table[table["offence"] == offence].reset_index(drop=True))
    return replace(
        window,
        events=events,
        points=window.points[own],
        stamps=window.stamps[own],
        laid=window.laid.setdefault(offence, {}),
        kind=None,
        offences=(),
    )
