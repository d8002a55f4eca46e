"""Next month's counts from long-run rates, season, and what recent months held here and near by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray, IntArray
from hotspot.data.events import Events
from hotspot.errors import ExplosiveError, ParameterError, TooFewEventsError
from hotspot.grid.cells import Grid
from hotspot.models.door import guarded
from hotspot.models.endemic_epidemic.climb import Climbed, Structure, climb
from hotspot.models.endemic_epidemic.covariates import CellCovariates
from hotspot.models.endemic_epidemic.fitted import FittedEndemicEpidemic, fitted_from
from hotspot.models.endemic_epidemic.grid_data import GridData, arrange_grid
from hotspot.models.endemic_epidemic.month_lags import GeometricLags, Lags
from hotspot.models.endemic_epidemic.neighbours import Decay
from hotspot.models.level import RateBefore
from hotspot.models.parts.shapes import ExponentialShape
from hotspot.models.weights import cutoff_of

_ROUGH = 400_000  # month-cells that are enough for the first climb


@dataclass(frozen=True, eq=False)
class EndemicEpidemic:
    r"""The self-exciting model for offences that are recorded by the month, at map points.

    .. math:: \lambda_{cm} = \text{season}_m \, b_{cm}
        + \varphi_0 \sum_l f_l N_{c,m-l}
        + \varphi_1 \sum_l g_l \sum_{c' \ne c} w_{c'c} N_{c',m-l}

    b is the cell's long-run rate: its past counts, weighed by age with `half_life`, and shrunk to
    the rate per map point of the cells around it (:mod:`~hotspot.models.endemic_epidemic.long_run`
    has the formula). w shares each offence out among the cells near by, by distance and number of
    map points. Counts are negative binomial with mean λ and variance (1 + δ) λ + ψ λ², or Poisson.
    δ is what repeats at one point within a month add, which is in proportion to λ; ψ is how far
    rates vary from month to month. All parameters are found together by maximum likelihood, each
    month given only what came before it.

    Attributes
    ----------
    half_life : tuple of float
        Months after which a month weighs half in the long-run rate; of several the maps are
        mixed, by weights that the fit finds.
    own_lags, near_lags : Lags or None
        How past months count in the cell itself and around it: ``GeometricLags``, ``PoissonLags``
        or ``FreeLags``. None leaves the term out.
    decay : Decay
        How influence falls off with distance between cells: ``GaussianShape``, ``PowerLawShape``,
        ``ExponentialShape`` of :mod:`hotspot.models.parts.shapes`, or ``PowerLawDecay``.
    reach : float
        Metres beyond which there is none.
    neighbourhood : float
        Bandwidth in metres of the neighbourhood that long-run rates are shrunk to.
    harmonics : int
        Sine and cosine pairs of the season; 0 for none.
    trend : bool
        Whether the endemic part may grow or fall exponentially; 12 months ahead it goes on.
    covariates : CellCovariates or None
        Columns of a table of cells that multiply the long-run rate.
    overdispersed : bool
        Negative binomial, or Poisson.
    repeats : bool
        Whether a negative binomial has δ; without it the law is that of R's ``hhh4``.
    exposure : {"auto", "points", "area"}
        What can be recorded at: map points where the source snaps places, else area.
    window : int or None
        How many months before the cut-off are explained; older ones only feed the long-run rate.
        None for all but the first two years.
    fewest_months : int
        Published months below which a record is refused, 12 or more. Below 24 seasons cannot be
        told: set `harmonics` to 0. The fit's ``findings`` say how short the record was.

    Raises
    ------
    ParameterError
        If an option lies outside what makes sense.

    See Also
    --------
    EndemicEpidemicAreas : the same for tables of areas and any weeks or months.
    SelfExciting : for times that are exact to the day or finer.

    Notes
    -----
    The sum of φ is the branching ratio: the share of a month's count that is owed to the months
    before it. It is not contagion: by months, a rate that drifts cannot be told from offences that
    lead to others.

    Time is O(months x cells x parameters²) for a step of the climb, and memory a dozen arrays of
    months x cells.

    References
    ----------
    Held, L., Höhle, M., & Hofmann, M. (2005). A statistical framework for the analysis of
    multivariate infectious disease surveillance counts. Statistical Modelling, 5, 187-199.
    https://doi.org/10.1191/1471082X05st098oa

    Meyer, S., & Held, L. (2014). Power-law models for infectious disease spread. Annals of Applied
    Statistics, 8, 1612-1639. https://doi.org/10.1214/14-AOAS743

    Examples
    --------
    >>> EndemicEpidemic(half_life=(12.0, 48.0), harmonics=2).longest_lag
    12
    """

    half_life: tuple[float, ...] = (36.0,)
    own_lags: Lags | None = field(default_factory=lambda: GeometricLags(12))
    near_lags: Lags | None = field(default_factory=lambda: GeometricLags(3))
    decay: Decay = field(default_factory=lambda: ExponentialShape(300.0))
    reach: float = 1500.0
    neighbourhood: float = 500.0
    harmonics: int = 1
    trend: bool = False
    covariates: CellCovariates | None = None
    overdispersed: bool = True
    repeats: bool = True
    exposure: Literal["auto", "points", "area"] = "auto"
    window: int | None = 60
    fewest_months: int = 24

    def __post_init__(self) -> None:
        half_lives = tuple(np.atleast_1d(np.asarray(self.half_life, float)).tolist())
        if not half_lives or not all(h > 0 for h in half_lives):
            raise ParameterError(f"half_life must be positive months, got {self.half_life}.")
        if len(set(half_lives)) != len(half_lives):
            raise ParameterError(f"half-lives must differ, got {self.half_life}.")
        object.__setattr__(self, "half_life", half_lives)
        for name in ("reach", "neighbourhood"):
            if not 0 < getattr(self, name) < np.inf:
                raise ParameterError(f"{name} must be positive metres, got {getattr(self, name)}.")
        if self.harmonics not in range(7):
            raise ParameterError(f"harmonics must be 0 to 6, got {self.harmonics!r}.")
        if self.exposure not in ("auto", "points", "area"):
            raise ParameterError(
                f'exposure must be "auto", "points" or "area", got {self.exposure!r}.'
            )
        if self.window is not None and self.window < 12:
            raise ParameterError(f"window must be at least 12 months, got {self.window}.")
        if self.fewest_months < 12:
            raise ParameterError(f"fewest_months must be 12 or more, got {self.fewest_months}.")

    @property
    def longest_lag(self) -> int:
        """The last lag that counts; months, 0 for none."""
        months = [lags.months[-1] for lags in (self.own_lags, self.near_lags) if lags is not None]
        return max(months, default=0)

    @guarded
    def fit(
        self, events: Events, grid: Grid, *, end: pd.Timestamp | None = None
    ) -> FittedEndemicEpidemic:
        """Estimate by maximum likelihood from the whole months before `end`.

        Parameters
        ----------
        events : Events
            Recorded by the month or finer; they are counted by the month.
        grid : Grid
            In the CRS of the events.
        end : Timestamp, optional
            The cut-off; default the end of the events' window.

        Returns
        -------
        FittedEndemicEpidemic

        Raises
        ------
        TooFewEventsError
            If fewer than `fewest_months` published months or 30 events can be used.
        GridMismatchError
            If events and grid are in different reference systems.
        RefusedError
            If a guard holds back what is to be forecast; see :mod:`hotspot.guards`.
        ConvergenceError
            If there is no peak; carries the trace. Shapes and shares that the record cannot tell
            are held or left out, and said in the fit's ``findings``.
        ExplosiveError
            If a month would add more to the following ones than it holds.

        Warns
        -----
        DataQualityWarning
            If the list of map points changed in the record; months before it are left out.
        """
        data = arrange_grid(self, events, grid, end)
        found = self.climbed(data, data.rows)
        return self.fitted_to(data, found, events=events, grid=grid, end=end)

    def fitted_to(
        self,
        data: GridData,
        found: Climbed,
        *,
        events: Events,
        grid: Grid,
        end: pd.Timestamp | None = None,
    ) -> FittedEndemicEpidemic:
        """The fit that a climb over arranged months ended in; raises as :meth:`fit`."""
        fitted = fitted_from(data, found, events, grid, cutoff_of(events, end))
        if fitted.branching_ratio >= 1:
            raise ExplosiveError(
                f"Each recorded offence would add {fitted.branching_ratio:.3g} to later months, "
                "and counts would grow without end: the long-run rates explain too little. Give a "
                "longer record, another half-life, or a trend.",
                found.maximum.trace,
            )
        return fitted

    def rates(self, events: Events, grid: Grid) -> RateBefore:
        """The map that a fit would make at any cut-off, for stacks and backgrounds.

        Parameters are found anew for every 12 months back from the end of the record, from what
        came before these; rates and echoes are those of the cut-off. The uncertainty of the
        parameters is left out.

        Parameters
        ----------
        events : Events
        grid : Grid

        Returns
        -------
        callable
            Takes a cut-off; gives the rate (ny, nx) per day in the month after it, and its relative
            variance, 0. It raises TooFewEventsError where a year or more could not be explained
            before it.
        """
        data = arrange_grid(self, events, grid, None)
        n_months, found = len(data.past.months), {}

        def rate_before(cutoff: pd.Timestamp) -> tuple[FloatArray, FloatArray]:
            row = int(data.past.months.right.searchsorted(cutoff, side="right"))
            refit = n_months - 12 * -(-(n_months - row) // 12)
            rows = data.rows[data.rows < refit]
            if rows.size < 12:
                raise TooFewEventsError(
                    f"Under a year can be explained before {cutoff:%Y-%m-%d}; there is no fit."
                )
            if refit not in found:
                found[refit] = self.climbed(data, rows)
            ended = found[refit]
            mean = data.likelihood(np.array([row]), ended.structure).mean(ended.maximum.theta)[0]
            rate = np.zeros(grid.inside.size)
            rate[data.past.cells] = mean / days_after(cutoff, events.time_zone)
            return rate.reshape(grid.shape), np.zeros(grid.shape)

        return rate_before

    def climbed(self, data: GridData, rows: IntArray) -> Climbed:
        """The likeliest parameters for some months of the record; raises as :meth:`fit`."""
        structure = Structure(
            self.half_life,
            self.own_lags,
            self.near_lags,
            self.decay,
            self.overdispersed,
            repeats=self.overdispersed and self.repeats,
        )
        size = rows.size * data.past.cells.size
        return climb(
            structure,
            lambda chosen, every: data.likelihood(rows[::every], chosen),
            # 5 and 7 meet every month of the year, which 2 to 4 and 6 do not.
            step=1 if size < _ROUGH else 5 if size < 5 * _ROUGH else 7,
        )


def days_after(cutoff: pd.Timestamp, time_zone: str) -> float:
    """Length of the local month that begins at or holds a cut-off; days."""
    first = cutoff.tz_convert(time_zone).tz_localize(None).normalize().replace(day=1)
    months = pd.DatetimeIndex([first, first + pd.DateOffset(months=1)]).tz_localize(time_zone)
    return float((months[1] - months[0]) / pd.Timedelta(days=1))
