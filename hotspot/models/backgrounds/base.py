r"""What would be recorded without triggering: backgrounds of a self-exciting model.

.. math:: \mu(t, s) = B \, u(s) \, \nu(t), \qquad \int_W u = 1, \quad \text{mean of } \nu = 1

B, the background's events per day, is always estimated; a background says what u and ν are. One
that follows the events, as :class:`KernelBackground` does, is laid again with each event weighed by
the chance that it is background (stochastic declustering). The background decides what is
left to triggering: too smooth a one turns every cluster of place into triggering.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray, IntArray
from hotspot.data.events import Events
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.grid.cells import Grid
from hotspot.models.level import RateBefore
from hotspot.models.protocol import Model
from hotspot.models.rate_map import rates_of
from hotspot.models.weights import window_offset


@dataclass(frozen=True, eq=False)
class WindowEvents:
    """The events that a likelihood sums over, and where and when they were looked for.

    Attributes
    ----------
    events : Events
        Everything before the cut-off, also from before the window.
    grid : Grid
    points : (n, 2) float64
        Places of the events in the window, in order of time; metres.
    stamps : DatetimeIndex (n,)
        Their times.
    start, end : Timestamp
        The window; `end` is the cut-off.
    laid : dict
        Backgrounds that do not follow the events, kept from round to round of declustering.
    kind : (n,) int64 or None
        Of which of the `offences` each event is; None where all are of one kind.
    offences : tuple of str
    """

    events: Events
    grid: Grid
    points: FloatArray
    stamps: pd.DatetimeIndex
    start: pd.Timestamp
    end: pd.Timestamp
    laid: dict = field(default_factory=dict, repr=False)
    kind: IntArray | None = None
    offences: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LaidBackground:
    """A background with a shape: what a fit reads at the events, and a forecast in the cells.

    Attributes
    ----------
    at_events : (n,) float64
        u(s) ν(t) at each event of the window; per square metre.
    cell_share : (ny, nx) float64
        Integral of u over each cell, from all that is known at the cut-off; sums to 1.
    parameters : mapping
        What was chosen and estimated, ready for JSON.
    pattern : TimePattern or None
        ν; None for a background that is steady in time. A ``TilePattern`` may move the map too.
    """

    at_events: FloatArray
    cell_share: FloatArray
    parameters: Mapping[str, object] = field(default_factory=dict)
    pattern: object = None

    def days(
        self, start: pd.Timestamp | pd.DatetimeIndex, end: pd.Timestamp | pd.DatetimeIndex
    ) -> float | FloatArray:
        """Integral of ν from `start` to `end`, in days; one number if both are one instant."""
        if self.pattern is not None:
            return self.pattern.days(start, end)
        found = (end - start) / pd.Timedelta(days=1)
        return found if isinstance(found, float) else np.asarray(found, float)

    def cell_days(
        self, start: pd.Timestamp | pd.DatetimeIndex, end: pd.Timestamp | pd.DatetimeIndex
    ) -> FloatArray:
        """Integral of u ν over each cell, in days; (ny, nx), or (k, ny, nx) for many instants.

        A background of one event a day is expected to have so many events in the cell.
        """
        if self.map_moves:
            return self.pattern.cell_days(start, end)
        return np.multiply.outer(self.days(start, end), self.cell_share)

    def breaks(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
        """Instants strictly between `start` and `end` at which the background may jump."""
        if self.pattern is None:
            return pd.DatetimeIndex([], tz="UTC")
        return self.pattern.breaks(start, end)

    @property
    def map_moves(self) -> bool:
        """Whether the shares of the cells change with time."""
        return getattr(self.pattern, "map_moves", False)


@runtime_checkable
class Background(Protocol):
    """A specification of a background; a frozen dataclass without data."""

    @property
    def follows_events(self) -> bool:
        """Whether :meth:`lay` depends on the chances that events are background."""
        ...

    def lay(self, window: WindowEvents, chance: FloatArray) -> LaidBackground:
        """The background's shape, each event weighed by its chance (n,) to be background."""
        ...


@dataclass(frozen=True)
class ConstantBackground:
    """The same everywhere in the region and at all times.

    Every unevenness of place is then left to triggering, which will look stronger, wider
    and longer than it is. For simulated data, and for comparison with other programs.

    Examples
    --------
    >>> ConstantBackground().follows_events
    False
    """

    follows_events: bool = field(default=False, init=False, repr=False)

    def lay(self, window: WindowEvents, chance: FloatArray) -> LaidBackground:  # noqa: ARG002 - the protocol's
        """One over the area of the region."""
        inside = window.grid.inside_area
        even = np.full(len(window.points), 1 / window.grid.region.area)
        return LaidBackground(even, inside / inside.sum(), {"background": "constant"})


