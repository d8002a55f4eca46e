"""How often are breaks found that are not there, and missed that are? And what of London's record?

    python benchmarks/breaks.py [--data FOLDER] [--cities 200]

Simulates cities of five years with a season, unequal snap points and offences that repeat at one
point; without a break, with a step by three tenths, with places shuffled from one month on while
totals stay, and with half a month lost. Then reads the 133 months of the Metropolitan Police, if
they are there, and prints the table of what is found.
"""

import argparse
import time
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import box

from hotspot import Events, find_breaks, load_boroughs, make_periods

MONTHS, AT, SIDE = 60, 30, 5000.0
KINDS = {
    "300 a month, chance alone": {"rate": 300.0},
    "100 a month, chance alone": {"rate": 100.0},
    "300 a month, months stray by 5 %": {"rate": 300.0, "noise": 0.05},
    "300 a month, level drifts by 3 % a month": {"rate": 300.0, "drift": 0.03},
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    options.add_argument("--cities", type=int, default=200, help="cities without a break")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    few = max(chosen.cities // 5, 1)
    print(
        f"of {chosen.cities} cities without a break, and {few} with each of the others, the share"
    )
    columns = ("false alarm", "step x1.3", "shuffled, new", "shuffled, same", "half month")
    print(f"{'':<42}" + "".join(f"{name:>16}" for name in columns))
    for number, (name, options) in enumerate(KINDS.items()):
        rng = np.random.default_rng(number)
        shares = [
            measured(kind, chosen.cities if kind == "false alarm" else few, rng, options)
            for kind in columns
        ]
        print(f"{name:<42}" + "".join(f"{share:>16.3f}" for share in shares), flush=True)
    if (chosen.data / "met_burglary_police_uk").is_dir():
        print_london(chosen.data)


def measured(kind: str, cities: int, rng, options: dict) -> float:
    """Share of cities with any break (false alarm), or with the one that was put in."""
    found = 0
    for _ in range(cities):
        breaks = find_breaks(simulated(rng, kind, **options))
        months = pd.PeriodIndex(breaks["month"], freq="M") - pd.Period("2014-01", "M")
        row = np.array([month.n for month in months])
        wanted = {
            "false alarm": np.ones(len(breaks), bool),
            "step x1.3": (breaks["kind"] == "level") & (abs(row - AT) <= 1),
            "half month": (breaks["kind"] == "single month") & (row == AT),
        }
        moved = (breaks["kind"] == "map points") & (row == AT)
        found += bool(np.any(wanted.get(kind, moved)))
    return found / cities


def simulated(rng, kind: str, *, rate: float, noise=0.0, drift=0.0, points=2000) -> Events:
    t = np.arange(MONTHS)
    level = np.cumsum(drift * rng.standard_normal(MONTHS)) + noise * rng.standard_normal(MONTHS)
    mean = rate * np.exp(0.2 * np.sin(np.pi * t / 6) + level)
    if kind == "step x1.3":
        mean = np.where(t >= AT, 1.3, 1.0) * mean
    month = np.repeat(t, rng.poisson(mean / 1.1))
    weight = rng.standard_gamma(0.5, points)
    point = rng.choice(points, month.size, p=weight / weight.sum())
    again = rng.random(month.size) < 0.1  # same month, same point
    month, point = np.append(month, month[again]), np.append(point, point[again])
    place = rng.uniform(0, SIDE, (points, 2)).round(1)
    late = month >= AT
    if kind == "shuffled, new":
        place = np.vstack([place, rng.uniform(0, SIDE, (points, 2)).round(1)])
        point = np.where(late, point + points, point)
    elif kind == "shuffled, same":
        point = np.where(late, rng.permutation(points)[point], point)
    elif kind == "half month":
        kept = (month != AT) | (rng.random(month.size) < 0.5)
        month, point = month[kept], point[kept]
    periods = make_periods("2014-01", count=MONTHS)
    table = gpd.GeoDataFrame(
        {"time": periods.left.tz_convert("UTC")[month], "offence": "Burglary"},
        geometry=gpd.points_from_xy(*place[point].T),
        crs=27700,
    )
    start, end = periods.left[0].tz_convert("UTC"), periods.right[-1].tz_convert("UTC")
    return Events(table, box(0, 0, SIDE, SIDE), start, end, "month", 50.0)


def print_london(data: Path) -> None:
    from london import read_london

    events, _ = read_london(data)
    boroughs = load_boroughs()
    for name, areas in (("the whole", None), ("the whole and each borough", boroughs)):
        start = time.perf_counter()
        breaks = find_breaks(events, areas=areas)
        print(f"\nLondon, {name}: {time.perf_counter() - start:.1f} s")
        print(breaks.drop(columns="finding").to_string(index=False, float_format="%.3g"))
    print(*find_breaks(events)["finding"], sep="\n")


if __name__ == "__main__":
    main()
