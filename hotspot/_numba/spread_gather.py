r"""Sums over all earlier events in linear time: exponential lags, Gaussian displacements.

A Gaussian of variance :math:`\sigma^2` is the convolution of two of variance :math:`\sigma^2 / 2`,
and on a lattice of spacing :math:`h = \rho \sigma` the trapezoidal rule makes that convolution
exact but for :math:`2 e^{-\pi^2 / 2 \rho^2}` of a pair. So an event need not meet the events
before it: it *gathers* from the ``NODES`` x ``NODES`` lattice nodes round it what they have left
there, then *spreads* itself onto the same nodes. Time enters as
:math:`e^{-\omega (t_i - t_j)} = e^{-s_i} e^{s_j}` with s counted from a reference time, which moves
on, the nodes being scaled down, before anything overflows.

The lattice is worked off tile by tile, so that it is never in memory as a whole and threads
share nothing: an event belongs to the one to four tiles that its nodes touch, weighs nothing
outside the tile, and its sum is the sum over its tiles. Nothing here checks its input; the
caller is :mod:`hotspot.models.triggering.grid`. The plain twin is
``tests/reference/self_exciting.py``.
"""

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH
from hotspot._numba.fast_exp import fast_exp

NODES = 16  # lattice nodes along each axis that an event reaches
SPACING = 0.55  # lattice spacing, in standard deviations of the displacement
TILE_COLUMNS = 128  # owned by a tile; the margins catch the parts of an event outside the tile
EPOCH = 500.0  # mean lags between two moves of the reference time; e**500 is far from overflow
_BEFORE = 7.0  # nodes at or to the left of an event, less one
_MARGIN = NODES - 1
_STRIDE = np.uint64(TILE_COLUMNS + 2 * _MARGIN)
_HALF = np.uint64(NODES // 2)
_NODES = np.uint64(NODES)
_TWICE = np.uint64(2) * _STRIDE  # a row of the field, then a row of the field of times
# Places in the array of weights of one half patch of eight rows; the second half patch follows.
_ROWS = np.uint64(16)
_COLUMNS_SQUARED = np.uint64(24)
_ROWS_SQUARED = np.uint64(40)
_SECOND = np.uint64(48)
_SPARE = np.uint64(96)
_BLOCK = 256
_NEGLIGIBLE = 1e-200
_SHAPE = SPACING * SPACING  # of the half-kernel: exp(-_SHAPE d**2), d in nodes
_PROFILE = np.exp(-_SHAPE * (np.arange(NODES) - _BEFORE) ** 2)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def count_members(x, y, lattice, tiling):
    """How many events each tile has to do with.

    Parameters
    ----------
    x, y : (n,) float64
    lattice : (x0, y0, per_metre) floats
        Where node 0 lies, and one over the spacing.
    tiling : (columns, rows, height) ints
        Tiles along x and y, and the lattice rows that a tile owns.

    Returns
    -------
    (rows * columns,) int64
    """
    counts = np.zeros(tiling[0] * tiling[1], np.int64)
    for i in range(x.shape[0]):
        k = int((x[i] - lattice[0]) * lattice[2])
        r = int((y[i] - lattice[1]) * lattice[2])
        for b in range(r // tiling[2], (r + _MARGIN) // tiling[2] + 1):
            for a in range(k // TILE_COLUMNS, (k + _MARGIN) // TILE_COLUMNS + 1):
                counts[b * tiling[0] + a] += 1
    return counts


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def list_members(x, y, lattice, tiling, first, slots, members):
    """Write each event's number into the lists of its tiles, in order of time.

    Parameters
    ----------
    x, y, lattice, tiling
        As in :func:`count_members`.
    first : int
        Number of the first of these events.
    slots : (rows * columns,) int64
        Where each tile's next member goes; moved on.
    members : (m,) int32
        Filled.
    """
    for i in range(x.shape[0]):
        k = int((x[i] - lattice[0]) * lattice[2])
        r = int((y[i] - lattice[1]) * lattice[2])
        for b in range(r // tiling[2], (r + _MARGIN) // tiling[2] + 1):
            for a in range(k // TILE_COLUMNS, (k + _MARGIN) // TILE_COLUMNS + 1):
                tile = b * tiling[0] + a
                members[slots[tile]] = first + i
                slots[tile] += 1


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def add_members(members, part, out):
    """Add each member's partial sums to its event's, in the order of the list: (k, m) to (k, n)."""
    for k in range(out.shape[0]):
        for m in range(members.shape[0]):
            out[k, members[m]] += part[k, m]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _prepare(events, members, lattice, scratch, node):
    """What each event of a block needs: powers' bases, time factors, epoch; first node."""
    for j in range(members.shape[0]):
        i = members[j]
        u = (events[1, i] - lattice[0]) * lattice[2]
        v = (events[2, i] - lattice[1]) * lattice[2]
        k = int(u)
        r = int(v)
        node[0, j] = k
        node[1, j] = r
        scratch[0, j] = u - k
        scratch[1, j] = v - r
        scratch[2, j] = (events[0, i] - lattice[3]) * lattice[4]
        scratch[7, j] = events[3, i]
    for j in range(members.shape[0]):
        a = scratch[0, j]
        b = scratch[1, j]
        epoch = np.floor(scratch[2, j] * (1.0 / EPOCH))
        s = scratch[2, j] - epoch * EPOCH
        scratch[2, j] = s
        scratch[3, j] = epoch
        scratch[4, j] = fast_exp(2.0 * _SHAPE * a)
        scratch[5, j] = fast_exp(2.0 * _SHAPE * b)
        scratch[6, j] = fast_exp(-_SHAPE * (a * a + b * b))
        scratch[7, j] *= fast_exp(s)
        scratch[8, j] = fast_exp(-s)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def _weights(weight, at, base, scale, profile):
    """Half-kernel at an event's nodes: ``scale * profile[l] * base ** (l - _BEFORE)``."""
    two = base * base
    four = two * two
    inverse = 1.0 / base
    inverse2 = inverse * inverse
    inverse4 = inverse2 * inverse2
    lowest = scale * inverse4 * inverse2
    weight[at] = lowest * inverse
    weight[at + np.uint64(1)] = lowest
    weight[at + np.uint64(2)] = lowest * base
    weight[at + np.uint64(3)] = lowest * two
    for k in range(np.uint64(4)):
        weight[at + np.uint64(4) + k] = weight[at + k] * four
    for k in range(_HALF):
        weight[at + _HALF + k] = weight[at + k] * (four * four)
    for k in range(_NODES):
        weight[at + k] *= profile[k]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _mask(weight, at, first, owned):
    """Zero the weights of nodes outside the tile; `first` counts from the tile's first node."""
    if first < 0 or first + NODES > owned:
        for k in range(NODES):
            if first + k < 0 or first + k >= owned:
                weight[at + np.uint64(k)] = 0.0


# Laid into its caller: as calls, with arrays to pass, these make a sum take a quarter longer.
@njit(cache=True, nogil=True, fastmath=FASTMATH, inline="always")
def _half_patch(field, base, weight, first, amount):
    """Gather from eight rows of nodes, then spread onto them.

    The loop over rows is the inner one so that it is the one unrolled, which leaves the loop
    over columns to be put in vector registers; the other way round neither is. For the same
    reason all places are `base` or `first` and a number known when this is compiled.
    """
    total = 0.0
    for c in range(_NODES):
        column = 0.0
        w = weight[first + c]
        added = amount * w
        for r in range(_HALF):
            v = field[base + r * _STRIDE + c]
            down = weight[first + _ROWS + r]
            column += down * v
            field[base + r * _STRIDE + c] = v + down * added
        total += w * column
    return total


@njit(cache=True, nogil=True, fastmath=FASTMATH, inline="always")
def _half_patch_moments(field, base, weight, first, amount, amount_timed):
    """As :func:`_half_patch`, and the field's second moment, and a field of times beside it."""
    total = 0.0
    squared = 0.0
    timed = 0.0
    for c in range(_NODES):
        column = 0.0
        column_squared = 0.0
        column_timed = 0.0
        w = weight[first + c]
        added = amount * w
        added_timed = amount_timed * w
        for r in range(_HALF):
            v = field[base + r * _TWICE + c]
            v_timed = field[base + r * _TWICE + _STRIDE + c]
            down = weight[first + _ROWS + r]
            column += down * v
            column_squared += weight[first + _ROWS_SQUARED + r] * v
            column_timed += down * v_timed
            field[base + r * _TWICE + c] = v + down * added
            field[base + r * _TWICE + _STRIDE + c] = v_timed + down * added_timed
        total += w * column
        squared += w * column_squared + weight[first + _COLUMNS_SQUARED + c] * column
        timed += w * column_timed
    return total, squared, timed


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _move_reference(field, moments, epochs):
    """Count time from `epochs` epochs later: scale the nodes down, and shift their times."""
    shift = EPOCH * epochs
    factor = fast_exp(-shift) if epochs < 1.5 else 0.0
    width = TILE_COLUMNS + 2 * _MARGIN
    stride = 2 * width if moments else width
    for row in range(0, field.shape[0], stride):
        for k in range(row, row + width):
            v = field[k] * factor
            # What is this small is nothing beside any event to come, and denormals are slow.
            keep = 1.0 if abs(v) > _NEGLIGIBLE else 0.0
            if moments:
                field[k + width] = keep * (field[k + width] - shift * field[k]) * factor
            field[k] = keep * v


@njit(cache=True, nogil=True, fastmath=FASTMATH, inline="always")
def _lay_weights(weight, profile, prepared, corner, height, moments):
    """Weights of both half patches, nothing outside the tile, with and without squared distance."""
    a, b, base_a, base_b, scale = prepared
    first, row = corner
    _weights(weight, np.uint64(0), base_a, 1.0, profile)
    _weights(weight, _SPARE, base_b, scale, profile)
    _mask(weight, np.uint64(0), first, TILE_COLUMNS)
    _mask(weight, _SPARE, row, height)
    for k in range(_NODES):
        weight[_SECOND + k] = weight[k]
    for k in range(_HALF):
        weight[_ROWS + k] = weight[_SPARE + k]
        weight[_SECOND + _ROWS + k] = weight[_SPARE + _HALF + k]
    if not moments:
        return
    for k in range(_NODES):
        d = k - _BEFORE - a
        weight[_COLUMNS_SQUARED + k] = d * d * weight[k]
        weight[_SECOND + _COLUMNS_SQUARED + k] = d * d * weight[k]
    for k in range(_HALF):
        d = k - _BEFORE - b
        e = d + 0.5 * NODES
        weight[_ROWS_SQUARED + k] = d * d * weight[_SPARE + k]
        weight[_SECOND + _ROWS_SQUARED + k] = e * e * weight[_SPARE + _HALF + k]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _visit(work, events, members, lattice, tile, mode, part):
    """Let up to a block of members gather (mode 1), spread (mode 2), or one by one do both (0)."""
    field, scratch, node, weight, profile, state = work
    moments = part.shape[0] == 3
    stride = _TWICE if moments else _STRIDE
    _prepare(events, members, lattice, scratch, node)
    for j in range(members.shape[0]):
        if scratch[3, j] > state[0]:
            _move_reference(field, moments, scratch[3, j] - state[0])
            state[0] = scratch[3, j]
        first = node[0, j] - tile[0]
        row = node[1, j] - tile[1]
        prepared = (scratch[0, j], scratch[1, j], scratch[4, j], scratch[5, j], scratch[6, j])
        _lay_weights(weight, profile, prepared, (first, row), tile[2], moments)
        amount = 0.0 if mode == 1 else scratch[7, j]
        total, squared, timed = 0.0, 0.0, 0.0
        for half in range(2):
            top = row + half * (NODES // 2)
            if top + NODES // 2 > 0 and top < tile[2]:
                base = np.uint64(top + _MARGIN) * stride + np.uint64(first + _MARGIN)
                block = np.uint64(half) * _SECOND
                if moments:
                    late = amount * scratch[2, j]
                    g = _half_patch_moments(field, base, weight, block, amount, late)
                    total += g[0]
                    squared += g[1]
                    timed += g[2]
                else:
                    total += _half_patch(field, base, weight, block, amount)
        if mode != 2:
            part[0, j] = scratch[8, j] * total
            if moments:
                part[1, j] = scratch[8, j] * (scratch[2, j] * total - timed)
                part[2, j] = scratch[8, j] * squared


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _untied_until(times, members, a):
    """End of the longest run from a, within a block, in which every member has its own time."""
    n = members.shape[0]
    b = a
    while b < n and b - a < _BLOCK:
        if b + 1 < n and times[members[b]] == times[members[b + 1]]:
            break
        b += 1
    return b


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def sweep_tile(events, members, lattice, tile, part):
    r"""What the nodes of one tile pass on from earlier to later events.

    With :math:`q_i(g) = e^{-\lVert s_i - g \rVert^2 / \sigma^2}` over the tile's nodes g,

    .. math:: P_i = \sum_{j \,:\, t_j < t_i} \theta_j \, e^{-\omega (t_i - t_j)}
        \sum_{g} q_i(g) \, q_j(g)

    Parameters
    ----------
    events : (4, n) float64
        Times, ascending; x; y; productivities.
    members : (m,) int32
        The events that touch the tile, ascending.
    lattice : (x0, y0, per_metre, t0, decay) floats
        Where node 0 lies, one over the spacing, a time before the first event, one over the
        mean lag.
    tile : (column, row, height) ints
        First node of the tile and how many rows it owns.
    part : (1 or 3, m) float64
        Filled with P and, where it has three rows, with the sums that have the lag in mean lags
        as a factor, and the squared distance of the gathering event to the node in spacings.

    Notes
    -----
    Time is O(m). Simultaneous events gather one and all before any of them spreads.
    """
    rows = tile[2] + 2 * _MARGIN
    nodes = rows * (TILE_COLUMNS + 2 * _MARGIN)
    fields = 2 if part.shape[0] == 3 else 1
    work = (
        np.zeros(fields * nodes),
        np.empty((9, _BLOCK)),
        np.empty((2, _BLOCK), np.int64),
        np.empty(112),
        _PROFILE,
        np.zeros(1),
    )
    times = events[0]
    a = 0
    while a < members.shape[0]:
        b = _untied_until(times, members, a)
        if b > a:
            _visit(work, events, members[a:b], lattice, tile, 0, part[:, a:b])
            a = b
            continue
        while b < members.shape[0] and times[members[b]] == times[members[a]]:
            b += 1
        for mode in range(1, 3):
            for c in range(a, b, _BLOCK):
                d = min(c + _BLOCK, b)
                _visit(work, events, members[c:d], lattice, tile, mode, part[:, c:d])
        a = b
