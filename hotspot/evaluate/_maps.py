"""A function of one map, applied to every map of a forecast."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from hotspot._checks import require_same_grid, require_share, require_variable
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


def over_ranked_maps(
    function: Callable,
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None,
    **options,
) -> xr.DataArray:
    """Call `function` on expected counts, observed counts and areas, for some shares of area."""
    shares = shares_of(area_share)
    score = over_areas(
        function, forecast, observed, cell_area, output=["area_share"], shares=shares, **options
    )
    return with_shares(score, area_share)


def over_areas(
    function: Callable,
    forecast: xr.Dataset,
    observed: xr.DataArray,
    cell_area: xr.DataArray | None,
    *,
    output: Sequence[str] = (),
    **options,
) -> xr.DataArray:
    """Call `function` on expected counts, observed counts and areas."""
    expected = require_variable(forecast, "expected_count")
    require_same_grid(expected, observed)
    area = area_of_cells(forecast, cell_area)
    return over_maps(function, expected, observed, area, output=output, **options)


def shares_of(area_share: float | Sequence[float]) -> FloatArray:
    """(n,) shares in (0, 1]."""
    shares = np.atleast_1d(np.asarray(area_share, float))
    if shares.ndim != 1 or shares.size == 0:
        raise ParameterError(
            f"area_share must be a number or a sequence of them, got {area_share}."
        )
    for share in shares:
        require_share(share, "area_share")
    return shares


def with_shares(values: xr.DataArray, area_share: float | Sequence[float]) -> xr.DataArray:
    """`values` with the shares as labels, or without that dimension where one number was asked."""
    if np.ndim(area_share) == 0:
        return values.squeeze("area_share", drop=True)
    return values.assign_coords(area_share=shares_of(area_share))


def area_of_cells(forecast: xr.Dataset, cell_area: xr.DataArray | None) -> xr.DataArray:
    """(y, x): the areas given, else the forecast's own, else 1 for every cell."""
    expected = require_variable(forecast, "expected_count")
    if cell_area is None and "inside_area" in forecast:
        cell_area = forecast["inside_area"]
    if cell_area is None:
        first = {dim: 0 for dim in expected.dims if dim not in MAP}
        return xr.ones_like(expected.isel(first, drop=True), dtype=float)
    require_same_grid(expected, cell_area)
    return cell_area.reset_coords(drop=True)


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
