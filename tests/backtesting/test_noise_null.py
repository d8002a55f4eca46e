"""The noise-null passes what is sound, whatever it is, and catches what sees the future."""

from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr

import hotspot as hs
from hotspot.errors import GridMismatchError, LeakError, ParameterError
from tests.patterns import monthly_events


@pytest.fixture(scope="module")
def city():
    mean = np.random.default_rng(5).gamma(0.5, 4, (6, 6))
    return monthly_events(np.random.default_rng(6).poisson(mean, (30, 6, 6)))


@pytest.fixture(scope="module")
def grid(city):
    return hs.Grid.over(city.region)


@pytest.fixture(scope="module")
def folds():
    return hs.rolling_origin("2020-07", "2021-07")


def monthly_maps(events, grid):
    months = hs.make_periods("2019-01", count=30)
    return hs.count_events(events, grid, months).values


def as_forecasts(maps, events, grid, folds):
    observed = [hs.count_events(events, grid, fold.periods)[0] for fold in folds]
    dims = ("fold", "y", "x")
    return xr.Dataset(
        {"expected_count": (dims, np.stack(maps)), "observed_count": (dims, np.stack(observed))},
        {"y": grid.y, "x": grid.x},
    )


def month_of(fold):
    return 12 * (fold.periods[0].left.year - 2019) + fold.periods[0].left.month - 1


def features_of_the_whole_series(events, grid, folds, rng):  # noqa: ARG001 - a pipeline's signature
    """Smooths each cell's months before folds are cut: a trend that knows what comes next."""
    counts = monthly_maps(events, grid)
    trend = [counts[max(m - 6, 0) : m + 7].mean(axis=0) + 0.1 for m in map(month_of, folds)]
    return as_forecasts(trend, events, grid, folds)


def features_of_the_past(events, grid, folds, rng):  # noqa: ARG001 - a pipeline's signature
    """The same trend from the thirteen months before, as a sound pipeline would have it."""
    counts = monthly_maps(events, grid)
    trend = [counts[max(m - 13, 0) : m].mean(axis=0) + 0.1 for m in map(month_of, folds)]
    return as_forecasts(trend, events, grid, folds)


def test_features_that_see_the_future_are_caught_by_both_tests(city, grid, folds):
    rng = np.random.default_rng(1)
    report = hs.noise_null(features_of_the_whole_series, city, grid, folds, rng=rng)
    assert not report.passed
    assert report.gain > 0.01
    assert report.p_value < 1e-4
    assert report.p_value == pytest.approx(np.exp(-report.gain * report.n_events))
    with pytest.raises(LeakError, match="SKILL WHERE THERE IS NOTHING TO FORETELL"):
        report.require_passed()
    leaks = hs.leak_test(features_of_the_whole_series, city, grid, folds, rng=rng)
    assert not leaks.passed
    assert leaks.changed == ("expected_count",)


def test_the_same_features_of_the_past_pass_both(city, grid, folds):
    rng = np.random.default_rng(1)
    report = hs.noise_null(features_of_the_past, city, grid, folds, rng=rng)
    assert report.passed, str(report)
    assert report.gain < 0
    assert hs.leak_test(features_of_the_past, city, grid, folds, rng=rng).passed


@pytest.mark.parametrize("kind", ["count", "density", "season"])
def test_sound_models_pass_on_even_noise_and_on_a_known_surface(city, grid, folds, kind):
    model = {
        "count": hs.HistoricalRate(),
        "density": hs.KernelDensity(300.0),
        "season": hs.SeasonalPoisson(),
    }[kind]
    steep = xr.DataArray(np.arange(36.0).reshape(6, 6), {"y": grid.y, "x": grid.x}, ["y", "x"])
    for surface in (None, steep):
        report = hs.noise_null(
            model, city, grid, folds, rng=np.random.default_rng(2), surface=surface
        )
        assert report.passed, str(report)
        assert report.gain < 0


