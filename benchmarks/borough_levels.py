"""Totals of boroughs and of the city: do the bounds of a level model hold, and at what width?

    python benchmarks/borough_levels.py [--data FOLDER] [--csv FOLDER] [--members 4000]

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

from hotspot import LevelModel, make_periods, read_police_uk

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
    chosen = options.parse_args()
    totals = borough_totals(chosen.data, chosen.csv)
    print(
        f"{totals.shape[1]} boroughs, {len(totals)} months, {int(totals.to_numpy().sum()):,} events"
    )
    for name, model in MODELS.items():
        start = time.perf_counter()
        judged = roll(model, totals, chosen.members)
        print(f"\n{name}: {model} ({time.perf_counter() - start:.0f} s)")
        for place in ("boroughs", "city"):
            print_table(place, judged[judged["city"] == (place == "city")])


def borough_totals(data: Path, csv: Path | None) -> pd.DataFrame:
    boroughs = gpd.read_file(data / "london_boroughs_spdata/lnd.geojson").to_crs(27700)
    boroughs = boroughs.rename(columns={"NAME": "name"})
    archive = data / "met_burglary_police_uk/dev_raw_csv_2010-12_2021-12.tar.xz"
    events = read_police_uk(csv or archive, region=boroughs)
    placed = gpd.sjoin(events.table[["time", "geometry"]], boroughs[["name", "geometry"]])
    month = placed["time"].dt.tz_convert(events.time_zone).dt.tz_localize(None).dt.to_period("M")
    totals = pd.crosstab(month, placed["name"]).drop(columns="City of London")
    totals.index = make_periods(events.start.tz_convert(events.time_zone), count=len(totals))
    return totals


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
