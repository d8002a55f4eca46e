"""Super-thinned and time-rescaled residuals: even where the model is right, and not else."""

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from hotspot import (
    ConstantBackground,
    ExponentialLag,
    GaussianDisplacement,
    Grid,
    HistoricalRate,
    KernelBackground,
    MapBackground,
    SelfExciting,
    residual_tests,
    space_time_k_test,
    super_thinned_residuals,
    time_rescaled_residuals,
)
from hotspot.errors import (
    ForecastError,
    GridMismatchError,
    ParameterError,
    ResolutionError,
    TooFewEventsError,
)
from hotspot.evaluate.residuals.intensity import intensity_of
from hotspot.evaluate.residuals.super_thinning import random_points
from tests.models.self_exciting_cases import SQUARE, START, as_events, branching_process
from tests.patterns import events_at

SMALL = shapely.box(0, 0, 1000, 1000)
SCALES = {"distances": [100, 250], "lags": [3, 8]}


def uneven(points):
    """Rises tenfold eastwards and doubles half-way through 20 days; per day per km²."""
    return 4.0 * 0.1 ** (1 - points[:, 1] / 1000) * np.where(points[:, 0] < 10, 0.7, 1.4)


def record_of(intensity, rng, *, most=6.0):
    even = random_points(SMALL, 20.0, rate=most, rng=rng)
    kept = even[rng.random(len(even)) * most < intensity(even)]
    return as_events(kept[np.argsort(kept[:, 0])], days=20, region=SMALL)


def envelope_holds(left, *, size=39, seed=0):
    return space_time_k_test(left, rng=np.random.default_rng(seed), size=size, **SCALES)


@pytest.mark.compiled
def test_the_true_intensity_leaves_an_even_process_in_at_least_90_of_100():
    """At 5 % each, 10 or more of 100 would come by chance once in 35; the seed is fixed."""
    inside = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        left = super_thinned_residuals(uneven, record_of(uneven, rng), rng=rng, rate=2.0)
        inside += envelope_holds(left, seed=seed).attrs["p_value"] > 0.05
    assert inside >= 90


def test_the_true_intensity_leaves_as_many_points_as_its_rate_says():
    """50 records, rate 2 a day on 1 km² and 20 days: 40 each, and as many in any quarter."""
    counts = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        left = super_thinned_residuals(uneven, record_of(uneven, rng), rng=rng, rate=2.0)
        assert left.expected == pytest.approx(40)
        days, x, _ = left.coordinates().T
        counts.append([np.sum((days < 10) == late) for late in (True, False)])
        counts[-1] += [np.sum(x < 250), np.sum(x >= 750)]
    mean, error = np.mean(counts, axis=0), np.sqrt(np.array([20, 20, 10, 10]) / 50)
    assert (np.abs(mean - [20, 20, 10, 10]) < 3.3 * error).all()
    # Poisson, not merely right on average: variance over mean, with an error of .2.
    assert np.abs(np.var(counts, axis=0) / mean - 1).max() < 0.6


def test_an_even_intensity_for_uneven_events_is_found_out():
    rng = np.random.default_rng(3)
    events = record_of(lambda points: 6 * uneven(points), rng, most=36.0)
    mean = len(events) / 20
    left = super_thinned_residuals(lambda points: np.full(len(points), mean), events, rng=rng)
    assert envelope_holds(left).attrs["p_value"] <= 0.05


def test_an_intensity_that_is_too_low_leaves_too_many_points():
    rng = np.random.default_rng(4)
    events = record_of(uneven, rng)
    left = super_thinned_residuals(lambda at: 0.5 * uneven(at), events, rng=rng, rate=2.0)
    found = envelope_holds(left)
    assert found.attrs["points"] > 1.2 * found.attrs["expected_points"]
    assert found.attrs["p_value"] < 0.05


def test_events_are_kept_and_points_are_added_as_the_rate_asks():
    """At half the intensity each event is kept by half; at twice it none is lost."""
    rng = np.random.default_rng(5)
    events = record_of(lambda at: np.full(len(at), 2.0), rng)
    low, high = (
        super_thinned_residuals(lambda at: np.full(len(at), 2.0), events, rng=rng, rate=rate)
        for rate in (1.0, 4.0)
    )
    assert not low.table["added"].any()
    assert len(low.table) == pytest.approx(len(events) / 2, abs=3.3 * np.sqrt(len(events) / 4))
    assert (~high.table["added"]).sum() == len(events)
    assert high.table["added"].sum() == pytest.approx(40, abs=3.3 * np.sqrt(40))
    assert (np.diff(high.table["days"]) >= 0).all()


