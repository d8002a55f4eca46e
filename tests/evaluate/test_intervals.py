"""Interval scores of cells and areas, the energy score, and totals."""

import numpy as np
import pytest
import scoringrules
import xarray as xr
from scipy import stats
from scores import continuous

from hotspot.errors import ForecastError, GridMismatchError, ParameterError
from hotspot.evaluate import (
    calibration_ratio,
    crps,
    energy_score,
    interval_score,
    weighted_interval_score,
)
from tests.evaluate.maps import forecast_of, on_grid

LEVELS = [0.025, 0.25, 0.5, 0.75, 0.975]


def quantile_forecast(n=60, seed=3):
    """Poisson quantiles of two models on one row of cells, and counts that are wider."""
    rng = np.random.default_rng(seed)
    mean = rng.gamma(2.0, 2.0, (2, 1, n))
    bounds = np.array([stats.poisson.ppf(level, mean) for level in LEVELS])
    coords = {"quantile": LEVELS, "y": [0.0], "x": 250.0 * np.arange(n)}
    bounds = xr.DataArray(bounds, coords, ["quantile", "model", "y", "x"])
    observed = on_grid(rng.poisson(mean[0] * rng.gamma(4.0, 0.25, mean[0].shape)))
    return xr.Dataset({"count_quantile": bounds}), observed


def test_the_interval_score_is_that_of_scoringrules():
    forecast, observed = quantile_forecast()
    score = interval_score(forecast, observed, level=0.5)
    assert score.dims == ("model",)
    for model, bounds in enumerate(forecast["count_quantile"].transpose("model", ...).values):
        truth = scoringrules.interval_score(observed[0].values, bounds[1, 0], bounds[3, 0], 0.5)
        assert score[model].item() == pytest.approx(truth.mean(), rel=1e-12)


def test_the_weighted_interval_score_is_that_of_scoringrules():
    forecast, observed = quantile_forecast()
    score = weighted_interval_score(forecast, observed)
    for model, bounds in enumerate(forecast["count_quantile"].transpose("model", ...).values):
        outer, inner, median, inner_end, outer_end = bounds[:, 0]
        truth = scoringrules.weighted_interval_score(
            observed[0].values,
            median,
            np.column_stack([outer, inner]),
            np.column_stack([outer_end, inner_end]),
            np.array([0.05, 0.5]),
        )
        assert score[model].item() == pytest.approx(truth.mean(), rel=1e-12)


def test_both_are_those_of_scores_on_labelled_arrays():
    forecast, observed = quantile_forecast()
    bounds = forecast["count_quantile"]
    lower, upper = bounds.isel(quantile=0, drop=True), bounds.isel(quantile=4, drop=True)
    truth = continuous.interval_score(
        lower, upper, observed, interval_range=0.95, preserve_dims=["model"]
    )["total"]
    np.testing.assert_allclose(interval_score(forecast, observed, level=0.95), truth, rtol=1e-12)
    losses = [
        continuous.quantile_score(
            bounds.isel(quantile=i, drop=True), observed, level, preserve_dims=["model"]
        )
        for i, level in enumerate(LEVELS)
    ]
    np.testing.assert_allclose(
        weighted_interval_score(forecast, observed), 2 * sum(losses) / 5, rtol=1e-12
    )


def test_with_many_quantiles_the_weighted_interval_score_comes_to_the_crps():
    mean, count = np.array([0.4, 3.0, 12.0]), [1, 0, 19]
    levels = (np.arange(100) + 0.5) / 100
    bounds = stats.poisson.ppf(levels[:, None], mean)[:, None]
    cells = on_grid(count)
    bounds = xr.DataArray(bounds, {"quantile": levels, **cells.coords}, ["quantile", "y", "x"])
    forecast = forecast_of(mean, count_variance=mean).assign(count_quantile=bounds)
    wis = weighted_interval_score(forecast, cells).item()
    assert wis == pytest.approx(crps(forecast, cells).item(), rel=1e-2)


def test_areas_are_scored_like_cells():
    forecast, observed = quantile_forecast()
    areas = forecast.squeeze("y", drop=True).rename(count_quantile="area_count_quantile", x="area")
    counts = observed.squeeze("y", drop=True).rename(x="area")
    for score, options in ((interval_score, {"level": 0.95}), (weighted_interval_score, {})):
        np.testing.assert_allclose(
            score(areas, counts, **options, of="areas"), score(forecast, observed, **options)
        )


def test_cells_outside_and_periods_not_observed_are_left_out():
    forecast, observed = quantile_forecast(4)
    forecast = forecast.where(forecast["x"] > 0)
    observed = xr.concat([observed.where(observed["x"] > 0), on_grid([np.nan] * 4)], "fold")
    score = interval_score(forecast, observed, level=0.5)
    inner = interval_score(
        forecast.isel(x=slice(1, None)), observed[0].isel(x=slice(1, None)), level=0.5
    )
    np.testing.assert_allclose(score.isel(fold=0), inner)
    assert score.isel(fold=1).isnull().all()


def test_an_event_where_the_bounds_are_silent_is_refused():
    forecast, _ = quantile_forecast(4)
    for score, options in ((interval_score, {"level": 0.5}), (weighted_interval_score, {})):
        with pytest.raises(GridMismatchError, match="cells where the forecast is NaN"):
            score(forecast.where(forecast["x"] > 0), on_grid([5, 1, 1, 1]), **options)


