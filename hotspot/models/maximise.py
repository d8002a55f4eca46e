"""Direct maximum likelihood: climbs with the analytic slope and says where it stands."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ConvergenceError, HotspotError

Trace: TypeAlias = list[tuple[FloatArray, float]]

_FIRST_STEPS = 5
_MOST_STEPS = 200
_MOST_POLISHING = 5
_FINE = 1e-13  # what a further Newton step would still add to the log-likelihood
_ROUNDING = 1e-12
_LONGEST = 1e3  # a step along a direction that the start says next to nothing about


class Likelihood(Protocol):
    """What a maximum is searched for."""

    @property
    def names(self) -> tuple[str, ...]: ...
    def log_likelihood(self, theta: FloatArray) -> float: ...
    def score(self, theta: FloatArray) -> FloatArray: ...
    def expected_information(self, theta: FloatArray) -> FloatArray: ...
    def observed_information(self, theta: FloatArray) -> FloatArray: ...


@dataclass(frozen=True, eq=False)
class Maximum:
    """A highest point of a log-likelihood.

    Attributes
    ----------
    theta : (k,) float64
    log_likelihood : float
    expected, observed : (k, k) float64
        The information there.
    trace : list of (theta, log-likelihood)
        The way to it.
    """

    theta: FloatArray
    log_likelihood: float
    expected: FloatArray
    observed: FloatArray
    trace: Trace


def maximise(likelihood: Likelihood, starts: Sequence[FloatArray]) -> Maximum:
    """The highest point that is reached uphill from any of `starts`.

    Parameters
    ----------
    likelihood : Likelihood
    starts : sequence of (k,) float64

    Raises
    ------
    ConvergenceError
        If no climb ends at a peak: the likelihood still rises, or is flat along some direction.
        Carries the trace.

    Notes
    -----
    Each climb follows a trust region with the expected information for the curvature, which is
    positive and costs one evaluation. After a few steps from every start the highest goes on, and
    is finished by Newton steps with the observed information; should it come to no peak, the next
    highest goes on.
    """
    # Of one start only, the first steps are the way.
    few = _FIRST_STEPS if len(starts) > 1 else _MOST_STEPS
    begun = [_climbed(likelihood, start, most=few) for start in starts]
    failures = []
    for trace in sorted(begun, key=lambda trace: -trace[-1][1]):
        try:
            # What overflows on the way is no peak, and is refused as such.
            with np.errstate(over="ignore", invalid="ignore"):
                further = _climbed(likelihood, trace[-1][0], most=_MOST_STEPS)
                return _polished(likelihood, [*trace, *further])
        except ConvergenceError as error:
            failures.append(error)
    raise ConvergenceError(
        f"None of {len(begun)} searches converged. The highest: {failures[0]}",
        [error.trace for error in failures],
    )


def _climbed(likelihood: Likelihood, start: FloatArray, *, most: int) -> Trace:
    """The way uphill from `start`, the highest point last."""
    from scipy.optimize import minimize

    scale = _scale(likelihood, start)
    trace: Trace = []
    known: dict[bytes, float] = {}

    def value(z: FloatArray) -> float:
        if z.tobytes() not in known:
            known[z.tobytes()] = likelihood.log_likelihood(z * scale)
            trace.append((z * scale, known[z.tobytes()]))
        return -known[z.tobytes()]

    def curvature(z: FloatArray) -> FloatArray:
        # It is asked for at trial points too, before their value: a step too long has none.
        if not np.isfinite(value(z)):
            return np.eye(z.size)
        found = scale[:, None] * likelihood.expected_information(z * scale) * scale
        return found if np.isfinite(found).all() else np.eye(z.size)

    def slope(z: FloatArray) -> FloatArray:
        return -scale * likelihood.score(z * scale)

    options = {"gtol": 1e-3, "maxiter": most, "initial_trust_radius": 5.0}
    with warnings.catch_warnings():
        # At such a trial point the value is infinite, and the step is not taken.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            minimize(
                value,
                start / scale,
                method="trust-exact",
                jac=slope,
                hess=curvature,
                options=options,
            )
        except ValueError as error:
            # Where slopes overflow the climb has lost its way. It ends at the highest point so far,
            # and whether that is a peak is found out later.
            if isinstance(error, HotspotError) or "infs or NaNs" not in str(error):
                raise
    highest = max(range(len(trace)), key=lambda i: trace[i][1])
    return [*trace, trace[highest]]


def _scale(likelihood: Likelihood, start: FloatArray) -> FloatArray:
    """About one standard error of each parameter, so that a step means the same along all."""
    with np.errstate(over="ignore", invalid="ignore"):
        diagonal = np.diag(likelihood.expected_information(start))
    usable = np.isfinite(diagonal) & (diagonal > 0)
    return np.minimum(1 / np.sqrt(np.where(usable, diagonal, 1.0)), _LONGEST)


def _polished(likelihood: Likelihood, trace: Trace) -> Maximum:
    """Newton steps to the top, and proof that it is one."""
    theta, value = trace[-1]
    for _ in range(_MOST_POLISHING):
        observed, told_at = likelihood.observed_information(theta), theta
        _require_peak(likelihood, observed, trace)
        # The curvature hardly changes between steps this short: it is told once for several.
        for _ in range(5):
            score = likelihood.score(theta)
            step = np.linalg.solve(observed, score)
            if 0.5 * score @ step < _FINE:
                if theta is not told_at:
                    observed = likelihood.observed_information(theta)
                expected = likelihood.expected_information(theta)
                _require_peak(likelihood, expected, trace)
                return Maximum(theta, value, expected, observed, trace)
            higher = likelihood.log_likelihood(theta + step)
            if higher < value - _ROUNDING * abs(value):
                break
            theta, value = theta + step, higher
            trace.append((theta, value))
    information = np.diag(likelihood.expected_information(theta))
    loose = int(np.argmin(information))
    raise ConvergenceError(
        f"The climb ended at a log-likelihood of {value:.6g} that still rises. Least settled is "
        f"'{likelihood.names[loose]}', at {theta[loose]:.4g} with a standard error of "
        f"{information[loose] ** -0.5:.2g} or more: drop it, join it to another, or give other "
        "values to begin from.",
        trace,
    )


def _require_peak(likelihood: Likelihood, observed: FloatArray, trace: Trace) -> None:
    size = np.sqrt(np.abs(np.diag(observed)))
    if np.isfinite(observed).all() and (size > 0).all():
        values, vectors = np.linalg.eigh(observed / np.outer(size, size))
        if values[0] > 1e-9:
            return
        worst = likelihood.names[int(np.argmax(np.abs(vectors[:, 0])))]
    else:
        worst = likelihood.names[int(np.argmin(np.where(np.isfinite(size), size, 0)))]
    raise ConvergenceError(
        f"The log-likelihood has no peak along a direction in which '{worst}' moves most: the data "
        "do not settle it. Drop it, or give other shapes to begin from.",
        trace,
    )
