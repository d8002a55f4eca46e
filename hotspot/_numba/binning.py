"""Linear binning: each point's weight is shared between the four nodes round it."""

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def linear_binning(points, weight, first_x, first_y, step, shape):
    r"""Weights of points, shared linearly between the nodes of a lattice.

    .. math:: B_{lk} = \sum_j w_j \, \Lambda(\xi_j - k) \, \Lambda(\eta_j - l),
       \qquad \Lambda(u) = \max(1 - |u|, 0)

    with :math:`\xi, \eta` the position in steps from the first node.

    Parameters
    ----------
    points : (n, 2) float64
    weight : (n,) float64
    first_x, first_y : float
        Position of the first node.
    step : float
        Distance between nodes.
    shape : (int, int)
        Rows and columns of nodes. Points that do not lie between nodes are left out.

    Returns
    -------
    nodes : (rows, columns) float64
    spread_x, spread_y : float
        :math:`\sum_j w_j a_j (1 - a_j)`, with a the part of a step by which a point lies past
        its node: the variance in squared steps that sharing gave to the points, summed.

    Notes
    -----
    Time is O(n). The plain version is ``tests/reference/density.py``.
    """
    nodes = np.zeros(shape)
    spread_x = 0.0
    spread_y = 0.0
    last_column = shape[1] - 1.0
    last_row = shape[0] - 1.0
    for p in range(points.shape[0]):
        column = (points[p, 0] - first_x) / step
        row = (points[p, 1] - first_y) / step
        if column >= 0.0 and column < last_column and row >= 0.0 and row < last_row:
            k = int(column)
            j = int(row)
            right = column - k
            up = row - j
            w = weight[p]
            spread_x += w * right * (1.0 - right)
            spread_y += w * up * (1.0 - up)
            upper = w * up
            lower = w - upper
            nodes[j, k] += lower * (1.0 - right)
            nodes[j, k + 1] += lower * right
            nodes[j + 1, k] += upper * (1.0 - right)
            nodes[j + 1, k + 1] += upper * right
    return nodes, spread_x, spread_y
