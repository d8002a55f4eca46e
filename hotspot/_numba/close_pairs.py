"""Pairs of points that lie close: listed once each, counted by lag, summed with weights.

Points are dealt into squares at least as wide as the reach and sorted by square, so that all
partners of a point lie in its own square, the three above or the one to the east, or hold it as
theirs. Squares are numbered row by row and none at the border holds a point. Nothing here checks
its input; the caller is :mod:`hotspot.evaluate.residuals.pairs`. The plain twin is
``tests/reference/close_pairs.py``.
"""

import math

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def count_close(x, y, begins, columns, reach, blocks):
    """Number of pairs closer than the reach.

    Parameters
    ----------
    x, y : (n,) float64
        Sorted by square; metres.
    begins : (squares + 1,) int64
        Where each square's points begin.
    columns : int
        Squares in a row.
    reach : float
        Metres; a pair exactly so far apart does not count.
    blocks : bool
        Whether distances go along the axes (Manhattan) and not as the crow flies.

    Returns
    -------
    int
    """
    found = 0
    for square in range(begins.shape[0] - 2 - columns):
        for i in range(begins[square], begins[square + 1]):
            for row in range(2):
                first = i + 1 if row == 0 else begins[square + columns - 1]
                last = begins[square + 2] if row == 0 else begins[square + columns + 2]
                for j in range(first, last):
                    dx, dy = abs(x[i] - x[j]), abs(y[i] - y[j])
                    apart = dx + dy if blocks else math.sqrt(dx * dx + dy * dy)
                    found += apart < reach
    return found


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def list_close(x, y, begins, columns, edges, blocks, pairs, band):
    """Write down the pairs closer than the last edge, and the band of distance of each.

    Parameters
    ----------
    x, y, begins, columns, blocks
        As for :func:`count_close`, with the last edge as its reach.
    edges : (b + 1,) float64
        Ascending from 0; band k holds distances from edge k on, below edge k + 1.
    pairs : (2, m) int32
        Filled.
    band : (m,) int32
        Filled.
    """
    found = 0
    reach = edges[edges.shape[0] - 1]
    for square in range(begins.shape[0] - 2 - columns):
        for i in range(begins[square], begins[square + 1]):
            for row in range(2):
                first = i + 1 if row == 0 else begins[square + columns - 1]
                last = begins[square + 2] if row == 0 else begins[square + columns + 2]
                for j in range(first, last):
                    dx, dy = abs(x[i] - x[j]), abs(y[i] - y[j])
                    apart = dx + dy if blocks else math.sqrt(dx * dx + dy * dy)
                    if apart < reach:
                        k = 0
                        while apart >= edges[k + 1]:
                            k += 1
                        pairs[0, found] = i
                        pairs[1, found] = j
                        band[found] = k
                        found += 1


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def count_lags(t, pairs, band, edges, out):
    """Add each pair to the cell of its bands of distance and of time.

    Parameters
    ----------
    t : (n,) int64
        Times, in any whole unit.
    pairs, band
        As :func:`list_close` wrote them.
    edges : (l + 1,) int64
        Ascending from 0, in the unit of the times.
    out : (b, l) int64
        Added to; pairs further apart in time than the last edge, or just so far, are left out.
    """
    furthest = edges[edges.shape[0] - 1]
    for p in range(band.shape[0]):
        lag = abs(t[pairs[0, p]] - t[pairs[1, p]])
        if lag < furthest:
            k = 0
            while lag >= edges[k + 1]:
                k += 1
            out[band[p], k] += 1


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def weigh_pairs(points, begins, columns, distances, lags, overlap, step, out):
    r"""Sum the weights of close pairs by how far apart they are in place and in time.

    .. math:: \sum_{i < j} \frac{w_i w_j}{|W \cap (W + s_i - s_j)| \, (T - |t_i - t_j|)}

    Parameters
    ----------
    points : (4, n) float64
        x, y (metres), times (days) and weights; sorted by square.
    begins, columns
        As for :func:`count_close`.
    distances, lags : (b,), (l,) float64
        Ascending upper ends, which count as within; metres, days.
    overlap : (k + 1, 2 k + 1) float64
        Area that the region shares with itself moved by (column - k, row) steps; square metres.
        What is moved down shares as much as what is moved up and to the other side.
    step : (2,) float64
        Metres between the nodes of `overlap`, and T, the days observed.
    out : (b, l) float64
        Added to, at the first distance and the first lag that hold the pair.
    """
    reach, longest = distances[distances.shape[0] - 1], lags[lags.shape[0] - 1]
    middle = overlap.shape[0] - 1
    for square in range(begins.shape[0] - 2 - columns):
        for i in range(begins[square], begins[square + 1]):
            for row in range(2):
                first = i + 1 if row == 0 else begins[square + columns - 1]
                last = begins[square + 2] if row == 0 else begins[square + columns + 2]
                for j in range(first, last):
                    dx, dy = points[0, j] - points[0, i], points[1, j] - points[1, i]
                    apart = math.sqrt(dx * dx + dy * dy)
                    lag = abs(points[2, i] - points[2, j])
                    if apart > reach or lag > longest:
                        continue
                    if dy < 0:
                        dx, dy = -dx, -dy
                    across, up = dx / step[0] + middle, dy / step[0]
                    c = min(int(across), 2 * middle - 1)
                    r = min(int(up), middle - 1)
                    a, b = across - c, up - r
                    shared = (1 - b) * ((1 - a) * overlap[r, c] + a * overlap[r, c + 1])
                    shared += b * ((1 - a) * overlap[r + 1, c] + a * overlap[r + 1, c + 1])
                    k = np.searchsorted(distances, apart)
                    m = np.searchsorted(lags, lag)
                    weight = points[3, i] * points[3, j]
                    out[k, m] += weight / (shared * (step[1] - lag))
