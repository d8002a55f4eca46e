"""Truncated kernel sums without a grid's error: over nodes near a point, and over point pairs."""

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH

# On a grid a Gaussian is cut 6 standard deviations out along each axis, where it is 1.5e-8 of its
# peak; between points 8 out, 1.3e-14 of its peak, so that sums agree with uncut ones.
REACH = 6.0
PAIR_REACH = 8.0
CUT = 0.5 * PAIR_REACH * PAIR_REACH


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def outer_product_sums(first_row, first_column, row_factor, column_factor, shape):
    r"""Sum over points of a separable patch, each laid at its own corner of a grid.

    .. math:: S_{rc} = \sum_p a_{p,\,r - r_p} \, b_{p,\,c - c_p}

    Parameters
    ----------
    first_row, first_column : (n,) int64
        Corner of each point's patch; what falls off the grid is left out.
    row_factor, column_factor : (n, k), (n, l) float64
        The patch of point p is ``row_factor[p][:, None] * column_factor[p]``.
    shape : (int, int)
        Rows and columns of the grid.

    Returns
    -------
    (rows, columns) float64

    Notes
    -----
    Time is O(n k l). The plain version is ``tests/reference/density.py``.
    """
    total = np.zeros(shape)
    height = row_factor.shape[1]
    width = column_factor.shape[1]
    for p in range(first_row.shape[0]):
        left = first_column[p]
        from_column = max(0, -left)
        to_column = min(width, shape[1] - left)
        for r in range(max(0, -first_row[p]), min(height, shape[0] - first_row[p])):
            a = row_factor[p, r]
            row = first_row[p] + r
            for c in range(from_column, to_column):
                total[row, left + c] += a * column_factor[p, c]
    return total


@njit(cache=True, nogil=True, inline="always", fastmath=FASTMATH)
def exp_minus(x):
    r""":math:`e^{-x}` for 0 <= x <= 32, in arithmetic that a compiler can put in vector registers.

    ``math.exp`` in a compiled loop is a call per number, ten times slower. Here
    :math:`e^{-x} = (e^{-x/128})^{128}`: a Taylor series of degree 10, then seven squarings.
    The relative error is below 2e-12; ``exp_minus(0)`` is exactly 1.
    """
    u = -0.0078125 * x
    e = 1.0 + u * (1.0 / 10.0)
    e = 1.0 + u * (1.0 / 9.0) * e
    e = 1.0 + u * (1.0 / 8.0) * e
    e = 1.0 + u * (1.0 / 7.0) * e
    e = 1.0 + u * (1.0 / 6.0) * e
    e = 1.0 + u * (1.0 / 5.0) * e
    e = 1.0 + u * (1.0 / 4.0) * e
    e = 1.0 + u * (1.0 / 3.0) * e
    e = 1.0 + u * (1.0 / 2.0) * e
    e = 1.0 + u * e
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    return e


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def gaussian_sums(target, bucket, own, point, weight, starts, span, precision):
    r"""Kernel sum at each target over the points within eight standard deviations.

    .. math:: S_i = \sum_{j \ne \mathrm{own}_i} w_j \, e^{-p\, \lVert t_i - s_j \rVert^2}
       \quad \text{over} \quad p\, \lVert t_i - s_j \rVert^2 \le 32

    Parameters
    ----------
    target : (2, m) float64
        Where the sum is wanted; x, then y.
    bucket : (2, m) int64
        Column and row of each target's bucket.
    own : (m,) int64
        Index of the point to leave out for each target; -1 for none.
    point : (2, n) float64
        Points sorted by bucket, row by row; x, then y.
    weight : (n,) float64
    starts : (rows, columns + 1) int64
        Where each bucket's points begin; ``starts[r, c + 1]`` is where bucket c of row r ends.
    span : int
        Buckets to look at on every side.
    precision : float
        One over twice the squared bandwidth.

    Returns
    -------
    (m,) float64
        Unnormalised: 1 for a point at the target.

    Notes
    -----
    Buckets of one row lie one after another, so the inner loop runs over 2 span + 1 of them at
    once. The plain version is ``tests/reference/density.py``.
    """
    out = np.empty(target.shape[1])
    rows = starts.shape[0]
    columns = starts.shape[1] - 1
    for i in range(target.shape[1]):
        x = target[0, i]
        y = target[1, i]
        skip = own[i]
        west = min(max(bucket[0, i] - span, 0), columns)
        east = max(min(bucket[0, i] + span + 1, columns), 0)
        total = 0.0
        for r in range(max(bucket[1, i] - span, 0), min(bucket[1, i] + span + 1, rows)):
            for j in range(starts[r, west], starts[r, east]):
                dx = x - point[0, j]
                dy = y - point[1, j]
                q = precision * (dx * dx + dy * dy)
                value = weight[j] * exp_minus(min(q, 2.0 * CUT))  # further out it would overflow
                total += value if (q <= CUT and j != skip) else 0.0
        out[i] = total
    return out


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def pair_distance_weights(point, weight, starts, side, reach, n_bins):
    r"""Weight of pairs by their distance, in bins [k d, (k + 1) d) with d = reach / n_bins.

    .. math:: P_k = \sum_{i < j} w_i w_j \,
       \mathbf 1\bigl( k d \le \lVert s_i - s_j \rVert < (k + 1) d \bigr)

    Parameters
    ----------
    point : (2, n) float64
        Measured from the first bucket's corner, sorted by bucket, row by row; x, then y.
    weight : (n,) float64
    starts : (rows, columns + 1) int64
        Where each bucket's points begin, as in `gaussian_sums`.
    side : float
        Side of a bucket; at least `reach`.
    reach : float
        Pairs at this distance or more are left out.
    n_bins : int

    Returns
    -------
    (n_bins,) float64

    Notes
    -----
    The plain version is ``tests/reference/density.py``.
    """
    found = np.zeros(n_bins)
    rows = starts.shape[0]
    columns = starts.shape[1] - 1
    scale = n_bins / reach
    for i in range(point.shape[1]):
        column = min(int(point[0, i] / side), columns - 1)
        row = min(int(point[1, i] / side), rows - 1)
        for r in range(row, min(row + 2, rows)):
            first = starts[r, max(column - 1, 0)] if r > row else i + 1
            for j in range(first, starts[r, min(column + 2, columns)]):
                distance = np.hypot(point[0, i] - point[0, j], point[1, i] - point[1, j])
                if distance < reach:
                    found[min(int(distance * scale), n_bins - 1)] += weight[i] * weight[j]
    return found
