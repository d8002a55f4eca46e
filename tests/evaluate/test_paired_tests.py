"""T, W and Diebold-Mariano tests against pyCSEP, R and statsmodels; Holm by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
import xarray as xr
from scipy import stats
from statsmodels.stats.multitest import multipletests

from hotspot import diebold_mariano, holm_adjusted, paired_t_test, paired_w_test
from hotspot.errors import ForecastError, GridMismatchError, ParameterError, TooFewEventsError
from hotspot.evaluate.comparison.period_tests import mean_with_error
from tests.evaluate.maps import forecast_of, on_grid

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
PYCSEP = json.loads((REFERENCE / "pycsep" / "paired_tests.json").read_text())["cases"]
FROM_R = json.loads((REFERENCE / "r" / "diebold_mariano.json").read_text())["cases"]


@pytest.mark.parametrize("case", PYCSEP, ids=lambda case: f"{np.sum(case['observed'])} events")
def test_the_t_test_agrees_with_pycsep(case):
    found = paired_t_test(
        forecast_of(case["forecast"]),
        on_grid(case["observed"]),
        baseline=forecast_of(case["baseline"]),
    )
    for name in ("gain", "lower", "upper", "t_statistic"):
        assert found[name].item() == pytest.approx(case[name], rel=1e-10), name
    assert found["n_events"].item() == np.sum(case["observed"])
    n = found["n_events"].item()
    assert found["p_value"].item() == pytest.approx(
        2 * stats.t.cdf(-abs(case["t_statistic"]), n - 1)
    )


@pytest.mark.parametrize("case", PYCSEP, ids=lambda case: f"{np.sum(case['observed'])} events")
def test_the_w_test_agrees_with_pycsep_but_for_the_sign_that_pycsep_drops(case):
    found = paired_w_test(
        forecast_of(case["forecast"]),
        on_grid(case["observed"]),
        baseline=forecast_of(case["baseline"]),
    )
    assert abs(found["z_statistic"].item()) == pytest.approx(-case["z_statistic"], rel=1e-10)
    assert found["p_value"].item() == pytest.approx(case["w_p_value"], rel=1e-10)


def test_the_w_statistic_is_above_zero_for_the_better_forecast():
    good, flat = forecast_of([15.0, 5.0]), forecast_of([10.0, 10.0])
    observed = on_grid([18, 3])
    there = paired_w_test(good, observed, baseline=flat)["z_statistic"].item()
    back = paired_w_test(flat, observed, baseline=good)["z_statistic"].item()
    assert there > 0
    assert back == pytest.approx(-there)


def test_events_of_all_periods_are_pooled_and_models_kept():
    rng = np.random.default_rng(3)
    expected = xr.DataArray(rng.gamma(2, 2, (2, 5, 3, 4)), dims=["model", "fold", "y", "x"])
    observed = xr.DataArray(rng.poisson(2, (5, 3, 4)), dims=["fold", "y", "x"])
    flat = xr.Dataset({"expected_count": xr.full_like(observed, 2.0, float)})
    found = paired_t_test(xr.Dataset({"expected_count": expected}), observed, baseline=flat)
    assert found["gain"].sizes == {"model": 2}
    # The same cells in a row are one map.
    as_row = forecast_of(expected.values[1].ravel())
    alone = paired_t_test(
        as_row, on_grid(observed.values.ravel()), baseline=forecast_of(np.full(60, 2.0))
    )
    assert found["gain"].values[1] == pytest.approx(alone["gain"].item())
    assert found["n_events"].values.tolist() == [observed.sum().item()] * 2


def test_a_zero_rate_is_neither_floored_nor_masked():
    found = paired_t_test(
        forecast_of([0.0, 4.0]), on_grid([1, 3]), baseline=forecast_of([2.0, 2.0])
    )
    assert found["gain"].item() == -np.inf
    assert np.isnan(found["p_value"].item())


def test_one_event_has_a_gain_and_no_interval():
    found = paired_t_test(
        forecast_of([3.0, 1.0]), on_grid([1, 0]), baseline=forecast_of([2.0, 2.0])
    )
    assert found["gain"].item() == pytest.approx(np.log(1.5))
    assert np.isnan(found["lower"].item())


def test_no_event_has_no_gain():
    nothing = on_grid([0, 0])
    maps = forecast_of([3.0, 1.0]), forecast_of([2.0, 2.0])
    assert np.isnan(paired_t_test(maps[0], nothing, baseline=maps[1])["gain"].item())
    assert np.isnan(paired_w_test(maps[0], nothing, baseline=maps[1])["z_statistic"].item())


def test_a_forecast_against_itself_differs_nowhere():
    one = forecast_of([3.0, 1.0])
    assert paired_t_test(one, on_grid([4, 2]), baseline=one)["gain"].item() == 0
    assert np.isnan(paired_w_test(one, on_grid([4, 2]), baseline=one)["p_value"].item())


def test_a_baseline_on_another_grid_is_refused():
    with pytest.raises(GridMismatchError, match="differ along 'x': 2 against 3 cells"):
        paired_t_test(
            forecast_of([1.0, 1.0]), on_grid([1, 1]), baseline=forecast_of([1.0, 1.0, 1.0])
        )


def test_counts_that_are_not_whole_and_rates_below_zero_are_refused():
    good = forecast_of([1.0, 1.0])
    with pytest.raises(ParameterError, match=r"whole numbers of events, got 0\.5"):
        paired_w_test(good, on_grid([0.5, 1]), baseline=good)
    with pytest.raises(ForecastError, match="negative or infinite in 1 cells"):
        paired_w_test(forecast_of([-1.0, 1.0]), on_grid([1, 1]), baseline=good)


def two_models(series):
    series = np.asarray(series, float)
    return xr.DataArray(
        np.stack([np.zeros_like(series), series]), {"model": ["base", "new"]}, ["model", "fold"]
    )


@pytest.mark.parametrize("case", FROM_R, ids=lambda case: f"{len(case['series'])} periods")
@pytest.mark.parametrize("number", range(4), ids=lambda number: f"horizon {number + 1}")
def test_the_diebold_mariano_test_agrees_with_r(case, number):
    answer = case["answers"][number]
    found = diebold_mariano(
        two_models(case["series"]),
        baseline="base",
        horizon=answer["horizon"],
        lags=answer["horizon"] - 1,
    ).sel(model="new")
    assert found["statistic"].item() == pytest.approx(answer["statistic"], rel=1e-10)
    assert found["p_value"].item() == pytest.approx(answer["p_value"], rel=1e-10)


def test_without_lags_it_is_the_paired_t_test_of_the_periods():
    ours, theirs = np.random.default_rng(8).normal(size=(2, 15))
    scores = xr.DataArray([theirs, ours], {"model": ["base", "new"]}, ["model", "fold"])
    found = diebold_mariano(scores, baseline="base", lags=0).sel(model="new")
    expected = stats.ttest_rel(ours, theirs)
    assert found["statistic"].item() == pytest.approx(expected.statistic)
    assert found["p_value"].item() == pytest.approx(expected.pvalue)


def test_the_default_lags_are_those_of_newey_and_west_and_their_variance_that_of_statsmodels():
    series = np.random.default_rng(9).normal(size=60).cumsum() * 0.1
    lags = int(4 * 0.6 ** (2 / 9))
    hac = {"maxlags": lags, "use_correction": False}
    fit = sm.OLS(series, np.ones(60)).fit(cov_type="HAC", cov_kwds=hac)
    shorter = np.sqrt(59 / 60)  # the small-sample factor at horizon 1
    assert mean_with_error(series).standard_error == pytest.approx(fit.bse[0] / shorter)


def test_scores_that_differ_by_a_constant_leave_no_test():
    found = diebold_mariano(two_models(np.full(10, 0.1)), baseline="base").sel(model="new")
    assert found["difference"].item() == pytest.approx(0.1)
    assert np.isnan(found["p_value"].item())


def test_periods_that_lack_a_score_are_left_out():
    series = np.random.default_rng(1).normal(size=12)
    gap = np.insert(series, 5, np.nan)
    whole, with_gap = (diebold_mariano(two_models(one), baseline="base") for one in (series, gap))
    xr.testing.assert_allclose(whole, with_gap)
    assert with_gap["n_periods"].item() == 12


def test_a_series_too_short_for_its_lags_is_refused():
    with pytest.raises(TooFewEventsError, match=r"8 periods with a score are too few.*at least 11"):
        diebold_mariano(two_models(np.arange(8.0)), baseline="base", lags=5)
    with pytest.raises(ParameterError, match="horizon must be at least 1 and lags 0, got 0"):
        diebold_mariano(two_models(np.arange(8.0)), baseline="base", horizon=0)


def test_holm_steps_down_as_by_hand():
    """Sorted .01, .02, .03, .5 times 4, 3, 2, 1 is .04, .06, .06, .5; none may fall."""
    p = xr.DataArray([0.03, 0.5, 0.01, 0.02], dims=["borough"])
    np.testing.assert_allclose(holm_adjusted(p, dim="borough"), [0.06, 0.5, 0.04, 0.06])


def test_a_test_that_was_not_made_does_not_count():
    p = xr.DataArray([[0.03, np.nan, 0.02], [0.9, 0.8, np.nan]], dims=["offence", "borough"])
    adjusted = holm_adjusted(p, dim="borough")
    np.testing.assert_allclose(adjusted, [[0.04, np.nan, 0.04], [1.0, 1.0, np.nan]])


def test_holm_agrees_with_statsmodels():
    p = np.random.default_rng(4).uniform(size=30) ** 4
    expected = multipletests(p, method="holm")[1]
    found = holm_adjusted(xr.DataArray(p, dims=["borough"]), dim="borough")
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_p_value_above_one_is_refused():
    with pytest.raises(ParameterError, match=r"p_values must lie in \[0, 1\]"):
        holm_adjusted(xr.DataArray([0.5, 1.2], dims=["borough"]), dim="borough")
    with pytest.raises(ParameterError, match="no dimension 'ward'"):
        holm_adjusted(xr.DataArray([0.5], dims=["borough"]), dim="ward")
