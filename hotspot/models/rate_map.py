r"""A map of rates, levels that move, and chance: the futures of a map-shaped model.

The count of cell c in a period of d days at lead h is drawn as

.. math::  N_c \sim \mathrm{Poisson}(d\, r_c\, S\, B_{16}\, B_8\, B_4\, G_c),

with r the fitted rate per day; S the level of the whole region and B those of nested
squares, lognormal of mean 1, each one path through all leads; and G_c a gamma of mean 1 that
holds the uncertainty of the cell's rate and its overdispersion. The variances come from
the model's own errors in the past (:mod:`hotspot.models.level`). Where a variance is 0
its factor is 1; where all are, the count is Poisson.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import LeakError, ParameterError
from hotspot.grid.cells import Grid
from hotspot.grid.periods import period_days
from hotspot.guards.scope import NOT_SAID, Scope
from hotspot.models.level import LevelVariance, RateBefore
from hotspot.models.protocol import Model


@dataclass(frozen=True, eq=False)
class FittedRateMap:
    """A fitted map of rates; made by the ``fit`` of a model such as ``HistoricalRate``.

    Attributes
    ----------
    name : str
        The model's name.
    grid : Grid
    data_cutoff : Timestamp
        No event at or after this instant was used.
    rate : (ny, nx) float64
        Recorded offences per day and cell; 0 outside the region.
    rate_variance : (ny, nx) float64
        Relative variance of `rate` from estimating it (variance over squared rate); unitless.
    level : LevelVariance
        How far whole levels and single cells strayed in the past.
    parameters : mapping
        What was chosen and estimated.
    time_resolution, place_resolution
        Of the events it was fitted to.
    scope : Scope
        Offences it was fitted to, and what guards remarked or let pass.
    """

    name: str
    grid: Grid
    data_cutoff: pd.Timestamp
    rate: FloatArray
    rate_variance: FloatArray
    level: LevelVariance
    parameters: Mapping[str, object]
    time_resolution: str
    place_resolution: float
    interval_kind: str = (
        "chance, the uncertainty of each rate, and the movement of levels as seen in the past"
    )
    scope: Scope = NOT_SAID

    def expected_count(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Mean recorded offences per cell and period; (time, y, x)."""
        self._require_future(periods)
        days = period_days(periods)
        return self._labelled(days[:, None, None] * self.rate, periods)

    def count_variance(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Predictive variance of each count: mean + mean² x relative variance; (time, y, x)."""
        self._require_future(periods)
        mean = period_days(periods)[:, None, None] * self.rate
        lead = self._leads(periods)
        shared = (1 + self.level.region[lead]) * np.prod(1 + self.level.squares[:, lead], axis=0)
        relative = shared[:, None, None] * (1 + self._cell_variance()) - 1
        return self._labelled(mean + mean**2 * relative, periods)

    def simulate_counts(
        self, periods: pd.IntervalIndex, *, size: int, rng: np.random.Generator
    ) -> xr.DataArray:
        """Simulated futures; (member, time, y, x), float32 whole numbers, NaN outside.

        A member keeps its redrawn rates and the path of its levels through all periods.
        Memory is 4 x size x periods x cells bytes.
        """
        self._require_future(periods)
        if size < 1:
            raise ParameterError(f"size must be at least 1, got {size}.")
        inside = np.flatnonzero(self.grid.inside)
        rate, spread = self.rate.flat[inside], self._cell_variance().flat[inside]
        labels = self.level.square_of_cell.reshape(-1, self.rate.size)[:, inside]
        n_squares = labels.max(axis=1) + 1
        days, lead = period_days(periods)[:, None], self._leads(periods)
        out = np.full((size, len(periods), self.rate.size), np.nan, np.float32)
        for member in range(size):
            level = _path(self.level.region[lead], 1, rng)
            for variance, count, label in zip(self.level.squares, n_squares, labels, strict=True):
                level = level * _path(variance[lead], count, rng)[:, label]
            drawn = rate * _gamma_of_mean_one(spread, rng)
            out[member][:, inside] = _poisson(days * drawn * level, rng)
        out = out.reshape(size, len(periods), *self.grid.shape)
        return self._labelled(out, periods, member=np.arange(size))

    def summary(self) -> str:
        """The fit in a few lines of text."""
        total = self.rate.sum()
        level = self.level
        squares = ", ".join(f"{variance:.3g}" for variance in level.squares[:, 0])
        lines = [
            f"{self.name}: fitted to events before {self.data_cutoff:%Y-%m-%d %H:%M %Z}",
            f"  expected per day, whole region   {total:.4g}",
            "  relative variance, next period   "
            f"region {level.region[0]:.3g}; squares {squares}; cell {level.cell:.3g}",
        ]
        lines += [f"  {key:<32} {json.dumps(value)}" for key, value in self.parameters.items()]
        return "\n".join(lines)

    def _cell_variance(self) -> FloatArray:
        """Relative variance of G_c: of the estimated rate, and overdispersion; (ny, nx)."""
        return (1 + self.rate_variance) * (1 + self.level.cell) - 1

    def _leads(self, periods: pd.IntervalIndex) -> np.ndarray:
        ahead = (periods.mid - self.data_cutoff) / pd.Timedelta(days=1)
        return self.level.leads(ahead.to_numpy(float))

    def _require_future(self, periods: pd.IntervalIndex) -> None:
        first = periods.left.min()
        if first < self.data_cutoff:
            raise LeakError(
                f"The first period begins {first}, before the data cut-off "
                f"{self.data_cutoff}: the model has seen what it is asked to forecast."
            )

    def _labelled(self, values: np.ndarray, periods: pd.IntervalIndex, **leading) -> xr.DataArray:
        values = np.where(self.grid.inside, values, np.float32(np.nan)) if not leading else values
        coords = {
            **leading,
            "time": periods.left.tz_localize(None),
            "y": self.grid.y,
            "x": self.grid.x,
        }
        return xr.DataArray(values, coords, [*leading, "time", "y", "x"])


def rates_of(model: Model, events: Events, grid: Grid) -> RateBefore:
    """What a model's map would have been at any cut-off: a function of the cut-off.

    It gives the rate (ny, nx) per day and its relative variance. Models whose map is cheap offer
    it as ``rates(events, grid)``, and are spared the past origins from which a fit learns how
    levels move. Any other model is fitted at the cut-off, and its map is that of the week (for
    month data the month) that follows.

    Raises
    ------
    TooFewEventsError
        From the function, where nothing was recorded before the cut-off.
    """
    if hasattr(model, "rates"):
        return model.rates(events, grid)
    ahead = pd.DateOffset(months=1) if events.time_resolution == "month" else pd.Timedelta("7D")

    def rate_before(cutoff: pd.Timestamp) -> tuple[FloatArray, FloatArray]:
        local = cutoff.tz_convert(events.time_zone)
        next_period = pd.IntervalIndex.from_breaks([local, local + ahead], closed="left")
        fitted = model.fit(events, grid, end=cutoff)
        mean, variance = (
            np.where(grid.inside, of_period(next_period).to_numpy()[0], 0.0)
            for of_period in (fitted.expected_count, fitted.count_variance)
        )
        beyond_chance = np.maximum(variance - mean, 0.0)
        relative = np.divide(beyond_chance, mean**2, np.zeros_like(mean), where=mean > 0)
        return mean / period_days(next_period)[0], relative

    return rate_before


def _path(variance: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """(periods, count): lognormal factors of mean 1, one normal draw a path through the leads."""
    log_variance = np.log1p(variance)[:, None]
    return np.exp(rng.standard_normal(count) * np.sqrt(log_variance) - log_variance / 2)


def _gamma_of_mean_one(variance: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Gamma draws of mean 1; exactly 1 where the variance is 0."""
    drawn = np.ones(variance.size)
    varies = variance > 0
    shape = 1 / variance[varies]
    drawn[varies] = rng.standard_gamma(shape) / shape
    return drawn


def _poisson(mean: FloatArray, rng: np.random.Generator) -> np.ndarray:
    """Independent Poisson counts of these means.

    Where fewer offences than slots are expected, most slots stay empty and a draw for each
    is waste: the offences are drawn instead. Laid end to end, the slots are a line on which
    offences fall as a Poisson process; how many is Poisson, and where is uniform.
    """
    ends = np.cumsum(mean)
    if ends[-1] >= mean.size:
        return rng.poisson(mean)
    # Normalised sums of exponentials are uniforms in order, which spares sorting them.
    steps = np.cumsum(rng.standard_exponential(rng.poisson(ends[-1]) + 1))
    slot = np.searchsorted(ends, ends[-1] * (steps[:-1] / steps[-1]), side="right")
    slot = np.minimum(slot, mean.size - 1)  # a last step lost to rounding gives the line's very end
    return np.bincount(slot, minlength=mean.size).reshape(mean.shape)
