r"""Expectation and maximisation: a climb that never falls, as a check on the direct one.

The expectation gives each pair of events the chance that one triggered the other,

.. math:: p_{ij} = \theta w_j \, g(t_i - t_j) \, h(s_i - s_j) / \lambda_i

and the maximisation raises :math:`\sum p_{ij} \log(\theta g h)` less what is expected. Of the pairs
only sums are needed, and these are derivatives of S: of the lags for an exponential, of
squared distances for a Gaussian, of the chances in each step for densities in steps.
"""

from __future__ import annotations

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ConvergenceError, ParameterError
from hotspot.models.parts.base import SharedSteps
from hotspot.models.parts.displacement import Displacement, GaussianDisplacement
from hotspot.models.parts.lag import ExponentialLag, Lag
from hotspot.models.self_exciting.likelihood import (
    Likelihood,
    Parts,
    expected_per_productivity,
    seen_displacement,
    summed,
    triggered_sums,
)


def em_step(likelihood: Likelihood, parts: Parts) -> Parts:
    r"""One step of expectation and maximisation; never lowers the log-likelihood.

    The maximisation solves for B and θ, and climbs numerically in what describes lag and
    displacement, because the ends of the window and of the region leave no formula for them.

    Raises
    ------
    ParameterError
        If the lag is neither exponential nor in steps, the displacement neither Gaussian nor in
        steps, or if there are marks or several offences.
    ConvergenceError
        If the maximisation fails to climb.

    References
    ----------
    Veen, A., & Schoenberg, F. P. (2008). Estimation of space-time branching process models in
    seismology using an EM-type algorithm. Journal of the American Statistical Association, 103,
    614-624. https://doi.org/10.1198/016214508000000148

    Marsan, D., & Lengliné, O. (2008). Extending earthquakes' reach through cascading. Science,
    319, 1076-1079. https://doi.org/10.1126/science.1148783
    """
    from scipy.optimize import minimize

    record = likelihood.record
    _require_sums(parts, record)
    sums, slopes = triggered_sums(record, parts)
    background = parts.background_rate * likelihood.at_events
    scale = parts.productivity / (background + parts.productivity * sums)
    triggered = float(summed(sums, scale))
    cut = len(parts.lag.names)
    by_lag = _lag_total(parts.lag, triggered, summed(slopes[:cut], scale))
    by_displacement = _displacement_total(record, parts, triggered, summed(slopes[cut:], scale))
    ones = [np.ones(record.t.size)]

    def loss(free: FloatArray) -> tuple[float, FloatArray]:
        moved = parts.with_vector(np.concatenate([parts.vector[:2], free]))
        expected, by_parts, _ = expected_per_productivity(record, moved, ones)
        lag, lag_slope = by_lag(moved.lag)
        displacement, displacement_slope = by_displacement(moved.displacement)
        value = lag + displacement - triggered * np.log(expected[0])
        slope = np.concatenate([lag_slope, displacement_slope])
        slope -= triggered * by_parts[0] / expected[0]
        return -value / triggered, -slope / triggered

    start = parts.vector[2:]
    found = minimize(loss, start, jac=True, method="L-BFGS-B")
    if found.fun > loss(start)[0]:
        raise ConvergenceError(f"An EM step failed to climb: {found.message}", trace=found)
    moved = parts.with_vector(np.concatenate([parts.vector[:2], found.x]))
    expected = expected_per_productivity(record, moved, ones)[0][0]
    chance = background / (background + parts.productivity * sums)
    return moved._replace(
        background_rate=float(chance.sum()) / likelihood.days, productivity=triggered / expected
    )


def _require_sums(parts: Parts, record) -> None:
    if not isinstance(parts.lag, ExponentialLag | SharedSteps):
        raise ParameterError(f"EM knows exponential lags and lags in steps, not {parts.lag!r}.")
    if not isinstance(parts.displacement, GaussianDisplacement | SharedSteps):
        raise ParameterError(
            f"EM knows Gaussian displacements and such in steps, not {parts.displacement!r}."
        )
    if record.design is not None or parts.kinds > 1:
        raise ParameterError("EM knows one offence without marks. Climb the likelihood directly.")


def _lag_total(lag: Lag, triggered: float, slopes: FloatArray):
    """Sum over pairs of chance times log g, and its derivatives, as a function of g."""
    if isinstance(lag, SharedSteps):
        return _steps_total(lag, triggered, slopes)
    lags = (triggered - slopes[0]) / lag.rate  # by log rate: S - rate x (sum of lags)

    def total(moved: ExponentialLag):
        value = triggered * np.log(moved.rate) - moved.rate * lags
        return value, np.array([triggered - moved.rate * lags])

    return total


def _displacement_total(record, parts: Parts, triggered: float, slopes: FloatArray):
    """The same of h."""
    if isinstance(parts.displacement, SharedSteps):
        return _steps_total(parts.displacement, triggered, slopes)
    # By log sd, as seen: (sum of squared distances) / sd² - 2 S, and what the scale adds.
    seen = seen_displacement(record, parts.displacement)
    plain = (slopes[0] - seen.scale_by_log_sd * triggered) / seen.by_log_sd
    squares = (plain + 2 * triggered) * seen.density.sd**2

    def total(moved: Displacement):
        there = seen_displacement(record, moved)
        sd = there.density.sd
        value = triggered * np.log(there.scale) - 2 * triggered * np.log(sd) - 0.5 * squares / sd**2
        slope = (squares / sd**2 - 2 * triggered) * there.by_log_sd
        return value, np.array([slope + triggered * there.scale_by_log_sd])

    return total


def _steps_total(part: SharedSteps, triggered: float, slopes: FloatArray):
    """Chances in each step: by log (weight k / weight 0), S changes by S_k - w_k S."""
    weights = np.asarray(part.weights)
    counts = np.empty(weights.size)
    counts[1:] = slopes + weights[1:] * triggered
    counts[0] = triggered - counts[1:].sum()

    def total(moved: SharedSteps):
        w = np.asarray(moved.weights)
        some = counts > 0
        return counts[some] @ np.log(w[some]), counts[1:] - triggered * w[1:]

    return total
