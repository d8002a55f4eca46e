"""How near simulated futures come to what happened, as whole maps rather than cell by cell."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspot._checks import require_same_grid, require_variable
from hotspot._typing import FloatArray
from hotspot.errors import ForecastError
from hotspot.evaluate._maps import MAP, inside_of

_EXACT = 2.0**24  # sums of whole numbers below it are exact in single precision


def energy_score(forecast: xr.Dataset, observed: xr.DataArray) -> xr.DataArray:
    r"""Energy score: distance of simulated maps from the observed map; smaller is better.

    .. math:: \frac{1}{M} \sum_{m} \lVert X_m - y \rVert
              - \frac{1}{2 M^2} \sum_{m, m'} \lVert X_m - X_{m'} \rVert

    with :math:`X_m` the simulated maps, :math:`y` the observed one and the norm the root of the
    sum of squares over the cells inside the region. It is the CRPS of a whole map: on a region of
    one cell the two are equal. Unlike a mean of cell scores it sees whether cells rise and fall
    together; it tells wrong means more sharply than wrong dependence.

    Parameters
    ----------
    forecast : Dataset
        Holds ``simulated_count`` (member, ..., y, x): issue it with ``keep_members=True``, or lay
        simulated futures in it.
    observed : DataArray (..., y, x)
        Event counts on the same grid.

    Returns
    -------
    DataArray
        Events, over the remaining dimensions; at least 0. NaN where nothing was observed.

    Raises
    ------
    ForecastError
        If members were not kept, differ in their outside, or are negative or infinite.
    GridMismatchError
        If the two are not on one grid, or events fell where the forecast is NaN.

    Notes
    -----
    As for :func:`hotspot.crps`, the members are taken as the forecast, not as a sample of one.
    Distances come from one matrix product of the members, in single precision where that is
    exact: time O(members² x cells), memory one more copy of a map's members.

    References
    ----------
    Gneiting, T., & Raftery, A. E. (2007). Strictly proper scoring rules, prediction, and
    estimation. Journal of the American Statistical Association, 102, 359-378.
    https://doi.org/10.1198/016214506000001437

    Examples
    --------
    Two futures, (0, 0) and (3, 4), 5 apart; (3, 4) came: (5 + 0) / 2 - (5 + 5) / 8 = 1.25.

    >>> members = xr.DataArray([[[0.0, 0.0]], [[3.0, 4.0]]], dims=["member", "y", "x"])
    >>> forecast = xr.Dataset({"simulated_count": members})
    >>> float(energy_score(forecast, xr.DataArray([[3, 4]], dims=["y", "x"])))
    1.25
    """
    members = require_variable(forecast, "simulated_count")
    require_same_grid(members, observed)
    score = xr.apply_ufunc(
        _energy_of_one_map,
        members,
        observed.astype(float),
        input_core_dims=[["member", *MAP], list(MAP)],
        vectorize=True,
        output_dtypes=[float],
        keep_attrs=False,
    )
    return score.rename("energy_score").assign_attrs(long_name="energy score", units="events")


def _energy_of_one_map(members, observed) -> float:
    inside = inside_of(members[0].astype(float), observed)
    if not inside.any():
        return np.nan
    count = observed[inside]
    whole = (count == np.floor(count)).all()
    points = np.vstack([members[:, inside], count.astype(members.dtype) if whole else count])
    if not (points >= 0).all() or np.isinf(points).any():
        raise ForecastError(
            "simulated_count is NaN, infinite or negative in cells where its first member is not."
        )
    products = _products(points)
    squared = np.diag(products)
    distance = np.sqrt(np.maximum(squared[:, None] + squared - 2 * products, 0.0))
    size = len(members)
    return distance[:-1, -1].mean() - distance[:-1, :-1].sum() / (2 * size**2)


def _products(points: FloatArray) -> FloatArray:
    """Inner products of all pairs of rows, in single precision where it loses nothing."""
    if points.dtype == np.float32 and (points == np.floor(points)).all():
        narrow = points @ points.T
        if narrow.max() < _EXACT:  # a sum of whole numbers that ends below it never was above
            return narrow.astype(float)
    wide = points.astype(float)
    return wide @ wide.T
