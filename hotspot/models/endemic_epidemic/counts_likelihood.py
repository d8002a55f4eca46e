r"""The log-likelihood of monthly counts that have causes of their own and echoes of the past.

.. math:: \mu_{tu} = \sum_k e^{x_{ktu}^T \beta_k} \, d_{ktu}(\vartheta_k), \qquad
    N_{tu} \sim \text{Poisson}(\mu_{tu}) \;\text{or}\; \text{NegBin}(\mu_{tu},\,
    \mu_{tu} (1 + a_{tu})), \qquad a_{tu} = \delta + \psi_u \mu_{tu}

Each term k of the mean is a drive d (an exposure; or what was recorded in past months, here or near
by, with weights that parameters move) times a log-linear factor. With δ = 0 this is the family of
R's ``surveillance::hhh4`` (Held, Höhle & Hofmann 2005; Meyer & Held 2014);
:mod:`~hotspot.models.endemic_epidemic.count_law` says what δ and ψ are.

References
----------
Held, L., Höhle, M., & Hofmann, M. (2005). A statistical framework for the analysis of multivariate
infectious disease surveillance counts. Statistical Modelling, 5, 187-199.
https://doi.org/10.1191/1471082X05st098oa
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.special import gammaln

from hotspot._numba.count_likelihood import (
    count_curvatures,
    count_log_likelihood,
    count_slopes,
    weighted_square,
)
from hotspot._typing import BoolArray, FloatArray, IntArray
from hotspot.models.endemic_epidemic.count_law import CountLaw
from hotspot.models.endemic_epidemic.month_lags import Lags
from hotspot.models.endemic_epidemic.neighbours import Spread

_BLOCK = 30_000  # month-units in one product of matrices
_STEP = 1e-4  # of a shape's parameter, to difference the score


class Drive(Protocol):
    """What a term's log-linear factor multiplies."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def vector(self) -> FloatArray: ...
    @property
    def bounds(self) -> FloatArray: ...
    def value(self, vector: FloatArray) -> FloatArray:
        """The drive, (times, units)."""
        ...

    def slopes(self, vector: FloatArray) -> list[FloatArray]: ...


@dataclass(frozen=True, eq=False)
class KnownDrive:
    """A drive with nothing to estimate, such as an exposure; (times, units)."""

    values: FloatArray

    names = ()
    vector = np.empty(0)
    bounds = np.empty((0, 2))

    def value(self, vector: FloatArray) -> FloatArray:  # noqa: ARG002 - the protocol's
        """The values."""
        return self.values

    def slopes(self, vector: FloatArray) -> list[FloatArray]:  # noqa: ARG002 - the protocol's
        """None."""
        return []


