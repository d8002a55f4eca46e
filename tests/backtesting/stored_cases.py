"""A small city, and backtests of it that stop where they are told, or take their time."""

import time
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
from shapely import box

from hotspot import Grid, HistoricalRate, backtest, rolling_origin
from tests.patterns import monthly_events

MODELS = {"year": HistoricalRate("12 months"), "all": HistoricalRate()}
HALVES = gpd.GeoDataFrame(
    {"name": ["west", "east"]},
    geometry=[box(0, 0, 600, 1000), box(600, 0, 1250, 1000)],
    crs=27700,
)


def a_city(*, seed=6):
    mean = np.random.default_rng(5).gamma(1, 2, (4, 5))
    return monthly_events(np.random.default_rng(seed).poisson(mean, (36, 4, 5)))


def run(city, *, models=MODELS, seed=1, end="2021-07", cell_size=250, **options):
    """Three folds of two months each, unless `end` says otherwise."""
    folds = rolling_origin("2021-01", end, horizon=2, step=2)
    few = {"quantiles": (0.05, 0.5, 0.95), "size": 40}
    rng = np.random.default_rng(seed)
    grid = Grid.over(city.region, cell_size=cell_size)
    return backtest(models, city, grid, folds, rng=rng, **few | options)


@dataclass(frozen=True)
class Stopped:
    """The mean of the past, until a file is there: then a fit is interrupted.

    Each fit adds a line to another file.
    """

    stop: str
    log: str

    def fit(self, events, grid, *, end=None):
        with Path(self.log).open("a") as log:
            log.write(f"{end:%Y-%m}\n")
        if Path(self.stop).exists() and end.month > 1:
            raise KeyboardInterrupt
        return HistoricalRate().fit(events, grid, end=end)


@dataclass(frozen=True)
class Slow:
    """The mean of the past, after a while; a fit leaves a file."""

    begun: str
    seconds: float = 0.3

    def fit(self, events, grid, *, end=None):
        Path(self.begun).touch()
        time.sleep(self.seconds)
        return HistoricalRate().fit(events, grid, end=end)
