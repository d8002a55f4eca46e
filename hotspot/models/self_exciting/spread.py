r"""Where on a grid what an event triggers falls: shares by cell, for any displacement.

.. math:: H_{d} = \int\!\!\int h(\lVert s - s' \rVert) \, \frac{[s' \in 0]}{a} \, [s \in d]
   \, ds \, ds' = \mathrm E \bigl[ \Lambda(X / \ell - d_x) \, \Lambda(Y / \ell - d_y) \bigr],
   \qquad \Lambda(u) = \max(1 - |u|, 0)

from an event anywhere in a cell of side ℓ to the cell d columns and rows away: the
displacement (X, Y), shared linearly between the nodes of a lattice as coarse as the cells. So the
shares are those of a cloud of points that stand for the displacement, ring by ring.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import shapely

from hotspot._typing import FloatArray
from hotspot.grid.cells import Grid
from hotspot.models.parts.displacement import Displacement, GaussianDisplacement
from hotspot.models.smoothing.density import mass_in_cells
from hotspot.models.smoothing.edge import mean_mass_between

_CLOUD_REACH = 12  # cells; beyond, the density itself is read
_LEAST_REACH = 6  # cells about an event for which its place within its own cell counts
_NEGLIGIBLE = 1e-9  # share that may fall beyond the reach of a stencil
_MOST_SPLITS = 15
_MOST_NODES = 1 << 22
_ORDER = 6
# Three nodes and weights exact to degree 5 for the density 1 - |u| on [-1, 1].
_HAT_NODES = np.array([-math.sqrt(0.4), 0.0, math.sqrt(0.4)])
_HAT_WEIGHTS = np.array([5.0, 14.0, 5.0]) / 24.0


class Blur:
    """One generation's displacement: from events spread evenly in cells to what they trigger."""

    def __init__(self, grid: Grid, displacement: Displacement) -> None:
        self.share = grid.inside_area / grid.cell_size**2
        self.along = None
        if isinstance(displacement, GaussianDisplacement):
            sd = displacement.sd / grid.cell_size
            reach = min(math.ceil(6 * sd) + 1, max(grid.shape))
            self.along = mean_mass_between(np.arange(-reach, reach + 1), 1 / sd)
        else:
            self.fourier = _Convolution(grid.shape, cell_stencil(displacement, grid))

    def __call__(self, count: FloatArray) -> FloatArray:
        """What events (..., ny, nx) trigger with a productivity of 1; of the same shape."""
        from scipy.ndimage import convolve1d

        if self.along is None:
            return self.fourier(count) * self.share
        down = convolve1d(count, self.along, axis=-2, mode="constant")
        return convolve1d(down, self.along, axis=-1, mode="constant") * self.share


