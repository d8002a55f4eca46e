"""Would the map be the same if everybody reported alike? And whose doing is the record?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from hotspot._typing import FloatArray
from hotspot.audit._windows import as_windows, inside_both
from hotspot.audit.result import AuditResult, not_computable
from hotspot.data.events import Events
from hotspot.errors import ParameterError
from hotspot.guards.scope import PARTLY_POLICE_INITIATED, POLICE_INITIATED

FRAGILE = 1.1  # a reporting gap of a tenth that could change the map


@dataclass(frozen=True)
class ReportingRates:
    """How much of an offence comes to the notice of police, from a survey; none is built in.

    Attributes
    ----------
    offence : str
    low, high : float
        Plausible rates of two areas, in (0, 1].
    source : str
        Survey, table and year.

    Raises
    ------
    ParameterError
        If the rates are not 0 < low <= high <= 1, or no source is named.

    Examples
    --------
    >>> ReportingRates("Burglary", 0.5, 0.75, source="a survey, table 3, 2019").ratio
    1.5
    """

    offence: str
    low: float
    high: float
    source: str

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high <= 1:
            raise ParameterError(
                f"Rates must be 0 < low <= high <= 1, got {self.low}, {self.high}."
            )
        if not self.source.strip():
            raise ParameterError("Reporting rates without a source are opinions; name the source.")

    @property
    def ratio(self) -> float:
        """How many times as much may be reported in one area as in another."""
        return self.high / self.low


def reporting_sensitivity(
    expected: xr.DataArray,
    flags: xr.DataArray,
    cell_area: xr.DataArray,
    *,
    plausible: ReportingRates | None = None,
    level: float = 0.95,
) -> AuditResult:
    r"""How large a gap in reporting would change which places are flagged? (A7)

    .. math:: \Gamma^* = \frac{\min_{\text{flagged}} m_c / a_c}{\max_{\text{unflagged}} m_c / a_c}

    A flagged place and one that is not change sides if the second reports less than the first by
    this factor. The value is the median over windows of the smallest such factor. Near 1, a small
    gap in reporting decides who is flagged.

    Parameters
    ----------
    expected, flags : DataArray (..., y, x)
        Of the same windows; a cell counts as flagged where half of it is.
    cell_area : DataArray (y, x)
    plausible : ReportingRates, optional
        From a survey: ``groups`` tell which share of flags such a gap could take away. Without
        one, a gap of a tenth is taken to show how firm the map is.
    level : float
        Of the interval of the median over windows, by order statistics.

    Returns
    -------
    AuditResult
        It warns where the gap could take away half of the flags. The value itself alarms nobody:
        in a map of many cells the hottest that is not flagged is nearly as hot as the coolest that
        is, so that the edge is always fragile.

    References
    ----------
    Rosenbaum, P. R. (2002). Observational studies (2nd ed.). Springer.
    https://doi.org/10.1007/978-1-4757-3692-2

    Examples
    --------
    >>> cells = {"y": [0], "x": range(5)}
    >>> expected = xr.DataArray([[[9.0, 7, 5, 4, 1]]], cells, ["fold", "y", "x"])
    >>> flags = xr.DataArray([[[1.0, 1, 0, 0, 0]]], cells, ["fold", "y", "x"])
    >>> reporting_sensitivity(expected, flags, xr.ones_like(flags[0])).value
    1.4
    """
    name = "smallest reporting gap that changes the flags"
    inside = inside_both(expected, cell_area)
    m = as_windows(expected, inside) / as_windows(cell_area, inside)[0]
    z = as_windows(flags, inside) >= 0.5
    some = z.any(axis=1) & (~z).any(axis=1)
    if not some.any():
        return not_computable("A7", name, "no window has both flagged places and others.")
    m, z = m[some], z[some]
    hottest_other = np.where(z, -np.inf, m).max(axis=1)
    if (hottest_other <= 0).any():
        return not_computable("A7", name, "nothing is expected where nothing is flagged.")
    factor = np.where(z, m, np.inf).min(axis=1) / hottest_other
    value = float(np.median(factor))
    ends, why = _median_ends(factor, level)
    gap, source = (
        (FRAGILE, "no survey was given") if plausible is None
        else (plausible.ratio, plausible.source)
    )  # fmt: skip
    taken = float(((m / hottest_other[:, None])[z] < gap).mean())
    told = f"A gap of {gap:.2f} ({source}) could take away {taken:.0%} of the flags."
    return AuditResult(
        "A7", name, value, ends, n=len(m), level=level,
        groups=({"group": f"flags that a gap of {gap:.2f} could take away", "value": taken,
                 "source": source},),
        status="warn" if taken >= 0.5 else "ok", reason=told if taken >= 0.5 else why,
        reading=f"Where people report {value - 1:.2g} times more than elsewhere, that alone can "
        f"decide which of two places is flagged. {told}"
        + ("" if plausible else " How large the gap is in truth must come from a survey."),
    )  # fmt: skip


def police_initiated_share(events: Events, *, level: float = 0.95) -> AuditResult:
    """How much of the record depends on where police look? (A9)

    The share of events in offences that are recorded because police searched or watched: drugs,
    possession of weapons and their like. Public order and other crime are so in part, and stand
    in ``groups``.

    Parameters
    ----------
    events : Events
    level : float
        Of the exact binomial interval, in (0, 1).

    Returns
    -------
    AuditResult
        It warns where the share is above 0; the category stands for a mark that is not published.

    References
    ----------
    Lum, K., & Isaac, W. (2016). To predict and serve? Significance, 13(5), 14-19.
    https://doi.org/10.1111/j.1740-9713.2016.00960.x

    Examples
    --------
    >>> from hotspot import load_sample
    >>> police_initiated_share(load_sample()).value
    0.0
    """
    counts = events.table["offence"].str.strip().str.lower().value_counts()
    name = "share of police-initiated offences"
    total = int(counts.sum())
    if total == 0:
        return not_computable("A9", name, "there is no event.")
    looked_for = _sum_of(counts, POLICE_INITIATED)
    partly = _sum_of(counts, PARTLY_POLICE_INITIATED)
    share = looked_for / total
    interval = stats.binomtest(looked_for, total).proportion_ci(level, method="exact")
    return AuditResult(
        "A9", name, share, (float(interval.low), float(interval.high)), n=total, level=level,
        groups=({"group": "in part police-initiated", "value": partly / total},),
        status="warn" if looked_for else "ok",
        reason=f"{looked_for:,} events are recorded where police look for them."
        if looked_for else "",
        reading=f"{share:.0%} of the events are offences recorded where police look for them, "
        f"{partly / total:.0%} more are so in part.",
    )  # fmt: skip


def _sum_of(counts: pd.Series, names: frozenset[str]) -> int:
    return int(counts[counts.index.isin(names)].sum())


def _median_ends(values: FloatArray, level: float) -> tuple[tuple[float, float] | None, str]:
    """Exact interval of the median of independent windows, by order statistics."""
    n = len(values)
    k = int(stats.binom.ppf((1 - level) / 2, n, 0.5))
    if k < 1:
        return None, "There are too few windows for an interval of their median."
    ordered = np.sort(values)
    return (float(ordered[k - 1]), float(ordered[n - k])), ""
