r"""What there is in each cell to be recorded at: map points where places are snapped, else area.

A source that snaps places to a list of map points can record nothing where there is no point, and
the more points a cell has the more it records. The list is not published; the points used so far
are known. To those of each cell is added what another year may bring to light, spread by area,

.. math:: e_c = n_c + n^\text{new} \frac{a_c}{\sum_c a_c},

with n the points used so far and n^new those first used in the last 12 months.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray, IntArray
from hotspot.data.snap_points import factorized
from hotspot.models.endemic_epidemic.month_counts import MonthCounts

_REFRESH = 12  # months between looks at the list
_BEFORE = 3  # months with which a month's share of new points is compared
_JUMP = 2.0  # by what factor, and
_SURE = 8.0  # by how many standard deviations it must rise for a new list


@dataclass(frozen=True, eq=False)
class Exposure:
    """Exposure of each unit, as it was known at the time.

    Attributes
    ----------
    kind : {"map points", "area"}
    monthly : (months + 1, units) float32
        Map points, or areas relative to the mean, known before each month of the record; the last
        row is known at the cut-off. All positive.
    yearly : (versions, units) float64
        The same every 12 months back from the cut-off.
    version : (months,) int64
        The latest of `yearly` that was known when each month of the record had ended.
    new_list_at : int or None
        The month from which points are of another list; None if there is but one.
    """

    kind: str
    monthly: np.ndarray
    yearly: FloatArray
    version: IntArray
    new_list_at: int | None = None


def area_exposure(past: MonthCounts, area: FloatArray) -> Exposure:
    """The area of each cell inside the region, relative to the mean."""
    area = area.ravel()[past.cells]
    relative = (area / area.mean())[None]
    monthly = np.broadcast_to(relative.astype(np.float32), (len(past.months) + 1, area.size))
    return Exposure("area", monthly, relative, np.zeros(len(past.months), np.int64))


def map_point_exposure(past: MonthCounts, area: FloatArray) -> Exposure:
    """Map points of each cell, as they were known every 12 months back from the cut-off.

    Parameters
    ----------
    past : MonthCounts
    area : (ny, nx) float64
        Of each cell inside the region.
    """
    point, _ = factorized(past.x + 1j * past.y)
    share, number = new_point_share(point, past.month, len(past.months))
    changed = new_list(share, number)
    begin = changed or 0
    later = past.month >= begin
    first = np.full(point.max() + 1, len(past.months))
    np.minimum.at(first, point[later], past.month[later])
    unit = np.zeros(first.size, np.int64)
    unit[point] = past.unit
    area = area.ravel()[past.cells]
    monthly = _known_before(first, unit, len(past.months), area)
    looks = np.arange(len(past.months), begin, -_REFRESH)[::-1]
    ended = np.arange(1, len(past.months) + 1)
    version = np.maximum(np.searchsorted(looks, ended, side="right") - 1, 0)
    return Exposure("map points", monthly, monthly[looks].astype(float), version, changed)


def new_point_share(point: IntArray, month: IntArray, n_months: int) -> tuple[FloatArray, IntArray]:
    """Share of each month's events on points not used before, and the number of its events."""
    first = np.full(point.max() + 1, n_months)
    np.minimum.at(first, point, month)
    number = np.bincount(month, minlength=n_months)
    new = np.bincount(month, first[point] == month, n_months)
    return np.divide(new, number, np.zeros(n_months), where=number > 0), number


def new_list(share: FloatArray, number: IntArray) -> int | None:
    """The last month at which the share of events on new points jumps up, as a new list would do.

    It falls from month to month as points come into use. Where it is suddenly twice the highest of
    the three months before, and that is beyond chance, the points are others.
    """
    found = None
    for month in range(_BEFORE, share.size):
        before = share[month - _BEFORE : month].max()
        if number[month] == 0 or number[month - _BEFORE : month].min() == 0:
            continue
        chance = np.sqrt(max(before * (1 - before), 1e-4) / number[month])
        if share[month] > _JUMP * before and share[month] - before > max(_SURE * chance, 0.1):
            found = month
    return found


def list_change_words(exposure: Exposure, months: pd.IntervalIndex) -> str:
    """The finding that a new list came into use, for a warning and a report."""
    begin = months[exposure.new_list_at].left
    return (
        f"The source began to use another list of map points in {begin:%Y-%m}: most of "
        "that month's offences lie on points never used before. Months before it say "
        "nothing about single cells and are left out."
    )


def _known_before(first: IntArray, unit: IntArray, n_months: int, area: FloatArray) -> np.ndarray:
    """Exposure as known before each month: points used so far, and those a year may add."""
    known = first < n_months
    of_month = np.bincount(first[known], minlength=n_months)
    flat = np.bincount(first[known] * area.size + unit[known], minlength=n_months * area.size)
    used = np.zeros((n_months + 1, area.size), np.float32)
    np.cumsum(flat.reshape(n_months, area.size), axis=0, out=used[1:])
    total = np.concatenate([[0], np.cumsum(of_month)])
    recent = total - total[np.maximum(np.arange(n_months + 1) - _REFRESH, 0)]
    used += np.maximum(recent, 1)[:, None] * (area / area.sum())[None]
    return used
