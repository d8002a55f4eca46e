"""What the endemic-epidemic model for areas learned, and what it expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._typing import FloatArray
from hotspot.errors import ParameterError
from hotspot.models.endemic_epidemic.counts_likelihood import CountLikelihood
from hotspot.models.endemic_epidemic.neighbours import DecayingWeights, KnownWeights, OwnUnit

if TYPE_CHECKING:
    from hotspot.models.endemic_epidemic.areas import EndemicEpidemicAreas


@dataclass(frozen=True, eq=False)
class FittedEndemicEpidemicAreas:
    """What :class:`EndemicEpidemicAreas` learned; made by its ``fit``.

    Examples
    --------
    Without echoes, one area's expected count is its mean:

    >>> from hotspot import EndemicEpidemicAreas, LogLinear, calendar_table
    >>> counts = pd.DataFrame({"north": [3.0, 1.0, 2.0, 2.0]})
    >>> model = EndemicEpidemicAreas(LogLinear(), overdispersion="none")
    >>> fitted = model.fit(counts, calendar_table(counts, harmonics=0))
    >>> ahead = pd.DataFrame({"time": [4], "area": ["north"]})
    >>> round(float(fitted.expected_count(ahead).loc[4, "north"]), 6)
    2.0

    Attributes
    ----------
    model : EndemicEpidemicAreas
    likelihood : CountLikelihood
    theta : (k,) float64
        Estimates in the order of ``likelihood.names``; overdispersion and shapes as logarithms.
    covariance : (k, k) float64
        Inverse of the observed information.
    log_likelihood : float
    counts, table, neighbours
        What it was fitted to.
    findings : tuple of str
        Breaks and gaps in the months it was fitted to, in words; see :func:`hotspot.find_breaks`.
    """

    model: EndemicEpidemicAreas
    likelihood: CountLikelihood
    theta: FloatArray
    covariance: FloatArray
    log_likelihood: float
    counts: pd.DataFrame
    table: pd.DataFrame
    neighbours: KnownWeights | DecayingWeights | None
    findings: tuple[str, ...] = ()

    @property
    def estimates(self) -> pd.Series:
        """Estimates by name."""
        return pd.Series(self.theta, self.likelihood.names, name="estimate")

    @property
    def standard_errors(self) -> pd.Series:
        """Standard errors by name."""
        errors = np.sqrt(np.diag(self.covariance))
        return pd.Series(errors, self.likelihood.names, name="standard error")

    @property
    def aic(self) -> float:
        """Akaike's criterion; twice the parameters less twice the log-likelihood."""
        return 2 * self.theta.size - 2 * self.log_likelihood

    @property
    def fitted_values(self) -> pd.DataFrame:
        """Expected counts of the explained times, given what came before each."""
        mean = self.likelihood.mean(self.theta)
        return pd.DataFrame(mean, self.counts.index[-len(mean) :], self.counts.columns)

    @property
    def branching_ratio(self) -> float:
        """Offences that one offence adds to all later times, in the areas taken together.

        The largest eigenvalue of the matrix of what an offence in one area adds to each, with
        factors at their mean over times; below 1 counts do not grow without end. It is the share
        of a count that is owed to the times before it, not contagion.
        """
        n_areas = self.counts.shape[1]
        matrix = np.zeros((n_areas, n_areas))
        for term, (coefficients, shape) in zip(
            self.likelihood.terms, self.likelihood.split(self.theta), strict=True
        ):
            if term.name == "endemic":
                continue
            factor = np.broadcast_to(term.factor(coefficients), self.likelihood.counts.shape)
            factor = factor * getattr(term.drive, "exposure", 1.0)
            matrix += self._weights(term.name, shape) * factor.mean(axis=0)
        return float(np.abs(np.linalg.eigvals(matrix)).max())

    def expected_count(self, table: pd.DataFrame) -> pd.DataFrame:
        """Mean counts of the times that follow, in the order of `table`; (times, areas).

        Parameters
        ----------
        table : DataFrame
            ``time``, ``area`` and the terms' columns for consecutive times after the last count.

        Raises
        ------
        ParameterError
            If a pair of time and area is missing, or a time was already counted.
        """
        future = _Future(self, table)
        return pd.DataFrame(future.run(self.theta), future.times, self.counts.columns)

    def simulate_counts(
        self, table: pd.DataFrame, *, size: int, rng: np.random.Generator
    ) -> xr.DataArray:
        """Simulated futures with redrawn parameters; (member, time, area).

        Raises
        ------
        ParameterError
            As :meth:`expected_count`; or if `size` is below 1.
        """
        if size < 1:
            raise ParameterError(f"size must be at least 1, got {size}.")
        future = _Future(self, table)
        drawn = [
            future.run(rng.multivariate_normal(self.theta, self.covariance), rng)
            for _ in range(size)
        ]
        coords = {"member": np.arange(size), "time": future.times, "area": self.counts.columns}
        return xr.DataArray(np.array(drawn), coords, ["member", "time", "area"])

    def summary(self) -> str:
        """The fit as a table."""
        from scipy.stats import norm

        width = max(map(len, self.likelihood.names))
        times, areas = self.likelihood.counts.shape
        lines = [
            f"EndemicEpidemicAreas: {areas} areas, {times} times, {self.theta.size} parameters",
            f"  log-likelihood {self.log_likelihood:.4f}   AIC {self.aic:.4f}"
            f"   branching ratio {self.branching_ratio:.3f}",
            f"  {'':<{width}} {'estimate':>11} {'std. error':>11} {'z':>8} {'P(>|z|)':>9}",
        ]
        for name, value in self.estimates.items():
            error = self.standard_errors[name]
            chance = 2 * norm.sf(abs(value / error))
            lines.append(
                f"  {name:<{width}} {value:>11.5f} {error:>11.5f} {value / error:>8.2f} "
                f"{chance:>9.2g}"
            )
        return "\n".join([*lines, *(f"  finding: {finding}" for finding in self.findings)])

    def _weights(self, name: str, shape: FloatArray) -> FloatArray:
        """What an offence in one area (row) counts for in each (column)."""
        if name == "own":
            return np.eye(self.counts.shape[1])
        if isinstance(self.neighbours, KnownWeights):
            return self.neighbours.matrix.toarray()
        return self.neighbours.weights(shape[: len(self.neighbours.names)]).toarray()


