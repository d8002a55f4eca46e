"""The integral over a polygon within reach of a point, side by side and by general quadrature."""

import math

import numpy as np
from scipy.integrate import dblquad, quad


def integral_by_sides(rings, point, moment, reach):
    """Green's theorem as it is written: M(min(r, R)) dφ along every side, the inside on the left.

    `rings` are closed (n, 2) arrays, outer ones anticlockwise and holes clockwise; `moment` takes
    and gives one number.
    """
    total = 0.0
    for ring in rings:
        for begin, end in zip(ring[:-1] - point, ring[1:] - point, strict=True):
            cross = begin[0] * end[1] - begin[1] * end[0]
            if cross == 0:  # seen end-on, a side turns by no angle
                continue

            def turned(share, begin=begin, end=end, cross=cross):
                x, y = begin + share * (end - begin)
                r = math.hypot(x, y)
                return moment(min(r, reach)) * cross / r**2

            along = end - begin
            a, b, c = along @ along, begin @ along, begin @ begin - reach**2
            root = math.sqrt(max(b * b - a * c, 0.0))
            breaks = sorted({s for s in ((-b - root) / a, -b / a, (-b + root) / a) if 0 < s < 1})
            for low, high in zip([0, *breaks], [*breaks, 1], strict=True):
                total += quad(turned, low, high, epsabs=1e-12, epsrel=1e-12, limit=200)[0]
    return total


def integral_over_box(box, point, value, reach):
    """The same over a rectangle, by quadrature in the plane.

    Columns of the disc, cut by the rectangle, are integrated one after another.
    """
    west, south, east, north = box

    def half(x):
        return math.sqrt(max(reach**2 - (x - point[0]) ** 2, 0.0))

    def low(x):
        return max(south, point[1] - half(x))

    def high(x):
        return max(low(x), min(north, point[1] + half(x)))

    return dblquad(
        lambda y, x: value(math.hypot(x - point[0], y - point[1])),
        max(west, point[0] - reach),
        min(east, point[0] + reach),
        low,
        high,
        epsabs=1e-9,
        epsrel=1e-9,
    )[0]


def rings_of(region):
    """Closed rings of a polygon or multipolygon, outer anticlockwise, holes clockwise."""
    rings = []
    for polygon in getattr(region, "geoms", [region]):
        for ring, outer in [
            (polygon.exterior, True),
            *((hole, False) for hole in polygon.interiors),
        ]:
            corners = np.asarray(ring.coords)
            rings.append(corners if ring.is_ccw == outer else corners[::-1])
    return rings
