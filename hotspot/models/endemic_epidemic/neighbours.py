r"""How what was recorded in one unit counts for the others: weights that a fit can move.

A spread takes what was recorded, one row a month and one column a unit, and gives for each unit
the weighted sum over the other units, :math:`\sum_{u'} w_{u'u} N_{u'}`, with its slopes along
its parameters. Rows of weights sum to 1 where they are normalised: then each recorded offence is
shared out, and the coefficient before the sum says how many more are expected for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from hotspot._numba.grid_spread import spread_on_grid
from hotspot._typing import FloatArray, IntArray
from hotspot.models.parts.base import Part

_NOWHERE = 1e-9  # exposure within reach of a cell, relative to the mean, that counts as none


class Decay(Protocol):
    """How influence falls off with distance; see :mod:`hotspot.models.parts.shapes`."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def vector(self) -> FloatArray: ...
    @property
    def bounds(self) -> FloatArray: ...
    def with_vector(self, vector: FloatArray) -> Decay: ...
    def value(self, distance: FloatArray) -> FloatArray: ...
    def value_derivatives(self, distance: FloatArray) -> FloatArray: ...


class Spread(Protocol):
    """What every kind of neighbourhood can say."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def vector(self) -> FloatArray: ...
    @property
    def bounds(self) -> FloatArray: ...
    def of(self, counts: FloatArray, vector: FloatArray) -> FloatArray: ...
    def with_slopes(
        self, counts: FloatArray, vector: FloatArray
    ) -> tuple[FloatArray, list[FloatArray]]: ...


@dataclass(frozen=True)
class PowerLawDecay(Part):
    r"""Falls off by a power of the distance: :math:`f(r) = r^{-d}`.

    It has no scale, and so suits what has a least distance: orders of neighbourhood (1 for areas
    that touch), or cells, of which one's own stands apart.

    Attributes
    ----------
    exponent : float
        :math:`d`.

    References
    ----------
    Meyer, S., & Held, L. (2014). Power-law models for infectious disease spread. Annals of Applied
    Statistics, 8, 1612-1639. https://doi.org/10.1214/14-AOAS743

    Examples
    --------
    >>> PowerLawDecay(exponent=2.0).value(np.array([1.0, 2.0]))
    array([1.  , 0.25])
    """

    exponent: float = 1.5

    def value(self, distance: FloatArray) -> FloatArray:
        """Weight at each distance above 0, relative to that at 1."""
        return np.asarray(distance, float) ** -self.exponent

    def value_derivatives(self, distance: FloatArray) -> FloatArray:
        """Derivative of `value` by the log exponent; (1, ...)."""
        return (-self.exponent * np.log(distance) * self.value(distance))[None]


@dataclass(frozen=True)
class HeldDecay:
    """A decay that is not estimated: it stays as given."""

    decay: Decay

    names = ()
    vector = np.empty(0)
    bounds = np.empty((0, 2))

    def with_vector(self, vector: FloatArray) -> HeldDecay:  # noqa: ARG002 - the protocol's
        """Itself."""
        return self

    def value(self, distance: FloatArray) -> FloatArray:
        """Weight at each distance."""
        return self.decay.value(distance)

    def value_derivatives(self, distance: FloatArray) -> FloatArray:
        """None; (0, ...)."""
        return np.empty((0, *np.shape(distance)))


@dataclass(frozen=True)
class OwnUnit:
    """Each unit hears itself alone."""

    names = ()
    vector = np.empty(0)
    bounds = np.empty((0, 2))

    def of(self, counts: FloatArray, vector: FloatArray) -> FloatArray:  # noqa: ARG002 - the protocol's
        """The counts themselves."""
        return counts

    def with_slopes(
        self, counts: FloatArray, vector: FloatArray
    ) -> tuple[FloatArray, list[FloatArray]]:
        """The sums, and no slopes."""
        return self.of(counts, vector), []


@dataclass(frozen=True, eq=False)
class KnownWeights:
    """Weights that stand: nothing is estimated.

    Attributes
    ----------
    matrix : (units, units) array or sparse array
        Entry (from, to): how much what was recorded in one unit counts for another.
    """

    matrix: csr_array

    names = ()
    vector = np.empty(0)
    bounds = np.empty((0, 2))

    def of(self, counts: FloatArray, vector: FloatArray) -> FloatArray:  # noqa: ARG002 - the protocol's
        """Weighted sums for each unit; (times, units)."""
        return np.ascontiguousarray((self.matrix.T @ counts.T).T)

    def with_slopes(
        self, counts: FloatArray, vector: FloatArray
    ) -> tuple[FloatArray, list[FloatArray]]:
        """The sums, and no slopes."""
        return self.of(counts, vector), []


@dataclass(frozen=True, eq=False)
class DecayingWeights:
    """Weights by distance or order of neighbourhood, kept for pairs within reach only.

    Attributes
    ----------
    distances : (units, units) sparse array
        Distance or order for each pair (from, to) within reach; not for a unit and itself.
    decay : Decay
        Its parameters are where a fit begins.
    normalised : bool
        Whether the weights of each unit's offences sum to 1.
    """

    distances: csr_array
    decay: Decay
    normalised: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of `vector` is."""
        return self.decay.names

    @property
    def vector(self) -> FloatArray:
        """Where a fit begins."""
        return self.decay.vector

    @property
    def bounds(self) -> FloatArray:
        """Lowest and highest value of each number of `vector` that still makes sense."""
        return self.decay.bounds

    def of(self, counts: FloatArray, vector: FloatArray) -> FloatArray:
        """Weighted sums for each unit; (times, units)."""
        return self._summed(counts, self.weights(vector).data)

    def with_slopes(
        self, counts: FloatArray, vector: FloatArray
    ) -> tuple[FloatArray, list[FloatArray]]:
        """The sums, and their slopes along each number of `vector`."""
        decay, rows = self.decay.with_vector(vector), self._rows
        raw = decay.value(self.distances.data)
        found = []
        for slope in decay.value_derivatives(self.distances.data):
            if self.normalised:
                total = np.bincount(rows, raw, self.distances.shape[0])[rows]
                slope = (
                    slope / total
                    - raw / total**2 * (np.bincount(rows, slope, self.distances.shape[0])[rows])
                )
            found.append(self._summed(counts, slope))
        return self.of(counts, vector), found

    def weights(self, vector: FloatArray) -> csr_array:
        """The matrix (from, to) with these parameters."""
        raw, rows = self.decay.with_vector(vector).value(self.distances.data), self._rows
        if self.normalised:
            raw = raw / np.bincount(rows, raw, self.distances.shape[0])[rows]
        return self._matrix(raw)

    @property
    def _rows(self) -> IntArray:
        return np.repeat(np.arange(self.distances.shape[0]), np.diff(self.distances.indptr))

    def _matrix(self, data: FloatArray) -> csr_array:
        return csr_array(
            (data, self.distances.indices, self.distances.indptr), self.distances.shape
        )

    def _summed(self, counts: FloatArray, data: FloatArray) -> FloatArray:
        return np.ascontiguousarray((self._matrix(data).T @ counts.T).T)


