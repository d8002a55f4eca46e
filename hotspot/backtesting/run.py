"""Models refitted at every fold, their forecasts laid beside what was then recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from hotspot._typing import FloatArray
from hotspot.backtesting.folds import Fold
from hotspot.data.events import Events
from hotspot.errors import ParameterError
from hotspot.forecast.issue import QUANTILES, issue_forecast
from hotspot.grid.areas import area_weights, sum_over_areas
from hotspot.grid.cells import Grid
from hotspot.grid.counts import count_events
from hotspot.models.protocol import Model

# Quantiles are whole counts or fractions of one and lose nothing as float32.
_NARROW = {"count_quantile", "area_count_quantile", "simulated_count"}


def backtest(
    models: Mapping[str, Model],
    events: Events,
    grid: Grid,
    folds: Sequence[Fold],
    *,
    rng: np.random.Generator,
    size: int = 500,
    quantiles: Sequence[float] = QUANTILES,
    areas: gpd.GeoDataFrame | None = None,
    by: str = "name",
    keep_members: bool = False,
    workers: int = 1,
    progress: bool = False,
) -> xr.Dataset:
    """Forecasts that would have been issued, beside what was then recorded.

    Each model is fitted anew at every fold to :meth:`Fold.past`, which holds no event at or
    after the cut-off: what a model is not given it cannot use.

    Parameters
    ----------
    models : mapping of str to Model
        Specifications by the name they shall have in the result.
    events : Events
    grid : Grid
    folds : sequence of Fold
        From :func:`rolling_origin`; all with equally many periods.
    rng : numpy.random.Generator
        Each pair of fold and model draws from a child of its own, by position, so
        the same seed gives the same bytes for any number of workers.
    size : int
        Simulated futures per forecast.
    quantiles, areas, by, keep_members
        As for :func:`issue_forecast`.
    workers : int
        Threads.
    progress : bool
        Show a bar.

    Returns
    -------
    Dataset
        The variables of a forecast with ``model`` and ``fold`` in front and ``step`` (period
        within the fold) for ``time``; coordinates ``time`` and ``time_end`` (fold, step),
        ``data_cutoff`` (fold), ``parameters``, ``entropy``, ``interval_kind`` and
        ``input_sha256`` (of what the model was given) (model, fold);
        ``observed_count`` (fold, step, y, x) and, with `areas`, ``area_observed_count``. No
        scores: a new score needs no refit.

    Raises
    ------
    CoverageError
        If a fold is judged on periods that were not recorded.
    TooFewEventsError
        If nothing was recorded before a cut-off.
    ParameterError
        If there is no model or fold, or folds differ in length.

    Notes
    -----
    Memory is about models x folds x cells x (24 + 4 x quantiles) bytes. A forecast that a
    model cannot make raises; nothing is left out silently.

    Examples
    --------
    >>> from hotspot import HistoricalRate, hit_rate, load_boroughs, read_police_uk
    >>> from hotspot import rolling_origin, sample_path
    >>> archive = sample_path("police_uk/archive.zip")
    >>> events = read_police_uk(archive, offences="Burglary", region=load_boroughs("Camden"))
    >>> models = {"one year": HistoricalRate("12 months"), "two": HistoricalRate("24 months")}
    >>> result = backtest(
    ...     models, events, Grid.over(events.region, cell_size=500),
    ...     rolling_origin("2024-01", "2025-01"), rng=np.random.default_rng(1), size=100)
    >>> caught = hit_rate(result, result["observed_count"], area_share=0.2)
    >>> caught.dims, caught.mean(["fold", "step"]).round(2).values.tolist()
    (('model', 'fold', 'step'), [0.38, 0.38])
    """
    _require_work(models, folds, workers)
    events = events.in_order()
    observed = _observed(events, grid, folds)
    digests = {fold.cutoff: fold.past(events).content_hash() for fold in folds}
    weights = None if areas is None else area_weights(grid, areas, by=by)
    children = rng.spawn(len(models) * len(folds))
    jobs = [(*pair, child) for pair, child in zip(product(models, folds), children, strict=True)]

    def forecast_of(job: tuple[str, Fold, np.random.Generator]) -> xr.Dataset:
        name, fold, child = job
        fitted = models[name].fit(fold.past(events), grid, end=fold.cutoff)
        return issue_forecast(
            fitted,
            fold.periods,
            rng=child,
            size=size,
            quantiles=quantiles,
            areas=weights,
            keep_members=keep_members,
            input_sha256=digests[fold.cutoff],
        )

    forecasts = _in_order(forecast_of, jobs, workers, progress)
    result = _stacked(forecasts, list(models), folds)
    result["observed_count"] = (("fold", "step", "y", "x"), observed)
    if areas is not None:
        cells = result["observed_count"].drop_vars(["time", "time_end"])
        result["area_observed_count"] = sum_over_areas(cells, grid, areas, by=by)
    return result


def _require_work(models: Mapping[str, Model], folds: Sequence[Fold], workers: int) -> None:
    if not models or not folds:
        raise ParameterError(
            f"Give at least one model and one fold, got {len(models)} and {len(folds)}."
        )
    if len({len(fold.periods) for fold in folds}) > 1:
        raise ParameterError("All folds must forecast equally many periods.")
    if workers < 1:
        raise ParameterError(f"workers must be at least 1, got {workers}.")


def _observed(events: Events, grid: Grid, folds: Sequence[Fold]) -> FloatArray:
    """(fold, step, ny, nx): what was recorded; a period of several folds is counted once."""
    judged = [period for fold in folds for period in fold.periods]
    periods = pd.IntervalIndex(judged).unique().sort_values()
    counts = count_events(events, grid, periods).to_numpy()
    at = periods.get_indexer(pd.IntervalIndex(judged))
    return counts[at].reshape(len(folds), -1, *grid.shape)


def _in_order(work: Callable, jobs: list, workers: int, progress: bool) -> list:
    """Results in the order of `jobs`, whichever thread was first."""
    from tqdm import tqdm

    def counted(results):
        return list(tqdm(results, "forecasts", len(jobs), disable=not progress))

    if workers == 1:
        return counted(map(work, jobs))
    with ThreadPoolExecutor(workers) as pool:
        try:
            return counted(pool.map(work, jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _stacked(forecasts: list[xr.Dataset], models: list[str], folds: Sequence[Fold]) -> xr.Dataset:
    """One Dataset with `model` and `fold` in front, and `step` for `time`.

    What only some of the models give, such as a background's part, is NaN for the others.
    """
    shape = (len(models), len(folds))
    first = forecasts[0]
    variables = {}
    for name in dict.fromkeys(name for forecast in forecasts for name in forecast.data_vars):
        narrow = np.float32 if name in _NARROW else None
        one = next(forecast[name] for forecast in forecasts if name in forecast)
        dims = tuple("step" if dim == "time" else dim for dim in one.dims)
        absent = np.full(one.shape, np.nan)
        values = np.stack(
            [forecast[name].to_numpy() if name in forecast else absent for forecast in forecasts],
            dtype=narrow,
        )
        variables[name] = (
            ("model", "fold", *dims),
            values.reshape(*shape, *values.shape[1:]),
            one.attrs,
        )
    kept = {name: first.coords[name] for name in first.coords if "time" not in first[name].dims}
    each = {
        name: (("model", "fold"), np.reshape([f.attrs[name] for f in forecasts], shape))
        for name in ("parameters", "entropy", "interval_kind", "scope", "input_sha256")
    }
    periods = [fold.periods for fold in folds]
    coords = {
        **kept,
        **each,
        "model": models,
        "fold": np.arange(len(folds)),
        "data_cutoff": ("fold", [fold.cutoff.isoformat() for fold in folds]),
        "step": np.arange(len(periods[0])),
        "time": (("fold", "step"), np.stack([p.left.tz_localize(None) for p in periods])),
        "time_end": (("fold", "step"), np.stack([p.right.tz_localize(None) for p in periods])),
    }
    shared = ("n_members", "time_zone", "time_resolution", "place_resolution", "cell_size")
    attrs = {name: first.attrs[name] for name in (*shared, "crs", "hotspot_version")}
    return xr.Dataset(variables, coords, attrs)
