"""Log scores, information gain, CRPS and Brier score."""

import math

import numpy as np
import pytest
import scoringrules
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hotspot._numba.count_scores import negative_binomial_cdf, negative_binomial_crps
from hotspot.errors import ForecastError, GridMismatchError, ParameterError
from hotspot.evaluate import (
    brier_score,
    crps,
    information_gain,
    negative_binomial_log_score,
    poisson_log_score,
)
from tests.evaluate.maps import forecast_of, on_grid
from tests.reference import count_scores as reference

MEAN = np.array([0.01, 0.3, 1.0, 2.5, 7.0, 30.0, 0.3, 4.0, 0.0])
VARIANCE = np.array([0.011, 0.9, 1.0, 2.0, 50.0, 31.0, 0.3 + 1e-7, 400.0, 0.0])
OBSERVED = np.array([0.0, 2.0, 1.0, 0.0, 3.0, 55.0, 1.0, 0.0, 0.0])


def count_forecast(mean=MEAN, variance=VARIANCE):
    return forecast_of(mean, count_variance=variance)


def member_forecast(members):
    """Members (member, cell) on one row of cells."""
    members = np.asarray(members, float)[:, None, :]
    cells = on_grid(members[0]).coords
    return xr.Dataset({"simulated_count": xr.DataArray(members, cells, ["member", "y", "x"])})


def test_poisson_log_score_is_the_mean_log_of_scipys_probabilities():
    truth = stats.poisson.logpmf(OBSERVED, MEAN).mean()
    assert poisson_log_score(count_forecast(), on_grid(OBSERVED)).item() == pytest.approx(truth)


def test_negative_binomial_log_score_is_the_mean_log_of_scipys_probabilities():
    masses = [
        reference.distribution(m, v).logpmf(y)
        for m, v, y in zip(MEAN, VARIANCE, OBSERVED, strict=True)
    ]
    score = negative_binomial_log_score(count_forecast(), on_grid(OBSERVED))
    assert score.item() == pytest.approx(np.mean(masses), rel=1e-9)


@pytest.mark.parametrize("excess", [0.0, -0.4, 1e-12, 1e-10, 2e-9, 1e-8])
def test_the_negative_binomial_tends_to_poisson_as_its_variance_falls_to_the_mean(excess):
    """r runs to 1e9 and more; a difference of its log-gammas would be wrong in every digit."""
    mean, observed = np.array([0.2, 3.0, 40.0]), on_grid([1, 5, 30])
    forecast = count_forecast(mean, mean * (1 + excess))
    poisson = poisson_log_score(forecast, observed).item()
    score = negative_binomial_log_score(forecast, observed).item()
    assert score == pytest.approx(poisson, rel=1e-6 if excess > 0 else 1e-15)


def test_an_event_that_was_given_no_chance_scores_minus_infinity():
    impossible = count_forecast([0.0, 1.0], [0.0, 1.5])
    assert poisson_log_score(impossible, on_grid([1, 0])).item() == -math.inf
    assert negative_binomial_log_score(impossible, on_grid([1, 0])).item() == -math.inf
    assert poisson_log_score(impossible, on_grid([0, 0])).item() == pytest.approx(-0.5)


def test_per_event_divides_by_events_and_per_cell_by_cells_inside():
    """Means 1 and 2, counts 1 and 3: log masses -1 and 3 log 2 - 2 - log 6; 2 cells, 4 events."""
    forecast, observed = forecast_of([1, 2, np.nan]), on_grid([1, 3, np.nan])
    total = -1 + 3 * math.log(2) - 2 - math.log(6)
    assert poisson_log_score(forecast, observed).item() == pytest.approx(total / 2)
    assert poisson_log_score(forecast, observed, per="event").item() == pytest.approx(total / 4)
    none = on_grid([0, 0, np.nan])
    assert np.isnan(poisson_log_score(forecast, none, per="event").item())
    assert poisson_log_score(forecast, none).item() == pytest.approx(-1.5)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 2.0])
