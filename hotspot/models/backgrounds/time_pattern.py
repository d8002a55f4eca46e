r"""How a background rises and falls with the local clock, the week and the year.

.. math:: \nu(t) = c \; d_{\text{hour}(t)} \; w_{\text{weekday}(t)} \;
   \exp \Bigl( \sum_{k=1}^{K} a_k \cos k\varphi(t) + b_k \sin k\varphi(t) + \gamma\, y(t) \Bigr)

on the region's own clock and calendar: φ turns once in a calendar year, of 365 days or 366, and y
counts years since the window began. ν is constant inside a local hour, so every integral of it is a
sum, and a day on which clocks change has 23 hours or 25.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray
from hotspot.errors import ConvergenceError, ParameterError
from hotspot.models.backgrounds.poisson import poisson_coefficients
from hotspot.models.backgrounds.quarters import QUARTER, Quarters, days_after, quarters

_DAY = pd.Timedelta(days=1)
_YEAR = 365.25
_ROUNDS = 500
_SETTLED = 1e-10
_MOST_SHARES = 100  # rounds in which events of intervals are shared out
_SHARED = 1e-4
_HALF = 0.5  # events added to every hour and weekday: none can come out impossible
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, eq=False)
class TimePattern:
    """A pattern in time; its mean over the window that it was fitted to is 1.

    Attributes
    ----------
    time_zone : str
        The zone whose clock and calendar count.
    start, end : Timestamp
        The window that it was fitted to. The trend is held at its value of `end` from there on.
    level : float
        c.
    hour_of_day : (24,) float64 or None
        d, mean 1; None where the hour is left out of account.
    day_of_week : (7,) float64 or None
        w from Monday on, mean 1; None where the weekday is left out of account.
    season : (2 K,) float64
        a and b in turn, on the scale of logarithms; empty without a season.
    trend : float
        γ, the growth of the rate's logarithm in a year; 0 without a trend.

    Examples
    --------
    Twice as much in the first hour of the day as in any other:

    >>> hours = np.where(np.arange(24) == 0, 2.0, 1.0) * 24 / 25
    >>> year = pd.date_range("2024", periods=2, freq="YS", tz="Europe/London")
    >>> night = TimePattern("Europe/London", *year, hour_of_day=hours)
    >>> midnight = pd.Timestamp("2024-06-01", tz="Europe/London")
    >>> round(25 * night.days(midnight, midnight + pd.Timedelta(hours=1)), 6)
    2.0
    """

    time_zone: str
    start: pd.Timestamp
    end: pd.Timestamp
    level: float = 1.0
    hour_of_day: FloatArray | None = None
    day_of_week: FloatArray | None = None
    season: FloatArray = ()
    trend: float = 0.0

    def at(self, stamps: pd.DatetimeIndex) -> FloatArray:
        """ν at each instant; (n,), unitless."""
        local = on_the_clock(stamps).tz_convert(self.time_zone)
        value = np.full(len(local), self.level)
        if self.hour_of_day is not None:
            value *= self.hour_of_day[local.hour]
        if self.day_of_week is not None:
            value *= self.day_of_week[local.day_of_week]
        if len(self.season):
            value *= np.exp(harmonics(local, len(self.season) // 2) @ self.season)
        if self.trend:
            value *= np.exp(self.trend * years_since(local, self.start, self.end))
        return value

    def days(
        self, start: pd.Timestamp | pd.DatetimeIndex, end: pd.Timestamp | pd.DatetimeIndex
    ) -> float | FloatArray:
        """Integral of ν from `start` to `end`, in days; either may be one instant or many.

        Notes
        -----
        Exact. O(quarters of an hour between the first and the last instant), so that many instants
        are better asked for at once.
        """
        one = isinstance(start, pd.Timestamp) and isinstance(end, pd.Timestamp)
        starts, ends = (
            pd.DatetimeIndex([when] if isinstance(when, pd.Timestamp) else when)
            for when in (start, end)
        )
        edges = quarters(min(starts.min(), ends.min()), max(starts.max(), ends.max()))
        so_far = np.concatenate([[0.0], np.cumsum(self.at(edges[:-1]))]) * (QUARTER / _DAY)
        at = days_after(edges, edges[0])
        begun, done = (np.interp(days_after(when, edges[0]), at, so_far) for when in (starts, ends))
        return float(done[0] - begun[0]) if one else done - begun

    def breaks(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
        """Instants between `start` and `end` at which ν may jump: whole local hours or midnights.

        Returns
        -------
        DatetimeIndex
            In UTC, ascending; `start` and `end` left out.
        """
        edges = quarters(start, end)
        edges = edges[(edges > start) & (edges < end)]
        local = edges.tz_convert(self.time_zone)
        whole = local.minute == 0
        if self.hour_of_day is None:
            whole &= local.hour == 0
        return edges[whole]


def fit_pattern(
    stamps: pd.DatetimeIndex,
    chance: FloatArray,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    time_zone: str,
    hour_of_day: bool = True,
    day_of_week: bool = True,
    season: int = 0,
    trend: bool = False,
    earliest: pd.DatetimeIndex | None = None,
) -> TimePattern:
    """The pattern under which events, each weighed by its chance, are likeliest.

    Parameters
    ----------
    stamps : DatetimeIndex (n,)
        Times of the events in [start, end).
    chance : (n,) float64
        What each counts for.
    start, end : Timestamp
        When events could have been recorded. Hours and weekdays are held against
        how often they were in this window, so that half a week or half a day does no harm.
    time_zone : str
    hour_of_day, day_of_week, trend : bool
        What the pattern has.
    season : int
        K, number of harmonics of the year.
    earliest : DatetimeIndex (n,) or None
        Where only an interval is known of an event, its begin; `stamps` are then the ends.

    Raises
    ------
    ParameterError
        If the window holds no such hour or weekday at all.

    Notes
    -----
    Hours, weekdays and season are fitted in turn until nothing moves, which is the joint maximum.
    Every hour and weekday has half an event more than was counted, so that none is impossible. An
    event known to an interval is shared out over it by the pattern itself, over and over (EM),
    until no factor moves by more than 1e-4, or a hundred times.
    """
    bins = Quarters.of(start, end, time_zone)
    latest = days_after(on_the_clock(stamps), start)
    since = latest if earliest is None else days_after(on_the_clock(earliest), start)
    noon = (bins.dates + pd.Timedelta(hours=12)).tz_localize(time_zone)
    smooth = harmonics(noon, season)
    if trend:
        smooth = np.column_stack([smooth, years_since(noon, start, end)])
    weekday, exposure = bins.dates.day_of_week.to_numpy(), bins.exposure
    rate = np.ones(bins.hour.size)
    for _ in range(_MOST_SHARES):
        of_date, of_hour = bins.counts(since, latest, chance, rate)
        found = _in_turn(
            exposure,
            weekday=weekday,
            of_date=of_date,
            of_hour=of_hour,
            smooth=smooth,
            wanted=(hour_of_day, day_of_week),
        )
        before = rate
        rate = found[0][bins.hour] * (found[1][weekday] * np.exp(smooth @ found[2]))[bins.date]
        if earliest is None or np.abs(np.log(rate / before)).max() < _SHARED:
            break
    pattern = TimePattern(
        time_zone,
        start,
        end,
        1.0,
        found[0] if hour_of_day else None,
        found[1] if day_of_week else None,
        found[2][: 2 * season],
        float(found[2][-1]) if trend else 0.0,
    )
    return replace(pattern, level=(end - start) / _DAY / pattern.days(start, end))


def _in_turn(exposure, *, weekday, of_date, of_hour, smooth, wanted):
    """Hours, weekdays and coefficients of the smooth part at the joint maximum."""
    of_weekday = np.bincount(weekday, of_date, 7)
    if wanted[0]:
        _require_seen(exposure.sum(axis=0), tuple(f"{h:02d}:00" for h in range(24)), "hour_of_day")
    if wanted[1]:
        _require_seen(np.bincount(weekday, minlength=7), _WEEKDAYS, "day_of_week")
    hour, week, beta = np.ones(24), np.ones(7), np.zeros(smooth.shape[1])
    design = np.column_stack([np.ones(len(smooth)), smooth])
    names = ("level", *(f"season or trend {k}" for k in range(1, design.shape[1])))
    for _ in range(_ROUNDS):
        before = np.log(np.concatenate([hour, week])), beta
        if wanted[1]:
            expected = np.bincount(weekday, np.exp(smooth @ beta) * (exposure @ hour), 7)
            week = _mean_one((of_weekday + _HALF) / expected)
        if smooth.shape[1]:
            beta = poisson_coefficients(
                design, of_date, week[weekday] * (exposure @ hour), names=names
            )[1:]
        if wanted[0]:
            hour = _mean_one(
                (of_hour + _HALF) / ((week[weekday] * np.exp(smooth @ beta)) @ exposure)
            )
        moved = np.abs(np.log(np.concatenate([hour, week])) - before[0]).max()
        if max(moved, np.abs(beta - before[1]).max(initial=0.0)) < _SETTLED:
            return hour, week, beta
    raise ConvergenceError(
        f"The pattern of hours, weekdays and season did not settle in {_ROUNDS} rounds. Leave one "
        "of them out, or use a longer window."
    )


def _mean_one(factor: FloatArray) -> FloatArray:
    return factor / factor.mean()


def _require_seen(exposure: FloatArray, names: tuple[str, ...], option: str) -> None:
    never = [name for name, seen in zip(names, exposure, strict=True) if seen <= 0]
    if never:
        raise ParameterError(
            f"The likelihood's window holds no {', '.join(never)}, of which nothing can be "
            f"learned. Use a longer window, or {option}=False."
        )


def on_the_clock(stamps: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """To the microsecond: times that were days as floats lie nanoseconds before their hour."""
    return stamps.tz_convert("UTC").round("us")  # rounded as told locally, 01:30 would be ambiguous


def harmonics(local: pd.DatetimeIndex, count: int) -> FloatArray:
    """Cosine and sine of the time of year, and of its multiples; (n, 2 count)."""
    turn = 2 * np.pi * (local.day_of_year - 0.5) / (365 + local.is_leap_year)
    k = np.arange(1, count + 1)
    angle = np.asarray(turn, float)[:, None] * k
    return np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(len(local), 2 * count)


def years_since(local: pd.DatetimeIndex, start: pd.Timestamp, end: pd.Timestamp) -> FloatArray:
    """Years from `start` to the begin of each instant's local day, held inside the window."""
    day = local.tz_localize(None).normalize()
    first = start.tz_convert(local.tz).tz_localize(None)
    last = (end - start) / _DAY / _YEAR
    return np.clip(np.asarray((day - first) / _DAY, float) / _YEAR, 0.0, last)
