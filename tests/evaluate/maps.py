"""Small maps to score: one row of cells unless said otherwise."""

import numpy as np
import xarray as xr


def on_grid(values):
    """A DataArray (y, x) with coordinates; a flat list becomes one row."""
    values = np.atleast_2d(np.asarray(values, float))
    ny, nx = values.shape
    return xr.DataArray(
        values, {"y": 250.0 * np.arange(ny), "x": 250.0 * np.arange(nx)}, ["y", "x"]
    )


def forecast_of(expected, **others):
    """A Dataset with `expected_count` and any other (y, x) variables."""
    maps = {"expected_count": expected, **others}
    return xr.Dataset({name: on_grid(values) for name, values in maps.items()})
