"""Plain twin of the blurred region: one adaptive integral along each side of a polygon."""

import itertools

import numpy as np
from scipy.integrate import quad
from scipy.stats import norm


def mass_inside(point, polygon, sd):
    """Share of a Gaussian about `point` inside `polygon`, by Green's theorem."""
    total = 0.0
    for ring, sign in [(polygon.exterior, 1), *((hole, -1) for hole in polygon.interiors)]:
        corners = np.array(ring.coords)
        if not ring.is_ccw:
            corners = corners[::-1]
        for begin, end in itertools.pairwise(corners):
            total += sign * _along_side(point, begin, end, sd)
    return total


def _along_side(point, begin, end, sd):
    def integrand(share):
        u, v = begin + share * (end - begin)
        return -norm.cdf((point[0] - u) / sd) * norm.pdf(point[1], v, sd) * (end[1] - begin[1])

    # Where the side passes the point's row the integrand is a narrow peak; quad must be told.
    climb = end[1] - begin[1]
    nearest = (point[1] - begin[1]) / climb if climb else 0.5
    cuts = [c for c in nearest + np.array([-4, 0, 4]) * sd / max(abs(climb), sd) if 0 < c < 1]
    return quad(integrand, 0, 1, points=cuts or None, epsabs=1e-11, limit=200)[0]
