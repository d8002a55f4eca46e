r"""Whether the bounds hold as often as they say: interval coverage and the randomised PIT.

Counts are whole numbers, so a closed interval between two predictive quantiles holds *more*
than its nominal share even for a perfect forecast: with 0.2 events expected in a cell, [0, 1]
holds 98 % whatever the level. Plain coverage (:func:`interval_coverage`) is what a user of the
bounds gets; whether the forecast is calibrated is judged with the randomised PIT
(:func:`randomised_pit`), which is uniform on (0, 1) exactly if the forecast is right, for
counts of any size.

Cells of one period share its level, so their errors are not independent: give intervals by
period (:func:`calibration_table`), never by counting cells.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
import xarray as xr

from hotspot._checks import (
    require_choice,
    require_generator,
    require_level,
    require_same_grid,
    require_same_labels,
    require_share,
    require_variable,
)
from hotspot._numba.count_scores import negative_binomial_cdf
from hotspot._typing import FloatArray
from hotspot.errors import ForecastError, ParameterError
from hotspot.evaluate._maps import MAP, inside_of, over_maps, require_whole_counts
from hotspot.evaluate.comparison import block_bootstrap_means


def interval_coverage(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    level: float,
    hottest: float | None = None,
) -> xr.DataArray:
    r"""Share of cells whose observed count lies within the forecast's bounds.

    The bounds are the predictive quantiles at :math:`(1 - \mathrm{level}) / 2` and :math:`(1 +
    \mathrm{level}) / 2`, both included. For small counts this lies above `level` even for a
    perfect forecast; see the module's notes and :func:`randomised_pit`.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``count_quantile`` (quantile, ..., y, x).
    observed : DataArray (..., y, x)
        Event counts on the same grid.
    level : float
        Nominal level in (0, 1), such as 0.9.
    hottest : float, optional
        Look only at this share of the cells, those with the largest ``expected_count``.

    Returns
    -------
    DataArray
        Share in [0, 1] over the remaining dimensions. NaN where nothing was observed.

    Raises
    ------
    ForecastError
        If the forecast does not hold those two quantiles; the message names those it holds.
    GridMismatchError
        If the two are not on one grid.
    ParameterError
        If `level` is outside (0, 1) or `hottest` outside (0, 1].

    Examples
    --------
    >>> import xarray as xr
    >>> bounds = xr.DataArray([[[0.0, 0.0]], [[2.0, 1.0]]], {"quantile": [0.05, 0.95]},
    ...                       ["quantile", "y", "x"])
    >>> forecast = xr.Dataset({"count_quantile": bounds})
    >>> observed = xr.DataArray([[2, 3]], dims=["y", "x"])
    >>> float(interval_coverage(forecast, observed, level=0.9))
    0.5
    """
    lower, upper = bounds_of(forecast, "count_quantile", level)
    require_same_grid(lower, observed)
    maps = [lower, observed, upper]
    if hottest is not None:
        maps.append(hottest_cells(forecast, share=hottest))
    share = over_maps(_covered_share_of_one_map, *maps)
    return share.rename("interval_coverage").assign_attrs(
        long_name=f"coverage of the {level:.0%} interval", units="1", level=level
    )


def area_interval_coverage(
    forecast: xr.Dataset, observed: xr.DataArray, *, level: float
) -> xr.DataArray:
    r"""Share of areas (boroughs, wards) whose observed count lies within the forecast's bounds.

    Parameters
    ----------
    forecast : Dataset
        Holds ``area_count_quantile`` (quantile, ..., area).
    observed : DataArray (..., area)
        Event counts of the same areas, in the same order; see :func:`hotspot.sum_over_areas`.
    level : float
        Nominal level in (0, 1), such as 0.9.

    Returns
    -------
    DataArray
        Share in [0, 1] over the remaining dimensions. Areas of one period rise and fall
        together, so judge it over many periods. NaN where nothing was observed.

    Raises
    ------
    ForecastError
        If the forecast does not hold those two quantiles; the message names those it holds.
    GridMismatchError
        If the areas differ.
    ParameterError
        If `level` is outside (0, 1).

    Examples
    --------
    >>> import xarray as xr
    >>> bounds = xr.DataArray([[80.0, 10.0], [120.0, 30.0]],
    ...     {"quantile": [0.05, 0.95], "area": ["Camden", "Islington"]}, ["quantile", "area"])
    >>> observed = xr.DataArray([90, 31], {"area": ["Camden", "Islington"]}, ["area"])
    >>> forecast = xr.Dataset({"area_count_quantile": bounds})
    >>> float(area_interval_coverage(forecast, observed, level=0.9))
    0.5
    """
    lower, upper = bounds_of(forecast, "area_count_quantile", level)
    require_same_labels(lower, observed, hint="Sum the counts over the forecast's own areas.")
    known = observed.notnull() & lower.notnull()
    held = (observed >= lower) & (observed <= upper)
    share = held.where(known).mean("area")
    return share.rename("area_interval_coverage").assign_attrs(
        long_name=f"coverage of the {level:.0%} interval of areas", units="1", level=level
    )


def randomised_pit(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    rng: np.random.Generator,
    distribution: Literal["moments", "members"] = "moments",
) -> xr.DataArray:
    r"""Where each observed count falls in its forecast: uniform on (0, 1) if the forecast is right.

    .. math:: u = P(N < y) + V \, P(N = y), \qquad V \sim \mathrm{Uniform}(0, 1)

    A heap at both ends means bounds that are too narrow; in the middle, too wide; at one end, a
    level that is off.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count`` and ``count_variance``, or ``simulated_count`` (member, ..., y, x).
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers.
    rng : Generator
        Draws V.
    distribution : {"moments", "members"}
        The negative binomial of the forecast's mean and variance (Poisson where the variance is
        not larger); or the simulated members. Of M members and the observation, each rank is
        equally likely, so chances are out of M + 1 and ties are broken by V.

    Returns
    -------
    DataArray (..., y, x)
        NaN outside the region, and where nothing was observed.

    Raises
    ------
    GridMismatchError
        If the two are not on one grid.
    ForecastError
        If the variables needed are missing.
    ParameterError
        If counts are not whole or `rng` is not a Generator.

    References
    ----------
    Czado, C., Gneiting, T., & Held, L. (2009). Predictive model assessment for count data.
    Biometrics, 65, 1254-1261. https://doi.org/10.1111/j.1541-0420.2009.01191.x

    Examples
    --------
    With no event expected or observed, the count says nothing and u is chance alone.

    >>> import xarray as xr
    >>> nothing = xr.DataArray([[0.0, 0.0]], dims=["y", "x"])
    >>> forecast = xr.Dataset({"expected_count": nothing, "count_variance": nothing})
    >>> u = randomised_pit(forecast, nothing, rng=np.random.default_rng(1))
    >>> bool(((u > 0) & (u < 1)).all())
    True
    """
    require_generator(rng)
    require_choice(distribution, "distribution", ("moments", "members"))
    if distribution == "moments":
        mean = require_variable(forecast, "expected_count")
        variance = require_variable(forecast, "count_variance")
        require_same_grid(mean, observed)
        pit = over_maps(_pit_of_one_map, mean, observed, variance, output=MAP, rng=rng)
    else:
        pit = _member_pit(require_variable(forecast, "simulated_count"), observed, rng)
    return pit.rename("pit").assign_attrs(long_name="randomised PIT", units="1")


def pit_coverage(
    pit: xr.DataArray, *, level: float | Sequence[float], dims: Sequence[Hashable] = MAP
) -> xr.DataArray:
    r"""Share of observed counts within the central interval of a level; equals it if calibrated.

    .. math:: \frac{1 - \mathrm{level}}{2} \le u \le \frac{1 + \mathrm{level}}{2}

    Parameters
    ----------
    pit : DataArray
        From :func:`randomised_pit`. For part of the map give ``pit.where(mask)``, with a mask
        such as :func:`hottest_cells`.
    level : float or sequence of float
        Nominal levels in (0, 1). A sequence adds the dimension ``level``.
    dims : sequence
        Dimensions to average over.

    Returns
    -------
    DataArray
        Share in [0, 1]; NaN where all of `pit` is.

    Raises
    ------
    ParameterError
        If a level is outside (0, 1).

    Examples
    --------
    >>> import xarray as xr
    >>> pit = xr.DataArray([[0.02, 0.3, 0.5, 0.97]], dims=["y", "x"])
    >>> float(pit_coverage(pit, level=0.9))
    0.5
    """
    for one in np.atleast_1d(level):
        require_level(one)
    levels = xr.DataArray(np.asarray(level, float), dims=["level"] if np.ndim(level) else [])
    levels = levels.assign_coords(level=levels)
    within = abs(pit - 0.5) <= levels / 2
    share = within.where(pit.notnull()).mean(list(dims))
    return share.rename("pit_coverage").assign_attrs(
        long_name="share within the interval", units="1"
    )


def calibration_table(
    pit: xr.DataArray,
    *,
    rng: np.random.Generator,
    dim: str = "fold",
    level: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
    block: int = 3,
    confidence: float = 0.95,
    size: int = 2000,
) -> xr.Dataset:
    r"""How often intervals of each nominal level held, with what chance alone could make of it.

    Parameters
    ----------
    pit : DataArray (..., `dim`, y, x)
        From :func:`randomised_pit`, over several periods; other dimensions (``model``) are kept.
    rng : Generator
        Draws the bootstrap.
    dim : str
        The periods, in order of time; those that are all NaN are left out.
    level : sequence of float
        Nominal levels in (0, 1).
    block : int
        Periods in a row that are drawn together.
    confidence : float
        Of the bootstrap interval.
    size : int
        Bootstrap draws.

    Returns
    -------
    Dataset (..., level)
        ``actual`` coverage, and ``lower`` and ``upper``, its bootstrap interval over blocks of
        periods; not over cells, which share their period's level.

    Raises
    ------
    ParameterError
        If `pit` lacks `dim` or y, x, or a level is outside (0, 1).
    TooFewEventsError
        If there are fewer than two blocks of periods.

    Examples
    --------
    >>> import xarray as xr
    >>> rng = np.random.default_rng(3)
    >>> pit = xr.DataArray(rng.uniform(size=(24, 20, 20)), dims=["fold", "y", "x"])
    >>> table = calibration_table(pit, rng=rng, level=[0.5, 0.9])
    >>> table["actual"].values.round(2)
    array([0.5 , 0.89])
    """
    require_generator(rng)
    require_level(confidence)
    missing = [name for name in (dim, *MAP) if name not in pit.dims]
    if missing:
        raise ParameterError(f"pit must have the dimensions {missing}; it has {pit.dims}.")
    actual = pit_coverage(pit, level=level)
    options = {"dim": dim, "block": block, "confidence": confidence, "size": size}
    return coverage_table(actual, rng=rng, **options)


def coverage_table(
    actual: xr.DataArray,
    *,
    rng: np.random.Generator,
    dim: str,
    block: int,
    confidence: float,
    size: int,
) -> xr.Dataset:
    """What :func:`calibration_table` gives, from coverages by period: of many folds, one by one."""
    actual = actual.transpose(..., dim)
    means = block_bootstrap_means(actual.values, block=block, size=size, rng=rng)
    edges = np.nanquantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=-1)
    overall = actual.mean(dim)
    return xr.Dataset(
        {
            "actual": overall,
            "lower": overall.copy(data=edges[0]),
            "upper": overall.copy(data=edges[1]),
        },
        attrs={"confidence": confidence, "block": block},
    )


def hottest_cells(forecast: xr.Dataset, *, share: float) -> xr.DataArray:
    """The share of cells with the largest expected counts, as a mask.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``.
    share : float
        Share of the cells in (0, 1], rounded down, but at least one; all cells tied at the cut
        are in.

    Returns
    -------
    DataArray (..., y, x)
        bool.

    Raises
    ------
    ParameterError
        If `share` is outside (0, 1].
    ForecastError
        If there is no ``expected_count``.

    Examples
    --------
    >>> import xarray as xr
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[1.0, 3.0, 2.0, np.nan]])})
    >>> hottest_cells(forecast, share=0.67).values
    array([[False,  True,  True, False]])
    """
    require_share(share, "share")
    expected = require_variable(forecast, "expected_count")
    return over_maps(_hottest_of_one_map, expected, output=MAP, share=share) > 0


def bounds_of(forecast: xr.Dataset, name: str, level: float) -> tuple[xr.DataArray, xr.DataArray]:
    """The two quantiles of the forecast's `name` that bound its central interval of `level`."""
    require_level(level)
    quantiles = require_variable(forecast, name)
    held = quantiles["quantile"].values
    ends = []
    for wanted in ((1 - level) / 2, (1 + level) / 2):
        nearest = int(np.abs(held - wanted).argmin())
        if abs(held[nearest] - wanted) > 1e-9:
            raise ForecastError(
                f"A {level:.4g} interval needs the quantile {wanted:.4g}, which '{name}' does not "
                f"hold; it holds {', '.join(f'{q:.4g}' for q in held)}. Ask for a level between "
                "two of these, or issue the forecast with the quantiles needed."
            )
        ends.append(quantiles.isel(quantile=nearest, drop=True))
    return ends[0], ends[1]


