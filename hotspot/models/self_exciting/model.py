"""The self-exciting model: what is recorded raises, for a while and nearby, what will be."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import ParameterError
from hotspot.grid.cells import Grid
from hotspot.grid.counts import require_covered
from hotspot.models.backgrounds.base import Background, LaidBackground, WindowEvents
from hotspot.models.backgrounds.by_offence import BackgroundByOffence
from hotspot.models.backgrounds.kernel import KernelBackground
from hotspot.models.door import guarded
from hotspot.models.log_linear import LogLinear
from hotspot.models.parts.displacement import Displacement, GaussianDisplacement
from hotspot.models.parts.lag import ExponentialLag, Lag
from hotspot.models.self_exciting.arrange import (
    checked_offences,
    earliest_days,
    kinds_of,
    marks_design,
    of_offences,
    require_each,
    require_enough,
    require_finite,
    require_inside,
    require_times,
)
from hotspot.models.self_exciting.climb import Estimate, Limits, maximise
from hotspot.models.self_exciting.declustering import decluster
from hotspot.models.self_exciting.fitted import FittedSelfExciting
from hotspot.models.self_exciting.likelihood import Likelihood, Parts, Record
from hotspot.models.self_exciting.limits import (
    limits_of,
    other_displacements,
    other_lags,
    require_known_between_squares,
    require_parts,
)
from hotspot.models.self_exciting.resolution import RESOLUTION_DAYS, require_exact_times
from hotspot.models.triggering.mass_inside import MassInside
from hotspot.models.weights import cutoff_of, window_offset

_ONE_RUN_ABOVE = 5_000


@dataclass(frozen=True)
class SelfExciting:
    r"""A background, and after each event a raised rate near it, which fades.

    .. math:: \lambda(t, s) = B\, u(s)\, \nu(t)
       + \sum_{j \,:\, t_j + d < t} \theta \, e^{\beta \cdot z_j} g(t - d - t_j) \, h(s - s_j)

    B is the background's events per day, u its density over the region, ν its pattern in time; θ
    the mean number of events that one triggers directly, z its marks, g the density of their lag,
    h of their displacement, and d the shortest lag. All parameters are estimated by maximum
    likelihood.

    Where the events carry an ``earliest_time``, so that of each only an interval is known, the
    likelihood is integrated over the interval, and it triggers from all of it in equal parts.

    Attributes
    ----------
    background : Background
        ``KernelBackground()``, ``MapBackground(model)``, ``StackedBackground([...])``,
        ``CovariateBackground(...)`` or ``ConstantBackground()``; ``PeriodicBackground(space)``
        lets any of them follow the hours, the week and the seasons.
    lag : ExponentialLag, PowerLawLag or PiecewiseConstantLag
        Where the search for g begins; of a density in steps the edges stay.
    displacement : GaussianDisplacement or another displacement
        Where the search for h begins.
    marks : tuple of str
        Columns of the events on which productivity depends, log-linearly: text by level, the
        first in order being the baseline, numbers as they are.
    offences : tuple of str
        Offences that excite one another: each has its own background and its own productivity
        towards each, so that θ is a matrix; lag and displacement are shared. Other offences are
        left out. Empty: all events are of one kind.
    window : str or None
        How much of the record, up to the cut-off, the likelihood explains, such as "24 months";
        None for all of it. Events before the window still trigger, and are what ``MapBackground``
        is fitted to.
    shortest_lag : float or None
        d in days. None takes half the time resolution: with times by the day, what
        follows on the next day has lags from half a day to one and a half. Simultaneous events
        never trigger one another. Where one incident makes several rows some hours apart, give
        half a day or a day, or rows of one incident will pass for near repeats.
    coarse_places : bool or None
        Whether the likelihood knows places only to squares: the grid's cells, or blocks of them no
        smaller than the place resolution. Where places were snapped to points, many events
        share one, and as densities between exact places their likelihood grows without end
        as the displacement shrinks. None does so where the place resolution is above 0.
    hold : tuple of {"lag", "displacement"}
        Parts that stay as given. Where the record cannot tell a scale and the fit is refused, a
        forecast may still be made with a stated one; that it was not estimated stands in the
        fit's parameters and summary.
    workers : int
        Threads; the result is the same for any number of them.

    Raises
    ------
    ParameterError
        If an option makes no sense.

    Notes
    -----
    A fit of n events takes time O(n) for each of some 40 evaluations of the likelihood, if the lag
    is exponential and the displacement Gaussian; with others, O(pairs within reach), and of a
    power law every pair is.

    Triggering is what the background leaves over. One that is too smooth, constant, or holds each
    event's own mass moves the branching ratio from .2 to .7 on the same data, so a ratio is to be
    reported with its background, and with another background beside it.

    References
    ----------
    Mohler, G. O., Short, M. B., Brantingham, P. J., Schoenberg, F. P., & Tita, G. E. (2011).
    Self-exciting point process modeling of crime. Journal of the American Statistical
    Association, 106, 100-108. https://doi.org/10.1198/jasa.2011.ap09546

    Reinhart, A. (2018). A review of self-exciting spatio-temporal point processes and their
    applications. Statistical Science, 33, 299-318. https://doi.org/10.1214/17-STS629

    Examples
    --------
    >>> SelfExciting(window="24 months").lag
    ExponentialLag(rate=0.1)
    """

    background: Background = field(default_factory=KernelBackground)
    lag: Lag = field(default_factory=lambda: ExponentialLag(rate=0.1))
    displacement: Displacement = field(default_factory=lambda: GaussianDisplacement(sd=200.0))
    marks: tuple[str, ...] = ()
    offences: tuple[str, ...] = ()
    window: str | None = None
    shortest_lag: float | None = None
    coarse_places: bool | None = None
    hold: tuple[str, ...] = ()
    workers: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.background, Background):
            raise ParameterError(f"background must be a Background, got {self.background!r}.")
        require_parts(self.lag, self.displacement)
        marks = (self.marks,) if isinstance(self.marks, str) else tuple(self.marks)
        object.__setattr__(self, "marks", marks)
        object.__setattr__(self, "offences", checked_offences(self.offences))
        if self.window is not None:
            window_offset(self.window)
        if self.shortest_lag is not None and not 0 <= self.shortest_lag < np.inf:
            raise ParameterError(
                f"shortest_lag must be a number of days, 0 or more, got {self.shortest_lag!r}."
            )
        object.__setattr__(self, "hold", tuple(self.hold))
        if not set(self.hold) <= {"lag", "displacement"}:
            raise ParameterError(
                f'hold takes "lag" and "displacement", in a tuple; got {self.hold!r}.'
            )
        if self.workers < 1:
            raise ParameterError(f"workers must be 1 or more, got {self.workers!r}.")

    @guarded
    def fit(
        self, events: Events, grid: Grid, *, end: pd.Timestamp | None = None
    ) -> FittedSelfExciting:
        """Estimate every parameter from the events before `end`.

        Parameters
        ----------
        events : Events
            With times finer than months.
        grid : Grid
            In the CRS of the events; its region is where triggered events may be recorded.
        end : Timestamp, optional
            The cut-off; default the end of the events' window.

        Returns
        -------
        FittedSelfExciting

        Raises
        ------
        ResolutionError
            If times were recorded by the month.
        EstimateOnBoundError
            If there is no triggering to be seen, or the lag or displacement is shorter than the
            record can tell, or longer than it lasts.
        ExplosiveError
            If the branching ratio is 1 or more.
        ConvergenceError
            If the climb or the declustering does not settle; carries its trace.
        TooFewEventsError
            If fewer than 20 events, or 10 distinct places, lie in the likelihood's window.
        CoordinateError
            If an event has no finite place, or lies outside the grid's region.
        DateError
            If an event has no time.
        CoverageError
            If a month of the window was not recorded.
        GridMismatchError
            If events and grid are in different reference systems.
        RefusedError
            If a guard holds back what is to be forecast, or over 5 % of times called exact are
            tied; see :mod:`hotspot.guards`.
        """
        require_exact_times(events)
        require_times(events)
        cutoff = cutoff_of(events, end)
        past = of_offences(events.before(cutoff), self.offences).in_order()
        levels = LogLinear(self.marks).levels(past.table)
        start = self.window_start(past, cutoff)
        if past.coverage is not None:
            require_covered(past, pd.IntervalIndex.from_breaks([start, cutoff], closed="left"))
        record, window = self._arranged(past, grid, start, cutoff)
        record = replace(record, design=marks_design(past, self.marks, levels))
        background = BackgroundByOffence(self.background) if self.offences else self.background
        if background.follows_events:
            estimate, laid = self._decluster(background, record, window)
        else:
            laid = background.lay(window, np.ones(record.n))
            likelihood = Likelihood(record, laid.at_events, laid.days(start, cutoff))
            estimate = self._climb(likelihood, window)
        return FittedSelfExciting(
            grid=grid,
            data_cutoff=cutoff,
            window_start=start,
            estimate=estimate,
            background=laid,
            record=record,
            limits=self._limits(
                Likelihood(record, laid.at_events, laid.days(start, cutoff)), window
            ),
            time_resolution=events.time_resolution,
            place_resolution=events.place_resolution,
            held=self.hold,
            offences=self.offences,
            mark_levels=levels,
            mark_names=LogLinear(self.marks).names(levels)[1:],
            marks=self.marks,
        )

    def window_start(self, past: Events, cutoff: pd.Timestamp) -> pd.Timestamp:
        """Where the window that the likelihood explains begins."""
        if self.window is None:
            return past.start
        local = cutoff.tz_convert(past.time_zone).tz_localize(None) - window_offset(self.window)
        start = local.tz_localize(past.time_zone, ambiguous=True, nonexistent="shift_forward")
        return max(past.start, start.tz_convert("UTC"))

    def _arranged(
        self, past: Events, grid: Grid, start: pd.Timestamp, cutoff: pd.Timestamp
    ) -> tuple[Record, WindowEvents]:
        days, x, y = past.coordinates().T
        require_finite(days, x, y)
        t = days - (start - past.start) / pd.Timedelta(days=1)
        first = int(np.searchsorted(t, 0.0))
        points = np.column_stack([x, y])
        known, side = self._known_places(points, past, grid)
        require_enough(points[first:], start, cutoff)
        require_inside(points, grid)
        shortest = self.shortest_lag
        if shortest is None:
            shortest = RESOLUTION_DAYS[past.time_resolution] / 2
        record = Record(
            t=np.ascontiguousarray(t),
            x=np.ascontiguousarray(known[:, 0]),
            y=np.ascontiguousarray(known[:, 1]),
            first=first,
            end=(cutoff - start) / pd.Timedelta(days=1),
            shortest_lag=float(shortest),
            mass=MassInside.of(points, grid.region),
            place_cell=side,
            workers=self.workers,
            earliest=earliest_days(past, start),
            kind=kinds_of(past, self.offences),
        )
        stamps = start + pd.to_timedelta(t[first:], unit="D")
        window = WindowEvents(past, grid, points[first:], stamps, start, cutoff)
        if self.offences:
            window = replace(window, kind=record.window_kind, offences=self.offences)
            require_each(window)
        return record, window

    def _known_places(
        self, points: FloatArray, past: Events, grid: Grid
    ) -> tuple[FloatArray, float]:
        """Places as the likelihood knows them, and the side of their squares (0: exactly)."""
        coarse = past.place_resolution > 0 if self.coarse_places is None else self.coarse_places
        if not coarse:
            return points, 0.0
        require_known_between_squares(self.displacement)
        side = grid.cell_size * max(1, round(past.place_resolution / grid.cell_size))
        west, south = grid.bounds[:2]
        corner = np.floor((points - (west, south)) / side)
        return (corner + 0.5) * side + (west, south), side

    def _climb(
        self, likelihood: Likelihood, window: WindowEvents, *, finish: bool = True
    ) -> Estimate:
        starts, limits = self._starts(likelihood), self._limits(likelihood, window)
        runs = 1 if likelihood.record.n > _ONE_RUN_ABOVE else 2
        return maximise(likelihood, starts, limits, runs=runs, finish=finish)

    def _starts(self, likelihood: Likelihood) -> list[Parts]:
        record = likelihood.record
        marks = np.zeros(0 if record.design is None else record.design.shape[1])
        rate, theta = 0.8 * record.n / likelihood.days, 0.2
        if self.offences:
            m = len(self.offences)
            rate, theta = (
                rate * np.bincount(record.window_kind) / record.n,
                np.full((m, m), 0.2 / m),
            )
        own = Parts(rate, theta, self.lag, self.displacement, marks)
        lags = [self.lag] if "lag" in self.hold else other_lags(self.lag)
        displacements = (
            [self.displacement]
            if "displacement" in self.hold
            else other_displacements(self.displacement)
        )
        return [
            own,
            *(own._replace(lag=g, displacement=h) for g in lags for h in displacements),
        ]

    def _limits(self, likelihood: Likelihood, window: WindowEvents) -> Limits:
        parts = self._starts(likelihood)[0]
        return limits_of(likelihood, window, parts, hold=self.hold)

    def _decluster(
        self, background: Background, record: Record, window: WindowEvents
    ) -> tuple[Estimate, LaidBackground]:
        return decluster(
            background,
            record,
            window,
            climb=lambda likelihood: self._climb(likelihood, window, finish=False),
            limits=lambda likelihood: self._limits(likelihood, window),
        )
