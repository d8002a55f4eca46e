"""How much of the audit rests on spreading people evenly over their area?"""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspot.audit._windows import as_windows, inside_both
from hotspot.audit.groups import Groups
from hotspot.audit.result import AuditResult, not_computable

WEAK = 0.3


def interpolated_share(flags: xr.DataArray, groups: Groups, *, limit: float = WEAK) -> AuditResult:
    """Of residents under flags, how many were placed there by spreading their area evenly? (A17)

    Census figures are of areas; where lines of the grid cut an area, its residents are shared out
    by land, whether they live there or not.

    Parameters
    ----------
    flags : DataArray (..., y, x)
    groups : Groups
    limit : float
        It warns above: audits by group are then a matter of where people were spread.

    Returns
    -------
    AuditResult
        No interval: it is a property of the grid and the areas, not a sample.

    References
    ----------
    Goodchild, M. F., & Lam, N. S.-N. (1980). Areal interpolation: a variant of the traditional
    spatial problem. Geo-Processing, 1, 297-312.

    Examples
    --------
    >>> cells = {"y": [0], "x": [0, 1]}
    >>> residents = xr.DataArray([[[80.0, 20]]], {"group": ["all"], **cells})
    >>> groups = Groups("everybody", residents, xr.DataArray([[0.0, 20]], cells))
    >>> flags = xr.DataArray([[1.0, 1.0]], cells)
    >>> interpolated_share(flags, groups).value
    0.2
    """
    name = "residents under flags whose place is interpolated"
    inside = inside_both(flags, groups.split)
    z = as_windows(flags, inside)
    people = as_windows(groups.residents.sum("group"), inside)[0]
    split = np.minimum(as_windows(groups.split, inside)[0], people)
    under = float((z @ people).sum())
    if under == 0:
        return not_computable("A17", name, "nobody lives under a flag.")
    share = float((z @ split).sum()) / under
    return AuditResult(
        "A17", name, share, None, n=len(z), status="warn" if share > limit else "ok",
        reason=(
            f"{share:.0%} is above {limit:.0%}: figures by group rest on how people were spread."
            if share > limit else "A property of grid and areas, not a sample."
        ),
        reading=f"{share:.0%} of residents counted under flags come from census areas that the "
        "grid cuts, and are placed by land alone.",
    )  # fmt: skip
