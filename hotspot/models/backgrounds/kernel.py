"""A background that follows the events themselves: kernels, by stochastic declustering."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from hotspot._typing import FloatArray, IntArray
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.models.backgrounds.base import (
    LaidBackground,
    WindowEvents,
    checked_background_share,
    mixed_with_even,
)
from hotspot.models.backgrounds.kernel_sums import KernelSums
from hotspot.models.smoothing.density import checked_bandwidth

_LEAST_EVENTS = 10
_ENOUGH_EVENTS = 20_000
_STEPS_PER_OCTAVE = 4
_CHOSEN = ("adaptive", "likelihood")


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
    bandwidth : float, "likelihood" or "adaptive"
        Standard deviation of the kernel in metres. "likelihood" chooses the one under which
        left-out events are likeliest, among steps of a quarter octave. "adaptive" gives each event
        a bandwidth of its own, :math:`h_j = h_0 (g / f(s_j))^{1/2}`, narrow where events lie
        thickly: f is the background of the one likeliest bandwidth, g its geometric mean
        over the events, and :math:`h_0` is again the one under which left-out events are likeliest.
    background_share : float
        :math:`\varepsilon` in (0, 1): share spread evenly.

    Raises
    ------
    ParameterError
        If `bandwidth` is not a positive number of metres, "likelihood" or "adaptive".

    Notes
    -----
    One bandwidth is the default because its two errors, too smooth in clusters and each event's own
    family in its background, nearly cancel for some 10,000 events. Kernels of each event's own
    width have mostly the second, although left-out events are likelier under them. For 100,000
    events in clusters use "adaptive": there one bandwidth put a branching ratio of .30 at .336. Own
    bandwidths lie between two of a ladder of octaves and cost a pass over all events a rung; none
    is narrower than the lowest rung whose lattice has 2^24 nodes, 32 m for all of Greater London.

    The bandwidth must shrink as events become many: a fixed one of 500 m put the
    branching ratio of a simulated .25 at .40 for 100,000 events and at .66 for a million. O(n) a
    bandwidth. What is left over of a kernel that triggering does not explain also contains the
    event's own offspring, so a little triggering is lost to the background.

    References
    ----------
    Abramson, I. S. (1982). On bandwidth variation in kernel estimates: a square root law. Annals of
    Statistics, 10, 1217-1223. https://doi.org/10.1214/aos/1176345986

    Zhuang, J., Ogata, Y., & Vere-Jones, D. (2002). Stochastic declustering of space-time
    earthquake occurrences. Journal of the American Statistical Association, 97, 369-380.
    https://doi.org/10.1198/016214502760046925

    Examples
    --------
    >>> KernelBackground(bandwidth=300.0).bandwidth
    300.0
    >>> KernelBackground(bandwidth="adaptive").background_share
    0.01
    """

    bandwidth: float | str = "likelihood"
    background_share: float = 0.01
    follows_events: bool = field(default=True, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.bandwidth not in _CHOSEN:
            if isinstance(self.bandwidth, str):
                raise ParameterError(
                    'bandwidth must be a number of metres, "adaptive" or "likelihood", got '
                    f"{self.bandwidth!r}."
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
        if self.bandwidth == "adaptive":
            return self._laid(window, chance, *self._adaptive(window, chance))
        sums = _sums_of(window)
        if self.bandwidth == "likelihood":
            search = _Search.over(window, chance, self.background_share)
            step, density = search.likeliest("one", lambda h: sums.others(chance, h))
            bandwidth = search.at(step)
        else:
            bandwidth = float(self.bandwidth)
            density = sums.others(chance, bandwidth)
        return self._laid(window, chance, bandwidth, density)

    def _adaptive(self, window, chance) -> tuple[FloatArray, FloatArray]:
        """Bandwidth of each event, and the density of the other events at it."""
        sums, search = _sums_of(window), _Search.over(window, chance, self.background_share)
        pilot_step, pilot = search.likeliest("one", lambda h: sums.others(chance, h))
        ratio = _square_root_law(search.with_even(pilot), chance)
        lowest = max(search.lowest, sums.narrowest)

        def own(h: float) -> FloatArray:
            return np.clip(h * ratio, lowest, max(search.highest, lowest))

        # Of very many events, some tell as well which bandwidth is likeliest.
        one_in = max(len(chance) // _ENOUGH_EVENTS, 1)
        step, _ = search.likeliest(
            "own",
            lambda h: sums.others_of_own(chance, own(h), one_in=one_in),
            at=sums.order[::one_in] if one_in > 1 else slice(None),
            start=pilot_step,
        )
        bandwidths = own(search.at(step))
        return bandwidths, sums.others_of_own(chance, bandwidths)

    def held(self, laid: LaidBackground) -> KernelBackground | HeldKernels:
        """The same with the bandwidths that were chosen for `laid`."""
        if self.bandwidth == "adaptive":
            return HeldKernels(self, laid.bandwidth)
        return replace(self, bandwidth=laid.parameters["bandwidth_metres"])

    def _laid(self, window, chance, bandwidth, density) -> LaidKernels:
        share, grid = self.background_share, window.grid
        of_cells = _sums_of(window).cell_share(chance, grid, bandwidth)
        told = {"bandwidth_metres": bandwidth}
        if isinstance(bandwidth, np.ndarray):
            middle = math.exp(float((chance * np.log(bandwidth)).sum() / chance.sum()))
            limits = [float(bandwidth.min()), float(bandwidth.max())]
            told = {"bandwidth_metres": middle, "bandwidth_range_metres": limits}
        return LaidKernels(
            (1 - share) * density + share / grid.region.area,
            mixed_with_even(of_cells, grid, share),
            {"background": "kernel", **told, "background_share": share},
            bandwidth=bandwidth,
        )


@dataclass(frozen=True, eq=False)
class LaidKernels(LaidBackground):
    """Also which bandwidth was chosen: one, or one for each event, (n,); metres."""

    bandwidth: float | FloatArray = math.nan


@dataclass(frozen=True, eq=False)
class HeldKernels:
    """Kernels whose bandwidths, (n,) in metres, no longer move."""

    background: KernelBackground
    bandwidths: FloatArray
    follows_events: bool = field(default=True, init=False, repr=False)

    def lay(self, window: WindowEvents, chance: FloatArray) -> LaidBackground:
        """Smooth the same events, weighed by `chance`."""
        density = _sums_of(window).others_of_own(chance, self.bandwidths)
        return self.background._laid(window, chance, self.bandwidths, density)


@dataclass(frozen=True, eq=False)
class _Search:
    """For the bandwidth under which left-out events are likeliest, by steps from `centre`."""

    window: WindowEvents
    chance: FloatArray
    background_share: float
    centre: float
    lowest: float
    highest: float

    @classmethod
    def over(cls, window: WindowEvents, chance: FloatArray, background_share: float) -> _Search:
        """Round a rule of thumb, that hangs on the number of events and their spread alone."""
        points = window.points
        sd = math.sqrt(0.5 * points.var(axis=0).sum())
        lowest = max(window.events.place_resolution, 1.0)
        centre = max(0.5 * sd * len(points) ** (-1 / 6), lowest)
        return cls(window, chance, background_share, centre, lowest, max(2 * sd, lowest))

    def likeliest(
        self,
        name: str,
        others: Callable[[float], FloatArray],
        *,
        at: IntArray | slice = slice(None),
        start: int = 0,
    ) -> tuple[int, FloatArray]:
        """Climb from the last choice of that `name`, or from `start`, while scores improve.

        Returns the step, and the density of the `others` there, at the events asked for.
        """
        key, chance = (_Search, name), self.chance[at]
        score, likeliest = {}, (-math.inf, None)

        def score_at(step: int) -> float:
            nonlocal likeliest
            h = self.at(step)
            if not self.lowest <= h <= self.highest:
                return -math.inf
            if step not in score:
                left_out = others(h)
                score[step] = float(np.sum(chance * np.log(self.with_even(left_out))))
                if score[step] > likeliest[0]:
                    likeliest = (score[step], left_out)
            return score[step]

        step = self.window.laid.get(key)
        if step is None:
            stride = _STEPS_PER_OCTAVE
            step = _vertex(_climbed(start, stride, score_at), stride, score_at)
        step = self.window.laid[key] = _climbed(step, 1, score_at)
        return step, likeliest[1]

    def at(self, step: int) -> float:
        """Bandwidth of a step, in metres."""
        return float(self.centre * 2 ** (step / _STEPS_PER_OCTAVE))

    def with_even(self, density: FloatArray) -> FloatArray:
        """A density of which a part is spread evenly over the region."""
        even = self.background_share / self.window.grid.region.area
        return (1 - self.background_share) * density + even


def _square_root_law(pilot: FloatArray, chance: FloatArray) -> FloatArray:
    """Each event's bandwidth in units of their geometric mean (Abramson 1982)."""
    logs = np.log(pilot)
    return np.exp(0.5 * ((chance * logs).sum() / chance.sum() - logs))


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


def _sums_of(window: WindowEvents) -> KernelSums:
    """Sorted once, and kept from round to round."""
    if KernelSums not in window.laid:
        window.laid[KernelSums] = KernelSums.of(window.points, window.grid)
    return window.laid[KernelSums]
