"""Counts of whole months in the cells of a grid, one row a month, with gaps kept as gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hotspot._typing import BoolArray, FloatArray, IntArray
from hotspot.data.events import Events
from hotspot.errors import ResolutionError, TooFewEventsError
from hotspot.grid.area_counts import month_of_days, months_of
from hotspot.grid.cells import Grid
from hotspot.grid.counts import covered_periods, require_same_crs
from hotspot.models.weights import cutoff_of


@dataclass(frozen=True, eq=False)
class MonthCounts:
    """What was recorded, by month and cell.

    Attributes
    ----------
    months : IntervalIndex (n,)
        Consecutive whole months before the cut-off.
    published : (n,) bool
        Whether every force published the month; missing is not zero.
    counts : (n, units) float64
        0 in months that were not published: `published` tells them from months without offences.
    cells : (units,) int64
        Flat index of each unit's cell: those inside the region.
    month, unit : (events,) int64
        Of each event that was counted.
    x, y : (events,) float64
    """

    months: pd.IntervalIndex
    published: BoolArray
    counts: FloatArray
    cells: IntArray
    month: IntArray
    unit: IntArray
    x: FloatArray
    y: FloatArray

    @classmethod
    def of(cls, events: Events, grid: Grid, end: pd.Timestamp | None) -> MonthCounts:
        """Count the whole months before `end`.

        Raises
        ------
        GridMismatchError
            If events and grid are in different reference systems.
        TooFewEventsError
            If there is no whole month, or nothing was recorded on the grid.
        """
        require_same_crs(events, grid)
        cutoff = cutoff_of(events, end)
        months = months_of(events, cutoff)
        past = events.before(cutoff)
        published = covered_periods(past, months)
        days, x, y = past.coordinates().T
        cell = grid.cell_of(x, y)
        inside = grid.inside.ravel()
        month = month_of_days(days, past, months)
        keep = (cell >= 0) & (month >= 0)
        keep[keep] &= inside[cell[keep]] & published[month[keep]]
        if not keep.any():
            raise TooFewEventsError(
                f"No event falls on the grid in a published month before {cutoff:%Y-%m-%d}."
            )
        cells = np.flatnonzero(inside)
        unit = np.searchsorted(cells, cell[keep])
        month = month[keep]
        flat = np.bincount(month * cells.size + unit, minlength=len(months) * cells.size)
        counts = flat.reshape(len(months), cells.size).astype(float)
        return cls(months, published, counts, cells, month, unit, x[keep], y[keep])


def month_number(instants: pd.DatetimeIndex, time_zone: str) -> IntArray:
    """Months since year 0 of the local month that begins at each instant.

    Raises
    ------
    ResolutionError
        If one does not begin a month.
    """
    local = instants.tz_convert(time_zone).tz_localize(None)
    whole = (local == local.normalize()) & (local.day == 1)
    if not whole.all():
        raise ResolutionError(
            f"This model knows whole months only, and {local[~whole][0]} does not begin one."
        )
    return (local.year * 12 + local.month - 1).to_numpy(np.int64)
