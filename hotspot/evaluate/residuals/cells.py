"""Residuals of cells: what was recorded less what was expected."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from hotspot._checks import require_choice, require_same_grid, require_variable
from hotspot._typing import FloatArray
from hotspot.errors import ForecastError
from hotspot.evaluate._maps import MAP, inside_of, over_maps

Kind = Literal["raw", "pearson", "deviance"]


def cell_residuals(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    kind: Kind = "raw",
    variance: Literal["poisson", "forecast"] = "poisson",
) -> xr.DataArray:
    r"""Recorded less expected offences in each cell and period, or that over its spread.

    .. math:: \text{raw: } N - \mu, \qquad \text{pearson: } \frac{N - \mu}{\sqrt V}, \qquad
       \text{deviance: } \mathrm{sign}(N - \mu) \sqrt{2 (N \log (N / \mu) - (N - \mu))}

    Positive where more was recorded than expected. Raw residuals sum to the total recorded less the
    total expected. Sum forecast and counts over periods first to see what a map gets wrong for good
    rather than by chance: ``forecast[["expected_count"]].sum("time", min_count=1)``.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    observed : DataArray (..., y, x)
        Event counts on the same grid.
    kind : {"raw", "pearson", "deviance"}
    variance : {"poisson", "forecast"}
        V of Pearson residuals: the expected count, as chance alone has it, or the forecast's own
        ``count_variance``.

    Returns
    -------
    DataArray (..., y, x)
        Offences for "raw", else unitless. NaN outside the region, and for all of a map of which
        nothing was observed. Where 0 are expected: 0 if none was recorded; if any was, infinite but
        for "raw", for the forecast called it impossible.

    Raises
    ------
    GridMismatchError
        If the two are not on one grid, or events fell where the forecast is NaN.
    ForecastError
        If the forecast lacks a variable, or it is negative or infinite somewhere.
    ParameterError
        If `kind` or `variance` is unknown.

    See Also
    --------
    voronoi_residuals : Areas that follow the events, where cells are mostly empty.
    morans_i : Whether residuals of neighbouring cells resemble each other.

    Notes
    -----
    With few events a cell, Pearson and deviance residuals are far from normal: most are a little
    below 0 and a few far above. Do not read them as z-scores.

    References
    ----------
    Baddeley, A., Turner, R., Møller, J., & Hazelton, M. (2005). Residual analysis for spatial point
    processes. Journal of the Royal Statistical Society B, 67, 617-666.
    https://doi.org/10.1111/j.1467-9868.2005.00519.x

    Examples
    --------
    >>> cells = {"y": [0], "x": [0, 1, 2]}
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[4.0, 1.0, 0.25]])}, cells)
    >>> observed = xr.DataArray([[2, 1, 1]], cells, ["y", "x"])
    >>> cell_residuals(forecast, observed, kind="pearson").values
    array([[-1. ,  0. ,  1.5]])
    """
    require_choice(kind, "kind", ("raw", "pearson", "deviance"))
    require_choice(variance, "variance", ("poisson", "forecast"))
    expected = require_variable(forecast, "expected_count")
    require_same_grid(expected, observed)
    spread = require_variable(forecast, "count_variance") if variance == "forecast" else expected
    found = over_maps(_of_one_map, expected, observed, spread, output=MAP, kind=kind)
    units = "recorded offences" if kind == "raw" else "1"
    return found.rename("residual").assign_attrs(long_name=f"{kind} residual", units=units)


def _of_one_map(
    expected: FloatArray, observed: FloatArray, variance: FloatArray, *, kind: Kind
) -> FloatArray:
    inside = inside_of(expected, observed)
    out = np.full(expected.shape, np.nan)
    mu, n = expected[inside], observed[inside]
    out[inside] = _deviance(n, mu) if kind == "deviance" else n - mu
    if kind == "pearson":
        out[inside] = _over_spread(n - mu, variance[inside])
    return out


def _over_spread(raw: FloatArray, variance: FloatArray) -> FloatArray:
    if not (np.isfinite(variance) & (variance >= 0)).all():
        raise ForecastError("'count_variance' is NaN, infinite or negative inside the region.")
    certain = np.where(raw == 0, 0.0, np.copysign(np.inf, raw))
    return np.divide(raw, np.sqrt(variance), out=certain, where=variance > 0)


def _deviance(n: FloatArray, mu: FloatArray) -> FloatArray:
    from scipy.special import rel_entr

    # N log(N / mu) - N + mu, which rounding may put a little below 0 where N is near mu.
    half = np.maximum(rel_entr(n, mu) - n + mu, 0.0)
    return np.sign(n - mu) * np.sqrt(2 * half)
