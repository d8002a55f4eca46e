"""Small point patterns that several tests build their cases from."""

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely import box

from hotspot import Events

LONDON = "Europe/London"


def events_at(times, x, y, *, region=None, start, end, resolution="exact", coverage=None):
    """Events by hand; times are local unless they carry a zone."""
    stamps = pd.DatetimeIndex(times)
    stamps = (stamps if stamps.tz else stamps.tz_localize(LONDON)).tz_convert("UTC")
    table = gpd.GeoDataFrame(
        {"time": stamps, "offence": "Burglary"}, geometry=gpd.points_from_xy(x, y), crs=27700
    )
    return Events(
        table=table,
        region=box(0, 0, 1000, 1000) if region is None else region,
        start=pd.Timestamp(start, tz=LONDON).tz_convert("UTC"),
        end=pd.Timestamp(end, tz=LONDON).tz_convert("UTC"),
        time_resolution=resolution,
        place_resolution=0.0,
        coverage=coverage,
    )


def monthly_events(counts, *, first="2019-01", cell_size=250.0, force="one force"):
    """Month data from counts (months, ny, nx): every event at the centre of its cell."""
    counts = np.asarray(counts)
    n_months, ny, nx = counts.shape
    month, row, column = (
        np.repeat(i, counts.ravel()) for i in np.indices(counts.shape).reshape(3, -1)
    )
    months = pd.period_range(first, periods=n_months, freq="M")
    coverage = pd.DataFrame(
        {"force": force, "month": months.astype(str), "rows": counts.sum((1, 2))}
    )
    return events_at(
        months[month].to_timestamp(),
        (column + 0.5) * cell_size,
        (row + 0.5) * cell_size,
        region=box(0, 0, nx * cell_size, ny * cell_size),
        start=months[0].to_timestamp(),
        end=(months[-1] + 1).to_timestamp(),
        resolution="month",
        coverage=coverage,
    )
