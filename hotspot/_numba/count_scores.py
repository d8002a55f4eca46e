"""Inner loops over negative binomial counts: arrays in, arrays out.

A count of mean m and variance v > m is negative binomial; where v <= m it is Poisson. With
c = max(v - m, 0) / m both follow one recurrence, exact and free of cancellation,

    p(k + 1) / p(k) = (m + k c) / ((k + 1) (1 + c)),

which is run both ways from the mode and normalised by its sum, so that nothing underflows however
large the mean. Nothing here checks its input: means are >= 0, observed counts whole.
"""

import math

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH

_NEGLIGIBLE = 1e-18  # of the largest term; the sums are then right to about 1e-15


@njit(cache=True, fastmath=FASTMATH)
def _support(mean, extra):
    """Lowest count worth its weight, that weight (1 at the mode), and the sum of all weights."""
    mode = math.floor(max(mean - extra, 0.0))
    total, weight, lowest, weight_of_lowest = 1.0, 1.0, mode, 1.0
    k = mode
    while k > 0:
        weight *= k * (1.0 + extra) / (mean + (k - 1) * extra)
        if weight < _NEGLIGIBLE:
            break
        k -= 1
        lowest, weight_of_lowest = k, weight
        total += weight
    k, weight = mode, 1.0
    while True:
        ratio = (mean + k * extra) / ((k + 1) * (1.0 + extra))
        weight *= ratio
        total += weight
        k += 1
        # What is left is less than a geometric tail with this ratio.
        if ratio < 1.0 and weight * ratio < _NEGLIGIBLE * (1.0 - ratio) * total:
            break
    return lowest, weight_of_lowest, total


@njit(cache=True, fastmath=FASTMATH)
def negative_binomial_crps(mean, variance, observed):
    r"""Continuous ranked probability score of each count: sum of (F(k) - 1{y <= k})².

    Parameters
    ----------
    mean, variance, observed : (n,) float64
        Predictive mean and variance; the whole number observed.

    Returns
    -------
    (n,) float64
        In events. Time is O(mean + standard deviation) for each count. The plain version it is
        tested against is ``tests/reference/count_scores.py``.
    """
    out = np.empty(mean.shape[0])
    for i in range(mean.shape[0]):
        m, y = mean[i], observed[i]
        if m == 0.0:
            out[i] = y
            continue
        extra = max(variance[i] - m, 0.0) / m
        k, weight, total = _support(m, extra)
        score = max(k - y, 0.0)  # from y up to the lowest count F is 0 and should be 1
        cumulated = 0.0
        while k <= m or weight > _NEGLIGIBLE * total:
            cumulated += weight
            share = cumulated / total
            score += (1.0 - share) ** 2 if k >= y else share**2
            weight *= (m + k * extra) / ((k + 1) * (1.0 + extra))
            k += 1
        out[i] = score + max(y - k, 0.0)  # from here up to y F is 1 and should be 0
    return out


@njit(cache=True, fastmath=FASTMATH)
def negative_binomial_cdf(mean, variance, observed):
    """Chance of fewer events than observed, and of exactly as many.

    Parameters
    ----------
    mean, variance, observed : (n,) float64
        Predictive mean and variance; the whole number observed.

    Returns
    -------
    (2, n) float64
        P(N < y) and P(N = y). The plain version it is tested against is
        ``tests/reference/count_scores.py``.
    """
    out = np.empty((2, mean.shape[0]))
    for i in range(mean.shape[0]):
        m, y = mean[i], observed[i]
        if m == 0.0:
            out[0, i] = 1.0 if y > 0.0 else 0.0
            out[1, i] = 0.0 if y > 0.0 else 1.0
            continue
        extra = max(variance[i] - m, 0.0) / m
        k, weight, total = _support(m, extra)
        below = 0.0
        while k < y and below < total and weight > 0.0:
            below += weight
            weight *= (m + k * extra) / ((k + 1) * (1.0 + extra))
            k += 1
        out[0, i] = min(below / total, 1.0)
        out[1, i] = weight / total if k == y else 0.0
    return out
