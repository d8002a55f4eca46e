"""What a fit expects from its cut-off on, and what it simulates: as arrays, for any offences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray
from hotspot.grid.cells import Grid
from hotspot.models.backgrounds.base import LaidBackground
from hotspot.models.parts.lag import ExponentialLag
from hotspot.models.self_exciting.climb import Estimate
from hotspot.models.self_exciting.families import excess_variance
from hotspot.models.self_exciting.futures import (
    Stretches,
    future_counts,
    redraw,
    require_ending,
    root_of,
)
from hotspot.models.self_exciting.history import Later, Sources, sources_of, together
from hotspot.models.self_exciting.likelihood import Parts, Record
from hotspot.models.self_exciting.moments import (
    Past,
    direct_by_step,
    echo_of,
    expected_by_step,
    offspring_matrix,
    spectral_radius,
    step_edges,
)

_DIFFERENCE = 0.05  # of a standard error, for the parameters' part of the variance
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, eq=False)
class Outlook:
    """All that a forecast needs of a fit.

    Attributes
    ----------
    grid : Grid
    cutoff : Timestamp
        Nothing recorded at or after it is known.
    start : Timestamp
        The begin of the fit's window, from which the record counts its days.
    estimate : Estimate
    backgrounds : tuple of LaidBackground
        One for each of the M offences.
    record : Record
        What was fitted.
    later : Later or None
        What was recorded between the fit and the cut-off.
    """

    grid: Grid
    cutoff: pd.Timestamp
    start: pd.Timestamp
    estimate: Estimate
    backgrounds: tuple[LaidBackground, ...]
    record: Record
    later: Later | None = None

    def expected(self, periods: pd.IntervalIndex) -> tuple[FloatArray, FloatArray]:
        """Expected counts, and the background's part of them; (M, p, ny, nx) each."""
        total, background, _, _ = self._expected(periods, self.estimate.parts)
        return np.maximum(total, background), background

    def background(self, periods: pd.IntervalIndex) -> FloatArray:
        """Expected background events; (M, p, ny, nx)."""
        return self._background(periods.left, periods.right, self.estimate.parts)

    def variance(self, periods: pd.IntervalIndex) -> FloatArray:
        """Variance of the counts: chance, families, uncertain parameters; (M, p, ny, nx)."""
        parts = self.estimate.parts
        mean, _, by_step, edges = self._expected(periods, parts)
        variance = mean + excess_variance(
            self.grid,
            parts,
            edges,
            by_step,
            past=self._past(parts),
            periods=list(zip(*self._days(periods), strict=True)),
        )
        for direction in root_of(self.estimate.covariance).T:
            if not direction.any():
                continue
            up, down = (
                self._expected(periods, parts.with_vector(parts.vector + s * direction))[0]
                for s in (_DIFFERENCE, -_DIFFERENCE)
            )
            variance += ((up - down) / (2 * _DIFFERENCE)) ** 2
        return variance

    def simulated(
        self, periods: pd.IntervalIndex, *, size: int, rng: np.random.Generator
    ) -> FloatArray:
        """Counts of simulated futures; (size, M, p, cells) float32."""
        drawn = redraw(
            self.estimate.parts, self.estimate.covariance, ratio=self._ratio, size=size, rng=rng
        )
        return future_counts(
            self.grid,
            [(parts, self._past(parts)) for parts in drawn],
            self._stretches(periods),
            periods=self._days(periods),
            rng=rng,
            workers=self.record.workers,
        )

    def moved(self, cutoff: pd.Timestamp, fresh: Later) -> Outlook:
        """The same from a later cut-off, with what was recorded between the two."""
        later = fresh if self.later is None else self.later.and_then(fresh)
        found = replace(self, cutoff=cutoff, later=later)
        parts = self.estimate.parts
        if not isinstance(parts.lag, ExponentialLag):
            return found
        # What is left of the echo, and what began since: of the new events some began before.
        known = self._sources(parts, after=self._begun, until=found._begun)
        new = sources_of(fresh, parts.marks, self.record.shortest_lag)
        begun = together([known, new.between(-np.inf, found._begun)])
        began = begun.seen_from(found._now, self.record, parts.marks)
        left = np.exp(-parts.lag.rate * (found._now - self._now))
        echo = left * self._echo + echo_of(self.grid, began, parts)
        return replace(found, later=replace(later, echo=echo))

    @property
    def _now(self) -> float:
        return (self.cutoff - self.start) / _DAY

    @property
    def _begun(self) -> float:
        """Events up to here have begun to trigger; days since the window began."""
        return self._now - self.record.shortest_lag

    def _sources(self, parts: Parts, *, after: float = -np.inf, until: float = np.inf) -> Sources:
        shortest = self.record.shortest_lag
        known = [self.record] if self.later is None else [self.record, self.later]
        found = [sources_of(events, parts.marks, shortest) for events in known]
        return together([one.between(after, until) for one in found])

    def _past(self, parts: Parts) -> Past:
        """All that was recorded, marks weighed by these parameters."""
        if self.record.design is None:
            return self._unmarked
        return self._sources(parts).seen_from(self._now, self.record, parts.marks)

    @cached_property
    def _unmarked(self) -> Past:
        parts = self.estimate.parts
        return self._sources(parts).seen_from(self._now, self.record, parts.marks)

    @cached_property
    def _echo(self) -> FloatArray:
        """With an exponential lag, what events that have begun still trigger."""
        if self.later is not None and self.later.echo is not None:
            return self.later.echo
        parts = self.estimate.parts
        begun = self._sources(parts, until=self._begun)
        return echo_of(self.grid, begun.seen_from(self._now, self.record, parts.marks), parts)

    def _ratio(self, parts: Parts) -> float:
        return spectral_radius(offspring_matrix(parts, self._past(parts)))

    def _expected(
        self, periods: pd.IntervalIndex, parts: Parts
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Expected counts by period, the background's, by step, and the steps' edges."""
        begin, end = self._days(periods)
        edges = step_edges(begin, end, parts.lag)
        stamps = self._stamps(edges)
        background = self._background(stamps[:-1], stamps[1:], parts)
        if parts is self.estimate.parts and isinstance(parts.lag, ExponentialLag):
            waiting = self._sources(parts, after=self._begun)
            past = waiting.seen_from(self._now, self.record, parts.marks)
            direct = direct_by_step(self.grid, past, parts, edges, echo=self._echo)
        else:
            past, direct = self._past(parts), None
        if parts is self.estimate.parts:
            require_ending(spectral_radius(offspring_matrix(parts, past)))
        by_step = expected_by_step(self.grid, past, parts, edges, background, direct=direct)
        middle = 0.5 * (edges[:-1] + edges[1:])
        inside = (middle > begin[:, None]) & (middle < end[:, None])
        total, ours = (
            np.einsum("pm,omyx->opyx", inside.astype(float), one) for one in (by_step, background)
        )
        return total, ours, by_step, edges

    def _background(self, begin, end, parts: Parts) -> FloatArray:
        """Expected background events between instants; (M, k, ny, nx)."""
        rates = np.atleast_1d(parts.background_rate)
        return np.stack([
            rate * laid.cell_days(begin, end)
            for rate, laid in zip(rates, self.backgrounds, strict=True)
        ])  # fmt: skip

    def _stretches(self, periods: pd.IntervalIndex) -> Stretches:
        edges = np.concatenate([[0.0], *self._days(periods)])
        last = self._stamps(edges[-1:])[0]
        jumps = [(laid.breaks(self.cutoff, last) - self.cutoff) / _DAY for laid in self.backgrounds]
        edges = np.unique(np.concatenate([edges, *(jump.to_numpy(float) for jump in jumps)]))
        stamps = self._stamps(edges)
        if any(laid.map_moves for laid in self.backgrounds):
            maps = np.stack([laid.cell_days(stamps[:-1], stamps[1:]) for laid in self.backgrounds])
            days = maps.sum(axis=(2, 3))
            return Stretches(edges, days, maps)
        days = np.stack([laid.days(stamps[:-1], stamps[1:]) for laid in self.backgrounds])
        return Stretches(edges, days, np.stack([one.cell_share[None] for one in self.backgrounds]))

    def _stamps(self, days: FloatArray) -> pd.DatetimeIndex:
        return self.cutoff + pd.to_timedelta(days, unit="D")

    def _days(self, periods: pd.IntervalIndex) -> tuple[FloatArray, FloatArray]:
        """Begin and end of each period; days after the cut-off."""
        return tuple(
            ((edge - self.cutoff) / _DAY).to_numpy(float) for edge in (periods.left, periods.right)
        )
