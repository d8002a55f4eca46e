"""Small fitted models that several tests of forecasts share."""

from __future__ import annotations

import numpy as np
import pandas as pd
from shapely import Point, box
from shapely.affinity import translate

from hotspot import FittedRateMap, Grid, make_periods
from hotspot.models.level import LevelVariance

CUTOFF = pd.Timestamp("2019-01-01", tz="Europe/London")


def fitted_map(
    *, region=0.02, block=0.05, cell=0.3, shape=(4, 6), busiest=0.3, disc=False, corner=(0, 0)
):
    """A rate map on a rectangle (or a disc, which leaves cells outside), rates a gradient.

    `region` and `block` are the level variances of the whole and of squares of 2 x 2 cells;
    a number, or one for each lead.
    """
    ny, nx = shape
    where = Point(500, 500).buffer(450) if disc else box(0, 0, nx * 100, ny * 100)
    grid = Grid.over(translate(where, *corner), cell_size=100)
    ny, nx = grid.shape
    rate = np.linspace(0.01, busiest, ny * nx).reshape(ny, nx)
    rows, columns = np.indices((ny, nx)) // 2
    level = LevelVariance(
        region=np.atleast_1d(region),
        squares=np.atleast_2d(block),
        cell=cell,
        lead_days=30.4375,
        square_of_cell=(rows * ((nx + 1) // 2) + columns)[None],
    )
    return FittedRateMap(
        name="gradient",
        grid=grid,
        data_cutoff=CUTOFF,
        rate=np.where(grid.inside, rate, 0.0),
        rate_variance=np.full((ny, nx), 0.05 if cell else 0.0),
        level=level,
        parameters={"half_life": None, "window": 36},
        time_resolution="month",
        place_resolution=60.0,
    )


def months(count=1):
    return make_periods("2019-01", count=count)
