"""The seasonal baseline: rates of HistoricalRate times a season learned from the region."""

import numpy as np
import pandas as pd
import pytest
from shapely import box

from hotspot import Grid, HistoricalRate, SeasonalPoisson, baseline_models, make_periods
from hotspot.errors import LeakError, ParameterError, TooFewEventsError
from tests.patterns import events_at, monthly_events

SEASON = np.array([2.0] * 3 + [1.0] * 6 + [0.0] * 3)  # of each calendar month, 15 in a year
MONTHS = make_periods("2019-01", count=36)
DAYS = ((MONTHS.right - MONTHS.left) / pd.Timedelta(days=1)).to_numpy(float)  # clocks change
MONTH_OF = MONTHS.left.month.to_numpy() - 1


def city(n_months=36):
    counts = np.zeros((n_months, 2, 2), int)
    counts[:, 0, 0] = 20 * SEASON[np.arange(n_months) % 12]
    counts[:, 1, 1] = 10 * SEASON[np.arange(n_months) % 12]
    return monthly_events(counts)


def test_the_season_is_the_rate_of_a_calendar_month_over_that_of_all():
    events = city()
    grid = Grid.over(events.region, cell_size=250)
    fitted = SeasonalPoisson(prior_events=0.0).fit(events, grid)
    days = np.bincount(MONTH_OF, DAYS)
    counts = 90 * SEASON
    expected = (counts / days) / (counts.sum() / days.sum())
    np.testing.assert_allclose(fitted.season, expected, rtol=1e-9)


def test_a_season_sums_to_the_events_it_was_learned_from():
    """Without a prior, the model would have expected as many events as there were."""
    events = city()
    grid = Grid.over(events.region, cell_size=250)
    fitted = SeasonalPoisson(prior_events=0.0, background_share=0.01).fit(events, grid)
    expected = DAYS @ fitted.season[MONTH_OF] * fitted.rate.sum()
    assert expected == pytest.approx(len(events))


def test_places_are_those_of_the_historical_rate():
    events = city()
    grid = Grid.over(events.region, cell_size=250)
    periods = make_periods("2022-03", count=1)
    ours = SeasonalPoisson("24 months").fit(events, grid).expected_count(periods).values
    flat = HistoricalRate("24 months").fit(events, grid).expected_count(periods).values
    np.testing.assert_allclose(ours / ours.sum(), flat / flat.sum())


def test_a_month_never_seen_is_not_called_empty():
    events = city(6)
    fitted = SeasonalPoisson().fit(events, Grid.over(events.region, cell_size=250))
    np.testing.assert_allclose(fitted.season[6:], 1.0)
    bare = SeasonalPoisson(prior_events=0.0).fit(events, Grid.over(events.region, cell_size=250))
    np.testing.assert_allclose(bare.season[6:], 1.0)


def test_exact_times_give_the_season_that_months_give():
    times = pd.date_range("2019-01-01", "2021-01-01", freq="12h", inclusive="left", tz="UTC")
    times = times[(times.month <= 6) | (times.hour == 12)]  # twice as many in the first half-year
    place = np.full(len(times), 10.0)
    window = {"start": "2019-01-01", "end": "2021-01-01"}
    events = events_at(times, place, place, region=box(0, 0, 500, 500), **window)
    grid = Grid.over(events.region, cell_size=250)
    fitted = SeasonalPoisson(prior_events=0.0).fit(events, grid)
    ratio = fitted.season[:6].mean() / fitted.season[6:].mean()
    assert ratio == pytest.approx(2, rel=0.01)
    # A week that lies in two months has the mean of both, by its days: 2 and 5.
    week = make_periods("2021-06-29", count=1, length="week")
    factor = fitted.expected_count(week).sum().item() / (7 * fitted.rate.sum())
    assert factor == pytest.approx((2 * fitted.season[5] + 5 * fitted.season[6]) / 7)


def test_futures_have_the_mean_that_is_expected_and_the_variance_of_chance():
    events = city()
    grid = Grid.over(events.region, cell_size=250)
    fitted = SeasonalPoisson().fit(events, grid)
    periods = make_periods("2022-01", count=2)
    mean = fitted.expected_count(periods)
    drawn = fitted.simulate_counts(periods, size=4000, rng=np.random.default_rng(1))
    np.testing.assert_allclose(drawn.mean("member"), mean, rtol=0.05, atol=0.05)
    np.testing.assert_allclose(
        drawn.var("member"), fitted.count_variance(periods), rtol=0.1, atol=0.1
    )


def test_nothing_after_the_cut_off_is_used():
    events = city()
    grid = Grid.over(events.region, cell_size=250)
    early = SeasonalPoisson().fit(events, grid, end=pd.Timestamp("2021-01-01", tz="Europe/London"))
    alone = SeasonalPoisson().fit(city(24), grid)
    np.testing.assert_allclose(early.season, alone.season)
    with pytest.raises(LeakError, match="the model has seen what it is asked to forecast"):
        early.expected_count(make_periods("2020-12", count=1))


def test_a_window_leaves_out_the_season_of_the_years_before_it():
    counts = np.zeros((36, 2, 2), int)
    counts[:12, 0, 0] = 50 * (np.arange(12) == 11)
    counts[12:, 0, 0] = 20
    events = monthly_events(counts)
    grid = Grid.over(events.region, cell_size=250)
    windowed = SeasonalPoisson("24 months", prior_events=0.0).fit(events, grid)
    days = np.bincount(MONTH_OF[12:], DAYS[12:])
    np.testing.assert_allclose(windowed.season, (40 / days) / (480 / days.sum()), rtol=1e-9)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ParameterError, match="prior_events must be at least 0, got -1"):
        SeasonalPoisson(prior_events=-1)
    with pytest.raises(ParameterError, match="background_share must be in"):
        SeasonalPoisson(background_share=0)
    with pytest.raises(ParameterError, match="window='a while' is not understood"):
        SeasonalPoisson("a while")
    empty = monthly_events(np.zeros((12, 2, 2), int))
    with pytest.raises(TooFewEventsError, match="No event falls on the grid"):
        SeasonalPoisson().fit(empty, Grid.over(empty.region, cell_size=250))


def test_the_baselines_look_back_equally_far():
    models = baseline_models(window="12 months", bandwidth=200.0)
    assert {model.window for model in models.values()} == {"12 months"}
    assert models["kernel density"].bandwidth == 200.0
