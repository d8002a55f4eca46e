"""Kernel density of points, on the cells of a grid and at places.

The kernel is the normal density on the plane,

.. math:: k_h(u) = \\frac{1}{2 \\pi h^2} e^{-\\lVert u \\rVert^2 / 2 h^2}

with the `bandwidth` h its standard deviation along each axis, in metres. Nothing here knows of a
region: mass that the kernels lose over a border is the subject of
:mod:`hotspot.models.smoothing.edge`.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Literal

import numba
import numpy as np

from hotspot._numba.kernel_sums import PAIR_REACH, REACH, gaussian_sums
from hotspot._typing import FloatArray, IntArray
from hotspot.errors import CoordinateError, GridError, ParameterError
from hotspot.models.smoothing import fourier
from hotspot.models.smoothing.patches import Axes, direct_sums

Method = Literal["fft", "exact"]

# Measured cost of the direct sum's additions and kernel values, and of a transform's nodes.
# Where compiling is switched off, each addition is a turn of a Python loop.
_SECONDS_PER_ADDITION = 3.0e-7 if numba.config.DISABLE_JIT else 1.0e-9
_SECONDS_PER_VALUE = 2.5e-8
_SECONDS_PER_NODE = 3.0e-8


def density_at_centres(
    points: FloatArray,
    axes: Axes,
    *,
    bandwidth: float,
    weights: FloatArray | None = None,
    method: Method = "fft",
) -> FloatArray:
    r"""How thickly points lie round the centre of each cell.

    .. math:: \hat\lambda(c) = \sum_j w_j \, k_h(c - s_j)

    Parameters
    ----------
    points : (n, 2) float64
        Positions, x and y; metres. They may lie outside the grid.
    axes : ((nx,), (ny,)) float64
        Evenly spaced centres of square cells, x and y, as in ``grid.x, grid.y``.
    bandwidth : float
        Standard deviation of the kernel along each axis; metres.
    weights : (n,) float64, optional
        What each point counts for, not negative; 1 by default.
    method : {"fft", "exact"}
        "fft" bins the points and smooths by the fast Fourier transform, with an error under
        1e-3 of the largest value for scattered points
        (:mod:`hotspot.models.smoothing.fourier` says for which not); where summing directly is
        cheaper, it sums. "exact" sums every kernel within six bandwidths along each axis: what is
        cut off is below 1.6e-8 of a kernel's peak per point.

    Returns
    -------
    (ny, nx) float64
        Weight per square metre.

    Raises
    ------
    ParameterError
        If `bandwidth` is not a positive number, a weight is negative or not finite, or `method`
        is unknown.
    CoordinateError
        If `points` is not (n, 2) or holds a NaN or infinity.
    GridError
        If `axes` are not evenly spaced and ascending with one spacing.

    Notes
    -----
    "fft" takes O(n + m log m) for m cells; "exact" O(n k²), with k = 12 bandwidths in cells.

    References
    ----------
    Silverman, B. W. (1982). Algorithm AS 176: Kernel density estimation using the fast Fourier
    transform. Applied Statistics, 31, 93-99. https://doi.org/10.2307/2347084

    Examples
    --------
    >>> centres = np.arange(50.0, 1000.0, 100.0)
    >>> points = np.array([[450.0, 450.0]])
    >>> density = density_at_centres(points, (centres, centres), bandwidth=100.0)
    >>> bool(np.isclose(density[4, 4], 1 / (2 * np.pi * 100.0**2)))
    True
    """
    return _on_grid(
        points, axes, bandwidth, weights, method, fourier.gaussian_at_centre, normal_density
    )


def mass_in_cells(
    points: FloatArray,
    axes: Axes,
    *,
    bandwidth: float,
    weights: FloatArray | None = None,
    method: Method = "fft",
) -> FloatArray:
    r"""Each cell's share of the smoothed points: the density added up over the cell.

    .. math:: M_c = \sum_j w_j \int_c k_h(u - s_j) \, du

    This, not the density at the centre times the area, is the expected count in a cell: for a
    bandwidth below the cell size the two part, and as the bandwidth goes to 0 the mass
    becomes the plain count.

    Parameters
    ----------
    points, axes, bandwidth, weights, method
        As in :func:`density_at_centres`.

    Returns
    -------
    (ny, nx) float64
        Weight in each cell. Sums to the weight of all points less what lies off the grid.

    Raises
    ------
    ParameterError, CoordinateError, GridError
        As :func:`density_at_centres`.

    Examples
    --------
    >>> centres = np.arange(50.0, 1000.0, 100.0)
    >>> points = np.array([[430.0, 460.0], [470.0, 410.0]])
    >>> mass = mass_in_cells(points, (centres, centres), bandwidth=1.0)
    >>> float(mass[4, 4].round(6)), float(mass.sum().round(6))
    (2.0, 2.0)
    """
    return _on_grid(
        points, axes, bandwidth, weights, method, fourier.gaussian_over_cell, normal_mass
    )


def squared_mass_in_cells(
    points: FloatArray,
    axes: Axes,
    *,
    bandwidth: float,
    weights: FloatArray | None = None,
    method: Method = "fft",
) -> FloatArray:
    r"""Variance of :func:`mass_in_cells` when points come independently of one another.

    .. math:: V_c = \sum_j \Bigl( w_j \int_c k_h(u - s_j) \, du \Bigr)^2

    Parameters
    ----------
    points, axes, bandwidth, weights, method
        As in :func:`density_at_centres`, but that "fft" is good to 1e-2 of the largest value, which
        is enough for a variance.

    Returns
    -------
    (ny, nx) float64
        Squared weight.

    Raises
    ------
    ParameterError, CoordinateError, GridError
        As :func:`density_at_centres`.

    Examples
    --------
    >>> centres = np.arange(50.0, 1000.0, 100.0)
    >>> points = np.array([[430.0, 460.0], [470.0, 410.0]])
    >>> squared = squared_mass_in_cells(points, (centres, centres), bandwidth=1.0)
    >>> float(squared[4, 4].round(6))
    2.0
    """

    def transfer(h):
        def of_axis(frequency, step, cell):
            kernel = partial(squared_normal_mass, bandwidth=h, cell=cell)
            return fourier.sampled(kernel)(frequency, step, cell)

        return of_axis

    weights = None if weights is None else np.square(np.asarray(weights, float))
    return _on_grid(
        points, axes, bandwidth, weights, method, transfer, squared_normal_mass, tolerance=2e-3
    )


def density_at_points(
    points: FloatArray,
    targets: FloatArray | None = None,
    *,
    bandwidth: float,
    weights: FloatArray | None = None,
    leave_one_out: bool = True,
) -> FloatArray:
    r"""How thickly points lie round given places, or round each point, itself left out.

    .. math:: \hat\lambda(t_i) = \sum_{j} w_j \, k_h(t_i - s_j)
       \qquad\text{or}\qquad
       \hat\lambda_{-i}(s_i) = \sum_{j \ne i} w_j \, k_h(s_i - s_j)

    Parameters
    ----------
    points : (n, 2) float64
        Positions; metres.
    targets : (m, 2) float64, optional
        Where the density is wanted; by default at the points themselves.
    bandwidth : float
        Metres.
    weights : (n,) float64, optional
        What each point counts for; 1 by default.
    leave_one_out : bool
        At the points themselves, whether each leaves itself out. Others in the same place
        stay in. Not used with `targets`.

    Returns
    -------
    (m,) or (n,) float64
        Weight per square metre.

    Raises
    ------
    ParameterError, CoordinateError
        As :func:`density_at_centres`.

    Notes
    -----
    Every pair within eight bandwidths is summed, so what is cut off is below 1.3e-14 of a
    kernel's peak per point. Points in one place are summed once. About 1 to 2 ns a pair.

    Examples
    --------
    >>> points = np.array([[0.0, 0.0], [100.0, 0.0]])
    >>> left_out = density_at_points(points, bandwidth=100.0)
    >>> bool(np.isclose(left_out[0], np.exp(-0.5) / (2 * np.pi * 100.0**2)))
    True
    """
    points = checked_points(points)
    weights = checked_weights(weights, len(points))
    h = checked_bandwidth(bandwidth)
    peak = 1 / (2 * np.pi * h * h)
    if targets is not None:
        targets = checked_points(targets)
        nobody = np.full(len(targets), -1)
        return peak * pair_sums(targets, points, weights, bandwidth=h, own=nobody)
    places, place, n_here = distinct_places(points, weights)
    sums = pair_sums(places, places, n_here, bandwidth=h, own=np.arange(len(places)))
    here = n_here[place] - (weights if leave_one_out else 0.0)
    # An event alone in its place leaves exactly nothing there, not a rounding error.
    alone = np.bincount(place)[place] == 1
    here = np.where(alone & leave_one_out, 0.0, here)
    return peak * (sums[place] + here)


def pair_sums(
    targets: FloatArray,
    points: FloatArray,
    weights: FloatArray,
    *,
    bandwidth: float,
    own: IntArray,
) -> FloatArray:
    """Unnormalised Gaussian sums over pairs within eight bandwidths; see `gaussian_sums`.

    ``own[i]`` is the point that target i leaves out, -1 for none. Points are sorted into
    buckets two bandwidths wide, so that a target's neighbours lie in a few runs of memory.
    """
    if len(points) == 0 or len(targets) == 0:
        return np.zeros(len(targets))
    # Never more buckets than about four per point: far-flung points make few, large ones.
    extent = np.ptp(points, axis=0)
    room = max(extent.prod(), (extent.max() / 100) ** 2)
    side = max(2 * bandwidth, math.sqrt(room / 4 / len(points)))
    span = math.ceil(PAIR_REACH * bandwidth / side)
    low, order, starts = in_buckets(points, side)
    rows, columns = starts.shape[0], starts.shape[1] - 1
    place_of = np.empty(len(points), np.int64)
    place_of[order] = np.arange(len(points))
    reach = np.floor((targets - low) / side)
    wanted = np.clip(reach, -span - 1, [columns + span, rows + span]).astype(np.int64)
    return gaussian_sums(
        np.ascontiguousarray(targets.T),
        np.ascontiguousarray(wanted.T),
        np.where(own >= 0, place_of[own], -1),
        np.ascontiguousarray(points[order].T),
        weights[order],
        starts,
        span,
        0.5 / bandwidth**2,
    )


def in_buckets(points: FloatArray, side: float) -> tuple[FloatArray, IntArray, IntArray]:
    """Square buckets over the points: their corner, the points' order, where each begins.

    The third is (rows, columns + 1): bucket (r, c) holds the ordered points from ``[r, c]`` up to
    ``[r, c + 1]``.
    """
    low = points.min(axis=0)
    bucket = np.floor((points - low) / side).astype(np.int64)
    columns, rows = bucket.max(axis=0) + 1
    flat = bucket[:, 1] * columns + bucket[:, 0]
    order = np.argsort(flat, kind="stable")
    edges = np.searchsorted(flat[order], np.arange(rows * columns + 1))
    return low, order, edges[np.arange(rows)[:, None] * columns + np.arange(columns + 1)]


def distinct_places(
    points: FloatArray, weights: FloatArray
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Places that hold at least one point, the place of each point, and the weight in each."""
    order = np.lexsort((points[:, 1], points[:, 0]))
    ordered = points[order]
    new = np.ones(len(points), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    place = np.empty(len(points), np.int64)
    place[order] = np.cumsum(new) - 1
    return ordered[new], place, np.bincount(place, weights, minlength=int(new.sum()))


def normal_density(u: FloatArray, bandwidth: float, _cell: float) -> FloatArray:
    """One axis of the kernel."""
    return np.exp(-0.5 * (u / bandwidth) ** 2) / (bandwidth * math.sqrt(2 * math.pi))


def normal_mass(u: FloatArray, bandwidth: float, cell: float) -> FloatArray:
    """One axis of the kernel, integrated over a cell whose centre lies `u` away."""
    from scipy.special import ndtr

    return ndtr((u + cell / 2) / bandwidth) - ndtr((u - cell / 2) / bandwidth)


def squared_normal_mass(u: FloatArray, bandwidth: float, cell: float) -> FloatArray:
    """One axis of the squared mass; the square of a product is the product of the squares."""
    return normal_mass(u, bandwidth, cell) ** 2


def checked_points(points: FloatArray) -> FloatArray:
    """Points as (n, 2) floats, or a `CoordinateError`."""
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise CoordinateError(f"points must have shape (n, 2), x and y; got {points.shape}.")
    # One sum first: it is finite for sound coordinates, and ten times cheaper than looking at each.
    if not np.isfinite(points.sum()) and not np.isfinite(points).all():
        bad = ~np.isfinite(points).all(axis=1)
        raise CoordinateError(
            f"{bad.sum()} of {len(points)} points hold NaN or infinity, the first at row "
            f"{int(np.argmax(bad))}. Drop them, and count what was dropped."
        )
    return points


def checked_weights(weights: FloatArray | None, n: int) -> FloatArray:
    """Weights as (n,) floats, ones by default, or a `ParameterError`."""
    if weights is None:
        return np.ones(n)
    weights = np.asarray(weights, float)
    if weights.shape != (n,):
        raise ParameterError(f"weights must have one value a point, ({n},); got {weights.shape}.")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ParameterError("weights must be finite and not negative.")
    return weights


def checked_bandwidth(bandwidth: float) -> float:
    """A positive number of metres, or a `ParameterError`."""
    try:
        value = float(bandwidth)
    except (TypeError, ValueError):
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ParameterError(f"bandwidth must be a positive number of metres, got {bandwidth!r}.")
    return value


def _checked_axes(axes: Axes) -> Axes:
    x, y = (np.asarray(axis, float) for axis in axes)
    for axis in (x, y):
        if axis.ndim != 1 or axis.size < 2:
            raise GridError("axes must be two arrays of at least two cell centres each.")
        steps = np.diff(axis)
        size = fourier.cell_size_of(x)
        if not (size > 0 and np.allclose(steps, size, rtol=1e-6, atol=0)):
            raise GridError("axes must ascend in even steps, the same along x and y.")
    return x, y


def _on_grid(
    points, axes, bandwidth, weights, method, transfer, factor, *, tolerance=fourier.TOLERANCE
) -> FloatArray:
    points = checked_points(points)
    weights = checked_weights(weights, len(points))
    h = checked_bandwidth(bandwidth)
    x, y = _checked_axes(axes)
    if method not in ("fft", "exact"):
        raise ParameterError(f'method must be "fft" or "exact", got {method!r}.')
    cell = fourier.cell_size_of(x)
    split = fourier.splits_needed(points, weights, bandwidth=h, cell_size=cell, tolerance=tolerance)
    if method == "exact" or _direct_is_cheaper(len(points), (x.size, y.size), h / cell, split):
        return direct_sums(points, weights, (x, y), bandwidth=h, factor=factor)
    return fourier.fourier_sums(
        points, weights, (x, y), bandwidth=h, split=split, transfer=transfer(h)
    )


def laid_one_by_one(n: int, axes: Axes, *, bandwidth: float, method: Method) -> bool:
    """Whether n kernels are best laid one by one, again and again with other weights.

    Where the points lie is not asked: the lattice is taken to be as fine as an even scatter needs.
    """
    cell = fourier.cell_size_of(axes[0])
    cells = axes[0].size, axes[1].size
    together = n * 4 * math.pi * bandwidth**2 / (cell * cell * cells[0] * cells[1])
    split = fourier.splits_for(max(together, 1.0), bandwidth=bandwidth, cell_size=cell)
    return method == "exact" or _direct_is_cheaper(n, cells, bandwidth / cell, split)


def _direct_is_cheaper(n: int, cells: tuple[int, int], h_in_cells: float, split: int) -> bool:
    reach = 2 * REACH * h_in_cells + 3
    direct = n * (reach**2 * _SECONDS_PER_ADDITION + 2 * reach * _SECONDS_PER_VALUE)
    pad = 2 * REACH * h_in_cells
    nodes = split**2 * (cells[0] + pad) * (cells[1] + pad)
    return direct < nodes * _SECONDS_PER_NODE