@dataclass(frozen=True, eq=False)
class GridSpread:
    r"""Weights by distance between the cells of a grid, in proportion to exposure.

    .. math:: w_{c'c} = \frac{K_{c'c} \, e_c}{\sum_{c''} K_{c'c''} \, e_{c''}}, \qquad K_{cc} = 0

    The matrix is never formed: weights stand in one table by rows and columns apart.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of the grid.
    cells : (units,) int64
        Flat index of each unit's cell.
    spacing : float
        Width of a cell, in the decay's unit of length.
    decay : Decay
        Its parameters are where a fit begins.
    reach : int
        How many cells away influence ends.
    exposure : (versions, units) float64
        What there is to be exposed, at least 0.
    version : (times,) int64
        Which of them holds for each row of the counts that a fit uses; any other number of
        rows is taken to come after, when the last holds.
    """

    shape: tuple[int, int]
    cells: IntArray
    spacing: float
    decay: Decay
    reach: int
    exposure: FloatArray
    version: IntArray

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of `vector` is."""
        return self.decay.names

    @property
    def vector(self) -> FloatArray:
        """Where a fit begins."""
        return self.decay.vector

    @property
    def bounds(self) -> FloatArray:
        """Lowest and highest value of each number of `vector` that still makes sense."""
        return self.decay.bounds

    def of(self, counts: FloatArray, vector: FloatArray) -> FloatArray:
        """Weighted sums for each unit; (times, units)."""
        table = self._table(self.decay.with_vector(vector).value)
        version = self._versions(counts)
        within = self._within_reach(table)
        return self._sums(counts / within[version], table) * self.exposure[version]

    def with_slopes(
        self, counts: FloatArray, vector: FloatArray
    ) -> tuple[FloatArray, list[FloatArray]]:
        """The sums, and their slopes along each number of `vector`."""
        decay, version = self.decay.with_vector(vector), self._versions(counts)
        table = self._table(decay.value)
        within = self._within_reach(table)
        shared = counts / within[version]
        found = []
        for k in range(len(self.names)):
            slope = self._table(lambda distance, k=k: decay.value_derivatives(distance)[k])
            change = self._sums(self.exposure, slope) / within
            moved = self._sums(shared, slope) - self._sums(shared * change[version], table)
            found.append(moved * self.exposure[version])
        return self._sums(shared, table) * self.exposure[version], found

    def of_squared(self, counts: FloatArray, vector: FloatArray) -> FloatArray:
        """Sums with the square of each weight: how variances of counts spread."""
        table = self._table(self.decay.with_vector(vector).value)
        version = self._versions(counts)
        within = self._within_reach(table)
        return self._sums(counts / within[version] ** 2, table**2) * self.exposure[version] ** 2

    def kernel_sums(self, amount: FloatArray) -> FloatArray:
        """Sums over the other cells within reach, by the decay as given alone; (times, units)."""
        return self._sums(amount, self._table(self.decay.value))

    def _versions(self, counts: FloatArray) -> IntArray:
        """The exposure that holds for each row; the last for counts of another length."""
        if len(counts) == len(self.version):
            return self.version
        return np.full(len(counts), len(self.exposure) - 1)

    def _within_reach(self, table: FloatArray) -> FloatArray:
        """What each unit's offences are shared among; infinite where that is nothing."""
        within = self._sums(self.exposure, table)
        nothing = within <= _NOWHERE * within.max(axis=1, keepdims=True)
        return np.where(nothing, np.inf, within)

    def _table(self, value) -> FloatArray:
        """A function of distance by rows and columns apart; 0 at none and beyond the reach."""
        step = np.arange(self.reach + 1)
        squared = step[:, None] ** 2 + step[None, :] ** 2
        near = (squared > 0) & (squared <= self.reach**2)
        table = np.zeros(squared.shape)
        table[near] = value(self.spacing * np.sqrt(squared[near]))
        return table

    def _sums(self, amount: FloatArray, table: FloatArray) -> FloatArray:
        row, column = np.divmod(self.cells, self.shape[1])
        return spread_on_grid(amount, row, column, self.shape, table)
