"""Do the bounds of cells hold? London burglary, 250 m, 1 to 12 months ahead.

    python benchmarks/cell_bounds.py [--data FOLDER] [--store FOLDER] [--every 3] [--first-only]

Rolling origin, rows as published; choices were made on 2018, and the target months 2019-01 to
2020-12 are judged. Prints the share of cells whose count lies inside the 90 % interval by its PIT
(the chance that a randomised PIT lies inside, so that nothing is drawn), for three laws of counts:
over all cells, by class of expected count, and by tenths of cells' neighbourhoods by income
deprivation, which is an audit group only and which no model sees. (The whole index of deprivation
holds a crime domain, so counts of offences would be judged by themselves.) Then the same with the
bounds moved on earlier folds (`recalibrate_cells`), 1, 3, 6 and 12 months ahead. Months are the
unit: intervals are of blocks of them. --store keeps forecasts, about 1 MB each.
"""

import argparse
import json
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from borough_levels import by_months
from monthly import read_as_published
from scipy.stats import nbinom, poisson

from hotspot import (
    EndemicEpidemic,
    Grid,
    count_events,
    make_periods,
    recalibrate_cells,
    recorded_before,
)
from hotspot.errors import DataQualityWarning

AHEAD = (1, 3, 6, 12)
CLASSES = (0.5, 0.8, 0.95)
CLASS_NAMES = ("quieter half", "50-80 %", "80-95 %", "hottest 5 %")
FIRST, LAST = pd.Period("2019-01", "M"), pd.Period("2020-12", "M")
TUNED = pd.Period("2018-01", "M")
EARLIEST = pd.Period("2016-02", "M")
LEVELS = (0.05, 0.5, 0.95)
ZONE = "Europe/London"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    options.add_argument("--store", type=Path, help="keep forecasts here, and take those kept")
    options.add_argument("--every", type=int, default=3, help="months between origins")
    options.add_argument("--first-only", action="store_true", help="one month ahead only")
    chosen = options.parse_args()
    warnings.simplefilter("ignore", DataQualityWarning)  # the list of 2011-12
    events, boroughs = read_as_published(chosen.data)
    grid = Grid.over(boroughs, cell_size=250)
    made = Made(events, grid, chosen.store)
    tenth = deprivation_tenths(chosen.data, grid)
    for title, first, last in (("2018", TUNED, FIRST - 1), ("2019-20", FIRST, LAST)):
        # From the second month on, every third keeps to February, May, August and November.
        origins = pd.period_range(first + int(chosen.every > 1), last, freq="M")[:: chosen.every]
        print_laws(title, made, origins, tenth, block=max(1, 3 // chosen.every))
    for law in () if chosen.first_only else ("repeats", "Poisson"):
        origins = pd.period_range(EARLIEST, LAST, freq="M")[:: chosen.every]
        print_moved(law, made, origins, chosen.every)


class Made:
    """Means and variances that a fit before each origin gives, and what was then recorded."""

    def __init__(self, events, grid, store) -> None:
        self.events, self.grid, self.store = events, grid, store
        self.month = pd.period_range(EARLIEST, LAST + max(AHEAD), freq="M")
        months = make_periods(str(EARLIEST), count=len(self.month))
        self.seen = count_events(events, grid, months).values[:, grid.inside]

    def forecast(self, origin, *, repeats=True):
        """(2, steps, cells): means and variances 1, 3, 6 and 12 months ahead."""
        kept = self.store and self.store / f"{'repeats' if repeats else 'plain'}_{origin}.npy"
        if kept and kept.exists():
            return np.load(kept).astype(float)
        end = origin.to_timestamp().tz_localize(ZONE)
        fitted = EndemicEpidemic(repeats=repeats).fit(self.events.before(end), self.grid, end=end)
        months = make_periods(str(origin), count=12)[[ahead - 1 for ahead in AHEAD]]
        inside = self.grid.inside
        both = (fitted.expected_count(months), fitted.count_variance(months))
        found = np.array([one.values[:, inside] for one in both], np.float32)
        if kept:
            self.store.mkdir(parents=True, exist_ok=True)
            np.save(kept, found)
        return found.astype(float)

    def observed(self, target):
        return self.seen[self.month == target][0]


def deprivation_tenths(data: Path, grid: Grid) -> np.ndarray:
    """Tenth of London's neighbourhoods, 0 the most deprived of income, each cell's middle is in."""
    places = gpd.read_file(data / "london_lsoa2011/london_lsoa_2011_bsc.geojson").to_crs(27700)
    table = pd.read_csv(data / "london_lsoa_sociodemographics/imd2019_lsoa2011_london.csv")
    score = table.set_index("LSOA code (2011)")["Income Score (rate)"]
    code = next(c for c in places.columns if places[c].astype(str).str.match(r"E010\d+$").all())
    places["tenth"] = pd.qcut(-places[code].map(score).rank(method="first"), 10, labels=False)
    x, y = (one[grid.inside] for one in np.meshgrid(grid.x, grid.y))
    middles = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y), crs=27700)
    # Some middles lie in the river, outside every outline: the nearest is theirs.
    joined = gpd.sjoin_nearest(middles, places[["tenth", "geometry"]])
    return joined[~joined.index.duplicated()].sort_index()["tenth"].to_numpy()


