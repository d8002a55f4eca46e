"""What the flagged area catches, the long way: every order of the cells, one cell at a time."""

from fractions import Fraction
from itertools import combinations, permutations


def expected_hits(expected, observed, n_flagged):
    """Mean hits of the first cells over all orders that rank by expected count; equal cells."""
    hits, n_orders = Fraction(0), 0
    for order in permutations(range(len(expected))):
        ranked = [expected[i] for i in order]
        if ranked == sorted(expected, reverse=True):
            hits += sum(int(observed[i]) for i in order[:n_flagged])
            n_orders += 1
    return hits / n_orders


def hits_in_area(expected, observed, area, flagged):
    """Hits when cells are taken whole by expected count per area, the last one in part; no ties."""
    hits, left = 0.0, flagged
    for i in sorted(range(len(expected)), key=lambda i: -expected[i] / area[i]):
        part = min(1.0, left / area[i])
        hits += part * observed[i]
        left -= part * area[i]
        if left <= 0:
            break
    return hits


def most_hits(observed, n_flagged):
    """The most events that so many cells can hold, by trying every choice."""
    return max(
        sum(observed[i] for i in cells) for cells in combinations(range(len(observed)), n_flagged)
    )


def hits_in_every_order(expected, observed, area, flagged):
    """Least and most hits over all orders that rank by expected count per area.

    Cells are taken whole in that order and the last in part.
    """
    density = [m / a for m, a in zip(expected, area, strict=True)]
    found = []
    for order in permutations(range(len(expected))):
        if [density[i] for i in order] != sorted(density, reverse=True):
            continue
        hits, left = 0.0, flagged
        for i in order:
            part = min(1.0, left / area[i])
            hits += part * observed[i]
            left -= part * area[i]
            if left <= 1e-12:
                break
        found.append(hits)
    return min(found), max(found)
