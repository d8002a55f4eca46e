"""The improved Sheather-Jones bandwidth of points on a line."""

from __future__ import annotations

import numpy as np

from hotspot._typing import FloatArray
from hotspot.errors import ConvergenceError

_N_BINS = 2**13
_MARGIN = 0.1  # of the range, left free on either side so that reflections do not meet data
_STAGES = 7


def sheather_jones(values: FloatArray, resolution: float = 0.0) -> float:
    r"""Bandwidth that is best for the roughness the values themselves show.

    The squared bandwidth t, in units of the squared range, solves
    :math:`t = \xi \gamma^{[7]}(t)` of Botev, Grotowski and Kroese: each stage estimates the
    integrated squared derivative that the next lower one needs.

    Parameters
    ----------
    values : (n,) float64
        Equal values count once towards the number of observations.
    resolution : float
        The bandwidth is sought at and above this, in the unit of `values`.

    Returns
    -------
    float
        In the unit of `values`.

    Raises
    ------
    ConvergenceError
        If the equation has no solution, as with values spread evenly or lying on few points.

    References
    ----------
    Botev, Z. I., Grotowski, J. F., & Kroese, D. P. (2010). Kernel density estimation via
    diffusion. Annals of Statistics, 38, 2916-2957. https://doi.org/10.1214/10-AOS799
    """
    from scipy.fft import dct
    from scipy.optimize import brentq

    low, high = values.min(), values.max()
    span = (high - low) * (1 + 2 * _MARGIN)
    first = low - _MARGIN * (high - low)
    counted, _ = np.histogram(values, _N_BINS, (first, first + span))
    n_distinct = np.unique(values).size
    squared = (dct(counted / values.size)[1:] / 2) ** 2
    wave = np.arange(1, _N_BINS, dtype=float) ** 2

    def excess(t):
        return t - _next_squared_bandwidth(t, wave, squared, n_distinct)

    # The smallest root is wanted: look from small bandwidths up for the first change of sign.
    tried = np.geomspace(max(1e-9, (resolution / span) ** 2), 0.1, 60)
    values_there = np.array([excess(t) for t in tried])
    change = np.flatnonzero((values_there[:-1] < 0) & (values_there[1:] >= 0))
    if change.size == 0:
        raise ConvergenceError(
            "The improved Sheather-Jones equation has no solution for these coordinates, as "
            "happens when they spread evenly along an axis, or many share few places. Use "
            'method="scott", or give a bandwidth in metres.',
            trace=np.column_stack([np.sqrt(tried) * span, values_there]),
        )
    t = brentq(excess, tried[change[0]], tried[change[0] + 1], xtol=1e-14)
    return float(np.sqrt(t) * span)


def _next_squared_bandwidth(t, wave, squared, n) -> float:
    """:math:`\\xi \\gamma^{[7]}(t)`, equations 29 and 30 of the paper."""

    def roughness(order, time):
        return (
            2
            * np.pi ** (2 * order)
            * (wave**order * squared * np.exp(-wave * np.pi**2 * time)).sum()
        )

    f = roughness(_STAGES, t)
    for s in range(_STAGES - 1, 1, -1):
        odd = np.prod(np.arange(1, 2 * s, 2.0)) / np.sqrt(2 * np.pi)
        constant = (1 + 0.5 ** (s + 0.5)) / 3
        with np.errstate(divide="ignore"):
            time = (2 * constant * odd / (n * f)) ** (2 / (3 + 2 * s))
        f = roughness(s, time)
    with np.errstate(divide="ignore"):
        return float((2 * n * np.sqrt(np.pi) * f) ** (-2 / 5))
