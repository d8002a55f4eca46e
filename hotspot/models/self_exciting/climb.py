"""Climbing a self-exciting likelihood: several starts, Newton's last steps, and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from hotspot._typing import BoolArray, FloatArray
from hotspot.errors import ConvergenceError, EstimateOnBoundError, ExplosiveError
from hotspot.models.self_exciting.likelihood import Likelihood, Parts

MOST_PRODUCTIVE = 3.0  # the climb may pass 1, so that a branching ratio of 1 is seen and refused
LEAST_PRODUCTIVE = 1e-4
_STEP = 1e-3  # of log parameters, for the second derivatives: right to a thousandth
_DECREMENT = 1e-4  # log-likelihood that a last Newton step may still promise: .014 standard errors
_NEWTON_STEPS = 12
_MANY, _FEW = 40_000, 10_000  # events above which some are fitted first, and how many at least
# Log-likelihood that a step of the climb may gain and still be its last: before Newton's steps,
# and where these led nowhere.
_ROUGHLY, _FINELY = 1e-2, 1e-6
_NOISE = 1e-11  # of the log-likelihood: no finer are sums on a lattice that parameters move
_LONGEST = 0.7  # step, in logarithms
_AWAY = 0.02  # in logarithms, from where second derivatives were taken
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
        Every evaluation, in order; with a background that follows the events, over each in turn.
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
    likelihood: Likelihood,
    starts: Sequence[Parts],
    limits: Limits,
    *,
    runs: int = 2,
    finish: bool = True,
) -> Estimate:
    """The parts under which the record is likeliest.

    Parameters
    ----------
    likelihood : Likelihood
    starts : sequence of Parts
        The likeliest `runs` of them are climbed from.
    limits : Limits
    runs : int
    finish : bool
        Whether to take second derivatives at the end, for a covariance that is to be reported.

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
    Limited-memory BFGS, from 10 to 20 evaluations a run, then Newton's steps; an evaluation for
    each parameter goes into second derivatives. Of more than 40,000 events the last sixteenth,
    and no fewer than 10,000, are climbed over first if there is a choice of starts: where that ends
    is a few standard errors off, and Newton's steps over all events go the rest of the way. The
    trace holds the evaluations over all events.
    """
    if likelihood.record.n > _MANY and len(starts) > 1:
        size = max(likelihood.record.n // 16, _FEW)
        try:
            near = _from_afar(latter(likelihood, size), starts, limits, runs)
        except ConvergenceError:
            pass  # what so few events do not tell, all may
        else:
            climb = _Climb(likelihood, near.parts, [])
            covariance = near.covariance * (size / likelihood.record.n)
            return _ascended(climb, near.parts.vector, limits, covariance, finish=finish)
    return _from_afar(likelihood, starts, limits, runs)


def _from_afar(likelihood: Likelihood, starts: Sequence[Parts], limits: Limits, runs: int):
    climb = _Climb(likelihood, starts[0], [])
    room = np.where(limits.free, 0.1, 0.0)
    inside = [np.clip(start.vector, limits.low + room, limits.high - room) for start in starts]
    if len(inside) > runs:
        inside.sort(key=climb.loss)
    found = [climb.run(vector, limits, gain=_ROUGHLY) for vector in inside[:runs]]
    return _ascended(climb, min(found, key=lambda run: run.fun).x, limits)


def latter(likelihood: Likelihood, size: int) -> Likelihood:
    """The likelihood of the last `size` events of the window, after a history a quarter as long."""
    record = likelihood.record
    begin = record.t.size - size
    kept = slice(max(begin - size // 4, 0), None)
    since = float(record.t[begin])
    part = {
        one.name: getattr(record, one.name)[kept]
        for one in fields(record)
        if isinstance(getattr(record, one.name), np.ndarray)
    }
    for name in {"t", "earliest"} & part.keys():
        part[name] = part[name] - since
    mass = type(record.mass).of(record.mass.points[kept], record.mass.region)
    record = replace(record, **part, first=begin - kept.start, end=record.end - since, mass=mass)
    share = record.end / likelihood.record.end
    return Likelihood(record, likelihood.at_events[-size:], likelihood.days * share)


def follow(
    likelihood: Likelihood, estimate: Estimate, limits: Limits, *, finish: bool = False
) -> Estimate:
    """The maximum over a background that differs little from that of `estimate`.

    Parameters
    ----------
    likelihood : Likelihood
    estimate : Estimate
        Over the former background. Newton's steps begin at its parts and go by its covariance, and
        second derivatives are taken anew only where a step does not come ten times nearer.
    limits : Limits
    finish : bool
        Whether to take second derivatives at the end, for a covariance that is to be reported.

    Returns
    -------
    Estimate
        With the trace of `estimate`, continued.

    Raises
    ------
    EstimateOnBoundError, ExplosiveError, ConvergenceError
        As :func:`maximise`.
    """
    climb = _Climb(likelihood, estimate.parts, list(estimate.trace))
    return _ascended(climb, estimate.parts.vector, limits, estimate.covariance, finish=finish)


def _ascended(
    climb: _Climb,
    vector: FloatArray,
    limits: Limits,
    covariance: FloatArray | None = None,
    *,
    finish: bool = True,
) -> Estimate:
    """Newton's steps from near the top; where they lead nowhere, after a longer climb."""
    try:
        vector, loss, covariance = _newton(climb, vector, limits, covariance, finish=finish)
    except ConvergenceError:
        vector = climb.run(vector, limits, gain=_FINELY).x
        vector, loss, covariance = _newton(climb, vector, limits)
    found = climb.kinds.with_vector(vector)
    ratio = climb.likelihood.branching_ratio(found)
    if ratio >= 1:
        raise ExplosiveError(
            f"The likelihood is highest where each event triggers {ratio:.2f} others, "
            "so that records would grow without end. The background is too poor, the window too "
            "short, or rows repeat: give a background that varies in place, and drop duplicates.",
            trace=tuple(climb.trace),
        )
    return Estimate(found, -loss * climb.scale, covariance, tuple(climb.trace))


