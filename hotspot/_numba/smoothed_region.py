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

NODES = 16  # lattice nodes along each axis that a point reaches
SPACING = 0.55  # lattice spacing, in standard deviations of the whole blur
_BEFORE = 7  # nodes at or to the left of a point, less one
_STEP = SPACING * math.sqrt(2.0)  # the same in standard deviations of half the blur
_NORM = _STEP / math.sqrt(2.0 * math.pi)


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
        column = math.floor(border[0, k]) - _BEFORE
        row = math.floor(border[1, k]) - _BEFORE
        if row + NODES <= first_row or row >= first_row + rows:
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
def gather_mass(points, first_row, field, out):
    r"""Read the wholly blurred region, and how fast it changes with the blur, at points.

    .. math:: m(s) = \sum_k w_k F_k, \qquad
       \frac{\partial m}{\partial \log \sigma} = \sum_k 4 (\rho^2 d_k^2 - 1) w_k F_k,
       \qquad w_k = \frac{\rho^2}{\pi} e^{-\rho^2 d_k^2}

    with d the distance to a node in nodes and ρ the spacing: the field is blurred by half, and
    summing it up with a Gaussian blurs it by the other half.

    Parameters
    ----------
    points : (2, n) float64
        Column and row of each point, in nodes.
    first_row : int
        Row of the lattice that the strip begins with.
    field : (rows, columns + 1) float64
        As :func:`spread_border` leaves it; every node within reach of a point is in the strip.
    out : (2, n) float64
        Filled with m and its derivative.
    """
    across = np.empty(NODES)
    squared = np.empty(NODES)
    shape = SPACING * SPACING
    for i in range(points.shape[1]):
        column = math.floor(points[0, i]) - _BEFORE
        row = math.floor(points[1, i]) - _BEFORE
        for c in range(NODES):
            d = column + c - points[0, i]
            across[c] = math.exp(-shape * d * d)
            squared[c] = shape * d * d * across[c]
        total = 0.0
        second = 0.0
        for r in range(NODES):
            d = row + r - points[1, i]
            down = math.exp(-shape * d * d)
            plain = 0.0
            moment = 0.0
            for c in range(NODES):
                value = field[row + r - first_row, column + c]
                plain += across[c] * value
                moment += squared[c] * value
            total += down * plain
            second += down * moment + shape * d * d * down * plain
        out[0, i] = shape / math.pi * total
        out[1, i] = shape / math.pi * 4.0 * (second - total)
