"""Kernels laid on a grid one by one: exact but for their cut, and cheap where they are small."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hotspot._numba.kernel_sums import REACH, outer_product_sums
from hotspot._typing import FloatArray, IntArray
from hotspot.models.smoothing import fourier

Axes = tuple[FloatArray, FloatArray]

_POINTS_AT_ONCE = 20_000
_ALL = slice(None)


def direct_sums(points, weights, axes, *, bandwidth, factor) -> FloatArray:
    """Every point's kernel at every cell within six bandwidths, as products of two factors.

    `bandwidth` is one for all, or (n,) one for each point.
    """
    bandwidth = np.broadcast_to(bandwidth, len(points))
    total = np.zeros((axes[1].size, axes[0].size))
    for begin in range(0, len(points), _POINTS_AT_ONCE):
        some = slice(begin, begin + _POINTS_AT_ONCE)
        patches = Patches.of(points[some], axes, bandwidth=bandwidth[some], factor=factor)
        total += patches.laid(weights[some])
    return total


@dataclass(frozen=True, eq=False)
class Patches:
    """The kernel of each point on the cells it reaches, ready to be laid with any weights.

    Attributes
    ----------
    row, column : (n,) int64
        First cell of each point's patch; may lie off the grid.
    row_factor, column_factor : (n, k) float64
        A patch is the product of its two factors.
    shape : (int, int)
        Of the grid.
    """

    row: IntArray
    column: IntArray
    row_factor: FloatArray
    column_factor: FloatArray
    shape: tuple[int, int]

    @classmethod
    def of(cls, points: FloatArray, axes: Axes, *, bandwidth, factor) -> Patches:
        """Patches of six bandwidths on each side; `bandwidth` is one for all, or (n,)."""
        cell = fourier.cell_size_of(axes[0])
        bandwidth = np.broadcast_to(bandwidth, len(points))[:, None]
        reach = math.ceil(REACH * bandwidth.max(initial=0.0) / cell + 0.5)
        offsets = np.arange(-reach, reach + 1)
        corners, factors = [], []
        for values, centres in zip(points.T, axes, strict=True):
            nearest = np.rint((values - centres[0]) / cell)
            nearest = np.clip(nearest, -reach - 1, centres.size + reach)
            displacement = centres[0] + (nearest[:, None] + offsets) * cell - values[:, None]
            corners.append(nearest.astype(np.int64) - reach)
            factors.append(factor(displacement, bandwidth, cell))
        shape = (axes[1].size, axes[0].size)
        return cls(corners[1], corners[0], factors[1], factors[0], shape)

    def laid(
        self, weights: FloatArray, *, power: int = 1, of: slice | IntArray = _ALL
    ) -> FloatArray:
        """(ny, nx): sum of the patches chosen by `of`, each to a power and times its weight."""
        by_weight = self.row_factor[of] ** power * weights[:, None]
        other = self.column_factor[of] ** power
        return outer_product_sums(self.row[of], self.column[of], by_weight, other, self.shape)
