"""Draw the picture at the top of the README from the simulated sample.

    python scripts/make_readme_picture.py [FILE]

By default docs/images/forecast.png is written. The forecast is that of `hotspot demo`: the mean of
36 months, for the month after the sample ends.
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

import hotspot as hs
from hotspot.data.sample import SIMULATED_BOROUGHS

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "forecast.png"


def draw(path: Path) -> None:
    boroughs = hs.load_boroughs(SIMULATED_BOROUGHS)
    events = hs.load_sample(offences="Burglary")
    grid = hs.Grid.over(boroughs, cell_size=250)
    forecast = hs.issue_forecast(
        hs.HistoricalRate("36 months").fit(events, grid),
        hs.make_periods("2025-01", count=1),
        rng=np.random.default_rng(1),
        areas=boroughs,
    )
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 4.3), width_ratios=[2.1, 1], layout="constrained"
    )
    hs.plot_forecast(
        forecast,
        outline=boroughs,
        names="name",
        title="Simulated burglary, January 2025: expected in each cell",
        caption="SIMULATED data: no row describes anything that happened.",
        ax=left,
    )
    hs.plot_area_bounds(forecast, level=0.9, caption="", ax=right)
    right.set_title("and in each borough, with bounds", loc="left", fontsize=11)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
