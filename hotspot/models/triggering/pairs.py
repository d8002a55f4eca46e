"""Sums over earlier events within reach, for any densities: a cell list, dealt to threads."""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from hotspot._numba.trigger_pairs import sum_pairs
from hotspot._typing import FloatArray, IntArray
from hotspot.models.parts.coded import CodedPart

_PADDING = 8  # the compiled loop reads this far past the last event, and discards it
_SHARES = 64
_LONG_RUN = 48  # events in a cell and within reach in time that make narrower cells worth it
_FINEST = 3


class CellList(NamedTuple):
    """Events sorted into square cells, with a rim of empty cells as wide as the reach."""

    order: IntArray  # (n,) number of the event at each place
    starts: IntArray  # (cells + 1,) where each cell begins
    neighbours: IntArray  # (k,) steps from a cell to those within reach
    columns: int


def list_cells(events: FloatArray, lag_reach: float, displacement_reach: float) -> CellList:
    """Sort events (4, n) into cells whose neighbourhood holds all within reach.

    Cells are as wide as the reach, or a half or a third of it where events are so many that the
    runs stay long: less of the neighbourhood is then out of reach.
    """
    n = events.shape[1]
    west, south = events[1].min(), events[2].min()
    extent = max(np.ptp(events[1]), np.ptp(events[2]), 1e-9)
    reach = min(displacement_reach, 2.0 * extent)
    # More cells than events would only cost memory.
    narrowest = extent / max(math.isqrt(n), 1)
    share_of_time = min(1.0, lag_reach / max(np.ptp(events[0]), 1e-300))
    for span in range(_FINEST, 0, -1):
        width = max(reach / span, narrowest)
        if n * share_of_time * (width / extent) ** 2 >= _LONG_RUN:
            break
    columns = int((events[1].max() - west) / width) + 1 + 2 * span
    rows = int((events[2].max() - south) / width) + 1 + 2 * span
    column = ((events[1] - west) / width).astype(np.int64) + span
    row = ((events[2] - south) / width).astype(np.int64) + span
    cell = row * columns + column
    order = np.argsort(cell, kind="stable")  # time order is kept within a cell
    starts = np.zeros(rows * columns + 1, np.int64)
    np.cumsum(np.bincount(cell, minlength=rows * columns), out=starts[1:])
    step = np.arange(-span, span + 1)
    gap = np.maximum(np.abs(step) - 1, 0) * width
    near = gap[:, None] ** 2 + gap**2 <= (reach * (1 + 1e-9)) ** 2
    neighbours = (step[:, None] * columns + step)[near]
    return CellList(order, starts, neighbours, columns)


def candidate_pairs(events: FloatArray, lag_reach: float, displacement_reach: float) -> float:
    """About how many pairs the sums would look at: events evenly spread in time are supposed."""
    if not math.isfinite(displacement_reach):
        near = float(events.shape[1]) ** 2
    else:
        cells = list_cells(events, lag_reach, displacement_reach)
        counts = np.diff(cells.starts)
        held = np.flatnonzero(counts)
        near = float(sum(counts[held] @ counts[held + step] for step in cells.neighbours))
    share = min(lag_reach / max(np.ptp(events[0]), 1e-300), 1.0)
    return near * (share - share**2 / 2)


def pair_sums(
    events: FloatArray,
    parts: tuple[CodedPart, CodedPart],
    *,
    reach: tuple[float, float],
    derivatives: bool,
    workers: int,
) -> FloatArray:
    """Sums of the two parts' shapes over earlier events within reach.

    Parameters
    ----------
    events : (4, n) float64
        Times, ascending, days; x and y, metres; productivities.
    parts : (CodedPart, CodedPart)
        Lag and displacement.
    reach : (days, metres)
        May be infinite.
    derivatives : bool
        Whether to return the derivatives with respect to each parameter of the shapes.
    workers : int
        Threads. The result is the same, to the last bit, for any number.

    Returns
    -------
    (1 or 1 + parameters, n) float64
    """
    n = events.shape[1]
    lag, displacement = parts
    cells = list_cells(events, *reach)
    laid = np.zeros((4, n + _PADDING))
    laid[:, :n] = events[:, cells.order]
    shapes = (lag.shape, displacement.shape)
    rows = 1 + (lag.parameters.size + displacement.parameters.size if derivatives else 0)
    result = np.empty((rows, n))

    def fill(share: tuple[int, int]) -> None:
        out = np.empty((rows, share[1] - share[0]))
        sum_pairs(laid, cells.starts, cells.neighbours, share, *shapes, reach, out)
        result[:, cells.order[share[0] : share[1]]] = out

    cuts = np.linspace(0, n, min(_SHARES, -(-n // 256)) + 1).astype(int).tolist()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(fill, itertools.pairwise(cuts)))
    return result
