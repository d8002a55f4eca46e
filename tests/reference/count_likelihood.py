"""Negative binomial and Poisson log-likelihoods of counts, by scipy's probabilities."""

import numpy as np
from scipy.stats import nbinom, poisson


def count_log_likelihood(count, mean, excess):
    """Sum over all recorded counts, with log y!; variance mean (1 + excess)."""
    total = 0.0
    for y, mu, a in zip(count.ravel(), mean.ravel(), excess.ravel(), strict=True):
        if np.isnan(y):
            continue
        if a == 0:
            total += poisson.logpmf(y, mu)
        else:
            total += nbinom.logpmf(y, mu / a, 1 / (1 + a))
    return total
