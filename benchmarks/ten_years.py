"""Six years of London, month by month, on the workers of a cluster: killed, resumed, the same.

    python benchmarks/ten_years.py --store FOLDER [--data FOLDER] [--workers 2] [--folds 72]

72 monthly folds (2016-2021) x 5 models x 500 simulated futures on 26,007 cells of 250 m, with
bounds for cells and 33 boroughs, on worker processes of this machine that listen on the loopback
address only. Each forecast goes to the store when it is made; run the same command again after a
kill, and it goes on. Prints seconds by model, memory, and the hash of the whole result.
"""

import argparse
import resource
import time
import warnings
from pathlib import Path

import numpy as np
from london import read_london

from hotspot import (
    Grid,
    HistoricalRate,
    KernelDensity,
    Stacked,
    WithLevels,
    backtest,
    backtest_hash,
    local_workers,
    rolling_origin,
)
from hotspot.errors import DataQualityWarning

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
    chosen = options.parse_args()
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
    print(f"sha256 of the result: {backtest_hash(result)}")


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


def _used() -> str:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return f"{time.process_time():.0f} s of processor, at most {peak} MiB"


if __name__ == "__main__":
    main()
