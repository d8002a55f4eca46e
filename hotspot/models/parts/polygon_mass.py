r"""How much of what an event triggers falls inside the region, within a reach: exactly.

The integral of a function f that is alike all round over what a polygon W shares with a disc of
radius R about s is a line integral along the border (Green's theorem),

.. math:: \int_{W \cap B_R(s)} f(\lVert u - s \rVert) \, du
   = \oint_{\partial W} M(\min(r, R)) \, d\varphi
   = c\, M(R) + \int_{\partial W \cap B_R(s)} M(r) \, d\varphi,
   \qquad M(r) = \int_0^r u f(u) \, du,

with r the distance of the border and φ its angle as seen from s (W on the left), and c the angle
of the circle that lies in W: 2π if s is inside, less what the sides within reach turn by. Only
these sides are visited, and a disc that lies inside W costs one number. Nodes and weights do not
depend on f: a rule is laid once and serves every step of a fit.

References
----------
Meyer, S., & Held, L. (2014). Power-law models for infectious disease spread. Annals of Applied
Statistics, 8, 1612-1639, supplement B. https://doi.org/10.1214/14-AOAS743
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hotspot._numba.polygon_panels import polygon_panels
from hotspot._typing import FloatArray, IntArray
from hotspot.errors import ParameterError, RegionError
from hotspot.models.smoothing.density import checked_points

# Panels up to each width (in u, see `polygon_panels`) and the nodes that give 1e-10 on them.
_ORDERS = ((0.1, 3), (0.4, 5), (1.0, 9))
_MOVED = 1e-12  # of the region's size: a point exactly on a side has no angle to it
_PAIRS_AT_ONCE = 1_000_000


class HasMoment(Protocol):
    """A shape or a density of the displacement."""

    def moment(self, distance: FloatArray) -> FloatArray: ...
    def moment_derivatives(self, distance: FloatArray) -> FloatArray: ...


@dataclass(frozen=True, eq=False)
class PolygonRule:
    """Where to look, and with what weight, to integrate over a polygon within reach of points.

    Attributes
    ----------
    reach : (n,) float64
        Radius of each point's disc.
    angle : (n,) float64
        Angle of each disc's circle that lies inside the polygon; radians.
    point : (m,) int64
        Which point each node belongs to.
    radius, weight : (m,) float64
        Distance of each node of the border from its point; the angle it stands for.

    Examples
    --------
    A quarter of the disc about a corner lies inside:

    >>> from shapely import box
    >>> from hotspot.models.parts.shapes import ConstantShape
    >>> rule = PolygonRule.over(np.array([[0.0, 0.0]]), box(0, 0, 50, 50), reach=10.0)
    >>> (rule.integrate(ConstantShape()) / (np.pi * 10**2)).round(6)
    array([0.25])
    """

    reach: FloatArray
    angle: FloatArray
    point: IntArray
    radius: FloatArray
    weight: FloatArray

    @classmethod
    def over(
        cls,
        points: FloatArray,
        region: BaseGeometry,
        *,
        reach: float | FloatArray,
        kinks: Sequence[float] = (),
    ) -> PolygonRule:
        """Lay the nodes for discs about `points`, cut by `region`.

        Parameters
        ----------
        points : (n, 2) float64
            Inside the region or not.
        region : Polygon or MultiPolygon
            May have holes.
        reach : float or (n,) float64
            Radius of the discs, in the unit of `points`; may be infinite.
        kinks : sequence of float
            Distances at which the function to integrate, or its slope, jumps.

        Raises
        ------
        CoordinateError
            If a point is not finite.
        RegionError
            If the region is not a valid polygon with an area.
        ParameterError
            If a reach is not positive.

        Notes
        -----
        Cost and memory are that of the sides within reach of each point: some 4 nodes each.
        """
        points = checked_points(points)
        require_polygon(region)
        size = math.hypot(*np.ptp(np.reshape(region.bounds, (2, 2)), axis=0))
        points = points + _MOVED * size * np.array([0.5403, 0.8415])
        reach = np.broadcast_to(np.asarray(reach, float), len(points))
        if not (reach > 0).all():
            raise ParameterError("Every reach must be positive.")
        # Beyond the furthest corner there is nothing: an infinite disc needs no larger radius.
        centre = np.reshape(region.bounds, (2, 2)).mean(axis=0)
        reach = np.minimum(reach, np.hypot(*(points - centre).T) + size)
        which, panel = _panels(points, region, reach, np.unique(np.asarray(kinks, float)))
        point, radius, weight = _nodes(which, panel)
        shapely.prepare(region)
        inside = shapely.contains_xy(region, points[:, 0], points[:, 1])
        angle = 2 * math.pi * inside - np.bincount(point, weight, len(points))
        return cls(reach, angle, point, radius, weight)

    @classmethod
    def over_each(
        cls, points: FloatArray, regions: Sequence[BaseGeometry], *, kinks: Sequence[float] = ()
    ) -> PolygonRule:
        """Lay the nodes over a polygon of its own for each point, uncut by any disc.

        Parameters
        ----------
        points : (n, 2) float64
        regions : n polygons
        kinks : sequence of float
            As in :meth:`over`.

        Notes
        -----
        The same as :meth:`over` for one point and one region at a time with an infinite reach.
        """
        rules = [
            cls.over(point[None], region, reach=np.inf, kinks=kinks)
            for point, region in zip(checked_points(points), regions, strict=True)
        ]
        count = [rule.radius.size for rule in rules]
        return cls(
            *(
                np.concatenate([getattr(rule, name) for rule in rules])
                for name in ("reach", "angle")
            ),
            np.repeat(np.arange(len(rules)), count),
            *(
                np.concatenate([getattr(rule, name) for rule in rules])
                for name in ("radius", "weight")
            ),
        )

    def integrate(self, part: HasMoment) -> FloatArray:
        """Integral of a shape or density over the part of each disc that lies in the polygon.

        Parameters
        ----------
        part : shape or density of the displacement

        Returns
        -------
        (n,) float64
            For a density the share that falls inside; unitless.
        """
        return self._sum(part.moment(self.reach), part.moment(self.radius))

    def integrate_derivatives(self, part: HasMoment) -> FloatArray:
        """Derivatives of :meth:`integrate` by each number of the part's ``vector``; (k, n)."""
        whole, nodes = part.moment_derivatives(self.reach), part.moment_derivatives(self.radius)
        rows = [self._sum(*row) for row in zip(whole, nodes, strict=True)]
        return np.reshape(rows, (len(rows), self.reach.size))

    def _sum(self, whole: FloatArray, nodes: FloatArray) -> FloatArray:
        border = np.bincount(self.point, self.weight * nodes, self.reach.size)
        return self.angle * whole + border


