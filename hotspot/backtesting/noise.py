"""Records in which there is nothing to foretell, made like a given one: for tests of models."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from hotspot._typing import FloatArray, IntArray
from hotspot.data.events import Events, Source
from hotspot.grid.cells import Grid


def shuffled_events(events: Events, grid: Grid, *, rng: np.random.Generator) -> Events:
    """`events` with each cell's events moved, month by month (day by day), to another cell.

    The counts of every month stay what they were, cell by cell, but which cell holds which
    count is drawn anew each month: nothing in the past tells where the next will fall.
    """
    points = events.table.geometry
    cell = grid.cell_of(points.x.to_numpy(), points.y.to_numpy())
    inside = np.flatnonzero(grid.inside)
    slot = np.full(grid.inside.size, -1)
    slot[inside] = np.arange(inside.size)
    kept = np.flatnonzero((cell >= 0) & (slot[cell] >= 0))
    local = events.table["time"].dt.tz_convert(events.time_zone).dt.tz_localize(None)
    unit = local.dt.to_period("M" if events.time_resolution == "month" else "D").to_numpy()[kept]
    moved = np.empty(kept.size, np.int64)
    for rows in pd.Series(np.arange(kept.size)).groupby(unit, sort=True).indices.values():
        moved[rows] = rng.permutation(inside)[slot[cell[kept[rows]]]]
    times = events.table["time"].to_numpy()[kept]
    return noise_events(events, times, points_in(grid, moved, rng=rng), "shuffled")


def poisson_events(
    events: Events, grid: Grid, *, rng: np.random.Generator, share: FloatArray | None = None
) -> Events:
    """As many events in the mean, at recorded times, each in a cell drawn by `share`.

    `share` (ny, nx) sums to 1; by default it is each cell's share of the region's area.
    """
    number = rng.poisson(len(events))
    times = np.sort(rng.choice(events.table["time"].to_numpy(), number))
    share = grid.inside_area / grid.inside_area.sum() if share is None else share
    cell = rng.choice(share.size, number, p=share.ravel())
    return noise_events(events, times, points_in(grid, cell, rng=rng), "Poisson")


def points_in(grid: Grid, cell: IntArray, *, rng: np.random.Generator) -> FloatArray:
    """A point of the region in each cell: anywhere in a whole one, one fixed in a clipped one."""
    row, column = np.divmod(cell, grid.x.size)
    centre = np.column_stack([grid.x[column], grid.y[row]])
    point = centre + grid.cell_size * (rng.random(centre.shape) - 0.5)
    whole = grid.inside_area.ravel()[cell] >= grid.cell_size**2 * (1 - 1e-9)
    clipped, where = np.unique(cell[~whole], return_inverse=True)
    squares = grid.cells().loc[clipped].to_numpy()
    within = shapely.point_on_surface(shapely.intersection(squares, grid.region))
    point[~whole] = shapely.get_coordinates(within)[where]
    return point


def noise_events(events: Events, times: np.ndarray, points: FloatArray, kind: str) -> Events:
    """A record of these times and places, with the window of `events`."""
    table = gpd.GeoDataFrame(
        {"time": pd.DatetimeIndex(times).tz_convert("UTC"), "offence": "noise"},
        geometry=shapely.points(points),
        crs=events.table.crs,
    )
    source = Source(name=f"{kind} noise", rows_in=len(table), rows_kept=len(table))
    return replace(events, table=table, source=source, report=None)
