"""Log-likelihoods of counts simulated from a map of rates: arrays in, arrays out.

Nothing here checks its input. Weights are at least 0, their sum above 0; validity is settled by
the caller, :mod:`hotspot.evaluate.consistency`.
"""

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-53
_BLOCK = 256  # events drawn, placed and counted in turn: three short loops run five times as fast


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def alias_table(weights):
    r"""A table from which a cell is drawn with chance in proportion to its weight, in one look.

    A slot is drawn evenly; the cell is the slot itself if a second uniform number lies below the
    slot's threshold, else the slot's alias (Walker 1977, by Vose's construction).

    Parameters
    ----------
    weights : (n,) float64
        Not negative, not all 0.

    Returns
    -------
    (n,) float64
        Alias, the whole part, plus threshold in [0, 1), the rest. A slot that is always its own
        cell has itself for an alias. A cell of weight 0 is nobody's alias and has threshold 0.
    """
    n = weights.shape[0]
    table = np.empty(n)
    left = weights / weights.sum() * n
    small, large = np.empty(n, np.int32), np.empty(n, np.int32)
    n_small = n_large = heaviest = 0
    for i in range(n):
        if weights[i] > weights[heaviest]:
            heaviest = i
        if left[i] < 1.0:
            small[n_small] = i
            n_small += 1
        else:
            large[n_large] = i
            n_large += 1
    while n_small > 0 and n_large > 0:
        n_small -= 1
        low, high = small[n_small], large[n_large - 1]
        table[low] = high + left[low]
        left[high] -= 1.0 - left[low]
        if left[high] < 1.0:
            n_large -= 1
            small[n_small] = high
            n_small += 1
    # What rounding leaves over is 1 to within it; but never a cell that weighs nothing.
    for k in range(n_small):
        table[small[k]] = small[k] if weights[small[k]] > 0.0 else heaviest
    for k in range(n_large):
        table[large[k]] = large[k]
    return table


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def simulated_log_likelihoods(stops, seeds, table, log_rate):
    r"""For each simulated map of so many events, what its cells add to its Poisson log-likelihood.

    .. math:: \sum_c n_c \log m_c - \log n_c!

    which lacks only the total of the rates. Since :math:`\log n! = \sum_{k=1}^{n} \log k`, an event
    adds the log of its cell's rate less the log of how many that cell then holds, and empty cells
    cost nothing.

    Parameters
    ----------
    stops : (size, k) int64
        Ascending: the numbers of events of each simulation after which to tell. The first n of more
        events are a map of n events.
    seeds : (size,) uint64
        Where each simulation's stream of random numbers begins.
    table : (n,) float64
        From :func:`alias_table`.
    log_rate : (n,) float64
        Of each cell; read only where an event may fall.

    Returns
    -------
    (size, k) float64

    Notes
    -----
    Time is O(events + n) for each simulation. Random numbers are those of SplitMix64 (Steele,
    Lea & Flood 2014): the k-th is a function of k alone, so they are made several at a time. The
    leading bits of a number choose the slot; those that remain are held to its threshold.
    Products of 64 bits are meant to wrap; without the compiler NumPy warns of it, so call it
    under ``np.errstate(over="ignore")``. The plain version it is tested against is
    ``tests/reference/consistency.py``.
    """
    n = table.shape[0]
    log_of = np.log(np.maximum(np.arange(stops.max() + 1), 1))
    places, cells = np.empty(_BLOCK), np.empty(_BLOCK, np.int64)
    held = np.zeros(n, np.int32)
    below_n = n - n * 2.0**-50  # the largest products round up to n, which is no slot
    out = np.empty(stops.shape)
    for s in range(stops.shape[0]):
        held[:] = 0
        total, drawn = 0.0, 0
        for stop in range(stops.shape[1]):
            while drawn < stops[s, stop]:
                m = min(stops[s, stop] - drawn, _BLOCK)
                for i in range(m):
                    z = seeds[s] + np.uint64(drawn + i + 1) * _STEP
                    z = (z ^ (z >> np.uint64(30))) * _MIX_1
                    z = (z ^ (z >> np.uint64(27))) * _MIX_2
                    z = (z ^ (z >> np.uint64(31))) >> np.uint64(11)
                    places[i] = min(np.int64(z) * _UNIT * n, below_n)
                for i in range(m):
                    slot = np.int64(places[i])
                    alias = np.int64(table[slot])
                    own = np.int64(places[i] - slot < table[slot] - alias)
                    cells[i] = alias + (slot - alias) * own  # no branch to guess wrong
                for i in range(m):
                    held[cells[i]] += 1
                    total += log_rate[cells[i]] - log_of[held[cells[i]]]
                drawn += m
            out[s, stop] = total
    return out