def test_the_log_scores_are_largest_at_the_truth(factor):
    rng = np.random.default_rng(11)
    mean = rng.gamma(2, 1, 4000)
    variance = mean * 1.8
    observed = on_grid(rng.negative_binomial(mean / 0.8, 1 / 1.8))
    truth = count_forecast(mean, variance)
    for wrong in (
        count_forecast(mean * factor, variance * factor),
        count_forecast(mean, mean * (1 + 0.8 * factor)),
    ):
        assert (
            negative_binomial_log_score(wrong, observed)
            < negative_binomial_log_score(truth, observed)
        ).item()
        assert crps(wrong, observed).item() > crps(truth, observed).item()
    poisson = on_grid(rng.poisson(mean))
    wrong, right = forecast_of(mean * factor), forecast_of(mean)
    assert poisson_log_score(wrong, poisson).item() < poisson_log_score(right, poisson).item()


def test_information_gain_by_hand():
    """Shares (3/4, 1/4) against (1/2, 1/2); 3 and 1 events: (3 log 1.5 + log 0.5) / 4."""
    gain = information_gain(forecast_of([6, 2]), on_grid([3, 1]), baseline=forecast_of([7, 7]))
    assert gain.item() == pytest.approx((3 * math.log(1.5) + math.log(0.5)) / 4)


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_information_gain_judges_the_shape_and_not_the_volume(a, b):
    ours, theirs, observed = (
        np.array([3.0, 1, 4, 1]),
        np.array([2.0, 7, 1, 8]),
        on_grid([1, 0, 2, 0]),
    )
    gain = information_gain(forecast_of(a * ours), observed, baseline=forecast_of(b * theirs))
    plain = information_gain(forecast_of(ours), observed, baseline=forecast_of(theirs))
    assert gain.item() == pytest.approx(plain.item(), rel=1e-9, abs=1e-12)


def test_information_gain_over_itself_is_nothing_and_swaps_its_sign_with_the_roles():
    a, b, observed = forecast_of([3, 1, 4]), forecast_of([2, 7, 1]), on_grid([1, 0, 2])
    assert information_gain(a, observed, baseline=a).item() == 0
    forward = information_gain(a, observed, baseline=b).item()
    assert forward == pytest.approx(-information_gain(b, observed, baseline=a).item())


def test_information_gain_floors_nothing():
    zero, flat, observed = forecast_of([0, 1]), forecast_of([1, 1]), on_grid([1, 1])
    assert information_gain(zero, observed, baseline=flat).item() == -math.inf
    assert information_gain(flat, observed, baseline=zero).item() == math.inf
    assert np.isnan(information_gain(zero, observed, baseline=zero).item())
    assert np.isnan(information_gain(flat, on_grid([0, 0]), baseline=zero).item())


def test_crps_of_counts_matches_the_plain_version():
    np.testing.assert_allclose(
        negative_binomial_crps(MEAN[:-1], VARIANCE[:-1], OBSERVED[:-1]),
        reference.negative_binomial_crps(MEAN[:-1], VARIANCE[:-1], OBSERVED[:-1]),
        rtol=1e-9,
    )


def test_chances_of_counts_match_the_plain_version():
    np.testing.assert_allclose(
        negative_binomial_cdf(MEAN[:-1], VARIANCE[:-1], OBSERVED[:-1]),
        reference.negative_binomial_cdf(MEAN[:-1], VARIANCE[:-1], OBSERVED[:-1]),
        rtol=1e-7,
        atol=1e-13,
    )


def test_crps_agrees_with_scoringrules():
    poisson = [0, 2, 5]
    for i in poisson:
        ours = crps(count_forecast(MEAN[[i]], MEAN[[i]]), on_grid(OBSERVED[[i]])).item()
        assert ours == pytest.approx(scoringrules.crps_poisson(OBSERVED[i], MEAN[i]), rel=1e-9)
    for i in (1, 4, 7):
        size, chance = MEAN[i] ** 2 / (VARIANCE[i] - MEAN[i]), MEAN[i] / VARIANCE[i]
        ours = crps(count_forecast(MEAN[[i]], VARIANCE[[i]]), on_grid(OBSERVED[[i]])).item()
        theirs = scoringrules.crps_negbinom(OBSERVED[i], size, chance)
        assert ours == pytest.approx(theirs, rel=1e-6)


