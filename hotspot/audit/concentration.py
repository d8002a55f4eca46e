"""Are flags always in the same places? Concentration over cells, and persistence over windows."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspot._checks import require_generator, require_same_grid
from hotspot._typing import BoolArray, FloatArray
from hotspot.audit._windows import FEW_WINDOWS, Resampling, as_windows, inside_both, ratio_of_sums
from hotspot.audit.result import AuditResult, not_computable
from hotspot.errors import ParameterError

LONG_STREAK = 12  # windows in a row
FALLEN = 0.9  # recorded over foretold; above it the hottest of many maps fall short by chance
_NO_INTERVAL = (
    "A run can be as long as the record; drawing windows anew would break runs, so that no "
    "interval is given."
)


def gini(values: FloatArray, weights: FloatArray | None = None) -> float:
    """Gini coefficient: 0 where all have the same, near 1 where one has all.

    Parameters
    ----------
    values : (n,) float64
        0 or more, per unit of weight.
    weights : (n,) float64, optional
        Such as areas or residents.

    Returns
    -------
    float
        NaN where the total is 0.

    Examples
    --------
    >>> gini(np.array([1.0, 2, 3, 4]))
    0.25
    """
    weights = np.ones_like(values) if weights is None else weights
    kept = weights > 0
    values, weights = values[kept], weights[kept]
    order = np.argsort(values, kind="stable")
    mass = np.append(0.0, np.cumsum((values * weights)[order]))
    people = np.append(0.0, np.cumsum(weights[order]))
    if mass[-1] == 0:
        return np.nan
    return float(1 - 2 * np.trapezoid(mass / mass[-1], people / people[-1]))


def theil(values: FloatArray, labels: np.ndarray) -> tuple[float, float, float]:
    """Theil's index, and its parts between and within classes; ``total = between + within``.

    Parameters
    ----------
    values : (n,) float64
        0 or more.
    labels : (n,)
        Class of each.

    Returns
    -------
    total, between, within : float
        In nats; ``log(n)`` where one of n has all. NaN where the total is 0.

    Examples
    --------
    >>> [round(part, 4) for part in theil(np.array([4.0, 0, 0, 0]), np.array([0, 0, 1, 1]))]
    [1.3863, 0.6931, 0.6931]
    """
    share = values / values.sum() if values.sum() > 0 else np.full(len(values), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(share > 0, share * np.log(share * len(values)), share * 0)
        total = float(each.sum())
        _, group = np.unique(labels, return_inverse=True)
        of_group = np.bincount(group, share)
        size = np.bincount(group) / len(values)
        between = float(
            np.where(of_group > 0, of_group * np.log(of_group / size), 0 * of_group).sum()
        )
    return total, between, total - between


def concentration(
    flags: xr.DataArray,
    cell_area: xr.DataArray,
    *,
    rng: np.random.Generator,
    labels: xr.DataArray | None = None,
    level: float = 0.95,
    block: int = 3,
) -> AuditResult:
    """How unevenly is time under a flag shared out over the land? (A5)

    The Gini coefficient of each cell's share of windows under a flag, weighed by area: 0 where
    every place is flagged equally often, near 1 where it is always the same few.

    Parameters
    ----------
    flags : DataArray (..., y, x)
    cell_area : DataArray (y, x)
        Square metres inside the region; ``forecast["inside_area"]``.
    rng : numpy.random.Generator
    labels : DataArray (y, x), optional
        Class of each cell (borough, decile): Theil's index is then split into what lies between
        classes and within them.
    level, block
        As for :func:`hotspot.audit.exposure.exposure_disparity`.

    Returns
    -------
    AuditResult
        ``groups`` hold the same for blocks of 2 x 2 cells, since the figure depends on the grid,
        and Theil's index. It never warns: what is too much is for people to say.

    Notes
    -----
    The interval is over windows. A flag of a fixed share a has a coefficient of 1 - a where it
    never moves.

    References
    ----------
    Theil, H. (1967). Economics and information theory. North-Holland.

    Examples
    --------
    >>> cells = {"y": [0], "x": [0, 1, 2, 3]}
    >>> flags = xr.DataArray([[[1.0, 0, 0, 0]]] * 6, cells, ["fold", "y", "x"])
    >>> found = concentration(flags, xr.ones_like(flags[0]), rng=np.random.default_rng(1))
    >>> found.value, found.interval
    (0.75, (0.75, 0.75))
    """
    require_generator(rng)
    inside = inside_both(flags, cell_area)
    z, area = as_windows(flags, inside), as_windows(cell_area, inside)[0]
    if z.sum() == 0:
        return not_computable("A5", "concentration of flags", "nothing was flagged.", n=len(z))
    value = gini(z.mean(axis=0), area)
    interval = _resampled(z, lambda drawn: gini(drawn.mean(axis=0), area), rng, level, block)
    rows = [{"group": "blocks of 2 x 2 cells", "value": _coarser(flags, cell_area)}]
    if labels is not None:
        given = labels.to_numpy().ravel()[inside]
        parts = theil(z.mean(axis=0), given)
        rows += [
            {"group": f"Theil's index, {what}", "value": part}
            for what, part in zip(("total", "between", "within"), parts, strict=True)
        ]
    never = float(area[z.max(axis=0) == 0].sum() / area.sum())
    return AuditResult(
        "A5", "concentration of flags (Gini)", value, interval, n=len(z), level=level,
        reason="" if interval else FEW_WINDOWS, groups=tuple(rows),
        reading=f"{never:.0%} of the land was never flagged; the Gini coefficient of time under a "
        f"flag is {value:.2f} (0: all places alike, near 1: always the same few).",
    )  # fmt: skip


def streaks(flags: BoolArray) -> tuple[FloatArray, np.ndarray]:
    """Mean length of runs under a flag over all cells' runs, and each cell's longest.

    Parameters
    ----------
    flags : (windows, cells) bool

    Returns
    -------
    mean : float
        Windows; NaN where nothing was flagged.
    longest : (cells,) int

    Examples
    --------
    >>> mean, longest = streaks(np.array([[True, False], [True, True], [False, True]]))
    >>> float(mean), longest.tolist()
    (2.0, [2, 2])
    """
    running = np.zeros(flags.shape[1], int)
    longest = np.zeros(flags.shape[1], int)
    for window in flags:
        running = np.where(window, running + 1, 0)
        longest = np.maximum(longest, running)
    begins = flags[0].sum() + (flags[1:] & ~flags[:-1]).sum()
    return (flags.sum() / begins if begins else np.nan), longest


def persistence(
    flags: xr.DataArray,
    observed: xr.DataArray,
    expected: xr.DataArray,
    *,
    rng: np.random.Generator,
    longest: int = LONG_STREAK,
    level: float = 0.95,
    block: int = 3,
) -> AuditResult:
    """Are places flagged out of habit? Streaks of flags, and whether records still bear them. (A6)

    The value is the mean length of a run of windows under a flag. A place where much is recorded
    all the time is flagged all the time, and rightly: so it warns only where cells flagged for
    more than `longest` windows in a row held significantly less than was foretold for them, and
    less than nine tenths of it: what is hottest of many is foretold a little too high by chance.

    Parameters
    ----------
    flags, observed, expected : DataArray (..., y, x)
        Of the same windows, in order; a cell counts as flagged where half of it is.
    rng : numpy.random.Generator
    longest : int
        Windows in a row after which a place is looked at.
    level, block
        As for :func:`hotspot.audit.exposure.exposure_disparity`.

    Returns
    -------
    AuditResult
        ``groups``: share of cells never flagged, overlap (Jaccard) of flags 1 and 12 windows
        apart, cells with a long streak, and recorded over expected offences in them.

    Notes
    -----
    Flags drawn at random, k of n cells a window, have runs of mean 1 / (1 - k / n); a flag that
    never moves has runs as long as the record.

    Examples
    --------
    >>> cells = {"y": [0], "x": [0, 1]}
    >>> flags = xr.DataArray([[[1.0, 0]]] * 6, cells, ["fold", "y", "x"])
    >>> found = persistence(flags, flags, flags, rng=np.random.default_rng(1))
    >>> found.value, found.status
    (6.0, 'ok')
    """
    require_generator(rng)
    for other in (observed, expected):
        require_same_grid(flags, other)
    inside = inside_both(flags, expected)
    z = as_windows(flags, inside) >= 0.5
    name = "mean run of windows under a flag"
    if not z.any():
        return not_computable("A6", name, "nothing was flagged.", n=len(z))
    if longest < 1:
        raise ParameterError(f"longest must be at least 1 window, got {longest}.")
    mean, runs = streaks(z)
    long = runs > longest
    y, m = as_windows(observed, inside), as_windows(expected, inside)
    held, ends = ratio_of_sums(
        (y * z)[:, long].sum(axis=1)[None], (m * z)[:, long].sum(axis=1)[None],
        Resampling(rng, level, block),
    )  # fmt: skip
    rows = [
        {"group": "share of cells never flagged", "value": float((runs == 0).mean())},
        *(
            {"group": f"overlap of flags {lag} windows apart", "value": _jaccard(z, lag)}
            for lag in (1, 12)
            if len(z) > lag
        ),
        {"group": f"cells flagged more than {longest} windows in a row", "value": int(long.sum())},
    ]
    habit = False
    if long.any():
        habit = ends is not None and ends[1, 0] < 1 and held[0] < FALLEN
        rows.append(
            {
                "group": "recorded over expected offences in these, while flagged",
                "value": float(held[0]),
                "lower": None if ends is None else float(ends[0, 0]),
                "upper": None if ends is None else float(ends[1, 0]),
            }
        )
    told = (
        f"Places flagged for over {longest} windows in a row held {held[0]:.0%} of what was "
        "foretold for them."
        if habit
        else _NO_INTERVAL
    )
    return AuditResult(
        "A6", name, mean, None, n=len(z), level=level, groups=tuple(rows),
        status="warn" if habit else "ok", reason=told,
        reading=f"A place once flagged stayed so for {mean:.1f} windows on average; "
        f"{(runs == 0).mean():.0%} of cells were never flagged, {int(long.sum()):,} more than "
        f"{longest} times in a row.",
    )  # fmt: skip


def _resampled(z: np.ndarray, statistic, rng: np.random.Generator, level: float, block: int):
    """Interval of a statistic of windows, from blocks of them; None if there are fewer than two."""
    n = len(z)
    if n < 2 * block:
        return None
    found = []
    for _ in range(200):
        starts = rng.integers(n, size=-(-n // block))
        rows = ((starts[:, None] + np.arange(block)) % n).ravel()[:n]
        found.append(statistic(z[rows]))
    known = np.array(found)[np.isfinite(found)]
    if not known.size:
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _jaccard(z: BoolArray, lag: int) -> float:
    both = (z[lag:] & z[:-lag]).sum()
    either = (z[lag:] | z[:-lag]).sum()
    return float(both / either) if either else float("nan")


def _coarser(flags: xr.DataArray, cell_area: xr.DataArray) -> float:
    """The same coefficient for blocks of 2 x 2 cells."""
    area = cell_area.where(cell_area > 0)
    every = [dim for dim in flags.dims if dim not in ("y", "x")]
    time = flags.mean(every) if every else flags
    pairs = {"y": 2, "x": 2}
    mass = (time * area).coarsen(pairs, boundary="pad").sum()
    land = area.where(time.notnull()).coarsen(pairs, boundary="pad").sum()
    kept = land.to_numpy().ravel() > 0
    return gini((mass.to_numpy().ravel()[kept] / land.to_numpy().ravel()[kept]),
                land.to_numpy().ravel()[kept])  # fmt: skip
