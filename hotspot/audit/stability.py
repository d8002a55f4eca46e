"""Would another grid have flagged the same land? If not, the map is an artefact of its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from shapely.affinity import translate

from hotspot._checks import require_share
from hotspot._typing import FloatArray
from hotspot.audit.result import AuditResult, not_computable
from hotspot.data.events import Events
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.evaluate.flags import flag_cells
from hotspot.grid.cells import Grid
from hotspot.models.protocol import Model
from hotspot.models.rate_map import rates_of
from hotspot.models.weights import cutoff_of

ARTEFACT = 0.7
OFFSETS = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5))  # in cells
SIZES = (1.0, 1.5, 2.0)  # times the cell size


def grid_stability(
    model: Model,
    events: Events,
    *,
    cell_size: float,
    area_share: float,
    end: pd.Timestamp | None = None,
    offsets: Sequence[tuple[float, float]] = OFFSETS,
    sizes: Sequence[float] = SIZES,
    limit: float = ARTEFACT,
) -> AuditResult:
    """How much of the flagged land would stay flagged on another grid? (A16)

    The model is fitted on grids that are shifted by parts of a cell, and on coarser ones; the
    value is the mean overlap of the land they flag with what the first grid flags, as a share of
    the flagged land.

    Parameters
    ----------
    model : Model
    events : Events
    cell_size : float
        Of the first grid; metres.
    area_share : float
        Share of the land flagged, in (0, 1].
    end : Timestamp, optional
        The cut-off.
    offsets : sequence of pairs of float
        Shifts to the east and north, in cells.
    sizes : sequence of float
        Cell sizes, in those of the first grid.
    limit : float
        It warns below.

    Returns
    -------
    AuditResult
        ``groups`` hold the overlap with each other grid. The interval spans the grids tried: it
        is not a sampling interval.

    Notes
    -----
    A map that is flat within half a cell of its own grid's lines agrees with itself wherever they
    lie; one whose hot cells are single cells of chance does not. Grids are shifted by moving
    events and region against them. Costs offsets x sizes maps.

    References
    ----------
    Openshaw, S. (1984). The modifiable areal unit problem. Geo Books.

    Examples
    --------
    >>> from hotspot import HistoricalRate, load_sample
    >>> found = grid_stability(HistoricalRate(), load_sample(offences="Burglary"), cell_size=1000,
    ...                        area_share=0.1, sizes=[1.0])
    >>> 0 < found.value < 1
    True
    """
    require_share(area_share, "area_share")
    choices = [one for one in product(sizes, offsets) if one != (1.0, (0.0, 0.0))]
    if not choices or min(sizes) <= 0:
        raise ParameterError("Give at least one other grid, and sizes above 0.")
    name = "overlap of flagged land with that on other grids"
    try:
        first = _Flagged(model, events, end, cell_size, (0.0, 0.0), area_share)
        others = [
            _Flagged(model, events, end, cell_size * size, offset, area_share)
            for size, offset in choices
        ]
    except TooFewEventsError as error:
        return not_computable("A16", name, str(error))
    # Read on points closer than any cell, which cut the land into pieces of one size.
    points = _points(first.grid, cell_size / 4)
    base = first.at(points)
    rows = []
    for (size, offset), other in zip(choices, others, strict=True):
        both = np.minimum(base, other.at(points)).sum()
        told = f"cells of {cell_size * size:g} m, shifted by {offset[0]:g} and {offset[1]:g}"
        rows.append({"group": told, "value": float(both / base.sum())})
    values = np.array([row["value"] for row in rows])
    value = float(values.mean())
    return AuditResult(
        "A16", name, value, (float(values.min()), float(values.max())), n=len(rows),
        groups=tuple(rows), status="warn" if value < limit else "ok",
        reason=(
            f"Only {value:.0%} of the flagged land stays flagged on other grids: which side of a "
            "line a street falls on is chance." if value < limit
            else "The interval spans the grids tried; it is no sampling interval."
        ),
        reading=f"On other grids {value:.0%} of the flagged land would be flagged again "
        f"(between {values.min():.0%} and {values.max():.0%}).",
    )  # fmt: skip


class _Flagged:
    """What a model flags on a grid whose lines are shifted."""

    def __init__(self, model, events: Events, end, cell_size: float, offset, share: float) -> None:
        cutoff = cutoff_of(events, end)
        # Lines lie on whole multiples of the cell size; to shift them is to shift all else back.
        self.dx, self.dy = (-part * cell_size for part in offset)
        shift = np.array([self.dx, self.dy])
        at = shapely.get_coordinates(events.table.geometry.to_numpy()) + shift
        points = gpd.array.GeometryArray(shapely.points(at), crs=events.table.crs)
        moved = replace(
            events,
            table=events.table.set_geometry(points),
            region=translate(events.region, self.dx, self.dy),
        )
        self.grid = Grid.over(moved.region, cell_size=cell_size)
        rate, _ = rates_of(model, moved, self.grid)(cutoff)
        cells = {"y": self.grid.y, "x": self.grid.x}
        expected = xr.DataArray(np.where(self.grid.inside, rate, np.nan), cells, ["y", "x"])
        area = xr.DataArray(self.grid.inside_area, cells, ["y", "x"])
        forecast = xr.Dataset({"expected_count": expected, "inside_area": area})
        self.flags = flag_cells(forecast, area_share=share).to_numpy().ravel()

    def at(self, points: FloatArray) -> FloatArray:
        """How much of the cell at each point is flagged."""
        cell = self.grid.cell_of(points[:, 0] + self.dx, points[:, 1] + self.dy)
        return np.where(cell >= 0, np.nan_to_num(self.flags[np.maximum(cell, 0)]), 0.0)


def _points(grid: Grid, step: float) -> FloatArray:
    west, south, east, north = grid.region.bounds
    x, y = np.meshgrid(
        np.arange(west + step / 2, east, step), np.arange(south + step / 2, north, step)
    )
    shapely.prepare(grid.region)
    inside = shapely.contains_xy(grid.region, x.ravel(), y.ravel())
    return np.column_stack([x.ravel(), y.ravel()])[inside]
