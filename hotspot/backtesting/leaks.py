"""A test for leaks: what cannot be predicted must not be, and the future must not matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from hotspot._checks import require_generator
from hotspot._typing import FloatArray
from hotspot.backtesting.folds import Fold
from hotspot.backtesting.noise import poisson_events, shuffled_events
from hotspot.backtesting.run import backtest
from hotspot.data.events import Events
from hotspot.errors import LeakError, ParameterError
from hotspot.evaluate.scores import information_gain
from hotspot.grid.cells import Grid
from hotspot.models.protocol import Model

Pipeline = Callable[[Events, Grid, Sequence[Fold], np.random.Generator], xr.Dataset]

FEWEST_FOLDS = 4
_CONFIDENCE = 0.999  # one-sided; a sound model is accused about once in a thousand tests


@dataclass(frozen=True)
class LeakReport:
    """What a leak test found.

    Attributes
    ----------
    changed : tuple of str
        Variables of the forecasts that changed when only the future was altered.
    gain : dict
        For each kind of noise the mean information gain over a flat map, nats per event,
        and its one-sided lower bound.
    """

    changed: tuple[str, ...]
    gain: dict[str, tuple[float, float]]

    @property
    def passed(self) -> bool:
        """No byte changed, and no skill was shown where there is none to show."""
        return not self.changed and all(bound <= 0 for _, bound in self.gain.values())

    def __str__(self) -> str:
        lines = ["leak test " + ("passed" if self.passed else "FAILED")]
        lines.append(
            "  future altered: no byte of a forecast changed"
            if not self.changed
            else f"  future altered: {', '.join(self.changed)} changed"
        )
        for kind, (mean, bound) in self.gain.items():
            verdict = "no skill" if bound <= 0 else "SKILL WHERE THERE IS NOTHING TO PREDICT"
            lines.append(
                f"  {kind}: gain {mean:+.4f} nats per event, at least {bound:+.4f}: {verdict}"
            )
        return "\n".join(lines)

    def require_passed(self) -> None:
        """Raise `LeakError` with the whole report if the test failed."""
        if not self.passed:
            raise LeakError(str(self))


def leak_test(
    model: Model | Pipeline,
    events: Events,
    grid: Grid,
    folds: Sequence[Fold],
    *,
    rng: np.random.Generator,
    size: int = 100,
) -> LeakReport:
    """Does a model, or a whole pipeline, use what it cannot know?

    Three questions. Does altering events at and after a cut-off change any byte of
    the forecast made there? Is there skill on *shuffled* data, where in every month (day)
    each cell's events are moved to another cell drawn anew, so that the counts are
    real but the past says nothing of where the next will be? Is there skill on *Poisson*
    data of the same size, spread evenly over the region? Skill is information gain over
    the flat map; any significant gain on noise is a leak.

    Parameters
    ----------
    model : Model or callable
        A specification, which is backtested with :func:`backtest`; or a pipeline
        ``(events, grid, folds, rng) -> Dataset`` that holds ``expected_count`` and
        ``observed_count`` with a ``fold`` dimension. Give the *whole* pipeline: a leak
        sits most often in features computed before the folds are cut.
    events : Events
        Real or simulated; their size, times and window are used.
    grid : Grid
    folds : sequence of Fold
        At least 4.
    rng : numpy.random.Generator
    size : int
        Simulated futures per forecast.

    Returns
    -------
    LeakReport
        Print it, or call ``require_passed()``.

    Raises
    ------
    ParameterError
        If there are fewer than 4 folds.

    Notes
    -----
    The bound on the gain is a one-sided 99.9 % Student bound over folds. Costs two
    backtests over all folds and two over three folds. A model that carries real data with
    it, past the arguments of ``fit``, cannot be found out from outside.

    Examples
    --------
    >>> from hotspot import Grid, HistoricalRate, load_sample, rolling_origin
    >>> events = load_sample().select(offences=["Burglary"])
    >>> grid = Grid.over(events.region, cell_size=1000)
    >>> folds = rolling_origin("2024-01", "2024-07")
    >>> model = HistoricalRate("12 months")
    >>> leak_test(model, events, grid, folds, rng=np.random.default_rng(1)).passed
    True
    """
    require_generator(rng)
    if len(folds) < FEWEST_FOLDS:
        raise ParameterError(f"A leak test needs at least {FEWEST_FOLDS} folds, got {len(folds)}.")
    pipeline = model if not hasattr(model, "fit") else _pipeline_of(model, size)
    entropy = int(rng.integers(2**63))
    few = [folds[0], folds[len(folds) // 2], folds[-1]]
    changed = sorted(
        {name for fold in few for name in _changed(pipeline, events, grid, fold, entropy)}
    )
    even_cells = np.where(grid.inside, 1.0, np.nan)
    even_area = np.where(grid.inside, grid.inside_area, np.nan)
    noises = {
        "shuffled": (shuffled_events(events, grid, rng=rng), even_cells),
        "Poisson": (poisson_events(events, grid, rng=rng), even_area),
    }
    gain = {
        kind: _gain(pipeline(noise, grid, folds, np.random.default_rng(entropy)), flat, grid)
        for kind, (noise, flat) in noises.items()
    }
    return LeakReport(tuple(changed), gain)


def _pipeline_of(model: Model, size: int) -> Pipeline:
    # Bounds are made too, so that their bytes are compared; few quantiles need few futures.
    def run(events, grid, folds, rng):
        result = backtest(
            {"model": model}, events, grid, folds, rng=rng, size=size, quantiles=(0.05, 0.5, 0.95)
        )
        return result.isel(model=0)

    return run


def _changed(pipeline: Pipeline, events: Events, grid: Grid, fold: Fold, entropy: int) -> list[str]:
    """Variables of one fold's forecast that differ once its future is altered."""
    runs = [
        pipeline(version, grid, [fold], np.random.default_rng(entropy))
        for version in (events, _with_another_future(events, fold.cutoff, entropy))
    ]
    return [
        str(name)
        for name in runs[0].data_vars
        if "observed" not in str(name)
        and runs[0][name].to_numpy().tobytes() != runs[1][name].to_numpy().tobytes()
    ]


def _with_another_future(events: Events, cutoff: pd.Timestamp, entropy: int) -> Events:
    """`events` with a random half of those at or after `cutoff`, their places permuted."""
    rng = np.random.default_rng(entropy)
    later = (events.table["time"] >= cutoff).to_numpy()
    future = events.table[later]
    half = future.iloc[np.sort(rng.permutation(len(future))[: (len(future) + 1) // 2])].copy()
    half = half.set_geometry(half.geometry.to_numpy()[rng.permutation(len(half))], crs=future.crs)
    table = pd.concat([events.table[~later], half], ignore_index=True)
    return replace(events, table=table, report=None)


def _gain(result: xr.Dataset, flat: FloatArray, grid: Grid) -> tuple[float, float]:
    """Mean information gain over the flat map and its one-sided lower bound, over folds."""
    baseline = xr.Dataset({"expected_count": (("y", "x"), flat)}, {"y": grid.y, "x": grid.x})
    gain = information_gain(result, result["observed_count"], baseline=baseline)
    each = gain.mean([dim for dim in gain.dims if dim != "fold"]).to_numpy()
    each = each[np.isfinite(each)]
    error = each.std(ddof=1) / np.sqrt(each.size)
    return float(each.mean()), float(each.mean() - stats.t.ppf(_CONFIDENCE, each.size - 1) * error)