@dataclass(frozen=True, eq=False)
class PastCounts:
    r"""What was recorded before: :math:`\sum_l f_l \sum_{u'} w_{u'u} N_{u',t-l}`.

    Attributes
    ----------
    history : (months, units) float64
        Counts of the months that are needed.
    at : (times, lags) int64
        Which row of the history lies each lag before each time.
    spread : Spread
    lags : Lags
    """

    history: FloatArray
    at: IntArray
    spread: Spread
    lags: Lags
    _last: dict = field(default_factory=dict, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of `vector` is: the spread's, then the lags'."""
        return (*self.spread.names, *self.lags.names)

    @property
    def vector(self) -> FloatArray:
        """Where a fit begins."""
        return np.concatenate([self.spread.vector, self.lags.vector])

    @property
    def bounds(self) -> FloatArray:
        """Lowest and highest value of each number of `vector` that still makes sense."""
        return np.concatenate([self.spread.bounds, self.lags.bounds])

    def value(self, vector: FloatArray) -> FloatArray:
        """The weighted sum; (times, units)."""
        place, lags = self._split(vector)
        return self._summed(self._heard(place)[0], lags.shares())

    def slopes(self, vector: FloatArray) -> list[FloatArray]:
        """Its slopes along each number of `vector`."""
        place, lags = self._split(vector)
        spread, slopes = self._heard(place)
        found = [self._summed(slope, lags.shares()) for slope in slopes]
        return found + [self._summed(spread, shares) for shares in lags.share_slopes()]

    def _split(self, vector: FloatArray) -> tuple[FloatArray, Lags]:
        n_place = len(self.spread.names)
        return vector[:n_place], self.lags.with_vector(vector[n_place:])

    def _heard(self, place: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
        """Sums over units, and their slopes; kept, since only some moves are moves in place."""
        key = place.tobytes()
        if key not in self._last:
            self._last.clear()
            self._last[key] = self.spread.with_slopes(self.history, place)
        return self._last[key]

    def _summed(self, spread: FloatArray, shares: FloatArray) -> FloatArray:
        total = np.zeros((len(self.at), spread.shape[1]))
        for share, rows in zip(shares, self.at.T, strict=True):
            if share != 0.0:
                total += share * spread[rows]
        return total


@dataclass(frozen=True, eq=False)
class Term:
    """One term of the mean.

    Attributes
    ----------
    name : str
    columns : tuple of arrays
        Each broadcasts to (times, units).
    column_names : tuple of str
    drive : Drive
    """

    name: str
    columns: tuple[FloatArray, ...]
    column_names: tuple[str, ...]
    drive: Drive

    @property
    def names(self) -> tuple[str, ...]:
        """What each of the term's parameters is: coefficients, then the drive's."""
        return tuple(f"{self.name} {name}" for name in (*self.column_names, *self.drive.names))

    def factor(self, coefficients: FloatArray) -> FloatArray:
        """The log-linear factor; broadcasts to (times, units)."""
        predictor = np.zeros((1, 1))
        for coefficient, column in zip(coefficients, self.columns, strict=True):
            predictor = predictor + coefficient * column
        return np.exp(predictor)


@dataclass(eq=False)
class _State:
    """What the likelihood knows at one vector of parameters."""

    key: bytes
    factors: list[FloatArray]
    drives: list[FloatArray]
    mean: FloatArray
    slopes: list[list[FloatArray]] | None = None
    score: FloatArray | None = None
    information: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class CountLikelihood:
    """Counts and the terms of their mean, ready to judge parameters.

    The parameters are one flat vector in the order of `names`: of each term the coefficients and
    then the drive's; then the logarithms of each overdispersion ψ, and of the repeats δ.

    Attributes
    ----------
    counts : (times, units) float64
        NaN where nothing was recorded.
    terms : tuple of Term
    group : (units,) int64 or None
        Which overdispersion each unit has, from 0; None for none.
    repeats : bool
        Whether there is a δ.
    """

    counts: FloatArray
    terms: tuple[Term, ...]
    group: IntArray | None = None
    repeats: bool = False
    _last: list = field(default_factory=list, repr=False)  # a climb asks thrice at each vector

    @property
    def names(self) -> tuple[str, ...]:
        """What each parameter is."""
        names = [name for term in self.terms for name in term.names]
        return (*names, *self.law.names)

    @property
    def is_shape(self) -> BoolArray:
        """Which parameters belong to a drive."""
        flags = []
        for term in self.terms:
            flags += [False] * len(term.columns) + [True] * len(term.drive.names)
        return np.array(flags + [False] * self.law.size, bool)

    def log_likelihood(self, theta: FloatArray) -> float:
        """Log-likelihood of the parameters; -inf where a mean overflows or a bound is passed."""
        if self._out_of_bounds(theta):
            return -np.inf
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            mean = self._at(theta).mean
            value = count_log_likelihood(self.counts, mean, self._excess(theta)).sum()
        value -= np.nansum(gammaln(self.counts + 1)) if np.isfinite(value) else 0.0
        return float(value) if np.isfinite(value) else -np.inf

    def score(self, theta: FloatArray) -> FloatArray:
        """Slope of the log-likelihood along each parameter; (k,)."""
        return self._summed(np.asarray(theta, float)).score

    def expected_information(self, theta: FloatArray) -> FloatArray:
        """Fisher information; of overdispersion without repeats, the observed."""
        return self._summed(np.asarray(theta, float)).information

    def observed_information(self, theta: FloatArray) -> FloatArray:
        """Curvature of the log-likelihood, turned round; (k, k).

        Exact for coefficients and overdispersion, by differences of the score for drives.
        """
        theta = np.asarray(theta, float)
        information = self._exact_information(theta)
        for k in np.flatnonzero(self.is_shape):
            aside = _STEP * (np.arange(theta.size) == k)
            row = (self.score(theta - aside) - self.score(theta + aside)) / (2 * _STEP)
            information[k], information[:, k] = row, row
        return information

    def mean(self, theta: FloatArray) -> FloatArray:
        """Expected counts; (times, units)."""
        return self._at(np.asarray(theta, float)).mean

    def parts(self, theta: FloatArray) -> list[FloatArray]:
        """Each term's part of the expected counts; (times, units)."""
        state = self._at(np.asarray(theta, float))
        return [factor * drive for factor, drive in zip(state.factors, state.drives, strict=True)]

    def split(self, theta: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
        """Coefficients and drive's parameters of each term."""
        found, at = [], 0
        for term in self.terms:
            middle, end = at + len(term.columns), at + len(term.names)
            found.append((theta[at:middle], theta[middle:end]))
            at = end
        return found

    def overdispersion(self, theta: FloatArray) -> FloatArray:
        """Overdispersion ψ of each unit; 0 where there is none."""
        return self.law.overdispersion(self._of_law(np.asarray(theta, float)))

    @property
    def law(self) -> CountLaw:
        """How much counts vary more than their mean."""
        return CountLaw(self.counts.shape[1], self.group, self.repeats)

    def _of_law(self, theta: FloatArray) -> FloatArray:
        return theta[len(theta) - self.law.size :]

    def _excess(self, theta: FloatArray) -> FloatArray:
        return self.law.excess(self._of_law(theta), self._at(theta).mean)

    def _at(self, theta: FloatArray) -> _State:
        key = theta.tobytes()
        if self._last and self._last[0].key == key:
            return self._last[0]
        self._last.clear()
        factors, drives, mean = [], [], np.zeros(self.counts.shape)
        for term, (coefficients, shape) in zip(self.terms, self.split(theta), strict=True):
            factors.append(term.factor(coefficients))
            drives.append(term.drive.value(shape))
            mean += factors[-1] * drives[-1]
        self._last.append(_State(key, factors, drives, mean))
        return self._last[0]

    def _summed(self, theta: FloatArray) -> _State:
        """The state with score and expected information, from one pass through the slopes."""
        state, law = self._at(theta), self.law
        if state.score is not None:
            return state
        mean, excess = state.mean, self._excess(theta)
        psi, delta = self.overdispersion(theta), law.repeat_share(self._of_law(theta))
        along_mean, along_excess = count_slopes(self.counts, mean, excess)
        slope = along_mean + psi * along_excess
        weight = _where_positive(1.0, mean * (1 + excess))
        if self.repeats:
            # The size of the negative binomial, mean / excess, moves with the mean too.
            of_excess = law.excess_information(self._of_law(theta), mean)
            of_excess[np.isnan(self.counts)] = 0.0
            turn = _where_positive(delta, mean)
            weight += turn**2 * of_excess
        weight[np.isnan(self.counts)] = 0.0
        size = len(theta) - law.size
        total, information = np.zeros(size), np.zeros((len(theta), len(theta)))
        for rows, jacobian in self._blocks(theta):
            total += jacobian @ slope[rows].ravel()
            information[:size, :size] += weighted_square(jacobian, weight[rows].ravel())
            if self.repeats:
                turned = turn[rows] * of_excess[rows]
                both = (psi * mean[rows] * turned, delta * turned)
                information[:size, size:] -= law.crossed(jacobian, *both)
        information[size:, :size] = information[:size, size:].T
        if self.repeats:
            of_law = law.products(of_excess, psi * mean, delta) + 1e-3 * np.eye(law.size)
        else:
            # The observed may be negative far from the top.
            of_law = np.diag(np.maximum(np.abs(np.diag(self._law_curvature(theta))), 1e-3))
        information[size:, size:] = of_law
        of_scores = law.summed(psi * mean * along_excess, delta * along_excess)
        state.score = np.concatenate([total, of_scores])
        state.information = information
        return state

    def _blocks(self, theta: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
        """Slopes of the mean along each parameter, some months at a time; (k, months x units).

        Each block is laid where the one before it was.
        """
        state = self._at(theta)
        if state.slopes is None:
            state.slopes = [
                term.drive.slopes(shape)
                for term, (_, shape) in zip(self.terms, self.split(theta), strict=True)
            ]
        times, units = self.counts.shape
        step = min(max(1, _BLOCK // units), times)
        laid = np.empty((len(theta) - self.law.size, step, units))
        for first in range(0, times, step):
            rows = slice(first, min(first + step, times))
            height, k = rows.stop - first, 0
            for term, factor, drive, slopes in zip(
                self.terms, state.factors, state.drives, state.slopes, strict=True
            ):
                factor = np.broadcast_to(factor, (times, units))[rows]
                part = factor * drive[rows]
                for column in term.columns:
                    column = np.broadcast_to(column, (times, units))[rows]
                    np.multiply(part, column, out=laid[k, :height])
                    k += 1
                for slope in slopes:
                    np.multiply(factor, slope[rows], out=laid[k, :height])
                    k += 1
            yield rows, laid[:, :height].reshape(k, -1)

    def _weighted_square(self, theta: FloatArray, weight: FloatArray) -> FloatArray:
        return sum(
            weighted_square(jacobian, weight[rows].ravel())
            for rows, jacobian in self._blocks(theta)
        )

    def _law_curvature(self, theta: FloatArray) -> FloatArray:
        """Second derivatives along the law's parameters; (size, size)."""
        mean, excess, law = self._at(theta).mean, self._excess(theta), self.law
        by_psi = self.overdispersion(theta) * mean
        delta = law.repeat_share(self._of_law(theta))
        _, along = count_slopes(self.counts, mean, excess)
        _, _, curve = count_curvatures(self.counts, mean, excess)
        return law.products(curve, by_psi, delta) + np.diag(
            law.summed(by_psi * along, delta * along)
        )

    def _exact_information(self, theta: FloatArray) -> FloatArray:
        """All but what a drive's parameters share in."""
        mean, excess, law = self._at(theta).mean, self._excess(theta), self.law
        psi, delta = self.overdispersion(theta), law.repeat_share(self._of_law(theta))
        along_mean, along_excess = count_slopes(self.counts, mean, excess)
        of_mean, of_both, of_excess = count_curvatures(self.counts, mean, excess)
        both = of_both + psi * of_excess
        size = theta.size - law.size
        information = np.zeros((theta.size, theta.size))
        curvature = of_mean + psi * (of_both + both)
        information[:size, :size] = -self._weighted_square(theta, curvature)
        self._subtract_own_curvature(theta, along_mean + psi * along_excess, information)
        if law.size:
            along_psi, along_delta = psi * (along_excess + mean * both), delta * both
            for rows, jacobian in self._blocks(theta):
                crossed = law.crossed(jacobian, along_psi[rows], along_delta[rows])
                information[:size, size:] -= crossed
            information[size:, :size] = information[:size, size:].T
            information[size:, size:] = -self._law_curvature(theta)
        return information

    def _subtract_own_curvature(self, theta, slope, information) -> None:
        """What a term's mean curves along its own coefficients."""
        at = 0
        for term, part in zip(self.terms, self.parts(theta), strict=True):
            weight = slope * part
            for i, one in enumerate(term.columns):
                weighted = weight * one
                for j, other in enumerate(term.columns[: i + 1]):
                    value = _broadcast_sum(weighted, other)
                    information[at + i, at + j] -= value
                    if i != j:
                        information[at + j, at + i] -= value
            at += len(term.names)

    def _out_of_bounds(self, theta: FloatArray) -> bool:
        for term, (_, shape) in zip(self.terms, self.split(theta), strict=True):
            low, high = term.drive.bounds.T
            if ((shape < low) | (shape > high)).any():
                return True
        return bool((np.abs(self._of_law(theta)) > 25).any())


def _where_positive(amount: FloatArray | float, by: FloatArray) -> FloatArray:
    """A quotient, and 0 where nothing is divided by."""
    return np.divide(amount, by, np.zeros(by.shape), where=by > 0)


def _broadcast_sum(weighted: FloatArray, column: FloatArray) -> float:
    """Sum of a product without laying the column out in full."""
    if column.shape[1] == 1:
        return float(weighted.sum(axis=1) @ np.broadcast_to(column[:, 0], weighted.shape[0]))
    return float(np.einsum("tu,tu->", weighted, np.broadcast_to(column, weighted.shape)))
