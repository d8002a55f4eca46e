"""Stands in for the overlay of areas and cells where that is not there."""

import sys
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest
import shapely
from scipy import sparse


@pytest.fixture(autouse=True)
def _areas(monkeypatch):
    if find_spec("hotspot.grid.areas") is None:
        stand_in = ModuleType("hotspot.grid.areas")
        stand_in.area_weights = _area_weights
        monkeypatch.setitem(sys.modules, "hotspot.grid.areas", stand_in)


def _area_weights(grid, areas, *, by="name"):
    cells = grid.cells()
    inside = shapely.intersection(cells.to_numpy(), grid.region)
    weights = np.zeros((len(areas), grid.inside.size))
    for row, polygon in enumerate(areas.geometry):
        weights[row, cells.index] = shapely.area(shapely.intersection(inside, polygon))
        weights[row, cells.index] /= shapely.area(inside)
    return sparse.csr_matrix(weights), areas[by].to_numpy()
