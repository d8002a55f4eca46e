"""Real London burglary: does the ingest add up, and do the maps catch what others found?

    python benchmarks/london.py [--data FOLDER] [--maps FOLDER]

Reads the 133 monthly files of the Metropolitan Police from the original archive, prints the
ingest report, backtests every month of 2019 at 250 m over Greater London, and holds the shares
caught against reference numbers that were computed without this library. With --maps the
forecasts of 2019-2021 are written as YYYY-MM.csv (x, y, expected_count) for an outside judge.
"""

import argparse
import time
from pathlib import Path

import geopandas as gpd
import numpy as np

from hotspot import (
    Grid,
    HistoricalRate,
    KernelDensity,
    area_interval_coverage,
    backtest,
    compare,
    hit_rate,
    information_gain,
    pit_coverage,
    randomised_pit,
    read_police_uk,
    rolling_origin,
)

GAIN = ("lower", "difference", "upper")
SHARES = [0.01, 0.05, 0.10]
# Computed without this library: mean share of the next month's burglaries over 2019, 250 m.
REFERENCE = {
    "last 12 months' count": (0.087, 0.253, 0.388),
    "last 36 months' count": (0.089, 0.263, 0.399),
    "KDE 300 m on 36 months": (0.079, 0.237, 0.370),
}
MODELS = {
    "last 12 months' count": HistoricalRate("12 months"),
    "last 36 months' count": HistoricalRate("36 months"),
    "KDE 300 m on 36 months": KernelDensity(300.0, window="36 months"),
    "half-life of 24 months": HistoricalRate(half_life=730.5),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    options.add_argument("--maps", type=Path, help="write monthly maps here")
    chosen = options.parse_args()
    events, boroughs = read_london(chosen.data)
    print_ingest(events)
    grid = Grid.over(boroughs, cell_size=250)
    print(
        f"\ngrid: {int(grid.inside.sum()):,} cells of 250 m, {grid.inside_area.sum() / 1e6:.1f} km²"
    )
    print_backtest(events, grid, boroughs)
    if chosen.maps:
        write_maps(events, grid, chosen.maps)


def read_london(data: Path):
    boroughs = gpd.read_file(data / "london_boroughs_spdata/lnd.geojson").to_crs(27700)
    boroughs = boroughs.rename(columns={"NAME": "name"})
    archive = data / "met_burglary_police_uk/dev_raw_csv_2010-12_2021-12.tar.xz"
    start = time.perf_counter()
    events = read_police_uk(archive, region=boroughs)
    print(f"read {archive.name} in {time.perf_counter() - start:.1f} s (most of it unpacking xz)")
    return events, boroughs


def print_ingest(events) -> None:
    source = events.source
    print(f"\nrows in    {source.rows_in:>9,}")
    print(f"rows kept  {source.rows_kept:>9,}")
    for reason, count in source.dropped.items():
        print(f"  dropped  {count:>9,}  {reason}")
    total = source.rows_kept + sum(source.dropped.values())
    print(
        f"kept + dropped = {total:,}: {'adds up' if total == source.rows_in else 'DOES NOT ADD UP'}"
    )
    print(f"months {len(events.coverage)}, snap spacing {events.place_resolution:.0f} m")


def print_backtest(events, grid, boroughs) -> None:
    folds = rolling_origin("2019-01", "2020-01")
    start = time.perf_counter()
    result = backtest(
        MODELS, events, grid, folds, rng=np.random.default_rng(20190101), areas=boroughs, workers=2
    )
    print(f"\nbacktest of {len(MODELS)} models over 2019: {time.perf_counter() - start:.0f} s")
    observed = result["observed_count"]
    rows = {
        "cells whose centre lies inside, as the reference": centres_inside(grid),
        "all cells, by rate per area inside": None,
    }
    for title, chosen in rows.items():
        forecast, seen = (result, observed) if chosen is None else equal_cells(result, chosen)
        caught = hit_rate(forecast, seen, area_share=SHARES).mean(("fold", "step"))
        print(f"\nshare caught at 1 / 5 / 10 % of area; {title}")
        for name in MODELS:
            ours = caught.sel(model=name).values
            line = "  ".join(f"{value:.4f}" for value in ours)
            worst = ""
            if chosen is not None and name in REFERENCE:
                worst = (
                    f"   largest difference {100 * np.abs(ours - REFERENCE[name]).max():.2f} points"
                )
            print(f"  {name:<24} {line}{worst}")
    print_gain_and_calibration(result, observed)


def equal_cells(result, chosen):
    keep = result[["expected_count"]].drop_vars("inside_area")
    return keep.where(chosen), result["observed_count"].where(chosen)


def centres_inside(grid):
    import shapely

    x, y = np.meshgrid(grid.x, grid.y)
    return shapely.contains_xy(grid.region, x, y)


def print_gain_and_calibration(result, observed) -> None:
    against = "last 36 months' count"
    gain = information_gain(result, observed, baseline=result.sel(model=against)).mean("step")
    gain = compare(gain, baseline=against, rng=np.random.default_rng(1))
    pit = randomised_pit(result, observed, rng=np.random.default_rng(2))
    covered = pit_coverage(pit, level=0.9).mean(("fold", "step"))
    print("\ninformation gain over the 36 months' count, nats per event; cells inside 90 % by PIT")
    for name in MODELS:
        said = "0, by definition            "
        if name != against:
            low, mid, high = (float(gain[k].sel(model=name)) for k in GAIN)
            said = f"{mid:+.4f} [{low:+.4f}, {high:+.4f}]"
        print(f"  {name:<24} {said}   {float(covered.sel(model=name)):.3f}")
    areas = area_interval_coverage(result, result["area_observed_count"], level=0.9)
    print("boroughs inside 90 % bounds")
    for name, share in zip(MODELS, areas.mean(("fold", "step")).values, strict=True):
        print(f"  {name:<24} {share:.3f}")


def write_maps(events, grid, folder: Path) -> None:
    import pandas as pd

    folder.mkdir(parents=True, exist_ok=True)
    model = MODELS["half-life of 24 months"]
    inside = grid.inside
    x, y = np.meshgrid(grid.x, grid.y)
    for fold in rolling_origin("2019-01", "2022-01"):
        fitted = model.fit(fold.past(events), grid, end=fold.cutoff)
        expected = fitted.expected_count(fold.periods).values[0]
        table = {"x": x[inside], "y": y[inside], "expected_count": expected[inside]}
        pd.DataFrame(table).to_csv(folder / f"{fold.periods[0].left:%Y-%m}.csv", index=False)
    print(f"\nmaps of 2019-2021 are in {folder}")


if __name__ == "__main__":
    main()
