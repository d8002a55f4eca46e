"""Linear-time sums over earlier events: lays the lattice, deals tiles to threads, adds up."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hotspot._numba.spread_gather import (
    EPOCH,
    NODES,
    SPACING,
    TILE_COLUMNS,
    add_members,
    count_members,
    list_members,
    sweep_tile,
)
from hotspot._typing import FloatArray, IntArray
from hotspot.models.triggering.threads import mapped

_TILE_HEIGHTS = (64, 32, 16)  # an event may touch two tiles at most: no lower than NODES
_ENOUGH_TILES = 8
_MOST_TILES = 1 << 21
_CHUNK = 1 << 17
# Measured cost of one event, and of setting or scaling one node.
_SECONDS_PER_EVENT = 1.0e-7
_SECONDS_PER_NODE = 5.0e-10


class Lattice(NamedTuple):
    """Where the nodes lie, and the tiles they are worked off in; fixed by the events alone."""

    geometry: tuple[float, float, float, float, float]  # x0, y0, per metre, t0, decay
    tiling: tuple[int, int, int]  # tiles along x and y, lattice rows in each


def lay_lattice(events: FloatArray, decay: float, sigma: float) -> Lattice:
    """The lattice under events (4, n) for a decay per day and a standard deviation in metres."""
    spacing = SPACING * sigma
    west, south = events[1].min(), events[2].min()
    columns = int((events[1].max() - west) / spacing) + NODES
    rows = int((events[2].max() - south) / spacing) + NODES
    for height in _TILE_HEIGHTS:
        tiling = (-(-columns // TILE_COLUMNS), -(-rows // height), height)
        # Low tiles cost more for each event, but threads want several to share.
        if tiling[0] * tiling[1] >= _ENOUGH_TILES:
            break
    return Lattice((west, south, 1.0 / spacing, events[0, 0], decay), tiling)


def lattice_seconds(events: FloatArray, *, decay: float, sigma: float, moments: bool) -> float:
    """About how long :func:`lattice_sums` would take on one thread."""
    lattice = lay_lattice(events, decay, sigma)
    n = events.shape[1]
    tiles = min(lattice.tiling[0] * lattice.tiling[1], 4 * n)
    nodes = tiles * (lattice.tiling[2] + 2 * NODES) * (TILE_COLUMNS + 2 * NODES)
    moves = min(n / tiles, np.ptp(events[0]) * decay / EPOCH)
    fields = 2 if moments else 1
    return fields * (n * _SECONDS_PER_EVENT + nodes * (1.0 + moves) * _SECONDS_PER_NODE)


def lattice_sums(
    events: FloatArray, *, decay: float, sigma: float, moments: bool, workers: int
) -> FloatArray:
    r"""Sums over strictly earlier events of the shapes of an exponential lag and a Gaussian.

    .. math:: S_i = \sum_{j : t_j < t_i} \theta_j \, e^{-\omega (t_i - t_j)}
       e^{-\lVert s_i - s_j \rVert^2 / 2 \sigma^2}

    Parameters
    ----------
    events : (4, n) float64
        Times, ascending, days; x and y, metres; productivities.
    decay, sigma : float
        :math:`\omega`, per day; :math:`\sigma`, metres.
    moments : bool
        Whether to return the derivatives too.
    workers : int
        Threads. The result is the same, to the last bit, for any number.

    Returns
    -------
    (1 or 3, n) float64
        S, and its derivatives with respect to decay and sigma.
    """
    lattice = lay_lattice(events, decay, sigma)
    with mapped(workers) as over:
        members, starts, corners = _deal(events, lattice, over)
        part = np.empty((3 if moments else 1, members.size))

        def sweep(tiles: IntArray) -> None:
            for k in tiles:
                a, b = starts[k], starts[k + 1]
                tile = (int(corners[k, 0]), int(corners[k, 1]), lattice.tiling[2])
                sweep_tile(events, members[a:b], lattice.geometry, tile, part[:, a:b])

        list(over(sweep, _shares(np.diff(starts))))
    total = np.zeros((part.shape[0], events.shape[1]))
    add_members(members, part, total)
    total *= 2.0 * SPACING**2 / math.pi
    if moments:
        value, lagged, squared = total
        total[1] = -lagged / decay
        total[2] = (4.0 * SPACING**2 * squared - 2.0 * value) / sigma
    return total


def _deal(
    events: FloatArray, lattice: Lattice, over: Callable
) -> tuple[IntArray, IntArray, IntArray]:
    """Members of each tile that has any, where each tile's begin, and each tile's first node."""
    columns, rows, height = lattice.tiling
    if columns * rows > _MOST_TILES:
        tiles, members, starts = _deal_by_sorting(events, lattice)
    else:
        n = events.shape[1]
        cuts = range(0, n, _CHUNK)
        pieces = [(events[1, c : c + _CHUNK], events[2, c : c + _CHUNK]) for c in cuts]
        place = lattice.geometry[:3]

        def count(piece):
            return count_members(*piece, place, lattice.tiling)

        counts = np.array(list(over(count, pieces)))
        # Tile by tile, and within a tile piece by piece, so that time order is kept.
        ends = counts.T.cumsum().reshape(counts.T.shape).T
        slots = ends - counts
        members = np.empty(ends[-1, -1], np.int32)

        def fill(piece, first, slot):
            list_members(*piece, place, lattice.tiling, first, slot, members)

        begins = slots[0].copy()
        list(over(fill, pieces, cuts, slots))
        tiles = np.flatnonzero(counts.sum(axis=0))
        starts = np.append(begins[tiles], members.size)
    corners = np.column_stack([tiles % columns * TILE_COLUMNS, tiles // columns * height])
    return members, starts, corners


def _deal_by_sorting(events: FloatArray, lattice: Lattice) -> tuple[IntArray, IntArray, IntArray]:
    """As the counting sort, for a lattice with too many tiles to hold a count for each."""
    x0, y0, per_metre = lattice.geometry[:3]
    columns, _, height = lattice.tiling
    k = ((events[1] - x0) * per_metre).astype(np.int64)
    r = ((events[2] - y0) * per_metre).astype(np.int64)
    west, east = k // TILE_COLUMNS, (k + NODES - 1) // TILE_COLUMNS
    south, north = r // height, (r + NODES - 1) // height
    n = np.arange(k.size)
    touched = [
        (n[chosen], (b * columns + a)[chosen])
        for a, b, chosen in (
            (west, south, n >= 0),
            (east, south, east > west),
            (west, north, north > south),
            (east, north, (east > west) & (north > south)),
        )
    ]
    event = np.concatenate([one for one, _ in touched])
    tile = np.concatenate([one for _, one in touched])
    order = np.lexsort((event, tile))
    tiles, starts = np.unique(tile[order], return_index=True)
    return tiles, event[order].astype(np.int32), np.append(starts, order.size)


def _shares(sizes: IntArray) -> list[IntArray]:
    """Tiles in shares of work, the largest first and alone, so that threads end together."""
    order = np.argsort(-sizes, kind="stable")
    done = np.cumsum(sizes[order])
    share = (done - sizes[order]) * 64 // max(int(done[-1]), 1)
    return np.split(order, np.flatnonzero(np.diff(share)) + 1)