class _Convolution:
    """Convolution with one stencil, cut to the shape of what is given."""

    def __init__(self, shape: tuple[int, int], stencil: FloatArray) -> None:
        from scipy.fft import next_fast_len, rfft2

        self.shape = shape
        reach = [n // 2 for n in stencil.shape]
        self.padded = [next_fast_len(n + r, real=True) for n, r in zip(shape, reach, strict=True)]
        placed = np.zeros(self.padded)
        placed[: stencil.shape[0], : stencil.shape[1]] = stencil
        self.transform = rfft2(np.roll(placed, [-r for r in reach], axis=(0, 1)))

    def __call__(self, count: FloatArray) -> FloatArray:
        return self.inverse(self.of(count) * self.transform)

    def of(self, count: FloatArray) -> np.ndarray:
        from scipy.fft import rfft2

        return rfft2(count, s=self.padded)

    def inverse(self, transform: np.ndarray) -> FloatArray:
        from scipy.fft import irfft2

        found = irfft2(transform, s=self.padded)[..., : self.shape[0], : self.shape[1]]
        return np.maximum(found, 0.0)


def cell_stencil(displacement: Displacement, grid: Grid) -> FloatArray:
    """Share of what an event anywhere in a cell triggers that falls in the cells about it.

    Parameters
    ----------
    displacement : Displacement
    grid : Grid
        Its shape bounds the stencil.

    Returns
    -------
    (2 ry + 1, 2 rx + 1) float64
        The cell itself in the middle. What falls further than the grid is wide is left out.

    Notes
    -----
    Good to some 1e-6 of the whole.
    """
    cell = grid.cell_size
    ry, rx = (min(n - 1, _reach_in_cells(displacement, cell)) for n in grid.shape)
    most = max(ry, rx)
    near = most if displacement.kinks else min(most, _CLOUD_REACH)
    quarter = _cloud_on_nodes(displacement, cell, near)
    if most > near:
        wide = np.zeros((most + 1, most + 1))
        wide[: near + 1, : near + 1] = quarter
        away = np.hypot(*np.indices(wide.shape)) > near
        wide[away] = _read_density(displacement, cell, *np.nonzero(away))
        quarter = wide
    return _mirrored(quarter[: ry + 1, : rx + 1])


def _reach_in_cells(displacement: Displacement, cell: float) -> int:
    reach = displacement.reach(1 - _NEGLIGIBLE) / cell
    return math.ceil(min(reach, 1e6)) + 1


def _cloud_on_nodes(displacement: Displacement, cell: float, most: int) -> FloatArray:
    """Shares of the cells in the quarter plane, columns and rows 0 to `most`."""
    radius, mass = _rings(displacement, cell, math.hypot(most + 1, most + 1))
    n = (12 + 8 * np.ceil(radius)).astype(int)
    out = np.zeros((most + 2) ** 2)
    for order in np.unique(n):
        node, weight = _legendre(int(order))
        angle = math.pi / 8 * (1 + node)
        r, m = radius[n == order, None], mass[n == order, None] * weight / 16
        _share_linearly(out, r * np.sin(angle), r * np.cos(angle), m, most)
    eighth = out.reshape(most + 2, most + 2)[: most + 1, : most + 1]
    quarter = eighth + eighth.T
    quarter[0] *= 2  # a node on an axis also has what lies on the other side of it
    quarter[:, 0] *= 2
    return quarter


def _rings(displacement: Displacement, cell: float, until: float) -> tuple[FloatArray, FloatArray]:
    """Radii in cells, and the share of displacements that each stands for."""
    half = displacement.reach(0.5) / cell
    smallest = min(half, 1.0) / 64
    halvings = 0.5 ** np.arange(math.ceil(-math.log2(smallest)), -1, -1)
    edges = np.concatenate([[0.0], halvings, np.arange(1.25, until + 0.25, 0.25)])
    edges = np.unique(np.concatenate([edges, np.array(displacement.kinks) / cell]))
    edges = edges[edges <= until]
    node, weight = _legendre(_ORDER)
    low, high = edges[:-1, None], edges[1:, None]
    radius = 0.5 * (low + high) + 0.5 * (high - low) * node
    mass = weight * radius * displacement.value(radius * cell)
    whole = np.diff(displacement.integral(edges * cell))
    # Scaled to the exact share of each ring, which a steep density in the first would miss.
    mass *= (whole / np.maximum(mass.sum(axis=1), np.finfo(float).tiny))[:, None]
    return radius.ravel(), mass.ravel()


@lru_cache(maxsize=256)
def _legendre(order: int) -> tuple[FloatArray, FloatArray]:
    return np.polynomial.legendre.leggauss(order)


def _share_linearly(out, y, x, mass, most) -> None:
    """Add points in lattice units to the four nodes about each, as `out` is changed in place."""
    row, column = np.floor(y), np.floor(x)
    keep = (row <= most) & (column <= most)
    mass = np.broadcast_to(mass, x.shape)[keep]
    row, column, y, x = row[keep], column[keep], y[keep], x[keep]
    flat = (row * (most + 2) + column).astype(np.int64)
    for down, step in ((1 - (y - row), 0), (y - row, most + 2)):
        for right, aside in ((1 - (x - column), 0), (x - column, 1)):
            out += np.bincount(flat + step + aside, mass * down * right, out.size)[: out.size]


def _read_density(displacement, cell, row, column) -> FloatArray:
    """Share of cells far off, where the density hardly bends over a cell."""
    found = np.zeros(row.size)
    for v, wv in zip(_HAT_NODES, _HAT_WEIGHTS, strict=True):
        for u, wu in zip(_HAT_NODES, _HAT_WEIGHTS, strict=True):
            found += wv * wu * displacement.value(cell * np.hypot(row + v, column + u))
    return found * cell**2


def _mirrored(quarter: FloatArray) -> FloatArray:
    half = np.concatenate([quarter[:0:-1], quarter])
    return np.concatenate([half[:, :0:-1], half], axis=1)


class Scatter:
    """From recorded events at their places to where what they trigger falls.

    Parameters
    ----------
    grid : Grid
    displacement : Displacement
    points : (n, 2) float64
        Metres.
    place_cell : float
        Side of the squares, made of whole cells, in which the events lie; 0 for exact places.

    Notes
    -----
    Events known to squares are spread over the squares' cells. A Gaussian displacement
    from exact places is summed to 1e-3 of the map's peak. For any other an event's place
    is kept to a fraction of a cell (an eighth of the median distance, but no finer than a
    fifteenth) and shared linearly, within 6 cells or eight median distances; further off it counts
    as being anywhere in its cell.
    """

    def __init__(
        self, grid: Grid, displacement: Displacement, points: FloatArray, place_cell: float = 0.0
    ) -> None:
        self.grid, self.displacement, self.points = grid, displacement, points
        self.inside = grid.inside_area / grid.cell_size**2
        self.place_cell = place_cell
        self.exact = place_cell == 0
        self.blur = None if self.exact else Blur(grid, displacement)
        self.near = None
        if self.exact and not isinstance(displacement, GaussianDisplacement):
            self.near = _Near(grid, displacement, points)

    def __call__(self, weight: FloatArray) -> FloatArray:
        """Events of these mean numbers of offspring (n,) to offspring by cell; (ny, nx)."""
        grid = self.grid
        if not self.exact:
            return self.blur(_over_squares(grid, self.points, weight, self.place_cell))
        if self.near is not None:
            return self.near(weight) * self.inside
        mass = mass_in_cells(
            self.points, (grid.x, grid.y), bandwidth=self.displacement.sd, weights=weight
        )
        return np.maximum(mass, 0.0) * self.inside


def _over_squares(grid: Grid, points: FloatArray, weight: FloatArray, side: float) -> FloatArray:
    """Weights spread evenly over the cells of the squares about the points."""
    n = round(side / grid.cell_size)
    corner = (points - grid.bounds[:2]) / grid.cell_size - n / 2
    column, row = np.floor(corner + 0.5).astype(np.int64).T
    ny, nx = grid.shape
    pad = np.zeros((ny + n, nx + n))  # squares may hang over the last row and column
    np.add.at(pad, (row, column), weight / n**2)
    spread = np.cumsum(np.cumsum(pad, axis=0), axis=1)
    spread[n:] -= spread[:-n].copy()
    spread[:, n:] -= spread[:, :-n].copy()
    return np.maximum(spread[:ny, :nx], 0.0)


class _Near:
    """Any displacement from exact places: cells split, one convolution for each part of a cell."""

    def __init__(self, grid: Grid, displacement: Displacement, points: FloatArray) -> None:
        self.grid = grid
        half = displacement.reach(0.5) / grid.cell_size
        self.splits = n = _splits(grid, half)
        whole = cell_stencil(displacement, grid)
        reach = max(_LEAST_REACH, math.ceil(8 * half))
        if displacement.kinks:
            reach = _reach_in_cells(displacement, grid.cell_size)
        reach = min(reach, max(whole.shape) // 2)
        exact = _from_parts_of_a_cell(displacement, grid.cell_size, n, reach)
        middle = [s // 2 for s in whole.shape]
        seen = [slice(max(m - reach, 0), m + reach + 1) for m in middle]
        whole[*seen] = 0.0
        fits = [slice(max(reach - m, 0), reach + m + 1) for m in middle]
        self.near = [_Convolution(grid.shape, one[*fits]) for one in exact]
        self.far = _Convolution(grid.shape, whole) if whole.any() else None
        self.nodes, self.shares = _nodes_about(grid, points, n)

    def __call__(self, weight: FloatArray) -> FloatArray:
        (ny, nx), n = self.grid.shape, self.splits
        size = ny * nx * n * n
        fine = sum(
            np.bincount(node, share * weight, size)
            for node, share in zip(self.nodes, self.shares, strict=True)
        )
        by_part = fine.reshape(ny, n, nx, n).transpose(1, 3, 0, 2).reshape(n * n, ny, nx)
        total = sum(
            one.of(part) * one.transform for one, part in zip(self.near, by_part, strict=True)
        )
        found = self.near[0].inverse(total)
        return found if self.far is None else found + self.far(by_part.sum(axis=0))


def _splits(grid: Grid, half: float) -> int:
    """Parts of a cell along each side: odd, an eighth of the median distance (in cells) or less."""
    wanted = min(math.ceil(8 / half), _MOST_SPLITS, math.isqrt(_MOST_NODES // grid.inside.size))
    return max(wanted + (wanted + 1) % 2, 3)


def _from_parts_of_a_cell(
    displacement: Displacement, cell: float, splits: int, reach: int
) -> FloatArray:
    """Shares of the cells about, (splits², 2 reach + 1, 2 reach + 1), from the middle of each part.

    They are integrals over the polygon of the cell, exact to 1e-9.
    """
    most = reach * splits + splits // 2
    row, column = np.triu_indices(most + 1)
    square = shapely.box(-cell / 2, -cell / 2, cell / 2, cell / 2)
    apart = np.column_stack([column, row]) * (cell / splits)
    table = np.empty((most + 1, most + 1))
    table[row, column] = table[column, row] = displacement.mass_inside(apart, square)
    part = np.arange(splits) - splits // 2
    steps = np.abs(np.arange(-reach, reach + 1) * splits - part[:, None])
    found = table[steps[:, None, :, None], steps[None, :, None, :]]
    return found.reshape(splits * splits, 2 * reach + 1, 2 * reach + 1)


def _nodes_about(grid: Grid, points: FloatArray, splits: int):
    """The four parts of cells about each point, flat (4, n), and the point's shares in them."""
    ny, nx = (n * splits for n in grid.shape)
    x, y = ((points - grid.bounds[:2]) / grid.cell_size * splits - 0.5).T
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, up = x - column, y - row
    columns = np.clip([column, column + 1], 0, nx - 1)
    rows = np.clip([row, row + 1], 0, ny - 1)
    nodes = [r * nx + c for r in rows for c in columns]
    shares = [a * b for a in (1 - up, up) for b in (1 - right, right)]
    return nodes, shares
