"""Simulated cities whose offences lie on snap points, for tests of breaks."""

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import box

from hotspot import Events, make_periods

SIDE = 2000.0


def simulated(rng, *, months=60, rate=300.0, points=400, step=1.0, at=30, season=0.2, noise=0.0):
    """Points, and the month and point of each event; from month `at` the rate is times `step`."""
    place = rng.uniform(0, SIDE, (points, 2)).round(1)
    weight = rng.gamma(0.5, 1.0, points) + 0.01
    t = np.arange(months)
    mean = rate * np.exp(season * np.sin(np.pi * t / 6) + noise * rng.standard_normal(months))
    total = rng.poisson(np.where(t >= at, step, 1.0) * mean)
    month = np.repeat(t, total)
    return place, month, rng.choice(points, month.size, p=weight / weight.sum())


def city(place, month, point, *, months=60, place_resolution=50.0, coverage=None):
    """Events of such a city, from January 2014."""
    periods = make_periods("2014-01", count=months)
    table = gpd.GeoDataFrame(
        {"time": periods.left.tz_convert("UTC")[month], "offence": "Burglary"},
        geometry=gpd.points_from_xy(*place[point].T),
        crs=27700,
    )
    start, end = periods.left[0].tz_convert("UTC"), periods.right[-1].tz_convert("UTC")
    region = box(0, 0, SIDE, SIDE)
    return Events(table, region, start, end, "month", place_resolution, coverage)


def coverage_of(months, *, missing=(), forces=("north", "south")):
    """Every force-month but those named."""
    names = pd.period_range("2014-01", periods=months, freq="M").astype(str)
    pairs = [(f, m, 1) for f in forces for m in names if (f, m) not in missing]
    return pd.DataFrame(pairs, columns=["force", "month", "rows"])
