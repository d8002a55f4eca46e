"""Earlier folds to learn from: one model's, enough of them, and none that saw the future."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from hotspot.errors import LeakError, ParameterError, TooFewEventsError

FEWEST_FOLDS = 6


def require_folds(earlier: xr.Dataset, folds: int) -> None:
    """`earlier` holds one model, and `folds` are enough."""
    if "model" in earlier.dims:
        raise ParameterError(
            f"earlier holds the models {earlier['model'].values.tolist()}; take the forecast's "
            "with earlier.sel(model=...)."
        )
    if folds < FEWEST_FOLDS:
        raise ParameterError(f"folds must be at least {FEWEST_FOLDS}, got {folds}.")


def fold_ends(result: xr.Dataset, zone: str) -> np.ndarray:
    """When each judged period ends; (fold, step) UTC timestamps."""
    ends = result["time_end"].transpose("fold", "step").to_numpy()
    local = pd.DatetimeIndex(ends.ravel()).tz_localize(
        zone, ambiguous=np.zeros(ends.size, bool), nonexistent="shift_forward"
    )
    return np.array(list(local.tz_convert("UTC")), dtype=object).reshape(ends.shape)


def refuse_a_seen_future(known: np.ndarray, ends: np.ndarray, cutoff: pd.Timestamp) -> None:
    """Outcomes, `known` or not (fold, step), must lie before the forecast's cut-off."""
    late = (ends > cutoff.tz_convert("UTC")) & known
    if late.any():
        raise LeakError(
            f"{int(late.sum())} observed periods of the earlier folds end after the forecast's "
            f"data cut-off {cutoff}, the latest {max(ends[late])}. Blank them with "
            "recorded_before(result, forecast.attrs['data_cutoff'])."
        )


def latest_known(known: np.ndarray, step: int, folds: int) -> np.ndarray:
    """The latest folds whose outcome at `step` is known; indices."""
    rows = np.flatnonzero(known[:, step])[-folds:]
    if rows.size < FEWEST_FOLDS:
        raise TooFewEventsError(
            f"Step {step} has {rows.size} earlier folds whose outcome is known, fewer than "
            f"{FEWEST_FOLDS}. Backtest over a longer past."
        )
    return rows


def told_folds(earlier: xr.Dataset, rows: np.ndarray) -> dict:
    """How many folds were used, and the first and last of their cut-offs; for a record."""
    used = earlier["data_cutoff"].to_numpy()[rows]
    return {"folds": len(used), "first_cutoff": str(used[0]), "last_cutoff": str(used[-1])}
