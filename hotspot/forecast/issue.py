"""From a fitted model to a forecast with bounds: simulate whole futures, then count.

Every bound in a forecast is a quantile over simulated futures ("members"). The bounds of an
area are quantiles of the sums of whole futures: the quantiles of its cells must never be
added, because the cells do not all reach their upper bound in the same month.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from scipy.sparse import csr_array

from hotspot._checks import local_timestamp
from hotspot._typing import FloatArray
from hotspot.errors import ForecastError, GridMismatchError, LeakError, ParameterError
from hotspot.forecast.ensemble import cell_quantiles, require_room, simulate_futures
from hotspot.forecast.entropy import child_of
from hotspot.forecast.schema import check_forecast
from hotspot.grid.areas import area_weights
from hotspot.grid.cells import Grid
from hotspot.grid.counts import require_whole
from hotspot.guards.record import of_age
from hotspot.guards.scope import NOT_SAID, require_enough
from hotspot.models.protocol import FittedModel

QUANTILES = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)


def issue_forecast(
    fitted: FittedModel,
    periods: pd.IntervalIndex,
    *,
    rng: np.random.Generator,
    size: int = 1000,
    quantiles: Sequence[float] = QUANTILES,
    areas: gpd.GeoDataFrame | tuple[csr_array, np.ndarray] | None = None,
    by: str = "name",
    issued_at: pd.Timestamp | str | None = None,
    keep_members: bool = False,
    input_sha256: str = "",
) -> xr.Dataset:
    r"""How many recorded offences to expect in each cell and period, and how sure that is.

    The mean and the variance come from the model. The bounds are quantiles of `size`
    simulated futures: the level q bound is the smallest count that at least a share q of
    the futures does not exceed (the inverse of their distribution function), so a bound
    is a whole number that a count can take. The chance of at least one offence is

    .. math:: 1 - \Bigl(1 + \frac{v - m}{m}\Bigr)^{-m^2 / (v - m)}

    for mean :math:`m` and variance :math:`v`: that of the negative binomial with these
    moments, or :math:`1 - e^{-m}` (Poisson) where :math:`v \le m`. It is computed, not
    counted, since a share of 1000 futures cannot tell 1 in 2000 from 1 in 20,000.

    Parameters
    ----------
    fitted : FittedModel
        What a model learned from the past.
    periods : IntervalIndex
        Left-closed, tz-aware, from :func:`hotspot.make_periods`; the first begins at or after
        the model's ``data_cutoff``.
    rng : numpy.random.Generator
        Where chance comes from: ``np.random.default_rng(seed)``. The futures are drawn by
        a child of it, and the attribute ``entropy`` says how to make `rng` again
        (:func:`hotspot.generator_from`).
    size : int
        Number of simulated futures. The outer quantiles need some: 0.025 needs at least 40.
    quantiles : sequence of float
        Levels in (0, 1), ascending.
    areas : GeoDataFrame, or what `area_weights` gave for one, optional
        Boroughs, wards or LSOAs to give bounds for as well. A cell on a border is shared out
        by the area inside each, so sums over areas may be fractional. An area that no cell
        of the region touches is NaN.
    by : str
        Column of `areas` that names them.
    issued_at : Timestamp or str, optional
        When the forecast was made. Default: the model's ``data_cutoff``, and not the clock's
        time, so that the same input and seed give the same bytes on any day.
    keep_members : bool
        Keep ``simulated_count`` (member, time, y, x), float32: 4 bytes a number.
    input_sha256 : str
        Hash of the events, ``events.source.sha256``; kept with the forecast.

    Returns
    -------
    Dataset
        As :mod:`hotspot.forecast.schema` lays down: ``expected_count``, ``count_variance``,
        ``probability`` (time, y, x), ``count_quantile`` (quantile, time, y, x), and with
        `areas` ``area_expected_count`` (time, area) and ``area_count_quantile``
        (quantile, time, area); from a model that tells them apart also ``background_count`` and
        ``triggered_count`` (time, y, x), which sum to the expected count. NaN outside the
        region. The coordinates ``time_end`` and ``inside_area`` (square metres) go with them.

    Raises
    ------
    ParameterError
        If `rng` is not a Generator that can spawn; `quantiles` are not ascending levels in
        (0, 1); `size` is too small for them, or so large that the futures would take more
        than 4 GiB; `issued_at` is after the first period begins.
    LeakError
        If a period begins before the model's cut-off, or `issued_at` lies before it.
    ForecastError
        If the model's expected count is not a positive number in every cell of the region
        (zero claims that an offence is impossible there), or its parameters are not JSON.
    RefusedError
        If the model was fitted to fewer than 30 events, and nobody let that pass.
    ResolutionError
        If periods cut through the months (days) by which times were recorded.
    RegionError, UnknownNameError
        If `areas` are invalid or in another CRS, or have no column `by`.
    GridMismatchError
        If weights were made for another grid.

    Notes
    -----
    Time is O(size x periods x cells), nearly all of it in the model's ``simulate_counts``.
    The futures are drawn in blocks of at most 64 MiB and kept as the smallest unsigned
    integers that hold them: one byte a number while counts stay below 256.

    References
    ----------
    Hyndman, R. J., & Fan, Y. (1996). Sample quantiles in statistical packages. The
    American Statistician, 50(4), 361-365. https://doi.org/10.1080/00031305.1996.10473566
    (definition 1)

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from shapely import box
    >>> from hotspot import FittedRateMap, Grid, make_periods
    >>> from hotspot.models.level import LevelVariance
    >>> grid = Grid.over(box(0, 0, 1000, 500), cell_size=500)
    >>> level = LevelVariance(
    ...     region=np.zeros(1), squares=np.zeros((1, 1)), cell=0.0, lead_days=30.4375,
    ...     square_of_cell=np.zeros((1, 1, 2), int))
    >>> fitted = FittedRateMap(
    ...     "by hand", grid, pd.Timestamp("2019-01-01", tz="Europe/London"),
    ...     rate=np.array([[0.02, 0.5]]), rate_variance=np.zeros((1, 2)), level=level,
    ...     parameters={}, time_resolution="month", place_resolution=0.0)
    >>> forecast = issue_forecast(
    ...     fitted, make_periods("2019-01", count=1), rng=np.random.default_rng(1))
    >>> forecast["expected_count"].values.ravel()
    array([ 0.62, 15.5 ])
    >>> forecast["count_quantile"].sel(quantile=[0.05, 0.95]).values.reshape(2, 2)
    array([[ 0.,  9.],
           [ 2., 22.]], dtype=float32)
    """
    child, entropy = child_of(rng)
    levels = checked_levels(quantiles, size)
    issued_at = _checked_issue(issued_at, fitted, periods)
    expected, variance = _moments(fitted, periods)
    weights, names = (None, ()) if areas is None else _weights_of(fitted.grid, areas, by)
    require_room(
        fitted.grid, len(periods), size=size, n_areas=len(names), keep_members=keep_members
    )
    futures = simulate_futures(
        fitted, periods, size=size, rng=child, weights=weights, keep_members=keep_members
    )
    variables = {
        "expected_count": (("time", "y", "x"), expected),
        "count_variance": (("time", "y", "x"), variance),
        "count_quantile": (
            ("quantile", "time", "y", "x"),
            cell_quantiles(futures.counts, levels, fitted.grid),
        ),
        "probability": (("time", "y", "x"), chance_of_any(expected, variance)),
        **_two_parts(fitted, periods),
    }
    if weights is not None:
        inside = fitted.grid.inside
        variables["area_expected_count"] = (
            ("time", "area"),
            _area_means(expected[:, inside], weights),
        )
        variables["area_count_quantile"] = (
            ("quantile", "time", "area"),
            _area_quantiles(futures.sums, levels, weights),
        )
    coordinates = coordinates_of(fitted.grid, periods, levels)
    if weights is not None:
        coordinates["area"] = names
    if keep_members:
        variables["simulated_count"] = (("member", "time", "y", "x"), futures.members)
        coordinates["member"] = np.arange(size)
    forecast = xr.Dataset(
        {name: (dims, values, _LABELS[name]) for name, (dims, values) in variables.items()},
        coords=coordinates,
        attrs={
            **_attributes(fitted, periods),
            "issued_at": issued_at.isoformat(),
            "entropy": entropy,
            "n_members": int(size),
            "time_zone": str(periods.left.tz),
            "input_sha256": input_sha256,
        },
    )
    return check_forecast(forecast)


def chance_of_any(mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Chance of at least one offence, from the mean and the variance of the count.

    That of the negative binomial with these moments; of the Poisson where the variance is
    at most the mean. NaN stays NaN.

    Examples
    --------
    >>> chance_of_any(np.array([1.0, 1.0]), np.array([1.0, 2.0])).round(4)
    array([0.6321, 0.5   ])
    """
    excess = np.maximum(variance / mean - 1, 0)
    # log1p(e) / e tends to 1 as the excess vanishes, where the formula reads 0 / 0.
    shrink = np.divide(np.log1p(excess), excess, out=np.ones_like(excess), where=excess > 0)
    return -np.expm1(-mean * shrink)


