r"""A map that says where within each area, and levels that say how many: one set of futures.

The count of cell c in area a is drawn as

.. math:: N_c \sim \mathrm{Poisson}\Bigl(\lambda_a
          \frac{r_c G_c}{\sum_{j \in a} r_j G_j}\Bigr),

with :math:`\lambda_a` from a future of the levels, r the expected counts of any spatial model, and
G a gamma of mean 1 with the variance of the cell's own rate. Cells sum to areas and areas to the
city within each future, and the bounds of an area are those of its level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from hotspot._checks import require_generator
from hotspot._typing import FloatArray, IntArray
from hotspot.breaks.find import missing_months
from hotspot.data.events import Events
from hotspot.errors import GridMismatchError, ParameterError, RegionError
from hotspot.grid.area_counts import month_of_days, months_of
from hotspot.grid.areas import area_weights
from hotspot.grid.cells import Grid
from hotspot.grid.counts import covered_periods
from hotspot.guards.scope import NOT_SAID, Scope
from hotspot.models.area_levels.level_model import FittedLevels, LevelModel
from hotspot.models.door import guarded
from hotspot.models.protocol import FittedModel, Model
from hotspot.models.rate_map import FittedRateMap
from hotspot.models.weights import cutoff_of


@dataclass(frozen=True, eq=False)
class WithLevels:
    """A spatial model whose totals, area by area, are those of a level model.

    Attributes
    ----------
    space : Model
        Says how an area's offences are shared out over its cells, such as
        ``HistoricalRate(half_life=730.5)``.
    areas : GeoDataFrame
        Boroughs or wards that tile the region, in the CRS of the grid. A cell on a border goes
        wholly to the area that holds most of it.
    by : str
        Column of `areas` that names them.
    level : LevelModel

    Raises
    ------
    ParameterError
        If `space` has no ``fit``, or `level` is no LevelModel.

    Notes
    -----
    Forecasts are of calendar months. A fit costs that of `space` and that of `level`.

    Examples
    --------
    >>> from hotspot import Grid, HistoricalRate, load_boroughs, load_sample
    >>> events = load_sample()
    >>> boroughs = load_boroughs(["Camden", "Islington"])
    >>> grid = Grid.over(boroughs, cell_size=500)
    >>> fitted = WithLevels(HistoricalRate(), boroughs).fit(events, grid)
    >>> list(fitted.levels.areas)
    ['Camden', 'Islington']
    """

    space: Model
    areas: gpd.GeoDataFrame
    by: str = "name"
    level: LevelModel = field(default_factory=LevelModel)

    def __post_init__(self) -> None:
        if not isinstance(self.space, Model) or isinstance(self.space, type):
            raise ParameterError(
                f"space must be a model with a fit method, such as HistoricalRate(); got "
                f"{self.space!r}."
            )
        if not isinstance(self.level, LevelModel):
            raise ParameterError(f"level must be a LevelModel, got {self.level!r}.")

    @guarded
    def fit(
        self, events: Events, grid: Grid, *, end: pd.Timestamp | None = None
    ) -> FittedWithLevels:
        """Fit the map and the levels to the events before `end`.

        Parameters
        ----------
        events : Events
        grid : Grid
            In the CRS of the events and of the areas.
        end : Timestamp, optional
            The cut-off; default the end of the events' window.

        Returns
        -------
        FittedWithLevels

        Raises
        ------
        RegionError
            If a cell of the region lies in no area.
        GridMismatchError
            If an area holds no cell.
        RefusedError
            If a guard holds back what is to be forecast; see :mod:`hotspot.guards`.
        TooFewEventsError
            If no whole month was recorded before the cut-off, or too little for the levels; see
            :meth:`LevelModel.fit`.
        """
        cutoff = cutoff_of(events, end)
        known = events.before(cutoff)
        area, names = _area_of_cell(grid, self.areas, self.by)
        totals = _monthly_totals(known, grid, (area, names), cutoff)
        levels = self.level.fit(totals)
        space = self.space.fit(events, grid, end=end)
        gaps = missing_months(known, months_of(known, cutoff))
        findings = (
            *(f"levels: {one}" for one in levels.findings),
            *(f"levels: {gap.finding}" for gap in gaps),
            *(f"map: {one}" for one in getattr(space, "findings", ())),
        )
        return FittedWithLevels(space, levels, area, _told(self.space), findings=findings)


@dataclass(frozen=True, eq=False)
class FittedWithLevels:
    """A fitted map and fitted levels, forecasting as one.

    Attributes
    ----------
    space : FittedModel
        The map within areas.
    levels : FittedLevels
        The totals of areas.
    area_of_cell : (ny, nx) int64
        Index of each cell's area; -1 outside the region.
    space_options : mapping
        The specification of the map.
    scope : Scope
        Offences it was fitted to, and what guards remarked or let pass.
    findings : tuple of str
        What was found in the training windows of levels and map, in words.

    Examples
    --------
    Cells sum to the levels of their areas.

    >>> from hotspot import Grid, HistoricalRate, load_boroughs, load_sample, make_periods
    >>> boroughs = load_boroughs(["Camden", "Islington"])
    >>> grid = Grid.over(boroughs, cell_size=500)
    >>> fitted = WithLevels(HistoricalRate(), boroughs).fit(load_sample(), grid)
    >>> periods = make_periods("2025-01", count=2)
    >>> cells = fitted.expected_count(periods).sum(["y", "x"])
    >>> bool(np.allclose(cells, fitted.levels.expected_rates(periods)[0].sum(1)))
    True
    """

    space: FittedModel
    levels: FittedLevels
    area_of_cell: IntArray
    space_options: Mapping[str, object]
    scope: Scope = NOT_SAID
    findings: tuple[str, ...] = ()

    name = "WithLevels"
    interval_kind = (
        "chance, the uncertainty of each cell's share, and the movement of the levels of areas and "
        "city, as wide as in past errors"
    )

    @property
    def grid(self) -> Grid:
        """The grid of the map."""
        return self.space.grid

    @property
    def data_cutoff(self) -> pd.Timestamp:
        """No event at or after this instant was used."""
        return self.space.data_cutoff

    @property
    def time_resolution(self) -> str:
        """Of the events it was fitted to."""
        return self.space.time_resolution

    @property
    def place_resolution(self) -> float:
        """Of the events it was fitted to; metres."""
        return self.space.place_resolution

    @property
    def parameters(self) -> dict[str, object]:
        """What was chosen and estimated, ready for JSON."""
        return {
            "space": {"model": self.space.name, **self.space_options},
            "space_fit": dict(self.space.parameters),
            "areas": list(self.levels.areas),
            "level": self.levels.parameters,
            "findings": list(self.findings),
        }

    def expected_count(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Mean recorded offences per cell and period; (time, y, x)."""
        moments = self._moments(periods)
        return self._labelled(moments[0], periods)

    def count_variance(self, periods: pd.IntervalIndex) -> xr.DataArray:
        """Predictive variance of each count: chance, the cell's share, and the levels.

        The share of a cell within its area is scaled by a sum that holds the cell itself; to first
        order this takes twice its share, less the sum of squared shares, off its variance.
        """
        mean, share, own, of_level = self._moments(periods)
        area = self._area
        of_share = (1 - 2 * share) * own + self._summed(share**2 * own)[:, area]
        relative = (1 + of_level[:, area]) * (1 + of_share) - 1
        return self._labelled(mean + mean**2 * relative, periods)

    def simulate_counts(
        self, periods: pd.IntervalIndex, *, size: int, rng: np.random.Generator
    ) -> xr.DataArray:
        """Simulated futures; (member, time, y, x), float32 whole numbers, NaN outside.

        A member keeps the path of its levels and the shares of its cells through all periods.
        Memory is 4 x size x periods x cells bytes.

        Parameters
        ----------
        periods : IntervalIndex
            Calendar months after the last that was recorded.
        size : int
        rng : Generator
        """
        require_generator(rng)
        _, share, own, _ = self._moments(periods)
        inside, area = self._inside, self._area
        rates = self.levels.simulate_rates(periods, size=size, rng=rng)
        out = np.full((size, len(periods), self.area_of_cell.size), np.nan, np.float32)
        # A ratio's mean is not the ratio of means: a cell that makes up much of its area drags the
        # sum along with it. To second order this is what it loses, given back beforehand.
        # The bounds keep it positive where a cell's variance is too large for that order to hold.
        drag = share * own - self._summed(share**2 * own)[:, area]
        share = share * np.clip(1 + drag, 0.5, 2.0)
        # One draw of each cell's own factor a future, with the variance of the first period.
        varies = own[0] > 0
        shape = 1 / own[0][varies]
        for member in range(size):
            factor = np.ones(inside.size)
            factor[varies] = rng.standard_gamma(shape) / shape
            drawn = share * factor
            for step, rate in enumerate(rates[member]):
                total = np.bincount(area, drawn[step], rate.size)
                mean = drawn[step] * (rate / np.maximum(total, np.finfo(float).tiny))[area]
                out[member, step, inside] = rng.poisson(mean)
        out = out.reshape(size, len(periods), *self.grid.shape)
        return self._labelled(out, periods, member=np.arange(size))

    @property
    def _inside(self) -> IntArray:
        return np.flatnonzero(self.grid.inside)

    @property
    def _area(self) -> IntArray:
        return self.area_of_cell.ravel()[self._inside]

    def _moments(self, periods: pd.IntervalIndex) -> tuple[FloatArray, ...]:
        """Mean, share of the area and own variance (periods, inside); levels' (periods, areas)."""
        totals, of_level = self.levels.expected_rates(periods)
        mapped = self.space.expected_count(periods).to_numpy().reshape(len(periods), -1)
        mapped = mapped[:, self._inside]
        share = mapped / self._summed(mapped)[:, self._area]
        own = self._own_variance(periods, mapped)
        return totals[:, self._area] * share, share, own, of_level

    def _summed(self, cells: FloatArray) -> FloatArray:
        """Sums (periods, areas) of values (periods, inside)."""
        size = len(self.levels.areas)
        return np.array([np.bincount(self._area, one, size) for one in cells])

    def _own_variance(self, periods: pd.IntervalIndex, mean: FloatArray) -> FloatArray:
        """Relative variance of each cell's own factor; (periods, inside).

        Of a map of rates it is known. Other models do not tell the cell's part of their variance
        from that of a level shared by all, which the levels replace: the smallest relative variance
        of any cell is the most that a shared level can have, and is taken out.
        """
        if isinstance(self.space, FittedRateMap):
            own = (1 + self.space.rate_variance) * (1 + self.space.level.cell) - 1
            return np.broadcast_to(own.ravel()[self._inside], mean.shape)
        variance = self.space.count_variance(periods).to_numpy().reshape(len(periods), -1)
        relative = np.maximum(variance[:, self._inside] - mean, 0.0) / mean**2
        shared = relative.min(axis=1, keepdims=True)
        return (1 + relative) / (1 + shared) - 1

    def _labelled(self, values: np.ndarray, periods: pd.IntervalIndex, **leading) -> xr.DataArray:
        if not leading:
            full = np.full((len(periods), self.area_of_cell.size), np.nan)
            full[:, self._inside] = values
            values = full.reshape(len(periods), *self.grid.shape)
        coords = {
            **leading,
            "time": periods.left.tz_localize(None),
            "y": self.grid.y,
            "x": self.grid.x,
        }
        return xr.DataArray(values, coords, [*leading, "time", "y", "x"])


