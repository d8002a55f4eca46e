"""What a background with hours, weekdays and seasons changes: aggravated assaults in Chicago.

Run ``python benchmarks/rhythm.py``; it reads ``chicago_agg_assault_exact`` under
``../shared/data``, or under ``--data FOLDER``. One police district, four years, times exact to the
minute. Lag and displacement are held at stated values, so that two fits differ by the pattern in
time alone: the branching ratio of each, and the log-likelihood that the pattern adds.
"""

import argparse
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from hotspot import (
    Events,
    ExponentialLag,
    GaussianDisplacement,
    Grid,
    KernelBackground,
    PeriodicBackground,
    SelfExciting,
)

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
FILE = Path("chicago_agg_assault_exact") / "dev_chicago_agg_assault_2010_2016.parquet"
DISTRICT, ZONE = 11, "America/Chicago"
MEAN_LAGS = (0.125, 1.0, 7.0)  # days


def assaults(data: Path) -> Events:
    table = pd.read_parquet(data / FILE, filters=[("district", "==", DISTRICT)])
    table = table[table["date"] < "2014"]
    stamps = table["date"].dt.tz_localize(ZONE, ambiguous=True, nonexistent="shift_forward")
    events = gpd.GeoDataFrame(
        {"time": stamps, "offence": "Aggravated assault"},
        geometry=gpd.points_from_xy(table["x"], table["y"]),
        crs=26971,
    )
    return Events.from_geodataframe(
        events,
        time_resolution="exact",
        place_resolution=0.0,
        region=events.union_all().convex_hull.buffer(50),
        start="2010-01-01",
        end="2014-01-01",
        time_zone=ZONE,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    events = assaults(parser.parse_args().data)
    grid = Grid.over(events.region, cell_size=250, crs=26971)
    space = KernelBackground(300.0)
    backgrounds = {"steady": space, "rhythm": PeriodicBackground(space, season=2, trend=True)}
    print(f"{len(events.table):,} events; branching ratio with its 90 % interval")
    for mean_lag in MEAN_LAGS:
        value = {}
        for name, background in backgrounds.items():
            fitted = SelfExciting(
                background=background,
                lag=ExponentialLag(1 / mean_lag),
                displacement=GaussianDisplacement(200.0),
                hold=("lag", "displacement"),
            ).fit(events, grid)
            value[name] = fitted.log_likelihood
            low, high = fitted.branching_ratio_interval(0.9)
            print(
                f"mean lag {mean_lag:g} days, {name}: {fitted.branching_ratio:.3f} "
                f"({low:.3f} to {high:.3f})"
            )
        gain = (value["rhythm"] - value["steady"]) / len(events.table)
        print(f"  the rhythm adds {gain:.4f} nats an event")
    print("hours of the day:", np.round(fitted.background.pattern.hour_of_day, 2).tolist())


if __name__ == "__main__":
    main()
