"""Models refitted at every fold, their forecasts laid beside what was then recorded."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import xarray as xr

from hotspot.backtesting.collect import InMemory
from hotspot.backtesting.folds import Fold
from hotspot.backtesting.protocol import protocol_of
from hotspot.backtesting.store import Store
from hotspot.backtesting.tasks import Plan, frame_of, observed_of, tasks_of
from hotspot.backtesting.workers import in_threads, on_cluster
from hotspot.data.events import Events
from hotspot.errors import ParameterError, StoreError
from hotspot.forecast.entropy import child_of
from hotspot.forecast.issue import QUANTILES, checked_levels
from hotspot.grid.areas import area_weights
from hotspot.grid.cells import Grid
from hotspot.models.protocol import Model

if TYPE_CHECKING:
    from distributed import Client


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
    client: Client | None = None,
    store: str | os.PathLike[str] | None = None,
    resume: bool = False,
    repair: bool = False,
    retries: int = 3,
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
        Each pair of fold and model draws from a child of its own, by position, so the same
        seed gives the same bytes for any number of workers, threads or processes, in whatever
        order they finish, and after whatever interruption.
    size : int
        Simulated futures per forecast.
    quantiles, areas, by, keep_members
        As for :func:`issue_forecast`.
    workers : int
        Threads of this process.
    client : dask.distributed.Client, optional
        Workers of a cluster make the forecasts instead (extra ``distributed``):
        ``Client(LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1"))`` starts two
        processes here. The events are sent to each worker once.
    store : path, optional
        Folder to write each forecast to as it comes (:mod:`hotspot.backtesting.store`). The
        result is then read from there when it is used, and memory holds a few forecasts,
        however many folds there are.
    resume : bool
        Go on with the backtest that `store` holds, if it holds one. What is done is held
        against its hashes and kept; what a kill left half written is made anew.
    repair : bool
        With `resume`, make anew what does not match its hash, instead of refusing.
    retries : int
        How often a forecast is sent again after the workers that had it, or the events, died. A
        cluster tries by itself before that (its setting ``allowed-failures``).
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
        If there is no model or fold, folds differ in length, or options contradict each other;
        with `store` also if a model cannot be told from another by what it holds.
    StoreError
        If `store` holds a backtest and `resume` is not given; another backtest, with what
        differs (models, folds, grid, events, areas, seed, size, versions); or values that do
        not match their hash, with where they lie.
    StoreWriteError
        If the disk is full, or the folder may not be written. What was done before is kept.
    WorkerError
        If the cluster has no workers, or those of one forecast died again and again.

    See Also
    --------
    open_backtest, verify_backtest : read a store again; hold it against its hashes.
    score_by_fold : any score of a stored backtest, one fold in memory at a time.
    backtest_hash : one number for all of a result, to hold two runs against each other.

    Notes
    -----
    Without `store`, memory is about models x folds x cells x (24 + 4 x quantiles) bytes; with it,
    that of two forecasts a worker. A forecast that a model cannot make raises; nothing is left
    out silently.

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
    _require_work(models, folds, workers, client)
    from tqdm import tqdm

    store = None if store is None else Store(Path(store))
    if store is None and (resume or repair):
        raise ParameterError("resume and repair go on with a store; name it with store=.")
    _, seed = child_of(copy.deepcopy(rng))
    checked_levels(quantiles, size)
    weights = None if areas is None else area_weights(grid, areas, by=by)
    plan = Plan(
        dict(models), list(folds), events.in_order(), grid, weights, size, quantiles, keep_members
    )
    sink = InMemory(frame_of(plan)) if store is None else store
    if store is not None:
        _begin(store, plan, seed=seed, resume=resume, repair=repair)
    for fold, observed in enumerate(observed_of(plan)):
        sink.put_observed(fold, observed)
    done = sink.finished
    tasks = tasks_of(plan, rng, done=done)
    if client is None:
        made = in_threads(plan, tasks, workers=workers)
    else:
        made = on_cluster(client, plan, tasks, retries=retries)
    n_forecasts = len(plan.models) * len(plan.folds)
    with (
        contextlib.closing(made),
        tqdm(desc="forecasts", total=n_forecasts, initial=len(done), disable=not progress) as bar,
    ):
        for task, forecast in made:
            sink.put(task.model, task.fold, forecast)
            bar.update()
    return sink.result()


def _begin(store: Store, plan: Plan, *, seed: str, resume: bool, repair: bool) -> None:
    """A new store, or one that holds the same backtest and is sound, or a refusal."""
    protocol = protocol_of(plan, seed=seed)
    if not store.exists():
        store.create(protocol, frame_of(plan))
        return
    if not resume:
        raise StoreError(
            f"There is a backtest at {store.path} already, {len(store.finished)} of "
            f"{store.n_forecasts()} forecasts done. Give resume=True to go on with it, or name "
            "another folder."
        )
    store.require_same(protocol)
    store.sweep()
    damages = store.damages()
    if damages and not repair:
        raise StoreError(
            f"{len(damages)} parts of the backtest at {store.path} are not what was written, the "
            f"first {damages[0].where}. Give repair=True to make them anew."
        )
    if damages:
        store.put_frame(frame_of(plan))
        store.forget(damages)


def _require_work(
    models: Mapping[str, Model], folds: Sequence[Fold], workers: int, client: Client | None
) -> None:
    if not models or not folds:
        raise ParameterError(
            f"Give at least one model and one fold, got {len(models)} and {len(folds)}."
        )
    if len({len(fold.periods) for fold in folds}) > 1:
        raise ParameterError("All folds must forecast equally many periods.")
    if workers < 1:
        raise ParameterError(f"workers must be at least 1, got {workers}.")
    if client is not None and workers != 1:
        raise ParameterError(
            f"Give workers={workers} or a client, not both: a cluster has its own workers."
        )
