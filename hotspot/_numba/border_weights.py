r"""How a region's border is seen from a point, as weights on a grid of distances.

The share of a density that falls inside a polygon is a line integral along its border,
:math:`\oint M(r) \, d\varphi`, of a function of the distance alone. Told on a grid that is even in
log r, by interpolation between eight of its nodes, M comes out of the integral: what is left are
weights that do not depend on it. The caller is :mod:`hotspot.models.triggering.mass_inside`; the
plain twin is ``tests/reference/polygon_mass.py``.
"""

import math

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH

TAPS = 8  # nodes of the grid that a distance is shared among
BEFORE = 3  # of them below the one that it follows
_SHORT = 0.05  # of the distance: so far two nodes give a side's integral to 2e-7 of itself
_MIDDLE = 0.2  # and so far three
_WIDEST = 1.0  # in u, see :mod:`hotspot._numba.polygon_panels`: nine nodes give 1e-10

_AT_2, _OF_2 = np.polynomial.legendre.leggauss(2)
_AT_3, _OF_3 = np.polynomial.legendre.leggauss(3)
_AT_9, _OF_9 = np.polynomial.legendre.leggauss(9)

# One over the product of the differences between a node and the seven others.
_LAGRANGE = np.array(
    [
        (-1.0) ** (TAPS - 1 - j) / (math.factorial(j) * math.factorial(TAPS - 1 - j))
        for j in range(TAPS)
    ]
)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def share_out(place, weight, out):
    """Share `weight` among the nodes about `place`, so that polynomials of degree 7 are kept.

    Parameters
    ----------
    place : float
        In nodes from the first; what lies below the grid is added to the first.
    weight : float
    out : (columns,) float64
        Added to.
    """
    first = math.floor(place) - BEFORE
    if first < 0:
        out[0] += weight
        return
    x = place - first
    ahead = np.empty(TAPS)
    ahead[TAPS - 1] = 1.0
    for j in range(TAPS - 1, 0, -1):
        ahead[j - 1] = ahead[j] * (x - j)
    behind = weight
    for j in range(TAPS):
        out[first + j] += behind * ahead[j] * _LAGRANGE[j]
        behind *= x - j


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def weigh_border(points, begin, end, lowest, spacing, out):
    r"""Angle by which the border turns about each point, told by its distance.

    .. math:: \sum_k w_{ik} M(r_k) \approx \oint M(\lVert u - s_i \rVert) \, d\varphi, \qquad
       \log r_k = \log r_0 + k \delta

    Parameters
    ----------
    points : (n, 2) float64
        On no side.
    begin, end : (m, 2) float64
        Ends of the sides, the region on the left.
    lowest : float
        :math:`\log r_0`.
    spacing : float
        :math:`\delta`.
    out : (n, columns) float64
        Zeros; filled with w. The grid ends 5 nodes or more above the largest distance.

    Notes
    -----
    O(n m). Sides that are short for their distance have two or three nodes of quadrature, others
    panels as in :func:`hotspot._numba.polygon_panels.polygon_panels`.
    """
    per_log = 1.0 / spacing
    for i in range(points.shape[0]):
        for m in range(begin.shape[0]):
            bx = begin[m, 0] - points[i, 0]
            by = begin[m, 1] - points[i, 1]
            dx = end[m, 0] - begin[m, 0]
            dy = end[m, 1] - begin[m, 1]
            squared = dx * dx + dy * dy
            turn = bx * dy - by * dx
            if turn == 0.0 or squared == 0.0:
                continue
            mx = bx + 0.5 * dx
            my = by + 0.5 * dy
            far = mx * mx + my * my
            if squared <= _SHORT * _SHORT * far:
                for q in range(2):
                    x = mx + 0.5 * _AT_2[q] * dx
                    y = my + 0.5 * _AT_2[q] * dy
                    r2 = x * x + y * y
                    place = (0.5 * math.log(r2) - lowest) * per_log
                    share_out(place, 0.5 * _OF_2[q] * turn / r2, out[i])
            elif squared <= _MIDDLE * _MIDDLE * far:
                for q in range(3):
                    x = mx + 0.5 * _AT_3[q] * dx
                    y = my + 0.5 * _AT_3[q] * dy
                    r2 = x * x + y * y
                    place = (0.5 * math.log(r2) - lowest) * per_log
                    share_out(place, 0.5 * _OF_3[q] * turn / r2, out[i])
            else:
                ex = end[m, 0] - points[i, 0]
                ey = end[m, 1] - points[i, 1]
                weigh_side(bx, by, ex, ey, lowest, per_log, out[i])


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def weigh_side(bx, by, ex, ey, lowest, per_log, out):
    """Add the weights of one side, from (bx, by) to (ex, ey) as seen from the point."""
    dx = ex - bx
    dy = ey - by
    length = math.hypot(dx, dy)
    # Each end is projected by itself, and the distance told from the nearer one: a point beside a
    # corner would lose its digits in a difference of far larger numbers.
    start = (bx * dx + by * dy) / length
    stop = (ex * dx + ey * dy) / length
    across = (bx * dy - by * dx if abs(start) < abs(stop) else ex * dy - ey * dx) / length
    p = abs(across)
    if p == 0.0:
        return
    low = math.asinh(start / p)
    wide = math.asinh(stop / p) - low
    pieces = max(1, math.ceil(wide / _WIDEST))
    half = 0.5 * wide / pieces
    base = math.log(p) - lowest
    for k in range(pieces):
        middle = low + (2 * k + 1) * half
        for q in range(9):
            growth = math.cosh(middle + half * _AT_9[q])
            weight = half * _OF_9[q] / growth
            place = (base + math.log(growth)) * per_log
            share_out(place, weight if across > 0.0 else -weight, out)
