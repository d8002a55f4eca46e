r"""Monthly totals of areas and of the city they make up, in one set of simulated futures.

The city's total of month t, in a month of d days, and the share of area a in it are

.. math:: N_t \sim \mathrm{Poisson}(d_t e^{c_t}), \qquad
          p_{at} = \frac{e^{b_{at}}}{\sum_j e^{b_{jt}}},

with c and each b a local level with a season and noise (:mod:`~hotspot.models.area_levels.
local_level`), the b of all areas under one law. A shock to the city moves every area at once. How
wide the futures are is set by the model's own errors in the months before: a break such as April
2020 widens those that follow it within a month, and is forgotten with a half-life.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._checks import require_generator
from hotspot._typing import FloatArray, IntArray
from hotspot.breaks.find import Record
from hotspot.errors import LeakError, ParameterError, ResolutionError, TooFewEventsError
from hotspot.models.area_levels.local_level import (
    Deviations,
    Outlook,
    likeliest_deviations,
    outlook,
)

FEWEST_MONTHS = 24
FEWEST_EVENTS = 30
_FEWEST_BEFORE_AN_ERROR = 36  # months that a past origin must have behind it to be judged
_JUDGED = 36  # months whose errors set the widths
_BREAK = 3.5  # standard deviations; of normal errors one in 2,100 lies beyond
_SHARES_REFITTED = 12  # months after which a past origin has the shares' law fitted anew
_CHANCE = 12  # months whose mean gives the variance of chance


@dataclass(frozen=True)
class LevelModel:
    """How monthly totals of areas, and of all of them together, move.

    Attributes
    ----------
    window : int
        Months that the levels, the season and their deviations are learned from.
    leads : int
        Months ahead for which past errors are looked up; no forecast reaches further.
    error_half_life : float or None
        Months after which a past error weighs half in the width of the futures; None leaves the
        widths as the fitted law gives them.
    error_prior : float
        Months of errors of just the expected size that are added to those seen, so that few
        errors do not move the widths far.

    Notes
    -----
    A maximum of likelihood over three deviations for the city and three for the areas, pooled, and
    the like at past origins: about two seconds for 32 areas and 84 months.
    statsmodels has the local level too, but fits one series at a time; the law shared by all areas
    is what steadies it.

    The errors that set the widths are those of forecasts from each past month's end, with the
    city's deviations fitted to what came before it, and those of the shares refitted once a year.

    References
    ----------
    Harvey, A. C. (1989). Forecasting, Structural Time Series Models and the Kalman Filter.
    Cambridge University Press. https://doi.org/10.1017/CBO9781107049994

    Examples
    --------
    >>> from hotspot import make_periods
    >>> rng = np.random.default_rng(1)
    >>> months = make_periods("2015-01", "2020-01")
    >>> totals = pd.DataFrame(
    ...     rng.poisson([300, 100], (60, 2)), index=months, columns=["north", "south"])
    >>> fitted = LevelModel().fit(totals)
    >>> futures = fitted.simulate_totals(make_periods("2020-01", count=3), size=500, rng=rng)
    >>> futures.dims, bool(abs(futures.mean() - 200) < 10)
    (('member', 'time', 'area'), True)
    """

    window: int = 84
    leads: int = 12
    error_half_life: float | None = 12.0
    error_prior: float = 6.0

    def __post_init__(self) -> None:
        if self.window < FEWEST_MONTHS:
            raise ParameterError(
                f"window must be at least {FEWEST_MONTHS} months, two of each month of the year; "
                f"got {self.window}."
            )
        if self.leads < 1:
            raise ParameterError(f"leads must be at least 1 month, got {self.leads}.")
        if self.error_half_life is not None and not 0 < self.error_half_life < np.inf:
            raise ParameterError(
                f"error_half_life must be a positive number of months, got {self.error_half_life}."
            )
        if not 0 <= self.error_prior < np.inf:
            raise ParameterError(f"error_prior must be 0 or more months, got {self.error_prior}.")

    def fit(self, totals: pd.DataFrame) -> FittedLevels:
        """Learn from the totals of past months.

        Parameters
        ----------
        totals : DataFrame (months, areas)
            Counts; the index is that of :func:`hotspot.make_periods`, whole months, ascending.
            Months that were not published are left out, not set to 0.

        Returns
        -------
        FittedLevels

        Raises
        ------
        TooFewEventsError
            If there are fewer than 24 months in the window, an area has fewer than 30 events
            there, or a month of the window has none at all.
        ResolutionError
            If a period is no calendar month.
        ParameterError
            If there is no area, or a total is negative or not a number.
        """
        counts, months = _checked(totals)
        recent = months > months[-1] - self.window
        _require_enough(counts[recent], totals.columns)
        past = _Series.of(counts, months, days_of(totals.index))
        widths, breaks = self._past_errors(past)
        record = Record(totals.index[recent], np.ones(recent.sum(), bool), counts[recent].sum(1), 1)
        findings = record.crossed(record.levels())
        city, shares = past.city_law(self.window), past.shares_law(self.window)
        names = tuple(map(str, totals.columns))
        return FittedLevels(self, names, past, city, shares, widths, breaks, findings)

    def _past_errors(self, past: _Series) -> tuple[FloatArray, dict[str, float]]:
        """Factors (2, leads) on the variances of city and shares; the city's breaks."""
        breaks: dict[str, float] = {}
        if self.error_half_life is None:
            return np.ones((2, self.leads)), breaks
        squared, weight = np.zeros((2, self.leads)), np.zeros(self.leads)
        enough = past.months >= past.months[0] + _FEWEST_BEFORE_AN_ERROR
        judged = np.flatnonzero(enough & (past.months > past.last - _JUDGED))
        shares = None
        for origin in range(past.last - _JUDGED - self.leads, past.last):
            known = past.before(origin + 1)
            if known.months.size < _FEWEST_BEFORE_AN_ERROR or known.last != origin:
                continue  # too little behind it, or a month that was not published
            ahead = past.months[judged] - origin - 1
            targets = judged[(ahead >= 0) & (ahead < self.leads)]
            if targets.size == 0:
                continue
            # The city's law changes in a break; that of the shares hardly does, and costs more.
            if shares is None or (past.last - origin) % _SHARES_REFITTED == 0:
                shares = known.shares_law(self.window)
            laws = (known.city_law(self.window), shares)
            worth = 0.5 ** ((past.last - past.months[targets]) / self.error_half_life)
            lead = past.months[targets] - origin - 1
            errors = known.squared_errors(past, targets, self.window, laws)
            squared[:, lead] += worth * errors
            weight[lead] += worth
            if lead[0] == 0 and errors[0, 0] > _BREAK**2:
                breaks[past.name_of(targets[0])] = round(float(np.sqrt(errors[0, 0])), 2)
        total = weight + self.error_prior
        factors = np.ones((2, self.leads))
        np.divide(squared + self.error_prior, total, out=factors, where=total > 0)
        return factors, breaks


