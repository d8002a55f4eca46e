"""Periods: consecutive, half-open, and in local time across clock changes and leap days."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspot.errors import DateError, ParameterError, UnknownNameError
from hotspot.grid.periods import make_periods, period_days


def test_months_begin_at_local_midnight_of_the_first():
    periods = make_periods("2019-03", "2019-06")
    assert [str(p.left) for p in periods] == [
        "2019-03-01 00:00:00+00:00",
        "2019-04-01 00:00:00+01:00",
        "2019-05-01 00:00:00+01:00",
    ]


def test_a_month_with_a_clock_change_is_an_hour_short_or_long():
    days = period_days(make_periods("2024-03", count=8))
    assert days[0] == pytest.approx(31 - 1 / 24)
    assert days[7] == pytest.approx(31 + 1 / 24)
    assert days[1:7].tolist() == [30, 31, 30, 31, 31, 30]


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25)])
def test_a_day_across_a_clock_change_has_23_or_25_hours(day, hours):
    periods = make_periods(day, count=2, length="day")
    assert (period_days(periods) * 24).tolist() == pytest.approx([hours, 24])
    assert periods[1].left.hour == 0


def test_a_week_across_a_clock_change_still_begins_at_midnight():
    periods = make_periods("2024-03-25", count=2, length="week")
    assert [p.left.hour for p in periods] == [0, 0]
    assert period_days(periods).tolist() == pytest.approx([7 - 1 / 24, 7])


@pytest.mark.parametrize(("year", "days"), [(2023, 28), (2024, 29), (1900, 28), (2000, 29)])
def test_february_has_its_leap_day(year, days):
    assert period_days(make_periods(f"{year}-02", count=1)).tolist() == [days]


def test_the_leap_day_is_a_day():
    periods = make_periods("2024-02-28", "2024-03-02", length="day")
    assert [p.left.day for p in periods] == [28, 29, 1]


def test_hours_are_elapsed_time_where_clocks_repeat_one():
    """27 October 2024 has 25 hours in London, so 25 periods of one hour."""
    periods = make_periods("2024-10-27", "2024-10-28", length="1h")
    assert len(periods) == 25
    assert (period_days(periods) * 24).tolist() == pytest.approx([1.0] * 25)


def test_a_period_that_would_pass_the_end_is_left_out():
    assert len(make_periods("2019-01", "2019-03-15")) == 2


def test_times_with_another_zone_are_moved_to_the_local_one():
    periods = make_periods(pd.Timestamp("2024-06-30T23:00", tz="UTC"), count=1)
    assert str(periods[0].left) == "2024-07-01 00:00:00+01:00"


@given(
    month=st.integers(0, 600),
    count=st.integers(1, 30),
    length=st.sampled_from(["month", "week", "day", "10D", "QS", "6h"]),
)
def test_periods_follow_one_another_and_are_closed_on_the_left(month, count, length):
    start = pd.Timestamp("1990-01-01") + pd.DateOffset(months=month - month % 3)
    periods = make_periods(start, count=count, length=length)
    assert len(periods) == count
    assert periods.closed == "left"
    assert (periods.right[:-1] == periods.left[1:]).all()
    assert (period_days(periods) > 0).all()
    # The first instant is in the first period only, the last in none.
    assert periods.contains(periods[0].left).tolist() == [True] + [False] * (count - 1)
    assert not periods.contains(periods[-1].right).any()


@pytest.mark.parametrize(
    ("start", "length", "message"),
    [
        ("2019-01-02", "month", "does not begin a month"),
        ("2019-01-01 05:00", "month", "05:00:00 does not begin a month"),
        ("2019-01-01 05:00", "day", "05:00:00 does not begin a day"),
        ("2024-07-01T00:00+00:00", "month", "01:00:00 does not begin a month"),
        ("2024-13", "month", "'2024-13' is not a date"),
        ("soon", "day", "'soon' is not a date"),
        (None, "day", "None is not a date"),
        (2019, "day", "2019 is a number, not a date"),
        ("2024-03-31 01:30", "1h", "does not name one instant in Europe/London"),
        ("2024-10-27 01:30", "1h", "does not name one instant in Europe/London"),
    ],
)
def test_a_start_that_begins_no_period_is_refused(start, length, message):
    with pytest.raises(DateError, match=message):
        make_periods(start, count=1, length=length)


@pytest.mark.parametrize("count", [0, -1, 2.5, True])
def test_a_count_that_is_no_positive_whole_number_is_refused(count):
    with pytest.raises(ParameterError, match="count must be a whole number of at least 1"):
        make_periods("2019-01", count=count)


@pytest.mark.parametrize("length", ["fortnight", "0D", "-1D", 7, None])
def test_a_length_that_is_not_understood_is_refused(length):
    with pytest.raises(ParameterError, match="is not understood"):
        make_periods("2019-01", count=1, length=length)


@pytest.mark.parametrize("options", [{}, {"end": "2019-03", "count": 2}])
def test_neither_or_both_of_end_and_count_are_refused(options):
    with pytest.raises(ParameterError, match="Give either `end` or `count`"):
        make_periods("2019-01", **options)


@pytest.mark.parametrize("end", ["2018-01", "2019-01", "2019-01-31"])
def test_an_end_before_the_first_period_ends_is_refused(end):
    with pytest.raises(ParameterError, match="No whole month lies between 2019-01 and"):
        make_periods("2019-01", end)


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(UnknownNameError, match="'Europe/Londn' is not a time zone"):
        make_periods("2019-01", count=1, time_zone="Europe/Londn")
