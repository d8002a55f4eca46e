"""A small forecast of January 2019 from data up to its beginning, and events of that month."""

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely import box

from hotspot import Events, issue_forecast
from hotspot.study import parse_study
from tests.forecast.made import fitted_map, months

REGION = box(0, 0, 600, 400)


def day(text):
    return pd.Timestamp(text, tz="Europe/London")


def forecast(busiest=0.3, issued_at="2019-01-02T09:00:00+00:00", n_months=1):
    made = issue_forecast(
        fitted_map(busiest=busiest, shape=(4, 6)),
        months(n_months),
        rng=np.random.default_rng(1),
        size=50,
        areas=gpd.GeoDataFrame({"name": ["all"]}, geometry=[REGION], crs=27700),
        input_sha256="ab12",
    )
    return made.assign_attrs(issued_at=issued_at)


def study(**scores):
    return parse_study({"data": {"path": "a.zip"}, "scores": {"area_shares": [0.25], **scores}})


def events(places, region=REGION):
    """Recorded in January 2019 at these places."""
    x, y = np.array(places, float).T
    table = gpd.GeoDataFrame(
        {"time": pd.Timestamp("2019-01-01"), "offence": "Burglary"},
        geometry=gpd.points_from_xy(x, y),
        index=range(len(x)),
        crs=27700,
    )
    return Events.from_geodataframe(
        table, time_resolution="month", region=region, start="2019-01", end="2019-02",
        place_resolution=0.0,
    )  # fmt: skip
