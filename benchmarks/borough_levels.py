"""Totals of boroughs and of the city: do the bounds of a level model hold, and at what width?

    python benchmarks/borough_levels.py [--data FOLDER] [--csv FOLDER] [--members 4000]
        [--joined | --recalibrated]

From every month's end of 2017-01..2021-11 the burglaries of 32 boroughs (without the City of
London) are forecast up to 12 months ahead from what was recorded before, and held against
2018-01..2021-12. Prints, by horizon and period, the coverage of 80/90/95 % bounds, the interval
score of the 90 % bounds and the mean absolute error of medians; the same for the city. Boroughs err
together, so the interval beside a coverage draws whole months, three in a row.
"""

import argparse
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from hotspot import (
    Grid,
    HistoricalRate,
    LevelModel,
    WithLevels,
    area_interval_coverage,
    backtest,
    hottest_cells,
    information_gain,
    issue_forecast,
    make_periods,
    pit_coverage,
    randomised_pit,
    read_police_uk,
    recalibrate,
    recorded_before,
    rolling_origin,
)

LEVELS = (0.8, 0.9, 0.95)
PERIODS = {
    "2018-01..2020-02": ("2018-01", "2020-03"),
    "2020-03..2021-02": ("2020-03", "2021-03"),
    "2021-03..2021-12": ("2021-03", "2022-01"),
    "2018-01..2021-12": ("2018-01", "2022-01"),
}
MODELS = {
    "widths from past errors": LevelModel(),
    "widths as fitted": LevelModel(error_half_life=None),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    options.add_argument("--csv", type=Path, help="the Met's CSVs already unpacked")
    options.add_argument("--members", type=int, default=4000)
    options.add_argument("--joined", action="store_true", help="only the backtest with a map")
    options.add_argument("--recalibrated", action="store_true", help="only the stretched bounds")
    chosen = options.parse_args()
    recorded, boroughs = read(chosen.data, chosen.csv)
    if chosen.joined:
        print_joined(recorded, boroughs)
        return
    if chosen.recalibrated:
        print_recalibrated(recorded, boroughs)
        return
    totals = borough_totals(recorded, boroughs)
    print(
        f"{totals.shape[1]} boroughs, {len(totals)} months, {int(totals.to_numpy().sum()):,} events"
    )
    for name, model in MODELS.items():
        start = time.perf_counter()
        judged = roll(model, totals, chosen.members)
        print(f"\n{name}: {model} ({time.perf_counter() - start:.0f} s)")
        for place in ("boroughs", "city"):
            print_table(place, judged[judged["city"] == (place == "city")])


def read(data: Path, csv: Path | None):
    boroughs = gpd.read_file(data / "london_boroughs_spdata/lnd.geojson").to_crs(27700)
    boroughs = boroughs.rename(columns={"NAME": "name"})
    archive = data / "met_burglary_police_uk/dev_raw_csv_2010-12_2021-12.tar.xz"
    return read_police_uk(csv or archive, region=boroughs), boroughs


def borough_totals(events, boroughs) -> pd.DataFrame:
    placed = gpd.sjoin(events.table[["time", "geometry"]], boroughs[["name", "geometry"]])
    month = placed["time"].dt.tz_convert(events.time_zone).dt.tz_localize(None).dt.to_period("M")
    totals = pd.crosstab(month, placed["name"]).drop(columns="City of London")
    totals.index = make_periods(events.start.tz_convert(events.time_zone), count=len(totals))
    return totals


def print_joined(events, boroughs) -> None:
    grid = Grid.over(boroughs, cell_size=250)
    space = HistoricalRate(half_life=730.5)
    models = {"map alone": space, "map with levels": WithLevels(space, boroughs)}
    folds = rolling_origin("2019-01", "2020-01")
    start = time.perf_counter()
    result = backtest(
        models, events, grid, folds, rng=np.random.default_rng(1), size=500, areas=boroughs
    )
    print(f"12 months of 2019, two models: {time.perf_counter() - start:.0f} s")
    observed = result["observed_count"]
    pit = randomised_pit(result, observed, rng=np.random.default_rng(2))
    hot = pit.where(hottest_cells(result, share=0.05))
    gain = information_gain(result, observed, baseline=result.sel(model="map alone"))
    areas = result["area_count_quantile"], result["area_observed_count"]
    width = (areas[0].sel(quantile=0.95) - areas[0].sel(quantile=0.05)).mean(
        ("fold", "step", "area")
    )
    covered = [
        area_interval_coverage(result, areas[1], level=level).mean(("fold", "step"))
        for level in (0.8, 0.9, 0.95)
    ]
    print(
        "model            boroughs 80/90/95 %, width; cells 90 % by PIT, hottest 5 %; nats an event"
    )
    for name in models:
        shares = "/".join(f"{float(one.sel(model=name)):.3f}" for one in covered)
        cells = [float(pit_coverage(p, level=0.9).sel(model=name).mean()) for p in (pit, hot)]
        nats = float(gain.sel(model=name).mean())
        print(
            f"{name:<16} {shares}, {float(width.sel(model=name)):.0f}; {cells[0]:.3f}, "
            f"{cells[1]:.3f}; {nats:+.4f}"
        )


def print_recalibrated(events, boroughs) -> None:
    boroughs = boroughs[boroughs["name"] != "City of London"]
    grid = Grid.over(boroughs, cell_size=1000)
    model = HistoricalRate(half_life=730.5)
    folds = rolling_origin("2015-07", "2022-01", horizon=3)
    made = backtest(
        {"map": model}, events, grid, folds, rng=np.random.default_rng(1), size=500, areas=boroughs
    ).isel(model=0)
    rows = []
    for i, fold in enumerate(folds):
        if fold.cutoff < pd.Timestamp("2017-11-01", tz="Europe/London"):
            continue
        forecast = issue_forecast(
            model.fit(fold.past(events), grid, end=fold.cutoff),
            fold.periods,
            rng=np.random.default_rng(i),
            size=500,
            areas=boroughs,
        )
        known = recorded_before(made, forecast.attrs["data_cutoff"])
        stretched = recalibrate(forecast, known)
        seen = made["area_observed_count"].isel(fold=i).to_numpy()
        for name, one in (("as issued", forecast), ("stretched", stretched)):
            low, high = (
                one["area_count_quantile"].sel(quantile=q).to_numpy() for q in (0.05, 0.95)
            )
            score = high - low + 20 * (np.maximum(low - seen, 0) + np.maximum(seen - high, 0))
            for step, period in enumerate(fold.periods):
                within = (seen[step] >= low[step]) & (seen[step] <= high[step])
                month = period.left.tz_localize(None)
                rows.append((name, step + 1, month, within.mean(), score[step].mean()))
    table = pd.DataFrame(rows, columns=["bounds", "horizon", "month", "covered", "score"])
    for (horizon, name), part in table.groupby(["horizon", "bounds"]):
        cells = []
        for begin, end in PERIODS.values():
            chosen = part[(part["month"] >= begin) & (part["month"] < end)]
            cells.append(f"{chosen['covered'].mean():.3f}; {chosen['score'].mean():.0f}")
        print(f"| {name}, {horizon} ahead | " + " | ".join(cells) + " |")


def roll(model: LevelModel, totals: pd.DataFrame, members: int) -> pd.DataFrame:
    """One row for each target month, horizon and place."""
    first = int(np.searchsorted(totals.index.left, pd.Timestamp("2018-01", tz="Europe/London")))
    rows = []
    for cut in range(first - model.leads + 1, len(totals)):
        ahead = totals.index[cut : cut + model.leads]
        rng = np.random.default_rng([2018, cut])
        futures = model.fit(totals.iloc[:cut]).simulate_totals(ahead, size=members, rng=rng)
        drawn = futures.to_numpy()
        drawn = np.concatenate([drawn, drawn.sum(2, keepdims=True)], axis=2)
        seen = totals.iloc[cut : cut + model.leads].to_numpy()
        seen = np.concatenate([seen, seen.sum(1, keepdims=True)], axis=1)
        levels = [edge for level in LEVELS for edge in ((1 - level) / 2, (1 + level) / 2)]
        bounds = np.quantile(drawn, [*levels, 0.5], axis=0, method="inverted_cdf")
        low, high = bounds[2], bounds[3]
        score = high - low + 20 * (np.maximum(low - seen, 0) + np.maximum(seen - high, 0))
        for lead in range(max(0, first - cut), len(ahead)):
            table = {
                "month": ahead[lead].left.tz_localize(None),
                "horizon": lead + 1,
                "city": np.arange(seen.shape[1]) == totals.shape[1],
                "score": score[lead],
                "error": np.abs(bounds[-1, lead] - seen[lead]),
            }
            for i, level in enumerate(LEVELS):
                within = (seen[lead] >= bounds[2 * i, lead]) & (
                    seen[lead] <= bounds[2 * i + 1, lead]
                )
                table[level] = within.astype(float)
            rows.append(pd.DataFrame(table))
    return pd.concat(rows)


def print_table(place: str, judged: pd.DataFrame) -> None:
    print(f"\n| {place}, months ahead | months judged | " + " | ".join(PERIODS) + " |")
    print("|---" * (2 + len(PERIODS)) + "|")
    for horizon, rows in judged.groupby("horizon"):
        cells = []
        for begin, end in PERIODS.values():
            part = rows[(rows["month"] >= begin) & (rows["month"] < end)]
            each = part.groupby("month").mean(numeric_only=True)
            covered = "/".join(f"{each[level].mean():.3f}" for level in LEVELS)
            low, high = by_months(each[0.9].to_numpy())
            cells.append(
                f"{covered} [{low:.2f}, {high:.2f}]; {each['score'].mean():.1f}; "
                f"{each['error'].mean():.1f}"
            )
        print(f"| {horizon} | {rows['month'].nunique()} | " + " | ".join(cells) + " |")


def by_months(values: np.ndarray, block: int = 3, size: int = 2000) -> np.ndarray:
    """95 % interval of a mean over months, by drawing blocks of months."""
    rng = np.random.default_rng(7)
    starts = rng.integers(values.size, size=(size, -(-values.size // block)))
    rows = (starts[:, :, None] + np.arange(block)) % values.size
    return np.quantile(values[rows.reshape(size, -1)[:, : values.size]].mean(1), [0.025, 0.975])


if __name__ == "__main__":
    main()