def branching_events(seed=1, **options):
    rows = branching_process(np.random.default_rng(seed), background=2.0, days=150, **options)
    return as_events(rows, days=150)


@pytest.fixture(scope="module")
def fitted():
    model = SelfExciting(
        background=ConstantBackground(),
        lag=ExponentialLag(0.2),
        displacement=GaussianDisplacement(100.0),
    )
    events = branching_events()
    return model.fit(events, Grid.over(events.region, cell_size=500))


@pytest.mark.compiled
def test_the_intensity_of_a_fit_anywhere_is_that_at_its_events(fitted):
    """Asked for at each event's own time and place, where an event does not hear itself."""
    found = intensity_of(fitted, None, rng=np.random.default_rng(1))
    np.testing.assert_allclose(found.at(found.points), found.at_events, rtol=1e-6)


@pytest.mark.compiled
def test_the_intensity_of_a_fit_integrates_to_what_it_expects(fitted):
    """By 200,000 random points: within 3.3 of their standard error."""
    found = intensity_of(fitted, None, rng=np.random.default_rng(1))
    drawn = random_points(found.region, found.length, rate=150.0, rng=np.random.default_rng(2))
    volume = found.region.area / 1e6 * found.length
    values = found.at(drawn)
    error = volume * values.std() / np.sqrt(len(values))
    expected = time_rescaled_residuals(fitted).sum()
    assert volume * values.mean() == pytest.approx(expected, abs=3.3 * error + 3)
    assert error < 0.05 * expected


@pytest.mark.compiled
def test_a_fit_of_the_right_model_passes_and_one_without_triggering_does_not(fitted):
    rng = np.random.default_rng(6)
    scales = {"distances": [100, 300], "lags": [3, 15], "rng": rng, "size": 39}
    right = space_time_k_test(super_thinned_residuals(fitted, rng=rng), **scales)
    even = fitted.record.n / 9.0 / 150
    wrong = super_thinned_residuals(lambda at: np.full(len(at), even), branching_events(), rng=rng)
    assert right.attrs["p_value"] > 0.05
    assert space_time_k_test(wrong, **scales).attrs["p_value"] == 1 / 40


@pytest.mark.compiled
def test_a_background_that_follows_events_is_taken_by_cells_elsewhere():
    events = branching_events()
    grid = Grid.over(events.region, cell_size=500)
    fit = SelfExciting(background=KernelBackground(400.0)).fit(events, grid)
    found = intensity_of(fit, None, rng=np.random.default_rng(1))
    before = np.column_stack([np.zeros(9), np.full((9, 2), 250.0)])
    before[:, 1] += 300 * np.arange(9)
    cells = grid.cell_of(before[:, 1], before[:, 2])
    share = fit.background.cell_share.ravel()[cells] / (500.0**2)
    expected = fit.estimate.parts.background_rate * share * 1e6
    np.testing.assert_allclose(found.at(before), expected)


@pytest.mark.compiled
def test_a_background_whose_map_is_renewed_is_refused():
    events = branching_events()
    grid = Grid.over(events.region, cell_size=500)
    background = MapBackground(HistoricalRate(), refresh="28 days")
    fit = SelfExciting(background=background, window="3 months").fit(events, grid)
    with pytest.raises(ParameterError, match="map changes within the window"):
        super_thinned_residuals(fit, rng=np.random.default_rng(1))


def forecast_of(rate, *, days=(5, 15), cell=250.0, start=START):
    """Counts of an even intensity a km² and day, in two periods."""
    centres = np.arange(cell / 2, 1000, cell)
    edges = start.tz_localize(None) + pd.to_timedelta(np.cumsum([0, *days]), unit="D")
    shape = (len(days), centres.size, centres.size)
    expected = np.broadcast_to(rate * (cell / 1000) ** 2 * np.array(days)[:, None, None], shape)
    return xr.Dataset(
        {"expected_count": (("time", "y", "x"), expected.copy())},
        {
            "time": edges[:-1],
            "time_end": ("time", edges[1:]),
            "y": centres,
            "x": centres,
            "inside_area": (("y", "x"), np.full(shape[1:], cell**2)),
        },
    )


