"""How many: the number of events expected against the number observed."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import stats

from hotspot._checks import require_level, require_same_grid, require_variable
from hotspot._typing import FloatArray
from hotspot.evaluate._maps import inside_of, over_maps, require_whole_counts


def calibration_ratio(
    forecast: xr.Dataset, observed: xr.DataArray, *, level: float = 0.95
) -> xr.Dataset:
    r"""Events expected for each event observed: 1 is right, above 1 too many were expected.

    .. math:: \frac{\sum_c m_c}{\sum_c y_c}

    with the exact interval for the mean of a Poisson count. Where 1 lies outside it, chance alone
    does not explain the difference. Totals of a city vary by more than chance, as their level
    moves from month to month: judge many periods, and see the number test for other
    distributions of the total.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    observed : DataArray (..., y, x)
        Event counts on the same grid; whole numbers.
    level : float
        Of the interval, in (0, 1).

    Returns
    -------
    Dataset
        ``ratio``, and ``lower`` and ``upper``, its interval, over the remaining dimensions;
        unitless. With no event observed, ``ratio`` and ``upper`` are ``inf`` (NaN if none was
        expected either). NaN where nothing was recorded at all.

    Raises
    ------
    GridMismatchError
        If the two are not on one grid, or events fell where the forecast is NaN.
    ParameterError
        If `level` is outside (0, 1) or observed counts are not whole.
    ForecastError
        If ``expected_count`` is missing, negative or infinite.

    Notes
    -----
    The Poisson mean's interval is :math:`[\chi^2_{\alpha/2}(2N) / 2, \chi^2_{1-\alpha/2}(2N + 2) /
    2]` for :math:`N` events observed.

    References
    ----------
    Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika, 28, 437-442.
    https://doi.org/10.1093/biomet/28.3-4.437

    Examples
    --------
    12 events expected, 10 observed; a Poisson count of 10 has a mean between 4.80 and 18.39.

    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[8.0, 4.0]])})
    >>> found = calibration_ratio(forecast, xr.DataArray([[7, 3]], dims=["y", "x"]))
    >>> [round(float(found[name]), 2) for name in ("lower", "ratio", "upper")]
    [0.65, 1.2, 2.5]
    """
    require_level(level)
    expected = require_variable(forecast, "expected_count")
    require_same_grid(expected, observed)
    found = over_maps(_ratio_of_one_map, expected, observed, output=["edge"], level=level)
    names = ("ratio", "lower", "upper")
    return xr.Dataset(
        {name: found.isel(edge=i) for i, name in enumerate(names)}, attrs={"level": level}
    )


def _ratio_of_one_map(expected, observed, *, level) -> FloatArray:
    inside = inside_of(expected, observed)
    if not inside.any():
        return np.full(3, np.nan)
    require_whole_counts(observed[inside])
    total, n = expected[inside].sum(), observed[inside].sum()
    tail = (1 - level) / 2
    fewest = stats.chi2.ppf(tail, 2 * n) / 2 if n > 0 else 0.0
    most = stats.chi2.ppf(1 - tail, 2 * n + 2) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return total / np.array([n, most, fewest])
