"""Berman and Diggle's bandwidth: least squared error of the intensity of a clustered process."""

from __future__ import annotations

import numpy as np
import shapely
from scipy.signal import fftconvolve
from shapely.geometry.base import BaseGeometry

from hotspot._numba.kernel_sums import pair_distance_weights
from hotspot._typing import FloatArray
from hotspot.grid.cells import Grid
from hotspot.models.smoothing.density import distinct_places, in_buckets

_N_DISTANCES = 511
_SET_COVARIANCE_CELLS = 256
_PAIRS_PER_POINT = 1000


def berman_diggle_curve(points: FloatArray, region: BaseGeometry) -> tuple[FloatArray, FloatArray]:
    """Bandwidths, and Berman and Diggle's criterion there, from the points' own K function.

    Returns
    -------
    bandwidth, criterion : (255,) float64
        Half the radii r at which the criterion can be had; the squared error over the squared
        intensity, less a constant.
    """
    r, k = k_function(points, region)
    return r[: r.size // 2] / 2, mean_square_error(r, k, intensity=len(points) / region.area)


def k_function(points: FloatArray, region: BaseGeometry) -> tuple[FloatArray, FloatArray]:
    r"""Ripley's K: how many other points lie within r of a point, over the intensity.

    .. math:: \hat K(r) = \frac{|W|^2}{n (n - 1)}
       \sum_{i \ne j} \frac{\mathbf 1(\lVert s_i - s_j \rVert \le r)}
       {\bar\gamma_W(\lVert s_i - s_j \rVert)}

    with :math:`\bar\gamma_W(t)` the area that W has in common with itself moved by t, mean over
    directions: the rigid-motion correction of Ohser and Stoyan.

    Parameters
    ----------
    points : (n, 2) float64
        At least 2.
    region : Polygon or MultiPolygon

    Returns
    -------
    r, k : (512,) float64
        Distances from 0 up to a quarter of the region's shorter side, or to where a point has a
        thousand others if that is nearer; square metres.

    References
    ----------
    Ohser, J., & Stoyan, D. (1981). On the second-order and orientation analysis of planar
    stationary point processes. Biometrical Journal, 23, 523-533.
    https://doi.org/10.1002/bimj.4710230602
    """
    n = len(points)
    west, south, east, north = region.bounds
    shorter = min(east - west, north - south)
    reach = min(shorter / 4, np.sqrt(_PAIRS_PER_POINT * region.area / (np.pi * n)))
    edges = np.linspace(0, reach, _N_DISTANCES + 1)
    places, _, n_here = distinct_places(points, np.ones(n))
    # Buckets a hair wider than the reach, so that rounding loses no neighbour.
    side = reach * (1 + 1e-9)
    low, order, starts = in_buckets(places, side)
    pairs = pair_distance_weights(
        np.ascontiguousarray((places[order] - low).T),
        n_here[order],
        starts,
        side,
        reach,
        _N_DISTANCES,
    )
    pairs[0] += (n_here * (n_here - 1)).sum() / 2
    common = set_covariance(region, (edges[:-1] + edges[1:]) / 2)
    k = region.area**2 / (n * (n - 1)) * np.cumsum(2 * pairs / common)
    return edges, np.concatenate([[0.0], k])


def mean_square_error(r: FloatArray, k: FloatArray, *, intensity: float) -> FloatArray:
    r"""Berman and Diggle's criterion at the first half of the distances `r`.

    .. math:: \frac{\lambda^{-1} - 2 K(r)}{\pi r^2}
       + \frac{1}{(\pi r^2)^2} \int_0^{2 r} \gamma_r(t) \, dK(t),
       \qquad
       \gamma_r(t) = 2 r^2 \arccos \frac{t}{2 r} - \frac{t}{2} \sqrt{4 r^2 - t^2}

    Parameters
    ----------
    r, k : (m,) float64
        Evenly spaced distances from 0, and K there.
    intensity : float
        Points per square metre.

    Returns
    -------
    (m // 2,) float64
        NaN at r = 0.
    """
    between = (r[:-1] + r[1:]) / 2
    growth = np.diff(k)
    out = np.full(r.size // 2, np.nan)
    for i in range(1, out.size):
        t = between[: 2 * i]
        common = 2 * r[i] ** 2 * np.arccos(t / (2 * r[i])) - t / 2 * np.sqrt(4 * r[i] ** 2 - t**2)
        disc = np.pi * r[i] ** 2
        out[i] = (1 / intensity - 2 * k[i]) / disc + (common * growth[: 2 * i]).sum() / disc**2
    return out


def set_covariance(region: BaseGeometry, distances: FloatArray) -> FloatArray:
    """Area the region has in common with itself moved by each distance, mean over directions.

    In closed form for a rectangle and distances below its sides; else from a grid of 256 cells
    along the longer side, by FFT, read along 64 directions.
    """
    west, south, east, north = region.bounds
    a, b = east - west, north - south
    if np.isclose(region.area, a * b, rtol=1e-9) and distances.max() <= min(a, b):
        return a * b - 2 * (a + b) * distances / np.pi + distances**2 / np.pi
    from scipy.interpolate import RegularGridInterpolator

    grid = Grid.over(region, cell_size=max(a, b) / _SET_COVARIANCE_CELLS)
    area = grid.inside_area
    common = fftconvolve(area, area[::-1, ::-1]) / grid.cell_size**2
    lags = [(np.arange(size) - size // 2) * grid.cell_size for size in common.shape]
    angle = np.linspace(0, np.pi, 64, endpoint=False)
    where = distances[:, None, None] * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    # At no distance the region meets all of itself; part-filled border cells understate that.
    lost = common.max() - RegularGridInterpolator(lags, common)(where).mean(axis=1)
    return shapely.area(region) - lost
