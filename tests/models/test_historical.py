"""The mean of the past: by hand, by law, and with months missing."""

import numpy as np
import pandas as pd
import pytest

from hotspot import Grid, HistoricalRate, make_periods
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.models.weights import arrange, weigh, window_offset
from tests.patterns import LONDON, events_at, monthly_events

pytestmark = pytest.mark.filterwarnings("ignore:Only .* past periods can be judged")  # short pasts


def test_the_mean_by_hand():
    """Cell A has 3 events in January and 0 in February, 59 days: 3 / 59 a day, but for 1 %."""
    events = monthly_events([[[3, 1]], [[0, 2]]])
    fitted = HistoricalRate(background_share=0.01).fit(events, Grid.over(events.region))
    assert fitted.rate[0] == pytest.approx([(0.99 * 3 + 0.01 * 3) / 59, (0.99 * 3 + 0.01 * 3) / 59])
    april = fitted.expected_count(make_periods("2019-04", count=1))
    assert april.values.ravel() == pytest.approx([30 * 3 / 59, 30 * 3 / 59])


def test_a_half_life_weighs_by_the_age_of_the_month_s_middle():
    """January's middle is 43.5 days before 1 March, February's 14."""
    events = monthly_events([[[4, 0]], [[0, 4]]])
    fitted = HistoricalRate(half_life=29.5, background_share=1e-9).fit(
        events, Grid.over(events.region)
    )
    assert fitted.rate[0, 1] / fitted.rate[0, 0] == pytest.approx(2.0, rel=1e-6)
    weights = np.array([2 ** (-43.5 / 29.5), 2 ** (-14 / 29.5)])
    assert fitted.rate[0] == pytest.approx(4 * weights / (weights @ [31, 28]), rel=1e-6)


def test_the_window_leaves_out_what_is_older():
    events = monthly_events([[[9, 0]], [[1, 1]], [[1, 1]]])
    fitted = HistoricalRate(window="2 months").fit(events, Grid.over(events.region))
    assert fitted.rate[0, 0] == pytest.approx(fitted.rate[0, 1])


def test_the_month_that_ends_at_the_cut_off_is_the_last_of_the_window():
    """Clocks change in March and October: ends in days since the start do not add up exactly."""
    events = monthly_events(np.ones((24, 1, 2), int))
    for month in pd.period_range("2019-02", "2020-12", freq="M").astype(str):
        rate = HistoricalRate("1 month").fit(events, Grid.over(events.region), end=month).rate
        last = pd.Timestamp(month)
        edges = pd.DatetimeIndex([last - pd.DateOffset(months=1), last]).tz_localize(LONDON)
        days = (edges[1] - edges[0]) / pd.Timedelta(days=1)
        assert rate.sum() == pytest.approx(2 / days)


def test_the_total_rate_does_not_depend_on_the_background_share():
    events = monthly_events(np.random.default_rng(1).poisson(2, (12, 3, 3)))
    grid = Grid.over(events.region)
    totals = [HistoricalRate(background_share=e).fit(events, grid).rate.sum() for e in (0.01, 0.5)]
    assert totals[0] == pytest.approx(totals[1])
    assert totals[0] == pytest.approx(len(events) / 365)


def test_events_at_or_after_the_cut_off_change_nothing():
    counts = np.random.default_rng(1).poisson(2, (12, 3, 3))
    altered = counts.copy()
    altered[8:] = 50 - altered[8:]
    fits = [
        HistoricalRate().fit(monthly_events(c), Grid.over(monthly_events(c).region), end="2019-09")
        for c in (counts, altered)
    ]
    assert fits[0].rate.tobytes() == fits[1].rate.tobytes()
    assert fits[0].level.region.tobytes() == fits[1].level.region.tobytes()


def test_the_order_of_rows_changes_no_byte():
    events = monthly_events(np.random.default_rng(1).poisson(2, (24, 3, 3)))
    shuffled = type(events)(
        **{**vars(events), "table": events.table.sample(frac=1, random_state=4)}
    )
    grid = Grid.over(events.region)
    fits = [HistoricalRate(half_life=100).fit(e, grid) for e in (events, shuffled)]
    assert fits[0].rate.tobytes() == fits[1].rate.tobytes()


def test_a_missing_month_is_left_out_of_the_mean_and_not_counted_as_zero():
    """Two forces; the other did not publish February: the mean is over January and March."""
    events = monthly_events([[[2, 2]], [[50, 50]], [[2, 2]]])
    other = events.coverage.assign(force="another force").drop(index=1)
    coverage = pd.concat([events.coverage, other], ignore_index=True)
    gap = type(events)(**{**vars(events), "coverage": coverage})
    fitted = HistoricalRate().fit(gap, Grid.over(gap.region))
    assert fitted.rate.sum() == pytest.approx(8 / (62 - 1 / 24))  # the clocks change in March


def test_exact_times_are_weighed_one_by_one():
    """The exposure of a half-life of 10 days over 10 days is (1 - 1/2) * 10 / ln 2."""
    events = events_at(
        ["2019-01-02", "2019-01-10 12:00"], [1, 999], [1, 999], start="2019-01-01", end="2019-01-11"
    )
    past = arrange(events)
    run = weigh(past, events.end, half_life=10)
    assert run.weight == pytest.approx([2**-0.9, 2**-0.05])
    assert run.exposure == pytest.approx(5 / np.log(2))


def test_nothing_on_the_grid_is_refused():
    events = monthly_events(np.zeros((3, 2, 2), int))
    with pytest.raises(TooFewEventsError, match="No event falls on the grid"):
        HistoricalRate().fit(events, Grid.over(events.region))


def test_a_cut_off_before_the_data_is_refused():
    events = monthly_events(np.ones((3, 2, 2), int))
    with pytest.raises(TooFewEventsError, match="Nothing was recorded"):
        HistoricalRate().fit(
            events, Grid.over(events.region), end=pd.Timestamp("2018-06", tz=LONDON)
        )


@pytest.mark.parametrize(
    "options",
    [
        {"window": "a while"},
        {"window": "0 months"},
        {"half_life": 0},
        {"half_life": float("nan")},
        {"background_share": 0},
        {"background_share": 1},
    ],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ParameterError, match=r"window|half_life|background_share"):
        HistoricalRate(**options)


def test_a_window_in_months_follows_the_calendar():
    assert pd.Timestamp("2019-03-31") - window_offset("1 month") == pd.Timestamp("2019-02-28")