class _Future:
    """The times that follow: columns, exposures, and the counts that they hear."""

    def __init__(self, fitted: FittedEndemicEpidemicAreas, table: pd.DataFrame) -> None:
        from hotspot.models.endemic_epidemic.areas import aligned, columns_of

        self.fitted, self.times = fitted, pd.Index(table["time"].unique())
        if self.times.isin(fitted.counts.index).any():
            raise ParameterError("A time to forecast was already counted; give those that follow.")
        areas = fitted.counts.columns
        rows = aligned(table, self.times, areas)
        past = aligned(fitted.table, fitted.counts.index[-len(fitted.fitted_values) :], areas)
        shape = (len(self.times), len(areas))
        self.columns = {
            name: columns_of(part, rows, part.levels(past), shape)
            for name, part in fitted.model.parts.items()
        }
        longest = max(fitted.model.longest_lag, 1)
        self.recent = fitted.counts.to_numpy(float)[-longest:]
        if np.isnan(self.recent).any():
            raise ParameterError(
                "The last counts hold gaps, and what follows hears them. End the counts earlier."
            )

    def run(self, theta: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Expected counts of each time, or drawn ones."""
        model, likelihood = self.fitted.model, self.fitted.likelihood
        psi = likelihood.overdispersion(theta)
        split = dict(zip((t.name for t in likelihood.terms), likelihood.split(theta), strict=True))
        heard = list(self.recent)
        for t in range(len(self.times)):
            mean = np.zeros(heard[0].size)
            for name, (columns, exposure) in self.columns.items():
                coefficients, shape = split[name]
                predictor = sum(b * x[t] for b, x in zip(coefficients, columns, strict=True))
                drive = exposure[t]
                if name != "endemic":
                    lags = model.own_lags if name == "own" else model.near_lags
                    spread = OwnUnit() if name == "own" else self.fitted.neighbours
                    shares = lags.with_vector(shape[len(spread.names) :]).shares()
                    past = sum(f * heard[-m] for m, f in zip(lags.months, shares, strict=True))
                    drive = drive * spread.of(past[None], shape[: len(spread.names)])[0]
                mean += np.exp(predictor) * drive
            heard.append(mean if rng is None else _drawn(mean, psi, rng))
        return np.array(heard[len(self.recent) :])


def _drawn(mean: FloatArray, psi: FloatArray, rng: np.random.Generator) -> FloatArray:
    shape = 1 / np.where(psi > 0, psi, 1.0)
    frailty = np.where(psi > 0, rng.standard_gamma(shape) / shape, 1.0)
    return rng.poisson(mean * frailty).astype(float)
