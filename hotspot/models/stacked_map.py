"""Several maps in one: weighed by how well each foretold events that it had not seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.grid.cells import Grid
from hotspot.models.door import guarded
from hotspot.models.level import RateBefore, level_variance
from hotspot.models.protocol import Model
from hotspot.models.rate_map import FittedRateMap, rates_of
from hotspot.models.weights import PastEvents, arrange, cutoff_of, weigh, window_offset

_ROUNDS = 500
_SETTLED = 1e-5


@dataclass(frozen=True)
class Stacked:
    r"""A weighted mean of other models' maps; the weights are learned from their past forecasts.

    .. math:: p_c = \sum_k w_k \, p_{kc}, \qquad
       w = \arg\max \sum_i \log \sum_k w_k \, \frac{p_{k c(i)}^{(i)}}{a_{c(i)}},
       \qquad w_k \ge 0, \; \sum_k w_k = 1

    :math:`p_{kc}` is the share of the region's expected count that model k gives to cell c, of area
    :math:`a_c`, and :math:`p_{k}^{(i)}` the map that it would have issued before event i: every
    `refresh` the maps are made anew from what came before, and foretell the events until the next.
    So the weights are those of forecasts, and a map that only remembers earns none. The total is
    the weighted mean of the models' totals.

    Attributes
    ----------
    parts : tuple of Model
        Two or more, such as ``HistoricalRate()`` and ``KernelDensity(bandwidth=250.0)``. Between
        maps that are much alike the weight is divided as chance has it; its sum is what counts.
    window : str
        How far before the cut-off the events lie by which the models are weighed.
    refresh : str
        How often the models' maps are made anew in that window.

    Raises
    ------
    ParameterError
        If there are fewer than two parts, one has no ``fit``, or `window` or `refresh` is not
        understood.

    Notes
    -----
    The weights are found by expectation and maximisation, which climbs to the one maximum. Their
    own uncertainty is not in the bounds; that of the parts' rates enters as if their errors were
    the same, which is the most it can be.

    Making the map of a count or a density costs O(n) a part, for each refresh in the window and
    each of the past origins from which the level's variance is learned (24 to 26). Other models
    are fitted anew each time.

    References
    ----------
    Smyth, P., & Wolpert, D. (1999). Linearly combining density estimators via stacking. Machine
    Learning, 36, 59-83. https://doi.org/10.1023/A:1007511322260

    Examples
    --------
    >>> from hotspot import Grid, HistoricalRate, KernelDensity, Stacked, load_sample
    >>> events = load_sample("exact")
    >>> grid = Grid.over(events.region, cell_size=500)
    >>> stack = Stacked((HistoricalRate(), KernelDensity(bandwidth=300.0)), window="12 months")
    >>> weights = stack.fit(events, grid).parameters["weights"]
    >>> len(weights), round(sum(weights), 5)
    (2, 1.0)
    """

    parts: tuple[Model, ...]
    window: str = "24 months"
    refresh: str = "1 month"

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        if len(self.parts) < 2:
            raise ParameterError(f"A stack needs at least two models, got {len(self.parts)}.")
        for part in self.parts:
            if not isinstance(part, Model) or isinstance(part, type):
                raise ParameterError(
                    "A stack is made of models with a fit method, such as HistoricalRate(); got "
                    f"{part!r}."
                )
        window_offset(self.window)
        window_offset(self.refresh)

    @guarded
    def fit(self, events: Events, grid: Grid, *, end: pd.Timestamp | None = None) -> FittedRateMap:
        """Weigh the parts by their forecasts before `end`, and mix what they say there.

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
            Its parameters hold the ``weights``, in the order of ``parts``.

        Raises
        ------
        TooFewEventsError
            If no event falls on the grid in the window after every part has a past to learn from,
            or a part cannot be fitted at the cut-off.
        GridMismatchError
            If events and grid are in different reference systems.
        RefusedError
            If a guard holds back what is to be forecast; see :mod:`hotspot.guards`.
        """
        cutoff = cutoff_of(events, end)
        learned = _Learned(self, events.before(cutoff), grid)
        weights, judged = learned.weights_before(cutoff)

        def rate_before(origin: pd.Timestamp) -> tuple[FloatArray, FloatArray]:
            return learned.mixed(weights, origin)

        rate, variance = rate_before(cutoff)
        return FittedRateMap(
            name="Stacked",
            grid=grid,
            data_cutoff=cutoff,
            rate=rate,
            rate_variance=variance,
            level=level_variance(rate_before, learned.past, grid, cutoff),
            parameters={
                "weights": weights.round(6).tolist(),
                "weighed_by_events": judged,
                "window": self.window,
                "refresh": self.refresh,
                "parts": [{"model": type(part).__name__, **asdict(part)} for part in self.parts],
            },
            time_resolution=events.time_resolution,
            place_resolution=events.place_resolution,
        )

    def rates(self, events: Events, grid: Grid) -> RateBefore:
        """The map that a fit at any cut-off would make, without the movement of its level.

        Each is mixed with the weights that were known at its cut-off.
        """
        learned = _Learned(self, events, grid)

        def rate_before(cutoff: pd.Timestamp) -> tuple[FloatArray, FloatArray]:
            return learned.mixed(learned.weights_before(cutoff)[0], cutoff)

        return rate_before


class _Learned:
    """The parts' maps at every refresh, read where events then fell."""

    def __init__(self, stack: Stacked, events: Events, grid: Grid) -> None:
        self.window, self.grid, self.past = stack.window, grid, arrange(events)
        cell = grid.cell_of(self.past.x, self.past.y)
        on_grid = (cell >= 0) & grid.inside.ravel()[np.maximum(cell, 0)]
        self.cell = np.where(on_grid, cell, -1)
        self.maps = [rates_of(part, events, grid) for part in stack.parts]
        self.instants = _refreshes(self.past, stack.refresh)
        days = (self.instants - self.past.start) / pd.Timedelta(days=1)
        self.block = np.searchsorted(days.to_numpy(float), self.past.when, side="right") - 1
        # NaN where a part had no past to learn from, and where an event lies off the grid.
        self.density = np.full((len(self.maps), self.past.when.size), np.nan)
        self.read: set[int] = set()

    def weights_before(self, cutoff: pd.Timestamp) -> tuple[FloatArray, int]:
        """Weights (k,) by the events of the window before `cutoff`, and how many these are."""
        rows = weigh(self.past, cutoff, window=self.window).rows
        for block in np.unique(self.block[rows]):
            self._read(int(block))
        density = self.density[:, rows]
        density = density[:, np.isfinite(density).all(axis=0)]
        judged = density.shape[1]
        if judged == 0:
            raise TooFewEventsError(
                f"No event of the {self.window} before {cutoff:%Y-%m-%d} falls on the grid after "
                "every part has a past to learn from. Give a longer record, or a shorter refresh."
            )
        return likeliest_weights(density, np.ones(judged)), judged

    def mixed(self, weights: FloatArray, cutoff: pd.Timestamp) -> tuple[FloatArray, FloatArray]:
        """Rate per day and cell, and its relative variance, from the events before `cutoff`."""
        made = [rate_before(cutoff) for rate_before in self.maps]
        totals = np.array([rate.sum() for rate, _ in made])
        level = weights @ totals
        rate, deviation = np.zeros(self.grid.shape), np.zeros(self.grid.shape)
        for weight, total, (own, variance) in zip(weights, totals, made, strict=True):
            part = weight * level / total * own
            rate += part
            deviation += part * np.sqrt(variance)
        inside = self.grid.inside
        return rate, np.where(inside, deviation / np.where(inside, rate, 1.0), 0.0) ** 2

    def _read(self, block: int) -> None:
        """Densities under the maps made at the begin of a block, at the events of the block."""
        if block in self.read:
            return
        self.read.add(block)
        rows = np.flatnonzero((self.block == block) & (self.cell >= 0))
        cell = self.cell[rows]
        area = self.grid.inside_area.ravel()[cell]
        for k, rate_before in enumerate(self.maps):
            try:
                rate, _ = rate_before(self.instants[block])
            except TooFewEventsError:
                return
            self.density[k, rows] = rate.ravel()[cell] / (area * rate.sum())


def likeliest_weights(densities: FloatArray, chance: FloatArray) -> FloatArray:
    """Weights (k,) of densities (k, n) under which the events, weighed by `chance`, are likeliest.

    By expectation and maximisation: each event is owed to the densities in the proportion in which
    they foretold it. The log-likelihood is concave in the weights, so the start does not matter.
    """
    weights = np.full(len(densities), 1 / len(densities))
    for _ in range(_ROUNDS):
        new = weights * (densities @ (chance / (weights @ densities))) / chance.sum()
        moved = np.abs(new - weights).max()
        weights = new
        if moved < _SETTLED:
            break
    return weights


def _refreshes(past: PastEvents, refresh: str) -> pd.DatetimeIndex:
    """When maps are made anew: from the begin of the record on, by the local calendar."""
    offset = window_offset(refresh)
    first, last = (
        edge.tz_convert(past.time_zone).tz_localize(None) for edge in (past.start, past.end)
    )
    found = [first]
    while (later := first + offset * len(found)) < last:
        found.append(later)
    local = pd.DatetimeIndex(found).tz_localize(
        past.time_zone, ambiguous=True, nonexistent="shift_forward"
    )
    return local.tz_convert("UTC")