_LABELS = {
    "expected_count": {"long_name": "expected recorded offences", "units": "1"},
    "count_variance": {"long_name": "predictive variance of recorded offences", "units": "1"},
    "count_quantile": {"long_name": "predictive quantile of recorded offences", "units": "1"},
    "probability": {"long_name": "chance of at least one recorded offence", "units": "1"},
    "background_count": {"long_name": "expected background offences", "units": "1"},
    "triggered_count": {"long_name": "expected triggered offences", "units": "1"},
    "area_expected_count": {"long_name": "expected recorded offences in the area", "units": "1"},
    "area_count_quantile": {
        "long_name": "predictive quantile of recorded offences in the area",
        "units": "1",
    },
    "simulated_count": {"long_name": "simulated recorded offences", "units": "1"},
}


def checked_levels(quantiles: Sequence[float], size: int) -> FloatArray:
    """Levels of bounds as an array, or a refusal: out of range, or more than `size` can show."""
    levels = np.asarray(quantiles, float)
    proper = levels.ndim == 1 and levels.size and ((levels > 0) & (levels < 1)).all()
    if not proper or (np.diff(levels) <= 0).any():
        raise ParameterError(
            f"quantiles must be ascending levels in (0, 1), each once, got {quantiles!r}."
        )
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise ParameterError(f"size must be a whole number of futures, at least 1, got {size!r}.")
    rarest = min(levels.min(), 1 - levels.max())
    needed = math.ceil(1 / rarest - 1e-9)
    if size < needed:
        raise ParameterError(
            f"size={size} futures cannot show a level of {rarest:g}: that needs at least {needed}. "
            "Raise size, or drop the outer quantiles."
        )
    return levels


