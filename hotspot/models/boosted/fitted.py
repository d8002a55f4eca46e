"""What the corrected model learned, and what it expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._typing import FloatArray
from hotspot.grid.cells import Grid
from hotspot.guards.scope import NOT_SAID, Scope
from hotspot.models.boosted.correction import Correction, Learned
from hotspot.models.endemic_epidemic.fitted import FittedEndemicEpidemic

if TYPE_CHECKING:
    from hotspot.models.boosted.model import Boosted


@dataclass(frozen=True, eq=False)
class FittedBoosted:
    """What :class:`Boosted` learned; made by its ``fit``.

    Attributes
    ----------
    model : Boosted
    base : FittedEndemicEpidemic
        The base alone, fitted to the same months.
    correction : Correction
        Of the month that follows: a ``factor`` by cell.
    scope : Scope
        Offences it was fitted to, and what guards remarked or let pass.

    Examples
    --------
    >>> from hotspot import Boosted, Grid, load_sample, make_periods
    >>> events = load_sample(offences="Burglary")
    >>> grid = Grid.over(events.region, cell_size=500)
    >>> fitted = Boosted(rounds=20, held_out=6).fit(events, grid)
    >>> periods = make_periods("2025-01", count=3)
    >>> fitted.expected_count(periods).sizes["time"]
    3

    The level is the base's:

    >>> totals = [one.expected_count(periods).sum() for one in (fitted, fitted.base)]
    >>> bool(np.isclose(*totals))
    True
    """

    model: Boosted
    base: FittedEndemicEpidemic
    correction: Correction
    scope: Scope = NOT_SAID

    name = "Boosted"
    interval_kind = (
        "chance with repeats, what future months add to later ones, the uncertainty of the base's "
        "parameters, and the movement of levels as seen in the past; not the uncertainty of the "
        "learned correction"
    )

    @property
    def learned(self) -> Learned:
        """The trees, how much of what they say is taken, and how that was decided."""
        return self.correction.learned

    @property
    def grid(self) -> Grid:
        """The base's."""
        return self.base.grid

    @property
    def data_cutoff(self) -> pd.Timestamp:
        """No event at or after this instant was used."""
        return self.base.data_cutoff

    @property
    def time_resolution(self) -> str:
        """Of the events it was fitted to."""
        return self.base.time_resolution

    @property
    def place_resolution(self) -> float:
        """Of the events it was fitted to."""
        return self.base.place_resolution

    @property
    def findings(self) -> tuple[str, ...]:
        """The base's, and whether the correction proved itself on the months held out."""
        share = self.learned.share
        if share == 0.0:
            return (*self.base.findings, "The months held out speak for no correction at all.")
        return self.base.findings

    @property
    def parameters(self) -> Mapping[str, object]:
        """What was chosen and estimated, ready for JSON."""
        model, found = self.model, self.learned
        gain = found.held_out_gain
        return {
            "base": dict(self.base.parameters),
            "rounds": model.rounds,
            "learning_rate": model.learning_rate,
            "leaves": model.leaves,
            "fewest_rows": model.fewest_rows,
            "prior_events": model.prior_events,
            "held_out": model.held_out,
            "share": round(found.share, 6),
            "held_out_gain": None if np.isnan(gain) else round(gain, 6),
            "rows": found.n_rows,
            "features": list(found.features),
            "findings": list(self.findings),
        }

    def expected_count(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Mean recorded offences per cell and month, up to 12 months ahead; (time, y, x).

        Raises
        ------
        LeakError, ResolutionError, ParameterError
            As :meth:`FittedEndemicEpidemic.expected_count`.
        """
        return self.base.expected_count(periods) * self._on_grid(periods)

    def background_count(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """The part of the expected count that is not owed to recent months; (time, y, x)."""
        return self.base.background_count(periods) * self._on_grid(periods)

    def count_variance(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Predictive variance of each count: chance, the base's parameters, level, months between.

        The learned correction is taken as known.
        """
        return self.base.corrected_variance(periods, self._factors())

    def simulate_counts(
        self, periods: pd.IntervalIndex, *, size: int, rng: np.random.Generator
    ) -> xr.DataArray:
        """Simulated futures; (member, time, y, x), float32 whole numbers, NaN outside.

        Those of the base, whose means are corrected; what later months hear of a month is what the
        base would have expected of it, so that a correction does not feed itself.

        Raises
        ------
        LeakError, ResolutionError, ParameterError
            As :meth:`expected_count`; or if `size` is below 1.
        """
        return self.base.corrected_futures(periods, self._factors(), size=size, rng=rng)

    def summary(self) -> str:
        """The base's table, and what the learner added."""
        found, gain = self.learned, self.learned.held_out_gain
        strongest = np.quantile(self.correction.factor, [0.01, 0.99])
        checked = (
            "taken whole and unchecked"
            if np.isnan(gain)
            else f"{found.share:.2f} of it is taken: in {self.model.held_out} months held out that "
            f"added {gain:+.4f} nats an offence"
        )
        lines = [
            f"Boosted: a correction of the model below, learned from {found.n_rows:,} cells and "
            f"months by {self.model.rounds} trees",
            f"  {checked}",
            f"  98 of 100 cells are multiplied by {strongest[0]:.2f} to {strongest[1]:.2f}",
        ]
        return "\n".join([*lines, self.base.summary()])

    def _factors(self) -> FloatArray:
        """By month ahead and unit; the level of every month stays the base's."""
        known = self.base.present.parameters(self.base.theta)
        mean, _ = self.base.present.run(known, 12)
        factor = self.correction.factor[0]
        return factor * (mean.sum(axis=1) / (mean @ factor))[:, None]

    def _on_grid(self, periods: pd.IntervalIndex) -> xr.DataArray:
        ahead = self.base.months_ahead(periods)
        return self.base.labelled(self._factors()[ahead], periods)
