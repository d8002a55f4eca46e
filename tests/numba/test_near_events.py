"""Lists of events near a square, and copies of what is near a piece of it."""

import numpy as np
import pytest

from hotspot._numba import near_events
from hotspot.models.triggering import pairs
from tests.reference import near_events as reference


def some_events(n=60, *, seed=4):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 30, n)).round()
    return np.stack([times, *rng.uniform(0, 1_000, (2, n)), np.full(n, 0.3)])


def lists_of(events, reach):
    squares = pairs.deal(events, reach)
    return squares, *pairs._lists(squares, map)


@pytest.mark.parametrize("reach", [90.0, 400.0, 5_000.0])
def test_a_squares_list_holds_the_events_of_nine_squares_in_order_of_time(reach):
    squares, numbers, starts, members = lists_of(some_events(), reach)
    expected = reference.near_lists(squares.home.tolist(), squares.columns)
    assert numbers.tolist() == list(expected)
    for number, a, b in zip(numbers, starts[:-1], starts[1:], strict=True):
        listed = members[a:b]
        events = np.where(listed >= 0, listed, -1 - listed)
        assert events.tolist() == expected[number]
        assert ((listed < 0) == (squares.home[events] == number)).all()


def test_whatever_is_within_reach_of_an_event_is_in_its_squares_list():
    events, reach = some_events(), 130.0
    squares, numbers, starts, members = lists_of(events, reach)
    x, y = events[1:3]
    for i, square in enumerate(squares.home):
        k = numbers.tolist().index(square)
        listed = members[starts[k] : starts[k + 1]]
        near = np.flatnonzero(np.hypot(x - x[i], y - y[i]) <= reach)
        assert set(near) <= set(np.where(listed >= 0, listed, -1 - listed).tolist())


def gathered(events, members, span):
    n = members.size
    around, piece, same = np.empty((4, n)), np.empty(n, np.int64), np.empty(n, np.int64)
    corner, per_piece = np.zeros(2), span / 1_000.0
    rows = np.ascontiguousarray(events.T)
    near_events.gather_around(rows, members, corner, per_piece, span, around, piece, same)
    return around, piece, same


@pytest.mark.parametrize("span", [1, 3])
def test_pieces_split_a_squares_own_events_in_order_of_time_and_bound_them(span):
    events = some_events()
    own_or_not = np.arange(60, dtype=np.int32)
    own_or_not[::2] = -1 - own_or_not[::2]  # every other event is the square's own
    around, piece, same = gathered(events, own_or_not, span)
    np.testing.assert_array_equal(around, events)
    assert (piece[1::2] == -1).all()
    begins, boxes, own = np.empty(span**2 + 1, np.int64), np.empty((span**2, 4)), np.empty(60, int)
    near_events.deal_own(own_or_not, around, piece, begins, boxes, own)
    assert sorted(own[: begins[-1]]) == list(range(0, 60, 2))
    for p in range(span**2):
        held = own[begins[p] : begins[p + 1]]
        assert (np.diff(held) > 0).all()
        x, y = events[1:3, held]
        assert (x // (1_000 / span) == p % span).all()
        assert (y // (1_000 / span) == p // span).all()
        assert boxes[p].tolist() == [x.min(), y.min(), x.max(), y.max()]
    expected = [events[0].tolist().index(t) for t in events[0]]
    assert same.tolist() == expected


def test_a_copy_leaves_out_what_is_out_of_reach_of_a_box_and_says_where_the_rest_went():
    events, box, reach = some_events(), np.array([300.0, 200.0, 450.0, 260.0]), 120.0
    n = events.shape[1]
    within, place, near = np.empty(n, np.int64), np.empty(n, np.int64), np.zeros((4, n + 1))
    near_events.mark_near(events[1], events[2], box, reach**2, np.uint64(n), within)
    expected = reference.within_reach_of_box(events[1:3].T.tolist(), box.tolist(), reach)
    assert within.tolist() == [int(one) for one in expected]
    assert 0 < within.sum() < n
    near_events.copy_marked(events, within, np.uint64(n), near, place)
    np.testing.assert_array_equal(near[:, : within.sum()], events[:, within == 1])
    assert place.tolist() == [int(within[:k].sum()) for k in range(n)]


@pytest.mark.parametrize("work", [np.zeros(5), np.ones(1), np.array([0, 9.0, 0, 0, 1e6, 1, 1])])
def test_shares_of_the_work_hold_every_piece_once(work):
    shares = pairs._shares(work)
    held = [piece for begin, end in shares for piece in range(begin, end)]
    assert held == list(range(work.size))


def test_shares_of_many_like_pieces_are_alike():
    sizes = [end - begin for begin, end in pairs._shares(np.full(6_400, 1e4))]
    assert len(sizes) == 64
    assert max(sizes) - min(sizes) <= 2


def test_one_square_of_many_events_is_cut_into_pieces_enough_for_threads():
    # No time in common: nothing is gained by pieces but that threads can share them.
    assert pairs._spans(np.array([5_000]), np.array([5_000]), 0.0).tolist() == [8]
    assert pairs._spans(np.array([50]), np.array([50]), 0.0).tolist() == [1]
