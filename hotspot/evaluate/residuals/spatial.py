"""Moran's I, Getis and Ord's Gi* and Ripley's K by PySAL, on labelled arrays and with a generator.

PySAL computes the statistics; it would permute by NumPy's global state, which nothing here touches,
so that permutations are made here, by `rng`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from hotspot._checks import require_generator, require_level
from hotspot._typing import BoolArray, FloatArray, IntArray
from hotspot.data.events import Events
from hotspot.errors import GridMismatchError, ParameterError, TooFewEventsError
from hotspot.evaluate.residuals.space_time_k import ascending, global_p_value
from hotspot.evaluate.residuals.super_thinning import random_points

_FEWEST_CELLS = 10
_MOST_EVENTS = 5_000  # PySAL lists the distances of all pairs: 100 MB
_AT_ONCE = 50  # permuted maps held at one time


def morans_i(
    values: xr.DataArray,
    *,
    rng: np.random.Generator,
    within: float | None = None,
    size: int = 999,
) -> xr.Dataset:
    r"""Moran's I: whether neighbouring cells resemble each other more than cells dealt out anew.

    .. math:: I = \frac{n}{\sum_{ij} w_{ij}}
       \frac{\sum_{ij} w_{ij} (r_i - \bar r)(r_j - \bar r)}{\sum_i (r_i - \bar r)^2}

    with rows of the weights scaled to sum to 1. About 0 if cells have nothing to do with one
    another, and up to about 1. Of a forecast's residuals it says whether something in
    space was left unexplained.

    Parameters
    ----------
    values : DataArray (..., y, x)
        Such as Pearson residuals; NaN outside the region.
    rng : Generator
    within : float, optional
        Cells with centres at most so far apart are neighbours; metres. Default the eight
        cells about each.
    size : int
        Permutations.

    Returns
    -------
    Dataset
        Over the remaining dimensions: ``morans_i``; ``expected``, :math:`-1 / (n - 1)`; ``z`` and
        ``p_value``, two-sided, by permutation. NaN where fewer than 10 cells have a value, or all
        have the same.

    Raises
    ------
    ParameterError
        If `size` is below 19, `within` reaches no other cell, or there are no ``y`` and ``x``.
    GridMismatchError
        If cells are not square and evenly spaced.

    Notes
    -----
    Permuting takes every cell to be as variable as every other. Raw residuals are not: busy places
    vary more and lie together. Use Pearson residuals. Few events a cell make I small even
    where the map is wrong; sum over periods first.

    References
    ----------
    Moran, P. A. P. (1950). Notes on continuous stochastic phenomena. Biometrika, 37, 17-23.
    https://doi.org/10.1093/biomet/37.1-2.17

    Rey, S. J., & Anselin, L. (2007). PySAL: a Python library of spatial analytical methods. Review
    of Regional Studies, 37, 5-27. https://doi.org/10.52324/001c.8285

    Examples
    --------
    >>> board = np.indices((8, 8)).sum(axis=0) % 2  # no cell like those beside it
    >>> cells = {"y": np.arange(8) * 100.0, "x": np.arange(8) * 100.0}
    >>> values = xr.DataArray(board, cells, ["y", "x"])
    >>> found = morans_i(values, rng=np.random.default_rng(1), within=100, size=99)
    >>> float(found["morans_i"]), float(found["p_value"])
    (-1.0, 0.01)
    """
    require_generator(rng)
    _require_size(size)
    found = xr.apply_ufunc(
        _moran_of_one_map,
        _checked(values),
        input_core_dims=[["y", "x"]],
        output_core_dims=[["statistic"]],
        vectorize=True,
        output_dtypes=[float],
        kwargs={"offsets": _offsets(values, within), "rng": rng, "size": size},
    )
    names = ("morans_i", "expected", "z", "p_value")
    return xr.Dataset({name: found.isel(statistic=k) for k, name in enumerate(names)})


def local_gi_star(
    values: xr.DataArray,
    *,
    rng: np.random.Generator,
    within: float | None = None,
    size: int = 999,
) -> xr.Dataset:
    r"""Getis and Ord's Gi*: which cells, with those about them, hold more than their share.

    .. math:: G_i^* = \frac{\sum_j w_{ij} r_j - \bar r \sum_j w_{ij}}
       {s \sqrt{(n \sum_j w_{ij}^2 - (\sum_j w_{ij})^2) / (n - 1)}}

    with the cell itself among its neighbours. Of counts it marks hot spots of the past; of
    residuals, places where a forecast went wrong together.

    Parameters
    ----------
    values : DataArray (y, x)
        Counts or residuals of one map; NaN outside the region.
    rng : Generator
    within : float, optional
        As for :func:`morans_i`.
    size : int
        Permutations of the map.

    Returns
    -------
    Dataset (y, x)
        ``gi_star``, a z-score by the normal approximation, which counts of few events
        are far from; ``p_value``, two-sided, by permutation. NaN outside the region. The
        attribute ``false_discovery_p`` is the largest p-value to believe if at most 5 % of the
        cells believed are to be false (Benjamini and Hochberg), 0 if none.

    Raises
    ------
    ParameterError
        As :func:`morans_i`, or if there are several maps, or all values are the same.
    TooFewEventsError
        If fewer than 10 cells have a value.
    GridMismatchError
        If cells are not square and evenly spaced.

    Notes
    -----
    Of thousands of cells hundreds have p below .05 by chance: go by ``false_discovery_p``, or
    rank. No p-value is below 2 / (size + 1), and among n cells at least 40 n / (size + 1)
    must have it before any is believed: raise `size` for large maps.

    References
    ----------
    Ord, J. K., & Getis, A. (1995). Local spatial autocorrelation statistics: distributional issues
    and an application. Geographical Analysis, 27, 286-306.
    https://doi.org/10.1111/j.1538-4632.1995.tb00912.x

    Examples
    --------
    >>> cells = {"y": np.arange(9) * 100.0, "x": np.arange(9) * 100.0}
    >>> counts = xr.DataArray(np.zeros((9, 9)), cells, ["y", "x"])
    >>> counts[3:6, 3:6] = 5.0
    >>> found = local_gi_star(counts, rng=np.random.default_rng(1), size=99)
    >>> hottest = found["gi_star"].argmax(...)
    >>> int(hottest["y"]), int(hottest["x"])
    (4, 4)
    """
    from esda import G_Local, fdr

    require_generator(rng)
    _require_size(size)
    checked = _checked(values)
    if checked.dims != ("y", "x"):
        raise ParameterError(
            f"Gi* is of one map, and values have dimensions {values.dims}. Choose one, or sum."
        )
    array = checked.to_numpy()
    inside = np.isfinite(array)
    if inside.sum() < _FEWEST_CELLS:
        raise TooFewEventsError(
            f"{int(inside.sum())} cells have a value; Gi* needs at least {_FEWEST_CELLS}."
        )
    if np.ptp(array[inside]) == 0:
        raise ParameterError("All cells have the same value: none is hotter than another.")
    offsets = _offsets(values, within)
    # G* is a share of the total, which is about 0 for residuals. Its z-score does not change where
    # a constant is added to all values.
    raised = array[inside] - array[inside].min() + np.ptp(array[inside])
    found = G_Local(raised, _graph(inside, offsets), transform="B", permutations=0, star=True)
    p_value = _local_p_values(array[inside], _weights(inside, offsets, own=True), size, rng)
    maps = {"gi_star": found.Zs, "p_value": p_value}
    out = xr.Dataset({name: checked.copy(data=_laid(inside, one)) for name, one in maps.items()})
    threshold = fdr(p_value, 0.05)
    believed = p_value <= threshold
    # esda falls back on Bonferroni where no cell passes.
    return out.assign_attrs(false_discovery_p=float(threshold) if believed.any() else 0.0)


def ripley_k(
    events: Events,
    *,
    distances: Sequence[float],
    rng: np.random.Generator,
    size: int = 199,
    level: float = 0.95,
) -> xr.Dataset:
    r"""Ripley's K: neighbours of a recorded offence within each distance, against even places.

    .. math:: \hat K(u) = \frac{|W|}{n^2} \sum_{i \ne j} 1[\lVert s_i - s_j \rVert < u]

    without edge correction: the same is done to `size` patterns of as many points, even over the
    region, so that both lack what lies beyond the border.

    Parameters
    ----------
    events : Events
        When they happened is not looked at.
    distances : sequence of float
        u, ascending; metres.
    rng : Generator
    size : int
        Simulations.
    level : float
        Of the envelope, which holds at each distance by itself.

    Returns
    -------
    Dataset (distance)
        ``k``; the simulations' mean ``expected``; ``lower`` and ``upper``; m². The attribute
        ``p_value`` is that of the largest standardised difference over all distances.

    Raises
    ------
    ParameterError
        If distances are not positive and ascending, `size` is below 19, or there are more than
        5,000 events, of which PySAL would list all pairs.
    TooFewEventsError
        If there are fewer than 2 events.

    See Also
    --------
    inhomogeneous_k : Against any intensity, with edge correction, for any number of events.

    Notes
    -----
    No record of offences is even over a city: this rejects always, and says by how much.

    References
    ----------
    Ripley, B. D. (1977). Modelling spatial patterns. Journal of the Royal Statistical Society B,
    39, 172-192. https://doi.org/10.1111/j.2517-6161.1977.tb01615.x

    Examples
    --------
    >>> from hotspot import load_sample
    >>> december = load_sample("exact").select(start="2024-12-01")
    >>> found = ripley_k(december, distances=[200], rng=np.random.default_rng(1), size=39)
    >>> found.attrs["p_value"]
    0.025
    """
    require_generator(rng)
    require_level(level)
    _require_size(size)
    support = ascending(distances, "distances")
    places = events.coordinates()[:, 1:]
    n = len(places)
    if n < 2:
        raise TooFewEventsError(f"K needs at least 2 events, got {n}.")
    if n > _MOST_EVENTS:
        raise ParameterError(
            f"There are {n:,} events, and PySAL lists the distances of all pairs: at most "
            f"{_MOST_EVENTS:,} here. Use inhomogeneous_k, or select fewer."
        )
    area = events.region.area
    observed = _pysals_k(places, support, area)
    simulated = np.stack(
        [_pysals_k(_even(events.region, n, rng), support, area) for _ in range(size)]
    )
    low, high = np.quantile(simulated, [(1 - level) / 2, (1 + level) / 2], axis=0)
    values = {"k": observed, "expected": simulated.mean(axis=0), "lower": low, "upper": high}
    out = xr.Dataset({name: ("distance", one) for name, one in values.items()})
    return out.assign_coords(distance=support).assign_attrs(
        p_value=global_p_value(observed, simulated), simulations=size, level=level
    )


def _pysals_k(places: FloatArray, support: FloatArray, area: float) -> FloatArray:
    """K of the region: PySAL takes the pattern's bounding box for it."""
    from pointpats import k

    box = np.prod(np.ptp(places, axis=0))
    return k(places, support=support)[1] * (area / box)


