"""Running sums that fade exponentially: one pass in order of time, O(n)."""

import math

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def faded_sums(at, weight, asked, rate):
    r"""What earlier events still weigh at the times asked for.

    .. math:: M_i = \sum_{j \,:\, a_j < q_i} w_j \, e^{-\omega (q_i - a_j)}

    Parameters
    ----------
    at, weight : (n,) float64
        Times, ascending, and what each weighs at first.
    asked : (m,) float64
        Ascending.
    rate : float
        Per unit of time.

    Returns
    -------
    (m,) float64
    """
    out = np.empty(asked.shape[0])
    total = 0.0
    last = 0.0
    j = 0
    for i in range(asked.shape[0]):
        while j < at.shape[0] and at[j] < asked[i]:
            total = total * math.exp(-rate * (at[j] - last)) + weight[j]
            last = at[j]
            j += 1
        out[i] = total * math.exp(-rate * (asked[i] - last)) if j > 0 else 0.0
    return out


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def faded_counts_in_order(t, rate):
    r"""The same at the events themselves, each weighing 1, tied ones taken one after another.

    .. math:: A_i = \sum_{j < i} e^{-\omega (t_i - t_j)}
    """
    out = np.zeros(t.shape[0])
    for i in range(1, t.shape[0]):
        out[i] = math.exp(-rate * (t[i] - t[i - 1])) * (1.0 + out[i - 1])
    return out
