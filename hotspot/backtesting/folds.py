"""Cuts between what a model may learn from and what it is judged on."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from hotspot.data.events import Events
from hotspot.errors import LeakError, ParameterError, TooFewEventsError
from hotspot.grid.periods import make_periods
from hotspot.models.weights import window_offset


@dataclass(frozen=True, eq=False)
class Fold:
    """One cut: nothing at or after `cutoff` may be learned from.

    Attributes
    ----------
    cutoff : Timestamp
        End of what a model may see; tz-aware.
    periods : IntervalIndex
        What is forecast and judged; begins at or after `cutoff`.
    train_start : Timestamp or None
        Begin of what a model may see; None for everything recorded.
    """

    cutoff: pd.Timestamp
    periods: pd.IntervalIndex
    train_start: pd.Timestamp | None = None

    def __post_init__(self) -> None:
        if self.periods[0].left < self.cutoff:
            raise LeakError(
                f"The first judged period begins {self.periods[0].left}, before the cut-off "
                f"{self.cutoff}."
            )
        if self.train_start is not None and self.train_start >= self.cutoff:
            raise ParameterError(
                f"train_start {self.train_start} must come before the cut-off {self.cutoff}."
            )

    def past(self, events: Events) -> Events:
        """The events that a model may see in this fold."""
        past = events.before(self.cutoff)
        if past.end <= past.start:
            raise TooFewEventsError(
                f"Nothing was recorded before the cut-off {self.cutoff:%Y-%m-%d}: the events begin "
                f"{events.start:%Y-%m-%d}. Begin the folds later."
            )
        return past if self.train_start is None else past.select(start=self.train_start)


def rolling_origin(
    start: str | pd.Timestamp,
    end: str | pd.Timestamp,
    *,
    length: str = "month",
    horizon: int = 1,
    step: int = 1,
    window: str | None = None,
    gap: int = 0,
    time_zone: str = "Europe/London",
) -> list[Fold]:
    """Folds whose origin moves forward in time, as forecasts would be issued.

    Parameters
    ----------
    start, end : str or Timestamp
        Begin of the first and end of the last judged period.
    length : str
        Length of one period: "month", "week", "day" or an offset such as "14D".
    horizon : int
        Periods that each fold forecasts.
    step : int
        Periods from one origin to the next.
    window : str, optional
        How much of the past a fold may see, such as "60 months"; default all of it.
        (How much of that a model uses is the model's own choice.)
    gap : int
        Whole periods between the cut-off and the first judged period, for data that
        are published late; data.police.uk appears one to two months after the month.
    time_zone : str
        The zone in which periods begin.

    Returns
    -------
    list of Fold
        In time order; folds that would end after `end` are left out.

    Raises
    ------
    ParameterError
        If a number is out of range, or no fold fits.

    References
    ----------
    Tashman, L. J. (2000). Out-of-sample tests of forecasting accuracy: an analysis and
    review. International Journal of Forecasting, 16, 437-450.
    https://doi.org/10.1016/S0169-2070(00)00065-0

    Examples
    --------
    >>> folds = rolling_origin("2019-01", "2020-01", gap=1)
    >>> len(folds), str(folds[0].cutoff.date()), str(folds[0].periods[0].left.date())
    (12, '2018-12-01', '2019-01-01')
    """
    for name, value, least in (("horizon", horizon, 1), ("step", step, 1), ("gap", gap, 0)):
        if value != int(value) or value < least:
            raise ParameterError(f"{name} must be a whole number of at least {least}, got {value}.")
    periods = make_periods(start, end, length=length, time_zone=time_zone)
    if len(periods) < horizon:
        raise ParameterError(
            f"horizon={horizon} {length}s do not fit between {start} and {end}, which hold "
            f"{len(periods)}."
        )
    # The cut-off of a fold lies `gap` periods before it; `before` reaches back that far.
    earlier = _periods_before(periods[0].left, gap, length)
    starts = earlier + list(periods.left)
    folds = []
    for i in range(0, len(periods) - horizon + 1, step):
        cutoff = starts[i]
        train_start = None
        if window is not None:
            train_start = (cutoff.tz_localize(None) - window_offset(window)).tz_localize(time_zone)
        folds.append(Fold(cutoff, periods[i : i + horizon], train_start))
    return folds


def _periods_before(first: pd.Timestamp, count: int, length: str) -> list[pd.Timestamp]:
    """Begins of the `count` periods before `first`, in local time."""
    if count == 0:
        return []
    one = make_periods(first.tz_localize(None), count=1, length=length, time_zone=str(first.tz))
    wall = first.tz_localize(None)
    if length == "month":
        begins = [wall - pd.DateOffset(months=k) for k in range(count, 0, -1)]
    else:
        size = one[0].right.tz_localize(None) - wall
        begins = [wall - k * size for k in range(count, 0, -1)]
    return [begin.tz_localize(first.tz) for begin in begins]
