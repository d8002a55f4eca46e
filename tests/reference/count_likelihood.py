"""Negative binomial and Poisson log-likelihoods of counts, by scipy's probabilities."""

import numpy as np
from scipy.stats import nbinom, poisson


def count_log_likelihood(count, mean, overdispersion):
    """Sum over all recorded counts, with log y!; variance mean + overdispersion mean²."""
    total = 0.0
    for row, means in zip(count, mean, strict=True):
        for y, mu, psi in zip(row, means, overdispersion, strict=True):
            if np.isnan(y):
                continue
            if psi == 0:
                total += poisson.logpmf(y, mu)
            else:
                total += nbinom.logpmf(y, 1 / psi, 1 / (1 + psi * mu))
    return total
