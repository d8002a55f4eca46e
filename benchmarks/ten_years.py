"""Six years of London, month by month, on the workers of a cluster: killed, resumed, the same.

    python benchmarks/ten_years.py --store FOLDER [--data FOLDER] [--workers 2] [--folds 72]

72 monthly folds (2016-2021) x 5 models x 500 simulated futures on 26,007 cells of 250 m, with
bounds for cells and 33 boroughs, on worker processes of this machine that listen on the loopback
address only. Each forecast goes to the store when it is made; run the same command again after a
kill, and it goes on. Prints seconds by model, memory, the hash of the whole result, and the scores
of every model with what it adds to the count; with --scores those of a store that is finished.
"""

import argparse
import resource
import time
import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from london import read_london

from hotspot import (
    Grid,
    HistoricalRate,
    KernelDensity,
    Stacked,
    WithLevels,
    added_value,
    area_interval_coverage,
    backtest,
    backtest_hash,
    compare,
    crps,
    hit_rate,
    local_workers,
    negative_binomial_log_score,
    open_backtest,
    pit_coverage,
    randomised_pit,
    rolling_origin,
    score_by_fold,
)
from hotspot.errors import DataQualityWarning

SHARES = [0.01, 0.05, 0.10]
BASELINE = "count 36 months"
HALF_LIFE = HistoricalRate(half_life=730.5)
KERNEL = KernelDensity(200.0, window="36 months")


def models_of(boroughs) -> dict:
    return {
        "count 36 months": HistoricalRate("36 months"),
        "half-life 24 months": HALF_LIFE,
        "kernel 200 m": KERNEL,
        "stack of both": Stacked((HALF_LIFE, KERNEL)),
        "half-life, levels": WithLevels(HALF_LIFE, boroughs),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    options.add_argument("--store", type=Path, required=True, help="folder of the result")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--folds", type=int, default=72, help="the first so many months")
    options.add_argument("--size", type=int, default=500, help="simulated futures")
    options.add_argument("--scores", action="store_true", help="of a finished store; make nothing")
    chosen = options.parse_args()
    result = open_backtest(chosen.store) if chosen.scores else made(chosen)
    print(f"sha256 of the result: {backtest_hash(result)}")
    print_scores(result)


def made(chosen):
    from distributed import get_task_stream

    warnings.simplefilter("ignore", DataQualityWarning)  # the list of map points of 2011-12
    events, boroughs = read_london(chosen.data)
    with local_workers(chosen.workers) as client:
        start = time.perf_counter()
        with get_task_stream(client) as stream:
            result = backtest(
                models_of(boroughs),
                events,
                Grid.over(boroughs, cell_size=250),
                rolling_origin("2016-01", "2022-01")[: chosen.folds],
                rng=np.random.default_rng(2016),
                size=chosen.size,
                areas=boroughs,
                client=client,
                store=chosen.store,
                resume=True,
                progress=True,
            )
        whole = time.perf_counter() - start
        print_cost(stream.data, whole, client)
    return result


def print_cost(tasks, whole: float, client) -> None:
    spent: dict[str, list[float]] = {}
    for task in tasks:
        name = task["key"].rsplit("-", 2)[0]
        seconds = [one["stop"] - one["start"] for one in task["startstops"]]
        actions = [one["action"] for one in task["startstops"]]
        if "compute" in actions:
            spent.setdefault(name, []).append(seconds[actions.index("compute")])
    print(f"\n{sum(map(len, spent.values()))} forecasts in {whole:.0f} s")
    for name, seconds in spent.items():
        print(f"  {name:<22} {np.mean(seconds):6.2f} s each, {np.sum(seconds):7.0f} s in all")
    print(f"this process: {_used()}")
    for used in client.run(_used).values():
        print(f"a worker:     {used}")


def print_scores(result) -> None:
    rng = np.random.default_rng(1)
    scores = score_by_fold(result, lambda fold: scores_of(fold, rng)).load()
    compared = {
        name: compare(scores[name], baseline=BASELINE, rng=np.random.default_rng(1))
        for name in scores.data_vars
    }
    print(f"\n{scores.sizes['fold']} folds; mean (difference to the count, 95 % interval)")
    for model in scores["model"].values:
        print(f"{model}")
        for name in scores.data_vars:
            text = f"  {name:<20} {float(scores[name].sel(model=model).mean()):.4f}"
            if model != BASELINE:
                one = compared[name].sel(model=model)
                low, middle, high = (float(one[key]) for key in ("lower", "difference", "upper"))
                text += f"   {middle:+.4f} [{low:+.4f}, {high:+.4f}]"
            print(text)
    for model in scores["model"].values:
        if model != BASELINE:
            rng = np.random.default_rng(1)
            print(added_value(result, model=str(model), baselines=[BASELINE], rng=rng))


def scores_of(fold, rng) -> xr.Dataset:
    observed = fold["observed_count"]
    caught = hit_rate(fold, observed, area_share=SHARES)
    boroughs = area_interval_coverage(fold, fold["area_observed_count"], level=0.9)
    pit = randomised_pit(fold, observed, rng=rng)
    scores = {f"caught in {share:.0%}": caught.sel(area_share=share, drop=True) for share in SHARES}
    scores |= {
        "log score": negative_binomial_log_score(fold, observed, per="event"),
        "CRPS": crps(fold, observed),
        "cells in 90 %": pit_coverage(pit, level=0.9),
        "boroughs in 90 %": boroughs,
    }
    return xr.Dataset({name: one.reset_coords(drop=True) for name, one in scores.items()}).isel(
        step=0
    )


def _used() -> str:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return f"{time.process_time():.0f} s of processor, at most {peak} MiB"


if __name__ == "__main__":
    main()
