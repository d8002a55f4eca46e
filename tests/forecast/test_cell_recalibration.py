"""Bounds of cells moved on earlier folds: by hand, by coverage, by class, not by the future."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import nbinom

from hotspot import issue_forecast, make_periods, recalibrate_cells, recorded_before
from hotspot.errors import (
    ForecastError,
    GridMismatchError,
    LeakError,
    ParameterError,
    TooFewEventsError,
)
from hotspot.forecast.cell_recalibration import _inverse
from tests.forecast.made import fitted_map

LEVELS = (0.05, 0.5, 0.95)


def forecast_of(count=1, **options):
    return issue_forecast(
        fitted_map(shape=(12, 20), busiest=0.2, **options),
        make_periods("2019-01", count=count),
        rng=np.random.default_rng(1),
        size=60,
        quantiles=LEVELS,
    )


def drawn(forecast, rng, *, folds, widen=1.0):
    """Counts (fold, step, y, x) with the forecast's means; variances of excess `widen` as large."""
    mean, variance = (forecast[n].to_numpy() for n in ("expected_count", "count_variance"))
    excess = widen * (variance - mean) / mean
    size = np.broadcast_to(mean / excess, (folds, *mean.shape))
    return rng.poisson(rng.standard_gamma(size) * excess).astype(float)


def earlier_of(forecast, observed, *, last="2018-12"):
    """Folds that forecast as `forecast` does, month by month, the last judging `last`."""
    n, steps = observed.shape[:2]
    months = pd.period_range(end=last, periods=n, freq="M")
    of_steps = months.to_numpy()[:, None] + np.arange(steps)
    ends = np.array([[(m + 1).to_timestamp() for m in row] for row in of_steps], "datetime64[ns]")
    dims = ("fold", "step", "y", "x")
    maps = {
        name: (dims, np.repeat(forecast[name].to_numpy()[None, :steps], n, axis=0))
        for name in ("expected_count", "count_variance")
    }
    cutoffs = [m.to_timestamp().tz_localize("Europe/London").isoformat() for m in months]
    return xr.Dataset(
        {**maps, "observed_count": (dims, observed)},
        {
            "y": forecast["y"].to_numpy(),
            "x": forecast["x"].to_numpy(),
            "time_end": (("fold", "step"), ends),
            "data_cutoff": ("fold", cutoffs),
        },
        {"time_zone": "Europe/London"},
    )


def told(after, step=0):
    return json.loads(after.attrs["cell_recalibration"])["steps"][step]


def quantiles_of(forecast, level):
    """By scipy, of the forecast's mean and variance."""
    mean, variance = (forecast[n].to_numpy()[0] for n in ("expected_count", "count_variance"))
    return nbinom.ppf(level, mean**2 / (variance - mean), mean / variance)


def test_levels_are_reached_where_the_mean_distribution_says():
    """One outcome between chances 0 and 0.2, one between 0.2 and 1: by hand."""
    below, upto = np.array([0.0, 0.2]), np.array([0.2, 1.0])
    found = _inverse(np.array([0.25, 0.5, 0.75]), below, upto)
    np.testing.assert_allclose(found, [0.1, 0.2, 0.6], atol=1e-6)


def test_forecasts_that_were_right_keep_their_levels():
    forecast = forecast_of()
    seen = drawn(forecast, np.random.default_rng(2), folds=60)
    after = recalibrate_cells(forecast, earlier_of(forecast, seen), folds=60)
    for level in LEVELS:
        # 14,400 outcomes in all, of which the hottest class has 720.
        error = np.sqrt(level * (1 - level) / 720)
        moved = told(after)["levels"][f"{level:g}"]
        np.testing.assert_allclose(moved, level, atol=3.5 * error)


def test_bounds_are_the_quantiles_at_the_moved_levels_of_their_class():
    forecast = forecast_of()
    mean = forecast["expected_count"].to_numpy()[0]
    hot = mean >= np.quantile(mean, 0.8)
    seen = drawn(forecast, np.random.default_rng(2), folds=30)
    seen[..., hot] = 0.0  # where bounds of the hot come down to nothing
    after = recalibrate_cells(forecast, earlier_of(forecast, seen), folds=30, classes=(0.8,))
    for level in LEVELS:
        quiet_level, hot_level = told(after)["levels"][f"{level:g}"]
        assert hot_level < 0.9 * quiet_level
        truth = np.where(
            hot, quantiles_of(forecast, hot_level), quantiles_of(forecast, quiet_level)
        )
        ours = after["count_quantile"].sel(quantile=level).to_numpy()[0]
        np.testing.assert_array_equal(ours, truth)


