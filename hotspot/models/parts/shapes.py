r"""How triggering falls off with distance or lag, relative to its peak: shapes without a norm.

The twinstim family (Meyer, Elias & Höhle 2012) leaves the size of what an event adds to its
log-linear epidemic predictor, and needs of its interaction functions only their shape: a power
law may then fall so slowly that it has no integral over the plane, since it is cut at a stated
reach. A displacement shape f says ``value`` and ``moment``, the integral that every integral over
a disc or polygon is made of,

.. math:: M(r) = \int_0^r u f(u) \, du,

a lag shape g its ``value`` and ``integral`` from 0. Derivatives are by each number of ``vector``,
along the first axis. The densities of :mod:`hotspot.models.parts.displacement` are these, scaled.

References
----------
Meyer, S., Elias, J., & Höhle, M. (2012). A space-time conditional intensity model for invasive
meningococcal disease occurrence. Biometrics, 68, 607-616.
https://doi.org/10.1111/j.1541-0420.2011.01684.x
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ParameterError
from hotspot.models.parts.base import LOG_LIMIT, Part, Steps, checked_vector


@runtime_checkable
class DisplacementShape(Protocol):
    """What every shape of the displacement can say; arrays in, arrays of the same shape out."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def vector(self) -> FloatArray: ...
    @property
    def bounds(self) -> FloatArray: ...
    @property
    def kinks(self) -> tuple[float, ...]:
        """Distances at which the shape is not smooth; where quadrature must break."""
        ...

    def with_vector(self, vector: FloatArray) -> DisplacementShape: ...
    def value(self, distance: FloatArray) -> FloatArray: ...
    def value_derivatives(self, distance: FloatArray) -> FloatArray: ...
    def moment(self, distance: FloatArray) -> FloatArray: ...
    def moment_derivatives(self, distance: FloatArray) -> FloatArray: ...


