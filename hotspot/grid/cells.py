"""Square cells over a region, aligned to whole multiples of the cell size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from hotspot._checks import region_polygon
from hotspot._typing import BoolArray, FloatArray, IntArray
from hotspot.errors import GridError

MAX_CELLS = 10_000_000


@dataclass(frozen=True, eq=False)
class Grid:
    """Square cells over a region, with the area of each cell that lies inside it.

    Attributes
    ----------
    x, y : (nx,), (ny,) float64
        Cell centres, ascending; metres in `crs`. Cells are half-open: a point on an
        edge belongs to the cell east or north of it.
    cell_size : float
        Side of a cell in metres.
    inside_area : (ny, nx) float64
        Square metres of each cell inside `region`; 0 outside.
    region : Polygon or MultiPolygon
        What the grid covers.
    crs : CRS
        Projected, in metres.
    """

    x: FloatArray
    y: FloatArray
    cell_size: float
    inside_area: FloatArray
    region: BaseGeometry
    crs: CRS

    @classmethod
    def over(
        cls,
        region: gpd.GeoDataFrame | gpd.GeoSeries | BaseGeometry,
        *,
        cell_size: float = 250.0,
        crs: object = None,
    ) -> Grid:
        """Lay the grid over `region`.

        Parameters
        ----------
        region : GeoDataFrame, GeoSeries or shapely (Multi)Polygon
            What to cover; several rows are united. A bare geometry is taken to be in `crs`
            (default EPSG:27700).
        cell_size : float
            Side of a cell in metres. Edges lie on whole multiples of it.
        crs : optional
            CRS of a bare geometry.

        Raises
        ------
        RegionError
            If the region is empty, invalid (crosses itself), not a polygon, or its CRS is
            missing or not in metres.
        GridError
            If `cell_size` is not a positive number, exceeds the region's extent, or gives
            more than 10,000,000 cells.

        Examples
        --------
        >>> from shapely import box
        >>> grid = Grid.over(box(100, 0, 1100, 500), cell_size=250)
        >>> grid.shape, float(grid.inside_area.sum())
        ((2, 5), 500000.0)
        """
        area, system = region_polygon(region, crs=crs)
        size = _checked_cell_size(cell_size)
        west, south, east, north = area.bounds
        if size > max(east - west, north - south):
            raise GridError(
                f"cell_size={cell_size:g} m is larger than the region, which is "
                f"{east - west:.0f} m by {north - south:.0f} m. Give a smaller cell."
            )
        first_x, first_y = np.floor(west / size), np.floor(south / size)
        with np.errstate(invalid="ignore"):  # both ends overflow where the cell is minute
            columns, rows = np.ceil(east / size) - first_x, np.ceil(north / size) - first_y
        if not columns * rows <= MAX_CELLS:
            width, height = east - west, north - south
            smallest = max(np.sqrt(width * height / MAX_CELLS), max(width, height) / MAX_CELLS)
            raise GridError(
                f"cell_size={size:g} m gives more than the limit of {MAX_CELLS:,} cells. The "
                f"smallest cell that fits here is about {smallest:.2g} m."
            )
        nx, ny = int(columns), int(rows)
        x_edges = (first_x + np.arange(nx + 1)) * size
        y_edges = (first_y + np.arange(ny + 1)) * size
        return cls(
            x=(x_edges[:-1] + x_edges[1:]) / 2,
            y=(y_edges[:-1] + y_edges[1:]) / 2,
            cell_size=size,
            inside_area=area_inside(area, x_edges, y_edges),
            region=area,
            crs=system,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.inside_area.shape

    @property
    def inside(self) -> BoolArray:
        """(ny, nx) bool: cells of which any part lies inside the region."""
        return self.inside_area > 0

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge of the grid; metres."""
        half = self.cell_size / 2
        return (self.x[0] - half, self.y[0] - half, self.x[-1] + half, self.y[-1] + half)

    def cell_of(self, x: FloatArray, y: FloatArray) -> IntArray:
        """Flat index (row-major, y then x) of the cell each point falls in; -1 off the grid.

        Division before flooring would put points on an edge in the wrong cell through
        rounding, so each candidate is checked against its own edges.
        """
        column = _slot(x, self.x, self.cell_size)
        row = _slot(y, self.y, self.cell_size)
        off = (column < 0) | (row < 0)
        return np.where(off, -1, row * self.x.size + column)

    def cells(self) -> gpd.GeoSeries:
        """The square of every inside cell, indexed by its flat index; for maps and overlays."""
        flat = np.flatnonzero(self.inside)
        row, column = np.divmod(flat, self.x.size)
        half = self.cell_size / 2
        cx, cy = self.x[column], self.y[row]
        return gpd.GeoSeries(
            shapely.box(cx - half, cy - half, cx + half, cy + half), index=flat, crs=self.crs
        )


def _checked_cell_size(cell_size: float) -> float:
    try:
        size = float(cell_size)
    except (TypeError, ValueError):
        size = np.nan
    if not np.isfinite(size) or size <= 0:
        raise GridError(f"cell_size must be a positive number of metres, got {cell_size!r}.")
    return size


def _slot(values: FloatArray, centres: FloatArray, size: float) -> IntArray:
    """Index of the half-open cell [centre - size/2, centre + size/2) of each value, -1 outside."""
    values = np.asarray(values, float)
    # Rows without a place carry NaN or infinity; comparisons below would put infinity in a cell.
    values = np.where(np.isfinite(values), values, -np.inf)
    low = centres[0] - size / 2
    scaled = (values - low) / size
    index = np.clip(np.floor(scaled), -1, centres.size).astype(np.int64)
    index -= values < low + index * size
    index += values >= low + (index + 1) * size
    return np.where((index < 0) | (index >= centres.size), -1, index)


def area_inside(region: BaseGeometry, x_edges: FloatArray, y_edges: FloatArray) -> FloatArray:
    """Area of each cell inside the region: whole cells by containment, edge cells by clipping."""
    west, south = np.meshgrid(x_edges[:-1], y_edges[:-1])
    east, north = np.meshgrid(x_edges[1:], y_edges[1:])
    area = np.zeros(west.shape)
    for part in shapely.get_parts(region):
        _add_area(part, area, partial(_boxes, west, south, east, north), x_edges, y_edges)
    return area


def _boxes(west, south, east, north, where):
    return shapely.box(west[where], south[where], east[where], north[where])


def _add_area(part, area, boxes, x_edges, y_edges) -> None:
    low_x, low_y, high_x, high_y = part.bounds
    columns = slice(max(np.searchsorted(x_edges, low_x) - 1, 0), np.searchsorted(x_edges, high_x))
    rows = slice(max(np.searchsorted(y_edges, low_y) - 1, 0), np.searchsorted(y_edges, high_y))
    window = np.zeros(area.shape, bool)
    window[rows, columns] = True
    squares = boxes(window)
    shapely.prepare(part)
    touched = shapely.intersects(part, squares)
    whole = shapely.contains_properly(part, squares)
    found = np.zeros(squares.shape)
    found[whole] = shapely.area(squares[whole])
    edge = touched & ~whole
    found[edge] = shapely.area(shapely.intersection(squares[edge], part))
    area[window] += found
