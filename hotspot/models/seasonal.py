"""The simplest model with a calendar: each cell's mean rate times the region's season."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._typing import FloatArray, IntArray
from hotspot.data.events import Events
from hotspot.errors import LeakError, ParameterError
from hotspot.grid.cells import Grid
from hotspot.grid.counts import require_same_crs
from hotspot.grid.periods import period_days
from hotspot.models.historical import HistoricalRate
from hotspot.models.weights import PastEvents, arrange, cutoff_of, window_offset

MONTHS_OF_YEAR = 12


@dataclass(frozen=True)
class SeasonalPoisson:
    r"""Each cell's own mean rate, times how busy the calendar month is; counts by chance alone.

    .. math:: N_{c,t} \sim \mathrm{Poisson}(d_t\, r_c\, s_{m(t)}), \qquad
              s_m = \frac{N_m + \kappa}{R D_m + \kappa}

    with :math:`r_c` the rate of :class:`HistoricalRate`, :math:`R` their sum, and :math:`N_m` the
    events in calendar month m, of which :math:`D_m` days were recorded. A baseline: what cannot
    beat it has found neither places nor times. Its bounds hold chance alone, and are too narrow
    where levels move.

    Attributes
    ----------
    window : str or None
        How far back, such as "36 months"; None for everything recorded. Whole years, or the
        season takes up part of a trend.
    background_share : float
        Share of the expected count spread evenly by area, in (0, 1).
    prior_events : float
        :math:`\kappa`: so many events' worth of belief that there is no season, so that a month
        which was seldom recorded is not called empty. At least 0.

    Notes
    -----
    Time O(n) a fit.

    Examples
    --------
    >>> SeasonalPoisson(window="36 months")
    SeasonalPoisson(window='36 months', background_share=0.01, prior_events=12.0)
    """

    window: str | None = None
    background_share: float = 0.01
    prior_events: float = 12.0

    def __post_init__(self) -> None:
        HistoricalRate(self.window, background_share=self.background_share)
        if not 0 <= self.prior_events < np.inf:
            raise ParameterError(f"prior_events must be at least 0, got {self.prior_events}.")

    def fit(
        self, events: Events, grid: Grid, *, end: pd.Timestamp | None = None
    ) -> FittedSeasonalPoisson:
        """Average the events before `end`, cells and calendar months each for themselves.

        Parameters
        ----------
        events : Events
        grid : Grid
            In the CRS of the events.
        end : Timestamp, optional
            The cut-off; default the end of the events' window.

        Returns
        -------
        FittedSeasonalPoisson

        Raises
        ------
        TooFewEventsError
            If no event falls on the grid before `end` in the window.
        GridMismatchError
            If events and grid are in different reference systems.
        """
        require_same_crs(events, grid)
        cutoff = cutoff_of(events, end)
        past = events.before(cutoff)
        flat = HistoricalRate(self.window, background_share=self.background_share)
        rate, _ = flat.rates(past, grid)(cutoff)
        counts, days = self._by_calendar_month(arrange(past), grid, cutoff)
        expected = rate.sum() * days
        known = np.maximum(expected + self.prior_events, np.finfo(float).tiny)
        season = np.where(expected + self.prior_events > 0, counts + self.prior_events, 1) / known
        season = np.where(expected + self.prior_events > 0, season, 1.0)
        return FittedSeasonalPoisson(
            grid=grid,
            data_cutoff=cutoff,
            rate=rate,
            season=season,
            parameters={**asdict(self), "season": [round(float(one), 6) for one in season]},
            time_resolution=events.time_resolution,
            place_resolution=events.place_resolution,
        )

    def _by_calendar_month(
        self, past: PastEvents, grid: Grid, cutoff: pd.Timestamp
    ) -> tuple[FloatArray, FloatArray]:
        """(12,) events on the grid, and recorded days, of each calendar month in the window."""
        low = past.start
        if self.window is not None:
            local = cutoff.tz_convert(past.time_zone).tz_localize(None)
            begin = (local - window_offset(self.window)).tz_localize(past.time_zone)
            low = max(low, begin)
        first, last = ((edge - past.start) / pd.Timedelta(days=1) for edge in (low, cutoff))
        edges = np.concatenate(
            [past.first, past.last, [first, last], _month_starts(past, first, last)]
        )
        edges = np.unique(edges[(edges >= first) & (edges <= last)])
        middle, length = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        recorded = _stretch_of(past, middle, whole_months=(first, last))
        days = np.bincount(
            _calendar_month(past, middle)[recorded], length[recorded], MONTHS_OF_YEAR
        )
        counted = _stretch_of(past, past.when, whole_months=(first, last))
        counted &= (past.when >= first) & (past.when < last) & (grid.cell_of(past.x, past.y) >= 0)
        counts = np.bincount(_calendar_month(past, past.when[counted]), minlength=MONTHS_OF_YEAR)
        return counts.astype(float), days


@dataclass(frozen=True, eq=False)
class FittedSeasonalPoisson:
    """Rates and a season; made by :meth:`SeasonalPoisson.fit`.

    Attributes
    ----------
    grid : Grid
    data_cutoff : Timestamp
        No event at or after this instant was used.
    rate : (ny, nx) float64
        Recorded offences per day and cell; 0 outside the region.
    season : (12,) float64
        Factor of each calendar month, January first.
    parameters : mapping
    time_resolution, place_resolution
        Of the events it was fitted to.
    """

    grid: Grid
    data_cutoff: pd.Timestamp
    rate: FloatArray
    season: FloatArray
    parameters: Mapping[str, object]
    time_resolution: str
    place_resolution: float
    name: str = "SeasonalPoisson"
    interval_kind: str = "chance alone"

    def expected_count(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Mean recorded offences per cell and period; (time, y, x)."""
        if periods.left.min() < self.data_cutoff:
            raise LeakError(
                f"The first period begins {periods.left.min()}, before the data cut-off "
                f"{self.data_cutoff}: the model has seen what it is asked to forecast."
            )
        amount = period_days(periods) * np.array([self._factor(period) for period in periods])
        mean = np.where(self.grid.inside, amount[:, None, None] * self.rate, np.nan)
        coords = {"time": periods.left.tz_localize(None), "y": self.grid.y, "x": self.grid.x}
        return xr.DataArray(mean, coords, ["time", "y", "x"])

    def count_variance(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """The variance of a Poisson count is its mean; (time, y, x)."""
        return self.expected_count(periods)

    def simulate_counts(
        self, periods: pd.IntervalIndex, *, size: int, rng: np.random.Generator
    ) -> xr.DataArray:
        """Simulated futures; (member, time, y, x), float32 whole numbers, NaN outside."""
        if size < 1:
            raise ParameterError(f"size must be at least 1, got {size}.")
        mean = self.expected_count(periods)
        drawn = rng.poisson(np.nan_to_num(mean.values), (size, *mean.shape)).astype(np.float32)
        drawn[:, :, ~self.grid.inside] = np.nan
        return xr.DataArray(
            drawn, {"member": np.arange(size), **mean.coords}, ["member", *mean.dims]
        )

    def summary(self) -> str:
        """The fit in a few lines of text."""
        months = pd.date_range("2001-01-01", periods=MONTHS_OF_YEAR, freq="MS")
        seasons = " ".join(
            f"{month:%b} {one:.2f}" for month, one in zip(months, self.season, strict=True)
        )
        return (
            f"{self.name}: fitted to events before {self.data_cutoff:%Y-%m-%d %H:%M %Z}\n"
            f"  expected per day, whole region   {self.rate.sum():.4g}\n"
            f"  season   {seasons}"
        )

    def _factor(self, period: pd.Interval) -> float:
        """The season's mean over the days of a period."""
        left, right = period.left.tz_localize(None), period.right.tz_localize(None)
        starts = pd.date_range(left.normalize().replace(day=1), right, freq="MS")
        edges = pd.DatetimeIndex([left, *starts[(starts > left) & (starts < right)], right])
        share = np.diff(edges) / (right - left)
        return float(share @ self.season[edges[:-1].month - 1])


def _month_starts(past: PastEvents, first: float, last: float) -> FloatArray:
    """Starts of local months from before `first` to after `last`; days since the start."""
    low, high = (
        (past.start + pd.Timedelta(days=day)).tz_convert(past.time_zone).tz_localize(None)
        for day in (first, last)
    )
    months = pd.date_range(low.normalize().replace(day=1), high, freq="MS")
    starts = months.tz_localize(past.time_zone)
    return ((starts - past.start) / pd.Timedelta(days=1)).to_numpy(float)


def _calendar_month(past: PastEvents, when: FloatArray) -> IntArray:
    """0 for January, of days since the start."""
    local = (past.start + pd.to_timedelta(when, unit="D")).tz_convert(past.time_zone)
    return local.month.to_numpy(np.int64) - 1


def _stretch_of(past: PastEvents, when: FloatArray, *, whole_months: tuple[float, float]):
    """Whether each instant was recorded; in month data, in a month that the window holds whole."""
    slot = np.searchsorted(past.first, when, side="right") - 1
    recorded = (slot >= 0) & (when < past.last[slot])
    if past.by_month:
        low, high = whole_months
        recorded &= (past.first[slot] >= low) & (past.last[slot] <= high)
    return recorded
