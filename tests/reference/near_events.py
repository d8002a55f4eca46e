"""What lies near the events of a square, as one would look it up by hand."""

import math


def near_lists(square, columns):
    """For each square with events, the events of it and of the eight about it, by number."""
    lists = {}
    for here in sorted(set(square)):
        about = {here + down * columns + across for down in (-1, 0, 1) for across in (-1, 0, 1)}
        lists[here] = [i for i, there in enumerate(square) if there in about]
    return lists


def within_reach_of_box(points, box, reach):
    """Whether each point is at most `reach` from a box (west, south, east, north)."""
    west, south, east, north = box
    return [
        math.hypot(x - min(max(x, west), east), y - min(max(y, south), north)) <= reach
        for x, y in points
    ]
