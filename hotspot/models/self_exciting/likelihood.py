r"""The log-likelihood of a self-exciting model, and its gradient.

For events i of the window [0, T), after a history of events at t < 0 that trigger but are not
explained,

.. math::
   \ell = \sum_{i :\, t_i \ge 0} \log \Bigl( B u_i + \theta S_i \Bigr)
          - B \int_0^T \nu - \theta \sum_j w_j m_j \bigl[ G(T - t_j) - G(-t_j) \bigr],
   \qquad S_i = \sum_{t_j + d < t_i} w_j \, g(t_i - d - t_j)\, h(s_i - s_j)

with u the background's shape at the event, w what an event's marks multiply its productivity by,
m the mass of h inside the region, g and G the lag's density and integral (counted from the
shortest lag d). Parameters are a vector: log B, log θ, the vectors of the lag and of the
displacement, and the marks' coefficients. With several offences B and θ are a vector and a matrix,
and S is a sum for each offence that triggers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hotspot._numba.exponential_memory import faded_sums
from hotspot._typing import FloatArray, IntArray
from hotspot.models.parts.displacement import Displacement, GaussianDisplacement
from hotspot.models.parts.lag import ExponentialLag, Lag
from hotspot.models.self_exciting.roll import Roll, rolled
from hotspot.models.triggering.mass_inside import MassInside
from hotspot.models.triggering.sums import offspring_totals, triggered_intensity

_AT_ONCE = 1 << 22
_NO_MARKS = np.empty(0)


class Parts(NamedTuple):
    """One value of every parameter.

    With M offences `background_rate` is (M,) and `productivity` (M, M), whose row is the offence
    that triggers; with one, both are numbers.
    """

    background_rate: float | FloatArray  # B, events per day
    productivity: float | FloatArray  # theta, of an event whose marks are all at their baseline
    lag: Lag
    displacement: Displacement
    marks: FloatArray = _NO_MARKS  # coefficients of the marks, by which log productivity changes

    @property
    def kinds(self) -> int:
        """M, the number of offences."""
        return np.size(self.background_rate)

    @property
    def vector(self) -> FloatArray:
        """On the scale that is optimised."""
        return np.concatenate(
            [
                np.log(np.ravel(self.background_rate)),
                np.log(np.ravel(self.productivity)),
                self.lag.vector,
                self.displacement.vector,
                self.marks,
            ]
        )

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of `vector` is."""
        m = self.kinds
        return (
            *("log background",) * m,
            *("log productivity",) * m**2,
            *(f"lag: {name}" for name in self.lag.names),
            *(f"displacement: {name}" for name in self.displacement.names),
            *("mark",) * self.marks.size,
        )

    def cuts(self) -> list[int]:
        """Where productivity, lag, displacement and marks begin in `vector`."""
        m = self.kinds
        sizes = [m, m**2, len(self.lag.names), len(self.displacement.names)]
        return np.cumsum(sizes).tolist()

    def with_vector(self, vector: FloatArray) -> Parts:
        """The same kinds of parts at another place."""
        rate, theta, lag, displacement, marks = np.split(np.asarray(vector, float), self.cuts())
        rate, theta = np.exp(rate), np.exp(theta)
        return Parts(
            float(rate[0]) if self.kinds == 1 else rate,
            float(theta[0]) if self.kinds == 1 else theta.reshape(self.kinds, self.kinds),
            self.lag.with_vector(lag),
            self.displacement.with_vector(displacement),
            marks,
        )


@dataclass(frozen=True, eq=False)
class Record:
    """Events as arrays, sorted by time; what a likelihood needs but for the background.

    Attributes
    ----------
    t : (m,) float64
        Days since the window began; negative in the history before it. Of an event known only to
        an interval, its end.
    x, y : (m,) float64
        Metres.
    first : int
        Number of events in the history; the window's are ``t[first:]``.
    end : float
        T, the length of the window; days.
    shortest_lag : float
        d; days.
    mass : MassInside
        Of all m events.
    place_cell : float
        Side of the squares to whose centres x and y were set, 0 for exact places; metres.
    workers : int
        Threads.
    earliest : (m,) float64 or None
        Begin of the interval in which each event happened; None where times are known.
    design : (m, k) float64 or None
        What each event's marks multiply the coefficients by; None without marks.
    kind : (m,) int64 or None
        Which offence each event is; None where there is one.
    """

    t: FloatArray
    x: FloatArray
    y: FloatArray
    first: int
    end: float
    shortest_lag: float
    mass: MassInside
    place_cell: float = 0.0
    workers: int = 1
    earliest: FloatArray | None = None
    design: FloatArray | None = None
    kind: IntArray | None = None

    @property
    def n(self) -> int:
        """Events in the window."""
        return self.t.size - self.first

    @cached_property
    def roll(self) -> Roll:
        """Who is heard, who hears, in order of time."""
        return rolled(
            self.t,
            self.earliest,
            np.column_stack([self.x, self.y]),
            first=self.first,
            shortest_lag=self.shortest_lag,
        )

    @property
    def window_kind(self) -> IntArray:
        """Which offence each event of the window is; (n,)."""
        return np.zeros(self.n, np.int64) if self.kind is None else self.kind[self.first :]

    def factors(self, parts: Parts) -> FloatArray:
        """What each event's marks multiply the productivity by; (m,)."""
        if self.design is None:
            return np.ones(self.t.size)
        return np.exp(self.design @ parts.marks)

    def weights_by_kind(self, parts: Parts) -> list[FloatArray]:
        """For each offence, the factors of its events and 0 for the others; (m,) each."""
        factors = self.factors(parts)
        if self.kind is None:
            return [factors]
        return [factors * (self.kind == kind) for kind in range(parts.kinds)]


