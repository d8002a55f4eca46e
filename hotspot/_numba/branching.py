"""Cascades of triggered events, simulated: arrays and a generator in, arrays out.

Without FASTMATH, which would gain nothing here: so the same generator gives the same bytes
wherever this is compiled, and where it is not.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _longer(events, parent):
    """The same with twice the room."""
    n = parent.shape[0]
    more = np.empty((3, 2 * n))
    more[:, :n] = events
    who = np.empty(2 * n, np.int64)
    who[:n] = parent
    return more, who


@njit(cache=True, nogil=True)
def branch(immigrants, productivity, decay, sigma, end, rng):
    r"""All descendants of some events, by way of their direct offspring.

    Event j has a Poisson number of offspring of mean :math:`\theta_j`, each after an exponential
    lag and at a Gaussian displacement; those at or after the end are not followed. A parent's
    productivity is passed on.

    Parameters
    ----------
    immigrants : (3, n) float64
        Times, x, y.
    productivity : (n,) float64
        Mean number of direct offspring.
    decay, sigma, end : float
        One over the mean lag; standard deviation of the displacement; when to stop.
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
    mean_lag = 1.0 / decay
    j = 0
    gap = rng.standard_exponential()
    while j < n:
        left = inherited[j]
        while gap < left:
            left -= gap
            t = events[0, j] + mean_lag * rng.standard_exponential()
            x = events[1, j] + sigma * rng.standard_normal()
            y = events[2, j] + sigma * rng.standard_normal()
            if t < end:
                if n == parent.shape[0]:
                    events, parent = _longer(events, parent)
                    inherited = np.append(inherited, np.empty(n))
                events[0, n] = t
                events[1, n] = x
                events[2, n] = y
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
