"""Simulated futures of a self-exciting model: one branching process after another, in arrays."""

from __future__ import annotations

import numpy as np

from hotspot._typing import FloatArray, IntArray
from hotspot.errors import ExplosiveError
from hotspot.grid.cells import Grid
from hotspot.models.self_exciting.likelihood import Parts
from hotspot.models.self_exciting.moments import Past

_REDRAWS = 100
_MOST_REFUSED = 0.2  # share of redrawn parameters that may be explosive
_MOST_GENERATIONS = 10_000


def redraw(
    parts: Parts, covariance: FloatArray, *, size: int, rng: np.random.Generator
) -> FloatArray:
    """Parameters as uncertain as their estimates, on the scale of ``parts.vector``; (size, k).

    Draws with a branching ratio of 1 or more are drawn again.

    Raises
    ------
    ExplosiveError
        If more than a fifth of the draws are such.
    """
    root = root_of(covariance)
    drawn = parts.vector + rng.standard_normal((size, len(root))) @ root.T
    explosive = drawn[:, 1] >= 0
    if explosive.mean() > _MOST_REFUSED:
        raise ExplosiveError(
            f"The branching ratio, {parts.productivity:.2f}, is so uncertain that "
            f"{explosive.mean():.0%} of the futures would never end. Use a longer window."
        )
    for _ in range(_REDRAWS):
        if not explosive.any():
            break
        again = rng.standard_normal((explosive.sum(), len(root))) @ root.T
        drawn[explosive] = parts.vector + again
        explosive = drawn[:, 1] >= 0
    return drawn


def root_of(covariance: FloatArray) -> FloatArray:
    """A matrix whose square is the covariance; parameters that were held have none."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def future_events(
    grid: Grid,
    past: Past,
    members: list[Parts],
    *,
    background: tuple[FloatArray, FloatArray, FloatArray],
    rng: np.random.Generator,
) -> tuple[IntArray, FloatArray, IntArray]:
    """All events after the cut-off, of several futures at once.

    Parameters
    ----------
    grid : Grid
    past : Past
    members : list of Parts
        One for each future.
    background : (edges, days, share)
        Edges (k + 1,) of stretches of steady background, days after the cut-off; the
        background's days in each (k,); and each cell's share (ny, nx).
    rng : numpy.random.Generator

    Returns
    -------
    member, when, cell : (m,) arrays
        Which future, days after the cut-off, flat index of the cell.

    Notes
    -----
    An event is laid evenly in its cell, and one that falls in a cell on the border is kept with
    the share of the cell that lies inside, as in the expected count. O(events).
    """
    edges, _, _ = background
    theta, rate, sd = np.array([[m.productivity, m.lag.rate, m.displacement.sd] for m in members]).T
    kept = (grid.inside_area / grid.cell_size**2).ravel()
    places = [_immigrants(grid, members, background, rng)]
    places.append(_children_of_past(past, members, edges[-1], rng))
    who, when, x, y = (np.concatenate(columns) for columns in zip(*places, strict=True))
    known = places[0][0].size  # immigrants are laid inside; only children may fall outside
    cell = grid.cell_of(x, y)
    alive = np.arange(who.size) < known
    alive |= (cell >= 0) & (rng.random(who.size) < kept[np.maximum(cell, 0)])
    found = []
    for _ in range(_MOST_GENERATIONS):
        who, when, x, y, cell = who[alive], when[alive], x[alive], y[alive], cell[alive]
        if not who.size:
            break
        found.append((who, when, cell))
        n = rng.poisson(theta[who])
        who, when, x, y = (np.repeat(a, n) for a in (who, when, x, y))
        when = when + past.shortest_lag + rng.standard_exponential(who.size) / rate[who]
        soon = when < edges[-1]
        who, when, x, y = who[soon], when[soon], x[soon], y[soon]
        x = x + sd[who] * rng.standard_normal(who.size)
        y = y + sd[who] * rng.standard_normal(who.size)
        cell = grid.cell_of(x, y)
        alive = (cell >= 0) & (rng.random(who.size) < kept[np.maximum(cell, 0)])
    if not found:
        return np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)
    return tuple(np.concatenate(columns) for columns in zip(*found, strict=True))


def _immigrants(grid, members, background, rng):
    edges, days, share = background
    mean = np.array([m.background_rate for m in members])[:, None] * days
    n = rng.poisson(mean)
    who, stretch = (np.repeat(i, n.ravel()) for i in np.indices(n.shape).reshape(2, -1))
    when = rng.uniform(edges[stretch], edges[stretch + 1])
    ends = np.cumsum(share.ravel())
    cell = np.searchsorted(ends, ends[-1] * rng.random(who.size), side="right")
    row, column = np.divmod(np.minimum(cell, share.size - 1), grid.x.size)
    within = (rng.random((2, who.size)) - 0.5) * grid.cell_size
    return who, when, grid.x[column] + within[0], grid.y[row] + within[1]


def _children_of_past(past: Past, members: list[Parts], until: float, rng):
    found = []
    begins = np.maximum(past.shortest_lag - past.ago, 0.0)  # days after the cut-off
    for i, parts in enumerate(members):
        low, high = (parts.lag.integral(t + past.ago - past.shortest_lag) for t in (0.0, until))
        ends = np.cumsum(high - low)
        n = rng.poisson(parts.productivity * ends[-1]) if ends.size else 0
        parent = (
            np.searchsorted(ends, ends[-1] * rng.random(n), side="right")
            if n
            else (np.empty(0, np.int64))
        )
        parent = np.minimum(parent, max(ends.size - 1, 0))
        # The exponential lag forgets: what is left of it, cut at the end, from when it may begin.
        left = -np.expm1(-parts.lag.rate * (until - begins[parent]))
        when = begins[parent] - np.log1p(-left * rng.random(n)) / parts.lag.rate
        begun = past.points[parent] + past.place_cell * (rng.random((n, 2)) - 0.5)
        moved = begun + parts.displacement.sd * rng.standard_normal((n, 2))
        found.append((np.full(n, i), when, moved[:, 0], moved[:, 1]))
    return tuple(np.concatenate(columns) for columns in zip(*found, strict=True))
