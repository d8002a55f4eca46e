"""Simulated futures of a fitted model, held small, and their quantiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from hotspot._numba.ensemble import count_quantiles
from hotspot._typing import FloatArray
from hotspot.errors import ForecastError, ParameterError
from hotspot.grid.cells import Grid
from hotspot.models.protocol import FittedModel

MAX_BYTES = 4 * 2**30
_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Futures:
    """What is kept of the simulated futures.

    Attributes
    ----------
    counts : (n_periods, n_inside, size) unsigned integers
        As narrow as they can be.
    sums : (size, n_periods, n_areas) float64, or None
        Sums of each whole future over areas.
    members : (size, n_periods, ny, nx) float32, or None
        The futures as the model gave them.
    """

    counts: np.ndarray
    sums: FloatArray | None
    members: np.ndarray | None


def require_room(
    grid: Grid, n_periods: int, *, size: int, n_areas: int, keep_members: bool
) -> None:
    """Refuse, with an estimate, what would not fit: 1 byte a count, 4 a kept one, 8 a sum."""
    cells = int(grid.inside.sum())
    needed = size * n_periods * (cells + 8 * n_areas + 4 * keep_members * grid.inside.size)
    if needed > MAX_BYTES:
        raise ParameterError(
            f"{size} futures of {n_periods} periods, {cells:,} cells and {n_areas:,} areas would "
            f"take at least {needed / 2**30:.1f} GiB, over the limit of {MAX_BYTES / 2**30:g}. "
            "Forecast fewer periods or futures at a time"
            + (", or do not keep the members." if keep_members else ".")
        )


def simulate_futures(
    fitted: FittedModel,
    periods: pd.IntervalIndex,
    *,
    size: int,
    rng: np.random.Generator,
    weights: csr_array | None,
    keep_members: bool,
) -> Futures:
    """Draw `size` futures in blocks, each future whole: all its periods and all its cells."""
    grid, n_periods = fitted.grid, len(periods)
    flat = np.flatnonzero(grid.inside)
    counts = np.zeros((n_periods, flat.size, size), np.uint8)
    sums = None if weights is None else np.empty((size, n_periods, weights.shape[0]))
    members = np.empty((size, n_periods, *grid.shape), np.float32) if keep_members else None
    for block in _blocks(size, 4 * n_periods * grid.inside.size):
        drawn = fitted.simulate_counts(periods, size=block.stop - block.start, rng=rng)
        drawn = drawn.transpose("member", "time", "y", "x").to_numpy()
        inside = drawn.reshape(*drawn.shape[:2], -1)[:, :, flat]
        packed = _packed(inside, fitted.name)
        if packed.itemsize > counts.itemsize:
            counts = counts.astype(packed.dtype)
        counts[:, :, block] = packed.transpose(1, 2, 0)
        if sums is not None:
            for time in range(n_periods):
                sums[block, time] = (weights @ inside[:, time].T.astype(float)).T
        if members is not None:
            members[block] = drawn
    return Futures(counts, sums, members)


def _blocks(size: int, bytes_each: int) -> Iterator[slice]:
    """Members in blocks of bounded memory; the split depends on nothing but the shapes."""
    step = max(1, _BLOCK_BYTES // bytes_each)
    for start in range(0, size, step):
        yield slice(start, min(start + step, size))


def _packed(values: np.ndarray, name: str) -> np.ndarray:
    """Counts as the narrowest unsigned integers that hold them; anything else is refused."""
    low, high = values.min(), values.max()  # a NaN comes through both
    packed = values.astype(np.min_scalar_type(int(high))) if 0 <= low <= high < 2**32 else None
    if packed is None or not np.array_equal(packed, values):
        raise ForecastError(
            f"{name} simulated counts that are not whole numbers from 0 to 2**32 (they run from "
            f"{low:g} to {high:g})."
        )
    return packed


def cell_quantiles(counts: np.ndarray, levels: FloatArray, grid: Grid) -> np.ndarray:
    """Quantiles over members, back on the map; (quantile, time, y, x)."""
    n_periods, n_cells, size = counts.shape
    ranks = np.ceil(size * levels).astype(np.int64)
    found = count_quantiles(counts.reshape(-1, size), ranks).reshape(n_periods, n_cells, -1)
    out = np.full((levels.size, n_periods, *grid.shape), np.nan, np.float32)
    out[:, :, grid.inside] = found.transpose(2, 0, 1)
    return out
