"""Events, tiles and region become the arrays that the endemic-epidemic likelihood is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from hotspot._typing import BoolArray, FloatArray, IntArray
from hotspot.errors import (
    CoordinateError,
    CoverageError,
    DateError,
    ParameterError,
    TooFewEventsError,
    UnknownNameError,
)
from hotspot.models.log_linear import LogLinear, require_columns
from hotspot.models.parts.polygon_mass import PolygonRule

if TYPE_CHECKING:
    from hotspot.models.endemic_epidemic.points import EndemicEpidemicPoints

_CANDIDATES_AT_ONCE = 5_000_000


@dataclass(frozen=True, eq=False)
class Predictor:
    """One log-linear predictor at some rows.

    Attributes
    ----------
    design : (n, k) float64
    log_exposure : (n,) float64
    names : tuple of str
    """

    design: FloatArray
    log_exposure: FloatArray
    names: tuple[str, ...]

    def rate(self, coefficients: FloatArray) -> FloatArray:
        """The rate of each row; (n,)."""
        return np.exp(self.log_exposure + self.design @ coefficients)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Every event with every earlier one that may have triggered it.

    Attributes
    ----------
    target, source : (m,) int64
    lag, distance : (m,) float64
    """

    target: IntArray
    source: IntArray
    lag: FloatArray
    distance: FloatArray


@dataclass(frozen=True, eq=False)
class Arrays:
    """What the likelihood needs, none of which depends on the parameters.

    Attributes
    ----------
    at_events, on_tiles : Predictor
        The endemic predictor, at the events of the window and on each tile in each period.
    measure : (rows of tiles,) float64
        Area times duration times the number of types.
    sources : Predictor or None
        The epidemic predictor of every event, earlier ones included; None where nothing triggers.
    pairs : Pairs or None
        Targets are numbered among the events of the window, sources among all.
    observed_lag : (n sources, 2) float64
        The shortest and longest lag from each source that fall within the window.
    excited_types : (n sources,) float64
        How many types each source can trigger.
    rule : PolygonRule or None
        The part of each source's disc inside the region.
    type_of_source : (n sources,) int64
    excites : (types, types) bool
        Whether a source of the row's type triggers events of the column's.
    longest_lag, furthest : float
        Beyond which nothing is triggered.
    """

    at_events: Predictor
    on_tiles: Predictor
    measure: FloatArray
    sources: Predictor | None = None
    pairs: Pairs | None = None
    observed_lag: FloatArray | None = None
    excited_types: FloatArray | None = None
    rule: PolygonRule | None = None
    type_of_source: IntArray | None = None
    excites: BoolArray | None = None
    longest_lag: float = np.inf
    furthest: float = np.inf


def arrays_of(
    spec: EndemicEpidemicPoints,
    events: pd.DataFrame,
    tiles: pd.DataFrame,
    region: BaseGeometry,
) -> Arrays:
    """Check the tables against each other and turn them into arrays."""
    events, tiles = _checked_events(events, region), _checked_tiles(tiles)
    start, end = tiles["start"].min(), tiles["stop"].max()
    if (events["time"] > end).any():
        raise CoverageError(
            f"{(events['time'] > end).sum()} events come after the last period of the tiles, which "
            f"ends at {end}. Add periods or drop the events."
        )
    kinds, kind_of_event = _types(spec, events)
    in_window = events["time"].to_numpy() > start
    if in_window.sum() < 2:
        raise TooFewEventsError(
            f"{in_window.sum()} events lie in the window ({start}, {end}], too few to learn from."
        )
    endemic = _endemic(spec, events[in_window], tiles, kinds)
    if spec.epidemic is None:
        return Arrays(*endemic)
    levels = spec.epidemic.levels(events)
    excites = _excites(spec, kinds)
    points = events[["x", "y"]].to_numpy(float)
    time = events["time"].to_numpy(float)
    return Arrays(
        *endemic,
        Predictor(*spec.epidemic.design(events, levels), spec.epidemic.names(levels)),
        _pairs(spec, time, points=points, kind=kind_of_event, excites=excites, in_window=in_window),
        # A source from before the window has triggered, but only what it did inside is counted.
        np.column_stack(
            [np.clip(start - time, 0, spec.longest_lag), np.clip(end - time, 0, spec.longest_lag)]
        ),
        excites.sum(axis=1)[kind_of_event].astype(float),
        _rule(spec, points, region),
        kind_of_event,
        excites,
        spec.longest_lag,
        spec.furthest,
    )


