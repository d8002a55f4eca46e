"""Which areas are near which: orders of neighbourhood and distances, from polygons."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from hotspot.errors import ParameterError, RegionError


def neighbour_orders(areas: gpd.GeoDataFrame, *, longest: int = 5, gap: float = 1.0) -> csr_array:
    """How many borders lie between each two areas: 1 for neighbours, 2 for theirs, and so on.

    Parameters
    ----------
    areas : GeoDataFrame
        Polygons such as boroughs, wards or LSOAs.
    longest : int
        Orders above it are left out.
    gap : float
        Areas this close count as touching, in units of the CRS; outlines seldom fit exactly.

    Returns
    -------
    (areas, areas) sparse array
        Without entries for an area and itself.

    Raises
    ------
    RegionError
        If there are no areas, or one is empty.
    ParameterError
        If `longest` is below 1.

    Notes
    -----
    Cost is O(areas² log areas) at most; 33 boroughs take milliseconds, 4,835 LSOAs seconds.

    Examples
    --------
    >>> row = gpd.GeoSeries(shapely.box([0, 1, 2], 0, [1, 2, 3], 1), crs=27700).to_frame("geometry")
    >>> neighbour_orders(row, gap=0.01).toarray()
    array([[0., 1., 2.],
           [1., 0., 1.],
           [2., 1., 0.]])
    """
    if longest < 1:
        raise ParameterError(f"longest must be at least 1, got {longest}.")
    polygons = _polygons(areas)
    one, other = shapely.STRtree(polygons).query(polygons, predicate="dwithin", distance=gap)
    apart = one != other
    touching = csr_array(
        (np.ones(apart.sum()), (one[apart], other[apart])), (len(polygons), len(polygons))
    )
    order = shortest_path(touching, unweighted=True)
    order[~(order <= longest)] = 0.0
    return csr_array(order)


def centroid_distances(areas: gpd.GeoDataFrame, *, reach: float) -> csr_array:
    """Distances between areas' centroids, for pairs within reach.

    Parameters
    ----------
    areas : GeoDataFrame
        Polygons in a projected CRS.
    reach : float
        In units of the CRS.

    Returns
    -------
    (areas, areas) sparse array

    Raises
    ------
    RegionError
        If there are no areas, one is empty, or two share a centroid.
    """
    points = shapely.centroid(_polygons(areas))
    one, other = shapely.STRtree(points).query(points, predicate="dwithin", distance=reach)
    apart = one != other
    one, other = one[apart], other[apart]
    distance = shapely.distance(points[one], points[other])
    if distance.size and distance.min() == 0:
        raise RegionError("Two areas share a centroid, and no distance tells them apart.")
    return csr_array((distance, (one, other)), (len(points), len(points)))


def _polygons(areas: gpd.GeoDataFrame) -> np.ndarray:
    polygons = areas.geometry.to_numpy()
    if not len(polygons) or any(p is None or p.is_empty for p in polygons):
        raise RegionError("There are no areas, or one of them is empty.")
    return polygons
