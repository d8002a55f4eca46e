"""Tests of consistency: by hand, by laws, and in what they refuse."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from hotspot._numba.simulated_likelihood import alias_table, simulated_log_likelihoods
from hotspot.errors import ForecastError, GridMismatchError, ParameterError
from hotspot.evaluate.consistency import (
    conditional_likelihood_test,
    consistency_tests,
    likelihood_test,
    number_test,
    pseudo_likelihood_test,
    spatial_test,
)
from tests.evaluate.maps import forecast_of, on_grid
from tests.reference import consistency as reference

SIMULATED = [likelihood_test, conditional_likelihood_test, spatial_test]
RATES = np.random.default_rng(5).gamma(0.7, 1.0, (4, 6))


def rng(seed=1):
    return np.random.default_rng(seed)


def maps_of(counts):
    return xr.DataArray(np.asarray(counts, float), dims=["fold", "y", "x"])


def bare(rates):
    return xr.Dataset({"expected_count": (("y", "x"), np.atleast_2d(rates))})


@pytest.mark.parametrize("zeros", [0, 7])
def test_the_alias_table_draws_each_cell_in_proportion_to_its_weight(zeros):
    weights = rng().gamma(0.5, 1.0, 60)
    weights[:zeros] = 0.0
    chances = reference.chances(alias_table(weights))
    np.testing.assert_allclose(chances, weights / weights.sum(), rtol=1e-12, atol=1e-15)
    assert chances[:zeros] == [0.0] * zeros


@pytest.mark.parametrize("weights", [[3.0], [0.0, 2.0], [1.0, 0.0, 0.0], [1e-300, 1.0]])
def test_the_alias_table_of_a_few_cells_is_exact(weights):
    chances = reference.chances(alias_table(np.array(weights)))
    assert chances == pytest.approx(np.array(weights) / np.sum(weights))


def test_simulated_log_likelihoods_match_the_plain_version():
    """More than one block of events, and one simulation without any."""
    rates, numbers = rng().gamma(0.6, 1.0, 30), np.array([0, 1, 255, 256, 257, 600])
    seeds = rng().integers(0, 2**64, numbers.size, dtype=np.uint64)
    table = alias_table(rates)
    with np.errstate(over="ignore"):
        found = simulated_log_likelihoods(numbers[:, None], seeds, table, np.log(rates))[:, 0]
    truth = [
        reference.log_likelihood(reference.simulated_counts(n, int(seed), table), rates)
        for n, seed in zip(numbers.tolist(), seeds, strict=True)
    ]
    np.testing.assert_allclose(found - rates.sum(), truth, rtol=1e-11)


def test_a_simulation_told_after_fewer_events_is_that_of_fewer_events():
    rates = rng().gamma(0.6, 1.0, 30)
    stops = np.array([[0, 300], [17, 17], [256, 290]])
    seeds, table = np.array([5, 6, 7], np.uint64), alias_table(rates)
    with np.errstate(over="ignore"):
        told = simulated_log_likelihoods(stops, seeds, table, np.log(rates))
        alone = [
            simulated_log_likelihoods(stops[:, [k]], seeds, table, np.log(rates)) for k in (0, 1)
        ]
    np.testing.assert_allclose(told, np.hstack(alone), rtol=1e-12)


def test_the_number_test_by_hand():
    """Poisson with mean 2: P(N >= 4) = 1 - e^-2 (1 + 2 + 2 + 4/3), P(N <= 4) adds 2/3."""
    found = number_test(forecast_of([1.5, 0.5]), on_grid([3, 1]))
    below = np.exp(-2) * (1 + 2 + 2 + 4 / 3)
    assert found["at_least"].item() == pytest.approx(1 - below)
    assert found["at_most"].item() == pytest.approx(below + np.exp(-2) * 2 / 3)
    assert found["p_value"].item() == pytest.approx(2 * (1 - below))
    assert (found["n_events"].item(), found["n_expected"].item()) == (4, 2)
    assert found["status"].item() == "tested"


def test_a_number_far_too_large_keeps_its_small_chance():
    """1 - F(n - 1) would be 0 here by cancellation."""
    found = number_test(forecast_of([1.0]), on_grid([30]))
    assert found["at_least"].item() == pytest.approx(np.exp(-1) / 2.652528598e32, rel=0.04)


def test_the_negative_binomial_number_test_by_hand():
    """Mean 1 and variance 2 is geometric with p = 1/2: P(N >= 3) = 1/8, P(N <= 3) = 15/16."""
    options = {"distribution": "negative_binomial", "variance": 2.0}
    found = number_test(forecast_of([0.25, 0.75]), on_grid([1, 2]), **options)
    assert found["at_least"].item() == pytest.approx(1 / 8)
    assert found["at_most"].item() == pytest.approx(15 / 16)


def test_each_map_has_its_own_variance():
    forecast = xr.Dataset(
        {"expected_count": xr.concat([on_grid([1.0]), on_grid([4.0])], "model")}
    ).assign_coords(model=["a", "b"])
    variance = xr.DataArray([2.0, 8.0], {"model": ["a", "b"]}, ["model"])
    observed = maps_of([[[3]], [[0]], [[9]]])
    observed = observed.assign_coords(y=forecast["y"], x=forecast["x"])
    found = number_test(forecast, observed, distribution="negative_binomial", variance=variance)
    assert found["at_most"].dims == ("model", "fold")
    truth = stats.nbinom(4.0, 0.5).cdf([3, 0, 9])
    np.testing.assert_allclose(found["at_most"].sel(model="b"), truth)


def test_a_variance_that_is_missing_or_too_small_is_refused():
    maps = forecast_of([2.0]), on_grid([1])
    with pytest.raises(ParameterError, match="needs the variance of the total"):
        number_test(*maps, distribution="negative_binomial")
    with pytest.raises(ParameterError, match="variance must exceed the number expected, 2, and"):
        number_test(*maps, distribution="negative_binomial", variance=2.0)


def test_the_number_of_members_is_their_share():
    members = xr.DataArray(np.array([[0, 1], [2, 1], [3, 3], [2, 2]]), dims=["member", "x"])
    forecast = xr.Dataset({"simulated_count": members.expand_dims("y", 1)})
    observed = xr.DataArray([[2, 1]], dims=["y", "x"])
    found = number_test(forecast, observed, distribution="members")
    assert (found["at_least"].item(), found["at_most"].item()) == (0.75, 0.5)
    assert found["p_value"].item() == 1.0  # 2 * min(4 / 5, 3 / 5)
    assert found["simulated"].values.tolist() == [1, 3, 6, 4]


def test_the_observed_statistics_by_hand():
    """Rates .5 and 1.5, counts 2 and 1: log .25 + log 1.5 - 2 - log 2; scaled by 3 / 2 for S."""
    forecast, observed = forecast_of([0.5, 1.5]), on_grid([2, 1])
    plain = np.log(0.25) + np.log(1.5) - 2 - np.log(2)
    scaled = 2 * np.log(0.75) + np.log(2.25) - 3 - np.log(2)
    found = [test(forecast, observed, rng=rng(), size=9)["statistic"].item() for test in SIMULATED]
    assert found == pytest.approx([plain, plain, scaled])


def test_the_conditional_chance_of_two_events_on_two_cells():
    """Chances .9 and .1. As unlikely as one in each, or more: .18 + .01 of all maps."""
    options = {"rng": rng(), "size": 8_000}
    found = conditional_likelihood_test(forecast_of([9, 1]), on_grid([1, 1]), **options)
    assert found["at_most"].item() == pytest.approx(0.19, abs=4 * (0.19 * 0.81 / 8_000) ** 0.5)
    assert found["at_least"].item() == pytest.approx(0.99, abs=0.006)


def test_a_flat_map_ties_with_every_scatter_of_single_events():
    """Rounding must not make an order: one event is as likely anywhere."""
    event = np.zeros(50)
    event[17] = 1
    for test in (conditional_likelihood_test, spatial_test):
        found = test(forecast_of(np.full(50, 0.1)), on_grid(event), rng=rng(), size=99)
        assert found["at_most"].item() == found["at_least"].item() == 1.0


@pytest.mark.compiled
@pytest.mark.parametrize("test", SIMULATED)
def test_p_values_are_uniform_under_the_true_model(test):
    observed = maps_of(rng(9).poisson(RATES, (300, *RATES.shape)))
    found = test(bare(RATES), observed, rng=rng(3), size=199)
    assert stats.kstest(found["p_value"].values, "uniform").pvalue > 0.01


def test_p_values_of_numbers_never_promise_too_much_under_the_true_model():
    """Counts are discrete, so that a level is reached less often than it says."""
    observed = maps_of(rng(9).poisson(RATES, (800, *RATES.shape)))
    p_value = number_test(bare(RATES), observed)["p_value"].values
    for level in (0.01, 0.05, 0.2, 0.5):
        assert (p_value <= level).mean() <= level + 3 * (level * (1 - level) / 800) ** 0.5
    assert (p_value <= 0.5).mean() > 0.3


@pytest.mark.parametrize("test", ["number", "spatial", "pseudo-likelihood"])
def test_p_values_are_uniform_if_the_future_is_one_of_the_members(test):
    """Clustered futures: Poisson tests would refute them, their own members do not."""
    draw = rng(12)

    def futures(size):
        level = draw.gamma(2.0, 0.5, (size, 1, 1)) * draw.gamma(3.0, 1 / 3, (size, 4, 1))
        return draw.poisson(3 * RATES * level)

    forecast = xr.Dataset({"simulated_count": (("member", "y", "x"), futures(199))})
    observed = maps_of(futures(300))
    options = {"floor": 1e-3}
    if test == "number":
        found = number_test(forecast, observed, distribution="members", **options)
        poisson = number_test(bare(3 * RATES), observed)
        assert (poisson["p_value"] < 0.05).mean().item() > 0.3
    elif test == "spatial":
        found = spatial_test(forecast, observed, rng=rng(), distribution="members", **options)
    else:
        found = pseudo_likelihood_test(forecast, observed, **options)
    p_value = found["p_value"].dropna("fold").values  # a future may hold no event
    assert p_value.size > 250
    assert stats.kstest(p_value, "uniform").pvalue > 0.005


@pytest.mark.parametrize("test", SIMULATED)
def test_events_in_the_wrong_places_refute_a_forecast(test):
    counts = rng().poisson(5 * RATES)
    wrong = counts[::-1, ::-1]
    right, refuted = (
        test(bare(5 * RATES), maps_of([y]), rng=rng(), size=99)["p_value"].item()
        for y in (counts, wrong)
    )
    assert right > 0.05
    assert refuted == 0.01


@pytest.mark.parametrize("test", SIMULATED)
def test_an_event_that_was_ruled_out_refutes_unless_a_floor_is_declared(test):
    forecast, observed = forecast_of([3.0, 2.0, 0.0]), on_grid([3, 2, 1])
    found = test(forecast, observed, rng=rng(), size=99)
    assert found["statistic"].item() == -np.inf
    assert found["p_value"].item() == 0.01
    assert found["at_most"].item() == 0.0
    assert found["status"].item() == "tested; an event fell where the forecast expects none"
    assert (found.attrs["floor"], found["n_floored"].item()) == (0.0, 0)
    floored = test(forecast, observed, rng=rng(), size=99, floor=0.5)
    assert np.isfinite(floored["statistic"].item())
    assert floored["p_value"].item() > 0.05
    assert (floored.attrs["floor"], floored["n_floored"].item()) == (0.5, 1)
    assert floored["n_expected"].item() == 5.5


def test_zero_rates_are_part_of_the_map_whatever_falls_elsewhere():
    """A cell of rate 0 costs nothing and earns nothing."""
    with_zero = likelihood_test(forecast_of([3.0, 0.0]), on_grid([2, 0]), rng=rng(), size=50)
    without = likelihood_test(forecast_of([3.0]), on_grid([2]), rng=rng(), size=50)
    assert with_zero["statistic"].item() == without["statistic"].item()


def test_nothing_recorded_no_event_and_nothing_expected_are_told_apart():
    cells = on_grid([0, 0])
    recorded = xr.concat([cells * np.nan, cells, cells + 1], "fold")
    some = spatial_test(forecast_of([1, 2]), recorded, rng=rng(), size=9)
    assert some["status"].values.tolist() == [
        "not tested: nothing was recorded",
        "not tested: no event was observed",
        "tested",
    ]
    assert some["p_value"].isnull().values.tolist() == [True, True, False]
    none = spatial_test(forecast_of([0, 0]), on_grid([1, 0]), rng=rng(), size=9)
    assert none["status"].item() == "not tested: nothing is expected anywhere"
    number = number_test(forecast_of([0.5, 0.5]), recorded)
    assert number["p_value"].values == pytest.approx([np.nan, 2 / np.e, 2 - 4 / np.e], nan_ok=True)


def test_futures_without_events_are_left_out_of_the_spatial_test_and_counted():
    members = xr.DataArray([[[0, 0]], [[1, 0]], [[0, 3]]], dims=["member", "y", "x"])
    forecast = xr.Dataset({"simulated_count": members})
    observed = xr.DataArray([[1, 1]], dims=["y", "x"])
    found = spatial_test(forecast, observed, rng=rng(), distribution="members")
    assert found["status"].item() == "tested; 1 of 3 futures hold no event"
    np.testing.assert_allclose(found["simulated"], np.log([0.25, 0.75]))
    assert found["statistic"].item() == pytest.approx((np.log(0.25) + np.log(0.75)) / 2)
    assert found["p_value"].item() == pytest.approx(2 / 3)


def test_periods_judged_together_are_one_map_in_space_and_time():
    """The right places in the wrong order: only a test in space and time can tell."""
    expected = np.array([[[9.0, 1.0]], [[1.0, 9.0]]])
    forecast = xr.Dataset({"expected_count": (("step", "y", "x"), expected)})
    swapped = xr.DataArray(expected[::-1].copy(), dims=["step", "y", "x"])
    options = {"rng": rng(), "size": 99, "together": ["step"]}
    assert conditional_likelihood_test(forecast, swapped, **options)["p_value"].item() == 0.01
    assert spatial_test(forecast, swapped, **options)["p_value"].item() > 0.5
    number = number_test(forecast, swapped, together=["step"])
    assert (number["n_events"].item(), number["n_expected"].item()) == (20, 20)


def test_all_tests_in_one_call_are_the_tests_one_by_one():
    observed = maps_of(rng(4).poisson(RATES, (3, *RATES.shape)))
    found = consistency_tests(bare(RATES), observed, rng=rng(2), size=60)
    assert found.sizes["test"] == 4
    alone = likelihood_test(bare(RATES), observed, rng=rng(2), size=60)
    np.testing.assert_allclose(
        found["simulated"].sel(test="likelihood", drop=True), alone["simulated"]
    )
    spatial = found.sel(test="spatial")
    truth = spatial_test(bare(RATES), observed, rng=rng(2), size=60)
    np.testing.assert_allclose(spatial["statistic"], truth["statistic"])
    np.testing.assert_allclose(
        spatial["p_value"], found["p_value"].sel(test="conditional likelihood")
    )
    # The same law, whether or not the likelihood test shares its simulations.
    options = {"rng": rng(2), "size": 2000, "tests": ["conditional likelihood"]}
    apart = consistency_tests(bare(RATES), observed, **options)["simulated"]
    shared = consistency_tests(bare(RATES), observed, rng=rng(7), size=2000)["simulated"]
    shared = shared.sel(test=["conditional likelihood"])
    for ours, theirs in zip(apart.values[0], shared.values[0], strict=True):
        assert stats.ks_2samp(ours, theirs).pvalue > 0.01
    number = number_test(bare(RATES), observed)
    np.testing.assert_allclose(found["p_value"].sel(test="number"), number["p_value"])


def test_only_the_tests_asked_for_are_made():
    options = {"rng": rng(2), "size": 60, "tests": ["spatial", "number"]}
    found = consistency_tests(bare(RATES), maps_of([np.round(RATES)]), **options)
    assert found["test"].values.tolist() == ["spatial", "number"]
    assert found["simulated"].sel(test="number").isnull().all()
    with pytest.raises(ParameterError, match=r"tests must be some of .*'magnitude'"):
        consistency_tests(bare(RATES), maps_of([np.round(RATES)]), rng=rng(), tests=["magnitude"])


def test_the_same_seed_gives_the_same_bytes_whatever_maps_are_tested_after():
    observed = maps_of(rng(4).poisson(RATES, (3, *RATES.shape)))
    whole = spatial_test(bare(RATES), observed, rng=rng(2), size=40)["simulated"]
    first = spatial_test(bare(RATES), observed[:1], rng=rng(2), size=40)["simulated"]
    assert whole[0].values.tobytes() == first[0].values.tobytes()
    assert not np.array_equal(whole[0], whole[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rng": 1}, "rng must be a numpy"),
        ({"size": 0}, "size must be a whole number of simulations, got 0"),
        ({"floor": -1.0}, "floor must be a number of events, 0 or more, got -1"),
        ({"floor": np.nan}, "floor must be a number of events, 0 or more, got nan"),
        ({"together": ["step"]}, r"no dimensions \['step'\] to judge together"),
    ],
)
@pytest.mark.parametrize("test", SIMULATED)
def test_options_that_make_no_sense_are_refused(test, options, message):
    with pytest.raises(ParameterError, match=message):
        test(forecast_of([1, 2]), on_grid([1, 0]), **{"rng": rng(), **options})


@pytest.mark.parametrize("test", SIMULATED)
def test_counts_that_are_no_counts_and_other_grids_are_refused(test):
    with pytest.raises(ParameterError, match="observed must hold whole numbers of events"):
        test(forecast_of([1, 2]), on_grid([1, 0.5]), rng=rng())
    with pytest.raises(GridMismatchError, match="differ along 'x': 2 against 3 cells"):
        test(forecast_of([1, 2]), on_grid([1, 0, 1]), rng=rng())
    with pytest.raises(GridMismatchError, match="holds 4 events in 1 cells where the forecast is"):
        test(forecast_of([1, np.nan]), on_grid([1, 4]), rng=rng())
    with pytest.raises(ForecastError, match="negative or infinite in 1 cells"):
        test(forecast_of([1, -2]), on_grid([1, 4]), rng=rng())


def test_members_that_are_no_counts_are_refused():
    members = xr.DataArray([[[1.0, 2.0]], [[3.0, -1.0]]], dims=["member", "y", "x"])
    with pytest.raises(ForecastError, match="NaN, infinite or negative inside the region"):
        pseudo_likelihood_test(
            xr.Dataset({"simulated_count": members}), xr.DataArray([[1, 1]], dims=["y", "x"])
        )