def test_a_forecast_is_even_within_each_cell_and_period():
    events = record_of(uneven, np.random.default_rng(1))
    forecast = forecast_of(3.0)
    forecast["expected_count"][1, :, 3] *= 4
    found = intensity_of(forecast, events, rng=np.random.default_rng(1))
    late_east = (found.points[:, 0] >= 5) & (found.points[:, 1] >= 750)
    np.testing.assert_allclose(found.at_events, np.where(late_east, 12.0, 3.0))
    assert found.length == 20
    assert found.region.equals(SMALL)


def test_a_right_forecast_leaves_an_even_process_and_a_wrong_one_does_not():
    rng = np.random.default_rng(7)
    events = record_of(lambda at: np.full(len(at), 6.0), rng)
    right = super_thinned_residuals(forecast_of(6.0), events, rng=rng)
    assert envelope_holds(right).attrs["p_value"] > 0.05
    wrong = forecast_of(6.0)
    wrong["expected_count"][:, :, :2] *= 0.3
    wrong["expected_count"][:, :, 2:] *= 1.7
    left = super_thinned_residuals(wrong, events, rng=rng)
    assert envelope_holds(left).attrs["p_value"] < 0.05


def test_folds_of_a_backtest_are_taken_in_order_of_time():
    events = record_of(uneven, np.random.default_rng(1))
    both = forecast_of(3.0)
    folds = [both.isel(time=[k]) for k in (1, 0)]
    stacked = xr.Dataset(
        {"expected_count": (("fold", "step", "y", "x"),
                            np.stack([one["expected_count"].values for one in folds]))},
        {
            "time": (("fold", "step"), np.stack([one["time"].values for one in folds])),
            "time_end": (("fold", "step"), np.stack([one["time_end"].values for one in folds])),
            "y": both["y"], "x": both["x"], "inside_area": both["inside_area"],
        },
    )  # fmt: skip
    found = time_rescaled_residuals(stacked, events)
    np.testing.assert_allclose(found, time_rescaled_residuals(both, events))


def test_times_that_are_known_to_the_day_are_spread_over_it():
    events = events_at(
        ["2021-01-02"] * 200,
        np.linspace(1, 999, 200),
        np.full(200, 500.0),
        start="2021-01-01",
        end="2021-01-21",
        resolution="day",
    )
    found = intensity_of(forecast_of(3.0), events, rng=np.random.default_rng(1))
    days = np.sort(found.points[:, 0])
    assert days[0] >= 1
    assert days[-1] <= 2
    assert np.diff(days).min() > 0
    assert abs(days.mean() - 1.5) < 3.3 * np.sqrt(1 / 12 / 200)


def test_what_cannot_be_judged_is_refused():
    rng = np.random.default_rng(1)
    events = record_of(uneven, rng)
    with pytest.raises(ParameterError, match="HistoricalRate has no intensity"):
        super_thinned_residuals(HistoricalRate(), events, rng=rng)
    with pytest.raises(ParameterError, match="Give the events"):
        super_thinned_residuals(forecast_of(1.0), rng=rng)
    with pytest.raises(ParameterError, match="rate must be a positive"):
        super_thinned_residuals(uneven, events, rng=rng, rate=-1.0)
    with pytest.raises(ParameterError, match="negative, NaN or infinite"):
        super_thinned_residuals(lambda at: -uneven(at), events, rng=rng)
    with pytest.raises(ForecastError, match="time_end"):
        super_thinned_residuals(forecast_of(1.0).drop_vars("time_end"), events, rng=rng)
    with pytest.raises(TooFewEventsError, match="no events"):
        super_thinned_residuals(uneven, as_events([], days=20, region=SMALL), rng=rng)
    with pytest.raises(ParameterError, match="rng must be"):
        super_thinned_residuals(uneven, events, rng=None)
    blank = forecast_of(1.0)
    blank["expected_count"][:, 0, 0] = np.nan
    with pytest.raises(GridMismatchError, match="events lie in cells"):
        super_thinned_residuals(blank, as_events([[1, 5, 5]], days=20, region=SMALL), rng=rng)
    gap = forecast_of(1.0)
    gap = gap.assign_coords(time_end=gap["time_end"] - np.timedelta64(1, "D"))
    with pytest.raises(ParameterError, match="must follow one another"):
        super_thinned_residuals(gap, events, rng=rng)
    both = xr.concat([forecast_of(1.0)] * 2, dim="model")
    with pytest.raises(ParameterError, match="model=0"):
        super_thinned_residuals(both, events, rng=rng)
    coarse = as_events([[1, 5, 5]], days=20, region=SMALL, place_resolution=300.0)
    with pytest.raises(ResolutionError, match="within a cell there is nothing to see"):
        super_thinned_residuals(forecast_of(1.0), coarse, rng=rng)
    months = events_at(
        ["2021-01-01"] * 3, range(3), range(3), start="2021-01", end="2021-02", resolution="month"
    )
    with pytest.raises(ResolutionError, match="by the month"):
        super_thinned_residuals(uneven, months, rng=rng)