def _even(region, n: int, rng: np.random.Generator) -> FloatArray:
    """n independent places in a region."""
    found = np.empty((0, 3))
    while len(found) < n:
        more = random_points(region, 1.0, rate=1.2 * n / (region.area / 1e6), rng=rng)
        found = np.concatenate([found, more])
    return found[:n, 1:]


def _require_size(size: int) -> None:
    if size < 19:
        raise ParameterError(f"size must be at least 19, for p-values down to .05; got {size}.")


def _checked(values: xr.DataArray) -> xr.DataArray:
    if not {"y", "x"} <= set(values.dims):
        raise ParameterError(f"values need the dimensions y and x, and have {values.dims}.")
    if np.isinf(values).any():
        raise ParameterError(
            "Some values are infinite: the forecast called what happened impossible. Use raw "
            "residuals, or a forecast that is nowhere 0."
        )
    return values.astype(float).transpose(..., "y", "x")


def _offsets(values: xr.DataArray, within: float | None) -> IntArray:
    """Steps (rows, columns) from a cell to each neighbour; (k, 2)."""
    side = _side(values)
    reach = 1.5 * side if within is None else within
    k = int(reach / side * (1 + 1e-9))
    steps = np.array([(r, c) for r in range(-k, k + 1) for c in range(-k, k + 1) if r or c])
    near = steps[np.hypot(*steps.T) * side <= reach * (1 + 1e-9)] if len(steps) else steps
    if len(near) == 0:
        raise ParameterError(
            f"within={within:g} m reaches no other cell: they are {side:g} m wide."
        )
    return near


