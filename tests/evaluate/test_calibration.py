"""Interval coverage, randomised PIT and the calibration table."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from hotspot.errors import ForecastError, GridMismatchError, ParameterError, TooFewEventsError
from hotspot.evaluate import (
    area_interval_coverage,
    calibration_table,
    hottest_cells,
    interval_coverage,
    pit_coverage,
    randomised_pit,
)
from tests.evaluate.maps import forecast_of, on_grid

RATIO = 1.7  # variance over mean of the counts simulated here


def bounds_of(lower, upper, quantiles=(0.05, 0.95)):
    cells = on_grid(lower)
    values = xr.concat([cells, on_grid(upper)], dim="quantile").assign_coords(
        quantile=list(quantiles)
    )
    return xr.Dataset({"count_quantile": values, "expected_count": cells + 1})


def simulated(n_folds=12, seed=4):
    """A forecast whose moments are the truth, and counts drawn from it; folds of 20 x 20 cells."""
    rng = np.random.default_rng(seed)
    mean = rng.gamma(0.5, 2, (n_folds, 20, 20)) + 0.01
    observed = rng.negative_binomial(mean / (RATIO - 1), 1 / RATIO)
    dims = ["fold", "y", "x"]
    forecast = xr.Dataset({"expected_count": (dims, mean), "count_variance": (dims, mean * RATIO)})
    return forecast, xr.DataArray(observed, dims=dims)


def test_interval_coverage_by_hand_counts_both_ends_as_inside():
    forecast = bounds_of([1, 1, 1, 0, np.nan], [3, 3, 3, 0, np.nan])
    observed = on_grid([1, 3, 4, 0, np.nan])
    assert interval_coverage(forecast, observed, level=0.9).item() == 0.75


def test_interval_coverage_of_the_hottest_cells_looks_at_those_alone():
    forecast = bounds_of([5, 4, 1, 0], [6, 6, 6, 6])
    observed = on_grid([9, 4, 1, 9])
    assert interval_coverage(forecast, observed, level=0.9).item() == 0.5
    assert interval_coverage(forecast, observed, level=0.9, hottest=0.25).item() == 0.0
    assert interval_coverage(forecast, observed, level=0.9, hottest=0.5).item() == 0.5


def test_a_level_whose_quantiles_are_missing_is_refused_and_those_present_are_named():
    with pytest.raises(ForecastError, match=r"needs the quantile 0\.1,.*it holds 0\.05, 0\.95"):
        interval_coverage(bounds_of([0], [1]), on_grid([0]), level=0.8)


@pytest.mark.parametrize("level", [0, 1, 90])
def test_a_level_outside_0_to_1_is_refused(level):
    with pytest.raises(ParameterError, match=r"level must be in \(0, 1\), such as 0\.9"):
        interval_coverage(bounds_of([0], [1]), on_grid([0]), level=level)


def area_bounds():
    return xr.Dataset(
        {
            "area_count_quantile": (
                ["quantile", "time", "area"],
                [[[10.0, 20.0], [11.0, 21.0]], [[15.0, 30.0], [16.0, 31.0]]],
            )
        },
        {"quantile": [0.05, 0.95], "area": ["Brent", "Camden"]},
    )


def test_area_coverage_is_the_share_of_areas_within_their_bounds():
    observed = xr.DataArray([[10, 31], [16, 21]], {"area": ["Brent", "Camden"]}, ["time", "area"])
    coverage = area_interval_coverage(area_bounds(), observed, level=0.9)
    assert coverage.values.tolist() == [0.5, 1.0]


def test_areas_in_another_order_are_refused():
    observed = xr.DataArray([[10, 31], [16, 21]], {"area": ["Camden", "Brent"]}, ["time", "area"])
    with pytest.raises(
        GridMismatchError, match="differ along 'area': label 0 is Brent against Camden"
    ):
        area_interval_coverage(area_bounds(), observed, level=0.9)


def test_pit_is_uniform_for_counts_drawn_from_the_forecast():
    pit = randomised_pit(*simulated(), rng=np.random.default_rng(1))
    assert stats.kstest(pit.values.ravel(), "uniform").pvalue > 0.01


def test_pit_of_members_is_uniform_for_counts_drawn_like_them():
    rng = np.random.default_rng(8)
    mean = rng.gamma(0.5, 2, (20, 20))
    members = xr.DataArray(rng.poisson(mean, (9, 10, 20, 20)), dims=["member", "fold", "y", "x"])
    observed = xr.DataArray(rng.poisson(mean, (10, 20, 20)), dims=["fold", "y", "x"])
    pit = randomised_pit(
        xr.Dataset({"simulated_count": members}), observed, rng=rng, distribution="members"
    )
    assert pit.dims == ("fold", "y", "x")
    assert stats.kstest(pit.values.ravel(), "uniform").pvalue > 0.01


def test_pit_of_a_forecast_too_sure_of_itself_heaps_at_the_ends():
    forecast, observed = simulated()
    sure = forecast.assign(count_variance=forecast["expected_count"])  # Poisson
    hot = hottest_cells(forecast, share=0.2)
    pit = randomised_pit(sure, observed, rng=np.random.default_rng(1)).where(hot)
    assert pit_coverage(pit, level=0.9, dims=["fold", "y", "x"]).item() < 0.85


def test_plain_coverage_of_a_perfect_forecast_is_too_high_and_that_of_the_pit_is_nominal():
    """Why the PIT is randomised: closed intervals of small counts hold more than they say."""
    forecast, observed = simulated()
    mean = forecast["expected_count"]
    ends = stats.nbinom.ppf(
        np.array([0.05, 0.95]).reshape(2, 1, 1, 1), mean.values / (RATIO - 1), 1 / RATIO
    )
    forecast["count_quantile"] = (("quantile", *mean.dims), ends)
    forecast = forecast.assign_coords(quantile=[0.05, 0.95])
    plain = interval_coverage(forecast, observed, level=0.9).mean().item()
    pit = randomised_pit(forecast, observed, rng=np.random.default_rng(1))
    n_cells = observed.size
    assert plain > 0.93
    chance = 3 * np.sqrt(0.9 * 0.1 / n_cells)
    assert pit_coverage(pit, level=0.9).mean().item() == pytest.approx(0.9, abs=chance)


def test_pit_lies_between_the_chances_of_fewer_and_of_as_many():
    forecast = forecast_of([2.0, np.nan], count_variance=[2.0, np.nan])
    draws = [
        randomised_pit(forecast, on_grid([3, np.nan]), rng=np.random.default_rng(seed)).values[0]
        for seed in range(30)
    ]
    first, outside = np.array(draws).T
    assert np.isnan(outside).all()
    assert stats.poisson.cdf(2, 2) <= first.min() < first.max() <= stats.poisson.cdf(3, 2)


def test_the_same_seed_gives_the_same_pit():
    pits = [randomised_pit(*simulated(), rng=np.random.default_rng(1)) for _ in range(2)]
    assert pits[0].identical(pits[1])


def test_pit_without_a_generator_is_refused():
    with pytest.raises(ParameterError, match=r"rng must be a numpy\.random\.Generator, got int"):
        randomised_pit(*simulated(1), rng=3)


def test_pit_coverage_by_hand():
    pit = xr.DataArray([[0.04, 0.05, 0.5, 0.95, 0.96, np.nan]], dims=["y", "x"])
    assert pit_coverage(pit, level=0.9 + 1e-12).item() == pytest.approx(3 / 5)
    assert pit_coverage(pit, level=[0.5, 0.9 + 1e-12]).values.tolist() == pytest.approx([0.2, 0.6])


def test_the_calibration_table_of_a_calibrated_forecast_holds_the_nominal_levels():
    """Within 3 standard errors of 9600 cells, with an interval of about that width around it."""
    forecast, observed = simulated(24)
    rng = np.random.default_rng(3)
    level = np.array([0.5, 0.8, 0.9])
    table = calibration_table(randomised_pit(forecast, observed, rng=rng), rng=rng, level=level)
    error = np.sqrt(level * (1 - level) / observed.size)
    assert table["actual"].dims == ("level",)
    assert (abs(table["actual"] - level) < 3 * error).all()
    assert (table["lower"] < table["actual"]).all()
    assert (table["actual"] < table["upper"]).all()
    np.testing.assert_allclose(table["upper"] - table["lower"], 2 * 1.96 * error, rtol=0.5)


def test_the_calibration_table_of_shared_shocks_is_wider_than_chance_in_cells():
    """Cells that rise and fall together are fewer witnesses than they look."""
    rng = np.random.default_rng(3)
    shock = rng.normal(size=(24, 1, 1)) + 0.3 * rng.normal(size=(24, 20, 20))
    pit = xr.DataArray(stats.norm.cdf(shock / np.sqrt(1.09)), dims=["fold", "y", "x"])
    table = calibration_table(pit, rng=rng, level=[0.8])
    assert (table["upper"] - table["lower"]).item() > 5 * 2 * 1.96 * np.sqrt(0.16 / pit.size)


def test_the_calibration_table_keeps_models():
    rng = np.random.default_rng(3)
    pit = xr.DataArray(
        rng.uniform(size=(2, 8, 5, 5)), {"model": ["a", "b"]}, ["model", "fold", "y", "x"]
    )
    table = calibration_table(pit, rng=rng)
    assert set(table["actual"].dims) == set(table["lower"].dims) == {"model", "level"}
    assert (table["lower"] <= table["actual"] + 1e-12).all()


def test_the_calibration_table_needs_two_blocks_of_periods():
    pit = xr.DataArray(np.full((5, 2, 2), 0.5), dims=["fold", "y", "x"])
    with pytest.raises(TooFewEventsError, match="5 periods make fewer than two blocks of 3"):
        calibration_table(pit, rng=np.random.default_rng(0))


def test_hottest_cells_takes_all_that_tie_at_the_cut():
    mask = hottest_cells(forecast_of([3, 2, 2, 1, np.nan]), share=0.5)
    assert mask.values.tolist() == [[True, True, True, False, False]]
