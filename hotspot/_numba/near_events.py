"""Events near those of a square, or of a piece of a square: lists, and copies side by side.

Events are dealt into squares at least as wide as the reach, so that whatever is within reach of
an event lies in its own square or in one of the eight about it. A square's list holds the events
of all nine in order of time. Squares are cut into pieces, and what is out of reach of all of a
piece's events is left out of its copy. Nothing here checks its input; the callers are
:mod:`hotspot.models.triggering.pairs` and :mod:`hotspot._numba.trigger_pairs`. The plain twin is
``tests/reference/near_events.py``.
"""

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def list_near(home, columns, first, slots, members):
    """Write each event's number into the lists of its square and the eight about it.

    Parameters
    ----------
    home : (n,) int32
        Square of each event; none lies at the border of the numbering.
    columns : int
        Squares in a row.
    first : int
        Number of the first of these events.
    slots : (squares,) int64
        Where each square's next member goes; moved on. Negative for squares without a list.
    members : (m,) int32
        Filled, in order of time: i in the lists about event i's square, -1 - i in its own.
    """
    for i in range(home.shape[0]):
        for step in range(-columns, columns + 1, columns):
            for square in range(home[i] + step - 1, home[i] + step + 2):
                slot = slots[square]
                if slot >= 0:
                    members[slot] = -1 - (first + i) if square == home[i] else first + i
                    slots[square] = slot + 1


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def gather_around(events, members, corner, per_piece, span, around, piece, same):
    """Copy a square's list; say in which piece each event is, and which first has its time.

    Parameters
    ----------
    events : (n, 4) float64
        Times, ascending; x; y; productivities.
    members : (m,) int32
        The square's list.
    corner : (2,) float64
        Of the square, south-western.
    per_piece : float
        One over the width of a piece.
    span : int
        Pieces along a side.
    around : (4, m) float64
        Filled with the events of the list.
    piece, same : (m,) int64
        Filled: the piece, -1 for events of other squares; the first place with the same time.
    """
    begun = 0
    for k in range(members.shape[0]):
        i = members[k] if members[k] >= 0 else -1 - members[k]
        for row in range(4):
            around[row, k] = events[i, row]
        begun = k if around[0, k] > around[0, begun] else begun
        same[k] = begun
        piece[k] = -1
        if members[k] < 0:
            a = max(0, min(span - 1, int((around[1, k] - corner[0]) * per_piece)))
            b = max(0, min(span - 1, int((around[2, k] - corner[1]) * per_piece)))
            piece[k] = b * span + a


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def deal_own(members, around, piece, begins, boxes, own):
    """List the square's own events piece by piece, in order of time, and bound each piece.

    Parameters
    ----------
    members, around, piece
        As in :func:`gather_around`.
    begins : (pieces + 1,) int64
        Filled with where each piece's events begin in `own`.
    boxes : (pieces, 4) float64
        Filled with west, south, east and north of each piece's events.
    own : (m,) int64
        Filled with places in `members`.
    """
    boxes[:, :2] = np.inf
    boxes[:, 2:] = -np.inf
    begins[:] = 0
    for k in range(members.shape[0]):
        p = piece[k]
        if p >= 0:
            begins[p + 1] += 1
            boxes[p, 0] = min(boxes[p, 0], around[1, k])
            boxes[p, 1] = min(boxes[p, 1], around[2, k])
            boxes[p, 2] = max(boxes[p, 2], around[1, k])
            boxes[p, 3] = max(boxes[p, 3], around[2, k])
    for p in range(boxes.shape[0]):
        begins[p + 1] += begins[p]
    total = begins[boxes.shape[0]]
    for k in range(members.shape[0] - 1, -1, -1):
        p = piece[k]
        if p >= 0:
            begins[p + 1] -= 1
            own[begins[p + 1]] = k
    # Each begins[p + 1] has come down to where piece p begins.
    for p in range(boxes.shape[0]):
        begins[p] = begins[p + 1]
    begins[boxes.shape[0]] = total


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def mark_near(x, y, box, far, n, within):
    """Whether each of n places is within reach of a box; `far` is the reach squared."""
    for k in range(n):
        dx = max(max(box[0] - x[k], x[k] - box[2]), 0.0)
        dy = max(max(box[1] - y[k], y[k] - box[3]), 0.0)
        within[k] = dx * dx + dy * dy <= far


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def copy_marked(around, within, n, near, place):
    """Copy what is marked; `place` says where each went, or where the next one did."""
    to = np.uint64(0)
    for k in range(n):
        near[0, to] = around[0, k]
        near[1, to] = around[1, k]
        near[2, to] = around[2, k]
        near[3, to] = around[3, k]
        place[k] = to
        # Counting on without asking is quicker than a branch that no one can foretell.
        to += np.uint64(within[k])
