"""A hash of what a forecast says, the same whenever and wherever it was made or saved."""

from __future__ import annotations

import hashlib
import json

import xarray as xr

from hotspot.backtesting.content import array_hash

# What decides the numbers, or says how to read them; not when or with which release it was made.
_KEPT = (
    "data_cutoff", "model", "parameters", "entropy", "n_members", "interval_kind", "time_zone",
    "time_resolution", "place_resolution", "cell_size", "crs", "input_sha256", "scope",
)  # fmt: skip


def forecast_hash(forecast: xr.Dataset) -> str:
    """One number that two forecasts share if every value in them is the same, bit for bit.

    Parameters
    ----------
    forecast : Dataset
        As :func:`hotspot.issue_forecast` gives it or :func:`hotspot.load_forecast` reads it.

    Returns
    -------
    str
        SHA-256 in hexadecimal, of the values and labels of every variable and coordinate and of
        the attributes that say what they mean. When it was issued, by which release and in which
        file format it was saved do not count.

    Notes
    -----
    One pass over the arrays.

    Examples
    --------
    >>> one = xr.Dataset({"expected_count": (("y", "x"), [[0.5, 1.5]])}, {"x": [0, 1]})
    >>> later = one.assign_attrs(issued_at="2025-02-01T09:00:00+00:00")
    >>> forecast_hash(one) == forecast_hash(later), forecast_hash(one) == forecast_hash(one * 2)
    (True, False)
    """
    whole = hashlib.sha256()
    said = {name: str(forecast.attrs[name]) for name in _KEPT if name in forecast.attrs}
    whole.update(json.dumps(said, sort_keys=True).encode())
    for name in sorted(map(str, forecast.variables)):
        one = forecast[name]
        # A coordinate that a file was read with may carry coordinates of its own: values alone.
        whole.update(f"{name} {one.dims} {array_hash(one.to_numpy())}".encode())
    return whole.hexdigest()
