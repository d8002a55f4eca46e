r"""Log-likelihood of counts whose variance is :math:`\mu (1 + a)`, with its slopes.

.. math:: \ell = \sum_{j=0}^{y-1} \log(\mu + a j) - (y + \mu / a) \log(1 + a) - \log y!

is the negative binomial of size :math:`\mu / a`. The excess a is ψμ where rates vary, a constant δ
where each count brings repeats of itself, and their sum δ + ψμ where both do; with a = 0 the counts
are Poisson. Nothing here checks its input: means and excesses are at least 0, counts whole or NaN
(not recorded; they add nothing).
"""

import math

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH

_FEW = 1e-2  # below this excess closed forms lose digits to cancellation, and their series do not
_TINY = 1e-9  # below it two terms of the series are all that can be told
_COLUMNS = 2048  # as many as stay close to the processor


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def count_log_likelihood(count, mean, excess):
    r"""Log-likelihood of each unit, without the term :math:`-\log y!` that no parameter moves.

    Parameters
    ----------
    count, mean, excess : (times, units) float64

    Returns
    -------
    (units,) float64
        -inf where a unit with mean 0 has a count.

    Notes
    -----
    The plain version is ``tests/reference/count_likelihood.py``.
    """
    out = np.zeros(count.shape[1])
    for t in range(count.shape[0]):
        for u in range(count.shape[1]):
            y, mu, a = count[t, u], mean[t, u], excess[t, u]
            if math.isnan(y):
                continue
            if a < _TINY:
                out[u] -= mu * (1.0 - 0.5 * a) + y * a
            else:
                out[u] -= (y + mu / a) * math.log1p(a)
            j = 0.0
            while j < y:
                rate = mu + a * j
                out[u] += math.log(rate) if rate > 0.0 else -math.inf
                j += 1.0
    return out


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def count_slopes(count, mean, excess):
    r"""Slopes of the log-likelihood along each mean and each excess, the other held.

    Parameters
    ----------
    count, mean, excess : (times, units) float64

    Returns
    -------
    along_mean : (times, units) float64
        :math:`\sum_{j<y} 1 / (\mu + a j) - \log(1 + a) / a`; 0 where not recorded.
    along_excess : (times, units) float64
        :math:`\sum_{j<y} j / (\mu + a j) - y / (1 + a) + \mu \, c(a)`, with
        :math:`c(a) = (\log(1 + a) - a / (1 + a)) / a^2`.
    """
    along_mean, along_excess = np.zeros(count.shape), np.zeros(count.shape)
    for t in range(count.shape[0]):
        for u in range(count.shape[1]):
            y, mu, a = count[t, u], mean[t, u], excess[t, u]
            if math.isnan(y):
                continue
            below, bend = 1.0 / (1.0 + a), _bend(a)
            along_mean[t, u] = -below - a * bend
            along_excess[t, u] = mu * bend - y * below
            j = 0.0
            while j < y:
                share = 1.0 / (mu + a * j)
                along_mean[t, u] += share
                along_excess[t, u] += j * share
                j += 1.0
    return along_mean, along_excess


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def count_curvatures(count, mean, excess):
    r"""Second derivatives of the log-likelihood along each mean, each excess, and both.

    Parameters
    ----------
    count, mean, excess : (times, units) float64

    Returns
    -------
    along_mean, along_both, along_excess : (times, units) float64
        :math:`-\sum_{j<y} (\mu + a j)^{-2}`; :math:`c(a) - \sum_{j<y} j (\mu + a j)^{-2}`;
        :math:`\mu \, c'(a) + y (1 + a)^{-2} - \sum_{j<y} j^2 (\mu + a j)^{-2}`; 0 where not
        recorded.
    """
    along_mean, along_both = np.zeros(count.shape), np.zeros(count.shape)
    along_excess = np.zeros(count.shape)
    for t in range(count.shape[0]):
        for u in range(count.shape[1]):
            y, mu, a = count[t, u], mean[t, u], excess[t, u]
            if math.isnan(y):
                continue
            below = 1.0 / (1.0 + a)
            along_both[t, u] = _bend(a)
            along_excess[t, u] = mu * _bend_slope(a) + y * below * below
            j = 0.0
            while j < y:
                square = (1.0 / (mu + a * j)) ** 2
                along_mean[t, u] -= square
                along_both[t, u] -= j * square
                along_excess[t, u] -= j * j * square
                j += 1.0
    return along_mean, along_both, along_excess


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def weighted_square(rows, weight):
    r"""Products of rows, :math:`\sum_i w_i J_{ai} J_{bi}`, some columns at a time.

    A library's matrix product would take threads of its own, which models fitted side by side have
    none to spare for.

    Parameters
    ----------
    rows : (k, n) float64
    weight : (n,) float64

    Returns
    -------
    (k, k) float64
    """
    k, n = rows.shape
    out = np.zeros((k, k))
    scaled = np.empty(_COLUMNS)
    for first in range(0, n, _COLUMNS):
        last = min(first + _COLUMNS, n)
        for a in range(k):
            for i in range(first, last):
                scaled[i - first] = weight[i] * rows[a, i]
            for b in range(a + 1):
                total = 0.0
                for i in range(first, last):
                    total += scaled[i - first] * rows[b, i]
                out[a, b] += total
    for a in range(k):
        for b in range(a):
            out[b, a] = out[a, b]
    return out


@njit(cache=True, nogil=True, inline="always", fastmath=FASTMATH)
def _bend(x):
    r""":math:`(\log(1+x) - x/(1+x)) / x^2 = \sum_{k \ge 2} (-1)^k \frac{k-1}{k} x^{k-2}`."""
    if x > _FEW:
        return (math.log1p(x) - x / (1.0 + x)) / (x * x)
    return 0.5 + x * (
        -2.0 / 3.0 + x * (0.75 + x * (-0.8 + x * (5.0 / 6.0 + x * (-6.0 / 7.0 + x * 0.875))))
    )


@njit(cache=True, nogil=True, inline="always", fastmath=FASTMATH)
def _bend_slope(x):
    r"""Its derivative along x: :math:`\sum_{k \ge 3} (-1)^k \frac{(k-1)(k-2)}{k} x^{k-3}`."""
    if x > _FEW:
        below = 1.0 / (1.0 + x)
        return (-2.0 * math.log1p(x) + 2.0 * x * below + (x * below) ** 2) / (x * x * x)
    return -2.0 / 3.0 + x * (
        1.5 + x * (-2.4 + x * (10.0 / 3.0 + x * (-30.0 / 7.0 + x * (5.25 - x * 56.0 / 9.0))))
    )