def _side(values: xr.DataArray) -> float:
    gaps = np.concatenate([np.diff(values[dim]) for dim in ("y", "x") if dim in values.coords])
    if gaps.size == 0 or gaps[0] <= 0 or not np.allclose(gaps, gaps[0]):
        raise GridMismatchError(
            "Cells must be square and evenly spaced, with ascending coordinates y and x in metres."
        )
    return float(gaps[0])


def _pairs(inside: BoolArray, offsets: IntArray) -> tuple[IntArray, IntArray]:
    """Numbers of neighbouring cells among those inside, in order."""
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(inside.sum())
    row, column = np.nonzero(inside)
    focal, neighbour = [], []
    for down, across in offsets:
        r, c = row + down, column + across
        on = (r >= 0) & (r < inside.shape[0]) & (c >= 0) & (c < inside.shape[1])
        there = number[r[on], c[on]]
        focal.append(number[row[on], column[on]][there >= 0])
        neighbour.append(there[there >= 0])
    focal, neighbour = np.concatenate(focal), np.concatenate(neighbour)
    order = np.lexsort([neighbour, focal])
    return focal[order], neighbour[order]


def _graph(inside: BoolArray, offsets: IntArray):
    """PySAL's graph of the cells inside; a cell without neighbours is kept."""
    from libpysal.graph import Graph

    focal, neighbour = _pairs(inside, offsets)
    lone = np.setdiff1d(np.arange(inside.sum()), focal)
    weight = np.concatenate([np.ones(focal.size), np.zeros(lone.size)])
    return Graph.from_arrays(
        np.concatenate([focal, lone]), np.concatenate([neighbour, lone]), weight
    )


