r"""Sums over pairs of events within reach of one another, for any lag and displacement density.

For an event i, sums over the earlier events j within reach are

.. math:: S_i = \sum_j \theta_j \, g(t_i - t_j) \, h(\lVert s_i - s_j \rVert)

with g and h *shapes*, whose constant factors are the caller's business. Every smooth shape is
written as the exponential of something, so that a pair costs one exponential whatever the two are:

=========================  =====================================  ====================
number, name               shape                                  parameters
=========================  =====================================  ====================
lag 0, exponential         :math:`e^{-\omega u}`                  :math:`\omega`
lag 1, power law           :math:`(1 + u / c)^{-p}`               :math:`c, p`
displacement 0, Gaussian   :math:`e^{-r^2 / 2 \sigma^2}`          :math:`\sigma`
displacement 1, power law  :math:`(1 + r / c)^{-p}`               :math:`c, p`
displacement 2, Student    :math:`(1 + r^2 / c^2)^{-p}`           :math:`c, p`
displacement 4, radial     :math:`e^{-r / c}`                     :math:`c`
either 3, steps            :math:`f_k` for e_k <= u < e_{k+1}     :math:`f_0, f_1, ...`
either 5, constant         1                                      none
=========================  =====================================  ====================

Pairs are collected until there are enough for long, branchless loops. Nothing here checks its
input; the caller is :mod:`hotspot.models.triggering.pairs`. The plain twin is
``tests/reference/self_exciting.py``.
"""

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH
from hotspot._numba.fast_exp import fast_exp, fast_log

EXPONENTIAL = 0
GAUSSIAN = 0
POWER_LAW = 1
STUDENT = 2
STEPS = 3
RADIAL = 4
CONSTANT = 5

