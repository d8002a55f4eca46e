"""What a fitted self-exciting model expects next, and its residuals."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hotspot import FittedModel, Grid, SelfExciting, issue_forecast, make_periods
from hotspot.errors import ExplosiveError, LeakError, ParameterError
from hotspot.models.backgrounds.base import ConstantBackground
from tests.models.self_exciting_cases import SQUARE, START, as_events, branching_process

# The loops themselves are tested uncompiled where they are; a fit calls them a million times.
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)
GRID = Grid.over(SQUARE, cell_size=500.0)
DAYS = 200.0
WEEKS = make_periods("2021-07-20", count=2, length="week", time_zone="UTC")


def fit(shortest_lag=0.0):
    rows = branching_process(np.random.default_rng(21), background=1.0, days=DAYS)
    model = SelfExciting(background=ConstantBackground(), shortest_lag=shortest_lag)
    return model.fit(as_events(rows, days=DAYS), GRID)


@pytest.fixture(scope="module")
def fitted():
    return fit()


def certain(fitted):
    """The same fit with parameters that are known almost exactly."""
    tiny = 1e-14 * np.eye(4)
    return replace(fitted, estimate=replace(fitted.estimate, covariance=tiny))


def test_a_fit_is_a_fitted_model(fitted):
    assert isinstance(fitted, FittedModel)


def test_background_and_triggered_counts_add_up(fitted):
    total = fitted.background_count(WEEKS) + fitted.triggered_count(WEEKS)
    np.testing.assert_allclose(fitted.expected_count(WEEKS), total)
    assert (fitted.triggered_count(WEEKS) > 0).all()


def test_background_count_is_rate_times_days_times_share(fitted):
    per_cell = fitted.estimate.parts.background_rate * 7 / 36
    np.testing.assert_allclose(fitted.background_count(WEEKS), per_cell)


@pytest.mark.parametrize("shortest_lag", [0.0, 2.0])
def test_expected_count_is_the_mean_of_futures(shortest_lag):
    fitted = certain(fit(shortest_lag))
    futures = fitted.simulate_counts(WEEKS, size=600, rng=np.random.default_rng(1)).to_numpy()
    mean = fitted.expected_count(WEEKS).to_numpy()
    z = (futures.mean(axis=0) - mean) / np.sqrt(fitted.count_variance(WEEKS).to_numpy() / 600)
    assert np.abs(z).max() < 4
    assert 0.75 < z.std() < 1.3
    totals = futures.sum(axis=(2, 3))
    error = totals.std(axis=0) / np.sqrt(600)
    assert (np.abs(totals.mean(axis=0) - mean.sum(axis=(1, 2))) < 3 * error).all()


def test_count_variance_is_that_of_futures(fitted):
    sure = certain(fitted)
    futures = sure.simulate_counts(WEEKS, size=1500, rng=np.random.default_rng(2)).to_numpy()
    ratio = futures.var(axis=0).sum() / sure.count_variance(WEEKS).to_numpy().sum()
    assert ratio == pytest.approx(1, abs=0.06)
    assert (sure.count_variance(WEEKS) > sure.expected_count(WEEKS)).all()


def test_futures_with_uncertain_parameters_vary_more(fitted):
    assert (fitted.count_variance(WEEKS) > certain(fitted).count_variance(WEEKS)).all()


def test_a_far_week_expects_the_long_run_rate(fitted):
    """Long after, each background event brings 1 / (1 - theta) with its family, less the border."""
    weeks = make_periods("2022-07-18", count=1, length="week", time_zone="UTC")
    parts = fitted.estimate.parts
    middle = fitted.expected_count(weeks).isel(x=2, y=2, time=0).item()
    upper = parts.background_rate * 7 / 36 / (1 - parts.productivity)
    assert middle == pytest.approx(upper, rel=0.05)
    assert middle < upper


def test_finer_periods_add_up_to_the_coarse_one(fitted):
    days = make_periods("2021-07-20", count=7, length="day", time_zone="UTC")
    by_day = fitted.expected_count(days).sum("time")
    week = fitted.expected_count(WEEKS[:1]).isel(time=0)
    np.testing.assert_allclose(by_day, week, rtol=2e-3)


def test_recent_events_raise_what_is_expected_near_them():
    rows = branching_process(np.random.default_rng(21), background=1.0, days=DAYS)
    fitted = certain(fit())
    quiet = rows[rows[:, 0] < DAYS - 40]
    burst = np.column_stack([np.full((5, 1), DAYS - 1), np.full((5, 2), 740.0)])
    burst[:, 0] += np.linspace(0, 0.5, 5)
    maps = []
    for record in (quiet, np.concatenate([quiet, burst])):
        other = SelfExciting(background=ConstantBackground()).fit(
            as_events(record, days=DAYS), GRID
        )
        maps.append(replace(other, estimate=fitted.estimate).expected_count(WEEKS[:1])[0])
    gained = maps[1] - maps[0]
    assert gained.values.argmax() == GRID.cell_of(np.array([740.0]), np.array([740.0]))[0]
    # Each brings at most theta / (1 - theta), part of it after the week or over the border.
    theta = fitted.branching_ratio
    assert 0.3 * 5 * theta < gained.sum().item() < 5 * theta / (1 - theta)


def test_the_same_seed_gives_the_same_futures(fitted):
    runs = [
        fitted.simulate_counts(WEEKS, size=20, rng=np.random.default_rng(3)).to_numpy()
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*runs)
    assert runs[0].dtype == np.float32


def test_residuals_are_exponential_and_sum_to_the_number_of_events(fitted):
    residuals = fitted.time_rescaled_residuals()
    assert (residuals >= 0).all()
    # At a maximum the whole window expects as many events as it holds.
    last = fitted.record.t[-1]
    ends = np.array([last, DAYS])
    rest = fitted.likelihood.expected_until(fitted.estimate.parts, ends, ends)
    assert residuals.sum() + rest[1] - rest[0] == pytest.approx(fitted.record.n, rel=1e-3)
    assert stats.kstest(residuals, "expon").pvalue > 0.01


def test_residuals_of_a_wrong_model_are_not_exponential(fitted):
    parts = fitted.estimate.parts._replace(productivity=0.9)
    wrong = replace(fitted, estimate=replace(fitted.estimate, parts=parts))
    assert stats.kstest(wrong.time_rescaled_residuals(), "expon").pvalue < 1e-4


def test_a_period_before_the_cutoff_is_refused(fitted):
    seen = make_periods("2021-07-12", count=1, length="week", time_zone="UTC")
    for ask in (fitted.expected_count, fitted.background_count, fitted.count_variance):
        with pytest.raises(LeakError, match="the model has seen"):
            ask(seen)
    with pytest.raises(LeakError, match="the model has seen"):
        fitted.simulate_counts(seen, size=5, rng=np.random.default_rng(1))


def test_futures_that_would_not_end_are_refused_before_they_begin(fitted):
    loose = replace(fitted, estimate=replace(fitted.estimate, covariance=9.0 * np.eye(4)))
    with pytest.raises(ExplosiveError, match="would never end"):
        loose.simulate_counts(WEEKS, size=50, rng=np.random.default_rng(1))


def test_futures_need_a_generator_and_a_size(fitted):
    with pytest.raises(ParameterError, match=r"numpy\.random\.Generator"):
        fitted.simulate_counts(WEEKS, size=5, rng=1)
    with pytest.raises(ParameterError, match="size must be at least 1"):
        fitted.simulate_counts(WEEKS, size=0, rng=np.random.default_rng(1))


def test_a_forecast_can_be_issued(fitted):
    forecast = issue_forecast(fitted, WEEKS, rng=np.random.default_rng(1), size=60)
    np.testing.assert_allclose(forecast["expected_count"], fitted.expected_count(WEEKS))
    assert forecast.attrs["model"] == "SelfExciting"
    assert pd.Timestamp(forecast.attrs["data_cutoff"]) == START + pd.Timedelta(days=DAYS)


def test_a_forecast_with_a_held_part_has_bounds():
    rows = branching_process(np.random.default_rng(21), background=1.0, days=DAYS)
    model = SelfExciting(background=ConstantBackground(), hold=("lag",))
    fitted = model.fit(as_events(rows, days=DAYS), GRID)
    assert (fitted.count_variance(WEEKS) > certain(fitted).count_variance(WEEKS)).all()
    assert fitted.simulate_counts(WEEKS, size=10, rng=np.random.default_rng(1)).sum() > 0
