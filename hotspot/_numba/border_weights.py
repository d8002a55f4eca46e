r"""How a region's border is seen from a point, as weights on a grid of distances.

The share of a density that falls inside a polygon is a line integral along its border,
:math:`\oint M(r) \, d\varphi`, of a function of the distance alone. Told on a grid that is even in
log r, by interpolation between eight of its nodes, M comes out of the integral: what is left are
weights that do not depend on it. The caller is :mod:`hotspot.models.triggering.mass_inside`; the
plain twin is ``tests/reference/polygon_mass.py``.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH

TAPS = 8  # nodes of the grid that a distance is shared among
BEFORE = 3  # of them below the one that it follows
_SHORT = 0.05  # of the distance: so far two nodes give a side's integral to 2e-7 of itself
_MIDDLE = 0.2  # and so far three
LEAF = 16  # sides in the shortest run
NODES = 6  # along each axis of the square about a run
_FAR = 6.0  # half sides of the square to a point from which its nodes stand for it to 1e-7
_WIDEST = 1.0  # in u, see :mod:`hotspot._numba.polygon_panels`: nine nodes give 1e-10

_AT_2, _OF_2 = np.polynomial.legendre.leggauss(2)
_AT_3, _OF_3 = np.polynomial.legendre.leggauss(3)
_AT_6, _OF_6 = np.polynomial.legendre.leggauss(6)
_AT_9, _OF_9 = np.polynomial.legendre.leggauss(9)

_CHEBYSHEV = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
_OVER = np.array([1.0 / np.prod(_CHEBYSHEV[a] - np.delete(_CHEBYSHEV, a)) for a in range(NODES)])

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


class Chains(NamedTuple):
    """Runs of consecutive sides, from sixteen to all, and what stands for each from afar.

    Run b of level l holds runs 2 b and 2 b + 1 of the level below, where there is one.
    """

    first: np.ndarray  # (levels + 1,) int64: where each level's runs begin, the finest first
    box: np.ndarray  # (runs, 3) centre and half side of a square about each
    charge: np.ndarray  # (runs, NODES, NODES, 2) its sides, gathered in the nodes of the square


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def gather_chains(begin, end, first, box, charge):
    r"""Gather every run of sides in the Chebyshev nodes of the square about it.

    .. math:: Q_{ab} = \int_{\text{run}} \ell_a(x) \, \ell_b(y) \, (dx, dy)

    with Lagrange's polynomials of the nodes: a line integral of a field F along the run is then
    the sum of F times Q over the nodes, as exactly as polynomials of degree 5 are F.

    Parameters
    ----------
    begin, end : (m, 2) float64
    first, box, charge
        As :class:`Chains` has them; `box` and `charge` are filled.

    Notes
    -----
    O(m log m). Six nodes of quadrature integrate the polynomials along a side exactly.
    """
    across = np.empty(NODES)
    up = np.empty(NODES)
    for level in range(first.shape[0] - 1):
        sides = LEAF << level
        for run in range(first[level], first[level + 1]):
            low = (run - first[level]) * sides
            high = min(low + sides, begin.shape[0])
            west = east = begin[low, 0]
            south = north = begin[low, 1]
            for m in range(low, high):
                west = min(west, begin[m, 0], end[m, 0])
                east = max(east, begin[m, 0], end[m, 0])
                south = min(south, begin[m, 1], end[m, 1])
                north = max(north, begin[m, 1], end[m, 1])
            x0 = 0.5 * (west + east)
            y0 = 0.5 * (south + north)
            half = max(0.5 * max(east - west, north - south), 1e-300)
            box[run, 0] = x0
            box[run, 1] = y0
            box[run, 2] = half
            for m in range(low, high):
                dx = end[m, 0] - begin[m, 0]
                dy = end[m, 1] - begin[m, 1]
                for q in range(NODES):
                    t = 0.5 + 0.5 * _AT_6[q]
                    _polynomials((begin[m, 0] + t * dx - x0) / half, across)
                    _polynomials((begin[m, 1] + t * dy - y0) / half, up)
                    for a in range(NODES):
                        for b in range(NODES):
                            part = 0.5 * _OF_6[q] * across[a] * up[b]
                            charge[run, a, b, 0] += part * dx
                            charge[run, a, b, 1] += part * dy


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _polynomials(x, out):
    """Lagrange's polynomials of the Chebyshev nodes at x."""
    for a in range(NODES):
        value = _OVER[a]
        for b in range(NODES):
            if b != a:
                value *= x - _CHEBYSHEV[b]
        out[a] = value


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def weigh_border(points, sides, chains, grid, out):
    r"""Angle by which the border turns about each point, told by its distance.

    .. math:: \sum_k w_{ik} M(r_k) \approx \oint M(\lVert u - s_i \rVert) \, d\varphi, \qquad
       \log r_k = \log r_0 + k \delta

    Parameters
    ----------
    points : (n, 2) float64
        On no side.
    sides : (begin, end)
        Ends (m, 2) of the sides, the region on the left.
    chains : Chains
        Of the same sides.
    grid : (float, float)
        :math:`\log r_0` and δ.
    out : (n, columns) float64
        Zeros; filled with w. The grid ends 5 nodes or more above the largest distance.

    Notes
    -----
    Runs of sides that lie six times their half size away, or further, are taken together: from
    afar a border costs some thousand nodes, however many sides it has. The time is O(n log m).
    """
    begin, end = sides
    lowest, spacing = grid
    per_log = 1.0 / spacing
    top = chains.first.shape[0] - 2
    level_of = np.empty(128, np.int64)
    run_of = np.empty(128, np.int64)
    for i in range(points.shape[0]):
        x = points[i, 0]
        y = points[i, 1]
        level_of[0] = top
        run_of[0] = 0
        waiting = 1
        while waiting:
            waiting -= 1
            level = level_of[waiting]
            run = run_of[waiting]
            at = chains.first[level] + run
            half = chains.box[at, 2]
            dx = chains.box[at, 0] - x
            dy = chains.box[at, 1] - y
            if dx * dx + dy * dy >= _FAR * _FAR * half * half:
                weigh_chain(dx, dy, half, chains.charge[at], lowest, per_log, out[i])
            elif level == 0:
                for m in range(run * LEAF, min((run + 1) * LEAF, begin.shape[0])):
                    weigh_side(
                        begin[m, 0] - x, begin[m, 1] - y, end[m, 0] - x, end[m, 1] - y,
                        lowest, per_log, out[i],
                    )  # fmt: skip
            else:
                below = chains.first[level] - chains.first[level - 1]
                for child in range(2 * run, min(2 * run + 2, below)):
                    level_of[waiting] = level - 1
                    run_of[waiting] = child
                    waiting += 1


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def weigh_chain(x, y, half, charge, lowest, per_log, out):
    """Add the weights of a run of sides, from the nodes of the square about (x, y)."""
    for a in range(NODES):
        u = x + half * _CHEBYSHEV[a]
        for b in range(NODES):
            v = y + half * _CHEBYSHEV[b]
            squared = u * u + v * v
            turn = (u * charge[a, b, 1] - v * charge[a, b, 0]) / squared
            share_out((0.5 * math.log(squared) - lowest) * per_log, turn, out)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def weigh_side(bx, by, ex, ey, lowest, per_log, out):
    """Add the weights of one side, from (bx, by) to (ex, ey) as seen from the point.

    A side that is short for its distance has two or three nodes of quadrature, another panels as
    in :func:`hotspot._numba.polygon_panels.polygon_panels`.
    """
    dx = ex - bx
    dy = ey - by
    squared = dx * dx + dy * dy
    turn = bx * dy - by * dx
    if turn == 0.0 or squared == 0.0:
        return
    mx = bx + 0.5 * dx
    my = by + 0.5 * dy
    far = mx * mx + my * my
    if squared <= _SHORT * _SHORT * far:
        for q in range(2):
            x = mx + 0.5 * _AT_2[q] * dx
            y = my + 0.5 * _AT_2[q] * dy
            r2 = x * x + y * y
            share_out((0.5 * math.log(r2) - lowest) * per_log, 0.5 * _OF_2[q] * turn / r2, out)
    elif squared <= _MIDDLE * _MIDDLE * far:
        for q in range(3):
            x = mx + 0.5 * _AT_3[q] * dx
            y = my + 0.5 * _AT_3[q] * dy
            r2 = x * x + y * y
            share_out((0.5 * math.log(r2) - lowest) * per_log, 0.5 * _OF_3[q] * turn / r2, out)
    else:
        weigh_near_side(bx, by, ex, ey, lowest, per_log, out)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def weigh_near_side(bx, by, ex, ey, lowest, per_log, out):
    """The same for a side that is long for its distance."""
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
