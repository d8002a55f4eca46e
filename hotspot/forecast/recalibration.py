r"""Bounds of areas widened or narrowed until they would have held on earlier folds.

A named step, told in the forecast's attribute ``recalibration``: which folds were used and by what
factor each pair of bounds was stretched about the median, at each horizon. Means and the futures
of cells stay as they were; an area's stretched bounds are then no longer quantiles of the sums of
those futures, which the attribute ``interval_kind`` says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._checks import require_same_labels, require_variable
from hotspot._typing import BoolArray, FloatArray, IntArray
from hotspot.errors import ForecastError, ParameterError
from hotspot.forecast.earlier_folds import (
    FEWEST_FOLDS,
    fold_ends,
    latest_known,
    refuse_a_seen_future,
    require_folds,
    told_folds,
)
from hotspot.forecast.schema import check_forecast

_NARROWEST = 0.5  # of an event: a bound that lies on the median has nothing to stretch


def recalibrate(
    forecast: xr.Dataset, earlier: xr.Dataset, *, folds: int = 24, adapt: float = 0.0
) -> xr.Dataset:
    r"""Stretch the bounds of areas so that they would have held in the past as often as they say.

    For the pair of bounds L, U of nominal level c about the median m, each area and each earlier
    fold gives a score, and the factor k is the score that a share c of them does not exceed:

    .. math:: s = \max\Bigl(\frac{m - y}{m - L}, \frac{y - m}{U - m}\Bigr), \qquad
              L' = m - k (m - L), \quad U' = m + k (U - m).

    Scores are pooled over areas, apart for each horizon. Should stretched bounds of two levels
    cross, they are put in order.

    With `adapt` > 0 the share c is itself moved by what bounds so stretched would have held, fold
    after fold, each time by the outcomes that were known at its cut-off: after a fold in which a
    share e of the areas lay outside,

    .. math:: \alpha \leftarrow \alpha + \gamma (1 - c - e),

    and k is the score that a share :math:`1 - \alpha` do not exceed, at most the largest seen. So
    bounds widen within months of a break, and narrow as fast when it is over.

    Parameters
    ----------
    forecast : Dataset
        From :func:`hotspot.issue_forecast` with `areas`.
    earlier : Dataset
        From :func:`hotspot.backtest`, of one model (``result.sel(model=...)``), for the same areas,
        with as many steps or more. Observations of periods that end after the forecast's
        ``data_cutoff`` must have been blanked by :func:`recorded_before`.
    folds : int
        How many of the latest earlier folds are used at each horizon.
    adapt : float
        γ, from 0, which leaves the level as it is, to 1; about .05 is slow and .2 fast.

    Returns
    -------
    Dataset
        A copy with new ``area_count_quantile`` and the attribute ``recalibration``, JSON: the
        ``method``, and for each step the ``folds`` used, the first and last of their cut-offs,
        the ``factors`` by level and, if they adapt, the ``shares`` :math:`1 - \alpha` behind them.

    Raises
    ------
    LeakError
        If an observation in `earlier` ended after the forecast's ``data_cutoff``.
    TooFewEventsError
        If a horizon has fewer than 6 earlier folds.
    ForecastError
        If either has no bounds of areas, levels do not come in pairs about 0.5, `earlier` lacks
        levels or steps of the forecast, or the forecast was recalibrated before.
    GridMismatchError
        If the areas differ.
    ParameterError
        If `earlier` holds several models, `folds` is below 6, or `adapt` outside [0, 1].

    See Also
    --------
    recalibrate_cells : the same for cells.

    Notes
    -----
    Areas err together, so the number of folds, not of areas times folds, says how well the factors
    are known: 24 are few for a level of 95 %. No factor can foretell a break.

    References
    ----------
    Romano, Y., Patterson, E., & Candès, E. (2019). Conformalized quantile regression. Advances in
    Neural Information Processing Systems, 32. https://doi.org/10.48550/arXiv.1905.03222

    Gibbs, I., & Candès, E. (2021). Adaptive conformal inference under distribution shift. Advances
    in Neural Information Processing Systems, 34. https://doi.org/10.48550/arXiv.2106.00170

    Chernozhukov, V., Fernández-Val, I., & Galichon, A. (2010). Quantile and probability curves
    without crossing. Econometrica, 78(3), 1093-1125. https://doi.org/10.3982/ECTA7880

    Examples
    --------
    >>> from hotspot import Grid, HistoricalRate, backtest, issue_forecast, load_boroughs
    >>> from hotspot import load_sample, make_periods, rolling_origin
    >>> boroughs, model = load_boroughs(["Camden", "Islington"]), HistoricalRate("12 months")
    >>> events, grid = load_sample(offences="Burglary"), Grid.over(boroughs, cell_size=1000)
    >>> rng = np.random.default_rng(1)
    >>> earlier = backtest({"one": model}, events, grid, rolling_origin("2023-01", "2025-01"),
    ...     rng=rng, size=100, areas=boroughs)
    >>> forecast = issue_forecast(model.fit(events, grid), make_periods("2025-01", count=1),
    ...     rng=rng, areas=boroughs)
    >>> after = recalibrate(forecast, earlier.sel(model="one"))
    >>> json.loads(after.attrs["recalibration"])["steps"][0]["folds"]
    24
    """
    if "recalibration" in forecast.attrs:
        raise ForecastError("This forecast was recalibrated before; give the one that was issued.")
    require_folds(earlier, folds)
    if not 0 <= adapt <= 1:
        raise ParameterError(f"adapt must be from 0 to 1, got {adapt}.")
    bounds = require_variable(forecast, "area_count_quantile")
    past = require_variable(earlier, "area_count_quantile")
    seen = require_variable(earlier, "area_observed_count")
    require_same_labels(bounds["area"], past["area"], hint="Backtest with the forecast's areas.")
    levels = _paired_levels(bounds)
    past = past.transpose("fold", "step", "quantile", "area")
    if past.sizes["step"] < bounds.sizes["time"] or not np.isin(levels, past["quantile"]).all():
        raise ForecastError(
            f"The earlier folds hold {past.sizes['step']} steps and levels "
            f"{past['quantile'].values.tolist()}; the forecast {bounds.sizes['time']} and "
            f"{levels.tolist()}. Backtest with the horizon and quantiles of the forecast."
        )
    cutoff = pd.Timestamp(forecast.attrs["data_cutoff"])
    seen = seen.transpose("fold", "step", "area")
    ends = fold_ends(earlier, str(forecast.attrs["time_zone"]))
    refuse_a_seen_future(seen.notnull().any("area").to_numpy(), ends, cutoff)
    begun = pd.to_datetime(earlier["data_cutoff"].to_numpy(), utc=True)
    past = _Past(
        past.sel(quantile=levels).to_numpy().astype(float),
        seen.to_numpy(),
        ends[None] <= np.array(list(begun), dtype=object)[:, None, None],
        folds,
        adapt,
    )
    bounded = bounds.transpose("time", "quantile", "area").to_numpy().astype(float)
    new, told = _recalibrated(bounded, levels, past)
    for step in told:
        step.update(told_folds(earlier, step.pop("rows")))
    shaped = bounds.transpose("time", "quantile", "area").copy(data=new).transpose(*bounds.dims)
    result = forecast.assign(area_count_quantile=shaped.astype(bounds.dtype))
    method = f"{'adaptive ' * (adapt > 0)}conformal stretch about the median"
    record = {"method": method, "steps": told}
    result.attrs["recalibration"] = json.dumps(record)
    result.attrs["interval_kind"] += "; bounds of areas stretched to hold on earlier folds"
    return check_forecast(result)


def recorded_before(result: xr.Dataset, cutoff: pd.Timestamp | str) -> xr.Dataset:
    """A backtest as it was known at `cutoff`: later observations are blanked.

    Parameters
    ----------
    result : Dataset
        From :func:`hotspot.backtest`.
    cutoff : Timestamp or str
        With a time zone, such as ``forecast.attrs["data_cutoff"]``.

    Returns
    -------
    Dataset
        Folds that began at or after `cutoff` are gone; observed counts of periods that end after
        it are NaN.

    Raises
    ------
    ParameterError
        If `cutoff` has no time zone.

    Examples
    --------
    >>> ends = np.array([["2019-02-01", "2019-03-01"]], "datetime64[ns]")
    >>> result = xr.Dataset(
    ...     {"area_observed_count": (("fold", "step", "area"), [[[5.0], [7.0]]])},
    ...     {"time_end": (("fold", "step"), ends),
    ...      "data_cutoff": ("fold", ["2019-01-01T00:00:00+00:00"])}, {"time_zone": "UTC"})
    >>> recorded_before(result, "2019-02-01T00:00+00:00")["area_observed_count"].values.ravel()
    array([ 5., nan])
    """
    cutoff = pd.Timestamp(cutoff)
    if cutoff.tz is None:
        raise ParameterError(f"cutoff must carry a time zone, got {cutoff}.")
    begun = pd.to_datetime(result["data_cutoff"].to_numpy(), utc=True) < cutoff
    kept = result.isel(fold=np.flatnonzero(begun))
    ends = fold_ends(kept, str(result.attrs["time_zone"]))
    in_time = np.array([end <= cutoff for end in ends.ravel()], bool).reshape(ends.shape)
    known = xr.DataArray(in_time, dims=("fold", "step"))
    observed = [name for name in ("observed_count", "area_observed_count") if name in kept]
    return kept.assign({name: kept[name].where(known) for name in observed})


def _paired_levels(bounds: xr.DataArray) -> FloatArray:
    levels = bounds["quantile"].to_numpy()
    if not np.allclose(levels + levels[::-1], 1) or 0.5 not in levels:
        raise ForecastError(
            f"Bounds are stretched in pairs about the median; the levels {levels.tolist()} are not "
            "mirrored at 0.5, or lack it."
        )
    return levels


@dataclass(frozen=True, eq=False)
class _Past:
    """Bounds (fold, step, quantile, area) and outcomes (fold, step, area) to learn from."""

    bounds: FloatArray
    seen: FloatArray
    known_at: BoolArray  # (fold, fold, step): had the second's outcome come in when the first began
    folds: int
    adapt: float

    def scores(self, rows: IntArray, step: int, pair: list[int]) -> list[FloatArray]:
        """Scores of the areas in each fold."""
        middle = self.bounds.shape[2] // 2
        return [_scores(self.bounds[[r], step], self.seen[[r], step], middle, pair) for r in rows]


def _recalibrated(bounds, levels, past: _Past) -> tuple[FloatArray, list[dict]]:
    """New bounds (time, quantile, area), and for each step what was done."""
    middle = levels.size // 2
    known = np.isfinite(past.seen).any(2)
    new, told = bounds.copy(), []
    for step in range(len(bounds)):
        rows = latest_known(known, step, past.folds)
        factors, shares = {}, {}
        for low in range(middle):
            pair = [low, -1 - low]
            level = float(levels[-1 - low] - levels[low])
            share = _adapted_share(past, step, pair, level) if past.adapt else level
            factor = _conformal(np.concatenate(past.scores(rows, step, pair)), share)
            factors[f"{level:.6g}"] = round(factor, 6)
            shares[f"{level:.6g}"] = round(share, 6)
            median = bounds[step, middle]
            for k in pair:
                reach = np.maximum(np.abs(bounds[step, k] - median), _NARROWEST)
                new[step, k] = median + np.sign(levels[k] - 0.5) * factor * reach
        new[step] = np.sort(np.maximum(new[step], 0.0), axis=0)
        told.append(
            {"rows": rows, "factors": factors, **({"shares": shares} if past.adapt else {})}
        )
    return new, told


def _adapted_share(past: _Past, step: int, pair: list[int], level: float) -> float:
    """The share of scores that must not be exceeded for bounds to hold as often as they say."""
    rows = np.flatnonzero(np.isfinite(past.seen[:, step]).any(1))
    scores = past.scores(rows, step, pair)
    moves = np.zeros(rows.size)
    for i, row in enumerate(rows):
        heard = np.flatnonzero(past.known_at[row, rows, step])
        if heard.size < FEWEST_FOLDS:
            continue
        share = level - past.adapt * moves[heard].sum()
        factor = _conformal(np.concatenate([scores[k] for k in heard[-past.folds :]]), share)
        moves[i] = (1 - level) - np.mean(scores[i] > factor)
    return float(level - past.adapt * moves.sum())


def _scores(past: FloatArray, seen: FloatArray, middle: int, pair: list[int]) -> FloatArray:
    """How many times its own reach from the median each outcome lay; (known,)."""
    median = past[:, middle]
    low, high = (np.maximum(np.abs(past[:, k] - median), _NARROWEST) for k in pair)
    scores = np.maximum((median - seen) / low, (seen - median) / high)
    return scores[np.isfinite(scores)]


def _conformal(scores: FloatArray, level: float) -> float:
    """The smallest score that a share `level` of them, and of one to come, does not exceed."""
    rank = int(np.clip(np.ceil((scores.size + 1) * level - 1e-9), 1, scores.size))
    return float(np.sort(scores)[rank - 1])
