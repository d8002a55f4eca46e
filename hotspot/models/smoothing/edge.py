"""The part of a kernel that lies inside the region, and what to do about the part that does not.

A point near the border of the region smooths some of its mass over it, where no event could have
been recorded, and no mass comes back from outside. Left alone, the density near the border is
too low by the factor

.. math:: q_h(s) = \\int_W k_h(u - s) \\, du

the kernel's mass in the region W. ``edge_correction`` says what is done:

* ``"uniform"`` divides the density by q at the place where it is evaluated: unbiased for an
  even scatter of points (Diggle 1985); the total is kept only on average.
* ``"diggle"`` divides each point's weight by q at the point: keeps the total exactly
  (Jones 1993; called Diggle's or Jones-Diggle).
* ``"none"`` does nothing.

References
----------
Diggle, P. J. (1985). A kernel method for smoothing point process data. Applied Statistics, 34,
138-147. https://doi.org/10.2307/2347366

Jones, M. C. (1993). Simple boundary correction for kernel density estimation. Statistics and
Computing, 3, 135-146. https://doi.org/10.1007/BF00147776
"""

from __future__ import annotations

import math

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hotspot._numba.kernel_sums import PAIR_REACH, REACH
from hotspot._typing import EdgeCorrection, FloatArray
from hotspot.errors import ParameterError
from hotspot.grid.cells import Grid
from hotspot.models.smoothing.density import (
    Method,
    checked_bandwidth,
    checked_points,
    checked_weights,
    density_at_centres,
    density_at_points,
)

EDGE_CORRECTIONS = ("uniform", "diggle", "none")

_SIMPLIFIED_TO = 1e-3  # bandwidths by which a border may be moved to spare vertices
_PAIRS_AT_ONCE = 2_000_000


