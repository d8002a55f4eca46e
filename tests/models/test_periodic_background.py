"""Backgrounds with a rhythm, on the region's own clock."""

import itertools
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from hotspot import Grid, KernelBackground, SelfExciting, make_periods
from hotspot.errors import ParameterError, ResolutionError
from hotspot.models.backgrounds.base import ConstantBackground, WindowEvents
from hotspot.models.backgrounds.periodic import PeriodicBackground
from hotspot.models.backgrounds.quarters import Quarters
from hotspot.models.backgrounds.time_pattern import TimePattern, fit_pattern
from tests.models.self_exciting_cases import SQUARE, as_events, branching_process

LONDON = "Europe/London"
GRID = Grid.over(SQUARE, cell_size=1000.0)
HOURS = 1.0 + 0.8 * np.cos(2 * np.pi * (np.arange(24) - 22) / 24)
WEEK = np.array([0.8, 0.8, 0.8, 0.8, 1.2, 1.5, 1.1])
compiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)


def local(*text):
    stamps = pd.DatetimeIndex([pd.Timestamp(one, tz=LONDON) for one in text])
    return stamps if len(text) > 1 else stamps[0]


def plain_rate(stamps, *, hours=None, week=None):
    """The pattern told from each instant's own wall clock, one after another."""
    value = []
    for stamp in stamps:
        clock = stamp.tz_convert(LONDON)
        value.append(
            (1 if hours is None else hours[clock.hour])
            * (1 if week is None else week[clock.day_of_week])
        )
    return np.array(value)


def thinned(rng, start, end, *, most, rate):
    """A Poisson process of intensity `rate` events a day; at most `most`."""
    days = (end - start) / pd.Timedelta(days=1)
    at = np.sort(rng.uniform(0, days, rng.poisson(most * days)))
    stamps = (start + pd.to_timedelta(at, unit="D")).tz_convert("UTC").round("us")
    return stamps[rng.uniform(0, most, len(stamps)) < rate(stamps)]


def window_of(stamps, start, end, *, resolution="exact"):
    rng = np.random.default_rng(9)
    places = rng.uniform(0, 3000, (len(stamps), 2))
    events = as_events(
        np.column_stack([np.zeros(len(stamps)), places]), days=1.0, resolution=resolution
    )
    object.__setattr__(events, "time_zone", LONDON)
    return WindowEvents(events, GRID, places, stamps, start, end)


def test_integral_of_a_pattern_is_the_sum_of_its_minutes_over_a_change_of_the_clock():
    start, end = local("2023-10-27 13:20", "2023-10-30 02:47")
    pattern = TimePattern(LONDON, start, end, 1.3, HOURS, WEEK)
    minutes = pd.date_range(start, end, freq="min", inclusive="left")
    expected = 1.3 * plain_rate(minutes, hours=HOURS, week=WEEK).sum() / 1440
    assert pattern.days(start, end) == pytest.approx(expected, rel=1e-12)


def test_a_day_on_which_clocks_go_forward_has_no_hour_from_one_to_two():
    """23 hours of rate 1, or 22 where only that hour had any rate above: 31 March 2024."""
    hours = np.zeros(24)
    hours[1] = 24.0
    start, end = local("2024-03-31", "2024-04-01")
    assert TimePattern(LONDON, start, end, hour_of_day=hours).days(start, end) == 0.0
    assert TimePattern(LONDON, start, end).days(start, end) == pytest.approx(23 / 24)
    back = local("2024-10-27", "2024-10-28")
    assert TimePattern(LONDON, *back, hour_of_day=hours).days(*back) == pytest.approx(2.0)


def test_integrals_add_up_and_many_are_those_of_one_after_another():
    start, end = local("2023-12-20", "2024-03-05")
    pattern = TimePattern(LONDON, start, end, 1.0, HOURS, WEEK, np.array([0.3, -0.2]), 0.5)
    between = pd.date_range(start, end, periods=7)
    parts = [pattern.days(a, b) for a, b in itertools.pairwise(between)]
    assert sum(parts) == pytest.approx(pattern.days(start, end), rel=1e-12)
    np.testing.assert_allclose(np.diff(pattern.days(start, between)), parts, rtol=1e-9)


