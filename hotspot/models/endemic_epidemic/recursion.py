"""Month after month into the future: what is expected, and how it may turn out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hotspot._typing import FloatArray
from hotspot.models.endemic_epidemic.climb import Structure
from hotspot.models.endemic_epidemic.long_run import LongRun
from hotspot.models.endemic_epidemic.month_lags import Lags
from hotspot.models.endemic_epidemic.neighbours import GridSpread


@dataclass(frozen=True, eq=False)
class Parameters:
    """A vector of parameters, taken apart."""

    endemic: FloatArray
    long_run: FloatArray
    own: float
    own_lags: Lags | None
    near: float
    near_lags: Lags | None
    place: FloatArray
    overdispersion: float
    repeats: float

    @property
    def branching_ratio(self) -> float:
        """Offences that one offence adds to all later months."""
        return self.own + self.near


@dataclass(frozen=True, eq=False)
class Present:
    """What the future is made from: all that is known at the cut-off.

    Attributes
    ----------
    structure : Structure
    rates : LongRun
        Of one time, the present.
    columns : tuple of arrays
        Of the endemic factor, for 13 months ahead; each broadcasts to (13, units).
    recent : (lags, units) float64
        What the last months held, the latest last.
    spread : GridSpread
        With the exposure that is known now.
    """

    structure: Structure
    rates: LongRun
    columns: tuple[FloatArray, ...]
    recent: FloatArray
    spread: GridSpread

    def parameters(self, theta: FloatArray) -> Parameters:
        """The parts of a vector in the order of the likelihood's."""
        theta, kept = np.asarray(theta, float), self.structure
        n_columns, n_rates = len(self.columns), len(self.rates.names)
        at = n_columns + n_rates
        own, own_lags, near, near_lags, place = 0.0, None, 0.0, None, np.empty(0)
        if kept.own is not None:
            end = at + 1 + len(kept.own.names)
            own, own_lags = float(np.exp(theta[at])), kept.own.with_vector(theta[at + 1 : end])
            at = end
        if kept.near is not None:
            middle = at + 1 + len(self.spread.names)
            end = middle + len(kept.near.names)
            near, place = float(np.exp(theta[at])), theta[at + 1 : middle]
            near_lags = kept.near.with_vector(theta[middle:end])
            at = end
        law = (
            float(np.exp(theta[at])) if kept.overdispersed else 0.0,
            float(np.exp(theta[-1])) if kept.repeats else 0.0,
        )
        endemic, long_run = theta[:n_columns], theta[n_columns : n_columns + n_rates]
        return Parameters(endemic, long_run, own, own_lags, near, near_lags, place, *law)

    def endemic(self, parameters: Parameters, ahead: int) -> FloatArray:
        """The endemic part of the next months; (ahead, units)."""
        predictor = np.zeros((1, 1))
        for coefficient, column in zip(parameters.endemic, self.columns, strict=True):
            rows = column[:ahead] if column.shape[0] > 1 else column
            predictor = predictor + coefficient * rows
        return np.exp(predictor) * self.rates.value(parameters.long_run)

    def run(
        self,
        parameters: Parameters,
        ahead: int,
        happen: Callable[[int, FloatArray], FloatArray] | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Means of the next months, and the endemic part in them.

        Parameters
        ----------
        parameters : Parameters
        ahead : int
        happen : callable, optional
            Takes how many months ahead (from 0) and the mean (units,), and gives what later months
            hear of the month; by default the mean itself, so that means are expectations.

        Returns
        -------
        mean, endemic : (ahead, units) float64
        """
        endemic = np.broadcast_to(self.endemic(parameters, ahead), (ahead, self.recent.shape[1]))
        heard = list(self.recent)
        near = []
        if parameters.near_lags is not None:
            near = list(self._near(parameters, self.recent))
        means = np.empty(endemic.shape)
        for h in range(ahead):
            means[h] = endemic[h] + _weighted(heard, parameters.own_lags, parameters.own)
            means[h] += _weighted(near, parameters.near_lags, parameters.near)
            if h + 1 == ahead and happen is None:
                break
            held = means[h] if happen is None else happen(h, means[h])
            heard.append(held)
            if parameters.near_lags is not None and h + 1 < ahead:
                near.append(self._near(parameters, held[None])[0])
        return means, np.array(endemic)

    def carried_variance(self, parameters: Parameters, of_month: FloatArray) -> FloatArray:
        """Variance of each month's mean that is owed to chance in the future months before it.

        Chance in different cells and months is taken to be independent, which leaves out the
        little that they share through months between them; `of_month` is (ahead, units).
        """
        ahead = len(of_month)
        carried = np.zeros(of_month.shape)
        for h in range(1, ahead):
            for lags, scale, near in (
                (parameters.own_lags, parameters.own, False),
                (parameters.near_lags, parameters.near, True),
            ):
                if lags is None:
                    continue
                for month, share in zip(lags.months, lags.shares(), strict=True):
                    if month > h:
                        continue
                    variance = of_month[h - month] + carried[h - month]
                    if near:
                        variance = self.spread.of_squared(variance[None], parameters.place)[0]
                    carried[h] += (scale * share) ** 2 * variance
        return carried

    def _near(self, parameters: Parameters, counts: FloatArray) -> FloatArray:
        return self.spread.of(counts, parameters.place)


def _weighted(past: list[FloatArray], lags: Lags | None, scale: float) -> FloatArray | float:
    if lags is None:
        return 0.0
    shares = zip(lags.months, lags.shares(), strict=True)
    return scale * sum(share * past[len(past) - month] for month, share in shares)
