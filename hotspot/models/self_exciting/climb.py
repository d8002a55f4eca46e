"""Climbing a self-exciting likelihood: several starts, Newton's last steps, and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hotspot._typing import BoolArray, FloatArray
from hotspot.errors import ConvergenceError, EstimateOnBoundError, ExplosiveError
from hotspot.models.self_exciting.likelihood import Likelihood, Parts

MOST_PRODUCTIVE = 3.0  # the climb may pass 1, so that a branching ratio of 1 is seen and refused
LEAST_PRODUCTIVE = 1e-4
_STEP = 1e-3  # of log parameters, for the second derivatives
_DECREMENT = 1e-4  # log-likelihood that a last Newton step may still promise: .014 standard errors
_NEWTON_STEPS = 8
_CLOSE = 1e-3  # of a bound, in logarithms


@dataclass(frozen=True, eq=False)
class Estimate:
    """Where a likelihood is highest.

    Attributes
    ----------
    parts : Parts
    log_likelihood : float
    covariance : (k, k) float64
        Inverse of the observed information, on the scale of ``parts.vector``; 0 for numbers that
        were held.
    trace : tuple of (vector, log-likelihood)
        Every evaluation, in order.
    """

    parts: Parts
    log_likelihood: float
    covariance: FloatArray
    trace: tuple = field(repr=False, default=())


@dataclass(frozen=True, eq=False)
class Limits:
    """Lowest and highest value of each number of a vector, and what to say there.

    Attributes
    ----------
    low, high : (k,) float64
        Equal where a number is held and not estimated.
    reasons : tuple of (str, str)
        Why the data say nothing beyond the lower, and the upper, limit.
    """

    low: FloatArray
    high: FloatArray
    reasons: Sequence[tuple[str | None, str | None]]

    @property
    def free(self) -> BoolArray:
        """Which numbers are estimated; (k,)."""
        return self.high > self.low

    def refuse_bound(self, vector: FloatArray, trace: tuple) -> None:
        """Raise if a parameter ended on its limit."""
        for value, low, high, (at_low, at_high) in zip(
            vector, self.low, self.high, self.reasons, strict=True
        ):
            if low < high and (value < low + _CLOSE or value > high - _CLOSE):
                reason = at_low if value < low + _CLOSE else at_high
                if reason is not None:
                    raise EstimateOnBoundError(reason, trace=trace)

    def holding(self, number: int, value: float) -> Limits:
        """The same, with one number of the vector held."""
        held = np.arange(self.low.size) == number
        return replace(
            self, low=np.where(held, value, self.low), high=np.where(held, value, self.high)
        )

    def settled(self, vector: FloatArray) -> Limits:
        """The same, holding numbers that may end on a limit and did."""
        ended = (vector < self.low + _CLOSE) | (vector > self.high - _CLOSE)
        ended &= np.array([at_low is None for at_low, _ in self.reasons])
        return replace(
            self, low=np.where(ended, vector, self.low), high=np.where(ended, vector, self.high)
        )


def maximise(
    likelihood: Likelihood, starts: Sequence[Parts], limits: Limits, *, runs: int = 2
) -> Estimate:
    """The parts under which the record is likeliest.

    Parameters
    ----------
    likelihood : Likelihood
    starts : sequence of Parts
        The likeliest `runs` of them are climbed from.
    limits : Limits
    runs : int

    Returns
    -------
    Estimate

    Raises
    ------
    EstimateOnBoundError
        If a parameter ends on its limit.
    ExplosiveError
        If the productivity ends at 1 or above.
    ConvergenceError
        If the last Newton steps still promise a gain, or the information is not positive definite.

    Notes
    -----
    Limited-memory BFGS, from 15 to 40 evaluations a run, then 8 for the second derivatives.
    """
    trace: list[tuple[FloatArray, float]] = []
    climb = _Climb(likelihood, starts[0], trace)
    room = np.where(limits.free, 0.1, 0.0)
    inside = [np.clip(start.vector, limits.low + room, limits.high - room) for start in starts]
    if len(inside) > runs:
        inside.sort(key=lambda vector: climb(vector)[0])
    best = min((climb.run(vector, limits) for vector in inside[:runs]), key=lambda run: run.fun)
    limits.refuse_bound(best.x, tuple(trace))
    limits = limits.settled(best.x)
    vector, covariance = _newton(climb, best.x, limits)
    found = starts[0].with_vector(vector)
    ratio = likelihood.branching_ratio(found)
    if ratio >= 1:
        raise ExplosiveError(
            f"The likelihood is highest where each event triggers {ratio:.2f} others, "
            "so that records would grow without end. The background is too poor, the window too "
            "short, or rows repeat: give a background that varies in place, and drop duplicates.",
            trace=tuple(trace),
        )
    return Estimate(found, -climb(vector)[0] * climb.scale, covariance, tuple(trace))


class _Climb:
    """The loss an optimiser sees: minus the log-likelihood, an event."""

    def __init__(self, likelihood: Likelihood, kinds: Parts, trace: list) -> None:
        self.likelihood, self.kinds, self.trace = likelihood, kinds, trace
        self.scale = max(likelihood.record.n, 1)

    def __call__(self, vector: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = self.likelihood.value_and_gradient(self.kinds.with_vector(vector))
        self.trace.append((np.array(vector), value))
        return -value / self.scale, -gradient / self.scale

    def run(self, start: FloatArray, limits: Limits):
        from scipy.optimize import minimize

        return minimize(
            self,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(limits.low, limits.high, strict=True)),
            options={"maxiter": 200, "ftol": 1e-10, "gtol": 1e-7},
        )

    def information(self, vector: FloatArray, free: BoolArray) -> FloatArray:
        """Second derivatives of minus the log-likelihood, from differences of the gradient."""
        steps = _STEP * np.eye(vector.size)[free]
        rows = [(self(vector + e)[1] - self(vector - e)[1])[free] / (2 * _STEP) for e in steps]
        return 0.5 * self.scale * (np.array(rows) + np.transpose(rows))


def _newton(climb: _Climb, vector: FloatArray, limits: Limits) -> tuple[FloatArray, FloatArray]:
    """The last steps, until the next promises nothing; the place, and the inverse information."""
    free = limits.free
    information = climb.information(vector, free)
    for _ in range(_NEWTON_STEPS):
        lowest = np.linalg.eigvalsh(information)[0]
        if not lowest > 1e-9 * climb.scale**0.5:
            raise ConvergenceError(
                f"The likelihood is flat or bent upwards where the climb ended (lowest eigenvalue "
                f"of the information {lowest:.3g}): the data do not tell the parameters apart. "
                "Fix the background, or use a longer window.",
                trace=tuple(climb.trace),
            )
        loss, slope = climb(vector)
        gradient = -slope[free] * climb.scale
        step = np.zeros(vector.size)
        step[free] = np.linalg.solve(information, gradient)
        if 0.5 * gradient @ step[free] < _DECREMENT:
            covariance = np.zeros((vector.size, vector.size))
            covariance[np.ix_(free, free)] = np.linalg.inv(information)
            return vector, covariance
        while climb(vector + step)[0] > loss and np.abs(step).max() > 1e-8:
            step = 0.5 * step
        vector = np.clip(vector + step, limits.low, limits.high)
        limits.refuse_bound(vector, tuple(climb.trace))
        if np.abs(step).max() > 0.02:
            information = climb.information(vector, free)
    raise ConvergenceError(
        f"The climb did not settle in {len(climb.trace)} evaluations; the trace holds them all.",
        trace=tuple(climb.trace),
    )