@dataclass(frozen=True, eq=False)
class FittedLevels:
    """Levels of areas and of their sum, as they stand at the last month; and their futures.

    Attributes
    ----------
    model : LevelModel
    areas : tuple of str
    past : object
        The series that it was fitted to.
    city, shares : Deviations
        Of the logarithm of the daily total; of the logarithm of an area's share of it.
    widths : (2, leads) float64
        Factor on the variance of either, by lead, from past errors; 1 where the law was right.
    breaks : mapping of str to float
        Months among the last 36 whose city total lay more than 3.5 standard deviations from what
        was foretold a month ahead, and how many: the window crosses a break there. Not looked
        for without `error_half_life`.
    findings : tuple of str
        In words: shifts of the city's total within the window, as :func:`hotspot.find_breaks` finds
        them. It tells a step from drift and from a single month, which `breaks` does not, but needs
        the months after it to do so.

    Examples
    --------
    >>> from hotspot import make_periods
    >>> months = make_periods("2017-01", "2020-01")
    >>> totals = pd.DataFrame({"north": 300, "south": 100}, index=months)
    >>> fitted = LevelModel(leads=1, error_half_life=None).fit(totals)
    >>> expected, _ = fitted.expected_rates(make_periods("2020-01", count=1))
    >>> bool(abs(expected[0, 0] / expected[0, 1] - 3) < 0.05)
    True
    """

    model: LevelModel
    areas: tuple[str, ...]
    past: _Series
    city: Deviations
    shares: Deviations
    widths: FloatArray
    breaks: Mapping[str, float]
    findings: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, object]:
        """What was chosen and estimated, ready for JSON."""
        return {
            **asdict(self.model),
            "city": {name: round(value, 6) for name, value in asdict(self.city).items()},
            "shares": {name: round(value, 6) for name, value in asdict(self.shares).items()},
            "breaks": dict(self.breaks),
            "findings": list(self.findings),
            "city_width_factors": np.sqrt(self.widths[0]).round(4).tolist(),
            "share_width_factors": np.sqrt(self.widths[1]).round(4).tolist(),
        }

    def expected_rates(self, periods: pd.IntervalIndex) -> tuple[FloatArray, FloatArray]:
        r"""Expected total of each area, and its relative variance without that of chance.

        Returns
        -------
        mean, relative_variance : (periods, areas) float64

        Notes
        -----
        The city's part is exact (lognormal). The mean of a share is taken as proportional to
        :math:`p_a e^{(1 - 2 p_a) v_a / 2}`, right to second order in its variance v, and exact for
        an area that is a small part of the city.
        """
        lead = self._leads(periods)
        city, shares = self._outlooks()
        v_city = (self._scales(city, 0) ** 2 * city.variance)[lead]
        v = (self._scales(shares, 1) ** 2 * shares.variance)[lead]
        p = _shares_of(shares.mean[lead])
        mean_share = p * np.exp((0.5 - p) * v)
        mean_share /= mean_share.sum(1, keepdims=True)
        total = days_of(periods)[:, None] * np.exp(city.mean[lead] + v_city / 2)
        v_share = (1 - 2 * p) * v + (p**2 * v).sum(1, keepdims=True)
        return total * mean_share, np.expm1(v_city + v_share)

    def simulate_rates(
        self, periods: pd.IntervalIndex, *, size: int, rng: np.random.Generator
    ) -> FloatArray:
        """Futures of the areas' expected totals, before chance; (size, periods, areas).

        A member keeps one path of the city and one of each area's share through all leads.
        """
        require_generator(rng)
        if size < 1:
            raise ParameterError(f"size must be at least 1, got {size}.")
        lead = self._leads(periods)
        city, shares = (
            self._paths(part, which, size, rng) for which, part in enumerate(self._outlooks())
        )
        total = days_of(periods)[:, None] * np.exp(city[:, lead])
        return total * _shares_of(shares[:, lead])

    def simulate_totals(
        self, periods: pd.IntervalIndex, *, size: int, rng: np.random.Generator
    ) -> xr.DataArray:
        """Simulated futures of the areas' totals; (member, time, area), whole numbers.

        The sum over areas is the city's total in the same future.

        Parameters
        ----------
        periods : IntervalIndex
            Whole months after the last that was recorded, at most ``leads`` ahead.
        size : int
        rng : Generator

        Raises
        ------
        LeakError
            If a month was seen in fitting.
        ParameterError
            If a month lies more than ``leads`` ahead, or `size` is below 1.
        ResolutionError
            If a period is no calendar month.
        """
        counts = rng.poisson(self.simulate_rates(periods, size=size, rng=rng))
        coords = {
            "member": np.arange(size),
            "time": periods.left.tz_localize(None),
            "area": list(self.areas),
        }
        return xr.DataArray(counts.astype(float), coords, ["member", "time", "area"])

    def _leads(self, periods: pd.IntervalIndex) -> IntArray:
        lead = month_numbers(periods) - (self.past.origin + self.past.last) - 1
        if lead.min() < 0:
            raise LeakError(
                f"The month that begins {periods.left.min()} is one that the levels were fitted to."
            )
        if lead.max() >= self.model.leads:
            raise ParameterError(
                f"The last month lies {lead.max() + 1} ahead of the last recorded one; the levels "
                f"were fitted for up to {self.model.leads}. Give LevelModel(leads=...)."
            )
        return lead

    def _outlooks(self) -> tuple[Outlook, Outlook]:
        ahead = self.past.last + 1 + np.arange(self.model.leads)
        return self.past.outlooks(ahead, self.model.window, (self.city, self.shares))

    def _scales(self, part: Outlook, which: int) -> FloatArray:
        """Factor (leads, k) on deviations, such that with chance the variance is widened as seen.

        Chance comes on top when counts are drawn, so its part is taken out of the widened sum.
        """
        chance = self.past.chance(self.past.last)
        chance = chance[:1] if which == 0 else chance[1:]
        widened = self.widths[which][:, None] * (part.variance + chance) - chance
        return np.sqrt(np.maximum(widened, 0.0) / part.variance)

    def _paths(self, part: Outlook, which: int, size: int, rng) -> FloatArray:
        """(size, leads, k) draws."""
        root = np.linalg.cholesky(part.covariance)
        normal = rng.standard_normal((size, *part.mean.shape))
        return part.mean + self._scales(part, which) * np.einsum("khj,sjk->shk", root, normal)


