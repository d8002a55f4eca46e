"""The learner over the monthly model: what it gains, keeps, simulates and refuses."""

import json
import os
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from threadpoolctl import threadpool_limits

from hotspot import (
    Boosted,
    EndemicEpidemic,
    FittedModel,
    FreeLags,
    GeometricLags,
    HistoricalRate,
    Model,
    compare,
    count_events,
    information_gain,
    leak_test,
    make_periods,
    rolling_origin,
)
from hotspot.errors import LeakError, MissingPackageError, ParameterError, TooFewEventsError
from hotspot.models.endemic_epidemic.grid_data import arrange_grid
from hotspot.models.parts.shapes import GaussianShape
from hotspot.study.models import made
from tests.models.monthly_cases import TRUE, record_of, simulated_counts

fits = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)
BASE = EndemicEpidemic(
    half_life=TRUE["half_life"],
    own_lags=FreeLags((1,)),
    near_lags=GeometricLags(2, 0.3),
    decay=GaussianShape(TRUE["sd"]),
    window=None,
)
PLAIN = EndemicEpidemic(
    half_life=48.0, own_lags=FreeLags((1,)), near_lags=None, harmonics=0, overdispersed=False
)
MODEL = Boosted(PLAIN, rounds=60, fewest_rows=100, prior_events=50.0)
SIDE, MONTHS = 12, 84


def resting_counts(rng):
    """A city in which a cell without an offence last month holds three times as many now.

    The base knows echoes that add, and none that take away.
    """
    rate = rng.gamma(2.0, 0.5, SIDE**2)
    counts = np.zeros((MONTHS, SIDE**2))
    for t in range(MONTHS):
        rested = (counts[t - 1] == 0) if t else np.ones(SIDE**2, bool)
        counts[t] = rng.poisson(rate * np.where(rested, 2.4, 0.8))
    return counts


@pytest.fixture(scope="module")
def resting():
    return resting_counts(np.random.default_rng(5))


@pytest.fixture(scope="module")
def fitted(resting):
    return MODEL.fit(*record_of(resting, side=SIDE))


def months_after(number):
    return make_periods(str(pd.Period("2014-01", "M") + MONTHS), count=number)


def gain_over_base(model, counts):
    """Information gain over the base in the last 12 months, learned before them."""
    events, grid = record_of(counts, side=SIDE)
    folds = rolling_origin("2020-01", "2021-01")
    maps = {"base": model.base.rates(events, grid), "boosted": model.rates(events, grid)}
    forecast = xr.concat(
        [
            xr.concat(
                [
                    count_events(events, grid, fold.periods).copy(data=rate(fold.cutoff)[0][None])
                    for fold in folds
                ],
                "time",
            )
            for rate in maps.values()
        ],
        pd.Index(list(maps), name="model"),
    ).to_dataset(name="expected_count")
    seen = xr.concat([count_events(events, grid, fold.periods) for fold in folds], "time")
    gain = information_gain(forecast, seen, baseline=forecast.sel(model="base"))
    found = compare(gain, baseline="base", dim="time", rng=np.random.default_rng(1))
    return {key: float(found[key].sel(model="boosted")) for key in ("lower", "difference", "upper")}


@fits
def test_it_keeps_the_contract_of_models(fitted):
    assert isinstance(MODEL, Model)
    assert isinstance(fitted, FittedModel)
    assert json.loads(json.dumps(fitted.parameters))["share"] > 0


@fits
def test_it_learns_what_the_base_cannot_say(resting, fitted):
    """An oracle gains .16 nats an offence over a map of the true mean rates."""
    gain = gain_over_base(MODEL, resting)
    assert gain["lower"] > 0.05
    rested = resting[-1] == 0
    factor = fitted.correction.factor[0]
    assert factor[rested].mean() > 1.5 * factor[~rested].mean()
    assert fitted.learned.held_out_gain > 0.05


@fits
def test_where_the_base_is_true_it_loses_next_to_nothing():
    counts = simulated_counts(np.random.default_rng(1), side=SIDE, months=MONTHS, rate=4.0)
    gain = gain_over_base(replace(MODEL, base=BASE), counts)
    assert abs(gain["difference"]) < 0.002


@fits
def test_the_level_of_each_month_is_the_bases(fitted):
    periods = months_after(12)
    ours, theirs = (one.expected_count(periods) for one in (fitted, fitted.base))
    np.testing.assert_allclose(ours.sum(("y", "x")), theirs.sum(("y", "x")), rtol=1e-12)
    background = fitted.background_count(periods)
    shares = background / ours
    np.testing.assert_allclose(shares, fitted.base.background_count(periods) / theirs, rtol=1e-12)


@fits
def test_futures_have_the_mean_and_variance_that_are_said(fitted):
    """Without redrawn parameters both are exact but for chance: 4,000 futures, three months."""
    base = replace(fitted.base, covariance=np.zeros_like(fitted.base.covariance))
    certain = replace(fitted, base=base)
    periods = months_after(3)
    drawn = certain.simulate_counts(periods, size=4000, rng=np.random.default_rng(2))
    drawn = drawn.values.reshape(4000, 3, -1).astype(float)
    mean = certain.expected_count(periods).values.reshape(3, -1)
    variance = certain.count_variance(periods).values.reshape(3, -1)
    off = (drawn.mean(axis=0) - mean) / np.sqrt(variance / 4000)
    assert np.abs(off.mean(axis=1)).max() < 1.0  # cells share levels, so their mean strays together
    np.testing.assert_allclose(off.std(axis=1), 1.0, atol=0.25)
    ratio = drawn.var(axis=0).mean(axis=1) / variance.mean(axis=1)
    np.testing.assert_allclose(ratio, 1.0, atol=0.05)


