"""Which counts are held back, so that none below the threshold can be worked out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hotspot._typing import BoolArray, FloatArray
from hotspot.disclosure.intervals import feasible_intervals
from hotspot.errors import ParameterError
from hotspot.guards import settle


@dataclass(frozen=True)
class Rule:
    """How a table is protected.

    Attributes
    ----------
    threshold : int
        Counts from 1 to one below it are held back, and no interval narrower than it may be left.
    rounded_to : int
        Published numbers are rounded to multiples of this; 1 for none.

    Raises
    ------
    ParameterError
        If the threshold is below 2, or the rounding below 1 or above the threshold.
    """

    threshold: int = 10
    rounded_to: int = 1

    def __post_init__(self) -> None:
        if self.threshold < 2 or not 1 <= self.rounded_to <= self.threshold:
            raise ParameterError(
                "A threshold is 2 or more and rounding between 1 and it, got "
                f"{self.threshold} and {self.rounded_to}."
            )


@dataclass(frozen=True, eq=False)
class Protected:
    """A table that may be published.

    Attributes
    ----------
    table : DataFrame
        Counts with a row and a column ``"total"``; NaN where held back.
    held_back : DataFrame
        "small" (below the threshold), "to protect" (so that a small one cannot be worked out),
        or "" where published.
    lower, upper : DataFrame
        What a reader can work out of each count.
    rule : Rule
    """

    table: pd.DataFrame
    held_back: pd.DataFrame
    lower: pd.DataFrame
    upper: pd.DataFrame
    rule: Rule


def protect_table(counts: pd.DataFrame, *, rule: Rule | None = None) -> Protected:
    """Hold back small counts, and as many others as it takes that nobody can work them out.

    Counts below the threshold are held back first. Then, as long as the totals leave a reader an
    interval narrower than the threshold for one of them, another count is held back with it: the
    smallest in its row where it stands alone there, else in its column, else the smallest left.

    Parameters
    ----------
    counts : DataFrame
        Whole numbers of 0 or more, such as areas by months; totals are added here.
    rule : Rule, optional

    Returns
    -------
    Protected

    Raises
    ------
    RefusedError
        G4: if even holding back all counts leaves one that can be worked out, because a total
        itself is small. No override lets it pass: publish coarser areas or longer periods.
    ParameterError
        If counts are not whole numbers of 0 or more, or a row or column is called "total".

    Notes
    -----
    Zeros are published: that nothing was recorded tells of nobody. The choice is greedy and may
    hold back more than the least possible. Each step solves two linear programmes a held count.

    References
    ----------
    Hundepool, A., et al. (2012). Statistical disclosure control. Wiley.
    https://doi.org/10.1002/9781118348239

    Examples
    --------
    >>> counts = pd.DataFrame({"May": [40, 3, 25], "June": [31, 22, 28]}, index=["N", "S", "E"])
    >>> found = protect_table(counts, rule=Rule(threshold=5))
    >>> found.held_back.values.tolist()
    [['', ''], ['small', 'to protect'], ['to protect', 'to protect']]
    """
    rule = Rule() if rule is None else rule
    values = _checked(counts)
    held = (values > 0) & (values < rule.threshold)
    small = held.copy()
    sums = values.sum(axis=1), values.sum(axis=0), values.sum()
    published = [_rounded(one, rule) for one in sums]
    while True:
        lower, upper = feasible_intervals(
            np.where(held, np.nan, _rounded(values, rule)), *published, rounded_to=rule.rounded_to
        )
        exposed = held & _told(lower, upper, rule)
        if not exposed.any():
            break
        held = _with_one_more(values, held, exposed, counts, rule)
    names = np.where(small, "small", np.where(held, "to protect", ""))
    shown = counts.astype(float).copy()
    shown.iloc[:, :] = np.where(held, np.nan, _rounded(values, rule))
    shown["total"] = published[0]
    shown.loc["total"] = [*published[1], float(published[2])]
    like = {"index": counts.index, "columns": counts.columns}
    return Protected(
        table=shown,
        held_back=pd.DataFrame(names, **like),
        lower=pd.DataFrame(lower, **like),
        upper=pd.DataFrame(upper, **like),
        rule=rule,
    )


def require_safe(published: pd.DataFrame, *, rule: Rule | None = None) -> None:
    """Refuse a table with totals of which a small count can be read or worked out.

    Parameters
    ----------
    published : DataFrame
        With a row and a column ``"total"``, as to be published; NaN where held back.
    rule : Rule, optional

    Raises
    ------
    RefusedError
        G4; no override lets it pass.
    ParameterError
        If there are no totals, or numbers contradict one another.

    Examples
    --------
    >>> table = pd.DataFrame({"May": [12, 3, 15], "total": [12, 3, 15]}, index=["N", "S", "total"])
    >>> require_safe(table)
    Traceback (most recent call last):
    hotspot.errors.RefusedError: [G4] A count of 3 would be published ('S', 'May')...
    """
    rule = Rule() if rule is None else rule
    if "total" not in published.columns or "total" not in published.index:
        raise ParameterError('The table needs a row and a column called "total".')
    inner = published.drop(index="total", columns="total")
    cells = inner.to_numpy(float)
    shown = np.argwhere((cells > 0) & (cells < rule.threshold))
    if rule.rounded_to == 1 and len(shown):
        i, j = shown[0]
        _refuse(f"A count of {cells[i, j]:g} would be published {_place(inner, i, j)}.")
    lower, upper = feasible_intervals(
        cells,
        published.loc[inner.index, "total"].to_numpy(float),
        published.loc["total", inner.columns].to_numpy(float),
        float(published.loc["total", "total"]),
        rounded_to=rule.rounded_to,
    )
    told = np.isnan(cells) & _told(lower, upper, rule)
    if told.any():
        i, j = np.argwhere(told)[0]
        _refuse(
            f"The count held back {_place(inner, i, j)} can be worked out to lie between "
            f"{lower[i, j]:g} and {upper[i, j]:g}."
        )


def _told(lower: FloatArray, upper: FloatArray, rule: Rule) -> BoolArray:
    """Counts that may be small and are known too well; one that must be large needs no cover."""
    return (upper - lower < rule.threshold) & (lower < rule.threshold) & (upper > 0)


def _checked(counts: pd.DataFrame) -> FloatArray:
    if "total" in counts.columns or "total" in counts.index:
        raise ParameterError('A row or column is called "total"; totals are added here.')
    values = counts.to_numpy(float)
    if values.ndim != 2 or values.size == 0:
        raise ParameterError("The table is empty.")
    if not (np.isfinite(values) & (values >= 0) & (values == np.floor(values))).all():
        raise ParameterError("Counts must be whole numbers of 0 or more, and none missing.")
    return values


def _rounded(values, rule: Rule):
    # Halves go to the even multiple, so that rounding leans neither way.
    return np.round(np.asarray(values, float) / rule.rounded_to) * rule.rounded_to


def _with_one_more(
    values: FloatArray, held: BoolArray, exposed: BoolArray, counts: pd.DataFrame, rule: Rule
) -> BoolArray:
    """Hold back one count more, for the sake of the first that is exposed."""
    i, j = np.argwhere(exposed)[0]
    free = ~held & (values > 0)
    for line in (np.s_[i, :], np.s_[:, j]):
        among = np.zeros_like(held)
        among[line] = True
        if held[line].sum() == 1 and (among & free).any():
            return _held_with_smallest(values, held, among & free)
    if free.any():
        return _held_with_smallest(values, held, free)
    _refuse(
        f"With all counts held back, the one {_place(counts, i, j)} can still be worked out from "
        f"the totals to within {rule.threshold}."
    )
    raise AssertionError("unreachable")


def _held_with_smallest(values: FloatArray, held: BoolArray, among: BoolArray) -> BoolArray:
    more = held.copy()
    more.flat[np.where(among, values, np.inf).argmin()] = True
    return more


def _place(table: pd.DataFrame, i: int, j: int) -> str:
    return f"({table.index[i]!r}, {table.columns[j]!r})"


def _refuse(message: str) -> None:
    settle(
        "G4",
        message,
        remedy="Publish coarser areas or longer periods, or protect_table(counts) first.",
    )