def test_other_bounds_than_those_held_are_refused():
    forecast, observed = quantile_forecast(4)
    with pytest.raises(ForecastError, match=r"needs the quantile 0\.1"):
        interval_score(forecast, observed, level=0.8)
    with pytest.raises(ForecastError, match=r"must lie symmetrically about 0\.5"):
        weighted_interval_score(forecast.isel(quantile=[0, 1, 2]), observed)
    with pytest.raises(ParameterError, match="of must be one of"):
        interval_score(forecast, observed, level=0.5, of="boroughs")


def member_forecast(members):
    cells = on_grid(members[0]).coords
    members = np.asarray(members, float).reshape(len(members), len(cells["y"]), len(cells["x"]))
    return xr.Dataset({"simulated_count": xr.DataArray(members, cells, ["member", "y", "x"])})


@pytest.mark.parametrize("whole", [True, False])
def test_the_energy_score_is_that_of_scoringrules(whole):
    rng = np.random.default_rng(11)
    members = rng.poisson(2.0, (40, 12)) if whole else rng.gamma(2.0, 1.0, (40, 12))
    observed = rng.poisson(2.5, 12)
    truth = scoringrules.es_ensemble(observed.astype(float), members.astype(float))
    score = energy_score(member_forecast(members), on_grid(observed)).item()
    assert score == pytest.approx(float(truth), rel=1e-12)


def test_the_energy_score_of_one_cell_is_its_crps():
    members = np.random.default_rng(2).poisson(3.0, (25, 1))
    forecast, observed = member_forecast(members), on_grid([7])
    one = crps(forecast, observed, distribution="members").item()
    assert energy_score(forecast, observed).item() == pytest.approx(one, rel=1e-12)


def test_large_counts_do_not_lose_digits_in_single_precision():
    """Squares of 5000 exceed 2 ** 24; the two members differ by 1 in one cell."""
    members = np.full((2, 3), 5000.0)
    members[1, 0] += 1
    forecast = member_forecast(members).astype(np.float32)
    score = energy_score(forecast, on_grid(members[0]))
    assert score.item() == pytest.approx(1 / 2 - 2 / 8, rel=1e-12)


def test_single_precision_gives_the_energy_score_of_double():
    members = np.random.default_rng(3).poisson(1.5, (60, 80))
    forecast, observed = member_forecast(members), on_grid(members[0] + 1)
    narrow = energy_score(forecast.astype(np.float32), observed).item()
    assert narrow == energy_score(forecast, observed).item()


def test_the_energy_score_sees_dependence_that_cell_scores_do_not():
    """Cells that rise together are foretold better by members in which they do."""
    rng = np.random.default_rng(7)
    together = rng.poisson(10.0, (200, 1)) * np.ones((1, 20))
    apart = np.column_stack([rng.permutation(together[:, i]) for i in range(20)])
    truth = [on_grid(np.full(20, level)) for level in rng.poisson(10.0, 30)]
    energy, cells = (
        [
            np.mean([score(member_forecast(members), one).item() for one in truth])
            for members in (together, apart)
        ]
        for score in (energy_score, lambda f, y: crps(f, y, distribution="members"))
    )
    assert cells[0] == pytest.approx(cells[1])
    assert energy[0] < energy[1]


def test_members_that_differ_in_their_outside_are_refused():
    forecast = member_forecast([[1, 2], [np.nan, 2]])
    with pytest.raises(ForecastError, match="NaN, infinite or negative in cells where its first"):
        energy_score(forecast, on_grid([1, 1]))


def test_the_calibration_ratio_by_hand_with_the_exact_interval():
    """The interval holds the means whose Poisson law gives 10 or more, or 10 or fewer, 2.5 %."""
    found = calibration_ratio(forecast_of([8, 4]), on_grid([7, 3]))
    assert found["ratio"].item() == pytest.approx(1.2)
    fewest, most = 12 / found["upper"].item(), 12 / found["lower"].item()
    assert stats.poisson.sf(9, fewest) == pytest.approx(0.025)
    assert stats.poisson.cdf(10, most) == pytest.approx(0.025)


@pytest.mark.parametrize("mean", [0.7, 6.0, 300.0])
def test_the_interval_of_the_calibration_ratio_holds_at_least_as_often_as_stated(mean):
    counts = np.random.default_rng(1).poisson(mean, 400)
    observed = xr.DataArray(counts.reshape(-1, 1, 1), dims=["fold", "y", "x"])
    forecast = xr.Dataset({"expected_count": (("y", "x"), [[mean]])})
    found = calibration_ratio(forecast, observed, level=0.9)
    held = ((found["lower"] <= 1) & (found["upper"] >= 1)).mean().item()
    assert held > 0.9 - 3 * (0.09 / 400) ** 0.5


def test_nothing_observed_gives_an_infinite_ratio_with_a_finite_lower_bound():
    found = calibration_ratio(forecast_of([2, 1]), on_grid([0, 0]))
    assert found["ratio"].item() == found["upper"].item() == np.inf
    assert found["lower"].item() == pytest.approx(3 / -np.log(0.025))


def test_a_period_that_was_not_observed_has_no_ratio():
    found = calibration_ratio(forecast_of([2, 1]), on_grid([np.nan, np.nan]))
    assert all(np.isnan(found[name].item()) for name in found)
