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

Events are dealt into squares. For each piece of a square, what lies near enough to any of the
piece's events is copied out in order of time: what an event then has to do with is one run of
neighbours, between the first within reach and the event itself. An exponential with a Gaussian is
summed over the run as it stands; for all other shapes pairs are collected until there are enough
for long, branchless loops. Nothing here checks its input; the caller is
:mod:`hotspot.models.triggering.pairs`. The plain twin is ``tests/reference/self_exciting.py``.
"""

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH
from hotspot._numba.fast_exp import fast_exp, fast_log
from hotspot._numba.near_events import copy_marked, deal_own, gather_around, mark_near

EXPONENTIAL = 0
GAUSSIAN = 0
POWER_LAW = 1
STUDENT = 2
STEPS = 3
RADIAL = 4
CONSTANT = 5

_LANES = np.uint64(8)  # pairs are taken eight at a time
_PADDING = 32  # loops over whole lanes go on past the end of a run
_ENOUGH = 512  # pairs: eight rows of twice as many stay in the nearest cache
_ROW = np.uint64(2 * _ENOUGH + 8)  # places for pairs; the order of the rows is that of _collect
_SLACK = 1.0 + 1e-9  # for the rounding of distances
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
def _add_height_derivatives(pairs, pending, other, rows, out):
    """Sums over the pairs of each step, without the step's height: one row of `out` a step.

    `rows` names the row of this shape's steps and of the other's, if that has any, or -1.
    """
    ends, who = pending
    begin = 0
    for s in range(ends.shape[0]):
        for k in range(begin, ends[s]):
            step = pairs[rows[0], k]
            if step >= 0.0:
                value = pairs[_VALUE, k]
                if other[0] == STEPS:
                    value *= _height(pairs[rows[1], k], other[1])
                out[int(step), who[s]] += value
        begin = ends[s]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _add_products(value, factor, pending, out):
    """Sum of value times factor over each event's pairs."""
    ends, who = pending
    begin = np.uint64(0)
    for s in range(ends.shape[0]):
        end = np.uint64(ends[s])
        total = 0.0
        for k in range(begin, end):
            total += value[k] * factor[k]
        out[who[s]] += total
        begin = end


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _add_values(value, pending, out):
    """Sum of the values over each event's pairs."""
    ends, who = pending
    begin = np.uint64(0)
    for s in range(ends.shape[0]):
        end = np.uint64(ends[s])
        total = 0.0
        for k in range(begin, end):
            total += value[k]
        out[who[s]] += total
        begin = end


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _settle(pairs, pending, lag, displacement, out):
    """Turn collected pairs into sums: values, and where `out` has rows for them, derivatives."""
    m = pending[0][-1]
    _evaluate(pairs, m, lag, displacement)
    n_lag = lag[1].shape[0]
    derivatives = out.shape[0] > 1
    if derivatives and lag[0] == STEPS:
        rows = (_LAG_STEP, _DISPLACEMENT_STEP)
        _add_height_derivatives(pairs, pending, displacement, rows, out[1:])
    if derivatives and displacement[0] == STEPS:
        rows = (_DISPLACEMENT_STEP, _LAG_STEP)
        _add_height_derivatives(pairs, pending, lag, rows, out[1 + n_lag :])
    _multiply_steps(pairs, m, lag, displacement)
    _add_values(pairs[_VALUE], pending, out[0])
    factor = pairs[_FACTOR]
    if derivatives and lag[0] != STEPS:
        for which in range(n_lag):
            _log_derivative(m, pairs[_LAG], factor, lag[0], lag[1], which)
            _add_products(pairs[_VALUE], factor, pending, out[1 + which])
    if derivatives and displacement[0] != STEPS:
        for which in range(displacement[1].shape[0]):
            kind = 10 + displacement[0]
            _log_derivative(m, pairs[_DISTANCE], factor, kind, displacement[1], which)
            _add_products(pairs[_VALUE], factor, pending, out[1 + n_lag + which])


