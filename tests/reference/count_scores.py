"""Negative binomial counts by SciPy's distributions, one count at a time."""

import numpy as np
from scipy import stats


def distribution(mean, variance):
    """The frozen distribution of a mean and variance; Poisson where variance <= mean."""
    if variance <= mean:
        return stats.poisson(mean)
    return stats.nbinom(mean**2 / (variance - mean), mean / variance)


def negative_binomial_crps(mean, variance, observed):
    scores = []
    for m, v, y in zip(mean, variance, observed, strict=True):
        count = distribution(m, v)
        top = int(max(y, m) + 60 * (np.sqrt(max(v, m)) + v / max(m, 1e-9) + 1))
        k = np.arange(top)
        scores.append(((count.cdf(k) - (y <= k)) ** 2).sum())
    return np.array(scores)


def negative_binomial_cdf(mean, variance, observed):
    counts = [distribution(m, v) for m, v in zip(mean, variance, strict=True)]
    below = [count.cdf(y - 1) for count, y in zip(counts, observed, strict=True)]
    at = [count.pmf(y) for count, y in zip(counts, observed, strict=True)]
    return np.array([below, at])
