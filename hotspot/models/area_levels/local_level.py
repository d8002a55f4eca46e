r"""Series of one kind that drift month by month: one law for all of them, and what it foretells.

Series k at month t is

.. math:: y_{kt} = a_k + w_{kt} + s_{k, t \bmod 12} + \varepsilon_{kt},

with a level a that is not known beforehand, a random walk w whose step has standard deviation
``step``, a month of the year s with ``season``, and noise with ``noise`` beside a variance that
each series brings along. The three deviations are shared by all series, so that short and small
ones borrow from the rest. A month's effect is thereby shrunk to none, by as much as is likeliest.

The series are short (84 months), so the covariance is written down whole and factored. That
answers months that are missing, and errors at any past origin, without a filter's recursions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from hotspot._typing import FloatArray, IntArray
from hotspot.errors import ConvergenceError

# A weak prior: about nineteen in twenty of each deviation's values lie within a factor of 50.
_TYPICAL, _LOG_SPREAD = 0.05, 2.0


@dataclass(frozen=True)
class Deviations:
    """Standard deviations shared by all series; on the scale of the series (logarithms).

    Attributes
    ----------
    step : float
        Of the level's move from one month to the next.
    noise : float
        Of what belongs to one month and one series only.
    season : float
        Of the twelve effects of the month of the year.
    """

    step: float
    noise: float
    season: float

    def covariance(self, one: IntArray, other: IntArray) -> FloatArray:
        """Covariance (n, m) of a series between the months `one` (n,) and `other` (m,).

        Months are numbered; the walk starts at the month before number 0.
        """
        apart = one[:, None] - other[None, :]
        return (
            self.step**2 * (1 + np.minimum.outer(one, other))
            + self.season**2 * (apart % 12 == 0)
            + self.noise**2 * (apart == 0)
        )


@dataclass(frozen=True, eq=False)
class Outlook:
    """What is known of months ahead: normal, jointly over the months of one series.

    Attributes
    ----------
    mean : (leads, k) float64
    covariance : (k, leads, leads) float64
        With the noise of the months to come, without the variance that a series brings along.
    """

    mean: FloatArray
    covariance: FloatArray

    @property
    def variance(self) -> FloatArray:
        """Variance at each lead; (leads, k)."""
        return np.diagonal(self.covariance, axis1=1, axis2=2).T


def log_likelihood(
    series: FloatArray, months: IntArray, *, known: FloatArray, deviations: Deviations
) -> float:
    """Log-likelihood of all series, their levels integrated out under a flat prior.

    Parameters
    ----------
    series : (n, k) float64
    months : (n,) int64
        Number of each month, from 0; ascending, gaps allowed.
    known : (k,) float64
        Variance that each series brings along, such as that of chance.
    deviations : Deviations

    Returns
    -------
    float
    """
    white, log_root = _whitened(series, months, known, deviations)
    ones, values = white[:, :, 0], white[:, :, 1]
    weight = (ones**2).sum(1)
    squared = (values**2).sum(1) - (ones * values).sum(1) ** 2 / weight
    constant = 0.5 * (len(months) - 1) * np.log(2 * np.pi)
    return float(-(log_root + 0.5 * np.log(weight) + 0.5 * squared + constant).sum())


def likeliest_deviations(series: FloatArray, months: IntArray, *, known: FloatArray) -> Deviations:
    """The deviations under which the series are likeliest, with a weak lognormal prior.

    The prior (median 0.05, log standard deviation 2) keeps a deviation that the data put at 0 from
    running off to minus infinity in logarithms; it moves others little.

    Raises
    ------
    ConvergenceError
        If the climb does not settle.
    """
    typical = np.full(3, np.log(_TYPICAL))

    def loss(log_deviations: FloatArray) -> float:
        prior = 0.5 * (((log_deviations - typical) / _LOG_SPREAD) ** 2).sum()
        deviations = Deviations(*np.exp(log_deviations))
        return prior - log_likelihood(series, months, known=known, deviations=deviations)

    options = {"xatol": 1e-2, "fatol": 1e-3, "maxiter": 1000}
    found = minimize(loss, typical, method="Nelder-Mead", options=options)
    if not found.success:
        raise ConvergenceError(f"The deviations of the levels did not settle: {found.message}")
    return Deviations(*(float(value) for value in np.exp(found.x)))


def outlook(
    series: FloatArray,
    months: IntArray,
    ahead: IntArray,
    *,
    known: FloatArray,
    deviations: Deviations,
) -> Outlook:
    """Mean and covariance of the months `ahead`, given the series.

    Parameters
    ----------
    series : (n, k) float64
    months, ahead : (n,), (leads,) int64
        Numbered alike; those ahead come later.
    known : (k,) float64
    deviations : Deviations

    Returns
    -------
    Outlook
        The uncertainty of each series' level is in it.
    """
    within = deviations.covariance(months, months)
    across = deviations.covariance(ahead, months)
    beyond = deviations.covariance(ahead, ahead)
    mean = np.empty((ahead.size, known.size))
    covariance = np.empty((known.size, ahead.size, ahead.size))
    for k, extra in enumerate(known):
        sides = np.column_stack([np.ones(months.size), series[:, k], across.T])
        solved = np.linalg.solve(within + extra * np.eye(months.size), sides)
        weight = solved[:, 0].sum()
        level = solved[:, 1].sum() / weight
        mean[:, k] = level + across @ (solved[:, 1] - level * solved[:, 0])
        not_known = 1 - across @ solved[:, 0]  # what the level's own uncertainty leaves
        covariance[k] = beyond - across @ solved[:, 2:] + np.outer(not_known, not_known) / weight
    return Outlook(mean, covariance)


def _whitened(series, months, known, deviations) -> tuple[FloatArray, FloatArray]:
    """Ones and values in independent units (k, n, 2), and half the log determinant of each."""
    n, k = series.shape
    covariance = deviations.covariance(months, months) + known[:, None, None] * np.eye(n)
    root = np.linalg.cholesky(covariance)
    sides = np.stack([np.ones((k, n)), series.T], axis=2)
    log_root = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(1)
    return np.linalg.solve(root, sides), log_root
