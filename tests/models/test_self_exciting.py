"""Fitting the self-exciting model: what it recovers, and what it refuses."""

import os
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from hotspot import Grid, HistoricalRate, SelfExciting
from hotspot.errors import (
    ConvergenceError,
    CoordinateError,
    CoverageError,
    DateError,
    EstimateOnBoundError,
    ExplosiveError,
    GridMismatchError,
    ParameterError,
    ResolutionError,
    TooFewEventsError,
)
from hotspot.models.backgrounds.base import ConstantBackground, MapBackground
from hotspot.models.backgrounds.kernel import KernelBackground
from hotspot.models.parts.displacement import GaussianDisplacement
from hotspot.models.parts.lag import ExponentialLag
from tests.models.self_exciting_cases import SQUARE, START, TRUTH, as_events, branching_process

GRID = Grid.over(SQUARE, cell_size=500.0)
CONSTANT = SelfExciting(background=ConstantBackground())
# The loops themselves are tested uncompiled where they are; a fit calls them a million times.
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)


def fit(rows, *, days=200.0, model=CONSTANT, **options):
    return model.fit(as_events(rows, days=days, **options), GRID)


@pytest.fixture(scope="module")
def rows():
    return branching_process(np.random.default_rng(11), background=1.2, days=200.0)


@pytest.fixture(scope="module")
def fitted(rows):
    return fit(rows)


def test_parameters_are_recovered_within_two_standard_errors():
    """12 records of about 700 events: 48 estimates, of which 2 standard errors hold 95 %."""
    rng = np.random.default_rng(2024)
    z = []
    truth = np.log([1.4, TRUTH["theta"], TRUTH["rate"], TRUTH["sd"]])
    for _ in range(12):
        record = branching_process(rng, background=1.4, days=300.0)
        estimate = fit(record, days=300.0).estimate
        z.append((estimate.parts.vector - truth) / np.sqrt(np.diag(estimate.covariance)))
    z = np.array(z)
    assert (np.abs(z) < 2).mean() >= 0.9
    assert (np.abs(z.mean(axis=0)) < 3 / np.sqrt(12)).all()
    assert 0.5 < z.std() < 1.5


def test_a_kernel_background_recovers_triggering_in_an_uneven_region():
    """Two clusters of background; a constant one reads them as triggering without end."""
    rng = np.random.default_rng(4)
    small = [shapely.box(200, 200, 900, 900), shapely.box(1800, 1500, 2700, 2400)]
    parts = [
        branching_process(rng, background=1.0, days=300.0, theta=0.25, sd=60.0, region=part)
        for part in small
    ]
    record = np.concatenate(parts)
    record = record[np.argsort(record[:, 0])]
    kernel = fit(record, days=300.0, model=SelfExciting(background=KernelBackground()))
    error = kernel.branching_ratio * np.sqrt(kernel.estimate.covariance[1, 1])
    assert abs(kernel.branching_ratio - 0.25) < 2.5 * error
    with pytest.raises(ExplosiveError, match="background is too poor"):
        fit(record, days=300.0)


def test_poisson_records_show_no_triggering_in_nine_of_ten():
    """Either the fit refuses, since there is none to be seen, or the interval holds 0."""
    rng = np.random.default_rng(6)
    silent = 0
    for _ in range(16):
        record = branching_process(rng, background=1.2, days=150.0, theta=0.0)
        try:
            silent += fit(record, days=150.0).branching_ratio_interval(0.9)[0] == 0
        except ConvergenceError:
            silent += 1
    assert silent >= 14


def test_the_fit_is_a_maximum(fitted):
    best = fitted.likelihood
    for step in 0.02 * np.eye(4):
        for sign in (1, -1):
            moved = fitted.estimate.parts.with_vector(fitted.estimate.parts.vector + sign * step)
            assert best.value(moved) < fitted.log_likelihood


