"""Flags and counts as windows by cells, and intervals from blocks of windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from hotspot._checks import require_same_grid
from hotspot._typing import BoolArray, FloatArray
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.evaluate.comparison import block_bootstrap_means

DRAWS = 2000
_ORDER = ("fold", "step", "time", "window")


@dataclass(frozen=True)
class Resampling:
    """How intervals over windows are made.

    Attributes
    ----------
    rng : Generator
    level : float
    block : int
        Windows in a row that are drawn together.
    """

    rng: np.random.Generator
    level: float = 0.95
    block: int = 3


def as_windows(array: xr.DataArray, inside: BoolArray | None = None) -> FloatArray:
    """(windows, cells inside): in order of fold and step; a single map is one window."""
    extra = [dim for dim in array.dims if dim not in ("y", "x")]
    if unknown := set(extra) - set(_ORDER):
        raise ParameterError(
            f"An audit is of one forecaster: {sorted(map(str, unknown))} must be chosen first, "
            "such as with backtest.sel(model=...)."
        )
    in_order = [dim for dim in _ORDER if dim in extra]
    values = array.transpose(*in_order, "y", "x").to_numpy().astype(float)
    values = values.reshape(-1, values.shape[-2] * values.shape[-1])
    return values[:, inside_of(values) if inside is None else inside]


def inside_of(values: FloatArray) -> BoolArray:
    """(cells,) bool: cells that are not NaN in any window."""
    return ~np.isnan(values).any(axis=0)


def inside_both(array: xr.DataArray, other: xr.DataArray) -> BoolArray:
    """(cells,) bool: the cells that neither of two maps leaves out.

    Raises
    ------
    GridMismatchError
        If the two do not lie on one grid.
    """
    require_same_grid(array, other)
    every = np.ones(array.sizes["y"] * array.sizes["x"], bool)
    known = other.notnull()
    rest = [dim for dim in other.dims if dim not in ("y", "x")]
    kept = known.all(rest).transpose("y", "x").to_numpy().ravel()
    return inside_of(as_windows(array, every)) & kept


def ratio_of_sums(above: FloatArray, below: FloatArray, how: Resampling):
    """Sums over windows of rows `above` over `below`, and their interval.

    Parameters
    ----------
    above, below : (rows, windows) float64
    how : Resampling

    Returns
    -------
    ratio : (rows,) float64
        NaN where nothing is below.
    interval : (2, rows) float64, or None where there are fewer than two blocks of windows.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = above.sum(axis=1) / below.sum(axis=1)
        try:
            drawn = block_bootstrap_means(
                np.vstack([above, below]), block=how.block, size=DRAWS, rng=how.rng
            )
        except TooFewEventsError:
            return ratio, None
        ratios = drawn[: len(above)] / drawn[len(above) :]
    edges = [(1 - how.level) / 2, (1 + how.level) / 2]
    return ratio, np.quantile(ratios, edges, axis=1, method="inverted_cdf")


FEW_WINDOWS = "There are too few windows for an interval: at least two blocks are needed."
