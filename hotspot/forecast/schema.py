"""What a forecast is: an xarray.Dataset whose shape is checked, not a class.

=======================  =======================  ==================================================
variable                 dims                     meaning
=======================  =======================  ==================================================
``expected_count``       time, y, x               mean recorded offences per cell and period
``count_variance``       time, y, x               predictive variance of that count
``count_quantile``       quantile, time, y, x     predictive quantiles
``probability``          time, y, x               chance of at least one
``background_count``     time, y, x               of models that tell them apart: what comes anyway,
``triggered_count``      time, y, x               and what events trigger; they sum to the mean
``area_expected_count``  time, area               the same for boroughs, wards or LSOAs, from whole
``area_count_quantile``  quantile, time, area     simulated futures, never by adding quantiles
``simulated_count``      member, time, y, x       only when asked for
``inside_area``          y, x                     m² of each cell inside the region
=======================  =======================  ==================================================

NaN marks cells outside the region. ``time`` is the local start of each period (wall clock of
``time_zone``). Coordinates beside the dimensions': ``time_end`` (time), the local end of each
period, and ``inside_area`` (y, x), the square metres of each cell inside the region. Attributes:
see :data:`REQUIRED_ATTRIBUTES`; ``scope`` (JSON) says to which offences the
model was fitted, and what guards remarked or let pass for a reason; ``findings`` (JSON) lists what
it found in the data that it was trained on and would have its reader know, in words.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from hotspot.errors import ForecastError, LeakError

DIMENSIONS = {
    "expected_count": ("time", "y", "x"),
    "count_variance": ("time", "y", "x"),
    "count_quantile": ("quantile", "time", "y", "x"),
    "probability": ("time", "y", "x"),
}
OPTIONAL_DIMENSIONS = {
    "background_count": ("time", "y", "x"),
    "triggered_count": ("time", "y", "x"),
    "area_expected_count": ("time", "area"),
    "area_count_quantile": ("quantile", "time", "area"),
    "simulated_count": ("member", "time", "y", "x"),
    "inside_area": ("y", "x"),
}
REQUIRED_ATTRIBUTES = (
    "issued_at",  # ISO 8601 instant at which the forecast was made
    "data_cutoff",  # ISO 8601 instant; nothing at or after it was used
    "model",  # the model's name
    "parameters",  # JSON
    "entropy",  # how to make the generator again, JSON
    "n_members",  # simulated futures behind the quantiles
    "interval_kind",  # what the bounds include, in words
    "time_zone",
    "time_resolution",
    "place_resolution",  # metres
    "cell_size",  # metres
    "crs",  # WKT or authority code
    "input_sha256",  # of the events
    "hotspot_version",
)


def check_forecast(forecast: xr.Dataset) -> xr.Dataset:
    """Return `forecast` unchanged if it follows the schema.

    Parameters
    ----------
    forecast : Dataset
        As :func:`hotspot.issue_forecast` gives it, or somebody else's.

    Returns
    -------
    Dataset
        The same object.

    Raises
    ------
    ForecastError
        If a variable or attribute is missing, or has other dimensions (a forecast without
        bounds is not a forecast); if levels are not ascending in (0, 1), or bounds fall as
        the level rises; if a mean, variance, bound or chance is negative, a chance is above
        1, or some are NaN in cells where others are not.
    LeakError
        If it was made from data later than it was issued, or than its first period.

    Notes
    -----
    Costs one pass over the arrays but ``simulated_count``.

    Examples
    --------
    >>> check_forecast(xr.Dataset({"expected_count": (("time", "y", "x"), [[[1.5]]])}))
    Traceback (most recent call last):
    hotspot.errors.ForecastError: A forecast must hold 'count_variance' ...
    """
    _require_variables(forecast)
    missing = [name for name in REQUIRED_ATTRIBUTES if name not in forecast.attrs]
    if missing:
        raise ForecastError(f"A forecast must carry the attributes {missing}.")
    _require_sound_bounds(forecast, "expected_count", "count_quantile")
    if "area_count_quantile" in forecast:
        _require_sound_bounds(forecast, "area_expected_count", "area_count_quantile")
    _require_one_outside(forecast)
    if (forecast["probability"] > 1).any():
        raise ForecastError("'probability' must not exceed 1.")
    _refuse_a_seen_future(forecast)
    return forecast


def _require_variables(forecast: xr.Dataset) -> None:
    for name, dims in DIMENSIONS.items():
        if name not in forecast:
            raise ForecastError(
                f"A forecast must hold '{name}' with dims {dims}; this one has "
                f"{sorted(map(str, forecast.data_vars))}."
            )
    for name, dims in {**DIMENSIONS, **OPTIONAL_DIMENSIONS}.items():
        if name in forecast and forecast[name].dims != dims:
            raise ForecastError(f"'{name}' must have dims {dims}, got {forecast[name].dims}.")
    if ("area_expected_count" in forecast) != ("area_count_quantile" in forecast):
        raise ForecastError(
            "'area_expected_count' and 'area_count_quantile' come together: a mean without "
            "bounds is not a forecast."
        )
    _require_whole_parts(forecast)
    for name in ("time", "y", "x", "quantile"):
        if name not in forecast.coords or forecast.sizes[name] == 0:
            raise ForecastError(f"A forecast must have the coordinate '{name}', and not empty.")


def _require_whole_parts(forecast: xr.Dataset) -> None:
    if ("background_count" in forecast) != ("triggered_count" in forecast):
        raise ForecastError("'background_count' and 'triggered_count' come together.")
    if "background_count" not in forecast:
        return
    total = (forecast["background_count"] + forecast["triggered_count"]).to_numpy()
    expected = forecast["expected_count"].to_numpy()
    if not np.allclose(total, expected, rtol=1e-6, atol=1e-9, equal_nan=True):
        raise ForecastError(
            "'background_count' and 'triggered_count' must sum to 'expected_count' in every cell."
        )


def _require_sound_bounds(forecast: xr.Dataset, mean: str, bounds: str) -> None:
    levels = forecast["quantile"].to_numpy()
    if not ((levels > 0) & (levels < 1)).all() or (np.diff(levels) <= 0).any():
        raise ForecastError(f"'quantile' must be ascending levels in (0, 1), got {levels}.")
    values = forecast[bounds].to_numpy()
    if (np.diff(values, axis=0) < 0).any():
        raise ForecastError(f"'{bounds}' falls somewhere as the level rises.")
    outside = np.isnan(forecast[mean].to_numpy())
    if (np.isnan(values) != outside).any():
        raise ForecastError(f"'{bounds}' and '{mean}' are NaN in different places.")


def _require_one_outside(forecast: xr.Dataset) -> None:
    outside = np.isnan(forecast["expected_count"].to_numpy())
    for name in (*DIMENSIONS, *OPTIONAL_DIMENSIONS):
        if name not in forecast or name == "simulated_count":
            continue
        values = forecast[name].to_numpy()
        if (values < 0).any() or np.isinf(values).any():
            raise ForecastError(f"'{name}' must be finite and not negative.")
        if DIMENSIONS.get(name) == ("time", "y", "x") and (np.isnan(values) != outside).any():
            raise ForecastError(f"'{name}' and 'expected_count' are NaN in different cells.")


def _refuse_a_seen_future(forecast: xr.Dataset) -> None:
    issued, cutoff = (pd.Timestamp(forecast.attrs[name]) for name in ("issued_at", "data_cutoff"))
    if cutoff > issued:
        raise LeakError(
            f"data_cutoff {cutoff} is later than issued_at {issued}: the forecast has seen its "
            "future."
        )
    # An hour that the clock shows twice, or never, is read as the earlier instant it may be.
    first = pd.Timestamp(forecast["time"].values.min()).tz_localize(
        forecast.attrs["time_zone"], ambiguous=True, nonexistent="shift_backward"
    )
    if cutoff > first:
        raise LeakError(
            f"data_cutoff {cutoff} is later than the first period, which begins {first}."
        )
