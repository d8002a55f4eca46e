"""Prospective mapping: recent events raise the risk of near cells for a while."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy.signal import fftconvolve

from hotspot._typing import FloatArray, IntArray
from hotspot.data.events import Events
from hotspot.errors import ParameterError, ResolutionError, TooFewEventsError
from hotspot.grid.cells import Grid
from hotspot.models.door import guarded
from hotspot.models.level import RateBefore, level_variance
from hotspot.models.rate_map import FittedRateMap
from hotspot.models.weights import PastEvents, arrange, cutoff_of, weigh


@dataclass(frozen=True)
class ProspectiveMap:
    r"""ProMap: events count for less the further off and the longer ago they are.

    .. math::
        m_c \propto a_c \sum_i \frac{1}{(1 + d_{ci})(1 + t_i)}
        \quad \text{over} \quad d_{ci} < D, \; t_i < T

    with :math:`d_{ci}` the distance in whole cells from the event's cell to cell c (the larger of
    rows and columns, so that the eight neighbours are at 1), :math:`t_i` the whole weeks
    from the event to the cut-off, and :math:`a_c` the cell's area inside the region. The map is
    scaled to the mean rate of the last T weeks.

    Parameters
    ----------
    weeks : int
        T, weeks for which an event counts.
    cells : int
        D, cells up to which it counts: the event's own at 0, so 8 reaches 7 cells away.
    background_share : float
        Share of the expected count, in (0, 1), spread over the region by area.

    Notes
    -----
    The weights are those of Bowers, Johnson and Pease, for 50 m cells, 400 m and two months.
    A time is needed to the week: data recorded by the month are refused.
    O(n + m log m) for m cells, times the past origins from which the level's variance is learned.

    References
    ----------
    Bowers, K. J., Johnson, S. D., & Pease, K. (2004). Prospective hot-spotting: The future of
    crime mapping? British Journal of Criminology, 44, 641-658.
    https://doi.org/10.1093/bjc/azh036

    Examples
    --------
    >>> ProspectiveMap(weeks=8, cells=8)
    ProspectiveMap(weeks=8, cells=8, background_share=0.01)
    """

    weeks: int = 8
    cells: int = 8
    background_share: float = 0.01

    def __post_init__(self) -> None:
        for name in ("weeks", "cells"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ParameterError(f"{name} must be a whole number of at least 1, got {value!r}.")
        if not 0 < self.background_share < 1:
            raise ParameterError(
                f"background_share must be in (0, 1), got {self.background_share}."
            )

    @guarded
    def fit(self, events: Events, grid: Grid, *, end: pd.Timestamp | None = None) -> FittedRateMap:
        """Weigh the events of the last weeks before `end`.

        Parameters
        ----------
        events : Events
            With times to the day or finer.
        grid : Grid
            In the CRS of the events.
        end : Timestamp, optional
            The cut-off; default the end of the events' window.

        Returns
        -------
        FittedRateMap

        Raises
        ------
        ResolutionError
            If the events are recorded by the month.
        TooFewEventsError
            If no event falls on the grid in the last `weeks` before `end`.
        GridMismatchError
            If events and grid are in different reference systems.
        RefusedError
            If a guard holds back what is to be forecast; see :mod:`hotspot.guards`.
        """
        if events.time_resolution == "month":
            raise ResolutionError(
                "ProspectiveMap weighs events by the week, and these are recorded by the month. "
                "Use KernelDensity(half_life=...) or HistoricalRate."
            )
        cutoff = cutoff_of(events, end)
        past = arrange(events.before(cutoff))
        rate_before = self._rates(past, grid)
        rate, variance = rate_before(cutoff)
        return FittedRateMap(
            name="ProspectiveMap",
            grid=grid,
            data_cutoff=cutoff,
            rate=rate,
            rate_variance=variance,
            level=level_variance(rate_before, past, grid, cutoff),
            parameters=asdict(self),
            time_resolution=events.time_resolution,
            place_resolution=events.place_resolution,
        )

    def rates(self, events: Events, grid: Grid) -> RateBefore:
        """The map that a fit at any cut-off would make, without the movement of its level."""
        return self._rates(arrange(events), grid)

    def _rates(self, past: PastEvents, grid: Grid) -> RateBefore:
        cell = grid.cell_of(past.x, past.y)
        cell = np.where(grid.inside.ravel()[np.maximum(cell, 0)], cell, -1)

        def rate_before(cutoff: pd.Timestamp) -> tuple[FloatArray, FloatArray]:
            return self._rate_before(past, cell, grid, cutoff)

        return rate_before

    def _rate_before(
        self, past: PastEvents, cell: IntArray, grid: Grid, cutoff: pd.Timestamp
    ) -> tuple[FloatArray, FloatArray]:
        """Rate per day and cell, and its relative variance, from the events before `cutoff`."""
        run = weigh(past, cutoff, window=f"{self.weeks} weeks")
        used = cell[run.rows] >= 0
        if not used.any():
            raise TooFewEventsError(
                f"No event falls on the grid in the {self.weeks} weeks before {cutoff:%Y-%m-%d}."
            )
        days = (cutoff - past.start) / pd.Timedelta(days=1) - past.when[run.rows][used]
        # A clock change can make the local window an hour longer than whole weeks.
        weeks_ago = np.minimum(np.floor(days / 7), self.weeks - 1)
        where, weight = cell[run.rows][used], 1 / (1 + weeks_ago)
        area = grid.inside_area / grid.inside_area.max()
        mass, squared = (area**power * self._spread(where, weight, power, grid) for power in (1, 2))
        n = used.sum()
        scale = n / mass.sum()
        share = self.background_share
        even = share / (1 - share) * n * grid.inside_area / grid.inside_area.sum()
        amount = np.where(grid.inside, scale * mass + even, 1.0)
        # The even share counts as so many events.
        variance = np.where(grid.inside, (scale**2 * squared + even) / amount**2, 0.0)
        return np.where(grid.inside, (1 - share) * amount / run.exposure, 0.0), variance

    def _spread(self, where: IntArray, weight: FloatArray, power: int, grid: Grid) -> FloatArray:
        """Sum over events of (weight x 1 / (1 + distance in cells)) to a power, in each cell."""
        size = grid.inside_area.size
        placed = np.bincount(where, weight**power, size).reshape(grid.shape)
        offset = np.abs(np.arange(1 - self.cells, self.cells))
        nearness = (1 / (1 + np.maximum(offset[:, None], offset))) ** power
        return np.maximum(fftconvolve(placed, nearness, mode="full")[self._centre(grid)], 0.0)

    def _centre(self, grid: Grid) -> tuple[slice, slice]:
        first = self.cells - 1
        return tuple(slice(first, first + size) for size in grid.shape)
