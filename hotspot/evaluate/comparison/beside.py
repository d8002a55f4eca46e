"""A model laid beside a baseline, fold by fold: what each caught, gained, and flagged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from hotspot._checks import require_same_grid, require_variable
from hotspot._typing import FloatArray
from hotspot.errors import ParameterError, UnknownNameError
from hotspot.evaluate._flagged import flags_of_one_map
from hotspot.evaluate._maps import inside_of

SUMS = ("events", "caught", "baseline_caught", "gain", "volume_gain")
AGREEMENT = ("rank_correlation", "correlation", "overlap")


def require_models(backtest: xr.Dataset, names: Sequence[str], *, hint: str) -> None:
    """Refuse a backtest in which not all these models are, saying how to add them."""
    require_variable(backtest, "expected_count")
    require_variable(backtest, "observed_count")
    for dim in ("model", "fold"):
        if dim not in backtest["expected_count"].dims:
            raise ParameterError(
                f"The backtest has no dimension '{dim}'; this needs what hotspot.backtest returns."
            )
    held = [str(name) for name in backtest["model"].values]
    missing = [name for name in names if name not in held]
    if missing:
        raise UnknownNameError(
            f"The backtest holds no model {', '.join(map(repr, missing))}; it holds {held}. {hint}"
        )


def beside(
    backtest: xr.Dataset, model: str, baselines: Sequence[str], *, area_share: float
) -> dict[str, pd.DataFrame]:
    """For each baseline a table with a row for each fold, steps together.

    Columns: the number of ``events``; how many of them were ``caught`` by the model and by the
    baseline (``baseline_caught``) in the hottest `area_share`; ``gain`` and ``volume_gain``, log
    ratios summed over the events, of normalised maps and of expected counts less the difference
    of their sums; ``rank_correlation``, ``correlation`` and ``overlap``, means over the steps.
    One fold is in memory at a time.
    """
    rows = {name: [] for name in baselines}
    expected, observed = backtest["expected_count"], backtest["observed_count"]
    require_same_grid(expected.isel(model=0), observed)
    steps = [dim for dim in expected.dims if dim not in ("model", "fold", "y", "x")]
    area = _areas(backtest)
    expected = expected.sel(model=[model, *baselines]).transpose("fold", "model", *steps, "y", "x")
    observed = observed.transpose("fold", *steps, "y", "x")
    for number in range(backtest.sizes["fold"]):
        counts = observed[number].to_numpy().astype(float).reshape(-1, *area.shape)
        maps = expected[number].to_numpy().reshape(1 + len(baselines), *counts.shape)
        ours = maps[0]
        for name, theirs in zip(baselines, maps[1:], strict=True):
            each = [
                _one_map(*one, area, area_share) for one in zip(ours, theirs, counts, strict=True)
            ]
            rows[name].append(_together([one for one in each if one is not None]))
    return {name: pd.DataFrame(each) for name, each in rows.items()}


def _areas(backtest: xr.Dataset) -> FloatArray:
    """(ny, nx): area of each cell inside the region; where it is not known, all the same."""
    if "inside_area" in backtest.coords:
        return backtest["inside_area"].transpose("y", "x").to_numpy()
    return np.ones((backtest.sizes["y"], backtest.sizes["x"]))


def _together(each: list[dict[str, float]]) -> dict[str, float]:
    """The steps of a fold: sums are summed, and measures of agreement averaged."""
    sums = {name: float(sum(one[name] for one in each)) for name in SUMS}
    means = {
        name: float(np.mean([one[name] for one in each])) if each else np.nan for name in AGREEMENT
    }
    return sums | means


def _one_map(ours, theirs, count, area, area_share) -> dict[str, float] | None:
    """All measures of one period; None if it was not observed."""
    inside = inside_of(ours, count) & inside_of(theirs, count)
    if not inside.any():
        return None
    kept = inside & (area > 0)
    parts, caught = [], []
    for expected in (ours, theirs):
        parts.append(flags_of_one_map(expected[kept], area[kept], shares=np.array([area_share]))[0])
        caught.append(float(parts[-1] @ count[kept]))
    flagged = area[kept] @ parts[0]
    gain, volume_gain = _gains(ours[inside], theirs[inside], count[inside])
    rates = ours[kept] / area[kept], theirs[kept] / area[kept]
    return {
        "events": float(count[inside].sum()),
        "caught": caught[0],
        "baseline_caught": caught[1],
        "gain": gain,
        "volume_gain": volume_gain,
        "rank_correlation": _correlation(*(stats.rankdata(rate) for rate in rates)),
        "correlation": _correlation(*rates),
        "overlap": float(area[kept] @ np.minimum(*parts) / flagged),
    }


def _gains(ours: FloatArray, theirs: FloatArray, count: FloatArray) -> tuple[float, float]:
    """Log ratios summed over events: of normalised maps, and with the volumes."""
    hit = count > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(ours[hit]) - np.log(theirs[hit])
        placed = count[hit] @ (ratio - np.log(ours.sum() / theirs.sum()))
        counted = count[hit] @ ratio - (ours.sum() - theirs.sum())
    return float(placed), float(counted)


def _correlation(first: FloatArray, second: FloatArray) -> float:
    """Pearson's; NaN where a map is flat."""
    first, second = first - first.mean(), second - second.mean()
    spread = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / spread) if spread > 0 else np.nan
