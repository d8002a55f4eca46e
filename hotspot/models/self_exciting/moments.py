r"""What a self-exciting model expects next, descendants of future events included.

The expected number of events in cell c and step m after the cut-off is

.. math:: N_{mc} = B_m u_c + D_{mc}
   + \theta \sum_{c'} H_{cc'} \sum_{l \le m} W_{lm} N_{lc'}

with B the background of the step, D what the recorded past triggers directly, H the share of
what an event somewhere in c' triggers that falls in c and inside the region, and W the share of
what events spread evenly over step l trigger that comes in step m. Steps are no longer than a
quarter of the mean lag. Descendants that fall outside the region are not recorded and trigger
nothing.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from hotspot._typing import FloatArray
from hotspot.grid.cells import Grid
from hotspot.models.parts.lag import ExponentialLag
from hotspot.models.self_exciting.likelihood import Parts
from hotspot.models.smoothing.density import mass_in_cells
from hotspot.models.smoothing.edge import mean_mass_between

_STEPS_PER_MEAN_LAG = 4
_MOST_STEPS = 400
_NEGLIGIBLE = 1e-9
_MOST_GENERATIONS = 60


@dataclass(frozen=True, eq=False)
class Past:
    """What was recorded, as a forecast sees it.

    Attributes
    ----------
    ago : (n,) float64
        Days before the cut-off.
    points : (n, 2) float64
        Metres.
    shortest_lag : float
        Days.
    place_cell : float
        Side of the squares to whose centres the points were set, 0 for exact places; metres.
    """

    ago: FloatArray
    points: FloatArray
    shortest_lag: float
    place_cell: float = 0.0


def step_edges(begin: FloatArray, end: FloatArray, mean_lag: float) -> FloatArray:
    """Edges of steps from the cut-off on: every period's own, and enough between them."""
    edges = np.unique(np.concatenate([[0.0], begin, end]))
    longest = max(mean_lag / _STEPS_PER_MEAN_LAG, edges[-1] / _MOST_STEPS)
    parts = [
        np.linspace(a, b, math.ceil((b - a) / longest) + 1)[1:]
        for a, b in itertools.pairwise(edges)
    ]
    return np.concatenate([[0.0], *parts])


def expected_by_step(
    grid: Grid, past: Past, parts: Parts, edges: FloatArray, background: FloatArray
) -> FloatArray:
    """Expected events of each step and cell.

    Parameters
    ----------
    grid : Grid
    past : Past
    parts : Parts
    edges : (k + 1,) float64
        Days after the cut-off, from 0.
    background : (k, ny, nx) float64
        Expected background events.

    Returns
    -------
    (k, ny, nx) float64
    """
    blur = Blur(grid, parts.displacement.sd)
    share = _shares_between(parts.lag, edges, past.shortest_lag)
    expected = np.empty_like(background)
    for m in range(len(edges) - 1):
        direct = _direct(grid, past, parts, edges[m : m + 2])
        earlier = np.tensordot(share[:m, m], expected[:m], axes=1)
        known = (
            background[m] + direct + parts.productivity * blur(earlier)
            if m
            else (background[m] + direct)
        )
        own = parts.productivity * share[m, m]
        total, generation = known, known
        while own * generation.sum() > _NEGLIGIBLE * total.sum():
            generation = own * blur(generation)
            total = total + generation
        expected[m] = total
    return expected


class Blur:
    """One generation's displacement: from events spread evenly in cells to what they trigger."""

    def __init__(self, grid: Grid, sd: float) -> None:
        self.share = grid.inside_area / grid.cell_size**2
        reach = min(math.ceil(6 * sd / grid.cell_size) + 1, max(grid.shape))
        self.stencil = mean_mass_between(np.arange(-reach, reach + 1), grid.cell_size / sd)

    def __call__(self, count: FloatArray) -> FloatArray:
        from scipy.ndimage import convolve1d

        down = convolve1d(count, self.stencil, axis=0, mode="constant")
        return convolve1d(down, self.stencil, axis=1, mode="constant") * self.share


