"""Is a forecast as right for one group of areas as for another? Judged by what was recorded."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import stats

from hotspot._checks import require_generator, require_same_grid
from hotspot._typing import FloatArray
from hotspot.audit._windows import (
    DRAWS,
    FEW_WINDOWS,
    Resampling,
    as_windows,
    inside_both,
    ratio_of_sums,
)
from hotspot.audit.result import AuditResult, not_computable
from hotspot.errors import TooFewEventsError
from hotspot.evaluate.comparison import block_bootstrap_means

MATERIAL = 1.1  # recorded over expected beyond this, or below its inverse, is remarked
GAP = 0.1  # difference of hit rates that is remarked; by composition alone .08 is common


def calibration_by_group(
    expected: xr.DataArray,
    observed: xr.DataArray,
    labels: xr.DataArray,
    *,
    rng: np.random.Generator,
    material: float = MATERIAL,
    level: float = 0.95,
    block: int = 3,
) -> AuditResult:
    r"""Are as many offences recorded in each group of areas as were foretold for it? (A12)

    .. math:: \frac{O_g}{E_g} = \frac{\sum_t \sum_{c \in g} y_{tc}}{\sum_t \sum_{c \in g} m_{tc}}

    Above 1, more was recorded in group g than foretold; below 1, less, so that places there are
    flagged for what did not come. Each ratio is relative to that of the whole map, so that a month
    in which the whole city was foretold too high alarms nobody's group.

    Parameters
    ----------
    expected, observed : DataArray (..., y, x)
        Of the same windows.
    labels : DataArray (y, x)
        Group of each cell (decile, borough), as text or whole numbers; missing cells are left out.
    rng : numpy.random.Generator
    material : float
        It warns where Holm's test finds a ratio other than 1 and the ratio itself lies beyond
        `material` or below 1 / `material`.
    level, block
        As for :func:`hotspot.audit.exposure.exposure_disparity`.

    Returns
    -------
    AuditResult
        The ratio furthest from 1. ``groups`` hold O, E, the exact Poisson interval of O / E, and
        the interval over windows, which knows that counts vary more than by chance.

    Notes
    -----
    It holds a forecast against what was *recorded*: a group whose offences are not reported looks
    right when it is foretold too low. The exact interval is
    [χ²(α/2; 2O) / 2E, χ²(1-α/2; 2O+2) / 2E].

    References
    ----------
    Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika, 28, 437-442.
    https://doi.org/10.1093/biomet/28.3-4.437

    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal
    of Statistics, 6, 65-70. https://www.jstor.org/stable/4615733

    Examples
    --------
    >>> cells = {"y": [0], "x": [0, 1]}
    >>> expected = xr.DataArray([[[10.0, 10.0]]] * 12, cells, ["fold", "y", "x"])
    >>> observed = xr.DataArray([[[10.0, 10.0]]] * 12, cells, ["fold", "y", "x"])
    >>> labels = xr.DataArray([["a", "b"]], cells)
    >>> calibration_by_group(expected, observed, labels, rng=np.random.default_rng(1)).value
    1.0
    """
    require_generator(rng)
    require_same_grid(expected, observed)
    name = "recorded over expected offences by group"
    inside = inside_both(expected, labels)
    m, y = as_windows(expected, inside), as_windows(observed, inside)
    names, of_cell = _classes(labels, inside)
    recorded, foretold = _by_class(y, of_cell, len(names)), _by_class(m, of_cell, len(names))
    if foretold.sum() == 0 or recorded.sum() == 0:
        return not_computable("A12", name, "nothing was expected, or nothing recorded.")
    share = recorded.sum() / foretold.sum()
    below = foretold * share
    kept = below.sum(axis=1) > 0
    names, recorded, below = names[kept], recorded[kept], below[kept]
    ratio, interval = ratio_of_sums(recorded, below, Resampling(rng, level, block))
    o, e = recorded.sum(axis=1), below.sum(axis=1)
    tail = (1 - level) / 2
    exact = np.array([stats.chi2.ppf(tail, 2 * o) / 2, stats.chi2.ppf(1 - tail, 2 * o + 2) / 2]) / e
    exact[0, o == 0] = 0.0
    differs = _holm(_p_values(recorded, below, ratio, interval, level), 1 - level)
    rows = [
        {
            "group": str(names[k]), "value": float(ratio[k]),
            "lower": None if interval is None else float(interval[0, k]),
            "upper": None if interval is None else float(interval[1, k]),
            "exact_lower": float(exact[0, k]), "exact_upper": float(exact[1, k]),
            "recorded": float(o[k]), "expected": float(e[k]), "differs": bool(differs[k]),
        }
        for k in range(len(names))
    ]  # fmt: skip
    worst = max(rows, key=lambda row: abs(np.log(max(row["value"], 1e-12))))
    alarms = [
        row["group"] for row in rows
        if row["differs"] and not 1 / material <= row["value"] <= material
    ]  # fmt: skip
    named = ", ".join(map(repr, alarms))
    return AuditResult(
        "A12", name, worst["value"], _ends(worst), n=len(m), level=level, groups=tuple(rows),
        status="warn" if alarms else "ok",
        reason=(
            f"Recorded and foretold differ by over {material - 1:.0%} in {named}." if alarms
            else "" if interval is not None else FEW_WINDOWS
        ),
        reading=f"In group {worst['group']!r} {worst['value']:.0%} of what was foretold was "
        "recorded, the whole map taken as 100%. That holds for what is recorded, not for what "
        "happens.",
    )  # fmt: skip


def hit_rate_gap(
    flags: xr.DataArray,
    observed: xr.DataArray,
    labels: xr.DataArray,
    *,
    rng: np.random.Generator,
    gap: float = GAP,
    level: float = 0.95,
    block: int = 3,
) -> AuditResult:
    r"""Is a flag as often right in one group of areas as in another? (A13)

    .. math:: P_g = \frac{\sum_t \sum_{c \in g} z_{tc} [y_{tc} > 0]}{\sum_t \sum_{c \in g} z_{tc}}

    The value is the largest difference between two groups. Where flags of one are seldom right,
    it was flagged on less: the outcome test, which is *consistent with* a lower bar and proves
    none, since groups differ in how far beyond the bar their places lie (infra-marginality).

    Parameters
    ----------
    flags, observed : DataArray (..., y, x)
        Of the same windows.
    labels : DataArray (y, x)
        Group of each cell.
    rng, level, block
        As for :func:`hotspot.audit.exposure.exposure_disparity`.
    gap : float
        It warns where the interval of the difference, widened for having picked the largest
        among all pairs (Bonferroni), lies wholly above.

    Returns
    -------
    AuditResult
        ``groups`` hold each group's share of flags that were right.

    References
    ----------
    Knowles, J., Persico, N., & Todd, P. (2001). Racial bias in motor vehicle searches: theory and
    evidence. Journal of Political Economy, 109, 203-229. https://doi.org/10.1086/318603

    Examples
    --------
    >>> cells = {"y": [0], "x": [0, 1]}
    >>> flags = xr.DataArray([[[1.0, 1.0]]] * 12, cells, ["fold", "y", "x"])
    >>> observed = xr.DataArray([[[1, 0]]] * 12, cells, ["fold", "y", "x"])
    >>> labels = xr.DataArray([["a", "b"]], cells)
    >>> hit_rate_gap(flags, observed, labels, rng=np.random.default_rng(1)).value
    1.0
    """
    require_generator(rng)
    require_same_grid(flags, observed)
    name = "largest gap between groups' shares of flags that were right"
    inside = inside_both(flags, labels)
    z, y = as_windows(flags, inside), as_windows(observed, inside)
    names, of_cell = _classes(labels, inside)
    right, flagged = (_by_class(v, of_cell, len(names)) for v in (z * (y > 0), z))
    kept = flagged.sum(axis=1) > 0
    names, right, flagged = names[kept], right[kept], flagged[kept]
    if len(names) < 2:
        return not_computable("A13", name, f"{len(names)} group has flags; it takes two.")
    value, interval = ratio_of_sums(right, flagged, Resampling(rng, level, block))
    high, low = int(value.argmax()), int(value.argmin())
    pairs = len(names) * (len(names) - 1) / 2
    ends = _gap_ends(
        right[[high, low]],
        flagged[[high, low]],
        Resampling(rng, 1 - (1 - level) / pairs, block),
    )
    rows = [
        {
            "group": str(names[k]), "value": float(value[k]),
            "lower": None if interval is None else float(interval[0, k]),
            "upper": None if interval is None else float(interval[1, k]),
            "flags": float(flagged[k].sum()),
        }
        for k in range(len(names))
    ]  # fmt: skip
    alarm = ends is not None and ends[0] > gap
    return AuditResult(
        "A13", name, float(value[high] - value[low]), ends, n=len(z), level=level,
        groups=tuple(rows), status="warn" if alarm else "ok",
        reason=(
            f"Flags in {str(names[low])!r} were right {value[low]:.0%} of the time, in "
            f"{str(names[high])!r} {value[high]:.0%}." if alarm
            else "" if ends is not None else FEW_WINDOWS
        ),
        reading=f"A flag saw an offence in {value[low]:.0%} of windows in group "
        f"{str(names[low])!r} and in {value[high]:.0%} in {str(names[high])!r}; the others lie "
        "between. A gap is consistent with a lower bar for some, and does not prove one.",
    )  # fmt: skip


def error_against_allocation(
    flags: xr.DataArray,
    expected: xr.DataArray,
    observed: xr.DataArray,
    labels: xr.DataArray,
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    block: int = 3,
) -> AuditResult:
    r"""A forecast may be equally wrong for all, and its flags still fall on some. (A14)

    .. math:: F_g = \frac{1}{T} \sum_t \Bigl| \frac{m_{tg}}{m_t} - \frac{y_{tg}}{y_t} \Bigr|,
       \qquad A_g = \frac{z_g / z}{y_g / y}

    F is how far group g's foretold share of offences lies from its recorded share, A its share of
    flags over its share of recorded offences. The value is the largest F over the smallest; both
    stand in ``groups``, since one without the other is half an audit.

    Parameters
    ----------
    flags, expected, observed : DataArray (..., y, x)
        Of the same windows.
    labels : DataArray (y, x)
    rng, level, block
        As for :func:`hotspot.audit.exposure.exposure_disparity`.

    Returns
    -------
    AuditResult
        It never warns: sizes of groups alone make the errors of their shares differ.

    Examples
    --------
    >>> cells = {"y": [0], "x": [0, 1]}
    >>> m = xr.DataArray([[[6.0, 4.0]]] * 6, cells, ["fold", "y", "x"])
    >>> y = xr.DataArray([[[5.0, 5.0]]] * 6, cells, ["fold", "y", "x"])
    >>> labels = xr.DataArray([["a", "b"]], cells)
    >>> found = error_against_allocation(y * 0 + 1, m, y, labels, rng=np.random.default_rng(1))
    >>> found.value, [round(row["error"], 3) for row in found.groups]
    (1.0, [0.1, 0.1])
    """
    require_generator(rng)
    for other in (expected, observed):
        require_same_grid(flags, other)
    name = "largest over smallest error of groups' shares"
    inside = inside_both(expected, labels)
    names, of_cell = _classes(labels, inside)
    z, m, y = (
        _by_class(as_windows(one, inside), of_cell, len(names))
        for one in (flags, expected, observed)
    )
    told = (m.sum(axis=0) > 0) & (y.sum(axis=0) > 0)
    if not told.any() or z.sum() == 0 or len(names) < 2:
        return not_computable("A14", name, "it takes two groups, flags and recorded offences.")
    error = np.abs(m / m.sum(axis=0) - y / y.sum(axis=0))[:, told]
    size = error.mean(axis=1)
    if size.min() == 0:
        return not_computable("A14", name, "a group's share was foretold without any error.")
    high, low = int(size.argmax()), int(size.argmin())
    _, ends = ratio_of_sums(error[[high]], error[[low]], Resampling(rng, level, block))
    with np.errstate(divide="ignore", invalid="ignore"):
        allocation = (z.sum(axis=1) / z.sum()) / (y.sum(axis=1) / y.sum())
    rows = [
        {"group": str(names[k]), "value": float(allocation[k]), "error": float(size[k])}
        for k in range(len(names))
    ]
    finite = allocation[np.isfinite(allocation)]
    return AuditResult(
        "A14", name, float(size[high] / size[low]),
        None if ends is None else (float(ends[0, 0]), float(ends[1, 0])),
        n=int(told.sum()), level=level, groups=tuple(rows),
        reason="" if ends is not None else FEW_WINDOWS,
        reading=f"Shares of recorded offences were foretold to {size[low]:.1%} at best and "
        f"{size[high]:.1%} at worst; flags per recorded offence range from "
        f"{finite.min():.2f} to {finite.max():.2f} times the average.",
    )  # fmt: skip


def _classes(labels: xr.DataArray, inside) -> tuple[np.ndarray, np.ndarray]:
    given = labels.transpose("y", "x").to_numpy().ravel()[inside]
    return np.unique(given, return_inverse=True)


def _by_class(values: FloatArray, of_cell: np.ndarray, n: int) -> FloatArray:
    """(classes, windows): sums over the cells of each class."""
    return np.array([np.bincount(of_cell, window, n) for window in values]).T


def _p_values(recorded, below, ratio, interval, level) -> FloatArray:
    """Two-sided, of a ratio of 1: by the width of the interval over windows, else Poisson."""
    o, e = recorded.sum(axis=1), below.sum(axis=1)
    poisson = 2 * np.minimum(stats.poisson.cdf(o, e), stats.poisson.sf(o - 1, e))
    if interval is None:
        return np.minimum(poisson, 1.0)
    error = (interval[1] - interval[0]) / (2 * stats.norm.ppf((1 + level) / 2))
    windows = recorded.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(ratio - 1) / error
    p = np.where(error > 0, 2 * stats.t.sf(z, windows - 1), 1.0 * (ratio == 1))
    return np.minimum(np.maximum(p, poisson), 1.0)


def _holm(p: FloatArray, alpha: float) -> np.ndarray:
    order = np.argsort(p, kind="stable")
    ahead = np.arange(len(p), 0, -1)
    passed = np.logical_and.accumulate(p[order] * ahead <= alpha)
    rejected = np.zeros(len(p), bool)
    rejected[order] = passed
    return rejected


def _gap_ends(right: FloatArray, flagged: FloatArray, how: Resampling):
    """Interval of the difference of two ratios of sums over windows."""
    try:
        drawn = block_bootstrap_means(
            np.vstack([right, flagged]), block=how.block, size=DRAWS, rng=how.rng
        )
    except TooFewEventsError:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = drawn[0] / drawn[2] - drawn[1] / drawn[3]
    known = difference[np.isfinite(difference)]
    if not known.size:
        return None
    low, high = np.quantile(known, [(1 - how.level) / 2, (1 + how.level) / 2])
    return float(low), float(high)


def _ends(row: dict) -> tuple[float, float] | None:
    return None if row["lower"] is None else (row["lower"], row["upper"])
