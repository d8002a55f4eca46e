"""A sealed forecast against what was then recorded, by the protocol that was sealed with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hotspot.data.events import Events
from hotspot.errors import CoverageError, SealError
from hotspot.sealing.seal import Seal

if TYPE_CHECKING:
    from hotspot.grid.cells import Grid

LEVEL = 0.95
_SIMULATED = 1000


def score_seal(seal: Seal, events: Events) -> pd.DataFrame:
    """Score a sealed forecast by its sealed protocol alone, with intervals as far as they go.

    Parameters
    ----------
    seal : Seal
        As :func:`hotspot.read_seal` gives it.
    events : Events
        What was recorded in the sealed periods, in the whole region.

    Returns
    -------
    DataFrame
        One row a model, period and score: ``model, start, score, area_share, value, lower, upper,
        p_value, note``. Columns that a score has no use for are NaN. Attributes ``label`` and
        ``seal_id``.

    Raises
    ------
    CoverageError
        If a sealed period, or part of the region, was not recorded in `events`.
    SealError
        If the sealed baseline is not among the sealed forecasts.

    Notes
    -----
    Hit rates have Wilson's interval, which takes events as independent of one another: they are
    not, so it is too narrow. The gain over the baseline has the interval of the paired t test, with
    the same fault. One period says little, whatever its intervals: the mean over many seals says
    more. Costs 1,000 simulated maps a model and period.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    Journal of the American Statistical Association, 22, 209-212.
    https://doi.org/10.1080/01621459.1927.10502953

    Zechar, J. D., Gerstenberger, M. C., & Rhoades, D. A. (2010). Likelihood-based tests for
    evaluating space-rate-magnitude earthquake forecasts. Bulletin of the Seismological Society of
    America, 100, 1184-1195. https://doi.org/10.1785/0120090192

    Examples
    --------
    A forecast of December 2024, made and sealed when the sample has long been there:

    >>> import tempfile
    >>> import hotspot as hs
    >>> from hotspot.study import parse_study
    >>> camden = hs.load_boroughs(["Camden"])
    >>> events = hs.load_sample().select(region=camden)
    >>> fitted = hs.HistoricalRate("24 months").fit(
    ...     events.select(end="2024-12"), hs.Grid.over(camden, cell_size=500))
    >>> forecast = hs.issue_forecast(
    ...     fitted, hs.make_periods("2024-12", count=1), rng=np.random.default_rng(1), size=50)
    >>> study = parse_study({"data": {"path": "archive.zip"}, "scores": {"area_shares": [0.2]}})
    >>> seal = hs.seal_forecast(
    ...     {"a map": forecast}, f"{tempfile.mkdtemp()}/sealed", study=study, data_until=events.end)
    >>> seal.label
    'retrospective'
    >>> score_seal(seal, events)["score"].tolist()[:4]
    ['observed_events', 'expected_events', 'hit_rate', 'pai']
    """
    forecasts = seal.forecasts()
    baseline = _baseline(seal, forecasts)
    children = np.random.default_rng(seal.study.seed).spawn(len(forecasts))
    rows: list[dict[str, Any]] = []
    for (name, forecast), rng in zip(forecasts.items(), children, strict=True):
        observed = observed_counts(seal, forecast, events)
        rows += _of_maps(name, forecast, observed, shares=seal.study.scores.area_shares)
        rows += _of_tests(name, forecast, observed, rng=rng)
        if name != baseline:
            rows += _of_rival(name, forecast, observed, forecasts[baseline], baseline=baseline)
    table = pd.DataFrame(rows, columns=[
        "model", "start", "score", "area_share", "value", "lower", "upper", "p_value", "note",
    ])  # fmt: skip
    table.attrs.update(label=seal.label, seal_id=seal.id)
    return table


def observed_counts(seal: Seal, forecast: xr.Dataset, events: Events) -> xr.DataArray:
    """Events in the very cells and periods of a sealed forecast."""
    from hotspot.grid.counts import count_events

    periods = pd.IntervalIndex.from_arrays(
        pd.DatetimeIndex(seal.facts.starts), pd.DatetimeIndex(seal.facts.ends), closed="left"
    )
    grid = _grid_of(forecast)
    _require_region(grid, events)
    return count_events(events, grid, periods)


def _baseline(seal: Seal, forecasts: dict[str, xr.Dataset]) -> str:
    if len(forecasts) == 1:
        return next(iter(forecasts))
    if seal.study.baseline not in forecasts:
        raise SealError(
            f"The sealed protocol compares with {seal.study.baseline!r}, and no forecast of that "
            f"name was sealed: {', '.join(forecasts)}."
        )
    return seal.study.baseline


def _grid_of(forecast: xr.Dataset) -> Grid:
    import shapely
    from pyproj import CRS

    from hotspot.grid.cells import Grid

    x, y = (forecast[name].to_numpy().astype(float) for name in ("x", "y"))
    size = float(forecast.attrs["cell_size"])
    half = size / 2
    region = shapely.box(x[0] - half, y[0] - half, x[-1] + half, y[-1] + half)
    area = np.nan_to_num(forecast["inside_area"].to_numpy().astype(float))
    return Grid(x, y, size, area, region, CRS.from_user_input(forecast.attrs["crs"]))


def _require_region(grid: Grid, events: Events) -> None:
    """A part of the region that was not recorded would count as a quiet one."""
    from hotspot.grid.cells import area_inside

    half = grid.cell_size / 2
    x_edges = np.append(grid.x - half, grid.x[-1] + half)
    y_edges = np.append(grid.y - half, grid.y[-1] + half)
    recorded = area_inside(events.region, x_edges, y_edges)
    missing = np.clip(grid.inside_area - recorded, 0, None).sum() / grid.inside_area.sum()
    if missing > 1e-6:
        raise CoverageError(
            f"{missing:.1%} of the forecast's region lies outside the region of the events. "
            "Missing is not zero: read the events of the whole region."
        )


def _of_maps(name: str, forecast: xr.Dataset, observed: xr.DataArray, *, shares: Any) -> list[dict]:
    from hotspot import evaluate

    totals = observed.sum(["y", "x"])
    rows = _rows(name, totals, score="observed_events")
    expected = forecast["expected_count"].sum(["y", "x"])
    rows += _rows(name, expected, score="expected_events")
    for share in shares:
        caught = evaluate.hit_rate(forecast, observed, area_share=share)
        lower, upper = _wilson(caught.to_numpy(), totals.to_numpy())
        rows += _rows(
            name, caught, score="hit_rate", area_share=share, lower=lower, upper=upper,
            note="Wilson; events taken as independent",
        )  # fmt: skip
        pai = evaluate.prediction_accuracy_index(forecast, observed, area_share=share)
        rows += _rows(name, pai, score="pai", area_share=share)
    for score, function in (
        ("negative_binomial_log_score", evaluate.negative_binomial_log_score),
        ("crps", evaluate.crps),
        ("brier", evaluate.brier_score),
    ):
        rows += _rows(name, function(forecast, observed), score=score)
    held = evaluate.interval_coverage(forecast, observed, level=0.9)
    return rows + _rows(name, held, score="coverage_0.9", note="of cells; should be 0.9 or more")


def _of_tests(
    name: str, forecast: xr.Dataset, observed: xr.DataArray, *, rng: np.random.Generator
) -> list[dict]:
    from hotspot.evaluate.consistency import consistency_tests

    found = consistency_tests(
        forecast, observed, rng=rng, size=_SIMULATED, tests=("number", "spatial")
    )
    rows = []
    for test in ("number", "spatial"):
        one = found.sel(test=test)
        rows += _rows(
            name, one["statistic"], score=f"{test} test", p_value=one["p_value"].to_numpy(),
            note="Poisson: counts that vary more fail it too easily",
        )  # fmt: skip
    return rows


def _of_rival(
    name: str,
    forecast: xr.Dataset,
    observed: xr.DataArray,
    other: xr.Dataset,
    *,
    baseline: str,
) -> list[dict]:
    from hotspot.evaluate.comparison.event_tests import paired_t_test

    rows = []
    for time in range(observed.sizes["time"]):
        one = paired_t_test(
            forecast.isel(time=[time]),
            observed.isel(time=[time]),
            baseline=other.isel(time=[time]),
            level=LEVEL,
        )
        lower, upper = float(one["lower"]), float(one["upper"])
        # NaN where every event gains the same: that shows nothing either.
        shown = "better" if lower > 0 else "worse" if upper < 0 else "no demonstrated benefit"
        rows += _rows(
            name,
            one["gain"].expand_dims(time=observed["time"][[time]]),
            score="gain_per_event",
            lower=[lower],
            upper=[upper],
            p_value=[float(one["p_value"])],
            note=f"over {baseline!r}: {shown}",
        )
    return rows


def _rows(model: str, values: xr.DataArray, *, score: str, **columns: Any) -> list[dict]:
    spread = {key: np.atleast_1d(value) for key, value in columns.items()}
    return [
        {
            "model": model,
            "start": f"{pd.Timestamp(time):%Y-%m-%d}",
            "score": score,
            "value": float(value),
            **{key: one[i] if one.size > 1 else one[0] for key, one in spread.items()},
        }
        for i, (time, value) in enumerate(
            zip(values["time"].to_numpy(), np.atleast_1d(values.to_numpy()), strict=True)
        )
    ]


def _wilson(share: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval of a share of n; NaN where n is 0."""
    from scipy.stats import norm

    z = norm.ppf((1 + LEVEL) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.where(n > 0, centre - half, np.nan), np.where(n > 0, centre + half, np.nan)
