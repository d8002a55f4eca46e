"""What the hottest share of one map catches: the arithmetic under :mod:`hotspot.evaluate.ranking`.

Expected counts, observed counts and areas are (y, x) arrays; the conventions on ties, rounding and
areas stand in that module.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from hotspot._checks import require_choice
from hotspot._typing import FloatArray, IntArray
from hotspot.errors import ParameterError
from hotspot.evaluate._maps import inside_of

Ties = Literal["mean", "lowest", "highest"]
_SAME = 1e-12  # relative difference below which two expected counts per area are tied


class _Ranking(NamedTuple):
    """Cumulated from the hottest cells down, at the end of each group of tied cells; from 0."""

    area: FloatArray
    events: FloatArray
    cells: FloatArray


def checked_ties(ties: Ties) -> Ties:
    require_choice(ties, "ties", ("mean", "lowest", "highest"))
    return ties


def hit_rate_of_one_map(expected, observed, area, *, shares, ties) -> FloatArray:
    return penalised_pai_of_one_map(expected, observed, area, shares=shares, ties=ties, alpha=0.0)


def penalised_pai_of_one_map(expected, observed, area, *, shares, ties, alpha) -> FloatArray:
    expected, observed, area = _kept(expected, observed, area)
    if observed.sum() == 0:
        return np.full(shares.size, np.nan)
    hits, flagged, _ = _caught(expected, observed, area, shares, ties)
    return (hits / observed.sum()) / (flagged / area.sum()) ** alpha


def pei_of_one_map(expected, observed, area, *, shares) -> FloatArray:
    expected, observed, area = _kept(expected, observed, area)
    if observed.sum() == 0:
        return np.full(shares.size, np.nan)
    hits, flagged, ranking = _caught(expected, observed, area, shares)
    n_cells = np.interp(flagged, ranking.area, ranking.cells)
    hindsight = _ranking(observed / area, observed, area)
    best_hits = np.interp(n_cells, hindsight.cells, hindsight.events)
    best_area = np.interp(n_cells, hindsight.cells, hindsight.area)
    return (hits / flagged) / (best_hits / best_area)


def pei_star_of_one_map(expected, observed, area, *, shares, ties) -> FloatArray:
    expected, observed, area = _kept(expected, observed, area)
    if observed.sum() == 0:
        return np.full(shares.size, np.nan)
    hits, flagged, _ = _caught(expected, observed, area, shares, ties)
    hindsight = _ranking(observed / area, observed, area)
    return hits / np.interp(flagged, hindsight.area, hindsight.events)


def curve_of_one_map(expected, observed, area, *, shares, ties) -> FloatArray:
    expected, observed, area = _kept(expected, observed, area)
    if observed.sum() == 0:
        return np.full(shares.size, np.nan)
    ranking = _ranking(expected / area, observed, area, ties)
    return np.interp(shares * area.sum(), ranking.area, ranking.events) / observed.sum()


def area_under_one_map(expected, observed, area, *, ties) -> float:
    expected, observed, area = _kept(expected, observed, area)
    if observed.sum() == 0:
        return np.nan
    ranking = _ranking(expected / area, observed, area, ties)
    return np.trapezoid(ranking.events, ranking.area) / (observed.sum() * ranking.area[-1])


def flags_of_one_map(expected, area, *, shares) -> FloatArray:
    """(shares, y, x): the part of each cell that is flagged; NaN in cells that are left out."""
    nowhere = np.where(np.isnan(expected), np.nan, 0.0)
    kept = inside_of(expected, nowhere) & (area > 0)
    flags = np.full((shares.size, *expected.shape), np.nan)
    if not kept.any():
        return flags
    density, weight = expected[kept] / area[kept], area[kept]
    order, ends = _groups(density)
    reached = np.append(0.0, np.cumsum(weight[order])[ends])  # area at the end of each group
    group = np.empty(order.size, int)
    group[order] = np.repeat(np.arange(ends.size), np.diff(ends, prepend=-1))
    flagged = _flagged_area(weight, shares)[:, None]
    flags[:, kept] = np.clip((flagged - reached[:-1]) / np.diff(reached), 0, 1)[:, group]
    return flags


def _kept(expected, observed, area) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Expected counts, observed counts and areas of the cells that are scored."""
    kept = inside_of(expected, observed) & (area > 0)
    return expected[kept], observed[kept], area[kept]


def _groups(order_by: FloatArray) -> tuple[IntArray, IntArray]:
    """Cells from the hottest down, and where each group of tied cells ends in that order."""
    order = np.argsort(-order_by)  # not stable, which is slower: ties are one group in any order
    ordered = order_by[order]
    last_of_group = np.append(ordered[:-1] - ordered[1:] > _SAME * ordered[:-1], True)
    return order, np.flatnonzero(last_of_group)


def _ranking(
    order_by: FloatArray, observed: FloatArray, area: FloatArray, ties: Ties = "mean"
) -> _Ranking:
    order, ends = _groups(order_by)
    if ties != "mean":
        # One order of each group catches least at every cut, its reverse most: by events per area.
        group = np.repeat(np.arange(ends.size), np.diff(ends, prepend=-1))
        caught = observed[order] / area[order]
        order = order[np.lexsort((caught if ties == "lowest" else -caught, group))]
        ends = np.arange(order.size)
    cumulated = [np.cumsum(values[order])[ends] for values in (area, observed)]
    return _Ranking(*(np.append(0.0, values) for values in (*cumulated, ends + 1.0)))


def _flagged_area(area: FloatArray, shares: FloatArray) -> FloatArray:
    """Area flagged for each share: whole cells where all are equal, else exactly the share."""
    if np.ptp(area) > 1e-9 * area.max():
        return shares * area.sum()
    n_flagged = np.floor(shares * area.size + 1e-9)  # 0.29 * 100 is 28.99...
    if (n_flagged == 0).any():
        raise ParameterError(
            f"area_share={shares[n_flagged == 0][0]:g} flags no whole cell: the region has "
            f"{area.size}. The smallest usable share is {1 / area.size:.3g}."
        )
    return n_flagged * area.mean()


def _caught(
    expected, observed, area, shares, ties: Ties = "mean"
) -> tuple[FloatArray, FloatArray, _Ranking]:
    """Events caught in each flagged area, that area, and the forecast's ranking."""
    flagged = _flagged_area(area, shares)
    ranking = _ranking(expected / area, observed, area, ties)
    return np.interp(flagged, ranking.area, ranking.events), flagged, ranking
