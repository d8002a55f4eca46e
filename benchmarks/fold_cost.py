"""What one forecast of a backtest costs, by events, cells and model, in seconds of processor.

    python benchmarks/fold_cost.py [--data FOLDER]

London burglary up to 2021, thinned to a half and a quarter, on cells of 250 and 500 m: seconds to
fit a model, and to issue its forecast of one month with 500 simulated futures and bounds for 33
boroughs; then what the process that runs a backtest does itself for each fold and forecast:
hashing what was seen, writing, reading and verifying. Straight lines through these are printed.
"""

import argparse
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from london import read_london

from hotspot import (
    Grid,
    HistoricalRate,
    KernelDensity,
    Stacked,
    WithLevels,
    area_weights,
    backtest,
    issue_forecast,
    open_backtest,
    rolling_origin,
    verify_backtest,
)

HALF_LIFE = HistoricalRate(half_life=730.5)
KERNEL = KernelDensity(200.0, window="36 months")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    warnings.simplefilter("ignore")
    events, boroughs = read_london(options.parse_args().data)
    events = events.in_order()
    models = {
        "count 36 months": HistoricalRate("36 months"),
        "half-life 24 months": HALF_LIFE,
        "kernel 200 m": KERNEL,
        "stack of both": Stacked((HALF_LIFE, KERNEL)),
        "half-life, levels": WithLevels(HALF_LIFE, boroughs),
    }
    fold = rolling_origin("2021-12", "2022-01")[0]
    print("model                  fit: s, us/event   issue: s, us/cell   (all events, 250 m)")
    for name, model in models.items():
        print_model(name, model, events, boroughs, fold)
    print_driver(events, boroughs)


def print_model(name: str, model, events, boroughs, fold) -> None:
    rows = []
    for share, cell_size in ((1.0, 250), (0.5, 250), (0.25, 250), (1.0, 500)):
        grid = Grid.over(boroughs, cell_size=cell_size)
        weights = area_weights(grid, boroughs, by="name")
        past = fold.past(thinned(events, share))
        model.fit(past, grid, end=fold.cutoff)  # loads and compiles
        start = time.process_time()
        fitted = model.fit(past, grid, end=fold.cutoff)
        middle = time.process_time()
        rng = np.random.default_rng(1)
        issue_forecast(fitted, fold.periods, rng=rng, size=500, areas=weights)
        ended = time.process_time()
        rows.append((len(past), int(grid.inside.sum()), middle - start, ended - middle))
    n, cells, fit, issue = np.array(rows).T
    per_event = np.polyfit(n[:3], fit[:3], 1)[0]
    per_cell = (issue[0] - issue[3]) / (cells[0] - cells[3])
    print(
        f"{name:<22} {fit[0]:6.2f} {1e6 * per_event:9.2f} {issue[0]:12.2f} {1e6 * per_cell:9.1f}"
        f"   fits {np.round(fit, 2)}, issues {np.round(issue, 2)}"
    )


def thinned(events, share: float):
    keep = np.random.default_rng(1).random(len(events.table)) < share
    return replace(events, table=events.table[keep].reset_index(drop=True), report=None)


def print_driver(events, boroughs) -> None:
    """What is left to the process that calls `backtest`."""
    folds = rolling_origin("2021-07", "2022-01")
    grid = Grid.over(boroughs, cell_size=250)
    start = time.process_time()
    for fold in folds:
        fold.past(events).content_hash()
    print(f"hash of a fold's past: {(time.process_time() - start) / len(folds):.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        models = {"half-life": HALF_LIFE}
        options = {"size": 500, "areas": boroughs}
        made = processor(lambda: run(models, events, grid, folds, **options))
        kept = processor(lambda: run(models, events, grid, folds, store=store, **options))
        size = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
        mebibytes = size / len(folds) / 2**20
        print(f"writing: {(kept - made) / len(folds):.2f} s and {mebibytes:.2f} MiB a forecast")
        verified = processor(lambda: verify_backtest(store)) / len(folds)
        loaded = processor(lambda: open_backtest(store).load()) / len(folds)
        print(f"verifying: {verified:.3f} s, reading: {loaded:.3f} s a forecast")


def run(models, events, grid, folds, **options):
    return backtest(models, events, grid, folds, rng=np.random.default_rng(1), **options)


def processor(work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
