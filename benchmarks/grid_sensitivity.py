"""By how much the grid alone moves PAI: burglaries of London in 2019, one model, many grids.

    python benchmarks/grid_sensitivity.py [--data FOLDER] [--picture FILE]

Four monthly folds (January, April, July, October); the count of the last 36 months, made anew on
cells of 100 to 500 m, at four origins, and turned by three angles; 1 % of the area of Greater
London flagged.
"""

import argparse
from pathlib import Path

import pandas as pd
from london import read_london

from hotspot import HistoricalRate, grid_sensitivity, rolling_origin
from hotspot.plot import plot_grid_sensitivity

SIZES = (100.0, 150.0, 200.0, 250.0, 300.0, 400.0, 500.0)
ANGLES = (15.0, 30.0, 45.0)
PLACE = ["cell_size", "offset_x", "offset_y", "rotation"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    options.add_argument("--picture", type=Path, help="where to draw")
    chosen = options.parse_args()
    events, _ = read_london(chosen.data)
    events = events.select(start="2015-12-01", end="2020-01-01")
    folds = rolling_origin("2019-01", "2020-01", step=3)
    model = HistoricalRate("36 months")
    moved = grid_sensitivity(model, events, folds, cell_sizes=SIZES)
    print_spread(moved)
    turned = grid_sensitivity(
        model, events, folds, cell_sizes=SIZES, offsets=[(0, 0)], rotations=ANGLES
    )
    table = pd.concat([moved, turned], ignore_index=True)
    means = table.groupby(PLACE)["pai"].mean()
    low, high = means.min(), means.max()
    print(f"best of {len(means)} grids, turned ones among them, {high:.2f}, worst {low:.2f}: "
          f"{high / low - 1:.0%} more")  # fmt: skip
    if chosen.picture:
        plot_grid_sensitivity(table).figure.savefig(chosen.picture, dpi=110)


def print_spread(table: pd.DataFrame) -> None:
    """By cell size: at the plain origin, over the origins, and over ways of breaking ties."""
    means = table.groupby(PLACE)[
        ["pai", "pai_lowest", "pai_highest", "hit_rate", "information_gain"]
    ].mean()
    print(
        f"{'cell, m':>8}{'PAI':>8}{'over origins':>18}{'over ties':>18}{'hit rate':>10}{'gain':>8}"
    )
    for size, some in means.groupby("cell_size"):
        plain, pai = some.loc[(size, 0.0, 0.0, 0.0)], some["pai"]
        print(f"{size:8.0f}{plain['pai']:8.2f}{pai.min():9.2f} to {pai.max():5.2f}"
              f"{plain['pai_lowest']:9.2f} to {plain['pai_highest']:5.2f}"
              f"{plain['hit_rate']:10.4f}{plain['information_gain']:8.3f}")  # fmt: skip
    ratio = means["pai"].groupby("cell_size").agg(lambda pai: pai.max() / pai.min() - 1)
    print(f"origin alone, at one cell size: up to {ratio.max():.1%} more")


if __name__ == "__main__":
    main()
