"""Voronoi residuals: one event a cell, less what was expected in the place nearest to it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from shapely.geometry.base import BaseGeometry

from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import GridMismatchError, ParameterError, TooFewEventsError
from hotspot.grid.cells import Grid
from hotspot.grid.counts import require_same_crs


def voronoi_residuals(expected: xr.DataArray, events: Events, grid: Grid) -> gpd.GeoDataFrame:
    r"""Events less what was expected in the part of the region nearest to each.

    .. math:: r_i = m_i - \int_{C_i} \lambda

    with :math:`C_i` the Voronoi cell of the i-th place, cut to the region, and :math:`m_i` the
    events recorded there (1 unless several share it). Square cells are too small where little
    happens and too large where much does; these hold one event each, so that residuals are
    comparable all over the map.

    Parameters
    ----------
    expected : DataArray (y, x)
        Expected counts on `grid`, summed over the time in which the events fell; taken as even
        within each cell.
    events : Events
        All of that time and of the grid's region.
    grid : Grid

    Returns
    -------
    GeoDataFrame
        One row a place: ``geometry`` (its cell), ``events``, ``expected``, ``residual``, and
        ``standardised``, the residual over its spread if the intensity is right (see Notes). The
        cells partition the region, so residuals sum to the events less all that was expected.

    Raises
    ------
    GridMismatchError
        If `expected` does not lie on the grid, or events lie off it or in another CRS.
    ParameterError
        If `expected` has further dimensions, or is negative or infinite.
    TooFewEventsError
        If the events have fewer than 2 places.

    See Also
    --------
    cell_residuals : The same by the grid's own cells.

    Notes
    -----
    For an even intensity what is expected in such a cell follows nearly a gamma distribution of
    mean 1 and shape 3.569, so that a residual has the standard deviation 3.569^-1/2 = .529 and is
    skewed to the left (Bray et al. 2014); ``standardised`` divides by it and by the number of
    events. At the border cells are cut, and residuals spread somewhat more.

    Snapped places make cells of many events next to those of one; a residual then says more of
    the list of places than of the model. Cost: O(n log n), and one clip of each cell and grid cell
    that overlap.

    References
    ----------
    Bray, A., Wong, K., Barr, C. D., & Schoenberg, F. P. (2014). Voronoi residual analysis of
    spatial point process models with applications to California earthquake forecasts. Annals of
    Applied Statistics, 8, 2247-2267. https://doi.org/10.1214/14-AOAS767

    Examples
    --------
    >>> from shapely import box
    >>> table = gpd.GeoDataFrame(
    ...     {"time": np.array(["2024-03-01", "2024-03-02"], "datetime64[s]"), "offence": "Theft"},
    ...     geometry=gpd.points_from_xy([50.0, 150.0], [50.0, 50.0]),
    ...     crs=27700,
    ... )
    >>> street = box(0, 0, 400, 100)
    >>> events = Events.from_geodataframe(
    ...     table, time_resolution="day", region=street, start="2024-03-01", end="2024-03-04"
    ... )
    >>> grid = Grid.over(events.region, cell_size=100)
    >>> expected = xr.DataArray([[1.0, 0.25, 0.5, 0.5]], {"y": grid.y, "x": grid.x})
    >>> voronoi_residuals(expected, events, grid)["residual"].round(9).tolist()
    [0.0, -0.25]
    """
    require_same_crs(events, grid)
    values = _checked(expected, grid)
    places, count = np.unique(events.coordinates()[:, 1:], axis=0, return_counts=True)
    if (grid.cell_of(*places.T) < 0).any():
        raise GridMismatchError("Some events lie off the grid. Select those of its region.")
    cells = voronoi_cells(places, grid.region)
    found = _integrals(values, cells, grid)
    residual = count - found
    return gpd.GeoDataFrame(
        {
            "events": count,
            "expected": found,
            "residual": residual,
            "standardised": residual / (_SPREAD * np.sqrt(count)),
        },
        geometry=cells,
        crs=grid.crs,
    )


_SPREAD = 3.569**-0.5


def voronoi_cells(places: FloatArray, region: BaseGeometry) -> np.ndarray:
    """The part of a region nearest to each place; (n,) polygons, in the order of the places.

    Parameters
    ----------
    places : (n, 2) float64
        Distinct; metres.
    region : Polygon or MultiPolygon

    Raises
    ------
    TooFewEventsError
        If there are fewer than 2 places.
    """
    if len(places) < 2:
        raise TooFewEventsError(f"Voronoi cells need at least 2 places, got {len(places)}.")
    west, south, east, north = region.bounds
    pad = east - west + north - south
    # Far coordinates cost digits: cells are made about the middle of the region.
    middle = np.array([(west + east) / 2, (south + north) / 2])
    frame = shapely.box(west - pad, south - pad, east + pad, north + pad)
    cells = shapely.get_parts(
        shapely.voronoi_polygons(
            shapely.MultiPoint(places - middle),
            extend_to=shapely.transform(frame, lambda at: at - middle),
        )
    )
    near = shapely.transform(region, lambda at: at - middle)
    tree = shapely.STRtree(cells)
    point, cell = tree.query(shapely.points(places - middle), predicate="intersects")
    owner = np.full(len(places), -1)
    owner[point] = cell
    if (owner < 0).any() or np.unique(owner).size != len(places):
        raise ParameterError(
            "Two places lie so close that no border fits between them. Round the coordinates to "
            "the millimetre first."
        )
    shapely.prepare(near)
    clipped = cells[owner]
    whole = shapely.contains_properly(near, clipped)
    clipped[~whole] = shapely.intersection(clipped[~whole], near)
    return shapely.transform(clipped, lambda at: at + middle)


def _checked(expected: xr.DataArray, grid: Grid) -> FloatArray:
    """Expected count a square metre, flat; 0 outside the region."""
    if set(expected.dims) != {"y", "x"}:
        raise ParameterError(
            f"expected has dimensions {expected.dims}; sum it over time to one map (y, x) first: "
            'expected.sum("time", min_count=1).'
        )
    values = expected.transpose("y", "x").to_numpy().astype(float)
    same = values.shape == grid.shape and all(
        np.allclose(expected[dim], getattr(grid, dim))
        for dim in ("y", "x")
        if dim in expected.coords
    )
    if not same:
        raise GridMismatchError(
            f"expected has {values.shape} cells and does not lie on the grid's {grid.shape}. Use "
            "the grid that the model was fitted on."
        )
    inside = values[grid.inside]
    if not (np.isfinite(inside) & (inside >= 0)).all():
        raise ParameterError("expected must be 0 or more in every cell inside the region.")
    return (
        np.where(grid.inside, values, 0.0).ravel()
        / np.where(grid.inside, grid.inside_area, 1.0).ravel()
    )


def _integrals(density: FloatArray, cells: np.ndarray, grid: Grid) -> FloatArray:
    """Of a density that is even within each grid cell, over each polygon; (n,)."""
    squares = grid.cells()
    flat, boxes = squares.index.to_numpy(), squares.to_numpy()
    tree = shapely.STRtree(boxes)
    cell, square = tree.query(cells, predicate="intersects")
    out = np.zeros(len(cells))
    step = 200_000  # pairs at once, which holds memory down
    for begin in range(0, cell.size, step):
        which = slice(begin, begin + step)
        area = shapely.area(shapely.intersection(cells[cell[which]], boxes[square[which]]))
        out += np.bincount(cell[which], area * density[flat[square[which]]], len(cells))
    return out
