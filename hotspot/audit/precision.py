"""How often is a flag wrong? The first thing to know, before any index."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import stats

from hotspot._checks import require_generator, require_same_grid
from hotspot.audit._windows import Resampling, as_windows, inside_both, ratio_of_sums
from hotspot.audit.result import AuditResult, not_computable


def precision_of_flags(
    flags: xr.DataArray,
    observed: xr.DataArray,
    cell_area: xr.DataArray,
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    block: int = 3,
) -> AuditResult:
    r"""Of the places flagged, how many saw a recorded offence in the window? (A1)

    .. math:: P = \frac{\sum z_{tc} [y_{tc} > 0]}{\sum z_{tc}}

    The rest of the flags saw none. Beside it stand the share of recorded offences that fell under
    flags (hit rate), and that over the share of land flagged (PAI), which says little of either.

    Parameters
    ----------
    flags, observed : DataArray (..., y, x)
        Of the same windows.
    cell_area : DataArray (y, x)
        Square metres inside the region.
    rng : numpy.random.Generator
    level, block
        As for :func:`hotspot.audit.exposure.exposure_disparity`. With too few windows the interval
        is Clopper and Pearson's, which takes flags to be independent.

    Returns
    -------
    AuditResult

    References
    ----------
    Clopper, C. J., & Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated
    in the case of the binomial. Biometrika, 26, 404-413. https://doi.org/10.1093/biomet/26.4.404

    Examples
    --------
    >>> cells = {"y": [0], "x": [0, 1, 2, 3]}
    >>> flags = xr.DataArray([[[1.0, 1, 0, 0]]], cells, ["fold", "y", "x"])
    >>> observed = xr.DataArray([[[3, 0, 1, 0]]], cells, ["fold", "y", "x"])
    >>> area = xr.ones_like(observed[0])
    >>> found = precision_of_flags(flags, observed, area, rng=np.random.default_rng(1))
    >>> found.value, [round(row["value"], 2) for row in found.groups]
    (0.5, [0.75, 1.5])
    """
    require_generator(rng)
    require_same_grid(flags, observed)
    name = "share of flags that saw an offence"
    inside = inside_both(flags, cell_area)
    z, y = as_windows(flags, inside), as_windows(observed, inside)
    area = as_windows(cell_area, inside)[0]
    if z.sum() == 0:
        return not_computable("A1", name, "nothing was flagged.", n=len(z))
    right, flagged = (z * (y > 0)).sum(axis=1)[None], z.sum(axis=1)[None]
    value, ends = ratio_of_sums(right, flagged, Resampling(rng, level, block))
    low, high = (ends[0, 0], ends[1, 0]) if ends is not None else _exact(right, flagged, level)
    land = (z @ area).sum() / (area.sum() * len(z))
    rows = []
    if y.sum() > 0:
        hits = (z * y).sum() / y.sum()
        rows = [
            {"group": "share of recorded offences under flags", "value": float(hits)},
            {"group": "that over the share of land flagged (PAI)", "value": float(hits / land)},
        ]
    return AuditResult(
        "A1", name, float(value[0]), (float(low), float(high)), n=len(z), level=level,
        groups=tuple(rows),
        reading=f"{1 - value[0]:.0%} of the places flagged saw no recorded offence in the window. "
        f"{land:.1%} of the land was flagged"
        + (f", and {rows[0]['value']:.0%} of recorded offences fell there." if rows else "."),
    )  # fmt: skip


def _exact(right, flagged, level: float) -> tuple[float, float]:
    k, n = right.sum(), flagged.sum()
    tail = (1 - level) / 2
    low = stats.beta.ppf(tail, k, n - k + 1) if k > 0 else 0.0
    high = stats.beta.ppf(1 - tail, k + 1, n - k) if k < n else 1.0
    return float(low), float(high)
