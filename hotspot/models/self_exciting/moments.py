r"""What a self-exciting model expects next, descendants of future events included.

The expected number of events of offence n in cell c and step m after the cut-off is

.. math:: N_{nmc} = B_{nmc} + D_{nmc}
   + \sum_{c'} H_{cc'} \sum_o \bar w_o \theta_{on} \sum_{l \le m} W_{lm} N_{olc'}

with B the background of the step, D what the recorded past triggers directly, H the share of
what an event somewhere in c' triggers that falls in c and inside the region, W the share of
what events spread evenly over step l trigger that comes in step m, and :math:`\bar w_o` what marks
multiply the productivity of an event of offence o by, on average over the record. A step is no
longer than the lag within which the first 22 % of offspring come, a quarter of an exponential lag's
mean. Descendants that fall outside the region are not recorded and trigger nothing.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np

from hotspot._typing import FloatArray, IntArray
from hotspot.grid.cells import Grid
from hotspot.models.parts.lag import ExponentialLag, Lag
from hotspot.models.self_exciting.likelihood import Parts
from hotspot.models.self_exciting.spread import Blur, Scatter

_SHARE_IN_STEP = -math.expm1(-0.25)
_MOST_STEPS = 400
_NEGLIGIBLE = 1e-9
_ORDER = 10  # of the quadrature of a lag's integral, in panels that each double the last


@dataclass(frozen=True, eq=False)
class Past:
    """What was recorded, as a forecast sees it.

    Attributes
    ----------
    ago : (n,) float64
        Days before the cut-off, descending.
    points : (n, 2) float64
        Metres.
    shortest_lag : float
        Days.
    place_cell : float
        Side of the squares to whose centres the points were set, 0 for exact places; metres.
    weight : (n,) float64 or None
        What each event's marks multiply its productivity by; None for 1.
    kind : (n,) int64 or None
        Which offence each is; None for one.
    pool : (m,) float64 or None
        The factors of marks that future events have, each as often as it stands here; None for 1.
    pool_kind : (m,) int64 or None
        Of which offence each of these is; None for one.
    """

    ago: FloatArray
    points: FloatArray
    shortest_lag: float
    place_cell: float = 0.0
    weight: FloatArray | None = None
    kind: IntArray | None = None
    pool: FloatArray | None = None
    pool_kind: IntArray | None = None

    @property
    def kinds(self) -> IntArray:
        """Which offence each event is; (n,)."""
        return np.zeros(self.ago.size, np.int64) if self.kind is None else self.kind

    @property
    def weights(self) -> FloatArray:
        """What each event's productivity is multiplied by; (n,)."""
        return np.ones(self.ago.size) if self.weight is None else self.weight

    @property
    def pool_kinds(self) -> IntArray:
        """Of which offence each factor of the pool is; (m,)."""
        return np.zeros(self.pool.size, np.int64) if self.pool_kind is None else self.pool_kind

    def some(self, which: np.ndarray) -> Past:
        """The same of some of the events."""
        return replace(
            self,
            ago=self.ago[which],
            points=self.points[which],
            weight=None if self.weight is None else self.weight[which],
            kind=None if self.kind is None else self.kind[which],
        )

    def mean_factor(self, n_kinds: int, *, power: int = 1) -> FloatArray:
        """Mean of future events' factors, to a power, by offence; 1 for one without any; (M,)."""
        if self.pool is None:
            return np.ones(n_kinds)
        count = np.bincount(self.pool_kinds, minlength=n_kinds)
        total = np.bincount(self.pool_kinds, self.pool**power, n_kinds)
        return np.divide(total, count, out=np.ones(n_kinds), where=count > 0)


def offspring_matrix(parts: Parts, past: Past) -> FloatArray:
    """Mean direct offspring of a future event, by its offence (rows) and theirs; (M, M)."""
    theta = np.atleast_2d(np.asarray(parts.productivity, float))
    return past.mean_factor(len(theta))[:, None] * theta


def spectral_radius(matrix: FloatArray) -> float:
    """By what each generation outnumbers the last in the long run; below 1, families end."""
    if len(matrix) == 1:
        return float(matrix[0, 0])
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def step_edges(begin: FloatArray, end: FloatArray, lag: Lag) -> FloatArray:
    """Edges of steps from the cut-off on: every period's own, and enough between them."""
    edges = np.unique(np.concatenate([[0.0], begin, end]))
    longest = max(lag.reach(_SHARE_IN_STEP), edges[-1] / _MOST_STEPS)
    parts = [
        np.linspace(a, b, math.ceil((b - a) / longest) + 1)[1:]
        for a, b in itertools.pairwise(edges)
    ]
    return np.concatenate([[0.0], *parts])


