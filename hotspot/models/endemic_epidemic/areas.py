"""Counts of areas by week or month, with echoes of what they and their neighbours held before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray, IntArray
from hotspot.breaks.find import Record
from hotspot.errors import (
    GridMismatchError,
    ParameterError,
    ResolutionError,
    TooFewEventsError,
    UnknownNameError,
)
from hotspot.grid.periods import make_periods
from hotspot.models.area_levels.level_model import month_numbers
from hotspot.models.endemic_epidemic.areas_fitted import FittedEndemicEpidemicAreas
from hotspot.models.endemic_epidemic.counts_likelihood import (
    CountLikelihood,
    KnownDrive,
    PastCounts,
    Term,
)
from hotspot.models.endemic_epidemic.month_lags import FreeLags, Lags
from hotspot.models.endemic_epidemic.neighbours import (
    DecayingWeights,
    KnownWeights,
    OwnUnit,
    Spread,
)
from hotspot.models.log_linear import LogLinear
from hotspot.models.maximise import maximise

_STARTS = ({"endemic": 0.5, "own": 0.3, "near": 0.2}, {"endemic": 0.9, "own": 0.05, "near": 0.05})


@dataclass(frozen=True)
class EndemicEpidemicAreas:
    r"""Counts of areas explained by covariates, by their own past and by that of their neighbours.

    .. math:: \mu_{at} = \nu_{at} + \lambda_{at} \sum_l f_l N_{a,t-l}
        + \phi_{at} \sum_l g_l \sum_{a' \ne a} w_{a'a} N_{a',t-l}

    ν, λ and φ are log-linear in columns of a table, with exposures where wanted. Counts are Poisson
    or negative binomial. This is the family of R's ``surveillance::hhh4``.

    Attributes
    ----------
    endemic : LogLinear
        ν; season and trend are columns like any others: see :func:`calendar_table`.
    own, near : LogLinear or None
        λ and φ; None leaves the term out.
    own_lags, near_lags : Lags
        How past months (or weeks) count: ``FreeLags``, ``GeometricLags`` or ``PoissonLags``.
    overdispersion : {"none", "shared", "by area"}
        Poisson; negative binomial with one ψ; with one for each area.

    Raises
    ------
    ParameterError
        If a column is a protected characteristic, deprivation or enforcement by its name.

    See Also
    --------
    EndemicEpidemic : the same on a grid, with long-run rates by cell.
    hotspot.models.endemic_epidemic.area_weights.neighbour_orders : weights from polygons.

    References
    ----------
    Held, L., Höhle, M., & Hofmann, M. (2005). A statistical framework for the analysis of
    multivariate infectious disease surveillance counts. Statistical Modelling, 5, 187-199.
    https://doi.org/10.1191/1471082X05st098oa

    Meyer, S., & Held, L. (2014). Power-law models for infectious disease spread. Annals of Applied
    Statistics, 8, 1612-1639. https://doi.org/10.1214/14-AOAS743

    Examples
    --------
    Two areas whose counts echo half of their own last month's; the fit is off by its chance:

    >>> rng = np.random.default_rng(3)
    >>> counts = np.zeros((400, 2))
    >>> for t in range(1, 400):
    ...     counts[t] = rng.poisson(2.0 + 0.5 * counts[t - 1])
    >>> counts = pd.DataFrame(counts, columns=["north", "south"])
    >>> model = EndemicEpidemicAreas(LogLinear(), own=LogLinear(), overdispersion="none")
    >>> fit = model.fit(counts, calendar_table(counts, harmonics=0))
    >>> round(fit.branching_ratio, 2)
    0.47
    """

    endemic: LogLinear = field(default_factory=LogLinear)
    own: LogLinear | None = None
    near: LogLinear | None = None
    own_lags: Lags = field(default_factory=FreeLags)
    near_lags: Lags = field(default_factory=FreeLags)
    overdispersion: Literal["none", "shared", "by area"] = "shared"

    def __post_init__(self) -> None:
        if self.overdispersion not in ("none", "shared", "by area"):
            raise ParameterError(
                'overdispersion must be "none", "shared" or "by area", got '
                f"{self.overdispersion!r}."
            )

    @property
    def parts(self) -> dict[str, LogLinear]:
        """The log-linear factors that are there, by term."""
        named = {"endemic": self.endemic, "own": self.own, "near": self.near}
        return {name: part for name, part in named.items() if part is not None}

    @property
    def longest_lag(self) -> int:
        """The last lag that counts; 0 for none."""
        used = [self.own_lags] * (self.own is not None) + [self.near_lags] * (self.near is not None)
        return max((lags.months[-1] for lags in used), default=0)

    def likelihood(
        self,
        counts: pd.DataFrame,
        table: pd.DataFrame,
        *,
        neighbours: KnownWeights | DecayingWeights | None = None,
    ) -> CountLikelihood:
        """The log-likelihood of all times but the first, as a function of the parameters.

        Parameters and raised errors are those of :meth:`fit`.
        """
        values = _checked_counts(counts)
        spread = self._checked_neighbours(neighbours, values.shape[1])
        rows = np.arange(self.longest_lag, len(values))
        if rows.size < 2:
            raise TooFewEventsError(
                f"{len(values)} times are too few with lags of up to {self.longest_lag}."
            )
        table = aligned(table, counts.index[rows], counts.columns)
        levels = {name: part.levels(table) for name, part in self.parts.items()}
        history, explained = self._without_gaps(values, rows)
        terms = []
        for name, part in self.parts.items():
            columns, exposure = columns_of(part, table, levels[name], explained.shape)
            drive = (
                KnownDrive(exposure)
                if name == "endemic"
                else self._echo(name, history, rows, spread, exposure)
            )
            terms.append(Term(name, columns, part.names(levels[name]), drive))
        return CountLikelihood(explained, tuple(terms), self._group(values.shape[1]))

    def fit(
        self,
        counts: pd.DataFrame,
        table: pd.DataFrame,
        *,
        neighbours: KnownWeights | DecayingWeights | None = None,
    ) -> FittedEndemicEpidemicAreas:
        """Estimate by maximum likelihood.

        Parameters
        ----------
        counts : DataFrame (times, areas)
            Whole numbers, NaN where not recorded: such a count explains and is explained by
            nothing. Times are consecutive.
        table : DataFrame
            ``time`` and ``area``, as in the index and columns of `counts`, one row for each pair,
            and the columns that the terms name.
        neighbours : KnownWeights or DecayingWeights, optional
            Needed for a near term.

        Returns
        -------
        FittedEndemicEpidemicAreas

        Raises
        ------
        UnknownNameError
            If a column is missing.
        ParameterError
            If a count is negative or no whole number, a covariate missing, an exposure not
            positive, or a pair of time and area is missing in `table` or there twice.
        GridMismatchError
            If the weights are not of as many areas as the counts.
        TooFewEventsError
            If nothing was recorded, or there are too few times.
        ConvergenceError
            If there is no peak: a coefficient or shape that the counts do not tell. Carries the
            trace.
        """
        likelihood = self.likelihood(counts, table, neighbours=neighbours)
        found = maximise(likelihood, [_start(likelihood, shares) for shares in _STARTS])
        return FittedEndemicEpidemicAreas(
            model=self,
            likelihood=likelihood,
            theta=found.theta,
            covariance=np.linalg.inv(found.observed),
            log_likelihood=found.log_likelihood,
            counts=counts,
            table=table,
            neighbours=neighbours,
            findings=_findings(counts),
        )

    def _checked_neighbours(self, neighbours, n_areas: int) -> Spread | None:
        if self.near is None:
            return None
        if neighbours is None:
            raise ParameterError(
                "A near term needs neighbours: KnownWeights(matrix), or DecayingWeights(distances, "
                "decay) with the help of neighbour_orders(areas)."
            )
        matrix = neighbours.matrix if isinstance(neighbours, KnownWeights) else neighbours.distances
        if matrix.shape != (n_areas, n_areas):
            raise GridMismatchError(
                f"The weights are of {matrix.shape[0]} by {matrix.shape[1]} areas, the counts of "
                f"{n_areas}. Give one row and one column an area, in the order of the counts."
            )
        if not np.isfinite(matrix.data).all() or (matrix.data < 0).any():
            raise ParameterError("Weights and distances must be finite and not negative.")
        if matrix.diagonal().any():
            raise ParameterError(
                "Weights of an area for itself belong to the own term; set the diagonal to 0."
            )
        return neighbours

    def _without_gaps(self, values: FloatArray, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Counts with 0 for gaps, and those explained, with NaN where a gap would be needed."""
        missing = np.isnan(values)
        explained = values[rows].copy()
        for lags, used, everywhere in (
            (self.own_lags, self.own is not None, False),
            (self.near_lags, self.near is not None, True),
        ):
            for month in lags.months if used else ():
                gone = missing[rows - month]
                explained[gone.any(axis=1) if everywhere else gone] = np.nan
        return np.where(missing, 0.0, values), explained

    def _echo(self, name: str, history, rows, spread, exposure) -> PastCounts | ScaledCounts:
        lags = self.own_lags if name == "own" else self.near_lags
        at = rows[:, None] - np.array(lags.months)
        echo = PastCounts(history, at, OwnUnit() if name == "own" else spread, lags)
        return echo if (exposure == 1.0).all() else ScaledCounts(echo, exposure)

    def _group(self, n_areas: int) -> IntArray | None:
        if self.overdispersion == "none":
            return None
        by_area = self.overdispersion == "by area"
        return np.arange(n_areas) if by_area else np.zeros(n_areas, np.int64)


@dataclass(frozen=True, eq=False)
class ScaledCounts:
    """What was recorded before, times an exposure."""

    echo: PastCounts
    exposure: FloatArray

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of `vector` is."""
        return self.echo.names

    @property
    def vector(self) -> FloatArray:
        """Where a fit begins."""
        return self.echo.vector

    @property
    def bounds(self) -> FloatArray:
        """Lowest and highest value of each number of `vector` that still makes sense."""
        return self.echo.bounds

    def value(self, vector: FloatArray) -> FloatArray:
        """The scaled sum; (times, areas)."""
        return self.exposure * self.echo.value(vector)

    def slopes(self, vector: FloatArray) -> list[FloatArray]:
        """Its slopes along each number of `vector`."""
        return [self.exposure * slope for slope in self.echo.slopes(vector)]


def calendar_table(
    counts: pd.DataFrame,
    *,
    harmonics: int = 1,
    period: float = 12.0,
    ahead: int = 0,
    **of_areas: object,
) -> pd.DataFrame:
    """A row for each time and area, with a trend, seasonal waves, and columns of the areas.

    The same call with `ahead` makes the table of the times that follow, for a forecast.

    Parameters
    ----------
    counts : DataFrame (times, areas)
        Only its index and columns are used.
    harmonics : int
        Pairs of ``sin 1``, ``cos 1``, ``sin 2``, ...
    period : float
        Times in a year: 12 months, 52 weeks.
    ahead : int
        0 for the times of `counts`; otherwise that many times after them instead.
    of_areas : mapping or Series
        Further columns by area, such as ``households=...``.

    Returns
    -------
    DataFrame
        ``time``, ``area``, ``trend`` (times since the first), the waves, and the columns given.

    Raises
    ------
    ParameterError
        If `ahead` is negative, or the times are neither months, a pandas frequency nor whole
        numbers, so that what follows is not known.

    Examples
    --------
    >>> counts = pd.DataFrame({"a": [1, 2], "b": [0, 1]})
    >>> calendar_table(counts, harmonics=0, homes={"a": 10.0, "b": 20.0})
       time area  trend  homes
    0     0    a    0.0   10.0
    1     0    b    0.0   20.0
    2     1    a    1.0   10.0
    3     1    b    1.0   20.0
    """
    times, areas = counts.shape
    index, first = counts.index, 0
    if ahead:
        index, first = _following(counts.index, ahead), times
    number = np.repeat(first + np.arange(len(index), dtype=float), areas)
    table = pd.DataFrame(
        {
            "time": index.repeat(areas),
            "area": np.tile(counts.columns.to_numpy(), len(index)),
            "trend": number,
        }
    )
    for k in range(1, harmonics + 1):
        table[f"sin {k}"] = np.sin(2 * np.pi * k * number / period)
        table[f"cos {k}"] = np.cos(2 * np.pi * k * number / period)
    for name, values in of_areas.items():
        table[name] = table["area"].map(dict(values))
    return table


def _following(index: pd.Index, ahead: int) -> pd.Index:
    """The times after those of an index."""
    if ahead < 0:
        raise ParameterError(f"ahead must be 0 or more times, got {ahead}.")
    if isinstance(index, pd.IntervalIndex) and index.left.tz is not None:
        last = index.right[-1].tz_localize(None)
        return make_periods(last, count=ahead, time_zone=str(index.left.tz))
    if isinstance(index, pd.PeriodIndex) or getattr(index, "freq", None) is not None:
        return index[-1] + index.freq * np.arange(1, ahead + 1)
    if pd.api.types.is_integer_dtype(index):
        return index[-1] + pd.RangeIndex(1, ahead + 1)
    raise ParameterError(
        f"What follows {index[-1]!r} is not known. Give counts an index of make_periods, as "
        "count_in_areas does, of periods or dates with a frequency, or of whole numbers."
    )


def _findings(counts: pd.DataFrame) -> tuple[str, ...]:
    """Breaks in the total of calendar months; other times are not looked at."""
    index = counts.index
    if isinstance(index, pd.PeriodIndex) and index.freqstr == "M":
        index = make_periods(index[0].start_time, count=len(index))
    try:
        month_numbers(index)
    except (AttributeError, ResolutionError):
        return ()
    recorded = counts.notna().all(axis=1).to_numpy()
    record = Record(index, recorded, counts.to_numpy(float).sum(axis=1), 1)
    told = record.crossed(record.levels())
    holes = int((~recorded).sum())
    if not holes:
        return told
    return (
        *told,
        f"{holes} of {len(counts)} months lack the count of some area; what such a count would "
        "have explained is left out.",
    )


def columns_of(
    part: LogLinear, table: pd.DataFrame, levels: dict[str, list], shape: tuple[int, int]
) -> tuple[tuple[FloatArray, ...], FloatArray]:
    """Columns of a factor and its exposure; (times, areas) each."""
    design, log_exposure = part.design(table, levels)
    columns = tuple(column.reshape(shape) for column in design.T)
    return columns, np.exp(log_exposure).reshape(shape)


def _checked_counts(counts: pd.DataFrame) -> FloatArray:
    values = counts.to_numpy(float)
    known = values[~np.isnan(values)]
    if known.size == 0 or known.sum() == 0:
        raise TooFewEventsError("Nothing was recorded: there is no count above 0.")
    if (known < 0).any() or (known != np.floor(known)).any():
        raise ParameterError("Counts must be whole numbers of at least 0, NaN where not recorded.")
    return values


def aligned(table: pd.DataFrame, times: pd.Index, areas: pd.Index) -> pd.DataFrame:
    """Rows of the table for each time and, within it, each area."""
    for name in ("time", "area"):
        if name not in table.columns:
            raise UnknownNameError(f"The table has no column '{name}'; it has {[*table.columns]}.")
    index = pd.MultiIndex.from_frame(table[["time", "area"]])
    if index.has_duplicates:
        raise ParameterError(f"The table has two rows for {index[index.duplicated()][0]}.")
    wanted = pd.MultiIndex.from_product([times, areas])
    place = index.get_indexer(wanted)
    if (place < 0).any():
        raise ParameterError(f"The table has no row for {wanted[place < 0][0]}.")
    return table.iloc[place].reset_index(drop=True)


def _start(likelihood: CountLikelihood, shares: dict[str, float]) -> FloatArray:
    """Intercepts that give each term its share of the count; all else as the drives say."""
    total = np.nanmean(likelihood.counts)
    theta: list[float] = []
    for term in likelihood.terms:
        mean = max(float(term.drive.value(term.drive.vector).mean()), 1e-9)
        theta += [np.log(shares[term.name] * total / mean)] + [0.0] * (len(term.columns) - 1)
        theta += list(term.drive.vector)
    if likelihood.group is not None:
        theta += [0.0] * (int(likelihood.group.max()) + 1)
    return np.array(theta)
