"""How long after an event those that it triggers come: densities of the lag.

All have one contract: ``value`` (per day), ``integral`` (the share of lags up to a time),
``value_derivatives`` and ``integral_derivatives`` (by each number of ``vector``; the first axis),
``sample``, ``reach``, and the parameters as in :mod:`hotspot.models.parts.base`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from hotspot._typing import FloatArray
from hotspot.models.parts.base import Part, SharedSteps, checked_share


@runtime_checkable
class Lag(Protocol):
    """What every density of the lag can say; arrays in, arrays of the same shape out."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def vector(self) -> FloatArray: ...
    @property
    def bounds(self) -> FloatArray: ...

    def with_vector(self, vector: FloatArray) -> Lag: ...

    def value(self, lag: FloatArray) -> FloatArray:
        """Density at each lag, per day; 0 at negative ones."""
        ...

    def value_derivatives(self, lag: FloatArray) -> FloatArray:
        """Derivatives of `value`; (k, ...)."""
        ...

    def integral(self, lag: FloatArray) -> FloatArray:
        """Share of the triggered events that come within each lag; in [0, 1]."""
        ...

    def integral_derivatives(self, lag: FloatArray) -> FloatArray:
        """Derivatives of `integral`; (k, ...)."""
        ...

    def sample(self, size: int, *, rng: np.random.Generator) -> FloatArray:
        """Independent lags in days; (size,)."""
        ...

    def reach(self, share: float) -> float:
        """The lag within which this share of the triggered events come; days."""
        ...


@dataclass(frozen=True)
class ExponentialLag(Part):
    r"""What an event triggers comes soon, and ever less of it: the exponential density.

    .. math:: g(t) = \omega e^{-\omega t}, \quad t \ge 0

    Attributes
    ----------
    rate : float
        :math:`\omega`, per day; the mean lag is one over it.

    Raises
    ------
    ParameterError
        If `rate` is not positive.

    Examples
    --------
    >>> lag = ExponentialLag(rate=0.1)
    >>> lag.value(np.array([0.0, 10.0])).round(4), round(lag.reach(0.95), 1)
    (array([0.1   , 0.0368]), 30.0)
    """

    rate: float

    def value(self, lag: FloatArray) -> FloatArray:
        """Density at each lag; per day."""
        lag = np.asarray(lag, float)
        return np.where(lag >= 0, self.rate * np.exp(-self.rate * np.maximum(lag, 0)), 0.0)

    def value_derivatives(self, lag: FloatArray) -> FloatArray:
        """Derivative of `value` by log rate; (1, ...)."""
        return (self.value(lag) * (1 - self.rate * np.asarray(lag, float)))[None]

    def integral(self, lag: FloatArray) -> FloatArray:
        """Share that comes within each lag."""
        return -np.expm1(-self.rate * np.maximum(lag, 0.0))

    def integral_derivatives(self, lag: FloatArray) -> FloatArray:
        """Derivative of `integral` by log rate; (1, ...)."""
        x = self.rate * np.maximum(lag, 0.0)
        return (x * np.exp(-x))[None]

    def sample(self, size: int, *, rng: np.random.Generator) -> FloatArray:
        """Independent lags in days; (size,)."""
        return rng.standard_exponential(size) / self.rate

    def reach(self, share: float) -> float:
        """The lag within which this share comes; days."""
        return float(-np.log1p(-checked_share(share)) / self.rate)


