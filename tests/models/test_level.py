"""The movement of levels: recovered from simulation, and 0 where there was none."""

import numpy as np
import pandas as pd
import pytest

from hotspot import Grid, HistoricalRate, make_periods
from hotspot.errors import DataQualityWarning
from hotspot.models.level import level_variance
from hotspot.models.weights import arrange
from tests.patterns import monthly_events


def _simulated(rng, *, region=0.0, cell=0.0, months=60, side=16, mean=4.0):
    """Counts with a region's factor that is drawn anew each month, and cells' own factors."""

    def factor(variance, shape):
        return rng.gamma(1 / variance, variance, shape) if variance else np.ones(shape)

    levels = factor(region, (months, 1, 1)) * factor(cell, (months, side, side))
    return rng.poisson(mean * levels)


def _fitted(counts):
    events = monthly_events(counts, first="2015-01", cell_size=500.0)
    return HistoricalRate().fit(events, Grid.over(events.region, cell_size=500))


def test_poisson_counts_show_no_overdispersion():
    fits = [_fitted(_simulated(np.random.default_rng(seed))) for seed in range(8)]
    assert np.mean([fit.level.region[0] for fit in fits]) < 0.001
    assert np.mean([fit.level.squares[:, 0] for fit in fits]) < 0.001
    assert np.mean([fit.level.cell for fit in fits]) < 0.02


def test_repeats_are_chance_and_not_a_level_that_moves():
    """Counts of variance 1.6 times their mean, everywhere alike."""

    rng, told = np.random.default_rng(1), []
    for _ in range(4):
        counts = rng.poisson(rng.standard_gamma(2.0 / 0.6, (30, 16, 16)) * 0.6)
        events = monthly_events(counts, first="2015-01", cell_size=500.0)
        grid = Grid.over(events.region, cell_size=500)
        rate = np.full(grid.shape, 2.0 / 30.4375)
        for repeats in (0.6, 0.0):
            found = level_variance(
                lambda _, rate=rate: (rate, 0 * rate),
                arrange(events), grid, events.end, repeats=repeats,
            )  # fmt: skip
            told.append([found.squares[-1, 0], found.cell])
    known, unknown = np.mean(told[::2], axis=0), np.mean(told[1::2], axis=0)
    assert known[0] + 0.001 < unknown[0] < 0.6 / (2.0 * 64) + 0.004  # of a square of 64 cells
    assert known[1] < 0.02
    assert unknown[1] == pytest.approx(0.6 / 2.0, rel=0.15)  # of a cell


def test_the_region_s_variance_is_recovered():
    """24 draws of variance 0.04 give a mean of squares with a spread of about 0.012."""
    found = [
        _fitted(_simulated(np.random.default_rng(seed), region=0.04)).level.region[0]
        for seed in range(12)
    ]
    assert np.mean(found) == pytest.approx(0.04, abs=3 * 0.012 / np.sqrt(12) + 0.002)


def test_the_variance_of_squares_that_make_up_much_of_their_parent_is_recovered():
    """Four squares of 4 km in one of 8: each is a quarter of the ratio that it is judged by."""
    found = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        of_square = rng.gamma(1 / 0.1, 0.1, (60, 2, 2)).repeat(8, axis=1).repeat(8, axis=2)
        found.append(_fitted(rng.poisson(4.0 * of_square)).level.squares[2, 0])
    assert np.mean(found) == pytest.approx(0.1, rel=0.15)


def test_the_cells_variance_is_recovered():
    found = [
        _fitted(_simulated(np.random.default_rng(seed), cell=0.5)).level.cell for seed in range(6)
    ]
    assert np.mean(found) == pytest.approx(0.5, rel=0.1)


def test_bounds_of_the_region_s_total_cover_new_months_of_the_same_process():
    """90 % bounds on 240 months from 20 cities: at least 85 %, at most 95 %."""
    hits = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        counts = _simulated(rng, region=0.04, months=72)
        fitted = _fitted(counts[:60])
        period = make_periods("2020-01", count=1)
        totals = fitted.simulate_counts(period, size=400, rng=rng).sum(("y", "x")).values
        low, high = np.quantile(totals, [0.05, 0.95])
        hits += list((counts[60:].sum((1, 2)) >= low) & (counts[60:].sum((1, 2)) <= high))
    assert 0.85 <= np.mean(hits) <= 0.95


def test_a_level_that_drifts_is_less_known_further_ahead():
    """A random walk of step 0.08 strays by variance 0.0064 a month from its last 2 months' mean."""
    ratios = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        drift = np.exp(np.cumsum(rng.normal(0, 0.08, 72)))[:, None, None]
        events = monthly_events(rng.poisson(3 * drift * np.ones((72, 12, 12))))
        level = HistoricalRate("2 months").fit(events, Grid.over(events.region)).level
        ratios.append(level.region[6] / level.region[0])
    assert min(ratios) > 1.5


def test_too_short_a_past_warns_that_the_bounds_leave_the_level_out():
    with pytest.warns(DataQualityWarning, match="Give a longer history"):
        fitted = _fitted(_simulated(np.random.default_rng(0), months=5, side=4))
    assert fitted.level.region.tolist() == [0.0]


def test_a_lead_is_counted_from_the_cut_off():
    fitted = _fitted(_simulated(np.random.default_rng(0), months=48, side=6))
    year = make_periods("2019-01", count=12)
    ahead = (year.mid - fitted.data_cutoff) / pd.Timedelta(days=1)
    assert fitted.level.leads(ahead).tolist() == list(range(12))
