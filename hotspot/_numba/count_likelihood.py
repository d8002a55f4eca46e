r"""Log-likelihood of counts whose variance is :math:`\mu + \psi \mu^2`, with its slopes.

With ψ = 0 the counts are Poisson. Nothing here checks its input: means are at least 0, counts whole
or NaN (not recorded; they add nothing).
"""

import math

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH

_FEW = 1e-2  # below this ψμ closed forms lose digits to cancellation, and their series do not
_COLUMNS = 2048  # as many as stay close to the processor


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def count_log_likelihood(count, mean, overdispersion):
    r"""Log-likelihood of each unit, without the term :math:`-\log y!` that no parameter moves.

    .. math:: \ell = y \log \mu + \sum_{j<y} \log(1 + \psi j)
        - (y + 1/\psi) \log(1 + \psi \mu)

    Parameters
    ----------
    count, mean : (times, units) float64
    overdispersion : (units,) float64
        :math:`\psi \ge 0` of each unit.

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
            y, mu, psi = count[t, u], mean[t, u], overdispersion[u]
            if math.isnan(y):
                continue
            x = psi * mu
            if psi == 0.0:
                out[u] -= mu
            elif x < 1e-9:
                out[u] -= mu * (1.0 - 0.5 * x) + y * x
            else:
                out[u] -= (y + 1.0 / psi) * math.log1p(x)
            if y > 0.0:
                out[u] += y * math.log(mu) if mu > 0.0 else -math.inf
                j = 1.0
                while j < y:
                    out[u] += math.log1p(psi * j)
                    j += 1.0
    return out


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def count_slopes(count, mean, overdispersion):
    r"""Slopes of the log-likelihood along each mean and along each unit's ψ.

    Parameters
    ----------
    count, mean : (times, units) float64
    overdispersion : (units,) float64

    Returns
    -------
    slope : (times, units) float64
        :math:`y / \mu - (1 + \psi y) / (1 + \psi \mu)`; 0 where not recorded.
    along_psi : (units,) float64
        Summed over times.
    """
    slope = np.zeros(count.shape)
    along_psi = np.zeros(count.shape[1])
    for t in range(count.shape[0]):
        for u in range(count.shape[1]):
            y, mu, psi = count[t, u], mean[t, u], overdispersion[u]
            if math.isnan(y):
                continue
            x = psi * mu
            slope[t, u] = -(1.0 + psi * y) / (1.0 + x)
            if y > 0.0:
                slope[t, u] += y / mu
            if psi > 0.0:
                j = 1.0
                while j < y:
                    along_psi[u] += j / (1.0 + psi * j)
                    j += 1.0
                along_psi[u] += mu * mu * _chance_slope(x) - y * mu / (1.0 + x)
    return slope, along_psi


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def count_curvatures(count, mean, overdispersion):
    r"""Second derivatives of the log-likelihood: along each mean, ψ, and both.

    Parameters
    ----------
    count, mean : (times, units) float64
    overdispersion : (units,) float64

    Returns
    -------
    curvature : (times, units) float64
        :math:`-y / \mu^2 + \psi (1 + \psi y) / (1 + \psi \mu)^2`; 0 where not recorded.
    cross : (times, units) float64
        :math:`(\mu - y) / (1 + \psi \mu)^2`
    along_psi : (units,) float64
        Summed over times.
    """
    curvature = np.zeros(count.shape)
    cross = np.zeros(count.shape)
    along_psi = np.zeros(count.shape[1])
    for t in range(count.shape[0]):
        for u in range(count.shape[1]):
            y, mu, psi = count[t, u], mean[t, u], overdispersion[u]
            if math.isnan(y):
                continue
            x = psi * mu
            below = 1.0 / (1.0 + x)
            curvature[t, u] = psi * (1.0 + psi * y) * below * below
            if y > 0.0:
                curvature[t, u] -= y / (mu * mu)
            if psi > 0.0:
                cross[t, u] = (mu - y) * below * below
                j = 1.0
                while j < y:
                    along_psi[u] -= (j / (1.0 + psi * j)) ** 2
                    j += 1.0
                along_psi[u] += mu**3 * _chance_curvature(x) + y * (mu * below) ** 2
    return curvature, cross, along_psi


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
def _chance_slope(x):
    r""":math:`(\log(1+x) - x/(1+x)) / x^2 = \sum_{k \ge 2} (-1)^k \frac{k-1}{k} x^{k-2}`."""
    if x > _FEW:
        return (math.log1p(x) - x / (1.0 + x)) / (x * x)
    return 0.5 + x * (
        -2.0 / 3.0 + x * (0.75 + x * (-0.8 + x * (5.0 / 6.0 + x * (-6.0 / 7.0 + x * 0.875))))
    )


@njit(cache=True, nogil=True, inline="always", fastmath=FASTMATH)
def _chance_curvature(x):
    r"""Its derivative along x: :math:`\sum_{k \ge 3} (-1)^k \frac{(k-1)(k-2)}{k} x^{k-3}`."""
    if x > _FEW:
        below = 1.0 / (1.0 + x)
        return (-2.0 * math.log1p(x) + 2.0 * x * below + (x * below) ** 2) / (x * x * x)
    return -2.0 / 3.0 + x * (
        1.5 + x * (-2.4 + x * (10.0 / 3.0 + x * (-30.0 / 7.0 + x * (5.25 - x * 56.0 / 9.0))))
    )