def _checked_events(events: pd.DataFrame, region: BaseGeometry) -> pd.DataFrame:
    require_columns(events, ("time", "x", "y", "tile"))
    if not np.isfinite(events["time"].to_numpy(float)).all():
        raise DateError("Some times are missing or infinite. Drop those events or mend them.")
    x, y = events["x"].to_numpy(float), events["y"].to_numpy(float)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise CoordinateError(
            "Some places are missing or infinite. Drop those events or mend them."
        )
    outside = ~shapely.intersects_xy(region, x, y)
    if outside.any():
        raise CoordinateError(
            f"{outside.sum()} of {len(events)} events lie outside the region, the first at "
            f"({x[outside][0]}, {y[outside][0]}). Drop them, or widen the region."
        )
    return events.sort_values(["time", "x", "y"], kind="stable", ignore_index=True)


def _checked_tiles(tiles: pd.DataFrame) -> pd.DataFrame:
    require_columns(tiles, ("tile", "start", "stop", "area"))
    numbers = tiles[["start", "stop", "area"]].to_numpy(float)
    if not np.isfinite(numbers).all() or (numbers[:, 2] <= 0).any():
        raise ParameterError("Every tile must have a finite start and stop, and a positive area.")
    tiles = tiles.sort_values(["tile", "start"], ignore_index=True)
    follows = tiles["tile"].eq(tiles["tile"].shift())
    if (tiles["stop"] <= tiles["start"]).any():
        raise ParameterError("Every period of the tiles must stop after it starts.")
    gap = follows & (tiles["start"] != tiles["stop"].shift())
    if gap.any():
        row = tiles[gap].iloc[0]
        raise CoverageError(
            f"The periods of tile {row['tile']!r} overlap or leave a gap at {row['start']}. Each "
            "tile needs periods that follow one another."
        )
    window = tiles.groupby("tile").agg({"start": "min", "stop": "max"})
    if (window.nunique() > 1).any():
        raise CoverageError(
            "The tiles begin or end at different times; each must cover the window."
        )
    return tiles


def _types(spec: EndemicEpidemicPoints, events: pd.DataFrame) -> tuple[list, IntArray]:
    if spec.type_column is None:
        return [None], np.zeros(len(events), np.int64)
    require_columns(events, (spec.type_column,))
    kind, kinds = pd.factorize(events[spec.type_column], sort=True)
    if (kind < 0).any():
        raise ParameterError(f"'{spec.type_column}' is missing for some events. Drop them.")
    return list(kinds), kind.astype(np.int64)


def _excites(spec: EndemicEpidemicPoints, kinds: list) -> BoolArray:
    if spec.excites is None:
        return np.eye(len(kinds), dtype=bool)
    unknown = {kind for pair in spec.excites for kind in pair} - set(kinds)
    if unknown:
        raise UnknownNameError(f"excites names {sorted(unknown)}; the events have types {kinds}.")
    given = set(spec.excites)
    return np.array([[(source, target) in given for target in kinds] for source in kinds])


