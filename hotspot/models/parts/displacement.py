r"""How far from an event those that it triggers come: densities over the plane, alike all round.

All have one contract: ``value`` (per m²), ``integral`` (the share within a distance),
``mass_inside`` (the share inside a polygon, from each point), their derivatives by each number of
``vector`` (along the first axis), ``sample``, ``reach``, and the parameters as in
:mod:`hotspot.models.parts.base`. Every integral is made of ``moment``, which is

.. math:: M(r) = \int_0^r u\, h(u) \, du.

Lengths are metres in the library's own models; any other unit works if it is used throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from shapely.geometry.base import BaseGeometry

from hotspot._typing import FloatArray
from hotspot.models.parts.base import Part, SharedSteps, checked_share
from hotspot.models.parts.shapes import (
    DisplacementShape,
    ExponentialShape,
    GaussianShape,
    PowerLawShape,
    StudentShape,
)

_NEGLIGIBLE = 1e-12  # share of a density that may lie beyond the reach of its polygon mass


@runtime_checkable
class Displacement(Protocol):
    """What every density of the displacement can say."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def vector(self) -> FloatArray: ...
    @property
    def bounds(self) -> FloatArray: ...
    @property
    def kinks(self) -> tuple[float, ...]:
        """Distances at which the density is not smooth."""
        ...

    def with_vector(self, vector: FloatArray) -> Displacement: ...

    def value(self, distance: FloatArray) -> FloatArray:
        """Density at each distance, per square metre."""
        ...

    def value_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `value`; (k, ...)."""
        ...

    def moment(self, distance: FloatArray) -> FloatArray:
        """Integral of u h(u) from 0 to each distance."""
        ...

    def moment_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `moment`; (k, ...)."""
        ...

    def integral(self, distance: FloatArray) -> FloatArray:
        """Share of the triggered events that come within each distance; in [0, 1]."""
        ...

    def integral_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `integral`; (k, ...)."""
        ...

    def mass_inside(
        self, points: FloatArray, region: BaseGeometry, *, derivatives: bool = False
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Share of what each point triggers that falls inside a polygon."""
        ...

    def sample(self, size: int, *, rng: np.random.Generator) -> FloatArray:
        """Independent displacements; (size, 2), x then y."""
        ...

    def reach(self, share: float) -> float:
        """The distance within which this share of the triggered events come; metres."""
        ...


