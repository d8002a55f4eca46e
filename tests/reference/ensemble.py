"""Plain twin of :mod:`hotspot._numba.ensemble`."""

import numpy as np


def count_quantiles(counts, levels):
    """The inverse of the empirical distribution function, as NumPy defines it; (n, k)."""
    return np.quantile(counts, levels, axis=1, method="inverted_cdf").T