def test_the_truth_itself_gains_nothing(city, grid, folds):
    def truth(events, grid, folds, rng):  # noqa: ARG001 - a pipeline's signature
        return as_forecasts([np.full((6, 6), 3.0)] * len(folds), events, grid, folds)

    report = hs.noise_null(truth, city, grid, folds, rng=np.random.default_rng(1))
    assert report.gain == pytest.approx(0, abs=1e-12)
    assert report.p_value == pytest.approx(1)


def test_a_gain_by_luck_is_as_seldom_as_the_p_value_says(city, grid, folds):
    """A bold guesser, who triples one cell drawn each month: P(p <= .1) is at most .1.

    In 60 records at most 6 + 3 x 2.3 of them.
    """

    def guesser(events, grid, folds, rng):
        maps = []
        for _ in folds:
            bold = np.ones((6, 6))
            bold.flat[rng.integers(36)] = 3.0
            maps.append(bold)
        return as_forecasts(maps, events, grid, folds)

    few = city.select(start="2021-05")
    p = [
        hs.noise_null(guesser, few, grid, folds[-2:], rng=np.random.default_rng(seed)).p_value
        for seed in range(60)
    ]
    assert 0 < (np.array(p) <= 0.1).sum() <= 13


def test_more_records_of_noise_add_their_evidence(city, grid, folds):
    one, three = (
        hs.noise_null(
            features_of_the_whole_series, city, grid, folds,
            rng=np.random.default_rng(3), n_records=n,
        )
        for n in (1, 3)
    )  # fmt: skip
    assert three.evidence > 2 * one.evidence
    assert three.n_events > 2.5 * one.n_events


def test_a_model_that_rules_out_what_happens_has_no_skill(city, grid, folds):
    def sure(events, grid, folds, rng):  # noqa: ARG001 - a pipeline's signature
        certain = np.zeros((6, 6))
        certain[0, 0] = 1.0
        return as_forecasts([certain] * len(folds), events, grid, folds)

    report = hs.noise_null(sure, city, grid, folds, rng=np.random.default_rng(1))
    assert report.evidence == -np.inf
    assert report.passed


@dataclass(frozen=True)
class Silent:
    """Says nothing of the cells where it expects little, and so is right where it speaks."""

    def fit(self, events, grid, *, end=None):
        return hs.HistoricalRate().fit(events, grid, end=end)

    def rates(self, events, grid):
        inner = hs.HistoricalRate().rates(events, grid)

        def rate_before(cutoff):
            rate, variance = inner(cutoff)
            return np.where(rate > np.median(rate), rate, np.nan), variance

        return rate_before


def test_a_forecast_with_holes_is_refused(city, grid, folds):
    with pytest.raises(GridMismatchError, match="a model must say something of each"):
        hs.noise_null(Silent(), city, grid, folds, rng=np.random.default_rng(1))


def test_what_makes_no_sense_is_refused(city, grid, folds):
    rng = np.random.default_rng(1)
    overlapping = hs.rolling_origin("2020-07", "2021-07", horizon=3)
    with pytest.raises(ParameterError, match="Two folds are judged on 2020-08-01"):
        hs.noise_null(hs.HistoricalRate(), city, grid, overlapping, rng=rng)
    with pytest.raises(ParameterError, match="at least one fold and one record, got 0"):
        hs.noise_null(hs.HistoricalRate(), city, grid, [], rng=rng)
    wrong = xr.DataArray(np.ones((5, 6)), dims=["y", "x"])
    with pytest.raises(GridMismatchError, match="'y': 5"):
        hs.noise_null(hs.HistoricalRate(), city, grid, folds, rng=rng, surface=wrong)
    elsewhere = xr.DataArray(np.ones((6, 6)), {"y": grid.y + 250, "x": grid.x}, ["y", "x"])
    with pytest.raises(GridMismatchError, match="lies elsewhere than the grid: y begins at 375"):
        hs.noise_null(hs.HistoricalRate(), city, grid, folds, rng=rng, surface=elsewhere)
    with pytest.raises(ParameterError, match="its least is -1"):
        hs.noise_null(
            hs.HistoricalRate(), city, grid, folds, rng=rng,
            surface=xr.full_like(elsewhere.drop_vars(["y", "x"]), -1.0),
        )  # fmt: skip
