"""Cuts sides of a polygon, as seen from a point, into pieces on which quadrature is easy."""

import math

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def breaks_along(begin, end, reach, kinks, out):
    """Where a side must be broken, along it from the foot of the perpendicular; how many.

    Parameters
    ----------
    begin, end : (2,) float64
        Ends of the side, from the point.
    reach : float
        Only what lies this near counts.
    kinks : (k,) float64
        Distances at which the integrand is not smooth; ascending.
    out : (2 k + 4,) float64
        Filled with: the signed distance of the point from the side's line (positive where the
        point lies to its left), then the breaks, ascending.

    Returns
    -------
    int
        Number of breaks; 0 where no part of the side is within reach.
    """
    dx = end[0] - begin[0]
    dy = end[1] - begin[1]
    length = math.hypot(dx, dy)
    if length == 0.0:
        return 0
    # Each end is projected by itself, and the distance told from the nearer one: a point beside a
    # corner would lose its digits in a difference of far larger numbers.
    start = (begin[0] * dx + begin[1] * dy) / length
    stop = (end[0] * dx + end[1] * dy) / length
    near = begin if abs(start) < abs(stop) else end
    across = (near[0] * dy - near[1] * dx) / length
    p = abs(across)
    if p >= reach or p == 0.0:
        return 0
    furthest = math.sqrt((reach - p) * (reach + p))
    low = max(start, -furthest)
    high = min(stop, furthest)
    if low >= high:
        return 0
    out[0] = across
    out[1] = low
    n = 1
    for k in range(kinks.shape[0] - 1, -1, -1):
        if kinks[k] > p:
            s = -math.sqrt((kinks[k] - p) * (kinks[k] + p))
            if low < s < high:
                n += 1
                out[n] = s
    for k in range(kinks.shape[0]):
        if kinks[k] > p:
            s = math.sqrt((kinks[k] - p) * (kinks[k] + p))
            if low < s < high:
                n += 1
                out[n] = s
    out[n + 1] = high
    return n + 1


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def polygon_panels(begin, end, reach, kinks, widest):
    r"""Panels of Gauss-Legendre quadrature for line integrals along sides within reach of a point.

    With p the distance of the point from a side's line and s along it from the foot of the
    perpendicular, the angle at the point turns by

    .. math:: d\varphi = \frac{p \, ds}{p^2 + s^2} = \frac{du}{\cosh u}, \qquad
       s = p \sinh u, \quad r = p \cosh u

    so that in u neither a near side nor a narrow integrand asks for more panels.

    Parameters
    ----------
    begin, end : (m, 2) float64
        Ends of each side, from the point it is seen from.
    reach : (m,) float64
        Only what lies this near the point counts.
    kinks : (k,) float64
        Distances at which the integrand is not smooth; ascending.
    widest : float
        Longest panel, in u.

    Returns
    -------
    side : (q,) int64
        Which of the m sides each panel lies on.
    panel : (q, 3) float64
        Signed distance of the point from the side's line; u at both ends.

    Notes
    -----
    Two passes: the first counts. The plain version is ``tests/reference/polygon_mass.py``.
    """
    breaks = np.empty(2 * kinks.shape[0] + 4)
    count = 0
    for m in range(begin.shape[0]):
        n = breaks_along(begin[m], end[m], reach[m], kinks, breaks)
        for b in range(1, n):
            p = abs(breaks[0])
            wide = math.asinh(breaks[b + 1] / p) - math.asinh(breaks[b] / p)
            count += max(1, math.ceil(wide / widest))
    side = np.empty(count, np.int64)
    panel = np.empty((count, 3))
    q = 0
    for m in range(begin.shape[0]):
        n = breaks_along(begin[m], end[m], reach[m], kinks, breaks)
        for b in range(1, n):
            p = abs(breaks[0])
            low = math.asinh(breaks[b] / p)
            wide = math.asinh(breaks[b + 1] / p) - low
            pieces = max(1, math.ceil(wide / widest))
            for i in range(pieces):
                side[q] = m
                panel[q, 0] = breaks[0]
                panel[q, 1] = low + wide * i / pieces
                panel[q, 2] = low + wide * (i + 1) / pieces
                q += 1
    return side, panel