@dataclass(frozen=True, eq=False)
class _Series:
    """Counts as logarithms: of the city's total a day (n, 1), and of each area's share (n, k)."""

    counts: FloatArray
    months: IntArray
    origin: int  # number of month 0 in years x 12 + month
    city: FloatArray
    shares: FloatArray

    @staticmethod
    def of(counts: FloatArray, months: IntArray, days: FloatArray) -> _Series:
        total = counts.sum(1, keepdims=True)
        # An empty month is no evidence of impossibility: half an event is added before logarithms.
        shares = np.log((counts + 0.5) / np.maximum(total, 0.5))
        city = np.log(np.maximum(total, 0.5) / days[:, None])
        return _Series(counts, months - months[0], int(months[0]), city, shares)

    @property
    def last(self) -> int:
        return int(self.months[-1])

    def name_of(self, row: int) -> str:
        """The month of a row, such as "2020-04"."""
        year, month = divmod(self.origin + int(self.months[row]), 12)
        return f"{year}-{month + 1:02d}"

    def before(self, month: int) -> _Series:
        n = np.searchsorted(self.months, month)
        return _Series(
            self.counts[:n], self.months[:n], self.origin, self.city[:n], self.shares[:n]
        )

    def chance(self, month: int) -> FloatArray:
        """Variance of a log count of the city and each area owed to chance; (1 + k,)."""
        recent = self.counts[self.months > month - _CHANCE].mean(0)
        return 1 / np.maximum(np.append(recent.sum(), recent), 0.5)

    def city_law(self, window: int) -> Deviations:
        """The likeliest deviations of the city's level over the last `window` months."""
        return self._law(self.city, self.chance(self.last)[:1], window)

    def shares_law(self, window: int) -> Deviations:
        """The likeliest deviations of the areas' shares over the last `window` months."""
        return self._law(self.shares, self.chance(self.last)[1:], window)

    def _law(self, part: FloatArray, known: FloatArray, window: int) -> Deviations:
        rows = self.months > self.last - window
        months = self.months[rows]
        return likeliest_deviations(part[rows], months - months[0], known=known)

    def outlooks(self, ahead: IntArray, window: int, laws) -> tuple[Outlook, Outlook]:
        rows = self.months > self.last - window
        chance = self.chance(self.last)
        # Numbered from the window's begin: the level before it is free, so nothing else changes.
        start = self.months[rows][0]
        return tuple(
            outlook(part[rows], self.months[rows] - start, ahead - start, known=known, deviations=d)
            for part, known, d in zip(
                (self.city, self.shares), (chance[:1], chance[1:]), laws, strict=True
            )
        )

    def squared_errors(self, later: _Series, rows: IntArray, window: int, laws) -> FloatArray:
        """Squared errors at months of `later` over their variance, mean over series; (2, rows)."""
        city, shares = self.outlooks(later.months[rows], window, laws)
        chance = self.chance(self.last)
        return np.array(
            [
                ((seen[rows] - part.mean) ** 2 / (part.variance + known)).mean(1)
                for seen, part, known in (
                    (later.city, city, chance[:1]),
                    (later.shares, shares, chance[1:]),
                )
            ]
        )


