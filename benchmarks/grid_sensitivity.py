"""By how much the grid alone moves PAI: burglaries of London in 2019, one model, many grids.

    python benchmarks/grid_sensitivity.py [--data FOLDER] [--picture FILE]

12 monthly folds; the count of the last 36 months and a kernel density of 300 m, made anew on cells
of 100 to 500 m, at four origins and two angles; 1 % of the area of Greater London flagged.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from london import read_london

from hotspot import HistoricalRate, KernelDensity, grid_sensitivity, rolling_origin

SIZES = (100.0, 150.0, 200.0, 250.0, 300.0, 400.0, 500.0)
MODELS = {
    "last 36 months' count": HistoricalRate("36 months"),
    "KDE 300 m on 36 months": KernelDensity(300.0, window="36 months"),
}
PLACE = ["cell_size", "offset_x", "offset_y", "rotation"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    options.add_argument("--picture", type=Path, help="where to draw the first model's PAI")
    chosen = options.parse_args()
    events, _ = read_london(chosen.data)
    events = events.select(start="2015-12-01", end="2020-01-01")
    folds = rolling_origin("2019-01", "2020-01")
    for number, (name, model) in enumerate(MODELS.items()):
        begin = time.perf_counter()
        table = grid_sensitivity(
            model, events, folds, cell_sizes=SIZES, rotations=(0.0, 30.0), area_share=0.01
        )
        print(f"\n{name}, 1 % of the area flagged, mean of 12 months "
              f"({time.perf_counter() - begin:.0f} s)")  # fmt: skip
        print_spread(table)
        if number == 0 and chosen.picture:
            draw(table, chosen.picture)


def print_spread(table) -> None:
    means = table.groupby(PLACE)[["pai", "hit_rate", "information_gain"]].mean()
    print(f"{'cell, m':>8}{'PAI at the plain grid':>23}{'over origins and angles':>25}"
          f"{'over ties':>18}{'hit rate':>10}{'gain, nats':>12}")  # fmt: skip
    for size, some in means.groupby("cell_size"):
        plain = means.loc[(size, 0.0, 0.0, 0.0)]
        at = (table["cell_size"] == size) & (table[PLACE[1:]] == 0).all(axis=1)
        ties = table[at][["pai_lowest", "pai_highest"]].mean()
        low, high = some["pai"].min(), some["pai"].max()
        print(f"{size:8.0f}{plain['pai']:23.2f}{low:16.2f} to {high:5.2f}"
              f"{ties.iloc[0]:9.2f} to {ties.iloc[1]:5.2f}{plain['hit_rate']:10.4f}"
              f"{plain['information_gain']:12.3f}")  # fmt: skip
    low, high = means["pai"].min(), means["pai"].max()
    print(f"best of {len(means)} grids {high:.2f}, worst {low:.2f}: {high / low - 1:.0%} more")
    origins = (
        means["pai"].groupby(["cell_size", "rotation"]).agg(lambda pai: np.ptp(pai) / pai.min())
    )
    print(f"origin alone, at one cell size and angle: up to {origins.max():.1%}")


def draw(table, path: Path) -> None:
    from hotspot.plot import plot_grid_sensitivity

    plot_grid_sensitivity(table).figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
