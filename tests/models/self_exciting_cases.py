"""Simulated records that tests of the self-exciting model share; a plain branching process."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from hotspot import Events

SQUARE = shapely.box(0, 0, 3000, 3000)
START = pd.Timestamp("2021-01-01", tz="UTC")
TRUTH = {"theta": 0.4, "rate": 0.15, "sd": 150.0}


def branching_process(rng, *, background, days, theta=0.4, rate=0.15, sd=150.0, region=SQUARE):
    """Days, x, y of a branching process with an even background, in order of time; (n, 3)."""
    west, south, east, north = region.bounds
    n = rng.poisson(background * days)
    places = rng.uniform((west, south), (east, north), (n, 2))
    generation = np.column_stack([rng.uniform(0, days, n), places])
    family = [generation]
    while len(generation):
        children = np.repeat(generation, rng.poisson(theta, len(generation)), axis=0)
        children = children + np.column_stack(
            [
                rng.exponential(1 / rate, len(children)),
                sd * rng.standard_normal((len(children), 2)),
            ]
        )
        inside = shapely.contains_xy(region, children[:, 1], children[:, 2])
        generation = children[(children[:, 0] < days) & inside]
        family.append(generation)
    found = np.concatenate(family)
    return found[np.argsort(found[:, 0])]


def as_events(rows, *, days, region=SQUARE, resolution="exact", place_resolution=0.0, start=START):
    """Events from days, x, y."""
    rows = np.asarray(rows, float).reshape(-1, 3)
    stamps = (start + pd.to_timedelta(rows[:, 0], unit="D")).as_unit("us")
    if resolution != "exact":
        stamps = stamps.floor({"hour": "h", "day": "D", "month": "D"}[resolution])
    table = gpd.GeoDataFrame(
        {"time": stamps, "offence": "Burglary"},
        geometry=gpd.points_from_xy(rows[:, 1], rows[:, 2]),
        crs=27700,
    )
    return Events(
        table=table,
        region=region,
        start=start,
        end=start + pd.Timedelta(days=days),
        time_resolution=resolution,
        place_resolution=place_resolution,
        time_zone="UTC",
    )
