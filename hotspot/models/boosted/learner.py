r"""Small regression trees, one after another, find by what factor the base errs.

Counts with mean :math:`\hat\lambda e^{f}` have the Poisson log-likelihood
:math:`\sum \hat\lambda \, (y f - e^{f})` with :math:`y = N / \hat\lambda`: that of the ratio of
recorded to expected, weighed by the expected. So the base is an offset without the learner
knowing of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hotspot._typing import FloatArray, IntArray
from hotspot.errors import MissingPackageError

_BINS = 128
_BIN_ROWS = 100_000  # of which quantiles are taken
_MOST_RATIO = 20.0  # a correction beyond it, or below its inverse, is no correction


@dataclass(frozen=True)
class Trees:
    """How trees are grown.

    Attributes
    ----------
    rounds : int
        Number of trees.
    learning_rate : float
        Share of each tree's correction that is taken.
    leaves : int
        Most leaves of a tree.
    fewest_rows : int
        Cells and months in a leaf, at least.
    prior_events : float
        Offences by which each leaf is drawn towards no correction.
    """

    rounds: int
    learning_rate: float
    leaves: int
    fewest_rows: int
    prior_events: float

    def grow(self, features: np.ndarray, ratio: FloatArray, weight: FloatArray) -> Grown:
        """Fit to ratios of recorded to expected, weighed by what is expected.

        Raises
        ------
        MissingPackageError
            If scikit-learn is not installed.
        """
        regressor, limits = require_scikit_learn()
        learner = regressor(
            loss="poisson",
            max_iter=self.rounds,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.fewest_rows,
            l2_regularization=self.prior_events,
            early_stopping=False,
            random_state=0,  # a formality: features come in bins, and there is no other chance
        )
        edges = bin_edges(features)
        binned = in_bins(features, edges)
        # Sums by several threads are rounded in an order that depends on how many there are.
        with limits(limits=1, user_api="openmp"):
            return Grown(learner.fit(binned, ratio, sample_weight=weight), edges)


@dataclass(frozen=True, eq=False)
class Grown:
    """Trees that were grown, and the edges between which their features are binned."""

    learner: Any
    edges: tuple[np.ndarray, ...]

    def log_ratio(self, features: np.ndarray) -> FloatArray:
        """Logarithm of recorded to expected, foretold; (rows,)."""
        _, limits = require_scikit_learn()
        with limits(limits=1, user_api="openmp"):
            ratio = self.learner.predict(in_bins(features, self.edges))
        return np.log(np.clip(ratio, 1 / _MOST_RATIO, _MOST_RATIO))


def bin_edges(features: np.ndarray) -> tuple[np.ndarray, ...]:
    """Quantiles of each feature between which no tree cuts; at most 127.

    The learner's own bins take longer than its trees where rows are weighed.
    """
    some = features[:: max(1, len(features) // _BIN_ROWS)]
    levels = np.linspace(0, 1, _BINS + 1)[1:-1]
    return tuple(np.unique(np.quantile(column, levels, method="lower")) for column in some.T)


def in_bins(features: np.ndarray, edges: tuple[np.ndarray, ...]) -> np.ndarray:
    """Which bin each value lies in; (rows, features) uint8."""
    binned = np.empty(features.shape, np.uint8)
    for k, cuts in enumerate(edges):
        binned[:, k] = np.searchsorted(cuts, features[:, k], side="right")
    return binned


def chosen_rows(
    counts: FloatArray, expected: FloatArray, number: int
) -> tuple[IntArray, FloatArray]:
    """Which month-cells to learn from, and how many each stands for.

    Where something was recorded a half is taken, where nothing was the other, there in proportion
    to what was expected; all of them if there are no more. Every so manieth is taken in order of
    month and place, so that there is no chance in it and all places are there.

    Parameters
    ----------
    counts, expected : (n,) float64
    number : int
        Of rows, at most.

    Returns
    -------
    rows : (k,) int64
    stands_for : (k,) float64
        Inverse of the chance with which each was taken.
    """
    some = counts > 0
    share = np.empty(counts.size)
    share[some] = min(1.0, 0.5 * number / max(int(some.sum()), 1))
    left = number - share[some].sum()
    share[~some] = _shares(expected[~some], left)
    rows = np.flatnonzero(np.diff(np.floor(np.cumsum(share) + 0.5), prepend=0.0) > 0)
    return rows, 1 / share[rows]


def _shares(size: FloatArray, number: float) -> FloatArray:
    """Chances in proportion to `size` that sum to `number`, none above 1."""
    if size.size <= number:
        return np.ones(size.size)
    share = size * (number / size.sum())
    for _ in range(50):
        whole = share >= 1.0
        share[whole] = 1.0
        lacking = number - share.sum()
        if lacking <= 1e-6 * number or whole.all():
            break
        share[~whole] *= 1 + lacking / share[~whole].sum()
    return np.minimum(share, 1.0)


def require_scikit_learn():
    """The learner's class and the limiter of threads, or MissingPackageError."""
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingPackageError(
            "Boosted learns by scikit-learn, which is not installed. Install it with "
            "pip install 'hotspot-forecast[learn]', or take the base model alone."
        ) from error
    return HistGradientBoostingRegressor, threadpool_limits
