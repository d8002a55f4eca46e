"""A local level with seasons, as a Kalman filter takes it month by month."""

import numpy as np


def filtered(y, month_of_year, *, step, noise, season, known, diffuse=1e7):
    """Log-likelihood and last state of one series; only the level's prior is wide.

    The wide prior's density is (2 pi diffuse)^-1/2; dividing by it leaves a flat prior of height 1.
    """
    state = np.zeros(13)
    covariance = np.diag([diffuse, *[season**2] * 12])
    total = 0.0
    for value, month in zip(y, month_of_year, strict=True):
        covariance[0, 0] += step**2
        row = np.zeros(13)
        row[0] = row[1 + month] = 1.0
        spread = row @ covariance @ row + noise**2 + known
        error = value - row @ state
        total -= 0.5 * (np.log(2 * np.pi * spread) + error**2 / spread)
        gain = covariance @ row / spread
        state = state + gain * error
        covariance = covariance - np.outer(gain, row @ covariance)
    return total + 0.5 * np.log(2 * np.pi * diffuse), state, covariance
