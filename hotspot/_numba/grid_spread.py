"""Sums over the cells near each cell of a grid, row by row of a table of weights."""

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def spread_on_grid(amount, row, column, shape, table):
    r"""What each cell hears of the others, at each time.

    .. math:: S_{tu} = \sum_{u'} A_{tu'} \, k_{|r_u - r_{u'}|, \, |c_u - c_{u'}|}

    Parameters
    ----------
    amount : (times, units) float64
        What each cell sends; most may be 0, and those cost next to nothing.
    row, column : (units,) int64
        Where each unit's cell lies.
    shape : (int, int)
        Rows and columns of the grid.
    table : (reach + 1, reach + 1) float64
        Weight by rows and columns apart.

    Returns
    -------
    (times, units) float64

    Notes
    -----
    Time is O(times x cells that send x reach²). The plain version is
    ``tests/reference/grid_spread.py``.
    """
    reach = table.shape[0] - 1
    width = 2 * reach + 1
    whole = np.empty((width, width))
    for i in range(width):
        for j in range(width):
            whole[i, j] = table[abs(i - reach), abs(j - reach)]
    # Where influence ends at a distance the table is 0 in its corners, which are passed over.
    begin = np.zeros(width, np.int64)
    for i in range(width):
        while begin[i] < reach and whole[i, begin[i]] == 0.0:
            begin[i] += 1
    out = np.empty(amount.shape)
    # A margin on all sides spares the inner loop its test for the grid's edge.
    laid = np.empty((shape[0] + 2 * reach, shape[1] + 2 * reach))
    for t in range(amount.shape[0]):
        laid[:] = 0.0
        for u in range(amount.shape[1]):
            sent = amount[t, u]
            if sent == 0.0:
                continue
            for i in range(width):
                line = laid[row[u] + i]
                first = column[u]
                for j in range(begin[i], width - begin[i]):
                    line[first + j] += sent * whole[i, j]
        for u in range(amount.shape[1]):
            out[t, u] = laid[row[u] + reach, column[u] + reach]
    return out
