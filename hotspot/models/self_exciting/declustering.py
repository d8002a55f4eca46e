"""Fitting over a background that follows the events: fit, weigh, lay again, until nothing moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ConvergenceError
from hotspot.models.backgrounds.base import Background, LaidBackground, WindowEvents
from hotspot.models.self_exciting.climb import Estimate, Limits, follow
from hotspot.models.self_exciting.likelihood import Likelihood, Record

_MOST_ROUNDS = 40
_SETTLED = 0.02  # standard errors that a parameter may still move in the last round
_FIRST_CHOICES = 2  # rounds that choose: at first no event is known to be triggered
_MOST_CHOICES = 5


@runtime_checkable
class Choosing(Protocol):
    """A background that chooses something of itself, such as a bandwidth, whenever it is laid."""

    def held(self, laid: LaidBackground) -> Background:
        """The same with what was chosen for `laid`."""
        ...


def decluster(
    background: Background,
    record: Record,
    window: WindowEvents,
    *,
    climb: Callable[[Likelihood], Estimate],
    limits: Callable[[Likelihood], Limits],
) -> tuple[Estimate, LaidBackground]:
    """The estimate and the background that agree with one another.

    Parameters
    ----------
    background : Background
        It is laid with each event weighed by its chance to be background.
    record : Record
    window : WindowEvents
    climb : callable
        The first fit, from far away. Later ones begin where the last ended.
    limits : callable

    Returns
    -------
    estimate : Estimate
    laid : LaidBackground

    Raises
    ------
    ConvergenceError
        If a parameter still moves by more than .02 standard errors after 40 rounds; carries the
        vectors of all rounds.

    Notes
    -----
    A round costs one to three evaluations of the likelihood's gradient, one of its value and one
    background. What a background chooses is chosen in the first two rounds and then held; once
    parameters have settled it is chosen again, and where that moves them the rounds go on.
    """
    chance = np.full(record.n, 0.8)
    trace: list[FloatArray] = []
    estimate = laid = None
    choices, choose, last = 0, True, False
    while len(trace) < _MOST_ROUNDS:
        choices += choose
        spec = background if choose else background.held(laid)
        laid = spec.lay(window, chance)
        likelihood = Likelihood(record, laid.at_events, laid.days(window.start, window.end))
        if estimate is None:
            found = climb(likelihood)
        else:
            found = follow(likelihood, estimate, limits(likelihood), finish=last)
        trace.append(found.parts.vector)
        settled = estimate is not None and _has_settled(found, estimate)
        if settled and last:
            return found, laid
        if settled and choose:
            return follow(likelihood, found, limits(likelihood), finish=True), laid
        estimate = found
        # A background that changes its choice time and again is taken as it is in the end.
        last = settled
        choose = not isinstance(background, Choosing) or choices < _FIRST_CHOICES
        choose |= settled and choices < _MOST_CHOICES
        chance = likelihood.chance_background(found.parts)
    raise ConvergenceError(
        f"The background and the triggering did not settle in {_MOST_ROUNDS} rounds of "
        "declustering. Give KernelBackground a bandwidth, or use MapBackground.",
        trace=tuple(trace),
    )


def _has_settled(found: Estimate, before: Estimate) -> bool:
    moved = np.abs(found.parts.vector - before.parts.vector)
    return bool((moved <= _SETTLED * np.sqrt(np.diag(found.covariance))).all())
