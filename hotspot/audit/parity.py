"""What would equal exposure cost in offences foretold? Information, with no button to apply it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from hotspot._checks import require_same_grid, require_share
from hotspot._typing import FloatArray
from hotspot.audit._windows import as_windows, inside_both
from hotspot.audit.groups import Groups
from hotspot.audit.result import AuditResult, not_computable
from hotspot.errors import ParameterError

SLACKS = (0.0, 0.01, 0.02, 0.05, 0.1)


def price_of_parity(
    expected: xr.DataArray,
    groups: Groups,
    cell_area: xr.DataArray,
    *,
    area_share: float,
    slacks: Sequence[float] = SLACKS,
    whole_cells: bool = False,
) -> AuditResult:
    r"""How much of what is foretold would flags miss if all groups were flagged alike? (A15)

    The flags z that hold most, among those that expose every group as the whole population:

    .. math:: \max_z \sum_c m_c z_c \quad \text{with} \quad \sum_c a_c z_c \le a, \quad
       \Bigl| \frac{\sum_c z_c N_{cg}}{N_g} - \frac{\sum_c z_c N_c}{N} \Bigr| \le \varepsilon

    The value is the share lost at the smallest slack ε; the curve over ε stands in ``groups``.
    **There is no function that applies it**: to draw a map by a protected characteristic is a
    legal decision, and recorded offences are not what happens.

    Parameters
    ----------
    expected : DataArray (y, x), or of one window
    groups : Groups
    cell_area : DataArray (y, x)
    area_share : float
        Share of the land that may be flagged, in (0, 1].
    slacks : sequence of float
        Values of ε, 0 or more: differences of exposure.
    whole_cells : bool
        Flag whole cells only: a mixed-integer programme, for a few dozen cells. To expose groups
        alike to the last resident by whole cells is a subset sum, and on a few hundred the
        search for it does not end. By default cells may be flagged in part, a
        linear programme of a second on any grid, which loses a little less.

    Returns
    -------
    AuditResult
        No interval: it is of one map, not a sample.

    Raises
    ------
    ParameterError
        If there are several windows, or a slack is negative.

    References
    ----------
    Huangfu, Q., & Hall, J. A. J. (2018). Parallelizing the dual revised simplex method.
    Mathematical Programming Computation, 10, 119-142. https://doi.org/10.1007/s12532-017-0130-5

    Examples
    --------
    >>> cells = {"y": [0], "x": [0, 1]}
    >>> residents = xr.DataArray([[[10.0, 0]], [[0.0, 10]]], {"group": ["a", "b"], **cells})
    >>> groups = Groups("side", residents, residents.sum("group") * 0)
    >>> expected = xr.DataArray([[9.0, 1.0]], cells)
    >>> found = price_of_parity(expected, groups, xr.ones_like(expected), area_share=0.5,
    ...                         slacks=[0.0, 0.5], whole_cells=False)
    >>> round(found.value, 3), [round(row["value"], 3) for row in found.groups]
    (0.444, [0.444, 0.0])
    """
    require_share(area_share, "area_share")
    require_same_grid(expected, cell_area)
    steps = sorted(map(float, slacks))
    if not steps or steps[0] < 0:
        raise ParameterError(f"slacks must be 0 or more, got {list(slacks)}.")
    name = f"share of foretold offences lost at equal exposure by {groups.name}"
    inside = inside_both(expected, groups.residents)
    maps = as_windows(expected, inside)
    if len(maps) != 1:
        raise ParameterError(f"The price is that of one map, got {len(maps)}; choose a window.")
    m, area = maps[0], as_windows(cell_area, inside)[0]
    people = groups.residents.transpose("group", "y", "x").to_numpy()
    people = np.nan_to_num(people.reshape(len(people), -1)[:, inside])
    people = people[people.sum(axis=1) > 0]
    if len(people) < 2 or m.sum() == 0:
        return not_computable("A15", name, "it takes two groups with residents, and a forecast.")
    gap = people / people.sum(axis=1, keepdims=True) - people.sum(axis=0) / people.sum()
    budget = area_share * area.sum()
    best = _most(m, area, gap, budget, np.inf, whole_cells)
    kept = [_most(m, area, gap, budget, slack, whole_cells) / best for slack in steps]
    rows = [
        {"group": f"exposure within {slack:.3f}", "slack": slack, "value": float(1 - share)}
        for slack, share in zip(steps, kept, strict=True)
    ]
    return AuditResult(
        "A15", name, float(1 - kept[0]), None, n=1, groups=tuple(rows),
        reason="It is of one map, not a sample.",
        reading=f"Flags that expose all groups alike (within {steps[0]:.1%}) would hold "
        f"{kept[0]:.0%} of what the hottest cells are foretold to hold. Whether that is worth it "
        "is not for software to say.",
    )  # fmt: skip


def _most(
    m: FloatArray, area: FloatArray, gap: FloatArray, budget: float, slack: float, whole: bool
) -> float:
    """Most that flags within the budget can hold while no group's exposure strays by over slack."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    limits = [LinearConstraint(area[None] / area.max(), ub=budget / area.max() * (1 + 1e-12))]
    if np.isfinite(slack):
        limits.append(LinearConstraint(gap, lb=-slack, ub=slack))
    # Scaled to shares, so that the solver's tolerances mean the same on every map.
    found = milp(
        -m / m.sum(), constraints=limits, bounds=Bounds(0, 1), integrality=np.full(m.size, whole)
    )
    if found.x is None:
        raise ParameterError(f"No flags could be found: {found.message}")
    return float(m @ found.x)