def _endemic(
    spec: EndemicEpidemicPoints, events: pd.DataFrame, tiles: pd.DataFrame, kinds: list
) -> tuple[Predictor, Predictor, FloatArray]:
    """Predictors at events and on tiles; a covariate's value at an event is that of its tile."""
    endemic: LogLinear = spec.endemic
    of_tile = [name for name in endemic.columns if name != spec.type_column]
    require_columns(tiles, tuple(of_tile))
    row = _row_of(events, tiles)
    at_events = tiles[of_tile].iloc[row].reset_index(drop=True)
    repeats = len(kinds)
    if spec.type_column in endemic.terms:
        at_events[spec.type_column] = events[spec.type_column].to_numpy()
        tiles = pd.concat([tiles.assign(**{spec.type_column: kind}) for kind in kinds])
        repeats = 1
    levels = endemic.levels(tiles)
    names = endemic.names(levels)
    measure = (tiles["area"] * (tiles["stop"] - tiles["start"])).to_numpy(float) * repeats
    return (
        Predictor(*endemic.design(at_events, levels), names),
        Predictor(*endemic.design(tiles, levels), names),
        measure,
    )


def _row_of(events: pd.DataFrame, tiles: pd.DataFrame) -> IntArray:
    """Row of `tiles` that each event falls in: its tile, and start < time <= stop."""
    names = pd.Index(tiles["tile"].unique())
    code = names.get_indexer(events["tile"])
    if (code < 0).any():
        missing = sorted(map(str, set(events["tile"][code < 0])))
        raise CoverageError(
            f"Events lie in tiles without covariates: {missing[:5]}. Add these tiles, or drop the "
            "events."
        )
    span = float(tiles["stop"].max() - tiles["start"].min()) * 2
    first = tiles["start"].min()
    key = names.get_indexer(tiles["tile"]) * span + (tiles["start"].to_numpy(float) - first)
    return np.searchsorted(key, code * span + (events["time"].to_numpy(float) - first)) - 1


def _pairs(
    spec: EndemicEpidemicPoints, times: FloatArray, *, points, kind, excites, in_window
) -> Pairs:
    """Pairs with 0 < lag <= longest lag and distance <= furthest distance, types permitting."""
    earliest = np.searchsorted(times, times - spec.longest_lag, side="left")
    latest = np.searchsorted(times, times, side="left")
    count = np.where(in_window, latest - earliest, 0)
    number = np.cumsum(in_window) - 1
    found = []
    ends = np.cumsum(count)
    first = 0
    while first < times.size:
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _CANDIDATES_AT_ONCE, side="right")))
        some = np.arange(first, last)
        target = np.repeat(some, count[some])
        within = np.arange(target.size) - np.repeat(ends[some] - count[some] - done, count[some])
        source = earliest[target] + within
        distance = np.hypot(*(points[target] - points[source]).T)
        keep = (distance <= spec.furthest) & excites[kind[source], kind[target]]
        target, source = target[keep], source[keep]
        found.append((number[target], source, times[target] - times[source], distance[keep]))
        first = last
    return Pairs(*map(np.concatenate, zip(*found, strict=True)))


def _rule(spec: EndemicEpidemicPoints, points: FloatArray, region: BaseGeometry) -> PolygonRule:
    kinks = spec.displacement.kinks
    exact = PolygonRule.over(points, region, reach=spec.furthest, kinks=kinks)
    if spec.disc_sides is None:
        return exact
    # As R's surveillance has it: a disc that the border cuts is a polygon, another one is a disc.
    cut = np.bincount(exact.point, minlength=len(points)) > 0
    turn = 2 * math.pi * np.arange(spec.disc_sides) / spec.disc_sides
    corners = spec.furthest * np.column_stack([np.cos(turn), np.sin(turn)])
    shared = shapely.intersection(shapely.polygons(points[cut][:, None] + corners), region)
    polygonal = PolygonRule.over_each(points[cut], shared, kinks=kinks)
    reach, angle = exact.reach.copy(), exact.angle.copy()
    reach[cut], angle[cut] = polygonal.reach, polygonal.angle
    return PolygonRule(
        reach, angle, np.flatnonzero(cut)[polygonal.point], polygonal.radius, polygonal.weight
    )
