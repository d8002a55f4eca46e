"""The monthly self-exciting model on a grid: what it finds, expects, simulates and refuses."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hotspot import (
    EndemicEpidemic,
    FittedModel,
    FreeLags,
    GeometricLags,
    HistoricalRate,
    LogLinear,
    Model,
    Stacked,
    issue_forecast,
    make_periods,
)
from hotspot.errors import (
    DataQualityWarning,
    GridMismatchError,
    LeakError,
    ParameterError,
    ResolutionError,
    TooFewEventsError,
    UnknownNameError,
)
from hotspot.models.endemic_epidemic.covariates import CellCovariates
from hotspot.models.parts.shapes import GaussianShape
from tests.models.monthly_cases import (
    PSI,
    TRUE,
    coverage_without,
    record_of,
    simulated_counts,
)

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)

MODEL = EndemicEpidemic(
    half_life=TRUE["half_life"],
    own_lags=GeometricLags(2, 0.3),
    near_lags=GeometricLags(2, 0.3),
    decay=GaussianShape(TRUE["sd"]),
    window=None,
)
SIDE = 12
REPEATS = 0.6


@pytest.fixture(scope="module")
def counts():
    return simulated_counts(np.random.default_rng(1), side=SIDE, months=84, rate=4.0)


@pytest.fixture(scope="module")
def fitted(counts):
    return MODEL.fit(*record_of(counts, side=SIDE))


@pytest.fixture(scope="module")
def repeating():
    """Fitted to counts in which each offence brings on average a bit over half of another."""
    rng = np.random.default_rng(8)
    counts = simulated_counts(rng, side=SIDE, months=84, rate=4.0, repeats=REPEATS)
    return MODEL.fit(*record_of(counts, side=SIDE))


def months_after(counts, number):
    first = pd.Period("2014-01", "M") + len(counts)
    return make_periods(str(first), count=number)


def test_it_keeps_the_contract_of_models(fitted):
    assert isinstance(MODEL, Model)
    assert isinstance(fitted, FittedModel)


def test_the_parameters_of_a_simulated_record_come_back(fitted):
    """Each within three standard errors of what the record was made with."""
    truth = {
        "endemic sin 1/year": TRUE["season"],
        "endemic cos 1/year": 0.0,
        "own intercept": np.log(TRUE["own"]),
        "near intercept": np.log(TRUE["near"]),
        "near log sd": np.log(TRUE["sd"]),
        "log overdispersion": np.log(PSI),
    }
    off = [(fitted.estimates[n] - v) / fitted.standard_errors[n] for n, v in truth.items()]
    assert np.abs(off).max() < 3
    assert fitted.branching_ratio == pytest.approx(TRUE["own"] + TRUE["near"], abs=0.1)
    assert sum(fitted.shares.values()) == pytest.approx(1.0)


def test_repeats_are_told_from_rates_that_vary(repeating):
    """Each within three standard errors of what the record was made with."""
    truth = {"log repeats": np.log(REPEATS), "log overdispersion": np.log(PSI)}
    off = [(repeating.estimates[n] - v) / repeating.standard_errors[n] for n, v in truth.items()]
    assert np.abs(off).max() < 3
    assert repeating.standard_errors["log repeats"] < 0.2
    assert repeating.repeats == pytest.approx(np.exp(repeating.estimates["log repeats"]))


def test_where_nothing_repeats_little_is_found_to(fitted):
    """The record is made without repeats; the law of R's hhh4 then says as much."""
    assert fitted.repeats < 0.1
    assert "log repeats" in fitted.parameter_names or "No repeats were seen." in fitted.findings


def test_without_repeats_the_law_has_none(counts, fitted):
    plain = replace(MODEL, repeats=False).fit(*record_of(counts, side=SIDE))
    assert "log repeats" not in plain.parameter_names
    assert plain.repeats == 0.0
    assert fitted.log_likelihood >= plain.log_likelihood - 1e-6