def pit_edges(mean, variance, seen):
    """Chance of fewer than was seen, and of at most as many."""
    wide = variance > mean * (1 + 1e-9)
    size = np.divide(mean**2, variance - mean, np.ones(mean.shape), where=wide)
    law, even = nbinom(size, size / (size + mean)), poisson(mean)
    return tuple(np.where(wide, law.cdf(n), even.cdf(n)) for n in (seen - 1, seen))


def held(edges, low=0.05, high=0.95):
    """Chance that a randomised PIT lies between two levels."""
    below, upto = edges
    width = np.maximum(upto - below, 1e-300)
    return np.clip((np.minimum(upto, high) - np.maximum(below, low)) / width, 0, 1)


def class_of(mean):
    return np.searchsorted(np.quantile(mean, CLASSES), mean, side="right")


def by_group(values, group, count):
    return np.bincount(group, values, count) / np.bincount(group, minlength=count)


def told(values, block) -> str:
    low, high = by_months(np.asarray(values), block)
    return f"{np.mean(values):.4f} [{low:.4f}, {high:.4f}]"


def print_laws(title, made, origins, tenth, *, block) -> None:
    print(f"\n{title}, one month ahead, {len(origins)} months: inside the 90 % interval by PIT")
    head = ("law of counts", "all", *CLASS_NAMES, "below / above, hottest 5 %", "log score a cell")
    print("| " + " | ".join(head) + " |" + "\n|" + "---|" * len(head))
    deprived = {}
    for name, options in (("Poisson", {}), ("rates vary", {"repeats": False}), ("repeats", {})):
        whole, classes, tails, scores, tenths = [], [], [], [], []
        for origin in origins:
            mean, variance = made.forecast(origin, **options)[:, 0]
            variance = mean if name == "Poisson" else variance
            edges = pit_edges(mean, variance, made.observed(origin))
            inside, kind = held(edges), class_of(mean)
            whole.append(inside.mean())
            classes.append(by_group(inside, kind, 4))
            hot = kind == 3
            tails.append([held(edges, *ends)[hot].mean() for ends in ((0, 0.05), (0.95, 1))])
            scores.append(np.log(np.maximum(edges[1] - edges[0], 1e-300)).mean())
            tenths.append(by_group(inside, tenth, 10))
        of_classes = [told(one, block) for one in np.transpose(classes)]
        ends = " / ".join(f"{one:.4f}" for one in np.mean(tails, axis=0))
        cells = (name, told(whole, block), *of_classes, ends, f"{np.mean(scores):.5f}")
        print("| " + " | ".join(cells) + " |")
        deprived[name] = np.transpose(tenths)
    print("\n| income deprivation | " + " | ".join(deprived) + " |\n|---|" + "---|" * len(deprived))
    for k in range(10):
        cells = [told(rows[k], block) for rows in deprived.values()]
        words = {0: " (most deprived)", 9: " (least)"}.get(k, "")
        print(f"| tenth {k + 1}{words} | " + " | ".join(cells) + " |")