def test_crps_of_a_large_mean_does_not_underflow():
    """exp(-2000) is 0 in floating point; the normal approximation is right to about 1e-4 here."""
    for observed in (2000, 1900, 2500, 100):
        ours = crps(count_forecast([2000.0], [2000.0]), on_grid([observed])).item()
        normal = scoringrules.crps_normal(observed, 2000.0, math.sqrt(2000.0))
        assert ours == pytest.approx(normal, rel=2e-3)


def test_crps_of_members_agrees_with_scoringrules():
    rng = np.random.default_rng(2)
    members, observed = rng.poisson(3, (40, 12)), rng.poisson(3, 12)
    ours = crps(member_forecast(members), on_grid(observed), distribution="members")
    theirs = scoringrules.crps_ensemble(
        observed.astype(float), members.T.astype(float), estimator="nrg"
    )
    assert ours.item() == pytest.approx(theirs.mean())


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=6),
    st.integers(1, 4),
)
def test_crps_of_a_deterministic_forecast_is_the_absolute_error(pairs, size):
    forecast, observed = np.array(pairs, float).T
    members = np.repeat(forecast[None], size, axis=0)
    score = crps(member_forecast(members), on_grid(observed), distribution="members")
    assert score.item() == pytest.approx(np.abs(forecast - observed).mean(), abs=1e-12)


def test_crps_of_a_forecast_of_nothing_is_the_count():
    assert crps(count_forecast([0.0, 0.0], [0.0, 0.0]), on_grid([3, 0])).item() == 1.5


def test_brier_score_is_that_of_scoringrules():
    chance, observed = np.array([0.1, 0.5, 0.9, 0.0]), np.array([0, 3, 1, 1])
    theirs = scoringrules.brier_score((observed > 0).astype(float), chance).mean()
    forecast = xr.Dataset({"probability": on_grid(chance)})
    assert brier_score(forecast, on_grid(observed)).item() == pytest.approx(theirs)


def test_scores_keep_models_and_folds():
    rng = np.random.default_rng(5)
    mean = xr.DataArray(rng.uniform(size=(2, 3, 4, 5)), dims=["model", "fold", "y", "x"])
    forecast = xr.Dataset({"expected_count": mean, "count_variance": mean * 2, "probability": mean})
    observed = xr.DataArray(rng.poisson(1, (3, 4, 5)), dims=["fold", "y", "x"])
    for score in (poisson_log_score, negative_binomial_log_score, crps, brier_score):
        every = score(forecast, observed)
        assert every.dims == ("model", "fold")
        one = score(forecast.isel(model=1, fold=2), observed[2])
        assert every[1, 2].item() == pytest.approx(one.item(), rel=1e-15)


def test_members_keep_models_and_folds_in_any_order_of_dimensions():
    rng = np.random.default_rng(6)
    members = xr.DataArray(
        rng.poisson(1, (7, 2, 3, 4, 5)), dims=["member", "model", "fold", "y", "x"]
    )
    observed = xr.DataArray(rng.poisson(1, (3, 4, 5)), dims=["fold", "y", "x"])
    forecast = xr.Dataset({"simulated_count": members})
    every = crps(forecast, observed, distribution="members")
    one = crps(forecast.isel(model=1, fold=2), observed[2], distribution="members")
    assert every.dims == ("model", "fold")
    assert every[1, 2].item() == pytest.approx(one.item())


def test_counts_that_are_not_whole_are_refused():
    with pytest.raises(ParameterError, match=r"whole numbers of events, got 0\.5"):
        poisson_log_score(forecast_of([1, 1]), on_grid([0.5, 1]))


def test_members_that_were_not_kept_are_asked_for_by_name():
    with pytest.raises(ForecastError, match="needs 'simulated_count'"):
        crps(count_forecast(), on_grid(OBSERVED), distribution="members")


def test_an_unknown_option_is_refused():
    with pytest.raises(ParameterError, match=r"per must be one of \('cell', 'event'\), got 'map'"):
        poisson_log_score(forecast_of([1]), on_grid([1]), per="map")
    with pytest.raises(ParameterError, match=r"distribution must be one of"):
        crps(count_forecast(), on_grid(OBSERVED), distribution="normal")


def test_a_baseline_on_another_grid_is_refused():
    with pytest.raises(GridMismatchError, match="2 against 3 cells"):
        information_gain(forecast_of([1, 1]), on_grid([1, 1]), baseline=forecast_of([1, 1, 1]))
