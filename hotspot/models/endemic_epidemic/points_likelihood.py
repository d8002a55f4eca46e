r"""The log-likelihood of the endemic-epidemic model for points, its score and its information.

.. math:: \ell(\theta) = \sum_i \log \lambda_i
   - K \sum_{\text{tiles}} \lvert A \rvert \, \lvert T \rvert \, h
   - \sum_j q_j \, \eta_j \int g \int_{W \cap B(s_j)} f

with h the endemic rate of each tile and period, counted once for each of the K types; η_j the
epidemic rate of source j, which can trigger q_j types; and the integrals over the lags and
displacements that could be observed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ParameterError
from hotspot.models.endemic_epidemic.points_data import Arrays
from hotspot.models.parts.shapes import DisplacementShape, LagShape


@dataclass(frozen=True, eq=False)
class PointLikelihood:
    """The data of an endemic-epidemic model, ready to judge parameters.

    Made by :meth:`hotspot.models.endemic_epidemic.points.EndemicEpidemicPoints.likelihood`. The
    parameters are one flat vector, in the order of `names`: endemic coefficients, epidemic
    coefficients, the displacement's vector, the lag's vector.

    Attributes
    ----------
    arrays : Arrays
    displacement : shape of the displacement
    lag : shape of the lag
        Their parameters are where a search may begin.
    """

    arrays: Arrays
    displacement: DisplacementShape
    lag: LagShape

    @property
    def triggers(self) -> bool:
        """Whether there is an epidemic part."""
        return self.arrays.sources is not None

    @property
    def names(self) -> tuple[str, ...]:
        """What each parameter is."""
        names = [f"endemic {name}" for name in self.arrays.at_events.names]
        if self.triggers:
            names += [f"epidemic {name}" for name in self.arrays.sources.names]
            names += [f"displacement {name}" for name in self.displacement.names]
            names += [f"lag {name}" for name in self.lag.names]
        return tuple(names)

    @property
    def endemic_only(self) -> PointLikelihood:
        """The same events without the epidemic part."""
        arrays = self.arrays
        return replace(self, arrays=Arrays(arrays.at_events, arrays.on_tiles, arrays.measure))

    def log_likelihood(self, theta: Sequence[float] | FloatArray) -> float:
        """Log-likelihood of the parameters; -inf where a rate overflows or a bound is passed.

        Parameters
        ----------
        theta : (k,) float64
            In the order of `names`.

        Raises
        ------
        ParameterError
            If there are too many or too few, or one is not finite.
        """
        if self._out_of_bounds(theta):
            return -np.inf
        parts = self._split(theta)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            endemic, triggered = self._at_events(parts)
            value = np.log(endemic + triggered).sum() - self._expected(parts)
        return float(value) if np.isfinite(value) else -np.inf

    def score(self, theta: Sequence[float] | FloatArray) -> FloatArray:
        """Slope of the log-likelihood along each parameter; (k,)."""
        parts = self._split(theta)
        return self._score_at_events(parts).sum(axis=0) - self._expected_slope(parts)

    def expected_information(self, theta: Sequence[float] | FloatArray) -> FloatArray:
        r"""Estimated Fisher information, :math:`\sum_i \nabla\log\lambda_i \nabla\log\lambda_i^T`.

        References
        ----------
        Rathbun, S. L. (1996). Asymptotic properties of the maximum likelihood estimator for
        spatio-temporal point processes. Journal of Statistical Planning and Inference, 51, 55-74.
        https://doi.org/10.1016/0378-3758(95)00070-4
        """
        scores = self._score_at_events(self._split(theta))
        return scores.T @ scores

    def observed_information(self, theta: Sequence[float] | FloatArray) -> FloatArray:
        """Curvature of the log-likelihood, turned round; (k, k). Differences of `score`."""
        theta = np.asarray(theta, float)
        step = 1e-4
        rows = []
        for k in range(theta.size):
            aside = step * (np.arange(theta.size) == k)
            rows.append((self.score(theta + aside) - self.score(theta - aside)) / (2 * step))
        information = -np.array(rows)
        return 0.5 * (information + information.T)

    def expected_count(self, theta: Sequence[float] | FloatArray) -> float:
        """Number of events that the window should hold, given the sources: the compensator."""
        return float(self._expected(self._split(theta)))

    def endemic_share(self, theta: Sequence[float] | FloatArray) -> FloatArray:
        """Chance that each event of the window, in order of time, was not triggered; (n,)."""
        endemic, triggered = self._at_events(self._split(theta))
        return endemic / (endemic + triggered)

    def offspring(self, theta: Sequence[float] | FloatArray) -> FloatArray:
        """Mean number of events of one type that each source triggers, border or none; (n,).

        Within the longest lag and the furthest distance; sources in order of time.
        """
        parts = self._split(theta)
        _, epidemic, displacement, lag = parts
        in_time = lag.integral(np.array(self.arrays.longest_lag))
        in_place = 2 * np.pi * displacement.moment(np.array(self.arrays.furthest))
        return self.arrays.sources.rate(epidemic) * in_time * in_place

    def parts_at(self, theta: Sequence[float] | FloatArray) -> tuple[DisplacementShape, LagShape]:
        """The displacement's and the lag's shape with these parameters."""
        return self._split(theta)[2:]

    def _split(self, theta):
        theta = np.asarray(theta, float)
        if theta.shape != (len(self.names),) or not np.isfinite(theta).all():
            raise ParameterError(
                f"theta must be {len(self.names)} finite numbers {self.names}, got {theta}."
            )
        n_endemic = len(self.arrays.at_events.names)
        if not self.triggers:
            return theta, None, self.displacement, self.lag
        sizes = [n_endemic, len(self.arrays.sources.names), len(self.displacement.names)]
        endemic, epidemic, displacement, lag = np.split(theta, np.cumsum(sizes))
        return (
            endemic,
            epidemic,
            self.displacement.with_vector(displacement),
            self.lag.with_vector(lag),
        )

    def _out_of_bounds(self, theta) -> bool:
        """Whether a part's parameter is too large or small to be one."""
        bounds = np.concatenate([self.displacement.bounds, self.lag.bounds])
        if not self.triggers or np.shape(theta) != (len(self.names),) or not len(bounds):
            return False
        low, high = bounds.T
        last = np.asarray(theta, float)[-len(bounds) :]
        return bool(((last < low) | (last > high)).any())

    def _at_events(self, parts) -> tuple[FloatArray, FloatArray]:
        """Endemic and triggered intensity at each event of the window."""
        endemic, epidemic, displacement, lag = parts
        rate = self.arrays.at_events.rate(endemic)
        if not self.triggers:
            return rate, np.zeros_like(rate)
        pairs = self.arrays.pairs
        added = self.arrays.sources.rate(epidemic)[pairs.source]
        added = added * displacement.value(pairs.distance) * lag.value(pairs.lag)
        return rate, np.bincount(pairs.target, added, rate.size)

    def _score_at_events(self, parts) -> FloatArray:
        """Slope of each event's log intensity; (n, k)."""
        endemic, epidemic, displacement, lag = parts
        at_events, pairs = self.arrays.at_events, self.arrays.pairs
        rate = at_events.rate(endemic)
        if not self.triggers:
            return at_events.design
        by_source = self.arrays.sources.rate(epidemic)[pairs.source]
        f, g = displacement.value(pairs.distance), lag.value(pairs.lag)
        added = by_source * f * g
        slopes = [
            *(added * column[pairs.source] for column in self.arrays.sources.design.T),
            *(by_source * g * displacement.value_derivatives(pairs.distance)),
            *(by_source * f * lag.value_derivatives(pairs.lag)),
        ]
        intensity = rate + np.bincount(pairs.target, added, rate.size)
        columns = [np.bincount(pairs.target, slope, rate.size) for slope in slopes]
        scores = np.column_stack([rate[:, None] * at_events.design, *columns])
        return scores / intensity[:, None]

    def _expected(self, parts) -> float:
        """Number of events expected in the window."""
        endemic, epidemic, displacement, lag = parts
        total = (self.arrays.measure * self.arrays.on_tiles.rate(endemic)).sum()
        if not self.triggers:
            return total
        weight = self.arrays.excited_types * self.arrays.sources.rate(epidemic)
        return total + weight @ (
            self._lag_mass(lag.integral) * self.arrays.rule.integrate(displacement)
        )

    def _expected_slope(self, parts) -> FloatArray:
        """Slope of the number of events expected; (k,)."""
        endemic, epidemic, displacement, lag = parts
        tiles = self.arrays.on_tiles
        slope = tiles.design.T @ (self.arrays.measure * tiles.rate(endemic))
        if not self.triggers:
            return slope
        sources, rule = self.arrays.sources, self.arrays.rule
        weight = self.arrays.excited_types * sources.rate(epidemic)
        place, time = rule.integrate(displacement), self._lag_mass(lag.integral)
        return np.concatenate(
            [
                slope,
                sources.design.T @ (weight * place * time),
                rule.integrate_derivatives(displacement) @ (weight * time),
                self._lag_mass(lag.integral_derivatives) @ (weight * place),
            ]
        )

    def _lag_mass(self, integral) -> FloatArray:
        before, until = self.arrays.observed_lag.T
        return integral(until) - integral(before)
