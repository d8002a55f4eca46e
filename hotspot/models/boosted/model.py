"""The monthly self-exciting model, corrected by what a learner finds it to miss."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import ParameterError
from hotspot.grid.cells import Grid
from hotspot.models.boosted.correction import learned, require_enough
from hotspot.models.boosted.fitted import FittedBoosted
from hotspot.models.boosted.learner import Trees, require_scikit_learn
from hotspot.models.door import guarded
from hotspot.models.endemic_epidemic.grid_data import arrange_grid
from hotspot.models.endemic_epidemic.model import EndemicEpidemic, days_after
from hotspot.models.level import RateBefore


@dataclass(frozen=True, eq=False)
class Boosted:
    r"""A monthly model whose expected counts are corrected, cell by cell, by boosted trees.

    .. math:: \mu_{cm} = \hat\lambda_{cm} \,
        \frac{e^{a f(x_{cm})} \sum_{c'} \hat\lambda_{c'm}}
             {\sum_{c'} \hat\lambda_{c'm} e^{a f(x_{c'm})}}

    :math:`\hat\lambda` is what the base expects. x is what was known of the cell when the month
    began: its past at several half-lives, repeats at one point, points in use, what lay around it
    last month and before, the exposure (:mod:`~hotspot.models.boosted.features` lists them). f is
    a sum of small regression trees that maximise the Poisson likelihood of the months before the
    cut-off, each seen as it would have been forecast. The share a of the correction that is taken
    is the likeliest for the latest of these months under trees that were grown on those before
    them: where the base is true it is near 0. The city's level stays the base's.

    Attributes
    ----------
    base : EndemicEpidemic
        Its ``window`` is also how many months the trees learn from.
    rounds : int
        Number of trees.
    learning_rate : float
        Share of each tree's correction that is taken.
    leaves : int
        Most leaves of a tree.
    fewest_rows : int
        Cells and months in a leaf, at least.
    prior_events : float
        Offences by which each leaf is drawn towards no correction.
    held_out : int
        Latest months by which the share is chosen; 0 takes the whole correction unchecked.
    most_rows : int
        Cells and months to learn from, at most. All with an offence come first, then those without,
        in proportion to what was expected.

    Raises
    ------
    ParameterError
        If an option lies outside what makes sense, or the base is no ``EndemicEpidemic``.

    Notes
    -----
    Needs scikit-learn: ``pip install 'hotspot-forecast[learn]'``. There is no chance in a fit, and
    it runs on one thread, since sums by several would be rounded in another order.

    Months further ahead take the correction of the first. Time beyond the base's is O(rows x
    features x rounds), and memory that of a table of rows x features in single precision.

    References
    ----------
    Friedman, J. H. (2001). Greedy function approximation: a gradient boosting machine. Annals of
    Statistics, 29, 1189-1232. https://doi.org/10.1214/aos/1013203451

    Examples
    --------
    >>> Boosted(EndemicEpidemic(half_life=24.0), rounds=100).trees.rounds
    100
    """

    base: EndemicEpidemic = field(default_factory=EndemicEpidemic)
    rounds: int = 200
    learning_rate: float = 0.05
    leaves: int = 15
    fewest_rows: int = 1000
    prior_events: float = 300.0
    held_out: int = 12
    most_rows: int = 500_000

    def __post_init__(self) -> None:
        if not isinstance(self.base, EndemicEpidemic):
            raise ParameterError(
                f"base must be an EndemicEpidemic, whose past forecasts are cheap; got "
                f"{self.base!r}."
            )
        for name, least in (
            ("rounds", 1), ("leaves", 2), ("fewest_rows", 1), ("held_out", 0), ("most_rows", 1000),
        ):  # fmt: skip
            value = getattr(self, name)
            if isinstance(value, bool) or value != int(value) or value < least:
                raise ParameterError(f"{name} must be a whole number from {least}, got {value!r}.")
        if not 0 < self.learning_rate <= 1:
            raise ParameterError(f"learning_rate must be in (0, 1], got {self.learning_rate}.")
        if not 0 <= self.prior_events < np.inf:
            raise ParameterError(f"prior_events must be 0 or more, got {self.prior_events}.")

    @property
    def trees(self) -> Trees:
        """How the trees are grown."""
        return Trees(
            self.rounds, self.learning_rate, self.leaves, self.fewest_rows, self.prior_events
        )

    @guarded
    def fit(self, events: Events, grid: Grid, *, end: pd.Timestamp | None = None) -> FittedBoosted:
        """Fit the base to the whole months before `end`, then learn how it errs in them.

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
        FittedBoosted

        Raises
        ------
        MissingPackageError
            If scikit-learn is not installed.
        TooFewEventsError
            If the base cannot be fitted, fewer than 6 months or twice `held_out` can be explained,
            or they hold fewer than 1,000 offences.
        RefusedError
            If a guard holds back what is to be forecast; see :mod:`hotspot.guards`.
        GridMismatchError, ConvergenceError, ExplosiveError
            As :meth:`EndemicEpidemic.fit`.
        """
        require_scikit_learn()
        data = arrange_grid(self.base, events, grid, end)
        require_enough(self, data, data.rows)
        found = self.base.climbed(data, data.rows)
        base = self.base.fitted_to(data, found, events=events, grid=grid, end=end)
        correction = learned(self, data, found, data.rows)
        return FittedBoosted(self, base, correction.at(np.array([len(data.past.months)])))

    def rates(self, events: Events, grid: Grid) -> RateBefore:
        """The map that a fit would make at any cut-off, for stacks and long backtests.

        Parameters and trees are found anew for every 12 months back from the end of the record,
        from what came before these; rates and features are those of the cut-off.

        Parameters
        ----------
        events : Events
        grid : Grid

        Returns
        -------
        callable
            Takes a cut-off; gives the rate (ny, nx) per day in the month after it, and its relative
            variance, 0. It raises TooFewEventsError where too little could be learned from before
            it.
        """
        require_scikit_learn()
        data = arrange_grid(self.base, events, grid, None)
        n_months, found = len(data.past.months), {}

        def rate_before(cutoff: pd.Timestamp) -> tuple[FloatArray, FloatArray]:
            row = int(data.past.months.right.searchsorted(cutoff, side="right"))
            refit = n_months - 12 * -(-(n_months - row) // 12)
            if refit not in found:
                rows = data.rows[data.rows < refit]
                require_enough(self, data, rows)
                found[refit] = learned(self, data, self.base.climbed(data, rows), rows)
            correction = found[refit].at(np.array([row]))
            rate = np.zeros(grid.inside.size)
            expected = (correction.mean * correction.factor)[0]
            rate[data.past.cells] = expected / days_after(cutoff, events.time_zone)
            return rate.reshape(grid.shape), np.zeros(grid.shape)

        return rate_before
