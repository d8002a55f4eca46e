"""Points dealt into squares, and the pairs of them that lie close."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hotspot._numba.close_pairs import count_close, list_close
from hotspot._typing import FloatArray, IntArray

_SQUARES_PER_POINT = 4  # more squares than that are mostly empty, and cost more than they save


class Dealt(NamedTuple):
    """Points sorted by square."""

    order: IntArray
    """(n,) which point stands where."""
    begins: IntArray
    """(squares + 1,) where each square's points begin."""
    columns: int
    """Squares in a row."""


class ClosePairs(NamedTuple):
    """Pairs closer than a reach, each once."""

    pairs: np.ndarray
    """(2, m) int32, numbers of the two points."""
    band: np.ndarray
    """(m,) int32, which band of distance."""


def deal(points: FloatArray, reach: float) -> Dealt:
    """Sort points (n, 2) into squares at least `reach` wide, with empty ones all round."""
    low = points.min(axis=0)
    width, height = points.max(axis=0) - low
    fewest = np.sqrt(width * height / (_SQUARES_PER_POINT * len(points)))
    # Long thin patterns have few squares across, but no more than this along.
    side = max(reach, fewest, max(width, height) / (_SQUARES_PER_POINT * len(points)), 1e-9)
    column, row = np.floor((points - low) / side).astype(np.int64).T + 1
    columns = int(column.max()) + 2
    square = row * columns + column
    order = np.argsort(square, kind="stable")
    n_squares = (int(row.max()) + 2) * columns
    begins = np.zeros(n_squares + 1, np.int64)
    np.cumsum(np.bincount(square, minlength=n_squares), out=begins[1:])
    return Dealt(order, begins, columns)


def close_pairs(points: FloatArray, edges: FloatArray, *, blocks: bool = False) -> ClosePairs:
    """Pairs of points (n, 2) closer than the last of `edges`, and the band each falls in.

    Bands are half-open; distances go as the crow flies or, for `blocks`, along the axes. Memory is
    12 bytes a pair.
    """
    dealt = deal(points, float(edges[-1]))
    x, y = np.ascontiguousarray(points[dealt.order].T)
    where = (dealt.begins, dealt.columns)
    n = count_close(x, y, *where, float(edges[-1]), blocks)
    pairs, band = np.empty((2, n), np.int32), np.empty(n, np.int32)
    list_close(x, y, *where, np.asarray(edges, float), blocks, pairs, band)
    # Numbers as the caller knows the points; np.take keeps to four bytes.
    return ClosePairs(np.take(dealt.order.astype(np.int32), pairs), band)
