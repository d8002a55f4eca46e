"""Who is heard and who hears, in order of time: rows that the sums over earlier events run over.

Mostly a row is an event. Where there is a shortest lag, each event of the window hears from a
second row, that much earlier. Where an event is known only to an interval, it stands in several
rows at times spread evenly over the interval: it triggers with an equal share from each, and its
own intensity is the mean over them, which is the likelihood of an event somewhere in the interval.

Two things are put right afterwards, pair by pair. An event would trigger itself. And where two
intervals overlap, each would trigger the other, and the product of the two intensities hold that
they did so at once. Either may have come first, but one of them did: what the one with the later
end would trigger of the other is moved to its own intensity. Near each other they share a
background, and then the product is that of the two orders, added up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hotspot._typing import FloatArray, IntArray

_STEP = 0.125  # days between the times that stand for an interval
_MOST_TIMES = 16
_NEAR = 3000.0  # metres; events farther apart hardly trigger one another


@dataclass(frozen=True, eq=False)
class Astray:
    """Pairs of events that the rows let trigger against their order.

    Attributes
    ----------
    heard_by, source : (p,) int64
        Which event hears which; the same for an event that hears itself.
    distance : (p,) float64
        Metres.
    pair : (k,) int64
        To which of the p pairs each pair of rows belongs.
    lag, share : (k,) float64
        Its lag, from the shortest on, and the product of the rows' shares.
    """

    heard_by: IntArray
    source: IntArray
    distance: FloatArray
    pair: IntArray
    lag: FloatArray
    share: FloatArray

    def total(self, per_row: FloatArray) -> FloatArray:
        """Sum over the pairs of rows of each pair, by their shares; from (k,) to (p,)."""
        return np.bincount(self.pair, self.share * per_row, self.heard_by.size)

    def moved(self, amount: FloatArray, size: int) -> FloatArray:
        """What each event's sum changes by when `amount` (p,) goes to its source; (size,)."""
        other = self.source != self.heard_by
        change = np.bincount(self.source, amount * other, size)
        return change - np.bincount(self.heard_by, amount, size)


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
    astray : Astray or None
        What is put right; None where times are known.
    first, n : int
        Events before the window, and in it.
    """

    t: FloatArray
    event: IntArray
    share: FloatArray
    hears: IntArray
    owner: IntArray | None
    part: FloatArray
    astray: Astray | None
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


def rolled(
    t: FloatArray,
    earliest: FloatArray | None,
    points: FloatArray,
    *,
    first: int,
    shortest_lag: float,
) -> Roll:
    """Rows for events at `t`, or somewhere from `earliest` to `t`; the window's from `first` on.

    Parameters
    ----------
    t : (m,) float64
        Ascending; days.
    earliest : (m,) float64 or None
    points : (m, 2) float64
        Metres.
    first : int
    shortest_lag : float
        Days.
    """
    everyone = np.arange(t.size)
    if earliest is None and shortest_lag == 0:
        window = everyone[first:]
        even = np.ones(t.size)
        return Roll(t, everyone, even, window, None, even[first:], None, first, window.size)
    rows = _Rows.of(t, earliest, first)
    hearing = rows.event >= first
    both = np.concatenate([rows.t, rows.t[hearing] - shortest_lag])
    order = np.argsort(both, kind="stable")
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    exact = earliest is None
    return Roll(
        t=both[order],
        event=np.concatenate([rows.event, rows.event[hearing]])[order],
        share=np.concatenate([rows.share, np.zeros(hearing.sum())])[order],
        hears=place[rows.t.size :],
        owner=None if exact else rows.event[hearing] - first,
        part=rows.share[hearing],
        astray=None if exact else _astray(rows, t, points, first, shortest_lag),
        first=first,
        n=t.size - first,
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Events repeated over the times that stand for them."""

    t: FloatArray
    event: IntArray
    share: FloatArray
    begin: FloatArray  # (m,) of each event's interval
    count: IntArray  # (m,) rows of each event

    @classmethod
    def of(cls, t: FloatArray, earliest: FloatArray | None, first: int) -> _Rows:
        begin = np.minimum(t if earliest is None else earliest, t)
        begin[first:] = np.maximum(begin[first:], 0.0)  # an interval is cut to the window
        count = np.clip(np.ceil((t - begin) / _STEP), 1, _MOST_TIMES).astype(np.int64)
        if earliest is None:
            count[:] = 1
        event = np.repeat(np.arange(t.size), count)
        k = np.arange(event.size) - np.repeat(np.cumsum(count) - count, count)
        share = 1.0 / count[event]
        return cls(
            begin[event] + (k + 0.5) * share * (t - begin)[event], event, share, begin, count
        )


def _astray(
    rows: _Rows, t: FloatArray, points: FloatArray, first: int, shortest_lag: float
) -> Astray:
    """Events of the window that hear themselves, or one with a later end and an earlier begin."""
    window = np.arange(first, t.size)
    pairs = [np.stack([window, window])]
    longest = (t - rows.begin).max(initial=0.0)
    for apart in range(1, window.size):
        early, late = window[:-apart], window[apart:]
        if (t[late] - t[early]).min() >= longest:
            break
        overlap = rows.begin[late] + shortest_lag < t[early]
        overlap &= np.abs(points[late] - points[early]).max(axis=1) < _NEAR
        pairs.append(np.stack([early[overlap], late[overlap]]))
    early, late = np.concatenate(pairs, axis=1)
    # Each row of the one with each row of the other.
    many = rows.count[early] * rows.count[late]
    pair = np.repeat(np.arange(many.size), many)
    k = np.arange(pair.size) - np.repeat(np.cumsum(many) - many, many)
    one, other = np.divmod(k, rows.count[late][pair])
    begins = np.cumsum(rows.count) - rows.count
    one, other = begins[early][pair] + one, begins[late][pair] + other
    lag = rows.t[one] - rows.t[other] - shortest_lag
    kept = lag > 0
    return Astray(
        heard_by=early,
        source=late,
        distance=np.hypot(*(points[early] - points[late]).T),
        pair=pair[kept],
        lag=lag[kept],
        share=(rows.share[one] * rows.share[other])[kept],
    )
