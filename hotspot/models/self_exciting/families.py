r"""By how much a count varies more than its mean, since events come in families.

The chance that the sum of k displacements stays in a cell of side ℓ, whose start lies anywhere in
it, follows from the characteristic function :math:`\varphi` of one displacement,

.. math:: s_k = \frac{\ell^2}{2 \pi} \int_0^\infty \varphi(\rho)^k \, \rho \,
   \overline{\operatorname{sinc}^2 \operatorname{sinc}^2}(\rho \ell) \, d\rho ,

with the mean over all directions of the transform of a cell's shape; the distribution of the sum of
k lags from the k-th power of the transform of one, on a fine axis of time.
"""

from __future__ import annotations

import math

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ParameterError
from hotspot.grid.cells import Grid
from hotspot.models.parts.displacement import (
    Displacement,
    ExponentialDisplacement,
    GaussianDisplacement,
    PiecewiseConstantDisplacement,
    PowerLawDisplacement,
    StudentDisplacement,
)
from hotspot.models.parts.lag import ExponentialLag, Lag
from hotspot.models.self_exciting.likelihood import Parts
from hotspot.models.self_exciting.moments import (
    Past,
    offspring_matrix,
    spectral_radius,
    twice_integrated,
)
from hotspot.models.smoothing.edge import mean_mass_between

_MOST_GENERATIONS = 60
_INSTANTS = 4096


def excess_variance(
    grid: Grid,
    parts: Parts,
    edges: FloatArray,
    expected: FloatArray,
    *,
    past: Past,
    periods: list[tuple[float, float]],
) -> FloatArray:
    r"""By how much a cell's count varies more than its mean, since events come in families.

    Twice the expected number of pairs of relatives of one offence that fall in one cell and
    period: ancestor and descendant, or two lines from one ancestor after the cut-off,

    .. math:: \sum_{o, a} N_{oa} \Bigl( 2\, [o = n][a \in \text{period}]
       \sum_k (\Theta^k)_{nn} s_k F_k
       + q_o \sum_{k, l} (\Theta^k)_{on} (\Theta^l)_{on} s_{k + l} F_k F_l \Bigr)

    with :math:`\Theta` the mean direct offspring by offence, :math:`s_k` the chance that the sum of
    k displacements stays in a cell, :math:`F_k` that the sum of k lags ends in the period, and
    :math:`q_o` the mean square of the factors of marks over their squared mean. Neighbouring
    cells are taken to expect what the cell does.

    Parameters
    ----------
    grid : Grid
    parts : Parts
    edges : (k + 1,) float64
    expected : (k, ny, nx) or (M, k, ny, nx) float64
        As :func:`~hotspot.models.self_exciting.moments.expected_by_step` gives it.
    past : Past
    periods : list of (float, float)
        Days after the cut-off.

    Returns
    -------
    (p, ny, nx) or (M, p, ny, nx) float64
    """
    by_kind = expected.reshape(-1, *expected.shape[-3:])
    theta = offspring_matrix(parts, past)
    spread = past.mean_factor(len(theta), power=2) / past.mean_factor(len(theta)) ** 2
    most = _generations(theta)
    k = np.arange(1, most + 1)
    powers = np.stack([np.linalg.matrix_power(theta, g) for g in k])
    stays = staying_chance(parts.displacement, grid.cell_size, 2 * most)
    arrived = _Arrivals(parts.lag, k, past.shortest_lag, edges)
    middle = 0.5 * (edges[:-1] + edges[1:])
    out = np.empty((len(by_kind), len(periods), *grid.shape))
    for i, (begin, end) in enumerate(periods):
        inside = (middle > begin) & (middle < end)
        ends = arrived(end) - arrived(begin)
        pairs = np.einsum(
            "o,mk,ml,kl,kon,lon->onm", spread, ends, ends, stays[k[:, None] + k - 1],
            powers, powers, optimize=True,
        )  # fmt: skip
        own = 2.0 * np.einsum("mk,k,knn->nm", ends, stays[k - 1], powers) * inside
        pairs[np.arange(len(own)), np.arange(len(own))] += own
        pairs[..., middle > end] = 0.0
        out[:, i] = np.einsum("onm,omyx->nyx", pairs, by_kind, optimize=True)
    out *= grid.inside_area / grid.cell_size**2
    return out.reshape(*expected.shape[:-3], len(periods), *grid.shape)


def _generations(theta: FloatArray) -> int:
    """After how many generations next to nothing is left of a family."""
    radius = spectral_radius(theta)
    if radius <= 0:
        return 1
    if radius >= 1:
        return _MOST_GENERATIONS
    return min(_MOST_GENERATIONS, 1 + math.ceil(math.log(1e-4) / math.log(radius)))


class _Arrivals:
    """Chance that the sum of k lags, begun in the middle of each step, ends by some time."""

    def __init__(self, lag: Lag, k: np.ndarray, shortest: float, edges: FloatArray) -> None:
        self.lag, self.k, self.shortest = lag, k, shortest
        self.middle = 0.5 * (edges[:-1] + edges[1:])
        if not isinstance(lag, ExponentialLag):
            self.instants, self.shares = summed_lags(lag, len(k), float(edges[-1]))

    def __call__(self, until: float) -> FloatArray:
        from scipy.special import gammainc

        left = np.maximum(until - self.middle[:, None] - self.k * self.shortest, 0.0)
        if isinstance(self.lag, ExponentialLag):
            return gammainc(self.k, self.lag.rate * left)
        columns = zip(left.T, self.shares, strict=True)
        return np.stack([np.interp(t, self.instants, share) for t, share in columns], axis=1)


