"""One model at one fold: a forecast that depends on nothing but these, the data and its seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy.sparse import csr_array

from hotspot.backtesting.folds import Fold
from hotspot.data.events import Events
from hotspot.forecast.issue import coordinates_of, crs_name, issue_forecast
from hotspot.grid.areas import sum_over_areas
from hotspot.grid.cells import Grid
from hotspot.grid.counts import count_events
from hotspot.models.protocol import Model

_COUNTED_AT_ONCE = 24  # folds; a few passes over the events, and never all folds in memory


@dataclass(frozen=True, eq=False)
class Plan:
    """What all forecasts of a backtest share; sent to each worker once.

    Attributes
    ----------
    models : mapping of str to Model
    folds : sequence of Fold
    events : Events
        In canonical order, so that the order of rows changes no sum.
    grid : Grid
    weights : (csr_array, names) or None
        What :func:`hotspot.area_weights` gave for the areas.
    size, quantiles, keep_members
        As for :func:`hotspot.issue_forecast`.
    """

    models: Mapping[str, Model]
    folds: Sequence[Fold]
    events: Events
    grid: Grid
    weights: tuple[csr_array, np.ndarray] | None
    size: int
    quantiles: Sequence[float]
    keep_members: bool


@dataclass(frozen=True, eq=False)
class Task:
    """One forecast to make: which model and fold, by position, and its own chance.

    Attributes
    ----------
    model, fold : int
        Positions in the plan.
    rng : Generator
        A child of the backtest's, by position.
    input_sha256 : str
        Hash of the events before the fold's cut-off.
    """

    model: int
    fold: int
    rng: np.random.Generator
    input_sha256: str


def tasks_of(
    plan: Plan, rng: np.random.Generator, *, done: set[tuple[int, int]] = frozenset()
) -> Iterator[Task]:
    """The forecasts that are not `done`, fold after fold; each past is hashed when its turn comes.

    Which child of `rng` a forecast draws from is a matter of its position alone, so what is done
    already changes nothing for the others.
    """
    n_folds = len(plan.folds)
    children = rng.spawn(len(plan.models) * n_folds)
    for fold in range(n_folds):
        left = [model for model in range(len(plan.models)) if (model, fold) not in done]
        if left:
            digest = plan.folds[fold].past(plan.events).content_hash()
        for model in left:
            yield Task(model, fold, children[model * n_folds + fold], digest)


def forecast_of(plan: Plan, task: Task) -> xr.Dataset:
    """Fit the task's model to its past, and issue the forecast."""
    fold = plan.folds[task.fold]
    model = list(plan.models.values())[task.model]
    fitted = model.fit(fold.past(plan.events), plan.grid, end=fold.cutoff)
    return issue_forecast(
        fitted,
        fold.periods,
        rng=task.rng,
        size=plan.size,
        quantiles=plan.quantiles,
        areas=plan.weights,
        keep_members=plan.keep_members,
        input_sha256=task.input_sha256,
    )


def frame_of(plan: Plan) -> xr.Dataset:
    """Coordinates and attributes of a backtest: all but what is forecast and observed."""
    from hotspot import __version__

    periods = [fold.periods for fold in plan.folds]
    cells = coordinates_of(plan.grid, periods[0], np.asarray(plan.quantiles, float))
    coords = {name: cells[name] for name in ("y", "x", "quantile", "inside_area")}
    if plan.weights is not None:
        coords["area"] = np.array([str(name) for name in plan.weights[1]])
    if plan.keep_members:
        coords["member"] = np.arange(plan.size)
    coords |= {
        "model": list(plan.models),
        "fold": np.arange(len(plan.folds)),
        "data_cutoff": ("fold", [fold.cutoff.isoformat() for fold in plan.folds]),
        "step": np.arange(len(periods[0])),
        "time": (("fold", "step"), np.stack([p.left.tz_localize(None) for p in periods])),
        "time_end": (("fold", "step"), np.stack([p.right.tz_localize(None) for p in periods])),
    }
    attrs = {
        "n_members": int(plan.size),
        "time_zone": str(periods[0].left.tz),
        "time_resolution": plan.events.time_resolution,
        "place_resolution": float(plan.events.place_resolution),
        "cell_size": float(plan.grid.cell_size),
        "crs": crs_name(plan.grid),
        "hotspot_version": __version__,
    }
    return xr.Dataset(coords=coords, attrs=attrs)


def observed_of(plan: Plan) -> Iterator[dict[str, xr.DataArray]]:
    """What was then recorded, for one fold after the other: counts of cells, and of areas.

    Raises
    ------
    CoverageError
        If a fold is judged on periods that were not recorded.
    """
    for first in range(0, len(plan.folds), _COUNTED_AT_ONCE):
        folds = plan.folds[first : first + _COUNTED_AT_ONCE]
        judged = [period for fold in folds for period in fold.periods]
        periods = pd.IntervalIndex(judged).unique().sort_values()
        counts = count_events(plan.events, plan.grid, periods).to_numpy()
        at = periods.get_indexer(pd.IntervalIndex(judged))
        cells = xr.DataArray(
            counts[at].reshape(len(folds), -1, *plan.grid.shape),
            {"y": plan.grid.y, "x": plan.grid.x},
            ["fold", "step", "y", "x"],
        )
        found = {"observed_count": cells}
        if plan.weights is not None:
            found["area_observed_count"] = sum_over_areas(cells, plan.grid, plan.weights, by="name")
        for i in range(len(folds)):
            yield {name: values.isel(fold=i) for name, values in found.items()}
