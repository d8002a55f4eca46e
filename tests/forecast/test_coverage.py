"""The bounds hold what they claim on data drawn from the model itself.

Worlds are drawn from a rate map by the formula of its docstring with SciPy, not by its own
``simulate_counts``; a forecast is issued for each, and the world's counts are placed in it.
"""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
from scipy import stats
from shapely import box

from hotspot import issue_forecast
from tests.forecast.made import fitted_map, months

WORLDS = 300


def areas():
    """Thirds of the grid of `fitted_map`, from west to east."""
    thirds = [box(200 * i, 0, 200 * (i + 1), 400) for i in range(3)]
    return gpd.GeoDataFrame({"name": ["A", "B", "C"]}, geometry=thirds, crs=27700)


def worlds(fitted, seed):
    """(WORLDS, ny, nx): counts of one period in as many independent worlds."""
    rng = np.random.default_rng(seed)
    shape = (WORLDS, *fitted.grid.shape)
    spread = (1 + fitted.rate_variance) * (1 + fitted.level.cell) - 1
    own = stats.gamma.rvs(1 / spread, scale=spread, size=shape, random_state=rng)
    label = fitted.level.square_of_cell[0]
    squares = lognormal(fitted.level.squares[0, 0], (WORLDS, label.max() + 1), rng)[:, label]
    region = lognormal(fitted.level.region[0], (WORLDS, 1, 1), rng)
    return stats.poisson.rvs(31 * fitted.rate * own * squares * region, random_state=rng)


def lognormal(variance, size, rng):
    s = np.sqrt(np.log1p(variance))
    return stats.lognorm.rvs(s, scale=np.exp(-(s**2) / 2), size=size, random_state=rng)


@pytest.fixture(scope="module", params=[0.02, 0.5], ids=["few offences", "many offences"])
def drawn(request):
    """A fitted map, its forecast, and counts of cells (worlds, y, x) and areas (worlds, area)."""
    fitted = fitted_map(region=0.03, block=0.05, cell=0.3, busiest=request.param)
    cells = worlds(fitted, seed=12)
    return fitted, issued(fitted), cells, by_area(cells)


def issued(fitted):
    rng = np.random.default_rng(11)
    forecast = issue_forecast(
        fitted, months(), rng=rng, size=2000, areas=areas(), keep_members=True
    )
    return forecast.isel(time=0)


def by_area(cells):
    return cells.reshape(-1, 4, 3, 2).sum((1, 3))


@pytest.mark.parametrize("what", ["count_quantile", "area_count_quantile"])
@pytest.mark.parametrize(("low", "high"), [(0.25, 0.75), (0.1, 0.9), (0.05, 0.95), (0.025, 0.975)])
def test_bounds_hold_at_least_their_level_and_no_more_than_whole_numbers_force(
    drawn, what, low, high
):
    """P(strictly between) <= level <= P(between or on a bound), within 4 standard errors.

    The standard error is that of 300 worlds: cells of one world share their levels.
    """
    _, forecast, cells, sums = drawn
    counts = cells if what == "count_quantile" else sums
    lower, upper = forecast[what].sel(quantile=[low, high]).to_numpy()
    level = high - low
    tolerance = 4 * np.sqrt(level * (1 - level) / WORLDS)
    assert ((counts >= lower) & (counts <= upper)).mean() > level - tolerance
    assert ((counts > lower) & (counts < upper)).mean() < level + tolerance


@pytest.mark.parametrize("what", ["cells", "areas"])
def test_the_randomised_place_of_a_count_among_the_futures_is_uniform(drawn, what):
    _, forecast, cells, sums = drawn
    members = forecast["simulated_count"].to_numpy()
    if what == "cells":
        assert uniformity(members, cells) > 0.001
    else:
        assert uniformity(by_area(members), sums) > 0.001


def test_futures_that_hold_chance_alone_are_found_too_narrow():
    """The test above can fail: without the variances of levels and rates it does."""
    fitted = fitted_map(region=0.03, block=0.05, cell=0.3, busiest=0.5)
    sums = by_area(worlds(fitted, seed=12))
    level = replace(fitted.level, region=np.zeros(1), squares=np.zeros((1, 1)), cell=0.0)
    certain = replace(fitted, level=level, rate_variance=np.zeros_like(fitted.rate))
    members = issued(certain)["simulated_count"].to_numpy()
    assert uniformity(by_area(members), sums) < 1e-6


def uniformity(members, observed):
    """Kolmogorov-Smirnov p-value of the randomised PIT.

    One cell (or area) is taken from each world, so that the places are independent.
    """
    rng = np.random.default_rng(13)
    members, observed = members.reshape(len(members), -1), observed.reshape(WORLDS, -1)
    column = rng.integers(observed.shape[1], size=WORLDS)
    observed = observed[np.arange(WORLDS), column]
    below = (members[:, column] < observed).mean(axis=0)
    tied = (members[:, column] == observed).mean(axis=0)
    return stats.kstest(below + rng.random(WORLDS) * tied, "uniform").pvalue
