r"""What earlier events add to the intensity, by pairs within reach, in linear time, or plainly.

The self-exciting model's intensity is

.. math:: \lambda(t, s) = \nu(t) \mu(s)
   + \sum_{j \,:\, t_j < t} \theta_j \, g(t - t_j) \, h(\lVert s - s_j \rVert)

and this module gives the sum, at every event, with its derivatives. There are three ways:

* ``"grid"``, for an exponential lag and a Gaussian displacement without a cut: time O(n),
  whatever the density of events. Within 1e-6 of the largest sum at each event, with errors
  that cancel: the log-likelihood is right to 1e-9 and better.
* ``"pairs"``, for any density: time O(pairs within reach). Right to rounding.
* ``"plain"``, NumPy row by row: O(n²), for checking.

``"auto"`` takes the one that should be quicker. Simultaneous events do not trigger one another.
Times are in days, places in metres, and values per day and square metre.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from hotspot._numba.trigger_pairs import EXPONENTIAL, GAUSSIAN
from hotspot._typing import FloatArray
from hotspot.errors import CoordinateError, DateError, ParameterError
from hotspot.models.parts.coded import CodedPart, coded_displacement, coded_lag
from hotspot.models.parts.displacement import Displacement
from hotspot.models.parts.lag import Lag
from hotspot.models.parts.shapes import DisplacementShape, LagShape
from hotspot.models.triggering.grid import lattice_seconds, lattice_sums
from hotspot.models.triggering.pairs import candidate_pairs, pair_sums

Method = Literal["auto", "pairs", "grid", "plain"]
METHODS = ("auto", "pairs", "grid", "plain")

# Measured cost of one event, of one candidate pair, and what each derivative adds to that.
_SECONDS_PER_EVENT = 2.5e-7
_SECONDS_PER_PAIR = 6.0e-10
_SECONDS_PER_DERIVATIVE = 1.0e-10
_TOO_SHORT_TO_SAVE = 1.0e-3  # pairs are right to rounding: not given up for less than this


class Triggered(NamedTuple):
    """What earlier events add to the intensity at each event."""

    intensity: FloatArray
    """(n,) per day and square metre."""
    derivatives: FloatArray | None
    """(p, n) by each number of the lag's ``vector``, then of the displacement's, if asked for."""
    method: str
    """The way it was summed: "pairs", "grid" or "plain"."""


def triggered_intensity(
    times: FloatArray,
    x: FloatArray,
    y: FloatArray,
    *,
    productivity: FloatArray | float,
    lag: Lag | LagShape,
    displacement: Displacement | DisplacementShape,
    lag_reach: float = math.inf,
    displacement_reach: float = math.inf,
    derivatives: bool = False,
    method: Method = "auto",
    workers: int = 1,
) -> Triggered:
    r"""How much more is expected, at each event's time and place, because of the events before it.

    .. math:: S_i = \sum_{j \,:\, 0 < t_i - t_j \le r_t,\ \lVert s_i - s_j \rVert \le r_s}
       \theta_j \, g(t_i - t_j) \, h(\lVert s_i - s_j \rVert)

    An event of productivity 0 adds nothing and is added to: give places and times where the
    intensity is wanted as such events.

    Parameters
    ----------
    times : (n,) float64
        Ascending; days.
    x, y : (n,) float64
        Metres.
    productivity : float or (n,) float64
        Mean number of direct offspring of each event, 0 or more; unitless.
    lag : Lag or LagShape
        From :mod:`hotspot.models.parts.lag`, or a shape from :mod:`hotspot.models.parts.shapes`.
    displacement : Displacement or DisplacementShape
        From :mod:`hotspot.models.parts.displacement`, or a shape.
    lag_reach, displacement_reach : float
        Longest lag, days, and longest distance, metres, that still count; the densities are
        cut there and not scaled up. Where none is given an exponential or Gaussian is cut, by
        "pairs", where it is below 1e-16 of its peak.
    derivatives : bool
        Whether to return the derivatives too.
    method : {"auto", "pairs", "grid", "plain"}
        See the module.
    workers : int
        Threads. The result is the same, to the last bit, for any number of them and for any
        order of simultaneous events.

    Returns
    -------
    Triggered

    Raises
    ------
    DateError
        If times are not finite or not ascending.
    CoordinateError
        If a coordinate is not finite, or the arrays are not of one length.
    ParameterError
        If a productivity is negative or not finite, a reach or `workers` not positive, the
        method unknown, or "grid" asked for with densities it cannot do.

    References
    ----------
    Ogata, Y. (1998). Space-time point-process models for earthquake occurrences. Annals of the
    Institute of Statistical Mathematics, 50, 379-402. https://doi.org/10.1023/A:1003403601725

    Greengard, L., & Strain, J. (1991). The fast Gauss transform. SIAM Journal on Scientific and
    Statistical Computing, 12, 79-94. https://doi.org/10.1137/0912004

    Examples
    --------
    Two events ten days and 200 m apart:

    >>> from hotspot.models.parts.displacement import GaussianDisplacement
    >>> from hotspot.models.parts.lag import ExponentialLag
    >>> found = triggered_intensity(
    ...     np.array([0.0, 10.0]),
    ...     np.array([0.0, 200.0]),
    ...     np.array([0.0, 0.0]),
    ...     productivity=0.25,
    ...     lag=ExponentialLag(rate=0.1),
    ...     displacement=GaussianDisplacement(sd=200.0),
    ... )
    >>> by_hand = 0.25 * 0.1 * np.exp(-1.0) * np.exp(-0.5) / (2 * np.pi * 200.0**2)
    >>> bool(np.isclose(found.intensity[1], by_hand, rtol=1e-12)), found.method
    (True, 'pairs')
    """
    events = checked_events(times, x, y, productivity)
    reach = (_positive("lag_reach", lag_reach), _positive("displacement_reach", displacement_reach))
    parts = (coded_lag(lag), coded_displacement(displacement))
    if workers < 1:
        raise ParameterError(f"workers must be 1 or more, got {workers}.")
    order = _canonical_order(events)
    laid = events if order is None else events[:, order]
    chosen = _choose(method, laid, parts, reach, derivatives)
    if chosen == "plain":
        total = _plain(laid, (lag, displacement), reach, derivatives)
    else:
        total = _scaled(parts, _shape_sums(chosen, laid, parts, reach, derivatives, workers))
    if order is not None:
        back = np.empty_like(total)
        back[:, order] = total
        total = back
    return Triggered(total[0], total[1:] if derivatives else None, chosen)


def offspring_totals(
    times: FloatArray,
    x: FloatArray,
    y: FloatArray,
    *,
    weights: FloatArray | float,
    lag: Lag | LagShape,
    displacement: Displacement | DisplacementShape,
    lag_reach: float = math.inf,
    displacement_reach: float = math.inf,
    method: Method = "auto",
    workers: int = 1,
) -> FloatArray:
    r"""Weights of later events, summed by how much each event would have to do with them.

    .. math:: T_j = \sum_{i \,:\, t_i > t_j} w_i \, g(t_i - t_j) \, h(\lVert s_i - s_j \rVert)

    With :math:`w_i = 1 / \lambda_i`, :math:`\theta_j T_j` is the expected number of recorded
    offspring of event j, and :math:`T_j` the derivative of the log-likelihood's sum with respect to
    its productivity.

    Parameters
    ----------
    times, x, y
        As in :func:`triggered_intensity`.
    weights : float or (n,) float64
        Of each event as an offspring; 0 or more.
    lag, displacement, lag_reach, displacement_reach, method, workers
        As in :func:`triggered_intensity`.

    Returns
    -------
    (n,) float64

    Notes
    -----
    It is :func:`triggered_intensity` with time running backwards.
    """
    backwards = checked_events(times, x, y, weights)[:, ::-1]
    found = triggered_intensity(
        -backwards[0],
        backwards[1],
        backwards[2],
        productivity=backwards[3],
        lag=lag,
        displacement=displacement,
        lag_reach=lag_reach,
        displacement_reach=displacement_reach,
        method=method,
        workers=workers,
    )
    return found.intensity[::-1]


def checked_events(times, x, y, productivity) -> FloatArray:
    """Times, x, y and productivities as one array (4, n), or a refusal."""
    times, x, y = (np.asarray(one, float) for one in (times, x, y))
    if times.ndim != 1 or times.shape != x.shape or times.shape != y.shape:
        raise CoordinateError(
            "times, x and y must be three arrays of one length, got shapes "
            f"{times.shape}, {x.shape} and {y.shape}."
        )
    if not np.isfinite(times).all():
        raise DateError(f"{(~np.isfinite(times)).sum()} times are NaN or infinite. Drop them.")
    if np.any(np.diff(times) < 0):
        first = int(np.flatnonzero(np.diff(times) < 0)[0]) + 1
        raise DateError(
            f"Times must ascend: event {first} is earlier than the one before it. Sort the events "
            "by time first."
        )
    bad = ~(np.isfinite(x) & np.isfinite(y))
    if bad.any():
        raise CoordinateError(f"{bad.sum()} places are NaN or infinite. Drop them.")
    productivity = np.asarray(productivity, float)
    if productivity.shape not in ((), times.shape):
        raise ParameterError(
            f"There are {times.size} events and {productivity.shape} productivities. Give one for "
            "all, or one for each."
        )
    if not (np.isfinite(productivity).all() and (productivity >= 0).all()):
        raise ParameterError("Every productivity must be a finite number, 0 or more.")
    return np.stack([times, x, y, np.broadcast_to(productivity, times.shape)])


def _positive(name: str, value: float) -> float:
    if not value > 0:
        raise ParameterError(f"{name} must be above 0, got {value}. Leave it out for no limit.")
    return float(value)


def _canonical_order(events: FloatArray):
    """An order of simultaneous events that does not depend on how they came; None if it is theirs.

    Sums of floating-point numbers depend on their order.
    """
    unsettled = np.diff(events[0]) == 0
    later = np.zeros(unsettled.size, bool)
    for row in events[1:]:
        step = np.diff(row)
        later |= unsettled & (step < 0)
        unsettled &= step == 0
    return np.lexsort(events[::-1]) if later.any() else None


def _choose(method, events, parts, reach, derivatives) -> str:
    """The method asked for, or the one of lower estimated cost."""
    if method not in METHODS:
        raise ParameterError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
    lag, displacement = parts
    gridded = (
        lag.number == EXPONENTIAL
        and lag.parameters[0] > 0
        and displacement.number == GAUSSIAN
        and reach == (math.inf, math.inf)
    )
    if method == "grid" and not gridded:
        raise ParameterError(
            'method="grid" sums a falling exponential lag and a Gaussian displacement without a '
            f'reach, and no others; the reach given is {reach}. Take method="pairs".'
        )
    if method != "auto":
        return method
    if not gridded or events.shape[1] == 0:
        return "pairs"
    per_pair = _SECONDS_PER_PAIR + 2 * derivatives * _SECONDS_PER_DERIVATIVE
    pairs = candidate_pairs(events, lag.natural_reach, displacement.natural_reach)
    by_pairs = per_pair * pairs + events.shape[1] * _SECONDS_PER_EVENT
    if by_pairs < _TOO_SHORT_TO_SAVE:
        return "pairs"
    by_grid = lattice_seconds(
        events, decay=lag.parameters[0], sigma=displacement.parameters[0], moments=derivatives
    )
    return "grid" if by_grid < by_pairs else "pairs"


def _shape_sums(chosen, events, parts, reach, derivatives, workers) -> FloatArray:
    """Sums of the two shapes, and derivatives by their parameters."""
    lag, displacement = parts
    if events.shape[1] == 0:
        return np.zeros((1 + derivatives * (lag.parameters.size + displacement.parameters.size), 0))
    if chosen == "grid":
        return lattice_sums(
            events,
            decay=lag.parameters[0],
            sigma=displacement.parameters[0],
            moments=derivatives,
            workers=workers,
        )
    cut = (min(reach[0], lag.natural_reach), min(reach[1], displacement.natural_reach))
    return pair_sums(events, parts, reach=cut, derivatives=derivatives, workers=workers)


def _scaled(parts: tuple[CodedPart, CodedPart], total: FloatArray) -> FloatArray:
    """From shapes to parts: their constants, and derivatives by their vectors."""
    lag, displacement = parts
    if total.shape[0] > 1:
        by_lag, by_displacement = np.split(total[1:], [lag.parameters.size])
        total = np.vstack(
            [
                total[:1],
                lag.by_vector(total[0], by_lag),
                displacement.by_vector(total[0], by_displacement),
            ]
        )
    return total * (lag.constant * displacement.constant)


def _plain(events, parts, reach, derivatives) -> FloatArray:
    """Row by row, with the parts' own values and derivatives."""
    lag, displacement = parts
    times, x, y, productivity = events
    rows = 1 + derivatives * (len(lag.names) + len(displacement.names))
    out = np.zeros((rows, times.size))
    for i in range(times.size):
        before = slice(
            np.searchsorted(times, times[i] - reach[0]), np.searchsorted(times, times[i])
        )
        apart = np.hypot(x[i] - x[before], y[i] - y[before])
        passed = times[i] - times[before]
        weight = productivity[before] * (apart <= reach[1])
        g, h = lag.value(passed), displacement.value(apart)
        out[0, i] = (weight * g * h).sum()
        if derivatives:
            by_lag = (weight * h * lag.value_derivatives(passed)).sum(axis=1)
            by_displacement = (weight * g * displacement.value_derivatives(apart)).sum(axis=1)
            out[1:, i] = np.concatenate([by_lag, by_displacement])
    return out
