"""The mean of the past per cell: on London burglary, the map to beat."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray, IntArray
from hotspot.data.events import Events
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.grid.cells import Grid
from hotspot.models.door import guarded
from hotspot.models.level import RateBefore, level_variance
from hotspot.models.rate_map import FittedRateMap
from hotspot.models.weights import (
    PastEvents,
    arrange,
    check_half_life,
    cutoff_of,
    weigh,
    window_offset,
)


@dataclass(frozen=True)
class HistoricalRate:
    r"""Each cell's own mean rate in the past, with a little spread evenly.

    .. math::
        r_c = (1 - \varepsilon) \frac{\sum_i w_i 1[s_i \in c]}{\int w}
              + \varepsilon \frac{a_c}{A} \frac{\sum_i w_i}{\int w},
        \qquad w = 2^{-\mathrm{age} / \mathrm{half\ life}}

    Attributes
    ----------
    window : str or None
        How far back, such as "36 months"; None for everything recorded.
    half_life : float or None
        Days after which an event weighs half; None for equal weights.
    background_share : float
        :math:`\varepsilon` in (0, 1): share of the expected count spread over the region by
        area, so that no cell is called impossible.

    Notes
    -----
    The rate's own uncertainty is that of the gamma posterior whose prior is the even
    share: relative variance :math:`\sum w^2 / (\sum w)^2`, the prior counting as so many
    events. Time O(n) per fit, times the number of past origins from which the level's
    variance is learned (24).

    References
    ----------
    Chainey, S., Tompson, L., & Uhlig, S. (2008). The utility of hotspot mapping for
    predicting spatial patterns of crime. Security Journal, 21, 4-28.
    https://doi.org/10.1057/palgrave.sj.8350066

    Examples
    --------
    >>> HistoricalRate(window="36 months")
    HistoricalRate(window='36 months', half_life=None, background_share=0.01)
    """

    window: str | None = None
    half_life: float | None = None
    background_share: float = 0.01

    def __post_init__(self) -> None:
        if self.window is not None:
            window_offset(self.window)
        check_half_life(self.half_life)
        if not 0 < self.background_share < 1:
            raise ParameterError(
                f"background_share must be in (0, 1), got {self.background_share}."
            )

    @guarded
    def fit(self, events: Events, grid: Grid, *, end: pd.Timestamp | None = None) -> FittedRateMap:
        """Average the events before `end`.

        Parameters
        ----------
        events : Events
        grid : Grid
            In the CRS of the events.
        end : Timestamp, optional
            The cut-off; default the end of the events' window.

        Returns
        -------
        FittedRateMap

        Raises
        ------
        TooFewEventsError
            If no event falls on the grid before `end` in the window.
        GridMismatchError
            If events and grid are in different reference systems.
        RefusedError
            If a guard holds back what is to be forecast; see :mod:`hotspot.guards`.
        """
        cutoff = cutoff_of(events, end)
        past = arrange(events.before(cutoff))
        rate_before = self._rates(past, grid)
        rate, variance = rate_before(cutoff)
        return FittedRateMap(
            name="HistoricalRate",
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

        def rate_before(cutoff: pd.Timestamp) -> tuple[FloatArray, FloatArray]:
            return self._rate_before(past, cell, grid, cutoff)

        return rate_before

    def _rate_before(
        self, past: PastEvents, cell: IntArray, grid: Grid, cutoff: pd.Timestamp
    ) -> tuple[FloatArray, FloatArray]:
        """Rate per day and cell, and its relative variance, from the events before `cutoff`."""
        run = weigh(past, cutoff, window=self.window, half_life=self.half_life)
        on_grid = cell[run.rows] >= 0
        where, weight = cell[run.rows][on_grid], run.weight[on_grid]
        size = grid.inside_area.size
        total = np.bincount(where, weight, size).reshape(grid.shape)
        squares = np.bincount(where, weight**2, size).reshape(grid.shape)
        if total.sum() == 0:
            raise TooFewEventsError(
                f"No event falls on the grid before {cutoff:%Y-%m-%d}; there is nothing to average."
            )
        share = self.background_share
        even = share / (1 - share) * total.sum() * grid.inside_area / grid.inside_area.sum()
        # The even share counts as so many events of the mean weight.
        mean_weight = squares.sum() / total.sum()
        amount = np.where(grid.inside, total + even, 1.0)
        variance = np.where(grid.inside, (squares + even * mean_weight) / amount**2, 0.0)
        rate = np.where(grid.inside, (1 - share) * amount / run.exposure, 0.0)
        return rate, variance