class _Climb:
    """The loss an optimiser sees: minus the log-likelihood, an event."""

    def __init__(self, likelihood: Likelihood, kinds: Parts, trace: list) -> None:
        self.likelihood, self.kinds, self.trace = likelihood, kinds, trace
        self.scale = max(likelihood.record.n, 1)

    def __call__(self, vector: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = self.likelihood.value_and_gradient(self.kinds.with_vector(vector))
        self.trace.append((np.array(vector), value))
        return -value / self.scale, -gradient / self.scale

    def loss(self, vector: FloatArray) -> float:
        value = self.likelihood.value(self.kinds.with_vector(vector))
        self.trace.append((np.array(vector), value))
        return -value / self.scale

    def run(self, start: FloatArray, limits: Limits, *, gain: float):
        """L-BFGS-B, until a step gains no more log-likelihood than `gain`."""
        from scipy.optimize import minimize

        # L-BFGS-B stops by the gain of a step against the loss itself.
        size = max(abs(self.trace[-1][1]) if self.trace else self.scale, self.scale)
        return minimize(
            self,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(limits.low, limits.high, strict=True)),
            options={"maxiter": 200, "ftol": gain / size, "gtol": 1e-7},
        )

    def information(self, vector: FloatArray, slope: FloatArray, free: BoolArray) -> FloatArray:
        """Second derivatives of minus the log-likelihood, from differences of the gradient."""
        steps = _STEP * np.eye(vector.size)[free]
        rows = [(self(vector + step)[1] - slope)[free] / _STEP for step in steps]
        return 0.5 * self.scale * (np.array(rows) + np.transpose(rows))


def _newton(
    climb: _Climb,
    vector: FloatArray,
    limits: Limits,
    covariance: FloatArray | None = None,
    *,
    finish: bool = True,
) -> tuple[FloatArray, float, FloatArray]:
    """The last steps, until the next promises nothing; the place, the loss, the covariance.

    A `covariance` that is given stands for second derivatives, and learns from every step (BFGS),
    while each promises a tenth of the last. With `finish` they are taken near the end in any case.
    """
    limits.refuse_bound(vector, tuple(climb.trace))
    limits = limits.settled(vector)
    free, before, taken_at = limits.free, np.inf, None
    information = None if covariance is None else _inverse(covariance, free)
    loss, slope = climb(vector)
    for _ in range(_NEWTON_STEPS):
        if information is None:
            information, taken_at, before = climb.information(vector, slope, free), vector, np.inf
            _require_peak(information, climb)
        gradient = -slope[free] * climb.scale
        step = np.zeros(vector.size)
        step[free] = np.linalg.solve(information, gradient)
        promised = 0.5 * gradient @ step[free]
        step *= min(1.0, _LONGEST / max(np.abs(step).max(), _LONGEST))
        stale = taken_at is None or np.abs(vector - taken_at).max() > _AWAY
        if promised < _DECREMENT and not (finish and stale):
            return vector, loss, _covariance(information, free)
        if promised < _DECREMENT or (promised > 0.1 * before and taken_at is not vector):
            information = None
            continue
        before, start = promised, (vector, slope)
        vector, loss, slope = _stepped(climb, vector, step, (loss, limits))
        limits.refuse_bound(vector, tuple(climb.trace))
        moved, turned = vector - start[0], (slope - start[1]) * climb.scale
        information = _learned(information, moved[free], turned[free])
    raise ConvergenceError(
        f"The climb did not settle in {len(climb.trace)} evaluations; the trace holds them all.",
        trace=tuple(climb.trace),
    )


def _learned(information: FloatArray, moved: FloatArray, turned: FloatArray) -> FloatArray:
    """The information, made to agree with how the slope turned along a step (BFGS)."""
    along = information @ moved
    if not moved @ turned > 0.2 * (moved @ along):
        return information
    return (
        information
        + np.outer(turned, turned) / (moved @ turned)
        - np.outer(along, along) / (moved @ along)
    )


def _covariance(information: FloatArray, free: BoolArray) -> FloatArray:
    covariance = np.zeros((free.size, free.size))
    covariance[np.ix_(free, free)] = np.linalg.inv(information)
    return covariance


def _inverse(covariance: FloatArray, free: BoolArray) -> FloatArray | None:
    """The information behind a covariance; None if a number was held then that is free now."""
    inner = covariance[np.ix_(free, free)]
    return np.linalg.inv(inner) if (np.diag(inner) > 0).all() else None


def _stepped(climb: _Climb, vector, step, stand: tuple[float, Limits]):
    """The step, halved until it leads no lower; the place, its loss and slope."""
    loss, limits = stand
    while True:
        there = np.clip(vector + step, limits.low, limits.high)
        found = climb(there)
        if found[0] <= loss + _NOISE * abs(loss) or np.abs(step).max() <= 1e-8:
            return there, *found
        step = 0.5 * step


def _require_peak(information: FloatArray, climb: _Climb) -> None:
    lowest = np.linalg.eigvalsh(information)[0]
    if not lowest > 1e-9 * climb.scale**0.5:
        raise ConvergenceError(
            f"The likelihood is flat or bent upwards where the climb ended (lowest eigenvalue "
            f"of the information {lowest:.3g}): the data do not tell the parameters apart. "
            "Fix the background, or use a longer window.",
            trace=tuple(climb.trace),
        )
