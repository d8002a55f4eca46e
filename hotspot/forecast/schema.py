"""What a forecast is: an xarray.Dataset whose shape is checked, not a class.

=======================  =======================  ==================================================
variable                 dims                     meaning
=======================  =======================  ==================================================
``expected_count``       time, y, x               mean recorded offences per cell and period
``count_variance``       time, y, x               predictive variance of that count
``count_quantile``       quantile, time, y, x     predictive quantiles
``probability``          time, y, x               chance of at least one
``area_expected_count``  time, area               the same for boroughs, wards or LSOAs, from whole
``area_count_quantile``  quantile, time, area     simulated futures, never by adding quantiles
``simulated_count``      member, time, y, x       only when asked for
``inside_area``          y, x                     m² of each cell inside the region
=======================  =======================  ==================================================

NaN marks cells outside the region. ``time`` is the local start of each period (wall clock of
``time_zone``), ``time_end`` its end. Attributes: see :data:`REQUIRED_ATTRIBUTES`.
"""

from __future__ import annotations

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

    Raises
    ------
    ForecastError
        If a variable or attribute is missing, or has other dimensions; a forecast without
        bounds is not a forecast.
    LeakError
        If it was made from data later than it was issued, or than its first period.
    """
    for name, dims in DIMENSIONS.items():
        if name not in forecast:
            raise ForecastError(
                f"A forecast must hold '{name}' with dims {dims}; this one has "
                f"{sorted(map(str, forecast.data_vars))}."
            )
    for name, dims in {**DIMENSIONS, **OPTIONAL_DIMENSIONS}.items():
        if name in forecast and forecast[name].dims != dims:
            raise ForecastError(f"'{name}' must have dims {dims}, got {forecast[name].dims}.")
    missing = [name for name in REQUIRED_ATTRIBUTES if name not in forecast.attrs]
    if missing:
        raise ForecastError(f"A forecast must carry the attributes {missing}.")
    _refuse_a_seen_future(forecast)
    return forecast


def _refuse_a_seen_future(forecast: xr.Dataset) -> None:
    issued, cutoff = (pd.Timestamp(forecast.attrs[name]) for name in ("issued_at", "data_cutoff"))
    if cutoff > issued:
        raise LeakError(
            f"data_cutoff {cutoff} is later than issued_at {issued}: the forecast has seen its "
            "future."
        )
    first = pd.Timestamp(forecast["time"].values[0]).tz_localize(forecast.attrs["time_zone"])
    if cutoff > first:
        raise LeakError(
            f"data_cutoff {cutoff} is later than the first period, which begins {first}."
        )