@dataclass(frozen=True)
class PowerLawLag(Part):
    r"""What an event triggers comes soon, but some of it very late: the Omori-Utsu law.

    .. math:: g(t) = \frac{p - 1}{c} \left(1 + \frac{t}{c}\right)^{-p}, \quad t \ge 0

    Attributes
    ----------
    c : float
        Days for which the density stays near its peak.
    p : float
        How fast it falls; above 1, or it would have no integral. Below 2 the mean lag is infinite.

    Raises
    ------
    ParameterError
        If `c` is not positive or `p` does not exceed 1.

    References
    ----------
    Utsu, T., Ogata, Y., & Matsu'ura, R. S. (1995). The centenary of the Omori formula for a decay
    law of aftershock activity. Journal of Physics of the Earth, 43, 1-33.
    https://doi.org/10.4294/jpe1952.43.1

    Examples
    --------
    >>> lag = PowerLawLag(c=2.0, p=2.0)
    >>> lag.integral(np.array([2.0, 18.0])), round(lag.reach(0.9), 6)
    (array([0.5, 0.9]), 18.0)
    """

    c: float
    p: float
    _floors: ClassVar[dict[str, float]] = {"p": 1.0}

    def value(self, lag: FloatArray) -> FloatArray:
        """Density at each lag; per day."""
        lag = np.asarray(lag, float)
        inside = (self.p - 1) / self.c * np.exp(-self.p * self._log_growth(lag))
        return np.where(lag >= 0, inside, 0.0)

    def value_derivatives(self, lag: FloatArray) -> FloatArray:
        """Derivatives of `value` by log c and log (p - 1); (2, ...)."""
        lag = np.maximum(lag, 0.0)
        by_c = self.p * lag / (self.c + lag) - 1
        by_p = 1 - (self.p - 1) * self._log_growth(lag)
        return self.value(lag) * np.stack([by_c, by_p])

    def integral(self, lag: FloatArray) -> FloatArray:
        """Share that comes within each lag."""
        return -np.expm1(-(self.p - 1) * self._log_growth(lag))

    def integral_derivatives(self, lag: FloatArray) -> FloatArray:
        """Derivatives of `integral` by log c and log (p - 1); (2, ...)."""
        growth = self._log_growth(lag)
        later = np.exp(-(self.p - 1) * growth)
        lag = np.maximum(lag, 0.0)
        return (self.p - 1) * later * np.stack([-lag / (self.c + lag), growth])

    def sample(self, size: int, *, rng: np.random.Generator) -> FloatArray:
        """Independent lags in days; (size,)."""
        return self.c * np.expm1(rng.standard_exponential(size) / (self.p - 1))

    def reach(self, share: float) -> float:
        """The lag within which this share comes; days."""
        return float(self.c * np.expm1(-np.log1p(-checked_share(share)) / (self.p - 1)))

    def _log_growth(self, lag: FloatArray) -> FloatArray:
        return np.log1p(np.maximum(lag, 0.0) / self.c)


@dataclass(frozen=True)
class PiecewiseConstantLag(SharedSteps):
    r"""A histogram of lags: no shape is assumed, only how finely it is told.

    .. math:: g(t) = \frac{w_k}{e_{k+1} - e_k}, \quad e_k \le t < e_{k+1}

    Attributes
    ----------
    edges : tuple of float
        Days, ascending from 0. With two edges the density is constant and nothing is estimated.
    weights : tuple of float
        Share of the lags in each step; scaled to sum to 1.

    Raises
    ------
    ParameterError
        If `edges` do not ascend from 0, or a weight is negative or missing.

    References
    ----------
    Marsan, D., & Lengliné, O. (2008). Extending earthquakes' reach through cascading. Science,
    319, 1076-1079. https://doi.org/10.1126/science.1148783

    Examples
    --------
    >>> lag = PiecewiseConstantLag(edges=(0, 7, 28), weights=(0.7, 0.3))
    >>> lag.value(np.array([1.0, 7.0, 28.0])).round(4)
    array([0.1   , 0.0143, 0.    ])
    """

    def value(self, lag: FloatArray) -> FloatArray:
        """Density at each lag; per day."""
        step, inside = self.step_of(lag)
        return np.where(inside, self._heights()[step], 0.0)

    def value_derivatives(self, lag: FloatArray) -> FloatArray:
        """Derivatives of `value` by `vector`; (steps - 1, ...)."""
        step, inside = self.step_of(lag)
        per_weight = np.zeros((len(self.weights), *step.shape))
        np.put_along_axis(per_weight, step[None], inside / np.diff(self.edges)[step], axis=0)
        return self._by_weight(per_weight)

    def integral(self, lag: FloatArray) -> FloatArray:
        """Share that comes within each lag."""
        return np.interp(lag, self.edges, np.concatenate([[0.0], np.cumsum(self.weights)]))

    def integral_derivatives(self, lag: FloatArray) -> FloatArray:
        """Derivatives of `integral` by `vector`; (steps - 1, ...)."""
        edges = np.asarray(self.edges)
        elapsed = np.asarray(lag, float) - edges[:-1].reshape(-1, *(1,) * np.ndim(lag))
        width = np.diff(edges).reshape(-1, *(1,) * np.ndim(lag))
        return self._by_weight(np.clip(elapsed / width, 0.0, 1.0))

    def sample(self, size: int, *, rng: np.random.Generator) -> FloatArray:
        """Independent lags in days; (size,)."""
        step = rng.choice(len(self.weights), size=size, p=self.weights)
        return np.asarray(self.edges)[step] + rng.random(size) * np.diff(self.edges)[step]

    def reach(self, share: float) -> float:
        """The lag within which this share comes; days."""
        shares = np.concatenate([[0.0], np.cumsum(self.weights)])
        return float(np.interp(checked_share(share), shares, self.edges))

    def _heights(self) -> FloatArray:
        return np.asarray(self.weights) / np.diff(self.edges)