def expected_by_step(
    grid: Grid,
    past: Past,
    parts: Parts,
    edges: FloatArray,
    background: FloatArray,
    *,
    direct: FloatArray | None = None,
) -> FloatArray:
    """Expected events of each step and cell.

    Parameters
    ----------
    grid : Grid
    past : Past
    parts : Parts
        The productivity is a number, or (M, M) with a row for each offence that triggers.
    edges : (k + 1,) float64
        Days after the cut-off, from 0.
    background : (k, ny, nx) or (M, k, ny, nx) float64
        Expected background events.
    direct : (M, k, ny, nx) float64, optional
        What :func:`direct_by_step` gives, where it is known already.

    Returns
    -------
    float64, of the shape of `background`
    """
    known = background.reshape(-1, *background.shape[-3:])
    if direct is None:
        direct = direct_by_step(grid, past, parts, edges)
    known = known + direct
    theta = offspring_matrix(parts, past)
    blur = Blur(grid, parts.displacement)
    share = shares_between(parts.lag, edges, past.shortest_lag)
    expected = np.empty_like(known)
    for m in range(len(edges) - 1):
        total = known[:, m]
        if m:
            earlier = np.einsum("l,olyx->oyx", share[:m, m], expected[:, :m])
            total = total + blur(_triggered(theta, earlier))
        generation, own = total, share[m, m] * theta
        while own.max() * generation.sum() > _NEGLIGIBLE * total.sum():
            generation = blur(_triggered(own, generation))
            total = total + generation
        expected[:, m] = total
    return expected.reshape(background.shape)


def _triggered(theta: FloatArray, count: FloatArray) -> FloatArray:
    """Offspring by their offence, wherever they fall, of events by theirs; (M, ny, nx)."""
    return theta[0, 0] * count if len(theta) == 1 else np.einsum("on,oyx->nyx", theta, count)


def direct_by_step(
    grid: Grid, past: Past, parts: Parts, edges: FloatArray, *, echo: FloatArray | None = None
) -> FloatArray:
    """What recorded events trigger directly in each step; (M, k, ny, nx).

    With an exponential lag all that has begun to trigger fades alike: its `echo` (M, ny, nx), as
    :func:`echo_of` gives it, stands for it, and if it is given `past` holds only the others.
    """
    theta = np.atleast_2d(np.asarray(parts.productivity, float))
    direct = np.zeros((len(theta), len(edges) - 1, *grid.shape))
    if isinstance(parts.lag, ExponentialLag):
        if echo is None:
            begun = past.ago >= past.shortest_lag
            echo, past = echo_of(grid, past.some(begun), parts), past.some(~begun)
        fading = -np.diff(np.exp(-parts.lag.rate * edges))
        direct += fading[:, None, None] * _triggered(theta, echo)[:, None]
    since = past.ago - past.shortest_lag
    for kind in np.unique(past.kinds):
        mine = past.kinds == kind
        weight = past.weights[mine]
        scatter = Scatter(grid, parts.displacement, past.points[mine], past.place_cell)
        arrived = (weight * parts.lag.integral(edge + since[mine]) for edge in edges)
        for m, (before, after) in enumerate(itertools.pairwise(arrived)):
            if (after - before).sum() > _NEGLIGIBLE:
                direct[:, m] += theta[kind][:, None, None] * scatter(after - before)
    return direct


def echo_of(grid: Grid, past: Past, parts: Parts) -> FloatArray:
    r"""What events that have begun to trigger still will, for a productivity of 1; (M, ny, nx).

    Only with an exponential lag, of whose offspring a share :math:`e^{-\omega a}` is still to come
    a time a after they begin.
    """
    since = np.maximum(past.ago - past.shortest_lag, 0.0)
    weight = past.weights * np.exp(-parts.lag.rate * since)
    echo = np.zeros((np.size(parts.background_rate), *grid.shape))
    for kind in np.unique(past.kinds):
        mine = (past.kinds == kind) & (weight > _NEGLIGIBLE)
        if mine.any():
            scatter = Scatter(grid, parts.displacement, past.points[mine], past.place_cell)
            echo[kind] = scatter(weight[mine])
    return echo


def shares_between(lag: Lag, edges: FloatArray, shortest: float) -> FloatArray:
    r"""Share of what events spread evenly over step l trigger in step m; (k, k), 0 for m < l.

    .. math:: W_{lm} = \frac{1}{b_l - a_l} \int_{a_l}^{b_l}
       \bigl[ G(b_m - t - d) - G(a_m - t - d) \bigr] dt
    """
    gap = np.maximum(edges[None, :] - edges[:, None] - shortest, 0.0)
    twice = twice_integrated(lag, gap)
    share = twice[:-1, 1:] - twice[1:, 1:] - twice[:-1, :-1] + twice[1:, :-1]
    return np.triu(np.maximum(share, 0.0) / np.diff(edges)[:, None])


def twice_integrated(lag: Lag, t: FloatArray) -> FloatArray:
    """Integral of the lag's share from 0 to each time, 0 or more; days, of the shape of `t`."""
    if isinstance(lag, ExponentialLag):
        return t - lag.integral(t) / lag.rate
    longest = max(float(t.max(initial=0.0)), np.finfo(float).tiny)
    shortest = min(lag.reach(0.01), longest) / 4
    doublings = np.append(shortest * 2.0 ** np.arange(math.log2(longest / shortest)), longest)
    kinks = np.asarray(getattr(lag, "kinks", ()), float)
    edges = np.unique(np.concatenate([[0.0], doublings, kinks[kinks < longest]]))
    node, weight = np.polynomial.legendre.leggauss(_ORDER)

    def between(a: FloatArray, b: FloatArray) -> FloatArray:
        middle, half = 0.5 * (a + b), 0.5 * (b - a)
        at = middle[..., None] + half[..., None] * node
        return half * (lag.integral(at) @ weight)

    whole = np.concatenate([[0.0], np.cumsum(between(edges[:-1], edges[1:]))])
    panel = np.searchsorted(edges, t, side="right") - 1
    return whole[panel] + between(edges[panel], t)
