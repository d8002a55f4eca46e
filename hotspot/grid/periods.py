"""Half-open stretches of time that counts and forecasts are made for."""

from __future__ import annotations

import pandas as pd

from hotspot._checks import local_timestamp
from hotspot.errors import DateError, ParameterError

_ALIASES = {"month": "MS", "week": "7D", "day": "D"}


def make_periods(
    start: str | pd.Timestamp,
    end: str | pd.Timestamp | None = None,
    *,
    count: int | None = None,
    length: str = "month",
    time_zone: str = "Europe/London",
) -> pd.IntervalIndex:
    """Consecutive periods from `start`, half-open [start, end) in local time.

    Parameters
    ----------
    start, end : str or Timestamp
        First instant of the first period; the last period ends at or before `end`.
        Without a time zone they are taken to be in `time_zone`.
    count : int, optional
        Number of periods, instead of `end`.
    length : str
        "month", "week", "day" or a pandas offset such as "14D". Months, weeks and days
        follow the local calendar, so a day across a clock change has 23 or 25 hours.
    time_zone : str
        The zone in which periods begin.

    Returns
    -------
    IntervalIndex
        Closed on the left, tz-aware.

    Raises
    ------
    DateError
        If `start` is not a date, or does not begin a period (a month that starts mid-month).
    ParameterError
        If neither or both of `end` and `count` are given, or no whole period fits.

    Examples
    --------
    >>> periods = make_periods("2019-01", "2019-04")
    >>> len(periods), str(periods[0].right.date())
    (3, '2019-02-01')
    """
    first = local_timestamp(start, time_zone)
    frequency = _ALIASES.get(length, length)
    if (end is None) == (count is None):
        raise ParameterError("Give either `end` or `count`, and not both.")
    # Wall-clock arithmetic: ranges are made without a zone, then placed in it.
    wall = first.tz_localize(None)
    try:
        offset = pd.tseries.frequencies.to_offset(frequency)
    except ValueError:
        raise ParameterError(
            f'length={length!r} is not understood; give "month", "week", "day" or an offset like "14D".'
        ) from None
    if not offset.is_on_offset(wall):
        raise DateError(f"{wall} does not begin a {length}; give the first instant of one.")
    if count is not None:
        if count < 1:
            raise ParameterError(f"count must be at least 1, got {count}.")
        edges = pd.date_range(wall, periods=count + 1, freq=offset)
    else:
        last = local_timestamp(end, time_zone).tz_localize(None)
        edges = pd.date_range(wall, last, freq=offset)
    if len(edges) < 2:
        raise ParameterError(f"No whole {length} lies between {start} and {end}.")
    edges = edges.tz_localize(time_zone)
    return pd.IntervalIndex.from_breaks(edges, closed="left")


def period_days(periods: pd.IntervalIndex):
    """Length of each period in days of 24 hours; float64 (n_periods,)."""
    return ((periods.right - periods.left) / pd.Timedelta(days=1)).to_numpy(float)
