"""One simulated future of a self-exciting model, counted into cells and periods as it unfolds.

Lags and displacements as in :mod:`hotspot._numba.branching`. Offspring are the points of a Poisson
process of rate 1 along a line on which every event in turn has a length of what it expects to
trigger: `gap` is how far the next point lies ahead. No event is kept once its offspring are drawn.
Without FASTMATH, as the cascades.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hotspot._numba.branching import lag_of, reached, share_later, step_away

_RUN = 64  # recorded events that are looked at together
_FORGOTTEN = 1e-18  # share of its offspring still to come, below which an event is left out


class Ground(NamedTuple):
    """Where and when events are counted."""

    west: float
    south: float
    side: float  # of a cell; metres
    kept: np.ndarray  # (ny, nx) share of each cell that lies inside
    begin: np.ndarray  # (p,) of the periods, ascending; days after the cut-off
    end: np.ndarray  # (p,)
    until: float  # nothing is followed beyond


class Arrivals(NamedTuple):
    """Background events of M kinds in k stretches of time."""

    edges: np.ndarray  # (k + 1,) days after the cut-off
    mean: np.ndarray  # (M, k) expected background events
    ends: np.ndarray  # (M, k or 1, cells) share of them up to each cell, up to 1
    guide: np.ndarray  # (M, k or 1, g) first cell whose share reaches each g-th


class Heard(NamedTuple):
    """Recorded events, in order of time."""

    ago: np.ndarray  # (n,) days before the cut-off
    x: np.ndarray  # (n,)
    y: np.ndarray  # (n,)
    kind: np.ndarray  # (n,) int64
    weight: np.ndarray  # (n + 1,) sum of the weights of the events before each
    scale: float  # mean direct offspring, of any kind, of an event of weight 1
    place_cell: float  # side of the squares about x, y in which they lie


class Offspring(NamedTuple):
    """What an event triggers."""

    mean: np.ndarray  # (M,) direct offspring, for a factor of 1
    mix: np.ndarray  # (M, M) share of offspring of kinds up to each, by kind of parent
    factor: np.ndarray  # factors from which each event draws its own, by kind; or none
    first: np.ndarray  # (M + 1,) where each kind's begin
    shortest: float  # lag, added to every lag
    lag: tuple
    displacement: tuple


@njit(cache=True, nogil=True)
def count_future(counts, ground, arrivals, heard, offspring, rng):
    """Add one future's events to `counts`.

    Parameters
    ----------
    counts : (M, p, cells) float32
        Changed in place.
    ground : Ground
    arrivals : Arrivals
    heard : Heard
    offspring : Offspring
    rng : Generator

    Returns
    -------
    int
        Number of events, counted or between the periods.

    Notes
    -----
    An immigrant is laid evenly in its cell; any other event in a cell on the border is kept with
    the chance that its place lies inside. O(events), and a 64th of the recorded ones still heard.
    """
    stack = np.empty((5, 64))
    gap = rng.standard_exponential()
    total = 0
    for kind in range(arrivals.mean.shape[0]):
        for stretch in range(arrivals.mean.shape[1]):
            row = min(stretch, arrivals.ends.shape[1] - 1)
            ends, guide = arrivals.ends[kind, row], arrivals.guide[kind, row]
            low = arrivals.edges[stretch]
            length = arrivals.edges[stretch + 1] - low
            for _ in range(rng.poisson(arrivals.mean[kind, stretch])):
                share = rng.random()
                cell = guide[int(share * guide.shape[0])]
                while ends[cell] <= share:
                    cell += 1
                stack[0, 0] = low + length * rng.random()
                stack[1, 0] = ground.west + ground.side * (
                    cell % ground.kept.shape[1] + rng.random()
                )
                stack[2, 0] = ground.south + ground.side * (
                    cell // ground.kept.shape[1] + rng.random()
                )
                stack[3, 0] = kind
                stack[4, 0] = cell
                born, gap, stack = _follow(counts, stack, gap, ground, offspring, rng)
                total += born
    return total + _count_children_of_past(counts, stack, gap, ground, heard, offspring, rng)


@njit(cache=True, nogil=True)
def _count_children_of_past(counts, stack, gap, ground, heard, offspring, rng):
    """What recorded events trigger after the cut-off, the latest first, and all that follows.

    A run of events shares one stretch of lags, from the youngest's age to the oldest's age when all
    ends. A lag drawn from it for one of them that ends before the cut-off or after the end is not
    meant, and is left out.
    """
    total = 0
    last = heard.ago.shape[0]
    while last > 0:
        first = max(last - _RUN, 0)
        youngest = max(heard.ago[last - 1] - offspring.shortest, 0.0)
        oldest = max(heard.ago[first] - offspring.shortest + ground.until, 0.0)
        later = share_later(youngest, offspring.lag)
        if later < _FORGOTTEN:
            break
        beyond = share_later(oldest, offspring.lag)
        weight = heard.weight[first : last + 1]
        left = heard.scale * (weight[-1] - weight[0]) * (later - beyond)
        while gap < left:
            left -= gap
            gap = rng.standard_exponential()
            mark = weight[0] + (weight[-1] - weight[0]) * rng.random()
            j = first + min(reached(weight, mark), last - first) - 1
            wait = -math.log(later - rng.random() * (later - beyond))
            t = lag_of(wait, offspring.lag) + offspring.shortest - heard.ago[j]
            if 0.0 <= t < ground.until:
                dx, dy = step_away(offspring.displacement, rng)
                if heard.place_cell > 0.0:
                    dx += heard.place_cell * (rng.random() - 0.5)
                    dy += heard.place_cell * (rng.random() - 0.5)
                kind = _kind_of_child(heard.kind[j], offspring.mix, rng)
                if _push(stack, 0, t, heard.x[j] + dx, heard.y[j] + dy, kind, ground, rng):
                    born, gap, stack = _follow(counts, stack, gap, ground, offspring, rng)
                    total += born
        gap -= left
        last = first
    return total


@njit(cache=True, nogil=True)
def _follow(counts, stack, gap, ground, offspring, rng):
    """Count the event at the bottom of the stack and all its descendants."""
    top = 1
    total = 0
    while top > 0:
        top -= 1
        t, x, y = stack[0, top], stack[1, top], stack[2, top]
        kind, cell = int(stack[3, top]), int(stack[4, top])
        total += 1
        period = reached(ground.begin, t) - 1
        if period >= 0 and t < ground.end[period]:
            counts[kind, period, cell] += 1
        left = offspring.mean[kind]
        n = offspring.first[kind + 1] - offspring.first[kind]
        if n > 0:
            left *= offspring.factor[offspring.first[kind] + int(n * rng.random())]
        while gap < left:
            left -= gap
            gap = rng.standard_exponential()
            when = t + offspring.shortest + lag_of(rng.standard_exponential(), offspring.lag)
            if when < ground.until:
                dx, dy = step_away(offspring.displacement, rng)
                if top == stack.shape[1]:
                    stack = _twice_as_long(stack)
                child = _kind_of_child(kind, offspring.mix, rng)
                if _push(stack, top, when, x + dx, y + dy, child, ground, rng):
                    top += 1
        gap -= left
    return total, gap, stack


@njit(cache=True, nogil=True)
def _twice_as_long(stack):
    more = np.empty((5, 2 * stack.shape[1]))
    for row in range(5):
        for k in range(stack.shape[1]):
            more[row, k] = stack[row, k]
    return more


@njit(cache=True, nogil=True)
def _kind_of_child(kind, mix, rng):
    child = 0
    if mix.shape[0] > 1:
        share = rng.random()
        while mix[kind, child] <= share:
            child += 1
    return child


@njit(cache=True, nogil=True)
def _push(stack, top, t, x, y, kind, ground, rng):
    """Put an event on the stack, if it is recorded at all and before the end."""
    column = np.floor((x - ground.west) / ground.side)
    row = np.floor((y - ground.south) / ground.side)
    ny, nx = ground.kept.shape
    if not (0 <= column < nx and 0 <= row < ny and t < ground.until):
        return False
    kept = ground.kept[int(row), int(column)]
    if kept < 1.0 and rng.random() >= kept:
        return False
    stack[0, top] = t
    stack[1, top] = x
    stack[2, top] = y
    stack[3, top] = kind
    stack[4, top] = row * nx + column
    return True
