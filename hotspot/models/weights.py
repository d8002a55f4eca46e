"""How much each past event weighs: the training window, its covered part, and decay."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.grid.counts import covered_periods
from hotspot.grid.periods import local_timestamp, make_periods

_WINDOW = re.compile(r"^\s*(\d+)\s*(day|week|month|year)s?\s*$")


@dataclass(frozen=True, eq=False)
class PastEvents:
    """Events in one canonical order, ready to be averaged from any cut-off backwards.

    Attributes
    ----------
    when : (n,) float64
        Days since `start`, ascending; for month data the middle of the month.
    x, y : (n,) float64
        Positions; metres.
    first, last : (m,) float64
        Begin and end of each recorded stretch; days since `start`. Events outside all
        stretches (months that some force did not publish) are left out.
    by_month : bool
        Whether a stretch is a month whose events share one weight.
    start, end : Timestamp
        The recorded window.
    time_zone : str
    """

    when: FloatArray
    x: FloatArray
    y: FloatArray
    first: FloatArray
    last: FloatArray
    by_month: bool
    start: pd.Timestamp
    end: pd.Timestamp
    time_zone: str


@dataclass(frozen=True, eq=False)
class WeightedPast:
    """What a model averages: a run of past events, a weight each, and the exposure.

    Attributes
    ----------
    rows : slice
        Which of the `PastEvents` are in the window.
    weight : (n,) float64
        0.5 ** (age / half_life), or 1.
    exposure : float
        Integral of the weight over the recorded days of the window; weighted days. The
        weighted mean rate of a place is its sum of weights over `exposure`.
    """

    rows: slice
    weight: FloatArray
    exposure: float


def arrange(events: Events) -> PastEvents:
    """Put events in an order that does not depend on their rows', months at their middle.

    Raises
    ------
    TooFewEventsError
        If the window holds no month that every force published.

    Notes
    -----
    Time O(n log n), once for a fit.
    """
    by_month = events.time_resolution == "month"
    recorded = _recorded_stretches(events, by_month)
    # Both from the same origin: a begin plus a length may miss the next begin by rounding, and a
    # month that ends at the cut-off would not count as before it.
    first, last = (
        ((edge - events.start) / pd.Timedelta(days=1)).to_numpy(float)
        for edge in (recorded.left, recorded.right)
    )
    when, x, y = events.coordinates().T
    slot = np.searchsorted(first, when, side="right") - 1
    keep = (slot >= 0) & (when < last[slot])
    if by_month:
        when = ((first + last) / 2)[slot]
    return PastEvents(
        when=when[keep],
        x=x[keep],
        y=y[keep],
        first=first,
        last=last,
        by_month=by_month,
        start=events.start,
        end=events.end,
        time_zone=events.time_zone,
    )


def weigh(
    past: PastEvents,
    cutoff: pd.Timestamp,
    *,
    window: str | None = None,
    half_life: float | None = None,
) -> WeightedPast:
    """The events before `cutoff` that a model averages, with their weights.

    Parameters
    ----------
    past : PastEvents
    cutoff : Timestamp
    window : str, optional
        How far back, such as "36 months", "8 weeks", "90 days"; default all. Cut to what
        was recorded.
    half_life : float, optional
        Days after which an event weighs half; default no decay.

    Raises
    ------
    TooFewEventsError
        If nothing was recorded in the window.
    """
    start = past.start
    if window is not None:
        local = cutoff.tz_convert(past.time_zone).tz_localize(None) - window_offset(window)
        start = max(start, local.tz_localize(past.time_zone))
    low, high = ((edge - past.start) / pd.Timedelta(days=1) for edge in (start, cutoff))
    if past.by_month:  # whole months only: those that a cut-off or a window cuts are left out
        inside = (past.first >= low) & (past.last <= high)
        first, last = past.first[inside], past.last[inside]
    else:
        first, last = np.maximum(past.first, low), np.minimum(past.last, high)
    if first.size == 0 or (last <= first).any():
        raise TooFewEventsError(
            f"Nothing was recorded between {start:%Y-%m-%d} and {cutoff:%Y-%m-%d}."
        )
    rows = slice(*np.searchsorted(past.when, [first[0], last[-1]]))
    decay = np.log(2) / half_life if half_life else 0.0
    return WeightedPast(
        rows=rows,
        weight=np.exp(-decay * (high - past.when[rows])),
        exposure=_exposure(high - last, high - first, decay, past.by_month),
    )


def cutoff_of(events: Events, end: pd.Timestamp | None) -> pd.Timestamp:
    """The instant from which on nothing is used: `end`, or the end of the recorded window."""
    if end is None:
        return events.end
    cutoff = local_timestamp(end, events.time_zone)
    if cutoff <= events.start:
        raise TooFewEventsError(
            f"Nothing was recorded before {cutoff:%Y-%m-%d}: the events begin "
            f"{events.start:%Y-%m-%d}."
        )
    return min(cutoff, events.end)


def check_half_life(half_life: float | None) -> None:
    """Refuse a half-life that is not a positive number of days."""
    if half_life is not None and not 0 < half_life < np.inf:
        raise ParameterError(f"half_life must be a positive number of days, got {half_life}.")


def window_offset(window: str) -> pd.DateOffset:
    """The calendar offset that a window such as "36 months" stands for."""
    match = _WINDOW.match(str(window))
    if not match or int(match[1]) == 0:
        raise ParameterError(
            f'window={window!r} is not understood; write a number and a unit, such as "36 months", '
            '"8 weeks" or "90 days".'
        )
    return pd.DateOffset(**{f"{match[2]}s": int(match[1])})


def _recorded_stretches(events: Events, by_month: bool) -> pd.IntervalIndex:
    """Whole published months for month data, else the whole window as one stretch."""
    if not by_month:
        # A cut-off in another zone is the same instant, but no interval holds two zones.
        end = events.end.tz_convert(events.start.tz)
        return pd.IntervalIndex.from_arrays(
            pd.DatetimeIndex([events.start]), pd.DatetimeIndex([end]), closed="left"
        )
    months = make_periods(
        events.start.tz_convert(events.time_zone), events.end, time_zone=events.time_zone
    )
    covered = covered_periods(events, months)
    if not covered.any():
        raise TooFewEventsError(
            f"No month between {events.start:%Y-%m} and {events.end:%Y-%m} was published by "
            "every force in the data."
        )
    return months[covered]


def _exposure(youngest: FloatArray, oldest: FloatArray, decay: float, by_month: bool) -> float:
    """Weighted days of stretches that end `youngest` and begin `oldest` days before the cut-off."""
    if decay == 0:
        return float((oldest - youngest).sum())
    if by_month:  # every event of a month has the weight of its middle
        return float(((oldest - youngest) * np.exp(-decay * (oldest + youngest) / 2)).sum())
    return float(((np.exp(-decay * youngest) - np.exp(-decay * oldest)) / decay).sum())
