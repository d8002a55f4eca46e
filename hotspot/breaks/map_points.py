r"""Months in which a source began to use other map points.

Of each month's offences, a share lies on points that no other month of the year up to it has used.
If the list of points stayed as it was, the last month of these is like the others. If it is
another, most of its offences lie on points that are new. With u the shares, n the offences, and p
the mean of u over the months before,

.. math:: z_t = \frac{2 \arcsin \sqrt{u_t} - 2 \arcsin \sqrt{p}}{\sqrt{1/n_t + 1/\sum_{j<t} n_j}},

held against the spread that z has in the rest of the record: offences that repeat at one point, and
places that slowly change, make it wider than 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hotspot._typing import FloatArray, IntArray

_YEAR = 12
_FEWEST_BEFORE = 3  # months with which a month is compared at least
_LEAST = 0.1  # a rise of the share by less leaves the counts of cells as they were
_MAD = 1.4826  # median absolute deviations in a standard deviation of normal draws


@dataclass(frozen=True)
class PointChange:
    """A month from which other points are used.

    Attributes
    ----------
    row : int
        Of the months.
    share, expected : float
        Of the month's offences on points that the months before had not used; what is usual.
    size, lower, upper : float
        Their difference, with its 95 % interval.
    jaccard : float
        Points used both in the year before and in the year after, over those used in either.
    p_value : float
        Chance of one as sure as this anywhere in an unbroken record, at most.
    """

    row: int
    share: float
    expected: float
    size: float
    lower: float
    upper: float
    jaccard: float
    p_value: float


def point_changes(
    point: IntArray, month: IntArray, n_months: int, *, false_alarms: float
) -> list[PointChange]:
    """Months from which other points are used, ascending.

    Parameters
    ----------
    point, month : (events,) int64
        Number of the point of each event, and of its month.
    n_months : int
    false_alarms : float
        Highest chance of finding a change in a record without one.

    Notes
    -----
    The surest change splits the record in two, in which further ones are looked for (binary
    segmentation). Time is O(n log n) for n events, and a dozen looks at each.
    """
    used = _Used.of(point, month, n_months)
    return sorted(_changes_within(used, 0, n_months, false_alarms), key=lambda one: one.row)


def _changes_within(used: _Used, begin: int, end: int, false_alarms: float) -> list[PointChange]:
    """Changes in the months from begin on and before end."""
    from scipy.stats import t as student

    rows = np.arange(begin + _FEWEST_BEFORE, end)
    looks = [used.compared(row, begin) for row in rows]
    rows = rows[[look is not None for look in looks]]
    if rows.size == 0:
        return []
    share, expected, z, error = np.array([look for look in looks if look is not None]).T
    large = share - expected >= _LEAST
    if not large.any():
        return []
    best = int(np.where(large, z, -np.inf).argmax())
    # The year after a change is odd as well: its months are compared with those before it.
    apart = (rows < rows[best]) | (rows >= rows[best] + _YEAR)
    others = z[apart]
    spread = max(1.0, _MAD * np.median(np.abs(others)) if others.size else 1.0)
    tail = student.sf(z[best] / spread, max(others.size - 1, 1))
    p_value = min(1.0, float(tail) * used.n_months)
    if p_value > false_alarms:
        return []
    reach = 1.96 * spread * error[best]
    row, size = int(rows[best]), float(share[best] - expected[best])
    change = PointChange(
        row=row,
        share=float(share[best]),
        expected=float(expected[best]),
        size=size,
        lower=size - float(reach),
        upper=size + float(reach),
        jaccard=used.jaccard(row),
        p_value=p_value,
    )
    before = _changes_within(used, begin, row, false_alarms)
    return [*before, change, *_changes_within(used, row, end, false_alarms)]


@dataclass(frozen=True, eq=False)
class _Used:
    """Each point's use in each month: how often, and when it was used before and after."""

    point: IntArray
    count: IntArray
    before: IntArray  # month of the use before this one, -1 for none
    after: IntArray  # month of the next use, n_months for none
    edges: IntArray  # where each month's uses begin; (n_months + 1,)

    @staticmethod
    def of(point: IntArray, month: IntArray, n_months: int) -> _Used:
        n_points = int(point.max(initial=0)) + 1
        pair, count = np.unique(month * n_points + point, return_counts=True)
        month, point = np.divmod(pair, n_points)
        order = np.lexsort((month, point))
        again = np.flatnonzero(point[order][1:] == point[order][:-1])
        before, after = np.full(pair.size, -1), np.full(pair.size, n_months)
        before[order[again + 1]] = month[order[again]]
        after[order[again]] = month[order[again + 1]]
        edges = np.searchsorted(month, np.arange(n_months + 1))
        return _Used(point, count, before, after, edges)

    @property
    def n_months(self) -> int:
        return self.edges.size - 1

    def compared(self, row: int, begin: int) -> tuple[float, float, float, float] | None:
        """Share of a month's offences on points of its own, the usual one, z, and the error."""
        first = max(begin, row - _YEAR)
        edges = self.edges[first : row + 2]
        span = slice(edges[0], edges[-1])
        count = self.count[span]
        alone = count * ((self.before[span] < first) & (self.after[span] > row))
        number, alone = (_sums(each, edges - edges[0]) for each in (count, alone))
        # A month without an offence was not published, or says nothing of points.
        if number[-1] == 0 or (number[:-1] > 0).sum() < _FEWEST_BEFORE:
            return None
        before = number[:-1].sum()
        share, usual = alone[-1] / number[-1], alone[:-1].sum() / before
        chance = np.sqrt(1 / number[-1] + 1 / before)
        z = 2 * (np.arcsin(np.sqrt(share)) - np.arcsin(np.sqrt(usual))) / chance
        error = np.sqrt(share * (1 - share) / number[-1] + usual * (1 - usual) / before)
        return share, usual, z, error

    def jaccard(self, row: int) -> float:
        """Points used in the year before and after, over those in either."""
        low, high = max(row - _YEAR, 0), min(row + _YEAR, self.n_months)
        before, after = (
            np.unique(self.point[self.edges[first] : self.edges[last]])
            for first, last in ((low, row), (row, high))
        )
        both = np.intersect1d(before, after, assume_unique=True).size
        return both / (before.size + after.size - both)


def _sums(values: IntArray, edges: IntArray) -> FloatArray:
    """Sums of the stretches between edges, some of which may be empty."""
    total = np.concatenate([[0], np.cumsum(values)])
    return np.diff(total[edges]).astype(float)
