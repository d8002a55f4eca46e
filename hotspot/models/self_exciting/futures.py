"""Simulated futures of a self-exciting model: its parameters redrawn, its families followed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hotspot._numba.future_counts import Arrivals, Ground, Heard, Offspring, count_future
from hotspot._typing import FloatArray, IntArray
from hotspot.errors import ExplosiveError, ParameterError
from hotspot.grid.cells import Grid
from hotspot.models.self_exciting.likelihood import Parts
from hotspot.models.self_exciting.moments import Past, offspring_matrix, spectral_radius
from hotspot.models.triggering.cascades import drawn_displacement, drawn_lag
from hotspot.models.triggering.threads import mapped

_REDRAWS = 100
_MOST_REFUSED = 0.2  # share of redrawn parameters that may be explosive
_AT_ONCE = 16  # futures of one generator: fixed, so that chance does not depend on the threads
_GUIDE_PER_CELL = 2


def redraw(
    parts: Parts,
    covariance: FloatArray,
    *,
    ratio: Callable[[Parts], float],
    size: int,
    rng: np.random.Generator,
) -> list[Parts]:
    """Parameters as uncertain as their estimates, normal on the scale of ``parts.vector``.

    Draws under which families would not end, whose `ratio` (by what each generation outnumbers
    the last) is 1 or more, are drawn again.

    Raises
    ------
    ExplosiveError
        If the estimate itself is such, or more than a fifth of the draws.
    """
    require_ending(ratio(parts))
    root = root_of(covariance)

    def drawn(n: int) -> list[Parts]:
        moved = parts.vector + rng.standard_normal((n, len(root))) @ root.T
        return [parts.with_vector(vector) for vector in moved]

    members = drawn(size)
    explosive = np.array([ratio(member) >= 1 for member in members])
    if explosive.mean() > _MOST_REFUSED:
        raise ExplosiveError(
            f"The branching ratio, {ratio(parts):.2f}, is so uncertain that "
            f"{explosive.mean():.0%} of the futures would never end. Use a longer window."
        )
    for _ in range(_REDRAWS):
        if not explosive.any():
            break
        where = np.flatnonzero(explosive)
        for i, member in zip(where, drawn(where.size), strict=True):
            members[i] = member
            explosive[i] = ratio(member) >= 1
    return members


def require_ending(ratio: float) -> None:
    """Refuse parameters under which families would not end."""
    if not ratio < 1:
        raise ExplosiveError(
            f"Each generation of events would outnumber the last by {ratio:.2f}, and futures would "
            "never end. Give a background that varies in place, or a longer window."
        )


def root_of(covariance: FloatArray) -> FloatArray:
    """A matrix whose square is the covariance; parameters that were held have none."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))


@dataclass(frozen=True, eq=False)
class Stretches:
    """A background from the cut-off on, steady in each of k stretches of time.

    Attributes
    ----------
    edges : (k + 1,) float64
        Days after the cut-off, from 0.
    days : (M, k) float64
        What each offence's background events per day are multiplied by.
    share : (M, k or 1, ny, nx) float64
        Share of them in each cell.
    """

    edges: FloatArray
    days: FloatArray
    share: FloatArray