def test_season_turns_once_in_a_leap_year_as_in_any_other():
    pattern = TimePattern(LONDON, *local("2023-01-01", "2025-01-01"), season=np.array([0.4, 0.1]))
    first, last = pattern.at(local("2024-01-01 12:00", "2024-12-31 12:00"))
    assert first == pytest.approx(np.exp(0.4), rel=2e-3)
    assert last == pytest.approx(first, rel=2e-3)
    of_2023, of_2024 = (pattern.days(*local(f"{y}-01-01", f"{y + 1}-01-01")) for y in (2023, 2024))
    assert of_2024 / of_2023 == pytest.approx(366 / 365, rel=1e-5)


def test_trend_stays_where_the_window_left_it():
    pattern = TimePattern(LONDON, *local("2022-01-01", "2024-01-01"), trend=0.5)
    before, at, after = pattern.at(local("2023-01-01", "2024-01-01", "2030-01-01"))
    assert at / before == pytest.approx(np.exp(0.5 * 365 / 365.25))
    assert after == at


def test_hours_of_a_pattern_by_hand():
    """Over four whole days: 10 o'clock has 5 events and a half, every other hour half a one."""
    start, end = local("2024-05-06", "2024-05-10")
    stamps = local(
        *[f"2024-05-0{when}" for when in ("6 10:10", "6 10:50", "7 10:00", "8 10:30", "9 10:59")]
    )
    pattern = fit_pattern(
        stamps, np.ones(5), start=start, end=end, time_zone=LONDON, day_of_week=False
    )
    expected = np.full(24, 0.5)
    expected[10] = 5.5
    np.testing.assert_allclose(pattern.hour_of_day, expected / expected.mean(), rtol=1e-12)
    assert pattern.days(start, end) == pytest.approx(4.0)


def test_a_week_that_was_half_observed_does_not_lower_its_days():
    """Ten days from a Monday: Mondays were seen twice and had (4 + 1/2) / 2, Fridays (2 + 1/2)."""
    start, end = local("2024-05-06", "2024-05-16")
    stamps = pd.date_range(start, end, freq="12h", inclusive="left")
    pattern = fit_pattern(
        stamps, np.ones(20), start=start, end=end, time_zone=LONDON, hour_of_day=False
    )
    twice, once = pattern.day_of_week[0], pattern.day_of_week[4]
    assert twice / once == pytest.approx((4.5 / 2) / 2.5)


def test_an_event_that_was_triggered_does_not_count():
    start, end = local("2024-05-06", "2024-05-20")
    stamps = thinned(
        np.random.default_rng(2), start, end, most=10.0, rate=lambda s: np.full(len(s), 10.0)
    )
    chance = np.random.default_rng(3).uniform(0, 1, len(stamps))
    chance[5:15] = 0.0
    left = np.delete(np.arange(len(stamps)), np.arange(5, 15))
    option = {"start": start, "end": end, "time_zone": LONDON}
    all_of_them = fit_pattern(stamps, chance, **option)
    without = fit_pattern(stamps[left], chance[left], **option)
    np.testing.assert_allclose(all_of_them.hour_of_day, without.hour_of_day)
    np.testing.assert_allclose(all_of_them.day_of_week, without.day_of_week)


def test_hours_weekdays_and_season_are_at_the_joint_maximum():
    """By a general optimiser, over hourly counts with half an event more by hour and by weekday."""
    start, end = local("2023-02-03 07:00", "2024-03-05 19:00")
    rng = np.random.default_rng(5)
    stamps = thinned(
        rng, start, end, most=4.0, rate=lambda s: plain_rate(s, hours=HOURS, week=WEEK)
    )
    pattern = fit_pattern(
        stamps, np.ones(len(stamps)), start=start, end=end, time_zone=LONDON, season=1
    )
    hour = pd.date_range(start, end, freq="h", inclusive="left")
    turn = 2 * np.pi * (hour.day_of_year - 0.5) / (365 + hour.is_leap_year)
    design = np.column_stack(
        [
            np.ones(len(hour)),
            hour.hour.to_numpy()[:, None] == np.arange(1, 24),
            hour.day_of_week.to_numpy()[:, None] == np.arange(1, 7),
            np.cos(turn),
            np.sin(turn),
        ]
    ).astype(float)
    events = np.searchsorted(hour, stamps, side="right") - 1
    wanted = design[events].sum(axis=0)
    of_hour, of_day = (
        np.bincount(hour[events].hour, minlength=24),
        np.bincount(hour[events].day_of_week),
    )

    def loss(beta):
        """Half an event an hour of day and a weekday pulls at its own factor alone."""
        rate = np.exp(design @ beta) / 24
        return rate.sum() - wanted @ beta, design.T @ rate - wanted

    found = minimize(loss, np.zeros(design.shape[1]), jac=True, method="BFGS", tol=1e-8).x
    hours = np.exp(np.concatenate([[0.0], found[1:24]])) * (of_hour + 0.5) / of_hour
    week = np.exp(np.concatenate([[0.0], found[24:30]])) * (of_day + 0.5) / of_day
    np.testing.assert_allclose(pattern.hour_of_day, hours / hours.mean(), rtol=5e-3)
    np.testing.assert_allclose(pattern.day_of_week, week / week.mean(), rtol=5e-3)
    np.testing.assert_allclose(pattern.season, found[30:], atol=5e-3)


