"""A background with a rhythm: hours of the day, days of the week, seasons."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray
from hotspot.errors import ParameterError, ResolutionError
from hotspot.models.backgrounds.base import Background, LaidBackground, WindowEvents
from hotspot.models.backgrounds.kernel import KernelBackground
from hotspot.models.backgrounds.quarters import days_after
from hotspot.models.backgrounds.time_pattern import TimePattern, fit_pattern

_YEAR = 365.0  # days that a season needs at least
_INSTANT = 1e-6  # days; an interval no longer is a time


@dataclass(frozen=True)
class PeriodicBackground:
    r"""Any background in space, times a pattern of hours, weekdays and seasons.

    .. math:: \mu(t, s) = B \, u(s) \, d_{\text{hour}(t)} \, w_{\text{weekday}(t)} \,
       e^{\text{season}(t) + \text{trend}(t)}

    Offences have hours: what seems to follow upon another within the evening may only share its
    evening with it. The factors are estimated from the events, each weighed by its chance to be
    background under the fitted model, in the same rounds that lay a
    :class:`KernelBackground` anew; their mean over the window is 1. Hours and days are those of the
    events' own time zone, through changes of the clock.

    Attributes
    ----------
    space : Background
        What u is; one that does not itself vary in time.
    hour_of_day : bool
        A factor for each of 24 hours.
    day_of_week : bool
        A factor for each of 7 days.
    season : int
        Number of harmonics of the year, 0 for no season; 2 tell a summer from a Christmas peak.
    trend : bool
        Whether the rate also grows or shrinks by the same factor every year. In a forecast
        the trend stays where the window left it.

    Raises
    ------
    ParameterError
        If nothing varies, `space` varies in time itself, or `season` is not a number of harmonics
        from 0 to 12.

    See Also
    --------
    hotspot.models.backgrounds.time_pattern.TimePattern : the fitted pattern, as
        ``fitted.background.pattern``.

    Notes
    -----
    Zhuang & Mateu smooth each factor by a kernel; here hours and days are counted, with half an
    event added to each, and seasons are harmonics. Times recorded by the day tell no hours; an
    event known to an interval only is shared out over it by the pattern itself (expectation and
    maximisation). O(n) and the quarters of an hour in the window for each round. As with the
    background in space, that the pattern is estimated is not in the standard errors of the other
    parameters.

    References
    ----------
    Zhuang, J., & Mateu, J. (2019). A semiparametric spatiotemporal Hawkes-type point process model
    with periodic background for crime data. Journal of the Royal Statistical Society: Series A,
    182, 919-942. https://doi.org/10.1111/rssa.12429

    Examples
    --------
    >>> PeriodicBackground(KernelBackground(300.0), season=2).hour_of_day
    True
    """

    space: Background = field(default_factory=KernelBackground)
    hour_of_day: bool = True
    day_of_week: bool = True
    season: int = 0
    trend: bool = False
    follows_events: bool = field(default=True, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.space, Background):
            raise ParameterError(
                f"space must be a background, such as KernelBackground(), got {self.space!r}."
            )
        season = self.season
        if isinstance(season, bool) or season not in range(13):
            raise ParameterError(f"season is a number of harmonics, 0 to 12, got {season!r}.")
        if not (self.hour_of_day or self.day_of_week or self.season or self.trend):
            raise ParameterError(
                f"Nothing varies in this PeriodicBackground: use {type(self.space).__name__} "
                "itself, or give it hours, weekdays, a season or a trend."
            )

    def lay(self, window: WindowEvents, chance: FloatArray) -> LaidBackground:
        """Lay the background in space, and fit the pattern to events weighed by `chance`.

        Raises
        ------
        ResolutionError
            If hours are asked for and times were recorded by the day, or weekdays by the month.
        ParameterError
            If the window is shorter than a year and a season is asked for, holds no Sunday, or
            `space` varies in time.
        """
        self._require_told(window)
        laid, earliest = self._in_space(window, chance), _earliest(window)
        pattern = fit_pattern(
            window.stamps,
            chance,
            start=window.start,
            end=window.end,
            time_zone=window.events.time_zone,
            hour_of_day=self.hour_of_day,
            day_of_week=self.day_of_week,
            season=self.season,
            trend=self.trend,
            earliest=earliest,
        )
        told = {
            "hour_of_day": pattern.hour_of_day,
            "day_of_week": pattern.day_of_week,
            "season": pattern.season if self.season else None,
            "trend_per_year": pattern.trend if self.trend else None,
        }
        told = {name: np.round(v, 6).tolist() for name, v in told.items() if v is not None}
        return replace(
            laid,
            at_events=laid.at_events * _mean(pattern, earliest, window.stamps),
            parameters={**laid.parameters, **told},
            pattern=pattern,
        )

    def held(self, laid: LaidBackground) -> PeriodicBackground:
        """The same with what `space` chose for `laid`, such as a bandwidth."""
        choose = getattr(self.space, "held", None)
        return self if choose is None else replace(self, space=choose(laid))

    def _in_space(self, window: WindowEvents, chance: FloatArray) -> LaidBackground:
        if self.space.follows_events:
            laid = self.space.lay(window, chance)
        else:
            if self.space not in window.laid:
                window.laid[self.space] = self.space.lay(window, chance)
            laid = window.laid[self.space]
        if laid.pattern is not None:
            raise ParameterError(
                f"{type(self.space).__name__} varies in time itself; give all that varies to one "
                "background."
            )
        return laid

    def _require_told(self, window: WindowEvents) -> None:
        recorded = window.events.time_resolution
        if recorded == "month" or (self.hour_of_day and recorded == "day"):
            finest = "weekdays" if recorded == "month" else "hours"
            raise ResolutionError(
                f"Times were recorded by the {recorded}, which tells no {finest}. Use "
                f"{'hour_of_day=False' if recorded == 'day' else 'a model of monthly counts'}."
            )
        days = (window.end - window.start).total_seconds() / 86_400
        if self.season and days < _YEAR:
            raise ParameterError(
                f"A season needs a whole year in the likelihood's window, which has {days:.0f} "
                "days. Use season=0, or a longer window."
            )


def _earliest(window: WindowEvents) -> pd.DatetimeIndex | None:
    """Begin of the interval of each event of the window, or None where times are known."""
    if "earliest_time" not in window.events.table:
        return None
    past = window.events.in_order().table
    # The window's events are the last of all that was recorded before the cut-off.
    return pd.DatetimeIndex(past["earliest_time"].iloc[len(past) - len(window.stamps) :])


def _mean(
    pattern: TimePattern, earliest: pd.DatetimeIndex | None, latest: pd.DatetimeIndex
) -> FloatArray:
    """The pattern at each event, or its mean over the interval in which it happened."""
    value = pattern.at(latest)
    if earliest is not None:
        days = days_after(latest, latest[0]) - days_after(earliest, latest[0])
        unsure = days > _INSTANT
        mass = pattern.days(earliest[unsure], latest[unsure]) if unsure.any() else 0.0
        value[unsure] = mass / days[unsure]
    return value