class _InThePlane:
    """What follows from `moment` and from a sampler of distances alone."""

    def integral(self, distance: FloatArray) -> FloatArray:
        """Share that comes within each distance."""
        return 2 * math.pi * self.moment(distance)

    def integral_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `integral`; (k, ...)."""
        return 2 * math.pi * self.moment_derivatives(distance)

    def mass_inside(
        self, points: FloatArray, region: BaseGeometry, *, derivatives: bool = False
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Share of what each point triggers that falls inside a polygon.

        Parameters
        ----------
        points : (n, 2) float64
        region : Polygon or MultiPolygon
        derivatives : bool
            Whether to give the derivatives by `vector` too.

        Returns
        -------
        mass : (n,) float64
            In [0, 1]; unitless.
        derivatives : (k, n) float64
            If asked for.

        Raises
        ------
        CoordinateError
            If a point is not finite.
        RegionError
            If `region` is not a polygon with an area.

        Notes
        -----
        Exact to about 1e-9; see :mod:`hotspot.models.parts.polygon_mass`. For many evaluations at
        the same points, build a :class:`~hotspot.models.parts.polygon_mass.PolygonRule` once.
        """
        from hotspot.models.parts.polygon_mass import PolygonRule

        rule = PolygonRule.over(points, region, reach=self.reach(1 - _NEGLIGIBLE), kinks=self.kinks)
        mass = np.clip(rule.integrate(self), 0.0, 1.0)
        return (mass, rule.integrate_derivatives(self)) if derivatives else mass

    def sample(self, size: int, *, rng: np.random.Generator) -> FloatArray:
        """Independent displacements; (size, 2), x then y."""
        distance = self._sample_distance(size, rng)
        angle = rng.uniform(0.0, 2 * math.pi, size)
        return distance[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


@dataclass(frozen=True)
class _ScaledShape(_InThePlane, Part):
    """A shape over its integral C over the plane: h = f / C, with the parameters of the shape."""

    kinks: ClassVar[tuple[float, ...]] = ()

    def value(self, distance: FloatArray) -> FloatArray:
        """Density at each distance; per square metre."""
        return self.shape.value(distance) / self._total()

    def value_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `value`; (k, ...)."""
        shape = self.shape
        return self._scaled(shape.value(distance), shape.value_derivatives(distance))

    def moment(self, distance: FloatArray) -> FloatArray:
        """Integral of u h(u) from 0 to each distance."""
        return self.shape.moment(distance) / self._total()

    def moment_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `moment`; (k, ...)."""
        shape = self.shape
        return self._scaled(shape.moment(distance), shape.moment_derivatives(distance))

    def _scaled(self, of_shape: FloatArray, derivatives: FloatArray) -> FloatArray:
        """d(f / C) = (df - f d log C) / C, then from the shape's vector to this one's."""
        as_column = (-1, *(1,) * np.ndim(of_shape))
        slope = np.reshape(self._log_total_derivatives(), as_column)
        return (
            np.reshape(self._chain(), as_column) * (derivatives - of_shape * slope) / self._total()
        )

    def _chain(self) -> list[float]:
        """Derivative of log p by log (p - floor) for each parameter p."""
        return [1 - self._floors.get(name, 0.0) / getattr(self, name) for name in self._fields()]


@dataclass(frozen=True)
class GaussianDisplacement(_ScaledShape):
    r"""What an event triggers comes near it, in a bell: the isotropic Gaussian density.

    .. math:: h(r) = \frac{1}{2 \pi \sigma^2} e^{-r^2 / 2 \sigma^2}

    Attributes
    ----------
    sd : float
        :math:`\sigma`, the standard deviation along each axis; metres.

    Raises
    ------
    ParameterError
        If `sd` is not positive.

    Examples
    --------
    >>> near = GaussianDisplacement(sd=100.0)
    >>> near.integral(np.array([100.0, 300.0])).round(4), round(near.reach(0.95), 1)
    (array([0.3935, 0.9889]), 244.8)
    """

    sd: float

    @property
    def shape(self) -> DisplacementShape:
        """The same, 1 at its peak."""
        return GaussianShape(self.sd)

    def reach(self, share: float) -> float:
        """The distance within which this share comes; metres."""
        return float(self.sd * math.sqrt(-2 * math.log1p(-checked_share(share))))

    def _sample_distance(self, size: int, rng: np.random.Generator) -> FloatArray:
        return self.sd * np.sqrt(2 * rng.standard_exponential(size))

    def _total(self) -> float:
        return 2 * math.pi * self.sd**2

    def _log_total_derivatives(self) -> list[float]:
        return [2.0]


@dataclass(frozen=True)
class ExponentialDisplacement(_ScaledShape):
    r"""What an event triggers thins out by the same factor with every metre.

    .. math:: h(r) = \frac{1}{2 \pi \sigma^2} e^{-r / \sigma}

    Attributes
    ----------
    scale : float
        :math:`\sigma`, metres; the mean distance is twice it.

    Raises
    ------
    ParameterError
        If `scale` is not positive.

    Examples
    --------
    >>> ExponentialDisplacement(scale=100.0).integral(np.array([100.0])).round(4)
    array([0.2642])
    """

    scale: float

    @property
    def shape(self) -> DisplacementShape:
        """The same, 1 at its peak."""
        return ExponentialShape(self.scale)

    def reach(self, share: float) -> float:
        """The distance within which this share comes; metres."""
        from scipy.special import gammaincinv

        return float(self.scale * gammaincinv(2, checked_share(share)))

    def _sample_distance(self, size: int, rng: np.random.Generator) -> FloatArray:
        return self.scale * rng.standard_gamma(2, size)

    def _total(self) -> float:
        return 2 * math.pi * self.scale**2

    def _log_total_derivatives(self) -> list[float]:
        return [2.0]


@dataclass(frozen=True)
class PowerLawDisplacement(_ScaledShape):
    r"""Most of what an event triggers comes near it, but some of it very far.

    .. math:: h(r) = \frac{(d - 1)(d - 2)}{2 \pi \sigma^{2 - d}} (r + \sigma)^{-d}

    Attributes
    ----------
    scale : float
        :math:`\sigma`, metres.
    exponent : float
        :math:`d`; above 2, or it would have no integral. Below 3 the mean distance is infinite.

    Raises
    ------
    ParameterError
        If `scale` is not positive or `exponent` does not exceed 2.

    References
    ----------
    Meyer, S., & Held, L. (2014). Power-law models for infectious disease spread. Annals of Applied
    Statistics, 8, 1612-1639. https://doi.org/10.1214/14-AOAS743

    Examples
    --------
    >>> PowerLawDisplacement(scale=100.0, exponent=3.0).integral(np.array([100.0, 900.0]))
    array([0.25, 0.81])
    """

    scale: float
    exponent: float
    _floors: ClassVar[dict[str, float]] = {"exponent": 2.0}

    @property
    def shape(self) -> DisplacementShape:
        """The same without its norm."""
        return PowerLawShape(self.scale, self.exponent)

    def reach(self, share: float) -> float:
        """The distance within which this share comes; metres, infinite where it overflows."""
        from scipy.optimize import brentq

        d, beyond = self.exponent, math.log1p(-checked_share(share))

        # The share beyond is (d - 1) w^(2 - d) - (d - 2) w^(1 - d), w = 1 + r / scale.
        def excess(log_w: float) -> float:
            return math.log(d - 1 - (d - 2) * math.exp(-log_w)) - (d - 2) * log_w - beyond

        highest = (math.log(d - 1) - beyond) / (d - 2) + 1
        return float(self.scale * np.expm1(min(brentq(excess, 0.0, highest), 600.0)))

    def _sample_distance(self, size: int, rng: np.random.Generator) -> FloatArray:
        # log(1 + r / scale) is the sum of two exponentials: its share beyond is that of `reach`.
        waits = rng.standard_exponential((2, size))
        return self.scale * np.expm1(
            waits[0] / (self.exponent - 1) + waits[1] / (self.exponent - 2)
        )

    def _total(self) -> float:
        d = self.exponent
        return 2 * math.pi * self.scale ** (2 - d) / ((d - 1) * (d - 2))

    def _log_total_derivatives(self) -> list[float]:
        d = self.exponent
        return [2 - d, -d * (math.log(self.scale) + 1 / (d - 1) + 1 / (d - 2))]


@dataclass(frozen=True)
class StudentDisplacement(_ScaledShape):
    r"""Near in the middle as a bell, far out as a power law; seismology's inverse power law.

    .. math:: h(r) = \frac{d - 1}{\pi \sigma^{2 - 2d}} (r^2 + \sigma^2)^{-d}

    Attributes
    ----------
    scale : float
        :math:`\sigma`, metres.
    exponent : float
        :math:`d`; above 1, or it would have no integral. Seismologists call it q.

    Raises
    ------
    ParameterError
        If `scale` is not positive or `exponent` does not exceed 1.

    References
    ----------
    Ogata, Y. (1998). Space-time point-process models for earthquake occurrences. Annals of the
    Institute of Statistical Mathematics, 50, 379-402. https://doi.org/10.1023/A:1003403601725

    Examples
    --------
    >>> StudentDisplacement(scale=100.0, exponent=2.0).integral(np.array([100.0, 300.0]))
    array([0.5, 0.9])
    """

    scale: float
    exponent: float
    _floors: ClassVar[dict[str, float]] = {"exponent": 1.0}

    @property
    def shape(self) -> DisplacementShape:
        """The same without its norm."""
        return StudentShape(self.scale, self.exponent)

    def reach(self, share: float) -> float:
        """The distance within which this share comes; metres, infinite where it overflows."""
        growth = -math.log1p(-checked_share(share)) / (self.exponent - 1)
        return float(self.scale * math.sqrt(math.expm1(min(growth, 700.0))))

    def _sample_distance(self, size: int, rng: np.random.Generator) -> FloatArray:
        return self.scale * np.sqrt(np.expm1(rng.standard_exponential(size) / (self.exponent - 1)))

    def _total(self) -> float:
        return math.pi * self.scale ** (2 - 2 * self.exponent) / (self.exponent - 1)

    def _log_total_derivatives(self) -> list[float]:
        d = self.exponent
        return [2 - 2 * d, -d * (2 * math.log(self.scale) + 1 / (d - 1))]


@dataclass(frozen=True)
class PiecewiseConstantDisplacement(_InThePlane, SharedSteps):
    r"""A histogram of distances: no shape is assumed, only how finely it is told.

    .. math:: h(r) = \frac{w_k}{\pi (e_{k+1}^2 - e_k^2)}, \quad e_k \le r < e_{k+1}

    Attributes
    ----------
    edges : tuple of float
        Metres, ascending from 0.
    weights : tuple of float
        Share of the triggered events in each ring; scaled to sum to 1.

    Raises
    ------
    ParameterError
        If `edges` do not ascend from 0, or a weight is negative or missing.

    Examples
    --------
    >>> rings = PiecewiseConstantDisplacement(edges=(0, 100, 400), weights=(0.5, 0.5))
    >>> rings.integral(np.array([100.0, 400.0]))
    array([0.5, 1. ])
    """

    def value(self, distance: FloatArray) -> FloatArray:
        """Density at each distance; per square metre."""
        step, inside = self.step_of(distance)
        return np.where(inside, (np.asarray(self.weights) / self._areas())[step], 0.0)

    def value_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `value` by `vector`; (rings - 1, ...)."""
        step, inside = self.step_of(distance)
        per_weight = np.zeros((len(self.weights), *step.shape))
        np.put_along_axis(per_weight, step[None], inside / self._areas()[step], axis=0)
        return self._by_weight(per_weight)

    def moment(self, distance: FloatArray) -> FloatArray:
        """Integral of u h(u) from 0 to each distance."""
        shares = np.concatenate([[0.0], np.cumsum(self.weights)])
        return np.interp(np.square(distance), np.square(self.edges), shares) / (2 * math.pi)

    def moment_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `moment` by `vector`; (rings - 1, ...)."""
        as_column = (-1, *(1,) * np.ndim(distance))
        beyond = np.square(distance) - np.square(self.edges[:-1]).reshape(as_column)
        filled = np.clip(math.pi * beyond / self._areas().reshape(as_column), 0.0, 1.0)
        return self._by_weight(filled) / (2 * math.pi)

    def reach(self, share: float) -> float:
        """The distance within which this share comes; metres."""
        shares = np.concatenate([[0.0], np.cumsum(self.weights)])
        return float(np.sqrt(np.interp(checked_share(share), shares, np.square(self.edges))))

    def _sample_distance(self, size: int, rng: np.random.Generator) -> FloatArray:
        ring = rng.choice(len(self.weights), size=size, p=self.weights)
        squared = np.square(self.edges)
        return np.sqrt(squared[ring] + rng.random(size) * np.diff(squared)[ring])

    def _areas(self) -> FloatArray:
        return math.pi * np.diff(np.square(self.edges))
