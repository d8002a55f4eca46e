r"""Weighted points blurred by a Gaussian, at the points themselves, in linear time.

A Gaussian is the convolution of two narrower ones, and on a lattice of spacing 0.55 standard
deviations the sum over nodes does that convolution but for aliasing of 2e-7 of the peak: each point
is spread onto 16 x 16 nodes, and each is gathered from as many. The caller is
:mod:`hotspot.models.backgrounds.kernel`.
"""

import math

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH

NODES = 16
SPACING = 0.55  # lattice spacing, in standard deviations of the whole blur
_BEFORE = 7
_SHAPE = SPACING * SPACING


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def spread_points(points, weight, field):
    """Add half-kernels of each point to the nodes round it; `field` (rows, columns) is filled.

    `points` (2, n) are columns and rows in nodes, at least half a reach from the field's edge.
    """
    across = np.empty(NODES)
    for i in range(points.shape[1]):
        column = math.floor(points[0, i]) - _BEFORE
        row = math.floor(points[1, i]) - _BEFORE
        for c in range(NODES):
            d = column + c - points[0, i]
            across[c] = math.exp(-_SHAPE * d * d)
        for r in range(NODES):
            d = row + r - points[1, i]
            down = weight[i] * math.exp(-_SHAPE * d * d)
            for c in range(NODES):
                field[row + r, column + c] += down * across[c]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def gather_others(points, weight, field, out):
    r"""Sum over nodes of half-kernels round each point, less what the point left there itself.

    .. math:: S_i = \sum_{j \ne i} w_j \, e^{-\lVert s_i - s_j \rVert^2 / 2 h^2}

    Parameters
    ----------
    points : (2, n) float64
    weight : (n,) float64
        What each left; 0 leaves it in.
    field : (rows, columns) float64
        As :func:`spread_points` leaves it.
    out : (n,) float64
        Filled.

    Notes
    -----
    The point's own part is summed over the same nodes, so that nothing but rounding is left of
    it. The plain version is ``tests/reference/density.py``.
    """
    across = np.empty(NODES)
    scale = 2.0 * _SHAPE / math.pi
    for i in range(points.shape[1]):
        column = math.floor(points[0, i]) - _BEFORE
        row = math.floor(points[1, i]) - _BEFORE
        own_across = 0.0
        for c in range(NODES):
            d = column + c - points[0, i]
            across[c] = math.exp(-_SHAPE * d * d)
            own_across += across[c] * across[c]
        total = 0.0
        own_down = 0.0
        for r in range(NODES):
            d = row + r - points[1, i]
            down = math.exp(-_SHAPE * d * d)
            own_down += down * down
            part = 0.0
            for c in range(NODES):
                part += across[c] * field[row + r, column + c]
            total += down * part
        out[i] = max(scale * (total - weight[i] * own_across * own_down), 0.0)