def test_the_interval_holds_0_until_no_triggering_is_rejected(fitted):
    """By hand: chi-squared with 3 degrees of freedom has its 90 % point at 6.251."""
    low, high = fitted.branching_ratio_interval(0.9)
    error = fitted.branching_ratio * np.sqrt(fitted.estimate.covariance[1, 1])
    assert (high - low) / 2 == pytest.approx(1.6449 * error, rel=1e-4)
    without = fitted.likelihood.background_only()
    for ratio, holds_zero in ((6.2, True), (6.3, False)):
        estimate = replace(fitted.estimate, log_likelihood=without + ratio / 2)
        changed = replace(fitted, estimate=estimate)
        assert (changed.branching_ratio_interval(0.9)[0] == 0) == holds_zero


def test_the_fit_does_not_depend_on_the_order_of_rows(rows, fitted):
    shuffled = np.random.default_rng(1).permutation(rows)
    assert fit(shuffled).parameters == fitted.parameters


def test_the_fit_does_not_depend_on_the_number_of_threads(rows, fitted):
    assert fit(rows, model=replace(CONSTANT, workers=2)).parameters == fitted.parameters


def test_background_probabilities_sum_to_the_background(fitted):
    """At a maximum the derivative by the background's rate is 0: sum of chances = B days."""
    expected = fitted.estimate.parts.background_rate * 200.0
    assert fitted.background_probability.sum() == pytest.approx(expected, rel=1e-3)


def test_events_at_or_after_the_cutoff_change_nothing(rows):
    end = START + pd.Timedelta(days=150)
    early = CONSTANT.fit(as_events(rows, days=200.0), GRID, end=end)
    late = rows[:, 0] >= 150
    scrambled = rows.copy()
    scrambled[late, 1:] = 1500.0
    again = CONSTANT.fit(as_events(scrambled, days=200.0), GRID, end=end)
    assert again.parameters == early.parameters
    assert early.data_cutoff == end


def test_events_before_the_window_trigger_but_are_not_explained(rows):
    fitted = fit(rows, model=replace(CONSTANT, window="120 days"))
    assert fitted.record.n == (rows[:, 0] >= 80).sum()
    assert fitted.record.first == (rows[:, 0] < 80).sum()


def test_a_map_background_needs_a_window_shorter_than_the_record(rows):
    model = SelfExciting(background=MapBackground(HistoricalRate()))
    with pytest.raises(TooFewEventsError, match="Give SelfExciting a shorter window"):
        fit(rows, model=model)
    fitted = fit(rows, model=replace(model, window="120 days"))
    assert fitted.parameters["background"] == "HistoricalRate"


def test_a_cutoff_in_another_time_zone_is_the_same_instant(rows):
    model = SelfExciting(background=MapBackground(HistoricalRate()), window="100 days")
    end = START + pd.Timedelta(days=150)
    events = as_events(rows, days=200.0)
    here, there = (
        model.fit(events, GRID, end=end.tz_convert(zone)) for zone in ("UTC", "Asia/Tokyo")
    )
    assert here.log_likelihood == there.log_likelihood


def test_the_band_of_a_fitted_lag_is_the_delta_method_s(fitted):
    """By hand: by log rate, the log of the density ω e^(-ω u) changes by 1 - ω u."""
    rate = fitted.estimate.parts.lag.rate
    error = np.sqrt(fitted.estimate.covariance[2, 2])
    days = np.array([0.0, 1.0, 20.0])
    curve = fitted.lag_curve(days, level=0.9)
    np.testing.assert_allclose(curve["density"], rate * np.exp(-rate * days))
    reach = np.exp(1.6449 * error * np.abs(1 - rate * days))
    np.testing.assert_allclose(curve["high"], curve["density"] * reach, rtol=1e-4)
    np.testing.assert_allclose(curve["low"], curve["density"] / reach, rtol=1e-4)