def _checked_issue(issued_at, fitted: FittedModel, periods: pd.IntervalIndex) -> pd.Timestamp:
    """When the forecast is issued; not before the data end, nor after the first period begins."""
    if not isinstance(periods, pd.IntervalIndex) or not len(periods) or periods.closed != "left":
        raise ParameterError("periods must be a left-closed IntervalIndex; see make_periods.")
    if getattr(periods.left, "tz", None) is None:
        raise ParameterError("periods must carry a time zone; see make_periods.")
    require_enough(getattr(fitted, "scope", NOT_SAID))
    cutoff, first = fitted.data_cutoff, periods.left.min()
    if first < cutoff:
        raise LeakError(
            f"The first period begins {first}, before the data cut-off {cutoff}: the model has "
            "seen what it is asked to forecast."
        )
    require_whole(periods, fitted.time_resolution)
    if issued_at is None:
        return cutoff
    issued_at = local_timestamp(issued_at, str(periods.left.tz))
    if issued_at < cutoff:
        raise LeakError(f"issued_at {issued_at} lies before the data cut-off {cutoff}.")
    if issued_at > first:
        raise ParameterError(
            f"issued_at {issued_at} lies after the first period begins, {first}: that "
            "is no forecast."
        )
    return issued_at


def _moments(fitted: FittedModel, periods: pd.IntervalIndex) -> tuple[FloatArray, FloatArray]:
    inside = fitted.grid.inside
    expected, variance = (
        np.where(inside, moment.transpose("time", "y", "x").to_numpy(), np.nan)
        for moment in (fitted.expected_count(periods), fitted.count_variance(periods))
    )
    wrong = ~(np.isfinite(expected) & (expected > 0))[:, inside]
    if wrong.any():
        raise ForecastError(
            f"{fitted.name} expects no positive number of offences in {wrong.any(0).sum()} of "
            f"{inside.sum()} cells inside the region (smallest {np.nanmin(expected):g}). Zero "
            "claims that an offence is impossible there; give the model a floor above zero."
        )
    if not (variance[:, inside] >= 0).all() or not np.isfinite(variance[:, inside]).all():
        raise ForecastError(f"{fitted.name} gives a variance that is negative or not a number.")
    return expected, variance