def test_next_months_variance_is_that_of_the_law_it_was_fitted_to(repeating):
    """Movement of levels a month ahead is in the counts the law was fitted to: it is not added."""
    moving = replace(repeating.level, region=np.array([0.02, 0.05]), squares=np.full((3, 2), 0.01))
    nothing = np.zeros_like(repeating.covariance)
    certain = replace(repeating, covariance=nothing, level=moving)
    periods = months_after(np.zeros(84), 2)
    mean, variance = certain.expected_count(periods), certain.count_variance(periods)
    law = (1 + certain.repeats) * mean + certain.overdispersion * mean**2
    np.testing.assert_allclose(variance[0], law[0], rtol=1e-9)
    # A month later the level is less known, and the month before has added what it may.
    assert (variance[1] > law[1] + 0.02 * mean[1] ** 2).all()
    steadier = replace(certain, level=replace(moving, region=moving.region * 0))
    assert (steadier.count_variance(periods)[1] < variance[1]).all()


def test_next_months_mean_is_the_formula(fitted, counts):
    """Long-run rate times season, plus own and near echoes by the full matrix of weights."""
    known = fitted.present.parameters(fitted.theta)
    season = fitted.estimates["endemic intercept"]
    season += fitted.estimates["endemic cos 1/year"]  # January: the sine is 0
    mean = np.exp(season) * fitted.present.rates.value(known.long_run)[0]
    row, column = np.divmod(np.arange(SIDE**2), SIDE)
    distance = 250.0 * np.hypot(row[:, None] - row, column[:, None] - column)
    weights = np.exp(-0.5 * (distance / np.exp(fitted.estimates["near log sd"])) ** 2)
    weights *= (distance > 0) & (distance <= 1500.0)
    weights /= weights.sum(axis=1, keepdims=True)
    for lags, scale, matrix in (
        (known.own_lags, known.own, np.eye(SIDE**2)),
        (known.near_lags, known.near, weights),
    ):
        for month, share in zip(lags.months, lags.shares(), strict=True):
            mean += scale * share * counts[-month] @ matrix
    ours = fitted.expected_count(months_after(counts, 1)).values.ravel()
    np.testing.assert_allclose(ours, mean, rtol=1e-10)


@pytest.mark.parametrize("which", ["fitted", "repeating"])
def test_futures_have_the_mean_and_variance_that_are_said(which, request):
    """Without redrawn parameters both are exact but for chance: 1,500 futures, six months."""
    found = request.getfixturevalue(which)
    certain = replace(found, covariance=np.zeros_like(found.covariance))
    periods = months_after(np.zeros(84), 6)
    drawn = certain.simulate_counts(periods, size=1500, rng=np.random.default_rng(2))
    drawn = drawn.values.reshape(1500, 6, -1).astype(float)
    mean = certain.expected_count(periods).values.reshape(6, -1)
    variance = certain.count_variance(periods).values.reshape(6, -1)
    off = (drawn.mean(axis=0) - mean) / np.sqrt(variance / 1500)
    assert np.abs(off.mean(axis=1)).max() < 1.0  # cells share levels, so their mean strays together
    ratio = drawn.var(axis=0).mean(axis=1) / variance.mean(axis=1)
    np.testing.assert_allclose(ratio, 1.0, atol=0.05)


def test_uncertain_parameters_widen_the_bounds(fitted, counts):
    periods = months_after(counts, 3)
    certain = replace(fitted, covariance=np.zeros_like(fitted.covariance))
    assert (fitted.count_variance(periods) > certain.count_variance(periods)).all()


def test_the_background_and_what_is_owed_to_recent_months_make_the_mean(fitted, counts):
    periods = months_after(counts, 12)
    background, mean = fitted.background_count(periods), fitted.expected_count(periods)
    assert (background < mean).all()
    np.testing.assert_allclose(background.sum() / mean.sum(), fitted.shares["endemic"], atol=0.1)


def test_the_same_generator_gives_the_same_futures(fitted, counts):
    one, other = (
        fitted.simulate_counts(months_after(counts, 2), size=3, rng=np.random.default_rng(7))
        for _ in range(2)
    )
    xr.testing.assert_identical(one, other)


def test_a_forecast_can_be_issued(counts):
    events, grid = record_of(counts, side=SIDE)
    forecast = issue_forecast(
        MODEL.fit(events, grid), months_after(counts, 2), rng=np.random.default_rng(1), size=50
    )
    assert (forecast["count_quantile"].diff("quantile") >= 0).all()