def test_a_known_pattern_is_found_again_through_changes_of_the_clock():
    start, end = local("2022-01-01", "2024-01-01")

    def rate(stamps):
        return 12 * plain_rate(stamps, hours=HOURS, week=WEEK)

    stamps = thinned(np.random.default_rng(6), start, end, most=36.0, rate=rate)
    pattern = fit_pattern(stamps, np.ones(len(stamps)), start=start, end=end, time_zone=LONDON)
    n = len(stamps)
    z = np.concatenate(
        [
            (found - truth) / np.sqrt(truth * len(truth) / n)  # a Poisson count's, over the mean
            for found, truth in (
                (pattern.hour_of_day, HOURS),
                (pattern.day_of_week, WEEK / WEEK.mean()),
            )
        ]
    )
    assert np.abs(z).max() < 3.5
    assert 0.6 < np.sqrt((z**2).mean()) < 1.4  # 31 squares: three standard errors either way


def test_a_laid_background_is_that_in_space_times_the_pattern():
    start, end = local("2024-05-06", "2024-05-20")
    stamps = pd.date_range(start, end, freq="97min", inclusive="left")
    window = window_of(stamps, start, end)
    laid = PeriodicBackground(ConstantBackground()).lay(window, np.ones(len(stamps)))
    np.testing.assert_allclose(laid.at_events, laid.pattern.at(stamps) / 9e6)
    assert laid.days(start, end) == pytest.approx(14.0)
    assert laid.cell_share.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(laid.cell_days(start, end), 14.0 * laid.cell_share)
    assert not laid.map_moves
    assert list(laid.breaks(*local("2024-05-06 22:10", "2024-05-07 00:30"))) == list(
        local("2024-05-06 23:00", "2024-05-07 00:00")
    )


@compiled
def test_a_forecast_by_the_hour_follows_the_pattern():
    """Without noise: expected background counts of hours stand to each other as the pattern."""
    rng = np.random.default_rng(11)
    rows = branching_process(rng, background=5.0, days=300.0)
    night = plain_rate(
        pd.Timestamp("2021-01-01", tz="UTC") + pd.to_timedelta(rows[:, 0], unit="D"), hours=HOURS
    )
    rows = rows[rng.uniform(0, HOURS.max(), len(rows)) < night]
    events = as_events(rows, days=300.0)
    object.__setattr__(events, "time_zone", LONDON)
    model = SelfExciting(background=PeriodicBackground(ConstantBackground(), day_of_week=False))
    fitted = model.fit(events, GRID)
    hours = make_periods(
        events.end.tz_convert(LONDON).normalize() + pd.Timedelta(days=1),
        count=48,
        length="1h",
        time_zone=LONDON,
    )
    count = fitted.background_count(hours).sum(("y", "x")).to_numpy()
    pattern = fitted.background.pattern
    np.testing.assert_allclose(
        count / count.sum(), pattern.at(hours.left) / pattern.at(hours.left).sum(), rtol=1e-9
    )
    # Two days from here, with the hour of ten at night against that of ten in the morning:
    assert count[21:24].sum() > 3 * count[9:12].sum()
    simulated = fitted.simulate_counts(hours, size=4000, rng=rng).sum(("y", "x"))
    by_hour = simulated.mean("member").to_numpy().reshape(2, 24).sum(axis=0)
    expected = fitted.expected_count(hours).sum(("y", "x")).to_numpy().reshape(2, 24).sum(axis=0)
    np.testing.assert_allclose(by_hour, expected, atol=5 * np.sqrt(expected.max() / 4000), rtol=0.1)


