"""How far each parameter may go, what it means if it wants to go farther, and where to begin."""

from __future__ import annotations

import numpy as np

from hotspot.errors import ParameterError
from hotspot.models.backgrounds.base import WindowEvents
from hotspot.models.parts.base import Steps
from hotspot.models.parts.displacement import (
    Displacement,
    ExponentialDisplacement,
    GaussianDisplacement,
    PiecewiseConstantDisplacement,
    PowerLawDisplacement,
    StudentDisplacement,
)
from hotspot.models.parts.lag import ExponentialLag, Lag, PiecewiseConstantLag, PowerLawLag
from hotspot.models.self_exciting.climb import LEAST_PRODUCTIVE, MOST_PRODUCTIVE, Limits
from hotspot.models.self_exciting.likelihood import Likelihood, Parts
from hotspot.models.self_exciting.resolution import shortest_scales

LAGS = (ExponentialLag, PowerLawLag, PiecewiseConstantLag)
DISPLACEMENTS = (
    GaussianDisplacement,
    ExponentialDisplacement,
    PowerLawDisplacement,
    StudentDisplacement,
    PiecewiseConstantDisplacement,
)
_EXPONENTS = np.log(0.02), np.log(30.0)  # above the least for which the density has a norm
_WEIGHTS = 12.0  # of a step against the first: beyond e^±12 one of the two holds nothing
_MARKS = 6.0  # a level that triggers e^6 times as much, or as little, as the baseline
_FREE = (None, None)  # a limit at which a parameter may end, and stay without an error


def require_parts(lag: Lag, displacement: Displacement) -> None:
    """Refuse what is no density of a lag or of a displacement."""
    for name, part, kinds in (("lag", lag, LAGS), ("displacement", displacement, DISPLACEMENTS)):
        if not isinstance(part, kinds):
            names = ", ".join(kind.__name__ for kind in kinds)
            raise ParameterError(f"{name} must be one of {names}; got {part!r}.")


def require_known_between_squares(displacement: Displacement) -> None:
    """Refuse displacements for which the density between two squares is not known."""
    if not isinstance(displacement, GaussianDisplacement):
        raise ParameterError(
            f"Places are known to squares only, and between squares {displacement!r} has no "
            "density here: use GaussianDisplacement, or coarse_places=False to take the places "
            "for exact."
        )


def other_lags(lag: Lag) -> list[Lag]:
    """Where else to begin the search for a lag."""
    if isinstance(lag, ExponentialLag):
        return [ExponentialLag(1 / mean) for mean in (3.0, 30.0)]
    if isinstance(lag, PowerLawLag):
        return [PowerLawLag(c=c, p=2.0) for c in (1.0, 20.0)]
    return [lag]


def other_displacements(displacement: Displacement) -> list[Displacement]:
    """Where else to begin the search for a displacement."""
    if isinstance(displacement, Steps):
        return [displacement]
    # All others have a scale first; the vector holds its logarithm.
    rest = displacement.vector[1:]
    return [
        displacement.with_vector(np.concatenate([[np.log(scale)], rest]))
        for scale in (100.0, 500.0)
    ]


