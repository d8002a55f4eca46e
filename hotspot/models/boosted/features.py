r"""What is known of each cell before a month begins: the numbers that a learner corrects by.

Nearly all are ratios of what was recorded to what the base model expects or expected,

.. math:: \log \frac{S_c + k}{s \, E_c + k}, \qquad s = \sum_c S_c \Big/ \sum_c E_c,

with S a sum over past months, here or smoothed over the neighbourhood, E what the base expects of
it, and k about one offence: they are 0 where the past agrees with the base, whatever the city's
level. Every number of month t uses months before t alone. Nothing is known of who lives in a cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hotspot._typing import FloatArray, IntArray
from hotspot.data.snap_points import factorized
from hotspot.models.endemic_epidemic.grid_data import GridData

HALF_LIVES = (3.0, 6.0, 12.0, 24.0, 48.0, 120.0)  # months
REPEAT_HALF_LIVES = (24.0, 120.0)
SCALES = (300.0, 600.0, 1200.0, 2500.0)  # metres, standard deviation
SPANS = (1, 3, 12)  # last months
YEARS = (12, 24, 36)  # months ago, for what the season brings here and not elsewhere
USED_WITHIN = (12, 36)  # months
_MEMORY = 36.0  # half-life of how counts are spread over months and points
_PRIOR = 0.5  # offences added to both sides of a ratio
_NEVER = -10_000


@dataclass(frozen=True, eq=False)
class CellFeatures:
    """Features of every cell for some months of a record, one feature at a time.

    Attributes
    ----------
    data : GridData
    rows : (times,) int64
        Months of the record; the number of them stands for the month after it.
    first : int
        First month of the record that the base model expects something of.
    expected : (months - first + 1, units) float64
        What it expects of that month and all later ones, each from what came before it.
    parts : tuple of (times, units) arrays
        Its endemic, own and near part in `rows`, as many as there are.
    """

    data: GridData
    rows: IntArray
    first: int
    expected: FloatArray
    parts: tuple[FloatArray, ...]

    @property
    def mean(self) -> FloatArray:
        """What the base model expects in each of `rows`; (times, units)."""
        return self.expected[self.rows - self.first]

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        """Name and values (times, units), float32, of each feature in turn."""
        for name, values in self._all():
            yield name, np.asarray(values, np.float32)

    def table(self, keep: IntArray) -> tuple[tuple[str, ...], np.ndarray]:
        """Names, and values at some flat places of (times, units); (places, features) float32."""
        names, columns = [], []
        for name, values in self:
            names.append(name)
            columns.append(values.ravel()[keep])
        return tuple(names), np.column_stack(columns)

    def _all(self) -> Iterator[tuple[str, FloatArray]]:
        exposure, mean = self.data.exposure.monthly[self.rows], self.mean
        relative = mean / mean.mean(axis=1, keepdims=True)
        yield "expected, to the mean cell", np.log(relative)
        for number, part in enumerate(self.parts[1:], start=1):
            yield f"share of echo {number}", part / mean
        yield "exposure", exposure
        yield "expected for each exposure", np.log(relative / exposure)
        cells = self.data.past.cells
        for name, place in zip(
            ("north", "east"), np.divmod(cells, self.data.spread.shape[1]), strict=True
        ):
            yield name, np.broadcast_to(place, mean.shape)
        month = self.data.calendar[self.rows] % 12
        yield "month of the year", np.broadcast_to(month[:, None], mean.shape)
        yield from self._own_past()
        yield from self._repeats()
        yield from self._points()
        yield from self._around()

    def _own_past(self) -> Iterator[tuple[str, FloatArray]]:
        mean = self.mean
        for half_life in HALF_LIVES:
            recorded, months = self._faded(self.data.history, half_life)
            expected = months[:, None] * mean
            yield f"recorded, half-life {half_life:g}", _ratio(recorded, expected, _PRIOR)
        recorded = self.data.history[self.first :]
        for span in SPANS:
            of_base, past = (
                self._sum_of(each, range(1, span + 1)) for each in (self.expected, recorded)
            )
            yield f"recorded, last {span}", _ratio(past, of_base, _PRIOR)

    def _repeats(self) -> Iterator[tuple[str, FloatArray]]:
        """How far counts come from repeats at one point in one month, or from a few months."""
        counts = self.data.past.counts
        once = self._points_hit()
        for half_life in REPEAT_HALF_LIVES:
            recorded = self._faded(counts, half_life)[0]
            yield (
                f"not repeated, half-life {half_life:g}",
                _log_share(self._faded(once, half_life)[0], recorded),
            )
        recorded = self._faded(counts, _MEMORY)[0]
        yield (
            "months with any",
            _log_share(self._faded(np.minimum(counts, 1.0), _MEMORY)[0], recorded),
        )
        yield "sum of squares", _log_share(self._faded(counts**2, _MEMORY)[0], recorded)

    def _points(self) -> Iterator[tuple[str, FloatArray]]:
        """Points in use of late, and the share of the one that is used most."""
        past, units = self.data.past, self.expected.shape[1]
        point, _ = factorized(past.x + 1j * past.y)
        number = int(point.max()) + 1
        unit = np.zeros(number, np.int64)
        unit[point] = past.unit
        last_use, weight = np.full(number, _NEVER), np.zeros(number)
        used = np.zeros((len(USED_WITHIN), len(self.rows), units), np.float32)
        most = np.zeros((len(self.rows), units), np.float32)
        order = np.argsort(past.month, kind="stable")
        edges = np.searchsorted(past.month[order], np.arange(len(past.counts) + 1))
        place = {int(row): k for k, row in enumerate(self.rows)}
        for t in range(len(past.counts) + 1):
            if (k := place.get(t)) is not None:
                for j, within in enumerate(USED_WITHIN):
                    used[j, k] = np.bincount(unit[last_use >= t - within], minlength=units)
                np.maximum.at(most[k], unit, weight)
            if t < len(past.counts):
                hit = point[order[edges[t] : edges[t + 1]]]
                last_use[hit] = t
                weight *= 0.5 ** (1 / _MEMORY)
                if t >= self._begin:
                    weight += np.bincount(hit, minlength=number)
        for within, counted in zip(USED_WITHIN, used, strict=True):
            yield f"points used within {within}", counted
        recorded = self._faded(past.counts, _MEMORY)[0]
        yield "share of the point used most", _log_share(most, recorded)

    def _around(self) -> Iterator[tuple[str, FloatArray]]:
        """What the neighbourhood recorded of late, and in the same months of other years."""
        for scale in SCALES:
            width = scale / self.data.spread.spacing
            recorded = self._smoothed(self.data.history[self.first :], width)
            expected = self._smoothed(self.expected[:-1], width)
            prior = 1 / (2 * np.pi * max(width, 0.4) ** 2)  # one offence at the kernel's middle
            for span in SPANS:
                past, of_base = (
                    self._sum_of(each, range(1, span + 1)) for each in (recorded, expected)
                )
                yield f"around {scale:g} m, last {span}", _ratio(past, of_base, prior)
            past, of_base = (self._sum_of(each, YEARS) for each in (recorded, expected))
            yield f"around {scale:g} m, same months", _ratio(past, of_base, prior)

    @property
    def _begin(self) -> int:
        return self.data.exposure.new_list_at or 0

    def _faded(self, amount: FloatArray, half_life: float) -> tuple[FloatArray, FloatArray]:
        """Sums over the past by age, (times, units), and the months they are of, (times,)."""
        decay = 0.5 ** (1 / half_life)
        total, months = np.zeros(amount.shape[1]), 0.0
        found, weight = np.zeros((len(self.rows), total.size)), np.zeros(len(self.rows))
        place = {int(row): k for k, row in enumerate(self.rows)}
        for t in range(self._begin, len(amount) + 1):
            if (k := place.get(t)) is not None:
                found[k], weight[k] = total, months
            if t < len(amount):
                total, months = decay * total + amount[t], decay * months + 1.0
        return found, weight

    def _sum_of(self, amount: FloatArray, months_ago) -> FloatArray:
        """What some past months held, of amounts from month `first` on; (times, units)."""
        total = np.zeros((len(self.rows), amount.shape[1]))
        for ago in months_ago:
            there = self.rows - ago >= self.first
            total[there] += amount[self.rows[there] - ago - self.first]
        return total

    def _points_hit(self) -> FloatArray:
        """Points with an offence or more, by month and unit."""
        past = self.data.past
        point, _ = factorized(past.x + 1j * past.y)
        _, first = np.unique(past.month * (int(point.max()) + 1) + point, return_index=True)
        flat = np.bincount(
            past.month[first] * past.counts.shape[1] + past.unit[first], minlength=past.counts.size
        )
        return flat.reshape(past.counts.shape).astype(float)

    def _smoothed(self, amount: FloatArray, width: float) -> FloatArray:
        """Each month blurred by a Gaussian of this many cells; nothing lies outside the region."""
        from scipy.ndimage import gaussian_filter

        on_grid = np.zeros((len(amount), np.prod(self.data.spread.shape)), np.float32)
        on_grid[:, self.data.past.cells] = amount
        on_grid = on_grid.reshape(-1, *self.data.spread.shape)
        blurred = gaussian_filter(on_grid, (0, width, width), mode="constant", truncate=3.0)
        return blurred.reshape(len(amount), -1)[:, self.data.past.cells]


def _ratio(recorded: FloatArray, expected: FloatArray, prior: float) -> FloatArray:
    """Logarithm of recorded to expected, which is first set to the same total month by month."""
    total, of_base = (values.sum(axis=1, keepdims=True) for values in (recorded, expected))
    level = np.divide(total, of_base, np.zeros_like(total, float), where=of_base > 0)
    return np.log((recorded + prior) / (level * expected + prior))


def _log_share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.log((part + _PRIOR) / (whole + _PRIOR))
