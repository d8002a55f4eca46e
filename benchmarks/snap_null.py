"""What snapping to map points makes of a PAI where there is no hotspot at all.

    python benchmarks/snap_null.py [--layouts 8]

Squares of 2 km, 400 map points laid at random in each, so that there is one to 100 x 100 m; 51,200
places even over the square, each snapped to its nearest point; half of them are the past of a
count map, half are to be foretold. The hottest 5 % of cells are flagged. Mean over the layouts, and
the least and largest PAI.
"""

import argparse
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from shapely import box

import hotspot as hs

SIDE, POINTS, EVENTS = 2_000.0, 400, 51_200
CELLS = (25, 50, 100, 250, 500)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layouts", type=int, default=8)
    layouts = parser.parse_args().layouts
    print("cell   PAI, snapped          ratio  PAI, true  same cell  cells with a point")
    for size in CELLS:
        found = [report(seed, size) for seed in range(layouts)]
        rows = pd.DataFrame([one.table.loc["area"] for one in found])
        same, holding = (
            np.mean([getattr(one, name) for one in found])
            for name in ("same_cell", "holding_cells")
        )
        spread = f"({rows['pai'].min():.2f} to {rows['pai'].max():.2f})"
        print(
            f"{size:4}   {rows['pai'].mean():5.2f} {spread:17} {rows['ratio'].mean():.3f}"
            f"{rows['null_truth'].mean():9.2f}{same:11.2f}{holding:10.2f}"
        )


def report(seed: int, cell_size: float) -> hs.SnapNullReport:
    events = record(np.random.default_rng(seed))
    grid = hs.Grid.over(events.region, cell_size=cell_size)
    folds = hs.rolling_origin("2021-01", "2022-01", horizon=12)
    model = hs.HistoricalRate(background_share=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hs.errors.DataQualityWarning)
        rng = np.random.default_rng(seed + 1000)
        share = max(0.05, (cell_size / SIDE) ** 2)
        return hs.snap_null(model, events, grid, folds, rng=rng, area_share=share, n_records=1)


def record(rng: np.random.Generator) -> hs.Events:
    points = rng.uniform(0, SIDE, (POINTS, 2))
    places = points[cKDTree(points).query(rng.uniform(0, SIDE, (EVENTS, 2)))[1]]
    months = pd.period_range("2020-01", periods=24, freq="M")
    # As many in each month, so that half of them are the past.
    times = months.to_timestamp().tz_localize("Europe/London")[np.arange(EVENTS) % 24]
    table = gpd.GeoDataFrame(
        {"time": times.tz_convert("UTC"), "offence": "none"},
        geometry=gpd.points_from_xy(*places.T),
        crs=27700,
    )
    window = [pd.Timestamp(day, tz="Europe/London") for day in ("2020-01-01", "2022-01-01")]
    return hs.Events(
        table, box(0, 0, SIDE, SIDE), *window, time_resolution="month", place_resolution=100.0,
        coverage=pd.DataFrame({"force": "one", "month": months.astype(str), "rows": 1}),
    )  # fmt: skip


if __name__ == "__main__":
    main()