def test_rates_alone_are_those_of_a_fit(counts, fitted):
    events, grid = record_of(counts, side=SIDE)
    rate, _ = MODEL.rates(events, grid)(fitted.data_cutoff)
    january = fitted.expected_count(months_after(counts, 1)).values[0]
    np.testing.assert_allclose(31 * rate, january, rtol=1e-9)


def test_rates_of_earlier_months_do_not_see_what_came_later(counts):
    """Parameters are refitted a year back; the last year is altered."""
    events, grid = record_of(counts, side=SIDE)
    altered = counts.copy()
    altered[72:] = 7.0
    later, _ = record_of(altered, side=SIDE)
    cutoff = pd.Timestamp("2020-01-01", tz="UTC")
    one, other = (MODEL.rates(record, grid)(cutoff)[0] for record in (events, later))
    np.testing.assert_allclose(one, other, rtol=1e-9)
    with pytest.raises(TooFewEventsError, match="Under a year"):
        MODEL.rates(events, grid)(pd.Timestamp("2016-01-01", tz="UTC"))


def test_it_can_be_stacked(counts):
    """With a map of area alone, which foretells nothing, it takes nearly all the weight."""
    events, grid = record_of(counts, side=SIDE)
    even = HistoricalRate(background_share=0.999)
    stack = Stacked((MODEL, even), window="12 months").fit(events, grid)
    assert stack.parameters["weights"][0] > 0.8


def test_what_comes_after_the_cut_off_changes_nothing(counts, fitted):
    events, grid = record_of(np.vstack([counts, 9 * np.ones((2, SIDE**2))]), side=SIDE)
    again = MODEL.fit(events, grid, end=fitted.data_cutoff)
    np.testing.assert_array_equal(again.theta, fitted.theta)


def test_the_order_of_rows_changes_nothing(counts, fitted):
    events, grid = record_of(counts, side=SIDE)
    shuffled = events.table.sample(frac=1, random_state=3).reset_index(drop=True)
    again = MODEL.fit(replace(events, table=shuffled), grid)
    np.testing.assert_array_equal(again.theta, fitted.theta)


def test_the_summary_says_what_the_branching_ratio_means(fitted):
    assert "owed to the months before it" in fitted.summary()
    assert "near log sd" in fitted.summary()


def test_a_month_that_was_not_published_is_not_taken_for_an_empty_one(counts):
    """The estimates stay near those of the whole record, and the gap is a finding."""
    missing = [50, 51]
    holed = counts.copy()
    holed[missing] = 0
    whole = MODEL.fit(*record_of(counts, side=SIDE))
    coverage = coverage_without(holed, missing)
    events, grid = record_of(holed, side=SIDE, coverage=coverage)
    found = MODEL.fit(events, grid)
    assert "2 of 84 months were not published" in found.findings[0]
    assert found.n_months == whole.n_months - 2
    off = (found.theta - whole.theta) / whole.standard_errors
    assert np.abs(off).max() < 2
    taken_for_empty = MODEL.fit(*record_of(holed, side=SIDE))
    assert taken_for_empty.log_likelihood < found.log_likelihood - 100


def test_a_record_without_echoes_has_its_echoes_left_out():
    """Counts that are Poisson at constant rates owe nothing to recent months."""
    rates = np.random.default_rng(4).gamma(2.0, 1.0, 64)
    counts = np.random.default_rng(5).poisson(rates, (72, 64)).astype(float)
    found = EndemicEpidemic(
        half_life=1e4, own_lags=FreeLags((1,)), near_lags=FreeLags((1,)), harmonics=0
    ).fit(*record_of(counts))
    assert found.branching_ratio < 0.1
    assert any("Poisson" in finding for finding in found.findings) or found.overdispersion < 0.02


def test_cells_without_a_record_get_a_small_rate_and_not_none(counts):
    empty = counts.copy()
    empty[:, :5] = 0.0
    fitted = MODEL.fit(*record_of(empty, side=SIDE))
    expected = fitted.expected_count(months_after(empty, 1)).values.ravel()
    assert (expected > 0).all()
    assert expected[:3].max() < 0.5 * expected.mean()