def month_numbers(periods: pd.IntervalIndex) -> IntArray:
    """Years x 12 + month of periods that are calendar months; anything else is refused."""
    left, right = (edge.tz_localize(None) for edge in (periods.left, periods.right))
    whole = (left + pd.DateOffset(months=1) == right) & (left.day == 1) & (left == left.normalize())
    if not whole.all():
        raise ResolutionError(
            f"{periods[~whole][0]} is no calendar month; levels move by whole months. Use "
            "make_periods(..., length='month')."
        )
    return (left.year * 12 + left.month - 1).to_numpy(np.int64)


def days_of(periods: pd.IntervalIndex) -> FloatArray:
    """Days of each calendar month; (n,)."""
    return periods.left.tz_localize(None).days_in_month.to_numpy(float)


def _shares_of(logits: FloatArray) -> FloatArray:
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


def _checked(totals: pd.DataFrame) -> tuple[FloatArray, IntArray]:
    if not isinstance(totals.index, pd.IntervalIndex) or not len(totals) or not totals.shape[1]:
        raise ParameterError(
            "totals must be a table of months by areas, its index from make_periods; got "
            f"{type(totals.index).__name__} and {totals.shape[1]} areas."
        )
    months = month_numbers(totals.index)
    if (np.diff(months) <= 0).any():
        raise ParameterError("The months of totals must ascend, each once.")
    counts = totals.to_numpy(float)
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ParameterError(
            "totals must be counts, 0 or more, without holes. Leave out months that some area did "
            "not publish."
        )
    return counts, months


def _require_enough(counts: FloatArray, areas) -> None:
    if len(counts) < FEWEST_MONTHS:
        raise TooFewEventsError(
            f"Levels need at least {FEWEST_MONTHS} months, two of each month of the year; the "
            f"window holds {len(counts)}."
        )
    few = counts.sum(0) < FEWEST_EVENTS
    if few.any():
        raise TooFewEventsError(
            f"Areas {[str(area) for area in areas[few]]} hold fewer than {FEWEST_EVENTS} events in "
            "the window; unite each with a neighbour."
        )
    if (counts.sum(1) == 0).any():
        raise TooFewEventsError(
            "A month of the window holds no event in any area. If it was not published leave it "
            "out; if nothing happened, take larger areas or a commoner offence."
        )
