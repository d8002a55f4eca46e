"""What every model promises: a specification without data, and what it learned, without change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import xarray as xr

from hotspot.data.events import Events
from hotspot.grid.cells import Grid


@runtime_checkable
class Model(Protocol):
    """A specification: a frozen dataclass that holds options and no data."""

    def fit(self, events: Events, grid: Grid, *, end: pd.Timestamp | None = None) -> FittedModel:
        """Learn from the events before `end` (default: all of them)."""
        ...


@runtime_checkable
class FittedModel(Protocol):
    """What a model learned; frozen.

    ``periods`` are a left-closed, tz-aware IntervalIndex that begins at or after
    ``data_cutoff``. Arrays have dims (time, y, x), float64, NaN outside the region;
    ``time`` is the local start of each period.
    """

    @property
    def grid(self) -> Grid: ...
    @property
    def data_cutoff(self) -> pd.Timestamp: ...
    @property
    def name(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, object]:
        """What was chosen and estimated, ready for JSON."""
        ...

    @property
    def interval_kind(self) -> str:
        """What the bounds include, in words."""
        ...

    @property
    def time_resolution(self) -> str: ...
    @property
    def place_resolution(self) -> float: ...

    def expected_count(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Mean recorded offences per cell and period."""
        ...

    def count_variance(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Predictive variance of the count per cell and period: chance, parameters, level."""
        ...

    def simulate_counts(
        self, periods: pd.IntervalIndex, *, size: int, rng: np.random.Generator
    ) -> xr.DataArray:
        """Simulated futures: dims (member, time, y, x), float32 whole numbers, NaN outside."""
        ...
