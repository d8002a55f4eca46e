"""Simulated maps and their likelihoods, the long way: Python's whole numbers, event by event."""

import math

_WRAP = 2**64


def splitmix(seed, k):
    """The k-th number, from 1, of the SplitMix64 stream that begins at `seed`; in [0, 1)."""
    z = (seed + k * 0x9E3779B97F4A7C15) % _WRAP
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % _WRAP
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % _WRAP
    return ((z ^ (z >> 31)) >> 11) / 2**53


def chances(table):
    """Chance of each cell of an alias table."""
    n = len(table)
    chance = [0.0] * n
    for slot, entry in enumerate(table):
        alias = int(entry)
        chance[slot] += (entry - alias) / n
        chance[alias] += (1 - (entry - alias)) / n
    return chance


def simulated_counts(n_events, seed, table):
    """Counts of a map of so many events."""
    counts = [0] * len(table)
    for k in range(1, n_events + 1):
        place = splitmix(seed, k) * len(table)
        slot = int(place)
        alias = int(table[slot])
        counts[slot if place - slot < table[slot] - alias else alias] += 1
    return counts


def log_likelihood(counts, rates):
    """Poisson log-likelihood of the counts, cell by cell; -inf where one fell on a rate of 0."""
    total = 0.0
    for y, m in zip(counts, rates, strict=True):
        if y > 0 and m == 0:
            return -math.inf
        total += (y * math.log(m) if y > 0 else 0.0) - m - math.lgamma(y + 1)
    return total
