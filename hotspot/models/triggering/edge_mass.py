r"""How much of what each event triggers falls inside the region, for a Gaussian displacement.

What an event near the border triggers partly falls where nobody looked. The expected number of
events counts only what falls inside, so the fit needs

.. math:: m_i(\sigma) = \int_W \frac{1}{2 \pi \sigma^2}
   e^{-\lVert u - s_i \rVert^2 / 2 \sigma^2} \, du

and its derivative at every step. As a function of the place, m is the region blurred by a
Gaussian, hence smooth: it is computed once on a lattice of spacing 0.55 σ, from the border alone,
and read off at the events by the sum that is exact but for aliasing (2e-7), as in
:mod:`hotspot._numba.smoothed_region`. The cost hardly grows with the number of events.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hotspot._numba.half_kernels import NODES, SPACING
from hotspot._numba.smoothed_region import gather_mass, mark_border, spread_border
from hotspot._typing import FloatArray, IntArray
from hotspot.errors import CoordinateError, ParameterError
from hotspot.models.parts.displacement import GaussianDisplacement
from hotspot.models.smoothing.density import checked_points

_NODES_AT_ONCE = 1 << 21
_MOST_NODES = 1 << 25
_NODES_APART = 1 / 12  # in log sd
_MOST_KEPT = 1 << 26  # bytes of masses and slopes at nodes, but never fewer than of four
# Sides up to so many standard deviations (of half the blur), and the nodes that integrate over
# them with an error below 1e-8 each.
_ORDERS = ((0.1, 2), (0.5, 3), (1.0, 4))


@dataclass(frozen=True, eq=False)
class RegionMass:
    """Events and the region they were recorded in, ready to be asked for any blur.

    Attributes
    ----------
    points : (n, 2) float64
        Metres; sorted by y, as `order` tells.
    order : (n,) int64
        ``points[k]`` is the event ``order[k]`` as given.
    region : Polygon or MultiPolygon
    begin, end : (m, 2) float64
        Ends of the border's sides, the region on the left.
    laid : dict
        Masses at the nodes asked for last.

    Examples
    --------
    Half of a Gaussian on a straight border falls inside, a quarter of one in a corner:

    >>> from shapely import box
    >>> points = np.array([[500.0, 500.0], [0.0, 500.0], [0.0, 0.0]])
    >>> mass, slope = RegionMass.of(points, box(0, 0, 1000, 1000)).at(50.0)
    >>> mass.round(6)
    array([1.  , 0.5 , 0.25])
    """

    points: FloatArray
    order: IntArray
    region: BaseGeometry
    begin: FloatArray
    end: FloatArray
    laid: dict[int, tuple[FloatArray, FloatArray]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, points: FloatArray, region: BaseGeometry) -> RegionMass:
        """Sort the events and lay out the border.

        Parameters
        ----------
        points : (n, 2) float64
            Metres; inside the bounds of the region.
        region : Polygon or MultiPolygon

        Raises
        ------
        CoordinateError
            If a point is not finite or outside the bounds of the region.
        """
        points = checked_points(points)
        west, south, east, north = region.bounds
        outside = (points < (west, south)).any(axis=1) | (points > (east, north)).any(axis=1)
        if outside.any():
            raise CoordinateError(
                f"{outside.sum()} of {len(points)} points lie outside the region, the first at "
                f"row {int(np.argmax(outside))}. Events.select(region=...) leaves them out."
            )
        order = np.argsort(points[:, 1], kind="stable")
        begin, end = _sides(region)
        return cls(points[order], order, region, begin, end)

    def at(self, sd: float) -> tuple[FloatArray, FloatArray]:
        """Share of each event's Gaussian that falls inside, and its derivative by log `sd`.

        Parameters
        ----------
        sd : float
            Standard deviation of the displacement along each axis; metres.

        Returns
        -------
        mass : (n,) float64
            In [0, 1]; unitless; in the order the points were given in.
        derivative : (n,) float64

        Raises
        ------
        ParameterError
            If `sd` is not positive.

        Notes
        -----
        Errors are below 1e-6. The mass is a smooth function of log `sd`: it is worked out, with
        its derivative, at nodes a twelfth apart, and read off near one of them by the polynomial
        that has its value and slope there and at both its neighbours. A climb, which asks for one
        `sd` after another close by, so works it out a few times only.

        At a node time is O(q + lattice + n) with q = max(sides, border / sd) and lattice = area of
        the bounding box / (0.55 sd)²; memory 16 MB and 96 bytes an event. Where the lattice would
        have over 3e7 nodes, few events are within reach of the border, and these are
        integrated one by one.
        """
        if not (math.isfinite(sd) and sd > 0):
            raise ParameterError(f"sd must be a positive number of metres, got {sd!r}.")
        place = math.log(sd) / _NODES_APART
        middle = round(place)
        near = [part for node in (-1, 0, 1) for part in self._at_node(middle + node)]
        value, slope = _read_off(place - middle)
        mass = sum(weight * part for weight, part in zip(value, near, strict=True))
        by_place = sum(weight * part for weight, part in zip(slope, near, strict=True))
        return mass, by_place / _NODES_APART

    def _at_node(self, node: int) -> tuple[FloatArray, FloatArray]:
        """Mass, and its derivative by the place between nodes; the last few nodes are kept."""
        if node not in self.laid:
            while len(self.laid) >= max(4, _MOST_KEPT // (16 * len(self.points) + 1)):
                del self.laid[next(iter(self.laid))]
            mass, by_log_sd = self.worked_out(math.exp(node * _NODES_APART))
            self.laid[node] = mass, _NODES_APART * by_log_sd
        return self.laid[node]

    def worked_out(self, sd: float) -> tuple[FloatArray, FloatArray]:
        """The same without nodes: for an `sd` that is asked for once."""
        per_metre = 1 / (SPACING * sd)
        corners = np.concatenate([self.begin, self.end])
        low = corners.min(axis=0)
        columns, rows = (np.ceil((corners.max(axis=0) - low) * per_metre) + 2 * NODES).astype(int)
        if float(columns) * float(rows) > _MOST_NODES:
            return self._one_by_one(sd)
        # Half a reach of nodes lies west and south of the region, and of every point in it.
        border = _quadrature(
            (self.begin - low) * per_metre + NODES, (self.end - low) * per_metre + NODES
        )
        lattice = (low[0] - NODES / per_metre, low[1] - NODES / per_metre, per_metre)
        found = self._in_strips(border, lattice, (int(rows), int(columns)))
        return found[0], found[1]

    def _one_by_one(self, sd: float) -> tuple[FloatArray, FloatArray]:
        part = GaussianDisplacement(sd)
        mass, slopes = part.mass_inside(self.points, self.region, derivatives=True)
        found = np.empty((2, len(self.points)))
        found[:, self.order] = mass, slopes[0]
        return found[0], found[1]

    def _in_strips(self, border, lattice, shape) -> FloatArray:
        rows, columns = shape
        height = max(NODES, _NODES_AT_ONCE // columns)
        found = np.empty((2, len(self.points)))
        for first in range(0, rows, height):
            ends = lattice[1] + np.array([first, first + height]) / lattice[2]
            some = slice(*np.searchsorted(self.points[:, 1], ends))
            if some.start == some.stop:
                continue
            # Rounding may leave an event a hair outside its strip: a row of nodes is kept for it.
            bottom = first - NODES // 2 - 1
            reached = (border[1] > bottom - NODES) & (border[1] < first + height + 2 * NODES)
            field = np.zeros((height + NODES + 2, columns + 1))
            near = np.zeros(field.shape, bool)
            mark_border(border[:, reached], bottom, near)
            spread_border(border[:, reached], bottom, field)
            strip = (*lattice, float(bottom))
            gather_mass(self.points[some], self.order[some], strip, field, near, found)
        return found


def _hermite() -> tuple[np.polynomial.Polynomial, ...]:
    """Value, then slope, at -1, 0 and 1: each polynomial has one of the six at 1, the rest at 0."""
    x = np.polynomial.Polynomial([0.0, 1.0])
    left, right = (x * (x - 1) / 2) ** 2, (x * (x + 1) / 2) ** 2
    middle = (1 - x**2) ** 2
    return (
        (4 + 3 * x) * left,
        (x + 1) * left,
        middle,
        x * middle,
        (4 - 3 * x) * right,
        (x - 1) * right,
    )


_BASIS = _hermite()
_SLOPES = tuple(one.deriv() for one in _BASIS)


def _read_off(place: float) -> tuple[list[float], list[float]]:
    """Weights of values and slopes at three nodes for the value, and the slope, between them."""
    return [one(place) for one in _BASIS], [one(place) for one in _SLOPES]


def _sides(region: BaseGeometry) -> tuple[FloatArray, FloatArray]:
    """Ends of every side, walked with the inside on the left."""
    rings = shapely.get_rings(shapely.orient_polygons(shapely.get_parts(region)))
    corners = [shapely.get_coordinates(ring) for ring in rings]
    return (
        np.concatenate([ring[:-1] for ring in corners]),
        np.concatenate([ring[1:] for ring in corners]),
    )


def _quadrature(begin: FloatArray, end: FloatArray) -> FloatArray:
    """Points of the border and the rows each stands for, all in nodes; (3, q).

    A side that runs along a row stands for none, but marks where the border is.
    """
    step = SPACING * math.sqrt(2.0)
    along = end - begin
    length = np.hypot(*along.T) * step
    pieces = np.maximum(np.ceil(length / _ORDERS[-1][0]), 1).astype(np.int64)
    side = np.repeat(np.arange(len(begin)), pieces)
    part = np.arange(side.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    along = along[side] / pieces[side, None]
    begin = begin[side] + part[:, None] * along
    order = np.searchsorted([longest for longest, _ in _ORDERS[:-1]], (length / pieces)[side])
    found = []
    for i, (_, n) in enumerate(_ORDERS):
        node, weight = np.polynomial.legendre.leggauss(n)
        start, whole = begin[order == i, :, None], along[order == i, :, None]
        place = start + whole * (0.5 + 0.5 * node)
        climbed = whole[:, 1] * (0.5 * weight)
        found.append(np.stack([place[:, 0].ravel(), place[:, 1].ravel(), climbed.ravel()]))
    return np.ascontiguousarray(np.concatenate(found, axis=1))
