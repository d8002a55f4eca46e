r"""How far counts strayed from a model's map in the past, by scale of place and by lead.

A map of rates r says how many events a cell, a district and the region should have; what was
then recorded differs by more than chance, because levels move. Put

.. math::  N_c \sim \mathrm{Poisson}(d\, r_c\, S\, B_{16}\, B_8\, B_4\, G_c)

(or more widely, where events bring repeats of themselves)
with independent factors of mean 1 for the region, for nested squares of 16, 8 and 4 km, and
for the cell. Their variances are found by moments, from coarse to fine: what remains of
the squared error of a square, once its parent's own ratio of observed to expected is
taken out and chance is subtracted, divided by what a unit of variance would have given.
The errors are those that the model would have made: it is refitted at past origins with
what was known then. Negative estimates are 0: no overdispersion was seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from hotspot._typing import FloatArray, IntArray
from hotspot.errors import DataQualityWarning, TooFewEventsError
from hotspot.grid.cells import Grid
from hotspot.models.weights import PastEvents

SQUARES = (16_000.0, 8_000.0, 4_000.0)  # metres; a London borough is about 7 km across
MONTHS = (24, 12)  # past origins, longest lead: for events recorded by the month
WEEKS = (26, 8)  # the same for events recorded more finely
FEWEST_ERRORS = 6

RateBefore = Callable[[pd.Timestamp], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, eq=False)
class LevelVariance:
    """Relative variances of the factors that multiply a map of rates.

    Attributes
    ----------
    region : (leads,) float64
        Variance of the region's factor at each lead; unitless, >= 0.
    squares : (scales, leads) float64
        The same for the nested squares, coarse to fine.
    cell : float
        Variance of each cell's own factor beyond the uncertainty of its rate.
    lead_days : float
        Length of one lead in days.
    square_of_cell : (scales, ny, nx) int64
        Which square each cell belongs to, numbered from 0 at each scale.
    """

    region: FloatArray
    squares: FloatArray
    cell: float
    lead_days: float
    square_of_cell: IntArray

    def leads(self, days_ahead: FloatArray) -> IntArray:
        """Index of the lead for periods whose middles lie `days_ahead` of the cut-off."""
        lead = np.floor(np.asarray(days_ahead) / self.lead_days).astype(np.int64)
        return np.clip(lead, 0, self.region.size - 1)


def level_variance(
    rate_before: RateBefore,
    past: PastEvents,
    grid: Grid,
    cutoff: pd.Timestamp,
    *,
    repeats: float = 0.0,
) -> LevelVariance:
    """Learn the variances from the errors of `rate_before` at past origins.

    Parameters
    ----------
    rate_before : callable
        Takes an origin; gives the rate (ny, nx) per day and its relative variance, from
        events before that origin only.
    past : PastEvents
    grid : Grid
    cutoff : Timestamp
        Nothing at or after it is used.
    repeats : float
        By how much the variance that is owed to chance exceeds the mean, relative to it; unitless.
        0 for Poisson counts.

    Returns
    -------
    LevelVariance

    Warns
    -----
    DataQualityWarning
        If fewer than 6 past periods can be judged: the variances are then 0 and the bounds
        hold chance and the uncertainty of the rates only.

    Notes
    -----
    Costs 24 refits for month data, 26 otherwise.
    """
    n_origins, n_leads = MONTHS if past.by_month else WEEKS
    lead_days = 30.4375 if past.by_month else 7.0
    squares = _nested_squares(grid)
    first, last = _judged_periods(past, cutoff, n_origins)
    origins = [past.start + pd.Timedelta(days=day) for day in first]
    fits = [fit for fit in (_try(rate_before, origin) for origin in origins) if fit is not None]
    if len(fits) < FEWEST_ERRORS:
        warnings.warn(
            f"Only {len(fits)} past periods can be judged, fewer than {FEWEST_ERRORS}: the bounds "
            "will hold chance and the uncertainty of the rates, not the movement of the level. "
            "Give a longer history.",
            DataQualityWarning,
            stacklevel=4,
        )
        nothing = np.zeros((len(squares), 1))
        return LevelVariance(nothing[0], nothing, 0.0, lead_days, squares)
    first, last = first[-len(fits) :], last[-len(fits) :]
    counts = _counts(past, grid, first, last)
    rates = np.array([rate for rate, _ in fits])
    lead = np.floor(((first + last) / 2 - first[:, None]) / lead_days).astype(np.int64)
    pairs = [np.nonzero(lead == h) for h in range(n_leads)]
    pairs = [pair for pair in pairs if pair[0].size >= FEWEST_ERRORS]
    sums = [_sums(rates, counts, labels) for labels in (np.zeros_like(squares[0]), *squares)]
    days = last - first
    chance = 1.0 + repeats
    region = [_variance(sums[0], None, None, pair, days, chance) for pair in pairs]
    whole = np.zeros_like(squares[0])
    finer = [
        _over_leads([_variance(child, parent, holder, pair, days, chance) for pair in pairs], pairs)
        for child, parent, holder in zip(
            sums[1:], sums[:-1], map(_parent_of, squares, [whole, *squares[:-1]]), strict=True
        )
    ]
    cell = _cell_variance(fits, counts, squares[-1], sums[-1], days, chance)
    return LevelVariance(_over_leads(region, pairs), np.array(finer), cell, lead_days, squares)


def _nested_squares(grid: Grid) -> IntArray:
    """(scales, ny, nx): the square each cell's centre lies in, numbered from 0."""
    labels = []
    for side in SQUARES:
        row = np.floor(grid.y / side).astype(np.int64)
        column = np.floor(grid.x / side).astype(np.int64)
        code = (row - row[0])[:, None] * (column[-1] - column[0] + 1) + (column - column[0])
        labels.append(np.unique(code, return_inverse=True)[1].reshape(grid.shape))
    return np.array(labels)