def _weights(inside: BoolArray, offsets: IntArray, *, own: bool = False):
    """1 for each pair of neighbours, and for a cell with itself if `own`; sparse (n, n)."""
    from scipy.sparse import csr_array

    focal, neighbour = _pairs(inside, np.vstack([offsets, [[0, 0]]]) if own else offsets)
    n = int(inside.sum())
    return csr_array((np.ones(focal.size), (focal, neighbour)), (n, n))


def _moran_of_one_map(array: FloatArray, *, offsets, rng, size) -> FloatArray:
    from esda import Moran

    inside = np.isfinite(array)
    values = array[inside]
    if values.size < _FEWEST_CELLS or np.ptp(values) == 0:
        return np.full(4, np.nan)
    found = Moran(values, _graph(inside, offsets), transformation="r", permutations=0)
    weights, z = _weights(inside, offsets), values - values.mean()
    weights = weights.multiply(1 / np.maximum(weights.sum(axis=1), 1)[:, None]).tocsr()
    scale = values.size / weights.sum() / (z @ z)
    drawn = np.concatenate(
        [scale * ((weights @ some.T) * some.T).sum(axis=0) for some in _permuted(z, size, rng)]
    )
    away, others = np.abs(found.I - found.EI), np.abs(drawn - found.EI)
    p_value = (1 + (others >= away * (1 - 1e-12)).sum()) / (1 + size)
    return np.array([found.I, found.EI, (found.I - drawn.mean()) / drawn.std(), p_value])


def _local_p_values(values: FloatArray, weights, size: int, rng) -> FloatArray:
    """Two-sided chance of each cell's sum under permutations of the map; (n,)."""
    observed = weights @ values
    above, below = np.zeros(values.size), np.zeros(values.size)
    slack = 1e-9 * np.abs(values).max()  # sums in another order differ in their last bits
    for some in _permuted(values, size, rng):
        drawn = weights @ some.T
        above += (drawn >= observed[:, None] - slack).sum(axis=1)
        below += (drawn <= observed[:, None] + slack).sum(axis=1)
    return np.minimum(2 * (1 + np.minimum(above, below)) / (1 + size), 1.0)


def _permuted(values: FloatArray, size: int, rng: np.random.Generator):
    """Permutations, some at a time; (k, n) each."""
    for begin in range(0, size, _AT_ONCE):
        yield rng.permuted(np.tile(values, (min(_AT_ONCE, size - begin), 1)), axis=1)


def _laid(inside: BoolArray, values: FloatArray) -> FloatArray:
    out = np.full(inside.shape, np.nan)
    out[inside] = values
    return out