def future_counts(
    grid: Grid,
    members: Sequence[tuple[Parts, Past]],
    stretches: Stretches,
    *,
    periods: tuple[FloatArray, FloatArray],
    rng: np.random.Generator,
    workers: int = 1,
) -> FloatArray:
    """Events of several futures, by offence, period and cell.

    Parameters
    ----------
    grid : Grid
    members : sequence of (Parts, Past)
        One for each future: its parameters, and the record with its marks weighed by them.
    stretches : Stretches
    periods : (p,), (p,) float64
        Begin and end of each, ascending; days after the cut-off.
    rng : numpy.random.Generator
    workers : int
        Threads; the same bytes for any number of them.

    Returns
    -------
    (size, M, p, cells) float32

    Raises
    ------
    ExplosiveError
        If families of one of the futures would not end.

    Notes
    -----
    An event is laid evenly in its cell, and one that falls in a cell on the border is kept with
    the share of the cell that lies inside, as in the expected count. A future event draws its
    factor of productivity from those of the record's events of its offence. O(events), and for
    each future O(recorded events that are still heard).
    """
    kinds = np.size(members[0][0].background_rate)
    begin, end, edges = map(np.ascontiguousarray, (*periods, stretches.edges))
    out = np.zeros((len(members), kinds, begin.size, grid.inside.size), np.float32)
    west, south = grid.bounds[:2]
    kept = np.ascontiguousarray(grid.inside_area / grid.cell_size**2)
    ground = Ground(
        float(west), float(south), float(grid.cell_size), kept, begin, end,
        float(edges[-1]),
    )  # fmt: skip
    ends, guide = _tables(stretches.share)
    points = members[0][1].points
    x, y = np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1])
    # One layout of every array, or the loops would be compiled anew for each.
    kind = np.ascontiguousarray(members[0][1].kinds)
    even = np.arange(len(points) + 1.0)
    ready = [_offspring(*member, even) for member in members]

    def run(first: int, generator: np.random.Generator) -> None:
        for i in range(first, min(first + _AT_ONCE, len(members))):
            parts, past = members[i]
            arrivals = Arrivals(
                stretches.edges,
                np.atleast_1d(parts.background_rate)[:, None] * stretches.days,
                ends,
                guide,
            )
            offspring, weight, scale = ready[i]
            heard = Heard(
                np.ascontiguousarray(past.ago), x, y, kind, weight, scale, float(past.place_cell)
            )
            count_future(out[i], ground, arrivals, heard, offspring, generator)

    firsts = range(0, len(members), _AT_ONCE)
    with mapped(workers) as over:
        list(over(run, firsts, rng.spawn(len(firsts))))
    return out


def _offspring(parts: Parts, past: Past, even: FloatArray) -> tuple[Offspring, FloatArray, float]:
    """What an event of one future triggers; sums of the recorded events' weights, and a scale."""
    require_ending(spectral_radius(offspring_matrix(parts, past)))
    theta = np.atleast_2d(np.asarray(parts.productivity, float))
    mean = theta.sum(axis=1)
    mix = np.cumsum(theta, axis=1) / np.where(mean > 0, mean, 1.0)[:, None]
    mix[:, -1] = 1.0
    lag, displacement = drawn_lag(parts.lag), drawn_displacement(parts.displacement)
    if lag is None or displacement is None:
        raise ParameterError(
            f"Futures need one of the library's own densities; got {parts.lag!r} and "
            f"{parts.displacement!r}."
        )
    factor, first = np.empty(0), np.zeros(len(theta) + 1, np.int64)
    if past.pool is not None:
        factor = past.pool[np.argsort(past.pool_kinds, kind="stable")]
        first[1:] = np.cumsum(np.bincount(past.pool_kinds, minlength=len(theta)))
    offspring = Offspring(mean, mix, factor, first, float(past.shortest_lag), lag, displacement)
    if past.weight is None and len(mean) == 1:
        return offspring, even, float(mean[0])
    return offspring, np.append(0.0, np.cumsum(past.weights * mean[past.kinds])), 1.0


def _tables(share: FloatArray) -> tuple[FloatArray, IntArray]:
    """Shares up to each cell, (M, k or 1, cells), and where to begin to look for one."""
    ends = np.cumsum(share.reshape(*share.shape[:2], -1), axis=-1)
    ends /= ends[..., -1:]
    wanted = np.arange(_GUIDE_PER_CELL * ends.shape[-1]) / (_GUIDE_PER_CELL * ends.shape[-1])
    guide = [[np.searchsorted(row, wanted, side="right") for row in rows] for rows in ends]
    return ends, np.array(guide)
