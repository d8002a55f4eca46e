"""How much a score owes to the grid: the same model and record on grids laid otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr

from hotspot._checks import require_share
from hotspot.backtesting.folds import Fold
from hotspot.data.events import Events
from hotspot.errors import ParameterError
from hotspot.evaluate import (
    hit_rate,
    information_gain,
    prediction_accuracy_index,
    prediction_efficiency_index_star,
)
from hotspot.grid.cells import Grid
from hotspot.grid.counts import count_events, require_covered
from hotspot.models.protocol import Model
from hotspot.models.rate_map import rates_of

CELL_SIZES = (100.0, 200.0, 250.0, 300.0, 400.0, 500.0)
OFFSETS = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5))


def grid_sensitivity(
    model: Model,
    events: Events,
    folds: Sequence[Fold],
    *,
    cell_sizes: Sequence[float] = CELL_SIZES,
    offsets: Sequence[tuple[float, float]] = OFFSETS,
    rotations: Sequence[float] = (0.0,),
    area_share: float = 0.01,
    progress: bool = False,
) -> pd.DataFrame:
    r"""How much hit rate, PAI and information gain change with the grid alone.

    The model is fitted and judged anew on every grid: each cell size, at each origin, turned by
    each angle. What it learns from and is judged on stays the same, so what changes is the
    grid's doing. An entrant who may choose the grid can choose the best of these; a figure
    without its grid, or from one grid alone, says less than it seems to.

    Parameters
    ----------
    model : Model
        A specification. Models whose map is cheap (:class:`hotspot.HistoricalRate`,
        :class:`hotspot.KernelDensity` and others) are not fitted whole; any other is.
    events : Events
    folds : sequence of Fold
        From :func:`hotspot.rolling_origin`; one map at the cut-off of each is judged on all of the
        fold's periods together.
    cell_sizes : sequence of float
        Metres.
    offsets : sequence of (float, float)
        Where the grid's origin lies, east and north, in parts of a cell.
    rotations : sequence of float
        Degrees by which the grid is turned anticlockwise about the centre of the region's bounds.
    area_share : float
        Share of the region that is flagged, in (0, 1]; exactly, the last cell in part, where cells
        on the border differ in area, as they do unless the region is made of whole cells.
    progress : bool
        Show a bar.

    Returns
    -------
    DataFrame
        A row for each grid and fold: ``cell_size``, ``offset_x``, ``offset_y``, ``rotation``,
        ``fold``, ``n_cells``, ``n_events``; ``hit_rate``, ``pai``, ``pei_star``,
        ``information_gain`` (nats an event, over a map even by area), and ``pai_lowest`` and
        ``pai_highest``, over all ways of breaking ties. Scores are NaN where nothing was observed.

    Raises
    ------
    ParameterError
        If a sequence is empty, or `area_share` is outside (0, 1].
    GridError
        If a cell size is not positive, or too small or too large for the region.
    CoverageError
        If a fold is judged on periods that were not recorded.
    TooFewEventsError
        If nothing was recorded before a cut-off.

    See Also
    --------
    hotspot.plot.plot_grid_sensitivity : A picture of it.

    Notes
    -----
    Information gain depends on the cell too: of a map of smaller cells it can be larger, as it
    can place events more finely. Time is that of a map for each grid and fold, and of laying each
    grid, which for small cells over a long border costs the most.

    References
    ----------
    Hunt, J. M. (2016). Do crime hot spots move? Exploring the effects of the modifiable areal unit
    problem and modifiable temporal unit problem on crime hot spot stability. American University.

    Examples
    --------
    >>> from hotspot import HistoricalRate, load_boroughs, read_police_uk
    >>> from hotspot import rolling_origin, sample_path
    >>> archive = sample_path("police_uk/archive.zip")
    >>> events = read_police_uk(archive, offences="Burglary", region=load_boroughs("Camden"))
    >>> table = grid_sensitivity(
    ...     HistoricalRate("24 months"), events, rolling_origin("2024-01", "2024-04"),
    ...     cell_sizes=[250, 500], offsets=[(0, 0), (0.5, 0.5)], area_share=0.05)
    >>> table.groupby("cell_size")["pai"].agg(["min", "max"]).shape
    (2, 2)
    """
    require_share(area_share, "area_share")
    for name, values in (
        ("folds", folds),
        ("cell_sizes", cell_sizes),
        ("offsets", offsets),
        ("rotations", rotations),
    ):
        if len(values) == 0:
            raise ParameterError(f"{name} is empty; give at least one.")
    from tqdm import tqdm

    n_grids = len(rotations) * len(cell_sizes) * len(offsets)
    rows = []
    with tqdm(total=n_grids, desc="grids", disable=not progress) as bar:
        for rotation in rotations:
            turned = _turned(events, -rotation)
            parts = [(fold.past(turned), _judged(turned, fold), fold) for fold in folds]
            for place, grid in _grids(turned, cell_sizes, offsets):
                for number, (past, judged, fold) in enumerate(parts):
                    scores = _scores(model, past, judged, fold, grid, area_share)
                    rows.append({**place, "rotation": rotation, "fold": number, **scores})
                bar.update()
    return pd.DataFrame(rows)


def _grids(
    events: Events, cell_sizes: Sequence[float], offsets: Sequence[tuple[float, float]]
) -> Iterator[tuple[dict[str, float], Grid]]:
    for size in cell_sizes:
        for east, north in offsets:
            place = {"cell_size": float(size), "offset_x": float(east), "offset_y": float(north)}
            yield place, _laid_from(events, size, east * size, north * size)


def _laid_from(events: Events, size: float, east: float, north: float) -> Grid:
    """A grid whose edges lie `east` and `north` of whole multiples of the cell size."""
    # Moving the region and moving the cells back leaves events, of which there are many, alone.
    moved = shapely.transform(events.region, lambda xy: xy - (east, north))
    grid = Grid.over(moved, cell_size=size, crs=events.table.crs)
    return replace(grid, x=grid.x + east, y=grid.y + north, region=events.region)


def _turned(events: Events, degrees: float) -> Events:
    """Events and region turned anticlockwise about the centre of the region's bounds."""
    if degrees == 0:
        return events
    west, south, east, north = events.region.bounds
    centre = np.array([(west + east) / 2, (south + north) / 2])
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def about_the_centre(points):
        return (points - centre) @ turn.T + centre

    geometry = gpd.GeoSeries(
        shapely.transform(events.table.geometry.to_numpy(), about_the_centre),
        index=events.table.index,
        crs=events.table.crs,
    )
    return replace(
        events,
        table=events.table.set_geometry(geometry),
        region=shapely.transform(events.region, about_the_centre),
    )


