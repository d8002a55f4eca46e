"""How what was recorded in each of the past months counts for the next one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ParameterError
from hotspot.models.parts.base import LOG_LIMIT, checked_vector


class Lags(Protocol):
    """Shares of the past months, which sum to 1."""

    @property
    def months(self) -> tuple[int, ...]:
        """How many months ago each share is for, ascending."""
        ...

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def vector(self) -> FloatArray: ...
    @property
    def bounds(self) -> FloatArray: ...
    def with_vector(self, vector: FloatArray) -> Lags: ...
    def shares(self) -> FloatArray: ...
    def share_slopes(self) -> FloatArray:
        """Slopes of `shares` along each number of `vector`; (k, months)."""
        ...


@dataclass(frozen=True)
class FreeLags:
    """A share of its own for each lag: no law is assumed.

    Attributes
    ----------
    months : tuple of int
        How many months ago, ascending; a single one leaves nothing to estimate.
    weights : tuple of float, optional
        Shares from which a fit begins; equal ones by default.

    Examples
    --------
    >>> FreeLags(months=(1, 2, 12)).shares().round(3)
    array([0.333, 0.333, 0.333])
    """

    months: tuple[int, ...] = (1,)
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        given = np.asarray(self.months)
        if given.ndim != 1 or not given.size or (given != np.unique(given)).any() or given[0] < 1:
            raise ParameterError(f"months must be whole numbers from 1, ascending; got {given}.")
        object.__setattr__(self, "months", tuple(int(month) for month in given))
        if self.weights is None:
            return
        weights = np.asarray(self.weights, float)
        if weights.shape != given.shape or not (weights > 0).all():
            raise ParameterError(
                f"weights must be a positive number for each month; got {weights}."
            )
        object.__setattr__(self, "weights", tuple((weights / weights.sum()).tolist()))

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of `vector` is."""
        first, *others = self.months
        return tuple(f"log share of lag {lag} to lag {first}" for lag in others)

    @property
    def vector(self) -> FloatArray:
        """Logarithms of each share's ratio to the first; (months - 1,)."""
        shares = self.shares()
        return np.log(shares[1:] / shares[0])

    @property
    def bounds(self) -> FloatArray:
        """Lowest and highest value of each number of `vector` that still makes sense."""
        return np.tile([-LOG_LIMIT, LOG_LIMIT], (len(self.months) - 1, 1))

    def with_vector(self, vector: Sequence[float] | FloatArray) -> Self:
        """The same lags with these shares."""
        odds = np.exp(np.concatenate([[0.0], checked_vector(self, vector)]))
        return type(self)(self.months, tuple((odds / odds.sum()).tolist()))

    def shares(self) -> FloatArray:
        """Share of each lag; (months,), summing to 1."""
        if self.weights is None:
            return np.full(len(self.months), 1 / len(self.months))
        return np.asarray(self.weights)

    def share_slopes(self) -> FloatArray:
        """Slopes of `shares` along each number of `vector`; (months - 1, months)."""
        shares = self.shares()
        return (np.diag(shares) - np.outer(shares, shares))[1:]


@dataclass(frozen=True)
class GeometricLags:
    r"""Each month counts a fixed fraction of the month after it: :math:`f_l \propto q^{\,l-1}`.

    Attributes
    ----------
    longest : int
        The last lag that counts; months.
    ratio : float
        :math:`q` in (0, 1); a fit begins from it.

    References
    ----------
    Bracher, J., & Held, L. (2022). Endemic-epidemic models with discrete-time serial interval
    distributions for infectious disease prediction. International Journal of Forecasting, 38,
    1221-1233. https://doi.org/10.1016/j.ijforecast.2020.07.002

    Examples
    --------
    >>> GeometricLags(longest=3, ratio=0.5).shares().round(3)
    array([0.571, 0.286, 0.143])
    """

    longest: int
    ratio: float = 0.5

    def __post_init__(self) -> None:
        _require_longest(self.longest)
        if not 0 < self.ratio < 1:
            raise ParameterError(f"ratio must be in (0, 1), got {self.ratio}.")

    names = ("logit ratio",)

    @property
    def months(self) -> tuple[int, ...]:
        """1 to `longest`."""
        return tuple(range(1, self.longest + 1))

    @property
    def vector(self) -> FloatArray:
        """Logit of the ratio; (1,)."""
        return np.array([math.log(self.ratio / (1 - self.ratio))])

    @property
    def bounds(self) -> FloatArray:
        """Lowest and highest logit that still makes sense."""
        return np.array([[-LOG_LIMIT, LOG_LIMIT]])

    def with_vector(self, vector: Sequence[float] | FloatArray) -> Self:
        """The same lags with this ratio."""
        (logit,) = checked_vector(self, vector)
        return type(self)(self.longest, 1 / (1 + math.exp(-logit)))

    def shares(self) -> FloatArray:
        """Share of each lag; (longest,), summing to 1."""
        raw = self.ratio ** np.arange(self.longest)
        return raw / raw.sum()

    def share_slopes(self) -> FloatArray:
        """Slope of `shares` along the logit; (1, longest)."""
        shares, steps = self.shares(), np.arange(self.longest)
        return ((1 - self.ratio) * shares * (steps - shares @ steps))[None]


