"""Bounds stretched on earlier folds: by hand, by coverage, in order, and never by the future."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from shapely import box

from hotspot import issue_forecast, make_periods, recalibrate, recorded_before
from hotspot.errors import ForecastError, LeakError, ParameterError, TooFewEventsError
from hotspot.forecast.recalibration import _conformal
from tests.forecast.made import fitted_map

AREAS = gpd.GeoDataFrame(
    {"name": ["West", "East"]}, geometry=[box(0, 0, 300, 400), box(300, 0, 600, 400)], crs=27700
)
LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)


def forecast_of(count=1, quantiles=LEVELS):
    return issue_forecast(
        fitted_map(),
        make_periods("2019-01", count=count),
        rng=np.random.default_rng(1),
        size=200,
        areas=AREAS,
        quantiles=quantiles,
    )


def earlier_of(forecast, observed, *, first="2018-12", shift=0):
    """Folds that forecast as `forecast` does; month by month, the last judging `first`."""
    n, steps = observed.shape[:2]
    months = pd.period_range(end=first, periods=n, freq="M")
    bounds = forecast["area_count_quantile"].to_numpy()
    steps_of = months.to_numpy()[:, None] + np.arange(steps) + shift
    times = np.array([[m.to_timestamp() for m in row] for row in steps_of], "datetime64[ns]")
    ends = np.array([[(m + 1).to_timestamp() for m in row] for row in steps_of], "datetime64[ns]")
    return xr.Dataset(
        {
            "area_count_quantile": (
                ("fold", "step", "quantile", "area"),
                np.repeat(bounds.transpose(1, 0, 2)[None, :steps], n, axis=0),
            ),
            "area_observed_count": (("fold", "step", "area"), observed),
        },
        {
            "quantile": forecast["quantile"].to_numpy(),
            "area": forecast["area"].to_numpy(),
            "time": (("fold", "step"), times),
            "time_end": (("fold", "step"), ends),
            "data_cutoff": (
                "fold",
                [m.to_timestamp().tz_localize("Europe/London").isoformat() for m in months],
            ),
        },
        {"time_zone": "Europe/London"},
    )


def medians(forecast):
    return forecast["area_count_quantile"].sel(quantile=0.5).to_numpy()


def test_bounds_are_stretched_by_the_score_that_holds_often_enough():
    """Every outcome 2 reaches above the median: the factor is 2, by hand."""
    forecast = forecast_of(quantiles=(0.05, 0.5, 0.95))
    bounds = forecast["area_count_quantile"]
    upper = bounds.sel(quantile=0.95).to_numpy()
    twice = medians(forecast) + 2 * (upper - medians(forecast))
    after = recalibrate(forecast, earlier_of(forecast, np.repeat(twice[None], 10, axis=0)))
    told = json.loads(after.attrs["recalibration"])["steps"][0]
    assert told["factors"]["0.9"] == pytest.approx(2.0)
    np.testing.assert_allclose(after["area_count_quantile"].sel(quantile=0.95), twice)
    assert told["folds"] == 10
    assert told["first_cutoff"].startswith("2018-03-01")
    assert told["last_cutoff"].startswith("2018-12-01")


def test_outcomes_at_the_median_draw_all_bounds_to_it():
    forecast = forecast_of()
    earlier = earlier_of(forecast, np.repeat(medians(forecast)[None], 8, axis=0))
    after = recalibrate(forecast, earlier)["area_count_quantile"]
    np.testing.assert_allclose(after - after.sel(quantile=0.5), 0.0, atol=1e-6)


def test_stretched_bounds_hold_as_often_as_they_say_on_the_folds_they_were_taken_from():
    forecast = forecast_of()
    rng = np.random.default_rng(3)
    seen = medians(forecast)[None] + 12 * rng.standard_t(4, (200, 1, 2))
    after = recalibrate(forecast, earlier_of(forecast, seen), folds=200)["area_count_quantile"]
    for level, ends in ((0.8, (0.1, 0.9)), (0.9, (0.05, 0.95))):
        low, high = (after.sel(quantile=q).to_numpy() for q in ends)
        scores = (seen >= low) & (seen <= high)
        # A bound cannot fall below 0, which takes nothing from an outcome that can.
        below = (seen < 0) & (low == 0)
        assert (scores | below).mean() == pytest.approx(level, abs=0.006)


def test_the_rank_of_the_factor_is_that_of_split_conformal_prediction():
    """Of 9 scores the 9th: ceil(10 x 0.9) = 9; of 19 the 18th."""
    assert _conformal(np.arange(1.0, 10.0), 0.9) == 9.0
    assert _conformal(np.arange(1.0, 20.0), 0.9) == 18.0
    assert _conformal(np.arange(1.0, 4.0), 0.9) == 3.0


def test_each_horizon_has_its_own_factor_and_only_the_latest_folds_count():
    forecast = forecast_of(count=2)
    bounds = forecast["area_count_quantile"]
    reach = (bounds.sel(quantile=0.95) - bounds.sel(quantile=0.5)).to_numpy()
    seen = np.repeat((medians(forecast) + np.array([[1.0], [3.0]]) * reach)[None], 20, axis=0)
    seen[:10] += 1000.0  # too long ago
    after = recalibrate(forecast, earlier_of(forecast, seen, first="2018-11"), folds=10)
    steps = json.loads(after.attrs["recalibration"])["steps"]
    assert [step["factors"]["0.9"] for step in steps] == pytest.approx([1.0, 3.0])


def test_bounds_stay_in_order():
    """Outcomes just outside the 80 % bounds stretch these beyond the 90 % bounds."""
    forecast = forecast_of()
    rng = np.random.default_rng(5)
    seen = np.abs(medians(forecast)[None] + rng.normal(0, 40, (30, 1, 2)))
    after = recalibrate(forecast, earlier_of(forecast, seen))["area_count_quantile"]
    assert (np.diff(after.transpose("quantile", ...), axis=0) >= 0).all()
    assert (after >= 0).all()


def test_only_the_bounds_of_areas_change():
    forecast = forecast_of()
    earlier = earlier_of(forecast, np.full((8, 1, 2), 3.0))
    after = recalibrate(forecast, earlier)
    assert after["count_quantile"].identical(forecast["count_quantile"])
    assert after["area_expected_count"].identical(forecast["area_expected_count"])
    assert "earlier folds" in after.attrs["interval_kind"]
    assert "recalibration" not in forecast.attrs


def test_folds_that_the_forecast_could_not_have_seen_are_refused():
    forecast = forecast_of()
    earlier = earlier_of(forecast, np.full((8, 1, 2), 3.0), first="2019-01")
    with pytest.raises(LeakError, match=r"1 observed periods.*recorded_before"):
        recalibrate(forecast, earlier)
    known = recorded_before(earlier, forecast.attrs["data_cutoff"])
    assert known.sizes["fold"] == 7
    assert recalibrate(forecast, known).attrs["recalibration"]


def test_an_outcome_that_came_later_is_blanked_and_an_earlier_step_kept():
    forecast = forecast_of(count=2)
    earlier = earlier_of(forecast, np.full((8, 2, 2), 3.0))
    known = recorded_before(earlier, forecast.attrs["data_cutoff"])["area_observed_count"]
    assert known.isel(step=0).notnull().all()
    assert known.isel(step=1).notnull().any("area").values.tolist() == [True] * 7 + [False]


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda e: e.isel(fold=slice(5)), TooFewEventsError, "5 earlier folds"),
        (lambda e: e.expand_dims(model=["a"]), ParameterError, "sel\\(model="),
        (lambda e: e.sel(quantile=[0.1, 0.5, 0.9]), ForecastError, "quantiles of the forecast"),
        (lambda e: e.drop_vars("area_observed_count"), ForecastError, "area_observed_count"),
    ],
)
def test_folds_that_do_not_fit_are_refused(change, error, said):
    forecast = forecast_of()
    earlier = earlier_of(forecast, np.full((8, 1, 2), 3.0))
    with pytest.raises(error, match=said):
        recalibrate(forecast, change(earlier))


def test_levels_that_are_no_pairs_and_a_second_time_are_refused():
    lopsided = forecast_of(quantiles=(0.05, 0.5, 0.9))
    with pytest.raises(ForecastError, match="mirrored"):
        recalibrate(lopsided, earlier_of(lopsided, np.full((8, 1, 2), 3.0)))
    forecast = forecast_of()
    earlier = earlier_of(forecast, np.full((8, 1, 2), 3.0))
    with pytest.raises(ForecastError, match="before"):
        recalibrate(recalibrate(forecast, earlier), earlier)
    with pytest.raises(ParameterError, match="folds"):
        recalibrate(forecast, earlier, folds=3)


def test_a_cut_off_without_a_zone_is_refused():
    earlier = earlier_of(forecast_of(), np.full((8, 1, 2), 3.0))
    with pytest.raises(ParameterError, match="time zone"):
        recorded_before(earlier, "2019-01-01")


def reaches(forecast, times):
    """Outcomes (fold, step, area) so many reaches above the median, fold by fold."""
    upper = forecast["area_count_quantile"].sel(quantile=0.95).to_numpy()
    return medians(forecast) + np.asarray(times, float)[:, None, None] * (upper - medians(forecast))


def test_a_miss_moves_the_level_as_the_formula_says():
    """Six folds to begin with, then one outside by hand: .9 - .05 (.1 - 1); then one inside."""
    forecast = forecast_of(quantiles=(0.05, 0.5, 0.95))
    for times, share in (
        ([1.0] * 6 + [3.0], 0.9 + 0.05 * 0.9),
        ([1.0] * 6 + [3.0, 0.5], 0.9 + 0.05 * 0.9 - 0.05 * 0.1),
    ):
        earlier = earlier_of(forecast, reaches(forecast, times))
        told = json.loads(recalibrate(forecast, earlier, adapt=0.05).attrs["recalibration"])
        assert told["steps"][0]["shares"]["0.9"] == pytest.approx(share)
        assert told["method"].startswith("adaptive")


def test_a_level_hears_only_of_outcomes_that_were_known_in_time():
    """Two months ahead the seventh fold has heard of five outcomes, too few to err by."""
    forecast = forecast_of(count=2, quantiles=(0.05, 0.5, 0.95))
    outcomes = np.repeat(reaches(forecast, [1.0] * 6 + [3.0])[:, :1], 2, axis=1)
    earlier = earlier_of(forecast, outcomes, first="2018-11")
    told = json.loads(recalibrate(forecast, earlier, adapt=0.05).attrs["recalibration"])
    assert [step["shares"]["0.9"] for step in told["steps"]] == pytest.approx([0.945, 0.9])


def test_bounds_that_adapt_widen_after_a_break_and_narrow_when_it_is_over():
    forecast, rng = forecast_of(quantiles=(0.05, 0.5, 0.95)), np.random.default_rng(8)
    calm, wild = np.abs(rng.normal(0, 0.6, 30)), np.abs(rng.normal(0, 2.0, 6))
    during = earlier_of(forecast, reaches(forecast, [*calm, *wild]))
    after = earlier_of(forecast, reaches(forecast, [*calm, *wild, *calm]))

    def factor(earlier, adapt):
        told = json.loads(recalibrate(forecast, earlier, adapt=adapt).attrs["recalibration"])
        return told["steps"][0]["factors"]["0.9"]

    assert factor(during, 0.2) > factor(during, 0.0) > factor(after, 0.2)
    assert factor(during, 0.2) == pytest.approx(wild.max(), rel=0.01)


def test_a_level_that_cannot_adapt_is_refused():
    forecast = forecast_of()
    with pytest.raises(ParameterError, match="adapt must be"):
        recalibrate(forecast, earlier_of(forecast, np.full((8, 1, 2), 3.0)), adapt=2.0)
    plain = recalibrate(forecast, earlier_of(forecast, np.full((8, 1, 2), 3.0)))
    assert "shares" not in json.loads(plain.attrs["recalibration"])["steps"][0]


def test_before_the_first_fold_there_is_nothing_to_learn_from():
    forecast = forecast_of()
    earlier = earlier_of(forecast, np.full((8, 1, 2), 3.0))
    none = recorded_before(earlier, "2010-01-01T00:00+00:00")
    assert none["area_observed_count"].shape == (0, 1, 2)
    with pytest.raises(TooFewEventsError, match="0 earlier folds"):
        recalibrate(forecast, none)