@njit(cache=True, nogil=True, fastmath=FASTMATH, inline="always")
def _collect(near, row, event, run, far, pairs, m):
    """Append the pairs of an event (t, x, y) with a run of others at place m; all flat.

    The loop goes on to whole lanes, reading and writing what the next run overwrites. Unsigned
    numbers cannot count from the end of an array; with signed ones the loop would have to ask.
    """
    t, x, y = event
    start = np.uint64(run[0])
    n = np.uint64(run[1] - run[0])
    for k in range((n + _LANES - np.uint64(1)) // _LANES * _LANES):
        j = start + k
        dx = x - near[row + j]
        dy = y - near[row + row + j]
        squared = dx * dx + dy * dy
        at = m + k
        pairs[at] = t - near[j]
        pairs[at + _ROW] = squared
        pairs[at + _ROW + _ROW] = 0.0 if squared > far else near[row + row + row + j]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _sum_runs(near, piece, rates, reach, out):
    """Sums of each event of a piece over its run: exponential and Gaussian, `rates` their own.

    The loop over a run stands here, in one with the loop over events, because a call that is
    given arrays takes as long as fifty pairs.
    """
    times, xs, ys, weights = near
    listed, own, same, place = piece
    far = reach[1] * reach[1]
    low = 0
    for k in range(own.shape[0]):
        at = place[own[k]]
        top = place[same[own[k]]]
        t, x, y = times[at], xs[at], ys[at]
        low = _first_within(times, low, top, t - reach[0])
        value = 0.0
        for j in range(np.uint64(low), np.uint64(top)):
            dx = xs[j] - x
            dy = ys[j] - y
            squared = dx * dx + dy * dy
            weight = 0.0 if squared > far else weights[j]
            value += weight * fast_exp(-rates[0] * (t - times[j]) - rates[1] * squared)
        out[0, -1 - listed[own[k]]] = value


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _sum_runs_moments(near, piece, rates, reach, out):
    """As :func:`_sum_runs`, and derivatives with respect to decay and standard deviation."""
    times, xs, ys, weights = near
    listed, own, same, place = piece
    far = reach[1] * reach[1]
    cube = (2.0 * rates[1]) ** 1.5
    low = 0
    for k in range(own.shape[0]):
        at = place[own[k]]
        top = place[same[own[k]]]
        t, x, y = times[at], xs[at], ys[at]
        low = _first_within(times, low, top, t - reach[0])
        value = 0.0
        lagged = 0.0
        spread = 0.0
        for j in range(np.uint64(low), np.uint64(top)):
            dx = xs[j] - x
            dy = ys[j] - y
            squared = dx * dx + dy * dy
            passed = t - times[j]
            weight = 0.0 if squared > far else weights[j]
            one = weight * fast_exp(-rates[0] * passed - rates[1] * squared)
            value += one
            lagged += one * passed
            spread += one * squared
        who = -1 - listed[own[k]]
        out[0, who] = value
        out[1, who] = -lagged
        out[2, who] = cube * spread


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _collect_runs(near, piece, pairs, lag, displacement, reach, out):
    """Each event of a piece with its run: any shapes."""
    listed, own, same, place = piece
    flat = (near.reshape(-1), pairs.reshape(-1))
    row = np.uint64(near.shape[1])
    far = reach[1] * reach[1]
    who = -1 - listed[own]
    ends = np.empty(who.shape[0], np.int64)
    low, settled, m = 0, 0, 0
    for k in range(who.shape[0]):
        at = place[own[k]]
        top = place[same[own[k]]]
        event = (near[0, at], near[1, at], near[2, at])
        low = _first_within(near[0], low, top, event[0] - reach[0])
        for a in range(low, top, _ENOUGH):
            run = (a, min(a + _ENOUGH, top))
            _collect(flat[0], row, event, run, far, flat[1], np.uint64(m))
            m += run[1] - run[0]
            ends[k] = m
            if m >= _ENOUGH:
                pending = (ends[settled : k + 1], who[settled : k + 1])
                _settle(pairs, pending, lag, displacement, out)
                # The event goes on with what is left of it, and adds to the same sum.
                settled, m = k, 0
        ends[k] = m
    if m > 0:
        _settle(pairs, (ends[settled:], who[settled:]), lag, displacement, out)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _first_within(times, low, top, when):
    """First place from `low` on whose time is at least `when`, or `top`; ascending times."""
    while low + 16 <= top and times[low + 15] < when:
        low += 16
    while low < top and times[low] < when:
        low += 1
    return low


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def sum_pairs(events, members, squares, share, lag, displacement, reach, out):
    r"""Sums over pairs, and their derivatives, for the events of a share of the pieces.

    Parameters
    ----------
    events : (n, 4) float64
        Times, ascending; x; y; productivities.
    members : (m,) int32
        The events of each square and of the eight about it, in order of time; see
        :func:`hotspot._numba.near_events.list_near`.
    squares : (corners, starts, pieces, width)
        For each square with a list its south-western corner, (k, 2) float64; where its list
        begins, (k + 1,) int64; and the number of its first piece, (k + 1,) int64. A square is
        cut into a square number of pieces. Its width is at least the reach.
    share : (begin, end) ints
        The pieces whose events' sums are wanted.
    lag, displacement : (kind, parameters, edges)
        Shapes by number; see the module.
    reach : (days, metres) floats
        Pairs further apart do not count; may be infinite.
    out : (1 or 1 + parameters, n) float64
        Zeros. Filled for the events of the share: S and, where it has the rows, its derivatives
        with respect to the parameters of the lag and then of the displacement.

    Notes
    -----
    Time is O(pairs within reach, and as many again that are not but share a neighbourhood).
    """
    corners, starts, pieces, width = squares
    first = np.searchsorted(pieces, share[0], side="right") - 1
    after = np.searchsorted(pieces, share[1], side="left")
    longest = np.max(starts[first + 1 : after + 1] - starts[first:after])
    most = np.max(pieces[first + 1 : after + 1] - pieces[first:after])
    around = np.empty((4, longest))
    near = np.zeros((4, longest + _PADDING))
    numbers = np.empty((5, longest), np.int64)
    piece, same, own, place, within = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    begins, boxes = np.empty(most + 1, np.int64), np.empty((most, 4))
    pairs = np.zeros((8, 2 * _ENOUGH + 8))
    far = reach[1] * reach[1] * _SLACK
    direct = lag[0] == EXPONENTIAL and displacement[0] == GAUSSIAN
    rows = (near[0], near[1], near[2], near[3])
    for s in range(first, after):
        listed = members[starts[s] : starts[s + 1]]
        n = np.uint64(listed.shape[0])
        count = pieces[s + 1] - pieces[s]
        span = int(np.sqrt(count + 0.5))
        gather_around(events, listed, corners[s], span / width, span, around, piece, same)
        deal_own(listed, around, piece, begins[: count + 1], boxes[:count], own)
        for p in range(max(share[0], pieces[s]), min(share[1], pieces[s + 1])):
            a = begins[p - pieces[s]]
            b = begins[p - pieces[s] + 1]
            if b == a:
                continue
            mark_near(around[1], around[2], boxes[p - pieces[s]], far, n, within)
            copy_marked(around, within, n, near, place)
            found = (listed, own[a:b], same, place)
            if direct:
                rates = (lag[1][0], 0.5 / (displacement[1][0] * displacement[1][0]))
                if out.shape[0] == 1:
                    _sum_runs(rows, found, rates, reach, out)
                else:
                    _sum_runs_moments(rows, found, rates, reach, out)
            else:
                _collect_runs(near, found, pairs, lag, displacement, reach, out)
