"""Files as somebody else would hand them in, small enough to judge by hand."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely import box

from hotspot import Events

PERIOD = {"start": "2024-01-01", "end": "2024-02-01"}
# Four cells of 100 m, in National Grid metres far from its origin.
WEST, SOUTH = 530_000.0, 180_000.0
SQUARE = box(WEST, SOUTH, WEST + 200, SOUTH + 200)
CENTRES = [(WEST + 50, SOUTH + 50), (WEST + 150, SOUTH + 50), (WEST + 50, SOUTH + 150),
           (WEST + 150, SOUTH + 150)]  # fmt: skip
COUNTS = (5, 1, 2, 0)  # events of each, in that order


def events(
    *, counts=COUNTS, end="2024-02-01", region=SQUARE, centres=CENTRES, resolution="day", crs=27700
):
    """January 2024 with that many events in each cell, ten metres off its centre."""
    where = [(x + 10, y + 10) for (x, y), n in zip(centres, counts, strict=True) for _ in range(n)]
    x, y = zip(*where, strict=True) if where else ((), ())
    table = gpd.GeoDataFrame(
        {"time": pd.to_datetime(["2024-01-15"] * len(where)), "offence": "Burglary"},
        geometry=gpd.points_from_xy(x, y),
        crs=crs,
    )
    table["time"] = table["time"].astype("datetime64[us]")
    return Events.from_geodataframe(
        table, time_resolution=resolution, region=region, start="2024-01-01", end=end,
        place_resolution=0.0,
    )  # fmt: skip


def csv(path, rows, *, columns="x,y,score"):
    """Write lines of a CSV; `rows` are tuples."""
    lines = [columns, *(",".join(str(value) for value in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def cells(values):
    """Rows of x, y and a value for the four cells."""
    return [(x, y, value) for (x, y), value in zip(CENTRES, values, strict=True)]


def squares(values, *, name="score", crs=27700, half=50):
    """The four cells as outlines with a column."""
    x, y = np.array(CENTRES).T
    outlines = [box(a - half, b - half, a + half, b + half) for a, b in zip(x, y, strict=True)]
    table = gpd.GeoDataFrame({name: list(values)}, geometry=outlines, crs=27700)
    return table.to_crs(crs)