def test_the_band_of_a_displacement_is_the_delta_method_s(fitted):
    """By log σ, the log of e^(-r²/2σ²) / 2πσ² changes by r²/σ² - 2."""
    sd = fitted.estimate.parts.displacement.sd
    metres = np.array([0.0, 100.0, 500.0])
    curve = fitted.displacement_curve(metres, level=0.9)
    change = np.abs(metres**2 / sd**2 - 2) * np.sqrt(fitted.estimate.covariance[3, 3])
    np.testing.assert_allclose(np.log(curve["high"] / curve["density"]), 1.6449 * change, rtol=1e-4)
    with pytest.raises(ParameterError, match="finite numbers, 0 or more"):
        fitted.displacement_curve(np.array([-1.0]))


def test_the_summary_says_what_was_estimated(fitted):
    text = fitted.summary()
    assert f"{fitted.branching_ratio:.4g}" in text
    assert "report it with another beside it" in text
    assert f"{len(fitted.background_probability)} events" in text


def test_simultaneous_events_do_not_trigger_one_another(rows):
    """Rows that come twice leave lags of 0 out: the second's ancestors are the first's. One row in
    fifty does, since a record with many more is refused as rounded."""
    with_ties = np.concatenate([rows, rows[::50]])
    fitted = fit(with_ties)
    assert np.isfinite(fitted.log_likelihood)
    # Were ties to trigger, the lag would shrink to its bound and the fit be refused.
    assert fitted.parameters["mean_lag_days"] > 1.0


def test_day_data_have_a_shortest_lag_of_half_a_day(rows):
    fitted = fit(rows, resolution="day")
    assert fitted.record.shortest_lag == 0.5
    assert fitted.branching_ratio == pytest.approx(TRUTH["theta"], abs=0.15)


def test_a_part_that_is_held_stays_and_has_no_error(rows, fitted):
    model = replace(CONSTANT, displacement=GaussianDisplacement(300.0), hold=("displacement",))
    held = fit(rows, model=model)
    assert held.estimate.parts.displacement.sd == pytest.approx(300.0)
    assert (held.estimate.covariance[3] == 0).all()
    assert held.log_likelihood < fitted.log_likelihood
    assert held.parameters["held"] == ["displacement"]
    assert "given, not estimated: displacement" in held.summary()
    # The three others are still at a maximum.
    for step in 0.02 * np.eye(4)[:3]:
        moved = held.estimate.parts.with_vector(held.estimate.parts.vector + step)
        assert held.likelihood.value(moved) < held.log_likelihood


def test_a_part_held_where_it_is_estimated_changes_nothing(rows, fitted):
    model = replace(
        CONSTANT, displacement=fitted.estimate.parts.displacement, hold=["displacement"]
    )
    np.testing.assert_allclose(
        fit(rows, model=model).estimate.parts.vector, fitted.estimate.parts.vector, atol=2e-3
    )


