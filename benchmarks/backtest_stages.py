"""Where a London backtest's time goes, and how much memory it takes.

    python benchmarks/backtest_stages.py [--data FOLDER]

24 monthly folds x 3 models x 500 simulated futures on 26,007 cells, with bounds for 33 boroughs.
Time is split by stage with the standard profiler (which adds a little to each call); memory is
the process's own high-water mark.
"""

import argparse
import cProfile
import pstats
import resource
import time
from pathlib import Path

import numpy as np
from london import read_london

from hotspot import Grid, HistoricalRate, KernelDensity, backtest, rolling_origin

MODELS = {
    "count": HistoricalRate("36 months"),
    "half-life": HistoricalRate(half_life=730.5),
    "density": KernelDensity(200.0, window="36 months"),
}
STAGES = {  # the functions whose time, with all they call, makes up a stage
    "fit": [("historical.py", "fit"), ("kde.py", "fit")],
    "simulate futures": [("rate_map.py", "simulate_counts")],
    "sum over boroughs, narrow": [("ensemble.py", "simulate_futures")],
    "quantiles": [("ensemble.py", "cell_quantiles")],
    "means and variances": [("rate_map.py", "expected_count"), ("rate_map.py", "count_variance")],
    "count what happened": [("counts.py", "count_events")],
    "weights of areas": [("areas.py", "area_weights")],
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    events, boroughs = read_london(options.parse_args().data)
    grid = Grid.over(boroughs, cell_size=250)
    folds = rolling_origin("2019-01", "2021-01")
    before = memory()
    profiler = cProfile.Profile()
    start = time.perf_counter()
    profiler.enable()
    result = backtest(
        MODELS, events, grid, folds, rng=np.random.default_rng(1), size=500, areas=boroughs
    )
    profiler.disable()
    whole = time.perf_counter() - start
    print(f"{len(folds)} folds x {len(MODELS)} models x 500 futures: {whole:.1f} s, one worker")
    print(f"  result {result.nbytes / 2**20:.0f} MiB; process at most {memory():.0f} MiB "
          f"({before:.0f} MiB before it began)")  # fmt: skip
    print_stages(profiler, whole)


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def print_stages(profiler: cProfile.Profile, whole: float) -> None:
    spent = {}
    for (file, _, function), row in pstats.Stats(profiler).stats.items():
        spent[Path(file).name, function] = spent.get((Path(file).name, function), 0.0) + row[3]
    stages = {name: sum(spent.get(key, 0.0) for key in keys) for name, keys in STAGES.items()}
    stages["sum over boroughs, narrow"] -= stages["simulate futures"]
    stages["everything else"] = whole - sum(stages.values())
    for name, seconds in stages.items():
        print(f"  {name:<26} {seconds:6.1f} s  {100 * seconds / whole:4.0f} %")


if __name__ == "__main__":
    main()
