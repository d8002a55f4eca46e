"""Cascades of triggered events, simulated: arrays and a generator in, arrays out.

A lag or displacement is a tuple (number, parameters, edges) with the numbers of
:mod:`hotspot._numba.trigger_pairs`; the parameters of steps are the share up to each edge. Without
FASTMATH, which would gain nothing here: so the same generator gives the same bytes wherever this is
compiled, and where it is not.
"""

import math

import numpy as np
from numba import njit

from hotspot._numba.trigger_pairs import EXPONENTIAL, GAUSSIAN, POWER_LAW, RADIAL, STUDENT

_MOST_LOG = 600.0  # e**600 metres or days are beyond any grid and any end, and no overflow


@njit(cache=True, nogil=True)
def reached(places, value):
    """How many places, ascending, lie at or below a value; compiled sooner than NumPy's search."""
    low, high = 0, places.shape[0]
    while low < high:
        middle = (low + high) // 2
        if places[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _read(share, shares, places):
    """Where a broken line through (shares, places) reaches a share."""
    k = min(reached(shares, share), shares.shape[0] - 1)
    part = (share - shares[k - 1]) / (shares[k] - shares[k - 1])
    return places[k - 1] + part * (places[k] - places[k - 1])


@njit(cache=True, nogil=True)
def lag_of(wait, lag):
    """The lag after which a share e^-wait is still to come; of a standard exponential, a lag."""
    number, p, edges = lag
    if number == EXPONENTIAL:
        return wait / p[0]
    if number == POWER_LAW:
        return p[0] * math.expm1(min(wait / (p[1] - 1.0), _MOST_LOG))
    return _read(-math.expm1(-wait), p, edges)


@njit(cache=True, nogil=True)
def share_later(t, lag):
    """Share of lags longer than t >= 0."""
    number, p, edges = lag
    if number == EXPONENTIAL:
        return math.exp(-p[0] * t)
    if number == POWER_LAW:
        return math.exp(-(p[1] - 1.0) * math.log1p(t / p[0]))
    return 1.0 - _read(t, edges, p) if t < edges[-1] else 0.0


@njit(cache=True, nogil=True)
def step_away(displacement, rng):
    """One displacement: x and y."""
    number, p, edges = displacement
    if number == GAUSSIAN:
        return p[0] * rng.standard_normal(), p[0] * rng.standard_normal()
    if number == RADIAL:
        distance = p[0] * (rng.standard_exponential() + rng.standard_exponential())
    elif number == POWER_LAW:
        grown = rng.standard_exponential() / (p[1] - 1.0)
        grown += rng.standard_exponential() / (p[1] - 2.0)
        distance = p[0] * math.expm1(min(grown, _MOST_LOG))
    elif number == STUDENT:
        grown = rng.standard_exponential() / (p[1] - 1.0)
        distance = p[0] * math.sqrt(math.expm1(min(grown, _MOST_LOG)))
    else:
        share = rng.random()
        k = min(reached(p, share), p.shape[0] - 1)
        part = (share - p[k - 1]) / (p[k] - p[k - 1])
        inner = edges[k - 1] * edges[k - 1]
        distance = math.sqrt(inner + part * (edges[k] * edges[k] - inner))
    angle = 2.0 * math.pi * rng.random()
    return distance * math.cos(angle), distance * math.sin(angle)


@njit(cache=True, nogil=True)
def _longer(events, parent):
    """The same with twice the room."""
    n = parent.shape[0]
    more = np.empty((events.shape[0], 2 * n))
    more[:, :n] = events
    who = np.empty(2 * n, np.int64)
    who[:n] = parent
    return more, who


@njit(cache=True, nogil=True)
def branch(immigrants, productivity, lag, displacement, end, rng):
    r"""All descendants of some events, by way of their direct offspring.

    Event j has a Poisson number of offspring of mean :math:`\theta_j`, each after a lag and at a
    displacement; those at or after the end are not followed. A parent's productivity is passed on.

    Parameters
    ----------
    immigrants : (3, n) float64
        Times, x, y.
    productivity : (n,) float64
        Mean number of direct offspring.
    lag, displacement : tuple
        As above.
    end : float
        When to stop.
    rng : Generator

    Returns
    -------
    events : (3, m) float64
        The immigrants, then their descendants, parents before offspring.
    parent : (m,) int64
        Place of the parent; -1 for an immigrant.

    Notes
    -----
    Time is O(m). Offspring are the points of a Poisson process of rate 1 along a line on which
    every event in turn has a length of its productivity: one exponential gap an offspring,
    instead of one Poisson number an event.
    """
    n = immigrants.shape[1]
    events = np.empty((3, 2 * n + 16))
    events[:, :n] = immigrants
    parent = np.empty(2 * n + 16, np.int64)
    parent[:n] = -1
    inherited = np.empty(2 * n + 16)
    inherited[:n] = productivity
    j = 0
    gap = rng.standard_exponential()
    while j < n:
        left = inherited[j]
        while gap < left:
            left -= gap
            t = events[0, j] + lag_of(rng.standard_exponential(), lag)
            dx, dy = step_away(displacement, rng)
            if t < end:
                if n == parent.shape[0]:
                    events, parent = _longer(events, parent)
                    inherited = np.append(inherited, np.empty(n))
                events[0, n] = t
                events[1, n] = events[1, j] + dx
                events[2, n] = events[2, j] + dy
                parent[n] = j
                inherited[n] = inherited[j]
                n += 1
            gap = rng.standard_exponential()
        gap -= left
        j += 1
    return events[:, :n].copy(), parent[:n].copy()


@njit(cache=True, nogil=True)
def prune(parent, sound):
    """Which events are left when unsound ones go, each with all its descendants.

    Parameters
    ----------
    parent : (m,) int64
        As :func:`branch` gives it: parents before offspring.
    sound : (m,) bool

    Returns
    -------
    (m,) bool
    """
    kept = np.empty(parent.shape[0], np.bool_)
    for k in range(parent.shape[0]):
        kept[k] = sound[k] and (parent[k] < 0 or kept[parent[k]])
    return kept
