"""Covariates of tiles and periods, laid against a region, and the background they make."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import csr_array

from hotspot._checks import local_timestamp
from hotspot._typing import FloatArray, IntArray
from hotspot.errors import CoverageError, ParameterError, RegionError
from hotspot.grid.areas import area_weights
from hotspot.grid.cells import Grid
from hotspot.models.backgrounds.quarters import days_after
from hotspot.models.backgrounds.time_pattern import harmonics, years_since
from hotspot.models.log_linear import LogLinear, require_columns

_UNCOVERED = 1e-3  # share of the region that may lie in no tile: outlines disagree by slivers


@dataclass(frozen=True, eq=False)
class Tiles:
    """Tiles that touch a region, in the order of `names`.

    Attributes
    ----------
    names : (k,) array
    polygons : (k,) array of polygons
    cell_area : (k, cells) sparse array
        Square metres of each grid cell, inside the region, that lie in each tile.
    """

    names: np.ndarray
    polygons: np.ndarray
    cell_area: csr_array

    @classmethod
    def over(cls, tiles: gpd.GeoDataFrame, grid: Grid, *, by: str) -> Tiles:
        """Lay tiles over a grid.

        Raises
        ------
        RegionError
            If over 0.1 % of the region lies in no tile; or as in
            :func:`hotspot.area_weights`.
        """
        weights, names = area_weights(grid, tiles, by=by)
        cell_area = csr_array(weights.multiply(grid.inside_area.ravel()[None]))
        area = cell_area.sum(axis=1)
        lacking = 1 - area.sum() / grid.inside_area.sum()
        if lacking > _UNCOVERED:
            raise RegionError(
                f"{lacking:.1%} of the region lies in none of the {len(names)} tiles, and nothing "
                "says what its background is. Add the tiles that are missing, or make the region "
                "the union of the tiles."
            )
        held = area > 0
        return cls(names[held], tiles.geometry.to_numpy()[held], cell_area[np.flatnonzero(held)])

    @property
    def area(self) -> FloatArray:
        """Square metres of each tile inside the region; (k,)."""
        return self.cell_area.sum(axis=1)

    def of(self, points: FloatArray) -> IntArray:
        """The tile that each point lies in; in a sliver between outlines, the nearest."""
        tree = shapely.STRtree(self.polygons)
        places = shapely.points(points)
        point, tile = tree.query(places, predicate="intersects")
        found = np.full(len(points), -1)
        found[point[::-1]] = tile[::-1]  # on a shared border, the first
        lost = np.flatnonzero(found < 0)
        found[lost] = tree.nearest(places[lost])
        return found


@dataclass(frozen=True, eq=False)
class Covariates:
    """Design of every tile in every period.

    Attributes
    ----------
    edges : DatetimeIndex (p + 1,) or None
        Begin of each period and the end of the last, in UTC; None for covariates of all times.
    design : (p, k, c) float64
        Columns times coefficients; the first is 1.
    log_exposure : (p, k) float64
    names : tuple of str
        Of the columns.
    """

    edges: pd.DatetimeIndex | None
    design: FloatArray
    log_exposure: FloatArray
    names: tuple[str, ...]

    @classmethod
    def of(
        cls, table: pd.DataFrame, predictor: LogLinear, tiles: Tiles, *, by: str, time_zone: str
    ) -> Covariates:
        """Check a table against the tiles, and turn it into a design.

        Raises
        ------
        CoverageError
            If a tile has no row, or lacks one in some period, or periods leave a gap.
        ParameterError
            If a tile and period has two rows, periods overlap, or a covariate is missing.
        UnknownNameError
            If there is no such column.
        """
        require_columns(table, (by, *predictor.columns))
        _require_tiles(table, tiles, by)
        table = table[table[by].isin(tiles.names)]
        levels = predictor.levels(table)
        edges, period = _periods(table, time_zone)
        row = _row_of_each(table, tiles, by=by, period=period, edges=edges)
        design, log_exposure = predictor.design(table.iloc[row.ravel()], levels)
        return cls(
            edges,
            design.reshape(*row.shape, -1),
            log_exposure.reshape(row.shape),
            predictor.names(levels),
        )


def _require_tiles(table: pd.DataFrame, tiles: Tiles, by: str) -> None:
    missing = sorted(set(tiles.names) - set(table[by]), key=str)
    if missing:
        raise CoverageError(
            f"{len(missing)} of the {len(tiles.names)} tiles in the region have no covariates, "
            f"such as {missing[:3]}. Add their rows; what stands nowhere cannot be guessed."
        )


def _periods(table: pd.DataFrame, zone: str) -> tuple[pd.DatetimeIndex | None, IntArray]:
    """Edges of the periods that a table names, and the period of each row."""
    if "start" not in table.columns and "end" not in table.columns:
        return None, np.zeros(len(table), np.int64)
    require_columns(table, ("start", "end"))
    told = table[["start", "end"]].drop_duplicates()
    stamp = {
        when: local_timestamp(when, zone).tz_convert("UTC")
        for when in pd.unique(told.to_numpy(object).ravel())
    }
    spans = sorted({(stamp[a], stamp[b]) for a, b in told.itertuples(index=False)})
    starts, ends = (pd.DatetimeIndex(column) for column in zip(*spans, strict=True))
    if (ends <= starts).any():
        raise ParameterError("Every period of the covariates must end after it starts.")
    if (starts[1:] < ends[:-1]).any():
        raise ParameterError(
            "Periods of the covariates overlap. Give each tile the same periods, one after another."
        )
    if (starts[1:] > ends[:-1]).any():
        gap = int(np.argmax(starts[1:] > ends[:-1]))
        raise CoverageError(
            f"The covariates leave a gap from {ends[gap]} to {starts[gap + 1]}. Add its period."
        )
    begin = pd.DatetimeIndex([stamp[when] for when in table["start"].astype(object)])
    return starts.append(ends[-1:]), starts.get_indexer(begin)


def _row_of_each(table, tiles: Tiles, *, by: str, period: IntArray, edges) -> IntArray:
    """Row of the table for each period and tile; (p, k)."""
    row = np.full((period.max() + 1, len(tiles.names)), -1)
    tile = pd.Index(tiles.names).get_indexer(table[by])
    row[period, tile] = np.arange(len(table))
    if (row < 0).any():
        p, k = np.argwhere(row < 0)[0]
        raise CoverageError(
            f"Tile {tiles.names[k]!r} has no covariates for the period from {edges[p]}; "
            f"{(row < 0).sum()} such rows are missing. Add them."
        )
    if row.size < len(table):
        twice = table.loc[pd.Series(tile).mul(row.shape[0]).add(period).duplicated().to_numpy(), by]
        raise ParameterError(
            f"{len(twice)} tiles and periods stand in two rows, such as tile {twice.iloc[0]!r}. "
            "Leave one of each."
        )
    return row


@dataclass(frozen=True, eq=False)
class TilePattern:
    r"""A background that is constant in each tile and step of time, and changes between them.

    .. math:: \nu(t, s) \propto \exp \Bigl( \log e_{kp} + z_{kp}^\top \beta
       + \sum_j a_j \cos j\varphi_q + b_j \sin j\varphi_q + \gamma y_q \Bigr)

    for tile k, period p of the covariates, and step q: a calendar month where there is a season or
    a trend, cut at the edges of the periods.

    Attributes
    ----------
    tiles : Tiles
    covariates : Covariates
    coefficients : (c + 2 harmonics + trend,) float64
    shape : (int, int)
        Of the grid.
    time_zone : str
        In which months begin.
    start, end : Timestamp
        The window it was fitted to; its mean there is one event a day.
    harmonics : int
    trend : bool
    """

    tiles: Tiles
    covariates: Covariates
    coefficients: FloatArray
    shape: tuple[int, int]
    time_zone: str
    start: pd.Timestamp
    end: pd.Timestamp
    harmonics: int = 0
    trend: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What each coefficient is."""
        waves = [
            f"season {wave} {k}" for k in range(1, self.harmonics + 1) for wave in ("cos", "sin")
        ]
        return (*self.covariates.names, *waves, *(["trend per year"] if self.trend else []))

    @property
    def map_moves(self) -> bool:
        """Whether covariates change in time, and with them the shares of the tiles."""
        return self.covariates.edges is not None and len(self.covariates.edges) > 2

    def steps(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
        """Edges of the steps that [start, end) lies in; UTC.

        Raises
        ------
        CoverageError
            If covariates begin later or end sooner.
        """
        edges = self.covariates.edges
        if edges is not None and (start < edges[0] or end > edges[-1]):
            late = end > edges[-1]
            raise CoverageError(
                f"Covariates are given from {edges[0]} to {edges[-1]}, and the background is asked "
                f"{'until' if late else 'from'} "
                f"{end if late else start}. Give CovariateBackground rows for the periods "
                f"{'after' if late else 'before'} that too, forecast ones where they are not "
                "known yet."
            )
        first, last = (when.tz_convert("UTC") for when in (start, end))
        if self.harmonics or self.trend:
            local = [when.tz_convert(self.time_zone).tz_localize(None) for when in (start, end)]
            months = pd.date_range(
                local[0].normalize().replace(day=1), local[1] + pd.DateOffset(months=1), freq="MS"
            )
            months = months.tz_localize(self.time_zone).tz_convert("UTC")
            edges = months if edges is None else months.union(edges)
        elif edges is None:
            edges = pd.DatetimeIndex([first, max(last, first + pd.Timedelta(days=1))])
        begin = edges.searchsorted(first, side="right") - 1
        finish = max(edges.searchsorted(last, side="left"), begin + 1)
        return edges[begin : finish + 1]

    def design(self, steps: pd.DatetimeIndex) -> tuple[FloatArray, FloatArray]:
        """Columns times coefficients and log-exposure of each step and tile; (q, k, c), (q, k)."""
        period = np.zeros(len(steps) - 1, np.int64)
        if self.covariates.edges is not None:
            period = self.covariates.edges.searchsorted(steps[:-1], side="right") - 1
        middle = (steps[:-1] + (steps[1:] - steps[:-1]) / 2).tz_convert(self.time_zone)
        moving = harmonics(middle, self.harmonics)
        if self.trend:
            moving = np.column_stack([moving, years_since(middle, self.start, self.end)])
        still = self.covariates.design[period]
        moving = np.broadcast_to(moving[:, None], (*still.shape[:2], moving.shape[1]))
        return np.concatenate([still, moving], axis=2), self.covariates.log_exposure[period]

    def rates(self, steps: pd.DatetimeIndex) -> FloatArray:
        """Background of each step and tile, for one of one a day: per day and m²; (q, k)."""
        design, log_exposure = self.design(steps)
        return np.exp(log_exposure + design @ self.coefficients)

    def days(
        self, start: pd.Timestamp | pd.DatetimeIndex, end: pd.Timestamp | pd.DatetimeIndex
    ) -> float | FloatArray:
        """Integral over the region from `start` to `end`, in days; either may be many instants."""
        one = isinstance(start, pd.Timestamp) and isinstance(end, pd.Timestamp)
        starts, ends = _both(start, end)
        steps = self.steps(min(starts.min(), ends.min()), max(starts.max(), ends.max()))
        at = days_after(steps, steps[0])
        so_far = np.concatenate(
            [[0.0], np.cumsum(np.diff(at) * (self.rates(steps) @ self.tiles.area))]
        )
        begun, done = (np.interp(days_after(when, steps[0]), at, so_far) for when in (starts, ends))
        return float(done[0] - begun[0]) if one else done - begun

    def cell_days(
        self, start: pd.Timestamp | pd.DatetimeIndex, end: pd.Timestamp | pd.DatetimeIndex
    ) -> FloatArray:
        """Integral over each cell from `start` to `end`, in days; (ny, nx), or (n, ny, nx)."""
        one = isinstance(start, pd.Timestamp) and isinstance(end, pd.Timestamp)
        starts, ends = _both(start, end)
        steps = self.steps(min(starts.min(), ends.min()), max(starts.max(), ends.max()))
        at = days_after(steps, steps[0])
        low, high = (days_after(when, steps[0])[:, None] for when in (starts, ends))
        width = np.diff(np.clip(at, low, high), axis=1)
        found = (self.tiles.cell_area.T @ (width @ self.rates(steps)).T).T.reshape(-1, *self.shape)
        return found[0] if one else found

    def breaks(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
        """Instants between `start` and `end` at which the background may jump; UTC."""
        steps = self.steps(start, end)
        return steps[(steps > start) & (steps < end)]


def _both(start, end) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """Two instants, or one and many, as two of one length."""
    one, other = (
        pd.DatetimeIndex([when] if isinstance(when, pd.Timestamp) else when)
        for when in (start, end)
    )
    n = max(len(one), len(other))
    return tuple(when.repeat(n) if len(when) == 1 else when for when in (one, other))
