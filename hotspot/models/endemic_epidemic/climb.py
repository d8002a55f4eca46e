"""The climb to the highest likelihood, on few months first; what cannot be told is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ConvergenceError
from hotspot.models.endemic_epidemic.counts_likelihood import CountLikelihood
from hotspot.models.endemic_epidemic.month_lags import FreeLags, HeldLags, Lags
from hotspot.models.endemic_epidemic.neighbours import Decay, HeldDecay
from hotspot.models.maximise import Maximum, maximise

_GONE = 1e-4  # share of the expected count below which a term says nothing
_NO_SHARE = 1e-3  # of a lag or a half-life
_FAR = 2.5  # a logarithm so far from where the climb began has run away
_UNSETTLED = 3.0  # standard error of a logarithm that is no estimate: a factor of 20 either way
_START = {"endemic": 0.65, "own": 0.05, "near": 0.2}
_START_OVERDISPERSION = 0.5
_START_REPEATS = 0.1
_NONE = -9.0  # logarithm of an overdispersion, or of repeats, that changes nothing
_LAW = {
    "repeats": ("log repeats", "repeats were"),
    "overdispersed": ("log overdispersion", "overdispersion was"),
}


@dataclass(frozen=True)
class Structure:
    """What the mean is made of; terms drop out where the record says nothing about them."""

    half_lives: tuple[float, ...]
    own: Lags | None
    near: Lags | None
    decay: Decay
    overdispersed: bool
    strength: float | None = None
    """Held here; None to estimate it."""
    repeats: bool = False


@dataclass(frozen=True, eq=False)
class Climbed:
    """Where a climb ended."""

    structure: Structure
    likelihood: CountLikelihood
    maximum: Maximum
    findings: tuple[str, ...] = field(default_factory=tuple)


def climb(
    structure: Structure, likelihood_of: Callable[[Structure, int], CountLikelihood], *, step: int
) -> Climbed:
    """Maximise, leaving out one by one what the record cannot tell.

    Parameters
    ----------
    structure : Structure
        To begin with.
    likelihood_of : callable
        Takes a structure, and takes every so many months.
    step : int
        Every how many months the first climb takes; its top is where the next begins.

    Raises
    ------
    ConvergenceError
        If there is no peak and nothing is left to leave out.
    """
    findings: list[str] = []
    while True:
        try:
            likelihood = likelihood_of(structure, step)
            start = starting_point(likelihood)
            maximum = maximise(likelihood, [start])
            if step > 1:
                few, likelihood, start = likelihood, likelihood_of(structure, 1), maximum.theta
                more = likelihood.counts.shape[0] / few.counts.shape[0]
                beyond = more * (maximum.observed - maximum.expected)
                try:
                    maximum = maximise(_NearTop(likelihood, beyond), [start])
                except ConvergenceError:  # the curvature of few months may be too far from theirs
                    maximum = maximise(likelihood, [start])
                maximum = _with_exact_curvature(likelihood, maximum)
            plainer = settled_structure(structure, likelihood, maximum)
            if plainer is None:
                return Climbed(structure, likelihood, maximum, tuple(findings))
        except ConvergenceError as error:
            # The way up may have ended where slopes overflow; what is plainer shows there too.
            with np.errstate(over="ignore", invalid="ignore"):
                plainer = plainer_structure(structure, likelihood, _highest(error.trace, start))
            if plainer is None:
                raise
        structure, finding = plainer
        findings.append(finding)


@dataclass(frozen=True, eq=False)
class _NearTop:
    """A likelihood that climbs by nearly its true curvature.

    What the observed information has beyond the expected is that of fewer months, scaled up.
    """

    likelihood: CountLikelihood
    beyond: FloatArray

    @property
    def names(self) -> tuple[str, ...]:
        return self.likelihood.names

    def log_likelihood(self, theta: FloatArray) -> float:
        return self.likelihood.log_likelihood(theta)

    def score(self, theta: FloatArray) -> FloatArray:
        return self.likelihood.score(theta)

    def expected_information(self, theta: FloatArray) -> FloatArray:
        expected = self.likelihood.expected_information(theta)
        known = expected + self.beyond
        return known if np.linalg.eigvalsh(known)[0] > 0 else expected

    def observed_information(self, theta: FloatArray) -> FloatArray:
        return self.expected_information(theta)


def _with_exact_curvature(likelihood: CountLikelihood, maximum: Maximum) -> Maximum:
    """The same point with its own curvature, which must be a peak's."""
    observed = likelihood.observed_information(maximum.theta)
    if np.linalg.eigvalsh(observed)[0] <= 0:
        raise ConvergenceError(
            f"The climb ended at a log-likelihood of {maximum.log_likelihood:.6g} that is no peak: "
            "some direction still rises or is flat. Take fewer half-lives or lags.",
            maximum.trace,
        )
    return replace(maximum, observed=observed)


