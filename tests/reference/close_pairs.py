"""Pairs of points by distance and lag, every pair looked at."""

import itertools
import math

import numpy as np


def distance(a, b, *, blocks=False):
    """Between two places, as the crow flies or along the axes."""
    dx, dy = abs(a[0] - b[0]), abs(a[1] - b[1])
    return dx + dy if blocks else math.sqrt(dx * dx + dy * dy)


def knox_table(places, times, distances, days, *, blocks=False):
    """Pairs in half-open bands of distance and of time; the last ones may end at infinity."""
    table = np.zeros((len(distances) - 1, len(days) - 1), int)
    for i, j in itertools.combinations(range(len(times)), 2):
        apart = distance(places[i], places[j], blocks=blocks)
        lag = abs(times[i] - times[j])
        for row, (near, far) in enumerate(itertools.pairwise(distances)):
            for column, (soon, late) in enumerate(itertools.pairwise(days)):
                table[row, column] += near <= apart < far and soon <= lag < late
    return table


def space_time_k(points, weights, *, distances, lags, shared, length):
    """Gabriel and Diggle's K with translation correction, one pair after the other.

    `shared(dx, dy)` is the area of the region within itself moved by so much; `length` the days
    observed.
    """
    k = np.zeros((len(distances), len(lags)))
    for i, j in itertools.permutations(range(len(points)), 2):
        dx, dy, lag = (points[j] - points[i]).tolist()
        # Of the two orders of a pair the later point counts as following; ties count half each.
        counts = 1.0 if lag > 0 else 0.5 * (lag == 0)
        amount = counts * weights[i] * weights[j] / (shared(dx, dy) * (length - abs(lag)))
        within = np.less_equal.outer(math.hypot(dx, dy), distances)[:, None]
        k += amount * (within & (abs(lag) <= np.asarray(lags)))
    return k
