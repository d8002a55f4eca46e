"""Kernel sums on a grid by linear binning and the fast Fourier transform.

Points are shared linearly between the nodes of a lattice, smoothed in Fourier space, and read off
at the cell centres. Sharing is itself a smoothing: by a triangle one step wide, whose transform is
sinc², when the points lie anywhere between nodes. Dividing by sinc² takes it out again, on
average over the points; where they do not lie anywhere (coordinates rounded to the cell size), the
variance that sharing did give them is used in its stead.

What is left is each point's own departure from that average. With s steps in a bandwidth it is
up to 0.16 / s² of its kernel's peak, and the departures of points within a kernel's reach of one
another cancel like noise.
:func:`splits_needed` makes the lattice finer than the cells, an odd number of times so that a
cell's centre stays a node, until the sum is good to :data:`TOLERANCE` of the map's peak.

That is a bound for points scattered between nodes, or all lined up alike. Points that share a place
share its departure, so a place is given once, with their weight; and where only a part of the
points lie along one line of the lattice theirs do not cancel, and the error can be twice as large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft

from hotspot._numba.binning import linear_binning
from hotspot._numba.kernel_sums import REACH
from hotspot._typing import FloatArray

TOLERANCE = 1e-3
ERROR_OF_ONE_POINT = 0.16  # of its kernel's peak, times the squared steps in a bandwidth
FEWEST_STEPS = 2.0  # in a bandwidth; below, what the lattice folds over is no longer small

# frequency (cycles per metre), lattice step, cell size -> transform of one axis of the kernel
Transfer = Callable[[FloatArray, float, float], FloatArray]


@dataclass(frozen=True)
class Lattice:
    """Compute nodes of one axis: the cells, each split, with room on both sides.

    Attributes
    ----------
    first : float
        Position of node 0; metres.
    step : float
        Metres between nodes.
    size : int
        Nodes, the padding against wrap-around included.
    cells : slice
        The nodes that are cell centres.
    """

    first: float
    step: float
    size: int
    cells: slice

    @classmethod
    def over(cls, centres: FloatArray, values: FloatArray, *, bandwidth: float, split: int):
        """Nodes on the centres, reaching as far as the outermost of `values` that matters."""
        cell = cell_size_of(centres)
        step = cell / split
        reach = REACH * bandwidth
        west = centres[0] - cell / 2
        east = centres[-1] + cell / 2
        low = max(min(values.min(initial=west), west), west - reach)
        high = min(max(values.max(initial=east), east), east + reach)
        before = int(np.ceil((west - low) / step)) + 1  # one more for a point left of node 0
        after = int(np.ceil((high - east) / step)) + 2
        used = before + centres.size * split + after
        size = fft.next_fast_len(used + int(np.ceil(reach / step)), real=True)
        start = before + (split - 1) // 2
        stop = start + (centres.size - 1) * split + 1
        return cls(west + step * (0.5 - before), step, size, slice(start, stop, split))


def cell_size_of(centres: FloatArray) -> float:
    """Spacing of evenly spaced centres; metres."""
    return float(centres[-1] - centres[0]) / (centres.size - 1)


def splits_needed(
    points: FloatArray,
    weights: FloatArray,
    *,
    bandwidth: float,
    cell_size: float,
    tolerance: float = TOLERANCE,
) -> int:
    """How many times to split a cell, an odd number, for a sum good to `tolerance` of its peak."""
    together = _points_together(points, weights, bandwidth)
    return splits_for(together, bandwidth=bandwidth, cell_size=cell_size, tolerance=tolerance)


def splits_for(
    together: float, *, bandwidth: float, cell_size: float, tolerance: float = TOLERANCE
) -> int:
    """The same, where so many points make up the peak."""
    steps = np.sqrt(ERROR_OF_ONE_POINT / (tolerance * np.sqrt(together)))
    needed = int(np.ceil(max(steps, FEWEST_STEPS) * cell_size / bandwidth - 1e-9))
    return max(needed + 1 - needed % 2, 1)


def _points_together(points: FloatArray, weights: FloatArray, bandwidth: float) -> float:
    r"""How many points of equal weight make up the peak: those in the fullest square the size of
    a kernel's reach, :math:`4 \pi h^2`, counted on a sample of 20,000 points."""
    every = max(1, len(points) // 20_000)
    points, weights = points[::every], weights[::every]
    if len(points) == 0:
        return 1.0
    low = points.min(axis=0)
    side = max(np.sqrt(4 * np.pi) * bandwidth, (points.max(axis=0) - low).max() / 500)
    column, row = ((points - low) / side).astype(np.int64).T
    square = row * (column.max() + 1) + column
    weight = np.bincount(square, weights)
    fullest = weight.argmax()
    squares = np.bincount(square, weights**2)[fullest]
    return max(1.0, every * weight[fullest] ** 2 / squares) if squares > 0 else 1.0


def gaussian_at_centre(bandwidth: float) -> Transfer:
    """Value of a normal density of standard deviation `bandwidth`."""

    def transfer(frequency, step, _cell):
        return _gaussian(frequency, bandwidth) / step

    return transfer


def gaussian_over_cell(bandwidth: float) -> Transfer:
    """Integral of that density over a cell: one more factor sinc, of the cell's width."""

    def transfer(frequency, step, cell):
        return _gaussian(frequency, bandwidth) * np.sinc(frequency * cell) * (cell / step)

    return transfer


def sampled(kernel: Callable[[FloatArray], FloatArray]) -> Transfer:
    """Any even kernel of a displacement in metres, transformed from its values at the nodes."""

    def transfer(frequency, step, _cell):
        size = frequency.size
        lag = np.minimum(np.arange(size), size - np.arange(size)) * step
        return fft.fft(kernel(lag)).real

    return transfer


def fourier_sums(
    points: FloatArray,
    weights: FloatArray,
    axes: tuple[FloatArray, FloatArray],
    *,
    bandwidth: float,
    split: int,
    transfer: Transfer,
) -> FloatArray:
    """Sum of weighted kernels in every cell of the grid with centres `axes` = (x, y).

    Parameters
    ----------
    points : (n, 2) float64
    weights : (n,) float64
        Not negative.
    axes : ((nx,), (ny,)) float64
        Evenly spaced cell centres; the cells are square.
    bandwidth : float
        Metres; six of them are padded against wrap-around.
    split : int
        Lattice steps in a cell; odd.
    transfer : callable
        The kernel, one axis of it.

    Returns
    -------
    (ny, nx) float64
        Never negative: what rounding leaves below 0 is set to 0.
    """
    cell = cell_size_of(axes[0])
    x = Lattice.over(axes[0], points[:, 0], bandwidth=bandwidth, split=split)
    y = Lattice.over(axes[1], points[:, 1], bandwidth=bandwidth, split=split)
    nodes, spread_x, spread_y = linear_binning(
        points, weights, x.first, y.first, x.step, (y.size, x.size)
    )
    total = max(nodes.sum(), np.finfo(float).tiny)
    spectrum = fft.rfft2(nodes)
    for axis, spread, last in ((y, spread_y, y.size), (x, spread_x, x.size // 2 + 1)):
        frequency = fft.fftfreq(axis.size, axis.step)
        multiplier = transfer(frequency, axis.step, cell)
        multiplier /= _shared(frequency * axis.step, spread / total)
        spectrum *= multiplier[:, None] if axis is y else multiplier[:last]
    smooth = fft.irfft2(spectrum, s=(y.size, x.size), overwrite_x=True)
    return np.maximum(smooth[y.cells, x.cells], 0.0)


def _shared(cycles: FloatArray, variance: float) -> FloatArray:
    """Transform of the smoothing that linear sharing did; `cycles` per step, squared steps.

    sinc² has variance 1/6; what the points' own variance differs by is a Gaussian's.
    """
    excess = variance - 1 / 6
    return np.sinc(cycles) ** 2 * np.exp(-2.0 * np.pi**2 * excess * cycles**2)


def _gaussian(frequency: FloatArray, bandwidth: float) -> FloatArray:
    return np.exp(-2.0 * (np.pi * bandwidth * frequency) ** 2)