def starting_point(likelihood: CountLikelihood) -> FloatArray:
    """Where a climb begins: shares of the count that terms often have."""
    theta = []
    for term in likelihood.terms:
        theta += [np.log(_START.get(term.name, 0.1))] + [0.0] * (len(term.columns) - 1)
        theta += list(term.drive.vector)
    if likelihood.group is not None:
        theta += [np.log(_START_OVERDISPERSION)] * (int(likelihood.group.max()) + 1)
    if likelihood.repeats:
        theta.append(np.log(_START_REPEATS))
    return np.array(theta, float)


def plainer_structure(
    structure: Structure, likelihood: CountLikelihood, theta: FloatArray
) -> tuple[Structure, str] | None:
    """The structure without what has vanished or run away at `theta`, and what was found."""
    means = [part.sum() for part in likelihood.parts(theta)]
    for term, mean in zip(likelihood.terms[1:], means[1:], strict=True):
        if mean < _GONE * sum(means):
            said = "the cell's own past months" if term.name == "own" else "past months near by"
            return replace(structure, **{term.name: None}), f"Nothing is owed to {said}."
    vectors = dict(zip((t.name for t in likelihood.terms), likelihood.split(theta), strict=True))
    for name in ("own", "near"):
        lags = getattr(structure, name)
        if lags is not None and (fewer := _fewer_lags(lags, vectors[name][1])) is not None:
            finding = f"Of {name} lags {lags.months} only {fewer.months} have a share."
            return replace(structure, **{name: fewer}), finding
        if lags is not None and (even := _even_lags(lags, vectors[name][1])) is not None:
            finding = f"The {name} lags {lags.months} count alike; held so."
            return replace(structure, **{name: even}), finding
    fewer = _fewer_half_lives(structure.half_lives, vectors["endemic"][1])
    if fewer is not None:
        finding = f"Of half-lives {structure.half_lives} only {fewer} have a share."
        return replace(structure, half_lives=fewer), finding
    law = dict(zip(likelihood.names, theta, strict=True))
    gone = [name for name in _LAW if law.get(_LAW[name][0], 0.0) < _NONE]
    if gone:
        return _without(structure, gone[0])
    return _held(structure, likelihood, vectors)


def settled_structure(
    structure: Structure, likelihood: CountLikelihood, maximum: Maximum
) -> tuple[Structure, str] | None:
    """The structure with the least settled shape held where it is; None if all are settled."""
    variance = np.diag(np.linalg.inv(maximum.observed))
    # No variance is negative but that of a flat direction, whose estimate could be anything.
    errors = np.sqrt(np.where(variance > 0, variance, np.inf))
    of_law = dict(zip(likelihood.names, errors, strict=True))
    for name in _LAW:
        if of_law.get(_LAW[name][0], 0.0) > _UNSETTLED:
            return _without(structure, name)
    errors = dict(zip((t.name for t in likelihood.terms), likelihood.split(errors), strict=True))
    vectors = dict(
        zip((t.name for t in likelihood.terms), likelihood.split(maximum.theta), strict=True)
    )
    for name in ("near", "own"):
        lags = getattr(structure, name)
        if lags is None:
            continue
        if errors[name][0][0] > _UNSETTLED:
            return replace(structure, **{name: None}), f"The {name} term could be anything or none."
        n_lags = len(lags.names)
        vector, error = vectors[name][1], errors[name][1]
        if n_lags and error[-n_lags:].max() > _UNSETTLED:
            held = HeldLags(lags.with_vector(vector[-n_lags:]))
            finding = f"Shares of the {name} lags could not be told; held at {held.lags}."
            return replace(structure, **{name: held}), finding
        if error.size > n_lags and error[: error.size - n_lags].max() > _UNSETTLED:
            decay = structure.decay.with_vector(vector[: error.size - n_lags])
            finding = f"How far near offences count could not be told; held at {decay}."
            return replace(structure, decay=HeldDecay(decay)), finding
    shape, error = vectors["endemic"][1], errors["endemic"][1]
    if structure.strength is None and error[0] > _UNSETTLED:
        strength = float(np.exp(shape[0]))
        finding = f"The strength of the prior could not be told; held at {strength:.3g}."
        return replace(structure, strength=strength), finding
    return None