def test_bounds_that_were_too_narrow_hold_new_months_after():
    """Counts vary three times as much beyond their mean; new months are drawn the same way."""
    forecast, rng = forecast_of(), np.random.default_rng(4)
    seen = drawn(forecast, rng, folds=30, widen=3.0)
    after = recalibrate_cells(forecast, earlier_of(forecast, seen), folds=30, classes=())
    new = drawn(forecast, rng, folds=60, widen=3.0)[:, 0]
    mean, variance = (forecast[n].to_numpy()[0] for n in ("expected_count", "count_variance"))
    law = nbinom(mean**2 / (variance - mean), mean / variance)
    pit = law.cdf(new - 1) + rng.random(new.shape) * law.pmf(new)
    low, high = (told(after)["levels"][name][0] for name in ("0.05", "0.95"))
    assert ((pit > 0.05) & (pit < 0.95)).mean() < 0.87
    assert ((pit > low) & (pit < high)).mean() == pytest.approx(0.9, abs=0.012)


def test_hot_cells_learn_from_hot_cells_only():
    forecast, rng = forecast_of(), np.random.default_rng(5)
    seen = drawn(forecast, rng, folds=40)
    hot = forecast["expected_count"].to_numpy()[0]
    hot = hot > np.quantile(hot, 0.9)
    seen[..., hot] = drawn(forecast, rng, folds=40, widen=6.0)[..., hot]
    after = recalibrate_cells(forecast, earlier_of(forecast, seen), folds=40, classes=(0.9,))
    quiet_level, hot_level = told(after)["levels"]["0.95"]
    assert quiet_level == pytest.approx(0.95, abs=0.01)
    assert hot_level > 0.97


def test_each_horizon_learns_from_its_own_and_only_from_the_latest_folds():
    forecast, rng = forecast_of(count=2), np.random.default_rng(6)
    seen = drawn(forecast, rng, folds=40)
    seen[:, 1] = drawn(forecast, rng, folds=40, widen=6.0)[:, 1]
    seen[:10] = 500.0  # too long ago
    earlier = earlier_of(forecast, seen, last="2018-11")
    after = recalibrate_cells(forecast, earlier, folds=30, classes=())
    near, far = (told(after, step)["levels"]["0.95"][0] for step in (0, 1))
    assert near == pytest.approx(0.95, abs=0.01)
    assert far > 0.97
    assert told(after)["folds"] == 30
    assert told(after)["last_cutoff"].startswith("2018-11-01")


def test_only_the_bounds_of_cells_change():
    forecast = forecast_of()
    seen = drawn(forecast, np.random.default_rng(7), folds=8)
    after = recalibrate_cells(forecast, earlier_of(forecast, seen))
    for name in ("expected_count", "count_variance", "probability"):
        assert after[name].identical(forecast[name])
    assert after["count_quantile"].dtype == forecast["count_quantile"].dtype
    assert "bounds of cells" in after.attrs["interval_kind"]
    assert "cell_recalibration" not in forecast.attrs


def test_cells_outside_the_region_stay_empty():
    forecast = issue_forecast(
        fitted_map(disc=True), make_periods("2019-01", count=1),
        rng=np.random.default_rng(1), size=60, quantiles=LEVELS,
    )  # fmt: skip
    outside = forecast["expected_count"].isnull()
    assert outside.any()
    seen = np.where(outside.to_numpy(), np.nan, np.ones((8, *outside.shape)))
    after = recalibrate_cells(forecast, earlier_of(forecast, seen))["count_quantile"]
    assert (after.isnull() == outside).all()


def test_folds_that_the_forecast_could_not_have_seen_are_refused():
    forecast = forecast_of()
    seen = drawn(forecast, np.random.default_rng(7), folds=8)
    earlier = earlier_of(forecast, seen, last="2019-01")
    with pytest.raises(LeakError, match=r"1 observed periods.*recorded_before"):
        recalibrate_cells(forecast, earlier)
    known = recorded_before(earlier, forecast.attrs["data_cutoff"])
    assert told(recalibrate_cells(forecast, known))["folds"] == 7


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda e: e.isel(fold=slice(5)), TooFewEventsError, "5 earlier folds"),
        (lambda e: e.expand_dims(model=["a"]), ParameterError, "sel\\(model="),
        (lambda e: e.isel(step=slice(0)), ForecastError, "hold 0 steps"),
        (lambda e: e.drop_vars("observed_count"), ForecastError, "observed_count"),
        (lambda e: e.isel(x=slice(3)), GridMismatchError, "x"),
    ],
)
def test_folds_that_do_not_fit_are_refused(change, error, said):
    forecast = forecast_of()
    earlier = earlier_of(forecast, drawn(forecast, np.random.default_rng(7), folds=8))
    with pytest.raises(error, match=said):
        recalibrate_cells(forecast, change(earlier))


@pytest.mark.parametrize("classes", [(0.5, 0.2), (0.0,), (0.5, 1.0)])
def test_classes_that_do_not_part_the_cells_are_refused(classes):
    forecast = forecast_of()
    earlier = earlier_of(forecast, drawn(forecast, np.random.default_rng(7), folds=8))
    with pytest.raises(ParameterError, match="ascending shares"):
        recalibrate_cells(forecast, earlier, classes=classes)


def test_a_second_time_is_refused():
    forecast = forecast_of()
    earlier = earlier_of(forecast, drawn(forecast, np.random.default_rng(7), folds=8))
    with pytest.raises(ForecastError, match="before"):
        recalibrate_cells(recalibrate_cells(forecast, earlier), earlier)
