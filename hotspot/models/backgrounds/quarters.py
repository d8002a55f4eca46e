"""A window cut into quarters of an hour, each of which belongs to one local hour and one date."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray, IntArray

_DAY = pd.Timedelta(days=1)
# Every zone's offset from UTC, in this century, is a multiple of a quarter of an hour, so quarters
# of UTC never straddle a local hour.
QUARTER = pd.Timedelta(minutes=15)


@dataclass(frozen=True, eq=False)
class Quarters:
    """Quarters of an hour of a window.

    Attributes
    ----------
    edges : (q + 1,) float64
        Days since the window began; the first and last quarter may be cut by it.
    date, hour : (q,) int64
        Number of each quarter's local date, and its local hour.
    dates : DatetimeIndex (d,)
        Local dates, without a zone.
    """

    edges: FloatArray
    date: IntArray
    hour: IntArray
    dates: pd.DatetimeIndex

    @classmethod
    def of(cls, start: pd.Timestamp, end: pd.Timestamp, time_zone: str) -> Quarters:
        """Cut the window [start, end)."""
        edges = quarters(start, end)
        local = edges[:-1].tz_convert(time_zone)
        date, dates = pd.factorize(local.tz_localize(None).normalize())
        days = np.clip(days_after(edges, start), 0.0, (end - start) / _DAY)
        return cls(days, date, local.hour.to_numpy(np.int64), dates)

    @property
    def exposure(self) -> FloatArray:
        """How much of each local hour of each date the window holds; days, (d, 24)."""
        found = np.zeros((len(self.dates), 24))
        np.add.at(found, (self.date, self.hour), np.diff(self.edges))
        return found

    def counts(
        self, earliest: FloatArray, latest: FloatArray, chance: FloatArray, rate: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        r"""How many events each date and each hour is expected to hold.

        An event that is known to an interval only is shared out over it in proportion to the rate,

        .. math:: E[n_q] = \sum_i p_i
           \frac{\int_{q \cap [a_i, b_i]} \nu}{\int_{a_i}^{b_i} \nu}

        Parameters
        ----------
        earliest, latest : (n,) float64
            a and b, days since the window began; alike where the time is known.
        chance : (n,) float64
            p.
        rate : (q,) float64
            ν in each quarter.

        Returns
        -------
        of_date, of_hour : (d,), (24,) float64

        Notes
        -----
        O(n log n + q), however long intervals are.
        """
        earliest = np.maximum(earliest, 0.0)
        so_far = np.concatenate([[0.0], np.cumsum(rate * np.diff(self.edges))])
        mass = np.interp(latest, self.edges, so_far) - np.interp(earliest, self.edges, so_far)
        known = mass <= 0
        where = np.searchsorted(self.edges, latest[known], side="right") - 1
        found = np.zeros(rate.size)
        np.add.at(found, np.clip(where, 0, rate.size - 1), chance[known])
        if not known.all():
            weight = chance[~known] / mass[~known]
            covered = self._since(earliest[~known], weight) - self._since(latest[~known], weight)
            found += np.diff(covered) * rate
        return (
            np.bincount(self.date, found, len(self.dates)),
            np.bincount(self.hour, found, 24),
        )

    def _since(self, begin: FloatArray, weight: FloatArray) -> FloatArray:
        """Sum of weight x time since each begin, at the edges."""
        order = np.argsort(begin)
        begin, weight = begin[order], weight[order]
        n = np.searchsorted(begin, self.edges)
        total = np.concatenate([[0.0], np.cumsum(weight)])[n]
        return self.edges * total - np.concatenate([[0.0], np.cumsum(weight * begin)])[n]


def quarters(start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
    """Edges of the quarters of an hour of UTC that `start` and `end` lie in; at least one."""
    first = start.tz_convert("UTC").floor(QUARTER)
    last = max(end.tz_convert("UTC").ceil(QUARTER), first + QUARTER)
    return pd.date_range(first, last, freq=QUARTER)


def days_after(stamps: pd.DatetimeIndex, origin: pd.Timestamp) -> FloatArray:
    """Days of 24 hours from `origin`; (n,)."""
    return np.asarray((stamps - origin) / _DAY, float)