def _area_of_cell(grid: Grid, areas: gpd.GeoDataFrame, by: str) -> tuple[IntArray, np.ndarray]:
    """Index of the area that holds most of each cell (-1 outside the region), and their names."""
    weights, names = area_weights(grid, areas, by=by)
    dense = weights.tocsc()
    found = np.full(grid.inside.size, -1)
    for cell in np.flatnonzero(np.diff(dense.indptr)):
        low, high = dense.indptr[cell], dense.indptr[cell + 1]
        found[cell] = dense.indices[low:high][dense.data[low:high].argmax()]
    homeless = grid.inside.ravel() & (found < 0)
    if homeless.any():
        raise RegionError(
            f"{homeless.sum()} cells of the region lie in none of the {len(names)} areas, so no "
            "level would reach them. Lay the grid over the union of the areas: "
            "Grid.over(areas, cell_size=...)."
        )
    found[~grid.inside.ravel()] = -1
    empty = np.setdiff1d(np.arange(len(names)), found)
    if empty.size:
        raise GridMismatchError(
            f"No cell lies mostly in {[str(names[i]) for i in empty]}. Use smaller cells, or unite "
            "these areas with a neighbour."
        )
    return found.reshape(grid.shape), names


def _monthly_totals(events: Events, grid: Grid, areas, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Events of each recorded calendar month in each area's cells."""
    area, names = areas
    months = months_of(events, cutoff)
    days, x, y = events.coordinates().T
    slot = month_of_days(days, events, months)
    cell = grid.cell_of(x, y)
    kept = (slot >= 0) & (cell >= 0)
    place = np.where(kept, area.ravel()[np.maximum(cell, 0)], -1)
    kept &= place >= 0
    size = len(months) * len(names)
    totals = np.bincount(slot[kept] * len(names) + place[kept], minlength=size)
    table = pd.DataFrame(totals.reshape(-1, len(names)), index=months, columns=names)
    return table[covered_periods(events, months)]


def _told(model: Model) -> dict[str, object]:
    """Options of a specification that JSON can hold; others as they print."""
    if not is_dataclass(model):
        return {}
    plain = (str, int, float, bool, type(None))
    return {
        key: value if isinstance(value, plain) else repr(value)
        for key, value in asdict(model).items()
    }
