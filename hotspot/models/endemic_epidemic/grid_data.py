"""The months of a record become a likelihood: rows, drives and columns for a grid."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hotspot._typing import BoolArray, FloatArray, IntArray
from hotspot.breaks.find import Record, missing_months
from hotspot.data.events import Events
from hotspot.data.snap_points import factorized
from hotspot.errors import DataQualityWarning, TooFewEventsError
from hotspot.grid.cells import Grid
from hotspot.models.endemic_epidemic.climb import Structure
from hotspot.models.endemic_epidemic.counts_likelihood import (
    CountLikelihood,
    PastCounts,
    Term,
)
from hotspot.models.endemic_epidemic.exposure import (
    Exposure,
    area_exposure,
    list_change_words,
    map_point_exposure,
)
from hotspot.models.endemic_epidemic.long_run import LongRun, long_run
from hotspot.models.endemic_epidemic.month_counts import MonthCounts, month_number
from hotspot.models.endemic_epidemic.month_lags import Lags
from hotspot.models.endemic_epidemic.neighbours import Decay, GridSpread, OwnUnit
from hotspot.models.parts.shapes import GaussianShape

if TYPE_CHECKING:
    from hotspot.models.endemic_epidemic.model import EndemicEpidemic

_FEWEST_EVENTS = 30
_TWO_YEARS = 24  # months
_LEARNING = 24  # months from which long-run rates are first made, and at most half the record
_WIDTHS = 4.0  # neighbourhoods end this many bandwidths out


@dataclass(frozen=True, eq=False)
class GridData:
    """Everything that a likelihood on a grid is made of.

    Attributes
    ----------
    model : EndemicEpidemic
    past : MonthCounts
    exposure : Exposure
    rates : LongRun
        For every month of the record and the one after it.
    history : (months, units) float64
        Counts, with the long-run rate where a month was not published.
    rows : (times,) int64
        The months that are explained.
    calendar : (months + 13,) int64
        Months since year 0 of the record and of the year after it.
    cell_columns : (units, k) float64
        Covariates of the cells.
    spread : GridSpread
    findings : tuple of str
    """

    model: EndemicEpidemic
    past: MonthCounts
    exposure: Exposure
    rates: LongRun
    history: FloatArray
    rows: IntArray
    calendar: IntArray
    cell_columns: FloatArray
    spread: GridSpread
    findings: tuple[str, ...]

    def likelihood(self, rows: IntArray, structure: Structure) -> CountLikelihood:
        """The log-likelihood of some months, given what came before each."""
        counts = self.past.counts[np.minimum(rows, len(self.past.counts) - 1)].copy()
        names, columns = self.endemic_columns(rows)
        rates = self.rates.rows(rows).only(structure.half_lives, structure.strength)
        terms = [Term("endemic", columns, names, rates)]
        one = (np.ones((1, 1)),)
        if structure.own is not None:
            drive = _own_counts(self.history, rows, structure.own)
            terms.append(Term("own", one, ("intercept",), drive))
        if structure.near is not None:
            drive = self._near_counts(rows, structure.near, structure.decay)
            terms.append(Term("near", one, ("intercept",), drive))
        group = np.zeros(counts.shape[1], np.int64) if structure.overdispersed else None
        return CountLikelihood(counts, tuple(terms), group, structure.repeats)

    def endemic_columns(self, rows: IntArray) -> tuple[tuple[str, ...], tuple[FloatArray, ...]]:
        """Names and columns of the endemic factor: intercept, trend, season, covariates."""
        month = self.calendar[rows].astype(float)[:, None]
        names, columns = ["intercept"], [np.ones((1, 1))]
        if self.model.trend:
            names.append("trend per year")
            columns.append((month - self.calendar[self.rows[-1]]) / 12)
        for k in range(1, self.model.harmonics + 1):
            names += [f"sin {k}/year", f"cos {k}/year"]
            columns += [np.sin(np.pi * k * month / 6), np.cos(np.pi * k * month / 6)]
        if self.model.covariates is not None:
            names += self.model.covariates.names
            columns += list(self.cell_columns.T[:, None, :])
        return tuple(names), tuple(columns)

    def _near_counts(self, rows: IntArray, lags: Lags, decay: Decay) -> PastCounts:
        at = rows[:, None] - np.array(lags.months)
        needed, place = np.unique(at, return_inverse=True)
        spread = replace(self.spread, decay=decay, version=self.exposure.version[needed])
        return PastCounts(self.history[needed], place.reshape(at.shape), spread, lags)


def arrange_grid(
    model: EndemicEpidemic, events: Events, grid: Grid, end: pd.Timestamp | None
) -> GridData:
    """Count, find the map points, and make the long-run rates."""
    past = MonthCounts.of(events, grid, end)
    snapped = events.place_resolution > 0
    of_points = model.exposure == "points" or (model.exposure == "auto" and snapped)
    exposure = (map_point_exposure if of_points else area_exposure)(past, grid.inside_area)
    findings = []
    if exposure.new_list_at is not None:
        findings.append(list_change_words(exposure, past.months))
        warnings.warn(findings[-1], DataQualityWarning, stacklevel=4)
    begin = exposure.new_list_at or 0
    findings += _require_enough(past, begin, model.fewest_months)
    findings += _crossed(past, begin, of_points, events)
    bandwidth = model.neighbourhood
    around = _spread(grid, past, exposure, GaussianShape(bandwidth), _WIDTHS * bandwidth)
    rates = long_run(
        past.counts,
        past.published,
        exposure,
        around,
        half_lives=model.half_life,
        begin=begin,
    )
    history = np.where(past.published[:, None], past.counts, 0.0)
    for t in np.flatnonzero(~past.published):
        history[t] = rates.rows(np.array([t])).value(rates.vector)[0]
    calendar = month_number(past.months.left, events.time_zone)
    calendar = np.concatenate([calendar, calendar[-1] + np.arange(1, 14)])
    spread = _spread(grid, past, exposure, model.decay, model.reach)
    return GridData(
        model=model,
        past=past,
        exposure=exposure,
        rates=rates,
        history=history,
        rows=_explained(model, past.published, begin),
        calendar=calendar,
        cell_columns=_cell_columns(model, past.cells),
        spread=spread,
        findings=tuple(findings),
    )


def _crossed(past: MonthCounts, begin: int, of_points: bool, events: Events) -> list[str]:
    """Breaks in the months that are used, in words."""
    months, published = past.months[begin:], past.published[begin:]
    record = Record(months, published, past.counts[begin:].sum(1))
    found = record.levels()
    if of_points:
        used = past.month >= begin
        point, _ = factorized((past.x + 1j * past.y)[used])
        found += record.map_points(point, past.month[used] - begin)
    told = list(record.crossed(found))
    holes = int((~past.published).sum())
    if holes:
        gone = [one.finding for one in missing_months(events.before(past.months.right[-1]), months)]
        told.append(
            f"{holes} of {len(past.published)} months were not published by every force; they are "
            "not explained, and what they would have added to later ones is set to the long run. "
            + " ".join(gone)
        )
    return told


def _own_counts(history: FloatArray, rows: IntArray, lags: Lags) -> PastCounts:
    return PastCounts(history, rows[:, None] - np.array(lags.months), OwnUnit(), lags)


def _spread(grid: Grid, past: MonthCounts, exposure: Exposure, decay, reach) -> GridSpread:
    return GridSpread(
        shape=grid.shape,
        cells=past.cells,
        spacing=grid.cell_size,
        decay=decay,
        reach=int(max(1, min(reach // grid.cell_size, max(grid.shape)))),
        exposure=exposure.yearly,
        version=exposure.version,
    )


def _require_enough(past: MonthCounts, begin: int, fewest: int) -> list[str]:
    """What is to be said of a short record that was asked for; refuses a shorter one."""
    months = int(past.published[begin:].sum())
    if months < fewest:
        raise TooFewEventsError(
            f"{months} published months can be used, and the model needs {fewest}: a year "
            "or more to learn each cell's long-run rate, and then a year of seasons. Give a longer "
            "record, or take HistoricalRate."
        )
    number = int(past.counts[begin:].sum())
    if number < _FEWEST_EVENTS:
        raise TooFewEventsError(
            f"{number} offences were recorded in these months, and the model needs "
            f"{_FEWEST_EVENTS}. Take a larger region or a longer record."
        )
    if months >= _TWO_YEARS:
        return []
    return [
        f"Only {months} published months can be used, fewer than {_TWO_YEARS}: long-run rates are "
        "rough, and seasons cannot be told from other change."
    ]


def _explained(model: EndemicEpidemic, published: BoolArray, begin: int) -> IntArray:
    """Months whose counts the likelihood is of."""
    first = begin + max(min(_LEARNING, (published.size - begin) // 2), model.longest_lag)
    if model.window is not None:
        first = max(first, published.size - model.window)
    rows = np.arange(first, published.size)
    return rows[published[rows]]


def _cell_columns(model: EndemicEpidemic, cells: IntArray) -> FloatArray:
    if model.covariates is None:
        return np.empty((cells.size, 0))
    return model.covariates.columns_of(cells)
