"""Levels of areas and of their sum: recovery, widths, coherence with cells, and what is refused."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from hotspot import (
    Grid,
    HistoricalRate,
    LevelModel,
    WithLevels,
    area_weights,
    backtest,
    count_events,
    issue_forecast,
    make_periods,
    rolling_origin,
)
from hotspot.errors import (
    GridMismatchError,
    LeakError,
    ParameterError,
    RegionError,
    ResolutionError,
    TooFewEventsError,
)
from tests.patterns import monthly_events

QUICK = LevelModel(error_half_life=None)


def totals_of(counts, first="2012-01"):
    counts = np.asarray(counts)
    names = [f"area {k}" for k in range(counts.shape[1])]
    return pd.DataFrame(counts, index=make_periods(first, count=len(counts)), columns=names)


def drifting(n, k, rng, *, city_step=0.03, step=0.04, noise=0.05, mean=150):
    city = np.cumsum(city_step * rng.standard_normal((n, 1)), axis=0)
    walk = np.cumsum(step * rng.standard_normal((n, k)), axis=0)
    season = 0.1 * np.cos(2 * np.pi * np.arange(n) / 12)[:, None]
    own = noise * rng.standard_normal((n, k))
    return rng.poisson(mean * np.exp(city + walk + season + own))


def test_bounds_of_areas_and_city_hold_as_often_as_they_say():
    """24 simulated cities: 90 % bounds of the fitted law, one and three months ahead."""
    rng = np.random.default_rng(11)
    held = {"areas": [], "city": []}
    for _ in range(24):
        totals = totals_of(drifting(75, 12, rng))
        futures = QUICK.fit(totals.iloc[:72]).simulate_totals(totals.index[72:], size=400, rng=rng)
        drawn = futures.to_numpy()
        seen = totals.to_numpy()[72:]
        for place, have, want in (
            ("areas", drawn, seen),
            ("city", drawn.sum(2, keepdims=True), seen.sum(1, keepdims=True)),
        ):
            low, high = np.quantile(have, [0.05, 0.95], axis=0)
            held[place].append(((want >= low) & (want <= high)).mean())
    assert np.mean(held["areas"]) == pytest.approx(0.9, abs=0.04)
    assert np.mean(held["city"]) == pytest.approx(0.9, abs=0.1)


def test_moments_are_those_of_the_simulated_rates():
    rng = np.random.default_rng(5)
    counts = drifting(60, 4, rng) * np.array([1, 1, 3, 8]) // 4
    fitted = QUICK.fit(totals_of(counts))
    periods = make_periods("2017-01", count=6)
    mean, relative = fitted.expected_rates(periods)
    drawn = fitted.simulate_rates(periods, size=20_000, rng=rng)
    # Standard errors of both are about 0.3 and 1 %.
    np.testing.assert_allclose(drawn.mean(0), mean, rtol=0.015)
    np.testing.assert_allclose(drawn.var(0) / mean**2, relative, rtol=0.06)


def test_a_shock_to_the_city_moves_all_areas_together():
    rng = np.random.default_rng(6)
    fitted = QUICK.fit(totals_of(drifting(72, 8, rng, city_step=0.1, step=0.01, noise=0.01)))
    drawn = fitted.simulate_rates(make_periods("2018-01", count=1), size=4000, rng=rng)[:, 0]
    between = np.corrcoef(np.log(drawn).T)[np.triu_indices(8, 1)]
    assert between.min() > 0.8


def test_a_break_widens_the_bounds_of_the_months_after_it():
    rng = np.random.default_rng(7)
    calm = drifting(72, 6, rng, city_step=0.02)
    broken = calm.copy()
    broken[-3:] = broken[-3:] // 2
    width = {}
    for name, counts in (("calm", calm), ("broken", broken)):
        for model in (LevelModel(leads=1), LevelModel(leads=1, error_half_life=None)):
            fitted = model.fit(totals_of(counts))
            variance = fitted.expected_rates(make_periods("2018-01", count=1))[1]
            width[name, model.error_half_life] = variance.mean()
    assert width["broken", 12.0] > 2 * width["calm", 12.0]
    assert width["broken", 12.0] > width["broken", None]


def test_the_month_of_a_break_is_named_and_a_calm_window_has_none():
    rng = np.random.default_rng(12)
    calm = drifting(72, 6, rng, city_step=0.02)
    broken = calm.copy()
    broken[-5:] = broken[-5:] // 2  # from 2017-08 on
    model = LevelModel(leads=2)
    assert model.fit(totals_of(calm)).breaks == {}
    found = model.fit(totals_of(broken))
    assert next(iter(found.breaks)) == "2017-08"
    assert found.parameters["breaks"]["2017-08"] > 3.5


def test_widths_follow_errors_that_the_law_cannot_explain():
    """Errors that alternate between small and large have one mean square; the factor tells it."""
    rng = np.random.default_rng(8)
    fitted = LevelModel(leads=3, error_prior=0.0).fit(totals_of(drifting(90, 6, rng)))
    assert fitted.widths.shape == (2, 3)
    np.testing.assert_allclose(fitted.widths[1], 1.0, atol=0.25)
    believing = LevelModel(leads=3, error_prior=1e9).fit(totals_of(drifting(90, 6, rng)))
    np.testing.assert_allclose(believing.widths, 1.0, atol=1e-6)


def test_what_comes_after_the_last_month_cannot_matter():
    rng = np.random.default_rng(9)
    totals = totals_of(drifting(80, 4, rng))
    other = totals.copy()
    other.iloc[60:] = 7
    periods = totals.index[60:63]
    one, two = (
        LevelModel(leads=3)
        .fit(t.iloc[:60])
        .simulate_totals(periods, size=20, rng=np.random.default_rng(1))
        for t in (totals, other)
    )
    np.testing.assert_array_equal(one, two)


def test_a_month_that_was_not_published_is_left_out_and_counted_as_time():
    rng = np.random.default_rng(10)
    totals = totals_of(drifting(60, 3, rng))
    holed = totals.drop(totals.index[[30, 31]])
    fitted = QUICK.fit(holed)
    assert fitted.past.last == 59
    expected, _ = fitted.expected_rates(make_periods("2017-01", count=1))
    whole, _ = QUICK.fit(totals).expected_rates(make_periods("2017-01", count=1))
    np.testing.assert_allclose(expected, whole, rtol=0.1)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda t: t.iloc[:20], TooFewEventsError, "at least 24 months"),
        (lambda t: t.assign(few=0), TooFewEventsError, "few.*fewer than 30"),
        (lambda t: t.iloc[::-1], ParameterError, "ascend"),
        (lambda t: -t, ParameterError, "0 or more"),
        (lambda t: t.mask(t == t.to_numpy().max()), ParameterError, "without holes"),
        (lambda t: t.reset_index(drop=True), ParameterError, "make_periods"),
        (
            lambda t: t.set_axis(make_periods("2012-01-02", count=60, length="week")),
            ResolutionError,
            "calendar month",
        ),
    ],
)
def test_totals_that_levels_cannot_be_learned_from_are_refused(change, error, said):
    totals = totals_of(drifting(60, 3, np.random.default_rng(1)))
    with pytest.raises(error, match=said):
        QUICK.fit(change(totals))


def test_an_empty_month_is_refused():
    counts = drifting(60, 3, np.random.default_rng(1))
    counts[50] = 0
    with pytest.raises(TooFewEventsError, match="no event in any area"):
        QUICK.fit(totals_of(counts))


@pytest.mark.parametrize(
    ("first", "count", "error", "said"),
    [
        ("2016-12", 1, LeakError, "fitted to"),
        ("2017-01", 13, ParameterError, "13 ahead.*up to 12"),
    ],
)
def test_months_seen_or_too_far_ahead_are_refused(first, count, error, said):
    fitted = QUICK.fit(totals_of(drifting(60, 3, np.random.default_rng(1))))
    with pytest.raises(error, match=said):
        fitted.simulate_totals(
            make_periods(first, count=count), size=2, rng=np.random.default_rng(1)
        )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"window": 12}, "window"),
        ({"leads": 0}, "leads"),
        ({"error_half_life": 0.0}, "half_life"),
        ({"error_prior": -1.0}, "error_prior"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, said):
    with pytest.raises(ParameterError, match=said):
        LevelModel(**options)


# Cells, areas and city as one.

HALVES = gpd.GeoDataFrame(
    {"name": ["west", "east"]}, geometry=[box(0, 0, 500, 500), box(500, 0, 1000, 500)], crs=27700
)
GRID = Grid.over(HALVES, cell_size=250.0)
RATES = np.array([[4.0, 1.0, 8.0, 2.0], [3.0, 2.0, 1.0, 9.0]])


@pytest.fixture(scope="module")
def events():
    return monthly_events(np.random.default_rng(3).poisson(RATES, (72, 2, 4)), first="2013-01")


@pytest.fixture(scope="module")
def fitted(events):
    return WithLevels(HistoricalRate(), HALVES, level=QUICK).fit(events, GRID)


def test_expected_cells_sum_to_the_levels_of_their_areas(fitted):
    periods = make_periods("2019-01", count=3)
    cells = fitted.expected_count(periods).to_numpy()
    totals, _ = fitted.levels.expected_rates(periods)
    np.testing.assert_allclose(cells[:, :, :2].sum((1, 2)), totals[:, 0])
    np.testing.assert_allclose(cells[:, :, 2:].sum((1, 2)), totals[:, 1])


def test_within_an_area_cells_share_as_the_map_says(fitted):
    periods = make_periods("2019-01", count=1)
    ours, theirs = (m.expected_count(periods).to_numpy()[0] for m in (fitted, fitted.space))
    np.testing.assert_allclose(ours[:, :2] / ours[:, :2].sum(), theirs[:, :2] / theirs[:, :2].sum())


def test_the_moments_of_cells_are_those_of_the_futures(fitted):
    periods = make_periods("2019-01", count=2)
    drawn = fitted.simulate_counts(periods, size=6000, rng=np.random.default_rng(4)).to_numpy()
    np.testing.assert_allclose(drawn.mean(0), fitted.expected_count(periods), rtol=0.05)
    np.testing.assert_allclose(drawn.var(0), fitted.count_variance(periods), rtol=0.12)


def test_the_futures_of_an_area_are_those_of_its_level(fitted):
    """Sums of cells and draws of the level have one distribution: quantiles agree."""
    periods = make_periods("2019-01", count=1)
    rng = np.random.default_rng(5)
    cells = fitted.simulate_counts(periods, size=4000, rng=rng).to_numpy()
    sums = cells[:, 0, :, :2].sum((1, 2))
    alone = fitted.levels.simulate_totals(periods, size=4000, rng=rng).to_numpy()[:, 0, 0]
    levels = [0.1, 0.5, 0.9]
    np.testing.assert_allclose(np.quantile(sums, levels), np.quantile(alone, levels), atol=1.0)


def test_a_forecast_and_a_backtest_take_it_as_any_model(events):
    model = WithLevels(HistoricalRate(), HALVES, level=QUICK)
    folds = rolling_origin("2018-10", "2019-01")
    result = backtest(
        {"joined": model}, events, GRID, folds, rng=np.random.default_rng(1), size=100, areas=HALVES
    )
    assert result["area_count_quantile"].notnull().all()
    again = issue_forecast(
        model.fit(events, GRID), make_periods("2019-01", count=1), rng=np.random.default_rng(1)
    )
    assert again.attrs["model"] == "WithLevels"
    assert '"city_width_factors"' in again.attrs["parameters"]


def test_counted_totals_are_the_sums_of_counted_cells(events, fitted):
    counts = count_events(events, GRID, make_periods("2013-01", "2019-01")).to_numpy()
    west = counts[:, :, :2].sum((1, 2))
    np.testing.assert_array_equal(fitted.levels.past.counts[:, 0], west)


def test_a_cell_on_a_border_belongs_to_the_area_with_most_of_it(events):
    moved = HALVES.assign(geometry=[box(0, 0, 600, 500), box(600, 0, 1000, 500)])
    fitted = WithLevels(HistoricalRate(), moved, level=QUICK).fit(events, GRID)
    weights, _ = area_weights(GRID, moved, by="name")
    assert weights.toarray()[:, 2].round(2).tolist() == [0.4, 0.6]
    assert fitted.area_of_cell.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1]]


def test_cells_that_no_level_would_reach_are_refused(events):
    with pytest.raises(RegionError, match="4 cells of the region lie in none"):
        WithLevels(HistoricalRate(), HALVES.iloc[:1], level=QUICK).fit(events, GRID)


def test_an_area_without_a_cell_is_refused(events):
    sliver = gpd.GeoDataFrame(
        {"name": ["west", "sliver", "east"]},
        geometry=[box(0, 0, 480, 500), box(480, 0, 520, 500), box(520, 0, 1000, 500)],
        crs=27700,
    )
    with pytest.raises(GridMismatchError, match="sliver"):
        WithLevels(HistoricalRate(), sliver, level=QUICK).fit(events, GRID)


def test_what_is_no_model_is_refused():
    with pytest.raises(ParameterError, match="space"):
        WithLevels(HistoricalRate, HALVES)
    with pytest.raises(ParameterError, match="LevelModel"):
        WithLevels(HistoricalRate(), HALVES, level=12)
