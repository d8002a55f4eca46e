"""From the months that were forecast to what the next one is corrected by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar

from hotspot._typing import FloatArray, IntArray
from hotspot.errors import TooFewEventsError
from hotspot.models.boosted.features import CellFeatures
from hotspot.models.boosted.learner import Grown, chosen_rows
from hotspot.models.endemic_epidemic.climb import Climbed
from hotspot.models.endemic_epidemic.grid_data import GridData

if TYPE_CHECKING:
    from hotspot.models.boosted.model import Boosted

_FEWEST_MONTHS = 6
_FEWEST_EVENTS = 1000
_MOST_SHARE = 1.5
_FIRST = 6  # months before the base expects anything


@dataclass(frozen=True, eq=False)
class Correction:
    """By what some months are corrected.

    Attributes
    ----------
    factor : (times, units) float64
        By which what the base expects is multiplied; its mean, weighed by that, is 1.
    mean : (times, units) float64
        What the base expects.
    learned : Learned
    """

    factor: FloatArray
    mean: FloatArray
    learned: Learned


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learned from a record, ready for any month whose past is in it.

    Attributes
    ----------
    data : GridData
    found : Climbed
        The base's climb.
    grown : Grown
        The trees.
    share : float
        Of the logarithm of the learned correction that is taken.
    held_out_gain : float
        Nats an offence that this share of a correction learned before added to the base in the
        months held out; NaN where none were.
    features : tuple of str
    n_rows : int
        Cells and months that were learned from.
    """

    data: GridData
    found: Climbed
    grown: Grown
    share: float
    held_out_gain: float
    features: tuple[str, ...]
    n_rows: int

    def at(self, rows: IntArray) -> Correction:
        """The correction of some months of the record, or of the one after it."""
        features = _features(self.data, self.found, rows)
        _, table = features.table(np.arange(features.mean.size))
        factor = np.exp(self.share * self.grown.log_ratio(table)).reshape(features.mean.shape)
        level = features.mean.sum(axis=1) / (features.mean * factor).sum(axis=1)
        return Correction(factor * level[:, None], features.mean, self)


def learned(model: Boosted, data: GridData, found: Climbed, rows: IntArray) -> Learned:
    """Learn from the months `rows` of a record.

    Each month's features and base are of what came before it; the base's parameters are those of
    the climb, a dozen numbers from all of `rows`.
    """
    features = _features(data, found, rows)
    counts = data.past.counts[rows]
    # A level that moves for all is none of the learner's business.
    level = counts.sum(axis=1) / features.mean.sum(axis=1)
    expected = features.mean * level[:, None]
    keep, stands_for = chosen_rows(counts.ravel(), expected.ravel(), model.most_rows)
    names, table = features.table(keep)
    month = keep // counts.shape[1]
    past = _Past(table, counts.ravel()[keep], expected.ravel()[keep], stands_for, month)
    share, gain = 1.0, np.nan
    if model.held_out:
        share, gain = _share_of(model, past, rows.size - model.held_out)
    grown = past.grow(model, np.ones(keep.size, bool))
    return Learned(data, found, grown, share, gain, names, keep.size)


def require_enough(model: Boosted, data: GridData, rows: IntArray) -> None:
    """Refuse fewer months or offences than a correction can be learned from."""
    fewest = max(_FEWEST_MONTHS, 2 * model.held_out)
    if rows.size < fewest:
        raise TooFewEventsError(
            f"{rows.size} months can be explained, and a correction is learned from {fewest} or "
            f"more, {model.held_out} of them held out. Give a longer record or window, hold out "
            "fewer, or take the base model alone."
        )
    number = int(data.past.counts[rows].sum())
    if number < _FEWEST_EVENTS:
        raise TooFewEventsError(
            f"The {rows.size} months that can be explained hold {number} offences, and a "
            f"correction is learned from {_FEWEST_EVENTS:,} or more. Take a larger region or a "
            "longer record, or the base model alone."
        )


def _features(data: GridData, found: Climbed, rows: IntArray) -> CellFeatures:
    first = (data.exposure.new_list_at or 0) + max(data.model.longest_lag, _FIRST)
    every = np.arange(first, len(data.past.months) + 1)
    theta = found.maximum.theta
    expected = data.likelihood(every, found.structure).mean(theta)
    parts = data.likelihood(rows, found.structure).parts(theta)
    return CellFeatures(data, rows, first, expected, tuple(parts))


@dataclass(frozen=True, eq=False)
class _Past:
    """Cells and months to learn from: features, counts, and what was expected of them."""

    features: np.ndarray
    counts: FloatArray
    expected: FloatArray
    stands_for: FloatArray
    month: IntArray

    def grow(self, model: Boosted, chosen: np.ndarray) -> Grown:
        expected = self.expected[chosen]
        return model.trees.grow(
            self.features[chosen],
            self.counts[chosen] / expected,
            expected * self.stands_for[chosen],
        )


def _share_of(model: Boosted, past: _Past, first: int) -> tuple[float, float]:
    """The share of a correction learned before month `first` that is likeliest for the rest."""
    later = past.month >= first
    log_ratio = past.grow(model, ~later).log_ratio(past.features[later])
    month = past.month[later] - first
    counts = past.counts[later] * past.stands_for[later]
    expected = past.expected[later] * past.stands_for[later]
    of_month = np.bincount(month, counts)

    def gain(share: float) -> float:
        moved = np.bincount(month, expected * np.exp(share * log_ratio), of_month.size)
        level = np.log(moved / np.bincount(month, expected, of_month.size))
        return float((share * counts @ log_ratio - of_month @ level) / of_month.sum())

    # Concave in the share, and 0 at none.
    found = minimize_scalar(lambda share: -gain(share), bounds=(0.0, _MOST_SHARE), method="bounded")
    share = float(found.x) if found.fun < 0 else 0.0
    return share, gain(share)
