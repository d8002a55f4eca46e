"""Sums over earlier events within reach, for any densities: squares of events, dealt to threads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hotspot._numba.near_events import list_near
from hotspot._numba.trigger_pairs import sum_pairs
from hotspot._typing import FloatArray, IntArray
from hotspot.models.parts.coded import CodedPart
from hotspot.models.triggering.threads import mapped

_SHARES = 64
_LEAST_WORK = 1.0e5  # pairs looked at: less in a share is not worth handing it out
_CHUNK = 1 << 17
_SPANS = np.arange(1, 9)  # pieces along the side of a square
_FEW = 2000  # events of which there are too few pairs to look for the best pieces
_PER_SQUARE = 4  # events; more squares would only cost memory
# Measured cost of a pair looked at, and of one event seen in looking for a piece's neighbours.
_SECONDS_PER_PAIR = 5.0e-10
_SECONDS_PER_LOOK = 1.5e-9


class Squares(NamedTuple):
    """Events dealt into squares at least as wide as the reach, with a rim of empty ones."""

    home: IntArray  # (n,) square of each event
    columns: int
    corner: tuple[float, float]  # of the first square inside the rim
    width: float
    own: IntArray  # (rows, columns) events in each square
    near: IntArray  # (rows, columns) and in it and the eight about it; 0 where it is empty


def deal(events: FloatArray, displacement_reach: float) -> Squares:
    """Squares for events (4, n): whoever is within reach of an event is in one of nine."""
    n = events.shape[1]
    west, south = float(events[1].min()), float(events[2].min())
    extent = max(np.ptp(events[1]), np.ptp(events[2]), 1e-9)
    narrowest = extent / max(math.isqrt(n // _PER_SQUARE), 1)
    width = max(min(displacement_reach, 2.0 * extent) * (1 + 1e-9), narrowest)
    column = ((events[1] - west) * (1.0 / width)).astype(np.int32) + 1
    row = ((events[2] - south) * (1.0 / width)).astype(np.int32) + 1
    columns, rows = int(column.max()) + 2, int(row.max()) + 2
    home = row * np.int32(columns) + column
    own = np.bincount(home, minlength=rows * columns).reshape(rows, columns)
    near = np.where(own > 0, _over_nine(own), 0)
    return Squares(home, columns, (west, south), width, own, near)


def _over_nine(counts: IntArray) -> IntArray:
    """Each square's count with those of the eight about it; the last two axes are the plane."""
    padded = np.pad(counts, [(0, 0)] * (counts.ndim - 2) + [(1, 1), (1, 1)])
    rows = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    return rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]


def _looked_at(own, near, share_of_time, span) -> FloatArray:
    """About how many pairs a square's events look at if its sides are cut into `span` pieces."""
    # Within reach of a piece: itself, a strip along each side, and a round corner at each corner.
    area = 1.0 / span**2 + 4.0 / span + math.pi
    return own * near * (area / 9.0) * share_of_time


def _share_of_time(events: FloatArray, lag_reach: float) -> float:
    """Share of pairs of events evenly spread in time that are ordered and within reach."""
    share = min(lag_reach / max(np.ptp(events[0]), 1e-300), 1.0)
    return share - share**2 / 2


def candidate_pairs(events: FloatArray, lag_reach: float, displacement_reach: float) -> float:
    """About how many pairs the sums would look at: events evenly spread in time are supposed."""
    squares = deal(events, displacement_reach)
    held = squares.own > 0
    own, near = squares.own[held], squares.near[held]
    share = _share_of_time(events, lag_reach)
    return float(_looked_at(own, near, share, _spans(own, near, share)).sum())


def _spans(own: IntArray, near: IntArray, share_of_time: float) -> IntArray:
    """Pieces along each square's side, of the least estimated cost."""
    least = np.full(own.size, np.inf)
    best = np.ones(own.size, np.int64)
    if own.sum() < _FEW:
        return best
    for span in _SPANS:
        looked = _looked_at(own, near, share_of_time, span)
        cost = looked * _SECONDS_PER_PAIR + near * (span**2 * _SECONDS_PER_LOOK)
        best[cost < least] = span
        np.minimum(cost, least, out=least)
    # A few large squares must still make work enough for several threads.
    if own.size:
        best = np.maximum(best, min(math.isqrt(_SHARES // own.size), int(_SPANS[-1])))
    return best


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
    lag, displacement = parts
    shapes = (lag.shape, displacement.shape)
    rows = 1 + (lag.parameters.size + displacement.parameters.size if derivatives else 0)
    # Every event is in one piece, so that threads never write to one place.
    result = np.zeros((rows, events.shape[1]))
    squares = deal(events, reach[1])
    with mapped(workers) as over:
        numbers, starts, members = _lists(squares, over)
        own, near = squares.own.ravel()[numbers], squares.near.ravel()[numbers]
        share_of_time = _share_of_time(events, reach[0])
        spans = _spans(own, near, share_of_time)
        pieces = np.append(0, np.cumsum(spans**2))
        corners = np.column_stack(
            [
                squares.corner[0] + (numbers % squares.columns - 1) * squares.width,
                squares.corner[1] + (numbers // squares.columns - 1) * squares.width,
            ]
        )
        laid = (corners, starts, pieces, squares.width)
        # Side by side, an event's numbers come from memory at one go.
        rowwise = np.ascontiguousarray(events.T)

        def fill(share: tuple[int, int]) -> None:
            sum_pairs(rowwise, members, laid, share, *shapes, reach, result)

        work = _looked_at(own, near, share_of_time, spans) + 4.0 * near * spans**2
        list(over(fill, _shares(np.repeat(work / spans**2, spans**2))))
    return result


def _lists(squares: Squares, over: Callable) -> tuple[IntArray, IntArray, IntArray]:
    """Squares that hold events, where the list of each begins, and the lists."""
    home, columns = squares.home, squares.columns
    shape = squares.own.shape
    cuts = range(0, home.size, _CHUNK)
    pieces = [home[c : c + _CHUNK] for c in cuts]
    counts = np.array([np.bincount(one, minlength=squares.own.size) for one in pieces])
    near = _over_nine(counts.reshape(-1, *shape)).reshape(counts.shape)
    numbers = np.flatnonzero(squares.own)
    # Square by square, and within a square chunk by chunk, so that time order is kept.
    ends = near[:, numbers].T.cumsum().reshape(numbers.size, -1).T
    slots = np.full(near.shape, -1)
    slots[:, numbers] = ends - near[:, numbers]
    starts = np.append(slots[0, numbers], ends[-1, -1])
    members = np.empty(ends[-1, -1], np.int32)

    def fill(piece, first, slot):
        list_near(piece, columns, first, slot, members)

    list(over(fill, pieces, cuts, slots))
    return numbers, starts, members


def _shares(work: FloatArray) -> list[tuple[int, int]]:
    """Runs of pieces with about equal work, fixed by the events alone."""
    done = np.cumsum(work)
    shares = int(np.clip(done[-1] / _LEAST_WORK, 1, _SHARES))
    cuts = np.searchsorted(done, np.linspace(0, done[-1], shares + 1)[1:-1], side="left") + 1
    cuts = np.unique(np.concatenate([[0], cuts, [work.size]]))
    return list(itertools.pairwise(cuts.tolist()))