def test_residuals_of_a_rhythm_are_exponential_only_with_its_pattern():
    start = pd.Timestamp("2021-01-01", tz="UTC")
    end = start + pd.Timedelta(days=200)
    rng = np.random.default_rng(12)
    stamps = thinned(rng, start, end, most=15.0, rate=lambda s: 7.5 * plain_rate(s, hours=HOURS))
    days = np.asarray((stamps - start) / pd.Timedelta(days=1))
    rows = np.column_stack([days, rng.uniform(0, 3000, (len(days), 2))])
    laid = PeriodicBackground(ConstantBackground()).lay(
        window_of(stamps, start, end), np.ones(len(stamps))
    )
    rate = len(rows) / 200
    rescaled = np.diff(rate * laid.days(start, stamps))
    plain = np.diff(rate * days)
    assert np.mean(rescaled**2) == pytest.approx(2.0, abs=0.25)  # of an exponential with mean 1
    assert np.mean(plain**2) > 2.5


def test_hours_of_times_by_the_day_are_refused():
    window = window_of(
        pd.date_range("2024-01-01", periods=50, tz=LONDON),
        *local("2024-01-01", "2024-03-01"),
        resolution="day",
    )
    with pytest.raises(
        ResolutionError, match=r"by the day, which tells no hours.*hour_of_day=False"
    ):
        PeriodicBackground(ConstantBackground()).lay(window, np.ones(50))
    laid = PeriodicBackground(ConstantBackground(), hour_of_day=False).lay(window, np.ones(50))
    assert laid.pattern.hour_of_day is None


def test_a_season_from_half_a_year_is_refused():
    start, end = local("2024-01-01", "2024-06-01")
    window = window_of(pd.date_range(start, periods=50, freq="3D"), start, end)
    with pytest.raises(ParameterError, match=r"whole year .* has 152 days"):
        PeriodicBackground(ConstantBackground(), season=1).lay(window, np.ones(50))


def test_weekdays_of_less_than_a_week_are_refused():
    start, end = local("2024-01-01", "2024-01-06")
    window = window_of(pd.date_range(start, periods=50, freq="2h"), start, end)
    with pytest.raises(ParameterError, match="holds no Saturday, Sunday"):
        PeriodicBackground(ConstantBackground()).lay(window, np.ones(50))


def test_a_pattern_upon_a_pattern_is_refused():
    start, end = local("2024-01-01", "2024-03-01")
    window = window_of(pd.date_range(start, periods=50, freq="25h"), start, end)
    inner = PeriodicBackground(ConstantBackground(), hour_of_day=False)
    with pytest.raises(ParameterError, match="PeriodicBackground varies in time itself"):
        PeriodicBackground(inner, day_of_week=False).lay(window, np.ones(50))


def test_a_background_in_which_nothing_varies_is_refused():
    with pytest.raises(ParameterError, match=r"Nothing varies .* use KernelBackground itself"):
        PeriodicBackground(hour_of_day=False, day_of_week=False)


@pytest.mark.parametrize("season", [-1, 13, 1.5, True, "year"])
def test_a_season_that_is_no_number_of_harmonics_is_refused(season):
    with pytest.raises(ParameterError, match="season is a number of harmonics"):
        PeriodicBackground(KernelBackground(), season=season)


def test_what_is_no_background_is_refused():
    with pytest.raises(ParameterError, match="space must be a background"):
        PeriodicBackground("kernel")


@pytest.mark.real
def test_assaults_in_chicago_are_twice_as_many_late_at_night_as_early_in_the_morning(real_data):
    """Of a police district, by its own clock; the curve is that of plain counts by hour."""
    path = real_data / "chicago_agg_assault_exact" / "dev_chicago_agg_assault_2010_2016.parquet"
    told = pd.read_parquet(path, columns=["date", "district"], filters=[("district", "==", 11)])
    clock = pd.DatetimeIndex(told["date"])
    stamps = clock.tz_localize("America/Chicago", ambiguous=True, nonexistent="shift_forward")
    pattern = fit_pattern(
        stamps,
        np.ones(len(stamps)),
        start=pd.Timestamp("2010-01-01", tz="America/Chicago"),
        end=pd.Timestamp("2017-01-01", tz="America/Chicago"),
        time_zone="America/Chicago",
        season=2,
        trend=True,
    )
    count = np.bincount(clock.hour, minlength=24)
    np.testing.assert_allclose(pattern.hour_of_day, count / count.mean(), rtol=0.02)
    assert pattern.hour_of_day[[21, 22, 23]].mean() > 2 * pattern.hour_of_day[[5, 6, 7]].mean()


