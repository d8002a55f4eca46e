"""A background that follows the events themselves: kernels, by stochastic declustering."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from hotspot._numba.half_kernels import NODES, SPACING
from hotspot._numba.smoothed_points import gather_others, spread_points
from hotspot._typing import FloatArray
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.models.backgrounds.base import (
    LaidBackground,
    WindowEvents,
    checked_background_share,
    mixed_with_even,
)
from hotspot.models.smoothing.density import checked_bandwidth, density_at_points, mass_in_cells
from hotspot.models.triggering.edge_mass import RegionMass

_LEAST_EVENTS = 10
_LEAST_MASS = 1e-3
_MOST_NODES = 1 << 24
_STEPS_PER_OCTAVE = 4


@dataclass(frozen=True)
class KernelBackground:
    r"""Each event spread over its neighbourhood, by the chance that it is background.

    .. math:: u(s_i) = \frac{1 - \varepsilon}{\sum_j p_j} \sum_{j \ne i} \frac{p_j}{m_j}
       \, k_h(s_i - s_j) + \frac{\varepsilon}{A}

    with :math:`p_j` the chance that event j was not triggered, under the fitted model itself
    (stochastic declustering: fit, weigh, lay again, until nothing moves), :math:`m_j` the kernel's
    mass inside the region, and each event left out of its own background. With itself left in,
    an event would explain itself, and none would be triggered.

    Attributes
    ----------
    bandwidth : float or "likelihood"
        Standard deviation of the kernel in metres; "likelihood" chooses the one under which
        left-out events are likeliest, among steps of a quarter octave.
    background_share : float
        :math:`\varepsilon` in (0, 1): share spread evenly.

    Raises
    ------
    ParameterError
        If `bandwidth` is not a positive number of metres or "likelihood".

    Notes
    -----
    The bandwidth must shrink as events become many: a fixed one of 500 m put the
    branching ratio of a simulated .25 at .40 for 100,000 events and at .66 for a million. O(n) a
    bandwidth. What is left over of a kernel that triggering does not explain also contains the
    event's own offspring, so a little triggering is lost to the background.

    References
    ----------
    Zhuang, J., Ogata, Y., & Vere-Jones, D. (2002). Stochastic declustering of space-time
    earthquake occurrences. Journal of the American Statistical Association, 97, 369-380.
    https://doi.org/10.1198/016214502760046925

    Examples
    --------
    >>> KernelBackground(bandwidth=300.0).bandwidth
    300.0
    """

    bandwidth: float | str = "likelihood"
    background_share: float = 0.01
    follows_events: bool = field(default=True, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.bandwidth != "likelihood":
            if isinstance(self.bandwidth, str):
                raise ParameterError(
                    f'bandwidth must be a number of metres or "likelihood", got {self.bandwidth!r}.'
                )
            checked_bandwidth(self.bandwidth)
        checked_background_share(self.background_share)

    def lay(self, window: WindowEvents, chance: FloatArray) -> LaidBackground:
        """Smooth the events of the window, weighed by `chance`.

        Raises
        ------
        TooFewEventsError
            If fewer than 10 events lie in the window.
        """
        if len(window.points) < _LEAST_EVENTS:
            raise TooFewEventsError(
                f"{len(window.points)} events lie in the window; a background that is learned from "
                f"them needs at least {_LEAST_EVENTS}."
            )
        region, share = _region_of(window), self.background_share
        if self.bandwidth == "likelihood":
            bandwidth, density = self._likeliest(window, region, chance)
        else:
            bandwidth, density = self.bandwidth, _others(window, region, chance, self.bandwidth)
        even = share / window.grid.region.area
        return LaidBackground(
            (1 - share) * density + even,
            self._cell_share(window, region, chance, bandwidth),
            {
                "background": "kernel",
                "bandwidth_metres": float(bandwidth),
                "background_share": share,
            },
        )

    def held(self, laid: LaidBackground) -> KernelBackground:
        """The same with the bandwidth that was chosen for `laid`."""
        return replace(self, bandwidth=laid.parameters["bandwidth_metres"])

    def _likeliest(self, window, region, chance) -> tuple[float, FloatArray]:
        """Climb from the last choice, or a rule of thumb, while left-out events become likelier.

        Returns the bandwidth, and the density of the other events at each event.
        """
        points = window.points
        sd = math.sqrt(0.5 * points.var(axis=0).sum())
        lowest = max(window.events.place_resolution, 1.0)
        centre = max(0.5 * sd * len(points) ** (-1 / 6), lowest)
        highest = max(2 * sd, lowest)
        even = self.background_share / window.grid.region.area
        score, likeliest = {}, (-math.inf, None)

        def score_at(step: int) -> float:
            nonlocal likeliest
            h = centre * 2 ** (step / _STEPS_PER_OCTAVE)
            if not lowest <= h <= highest:
                return -math.inf
            if step not in score:
                left_out = _others(window, region, chance, h)
                density = (1 - self.background_share) * left_out + even
                score[step] = float(np.sum(chance * np.log(density)))
                if score[step] > likeliest[0]:
                    likeliest = (score[step], left_out)
            return score[step]

        step = window.laid.get(self)
        if step is None:
            step = _vertex(_climbed(0, _STEPS_PER_OCTAVE, score_at), _STEPS_PER_OCTAVE, score_at)
        step = window.laid[self] = _climbed(step, 1, score_at)
        return float(centre * 2 ** (step / _STEPS_PER_OCTAVE)), likeliest[1]

    def _cell_share(self, window, region, chance, bandwidth) -> FloatArray:
        grid = window.grid
        kept = np.maximum(region.worked_out(bandwidth)[0], _LEAST_MASS)
        mass = mass_in_cells(
            window.points, (grid.x, grid.y), bandwidth=bandwidth, weights=chance / kept
        )
        share = np.maximum(mass, 0.0) * grid.inside_area / grid.cell_size**2
        return mixed_with_even(share / share.sum(), grid, self.background_share)


def _climbed(step: int, stride: int, score_at) -> int:
    """The first step from which strides in either direction score no higher."""
    while True:
        best = max((step, step - stride, step + stride), key=score_at)
        if best == step:
            return step
        step = best


def _vertex(step: int, stride: int, score_at) -> int:
    """The step nearest to the top of the parabola through a summit and a stride to its sides."""
    below, top, above = (score_at(step + d) for d in (-stride, 0, stride))
    bend = below - 2 * top + above
    if not (math.isfinite(bend) and bend < 0):
        return step
    return step + round(0.5 * stride * (below - above) / bend)


def _region_of(window: WindowEvents) -> RegionMass:
    """Sorted once, and kept from round to round."""
    if RegionMass not in window.laid:
        window.laid[RegionMass] = RegionMass.of(window.points, window.grid.region)
    return window.laid[RegionMass]


def _others(
    window: WindowEvents, region: RegionMass, chance: FloatArray, bandwidth: float
) -> FloatArray:
    """Density of the other events at each event, integrating to 1 over the region; per m²."""
    weight = chance / np.maximum(region.worked_out(bandwidth)[0], _LEAST_MASS)
    sums = _sums_over_others(window.points, weight, bandwidth)
    return sums / (2 * math.pi * bandwidth**2 * chance.sum())


def _sums_over_others(points: FloatArray, weight: FloatArray, bandwidth: float) -> FloatArray:
    per_metre = 1 / (SPACING * bandwidth)
    low = points.min(axis=0)
    columns, rows = (np.ptp(points, axis=0) * per_metre).astype(int) + 2 * NODES
    if float(columns) * float(rows) > _MOST_NODES:
        # So narrow a kernel meets few pairs, and they are summed one by one.
        peak = 1 / (2 * math.pi * bandwidth**2)
        return density_at_points(points, bandwidth=bandwidth, weights=weight) / peak
    place = np.ascontiguousarray(((points - low) * per_metre + NODES // 2).T)
    field = np.zeros(rows * columns)
    spread_points(place, weight, field, columns)
    out = np.empty(len(points))
    gather_others(place, weight, field, columns, out)
    return out
