"""One simulated future of a self-exciting model, counted into cells and periods as it unfolds.

Lags and displacements, and a line along which offspring lie, as in
:mod:`hotspot._numba.branching`. Events are columns of (t, x, y, kind, cell). The loops take what
they need out of the tuples first: handing one on for every event takes longer than the event.
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
    events, n = _immigrants(ground, arrivals, rng)
    events, n = _children_of_past(events, n, ground, heard, offspring, rng)
    return _follow(counts, events, n, ground, offspring, rng)


@njit(cache=True, nogil=True)
def _immigrants(ground, arrivals, rng):
    """Background events: their columns, in an array with room for more, and how many."""
    west, south, side, columns = ground.west, ground.south, ground.side, ground.kept.shape[1]
    edges, mean = arrivals.edges, arrivals.mean
    number = np.empty(mean.shape, np.int64)
    total = 0
    for kind in range(mean.shape[0]):
        for stretch in range(mean.shape[1]):
            number[kind, stretch] = rng.poisson(mean[kind, stretch])
            total += number[kind, stretch]
    events = np.empty((5, 2 * total + 64))
    n = 0
    for kind in range(mean.shape[0]):
        for stretch in range(mean.shape[1]):
            row = min(stretch, arrivals.ends.shape[1] - 1)
            ends, guide = arrivals.ends[kind, row], arrivals.guide[kind, row]
            low, length = edges[stretch], edges[stretch + 1] - edges[stretch]
            for _ in range(number[kind, stretch]):
                share = rng.random()
                cell = guide[int(share * guide.shape[0])]
                while ends[cell] <= share:
                    cell += 1
                events[0, n] = low + length * rng.random()
                events[1, n] = west + side * (cell % columns + rng.random())
                events[2, n] = south + side * (cell // columns + rng.random())
                events[3, n] = kind
                events[4, n] = cell
                n += 1
    return events, n


@njit(cache=True, nogil=True)
def _children_of_past(events, n, ground, heard, offspring, rng):
    """Add what recorded events trigger directly, the latest first; the columns and how many.

    A run of events shares one stretch of lags, from the youngest's age to the oldest's age when all
    ends. A lag drawn from it for one of them that ends before the cut-off or after the end is not
    meant, and is left out.
    """
    west, south, side, kept, until = (
        ground.west, ground.south, ground.side, ground.kept, ground.until,
    )  # fmt: skip
    ago, x, y, weights, square = heard.ago, heard.x, heard.y, heard.weight, heard.place_cell
    lag, displacement, shortest = offspring.lag, offspring.displacement, offspring.shortest
    mix = offspring.mix
    gap = rng.standard_exponential()
    last = ago.shape[0]
    while last > 0:
        first = max(last - _RUN, 0)
        later = share_later(max(ago[last - 1] - shortest, 0.0), lag)
        if later < _FORGOTTEN:
            break
        beyond = share_later(max(ago[first] - shortest + until, 0.0), lag)
        low, weight = weights[first], weights[last] - weights[first]
        left = heard.scale * weight * (later - beyond)
        while gap < left:
            left -= gap
            gap = rng.standard_exponential()
            mark = low + weight * rng.random()
            j = first + min(reached(weights[first : last + 1], mark), last - first) - 1
            wait = -math.log(later - rng.random() * (later - beyond))
            t = lag_of(wait, lag) + shortest - ago[j]
            if 0.0 <= t < until:
                dx, dy = step_away(displacement, rng)
                if square > 0.0:
                    dx += square * (rng.random() - 0.5)
                    dy += square * (rng.random() - 0.5)
                cell = _recorded_in(x[j] + dx, y[j] + dy, west, south, side, kept, rng)
                if cell >= 0:
                    if n == events.shape[1]:
                        events = _longer(events)
                    events[0, n] = t
                    events[1, n] = x[j] + dx
                    events[2, n] = y[j] + dy
                    events[3, n] = _kind_of_child(heard.kind[j], mix, rng)
                    events[4, n] = cell
                    n += 1
        gap -= left
        last = first
    return events, n


@njit(cache=True, nogil=True)
def _follow(counts, events, n, ground, offspring, rng):
    """Count the first n events and all their descendants; how many there are."""
    west, south, side, kept, until = (
        ground.west, ground.south, ground.side, ground.kept, ground.until,
    )  # fmt: skip
    begin, end = ground.begin, ground.end
    lag, displacement, shortest = offspring.lag, offspring.displacement, offspring.shortest
    mean, mix, factor, firsts = offspring.mean, offspring.mix, offspring.factor, offspring.first
    gap = rng.standard_exponential()
    j = 0
    while j < n:
        t, x, y = events[0, j], events[1, j], events[2, j]
        kind = int(events[3, j])
        period = reached(begin, t) - 1
        if period >= 0 and t < end[period]:
            counts[kind, period, int(events[4, j])] += 1
        left = mean[kind]
        pool = firsts[kind + 1] - firsts[kind]
        if pool > 0:
            left *= factor[firsts[kind] + int(pool * rng.random())]
        while gap < left:
            left -= gap
            gap = rng.standard_exponential()
            when = t + shortest + lag_of(rng.standard_exponential(), lag)
            if when < until:
                dx, dy = step_away(displacement, rng)
                cell = _recorded_in(x + dx, y + dy, west, south, side, kept, rng)
                if cell >= 0:
                    if n == events.shape[1]:
                        events = _longer(events)
                    events[0, n] = when
                    events[1, n] = x + dx
                    events[2, n] = y + dy
                    events[3, n] = _kind_of_child(kind, mix, rng)
                    events[4, n] = cell
                    n += 1
        gap -= left
        j += 1
    return n


@njit(cache=True, nogil=True)
def _longer(events):
    """The same with twice the room."""
    more = np.empty((5, 2 * events.shape[1]))
    for row in range(5):
        for k in range(events.shape[1]):
            more[row, k] = events[row, k]
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
def _recorded_in(x, y, west, south, side, kept, rng):
    """The cell in which an event is recorded; -1 if outside, or in the part of a cell outside."""
    column = np.floor((x - west) / side)
    row = np.floor((y - south) / side)
    if not (0 <= column < kept.shape[1] and 0 <= row < kept.shape[0]):
        return -1
    share = kept[int(row), int(column)]
    if share < 1.0 and rng.random() >= share:
        return -1
    return int(row) * kept.shape[1] + int(column)
