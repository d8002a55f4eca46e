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
        "month", "week", "day" or a pandas offset such as "14D" or "6h". Months, weeks and
        days follow the local calendar, so a day across a clock change has 23 or 25 hours;
        hours are elapsed time.
    time_zone : str
        The zone in which periods begin.

    Returns
    -------
    IntervalIndex
        Closed on the left, tz-aware.

    Raises
    ------
    DateError
        If `start` is not a date, or does not begin a period (a month that starts mid-month, a
        day that starts at noon), or clocks skip or repeat it.
    ParameterError
        If neither or both of `end` and `count` are given, `count` or `length` is not positive,
        or no whole period fits.
    UnknownNameError
        If there is no such time zone.

    Examples
    --------
    >>> periods = make_periods("2019-01", "2019-04")
    >>> len(periods), str(periods[0].right.date())
    (3, '2019-02-01')
    """
    first = local_timestamp(start, time_zone)
    offset = _offset(length)
    if (end is None) == (count is None):
        raise ParameterError("Give either `end` or `count`, and not both.")
    if count is not None and (isinstance(count, bool) or count != int(count) or count < 1):
        raise ParameterError(f"count must be a whole number of at least 1, got {count!r}.")
    last = None if end is None else local_timestamp(end, time_zone)
    # Hours are elapsed time. Days and longer are wall-clock: a month that began an hour late
    # because clocks changed inside the one before would not be a month.
    follows_calendar = not isinstance(offset, pd.offsets.Tick) or isinstance(offset, pd.offsets.Day)
    if follows_calendar:
        first = first.tz_localize(None)
        last = None if last is None else last.tz_localize(None)
        if first != first.normalize() or not offset.is_on_offset(first):
            raise DateError(f"{first} does not begin a {length}; give the first instant of one.")
    edges = pd.date_range(first, last, periods=None if count is None else count + 1, freq=offset)
    if len(edges) < 2:
        raise ParameterError(f"No whole {length} lies between {start} and {end}.")
    if follows_calendar:
        edges = edges.tz_localize(time_zone)
    return pd.IntervalIndex.from_breaks(edges, closed="left")


def _offset(length: str):
    try:
        offset = pd.tseries.frequencies.to_offset(_ALIASES.get(length, length))
    except (TypeError, ValueError):
        offset = None
    if offset is None or offset.n < 1:
        raise ParameterError(
            f'length={length!r} is not understood; give "month", "week", "day" or an offset of at '
            'least one unit like "14D".'
        )
    return offset


def period_days(periods: pd.IntervalIndex):
    """Length of each period in days of 24 hours; float64 (n_periods,)."""
    return ((periods.right - periods.left) / pd.Timedelta(days=1)).to_numpy(float)