class TestRefusals:
    """Bad input, each a typed error that says what to do."""

    def test_month_data(self, rows):
        with pytest.raises(ResolutionError, match="recorded by the month"):
            fit(rows, resolution="month")

    def test_one_event(self):
        with pytest.raises(TooFewEventsError, match="1 events in 1 distinct places"):
            fit([[1.0, 10.0, 10.0]])

    def test_all_in_one_place(self):
        record = np.column_stack([np.arange(50.0), np.full((50, 2), 700.0)])
        with pytest.raises(TooFewEventsError, match="50 events in 1 distinct places"):
            fit(record)

    def test_places_that_are_not_finite(self, rows):
        bad = rows.copy()
        bad[3, 1] = np.nan
        bad[5, 2] = np.inf
        with pytest.raises(CoordinateError, match=r"2 of .* have no finite time and place"):
            fit(bad)

    def test_times_that_are_missing(self, rows):
        events = as_events(rows, days=200.0)
        table = events.table.copy()
        table.loc[4, "time"] = pd.NaT
        with pytest.raises(DateError, match=r"1 of .* events have no time"):
            CONSTANT.fit(replace(events, table=table), GRID)

    def test_events_outside_the_region(self, rows):
        far = rows.copy()
        far[2, 1:] = (3500.0, 100.0)
        with pytest.raises(CoordinateError, match=r"1 of .* lie outside the grid's region"):
            fit(far)

    def test_a_window_of_no_length(self, rows):
        with pytest.raises(TooFewEventsError, match="Nothing was recorded before"):
            CONSTANT.fit(as_events(rows, days=200.0), GRID, end=START)

    def test_another_reference_system(self, rows):
        events = as_events(rows, days=200.0)
        moved = replace(events, table=events.table.set_crs(32631, allow_override=True))
        with pytest.raises(GridMismatchError):
            CONSTANT.fit(moved, GRID)

    def test_a_month_that_was_not_recorded(self, rows):
        coverage = pd.DataFrame(
            {"force": "one", "month": ["2021-01", "2021-02", "2021-04"], "rows": 1}
        )
        events = replace(as_events(rows, days=200.0), coverage=coverage)
        with pytest.raises(CoverageError, match="Missing is not zero"):
            CONSTANT.fit(events, GRID)

    def test_repeats_at_one_place_with_coarse_places(self):
        """Every follow-up lies on its parent's spot; squares of 500 m tell no less than 204 m."""
        rng = np.random.default_rng(3)
        record = branching_process(rng, background=1.0, days=200.0, sd=0.001)
        with pytest.raises(EstimateOnBoundError, match="displacement shrank to 204 m") as caught:
            fit(record, place_resolution=60.0)
        assert len(caught.value.trace) > 5

    def test_a_level_that_moves(self):
        """All events of the second half: their rate jumps, and nothing is near anything."""
        rng = np.random.default_rng(5)
        n = 400
        record = np.column_stack([np.sort(rng.uniform(100, 200, n)), rng.uniform(0, 3000, (n, 2))])
        with pytest.raises(ConvergenceError):
            fit(record)

    def test_an_explosive_record(self):
        """Growth without end: each event has two children within the window."""
        rng = np.random.default_rng(8)
        record = branching_process(rng, background=0.5, days=45.0, theta=1.6, rate=0.1)
        with pytest.raises(ExplosiveError, match=r"triggers 1.* others"):
            fit(record, days=45.0)

    def test_options_that_make_no_sense(self):
        with pytest.raises(ParameterError, match="background must be a Background"):
            SelfExciting(background="kernel")
        with pytest.raises(ParameterError, match="lag must be one of ExponentialLag, PowerLawLag"):
            SelfExciting(lag=GaussianDisplacement(3.0))
        with pytest.raises(ParameterError, match="shortest_lag must be"):
            SelfExciting(shortest_lag=-1.0)
        with pytest.raises(ParameterError, match="window="):
            SelfExciting(window="some days")
        with pytest.raises(ParameterError, match='hold takes "lag" and "displacement"'):
            SelfExciting(hold=("background",))
        with pytest.raises(ParameterError, match="workers must be 1 or more"):
            SelfExciting(workers=0)
        with pytest.raises(ParameterError, match="rate of ExponentialLag"):
            SelfExciting(lag=ExponentialLag(rate=0.0))


def test_mixed_time_zones_are_refused_where_events_are_made():
    from hotspot import Events

    times = [pd.Timestamp("2021-01-05 12:00", tz="UTC"), pd.Timestamp("2021-01-06 12:00")]
    table = gpd.GeoDataFrame(
        {"time": pd.Series(times, dtype=object), "offence": "Burglary"},
        geometry=gpd.points_from_xy([1, 2], [3, 4]),
        crs=27700,
    )
    with pytest.raises(DateError):
        Events.from_geodataframe(
            table, time_resolution="exact", region=SQUARE, start="2021-01-01", end="2021-02-01"
        )