def summed_lags(lag: Lag, most: int, until: float) -> tuple[FloatArray, FloatArray]:
    """Share of sums of 1 to `most` lags up to each instant from 0 on; (n,) and (most, n).

    A lag is shared linearly between the instants about it, so that its mean is kept.
    """
    from scipy.fft import irfft, rfft

    t = np.linspace(0.0, until, _INSTANTS)
    twice = twice_integrated(lag, np.append(t, t[-1] + t[1]))
    mass = np.concatenate([[twice[1]], np.diff(twice, 2)]) / t[1]
    transform = rfft(mass, 2 * _INSTANTS)
    shares, total = [lag.integral(t)], transform
    for _ in range(most - 1):
        # Cut off at the end each time, or what comes later would come round to the beginning.
        total = rfft(irfft(total * transform)[:_INSTANTS], 2 * _INSTANTS)
        own = irfft(total)[:_INSTANTS]
        shares.append(np.cumsum(own) - 0.5 * own)
    return t, np.clip(shares, 0.0, 1.0)


def staying_chance(displacement: Displacement, cell: float, most: int) -> FloatArray:
    """Chance that the sum of 1 to `most` displacements ends in the cell it began in; (most,)."""
    k = np.arange(1, most + 1)
    if isinstance(displacement, GaussianDisplacement):
        widths = cell / (displacement.sd * np.sqrt(k))
        return np.array([mean_mass_between(np.zeros(1), width)[0] ** 2 for width in widths])
    rho, weight = _frequencies(displacement.reach(0.5) / cell)
    kernel = characteristic(displacement, rho / cell)
    return np.clip((kernel[None, :] ** k[:, None]) @ weight, 0.0, 1.0)


def _frequencies(half: float) -> tuple[FloatArray, FloatArray]:
    """Nodes per cell side, and weights that sum to 1, under which a function of 1 stays for sure.

    The shape of a cell falls off so slowly that what lies beyond the last node is given to it.
    """
    edges = np.concatenate([[0.0], np.geomspace(1e-3, 1, 16), np.arange(1.5, 100, 0.5)])
    edges = np.concatenate([edges, np.geomspace(100, 4000, 300)]) / max(half, 1.0)
    node, weight = np.polynomial.legendre.leggauss(6)
    low, high = edges[:-1, None], edges[1:, None]
    rho = (0.5 * (low + high) + 0.5 * (high - low) * node).ravel()
    step = (0.5 * (high - low) * weight).ravel() * rho * _shape_of_cell(rho) / (2 * math.pi)
    step[-1] += 1 - step.sum()
    return rho, step


def _shape_of_cell(rho: FloatArray) -> FloatArray:
    """Transform of the cell's shape, both ends of a pair in it, mean over all directions."""
    node, weight = np.polynomial.legendre.leggauss(12)
    edges = np.append(0.0, math.pi / 4 * 2.0 ** np.arange(-12, 1))
    half = 0.5 * np.diff(edges)[:, None]
    angle = (edges[:-1, None] + half + half * node).ravel()
    share = (half * weight).ravel() / (math.pi / 4)
    along = np.sinc(rho[:, None] * np.cos(angle) / (2 * math.pi))
    across = np.sinc(rho[:, None] * np.sin(angle) / (2 * math.pi))
    return np.square(along * across) @ share


def characteristic(displacement: Displacement, rho: FloatArray) -> FloatArray:
    r"""Mean of :math:`e^{i \rho X}` over displacements, whatever their direction; of `rho`'s shape.

    .. math:: \varphi(\rho) = \int_0^\infty J_0(\rho r) \, 2 \pi r \, h(r) \, dr

    Raises
    ------
    ParameterError
        If the displacement is none of the library's own.

    Notes
    -----
    In closed form, but for the power law, which is a mixture of exponential densities, of
    scale :math:`\sigma / \lambda` with :math:`\lambda` from a Gamma distribution of shape d - 2.
    """
    from scipy.special import gammaln, j1, kv

    match displacement:
        case GaussianDisplacement(sd=sd):
            return np.exp(-0.5 * np.square(sd * rho))
        case ExponentialDisplacement(scale=scale):
            return (1 + np.square(scale * rho)) ** -1.5
        case StudentDisplacement(scale=scale, exponent=d):
            z = np.maximum(scale * rho, 1e-12)
            with np.errstate(divide="ignore", under="ignore"):
                log = math.log(2) - gammaln(d - 1) + (d - 1) * np.log(z / 2) + np.log(kv(d - 1, z))
            return np.minimum(np.exp(log), 1.0)
        case PiecewiseConstantDisplacement(edges=edges, weights=weights):
            z = np.maximum(rho, 1e-12)[:, None] * np.array(edges)
            disc = np.where(z > 1e-6, 2 * j1(z) / np.maximum(z, 1e-6), 1.0) * np.square(edges)
            return (np.diff(disc) / np.diff(np.square(edges))) @ np.array(weights)
        case PowerLawDisplacement(scale=scale, exponent=d):
            log = np.arange(-45.0, 8.0, 0.1)
            share = 0.1 * np.exp((d - 2) * log - np.exp(log) - gammaln(d - 2))
            wide = scale * rho[:, None] * np.exp(-log)
            return (1 + np.square(wide)) ** -1.5 @ share
    raise ParameterError(
        f"{displacement!r} is none of the displacements that can be forecast with."
    )