@fits
def test_what_comes_after_the_cut_off_changes_no_byte(resting, fitted):
    altered = np.vstack([resting, 9 * np.ones((2, SIDE**2))])
    again = MODEL.fit(*record_of(altered, side=SIDE), end=fitted.data_cutoff)
    assert again.correction.factor.tobytes() == fitted.correction.factor.tobytes()


@fits
def test_rates_of_earlier_months_do_not_see_what_came_later(resting):
    altered = resting.copy()
    altered[72:] = 7.0
    cutoff = pd.Timestamp("2020-01-01", tz="UTC")
    one, other = (
        MODEL.rates(*record_of(counts, side=SIDE))(cutoff)[0] for counts in (resting, altered)
    )
    np.testing.assert_allclose(one, other, rtol=1e-9)
    with pytest.raises(TooFewEventsError, match="0 months can be explained"):
        MODEL.rates(*record_of(resting, side=SIDE))(pd.Timestamp("2015-01-01", tz="UTC"))


@fits
def test_rates_alone_are_those_of_a_fit(resting, fitted):
    rate, _ = MODEL.rates(*record_of(resting, side=SIDE))(fitted.data_cutoff)
    january = fitted.expected_count(months_after(1)).values[0]
    np.testing.assert_allclose(31 * rate, january, rtol=1e-9)


@fits
def test_it_passes_the_test_for_leaks(resting):
    events, grid = record_of(resting[:60], side=SIDE)
    folds = rolling_origin("2018-09", "2019-01")
    quick = replace(MODEL, rounds=20, held_out=6)
    report = leak_test(quick, events, grid, folds, rng=np.random.default_rng(3), size=60)
    assert report.passed, report


@fits
def test_neither_threads_nor_the_order_of_rows_change_a_byte(resting, fitted):
    events, grid = record_of(resting, side=SIDE)
    shuffled = events.table.sample(frac=1, random_state=3).reset_index(drop=True)
    with threadpool_limits(limits=2):
        again = MODEL.fit(replace(events, table=shuffled), grid)
    assert again.correction.factor.tobytes() == fitted.correction.factor.tobytes()


@fits
def test_months_held_out_may_speak_for_no_correction(resting):
    """Trees that learn by heart, one row a leaf, foretell nothing that was not there."""
    events, grid = record_of(np.random.default_rng(8).permuted(resting, axis=0), side=SIDE)
    by_heart = replace(MODEL, rounds=40, learning_rate=1.0, fewest_rows=1, prior_events=0.0)
    fitted = by_heart.fit(events, grid)
    assert fitted.learned.share < 0.1
    unchecked = replace(by_heart, held_out=0, rounds=2).fit(events, grid)
    assert unchecked.learned.share == 1.0
    assert unchecked.parameters["held_out_gain"] is None
    assert "unchecked" in unchecked.summary()


@fits
def test_the_summary_says_what_the_correction_added(fitted):
    assert "12 months held out" in fitted.summary()
    assert "owed to the months before it" in fitted.summary()


@fits
def test_a_period_before_the_cut_off_is_refused(fitted):
    with pytest.raises(LeakError, match="has seen what it is asked"):
        fitted.expected_count(make_periods("2020-12", count=1))


def test_too_few_months_or_offences_are_refused(resting):
    events, grid = record_of(resting[:40], side=SIDE)
    with pytest.raises(TooFewEventsError, match=r"months can be explained, .* from 24 or more"):
        MODEL.fit(events, grid)
    with pytest.raises(TooFewEventsError, match="20 published months"):
        MODEL.fit(*record_of(resting[:20], side=SIDE))
    few = np.where(np.arange(SIDE**2) < 4, resting, 0.0)
    with pytest.raises(TooFewEventsError, match="learned from 1,000 or more"):
        MODEL.fit(*record_of(few, side=SIDE))


def test_a_short_record_can_be_asked_for_and_is_remarked(resting):
    record = record_of(resting[:20], side=SIDE)
    data = arrange_grid(replace(PLAIN, fewest_months=18), *record, None)
    assert "Only 20 published months" in data.findings[0]
    with pytest.raises(TooFewEventsError, match="the model needs 24"):
        arrange_grid(PLAIN, *record, None)
    with pytest.raises(ParameterError, match="fewest_months must be 12 or more"):
        replace(PLAIN, fewest_months=11)


def test_without_scikit_learn_the_extra_is_named(resting, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    events, grid = record_of(resting[:40], side=SIDE)
    with pytest.raises(MissingPackageError, match=r"hotspot-forecast\[learn\]"):
        MODEL.fit(events, grid)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base": HistoricalRate()}, "base must be an EndemicEpidemic"),
        ({"rounds": 0}, "rounds must be a whole number from 1"),
        ({"leaves": 1.5}, "leaves must be a whole number from 2"),
        ({"learning_rate": 0.0}, "learning_rate must be in"),
        ({"prior_events": -1.0}, "prior_events must be 0 or more"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        Boosted(**options)


def test_a_study_file_can_name_it():
    base = {"kind": "EndemicEpidemic", "harmonics": 2}
    model = made("model 1", "Boosted", [("base", base), ("rounds", 50)])
    assert model.rounds == 50
    assert model.base.harmonics == 2