@pytest.mark.compiled
def test_a_fit_brings_its_own_events_and_takes_no_others(fitted):
    with pytest.raises(ParameterError, match="leave events out"):
        super_thinned_residuals(fitted, branching_events(), rng=np.random.default_rng(1))
    with pytest.raises(ParameterError, match="leave events out"):
        time_rescaled_residuals(fitted, branching_events())
    np.testing.assert_array_equal(time_rescaled_residuals(fitted), fitted.time_rescaled_residuals())


def test_rescaled_residuals_of_a_forecast_by_hand():
    """3 a day on 1 km² for 5 days and then 6: events on days 2, 4 and 7 lie 6, 6 and 15 apart."""
    forecast = forecast_of(3.0)
    forecast["expected_count"][1] *= 2
    events = as_events([[2, 5, 5], [4, 900, 5], [7, 5, 900]], days=20, region=SMALL)
    np.testing.assert_allclose(time_rescaled_residuals(forecast, events), [6, 6, 3 + 12])


def test_rescaled_residuals_pass_their_tests_under_the_truth_and_not_else():
    rng = np.random.default_rng(9)
    events = record_of(lambda at: np.full(len(at), 6.0), rng)
    assert (
        residual_tests(time_rescaled_residuals(forecast_of(6.0), events))["p_value"] > 0.05
    ).all()
    halved = residual_tests(time_rescaled_residuals(forecast_of(3.0), events))["p_value"]
    assert halved["mean"] < 1e-6
    assert halved["exponential"] < 1e-4


def test_each_test_has_even_p_values_where_nothing_is_wrong():
    """200 sets of 60: at most .1 in 10 % of them, within 3.5 errors."""
    rng = np.random.default_rng(10)
    p = np.array([residual_tests(rng.exponential(size=60))["p_value"] for _ in range(200)])
    share = (p <= 0.1).mean(axis=0)
    assert (np.abs(share - 0.1) < 3.5 * np.sqrt(0.09 / 200)).all()


def test_dependence_is_seen_by_the_order_and_not_by_the_distribution():
    rng = np.random.default_rng(11)
    found = residual_tests(np.sort(rng.exponential(size=300)))["p_value"]
    assert found["exponential"] > 0.05
    assert found["uncorrelated"] < 1e-10


def test_ties_are_counted_and_nonsense_is_refused():
    residuals = np.append(np.random.default_rng(1).exponential(size=40), np.zeros(5))
    assert residual_tests(residuals).attrs["tied"] == 5
    with pytest.raises(TooFewEventsError, match="at least 30"):
        residual_tests(np.ones(20))
    with pytest.raises(ParameterError, match="0 or more"):
        residual_tests(-residuals)
    with pytest.raises(ParameterError, match="HistoricalRate has no intensity"):
        time_rescaled_residuals(HistoricalRate())


def test_coarse_times_need_a_generator():
    events = as_events([[2, 5, 5]], days=20, region=SMALL, resolution="day")
    with pytest.raises(ParameterError, match="recorded by the day; give rng"):
        time_rescaled_residuals(forecast_of(3.0), events)
    found = time_rescaled_residuals(forecast_of(3.0), events, rng=np.random.default_rng(1))
    assert 6 <= found.item() <= 9


def test_random_points_lie_in_the_region_and_are_as_many_as_their_rate_says():
    ring = SQUARE - shapely.Point(1500, 1500).buffer(1200)
    drawn = random_points(ring, 10.0, rate=30.0, rng=np.random.default_rng(1))
    expected = 30.0 * 10 * ring.area / 1e6
    assert shapely.contains_xy(ring, drawn[:, 1], drawn[:, 2]).all()
    assert len(drawn) == pytest.approx(expected, abs=3.3 * np.sqrt(expected))
    assert drawn[:, 0].min() >= 0
    assert drawn[:, 0].max() < 10
