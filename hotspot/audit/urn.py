r"""The smallest model of a feedback loop: an urn whose draws decide what is put in.

Each round one area is visited, with the chance of its share of all records so far. What is reported
is recorded wherever it happens; what is only discovered is recorded where the visit was.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hotspot._checks import require_generator
from hotspot._typing import FloatArray
from hotspot.errors import ParameterError


def urn_fixed_point(discovered: Sequence[float], reported: Sequence[float]) -> float:
    r"""Share of visits that the first of two areas ends up with.

    With a and b the records of the two areas a round in which the first is visited, c and d those
    in which the second is, the share p solves

    .. math:: (c + d - a - b) p^2 + (a - 2c - d) p + c = 0.

    Parameters
    ----------
    discovered : pair of float
        Offences a round that a visit discovers in each area.
    reported : pair of float
        Offences a round that are reported in each area.

    Returns
    -------
    float
        In [0, 1]. Where nothing is reported there is no such share: the urn runs away to the area
        with more, and at equal rates to either.

    Raises
    ------
    ParameterError
        If a rate is negative, or nothing is reported.

    References
    ----------
    Ensign, D., Friedler, S. A., Neville, S., Scheidegger, C., & Venkatasubramanian, S. (2018).
    Runaway feedback loops in predictive policing. Proceedings of Machine Learning Research, 81,
    160-171. https://doi.org/10.48550/arXiv.1706.09847

    Examples
    --------
    Rates of .6 and .4; all reported, and as much, half as much or nothing discovered besides.

    >>> [round(urn_fixed_point((0.6 * k, 0.4 * k), (0.6, 0.4)), 4) for k in (1.0, 0.5, 0.0)]
    [0.6458, 0.6235, 0.6]
    """
    found, told = np.asarray(discovered, float), np.asarray(reported, float)
    if found.shape != (2,) or told.shape != (2,) or (found < 0).any() or (told < 0).any():
        raise ParameterError(
            f"Give two areas' rates of 0 or more, got {discovered!r} and {reported!r}."
        )
    if told.sum() == 0:
        raise ParameterError(
            "Nothing is reported: such an urn has no fixed share, it runs away to one area."
        )
    a, b, c, d = found[0] + told[0], told[1], told[0], found[1] + told[1]
    square, linear = c + d - a - b, a - 2 * c - d
    if abs(square) < 1e-12 * abs(linear):
        return float(-c / linear)
    roots = np.roots([square, linear, c]).real
    inside = roots[(roots >= -1e-12) & (roots <= 1 + 1e-12)]
    return float(np.clip(inside[0], 0.0, 1.0))


def simulate_urn(
    discovered: Sequence[float],
    reported: Sequence[float],
    *,
    rounds: int,
    rng: np.random.Generator,
    size: int = 1,
    corrected: bool = False,
) -> FloatArray:
    """Share of records in the first area after some rounds, in independent urns.

    Parameters
    ----------
    discovered, reported : (k,) floats in [0, 1]
        Chance a round that an offence is discovered in an area that is visited, and that one is
        reported in it.
    rounds : int
    rng : numpy.random.Generator
    size : int
        Urns.
    corrected : bool
        Keep a discovered offence only with the chance p_min / p_i, for p the areas' chances of a
        visit: what is discovered where visits are many counts for less.

    Returns
    -------
    (size,) float64

    Notes
    -----
    O(rounds x size x areas). Each urn begins with one record an area.

    References
    ----------
    Ensign, D., et al. (2018). Runaway feedback loops in predictive policing. Proceedings of Machine
    Learning Research, 81, 160-171. https://doi.org/10.48550/arXiv.1706.09847

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> shares = simulate_urn((0.6, 0.4), (0, 0), rounds=2000, rng=rng, size=200, corrected=True)
    >>> bool(abs(shares.mean() - 0.6) < 0.02)
    True
    """
    require_generator(rng)
    found, told = np.asarray(discovered, float), np.asarray(reported, float)
    records = np.ones((size, found.size))
    every = np.arange(size)
    for _ in range(rounds):
        chance = records / records.sum(axis=1, keepdims=True)
        visited = (chance.cumsum(axis=1) < rng.random((size, 1))).sum(axis=1)
        visited = np.minimum(visited, found.size - 1)  # a sum that rounding leaves below 1
        kept = chance.min(axis=1) / chance[every, visited] if corrected else 1.0
        records += rng.random((size, told.size)) < told
        records[every, visited] += rng.random(size) < found[visited] * kept
    return records[:, 0] / records.sum(axis=1)


def inspection_weights(inspected: FloatArray) -> FloatArray:
    """What a discovered offence must count for, where patrols are known: 1 / chance of a visit.

    Parameters
    ----------
    inspected : (cells,) float64
        Chance that each cell was visited in the window, in (0, 1].

    Returns
    -------
    (cells,) float64

    Raises
    ------
    ParameterError
        If a chance is outside (0, 1]. Without records of patrols these are not known, and must
        not be guessed from the flags.

    References
    ----------
    Horvitz, D. G., & Thompson, D. J. (1952). A generalization of sampling without replacement from
    a finite universe. Journal of the American Statistical Association, 47, 663-685.
    https://doi.org/10.1080/01621459.1952.10483446

    Examples
    --------
    >>> inspection_weights(np.array([1.0, 0.25]))
    array([1., 4.])
    """
    chance = np.asarray(inspected, float)
    if not ((chance > 0) & (chance <= 1)).all():
        raise ParameterError(
            "Each cell's chance of a visit must lie in (0, 1]; a cell that is never visited tells "
            "nothing of what would be discovered there."
        )
    return 1.0 / chance
