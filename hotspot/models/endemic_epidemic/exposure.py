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
    """Exposure of each unit, as it was known at each of several times.

    Attributes
    ----------
    kind : {"map points", "area"}
    values : (versions, units) float64
        Map points, or areas relative to the mean; all positive. The last is known at the cut-off.
    version : (months,) int64
        Which of them was known when each month of the record had ended.
    new_list_at : int or None
        The month from which points are of another list; None if there is but one.
    """

    kind: str
    values: FloatArray
    version: IntArray
    new_list_at: int | None = None


def area_exposure(past: MonthCounts, area: FloatArray) -> Exposure:
    """The area of each cell inside the region, relative to the mean."""
    area = area.ravel()[past.cells]
    return Exposure(
        "area", (area / area.mean())[None], np.zeros(len(past.months), np.int64)
    )


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
    looks = np.arange(len(past.months), begin, -_REFRESH)[::-1]
    values = np.array([_known(first, unit, look, area) for look in looks])
    ended = np.arange(1, len(past.months) + 1)
    version = np.maximum(np.searchsorted(looks, ended, side="right") - 1, 0)
    return Exposure("map points", values, version, changed)


def new_point_share(
    point: IntArray, month: IntArray, n_months: int
) -> tuple[FloatArray, IntArray]:
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
    return (
        f"The source began to use another list of map points in {months[exposure.new_list_at].left:%Y-%m}: "
        "most of that month's offences lie on points never used before. Months before it say "
        "nothing about single cells and are left out."
    )


def _known(first: IntArray, unit: IntArray, look: int, area: FloatArray) -> FloatArray:
    used = np.bincount(unit[first < look], minlength=area.size)
    recent = ((first < look) & (first >= look - _REFRESH)).sum()
    return used + max(recent, 1) * area / area.sum()
