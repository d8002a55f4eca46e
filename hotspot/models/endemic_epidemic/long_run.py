r"""The long-run rate of each cell: its own past, weighed by age and shrunk to its neighbourhood.

.. math:: b_c = \frac{S_c + \kappa e_c}{W + \kappa / \rho_c}, \qquad
    S_c = \sum_{a \ge 0} 2^{-a / h} N_{c,-a}, \quad W = \sum_{a \ge 0} 2^{-a/h}

It is the posterior mean of a rate whose prior is a gamma of mean :math:`\rho_c e_c`, with e the
cell's exposure, ρ the rate per exposure of the cells around it (itself left out), and κ the
strength of the prior for each unit of exposure. Only months before the one it is for are used, so
that a likelihood of the months that followed can tell κ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hotspot._typing import BoolArray, FloatArray, IntArray
from hotspot.models.endemic_epidemic.exposure import Exposure
from hotspot.models.endemic_epidemic.neighbours import GridSpread

_REGION = 1.0  # weighted exposure by which the whole region counts in every neighbourhood
_STRENGTH = 0.5  # where a fit begins


@dataclass(frozen=True, eq=False)
class LongRun:
    """Long-run rates of several half-lives, for several months; a drive of the likelihood.

    Attributes
    ----------
    half_lives : tuple of float
        Months; their maps are mixed with weights that a fit finds.
    own : (half-lives, times, units) float32
        :math:`S`
    weight : (half-lives, times) float64
        :math:`W`
    around : (half-lives, times, units) float32
        The rate around each cell, offences a month for each unit of exposure.
    exposure : (times, units) float32
    held : float or None
        The strength of the prior where it is not to be estimated.
    """

    half_lives: tuple[float, ...]
    own: np.ndarray
    weight: FloatArray
    around: np.ndarray
    exposure: np.ndarray
    held: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of `vector` is."""
        first, *others = self.half_lives
        strength = () if self.held is not None else ("log strength of prior",)
        return (*strength, *(f"log share of half-life {h:g} to {first:g}" for h in others))

    @property
    def vector(self) -> FloatArray:
        """Where a fit begins."""
        strength = [] if self.held is not None else [np.log(_STRENGTH)]
        return np.concatenate([strength, np.zeros(len(self.half_lives) - 1)])

    @property
    def bounds(self) -> FloatArray:
        """Lowest and highest value of each number of `vector` that still makes sense."""
        return np.tile([-7.0, 7.0], (len(self.names), 1))

    def value(self, vector: FloatArray) -> FloatArray:
        """The mixed rate, offences a month; (times, units)."""
        strength, shares = self._split(vector)
        return sum(share * self._rate(k, strength) for k, share in enumerate(shares))

    def slopes(self, vector: FloatArray) -> list[FloatArray]:
        """Its slopes along each number of `vector`."""
        strength, shares = self._split(vector)
        found = []
        if self.held is None:
            slopes = (share * self._strength_slope(k, strength) for k, share in enumerate(shares))
            found.append(sum(slopes))
        if shares.size > 1:
            rates = [self._rate(k, strength) for k in range(shares.size)]
            mixed = sum(share * rate for share, rate in zip(shares, rates, strict=True))
            found += [
                share * (rate - mixed) for share, rate in zip(shares[1:], rates[1:], strict=True)
            ]
        return found

    def rows(self, chosen: slice | IntArray) -> LongRun:
        """The same for some of the times."""
        return replace(
            self,
            own=self.own[:, chosen],
            weight=self.weight[:, chosen],
            around=self.around[:, chosen],
            exposure=self.exposure[chosen],
        )

    def only(self, half_lives: tuple[float, ...], held: float | None = None) -> LongRun:
        """The same with some of the half-lives, and perhaps a strength that is held."""
        kept = [self.half_lives.index(h) for h in half_lives]
        return replace(
            self,
            half_lives=half_lives,
            own=self.own[kept],
            weight=self.weight[kept],
            around=self.around[kept],
            held=held,
        )

    def _split(self, vector: FloatArray) -> tuple[float, FloatArray]:
        """Strength of the prior, and the share of each half-life."""
        strength = self.held
        if strength is None:
            strength, vector = float(np.exp(vector[0])), vector[1:]
        odds = np.exp(np.concatenate([[0.0], vector]))
        return strength, odds / odds.sum()

    def _rate(self, k: int, strength: float) -> FloatArray:
        # In single precision the rate would move by jumps, and a climb could not tell its top.
        above = strength * self.exposure.astype(float) + self.own[k]
        return above / (self.weight[k][:, None] + strength / self.around[k].astype(float))

    def _strength_slope(self, k: int, strength: float) -> FloatArray:
        exposure, around = self.exposure.astype(float), self.around[k].astype(float)
        below = self.weight[k][:, None] + strength / around
        return (
            strength * (exposure - (self.own[k] + strength * exposure) / (around * below)) / below
        )


def long_run(
    counts: FloatArray,
    published: BoolArray,
    exposure: Exposure,
    around: GridSpread,
    *,
    half_lives: tuple[float, ...],
    begin: int,
) -> LongRun:
    """Long-run rates for every month of the record from `begin` on, and for the one after it.

    Parameters
    ----------
    counts : (months, units) float64
    published : (months,) bool
        Months that were not are left out.
    exposure : Exposure
    around : GridSpread
        Its decay says what a neighbourhood is.
    half_lives : tuple of float
        Months.
    begin : int
        First month of the record that is used at all.
    """
    n_months = len(counts)
    around_exposure = around.kernel_sums(exposure.monthly.astype(float))
    shape = (len(half_lives), n_months + 1, counts.shape[1])
    own, near = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    weight = np.zeros(shape[:2])
    for k, half_life in enumerate(half_lives):
        decay = 0.5 ** (1 / half_life)
        for t in range(begin, n_months):
            own[k, t + 1] = decay * own[k, t] + (counts[t] if published[t] else 0.0)
            weight[k, t + 1] = decay * weight[k, t] + published[t]
        heard = around.kernel_sums(own[k].astype(float))
        total = own[k].sum(axis=1, dtype=float)
        for t in np.flatnonzero((weight[k] > 0) & (total > 0)):
            mean = total[t] / exposure.monthly[t].sum(dtype=float)
            per_exposure = (heard[t] + _REGION * mean) / (around_exposure[t] + _REGION)
            near[k, t] = per_exposure / weight[k, t]
    return LongRun(half_lives, own, weight, near, exposure.monthly)
