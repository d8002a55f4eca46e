"""A fitted self-exciting model: what was estimated, how sure it is, and what it expects next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._checks import require_generator, require_level
from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import LeakError, ParameterError, UnknownNameError
from hotspot.grid.cells import Grid
from hotspot.guards.scope import NOT_SAID, Scope
from hotspot.models.backgrounds.base import LaidBackground
from hotspot.models.self_exciting import history
from hotspot.models.self_exciting.climb import Estimate, Limits
from hotspot.models.self_exciting.estimates import (
    ScaledEstimate,
    curve,
    described,
    scaled_estimates,
)
from hotspot.models.self_exciting.likelihood import Likelihood, Record
from hotspot.models.self_exciting.outlook import Outlook
from hotspot.models.self_exciting.summary import branching_ratio_error, summary_of


@dataclass(frozen=True, eq=False)
class FittedSelfExciting:
    """What triggers what, as learned from a record; made by the ``fit`` of ``SelfExciting``.

    Attributes
    ----------
    grid : Grid
    data_cutoff : Timestamp
        No event at or after this instant was used; later than the fit's own for one that was
        :meth:`updated`.
    window_start : Timestamp
        The likelihood explains the events from here to the cut-off.
    estimate : Estimate
        Parts, log-likelihood, covariance and trace.
    background : LaidBackground
    record : Record
        The events, as arrays in order of time.
    limits : Limits
        How far each parameter could have gone.
    time_resolution, place_resolution
        Of the events it was fitted to.
    held : tuple of str
        Parts that were given and not estimated.
    offences : tuple of str
        Offences that excite one another; empty where all events are of one kind.
    mark_levels : dict
        Levels of each mark that is not a number; the first is the baseline.
    marks : tuple of str
        Columns of the events on which productivity depends.
    later : Later or None
        What was recorded since the fit, where it was :meth:`updated`.
    offence : str or None
        The one of several offences that is forecast; see :meth:`of`.
    scope : Scope
        Offences it was fitted to, and what guards remarked or let pass.

    Examples
    --------
    The sample was simulated with a branching ratio of .35:

    >>> from hotspot import Grid, KernelBackground, SelfExciting, load_sample, make_periods
    >>> events = load_sample("exact")
    >>> grid = Grid.over(events.region, cell_size=500)
    >>> fitted = SelfExciting(background=KernelBackground(150.0)).fit(events, grid)
    >>> low, high = fitted.branching_ratio_interval(0.95)
    >>> bool(low < 0.35 < high)
    True
    >>> week = make_periods("2025-01-01", count=1, length="week")
    >>> total = fitted.background_count(week) + fitted.triggered_count(week)
    >>> bool(np.allclose(total, fitted.expected_count(week), equal_nan=True))
    True
    """

    grid: Grid
    data_cutoff: pd.Timestamp
    window_start: pd.Timestamp
    estimate: Estimate
    background: LaidBackground
    record: Record
    limits: Limits
    time_resolution: str
    place_resolution: float
    held: tuple[str, ...] = ()
    offences: tuple[str, ...] = ()
    mark_levels: Mapping[str, list] = field(default_factory=dict)
    mark_names: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    later: history.Later | None = None
    offence: str | None = None
    scope: Scope = NOT_SAID
    name: str = "SelfExciting"
    interval_kind: str = (
        "chance, families of events, and the uncertainty of the parameters; not that the level of "
        "the background may move"
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """Estimates in days and metres, and what was chosen; ready for JSON."""
        parts = self.estimate.parts
        return {
            "background_per_day": _plain(parts.background_rate),
            "branching_ratio": self.branching_ratio,
            **described("lag", parts.lag),
            **described("displacement", parts.displacement),
            **self._described_offences(),
            **self._described_marks(),
            "shortest_lag_days": self.record.shortest_lag,
            "place_cell_metres": self.record.place_cell,
            "held": list(self.held),
            "window_start": self.window_start.isoformat(),
            "events": int(self.record.n),
            **({} if self.later is None else {"events_since_fit": int(self.later.t.size)}),
            "log_likelihood": self.log_likelihood,
            **self.background.parameters,
        }

    @property
    def log_likelihood(self) -> float:
        """Of the events in the window; densities per day and square metre."""
        return self.estimate.log_likelihood

    @property
    def covariance(self) -> pd.DataFrame:
        """Inverse of the observed information, on the scale that was optimised.

        That is the logarithms of rates and scales, of exponents above the least, of a step's weight
        over the first's, and the coefficients of marks.
        """
        names = [one.name for one in self.estimates]
        return pd.DataFrame(self.estimate.covariance, names, names)

    @property
    def branching_ratio(self) -> float:
        """Mean number of events that one of the window triggers directly, wherever; unitless.

        Of several offences the spectral radius of :attr:`branching_matrix`.
        """
        return self.likelihood.branching_ratio(self.estimate.parts)

    @property
    def branching_ratio_error(self) -> float:
        """Standard error of the branching ratio, from the observed information."""
        return branching_ratio_error(self.likelihood, self.estimate.parts, self.estimate.covariance)

    @property
    def branching_matrix(self) -> pd.DataFrame:
        """Mean number of events of each offence (columns) that one of another (rows) triggers.

        Unitless; of a single offence 1 by 1. Its spectral radius is the branching ratio.
        """
        parts, names = self.estimate.parts, list(self.offences or ("all",))
        factors = self.likelihood.mean_factors(parts)
        return pd.DataFrame(factors[:, None] * np.atleast_2d(parts.productivity), names, names)

    def branching_ratio_interval(self, level: float = 0.9) -> tuple[float, float]:
        r"""Bounds of the branching ratio, from its standard error.

        .. math:: \hat\theta \pm z \, \mathrm{se}(\hat\theta)

        The lower bound is 0 where this reaches below 0, and where the likelihood without any
        triggering is not rejected at `level`. Without triggering the data say nothing of lag and
        displacement, which the fit then chose as it liked: the ratio of likelihoods is held
        against a chi-squared distribution with a degree of freedom for every number
        estimated but the background's, and not against that of one.

        Raises
        ------
        ParameterError
            If `level` is outside (0, 1).
        """
        require_level(level)
        from scipy.special import chdtri, ndtri

        reach = ndtri(0.5 + level / 2) * self.branching_ratio_error
        freedom = np.count_nonzero(np.diag(self.estimate.covariance)[1:])
        rejected = 2 * self.gain_over_background * self.record.n > chdtri(freedom, 1 - level)
        low = max(self.branching_ratio - reach, 0.0) if rejected else 0.0
        return low, self.branching_ratio + reach

    @cached_property
    def background_probability(self) -> FloatArray:
        """Chance that each event of the window was not triggered; (n,), in order of time."""
        return self.likelihood.chance_background(self.estimate.parts)

    @property
    def gain_over_background(self) -> float:
        """Log-likelihood an event above that of the same background without triggering; nats.

        In sample. A poor background makes it large: triggering repairs what the background lacks.
        """
        return (self.log_likelihood - self.likelihood.background_only()) / self.record.n

    def lag_curve(self, days: FloatArray, *, level: float = 0.9) -> pd.DataFrame:
        """The fitted density of the lag, counted from the shortest on, with its band.

        Parameters
        ----------
        days : (n,) float64
        level : float
            Of the band, which holds at each lag by itself.

        Returns
        -------
        DataFrame
            Columns ``density``, ``low``, ``high``, per day; indexed by the days. Without a band,
            the bounds being the density, where the lag was held.

        Raises
        ------
        ParameterError
            If a lag is negative or not finite, or `level` outside (0, 1).
        """
        return self._curve("lag", days, level)

    def displacement_curve(self, metres: FloatArray, *, level: float = 0.9) -> pd.DataFrame:
        """The fitted density of the displacement by distance, with its band.

        As :meth:`lag_curve`; per square metre, indexed by the metres.

        Raises
        ------
        ParameterError
            If a distance is negative or not finite, or `level` outside (0, 1).
        """
        return self._curve("displacement", metres, level)

    def _curve(self, name: str, at: FloatArray, level: float) -> pd.DataFrame:
        require_level(level)
        from scipy.special import ndtri

        at = np.asarray(at, float)
        if at.ndim != 1 or not (np.isfinite(at) & (at >= 0)).all():
            raise ParameterError("Give a flat array of finite numbers, 0 or more.")
        _, lag, displacement, marks = self.estimate.parts.cuts()
        where = slice(lag, displacement) if name == "lag" else slice(displacement, marks)
        part = getattr(self.estimate.parts, name)
        found = curve(part, self.estimate.covariance[where, where], at, z=ndtri(0.5 + level / 2))
        index = pd.Index(at, name="days" if name == "lag" else "metres")
        return pd.DataFrame(dict(zip(("density", "low", "high"), found, strict=True)), index)

    def time_rescaled_residuals(self) -> FloatArray:
        r"""Expected number of events between each event of the window and the one before.

        .. math:: \Lambda(t_i) - \Lambda(t_{i-1}), \qquad
           \Lambda(t) = \int_0^t \int_W \lambda

        Independent and exponential with mean 1 if the model is right (Ogata 1988), but for the
        parameters having been fitted to the same events. Ties give zeros.

        Returns
        -------
        (n,) float64
            In order of time; the first counts from the begin of the window.

        References
        ----------
        Ogata, Y. (1988). Statistical models for earthquake occurrences and residual analysis for
        point processes. Journal of the American Statistical Association, 83, 9-27.
        https://doi.org/10.1080/01621459.1988.10478560
        """
        window = self.record.t[self.record.first :]
        instants = self.window_start + pd.to_timedelta(window, unit="D")
        days = self.background.days(self.window_start, instants)
        return np.diff(self.likelihood.expected_until(self.estimate.parts, window, days), prepend=0)

    def of(self, offence: str) -> FittedSelfExciting:
        """The same fit, forecasting one of its several offences.

        Raises
        ------
        UnknownNameError
            If it was not fitted to this offence.
        """
        if offence not in self.offences:
            raise UnknownNameError(
                f"The model was not fitted to {offence!r} among several offences; it knows "
                f"{list(self.offences) or 'events of one kind'}."
            )
        return replace(self, offence=offence)

    def _chosen(self, values: FloatArray) -> FloatArray:
        """What belongs to the offence that is forecast; from (M, ...) to (...)."""
        if not self.offences:
            return values[0]
        if self.offence is None:
            raise ParameterError(
                f"The model knows {list(self.offences)}. Say which is to be forecast: "
                f"fitted.of({self.offences[0]!r})."
            )
        return values[self.offences.index(self.offence)]

    def expected_count(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Mean recorded offences per cell and period, descendants of future ones included."""
        self._require_future(periods)
        return self._labelled(self._chosen(self.outlook.expected(periods)[0]), periods)

    def background_count(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """The part of the expected count that no event triggers; (time, y, x)."""
        self._require_future(periods)
        return self._labelled(self._chosen(self.outlook.background(periods)), periods)

    def triggered_count(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """The part that recorded and future events trigger, in any generation; (time, y, x)."""
        self._require_future(periods)
        total, background = self.outlook.expected(periods)
        return self._labelled(self._chosen(total - background), periods)

    def count_variance(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Predictive variance: chance, families of events, uncertain parameters; (time, y, x).

        The part of families takes neighbouring cells to expect what the cell does, and that of the
        parameters the expected count to be linear in their logarithms, within a standard error.
        """
        self._require_future(periods)
        return self._labelled(self._chosen(self.outlook.variance(periods)), periods)

    def simulate_counts(
        self, periods: pd.IntervalIndex, *, size: int, rng: np.random.Generator
    ) -> xr.DataArray:
        """Simulated futures; (member, time, y, x), float32 whole numbers, NaN outside.

        Each future has its own parameters, drawn from their normal approximation on the scale of
        logarithms, and follows the recorded events; new events have marks like those recorded.
        Memory is 4 x size x periods x cells bytes.

        Raises
        ------
        ExplosiveError
            If families of events would not end, or the branching ratio is so uncertain that those
            of many futures would not.
        """
        require_generator(rng)
        if size < 1:
            raise ParameterError(f"size must be at least 1, got {size}.")
        self._require_future(periods)
        futures = self.outlook.simulated(periods, size=size, rng=rng)
        out = self._chosen(np.moveaxis(futures, 1, 0))
        out[..., ~self.grid.inside.ravel()] = np.nan
        out = out.reshape(size, len(periods), *self.grid.shape)
        return self._labelled(out, periods, member=np.arange(size))

    def updated(self, events: Events, *, end: pd.Timestamp | str) -> FittedSelfExciting:
        """The same parameters with a longer history: for a forecast from a later cut-off.

        Parameters
        ----------
        events : Events
            A record that holds everything from `data_cutoff` to `end`; what came before is known
            already, and what comes at `end` or later is not looked at.
        end : Timestamp or str
            The new cut-off; local if it has no zone.

        Returns
        -------
        FittedSelfExciting
            Its estimates, their covariance, the background and all diagnostics are those of the
            fit, whose window still ends where it did. A mapped background is not fitted anew.

        Raises
        ------
        LeakError
            If `end` lies before `data_cutoff`.
        CoverageError
            If `events` do not hold all from `data_cutoff` to `end`.
        ResolutionError
            If their times are finer or coarser than those of the fit.
        UnknownNameError
            If a mark is missing, or has a level that the fit never saw.
        GridMismatchError, DateError, CoordinateError
            If they are in another reference system, or one has no time, no finite place, or lies
            outside the region.

        Notes
        -----
        With an exponential lag what the past still triggers is carried along, and a step
        takes time in proportion to the new events and the cells, not to the record.

        Examples
        --------
        >>> from hotspot import Grid, KernelBackground, SelfExciting, load_sample, make_periods
        >>> events = load_sample("exact")
        >>> grid = Grid.over(events.region, cell_size=500)
        >>> model = SelfExciting(background=KernelBackground(150.0))
        >>> fitted = model.fit(events, grid, end="2024-12-01")
        >>> later = fitted.updated(events, end="2024-12-11")
        >>> later.parameters["events_since_fit"] > 0
        True
        >>> day = make_periods("2024-12-11", count=1, length="day")
        >>> later.expected_count(day).shape[0]
        1
        """
        cutoff = history.later_end(events, self.data_cutoff, end)
        history.require_same_resolution(events, self.time_resolution)
        fresh = history.read_later(
            events,
            self.grid,
            since=self.data_cutoff,
            end=cutoff,
            start=self.window_start,
            place_cell=self.record.place_cell,
            marks=self.marks,
            levels=self.mark_levels,
            offences=self.offences,
        )
        moved = self.outlook.moved(cutoff, fresh)
        return replace(self, data_cutoff=cutoff, later=moved.later)

    @property
    def fitted_until(self) -> pd.Timestamp:
        """Where the window of the fit ends; before `data_cutoff` for one that was updated."""
        if self.later is None:
            return self.data_cutoff
        # A number of days holds an instant to some nanoseconds only.
        return (self.window_start + pd.Timedelta(days=self.record.end)).round("us")

    def summary(self, *, level: float = 0.9, sensitivity: pd.DataFrame | None = None) -> str:
        """The estimates with errors and bounds, what the fit gained; and, if it is given, the table
        of :func:`hotspot.background_sensitivity`.
        """
        require_level(level)
        return summary_of(self, level, sensitivity)

    @property
    def estimates(self) -> list[ScaledEstimate]:
        """Every number that was optimised, with its error, name and natural value."""
        return scaled_estimates(
            self.estimate.parts,
            self.estimate.covariance,
            marks=self.mark_names,
            offences=self.offences,
        )

    def _described_marks(self) -> dict[str, object]:
        if not self.mark_names:
            return {}
        found = dict(zip(self.mark_names, self.estimate.parts.marks.tolist(), strict=True))
        return {"marks": found, "productivity": _plain(self.estimate.parts.productivity)}

    def _described_offences(self) -> dict[str, object]:
        if not self.offences:
            return {}
        matrix = self.branching_matrix.to_numpy().tolist()
        return {"offences": list(self.offences), "branching_matrix": matrix, "of": self.offence}

    @cached_property
    def likelihood(self) -> Likelihood:
        """What was climbed, over the background as it was laid last."""
        days = self.background.days(self.window_start, self.fitted_until)
        return Likelihood(self.record, self.background.at_events, days)

    @cached_property
    def outlook(self) -> Outlook:
        """What a forecast is computed from."""
        return Outlook(
            self.grid,
            self.data_cutoff,
            self.window_start,
            self.estimate,
            self.background.laid if self.offences else (self.background,),
            self.record,
            self.later,
        )

    def _require_future(self, periods: pd.IntervalIndex) -> None:
        first = periods.left.min()
        if first < self.data_cutoff:
            raise LeakError(
                f"The first period begins {first}, before the data cut-off {self.data_cutoff}: the "
                "model has seen what it is asked to forecast."
            )

    def _labelled(self, values: np.ndarray, periods: pd.IntervalIndex, **leading) -> xr.DataArray:
        values = np.where(self.grid.inside, values, np.nan) if not leading else values
        coords = {
            **leading,
            "time": periods.left.tz_localize(None),
            "y": self.grid.y,
            "x": self.grid.x,
        }
        return xr.DataArray(values, coords, [*leading, "time", "y", "x"])


def _plain(value: float | FloatArray) -> object:
    """A number, or nested lists of them, ready for JSON."""
    return np.asarray(value).tolist()
