"""Forecasts of London, saved as files and judged as anybody's would be.

    python benchmarks/judged_files.py [--data PATH]

Burglary, cells of 250 m. Before January 2019 each model forecasts the twelve months to come; the
forecast is saved in four formats, read back, and judged against the count map of 36 months, which
is a file too. Scores of the file and of the forecast itself are compared digit by digit. A ranking
and a map of flagged cells made of the same forecast are judged beside it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from hotspot import (
    Grid,
    HistoricalRate,
    KernelDensity,
    issue_forecast,
    judge_forecast,
    load_boroughs,
    make_periods,
    match_observed,
    poisson_log_score,
    prediction_accuracy_index,
    read_forecast,
    read_police_uk,
    save_forecast,
)

MODELS = {
    "count, 36 months": HistoricalRate(window="36 months"),
    "count, half-life 24 months": HistoricalRate(half_life=730.5),
    "kernel, 300 m, 36 months": KernelDensity(bandwidth=300.0, window="36 months"),
}
SHOWN = ("hit_rate", "information_gain", "poisson_log_score", "crps", "calibration_ratio")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("HOTSPOT_REAL_DATA", beside)) / "met_burglary_police_uk"
    archive = folder / "dev_raw_csv_2010-12_2021-12.tar.xz"
    parser.add_argument("--data", type=Path, default=archive)
    boroughs = load_boroughs()
    events = read_police_uk(parser.parse_args().data, offences="Burglary", region=boroughs)
    grid = Grid.over(boroughs, cell_size=250)
    months = make_periods("2019-01", "2020-01")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        issued = {}
        for number, (label, model) in enumerate(MODELS.items()):
            fitted = model.fit(events, grid, end=months[0].left)
            rng = np.random.default_rng(number)
            issued[label] = issue_forecast(fitted, months, rng=rng, size=100)
            save_forecast(issued[label], folder / f"{number}.parquet")
        baseline = read_forecast(folder / "0.parquet")
        for number, label in enumerate(MODELS):
            report(label, read_forecast(folder / f"{number}.parquet"), events, baseline)
        round_trips(issued["kernel, 300 m, 36 months"], events, folder)
        of_lesser_kind(issued["kernel, 300 m, 36 months"], events, folder)


def report(label: str, submitted, events, baseline) -> None:
    """The scores that a page would show, with their intervals."""
    started = time.perf_counter()
    table = judge_forecast(
        submitted, events, rng=np.random.default_rng(1), area_shares=[0.05], baseline=baseline
    )
    print(f"{label}: judged in {time.perf_counter() - started:.1f} s")
    for row in table[table["score"].isin(SHOWN)].itertuples():
        print(f"  {row.score:20} {row.value:9.4f}  [{row.lower:.4f}, {row.upper:.4f}]  {row.note}")


def round_trips(forecast, events, folder: Path) -> None:
    """Three months through each format: the largest difference of any score."""
    forecast = forecast.isel(time=slice(3))
    for suffix in (".nc", ".tif", ".parquet", ".geojson"):
        path = save_forecast(forecast, folder / f"round{suffix}")
        started = time.perf_counter()
        submitted = read_forecast(path)
        seconds = time.perf_counter() - started
        matched = match_observed(submitted, events)
        observed = matched["observed_count"].sel(x=forecast["x"], y=forecast["y"])
        observed = observed.reset_coords(drop=True)
        off = 0.0
        for function, options in (
            (prediction_accuracy_index, {"area_share": 0.05}),
            (poisson_log_score, {}),
        ):
            ours = function(forecast, observed, **options)
            theirs = function(matched, matched["observed_count"], **options)
            off = max(off, float(np.abs(ours.values - theirs.values).max()))
        size = path.stat().st_size / 1e6
        print(f"{suffix}: {size:.0f} MB read in {seconds:.1f} s, scores differ by at most {off:g}")


def of_lesser_kind(forecast, events, folder: Path) -> None:
    """January alone as a ranking and as flags: what is lost, and what is refused."""
    first = forecast["expected_count"].isel(time=0, drop=True).to_series().dropna().rename("score")
    hot = (first.rank(method="first", ascending=False) <= 0.05 * first.size).astype(int)
    told = {"crs": 27700, "cell_size": 250, "start": "2019-01-01", "length": "month"}
    for name, column in (("ranking", first), ("flags", hot.rename("flagged"))):
        pd.DataFrame(column).reset_index().to_csv(folder / f"{name}.csv", index=False)
        submitted = read_forecast(folder / f"{name}.csv", **told)
        table = judge_forecast(submitted, events, rng=np.random.default_rng(1), area_shares=[0.05])
        row = table[table["score"] == "hit_rate"].iloc[0]
        refused = table.loc[~table["allowed"], "score"].tolist()
        print(f"{name}: hit rate {row.value:.4f} [{row.lower:.4f}, {row.upper:.4f}], {row.note}")
        print(f"  not allowed: {', '.join(refused)}")


if __name__ == "__main__":
    main()