@runtime_checkable
class LagShape(Protocol):
    """What every shape of the lag can say; arrays in, arrays of the same shape out."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def vector(self) -> FloatArray: ...
    @property
    def bounds(self) -> FloatArray: ...

    def with_vector(self, vector: FloatArray) -> LagShape: ...
    def value(self, lag: FloatArray) -> FloatArray: ...
    def value_derivatives(self, lag: FloatArray) -> FloatArray: ...
    def integral(self, lag: FloatArray) -> FloatArray: ...
    def integral_derivatives(self, lag: FloatArray) -> FloatArray: ...


@dataclass(frozen=True)
class _Smooth(Part):
    """Base of shapes without jumps."""

    kinks: ClassVar[tuple[float, ...]] = ()


@dataclass(frozen=True)
class GaussianShape(_Smooth):
    r"""Falls off as a bell: :math:`f(r) = e^{-r^2 / 2 \sigma^2}`.

    Attributes
    ----------
    sd : float
        :math:`\sigma`, the standard deviation along each axis; a length.

    Examples
    --------
    >>> GaussianShape(sd=100.0).value(np.array([0.0, 100.0])).round(4)
    array([1.    , 0.6065])
    """

    sd: float

    def value(self, distance: FloatArray) -> FloatArray:
        """Shape at each distance; 1 at none."""
        return np.exp(-0.5 * (np.asarray(distance, float) / self.sd) ** 2)

    def value_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivative of `value` by log sd; (1, ...)."""
        q = (np.asarray(distance, float) / self.sd) ** 2
        return (q * np.exp(-0.5 * q))[None]

    def moment(self, distance: FloatArray) -> FloatArray:
        """Integral of u f(u) from 0 to each distance."""
        return -(self.sd**2) * np.expm1(-0.5 * (np.asarray(distance, float) / self.sd) ** 2)

    def moment_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivative of `moment` by log sd; (1, ...)."""
        half = 0.5 * (np.asarray(distance, float) / self.sd) ** 2
        return (-2 * self.sd**2 * (np.expm1(-half) + half * np.exp(-half)))[None]


@dataclass(frozen=True)
class ExponentialShape(_Smooth):
    r"""Falls off by the same factor with every step: :math:`f(r) = e^{-r / \sigma}`.

    Attributes
    ----------
    scale : float
        :math:`\sigma`; a length. The mean distance is twice it.

    Examples
    --------
    >>> ExponentialShape(scale=100.0).value(np.array([0.0, 100.0])).round(4)
    array([1.    , 0.3679])
    """

    scale: float

    def value(self, distance: FloatArray) -> FloatArray:
        """Shape at each distance; 1 at none."""
        return np.exp(-np.asarray(distance, float) / self.scale)

    def value_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivative of `value` by log scale; (1, ...)."""
        u = np.asarray(distance, float) / self.scale
        return (u * np.exp(-u))[None]

    def moment(self, distance: FloatArray) -> FloatArray:
        """Integral of u f(u) from 0 to each distance."""
        return self.scale**2 * _growth_slope(-1.0, np.asarray(distance, float) / self.scale)

    def moment_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivative of `moment` by log scale; (1, ...)."""
        u = np.asarray(distance, float) / self.scale
        return (2 * self.moment(distance) - self.scale**2 * u**2 * np.exp(-u))[None]


@dataclass(frozen=True)
class PowerLawShape(_Smooth):
    r"""Falls off slowly, so that some influence reaches far: :math:`f(r) = (r + \sigma)^{-d}`.

    Attributes
    ----------
    scale : float
        :math:`\sigma`, the distance within which it stays near its peak; a length.
    exponent : float
        :math:`d`. At 2 or below it has no integral over the plane, only within a reach.

    Examples
    --------
    >>> PowerLawShape(scale=1.0, exponent=2.0).value(np.array([0.0, 1.0]))
    array([1.  , 0.25])
    """

    scale: float
    exponent: float

    def value(self, distance: FloatArray) -> FloatArray:
        """Shape at each distance; scale to the minus exponent at none."""
        return (np.asarray(distance, float) + self.scale) ** -self.exponent

    def value_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `value` by log scale and log exponent; (2, ...)."""
        moved = np.asarray(distance, float) + self.scale
        by_log = np.stack([self.scale / moved, np.log(moved)])
        return -self.exponent * self.value(distance) * by_log

    def moment(self, distance: FloatArray) -> FloatArray:
        """Integral of u f(u) from 0 to each distance."""
        growth, d = np.log1p(np.asarray(distance, float) / self.scale), self.exponent
        return self.scale ** (2 - d) * (_growth(2 - d, growth) - _growth(1 - d, growth))

    def moment_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `moment` by log scale and log exponent; (2, ...)."""
        distance, d = np.asarray(distance, float), self.exponent
        growth, moment = np.log1p(distance / self.scale), self.moment(distance)
        by_scale = (2 - d) * moment - distance**2 * self.value(distance)
        slopes = _growth_slope(1 - d, growth) - _growth_slope(2 - d, growth)
        by_exponent = self.scale ** (2 - d) * slopes - math.log(self.scale) * moment
        return np.stack([by_scale, d * by_exponent])


@dataclass(frozen=True)
class StudentShape(_Smooth):
    r"""A power law that is flat at its peak: :math:`f(r) = (r^2 + \sigma^2)^{-d}`.

    Attributes
    ----------
    scale : float
        :math:`\sigma`; a length.
    exponent : float
        :math:`d`. At 1 or below it has no integral over the plane, only within a reach.

    Examples
    --------
    >>> StudentShape(scale=1.0, exponent=2.0).value(np.array([0.0, 1.0]))
    array([1.  , 0.25])
    """

    scale: float
    exponent: float

    def value(self, distance: FloatArray) -> FloatArray:
        """Shape at each distance; scale² to the minus exponent at none."""
        return (np.asarray(distance, float) ** 2 + self.scale**2) ** -self.exponent

    def value_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `value` by log scale and log exponent; (2, ...)."""
        moved = np.asarray(distance, float) ** 2 + self.scale**2
        by_log = np.stack([2 * self.scale**2 / moved, np.log(moved)])
        return -self.exponent * self.value(distance) * by_log

    def moment(self, distance: FloatArray) -> FloatArray:
        """Integral of u f(u) from 0 to each distance."""
        growth = np.log1p((np.asarray(distance, float) / self.scale) ** 2)
        return 0.5 * self.scale ** (2 - 2 * self.exponent) * _growth(1 - self.exponent, growth)

    def moment_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `moment` by log scale and log exponent; (2, ...)."""
        distance, d = np.asarray(distance, float), self.exponent
        growth, moment = np.log1p((distance / self.scale) ** 2), self.moment(distance)
        by_scale = (2 - 2 * d) * moment - distance**2 * self.value(distance)
        slope = 0.5 * self.scale ** (2 - 2 * d) * _growth_slope(1 - d, growth)
        return np.stack([by_scale, -d * (slope + 2 * math.log(self.scale) * moment)])


@dataclass(frozen=True)
class _FreeSteps(Steps):
    """Base of shapes that are constant between edges: 1 on the first step, free on the others."""

    heights: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        heights = np.asarray(self.heights, float)
        sound = heights.shape == (len(self.edges) - 2,) and np.isfinite(heights).all()
        if not sound or (heights <= 0).any():
            raise ParameterError(
                f"heights of {type(self).__name__} must be {len(self.edges) - 2} positive numbers, "
                f"one for each step after the first, which is 1; got {self.heights}."
            )
        object.__setattr__(self, "heights", tuple(heights.tolist()))

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of `vector` is."""
        return tuple(f"log height {k}" for k in range(1, len(self.edges) - 1))

    @property
    def vector(self) -> FloatArray:
        """Logarithms of the heights."""
        return np.log(np.asarray(self.heights, float))

    def with_vector(self, vector: Sequence[float] | FloatArray) -> Self:
        """The same steps with these heights."""
        return type(self)(self.edges, tuple(np.exp(checked_vector(self, vector)).tolist()))

    def value(self, x: FloatArray) -> FloatArray:
        """Height of the step each number falls in; 0 beyond the last."""
        step, inside = self.step_of(np.asarray(x, float))
        return np.where(inside, self._all_heights()[step], 0.0)

    def value_derivatives(self, x: FloatArray) -> FloatArray:
        """Derivatives of `value` by log heights; (steps - 1, ...)."""
        step, inside = self.step_of(np.asarray(x, float))
        own = step == np.arange(1, len(self.edges) - 1).reshape(-1, *(1,) * step.ndim)
        return own * np.where(inside, self._all_heights()[step], 0.0)

    def _all_heights(self) -> FloatArray:
        return np.concatenate([[1.0], self.heights])

    def _up_to(self, x: FloatArray, power: int) -> FloatArray:
        """Integral of u^(power - 1) times each step's height from 0 to x; (steps, ...)."""
        edges = np.asarray(self.edges) ** power
        as_column = (-1, *(1,) * np.ndim(x))
        low, high = edges[:-1].reshape(as_column), edges[1:].reshape(as_column)
        part = np.clip(np.maximum(x, 0.0) ** power, low, high) - low
        return self._all_heights().reshape(as_column) * part / power


