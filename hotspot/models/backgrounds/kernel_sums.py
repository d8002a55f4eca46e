"""How thickly the other events of a window lie at each: kernels of one width, or each its own.

Kernels of a width are summed in one pass over a lattice of that width
(:mod:`hotspot._numba.smoothed_points`). A kernel whose bandwidth is its own is therefore shared
between the two nearest of a ladder of bandwidths, each twice the last, so that its variance is
right, and the ladder is summed rung by rung: time is O(n) a rung. Rounding to rungs of half an
octave costs no less and foretells left-out events worse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from hotspot._numba.half_kernels import NODES, SPACING
from hotspot._numba.smoothed_points import gather_others, spread_points
from hotspot._typing import FloatArray, IntArray
from hotspot.grid.cells import Grid
from hotspot.models.smoothing.density import density_at_points, mass_in_cells
from hotspot.models.triggering.edge_mass import RegionMass

_LEAST_MASS = 1e-3
_MOST_NODES = 1 << 24
_ROW = 1000.0  # metres; events are gone through row by row, as the lattice lies in memory


@dataclass(frozen=True, eq=False)
class KernelSums:
    """The events of a window and the region, ready to be smoothed time and again.

    Attributes
    ----------
    points : (n, 2) float64
        Metres; in rows of a kilometre from west to east, as `order` tells.
    low, extent : (2,) float64
        The least x and y of the points, and how far they reach from there.
    order : (n,) int64
        ``points[k]`` is the event ``order[k]`` as given.
    region : RegionMass
        Of `points`.
    kept : dict
        Each kernel's mass inside the region, of the rungs met.
    """

    points: FloatArray
    low: FloatArray
    extent: FloatArray
    order: IntArray
    region: RegionMass
    kept: dict[int, FloatArray] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, points: FloatArray, grid: Grid) -> KernelSums:
        """Sort the events, (n, 2) in metres, and lay out the border."""
        order = np.lexsort((points[:, 0], points[:, 1] // _ROW))
        points = np.ascontiguousarray(points[order])
        low = points.min(axis=0)
        extent = points.max(axis=0) - low
        return cls(points, low, extent, order, RegionMass.of(points, grid.region))

    @property
    def narrowest(self) -> float:
        """Metres: the lowest rung whose lattice over all events still has at most 2^24 nodes."""
        across, down = np.maximum(self.extent, 1.0)
        finest = 1.1 * math.sqrt(across * down / _MOST_NODES) / SPACING
        return 2.0 ** math.ceil(math.log2(finest))

    def others(self, chance: FloatArray, bandwidth: float) -> FloatArray:
        """Density of the other events at each event, in the order given, per m².

        Integrates to 1 over the region, each event weighed by `chance` (n,).
        """
        weight = chance[self.order] / np.maximum(self.region.worked_out(bandwidth)[0], _LEAST_MASS)
        sums = self._sums(weight, bandwidth)
        return self._as_given(sums / (2 * math.pi * bandwidth**2 * chance.sum()))

    def others_of_own(
        self, chance: FloatArray, bandwidths: FloatArray, *, one_in: int = 1
    ) -> FloatArray:
        """The same with a bandwidth of each event's own, (n,) in metres.

        With `one_in` above 1, at the events ``order[::one_in]`` alone.
        """
        weight = chance[self.order]
        density = np.zeros(len(weight[::one_in]))
        for rung, h, share in _ladder(bandwidths[self.order]):
            own = weight * share / self._inside(rung)
            density += self._sums(own, h, one_in) / (2 * math.pi * h**2)
        density /= chance.sum()
        return self._as_given(density) if one_in == 1 else density

    def cell_share(
        self, chance: FloatArray, grid: Grid, bandwidths: float | FloatArray
    ) -> FloatArray:
        """Share of all events' kernels in each cell, (ny, nx); of one bandwidth or their own."""
        weight = chance[self.order]
        if isinstance(bandwidths, float):
            kept = np.maximum(self.region.worked_out(bandwidths)[0], _LEAST_MASS)
            mass = _in_cells(self.points, grid, bandwidths, weight / kept)
        else:
            mass = np.zeros(grid.shape)
            for rung, h, share in _ladder(bandwidths[self.order]):
                own, on = weight * share / self._inside(rung), share > 0
                mass += _in_cells(self.points[on], grid, h, own[on])
        share = np.maximum(mass, 0.0) * grid.inside_area / grid.cell_size**2
        return share / share.sum()

    def _sums(self, weight: FloatArray, bandwidth: float, one_in: int = 1) -> FloatArray:
        """Kernels, 1 at their peak, of the other events at each, or at one in so many."""
        per_metre = 1 / (SPACING * bandwidth)
        columns, rows = (self.extent * per_metre).astype(int) + 2 * NODES
        if float(columns) * float(rows) > _MOST_NODES:
            # So narrow a kernel meets few pairs, and they are summed one by one.
            peak = 1 / (2 * math.pi * bandwidth**2)
            density = density_at_points(self.points, bandwidth=bandwidth, weights=weight)
            return density[::one_in] / peak
        place = np.ascontiguousarray(((self.points - self.low) * per_metre + NODES // 2).T)
        lattice = np.zeros(rows * columns)
        reached = np.zeros((rows // 16 + 2, columns // 16 + 2), np.uint8)
        on = np.flatnonzero(weight)
        every = len(on) == len(weight)
        laid = place if every else place[:, on]
        spread_points(laid, weight if every else weight[on], lattice, columns, reached)
        if one_in > 1:
            place, weight = np.ascontiguousarray(place[:, ::one_in]), weight[::one_in]
        out = np.empty(len(weight))
        gather_others(place, weight, lattice, columns, reached, out)
        return out

    def _inside(self, rung: int) -> FloatArray:
        if rung not in self.kept:
            mass = np.maximum(self.region.worked_out(2.0**rung)[0], _LEAST_MASS)
            # Good to 1e-6 as it is, and many rungs of many events are kept.
            self.kept[rung] = mass.astype(np.float32)
        return self.kept[rung]

    def _as_given(self, values: FloatArray) -> FloatArray:
        out = np.empty_like(values)
        out[self.order] = values
        return out


def _ladder(bandwidths: FloatArray) -> Iterator[tuple[int, float, FloatArray]]:
    """Rungs, their bandwidths, and what share (n,) of each event's kernel lies on each."""
    below = np.floor(np.log2(bandwidths)).astype(np.int64)
    above = ((bandwidths / 2.0**below) ** 2 - 1) / 3
    for rung in range(int(below.min()), int(below.max()) + 2):
        share = np.where(below == rung, 1 - above, np.where(below == rung - 1, above, 0.0))
        if share.any():
            yield rung, 2.0**rung, share


def _in_cells(points, grid, bandwidth, weights) -> FloatArray:
    return mass_in_cells(points, (grid.x, grid.y), bandwidth=bandwidth, weights=weights)
