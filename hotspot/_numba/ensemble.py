"""Quantiles of simulated counts: arrays in, arrays out.

Nothing here checks its input. Order and validity are settled by the caller,
:mod:`hotspot.forecast.issue`.
"""

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def count_quantiles(counts, ranks):
    r"""The smallest count that at least `ranks` of the members do not exceed.

    .. math:: q_k = \min \{ c : \#\{ m : N_m \le c \} \ge r_k \}

    Parameters
    ----------
    counts : (n, members) unsigned integers
        One row a cell (and period), one column a simulated future.
    ranks : (k,) int64
        Ascending, in 1..members; rank r of m members is the level r / m.

    Returns
    -------
    (n, k) float32
        Whole numbers.

    Notes
    -----
    A row whose counts are small is tallied, in time O(members + largest count); a row of
    large counts is sorted, since its tally would be longer than itself. The plain version
    is ``tests/reference/ensemble.py``.
    """
    n, members = counts.shape
    out = np.empty((n, ranks.size), np.float32)
    for i in range(n):
        largest = 0
        for m in range(members):
            largest = max(largest, int(counts[i, m]))
        if largest > 4 * members:
            ordered = np.sort(counts[i])
            for k in range(ranks.size):
                out[i, k] = ordered[ranks[k] - 1]
        else:
            tally = np.zeros(largest + 1, np.int64)
            for m in range(members):
                tally[int(counts[i, m])] += 1
            value, reached = 0, tally[0]
            for k in range(ranks.size):
                while reached < ranks[k]:
                    value += 1
                    reached += tally[value]
                out[i, k] = value
    return out
