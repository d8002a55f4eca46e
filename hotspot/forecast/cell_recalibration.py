r"""Bounds of cells moved to the levels that held on earlier folds, apart for quiet and hot cells.

A named step, told in the forecast's attribute ``cell_recalibration``: which folds were used, how
cells were put into classes, and to what level each level was moved in each class, at each horizon.
Means, variances, chances and areas stay as they were.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._checks import require_same_grid, require_variable
from hotspot._numba.count_scores import negative_binomial_cdf
from hotspot._typing import FloatArray, IntArray
from hotspot.errors import ForecastError, ParameterError
from hotspot.forecast.earlier_folds import (
    fold_ends,
    latest_known,
    refuse_a_seen_future,
    require_folds,
    told_folds,
)
from hotspot.forecast.schema import check_forecast

CLASSES = (0.5, 0.8, 0.95)
_HALVINGS = 30  # of the unit interval, to find a level


def recalibrate_cells(
    forecast: xr.Dataset,
    earlier: xr.Dataset,
    *,
    folds: int = 24,
    classes: Sequence[float] = CLASSES,
) -> xr.Dataset:
    r"""Move the bounds of cells so that they would have held in the past as often as they say.

    Cells are put into classes by the rank of their expected count in their map. With F the
    forecast's distribution of a count, negative binomial by its mean and variance, and y what was
    recorded, the outcomes of a class in earlier folds tell how often the chance that F gave was
    not exceeded,

    .. math:: G(u) = \frac{1}{n} \sum_i \min\Bigl(1, \max\Bigl(0,
              \frac{u - F_i(y_i - 1)}{F_i(y_i) - F_i(y_i - 1)}\Bigr)\Bigr),

    which is u where the forecasts were right. The bound of level q becomes the smallest count n
    with :math:`F(n) \ge G^{-1}(q)`.

    Parameters
    ----------
    forecast : Dataset
        From :func:`hotspot.issue_forecast`.
    earlier : Dataset
        From :func:`hotspot.backtest`, of one model (``result.sel(model=...)``), on the same grid,
        with as many steps or more. Observations of periods that end after the forecast's
        ``data_cutoff`` must have been blanked by :func:`recorded_before`.
    folds : int
        How many of the latest earlier folds are used at each horizon.
    classes : sequence of float
        Ascending shares of the cells, quietest first, at which classes part; the default keeps the
        quieter half, the next 30 % and 15 %, and the hottest 5 % apart. Empty for one class.

    Returns
    -------
    Dataset
        A copy with new ``count_quantile`` and the attribute ``cell_recalibration``, JSON: the
        ``method``, the ``classes``, and for each step the ``folds`` used, the first and last of
        their cut-offs, and by level the ``levels`` it was moved to, a number for each class.

    Raises
    ------
    LeakError
        If an observation in `earlier` ended after the forecast's ``data_cutoff``.
    TooFewEventsError
        If a horizon has fewer than 6 earlier folds.
    ForecastError
        If a variable is missing, `earlier` lacks steps of the forecast, or the forecast's cells
        were recalibrated before.
    GridMismatchError
        If the grids differ.
    ParameterError
        If `earlier` holds several models, `folds` is below 6, or `classes` are not ascending
        shares in (0, 1).

    See Also
    --------
    recalibrate : the same for areas.

    Notes
    -----
    Cells of a month err together, so the number of folds says how well G is known, and a level
    that was off in the last two years is taken to stay so. Costs one negative binomial sum for
    each cell, step and fold.

    References
    ----------
    Czado, C., Gneiting, T., & Held, L. (2009). Predictive model assessment for count data.
    Biometrics, 65, 1254-1261. https://doi.org/10.1111/j.1541-0420.2009.01191.x

    Kuleshov, V., Fenner, N., & Ermon, S. (2018). Accurate uncertainties for deep learning using
    calibrated regression. Proceedings of Machine Learning Research, 80, 2796-2804.
    https://doi.org/10.48550/arXiv.1807.00263

    Examples
    --------
    >>> from hotspot import Grid, HistoricalRate, backtest, issue_forecast, load_boroughs
    >>> from hotspot import load_sample, make_periods, rolling_origin
    >>> boroughs, model = load_boroughs(["Camden"]), HistoricalRate("12 months")
    >>> events, grid = load_sample(offences="Burglary"), Grid.over(boroughs, cell_size=500)
    >>> rng = np.random.default_rng(1)
    >>> earlier = backtest({"one": model}, events, grid, rolling_origin("2024-01", "2025-01"),
    ...     rng=rng, size=100)
    >>> january = make_periods("2025-01", count=1)
    >>> forecast = issue_forecast(model.fit(events, grid), january, rng=rng)
    >>> after = recalibrate_cells(forecast, earlier.sel(model="one"))
    >>> told = json.loads(after.attrs["cell_recalibration"])["steps"][0]
    >>> told["folds"], len(told["levels"]["0.95"])
    (12, 4)
    """
    if "cell_recalibration" in forecast.attrs:
        raise ForecastError("These cells were recalibrated before; give the forecast as issued.")
    require_folds(earlier, folds)
    edges = _checked_classes(classes)
    bounds = require_variable(forecast, "count_quantile")
    past = [
        require_variable(earlier, name).transpose("fold", "step", "y", "x")
        for name in ("expected_count", "count_variance", "observed_count")
    ]
    require_same_grid(bounds, past[0])
    if earlier.sizes["step"] < forecast.sizes["time"]:
        raise ForecastError(
            f"The earlier folds hold {earlier.sizes['step']} steps and the forecast "
            f"{forecast.sizes['time']}. Backtest with the horizon of the forecast."
        )
    known = past[2].notnull().any(["y", "x"]).to_numpy()
    cutoff = pd.Timestamp(forecast.attrs["data_cutoff"])
    refuse_a_seen_future(known, fold_ends(earlier, str(forecast.attrs["time_zone"])), cutoff)
    levels = bounds["quantile"].to_numpy()
    new, told = bounds.to_numpy().copy(), []
    for step in range(forecast.sizes["time"]):
        rows = latest_known(known, step, folds)
        moved = _moved_levels([one[rows, step].to_numpy() for one in past], levels, edges)
        new[:, step] = _bounds(forecast.isel(time=step), moved, edges)
        by_level = {f"{q:.6g}": row.round(6).tolist() for q, row in zip(levels, moved, strict=True)}
        told.append({**told_folds(earlier, rows), "levels": by_level})
    result = forecast.assign(count_quantile=bounds.copy(data=new))
    method = "levels moved by the distribution of past PIT values, by class of expected count"
    record = {"method": method, "classes": list(edges), "steps": told}
    result.attrs["cell_recalibration"] = json.dumps(record)
    result.attrs["interval_kind"] += "; bounds of cells moved to levels that held on earlier folds"
    return check_forecast(result)


def _checked_classes(classes: Sequence[float]) -> tuple[float, ...]:
    edges = np.asarray(classes, float)
    if edges.ndim != 1 or (np.diff([0.0, *edges, 1.0]) <= 0).any():
        raise ParameterError(f"classes must be ascending shares in (0, 1), got {classes!r}.")
    return tuple(edges.tolist())


def _class_of(expected: FloatArray, edges: tuple[float, ...]) -> IntArray:
    """Class of each cell of a map, by rank; cells with equal counts are of one class."""
    return np.searchsorted(np.quantile(expected, edges), expected, side="right")


def _moved_levels(past: list[FloatArray], levels: FloatArray, edges) -> FloatArray:
    """The level that each level is moved to in each class; (levels, classes)."""
    below, upto, kind = [], [], []
    for maps in zip(*past, strict=True):
        inside = np.isfinite(maps[0]) & np.isfinite(maps[2])
        mean, variance, seen = (one[inside].astype(float) for one in maps)
        fewer, equal = negative_binomial_cdf(mean, variance, seen)
        below.append(fewer)
        upto.append(fewer + equal)
        kind.append(_class_of(mean, edges))
    below, upto, kind = (np.concatenate(parts) for parts in (below, upto, kind))
    moved = np.tile(levels[:, None], len(edges) + 1)
    for k in np.unique(kind):
        chosen = kind == k
        moved[:, k] = _inverse(levels, below[chosen], upto[chosen])
    return moved


def _inverse(levels: FloatArray, below: FloatArray, upto: FloatArray) -> FloatArray:
    """Where the mean of distributions that rise evenly from `below` to `upto` reaches each level.

    An outcome that F gave no chance at all is a step.
    """
    width = np.maximum(upto - below, 1e-12)
    low, high = np.zeros(levels.size), np.ones(levels.size)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reached = [np.clip((u - below) / width, 0.0, 1.0).mean() for u in middle]
        under = np.array(reached) < levels
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return (low + high) / 2


def _bounds(forecast: xr.Dataset, moved: FloatArray, edges) -> FloatArray:
    """The smallest counts whose chance of not being exceeded reaches the levels; (levels, y, x)."""
    mean, variance = (forecast[name].to_numpy() for name in ("expected_count", "count_variance"))
    inside = np.isfinite(mean)
    mean, variance = mean[inside].astype(float), variance[inside].astype(float)
    wanted = moved[:, _class_of(mean, edges)]
    found = np.zeros(wanted.shape)
    rest, count = np.arange(mean.size), 0.0
    while rest.size:
        chance = negative_binomial_cdf(mean[rest], variance[rest], np.full(rest.size, count))
        short = chance.sum(axis=0) < wanted[:, rest]
        found[:, rest] += short
        # A level of 1 is reached as nearly as rounding allows.
        rest = rest[short.any(axis=0) & (chance.sum(axis=0) < 1 - 1e-12)]
        count += 1.0
    out = np.full((len(moved), *inside.shape), np.nan)
    out[:, inside] = found
    return out