def _direct(grid: Grid, past: Past, parts: Parts, step: FloatArray) -> FloatArray:
    """What recorded events trigger directly in one step; (ny, nx)."""
    begin, end = (parts.lag.integral(edge + past.ago - past.shortest_lag) for edge in step)
    weight = parts.productivity * (end - begin)
    heard = weight > _NEGLIGIBLE
    if not heard.any():
        return np.zeros(grid.shape)
    mass = mass_in_cells(
        past.points[heard],
        (grid.x, grid.y),
        # Somewhere in a square of side a: variance a² / 12 along each axis.
        bandwidth=float(np.hypot(parts.displacement.sd, past.place_cell / math.sqrt(12))),
        weights=weight[heard],
    )
    return np.maximum(mass, 0.0) * grid.inside_area / grid.cell_size**2


def _shares_between(lag: ExponentialLag, edges: FloatArray, shortest: float) -> FloatArray:
    """Share of what events spread evenly over step l trigger in step m; (k, k), 0 for m < l."""

    def doubly(t: FloatArray) -> FloatArray:
        t = np.maximum(t - shortest, 0.0)
        return t - lag.integral(t) / lag.rate

    a, b = edges[:-1], edges[1:]
    gap = (
        b[None, :] - a[:, None],
        b[None, :] - b[:, None],
        a[None] - a[:, None],
        a[None] - b[:, None],
    )
    upper, late, early, both = (doubly(g) for g in gap)
    return np.triu((upper - late - early + both) / (b - a)[:, None])


def excess_variance(
    grid: Grid,
    parts: Parts,
    edges: FloatArray,
    expected: FloatArray,
    *,
    shortest_lag: float,
    period: tuple[float, float],
) -> FloatArray:
    r"""By how much a cell's count varies more than its mean, since events come in families.

    Twice the expected number of pairs of relatives that fall in one cell and period: ancestor and
    descendant, or two lines from one ancestor after the cut-off,

    .. math:: \sum_a N_a \Bigl( 2\, [a \in \text{period}] \sum_k \theta^k s_k F_k
       + \sum_{k, l} \theta^{k + l} s_{k + l} F_k F_l \Bigr)

    with :math:`s_k` the chance that the sum of k displacements stays in a cell and
    :math:`F_k` that the sum of k lags ends in the period. Neighbouring cells are taken to
    expect what the cell does.

    Parameters
    ----------
    grid : Grid
    parts : Parts
    edges : (k + 1,) float64
    expected : (k, ny, nx) float64
        As :func:`expected_by_step` gives it.
    shortest_lag : float
    period : (float, float)
        Days after the cut-off.

    Returns
    -------
    (ny, nx) float64
    """
    from scipy.special import gammainc

    theta, rate = parts.productivity, parts.lag.rate
    most = min(_MOST_GENERATIONS, 1 + math.ceil(math.log(1e-4) / math.log(theta)))
    k = np.arange(1, most + 1)
    stays = np.array(
        [
            mean_mass_between(np.zeros(1), grid.cell_size / (parts.displacement.sd * g**0.5))[0]
            for g in range(1, 2 * most + 1)
        ]
    )
    middle = 0.5 * (edges[:-1] + edges[1:])

    def arrived(until: float) -> FloatArray:
        left = np.maximum(until - middle[:, None] - k * shortest_lag, 0.0)
        return gammainc(k, rate * left)

    begin, end = period
    inside = (middle > begin) & (middle < end)
    lines = theta**k * (arrived(end) - arrived(begin))
    pairs = 2.0 * inside * (lines * stays[k - 1] ** 2).sum(axis=1)
    pairs += np.einsum("mk,ml,kl->m", lines, lines, stays[k[:, None] + k - 1] ** 2)
    pairs[middle > end] = 0.0
    share = grid.inside_area / grid.cell_size**2
    return np.tensordot(pairs, expected, axes=1) * share
