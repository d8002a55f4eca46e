"""Where events lay, smoothed: the kernel density of the past as a forecast."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from hotspot._typing import EdgeCorrection, FloatArray
from hotspot.data.events import Events
from hotspot.errors import DataQualityWarning, ParameterError, TooFewEventsError
from hotspot.grid.cells import Grid
from hotspot.models.door import guarded
from hotspot.models.level import RateBefore, level_variance
from hotspot.models.rate_map import FittedRateMap
from hotspot.models.smoothing.adaptive import (
    abramson_bandwidths,
    adaptive_kernel_mass_on_grid,
    adaptive_mass_in_cells,
)
from hotspot.models.smoothing.bandwidth import METHODS, SelectionMethod, select_bandwidth
from hotspot.models.smoothing.density import (
    Method,
    checked_bandwidth,
    distinct_places,
    laid_one_by_one,
    mass_in_cells,
    normal_mass,
    squared_mass_in_cells,
)
from hotspot.models.smoothing.edge import (
    checked_edge_correction,
    kernel_mass_on_grid,
    kernel_mass_read,
)
from hotspot.models.smoothing.patches import Patches
from hotspot.models.weights import (
    PastEvents,
    arrange,
    check_half_life,
    cutoff_of,
    weigh,
    window_offset,
)

_LEAST_MASS = 1e-3  # of a kernel inside the region; a place further out says nothing of its cell


@dataclass(frozen=True)
class KernelDensity:
    r"""Past events, each spread over its neighbourhood, so that near places share their risk.

    .. math::
        r_c = \Bigl( (1 - \varepsilon) \, m_c + \varepsilon \frac{a_c}{A} \Bigr)
              \frac{\sum_i w_i}{\int w},
        \qquad
        m_c \propto \frac{a_c}{|c|} \, \frac{1}{q_c} \sum_i w_i \int_c k_h(u - s_i) \, du

    with :math:`a_c` the cell's area inside the region, :math:`q_c` the mean mass inside the
    region of a kernel in the cell (``edge_correction="uniform"``), and :math:`m` scaled to
    sum to 1: the total is always that of the events, whatever the correction.

    Parameters
    ----------
    bandwidth : float or {"likelihood", "scott", "lscv", "isj", "diggle"}
        Standard deviation of the kernel in metres, or the rule that chooses it from the
        events in the window; see :func:`hotspot.models.smoothing.bandwidth.select_bandwidth`.
    adaptive : bool
        Whether each event has its own bandwidth, narrow where events lie thickly
        (:mod:`hotspot.models.smoothing.adaptive`), with `bandwidth` their geometric mean.
    window : str or None
        How far back, such as "36 months"; None for everything recorded.
    half_life : float or None
        Days after which an event weighs half; None for equal weights. For month data an
        event's age is that of its month's middle.
    edge_correction : {"uniform", "diggle", "none"}
        What to do about mass that kernels lose over the border; see
        :mod:`hotspot.models.smoothing.edge`.
    method : {"fft", "exact"}
        How kernels are summed; see :func:`hotspot.models.smoothing.density.mass_in_cells`.
    background_share : float
        :math:`\varepsilon` in (0, 1): share of the expected count spread over the region by
        area, so that no cell is called impossible.

    Raises
    ------
    ParameterError
        If an option is unknown or outside the values that make sense.

    Notes
    -----
    The rate's own uncertainty is that of events coming independently of one another:
    relative variance :math:`\sum_i w_i^2 k_i^2 / (\sum_i w_i k_i)^2`, the even share counting as so
    many events of the mean weight. What smoothing itself puts wrong (peaks lowered, hollows
    filled) is not in it. The bandwidth is taken as known, and is not chosen anew at the past
    origins from which the level's variance is learned.

    A fit takes O(n + m log m) for m cells, times 24 past origins, and the time of choosing a
    bandwidth.

    References
    ----------
    Chainey, S., Tompson, L., & Uhlig, S. (2008). The utility of hotspot mapping for
    predicting spatial patterns of crime. Security Journal, 21, 4-28.
    https://doi.org/10.1057/palgrave.sj.8350066

    Silverman, B. W. (1986). Density Estimation for Statistics and Data Analysis. Chapman &
    Hall. https://doi.org/10.1201/9781315140919

    Examples
    --------
    >>> KernelDensity(bandwidth=300.0, window="36 months").bandwidth
    300.0
    """

    bandwidth: float | SelectionMethod = "likelihood"
    adaptive: bool = False
    window: str | None = None
    half_life: float | None = None
    edge_correction: EdgeCorrection = "uniform"
    method: Method = "fft"
    background_share: float = 0.01

    def __post_init__(self) -> None:
        if isinstance(self.bandwidth, str):
            if self.bandwidth not in METHODS:
                raise ParameterError(
                    f"bandwidth must be a number of metres or one of {METHODS}, got "
                    f"{self.bandwidth!r}."
                )
        else:
            checked_bandwidth(self.bandwidth)
        checked_edge_correction(self.edge_correction)
        if self.method not in ("fft", "exact"):
            raise ParameterError(f'method must be "fft" or "exact", got {self.method!r}.')
        if self.window is not None:
            window_offset(self.window)
        check_half_life(self.half_life)
        if not 0 < self.background_share < 1:
            raise ParameterError(
                f"background_share must be in (0, 1), got {self.background_share}."
            )

    @guarded
    def fit(self, events: Events, grid: Grid, *, end: pd.Timestamp | None = None) -> FittedRateMap:
        """Smooth the events before `end` that lie on the grid.

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
            Its parameters hold the bandwidth used, ``bandwidth_metres``.

        Raises
        ------
        TooFewEventsError
            If no event falls on the grid before `end` in the window, or too few to choose a
            bandwidth by.
        ParameterError
            If the bandwidth is larger than the region.
        GridMismatchError
            If events and grid are in different reference systems.
        RefusedError
            If a guard holds back what is to be forecast; see :mod:`hotspot.guards`.
        ConvergenceError
            If ``bandwidth="isj"`` finds no solution.

        Warns
        -----
        DataQualityWarning
            If a given bandwidth is below the places' resolution, or a chosen one ended on a
            bound of its search.
        """
        cutoff = cutoff_of(events, end)
        smoother = self._smoother(events, grid, cutoff)
        rate, variance = smoother.rate_before(cutoff)
        return FittedRateMap(
            name="KernelDensity",
            grid=grid,
            data_cutoff=cutoff,
            rate=rate,
            rate_variance=variance,
            level=level_variance(smoother.rate_before, smoother.past, grid, cutoff),
            parameters={**asdict(self), "bandwidth_metres": smoother.bandwidth},
            time_resolution=events.time_resolution,
            place_resolution=events.place_resolution,
        )

    def rates(self, events: Events, grid: Grid) -> RateBefore:
        """The map that a fit at any cut-off would make, without the movement of its level.

        A bandwidth that is to be chosen is chosen anew at each cut-off.
        """
        if isinstance(self.bandwidth, str):
            return lambda cutoff: self._smoother(events, grid, cutoff).rate_before(cutoff)
        return self._smoother(events, grid, events.end).rate_before

    def _smoother(self, events: Events, grid: Grid, cutoff: pd.Timestamp) -> _Smoother:
        past = arrange(events.before(cutoff))
        cell = grid.cell_of(past.x, past.y)
        bandwidth = self._bandwidth_for(events, past, cell, grid, cutoff)
        return _Smoother(self, grid, past, cell, bandwidth)

    def _bandwidth_for(self, events, past, cell, grid, cutoff) -> float:
        run = weigh(past, cutoff, window=self.window, half_life=self.half_life)
        on_grid = cell[run.rows] >= 0
        if isinstance(self.bandwidth, str):
            points = np.column_stack([past.x[run.rows], past.y[run.rows]])[on_grid]
            choice = select_bandwidth(
                points,
                method=self.bandwidth,
                region=grid.region,
                place_resolution=events.place_resolution,
            )
            return float(choice)
        west, south, east, north = grid.region.bounds
        bandwidth = float(self.bandwidth)
        if bandwidth > max(east - west, north - south):
            raise ParameterError(
                f"bandwidth={bandwidth:g} m is larger than the region, which is "
                f"{east - west:.0f} m by {north - south:.0f} m. Give it in metres."
            )
        if bandwidth < events.place_resolution:
            warnings.warn(
                f"bandwidth={bandwidth:g} m is below the place resolution, "
                f"{events.place_resolution:.0f} m: the map will show the points that places were "
                "snapped to, not where events were. Give a larger one.",
                DataQualityWarning,
                stacklevel=4,
            )
        return bandwidth


class _Smoother:
    """Past events on a grid, ready to be smoothed from any cut-off backwards.

    Events in one place are smoothed as one, with the sum of their weights.
    """

    def __init__(self, model: KernelDensity, grid: Grid, past: PastEvents, cell, bandwidth):
        self.model, self.grid, self.past, self.bandwidth = model, grid, past, bandwidth
        self.on_grid = (cell >= 0) & (grid.inside_area.ravel()[np.maximum(cell, 0)] > 0)
        points = np.column_stack([past.x, past.y])
        self.places, self.place, _ = distinct_places(points, np.ones(len(points)))
        self.cell = grid.cell_of(*self.places.T)
        self.share = grid.inside_area / grid.cell_size**2
        self.kept = np.maximum(kernel_mass_on_grid(grid, bandwidth=bandwidth), _LEAST_MASS)
        if model.edge_correction == "diggle" and not model.adaptive:
            mass = kernel_mass_read(self.places, grid, bandwidth=bandwidth)
            self.kept_of_place = np.maximum(mass, _LEAST_MASS)
        self.patches = None
        if not model.adaptive and laid_one_by_one(
            len(self.places), (grid.x, grid.y), bandwidth=bandwidth, method=model.method
        ):
            # The kernel of a place is the same at every past origin; only its weight changes.
            self.patches = Patches.of(
                self.places, (grid.x, grid.y), bandwidth=bandwidth, factor=normal_mass
            )

    def rate_before(self, cutoff: pd.Timestamp) -> tuple[FloatArray, FloatArray]:
        """Rate per day and cell, and its relative variance, from the events before `cutoff`."""
        model, grid = self.model, self.grid
        run = weigh(self.past, cutoff, window=model.window, half_life=model.half_life)
        use = self.on_grid[run.rows]
        place, weight = self.place[run.rows][use], run.weight[use]
        if weight.size == 0:
            raise TooFewEventsError(
                f"No event falls on the grid before {cutoff:%Y-%m-%d}; there is nothing to smooth."
            )
        of_place = np.bincount(place, weight, len(self.places))
        squares = np.bincount(place, weight**2, len(self.places))
        used = np.flatnonzero(of_place)
        mass, squared = self._smoothed(used, of_place[used], np.sqrt(squares[used]))
        total, inside = weight.sum(), grid.inside
        mass, squared = mass * self.share, squared * self.share**2
        scale = total / mass[inside].sum()
        share = model.background_share
        even = share / (1 - share) * total * grid.inside_area / grid.inside_area.sum()
        # The even share counts as so many events of the mean weight.
        amount = np.where(inside, scale * mass + even, 1.0)
        uncertain = scale**2 * squared + even * squares.sum() / total
        rate = np.where(inside, (1 - share) * amount / run.exposure, 0.0)
        return rate, np.where(inside, uncertain / amount**2, 0.0)

    def _smoothed(self, used, weights, root_squares) -> tuple[FloatArray, FloatArray]:
        """Edge-corrected mass in each whole cell, and the sum over events of its squared parts."""
        model, axes = self.model, (self.grid.x, self.grid.y)
        if model.adaptive:
            return self._adaptively_smoothed(used, weights, root_squares)
        points = self.places[used]
        if model.edge_correction == "diggle":
            weights = weights / self.kept_of_place[used]
            root_squares = root_squares / self.kept_of_place[used]
        if self.patches is not None:
            mass = self.patches.laid(weights, of=used)
            squared = self.patches.laid(root_squares**2, power=2, of=used)
            return self._divided(mass, squared, self.kept)
        options = {"bandwidth": self.bandwidth, "method": model.method}
        mass = mass_in_cells(points, axes, weights=weights, **options)
        squared = squared_mass_in_cells(points, axes, weights=root_squares, **options)
        return self._divided(mass, squared, self.kept)

    def _adaptively_smoothed(self, used, weights, root_squares) -> tuple[FloatArray, FloatArray]:
        model, grid = self.model, self.grid
        points, axes, cell = self.places[used], (grid.x, grid.y), self.cell[used]
        pilot = mass_in_cells(points, axes, bandwidth=self.bandwidth, weights=weights) / self.kept
        at_places = np.maximum(pilot.ravel()[cell], np.finfo(float).tiny)
        own = abramson_bandwidths(at_places, weights, bandwidth=self.bandwidth)
        # A kernel in a cell without events has the bandwidth that an event there would have.
        known = np.maximum(pilot, at_places.min())
        of_cell = abramson_bandwidths(at_places, weights, bandwidth=self.bandwidth, at=known)
        kept = np.maximum(adaptive_kernel_mass_on_grid(grid, of_cell), _LEAST_MASS)
        if model.edge_correction == "diggle":
            weights = weights / kept.ravel()[cell]
            root_squares = root_squares / kept.ravel()[cell]
        mass, squared = adaptive_mass_in_cells(
            points,
            axes,
            bandwidths=own,
            weights=weights,
            root_squares=root_squares,
            method=model.method,
        )
        return self._divided(mass, squared, kept)

    def _divided(self, mass, squared, kept) -> tuple[FloatArray, FloatArray]:
        if self.model.edge_correction != "uniform":
            return mass, squared
        return mass / kept, squared / kept**2