def _two_parts(fitted: FittedModel, periods: pd.IntervalIndex) -> dict[str, tuple]:
    """What a model that tells background from triggering expects of each."""
    names = ("background_count", "triggered_count")
    if not all(hasattr(fitted, name) for name in names):
        return {}
    inside, dims = fitted.grid.inside, ("time", "y", "x")
    parts = {name: getattr(fitted, name)(periods).transpose(*dims).to_numpy() for name in names}
    return {name: (dims, np.where(inside, values, np.nan)) for name, values in parts.items()}


def _weights_of(grid: Grid, areas, by: str) -> tuple[csr_array, np.ndarray]:
    """Share of each inside cell in each area, (n_areas, n_inside), and the areas' names."""
    weights, names = areas if isinstance(areas, tuple) else area_weights(grid, areas, by=by)
    if weights.shape != (len(names), grid.inside.size):
        raise GridMismatchError(
            f"The weights of areas are {weights.shape}, for {len(names)} areas on a grid of "
            f"{grid.inside.size} cells. Make them with area_weights(fitted.grid, areas, by=...)."
        )
    return weights.tocsr()[:, np.flatnonzero(grid.inside)], np.array([str(name) for name in names])


def _area_means(expected: FloatArray, weights) -> FloatArray:
    return np.where(_touched(weights), (weights @ expected.T).T, np.nan)


def _area_quantiles(sums: FloatArray, levels: FloatArray, weights) -> FloatArray:
    found = np.quantile(sums, levels, axis=0, method="inverted_cdf")
    return np.where(_touched(weights), found, np.nan)


def _touched(weights) -> np.ndarray:
    """Areas that hold some part of some cell; of the others a sum of 0 would be no forecast."""
    return np.asarray(weights.sum(axis=1)).ravel() > 0


def coordinates_of(grid: Grid, periods: pd.IntervalIndex, levels: FloatArray) -> dict[str, object]:
    """What a forecast is labelled with, but for its areas and members."""
    return {
        "time": periods.left.tz_localize(None),
        "y": ("y", grid.y, {"units": "m"}),
        "x": ("x", grid.x, {"units": "m"}),
        "quantile": levels,
        "time_end": ("time", periods.right.tz_localize(None)),
        "inside_area": (
            ("y", "x"),
            grid.inside_area,
            {"long_name": "area of the cell inside the region", "units": "m2"},
        ),
    }


def _attributes(fitted: FittedModel, periods: pd.IntervalIndex) -> dict[str, object]:
    """What the forecast keeps of the model."""
    from hotspot import __version__

    try:
        parameters = json.dumps(dict(fitted.parameters), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ForecastError(f"The parameters of {fitted.name} are not JSON: {error}.") from error
    scope = getattr(fitted, "scope", NOT_SAID)
    scope = replace(scope, findings=(*scope.findings, *of_age(fitted.data_cutoff, periods.left[0])))
    return {
        "data_cutoff": fitted.data_cutoff.isoformat(),
        "model": fitted.name,
        "parameters": parameters,
        "interval_kind": fitted.interval_kind,
        "scope": json.dumps(asdict(scope)),
        "findings": json.dumps(list(getattr(fitted, "findings", ()))),
        "time_resolution": fitted.time_resolution,
        "place_resolution": float(fitted.place_resolution),
        "cell_size": float(fitted.grid.cell_size),
        "crs": crs_name(fitted.grid),
        "hotspot_version": __version__,
    }


def crs_name(grid: Grid) -> str:
    """The authority's code of a grid's reference system, or its WKT where it has none."""
    authority = grid.crs.to_authority(min_confidence=100)
    return ":".join(authority) if authority else grid.crs.to_wkt()
