"""How well each event is foreseen by the others, for one bandwidth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.signal import fftconvolve
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry

from hotspot._numba.kernel_sums import PAIR_REACH, REACH
from hotspot._typing import FloatArray
from hotspot.grid.cells import Grid
from hotspot.models.smoothing.density import (
    density_at_centres,
    distinct_places,
    mass_in_cells,
    pair_sums,
)
from hotspot.models.smoothing.edge import kernel_mass_at, kernel_mass_on_grid, kernel_mass_read

_MOST_PAIRS = 3e7  # summed one by one; more are summed on a lattice
_STEPS_PER_BANDWIDTH = 8  # of that lattice
_SIDES_TIMES_POINTS = 1e6  # kernel mass at more is read off the grid
_ROUNDING = 1e-11  # of the largest sum: below, a transform's rounding drowns a sum
_LEAST_MASS = 1e-6  # of a kernel inside the region, to divide by
_MOST_CELLS = 512  # along the longer side of the region


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Distinct places and a grid for integrals; made once, asked for many bandwidths.

    Attributes
    ----------
    places : (k, 2) float64
        Distinct places.
    n_here : (k,) float64
        Events in each.
    grid : Grid
        For integrals over the region; cells no wider than the smallest bandwidth.
    """

    places: FloatArray
    n_here: FloatArray
    grid: Grid

    @classmethod
    def over(cls, points: FloatArray, region: BaseGeometry, *, finest: float) -> CrossValidation:
        """Made from every event's place; `finest` is the smallest bandwidth to be asked for."""
        west, south, east, north = region.bounds
        extent = max(east - west, north - south)
        cell = min(max(finest, extent / _MOST_CELLS), extent / 64)
        places, _, n_here = distinct_places(points, np.ones(len(points)))
        return cls(places, n_here, Grid.over(region, cell_size=cell))

    def log_likelihood(self, bandwidth: float) -> float:
        """Log-likelihood of the events, each under the intensity of the others."""
        places, n_here, others = self._left_out(bandwidth)
        with np.errstate(divide="ignore"):
            log_others = np.log(others)
        # What is cut off, or lost in the transform's rounding, is nothing beside the sum but
        # everything in its logarithm: one event far from all others would rule out every small
        # bandwidth. Its nearest neighbour's kernel, uncut, stands for the sum.
        weak = others <= _ROUNDING * others.max()
        if weak.any():
            distance, nearest = cKDTree(places).query(places[weak], k=2)
            squared = (distance[:, 1] / bandwidth) ** 2
            log_others[weak] = np.log(n_here[nearest[:, 1]]) - 0.5 * squared
        log_intensity = log_others - np.log(2 * np.pi * bandwidth**2)
        log_intensity -= np.log(self._kernel_mass(places, bandwidth))
        return float((n_here * log_intensity).sum() - self._integral(bandwidth))

    def least_squares(self, bandwidth: float) -> float:
        """Integrated squared error of the density, less a constant that no bandwidth changes."""
        places, n_here, others = self._left_out(bandwidth)
        others = others / (2 * np.pi * bandwidth**2) / self._kernel_mass(places, bandwidth)
        n, total = n_here.sum(), self._integral(bandwidth)
        grid = self._grid_for(bandwidth)
        density = density_at_centres(
            self.places, (grid.x, grid.y), bandwidth=bandwidth, weights=self.n_here
        )
        mass = kernel_mass_on_grid(grid, bandwidth=bandwidth, mean_over_cell=False)
        corrected = density[grid.inside] / np.maximum(mass[grid.inside], _LEAST_MASS)
        squared = (corrected**2 * grid.inside_area[grid.inside]).sum()
        return float(squared / total**2 - 2 * (n_here @ others) / (n - 1) / total)

    def _integral(self, bandwidth: float) -> float:
        """Integral of the corrected intensity over the region."""
        grid = self._grid_for(bandwidth)
        mass = mass_in_cells(
            self.places, (grid.x, grid.y), bandwidth=bandwidth, weights=self.n_here
        )
        kept = kernel_mass_on_grid(grid, bandwidth=bandwidth)
        share = grid.inside_area / grid.cell_size**2
        kept = np.maximum(kept, _LEAST_MASS)
        return float((mass * share / kept)[grid.inside].sum())

    def _grid_for(self, bandwidth: float) -> Grid:
        """The grid, its cells put together as far as leaves sixteen to a bandwidth."""
        together = 2 ** max(int(np.log2(bandwidth / (16 * self.grid.cell_size))), 0)
        return _coarser(self.grid, together) if together > 1 else self.grid

    def _left_out(self, bandwidth: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Places, the events in each, and the unnormalised kernel sum of all events but one."""
        near = np.pi * (PAIR_REACH * bandwidth) ** 2 / self.grid.inside_area.sum()
        if len(self.places) ** 2 * min(near, 1.0) > _MOST_PAIRS:
            return _on_a_lattice(self.places, self.n_here, bandwidth)
        everyone = np.arange(len(self.places))
        others = pair_sums(self.places, self.places, self.n_here, bandwidth=bandwidth, own=everyone)
        return self.places, self.n_here, others + self.n_here - 1

    def _kernel_mass(self, places: FloatArray, bandwidth: float) -> FloatArray:
        """Mass at each place: by the polygon's sides where they are few, else off the grid."""
        region = self.grid.region
        if len(places) * shapely.get_num_coordinates(region) <= _SIDES_TIMES_POINTS:
            return np.maximum(kernel_mass_at(places, region, bandwidth=bandwidth), _LEAST_MASS)
        mass = kernel_mass_read(places, self._grid_for(bandwidth), bandwidth=bandwidth)
        return np.maximum(mass, _LEAST_MASS)


def _coarser(grid: Grid, together: int) -> Grid:
    """The same region in cells `together` times as wide; the outermost may stand over the edge."""
    short = [-size % together for size in grid.shape]
    area = np.pad(grid.inside_area, [(0, short[0]), (0, short[1])])
    rows, columns = (size // together for size in area.shape)
    area = area.reshape(rows, together, columns, together).sum(axis=(1, 3))
    size = grid.cell_size * together
    west, south, *_ = grid.bounds
    centres_x = west + (np.arange(columns) + 0.5) * size
    centres_y = south + (np.arange(rows) + 0.5) * size
    return Grid(centres_x, centres_y, size, area, grid.region, grid.crs)


def _on_a_lattice(places: FloatArray, n_here: FloatArray, bandwidth: float):
    """Places moved to the nearest lattice node, and the kernel sum there less the event itself.

    Moving both ends of a pair adds step²/6 to the variance of their distance along each axis;
    the kernel is made that much narrower.
    """
    step = bandwidth / _STEPS_PER_BANDWIDTH
    low = places.min(axis=0)
    node = np.rint((places - low) / step).astype(np.int64)
    columns, rows = node.max(axis=0) + 1
    flat = node[:, 1] * columns + node[:, 0]
    count = np.bincount(flat, n_here, minlength=rows * columns).reshape(rows, columns)
    reach = math.ceil(REACH * _STEPS_PER_BANDWIDTH)
    offsets = np.arange(-reach, reach + 1)
    axis = np.exp(-0.5 * offsets**2 / (_STEPS_PER_BANDWIDTH**2 - 1 / 6))
    axis *= _STEPS_PER_BANDWIDTH / np.sqrt(_STEPS_PER_BANDWIDTH**2 - 1 / 6)
    sums = fftconvolve(count, np.outer(axis, axis), mode="same")
    row, column = np.nonzero(count)
    held = count[row, column]
    own = axis[reach] ** 2
    left_out = np.maximum(sums[row, column] - own, (held - 1) * own)
    return low + np.column_stack([column, row]) * step, held, left_out