def _judged(events: Events, fold: Fold) -> Events:
    """The events of the fold's own periods: to count these alone is quicker, grid after grid."""
    require_covered(events, fold.periods)
    return events.select(start=fold.periods[0].left, end=fold.periods[-1].right)


def _scores(
    model: Model, past: Events, judged: Events, fold: Fold, grid: Grid, area_share: float
) -> dict[str, float]:
    rate, _ = rates_of(model, past, grid)(fold.cutoff)
    cells = {"y": grid.y, "x": grid.x}
    area = xr.DataArray(grid.inside_area, cells, ["y", "x"])
    inside = area > 0
    observed = count_events(judged, grid, fold.periods).sum("time", skipna=False)
    forecast = xr.Dataset(
        {
            "expected_count": xr.DataArray(rate, cells, ["y", "x"]).where(inside),
            "inside_area": area,
        }
    )
    even = xr.Dataset({"expected_count": area.where(inside)})
    options = {"area_share": area_share}
    pai = {
        name: prediction_accuracy_index(forecast, observed, **options, ties=ties)
        for name, ties in (("pai", "mean"), ("pai_lowest", "lowest"), ("pai_highest", "highest"))
    }
    scores = {
        "n_cells": inside.sum(),
        "n_events": observed.sum(),
        "hit_rate": hit_rate(forecast, observed, **options),
        **pai,
        "pei_star": prediction_efficiency_index_star(forecast, observed, **options),
        "information_gain": information_gain(forecast, observed, baseline=even),
    }
    return {name: score.item() for name, score in scores.items()}
