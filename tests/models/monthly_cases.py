"""A record of months that follows the monthly self-exciting model, for its tests."""

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import box

from hotspot import Events, Grid, make_periods
from hotspot.models.endemic_epidemic.exposure import Exposure
from hotspot.models.endemic_epidemic.long_run import long_run
from hotspot.models.endemic_epidemic.month_lags import GeometricLags
from hotspot.models.endemic_epidemic.neighbours import GridSpread
from hotspot.models.parts.shapes import GaussianShape

CELL = 250.0
TRUE = {"strength": 5.0, "half_life": 24.0, "season": 0.3, "own": 0.15, "near": 0.3, "sd": 350.0}
LAGS = GeometricLags(2, 0.3)
PSI = 0.3


def simulated_counts(rng, *, side=8, months=72, rate=1.5, learning=24, repeats=0.0):
    """Counts (months, cells): `learning` months at unequal rates, then months by the model."""
    n = side * side
    cells = np.arange(n)
    even = np.ones((1, n))
    exposure = Exposure("area", np.ones((months + 1, n)), even, np.zeros(months, np.int64))
    kind = {"shape": (side, side), "cells": cells, "spacing": CELL, "exposure": even}
    none = np.empty(0, np.int64)
    near = GridSpread(decay=GaussianShape(TRUE["sd"]), reach=6, version=none, **kind)
    counts = np.zeros((months, n))
    uneven = rng.gamma(2.0, 0.5, n) * rate
    for t in range(months):
        if t < learning:
            mean = uneven
        else:
            around = GridSpread(decay=GaussianShape(500.0), reach=8, version=none, **kind)
            rates = long_run(
                counts[:t], np.ones(t, bool), exposure, around,
                half_lives=(TRUE["half_life"],), begin=0,
            )  # fmt: skip
            long = rates.rows(np.array([t])).value(np.log([TRUE["strength"]]))[0]
            mean = (1 - TRUE["own"] - TRUE["near"]) * long
            mean = mean * np.exp(TRUE["season"] * np.sin(np.pi * t / 6))
            for month, share in zip(LAGS.months, LAGS.shares(), strict=True):
                past = counts[t - month]
                mean = mean + share * TRUE["own"] * past
                heard = near.of(past[None], np.log([TRUE["sd"]]))[0]
                mean = mean + share * TRUE["near"] * heard
        excess = repeats + PSI * mean
        counts[t] = rng.poisson(rng.standard_gamma(mean / excess) * excess)
    return counts


def record_of(counts, *, side=8, place_resolution=0.0, coverage=None):
    """Events at the middles of cells, in months from January 2014, and their grid."""
    region = box(0, 0, side * CELL, side * CELL)
    grid = Grid.over(gpd.GeoSeries([region], crs=27700), cell_size=CELL)
    periods = make_periods("2014-01", count=len(counts))
    month, cell = np.nonzero(counts)
    number = counts[month, cell].astype(int)
    month, cell = np.repeat(month, number), np.repeat(cell, number)
    row, column = np.divmod(cell, side)
    table = gpd.GeoDataFrame(
        {"time": periods.left.tz_convert("UTC")[month], "offence": "Burglary"},
        geometry=gpd.points_from_xy((column + 0.5) * CELL, (row + 0.5) * CELL),
        crs=27700,
    )
    events = Events(
        table=table,
        region=region,
        start=periods.left[0].tz_convert("UTC"),
        end=periods.right[-1].tz_convert("UTC"),
        time_resolution="month",
        place_resolution=place_resolution,
        coverage=coverage,
    )
    return events, grid


def coverage_without(counts, missing):
    """Every month but some was published."""
    months = pd.period_range("2014-01", periods=len(counts), freq="M").astype(str)
    kept = np.setdiff1d(np.arange(len(counts)), missing)
    rows = counts.sum(axis=1)[kept].astype(int)
    return pd.DataFrame({"force": "met", "month": months[kept], "rows": rows})
