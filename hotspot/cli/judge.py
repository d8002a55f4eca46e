"""Every score of a backtest, as one labelled table, and what the models differ by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hotspot.study import Study

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hotspot.evaluate.comparison import AddedValueReport

SIMPLE = ("HistoricalRate", "KernelDensity", "SeasonalPoisson")  # kinds to be beaten by others
USUAL_SHARE = 0.05  # of area, for which hit rates are compared if the study has no other
LEVEL = 0.9  # the interval that tables show
BLOCK = 3  # months drawn together when intervals of differences are made


def judge(result: xr.Dataset, study: Study, *, rng: np.random.Generator) -> xr.Dataset:
    """All scores over (model, fold, step), a variable each; see :mod:`hotspot.evaluate`."""
    import xarray as xr

    from hotspot import evaluate

    observed = result["observed_count"]
    scores: dict[str, xr.DataArray] = {}
    ranked = {
        "hit_rate": evaluate.hit_rate,
        "pai": evaluate.prediction_accuracy_index,
        "pei": evaluate.prediction_efficiency_index,
        "pei_star": evaluate.prediction_efficiency_index_star,
    }
    for name, function in ranked.items():
        values = function(result, observed, area_share=study.scores.area_shares)
        for share in study.scores.area_shares:
            scores[f"{name}_{share:g}"] = values.sel(area_share=share, drop=True)
    baseline = result.sel(model=study.baseline, drop=True)
    scores["capture_area"] = evaluate.capture_area(result, observed)
    scores["information_gain"] = evaluate.information_gain(result, observed, baseline=baseline)
    scores["poisson_log_score"] = evaluate.poisson_log_score(result, observed)
    scores["negative_binomial_log_score"] = evaluate.negative_binomial_log_score(result, observed)
    scores["crps"] = evaluate.crps(result, observed)
    scores["brier"] = evaluate.brier_score(result, observed)
    scores[f"coverage_{LEVEL:g}"] = evaluate.interval_coverage(result, observed, level=LEVEL)
    pit = evaluate.randomised_pit(result, observed, rng=rng)
    scores[f"pit_coverage_{LEVEL:g}"] = evaluate.pit_coverage(pit, level=LEVEL)
    scores[f"area_coverage_{LEVEL:g}"] = evaluate.area_interval_coverage(
        result, result["area_observed_count"], level=LEVEL
    )
    kept = {name: one.transpose("model", "fold", "step") for name, one in scores.items()}
    table = xr.Dataset({name: one.reset_coords(drop=True) for name, one in kept.items()})
    observed_events = observed.sum(["y", "x"]).reset_coords(drop=True)
    return table.assign_coords(time=result["time"], observed_events=observed_events)


def scores_table(scores: xr.Dataset) -> pd.DataFrame:
    """One row a model, fold and step."""
    import pandas as pd

    rows = []
    for model in scores["model"].to_numpy():
        for fold in range(scores.sizes["fold"]):
            for step in range(scores.sizes["step"]):
                one = scores.sel(model=model).isel(fold=fold, step=step)
                rows.append(
                    {
                        "model": str(model),
                        "fold": fold,
                        "step": step,
                        "start": f"{pd.Timestamp(one['time'].item()):%Y-%m-%d}",
                        "observed_events": int(one["observed_events"]),
                        **{name: float(one[name]) for name in scores.data_vars},
                    }
                )
    return pd.DataFrame(rows)


def summarise(scores: xr.Dataset, study: Study, *, rng: np.random.Generator) -> pd.DataFrame:
    """Mean of each score, and its paired difference to the baseline with a 95 % interval."""
    import pandas as pd

    from hotspot.evaluate import compare

    rows = []
    for name in scores.data_vars:
        by_fold = scores[name].mean("step")
        block = min(BLOCK, by_fold.sizes["fold"] // 2)
        compared = None
        if len(study.models) > 1 and block > 0:
            compared = compare(by_fold, baseline=study.baseline, rng=rng, block=block)
        for model in study.models:
            row = {"model": model.name, "score": name}
            row["mean"] = float(by_fold.sel(model=model.name).mean())
            row |= dict.fromkeys(("difference", "lower", "upper"), np.nan)
            if compared is not None and model.name != study.baseline:
                one = compared.sel(model=model.name)
                row |= {key: float(one[key]) for key in ("difference", "lower", "upper")}
            row["n_periods"] = int(by_fold.sel(model=model.name).notnull().sum())
            rows.append(row)
    return pd.DataFrame(rows)


def added_values(
    result: xr.Dataset, study: Study, *, rng: np.random.Generator
) -> list[AddedValueReport]:
    """What each model adds to the study's simple ones; none where there is nothing to compare."""
    from hotspot.evaluate.comparison.added_value import FEWEST_PERIODS, added_value

    simple = [model.name for model in study.models if model.kind in SIMPLE]
    others = [model.name for model in study.models if model.kind not in SIMPLE]
    observed = result["observed_count"]
    if not simple or result.sizes["fold"] < FEWEST_PERIODS or float(observed.sum()) == 0:
        return []
    share = min(study.scores.area_shares, key=lambda one: abs(one - USUAL_SHARE))
    return [
        added_value(result, model=name, baselines=simple, rng=rng, area_share=share)
        for name in others
    ]