def kernel_mass_on_grid(grid: Grid, *, bandwidth: float, mean_over_cell: bool = True) -> FloatArray:
    r"""How much of a kernel laid in each cell falls inside the region.

    .. math:: q_c = \frac{1}{|c|} \int_c q_h(u) \, du
       \qquad\text{or}\qquad q_c = q_h(\text{centre of } c)

    Parameters
    ----------
    grid : Grid
        Its inside areas are the region; the area inside a cell is taken to lie evenly over it.
    bandwidth : float
        Metres.
    mean_over_cell : bool
        Mean over the cell, or the value at its centre.

    Returns
    -------
    (ny, nx) float64
        In [0, 1]; unitless. Small but positive a little outside the region.

    Raises
    ------
    ParameterError
        If `bandwidth` is not a positive number.

    Notes
    -----
    The integrals from cell to cell are exact for any bandwidth, and are summed by FFT.

    Examples
    --------
    >>> from shapely import box
    >>> grid = Grid.over(box(0, 0, 10_000, 10_000), cell_size=250)
    >>> mass = kernel_mass_on_grid(grid, bandwidth=500.0, mean_over_cell=False)
    >>> bool(np.isclose(mass[20, 20], 1.0)), bool(mass[0, 0] < 0.4)
    (True, True)
    """
    from scipy.signal import fftconvolve

    h = checked_bandwidth(bandwidth)
    between = mean_mass_between if mean_over_cell else _mass_from_centre
    share = grid.inside_area / grid.cell_size**2
    stencils = []
    for size in share.shape:
        # Cells further apart than the grid is long never meet, however wide the kernel.
        reach = min(math.ceil(REACH * h / grid.cell_size) + 1, size)
        stencils.append(between(np.arange(-reach, reach + 1), grid.cell_size / h))
    mass = fftconvolve(share, np.outer(*stencils), mode="full")
    starts = [stencil.size // 2 for stencil in stencils]
    inner = mass[starts[0] : starts[0] + share.shape[0], starts[1] : starts[1] + share.shape[1]]
    return np.clip(inner, 0.0, 1.0)


def kernel_mass_at(points: FloatArray, region: BaseGeometry, *, bandwidth: float) -> FloatArray:
    r"""How much of a kernel laid at each point falls inside a polygon.

    .. math:: q_h(s) = [s \in W] - \sum_{\text{sides}}
       \pm \bigl( T(p/h,\, b/p) - T(p/h,\, a/p) \bigr)

    with T Owen's function, p the distance from s to the line through a side, and a, b where the
    side begins and ends along that line, from the foot of the perpendicular.

    Parameters
    ----------
    points : (n, 2) float64
        Metres.
    region : Polygon or MultiPolygon
    bandwidth : float
        Metres.

    Returns
    -------
    (n,) float64
        In [0, 1]; unitless.

    Raises
    ------
    ParameterError
        If `bandwidth` is not a positive number.
    CoordinateError
        If a point is not finite.

    Notes
    -----
    Exact but for sides over 8 bandwidths away (less than 1e-14) and for a border simplified to
    1e-3 bandwidths (less than 4e-4, and much less where the moves cancel). The cost is that of
    the sides near each point.

    References
    ----------
    Owen, D. B. (1956). Tables for computing bivariate normal probabilities. Annals of
    Mathematical Statistics, 27, 1075-1090. https://doi.org/10.1214/aoms/1177728074

    Examples
    --------
    >>> from shapely import box
    >>> kernel_mass_at(np.array([[0.0, 500.0]]), box(0, 0, 1000, 1000), bandwidth=50.0).round(6)
    array([0.5])
    """
    h = checked_bandwidth(bandwidth)
    # A point exactly on a side or vertex has no angle to it; the mass is continuous, so the point
    # is moved by less than anyone could tell.
    points = checked_points(points) + 1e-10 * h * np.array([0.6, 0.8])
    region = shapely.simplify(region, _SIMPLIFIED_TO * h, preserve_topology=True)
    shapely.prepare(region)
    mass = shapely.contains_xy(region, points[:, 0], points[:, 1]).astype(float)
    begin, end = _sides(region)
    tree = shapely.STRtree(shapely.linestrings(np.stack([begin, end], axis=1)))
    chunk = max(1, _PAIRS_AT_ONCE // len(begin))
    for first in range(0, len(points), chunk):
        some = points[first : first + chunk]
        which, side = tree.query(shapely.points(some), predicate="dwithin", distance=PAIR_REACH * h)
        lost = _lost_over_side(some[which] / h, begin[side] / h, end[side] / h)
        mass[first : first + chunk] -= np.bincount(which, lost, minlength=len(some))
    return np.clip(mass, 0.0, 1.0)


def kernel_mass_read(points: FloatArray, grid: Grid, *, bandwidth: float) -> FloatArray:
    """The kernel's mass at each point, read off the grid linearly between cell centres.

    For many points along a border of many sides, where :func:`kernel_mass_at` would take long.

    Parameters
    ----------
    points : (n, 2) float64
        Metres.
    grid : Grid
    bandwidth : float
        Metres; the reading errs by about a tenth of (cell size / bandwidth)² near the border.

    Returns
    -------
    (n,) float64
        In [0, 1]; unitless.

    Examples
    --------
    >>> from shapely import box
    >>> grid = Grid.over(box(0, 0, 10_000, 10_000), cell_size=100)
    >>> kernel_mass_read(np.array([[0.0, 5000.0]]), grid, bandwidth=500.0).round(2)
    array([0.5])
    """
    from scipy.interpolate import RegularGridInterpolator

    mass = kernel_mass_on_grid(grid, bandwidth=bandwidth, mean_over_cell=False)
    read = RegularGridInterpolator((grid.y, grid.x), mass, bounds_error=False, fill_value=None)
    return np.clip(read(points[:, ::-1]), 0.0, 1.0)


def corrected_density_on_grid(
    points: FloatArray,
    grid: Grid,
    *,
    bandwidth: float,
    weights: FloatArray | None = None,
    edge_correction: EdgeCorrection = "uniform",
    method: Method = "fft",
) -> FloatArray:
    """How thickly points lie round each cell's centre, corrected for the region's border.

    Parameters
    ----------
    points : (n, 2) float64
        Metres.
    grid : Grid
        Its region is where points could be.
    bandwidth : float
        Metres.
    weights : (n,) float64, optional
        What each point counts for; 1 by default.
    edge_correction : {"uniform", "diggle", "none"}
        See :mod:`hotspot.models.smoothing.edge`.
    method : {"fft", "exact"}
        As in :func:`hotspot.models.smoothing.density.density_at_centres`.

    Returns
    -------
    (ny, nx) float64
        Weight per square metre; NaN in cells wholly outside the region.

    Raises
    ------
    ParameterError
        If `bandwidth` is not positive, or an option is unknown.
    CoordinateError
        If a point is not finite.

    Examples
    --------
    >>> from shapely import box
    >>> grid = Grid.over(box(0, 0, 1000, 1000), cell_size=10)
    >>> corner = np.array([[10.0, 10.0]])
    >>> density = corrected_density_on_grid(corner, grid, bandwidth=80, edge_correction="diggle")
    >>> round(float((density * grid.inside_area).sum()), 3)
    1.0
    """
    checked_edge_correction(edge_correction)
    points = checked_points(points)
    weights = checked_weights(weights, len(points))
    if edge_correction == "diggle":
        weights = weights / kernel_mass_at(points, grid.region, bandwidth=bandwidth)
    density = density_at_centres(
        points, (grid.x, grid.y), bandwidth=bandwidth, weights=weights, method=method
    )
    if edge_correction == "uniform":
        mass = kernel_mass_on_grid(grid, bandwidth=bandwidth, mean_over_cell=False)
        density = np.divide(density, mass, out=np.zeros_like(density), where=grid.inside)
    return np.where(grid.inside, density, np.nan)


def corrected_density_at_points(
    points: FloatArray,
    region: BaseGeometry,
    *,
    bandwidth: float,
    weights: FloatArray | None = None,
    edge_correction: EdgeCorrection = "uniform",
    leave_one_out: bool = True,
) -> FloatArray:
    """How thickly points lie round each point, corrected for the region's border.

    Parameters
    ----------
    points : (n, 2) float64
        Metres.
    region : Polygon or MultiPolygon
        Where points could be.
    bandwidth : float
        Metres.
    weights : (n,) float64, optional
        What each point counts for; 1 by default.
    edge_correction : {"uniform", "diggle", "none"}
        See :mod:`hotspot.models.smoothing.edge`.
    leave_one_out : bool
        Whether each point leaves itself out.

    Returns
    -------
    (n,) float64
        Weight per square metre.

    Raises
    ------
    ParameterError
        If `bandwidth` is not positive, or an option is unknown.
    CoordinateError
        If a point is not finite.

    Examples
    --------
    >>> from shapely import box
    >>> points = np.array([[0.0, 500.0], [0.0, 500.0]])
    >>> density = corrected_density_at_points(points, box(0, 0, 1000, 1000), bandwidth=50.0)
    >>> (density * 2 * np.pi * 50.0**2).round(6)
    array([2., 2.])
    """
    checked_edge_correction(edge_correction)
    points = checked_points(points)
    weights = checked_weights(weights, len(points))
    mass = np.ones(len(points))
    if edge_correction != "none":
        mass = kernel_mass_at(points, region, bandwidth=bandwidth)
    if edge_correction == "diggle":
        weights = weights / mass
    density = density_at_points(
        points, bandwidth=bandwidth, weights=weights, leave_one_out=leave_one_out
    )
    return density / mass if edge_correction == "uniform" else density


def checked_edge_correction(edge_correction: str) -> None:
    """Refuse a word that is not one of the three."""
    if edge_correction not in EDGE_CORRECTIONS:
        raise ParameterError(
            f"edge_correction must be one of {EDGE_CORRECTIONS}, got {edge_correction!r}."
        )


def _mass_from_centre(steps: FloatArray, width: float) -> FloatArray:
    """Mass in a cell of a kernel at the centre of another, so many cells off; in bandwidths."""
    from scipy.special import ndtr

    return ndtr((steps + 0.5) * width) - ndtr((steps - 0.5) * width)


def mean_mass_between(steps: FloatArray, width: float) -> FloatArray:
    """The same, mean over all places of the kernel in its cell.

    Where cells are far narrower than the kernel the second difference loses its digits, and the
    value at the centre, with which it then agrees, stands in.
    """
    from scipy.special import ndtr

    if width < 1e-3:
        return _mass_from_centre(steps, width)

    def integral_of_ndtr(z):
        return z * ndtr(z) + np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)

    # By symmetry on the side where ndtr is small, so that nothing large is subtracted.
    z = -np.abs(steps) * width
    second_difference = (
        integral_of_ndtr(z + width) - 2 * integral_of_ndtr(z) + integral_of_ndtr(z - width)
    )
    return second_difference / width


def _sides(region: BaseGeometry) -> tuple[FloatArray, FloatArray]:
    """Ends of every side of the region, walked with the inside on the left."""
    begins, ends = [], []
    for polygon in shapely.get_parts(region):
        outer, *holes = shapely.get_rings(shapely.orient_polygons(polygon))
        for ring in (outer, *holes):
            corners = shapely.get_coordinates(ring)
            begins.append(corners[:-1])
            ends.append(corners[1:])
    return np.concatenate(begins), np.concatenate(ends)


def _lost_over_side(point: FloatArray, begin: FloatArray, end: FloatArray) -> FloatArray:
    """Kernel mass beyond a side, within the angle it subtends; lengths in bandwidths."""
    from scipy.special import owens_t

    along = end - begin
    length = np.hypot(*along.T)
    along = along / length[:, None]
    from_point = begin - point
    # Positive where the point lies to the left of the side, as it does inside.
    distance = from_point[:, 1] * along[:, 0] - from_point[:, 0] * along[:, 1]
    distance = -distance
    start = (from_point * along).sum(axis=1)
    p = np.abs(distance)
    with np.errstate(divide="ignore"):
        lost = owens_t(p, (start + length) / p) - owens_t(p, start / p)
    return np.sign(distance) * lost