@dataclass(frozen=True)
class MapBackground:
    r"""The map of any other model, fitted to what was recorded before.

    .. math:: u(s) = (1 - \varepsilon) \frac{r_c}{a_c \sum_k r_k} + \frac{\varepsilon}{A},
       \qquad s \in c

    with r the expected count of cell c and :math:`a_c` its area inside the region. The map is
    fitted anew at every `refresh` from the begin of the likelihood's window on, each time to the
    events *before*, so no event lies in its own background; a forecast takes the map fitted to
    everything before the cut-off. A map that is not refreshed grows old in a long window, and
    triggering with long lags then makes up for what it has not seen.

    Attributes
    ----------
    model : Model
        Such as ``HistoricalRate()`` or ``KernelDensity()``.
    refresh : str or None
        How often the map is fitted anew inside the window, such as "28 days" or "3 months"; None
        for one map, fitted before the window.
    background_share : float
        :math:`\varepsilon` in (0, 1): share spread evenly, so that an event in a cell without
        a past is not impossible.

    Raises
    ------
    ParameterError
        If `background_share` is outside (0, 1), `refresh` is not understood, or `model` cannot
        be fitted.

    Examples
    --------
    >>> from hotspot import HistoricalRate
    >>> MapBackground(HistoricalRate(window="60 months")).background_share
    0.01
    """

    model: Model
    refresh: str | None = "28 days"
    background_share: float = 0.01
    follows_events: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.model, Model):
            raise ParameterError(
                f"MapBackground needs a model with a fit method, such as HistoricalRate(); got "
                f"{type(self.model).__name__}."
            )
        checked_background_share(self.background_share)
        if self.refresh is not None:
            window_offset(self.refresh)

    def lay(self, window: WindowEvents, chance: FloatArray) -> LaidBackground:  # noqa: ARG002 - the protocol's
        """Fit the maps of the window for the likelihood, and that of the cut-off for a forecast.

        Raises
        ------
        TooFewEventsError
            If nothing was recorded before the window.
        """
        if window.start <= window.events.start:
            raise TooFewEventsError(
                "MapBackground is fitted to the events before the likelihood's window, and the "
                f"window begins {window.start:%Y-%m-%d}, with the data. Give SelfExciting a "
                'shorter window, such as window="24 months".'
            )
        grid = window.grid
        cell = grid.cell_of(*window.points.T)
        share = np.empty(len(cell))
        rate_before = rates_of(self.model, window.events, grid)
        fitted_at = self._refreshed(window)
        ends = pd.DatetimeIndex([*fitted_at[1:], window.end.tz_convert("UTC")])
        first = 0
        for instant, upto in zip(fitted_at, window.stamps.searchsorted(ends), strict=True):
            if upto > first:
                share[first:upto] = self._shares(rate_before, instant, grid).ravel()[
                    cell[first:upto]
                ]
            first = upto
        return LaidBackground(
            share / grid.inside_area.ravel()[cell],
            self._shares(rate_before, window.end, grid),
            {
                "background": type(self.model).__name__,
                "background_refresh": self.refresh,
                "background_share": self.background_share,
            },
        )

    def _refreshed(self, window: WindowEvents) -> list[pd.Timestamp]:
        """When the map is fitted anew: the begin of the window, and every `refresh` after it."""
        start = window.start.tz_convert("UTC")
        found = [start]
        while self.refresh is not None:
            later = start + window_offset(self.refresh) * len(found)
            if later >= window.end:
                break
            found.append(later)
        return found

    def _shares(self, rate_before: RateBefore, cutoff: pd.Timestamp, grid: Grid) -> FloatArray:
        rate, _ = rate_before(cutoff)
        return mixed_with_even(rate / rate.sum(), grid, self.background_share)


def mixed_with_even(share: FloatArray, grid: Grid, background_share: float) -> FloatArray:
    """Cell shares of which a part is spread by area."""
    even = grid.inside_area / grid.inside_area.sum()
    return (1 - background_share) * share + background_share * even


def checked_background_share(share: float) -> None:
    """Refuse a share outside (0, 1)."""
    if not 0 < share < 1:
        raise ParameterError(f"background_share must be in (0, 1), got {share}.")