def _judged_periods(
    past: PastEvents, cutoff: pd.Timestamp, count: int
) -> tuple[FloatArray, FloatArray]:
    """Begin and end, in days, of the latest `count` recorded months or weeks before the cut-off."""
    end = (cutoff - past.start) / pd.Timedelta(days=1)
    if past.by_month:
        known = past.last <= end
        return past.first[known][-count:], past.last[known][-count:]
    edges = end - 7.0 * np.arange(min(count, int(end // 7)), -1, -1)
    return edges[:-1], edges[1:]


def _try(rate_before: RateBefore, origin: pd.Timestamp) -> tuple[FloatArray, FloatArray] | None:
    """The fit at a past origin, or None where there was not yet enough to fit to."""
    try:
        return rate_before(origin)
    except TooFewEventsError:
        return None


def _counts(past: PastEvents, grid: Grid, first: FloatArray, last: FloatArray) -> FloatArray:
    """(periods, ny, nx): events of each judged period in each cell."""
    size = grid.inside_area.size
    counts = np.zeros((first.size, size))
    bounds = np.searchsorted(past.when, [first, last])
    for i, (low, high) in enumerate(bounds.T):
        cell = grid.cell_of(past.x[low:high], past.y[low:high])
        counts[i] = np.bincount(cell[cell >= 0], minlength=size)
    return counts.reshape(first.size, *grid.shape)


def _sums(rates: FloatArray, counts: FloatArray, labels: IntArray) -> tuple[FloatArray, FloatArray]:
    """Rates and counts summed over the squares of one scale; (periods, squares) each."""
    flat, size = labels.ravel(), int(labels.max()) + 1
    return tuple(
        np.array([np.bincount(flat, layer.ravel(), size) for layer in stack])
        for stack in (rates, counts)
    )


def _parent_of(labels: IntArray, above: IntArray) -> IntArray:
    """Which square of the coarser scale holds each square of the finer."""
    parent = np.zeros(int(labels.max()) + 1, np.int64)
    parent[labels.ravel()] = above.ravel()
    return parent


def _variance(sums, parent_sums, parent_of, pair, days, chance) -> float:
    """Moment estimate of one scale's variance at one lead; see the module's text."""
    origin, target = pair
    rates, counts = sums
    expected, observed = rates[origin] * days[target, None], counts[target]
    if parent_sums is None:
        return _moment(expected, observed, chance, 0.0, 0.0, 0.0)
    parent_expected = parent_sums[0][origin] * days[target, None]
    ratio = _ratio(parent_sums[1][target], parent_expected)
    share = _ratio(expected, parent_expected[:, parent_of])
    squared = np.zeros_like(parent_expected)
    np.add.at(squared, (slice(None), parent_of), share**2)
    of_parent = expected * ratio[:, parent_of]
    return _moment(of_parent, observed, chance, share, squared[:, parent_of], 0.0)


def _over_leads(variances: list[float], pairs: list) -> FloatArray:
    """Variances by lead, never falling: a level further ahead is not better known.

    Fewer errors are at hand the longer the lead, so single estimates scatter.
    """
    return isotonic_regression(variances, weights=[pair[0].size for pair in pairs]).x


def _cell_variance(fits, counts, labels, sums, days, chance) -> float:
    """Moment estimate of the cells' own variance at lead 1, beyond that of their rates."""
    expected = np.array([rate for rate, _ in fits]) * days[:, None, None]
    of_rate = np.array([variance for _, variance in fits])
    of_square = sums[0] * days[:, None]
    share = _ratio(expected, of_square[:, labels])
    squared = _sums(share**2, share[:0], labels)[0]
    ratio = _ratio(sums[1], of_square)[:, labels]
    return _moment(expected * ratio, counts, chance, share, squared[:, labels], of_rate)


def _moment(expected, observed, chance, share, squared_shares, known) -> float:
    """(squared error - chance - known part) / what a unit of variance gives, at least 0.

    A square is part of its parent: scaling by the parent's ratio takes out 2 s - q of the
    variance and s of the chance, with s its share and q the sum of squared shares.
    """
    error = (observed - expected) ** 2 - chance * expected * (1 - share) - expected**2 * known
    unit = expected**2 * (1 - 2 * share + squared_shares) * (1 + known)
    total = unit.sum()
    return max(float(error.sum() / total), 0.0) if total > 0 else 0.0


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    return np.divide(numerator, denominator, np.ones_like(numerator), where=denominator > 0)
