r"""How good the bounds are: narrow where they hold, and what it costs where they do not.

Smaller is better in all of these. They are proper: no bounds but the quantiles one believes in
score better on average. Coverage (:mod:`hotspot.evaluate.calibration`) says whether bounds hold;
these also say whether they are narrower than somebody else's that hold as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import xarray as xr

from hotspot._checks import (
    require_choice,
    require_same_grid,
    require_same_labels,
    require_variable,
)
from hotspot._typing import FloatArray
from hotspot.errors import ForecastError
from hotspot.evaluate._maps import MAP, inside_of
from hotspot.evaluate.calibration import bounds_of

Of = Literal["cells", "areas"]
_QUANTILES = {"cells": "count_quantile", "areas": "area_count_quantile"}


def interval_score(
    forecast: xr.Dataset, observed: xr.DataArray, *, level: float, of: Of = "cells"
) -> xr.DataArray:
    r"""Interval score: width of the bounds, plus a fine for every count outside them.

    .. math:: (u - l) + \frac{2}{\alpha} (l - y) 1\{y < l\} + \frac{2}{\alpha} (y - u) 1\{y > u\},
              \qquad \alpha = 1 - \mathrm{level}

    with :math:`l` and :math:`u` the predictive quantiles at :math:`\alpha / 2` and
    :math:`1 - \alpha / 2`; the mean over the cells inside the region, or over the areas. Smaller
    is better.

    Parameters
    ----------
    forecast : Dataset
        Holds ``count_quantile`` (quantile, ..., y, x), or ``area_count_quantile`` (quantile, ...,
        area).
    observed : DataArray (..., y, x) or (..., area)
        Event counts on the same grid, or of the same areas in the same order.
    level : float
        Nominal level in (0, 1), such as 0.9.
    of : {"cells", "areas"}
        Whose bounds are scored.

    Returns
    -------
    DataArray
        Events, over the remaining dimensions; at least 0. NaN where nothing was observed.

    Raises
    ------
    ForecastError
        If the forecast does not hold those two quantiles; the message names those it holds.
    GridMismatchError
        If the two are not on one grid, events fell where the forecast is NaN, or areas differ.
    ParameterError
        If `level` is outside (0, 1) or `of` is not known.

    References
    ----------
    Gneiting, T., & Raftery, A. E. (2007). Strictly proper scoring rules, prediction, and
    estimation. Journal of the American Statistical Association, 102, 359-378.
    https://doi.org/10.1198/016214506000001437

    Examples
    --------
    A 90 % interval [1, 4]: a count of 3 costs its width, 3; one of 6 costs 3 + 2 / 0.1 * 2 = 43.

    >>> bounds = xr.DataArray([[[1.0, 1.0]], [[4.0, 4.0]]], {"quantile": [0.05, 0.95]},
    ...                       ["quantile", "y", "x"])
    >>> forecast = xr.Dataset({"count_quantile": bounds})
    >>> observed = xr.DataArray([[3, 6]], dims=["y", "x"])
    >>> round(float(interval_score(forecast, observed, level=0.9)), 6)
    23.0
    """
    _require_of(of)
    bounds = xr.concat(bounds_of(forecast, _QUANTILES[of], level), "quantile")
    score = _over_bounds(_interval_score, bounds, observed, of, levels=level)
    return score.rename("interval_score").assign_attrs(
        long_name=f"interval score of the {level:.0%} interval", units="events", level=level
    )


def weighted_interval_score(
    forecast: xr.Dataset, observed: xr.DataArray, *, of: Of = "cells"
) -> xr.DataArray:
    r"""Weighted interval score: all of a forecast's bounds at once, in events.

    .. math:: \frac{1}{K + 1/2} \left( \tfrac12 |y - q_{0.5}| + \sum_{k=1}^{K}
              \tfrac{\alpha_k}{2} \mathrm{IS}_{\alpha_k} \right)
              = \frac{1}{J} \sum_{j=1}^{J} 2 \left(1\{y \le q_j\} - \tau_j\right) (q_j - y)

    over all :math:`J` quantiles the forecast holds, which must lie symmetrically about the
    median; without the median, :math:`K + 1/2` is :math:`K`. The more quantiles, the nearer it
    comes to the CRPS. Smaller is better.

    Parameters
    ----------
    forecast : Dataset
        Holds ``count_quantile`` (quantile, ..., y, x), or ``area_count_quantile`` (quantile, ...,
        area).
    observed : DataArray (..., y, x) or (..., area)
        Event counts on the same grid, or of the same areas in the same order.
    of : {"cells", "areas"}
        Whose bounds are scored.

    Returns
    -------
    DataArray
        Events, over the remaining dimensions; at least 0. NaN where nothing was observed.

    Raises
    ------
    ForecastError
        If the forecast holds no quantiles, or levels that are not symmetric.
    GridMismatchError, ParameterError
        As :func:`interval_score`.

    See Also
    --------
    crps : The same for the whole distribution.

    References
    ----------
    Bracher, J., Ray, E. L., Gneiting, T., & Reich, N. G. (2021). Evaluating epidemic forecasts in
    an interval format. PLOS Computational Biology, 17, e1008618.
    https://doi.org/10.1371/journal.pcbi.1008618

    Examples
    --------
    A median of 2 and a 90 % interval [1, 4] of a count of 6: (4 / 2 + 0.1 / 2 * 43) / 1.5.

    >>> bounds = xr.DataArray([[[1.0]], [[2.0]], [[4.0]]], {"quantile": [0.05, 0.5, 0.95]},
    ...                       ["quantile", "y", "x"])
    >>> forecast = xr.Dataset({"count_quantile": bounds})
    >>> observed = xr.DataArray([[6]], dims=["y", "x"])
    >>> round(float(weighted_interval_score(forecast, observed)), 4)
    2.7667
    """
    _require_of(of)
    quantiles = require_variable(forecast, _QUANTILES[of])
    levels = quantiles["quantile"].values
    if not np.allclose(levels + levels[::-1], 1, rtol=0, atol=1e-9):
        raise ForecastError(
            f"The quantiles must lie symmetrically about 0.5, got {levels.tolist()}. Score the "
            "interval you mean with interval_score(level=...)."
        )
    score = _over_bounds(_quantile_loss, quantiles, observed, of, levels=levels)
    return score.rename("weighted_interval_score").assign_attrs(
        long_name="weighted interval score", units="events"
    )


def _require_of(of: Of) -> None:
    require_choice(of, "of", ("cells", "areas"))


def _over_bounds(
    function: Callable, bounds: xr.DataArray, observed: xr.DataArray, of: Of, **options
) -> xr.DataArray:
    """Mean of `function` over the cells or areas of each map."""
    if of == "areas":
        require_same_labels(bounds, observed, hint="Sum the counts over the forecast's own areas.")
    else:
        require_same_grid(bounds, observed)
    core = ["area"] if of == "areas" else list(MAP)
    return xr.apply_ufunc(
        _mean_of_one_map,
        bounds,
        observed.astype(float),
        input_core_dims=[["quantile", *core], core],
        vectorize=True,
        output_dtypes=[float],
        kwargs={"function": function, **options},
        keep_attrs=False,
    )


def _mean_of_one_map(bounds, observed, *, function, levels) -> float:
    if observed.ndim == 1:  # areas, of which some may not have been recorded
        inside = ~(np.isnan(observed) | np.isnan(bounds).any(axis=0))
    else:
        inside = inside_of(bounds[0].astype(float), observed)
    if not inside.any():
        return np.nan
    return float(function(bounds[:, inside].astype(float), observed[inside], levels).mean())


def _interval_score(bounds: FloatArray, observed: FloatArray, level: float) -> FloatArray:
    lower, upper = bounds
    beyond = np.maximum(lower - observed, 0.0) + np.maximum(observed - upper, 0.0)
    return upper - lower + 2 / (1 - level) * beyond


def _quantile_loss(bounds: FloatArray, observed: FloatArray, levels: FloatArray) -> FloatArray:
    total = np.zeros(observed.size)
    for level, quantile in zip(levels, bounds, strict=True):
        above = quantile - observed
        total += np.maximum((1 - level) * above, -level * above)
    return 2 * total / len(levels)