@dataclass(frozen=True, eq=False)
class Likelihood:
    """A record with a background laid under it.

    Attributes
    ----------
    record : Record
    at_events : (n,) float64
        u ν at the events of the window; per square metre.
    days : float or (M,) float64
        Integral of ν over the window; days.
    """

    record: Record
    at_events: FloatArray
    days: float | FloatArray

    def value_and_gradient(self, parts: Parts) -> tuple[float, FloatArray]:
        """The log-likelihood, and its derivatives by ``parts.vector``."""
        record, kind = self.record, self.record.window_kind
        rate, theta = np.atleast_1d(parts.background_rate), np.atleast_2d(parts.productivity)
        weights = record.weights_by_kind(parts)
        found = [triggered_sums(record, parts, weight) for weight in weights]
        sums = np.stack([one[0] for one in found])
        expected, expected_slopes, by_event = expected_per_productivity(record, parts, weights)
        background = rate[kind] * self.at_events
        intensity = background + _row_dot(theta[:, kind], sums)
        outgoing = theta.sum(axis=1)
        value = np.log(intensity).sum() - (rate * self.days).sum() - outgoing @ expected
        by_background = np.bincount(kind, background / intensity, rate.size) - rate * self.days
        by_theta = [
            [row[to] * (np.sum((one / intensity)[kind == to]) - total) for to in range(rate.size)]
            for row, one, total in zip(theta, sums, expected, strict=True)
        ]
        by_parts = sum(
            summed(one[1], row[kind] / intensity) - total * slopes
            for row, one, total, slopes in zip(theta, found, outgoing, expected_slopes, strict=True)
        )
        gradient = [by_background, np.ravel(by_theta), by_parts]
        if record.design is not None:
            gradient.append(self._by_marks(parts, weights, 1 / intensity, by_event))
        return float(value), np.concatenate(gradient)

    def _by_marks(self, parts, weights, share, by_event) -> FloatArray:
        """Of each event what its offspring are, less what they were expected to be."""
        record = self.record
        theta = np.atleast_2d(parts.productivity)
        total = np.zeros(record.t.size)
        for row, weight in zip(theta, weights, strict=True):
            heard = recorded_offspring(record, parts, row[record.window_kind] * share)
            total += weight * (heard - row.sum() * by_event)
        return summed(record.design.T, total)

    def value(self, parts: Parts) -> float:
        """The log-likelihood alone."""
        weights = self.record.weights_by_kind(parts)
        expected, _, _ = expected_per_productivity(self.record, parts, weights)
        background, triggered = self.intensities(parts)
        total = np.sum(parts.background_rate * np.asarray(self.days))
        total += np.atleast_2d(parts.productivity).sum(axis=1) @ expected
        return float(np.log(background + triggered).sum() - total)

    def intensities(self, parts: Parts) -> tuple[FloatArray, FloatArray]:
        """What the background, and what earlier events, expect at each event; (n,) each."""
        record, kind = self.record, self.record.window_kind
        theta = np.atleast_2d(parts.productivity)
        triggered = sum(
            row[kind] * triggered_sums(record, parts, weight, slopes=False)[0]
            for row, weight in zip(theta, record.weights_by_kind(parts), strict=True)
        )
        return np.atleast_1d(parts.background_rate)[kind] * self.at_events, triggered

    def branching_ratio(self, parts: Parts) -> float:
        """Mean number of events that one of the window triggers; of several offences, the spectral
        radius of the matrix of such means, below 1 if records do not grow without end.
        """
        means = self.mean_factors(parts)[:, None] * np.atleast_2d(parts.productivity)
        return float(np.abs(np.linalg.eigvals(means)).max())

    def mean_factors(self, parts: Parts) -> FloatArray:
        """Mean of what marks multiply productivity by, over the window's events of each offence."""
        kind, factors = self.record.window_kind, self.record.factors(parts)[self.record.first :]
        return np.bincount(kind, factors, parts.kinds) / np.bincount(kind, minlength=parts.kinds)

    def expected_until(self, parts: Parts, asked: FloatArray, days: FloatArray) -> FloatArray:
        """Expected events from the begin of the window to each time, of all offences; (k,).

        Parameters
        ----------
        parts : Parts
        asked : (k,) float64
            Ascending; days.
        days : (k,) or (M, k) float64
            Integral of ν from the begin of the window to each.
        """
        record = self.record
        outgoing = np.atleast_2d(parts.productivity).sum(axis=1)
        emits = record.mass.at(parts.displacement)[0] * sum(
            total * weight
            for total, weight in zip(outgoing, record.weights_by_kind(parts), strict=True)
        )
        times, event, share = record.roll.sources()
        begin, weight = times + record.shortest_lag, share * emits[event]
        triggered = arrived_by(parts.lag, begin, weight, np.append(0.0, asked))
        background = np.atleast_1d(parts.background_rate) @ np.atleast_2d(days)
        return background + triggered[1:] - triggered[0]

    def background_only(self) -> float:
        """The log-likelihood without triggering, at its best background rates, n / days."""
        kind, n = self.record.window_kind, np.bincount(self.record.window_kind)
        rate = n / self.days
        return float(np.log(rate[kind] * self.at_events).sum() - n.sum())

    def chance_background(self, parts: Parts) -> FloatArray:
        """Chance that each event of the window was not triggered; (n,)."""
        background, triggered = self.intensities(parts)
        return background / (background + triggered)