def _without(structure: Structure, name: str) -> tuple[Structure, str]:
    """The structure with less in its law of counts."""
    plainer = replace(structure, **{name: False})
    poisson = not (plainer.overdispersed or plainer.repeats)
    return plainer, f"No {_LAW[name][1]} seen{': Poisson' * poisson}."


def _held(structure: Structure, likelihood, vectors) -> tuple[Structure, str] | None:
    """A shape that the likelihood does not settle stays as given; decay first."""
    runs = {}
    if structure.near is not None and len(structure.decay.names):
        moved = vectors["near"][1][: len(structure.decay.names)] - structure.decay.vector
        runs["decay"] = np.abs(moved).max()
    if structure.strength is None:
        endemic = likelihood.terms[0].drive
        runs["strength"] = abs(vectors["endemic"][1][0] - endemic.vector[0]) - 1.0
    far = max(runs, key=lambda name: runs[name], default=None)
    if far is None:
        return None
    if far == "decay" or (runs[far] < _FAR and "decay" in runs):
        finding = f"How far near offences count could not be told; held at {structure.decay}."
        return replace(structure, decay=HeldDecay(structure.decay)), finding
    log_strength = float(np.clip(vectors["endemic"][1][0], -5.0, 5.0))
    finding = f"The strength of the prior could not be told; held at {np.exp(log_strength):.3g}."
    return replace(structure, strength=float(np.exp(log_strength))), finding


def _fewer_lags(lags: Lags, vector: FloatArray) -> FreeLags | None:
    if not lags.names:
        return None
    shares = lags.with_vector(vector[len(vector) - len(lags.names) :]).shares()
    kept = shares > _NO_SHARE
    if isinstance(lags, FreeLags):
        return None if kept.all() else FreeLags(tuple(np.array(lags.months)[kept].tolist()))
    # A one-parameter law ends on its bound only where all but the first have gone.
    return FreeLags((1,)) if shares[0] > 1 - _NO_SHARE else None


def _even_lags(lags: Lags, vector: FloatArray) -> HeldLags | None:
    """A one-parameter law that ran to its other end, where all lags have one share."""
    if not lags.names or isinstance(lags, FreeLags):
        return None
    reached = lags.with_vector(vector[len(vector) - len(lags.names) :])
    shares = reached.shares()
    return HeldLags(reached) if np.ptp(shares) < _NO_SHARE * shares.mean() else None


def _fewer_half_lives(half_lives: tuple[float, ...], vector: FloatArray) -> tuple | None:
    if len(half_lives) == 1:
        return None
    odds = np.exp(np.concatenate([[0.0], vector[len(vector) - len(half_lives) + 1 :]]))
    kept = odds / odds.sum() > _NO_SHARE
    return None if kept.all() else tuple(np.array(half_lives)[kept].tolist())


def _highest(trace, start: FloatArray) -> FloatArray:
    """The highest point of a trace, or of traces."""
    points = []
    for entry in trace or []:
        points += [entry] if isinstance(entry, tuple) else list(entry)
    points = [point for point in points if np.isfinite(point[1])]
    return max(points, key=lambda point: point[1])[0] if points else start
