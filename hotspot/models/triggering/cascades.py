"""Simulated cascades: what some events trigger, what that triggers, and so on."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hotspot._numba import trigger_pairs
from hotspot._numba.branching import branch, prune
from hotspot._typing import FloatArray, IntArray
from hotspot.errors import CoordinateError, DateError, ParameterError
from hotspot.models.parts import displacement as displacements
from hotspot.models.parts import lag as lags
from hotspot.models.parts.base import SharedSteps
from hotspot.models.parts.displacement import Displacement
from hotspot.models.parts.lag import Lag
from hotspot.models.triggering.threads import mapped

_SHARES = 16  # fixed, so that chance does not depend on the number of threads
_FEW = 4096
_NONE = np.empty(0)
_LAGS = {
    lags.ExponentialLag: trigger_pairs.EXPONENTIAL,
    lags.PowerLawLag: trigger_pairs.POWER_LAW,
    lags.PiecewiseConstantLag: trigger_pairs.STEPS,
}
_DISPLACEMENTS = {
    displacements.GaussianDisplacement: trigger_pairs.GAUSSIAN,
    displacements.ExponentialDisplacement: trigger_pairs.RADIAL,
    displacements.PowerLawDisplacement: trigger_pairs.POWER_LAW,
    displacements.StudentDisplacement: trigger_pairs.STUDENT,
    displacements.PiecewiseConstantDisplacement: trigger_pairs.STEPS,
}

Drawn = tuple[int, FloatArray, FloatArray]


class Cascade(NamedTuple):
    """Events in order of time, and who triggered them."""

    times: FloatArray
    """(m,) days, ascending."""
    x: FloatArray
    """(m,) metres."""
    y: FloatArray
    """(m,) metres."""
    parent: IntArray
    """(m,) place of the event that triggered each; -1 for those that were given."""


def simulate_cascade(
    times: FloatArray,
    x: FloatArray,
    y: FloatArray,
    *,
    productivity: FloatArray | float,
    lag: Lag,
    displacement: Displacement,
    end: float,
    rng: np.random.Generator,
    after: float = -math.inf,
    region: BaseGeometry | None = None,
    workers: int = 1,
) -> Cascade:
    r"""Everything that some events trigger before an end, directly or by way of others.

    Each event has a Poisson number of offspring of mean :math:`\theta`, each at a lag and a
    displacement drawn from their densities, and each of these again.

    Parameters
    ----------
    times, x, y : (n,) float64
        The events given, in any order: background events, or a recorded history. Days; metres.
    productivity : float or (n,) float64
        Mean number of direct offspring, in [0, 1); passed on to descendants.
    lag, displacement : Lag, Displacement
    end : float
        Descendants at or after this time are left out.
    rng : Generator
    after : float
        Descendants at or before this time are left out, with all that is theirs: for the future
        of a history that holds its own descendants already.
    region : shapely polygon, optional
        A descendant outside is not recorded, and so triggers nothing.
    workers : int
        Threads. The same `rng` gives the same bytes for any number of them.

    Returns
    -------
    Cascade
        The events given and their descendants.

    Raises
    ------
    ParameterError
        If a productivity is 1 or more, so that the cascade would not end, negative or NaN.
    DateError, CoordinateError
        If a time or place is not finite, or the arrays are not of one length.

    Notes
    -----
    Time is O(m log m) for m events. The library's own parts are compiled; any other part that has
    a sampler is followed generation by generation.

    References
    ----------
    Hawkes, A. G., & Oakes, D. (1974). A cluster process representation of a self-exciting process.
    Journal of Applied Probability, 11, 493-503. https://doi.org/10.2307/3212693

    Examples
    --------
    >>> from hotspot.models.parts.displacement import GaussianDisplacement
    >>> from hotspot.models.parts.lag import ExponentialLag
    >>> rng = np.random.default_rng(1)
    >>> given = np.zeros(10_000)
    >>> cascade = simulate_cascade(
    ...     given, given, given, productivity=0.25, end=1e9, rng=rng,
    ...     lag=ExponentialLag(rate=0.1), displacement=GaussianDisplacement(sd=200.0),
    ... )
    >>> round(cascade.times.size / given.size, 1)  # 1 / (1 - 0.25), about
    1.3
    """
    given, productivity = _checked(times, x, y, productivity)
    drawn = drawn_lag(lag), drawn_displacement(displacement)

    def grow(share: np.ndarray, generator: np.random.Generator):
        if None not in drawn:
            return branch(given[:, share], productivity[share], *drawn, float(end), generator)
        return _generations(
            given[:, share], productivity[share], lag, displacement, end=end, rng=generator
        )

    # Neighbours in the order given may be neighbours in time: every share gets some of all.
    n = given.shape[1]
    shares = [np.arange(k, n, _SHARES) for k in range(_SHARES)] if n > _FEW else [np.arange(n)]
    with mapped(workers) as over:
        grown = list(over(grow, shares, rng.spawn(len(shares))))
    return _gathered(grown, shares, after, region)


def drawn_lag(lag: Lag) -> Drawn | None:
    """A density of the lag as the compiled samplers know it; None for one they do not."""
    return _drawn(lag, _LAGS)


def drawn_displacement(displacement: Displacement) -> Drawn | None:
    """A density of the displacement as the compiled samplers know it; None for others."""
    return _drawn(displacement, _DISPLACEMENTS)


def _drawn(part, numbers: dict[type, int]) -> Drawn | None:
    number = numbers.get(type(part))
    if number is None:
        return None
    if isinstance(part, SharedSteps):
        share = np.concatenate([[0.0], np.cumsum(part.weights)])
        return number, share / share[-1], np.array(part.edges)
    return number, np.array([getattr(part, field.name) for field in fields(part)], float), _NONE


def _checked(times, x, y, productivity) -> tuple[FloatArray, FloatArray]:
    times, x, y = (np.asarray(one, float) for one in (times, x, y))
    if times.ndim != 1 or times.shape != x.shape or times.shape != y.shape:
        raise CoordinateError(
            "times, x and y must be three arrays of one length, got shapes "
            f"{times.shape}, {x.shape} and {y.shape}."
        )
    if not np.isfinite(times).all():
        raise DateError(f"{(~np.isfinite(times)).sum()} times are NaN or infinite. Drop them.")
    if not (np.isfinite(x) & np.isfinite(y)).all():
        raise CoordinateError("Some places are NaN or infinite. Drop them.")
    productivity = np.broadcast_to(np.asarray(productivity, float), times.shape)
    if not ((productivity >= 0) & (productivity < 1)).all():
        raise ParameterError(
            f"Every productivity must be in [0, 1), the highest given is {productivity.max()}. "
            "With a branching ratio of 1 or more a cascade does not end."
        )
    return np.stack([times, x, y]), productivity


def _generations(given, productivity, lag, displacement, *, end, rng):
    """As :func:`branch`, for any parts, with one call of their samplers a generation."""
    events, parents = [given], [np.full(given.shape[1], -1)]
    last, first = given, 0
    while last.shape[1]:
        counts = rng.poisson(productivity)
        of = np.repeat(np.arange(counts.size), counts)
        moved = displacement.sample(of.size, rng=rng)
        offspring = last[:, of] + np.vstack([lag.sample(of.size, rng=rng), *moved.T])
        early = offspring[0] < end
        events.append(offspring[:, early])
        parents.append(first + of[early])
        first += last.shape[1]
        last, productivity = events[-1], productivity[of[early]]
    return np.hstack(events), np.concatenate(parents)


def _gathered(grown, shares, after, region) -> Cascade:
    """The shares' cascades as one, without what is too early or outside, in order of time."""
    if after > -math.inf or region is not None:
        grown = [
            _pruned(*cascade, share.size, after, region)
            for cascade, share in zip(grown, shares, strict=True)
        ]
    first = np.cumsum([0] + [own.size for _, own in grown])
    parent = np.concatenate(
        [np.where(own >= 0, own + k, -1) for (_, own), k in zip(grown, first[:-1], strict=True)]
    )
    times, x, y = (np.concatenate([events[row] for events, _ in grown]) for row in range(3))
    order = np.argsort(times)
    if (np.diff(times.take(order)) == 0).any():
        order = np.argsort(times, kind="stable")  # slower, but ties keep their order
    place = np.empty(order.size + 1, np.int64)
    place[order] = np.arange(order.size)
    place[-1] = -1  # where the parent of an event that has none is looked up
    return Cascade(times.take(order), x.take(order), y.take(order), place[parent.take(order)])


def _pruned(events, parent, n_given, after, region) -> tuple[FloatArray, IntArray]:
    """One cascade without descendants that are too early or outside, and without theirs."""
    sound = np.ones(parent.size, bool)
    born = slice(n_given, None)
    sound[born] = events[0, born] > after
    if region is not None:
        shapely.prepare(region)
        sound[born] &= shapely.contains_xy(region, events[1, born], events[2, born])
    kept = prune(parent, sound)
    place = np.cumsum(kept) - 1
    own = parent[kept]
    return events[:, kept], np.where(own >= 0, place[own], -1)
