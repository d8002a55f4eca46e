"""A function of one map, applied to every map of a forecast."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from hotspot._typing import BoolArray, FloatArray
from hotspot.errors import ForecastError, GridMismatchError, ParameterError

MAP = ("y", "x")


def over_maps(
    function: Callable, *maps: xr.DataArray, output: Sequence[str] = (), **options
) -> xr.DataArray:
    """Call `function` on the (y, x) arrays of each label of the other dimensions.

    Arrays that lack a dimension (observed counts lack `model`) are the same for all its labels.
    """
    return xr.apply_ufunc(
        function,
        *[array.astype(float) for array in maps],
        input_core_dims=[MAP] * len(maps),
        output_core_dims=[tuple(output)],
        vectorize=True,
        output_dtypes=[float],
        kwargs=options,
        keep_attrs=False,
    )


def inside_of(expected: FloatArray, observed: FloatArray) -> BoolArray:
    """(y, x) bool: the cells to score; none where nothing was observed anywhere.

    NaN means outside the region, and both must say so of the same cells: an event that
    fell where the forecast is silent would otherwise vanish from the score.
    """
    inside = ~np.isnan(expected)
    if np.isnan(observed).all():
        return np.zeros_like(inside)
    missed = ~inside & (observed > 0)
    if missed.any():
        raise GridMismatchError(
            f"observed holds {observed[missed].sum():g} events in {missed.sum()} cells where the "
            "forecast is NaN, that is, outside its region. Count the events over the forecast's "
            "own region, or drop those cells from both."
        )
    unknown = inside & np.isnan(observed)
    if unknown.any():
        raise GridMismatchError(
            f"observed is NaN in {unknown.sum()} of the {inside.sum()} cells that the forecast "
            "covers. Count the events with the grid that the forecast was made on: "
            "count_events(events, grid, periods)."
        )
    _require_counts(expected[inside], observed[inside])
    return inside


def _require_counts(expected: FloatArray, observed: FloatArray) -> None:
    wrong = ~np.isfinite(expected) | (expected < 0)
    if wrong.any():
        raise ForecastError(
            f"The forecast is negative or infinite in {wrong.sum()} cells, first "
            f"{expected[wrong][0]}; a count is neither."
        )
    wrong = ~np.isfinite(observed) | (observed < 0)
    if wrong.any():
        raise ParameterError(
            f"observed is negative or infinite in {wrong.sum()} cells, first {observed[wrong][0]}."
        )


def require_whole_counts(observed: FloatArray) -> None:
    """Refuse counts that are not whole: a chance of 1.5 events is not defined."""
    broken = observed != np.floor(observed)
    if broken.any():
        raise ParameterError(
            f"observed must hold whole numbers of events, got {observed[broken][0]}. "
            "Score rates or means with the ranking scores instead."
        )
