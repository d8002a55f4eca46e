"""The self-exciting model: what is recorded raises, for a while and nearby, what will be."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import shapely

from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import (
    ConvergenceError,
    CoordinateError,
    DateError,
    ParameterError,
    TooFewEventsError,
)
from hotspot.grid.cells import Grid
from hotspot.grid.counts import require_covered, require_same_crs
from hotspot.models.backgrounds.base import Background, LaidBackground, WindowEvents
from hotspot.models.backgrounds.kernel import KernelBackground
from hotspot.models.parts.displacement import GaussianDisplacement
from hotspot.models.parts.lag import ExponentialLag
from hotspot.models.self_exciting.climb import (
    LEAST_PRODUCTIVE,
    MOST_PRODUCTIVE,
    Estimate,
    Limits,
    maximise,
)
from hotspot.models.self_exciting.fitted import FittedSelfExciting
from hotspot.models.self_exciting.likelihood import Likelihood, Parts, Record
from hotspot.models.self_exciting.resolution import (
    RESOLUTION_DAYS,
    require_exact_times,
    shortest_scales,
)
from hotspot.models.triggering.edge_mass import RegionMass
from hotspot.models.weights import cutoff_of, window_offset

_LEAST_EVENTS = 20
_ONE_RUN_ABOVE = 20_000
_MOST_ROUNDS = 40
_SETTLED = 0.02  # standard errors that a parameter may still move in the last round


@dataclass(frozen=True)
class SelfExciting:
    r"""A background, and after each event a raised rate near it, which fades.

    .. math:: \lambda(t, s) = B\, u(s)\, \nu(t)
       + \sum_{j \,:\, t_j + d < t} \theta \, g(t - d - t_j) \, h(s - s_j)

    B is the background's events per day, u its density over the region, ν its pattern in time; θ
    the mean number of events that one triggers directly, g the density of their lag, h of their
    displacement, and d the shortest lag. All parameters are estimated by maximum likelihood.

    Attributes
    ----------
    background : Background
        ``KernelBackground()``, ``MapBackground(model)`` or ``ConstantBackground()``.
    lag : ExponentialLag
        Where the search for g begins.
    displacement : GaussianDisplacement
        Where the search for h begins.
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
    A fit of n events takes time O(n) for each of some 40 evaluations of the likelihood.

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
    lag: ExponentialLag = field(default_factory=lambda: ExponentialLag(rate=0.1))
    displacement: GaussianDisplacement = field(
        default_factory=lambda: GaussianDisplacement(sd=200.0)
    )
    window: str | None = None
    shortest_lag: float | None = None
    coarse_places: bool | None = None
    hold: tuple[str, ...] = ()
    workers: int = 1

    def __post_init__(self) -> None:
        for name, kind in (
            ("background", Background),
            ("lag", ExponentialLag),
            ("displacement", GaussianDisplacement),
        ):
            if not isinstance(getattr(self, name), kind):
                raise ParameterError(
                    f"{name} must be a {kind.__name__}, got {getattr(self, name)!r}."
                )
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
        """
        require_same_crs(events, grid)
        require_exact_times(events)
        _require_times(events)
        cutoff = cutoff_of(events, end)
        past = events.before(cutoff)
        start = self._start(past, cutoff)
        if past.coverage is not None:
            require_covered(past, pd.IntervalIndex.from_breaks([start, cutoff], closed="left"))
        record, window = self._arranged(past, grid, start, cutoff)
        if self.background.follows_events:
            estimate, laid = self._decluster(record, window)
        else:
            laid = self.background.lay(window, np.ones(record.n))
            likelihood = Likelihood(record, laid.at_events, laid.days(start, cutoff))
            estimate = self._climb(likelihood, window)
        return FittedSelfExciting(
            grid=grid,
            data_cutoff=cutoff,
            window_start=start,
            estimate=estimate,
            background=laid,
            record=record,
            time_resolution=events.time_resolution,
            place_resolution=events.place_resolution,
            held=self.hold,
        )

    def _start(self, past: Events, cutoff: pd.Timestamp) -> pd.Timestamp:
        if self.window is None:
            return past.start
        local = cutoff.tz_convert(past.time_zone).tz_localize(None) - window_offset(self.window)
        start = local.tz_localize(past.time_zone, ambiguous=True, nonexistent="shift_forward")
        return max(past.start, start.tz_convert("UTC"))

    def _arranged(
        self, past: Events, grid: Grid, start: pd.Timestamp, cutoff: pd.Timestamp
    ) -> tuple[Record, WindowEvents]:
        days, x, y = past.coordinates().T
        _require_finite(days, x, y)
        t = days - (start - past.start) / pd.Timedelta(days=1)
        first = int(np.searchsorted(t, 0.0))
        points = np.column_stack([x, y])
        known, side = self._known_places(points, past, grid)
        _require_enough(points[first:], start, cutoff)
        _require_inside(points, grid)
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
            mass=RegionMass.of(points, grid.region),
            place_cell=side,
            workers=self.workers,
        )
        stamps = start + pd.to_timedelta(t[first:], unit="D")
        return record, WindowEvents(past, grid, points[first:], stamps, start, cutoff)

    def _known_places(
        self, points: FloatArray, past: Events, grid: Grid
    ) -> tuple[FloatArray, float]:
        """Places as the likelihood knows them, and the side of their squares (0: exactly)."""
        coarse = past.place_resolution > 0 if self.coarse_places is None else self.coarse_places
        if not coarse:
            return points, 0.0
        side = grid.cell_size * max(1, round(past.place_resolution / grid.cell_size))
        west, south = grid.bounds[:2]
        corner = np.floor((points - (west, south)) / side)
        return (corner + 0.5) * side + (west, south), side

    def _climb(self, likelihood: Likelihood, window: WindowEvents) -> Estimate:
        runs = 1 if likelihood.record.n > _ONE_RUN_ABOVE else 2
        return maximise(
            likelihood, self._starts(likelihood), self._limits(likelihood, window), runs=runs
        )

    def _starts(self, likelihood: Likelihood) -> list[Parts]:
        own = Parts(0.8 * likelihood.record.n / likelihood.days, 0.2, self.lag, self.displacement)
        others = [
            own._replace(
                lag=self.lag if "lag" in self.hold else ExponentialLag(1 / lag),
                displacement=(
                    self.displacement if "displacement" in self.hold else GaussianDisplacement(sd)
                ),
            )
            for lag, sd in ((3.0, 100.0), (3.0, 500.0), (30.0, 100.0), (30.0, 500.0))
        ]
        return [own, *others]

    def _limits(self, likelihood: Likelihood, window: WindowEvents) -> Limits:
        limits = _limits_of(likelihood, window)
        for k, name in ((2, "lag"), (3, "displacement")):
            if name in self.hold:
                limits.low[k] = limits.high[k] = float(getattr(self, name).vector[0])
        return limits

    def _decluster(self, record: Record, window: WindowEvents) -> tuple[Estimate, LaidBackground]:
        """Fit, weigh each event by its chance to be background, lay again, until nothing moves."""
        chance = np.full(record.n, 0.8)
        trace: list[FloatArray] = []
        estimate = None
        for _ in range(_MOST_ROUNDS):
            laid = self.background.lay(window, chance)
            likelihood = Likelihood(record, laid.at_events, laid.days(window.start, window.end))
            if estimate is None:
                found = self._climb(likelihood, window)
            else:
                found = maximise(likelihood, [estimate.parts], self._limits(likelihood, window))
            trace.append(found.parts.vector)
            if estimate is not None:
                moved = np.abs(found.parts.vector - estimate.parts.vector)
                if (moved <= _SETTLED * np.sqrt(np.diag(found.covariance))).all():
                    return found, laid
            estimate = found
            chance = likelihood.chance_background(found.parts)
        raise ConvergenceError(
            f"The background and the triggering did not settle in {_MOST_ROUNDS} rounds of "
            "declustering. Give KernelBackground a bandwidth, or use MapBackground.",
            trace=tuple(trace),
        )


def _limits_of(likelihood: Likelihood, window: WindowEvents) -> Limits:
    days, metres = shortest_scales(window.events)
    west, south, east, north = window.grid.region.bounds
    size = 0.5 * float(np.hypot(east - west, north - south))
    longest = likelihood.record.end / 2
    rate = np.log(likelihood.record.n / likelihood.days)
    gain = "its likelihood is no higher than that of the background alone"
    reasons = [
        ("Triggering explains every event: the background is too poor for these data.",) * 2,
        (
            f"No triggering is to be seen: {gain}. Use the background's model itself.",
            f"The branching ratio passed {MOST_PRODUCTIVE:g}: the background is too poor.",
        ),
        (
            f"The mean lag grew to {longest:.0f} days, half the window: what looks like triggering "
            "is a level that moves. Use a background that follows it, or a shorter window.",
            f"The mean lag shrank to {days:.3g} days, the finest that times tell: rows of one "
            "incident, or ties, pass for triggering. Give a longer shortest_lag.",
        ),
        (
            f"The displacement shrank to {metres:.3g} m, the finest that places tell: repeats at "
            "one place pass for near repeats. Coarser places cannot tell more.",
            f"The displacement grew to {size / 1e3:.1f} km, half the region: what looks like "
            "triggering is a level that moves. Use a background that follows it.",
        ),
    ]
    low = [rate - 12, np.log(LEAST_PRODUCTIVE), -np.log(longest), np.log(metres)]
    high = [rate + 2, np.log(MOST_PRODUCTIVE), -np.log(days), np.log(size)]
    return Limits(np.array(low), np.array(high), reasons)


def _require_times(events: Events) -> None:
    # A cut at the window would let rows without a time go unseen.
    missing = events.table["time"].isna()
    if missing.any():
        raise DateError(
            f"{missing.sum()} of {len(missing)} events have no time. Drop them, and count what was "
            "dropped."
        )


def _require_finite(days: FloatArray, x: FloatArray, y: FloatArray) -> None:
    bad = ~(np.isfinite(days) & np.isfinite(x) & np.isfinite(y))
    if bad.any():
        raise CoordinateError(
            f"{bad.sum()} of {bad.size} events have no finite time and place. Drop them, and count "
            "what was dropped."
        )


def _require_enough(points: FloatArray, start: pd.Timestamp, cutoff: pd.Timestamp) -> None:
    places = len(np.unique(points, axis=0))
    if len(points) < _LEAST_EVENTS or places < _LEAST_EVENTS // 2:
        raise TooFewEventsError(
            f"{len(points)} events in {places} distinct places lie between {start:%Y-%m-%d} and "
            f"{cutoff:%Y-%m-%d}; a self-exciting model needs at least {_LEAST_EVENTS} events in "
            f"{_LEAST_EVENTS // 2} places. Use a longer window or a larger region."
        )


def _require_inside(points: FloatArray, grid: Grid) -> None:
    shapely.prepare(grid.region)
    inside = shapely.intersects_xy(grid.region, *points.T)
    inside &= grid.inside.ravel()[np.maximum(grid.cell_of(*points.T), 0)]
    if not inside.all():
        raise CoordinateError(
            f"{(~inside).sum()} of {len(points)} events lie outside the grid's region, the first "
            f"at {points[int(np.argmin(inside))]}. Leave them out: "
            "events.select(region=grid.region)."
        )
