"""Smoothing by a bandwidth of each point's own: narrow where points lie thickly, wide where thinly.

Abramson's square-root law: with a pilot density f smoothed by the global bandwidth h,

.. math:: h_i = h \\sqrt{g / f(s_i)}, \\qquad \\log g = \\sum_i w_i \\log f(s_i) / \\sum_i w_i

so that the bandwidths' geometric mean is h. They are kept between h / 5 and 5 h.

By FFT a bandwidth must be one for all points, so points are shared between a ladder of bandwidths,
each linearly (in log bandwidth) between its two neighbours, and smoothed rung by rung (after
Davies and Baddeley 2018, who round to the nearest rung).

References
----------
Abramson, I. S. (1982). On bandwidth variation in kernel estimates: a square root law. Annals of
Statistics, 10, 1217-1223. https://doi.org/10.1214/aos/1176345986

Davies, T. M., & Baddeley, A. (2018). Fast computation of spatially adaptive kernel estimates.
Statistics and Computing, 28, 937-956. https://doi.org/10.1007/s11222-017-9772-4
"""

from __future__ import annotations

import numpy as np

from hotspot._typing import FloatArray
from hotspot.grid.cells import Grid
from hotspot.models.smoothing.density import (
    Axes,
    Method,
    mass_in_cells,
    normal_mass,
    squared_mass_in_cells,
    squared_normal_mass,
)
from hotspot.models.smoothing.edge import kernel_mass_on_grid
from hotspot.models.smoothing.patches import direct_sums

WIDEST = 5.0  # times the global bandwidth, either way
_RATIO = 1.15  # from rung to rung


def abramson_bandwidths(
    pilot: FloatArray, weights: FloatArray, *, bandwidth: float, at: FloatArray | None = None
) -> FloatArray:
    """Bandwidth of each point, from the pilot density there.

    Parameters
    ----------
    pilot : (n,) float64
        Positive.
    weights : (n,) float64
        What each point counts for in the geometric mean.
    bandwidth : float
        Global; metres.
    at : array, optional
        Pilot densities elsewhere, to have the bandwidths there instead of at the points.

    Returns
    -------
    (n,) float64, or the shape of `at`
        Metres.

    Examples
    --------
    >>> abramson_bandwidths(np.array([1.0, 4.0, 16.0]), np.ones(3), bandwidth=100.0)
    array([200., 100.,  50.])
    """
    centre = (weights * np.log(pilot)).sum() / weights.sum()
    ratio = np.exp((centre - np.log(pilot if at is None else at)) / 2)
    return bandwidth * np.clip(ratio, 1 / WIDEST, WIDEST)


def adaptive_mass_in_cells(
    points: FloatArray,
    axes: Axes,
    *,
    bandwidths: FloatArray,
    weights: FloatArray,
    root_squares: FloatArray | None = None,
    method: Method = "fft",
) -> tuple[FloatArray, FloatArray]:
    """Mass in each cell, and the sum of its squared parts, each point with its own bandwidth.

    Parameters
    ----------
    points : (n, 2) float64
    axes : ((nx,), (ny,)) float64
    bandwidths, weights : (n,) float64
    root_squares : (n,) float64, optional
        Where a point stands for several events, the root of the sum of their squared weights.
    method : {"fft", "exact"}
        "fft" interpolates between rungs 15 % apart: within 0.3 % of the peak of "exact".

    Returns
    -------
    mass, squared : (ny, nx) float64

    Examples
    --------
    >>> centres = np.arange(50.0, 1000.0, 100.0)
    >>> points = np.array([[430.0, 460.0], [470.0, 410.0]])
    >>> mass, _ = adaptive_mass_in_cells(
    ...     points, (centres, centres), bandwidths=np.array([1.0, 80.0]), weights=np.ones(2)
    ... )
    >>> round(float(mass.sum()), 3)
    2.0
    """
    root_squares = weights if root_squares is None else root_squares
    if method == "exact":
        mass, squared = (
            direct_sums(points, w, axes, bandwidth=bandwidths, factor=factor)
            for w, factor in ((weights, normal_mass), (root_squares**2, squared_normal_mass))
        )
        return mass, squared
    mass = np.zeros((axes[1].size, axes[0].size))
    squared = np.zeros_like(mass)
    rungs, share_of = ladder(bandwidths)
    for rung, h in enumerate(rungs):
        share = share_of(rung)
        on = share > 0
        if not on.any():
            continue
        mass += mass_in_cells(points[on], axes, bandwidth=h, weights=(weights * share)[on])
        # A point between two rungs is one point: its squared weight is shared, not its weight's
        # square.
        of_rung = root_squares[on] * np.sqrt(share[on])
        squared += squared_mass_in_cells(points[on], axes, bandwidth=h, weights=of_rung)
    return mass, squared


def adaptive_kernel_mass_on_grid(grid: Grid, bandwidths: FloatArray) -> FloatArray:
    """Mean kernel mass inside the region for a kernel of each cell's own bandwidth.

    Parameters
    ----------
    grid : Grid
    bandwidths : (ny, nx) float64
        Metres.

    Returns
    -------
    (ny, nx) float64
    """
    rungs, share_of = ladder(bandwidths)
    mass = np.zeros(grid.shape)
    for rung, h in enumerate(rungs):
        mass += share_of(rung) * kernel_mass_on_grid(grid, bandwidth=h)
    return mass


def ladder(bandwidths: FloatArray):
    """Bandwidths in even ratios over the range, and a function: each value's share on a rung."""
    low, high = np.log(bandwidths.min()), np.log(bandwidths.max())
    n = max(int(np.ceil((high - low) / np.log(_RATIO))) + 1, 1)
    position = np.zeros(bandwidths.shape)
    if n > 1:
        position = (np.log(bandwidths) - low) / (high - low) * (n - 1)

    def share_of(rung):
        return np.maximum(1 - np.abs(position - rung), 0.0)

    return np.exp(np.linspace(low, high, n)), share_of