def _covered_share_of_one_map(lower, observed, upper, chosen=None) -> float:
    inside = inside_of(lower, observed)
    if chosen is not None:
        inside &= chosen > 0
    if not inside.any():
        return np.nan
    return np.mean((observed[inside] >= lower[inside]) & (observed[inside] <= upper[inside]))


def _hottest_of_one_map(expected, *, share) -> FloatArray:
    inside = ~np.isnan(expected)
    n_cells = max(int(np.floor(share * inside.sum() + 1e-9)), 1)
    if not inside.any():
        return np.zeros(expected.shape)
    cut = np.partition(expected[inside], -n_cells)[-n_cells]
    return (inside & (expected >= cut)).astype(float)


def _pit_of_one_map(mean, observed, variance, *, rng) -> FloatArray:
    inside = inside_of(mean, observed)
    pit = np.full(mean.shape, np.nan)
    count = observed[inside]
    require_whole_counts(count)
    below, at = negative_binomial_cdf(mean[inside], variance[inside], count)
    pit[inside] = below + rng.uniform(size=count.size) * at
    return pit


def _member_pit(members: xr.DataArray, observed: xr.DataArray, rng) -> xr.DataArray:
    require_same_grid(members, observed)
    return xr.apply_ufunc(
        _member_pit_of_one_map,
        members,
        observed.astype(float),
        input_core_dims=[["member", *MAP], MAP],
        output_core_dims=[MAP],
        vectorize=True,
        output_dtypes=[float],
        kwargs={"rng": rng},
    )


def _member_pit_of_one_map(members, observed, *, rng) -> FloatArray:
    inside = inside_of(members[0].astype(float), observed)
    pit = np.full(observed.shape, np.nan)
    count = observed[inside]
    require_whole_counts(count)
    drawn = members[:, inside]
    below, tied = (drawn < count).sum(axis=0), (drawn == count).sum(axis=0)
    pit[inside] = (below + rng.uniform(size=count.size) * (tied + 1)) / (drawn.shape[0] + 1)
    return pit
