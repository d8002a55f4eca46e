r"""Weighted points blurred by a Gaussian, at the points themselves, in linear time.

A Gaussian is the convolution of two narrower ones, and on a lattice of spacing 0.55 standard
deviations the sum over nodes does that convolution but for aliasing of 2e-7 of the peak: each point
is spread onto 16 x 16 nodes, and each is gathered from as many. Blocks of 16 x 16 nodes that any
point has reached are marked, so that where narrow kernels are few, most places pass them by. The
caller is :mod:`hotspot.models.backgrounds.kernel_sums`.
"""

import math

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH
from hotspot._numba.half_kernels import NODES, SHAPE, half_kernel

_ACROSS = np.uint64(0)
_DOWN = np.uint64(NODES)
_NODES = np.uint64(NODES)
_BLOCK = np.uint64(4)  # log2 of a block's nodes along each axis
_ONE = np.uint64(1)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def spread_points(points, weight, field, columns, reached):
    """Add half-kernels of each point to the nodes round it; `field` (rows * columns,) is filled.

    `points` (2, n) are columns and rows in nodes, at least half a reach from the field's edge.
    `reached` (rows // 16 + 2, columns // 16 + 2) is set to 1 where a block has been added to.
    """
    half = np.empty(2 * NODES)
    stride = np.uint64(columns)
    for i in range(points.shape[1]):
        column = half_kernel(points[0, i], half, _ACROSS)
        row = half_kernel(points[1, i], half, _DOWN)
        first = column + row * stride
        down_block, block = row >> _BLOCK, column >> _BLOCK
        reached[down_block, block] = 1
        reached[down_block, block + _ONE] = 1
        reached[down_block + _ONE, block] = 1
        reached[down_block + _ONE, block + _ONE] = 1
        # A constant here would have this loop unrolled, and then the inner one is not put in
        # vector registers.
        for r in range(half.shape[0] - NODES):
            down = weight[i] * half[_DOWN + np.uint64(r)]
            node = first + np.uint64(r) * stride
            for c in range(_NODES):
                field[node + c] += down * half[c]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def gather_others(points, weight, field, columns, reached, out):
    r"""Sum over nodes of half-kernels round each point, less what the point left there itself.

    .. math:: S_i = \sum_{j \ne i} w_j \, e^{-\lVert s_i - s_j \rVert^2 / 2 h^2}

    Parameters
    ----------
    points : (2, n) float64
    weight : (n,) float64
        What each left; 0 leaves it in.
    field : (rows * columns,) float64
        As :func:`spread_points` leaves it.
    columns : int
    reached : (rows // 16 + 2, columns // 16 + 2) uint8
        As :func:`spread_points` leaves it.
    out : (n,) float64
        Filled.

    Notes
    -----
    The point's own part is summed over the same nodes, so that nothing but rounding is left of
    it. The plain version is ``tests/reference/density.py``.
    """
    half = np.empty(2 * NODES)
    stride = np.uint64(columns)
    scale = 2.0 * SHAPE / math.pi
    for i in range(points.shape[1]):
        column = half_kernel(points[0, i], half, _ACROSS)
        row = half_kernel(points[1, i], half, _DOWN)
        first = column + row * stride
        down_block, block = row >> _BLOCK, column >> _BLOCK
        near = reached[down_block, block] | reached[down_block, block + _ONE]
        near |= reached[down_block + _ONE, block] | reached[down_block + _ONE, block + _ONE]
        if near == 0:
            out[i] = 0.0
            continue
        own_across = 0.0
        own_down = 0.0
        for c in range(_NODES):
            own_across += half[c] * half[c]
            own_down += half[_DOWN + c] * half[_DOWN + c]
        total = 0.0
        for r in range(half.shape[0] - NODES):
            part = 0.0
            node = first + np.uint64(r) * stride
            for c in range(_NODES):
                part += half[c] * field[node + c]
            total += half[_DOWN + np.uint64(r)] * part
        out[i] = max(scale * (total - weight[i] * own_across * own_down), 0.0)