def print_moved(law, made, origins, every) -> None:
    """Coverage as issued and with bounds moved, by horizon; target months of 2019 and 2020."""
    print(f"\n{law}: moved on the folds of the last two years whose outcome was known")
    print("| months ahead | months | " + " | ".join(
        f"{what}, {how}" for what in ("all", "hottest 5 %") for how in ("as issued", "moved")
    ) + " |\n|---|---|---|---|---|---|")  # fmt: skip
    earlier = as_backtest(made, origins)
    if law == "Poisson":
        earlier["count_variance"] = earlier["expected_count"]
    rows = {step: [] for step in range(len(AHEAD))}
    for i, origin in enumerate(origins):
        known = recorded_before(earlier, origin.to_timestamp().tz_localize(ZONE))
        for step, ahead in enumerate(AHEAD):
            target = origin + ahead - 1
            if (
                not FIRST <= target <= LAST
                or known["observed_count"][:, step].notnull().any(["y", "x"]).sum() < 6
            ):
                continue
            one = as_forecast(earlier, i, origin).isel(time=[step])
            moved = recalibrate_cells(one, known.isel(step=[step]), folds=24 // every)
            record = json.loads(moved.attrs["cell_recalibration"])["steps"][0]["levels"]
            mean, variance = made.forecast(origin)[:, step]
            variance = mean if law == "Poisson" else variance
            edges, kind = pit_edges(mean, variance, made.observed(target)), class_of(mean)
            low, high = (np.array(record[f"{q}"])[kind] for q in (LEVELS[0], LEVELS[-1]))
            issued, after = held(edges), held(edges, low, high)
            hot = kind == 3
            rows[step].append([issued.mean(), after.mean(), issued[hot].mean(), after[hot].mean()])
    for step, ahead in enumerate(AHEAD):
        cells = [told(one, max(1, 3 // every)) for one in np.transpose(rows[step])]
        print(f"| {ahead} | {len(rows[step])} | " + " | ".join(cells) + " |")


def as_backtest(made, origins) -> xr.Dataset:
    """Forecasts beside what was recorded, as a backtest of four steps gives them."""
    inside, dims = made.grid.inside, ("fold", "step", "y", "x")
    maps = np.full((3, len(origins), len(AHEAD), *inside.shape), np.nan, np.float32)
    ends = np.empty((len(origins), len(AHEAD)), "datetime64[ns]")
    for i, origin in enumerate(origins):
        maps[:2, i][..., inside] = made.forecast(origin)
        for step, ahead in enumerate(AHEAD):
            ends[i, step] = (origin + ahead).to_timestamp().to_datetime64()
            maps[2, i, step][inside] = made.observed(origin + ahead - 1)
    names = ("expected_count", "count_variance", "observed_count")
    cutoffs = [origin.to_timestamp().tz_localize(ZONE).isoformat() for origin in origins]
    coords = {
        "y": made.grid.y,
        "x": made.grid.x,
        "time_end": (("fold", "step"), ends),
        "data_cutoff": ("fold", cutoffs),
    }
    variables = {name: (dims, one) for name, one in zip(names, maps, strict=True)}
    return xr.Dataset(variables, coords, {"time_zone": ZONE})


def as_forecast(earlier, i, origin) -> xr.Dataset:
    """One fold as a forecast, whose bounds are still to be made."""
    fold = earlier.isel(fold=i, drop=True).rename(step="time")
    mean, variance = fold["expected_count"], fold["count_variance"]
    starts = [(origin + ahead - 1).to_timestamp() for ahead in AHEAD]
    bounds = xr.concat([0 * mean] * len(LEVELS), pd.Index(LEVELS, name="quantile"))
    cutoff = origin.to_timestamp().tz_localize(ZONE).isoformat()
    unused = ("model", "parameters", "entropy", "n_members", "time_resolution", "crs")
    unused += ("place_resolution", "cell_size", "input_sha256", "hotspot_version")
    said = {"issued_at": cutoff, "data_cutoff": cutoff, "time_zone": ZONE, "interval_kind": "none"}
    return xr.Dataset(
        {
            "expected_count": mean,
            "count_variance": variance,
            "probability": 0 * mean,
            "count_quantile": bounds,
        },
        attrs={**dict.fromkeys(unused, ""), **said},
    ).assign_coords(time=starts)


if __name__ == "__main__":
    main()
