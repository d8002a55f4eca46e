r"""The log-likelihood of a self-exciting model, its gradient, and the EM algorithm as a check.

For events i of the window [0, T), after a history of events at t < 0 that trigger but are not
explained,

.. math::
   \ell = \sum_{i :\, t_i \ge 0} \log \Bigl( B u_i + \theta S_i \Bigr)
          - B \int_0^T \nu - \theta \sum_j m_j \bigl[ G(T - t_j) - G(-t_j) \bigr],
   \qquad S_i = \sum_{t_j + d < t_i} g(t_i - d - t_j)\, h(s_i - s_j)

with u the background's shape at the event, m the mass of h inside the region, g and G the lag's
density and integral (counted from the shortest lag d). Parameters are a vector: log B, log θ,
then the vectors of the lag and of the displacement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ConvergenceError
from hotspot.models.parts.displacement import GaussianDisplacement
from hotspot.models.parts.lag import ExponentialLag
from hotspot.models.triggering.edge_mass import RegionMass
from hotspot.models.triggering.sums import triggered_intensity


class Parts(NamedTuple):
    """One value of every parameter."""

    background_rate: float  # B, events per day
    productivity: float  # theta
    lag: ExponentialLag
    displacement: GaussianDisplacement

    @property
    def vector(self) -> FloatArray:
        """On the scale that is optimised."""
        return np.concatenate(
            [
                np.log([self.background_rate, self.productivity]),
                self.lag.vector,
                self.displacement.vector,
            ]
        )

    def with_vector(self, vector: FloatArray) -> Parts:
        """The same kinds of parts at another place."""
        cut = 2 + len(self.lag.names)
        return Parts(
            float(np.exp(vector[0])),
            float(np.exp(vector[1])),
            self.lag.with_vector(vector[2:cut]),
            self.displacement.with_vector(vector[cut:]),
        )


@dataclass(frozen=True, eq=False)
class Record:
    """Events as arrays, sorted by time; what a likelihood needs but for the background.

    Attributes
    ----------
    t : (m,) float64
        Days since the window began; negative in the history before it.
    x, y : (m,) float64
        Metres.
    first : int
        Number of events in the history; the window's are ``t[first:]``.
    end : float
        T, the length of the window; days.
    shortest_lag : float
        d; days.
    mass : RegionMass
        Of all m events.
    place_cell : float
        Side of the squares to whose centres x and y were set, 0 for exact places; metres.
    workers : int
        Threads.
    """

    t: FloatArray
    x: FloatArray
    y: FloatArray
    first: int
    end: float
    shortest_lag: float
    mass: RegionMass
    place_cell: float = 0.0
    workers: int = 1

    @property
    def n(self) -> int:
        """Events in the window."""
        return self.t.size - self.first


@dataclass(frozen=True, eq=False)
class Likelihood:
    """A record with a background laid under it.

    Attributes
    ----------
    record : Record
    at_events : (n,) float64
        u ν at the events of the window; per square metre.
    days : float
        Integral of ν over the window.
    """

    record: Record
    at_events: FloatArray
    days: float

    def value_and_gradient(self, parts: Parts) -> tuple[float, FloatArray]:
        """The log-likelihood, and its derivatives by ``parts.vector``."""
        sums, slopes = triggered_sums(self.record, parts)
        expected, expected_slopes = expected_per_productivity(self.record, parts)
        background = parts.background_rate * self.at_events
        theta = parts.productivity
        intensity = background + theta * sums
        value = np.log(intensity).sum()
        value -= parts.background_rate * self.days + theta * expected
        by_background = (background / intensity).sum() - parts.background_rate * self.days
        by_theta = theta * ((sums / intensity).sum() - expected)
        by_parts = theta * ((slopes / intensity).sum(axis=1) - expected_slopes)
        return float(value), np.concatenate([[by_background, by_theta], by_parts])

    def value(self, parts: Parts) -> float:
        """The log-likelihood alone."""
        sums, _ = triggered_sums(self.record, parts, slopes=False)
        expected, _ = expected_per_productivity(self.record, parts)
        intensity = parts.background_rate * self.at_events + parts.productivity * sums
        total = parts.background_rate * self.days + parts.productivity * expected
        return float(np.log(intensity).sum() - total)

    def background_only(self) -> float:
        """The log-likelihood without triggering, at its best background rate, n / days."""
        rate = self.record.n / self.days
        return float(np.log(rate * self.at_events).sum() - self.record.n)

    def chance_background(self, parts: Parts) -> FloatArray:
        """Chance that each event of the window was not triggered; (n,)."""
        sums, _ = triggered_sums(self.record, parts, slopes=False)
        background = parts.background_rate * self.at_events
        return background / (background + parts.productivity * sums)


def triggered_sums(
    record: Record, parts: Parts, *, slopes: bool = True
) -> tuple[FloatArray, FloatArray]:
    """S at the events of the window, per day per m², and its derivatives by the parts' vectors."""
    events = np.stack([record.t, record.x, record.y, np.ones(record.t.size)])
    wanted = np.arange(record.first, record.t.size)
    if record.shortest_lag > 0:
        events, wanted = _with_listeners(events, record)
    seen, share = _seen(record, parts.displacement)
    found = triggered_intensity(
        *events[:3],
        productivity=events[3],
        lag=parts.lag,
        displacement=seen,
        derivatives=slopes,
        workers=record.workers,
    )
    if not slopes:
        return found.intensity[wanted], np.empty((0, record.n))
    return found.intensity[wanted], found.derivatives[:, wanted] * np.array([[1.0], [share]])


