"""Who lives under the flags: exposure by group, and flags against recorded offences."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspot._checks import require_generator, require_same_grid
from hotspot._typing import FloatArray
from hotspot.audit._windows import FEW_WINDOWS, Resampling, as_windows, inside_both, ratio_of_sums
from hotspot.audit.groups import Groups
from hotspot.audit.result import AuditResult, not_computable

FOUR_FIFTHS = 1.25  # a ratio beyond it, or below its inverse, is remarked


def exposure_disparity(
    flags: xr.DataArray,
    groups: Groups,
    *,
    rng: np.random.Generator,
    limit: float = FOUR_FIFTHS,
    level: float = 0.95,
    block: int = 3,
) -> AuditResult:
    r"""Do members of one group live under flags more often than those of another? (A3)

    .. math:: E_g = \frac{\sum_t \sum_c z_{tc} N_{cg}}{T \sum_c N_{cg}},
       \qquad R_g = \frac{E_g}{E_{\text{ref}}}

    for flags z, residents N of group g and T windows: a resident's expected share of windows under
    a flag. The value is the ratio furthest from 1; each group's stands in ``groups``.

    Parameters
    ----------
    flags : DataArray (..., y, x)
        From :func:`hotspot.flag_cells`; one forecaster.
    groups : Groups
        Compared with ``groups.reference``, or with all residents.
    rng : numpy.random.Generator
        For the interval, of blocks of windows.
    limit : float
        It warns where an interval lies wholly above `limit` or below 1 / `limit`. The default is
        the four-fifths rule of thumb; the intervals are Bonferroni's over the groups.
    level : float
        Of the interval over all groups together.
    block : int
        Windows in a row that are drawn together.

    Returns
    -------
    AuditResult
        Unitless. Not computable where nothing is flagged, or nobody lives in the reference.

    Notes
    -----
    Residents are not those who use a street, and a group's exposure is that of the places where it
    lives: nothing is said of any person. The interval is over windows, with the places where
    people live held as they are.

    References
    ----------
    Akpinar, N.-J., De-Arteaga, M., & Chouldechova, A. (2021). The effect of differential victim
    crime reporting on predictive policing systems. FAccT '21, 838-849.
    https://doi.org/10.1145/3442188.3445877

    Examples
    --------
    Two of four cells are flagged; three quarters of one group live there, a quarter of the other.

    >>> cells = {"y": [0], "x": [0, 1, 2, 3]}
    >>> residents = xr.DataArray(
    ...     [[[100.0, 50, 0, 50]], [[0.0, 50, 100, 50]]], {"group": ["a", "b"], **cells})
    >>> groups = Groups("side", residents, residents.sum("group") * 0, reference="b")
    >>> flags = xr.DataArray([[[1.0, 1, 0, 0]]] * 6, cells, ["fold", "y", "x"])
    >>> found = exposure_disparity(flags, groups, rng=np.random.default_rng(1))
    >>> found.value, found.status
    (3.0, 'warn')
    """
    require_generator(rng)
    name = f"exposure ratio by {groups.name}"
    inside = inside_both(flags, groups.residents)
    z = as_windows(flags, inside)
    people = _people(groups, inside)
    under = people @ z.T  # (groups, windows): residents under a flag
    living = people.sum(axis=1)
    chosen = _reference_rows(groups)
    reference = under[chosen].sum(axis=0) / max(living[chosen].sum(), 1e-300)
    if reference.sum() == 0:
        return not_computable("A3", name, "no resident of the reference lives under a flag.")
    counted = living > 0
    exposure = under[counted] / living[counted, None]
    how = Resampling(rng, 1 - (1 - level) / max(counted.sum(), 1), block)
    ratio, interval = ratio_of_sums(exposure, np.tile(reference, (counted.sum(), 1)), how)
    rows = _rows(groups, counted, ratio, interval, {"exposure": exposure.mean(axis=1)})
    return _furthest(
        "A3", name, rows, n=len(z), limit=limit, level=level,
        reading=lambda row: (
            f"A resident of {groups.name} {row['group']!r} lived under a flag in "
            f"{row['exposure']:.1%} of windows, {row['value']:.2f} times as often as "
            f"{'one of ' + repr(groups.reference) if groups.reference else 'residents on average'}."
        ),
    )  # fmt: skip


def flag_share_against_records(
    flags: xr.DataArray,
    observed: xr.DataArray,
    groups: Groups,
    *,
    rng: np.random.Generator,
    limit: float = FOUR_FIFTHS,
    level: float = 0.95,
    block: int = 3,
) -> AuditResult:
    r"""Are flags shared out between groups as recorded offences are? (A4)

    .. math:: S_g = \frac{\sum z_{tc} N_{cg}}{\sum z_{tc} N_c}, \quad
       C_g = \frac{\sum y_{tc} N_{cg}}{\sum y_{tc} N_c}, \quad R_g = S_g / C_g

    The share of residents under flags who are of group g, over the share of residents beside
    recorded offences y who are. Near 1, flags follow records; **that is not fairness**, since what
    is recorded depends on who reports and where police look (A7, A9).

    Parameters
    ----------
    flags, observed : DataArray (..., y, x)
        Of the same windows.
    groups : Groups
    rng, limit, level, block
        As for :func:`exposure_disparity`.

    Returns
    -------
    AuditResult
        The ratio furthest from 1; ``groups`` hold S, C and the population's share P. Not
        computable where nothing was flagged or recorded.

    Examples
    --------
    >>> cells = {"y": [0], "x": [0, 1]}
    >>> residents = xr.DataArray([[[90.0, 10]], [[10.0, 90]]], {"group": ["a", "b"], **cells})
    >>> groups = Groups("side", residents, residents.sum("group") * 0)
    >>> observed = xr.DataArray([[[3, 1]], [[1, 3]]] * 3, cells, ["fold", "y", "x"])
    >>> found = flag_share_against_records(observed / 4, observed, groups,
    ...                                    rng=np.random.default_rng(1))
    >>> found.value, found.status
    (1.0, 'ok')
    """
    require_generator(rng)
    require_same_grid(flags, observed)
    name = f"flag share over record share by {groups.name}"
    inside = inside_both(flags, groups.residents)
    z, y = as_windows(flags, inside), as_windows(observed, inside)
    people = _people(groups, inside)
    everybody = people.sum(axis=0)
    under, beside = z @ everybody, y @ everybody
    if under.sum() == 0 or beside.sum() == 0:
        what = "flagged" if under.sum() == 0 else "recorded"
        return not_computable("A4", name, f"nothing was {what} where anybody lives.")
    counted = people.sum(axis=1) > 0
    of_flags, of_records = people[counted] @ z.T, people[counted] @ y.T
    # S / C as one ratio of sums: both denominators are totals over all windows.
    above, below = of_flags / under.sum(), of_records / beside.sum()
    how = Resampling(rng, 1 - (1 - level) / max(counted.sum(), 1), block)
    ratio, interval = ratio_of_sums(above, below, how)
    shares = {
        "flag_share": above.sum(axis=1),
        "record_share": below.sum(axis=1),
        "population_share": people[counted].sum(axis=1) / people.sum(),
    }
    rows = _rows(groups, counted, ratio, interval, shares)
    rows = [row for row in rows if np.isfinite(row["value"])]
    return _furthest(
        "A4", name, rows, n=len(z), limit=limit, level=level,
        reading=lambda row: (
            f"Of residents under flags {row['flag_share']:.0%} are of {groups.name} "
            f"{row['group']!r}; of residents beside recorded offences {row['record_share']:.0%}, "
            f"of all {row['population_share']:.0%}. Following records is not fairness."
        ),
    )  # fmt: skip


def _people(groups: Groups, inside) -> FloatArray:
    values = groups.residents.transpose("group", "y", "x").to_numpy()
    return np.nan_to_num(values.reshape(len(values), -1)[:, inside])


def _reference_rows(groups: Groups) -> np.ndarray:
    names = groups.residents["group"].to_numpy()
    if groups.reference is None:
        return np.ones(len(names), bool)
    return names == groups.reference


def _rows(groups: Groups, counted, ratio, interval, more: dict[str, FloatArray]) -> list[dict]:
    names = groups.residents["group"].to_numpy()[counted]
    return [
        {
            "group": str(name),
            "value": float(ratio[k]),
            "lower": None if interval is None else float(interval[0, k]),
            "upper": None if interval is None else float(interval[1, k]),
            **{what: float(values[k]) for what, values in more.items()},
        }
        for k, name in enumerate(names)
    ]


def _furthest(code, name, rows, *, n, limit, level, reading) -> AuditResult:
    """The row furthest from 1, in ratio; a warning where one's interval lies beyond the limit."""

    def beyond(row: dict) -> float:
        return abs(np.log(max(row["value"], 1e-12)))

    row = max(rows, key=beyond)
    alarms = [
        one["group"]
        for one in rows
        if one["lower"] is not None and (one["lower"] > limit or one["upper"] < 1 / limit)
    ]
    ordered = sorted(rows, key=lambda one: one["value"])
    span = "".join(
        f" {what.capitalize()} of all: {one['group']!r}, {one['value']:.2f} times."
        for what, one in (("least", ordered[0]), ("most", ordered[-1]))
        if one is not row
    )
    reason = "" if row["lower"] is not None else FEW_WINDOWS
    if alarms:
        named = ", ".join(map(repr, alarms))
        reason = f"The interval lies beyond {limit:g} or {1 / limit:g} for {named}."
    return AuditResult(
        code, name, row["value"],
        None if row["lower"] is None else (row["lower"], row["upper"]),
        n=n, level=level, reading=reading(row) + span, groups=tuple(rows),
        status="warn" if alarms else "ok", reason=reason,
    )  # fmt: skip
