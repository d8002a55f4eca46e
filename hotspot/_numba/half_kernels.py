r"""Weights of a point on the 16 lattice nodes round it, along one axis.

A Gaussian blur of variance h² is two blurs of h² / 2 in a row, and half of it at a node d spacings
from a point is :math:`e^{-\rho^2 d^2}` with ρ the spacing in h. The callers are
:mod:`hotspot._numba.smoothed_points` and :mod:`hotspot._numba.smoothed_region`.
"""

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH
from hotspot._numba.fast_exp import fast_exp

NODES = 16  # lattice nodes along each axis that a point reaches
SPACING = 0.55  # lattice spacing, in standard deviations of the whole blur
BEFORE = 7  # nodes at or to the left of a point, less one
SHAPE = SPACING * SPACING
_PROFILE = np.exp(-SHAPE * (np.arange(NODES) - float(BEFORE)) ** 2)
_HALF = np.uint64(NODES // 2)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def half_kernel(place, weight, at):
    """Write ``exp(-SHAPE * d**2)`` for every node in reach of a point; 16 of them.

    Parameters
    ----------
    place : float
        Where the point lies, in nodes.
    weight : (at + 16 or more,) float64
        Filled from `at` on.
    at : uint64

    Returns
    -------
    uint64
        The first node in reach.

    Notes
    -----
    Two exponentials and products instead of 16 exponentials: with a the part of a node by which the
    point lies beyond node 0, ``exp(-SHAPE (k - a)**2) = exp(-SHAPE k**2) base**k exp(-SHAPE a**2)``
    and ``base = exp(2 SHAPE a)``. Unsigned numbers spare the check for places that count from the
    end of an array, without which nothing is put in vector registers.
    """
    nearest = np.floor(place)
    beyond = place - nearest
    base = fast_exp(2.0 * SHAPE * beyond)
    two = base * base
    four = two * two
    lowest = fast_exp(-SHAPE * beyond * beyond) / (four * two * base)
    weight[at] = lowest
    weight[at + np.uint64(1)] = lowest * base
    weight[at + np.uint64(2)] = lowest * two
    weight[at + np.uint64(3)] = lowest * (two * base)
    for k in range(np.uint64(4)):
        weight[at + np.uint64(4) + k] = weight[at + k] * four
    for k in range(_HALF):
        weight[at + _HALF + k] = weight[at + k] * (four * four)
    for k in range(np.uint64(NODES)):
        weight[at + k] *= _PROFILE[k]
    return np.uint64(nearest - BEFORE)
