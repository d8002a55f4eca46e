r"""Months in which a series of counts went up or down for good, or strayed for one month alone.

The logarithm of the daily count is a level that drifts, a yearly season and noise,

.. math:: y_t = a_t + s_t + \varepsilon_t, \qquad a_t = a_{t-1} + \eta_t,

and at each month in turn a step or a single month apart is added. That either is there is tested
against what drift, noise and chance do by themselves. How strong those are is not known: the test
is made for each of a lattice of strengths, and weighed by how well they explain the record with the
step in it (the restricted likelihood), strong drift beforehand less than weak. A test that took the
likeliest strengths alone would take drift for a step whenever it guessed the drift too small.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hotspot._typing import FloatArray, IntArray

FEWEST_MONTHS = 24
FEWEST_A_MONTH = 20  # below, logarithms of counts are too skewed for the tails that are used
_MOST = 12  # breaks after which the search ends
_DRIFT = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16)  # standard deviation of a month's drift
_USUAL_DRIFT = 0.02  # stronger ones are given less weight beforehand, as a Cauchy law would
_NOISE = (0.0, 0.03, 0.06, 0.12, 0.24, 0.5)  # of a month's noise, beside that of chance
_HARMONICS = 2
_AROUND = 6  # months on either side whose median is taken for what chance belongs to
_SAME = 1e-8  # share of a column left beside the others below which it says nothing new


@dataclass(frozen=True)
class Shift:
    """A step, or one month apart.

    Attributes
    ----------
    row : int
        Of the series.
    lasts : bool
        Whether it is a step, which stays, or one month alone.
    size, lower, upper : float
        Factor on the count, with its 95 % interval.
    p_value : float
        Chance of one as sure as this anywhere in an unbroken series, at most.
    """

    row: int
    lasts: bool
    size: float
    lower: float
    upper: float
    p_value: float

    def at(self, row: int) -> Shift:
        """The same shift by the rows of a longer series."""
        return replace(self, row=row)


def level_shifts(
    counts: FloatArray,
    days: FloatArray,
    month: IntArray,
    *,
    false_alarms: float,
    looks: int = 1,
) -> list[Shift]:
    """The shifts of a series, by month.

    Parameters
    ----------
    counts, days : (n,) float64
        Of each month that was recorded; how many days it has.
    month : (n,) int64
        Number of each month, ascending; gaps are allowed.
    false_alarms : float
        Highest chance of finding a shift in an unbroken series.
    looks : int
        Series that share this chance.

    Returns
    -------
    list of Shift

    Notes
    -----
    The surest shift is taken first, then what is sure beside it, and so on (Chen & Liu, 1993).
    P-values are multiplied by the number of shifts looked for (Bonferroni). Time is O(n²).

    References
    ----------
    Chen, C., & Liu, L.-M. (1993). Joint estimation of model parameters and outlier effects in time
    series. Journal of the American Statistical Association, 88, 284-297.
    https://doi.org/10.1080/01621459.1993.10594321
    """
    series = _Series.of(counts, days, month)
    shifts = _candidates(month.size)
    columns = np.column_stack([column for *_, column in shifts])
    tests = len(shifts) * looks
    found: list[int] = []
    while len(found) < _MOST:
        chance = series.judged(columns[:, found], columns)[0]
        best = int(chance.argmin())
        if chance[best] * tests > false_alarms:
            break
        found.append(best)
    return sorted(_told(series, shifts, columns, found, tests), key=lambda one: one.row)


def _told(series: _Series, shifts, columns: FloatArray, found: list[int], tests: int):
    """Each shift as it stands beside all others that were found."""
    for one in found:
        others = [other for other in found if other != one]
        chance, size, error = series.judged(columns[:, others], columns[:, [one]])
        row, lasts, _ = shifts[one]
        low, high = size[0] - 1.96 * error[0], size[0] + 1.96 * error[0]
        yield Shift(
            row,
            lasts,
            *(float(np.exp(edge)) for edge in (size[0], low, high)),
            p_value=min(1.0, float(chance[0]) * tests),
        )


def _candidates(n_months: int) -> list[tuple[int, bool, FloatArray]]:
    """Row, whether it lasts, and column of each shift. Steps at either end are single months."""
    row = np.arange(n_months)
    steps = [(t, True, (row >= t).astype(float)) for t in range(2, n_months - 1)]
    return steps + [(t, False, (row == t).astype(float)) for t in range(n_months)]


@dataclass(frozen=True, eq=False)
class _Series:
    """Log counts a day, what chance adds to their variance, season, months since the last."""

    value: FloatArray
    chance: FloatArray
    season: FloatArray
    gap: FloatArray

    @staticmethod
    def of(counts: FloatArray, days: FloatArray, month: IntArray) -> _Series:
        waves = [
            wave(np.pi * k * month / 6)
            for k in range(1, _HARMONICS + 1)
            for wave in (np.sin, np.cos)
        ]
        padded = np.pad(counts, _AROUND, constant_values=np.nan)
        around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
        return _Series(
            value=np.log((counts + 0.5) / days),
            chance=1 / np.maximum(np.nanmedian(around, axis=1), 0.5),
            season=np.column_stack([np.ones(counts.size), *waves]),
            gap=np.diff(month, prepend=month[0]).astype(float),
        )

    def judged(
        self, given: FloatArray, columns: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """P-value, size and standard error of each column beside the given ones; (k,) each."""
        from scipy.stats import t as student

        fixed = np.column_stack([self.season, given])
        freedom = max(self.value.size - fixed.shape[1] - 1, 1)
        laws = np.array([(drift, noise) for drift in _DRIFT for noise in _NOISE])
        log_likelihood, size, precision = self.fits(fixed, columns, laws)
        weight = np.exp(log_likelihood - log_likelihood.max(0))
        weight /= 1 + (laws[:, :1] / _USUAL_DRIFT) ** 2
        weight /= weight.sum(0)
        tail = 2 * student.sf(np.abs(size) * np.sqrt(precision), freedom)
        mean = (weight * size).sum(0)
        square = (weight * (1 / precision + size**2)).sum(0)
        chance = (weight * tail).sum(0)
        return np.where(np.isnan(chance), 1.0, chance), mean, np.sqrt(square - mean**2)

    def fits(
        self, fixed: FloatArray, columns: FloatArray, laws: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Restricted log-likelihood, size and precision of each column by law; (laws, k) each."""
        white, volume = self._whitened(np.column_stack([fixed, self.value, columns]), laws)
        n_fixed = fixed.shape[1]
        basis, corner = np.linalg.qr(white[:, :, :n_fixed])
        free = white[:, :, n_fixed:]
        whole = (free[:, :, 1:] ** 2).sum(1)
        free = free - basis @ (basis.swapaxes(1, 2) @ free)
        value, columns = free[:, :, 0], free[:, :, 1:]
        precision = (columns**2).sum(1)
        # A column that the others make up, such as a step that was found already.
        precision = np.where(precision > _SAME * whole, precision, np.nan)
        size = np.einsum("ln,lnk->lk", value, columns) / precision
        volume += np.log(np.abs(np.diagonal(corner, axis1=1, axis2=2))).sum(1)
        left = (value**2).sum(1)[:, None] - size**2 * precision
        return -volume[:, None] - 0.5 * (np.log(precision) + left), size, precision

    def _whitened(self, columns: FloatArray, laws: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Columns less what a local level foretells, in standard deviations; their log product.

        The Kalman filter, which starts from a level of 0: the intercept is among the columns.
        """
        drift, noise = laws.T**2
        white = np.empty((len(laws), *columns.shape))
        level, uncertain = np.zeros((len(laws), columns.shape[1])), np.zeros(len(laws))
        volume = np.zeros(len(laws))
        for t, column in enumerate(columns):
            uncertain = uncertain + drift * self.gap[t]
            variance = uncertain + self.chance[t] + noise
            surprise = column - level
            white[:, t] = surprise / np.sqrt(variance)[:, None]
            share = uncertain / variance
            level = level + share[:, None] * surprise
            uncertain = uncertain * (1 - share)
            volume += 0.5 * np.log(variance)
        return white, volume
