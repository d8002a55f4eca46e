r"""How much counts vary more than their mean: rates that differ, and repeats.

.. math:: \operatorname{Var} N_{tu} = \mu_{tu} (1 + a_{tu}), \qquad
    a_{tu} = \delta + \psi_u \mu_{tu}

ψ is the relative variance of the rates around their mean, which matters the more the larger the
mean is. δ is what repeats add: where each event brings others of the same month to the same place,
the variance is a multiple of the mean however large that is. Both are positive, and parameters are
their logarithms. The law is the negative binomial with that mean and variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hotspot._numba.count_likelihood import count_curvatures
from hotspot._typing import FloatArray, IntArray

_KNOTS = 64
_HIGHEST = 2e4  # counts up to which the information of an excess is summed


@dataclass(frozen=True, eq=False)
class CountLaw:
    """Which excesses counts have.

    A vector holds log ψ of each group and then log δ, those that there are.

    Attributes
    ----------
    n_units : int
    group : (units,) int64 or None
        Which ψ each unit has, from 0; None for none.
    repeats : bool
        Whether there is a δ.
    """

    n_units: int
    group: IntArray | None = None
    repeats: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of a vector is."""
        many = self._n_groups > 1
        law = [f"log overdispersion{f' {k}' * many}" for k in range(self._n_groups)]
        return (*law, *(["log repeats"] * self.repeats))

    @property
    def size(self) -> int:
        """Length of a vector."""
        return self._n_groups + int(self.repeats)

    def overdispersion(self, vector: FloatArray) -> FloatArray:
        """ψ of each unit; (units,)."""
        if self.group is None:
            return np.zeros(self.n_units)
        return np.exp(vector[: self._n_groups])[self.group]

    def repeat_share(self, vector: FloatArray) -> float:
        """δ; unitless."""
        return float(np.exp(vector[-1])) if self.repeats else 0.0

    def excess(self, vector: FloatArray, mean: FloatArray) -> FloatArray:
        """a of each mean; (times, units)."""
        return self.repeat_share(vector) + self.overdispersion(vector) * mean

    def excess_information(self, vector: FloatArray, mean: FloatArray) -> FloatArray:
        r"""Fisher information of each excess, :math:`-E \, \partial^2 \ell / \partial a^2`.

        It is a function of the mean, smooth in its logarithm: worked out at a few means between the
        smallest and the largest, and read off between them. 0 where the mean is 0.
        """
        out = np.zeros(mean.shape)
        groups = np.zeros(self.n_units, int) if self.group is None else self.group
        psi = self.overdispersion(vector)
        for k in np.unique(groups):
            columns = np.flatnonzero(groups == k)
            of_group = mean[:, columns]
            some = of_group > 0
            if not some.any():
                continue
            ends = np.log([of_group[some].min(), of_group.max()])
            knots = np.exp(np.linspace(ends[0], ends[1] + 1e-9, _KNOTS))
            excess = self.repeat_share(vector) + psi[columns[0]] * knots
            at_knots = np.log(_excess_information(knots, excess))
            read = np.exp(np.interp(np.log(of_group[some]), np.log(knots), at_knots))
            of_group = np.zeros(of_group.shape)
            of_group[some] = read
            out[:, columns] = of_group
        return out

    def summed(self, along_psi: FloatArray, along_delta: FloatArray) -> FloatArray:
        """Slopes (times, units) along every log ψ and log δ, gathered by parameter; (size,)."""
        found = np.empty(0)
        if self.group is not None:
            found = np.bincount(self.group, along_psi.sum(axis=0), self._n_groups)
        return np.append(found, along_delta.sum()) if self.repeats else found

    def products(
        self, weight: FloatArray, along_psi: FloatArray, along_delta: FloatArray | float
    ) -> FloatArray:
        """Weighted products of the slopes along each pair of parameters; (size, size)."""
        found = np.zeros((self.size, self.size))
        if self.group is not None:
            of_units = (weight * along_psi**2).sum(axis=0)
            of_group = np.bincount(self.group, of_units, self._n_groups)
            found[: self._n_groups, : self._n_groups] = np.diag(of_group)
        if self.repeats:
            found[-1] = found[:, -1] = self.summed(
                weight * along_psi * along_delta, weight * along_delta**2
            )
        return found

    def crossed(
        self, jacobian: FloatArray, along_psi: FloatArray, along_delta: FloatArray
    ) -> FloatArray:
        """Slopes of the mean times what belongs to ψ and to δ; (k, size)."""
        found = []
        if self.group is not None:
            by_unit = jacobian.reshape(len(jacobian), *along_psi.shape)
            for of_units in np.einsum("ktu,tu->ku", by_unit, along_psi):
                found.append(np.bincount(self.group, of_units, self._n_groups))
        found = np.array(found).reshape(len(jacobian), self._n_groups)
        if self.repeats:
            found = np.column_stack([found, jacobian @ along_delta.ravel()])
        return found

    @property
    def _n_groups(self) -> int:
        return 0 if self.group is None else int(self.group.max()) + 1


def _excess_information(mean: FloatArray, excess: FloatArray) -> FloatArray:
    r""":math:`\sum_{j \ge 1} P(y > j) (j / (\mu + a j))^2` less what every count has alike.

    NaN where counts would reach too high for the sum; a climb then takes steps without it.
    """
    from scipy.stats import nbinom

    sd = np.sqrt(mean * (1 + excess))
    highest = np.max(mean + 12 * sd * (1 + excess)) + 20
    if not highest < _HIGHEST:  # nor where it is not a number: a climb that has lost its way
        return np.full(mean.shape, np.nan)
    highest = int(highest)
    j = np.arange(1.0, highest)[:, None]
    beyond = nbinom.sf(j, mean / excess, 1 / (1 + excess))
    varies = (beyond * (j / (mean + excess * j)) ** 2).sum(axis=0)
    row = mean[None]
    _, _, of_none = count_curvatures(np.zeros(row.shape), row, excess[None])
    return np.maximum(varies - of_none[0] - mean / (1 + excess) ** 2, 1e-300)


def draw_counts(mean: FloatArray, excess: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Counts of variance mean (1 + excess); Poisson where there is no excess."""
    if not excess.any():
        return rng.poisson(mean)
    size = np.divide(mean, excess, np.zeros(mean.shape), where=excess > 0)
    return rng.poisson(rng.standard_gamma(size) * excess)
