"""The model confidence set as Hansen, Lunde and Nason lay it down, with independent periods."""

import numpy as np


def p_values(losses, *, rng, size=4000):
    """p-value of each column: the range statistic, the worst put out, again and again."""
    n, k = losses.shape
    draws = rng.integers(n, size=(size, n))
    bootstrapped = losses[draws].mean(axis=1) - losses.mean(axis=0)
    left, p_value, so_far = list(range(k)), np.ones(k), 0.0
    while len(left) > 1:
        statistic, null, worst = -np.inf, np.full(size, -np.inf), None
        for i in left:
            for j in left:
                if i == j:
                    continue
                apart = bootstrapped[:, i] - bootstrapped[:, j]
                error = np.sqrt(np.mean(apart**2))
                t = (losses[:, i].mean() - losses[:, j].mean()) / error
                null = np.maximum(null, apart / error)
                if t > statistic:
                    statistic, worst = t, i
        so_far = max(so_far, np.mean(null > statistic))
        p_value[worst] = so_far
        left.remove(worst)
    return p_value
