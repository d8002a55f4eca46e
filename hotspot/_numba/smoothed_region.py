r"""A region blurred by a Gaussian: laid on a lattice from its border, and read at points.

By Green's theorem the share of a Gaussian about (x, y) that falls inside a polygon W is

.. math:: -\oint_{\partial W} \Phi\!\left(\frac{x - u}{s}\right)
   \frac{1}{s} \varphi\!\left(\frac{y - v}{s}\right) dv

with W on the left. A point of the border therefore adds to 16 rows of the lattice: a rise from 0
to 1 over 16 nodes, and the whole of it to every node further east. The caller is
:mod:`hotspot.models.triggering.edge_mass`; the plain twin is ``tests/reference/edge_mass.py``.
"""

import math

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH
from hotspot._numba.half_kernels import BEFORE, NODES, SHAPE, SPACING, half_kernel

_STEP = SPACING * math.sqrt(2.0)  # the spacing in standard deviations of half the blur
_NORM = _STEP / math.sqrt(2.0 * math.pi)
_ACROSS = np.uint64(0)
_DOWN = np.uint64(NODES)
_NODES = np.uint64(NODES)
_FAR = 11  # nodes: 6 standard deviations of the whole blur, beyond which lies 1e-9 of it


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def spread_border(border, first_row, field):
    r"""Lay a strip of the region, blurred by half, on the rows of a lattice.

    Parameters
    ----------
    border : (3, q) float64
        Column and row of each quadrature point of the border, in nodes, and how many rows it
        stands for (negative where the border runs south).
    first_row : int
        Row of the lattice that the strip begins with.
    field : (rows, columns + 1) float64
        Zeros; filled with the share of a Gaussian of standard deviation ``1 / _STEP`` nodes about
        each node that falls inside. The last column only catches what lies east of all.

    Notes
    -----
    Time is O(256 q + rows x columns). Rises are laid as they are; what is the same for all nodes
    further east is laid as a step, and the steps are summed up along each row at the end.
    """
    rise = np.empty(NODES)
    rows = field.shape[0]
    columns = field.shape[1] - 1
    for k in range(border.shape[1]):
        column = math.floor(border[0, k]) - BEFORE
        row = math.floor(border[1, k]) - BEFORE
        if border[2, k] == 0.0 or row + NODES <= first_row or row >= first_row + rows:
            continue
        below = 0.0
        for c in range(NODES):
            z = (column + c - border[0, k]) * _STEP
            up_to = 0.5 * math.erfc(-z * math.sqrt(0.5))
            rise[c] = up_to - below
            below = up_to
        for r in range(max(row, first_row), min(row + NODES, first_row + rows)):
            z = (r - border[1, k]) * _STEP
            amount = -border[2, k] * _NORM * math.exp(-0.5 * z * z)
            for c in range(NODES):
                at = min(max(column + c, 0), columns)
                field[r - first_row, at] += amount * rise[c]
    for r in range(rows):
        total = 0.0
        for c in range(columns + 1):
            total += field[r, c]
            field[r, c] = total


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def mark_border(border, first_row, near):
    """Mark the nodes within reach of the border of a strip.

    Parameters
    ----------
    border : (3, q) float64
        As in :func:`spread_border`.
    first_row : int
        Row of the lattice that the strip begins with.
    near : (rows, columns + 1) bool
        False; True is set where a point of the border lies within 11 nodes along both axes.
        Elsewhere the region is, but for 1e-9 of a Gaussian, everywhere or nowhere.
    """
    last_row, last_column = -1, -1
    rows, columns = near.shape
    for k in range(border.shape[1]):
        column = math.floor(border[0, k])
        row = math.floor(border[1, k]) - first_row
        if row == last_row and column == last_column:
            continue
        last_row, last_column = row, column
        for r in range(max(row - _FAR, 0), min(row + _FAR + 1, rows)):
            for c in range(max(column - _FAR, 0), min(column + _FAR + 1, columns)):
                near[r, c] = True


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def gather_mass(points, order, lattice, field, near, out):
    r"""Read the wholly blurred region, and how fast it changes with the blur, at points.

    .. math:: m(s) = \sum_k w_k F_k, \qquad
       \frac{\partial m}{\partial \log \sigma} = \sum_k 4 (\rho^2 d_k^2 - 1) w_k F_k,
       \qquad w_k = \frac{\rho^2}{\pi} e^{-\rho^2 d_k^2}

    with d the distance to a node in nodes and ρ the spacing: the field is blurred by half, and
    summing it up with a Gaussian blurs it by the other half.

    Parameters
    ----------
    points : (n, 2) float64
        x and y.
    order : (n,) int64
        Where in `out` each belongs.
    lattice : (x0, y0, per_metre, first_row) floats
        Where node 0 lies, one over the spacing, and the row of the lattice that the strip begins
        with.
    field : (rows, columns + 1) float64
        As :func:`spread_border` leaves it; every node within reach of a point is in the strip.
    near : (rows, columns + 1) bool
        As :func:`mark_border` leaves it: where the border is out of reach the node itself says all.
    out : (2, m) float64
        Filled with m, in [0, 1], and its derivative.
    """
    half = np.empty(2 * NODES)
    squared = np.empty(2 * NODES)
    flat = field.ravel()
    stride = np.uint64(field.shape[1])
    for i in range(points.shape[0]):
        x = (points[i, 0] - lattice[0]) * lattice[2]
        y = (points[i, 1] - lattice[1]) * lattice[2] - lattice[3]
        column = math.floor(x)
        row = math.floor(y)
        if not near[row, column]:
            out[0, order[i]] = min(max(field[row, column], 0.0), 1.0)
            out[1, order[i]] = 0.0
            continue
        first = half_kernel(x, half, _ACROSS)
        first += half_kernel(y, half, _DOWN) * stride
        for k in range(NODES):
            d = column + k - BEFORE - x
            squared[k] = SHAPE * d * d * half[k]
            d = row + k - BEFORE - y
            squared[NODES + k] = SHAPE * d * d * half[NODES + k]
        total = 0.0
        second = 0.0
        for r in range(half.shape[0] - NODES):
            plain = 0.0
            moment = 0.0
            node = first + np.uint64(r) * stride
            for c in range(_NODES):
                value = flat[node + c]
                plain += half[c] * value
                moment += squared[c] * value
            down = half[_DOWN + np.uint64(r)]
            total += down * plain
            second += down * moment + squared[_DOWN + np.uint64(r)] * plain
        out[0, order[i]] = min(max(SHAPE / math.pi * total, 0.0), 1.0)
        out[1, order[i]] = SHAPE / math.pi * 4.0 * (second - total)
