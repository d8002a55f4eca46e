r"""How much of what each event triggers falls inside the region, for any displacement.

With :math:`M(r) = \int_0^r u h(u)\,du`, φ the angle of the border as seen from the event and the
region on its left (Green's theorem; :mod:`hotspot.models.parts.polygon_mass`),

.. math:: m_i = \oint_{\partial W} M(r) \, d\varphi \approx \sum_k w_{ik} M(r_k)

Only M depends on the displacement. Its values on a grid even in log r, of which it is interpolated
to 1e-6 and better, therefore give the mass of every event by one product with a sparse matrix, and
its derivatives by the same. Steps have kinks that no grid meets: for these the share of every
ring that lies inside is worked out once. For a Gaussian and many events,
:class:`~hotspot.models.triggering.edge_mass.RegionMass` needs neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hotspot._numba.border_weights import LEAF, NODES, TAPS, Chains, gather_chains, weigh_border
from hotspot._typing import FloatArray
from hotspot.errors import ParameterError
from hotspot.models.parts.base import Steps
from hotspot.models.parts.displacement import Displacement, GaussianDisplacement
from hotspot.models.parts.polygon_mass import PolygonRule
from hotspot.models.parts.shapes import ConstantShape
from hotspot.models.triggering.edge_mass import RegionMass

_SPACING = 1 / 16  # of the grid, in log r: exponential, power law and Student to 1e-7
_NEAREST = 1e-12  # of the region's size: no displacement is narrower than this a thousand times
_MOVED = 1e-12  # of the region's size: a point exactly on a side has no angle to it
_FEW = 2000  # events for which the weights of the border are laid before a lattice is of use
_VALUES_AT_ONCE = 1 << 22


@dataclass(frozen=True, eq=False)
class MassInside:
    """Events and the region they were recorded in, ready to be asked for any displacement.

    Attributes
    ----------
    points : (n, 2) float64
        Metres.
    region : Polygon or MultiPolygon
    gaussian : RegionMass
        What answers for Gaussian displacements of many events.
    laid : dict
        Weights of the border, kept from the first displacement of a kind that asked for them.

    Examples
    --------
    Half of what is triggered on a straight border falls inside, a quarter of it in a corner, for
    any displacement that does not reach the other sides:

    >>> from shapely import box
    >>> from hotspot.models.parts.displacement import ExponentialDisplacement
    >>> points = np.array([[500.0, 500.0], [0.0, 500.0], [0.0, 0.0]])
    >>> inside = MassInside.of(points, box(0, 0, 1000, 1000))
    >>> mass, derivatives = inside.at(ExponentialDisplacement(scale=20.0))
    >>> mass.round(6), derivatives.shape
    (array([1.  , 0.5 , 0.25]), (1, 3))
    """

    points: FloatArray
    region: BaseGeometry
    gaussian: RegionMass
    laid: dict = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, points: FloatArray, region: BaseGeometry) -> MassInside:
        """Take in events and border.

        Parameters
        ----------
        points : (n, 2) float64
            Metres; inside the bounds of the region.
        region : Polygon or MultiPolygon
            May have holes.

        Raises
        ------
        CoordinateError
            If a point is not finite or outside the bounds of the region.
        """
        gaussian = RegionMass.of(points, region)
        return cls(np.asarray(points, float), region, gaussian)

    def at(self, displacement: Displacement) -> tuple[FloatArray, FloatArray]:
        """Share of what each event triggers that falls inside, and its derivatives.

        Parameters
        ----------
        displacement : Displacement
            Any density of :mod:`hotspot.models.parts.displacement`.

        Returns
        -------
        mass : (n,) float64
            In [0, 1]; unitless; in the order the points were given in.
        derivatives : (k, n) float64
            By each number of the displacement's ``vector``.

        Raises
        ------
        ParameterError
            If `displacement` is not a density of the displacement.

        Notes
        -----
        Errors are below 1e-6. A Gaussian of over 2,000 events is left to ``gaussian``. The first
        other displacement without steps costs
        O(distinct places x log(sides of the border)), the first with given steps that of the
        sides within its last edge; after that an evaluation is a sparse product with some 50
        numbers an event. Both are kept, so an optimiser pays once.
        """
        if not isinstance(displacement, Displacement):
            raise ParameterError(
                f"displacement must be a density such as PowerLawDisplacement, got "
                f"{displacement!r}."
            )
        if isinstance(displacement, GaussianDisplacement) and len(self.points) > _FEW:
            mass, slope = self.gaussian.at(displacement.sd)
            return mass, slope[None]
        edges = displacement.edges if isinstance(displacement, Steps) else None
        if edges not in self.laid:
            self.laid[edges] = self._border() if edges is None else self._rings(edges)
        radius, weights, row = self.laid[edges]
        told = np.vstack(
            [displacement.integral(radius)[None], displacement.integral_derivatives(radius)]
        )
        found = (weights @ told.T).T[:, row]
        return np.clip(found[0], 0.0, 1.0), np.ascontiguousarray(found[1:])

    def _border(self):
        """Radii, the weight of each at every distinct place, and the place of each event."""
        from scipy.sparse import csr_array, vstack

        points, row = np.unique(self.points, axis=0, return_inverse=True)
        size = math.hypot(*np.ptp(np.reshape(self.region.bounds, (2, 2)), axis=0))
        points = points + _MOVED * size * np.array([0.5403, 0.8415])
        lowest = math.log(_NEAREST * size)
        columns = math.ceil(-math.log(_NEAREST) / _SPACING) + TAPS
        sides = (self.gaussian.begin, self.gaussian.end)
        chains = _chains(*sides)
        shapely.prepare(self.region)
        turn = 2 * math.pi * shapely.contains_xy(self.region, *points.T)
        found = []
        at_once = _VALUES_AT_ONCE // columns
        for first in range(0, len(points), at_once):
            some = slice(first, first + at_once)
            weights = np.zeros((len(points[some]), columns))
            weigh_border(points[some], sides, chains, (lowest, _SPACING), weights)
            # What quadrature leaves of the whole angle belongs to no distance: to none within it.
            weights[:, -1] += turn[some] - weights.sum(axis=1)
            found.append(csr_array(weights / (2 * math.pi)))
        radius = np.exp(lowest + _SPACING * np.arange(columns))
        return radius, vstack(found, format="csr"), np.ravel(row)

    def _rings(self, edges: tuple[float, ...]):
        """The same for steps: what lies inside of each ring, told at its edges."""
        points, row = np.unique(self.points, axis=0, return_inverse=True)
        radius = np.asarray(edges)
        discs = [PolygonRule.over(points, self.region, reach=r) for r in radius[1:]]
        area = np.array([disc.integrate(ConstantShape()) for disc in discs])
        share = np.diff(area, axis=0, prepend=0.0).T / (math.pi * np.diff(radius**2))
        weights = np.zeros((len(points), radius.size))
        weights[:, 1:] += share
        weights[:, :-1] -= share
        return radius, weights, np.ravel(row)


def _chains(begin: FloatArray, end: FloatArray) -> Chains:
    """Runs of sixteen sides, of thirty-two, and so on to one run of all."""
    counts = [math.ceil(len(begin) / LEAF)]
    while counts[-1] > 1:
        counts.append(math.ceil(counts[-1] / 2))
    first = np.concatenate([[0], np.cumsum(counts)])
    chains = Chains(first, np.empty((first[-1], 3)), np.zeros((first[-1], NODES, NODES, 2)))
    gather_chains(begin, end, *chains)
    return chains