def limits_of(
    likelihood: Likelihood, window: WindowEvents, parts: Parts, *, hold: tuple[str, ...] = ()
) -> Limits:
    """Lowest and highest value of each number of ``parts.vector``, and what to say there."""
    days, metres = shortest_scales(window.events)
    # Nor do squares tell more than they are wide, however exact the places were.
    metres = max(metres, likelihood.record.place_cell / np.sqrt(6))
    west, south, east, north = window.grid.region.bounds
    size = 0.5 * float(np.hypot(east - west, north - south))
    longest = likelihood.record.end / 2
    rates = np.log(np.bincount(likelihood.record.window_kind) / likelihood.days)
    gain = "its likelihood is no higher than that of the background alone"
    none_left = ("Triggering explains every event: the background is too poor for these data.",) * 2
    ratio = (
        f"No triggering is to be seen: {gain}. Use the background's model itself.",
        f"The branching ratio passed {MOST_PRODUCTIVE:g}: the background is too poor.",
    )
    rows = [(rate - 12, rate + 2, none_left) for rate in rates]
    # In a matrix a pair may be found not to trigger: it then stays at its least.
    ratio = ratio if parts.kinds == 1 else _FREE
    rows += [(np.log(LEAST_PRODUCTIVE), np.log(MOST_PRODUCTIVE), ratio)] * parts.kinds**2
    rows += _held("lag", parts.lag) if "lag" in hold else _of_lag(parts.lag, days, longest)
    rows += (
        _held("displacement", parts.displacement)
        if "displacement" in hold
        else _of_displacement(parts.displacement, metres, size)
    )
    for _ in parts.marks:
        rare = "A level of a mark has too few events to tell what it triggers. Join levels."
        rows.append((-_MARKS, _MARKS, (rare, rare)))
    low, high, reasons = zip(*rows, strict=True)
    return Limits(np.array(low, float), np.array(high, float), reasons)


def _held(name: str, part: Lag | Displacement) -> list[tuple]:
    return [(value, value, (f"The {name} was held.",) * 2) for value in part.vector]


def _of_lag(lag: Lag, days: float, longest: float) -> list[tuple]:
    grew = (
        f"The mean lag grew to {longest:.0f} days, half the window: what looks like triggering "
        "is a level that moves. Use a background that follows it, or a shorter window."
    )
    shrank = (
        f"The mean lag shrank to {days:.3g} days, the finest that times tell: rows of one "
        "incident, or ties, pass for triggering. Give a longer shortest_lag."
    )
    if isinstance(lag, ExponentialLag):
        return [(-np.log(longest), -np.log(days), (grew, shrank))]
    if isinstance(lag, PowerLawLag):
        scale = (np.log(days), np.log(longest), (shrank, grew))
        return [scale, _of_exponent("lag", "ExponentialLag")]
    _require_wide_steps("lag", lag, days, "days")
    return [(-_WEIGHTS, _WEIGHTS, _FREE)] * len(lag.names)


def _of_displacement(displacement: Displacement, metres: float, size: float) -> list[tuple]:
    shrank = (
        f"The displacement shrank to {metres:.3g} m, the finest that places tell: repeats at "
        "one place pass for near repeats. Coarser places cannot tell more."
    )
    grew = (
        f"The displacement grew to {size / 1e3:.1f} km, half the region: what looks like "
        "triggering is a level that moves. Use a background that follows it."
    )
    if isinstance(displacement, PiecewiseConstantDisplacement):
        _require_wide_steps("displacement", displacement, metres, "m")
        return [(-_WEIGHTS, _WEIGHTS, _FREE)] * len(displacement.names)
    scale = (np.log(metres), np.log(size), (shrank, grew))
    if len(displacement.names) == 1:
        return [scale]
    # A steep power law of a long scale is an exponential, or of the square a Gaussian.
    student = isinstance(displacement, StudentDisplacement)
    simpler = "GaussianDisplacement" if student else "ExponentialDisplacement"
    return [scale, _of_exponent("displacement", simpler)]


def _of_exponent(name: str, simpler: str) -> tuple:
    heavy = (
        f"The tail of the {name} is so heavy that it has hardly a norm: a level that moves, or "
        "spreads, passes for triggering. Use a background that follows it."
    )
    steep = f"The {name}'s power law grew so steep that {simpler} describes it. Use that."
    return (*_EXPONENTS, (heavy, steep))


def _require_wide_steps(name: str, part: Steps, finest: float, unit: str) -> None:
    narrowest = float(np.diff(part.edges).min())
    if narrowest < finest:
        raise ParameterError(
            f"The narrowest step of the {name} is {narrowest:g} {unit}, and the record tells "
            f"{finest:.3g} {unit} at best. Give steps at least as wide."
        )