_LANES = np.uint64(8)  # pairs are taken eight at a time
_ENOUGH = 2048
_ROW = np.uint64(2 * _ENOUGH + 8)  # places for pairs; the order of the rows is that of _collect
# Rows of the buffer of pairs.
_LAG, _DISTANCE, _WEIGHT, _EXPONENT, _LAG_STEP, _DISPLACEMENT_STEP, _VALUE, _FACTOR = range(8)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def _add_exponents(pairs, m, lag, displacement):
    """Logarithm of each pair's smooth shapes, of the lag and of the squared distance."""
    kind, p = lag[0], lag[1]
    if kind == EXPONENTIAL:
        for k in range(m):
            pairs[_EXPONENT, k] = -p[0] * pairs[_LAG, k]
    elif kind == POWER_LAW:
        inverse = 1.0 / p[0]
        for k in range(m):
            pairs[_EXPONENT, k] = -p[1] * fast_log(1.0 + pairs[_LAG, k] * inverse)
    else:
        for k in range(m):
            pairs[_EXPONENT, k] = 0.0
    kind, p = displacement[0], displacement[1]
    if kind == GAUSSIAN:
        precision = 0.5 / (p[0] * p[0])
        for k in range(m):
            pairs[_EXPONENT, k] -= precision * pairs[_DISTANCE, k]
    elif kind == RADIAL:
        inverse = 1.0 / p[0]
        for k in range(m):
            pairs[_EXPONENT, k] -= np.sqrt(pairs[_DISTANCE, k]) * inverse
    elif kind == POWER_LAW:
        inverse = 1.0 / p[0]
        for k in range(m):
            r = np.sqrt(pairs[_DISTANCE, k]) * inverse
            pairs[_EXPONENT, k] -= p[1] * fast_log(1.0 + r)
    elif kind == STUDENT:
        inverse = 1.0 / (p[0] * p[0])
        for k in range(m):
            pairs[_EXPONENT, k] -= p[1] * fast_log(1.0 + pairs[_DISTANCE, k] * inverse)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _find_steps(m, value, step, edges):
    """Number of the step that each value lies in; -1 for none. Edges ascend, the last excluded."""
    for k in range(m):
        step[k] = np.searchsorted(edges, value[k], side="right") - 1.0
        if step[k] >= edges.shape[0] - 1.0:
            step[k] = -1.0


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _height(step, heights):
    return heights[int(step)] if step >= 0.0 else 0.0


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _evaluate(pairs, m, lag, displacement):
    """Value of each pair, its productivity times the smooth shapes; and the steps it lies in."""
    _add_exponents(pairs, m, lag, displacement)
    for k in range(m):
        pairs[_VALUE, k] = pairs[_WEIGHT, k] * fast_exp(pairs[_EXPONENT, k])
    # Without its step a pair's value is what the derivative with respect to the height needs.
    if lag[0] == STEPS:
        _find_steps(m, pairs[_LAG], pairs[_LAG_STEP], lag[2])
    if displacement[0] == STEPS:
        for k in range(m):
            pairs[_FACTOR, k] = np.sqrt(pairs[_DISTANCE, k])
        _find_steps(m, pairs[_FACTOR], pairs[_DISPLACEMENT_STEP], displacement[2])


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def _log_derivative(m, argument, out, kind, parameters, which):
    """Derivative of a smooth shape's logarithm with respect to one of its parameters.

    `kind` counts lags from 0 and displacements, of the squared distance, from 10.
    """
    scale = parameters[0]
    inverse = 1.0 / scale
    if kind == EXPONENTIAL:
        for k in range(m):
            out[k] = -argument[k]
    elif kind == 10 + GAUSSIAN:
        cube = inverse * inverse * inverse
        for k in range(m):
            out[k] = argument[k] * cube
    elif kind == 10 + RADIAL:
        for k in range(m):
            out[k] = np.sqrt(argument[k]) * inverse * inverse
    else:
        slope = 2.0 if kind == 10 + STUDENT else 1.0
        for k in range(m):
            out[k] = argument[k] * inverse
        if kind == 10 + POWER_LAW:
            for k in range(m):
                out[k] = np.sqrt(argument[k]) * inverse
        if kind == 10 + STUDENT:
            for k in range(m):
                out[k] *= inverse
        if which == 0:
            slope *= parameters[1] * inverse
            for k in range(m):
                out[k] = slope * out[k] / (1.0 + out[k])
        else:
            for k in range(m):
                out[k] = -fast_log(1.0 + out[k])


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _multiply_steps(pairs, m, lag, displacement):
    """Value times the heights of the pair's steps."""
    if lag[0] == STEPS:
        for k in range(m):
            pairs[_VALUE, k] *= _height(pairs[_LAG_STEP, k], lag[1])
    if displacement[0] == STEPS:
        for k in range(m):
            pairs[_VALUE, k] *= _height(pairs[_DISPLACEMENT_STEP, k], displacement[1])


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _add_height_derivatives(pairs, ends, other, rows, out):
    """Sums over the pairs of each step, without the step's height: one row of `out` a step.

    `rows` names the row of this shape's steps and of the other's, if that has any, or -1.
    """
    begin = 0
    for s in range(ends.shape[0]):
        for k in range(begin, ends[s]):
            step = pairs[rows[0], k]
            if step >= 0.0:
                value = pairs[_VALUE, k]
                if other[0] == STEPS:
                    value *= _height(pairs[rows[1], k], other[1])
                out[int(step), s] += value
        begin = ends[s]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _add_products(value, factor, ends, out):
    """Sum of value times factor over each event's pairs."""
    begin = np.uint64(0)
    for s in range(ends.shape[0]):
        end = np.uint64(ends[s])
        total = 0.0
        for k in range(begin, end):
            total += value[k] * factor[k]
        out[s] += total
        begin = end


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _add_values(value, ends, out):
    """Sum of the values over each event's pairs."""
    begin = np.uint64(0)
    for s in range(ends.shape[0]):
        end = np.uint64(ends[s])
        total = 0.0
        for k in range(begin, end):
            total += value[k]
        out[s] += total
        begin = end


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _settle(pairs, ends, lag, displacement, out):
    """Turn collected pairs into sums: values, and where `out` has rows for them, derivatives."""
    m = ends[ends.shape[0] - 1]
    _evaluate(pairs, m, lag, displacement)
    n_lag = lag[1].shape[0]
    derivatives = out.shape[0] > 1
    if derivatives and lag[0] == STEPS:
        rows = (_LAG_STEP, _DISPLACEMENT_STEP)
        _add_height_derivatives(pairs, ends, displacement, rows, out[1:])
    if derivatives and displacement[0] == STEPS:
        rows = (_DISPLACEMENT_STEP, _LAG_STEP)
        _add_height_derivatives(pairs, ends, lag, rows, out[1 + n_lag :])
    _multiply_steps(pairs, m, lag, displacement)
    _add_values(pairs[_VALUE], ends, out[0])
    factor = pairs[_FACTOR]
    if derivatives and lag[0] != STEPS:
        for which in range(n_lag):
            _log_derivative(m, pairs[_LAG], factor, lag[0], lag[1], which)
            _add_products(pairs[_VALUE], factor, ends, out[1 + which])
    if derivatives and displacement[0] != STEPS:
        for which in range(displacement[1].shape[0]):
            kind = 10 + displacement[0]
            _log_derivative(m, pairs[_DISTANCE], factor, kind, displacement[1], which)
            _add_products(pairs[_VALUE], factor, ends, out[1 + n_lag + which])


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _collect(events, row, i, run, far, pairs, m):
    """Append the pairs of event i with a run of others at place m; all flat, `far` squared.

    The loop goes on to whole lanes, reading and writing what the next run overwrites. Unsigned
    numbers cannot count from the end of an array; with signed ones the loop would have to ask.
    """
    t = events[i]
    x = events[row + i]
    y = events[row + row + i]
    start = np.uint64(run[0])
    n = np.uint64(run[1] - run[0])
    for k in range((n + _LANES - np.uint64(1)) // _LANES * _LANES):
        j = start + k
        dx = x - events[row + j]
        dy = y - events[row + row + j]
        squared = dx * dx + dy * dy
        at = m + k
        pairs[at] = t - events[j]
        pairs[at + _ROW] = squared
        pairs[at + _ROW + _ROW] = 0.0 if squared > far else events[row + row + row + j]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _first_not_before(times, begin, end, when):
    """First place in [begin, end) whose time is at least `when`; ascending times."""
    while begin < end:
        middle = (begin + end) // 2
        if times[middle] < when:
            begin = middle + 1
        else:
            end = middle
    return begin


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def sum_pairs(events, starts, neighbours, share, lag, displacement, reach, out):
    r"""Sums over pairs, and their derivatives, for a share of the events.

    Parameters
    ----------
    events : (4, n + 8) float64
        Times, x, y, productivities; cell by cell, ascending in time within each; padded.
    starts : (cells + 1,) int64
        Where each cell begins.
    neighbours : (k,) int64
        Steps from a cell's number to those within reach. Cells at the border of the numbering
        hold nothing, so that every step from one that does leads to a cell.
    share : (begin, end) ints
        The events whose sums are wanted.
    lag, displacement : (kind, parameters, edges)
        Shapes by number; see the module.
    reach : (days, metres) floats
        Pairs further apart do not count; may be infinite.
    out : (1 or 1 + parameters, end - begin) float64
        Filled: S and, where it has the rows, its derivatives with respect to the parameters
        of the lag and then of the displacement.

    Notes
    -----
    Time is O(pairs within reach, and as many again that share a cell's neighbourhood).
    """
    times = events[0]
    begin, end = share
    out[:] = 0.0
    low = np.empty(neighbours.shape[0], np.int64)
    high = np.empty(neighbours.shape[0], np.int64)
    pairs = np.zeros((8, 2 * _ENOUGH + 8))
    flat = (events.reshape(-1), pairs.reshape(-1))
    row = np.uint64(events.shape[1])
    far = reach[1] * reach[1]
    ends = np.empty(end - begin, np.int64)
    cell = np.searchsorted(starts, begin, side="right") - 1
    settled, m, fresh = begin, 0, True
    for i in range(begin, end):
        while i >= starts[cell + 1]:
            cell += 1
            fresh = True
        if fresh:
            for b in range(neighbours.shape[0]):
                a = cell + neighbours[b]
                first, last = starts[a], starts[a + 1]
                low[b] = _first_not_before(times, first, last, times[i] - reach[0])
                high[b] = _first_not_before(times, first, last, times[i])
            fresh = False
        for b in range(neighbours.shape[0]):
            last = starts[cell + neighbours[b] + 1]
            while low[b] < last and times[low[b]] < times[i] - reach[0]:
                low[b] += 1
            while high[b] < last and times[high[b]] < times[i]:
                high[b] += 1
            for a in range(low[b], high[b], _ENOUGH):
                run = (a, min(a + _ENOUGH, high[b]))
                _collect(flat[0], row, np.uint64(i), run, far, flat[1], np.uint64(m))
                m += run[1] - run[0]
                ends[i - settled] = m
                if m >= _ENOUGH:
                    done = out[:, settled - begin : i + 1 - begin]
                    _settle(pairs, ends[: i + 1 - settled], lag, displacement, done)
                    # The event goes on with what is left of it, and adds to the same sum.
                    settled, m = i, 0
        ends[i - settled] = m
    if m > 0:
        done = out[:, settled - begin :]
        _settle(pairs, ends[: end - settled], lag, displacement, done)