def test_an_event_known_to_an_interval_is_shared_out_by_the_rate():
    """From 10:00 to 12:00, with three times the rate in the second hour; another from 9:30 on."""
    start, end = local("2024-05-06", "2024-05-08")
    bins = Quarters.of(start, end, LONDON)
    rate = np.ones(192)
    rate[bins.hour == 11] = 3.0
    of_date, of_hour = bins.counts(
        np.array([10.0, 24 + 9.5]) / 24,
        np.array([12.0, 24 + 10.25]) / 24,
        np.array([1.0, 0.6]),
        rate,
    )
    np.testing.assert_allclose(of_date, [1.0, 0.6])
    expected = np.zeros(24)
    expected[[9, 10, 11]] = [0.6 * 2 / 3, 0.25 + 0.6 / 3, 0.75]
    np.testing.assert_allclose(of_hour, expected, atol=1e-9)


def test_hours_are_found_again_where_only_intervals_are_known():
    """Half the times are exact; the others were noticed up to five hours later."""
    start, end = local("2022-01-01", "2024-01-01")
    rng = np.random.default_rng(14)
    stamps = thinned(rng, start, end, most=30.0, rate=lambda s: 15 * plain_rate(s, hours=HOURS))
    stamps = stamps[(stamps > start + pd.Timedelta("5h")) & (stamps < end - pd.Timedelta("5h"))]
    n = len(stamps)
    unsure = rng.random(n) < 0.5
    begin, wait = (np.where(unsure, rng.uniform(0, 5, n), 0.0) for _ in range(2))
    earliest = stamps - pd.to_timedelta(begin, unit="h")
    latest = stamps + pd.to_timedelta(wait, unit="h")
    option = {"start": start, "end": end, "time_zone": LONDON, "day_of_week": False}
    found = fit_pattern(latest, np.ones(n), earliest=earliest, **option).hour_of_day
    late = fit_pattern(latest, np.ones(n), **option).hour_of_day
    error = np.sqrt(HOURS * 24 / n)
    assert np.abs((found - HOURS) / error).max() < 5
    assert np.abs((late - HOURS) / error).max() > 8  # as if all had happened when noticed


def test_a_background_under_an_interval_is_the_mean_of_its_pattern():
    start, end = local("2024-05-06", "2024-05-20")
    stamps = pd.date_range(start + pd.Timedelta("9h"), end, freq="97min", inclusive="left")
    window = window_of(stamps, start, end)
    table = window.events.table.assign(time=stamps.tz_convert("UTC"))
    table["earliest_time"] = table["time"] - pd.to_timedelta(np.arange(len(stamps)) % 3, unit="h")
    window = replace(window, events=replace(window.events, table=table))
    laid = PeriodicBackground(ConstantBackground()).lay(window, np.ones(len(stamps)))
    for i in (0, 1, 2, 50):
        begin, latest = (table[name][i] for name in ("earliest_time", "time"))
        minutes = pd.date_range(begin, latest, freq="min", inclusive="left" if i % 3 else "both")
        mean = laid.pattern.at(minutes).mean()
        assert laid.at_events[i] * 9e6 == pytest.approx(mean, rel=1e-9)


@pytest.mark.real
def test_cars_in_new_york_are_stolen_by_night_and_missed_in_the_morning(real_data):
    path = real_data / "nyc_vehicle_theft_exact" / "dev_nyc_vehicle_thefts_2014_2016.parquet"
    told = pd.read_parquet(path, columns=["date_start", "date_end"])
    zone = "America/New_York"
    begin, end = (
        told[name].dt.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
        for name in ("date_start", "date_end")
    )
    window = pd.date_range("2014", periods=2, freq="3YS", tz=zone)
    held = (end > begin) & (end - begin < pd.Timedelta(days=3))
    held &= (begin >= window[0]) & (end < window[1])
    begin, end = (pd.DatetimeIndex(one[held]) for one in (begin, end))
    option = {"start": window[0], "end": window[1], "time_zone": zone}
    shared = fit_pattern(end, np.ones(len(end)), earliest=begin, **option).hour_of_day
    missed = fit_pattern(end, np.ones(len(end)), **option).hour_of_day
    assert np.argmax(shared) in (0, 1, 2, 3, 4)
    assert np.argmax(missed) in (6, 7, 8)
