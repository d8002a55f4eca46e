"""What the monthly self-exciting model learned, and what it expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import LeakError, ParameterError, ResolutionError
from hotspot.grid.cells import Grid
from hotspot.grid.periods import period_days
from hotspot.guards.scope import NOT_SAID, Scope
from hotspot.models.endemic_epidemic.climb import Climbed
from hotspot.models.endemic_epidemic.count_law import draw_counts
from hotspot.models.endemic_epidemic.grid_data import GridData
from hotspot.models.endemic_epidemic.month_counts import month_number
from hotspot.models.endemic_epidemic.recursion import Parameters, Present
from hotspot.models.level import LevelVariance, level_variance
from hotspot.models.weights import arrange

if TYPE_CHECKING:
    from hotspot.models.endemic_epidemic.model import EndemicEpidemic

_FURTHEST = 12  # months ahead
_STEP = 1e-4
_NONE = np.ones((1, 1))  # no correction


@dataclass(frozen=True, eq=False)
class FittedEndemicEpidemic:
    """What :class:`EndemicEpidemic` learned; made by its ``fit``.

    Examples
    --------
    >>> from hotspot import EndemicEpidemic, Grid, load_sample, make_periods
    >>> events = load_sample(offences="Burglary")
    >>> grid = Grid.over(events.region, cell_size=500)
    >>> fitted = EndemicEpidemic().fit(events, grid)
    >>> 0 < fitted.branching_ratio < 1
    True
    >>> fitted.expected_count(make_periods("2025-01", count=3)).sizes["time"]
    3

    Attributes
    ----------
    model : EndemicEpidemic
    grid : Grid
    data_cutoff : Timestamp
        No event at or after this instant was used.
    parameter_names : tuple of str
    theta : (k,) float64
        Estimates in their order, on the scale that is optimised.
    covariance : (k, k) float64
        Inverse of the observed information.
    log_likelihood : float
    shares : dict
        Share of the explained months' counts that each term is expected to hold.
    level : LevelVariance
        How far whole levels strayed in the past.
    findings : tuple of str
        What was found on the way: another list of map points, months not published, terms and
        shapes that the record could not tell.
    present : Present
        All that the future is made from.
    last_month : int
        Months since year 0 of the last month that was counted.
    n_months, n_events : int
        Months that are explained, and offences in them.
    time_zone, time_resolution, place_resolution
        Of the events it was fitted to.
    scope : Scope
        Offences it was fitted to, and what guards remarked or let pass.
    """

    model: EndemicEpidemic
    grid: Grid
    data_cutoff: pd.Timestamp
    parameter_names: tuple[str, ...]
    theta: FloatArray
    covariance: FloatArray
    log_likelihood: float
    shares: Mapping[str, float]
    level: LevelVariance
    findings: tuple[str, ...]
    present: Present
    last_month: int
    n_months: int
    n_events: int
    time_zone: str
    time_resolution: str
    place_resolution: float
    scope: Scope = NOT_SAID

    name = "EndemicEpidemic"
    interval_kind = (
        "chance with repeats, what future months add to later ones, the uncertainty of all "
        "parameters, and the movement of levels as seen in the past"
    )

    @property
    def estimates(self) -> pd.Series:
        """Estimates by name, on the scale that is optimised."""
        return pd.Series(self.theta, self.parameter_names, name="estimate")

    @property
    def standard_errors(self) -> pd.Series:
        """Standard errors by name."""
        errors = np.sqrt(np.diag(self.covariance))
        return pd.Series(errors, self.parameter_names, name="standard error")

    @property
    def branching_ratio(self) -> float:
        """Offences that one recorded offence adds to all later months together.

        Also the share of a month's count that is owed to the months before it, in the long run. It
        is not contagion: by months, drifting rates and offences that lead to others look alike.
        """
        return self._known.branching_ratio

    @property
    def overdispersion(self) -> float:
        """ψ: what rates that vary add to the variance of a count, by its mean squared."""
        return self._known.overdispersion

    @property
    def repeats(self) -> float:
        """δ: what repeats within a month add to the variance of a count, by its mean."""
        return self._known.repeats

    @property
    def parameters(self) -> Mapping[str, object]:
        """What was chosen and estimated, ready for JSON."""
        kept = self.present.structure
        return {
            "half_life": list(kept.half_lives),
            "decay": str(kept.decay),
            "own_lags": None if kept.own is None else str(self._known.own_lags),
            "near_lags": None if kept.near is None else str(self._known.near_lags),
            "estimates": dict(zip(self.parameter_names, self.theta.round(6).tolist(), strict=True)),
            "standard_errors": self.standard_errors.round(6).to_dict(),
            "branching_ratio": round(self.branching_ratio, 6),
            "log_likelihood": round(self.log_likelihood, 4),
            "shares": {name: round(share, 6) for name, share in self.shares.items()},
            "findings": list(self.findings),
        }

    def expected_count(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Mean recorded offences per cell and month, up to 12 months ahead; (time, y, x).

        Future months add to later ones as they are expected to. Long-run rates stay as they are.

        Raises
        ------
        LeakError
            If a period begins before the cut-off.
        ResolutionError
            If a period is not a whole month.
        ParameterError
            If one lies more than 12 months after the last month counted.
        """
        ahead = self.months_ahead(periods)
        means, _ = self.present.run(self._known, int(ahead.max()) + 1)
        return self.labelled(means[ahead], periods)

    def background_count(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """The part of the expected count that is not owed to recent months; (time, y, x)."""
        ahead = self.months_ahead(periods)
        _, endemic = self.present.run(self._known, int(ahead.max()) + 1)
        return self.labelled(endemic[ahead], periods)

    def count_variance(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Predictive variance of each count: chance, parameters, level, months between.

        Parameters enter by their first derivatives; see :meth:`simulate_counts` for all of it.
        """
        return self.corrected_variance(periods, _NONE)

    def simulate_counts(
        self, periods: pd.IntervalIndex, *, size: int, rng: np.random.Generator
    ) -> xr.DataArray:
        """Simulated futures; (member, time, y, x), float32 whole numbers, NaN outside.

        Each member redraws all parameters, keeps the paths of its levels, and lets each month add
        to those that follow it. Memory is 4 x size x periods x cells bytes.

        Raises
        ------
        LeakError, ResolutionError, ParameterError
            As :meth:`expected_count`; or if `size` is below 1.
        """
        return self.corrected_futures(periods, _NONE, size=size, rng=rng)

    def corrected_variance(self, periods: pd.IntervalIndex, factor: FloatArray) -> xr.DataArray:
        """Variance of counts whose means are multiplied by `factor`; see `corrected_futures`."""
        ahead = self.months_ahead(periods)
        known, furthest = self._known, int(ahead.max()) + 1
        factor = np.broadcast_to(factor, (_FURTHEST, self.present.recent.shape[1]))[:furthest]
        mean, _ = self.present.run(known, furthest)
        slopes = []
        for k in range(self.theta.size):
            aside = _STEP * (np.arange(self.theta.size) == k)
            low, high = (
                self.present.run(self.present.parameters(self.theta + sign * aside), furthest)[0]
                for sign in (-1, 1)
            )
            slopes.append((high - low) / (2 * _STEP))
        slopes = np.array(slopes)
        uncertain = np.einsum("khu,kl,lhu->hu", slopes, self.covariance, slopes, optimize=True)
        chance = (1 + known.repeats) * mean
        heard = chance / factor + known.overdispersion * mean**2
        uncertain += self.present.carried_variance(known, heard)
        square = (mean**2 + uncertain) * self._shared_level(furthest)[:, None]
        beyond = (1 + self._own_overdispersion(known)) * square - mean**2
        return self.labelled((factor * chance + factor**2 * beyond)[ahead], periods)

    def corrected_futures(
        self,
        periods: pd.IntervalIndex,
        factor: FloatArray,
        *,
        size: int,
        rng: np.random.Generator,
    ) -> xr.DataArray:
        """Futures in which every mean is multiplied by `factor`; as :meth:`simulate_counts`.

        Later months hear of a count divided by it, as of one that the model itself expects, so that
        the means of all months are those of `expected_count` times `factor`.

        Parameters
        ----------
        periods : IntervalIndex
        factor : array that broadcasts to (12, units)
            Of each month ahead and cell inside the region, above 0.
        size : int
        rng : numpy.random.Generator
        """
        ahead = self.months_ahead(periods)
        if size < 1:
            raise ParameterError(f"size must be at least 1, got {size}.")
        furthest, cells = int(ahead.max()) + 1, self.present.spread.cells
        factor = np.broadcast_to(factor, (_FURTHEST, cells.size))
        out = np.full((size, len(periods), self.grid.inside.size), np.nan, np.float32)
        root = _root(self.covariance)
        for member in range(size):
            theta = self._drawn(root, rng)
            drawn = self._future(self.present.parameters(theta), furthest, factor, rng)
            out[member][:, cells] = drawn[ahead]
        out = out.reshape(size, len(periods), *self.grid.shape)
        coords = {"member": np.arange(size), **self._coords(periods)}
        return xr.DataArray(out, coords, ["member", "time", "y", "x"])

    def summary(self) -> str:
        """The fit as a table, with the branching ratio in words."""
        from scipy.stats import norm

        width = max(map(len, self.parameter_names))
        ratio = self.branching_ratio
        lines = [
            f"EndemicEpidemic: fitted to {self.n_events:,} offences in {self.n_months} months "
            f"before {self.data_cutoff:%Y-%m-%d}",
            f"  log-likelihood {self.log_likelihood:.2f}   AIC "
            f"{2 * self.theta.size - 2 * self.log_likelihood:.2f}   overdispersion "
            f"{self.overdispersion:.3f}   repeats {self.repeats:.3f}",
            f"  branching ratio {ratio:.3f}: in the long run {ratio:.0%} of a month's count is "
            "owed to the months before it;",
            "  by months, drifting rates and offences that lead to others cannot be told apart",
            "  expected share of the counts: "
            + ", ".join(f"{name} {share:.1%}" for name, share in self.shares.items()),
            f"  {'':<{width}} {'estimate':>11} {'std. error':>11} {'z':>8} {'P(>|z|)':>9}",
        ]
        for name, value, error in zip(
            self.parameter_names, self.theta, self.standard_errors, strict=True
        ):
            chance = 2 * norm.sf(abs(value / error))
            lines.append(
                f"  {name:<{width}} {value:>11.5f} {error:>11.5f} {value / error:>8.2f} "
                f"{chance:>9.2g}"
            )
        return "\n".join([*lines, *(f"  finding: {finding}" for finding in self.findings)])

    @property
    def _known(self) -> Parameters:
        return self.present.parameters(self.theta)

    def _drawn(self, root: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Parameters redrawn; those under which counts would explode are drawn again."""
        while True:
            theta = self.theta + root @ rng.standard_normal(self.theta.size)
            if self.present.parameters(theta).branching_ratio < 1:
                return theta

    def _future(
        self,
        parameters: Parameters,
        furthest: int,
        factor: FloatArray,
        rng: np.random.Generator,
    ) -> FloatArray:
        """One future, (months, units): counts around means that levels and `factor` move."""
        levels = self._level_paths(furthest, rng) * factor[:furthest]
        drawn = np.empty((furthest, self.present.recent.shape[1]))
        psi, delta = self._own_overdispersion(parameters), parameters.repeats

        def happen(h: int, mean: FloatArray) -> FloatArray:
            moved = mean * levels[h]
            drawn[h] = draw_counts(moved, delta + psi * moved, rng)
            # A level is of the month: what later months hear is set back to the model's own level.
            return drawn[h] / levels[h]

        self.present.run(parameters, furthest, happen)
        return drawn

    def _level_paths(self, furthest: int, rng: np.random.Generator) -> FloatArray:
        """Factors of mean 1 for the region and nested squares, one path each; (months, units)."""
        lead = np.minimum(np.arange(furthest), self.level.region.size - 1)
        cells = self.present.spread.cells
        labels = self.level.square_of_cell.reshape(len(self.level.squares), -1)[:, cells]
        paths = _lognormal(self.level.region[lead], 1, rng)
        for variance, label in zip(self.level.squares, labels, strict=True):
            paths = paths * _lognormal(variance[lead], label.max() + 1, rng)[:, label]
        return np.broadcast_to(paths, (furthest, cells.size))

    def _own_overdispersion(self, parameters: Parameters) -> float:
        """What is left of ψ for single cells: it was fitted to what levels add a month ahead."""
        shared = self._shared_level(1)[0]
        return max((1 + parameters.overdispersion) / shared - 1, 0.0)

    def _shared_level(self, furthest: int) -> FloatArray:
        """Mean square of the levels' factor; (months,)."""
        lead = np.minimum(np.arange(furthest), self.level.region.size - 1)
        return (1 + self.level.region[lead]) * np.prod(1 + self.level.squares[:, lead], axis=0)

    def months_ahead(self, periods: pd.IntervalIndex) -> np.ndarray:
        """How many months each period lies ahead, from 0; raises as :meth:`expected_count`."""
        if periods.left.min() < self.data_cutoff:
            raise LeakError(
                f"The first period begins {periods.left.min()}, before the data cut-off "
                f"{self.data_cutoff}: the model has seen what it is asked to forecast."
            )
        begin, end = (month_number(edge, self.time_zone) for edge in (periods.left, periods.right))
        if (end - begin != 1).any():
            raise ResolutionError("This model knows single whole months only; see make_periods.")
        ahead = begin - self.last_month - 1
        if ahead.max() >= _FURTHEST:
            raise ParameterError(
                f"The last period begins {ahead.max() + 1} months after the last month counted; "
                f"this model forecasts up to {_FURTHEST}."
            )
        return ahead

    def labelled(self, of_units: FloatArray, periods: pd.IntervalIndex) -> xr.DataArray:
        """Values (periods, units) laid on the grid; (time, y, x), NaN outside the region."""
        values = np.full((len(periods), self.grid.inside.size), np.nan)
        values[:, self.present.spread.cells] = of_units
        values = values.reshape(len(periods), *self.grid.shape)
        return xr.DataArray(values, self._coords(periods), ["time", "y", "x"])

    def _coords(self, periods: pd.IntervalIndex) -> dict:
        return {"time": periods.left.tz_localize(None), "y": self.grid.y, "x": self.grid.x}


def fitted_from(
    data: GridData, found: Climbed, events: Events, grid: Grid, cutoff: pd.Timestamp
) -> FittedEndemicEpidemic:
    """Keep of a climb what the future needs."""
    likelihood, theta = found.likelihood, found.maximum.theta
    parts = likelihood.parts(theta)
    total = sum(part.sum() for part in parts)
    mean = likelihood.mean(theta)
    repeats = likelihood.law.repeat_share(theta)
    return FittedEndemicEpidemic(
        model=data.model,
        grid=grid,
        data_cutoff=cutoff,
        parameter_names=likelihood.names,
        theta=theta,
        covariance=np.linalg.inv(found.maximum.observed),
        log_likelihood=found.maximum.log_likelihood,
        shares={
            term.name: float(part.sum() / total)
            for term, part in zip(likelihood.terms, parts, strict=True)
        },
        level=_level(data, mean, events, grid, cutoff, repeats),
        findings=(*data.findings, *found.findings),
        present=present_of(data, found),
        last_month=int(data.calendar[len(data.past.months) - 1]),
        n_months=data.rows.size,
        n_events=int(data.past.counts[data.rows].sum()),
        time_zone=events.time_zone,
        time_resolution=events.time_resolution,
        place_resolution=events.place_resolution,
    )


def present_of(data: GridData, found: Climbed) -> Present:
    """What is known at the cut-off."""
    n_months = len(data.past.months)
    rows = n_months + np.arange(13)
    kept = found.structure
    columns = tuple(np.array(column) for column in data.endemic_columns(rows)[1])
    longest = max(data.model.longest_lag, 1)
    return Present(
        structure=kept,
        rates=data.rates.rows(np.array([n_months])).only(kept.half_lives, kept.strength),
        columns=columns,
        recent=data.history[n_months - longest :].copy(),
        spread=replace(
            data.spread,
            decay=kept.decay,
            exposure=data.exposure.yearly[-1:],
            version=np.empty(0, np.int64),
        ),
    )


def _level(
    data: GridData,
    mean: FloatArray,
    events: Events,
    grid: Grid,
    cutoff: pd.Timestamp,
    repeats: float,
) -> LevelVariance:
    """How far counts strayed from what was expected a month ahead, by the estimates of now."""
    row_of = {int(month): k for k, month in enumerate(data.calendar[data.rows])}

    def rate_before(origin: pd.Timestamp) -> tuple[FloatArray, FloatArray]:
        from hotspot.errors import TooFewEventsError

        (month,) = month_number(pd.DatetimeIndex([origin]), events.time_zone)
        if int(month) not in row_of:
            raise TooFewEventsError(f"{origin} is not a month that is explained.")
        row = row_of[int(month)]
        period = data.past.months[[data.rows[row]]]
        rate = np.zeros(grid.inside.size)
        rate[data.past.cells] = mean[row] / period_days(period)[0]
        return rate.reshape(grid.shape), np.zeros(grid.shape)

    return level_variance(
        rate_before, arrange(events.before(cutoff)), grid, cutoff, repeats=repeats
    )


def _lognormal(variance: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    log_variance = np.log1p(variance)[:, None]
    return np.exp(rng.standard_normal(count) * np.sqrt(log_variance) - log_variance / 2)


def _root(covariance: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))