def _seen(record: Record, displacement: GaussianDisplacement) -> tuple[GaussianDisplacement, float]:
    """The displacement between squares, and the derivative of its log sd by that of the true.

    Two places known only to a square of side a differ by an error of variance a² / 6 along each
    axis: the density between centres is, but for its shape, the mean over both squares.
    """
    sd = float(np.hypot(displacement.sd, record.place_cell / np.sqrt(6)))
    return GaussianDisplacement(sd), (displacement.sd / sd) ** 2


def _with_listeners(events: FloatArray, record: Record) -> tuple[FloatArray, np.ndarray]:
    """Each event of the window a second time, so much earlier, hearing others but not heard."""
    heard = events[:, record.first :].copy()
    heard[0] -= record.shortest_lag
    heard[3] = 0.0
    both = np.concatenate([events, heard], axis=1)
    order = np.argsort(both[0], kind="stable")
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    return np.ascontiguousarray(both[:, order]), place[events.shape[1] :]


def expected_per_productivity(record: Record, parts: Parts) -> tuple[float, FloatArray]:
    """Expected triggered events of the window for a productivity of 1, and its derivatives."""
    weight, lag_slopes = window_share(record, parts)
    mass, slope = record.mass.at(parts.displacement.sd)
    return float(weight @ mass), np.append(lag_slopes @ mass, weight @ slope)


def window_share(record: Record, parts: Parts) -> tuple[FloatArray, FloatArray]:
    """Share of what each event triggers that comes in the window; by the lag's vector too."""
    until = record.end - record.t - record.shortest_lag
    weight, slopes = parts.lag.integral(until), parts.lag.integral_derivatives(until)
    before = -record.t[: record.first] - record.shortest_lag
    weight[: record.first] -= parts.lag.integral(before)
    slopes[:, : record.first] -= parts.lag.integral_derivatives(before)
    return weight, slopes


def em_step(likelihood: Likelihood, parts: Parts) -> Parts:
    r"""One step of expectation and maximisation; never lowers the log-likelihood.

    The expectation gives each pair of events the chance that one triggered the other. Of these only
    the sums of chances, of lags and of squared distances are needed, and they are
    derivatives of S. The maximisation solves for B and θ, and climbs numerically in the lag's
    rate and the displacement's standard deviation, because the ends of the window and of the region
    leave no formula for them.

    References
    ----------
    Veen, A., & Schoenberg, F. P. (2008). Estimation of space-time branching process models in
    seismology using an EM-type algorithm. Journal of the American Statistical Association, 103,
    614-624. https://doi.org/10.1198/016214508000000148
    """
    from scipy.optimize import minimize

    record = likelihood.record
    sums, slopes = triggered_sums(record, parts)
    background = parts.background_rate * likelihood.at_events
    scale = parts.productivity / (background + parts.productivity * sums)
    triggered = float((scale * sums).sum())
    # By log rate: S - rate x (sum of lags); by log sd, as seen: (sum of squares) / sd² - 2 S.
    lags = float((scale * (sums - slopes[0])).sum()) / parts.lag.rate
    seen, share = _seen(record, parts.displacement)
    squares = float((scale * (slopes[1] / share + 2 * sums)).sum()) * seen.sd**2

    def loss(free: FloatArray) -> tuple[float, FloatArray]:
        moved = parts.with_vector(np.concatenate([parts.vector[:2], free]))
        expected, by_parts = expected_per_productivity(record, moved)
        there, by_sd = _seen(record, moved.displacement)
        rate, precision = moved.lag.rate, there.sd**-2
        value = triggered * (free[0] - 2 * np.log(there.sd) - np.log(expected))
        value -= rate * lags + 0.5 * precision * squares
        slope = triggered * (np.array([1.0, -2.0 * by_sd]) - by_parts / expected)
        slope += [-rate * lags, precision * squares * by_sd]
        return -value / triggered, -slope / triggered

    start = parts.vector[2:]
    found = minimize(loss, start, jac=True, method="L-BFGS-B")
    if found.fun > loss(start)[0]:
        raise ConvergenceError(f"An EM step failed to climb: {found.message}", trace=found)
    moved = parts.with_vector(np.concatenate([parts.vector[:2], found.x]))
    expected, _ = expected_per_productivity(record, moved)
    return replace_rates(
        moved,
        float((background / (background + parts.productivity * sums)).sum()) / likelihood.days,
        triggered / expected,
    )


def replace_rates(parts: Parts, background_rate: float, productivity: float) -> Parts:
    """The same lag and displacement with other rates."""
    return parts._replace(background_rate=background_rate, productivity=productivity)


def with_background(likelihood: Likelihood, at_events: FloatArray, days: float) -> Likelihood:
    """The same record over another background."""
    return replace(likelihood, at_events=at_events, days=days)
