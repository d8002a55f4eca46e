"""Who is heard and who hears, in order of time: rows that the sums over earlier events run over.

Mostly a row is an event. Where there is a shortest lag, each event of the window hears from a
second row, that much earlier. Where an event is known only to an interval, it stands in several
rows at times spread evenly over the interval: it triggers with an equal share from each, and its
own intensity is the mean over them, which is the likelihood of an event somewhere in the interval.
What it would thereby trigger of itself is listed, to be taken off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hotspot._typing import FloatArray, IntArray

_STEP = 0.125  # days between the times that stand for an interval
_MOST_TIMES = 16


@dataclass(frozen=True, eq=False)
class Roll:
    """Rows in order of time.

    Attributes
    ----------
    t : (r,) float64
        Days since the window began.
    event : (r,) int64
        Which event each row is of.
    share : (r,) float64
        Of the event's productivity; 0 for a row that only hears.
    hears : (l,) int64
        Rows that hear.
    owner : (l,) int64 or None
        Which event of the window each of them hears for; None where they are the window's
        events in order.
    part : (l,) float64
        Its share in the mean.
    own_event, own_lag, own_share : (p,)
        Pairs of rows of one event where one would trigger the other: the event, the lag from the
        shortest on, and the product of their shares.
    """

    t: FloatArray
    event: IntArray
    share: FloatArray
    hears: IntArray
    owner: IntArray | None
    part: FloatArray
    own_event: IntArray
    own_lag: FloatArray
    own_share: FloatArray
    first: int
    n: int

    def averaged(self, values: FloatArray) -> FloatArray:
        """Mean over what each event of the window hears; from (r,) to (n,)."""
        if self.owner is None:
            return values[self.hears]
        return np.bincount(self.owner, self.part * values[self.hears], self.n)

    def spread(self, values: FloatArray) -> FloatArray:
        """The transpose of :meth:`averaged`; from (n,) to (r,)."""
        out = np.zeros(self.t.size)
        out[self.hears] = values if self.owner is None else self.part * values[self.owner]
        return out

    def own_total(self, values: FloatArray) -> FloatArray:
        """Sum over each window event's pairs with itself; from (p,) to (n,)."""
        return np.bincount(self.own_event - self.first, values, self.n)

    def sources(self) -> tuple[FloatArray, IntArray, FloatArray]:
        """When events trigger: times in order, which event, and its share; (s,) each."""
        if self.t.size == self.share.sum():  # every row an event
            return self.t, self.event, self.share
        heard = self.share > 0
        return self.t[heard], self.event[heard], self.share[heard]

    def by_event(self, values: FloatArray) -> FloatArray:
        """Sum over the times at which each event triggers, by its share; from (s,) to (m,)."""
        _, event, share = self.sources()
        if event.size == self.n + self.first:
            return values
        return np.bincount(event, share * values, self.n + self.first)


def rolled(t: FloatArray, earliest: FloatArray | None, *, first: int, shortest_lag: float) -> Roll:
    """Rows for events at `t`, or somewhere from `earliest` to `t`; the window's from `first` on."""
    everyone = np.arange(t.size)
    none = np.empty(0)
    if earliest is None and shortest_lag == 0:
        window = everyone[first:]
        return Roll(
            t=t,
            event=everyone,
            share=np.ones(t.size),
            hears=window,
            owner=None,
            part=np.ones(window.size),
            own_event=np.empty(0, np.int64),
            own_lag=none,
            own_share=none,
            first=first,
            n=window.size,
        )
    event, times, share = _placed(t, earliest, first)
    hearing = event >= first
    both = np.concatenate([times, times[hearing] - shortest_lag])
    order = np.argsort(both, kind="stable")
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    own_event, own_lag, own_share = _own_pairs(event, times, share, first, shortest_lag)
    return Roll(
        t=both[order],
        event=np.concatenate([event, event[hearing]])[order],
        share=np.concatenate([share, np.zeros(hearing.sum())])[order],
        hears=place[times.size :],
        owner=None if earliest is None else event[hearing] - first,
        part=share[hearing],
        own_event=own_event,
        own_lag=own_lag,
        own_share=own_share,
        first=first,
        n=t.size - first,
    )


def _placed(t, earliest, first) -> tuple[IntArray, FloatArray, FloatArray]:
    """Events repeated over the times that stand for them: which, when, with what share."""
    if earliest is None:
        return np.arange(t.size), t, np.ones(t.size)
    begin = np.minimum(earliest, t)
    begin[first:] = np.maximum(begin[first:], 0.0)  # an interval is cut to the window
    count = np.clip(np.ceil((t - begin) / _STEP), 1, _MOST_TIMES).astype(np.int64)
    event = np.repeat(np.arange(t.size), count)
    k = np.arange(event.size) - np.repeat(np.cumsum(count) - count, count)
    share = 1.0 / count[event]
    return event, begin[event] + (k + 0.5) * share * (t - begin)[event], share


def _own_pairs(event, times, share, first, shortest_lag):
    """Pairs of rows of one window event whose lag is above the shortest."""
    found = [], [], []
    rows = np.arange(event.size)
    for apart in range(1, _MOST_TIMES):
        earlier = rows[: max(rows.size - apart, 0)]
        later = earlier + apart
        lag = times[later] - times[earlier] - shortest_lag
        same = event[later] == event[earlier]
        if not same.any():
            break
        own = same & (event[later] >= first) & (lag > 0)
        for values, one in zip(
            found, (event[later], lag, share[later] * share[earlier]), strict=True
        ):
            values.append(one[own])
    return tuple(
        np.concatenate(values) if values else np.empty(0, kind)
        for values, kind in zip(found, (np.int64, float, float), strict=True)
    )
