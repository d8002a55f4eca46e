"""A map of rates, a shared level that moves, and chance: the futures of a map-shaped model.

The count of cell c in a period of d days is drawn as

.. math::  N_c \\sim \\mathrm{Poisson}(d\\, r_c\\, S\\, B_{b(c)}\\, G_c),

with r the fitted rate per day; S a level shared by the whole region, B one shared by
each block of cells, and G one for each cell: independent gammas of mean 1. Their
variances come from the model's own one-period-ahead errors in the past
(:mod:`hotspot.models.level`), so that they hold parameter and level uncertainty and the
overdispersion that the past showed. Where a variance is 0 that factor is 1, and where all are,
the count is Poisson.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._typing import FloatArray, IntArray
from hotspot.errors import LeakError, ParameterError
from hotspot.grid.cells import Grid
from hotspot.grid.periods import period_days


@dataclass(frozen=True, eq=False)
class LevelVariance:
    """Relative variances of the factors that multiply a map of rates.

    Attributes
    ----------
    region, block, cell : float
        Variance of S, of each B, and of the part of each G that is overdispersion; unitless, >= 0.
    block_of_cell : (ny, nx) int64
        Which block each cell belongs to; blocks are squares aligned with the grid.
    """

    region: float
    block: float
    cell: float
    block_of_cell: IntArray


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
        "chance, estimated rates, and the level of region and blocks as it strayed in the past"
    )

    def expected_count(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Mean recorded offences per cell and period; (time, y, x)."""
        self._require_future(periods)
        days = period_days(periods)
        return self._labelled(days[:, None, None] * self.rate, periods)

    def count_variance(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Predictive variance of each count: mean + mean² x relative variance; (time, y, x)."""
        self._require_future(periods)
        mean = period_days(periods)[:, None, None] * self.rate
        return self._labelled(mean + mean**2 * self._relative_variance(), periods)

    def simulate_counts(
        self, periods: pd.IntervalIndex, *, size: int, rng: np.random.Generator
    ) -> xr.DataArray:
        """Simulated futures; (member, time, y, x), float32 whole numbers, NaN outside.

        A member keeps its levels and its redrawn rates through all periods. Memory is
        4 x size x periods x cells bytes.
        """
        self._require_future(periods)
        if size < 1:
            raise ParameterError(f"size must be at least 1, got {size}.")
        inside = self.grid.inside
        rate = self.rate[inside]
        spread = (1 + self.rate_variance[inside]) * (1 + self.level.cell) - 1
        blocks, block_of_cell = np.unique(self.level.block_of_cell[inside], return_inverse=True)
        days = period_days(periods)
        out = np.full((size, len(periods), *self.grid.shape), np.nan, np.float32)
        for member in range(size):
            level = _gamma_of_mean_one(self.level.region, 1, rng)
            level = level * _gamma_of_mean_one(self.level.block, blocks.size, rng)[block_of_cell]
            drawn = rate * level * _gamma_of_mean_one(spread, rate.size, rng)
            out[member][:, inside] = rng.poisson(days[:, None] * drawn)
        return self._labelled(out, periods, member=np.arange(size))

    def summary(self) -> str:
        """The fit in a few lines of text."""
        total = self.rate.sum()
        lines = [
            f"{self.name}: fitted to events before {self.data_cutoff:%Y-%m-%d %H:%M %Z}",
            f"  expected per day, whole region   {total:.4g}",
            f"  relative variance of the level   region {self.level.region:.3g}, "
            f"block {self.level.block:.3g}, cell {self.level.cell:.3g}",
        ]
        lines += [f"  {key:<32} {json.dumps(value)}" for key, value in self.parameters.items()]
        return "\n".join(lines)

    def _relative_variance(self) -> FloatArray:
        level = self.level
        return (1 + level.region) * (1 + level.block) * (1 + level.cell) * (
            1 + self.rate_variance
        ) - 1

    def _require_future(self, periods: pd.IntervalIndex) -> None:
        if periods[0].left < self.data_cutoff:
            raise LeakError(
                f"The first period begins {periods[0].left}, before the data cut-off "
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


def _gamma_of_mean_one(variance, size: int, rng: np.random.Generator) -> FloatArray:
    """Gamma draws of mean 1; exactly 1 where the variance is 0."""
    variance = np.broadcast_to(np.asarray(variance, float), size)
    drawn = np.ones(size)
    varies = variance > 0
    shape = 1 / variance[varies]
    drawn[varies] = rng.standard_gamma(shape) / shape
    return drawn
