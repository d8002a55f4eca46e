"""The noise-null: where there is nothing to foretell, no model may beat the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._checks import require_generator
from hotspot._typing import FloatArray
from hotspot.backtesting.folds import Fold
from hotspot.backtesting.leaks import Pipeline
from hotspot.backtesting.noise import poisson_events
from hotspot.data.events import Events
from hotspot.errors import GridMismatchError, LeakError, ParameterError
from hotspot.evaluate.scores import information_gain
from hotspot.grid.cells import Grid
from hotspot.grid.counts import count_events
from hotspot.grid.periods import period_days
from hotspot.models.protocol import Model

ALARM = 1e-3  # a sound model is accused at most once in a thousand tests


@dataclass(frozen=True)
class NoiseNullReport:
    """What a noise-null found.

    Attributes
    ----------
    gain : float
        Information gain over the true map, nats per event; below 0 for a sound model, as it has
        to learn what the truth knows.
    evidence : float
        The gain summed over all events: log of the factor by which the model called what happened
        likelier than the truth does.
    p_value : float
        Chance that a sound model shows so much evidence: at most :math:`e^{-\\mathrm{evidence}}`.
    n_events, n_records : int
        Events that were foretold, in how many records of noise.
    """

    gain: float
    evidence: float
    p_value: float
    n_events: int
    n_records: int

    @property
    def passed(self) -> bool:
        """The p-value is above 0.001."""
        return self.p_value > ALARM

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED: SKILL WHERE THERE IS NOTHING TO FORETELL"
        return (
            f"noise-null {verdict}\n  gain over the truth {self.gain:+.4f} nats per event, "
            f"{self.evidence:+.1f} in all {self.n_events:,}; p = {self.p_value:.3g}"
        )

    def require_passed(self) -> None:
        """Raise `LeakError` with the whole report if the test failed."""
        if not self.passed:
            raise LeakError(str(self))


def noise_null(
    model: Model | Pipeline,
    events: Events,
    grid: Grid,
    folds: Sequence[Fold],
    *,
    rng: np.random.Generator,
    surface: xr.DataArray | None = None,
    n_records: int = 1,
) -> NoiseNullReport:
    r"""Has a model skill where nobody can have any? Then it sees the future.

    Records are made in which each event falls in a cell drawn from a known map q, the same for all
    times and without regard to any other event: by area, or by `surface`. The true map cannot be
    beaten on them. With :math:`p_t` the model's map for period t, normalised,

    .. math:: E = \sum_t \sum_c y_{tc} \log (p_{tc} / q_c), \qquad
              \mathrm{P}(E \ge a) \le e^{-a}

    for every model that knows no more than what came before each period, whatever it is and however
    few the events: :math:`e^{E}` is a likelihood ratio against the truth, a non-negative
    supermartingale of mean 1 at most (Ville's inequality). So :math:`e^{-E}` is a p-value, without
    any normal approximation.

    Parameters
    ----------
    model : Model or callable
        A specification; or a pipeline ``(events, grid, folds, rng) -> Dataset`` that holds
        ``expected_count`` and ``observed_count`` with a ``fold`` dimension. Give the *whole*
        pipeline: a leak sits most often in features computed before the folds are cut.
    events : Events
        Real or simulated; their number, times and window are used.
    grid : Grid
    folds : sequence of Fold
        Periods of two folds must not overlap.
    rng : Generator
    surface : DataArray (y, x), optional
        Where the noise falls, on the grid: any numbers at least 0, such as residents or the count
        of the past. Default: the area of each cell inside the region.
    n_records : int
        Records of noise; each costs a backtest.

    Returns
    -------
    NoiseNullReport
        Print it, or call ``require_passed()``.

    Raises
    ------
    ParameterError
        If there is no fold, periods overlap, or `surface` is negative, not finite or nowhere
        positive.
    GridMismatchError
        If `surface` is on another grid, or the pipeline gives no number in some cell of the region.

    See Also
    --------
    leak_test : Alters the future too, and tests on shuffled records.

    Notes
    -----
    A map that gives a cell no chance in which an event then falls has a gain of ``-inf``, and
    passes: it has no skill. To pass proves little where the record is short, since a leak must
    gain 6.9 nats in all to be found. A model that carries real data with it, past the arguments
    of ``fit``, cannot be found out from outside.

    References
    ----------
    Ville, J. (1939). Étude critique de la notion de collectif. Gauthier-Villars.

    Ramdas, A., Grünwald, P., Vovk, V., & Shafer, G. (2023). Game-theoretic statistics and safe
    anytime-valid inference. Statistical Science, 38, 576-601. https://doi.org/10.1214/23-STS894

    Examples
    --------
    >>> from hotspot import Grid, HistoricalRate, load_sample, rolling_origin
    >>> events = load_sample().select(offences=["Burglary"])
    >>> grid = Grid.over(events.region, cell_size=1000)
    >>> folds = rolling_origin("2024-01", "2024-07")
    >>> model = HistoricalRate("12 months")
    >>> report = noise_null(model, events, grid, folds, rng=np.random.default_rng(1))
    >>> report.passed, report.gain < 0
    (True, True)
    """
    require_generator(rng)
    if not folds or n_records < 1:
        raise ParameterError(
            f"Give at least one fold and one record, got {len(folds)} and {n_records}."
        )
    require_separate(folds)
    share = shares_of(surface, grid)
    truth = xr.Dataset(
        {"expected_count": (("y", "x"), np.where(grid.inside, share, np.nan))},
        {"y": grid.y, "x": grid.x},
    )
    pipeline = pipeline_of(model)
    evidence, n_events = 0.0, 0
    for child in rng.spawn(n_records):
        ours, theirs = child.spawn(2)
        noise = poisson_events(events, grid, rng=ours, share=share)
        result = pipeline(noise, grid, folds, theirs)
        _require_everywhere(result, grid)
        observed = result["observed_count"]
        number = observed.sum(["y", "x"])
        gain = information_gain(result, observed, baseline=truth) * number
        evidence += float(gain.where(number > 0, 0.0).sum())
        n_events += int(number.sum())
    each = evidence / n_events if n_events else np.nan
    p_value = float(np.exp(-max(evidence, 0.0)))
    return NoiseNullReport(each, evidence, p_value, n_events, n_records)


def pipeline_of(model: Model | Pipeline) -> Pipeline:
    """A model as a pipeline that gives its maps alone, as fast as it can; a pipeline as it is."""
    if not hasattr(model, "fit"):
        return model

    def run(events, grid, folds, rng):  # noqa: ARG001 - a pipeline's signature
        expected = [_map_of(model, events, grid, fold) for fold in folds]
        observed = observed_in(events, grid, folds)
        dims = ("fold", "step", "y", "x")
        return xr.Dataset(
            {
                "expected_count": (dims, np.stack(expected)),
                "observed_count": (dims, observed),
            },
            {"y": grid.y, "x": grid.x, "inside_area": (("y", "x"), grid.inside_area)},
        )

    return run


def observed_in(events: Events, grid: Grid, folds: Sequence[Fold]) -> FloatArray:
    """(fold, step, ny, nx): what was recorded; a period of several folds is counted once."""
    judged = pd.IntervalIndex([period for fold in folds for period in fold.periods])
    periods = judged.unique().sort_values()
    counts = count_events(events, grid, periods).to_numpy()
    return counts[periods.get_indexer(judged)].reshape(len(folds), -1, *grid.shape)


def _map_of(model: Model, events: Events, grid: Grid, fold: Fold) -> FloatArray:
    """(step, ny, nx): what the model expects, given no more than what came before the fold."""
    past = fold.past(events)
    if not hasattr(model, "rates"):
        return model.fit(past, grid, end=fold.cutoff).expected_count(fold.periods).to_numpy()
    rate, _ = model.rates(past, grid)(fold.cutoff)
    rate = np.where(grid.inside, rate, np.nan)
    return period_days(fold.periods)[:, None, None] * rate


def shares_of(surface: xr.DataArray | None, grid: Grid) -> FloatArray:
    """(ny, nx): each cell's share of `surface`, or of the region's area; sums to 1.

    Raises
    ------
    GridMismatchError
        If the surface is on another grid.
    ParameterError
        If it is negative or not finite in the region, or nowhere positive.
    """
    if surface is None:
        amount = np.where(grid.inside, grid.inside_area, 0.0)
        return amount / amount.sum()
    require_on_grid(surface, grid)
    amount = np.where(grid.inside, surface.transpose("y", "x").to_numpy().astype(float), 0.0)
    if not np.isfinite(amount).all() or (amount < 0).any() or amount.sum() == 0:
        raise ParameterError(
            "A surface must hold a number of at least 0 in each cell of the region, and not 0 in "
            f"all; its least is {np.min(amount)} and its sum {amount.sum()}."
        )
    return amount / amount.sum()


def require_on_grid(surface: xr.DataArray, grid: Grid) -> None:
    """Refuse a surface whose cells are not those of the grid."""
    for dim, centres in (("y", grid.y), ("x", grid.x)):
        if dim not in surface.dims or surface.sizes[dim] != centres.size:
            raise GridMismatchError(
                f"The surface has dimensions {dict(surface.sizes)}, the grid {grid.shape} cells."
            )
        if dim in surface.coords and not np.allclose(surface[dim], centres, atol=1e-6):
            raise GridMismatchError(
                f"The surface lies elsewhere than the grid: {dim} begins at "
                f"{float(surface[dim][0]):g} against {centres[0]:g}."
            )


def require_separate(folds: Sequence[Fold]) -> None:
    """Refuse folds that are judged on the same period: their evidence would count twice."""
    periods = sorted((one.left, one.right) for fold in folds for one in fold.periods)
    for (_, right), (left, _) in pairwise(periods):
        if left < right:
            raise ParameterError(
                f"Two folds are judged on {left:%Y-%m-%d}: take steps as long as the horizon, so "
                "that no period counts twice."
            )


def _require_everywhere(result: xr.Dataset, grid: Grid) -> None:
    for name in ("expected_count", "observed_count"):
        if name not in result or result[name].shape[-2:] != grid.shape:
            raise GridMismatchError(
                f"The pipeline must give '{name}' (fold, ..., y, x) on the grid's {grid.shape} "
                f"cells; it gave {dict(result.sizes)}."
            )
    silent = int(np.isnan(result["expected_count"].to_numpy()[..., grid.inside]).sum())
    if silent:
        # A map without numbers in some cells could be normalised over the others, and win.
        raise GridMismatchError(
            f"The pipeline's forecast is NaN in {silent} cells of the region; a model must say "
            "something of each."
        )
