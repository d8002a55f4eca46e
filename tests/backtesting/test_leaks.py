"""The leak test passes what is sound and catches what is not."""

import numpy as np
import pytest
import xarray as xr

from hotspot import Grid, HistoricalRate, count_events, leak_test, rolling_origin
from hotspot.backtesting.leaks import poisson_events, shuffled_events
from hotspot.errors import LeakError, ParameterError
from tests.patterns import monthly_events


@pytest.fixture(scope="module")
def city():
    mean = np.random.default_rng(5).gamma(0.5, 4, (8, 8))
    return monthly_events(np.random.default_rng(6).poisson(mean, (36, 8, 8)))


@pytest.fixture(scope="module")
def folds():
    return rolling_origin("2021-01", "2022-01")


def _maps(fits, events, grid, folds):
    observed = [count_events(events, grid, fold.periods) for fold in folds]
    expected = [fit.rate for fit in fits]
    return xr.Dataset(
        {
            "expected_count": (("fold", "y", "x"), np.stack(expected)),
            "observed_count": (("fold", "y", "x"), np.stack([o[0] for o in observed])),
        },
        {"y": grid.y, "x": grid.x},
    )


def sound(events, grid, folds, rng):  # noqa: ARG001 - a pipeline's signature
    fits = [HistoricalRate().fit(fold.past(events), grid) for fold in folds]
    return _maps(fits, events, grid, folds)


def leaky(events, grid, folds, rng):  # noqa: ARG001 - a pipeline's signature
    """One fit to everything, cut into folds afterwards: the commonest leak there is."""
    return _maps([HistoricalRate("12 months").fit(events, grid)] * len(folds), events, grid, folds)


def test_a_sound_model_passes(city, folds):
    report = leak_test(
        HistoricalRate("12 months"), city, Grid.over(city.region), folds,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    assert report.passed, str(report)
    assert report.changed == ()
    assert set(report.gain) == {"shuffled", "Poisson"}


def test_a_sound_pipeline_passes(city, folds):
    report = leak_test(sound, city, Grid.over(city.region), folds, rng=np.random.default_rng(1))
    assert report.passed, str(report)


def test_a_pipeline_that_fits_before_it_cuts_is_caught_both_ways(city, folds):
    report = leak_test(leaky, city, Grid.over(city.region), folds, rng=np.random.default_rng(1))
    assert report.changed == ("expected_count",)
    assert all(bound > 0 for _, bound in report.gain.values())
    assert "SKILL WHERE THERE IS NOTHING TO PREDICT" in str(report)
    with pytest.raises(LeakError, match="FAILED"):
        report.require_passed()


def test_shuffling_keeps_the_counts_of_every_month_and_moves_them(city):
    grid = Grid.over(city.region)
    shuffled = shuffled_events(city, grid, rng=np.random.default_rng(2))
    periods = rolling_origin("2019-01", "2022-01", horizon=36)[0].periods
    before, after = (count_events(e, grid, periods).values for e in (city, shuffled))
    np.testing.assert_array_equal(np.sort(before.reshape(36, -1)), np.sort(after.reshape(36, -1)))
    # A persistent map correlates from year to year; a shuffled one does not.
    halves = [counts[:18].sum(0).ravel() for counts in (before, after)]
    others = [counts[18:].sum(0).ravel() for counts in (before, after)]
    assert np.corrcoef(halves[0], others[0])[0, 1] > 0.9
    assert abs(np.corrcoef(halves[1], others[1])[0, 1]) < 0.5


def test_poisson_noise_is_even(city):
    grid = Grid.over(city.region)
    noise = poisson_events(city, grid, rng=np.random.default_rng(2))
    periods = rolling_origin("2019-01", "2022-01", horizon=36)[0].periods
    counts = count_events(noise, grid, periods).sum("time").values.ravel()
    assert abs(len(noise) - len(city)) < 5 * np.sqrt(len(city))
    # Index of dispersion of an even Poisson map: chi-squared on 63 degrees of freedom.
    assert 30 < ((counts - counts.mean()) ** 2).sum() / counts.mean() < 110


def test_few_folds_are_refused(city, folds):
    with pytest.raises(ParameterError, match="at least 4 folds"):
        leak_test(
            HistoricalRate(), city, Grid.over(city.region), folds[:3],
            rng=np.random.default_rng(1),
        )  # fmt: skip


def test_a_sound_model_is_seldom_accused(city, folds):
    """20 tests at one in a thousand: a false alarm has a chance of 4 % (two kinds of noise)."""
    accused = 0
    for seed in range(20):
        report = leak_test(
            sound, city, Grid.over(city.region), folds[:6], rng=np.random.default_rng(seed)
        )
        accused += not report.passed
    assert accused == 0