def test_a_covariate_multiplies_the_rates():
    """Half the cells hold twice what their own past says: their factor is found."""
    rng = np.random.default_rng(11)
    rates = np.where(np.arange(64) % 2 == 0, 2.0, 1.0)
    past = rng.poisson(2.0, (48, 64))
    record = np.vstack([past, rng.poisson(2.0 * rates, (24, 64))]).astype(float)
    table = pd.DataFrame({"shops": (np.arange(64) % 2 == 0).astype(float)})
    model = EndemicEpidemic(
        half_life=1e4, own_lags=None, near_lags=None, window=24, harmonics=0,
        covariates=CellCovariates(LogLinear(("shops",)), table),
    )  # fmt: skip
    fitted = model.fit(*record_of(record))
    # The long-run rate takes in part of the change, so the factor is below 2 and above 1.
    assert 0.2 < fitted.estimates["endemic shops"] < np.log(2)
    assert fitted.estimates["endemic shops"] > 5 * fitted.standard_errors["endemic shops"]


def test_a_record_under_two_years_is_refused(counts):
    with pytest.raises(TooFewEventsError, match="needs 24"):
        MODEL.fit(*record_of(counts[:23], side=SIDE))


def test_a_region_with_under_30_events_is_refused():
    counts = np.zeros((48, 64))
    counts[::2, 3] = 1.0
    with pytest.raises(TooFewEventsError, match="24 offences"):
        MODEL.fit(*record_of(counts))


def test_a_new_list_of_map_points_is_found_and_told(counts):
    """From month 30 on every event lies 10 m further east: its point was never used before."""
    events, grid = record_of(counts, side=SIDE, place_resolution=50.0)
    later = (events.table["time"] >= pd.Timestamp("2016-06-30", tz="UTC")).to_numpy()
    moved = events.table.geometry.translate(10.0)
    table = events.table.set_geometry(events.table.geometry.where(~later, moved))
    with pytest.warns(DataQualityWarning, match=r"another list of map points in 2016-07"):
        found = MODEL.fit(replace(events, table=table), grid)
    assert "2016-07" in found.findings[0]
    assert found.n_months <= 84 - 30


def test_periods_that_the_model_cannot_say_are_refused(fitted, counts):
    with pytest.raises(LeakError, match="before the data cut-off"):
        fitted.expected_count(make_periods("2020-12", count=1))
    with pytest.raises(ResolutionError, match="whole month"):
        fitted.expected_count(make_periods("2021-01", count=2, length="week"))
    with pytest.raises(ResolutionError, match="single whole months"):
        fitted.expected_count(make_periods("2021-01", count=2, length="2MS"))
    with pytest.raises(ParameterError, match="up to 12"):
        fitted.expected_count(make_periods("2021-01", count=13))
    with pytest.raises(ParameterError, match="size must be"):
        fitted.simulate_counts(months_after(counts, 1), size=0, rng=np.random.default_rng())


def test_a_grid_in_another_system_is_refused(counts):
    events, grid = record_of(counts, side=SIDE)
    other = replace(grid, crs=grid.crs.from_epsg(2157))
    with pytest.raises(GridMismatchError, match="Project the region"):
        MODEL.fit(events, other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"half_life": 0.0}, "half_life"),
        ({"half_life": (12.0, 12.0)}, "must differ"),
        ({"reach": -1.0}, "reach"),
        ({"harmonics": 7}, "harmonics"),
        ({"exposure": "people"}, "exposure"),
        ({"window": 6}, "window"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        EndemicEpidemic(**options)


@pytest.mark.parametrize("name", ["imd_score", "EthnicGroup", "share_muslim", "median income"])
def test_protected_characteristics_and_deprivation_are_refused(name):
    with pytest.raises(ParameterError, match="protected characteristic"):
        CellCovariates(LogLinear((name,)), pd.DataFrame({name: [1.0]}))


def test_covariates_that_do_not_fit_are_refused():
    table = pd.DataFrame({"shops": [1.0]}, index=[5])
    with pytest.raises(UnknownNameError, match="no column"):
        CellCovariates(LogLinear(("homes",)), table)
    with pytest.raises(ParameterError, match="Exposure is"):
        CellCovariates(LogLinear((), exposure="shops"), table)
    with pytest.raises(ParameterError, match="no row for 1 of 2 cells"):
        CellCovariates(LogLinear(("shops",)), table).columns_of(np.array([5, 6]))