@dataclass(frozen=True)
class StepShape(_FreeSteps):
    """Rings of constant height: no law is assumed, only how finely distance is told.

    Attributes
    ----------
    edges : tuple of float
        Distances, ascending from 0; beyond the last there is nothing.
    heights : tuple of float
        Of every ring after the first, whose height is 1.

    Examples
    --------
    >>> StepShape(edges=(0, 10, 50), heights=(0.2,)).value(np.array([5.0, 20.0, 80.0]))
    array([1. , 0.2, 0. ])
    """

    def moment(self, distance: FloatArray) -> FloatArray:
        """Integral of u f(u) from 0 to each distance."""
        return self._up_to(distance, 2).sum(axis=0)

    def moment_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivatives of `moment` by log heights; (steps - 1, ...)."""
        return self._up_to(distance, 2)[1:]


@dataclass(frozen=True)
class StepLagShape(_FreeSteps):
    """Stretches of time of constant height: no law is assumed, only how finely lags are told.

    Attributes
    ----------
    edges : tuple of float
        Lags, ascending from 0; beyond the last there is nothing.
    heights : tuple of float
        Of every stretch after the first, whose height is 1.

    Examples
    --------
    >>> StepLagShape(edges=(0, 2, 30), heights=(0.5,)).integral(np.array([1.0, 30.0]))
    array([ 1., 16.])
    """

    def integral(self, lag: FloatArray) -> FloatArray:
        """Integral from 0 to each lag."""
        return self._up_to(lag, 1).sum(axis=0)

    def integral_derivatives(self, lag: FloatArray) -> FloatArray:
        """Derivatives of `integral` by log heights; (steps - 1, ...)."""
        return self._up_to(lag, 1)[1:]


@dataclass(frozen=True)
class _Constant(Part):
    """Base of shapes that are 1 everywhere and have nothing to estimate."""

    kinks: ClassVar[tuple[float, ...]] = ()

    def value(self, x: FloatArray) -> FloatArray:
        """1 everywhere."""
        return np.ones(np.shape(x))

    def value_derivatives(self, x: FloatArray) -> FloatArray:
        """Empty; (0, ...)."""
        return np.empty((0, *np.shape(x)))


@dataclass(frozen=True)
class ConstantShape(_Constant):
    """The same at every distance within the reach; nothing is estimated.

    Examples
    --------
    >>> ConstantShape().moment(np.array([2.0]))
    array([2.])
    """

    def moment(self, distance: FloatArray) -> FloatArray:
        """Integral of u from 0 to each distance."""
        return 0.5 * np.asarray(distance, float) ** 2

    def moment_derivatives(self, distance: FloatArray) -> FloatArray:
        """Empty; (0, ...)."""
        return np.empty((0, *np.shape(distance)))


@dataclass(frozen=True)
class ConstantLagShape(_Constant):
    """The same at every lag within the reach; nothing is estimated.

    Examples
    --------
    >>> ConstantLagShape().integral(np.array([30.0]))
    array([30.])
    """

    def integral(self, lag: FloatArray) -> FloatArray:
        """Each lag itself; 0 for negative ones."""
        return np.maximum(np.asarray(lag, float), 0.0)

    def integral_derivatives(self, lag: FloatArray) -> FloatArray:
        """Empty; (0, ...)."""
        return np.empty((0, *np.shape(lag)))


@dataclass(frozen=True)
class ExponentialLagShape:
    r"""Falls off by the same factor every day: :math:`g(t) = e^{-\alpha t}`.

    The rate stands in the vector as it is, since within a reach it may be 0 or negative (an
    influence that grows until it is cut), and a fit must be able to say so.

    Attributes
    ----------
    rate : float
        :math:`\alpha`, per day.

    Examples
    --------
    >>> ExponentialLagShape(rate=0.1).value(np.array([0.0, 10.0])).round(4)
    array([1.    , 0.3679])
    """

    rate: float
    names: ClassVar[tuple[str, ...]] = ("rate",)

    def __post_init__(self) -> None:
        if not (np.isscalar(self.rate) and math.isfinite(self.rate)):
            raise ParameterError(f"rate must be a finite number, got {self.rate!r}.")

    @property
    def vector(self) -> FloatArray:
        """The rate itself; (1,)."""
        return np.array([self.rate], float)

    @property
    def bounds(self) -> FloatArray:
        """Lowest and highest rate that still makes sense; (1, 2)."""
        return np.array([[-LOG_LIMIT, LOG_LIMIT]])

    def with_vector(self, vector: Sequence[float] | FloatArray) -> ExponentialLagShape:
        """The same kind of shape with this rate."""
        return ExponentialLagShape(float(checked_vector(self, vector)[0]))

    def value(self, lag: FloatArray) -> FloatArray:
        """Shape at each lag; 1 at none."""
        return np.exp(-self.rate * np.asarray(lag, float))

    def value_derivatives(self, lag: FloatArray) -> FloatArray:
        """Derivative of `value` by the rate; (1, ...)."""
        return (-np.asarray(lag, float) * self.value(lag))[None]

    def integral(self, lag: FloatArray) -> FloatArray:
        """Integral from 0 to each lag."""
        return _growth(-self.rate, np.maximum(np.asarray(lag, float), 0.0))

    def integral_derivatives(self, lag: FloatArray) -> FloatArray:
        """Derivative of `integral` by the rate; (1, ...)."""
        return -_growth_slope(-self.rate, np.maximum(np.asarray(lag, float), 0.0))[None]


def _growth(rate: float, x: FloatArray) -> FloatArray:
    r""":math:`\int_0^x e^{a u} du = (e^{ax} - 1) / a`, which is x where a is 0."""
    return np.expm1(rate * x) / rate if rate != 0 else np.asarray(x, float)


def _growth_slope(rate: float, x: FloatArray) -> FloatArray:
    r"""Derivative of `_growth` by its rate, :math:`\int_0^x u e^{a u} du`."""
    x = np.asarray(x, float)
    z = rate * x
    near = np.abs(z) < 0.3
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (z * np.exp(z) - np.expm1(z)) / z**2
    # 1 - e^z + z e^z loses its digits near 0: there its series, the sum of z^n / (n! (n + 2)).
    small, series = z[near], 0.0
    for n in range(12, -1, -1):
        series = series * small + 1.0 / (math.factorial(n) * (n + 2))
    found = np.asarray(found)
    found[near] = series
    return x**2 * found