@dataclass(frozen=True)
class PoissonLags:
    r"""Weights that may rise before they fall: :math:`f_l \propto \kappa^{\,l-1} / (l-1)!`.

    Attributes
    ----------
    longest : int
        The last lag that counts; months.
    mean : float
        :math:`\kappa`; a fit begins from it.

    References
    ----------
    Bracher, J., & Held, L. (2022). Endemic-epidemic models with discrete-time serial interval
    distributions for infectious disease prediction. International Journal of Forecasting, 38,
    1221-1233. https://doi.org/10.1016/j.ijforecast.2020.07.002

    Examples
    --------
    >>> PoissonLags(longest=3, mean=1.0).shares()
    array([0.4, 0.4, 0.2])
    """

    longest: int
    mean: float = 0.5

    def __post_init__(self) -> None:
        _require_longest(self.longest)
        if not 0 < self.mean < math.inf:
            raise ParameterError(f"mean must be a positive number, got {self.mean}.")

    names = ("log mean",)

    @property
    def months(self) -> tuple[int, ...]:
        """1 to `longest`."""
        return tuple(range(1, self.longest + 1))

    @property
    def vector(self) -> FloatArray:
        """Logarithm of the mean; (1,)."""
        return np.array([math.log(self.mean)])

    @property
    def bounds(self) -> FloatArray:
        """Lowest and highest logarithm that still makes sense."""
        return np.array([[-LOG_LIMIT, LOG_LIMIT]])

    def with_vector(self, vector: Sequence[float] | FloatArray) -> Self:
        """The same lags with this mean."""
        (log_mean,) = checked_vector(self, vector)
        return type(self)(self.longest, math.exp(log_mean))

    def shares(self) -> FloatArray:
        """Share of each lag; (longest,), summing to 1."""
        steps = np.arange(self.longest)
        log_factorial = np.concatenate([[0.0], np.cumsum(np.log(steps[1:]))])
        raw = steps * math.log(self.mean) - log_factorial
        raw = np.exp(raw - raw.max())
        return raw / raw.sum()

    def share_slopes(self) -> FloatArray:
        """Slope of `shares` along the logarithm; (1, longest)."""
        shares, steps = self.shares(), np.arange(self.longest)
        return (shares * (steps - shares @ steps))[None]


@dataclass(frozen=True)
class HeldLags:
    """Lags whose shares are not estimated: they stay as given."""

    lags: Lags

    names = ()
    vector = np.empty(0)
    bounds = np.empty((0, 2))

    @property
    def months(self) -> tuple[int, ...]:
        """How many months ago each share is for."""
        return self.lags.months

    def with_vector(self, vector: FloatArray) -> Self:  # noqa: ARG002 - the protocol's
        """Itself."""
        return self

    def shares(self) -> FloatArray:
        """Share of each lag; (months,), summing to 1."""
        return self.lags.shares()

    def share_slopes(self) -> FloatArray:
        """None; (0, months)."""
        return np.empty((0, len(self.months)))


def _require_longest(longest: int) -> None:
    if longest != int(longest) or longest < 2:
        raise ParameterError(
            f"longest must be a whole number of months from 2, got {longest!r}; for one lag alone "
            "take FreeLags((lag,))."
        )