def summed(rows: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighed sum over events, (..., n) and (n,); in one thread, so that no other work stalls it.

    Matrix products start threads of their own, which wait for each other longer than they sum.
    """
    return np.einsum("...i,i->...", rows, weight)


def _row_dot(a: FloatArray, b: FloatArray) -> FloatArray:
    return a[0] * b[0] if len(a) == 1 else (a * b).sum(axis=0)


def triggered_sums(
    record: Record, parts: Parts, weight: FloatArray | None = None, *, slopes: bool = True
) -> tuple[FloatArray, FloatArray]:
    """S at the events of the window, per day per m², and its derivatives by the parts' vectors.

    Only events of positive `weight` (m,), by default all, are heard.
    """
    roll = record.roll
    seen = seen_displacement(record, parts.displacement)
    found = triggered_intensity(
        roll.t,
        record.x[roll.event],
        record.y[roll.event],
        productivity=roll.share if weight is None else roll.share * weight[roll.event],
        lag=parts.lag,
        displacement=seen.density,
        derivatives=slopes,
        workers=record.workers,
    )
    sums = roll.averaged(found.intensity)
    slopes_of = [roll.averaged(row) for row in found.derivatives] if slopes else []
    rows = np.stack([sums, *slopes_of])
    if roll.astray is not None:
        factor = None if weight is None else weight[roll.astray.source]
        rows += _put_right(record, parts.lag, seen.density, factor)[: len(rows)]
        rows[0] = np.maximum(rows[0], 0.0)
    if not slopes:
        return rows[0] * seen.scale, np.empty((0, record.n))
    return rows[0] * seen.scale, seen.rows(len(parts.lag.names), rows[0], rows[1:])


def recorded_offspring(record: Record, parts: Parts, share: FloatArray) -> FloatArray:
    """Sum over later events of `share` (n,) times the density of being triggered by each; (m,)."""
    roll = record.roll
    seen = seen_displacement(record, parts.displacement)
    heard = offspring_totals(
        roll.t,
        record.x[roll.event],
        record.y[roll.event],
        weights=roll.spread(share),
        lag=parts.lag,
        displacement=seen.density,
        workers=record.workers,
    )
    total = np.bincount(roll.event, roll.share * heard, record.t.size)
    if roll.astray is not None:
        astray = roll.astray
        amount = astray.total(parts.lag.value(astray.lag)) * seen.density.value(astray.distance)
        padded = np.concatenate([np.zeros(record.first), share])
        other = astray.source != astray.heard_by
        gained = padded[astray.source] * other - padded[astray.heard_by]
        total += np.bincount(astray.source, amount * gained, record.t.size)
    return total * seen.scale


def _put_right(record: Record, lag: Lag, seen: Displacement, weight: FloatArray | None):
    """What the window's sums change by, and their derivatives, for events of uncertain order."""
    astray = record.roll.astray
    g, h = astray.total(lag.value(astray.lag)), seen.value(astray.distance)
    rows = [g * h]
    rows += [astray.total(row) * h for row in lag.value_derivatives(astray.lag)]
    rows += [g * row for row in seen.value_derivatives(astray.distance)]
    if weight is not None:
        rows = [row * weight for row in rows]
    return np.stack([astray.moved(row, record.t.size)[record.first :] for row in rows])


@dataclass(frozen=True)
class Seen:
    """A displacement as places show it.

    Attributes
    ----------
    density : Displacement
        Between the places as they are known.
    scale : float
        What the density is multiplied by.
    by_log_sd, scale_by_log_sd : float
        Derivatives of the logarithms of the density's sd, and of the scale, by that of the true sd.
    """

    density: Displacement
    scale: float = 1.0
    by_log_sd: float = 1.0
    scale_by_log_sd: float = 0.0

    def rows(self, lag_names: int, sums: FloatArray, slopes: FloatArray) -> FloatArray:
        """Sums, and derivatives by the vectors, of the density become those of what is seen."""
        moved = slopes.copy()
        if self.scale_by_log_sd or self.by_log_sd != 1.0:
            moved[lag_names] = moved[lag_names] * self.by_log_sd + sums * self.scale_by_log_sd
        return moved * self.scale


def seen_displacement(record: Record, displacement: Displacement) -> Seen:
    r"""The displacement between squares of side a, if that is all that places tell.

    Two places known only to a square differ by an error of variance a² / 6 along each axis: the
    density between centres is, but for its shape, the mean over both squares. It is divided by
    its sum over the lattice of squares, which by Poisson's formula is

    .. math:: \Bigl( 1 + 2 \sum_{m > 0} e^{-2 \pi^2 m^2 s^2 / a^2} \Bigr)^2, \qquad
       s^2 = \sigma^2 + a^2 / 6

    and 1.15 at worst, so that no more is triggered between squares than between places.
    """
    side = record.place_cell
    if side == 0 or not isinstance(displacement, GaussianDisplacement):
        return Seen(displacement)
    sd = float(np.hypot(displacement.sd, side / np.sqrt(6)))
    by_log_sd = (displacement.sd / sd) ** 2
    m = np.arange(1.0, 4.0)
    powers = -2 * (np.pi * m * sd / side) ** 2
    whole = 1 + 2 * np.exp(powers).sum()
    growth = 2 * (2 * np.exp(powers) * 2 * powers).sum() / whole  # of the log of the square
    return Seen(GaussianDisplacement(sd), whole**-2, by_log_sd, -growth * by_log_sd)


def expected_per_productivity(
    record: Record, parts: Parts, weights: list[FloatArray]
) -> tuple[FloatArray, list[FloatArray], FloatArray]:
    """Expected triggered events of the window for a productivity of 1.

    Returns
    -------
    expected : (M,) float64
        From the events of each offence.
    slopes : list of M (p,) float64
        Derivatives by the vectors of lag and displacement.
    by_event : (m,) float64
        From each event, but for its marks.
    """
    share, lag_slopes = window_share(record, parts)
    mass, mass_slopes = record.mass.at(parts.displacement)
    by_event = share * mass
    slopes = [
        np.concatenate([summed(lag_slopes, weight * mass), summed(mass_slopes, weight * share)])
        for weight in weights
    ]
    return np.array([summed(weight, by_event) for weight in weights]), slopes, by_event


def window_share(record: Record, parts: Parts) -> tuple[FloatArray, FloatArray]:
    """Share of what each event triggers that comes in the window; by the lag's vector too."""
    t, _, _ = record.roll.sources()
    until = record.end - t - record.shortest_lag
    weight, slopes = parts.lag.integral(until), parts.lag.integral_derivatives(until)
    history = t < 0
    before = -t[history] - record.shortest_lag
    weight[history] -= parts.lag.integral(before)
    slopes[:, history] -= parts.lag.integral_derivatives(before)
    back = record.roll.by_event
    return back(weight), np.stack([back(row) for row in slopes])


def arrived_by(lag: Lag, begin: FloatArray, weight: FloatArray, until: FloatArray) -> FloatArray:
    r"""How much of what begins at given times has come by others,
    :math:`\sum_j w_j G(u - b_j)`; ascending times, days.

    O(n) for an exponential lag, which forgets; O(n²) for others.
    """
    if isinstance(lag, ExponentialLag):
        so_far = np.concatenate([[0.0], np.cumsum(weight)])
        so_far = so_far[np.searchsorted(begin, until, side="left")]
        return so_far - faded_sums(begin, weight, until, lag.rate)
    rows = max(1, _AT_ONCE // max(begin.size, 1))
    found = [
        lag.integral(some[:, None] - begin) @ weight
        for some in np.array_split(until, max(1, -(-until.size // rows)))
    ]
    return np.concatenate(found) if found else np.empty(0)