def require_polygon(region: BaseGeometry) -> None:
    """Refuse what is not a valid polygon with an area."""
    kind = getattr(region, "geom_type", type(region).__name__)
    if kind not in ("Polygon", "MultiPolygon") or region.is_empty or not region.is_valid:
        raise RegionError(
            f"The region must be a valid polygon with an area, got a {kind}. Mend it with "
            "shapely.make_valid and look at the change in area before going on."
        )


def _panels(
    points: FloatArray, region: BaseGeometry, reach: FloatArray, kinks: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Which point each panel of the border is seen from, and the panels."""
    begin, end = _sides(region)
    tree = shapely.STRtree(shapely.linestrings(np.stack([begin, end], axis=1)))
    at_once = max(1, _PAIRS_AT_ONCE // len(begin))
    seen_from, panels = [np.empty(0, np.int64)], [np.empty((0, 3))]
    for first in range(0, len(points), at_once):
        some = slice(first, first + at_once)
        which, side = tree.query(
            shapely.points(points[some]), predicate="dwithin", distance=reach[some]
        )
        origin = points[some][which]
        kept, panel = polygon_panels(
            begin[side] - origin, end[side] - origin, reach[some][which], kinks, _ORDERS[-1][0]
        )
        seen_from.append(first + which[kept])
        panels.append(panel)
    return np.concatenate(seen_from), np.concatenate(panels)


def _sides(region: BaseGeometry) -> tuple[FloatArray, FloatArray]:
    """Ends of every side, walked with the inside on the left."""
    rings = shapely.get_rings(shapely.orient_polygons(shapely.get_parts(region)))
    corners = [shapely.get_coordinates(ring) for ring in rings]
    return (
        np.concatenate([ring[:-1] for ring in corners]),
        np.concatenate([ring[1:] for ring in corners]),
    )


def _nodes(which: IntArray, panel: FloatArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """Point, radius and weight of each node; narrow panels need few."""
    wide = panel[:, 2] - panel[:, 1]
    order = np.searchsorted([width for width, _ in _ORDERS[:-1]], wide)
    point, radius, weight = [], [], []
    for i, (_, n) in enumerate(_ORDERS):
        node, share = np.polynomial.legendre.leggauss(n)
        across, low, high = panel[order == i].T[:, :, None]
        growth = np.cosh(0.5 * (low + high) + 0.5 * (high - low) * node)
        point.append(np.repeat(which[order == i], n))
        radius.append((np.abs(across) * growth).ravel())
        weight.append((np.sign(across) * 0.5 * (high - low) * share / growth).ravel())
    return np.concatenate(point), np.concatenate(radius), np.concatenate(weight)
