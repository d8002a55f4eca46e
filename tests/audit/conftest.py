"""Small cities whose audits can be worked out by hand."""

import numpy as np
import pytest
import xarray as xr

from hotspot.audit.groups import Groups


def windows(rows, copies=1):
    """(fold, y, x): rows of cells, one a window."""
    values = np.array(rows, float)[:, None, :].repeat(copies, axis=0)
    return xr.DataArray(
        values, {"y": [0.0], "x": np.arange(values.shape[2]) * 100.0}, ["fold", "y", "x"]
    )


def residents(rows, names=("a", "b"), **more):
    values = np.array(rows, float)[:, None, :]
    people = xr.DataArray(
        values,
        {"group": list(names), "y": [0.0], "x": np.arange(values.shape[2]) * 100.0},
        ["group", "y", "x"],
    )
    return Groups("side", people, people.sum("group") * 0, **more)


def labels(names):
    return xr.DataArray(
        np.array([list(names)], object),
        {"y": [0.0], "x": np.arange(len(names)) * 100.0},
        ["y", "x"],
    )


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)
