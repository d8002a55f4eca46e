"""The distinct places behind many rows: police.uk snaps offences to a list of map points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from hotspot._typing import BoolArray, FloatArray, IntArray

NATIONAL_GRID = 27700


@dataclass(frozen=True, eq=False)
class SnapPoints:
    """The distinct places of the rows; there are about ten rows to a place.

    `x`, `y` are metres on the National Grid; `of_row` is the place of each row, -1 for none.
    """

    x: FloatArray
    y: FloatArray
    of_row: IntArray

    @classmethod
    def of(cls, longitude: FloatArray, latitude: FloatArray) -> SnapPoints:
        located = np.isfinite(longitude)
        x, y = longitude[located], latitude[located]
        # Six decimals are published, so whole 1e-7 degrees tell places apart; where they do
        # not (somebody's own finer coordinates), compare the numbers themselves.
        key = (np.rint(x * 1e7).astype(np.int64) << 32) + np.rint(y * 1e7).astype(np.int64)
        place, first = factorized(key)
        if not (np.array_equal(x, x[first][place]) and np.array_equal(y, y[first][place])):
            place, first = factorized(x + 1j * y)
        of_row = np.full(longitude.size, -1)
        of_row[located] = place
        to_grid = Transformer.from_crs(4326, NATIONAL_GRID, always_xy=True)
        return cls(*to_grid.transform(x[first], y[first]), of_row)

    @property
    def located(self) -> BoolArray:
        return self.of_row >= 0

    def used_by(self, rows: IntArray | BoolArray) -> BoolArray:
        """Which places some of these rows lie on; linear, where np.unique would sort."""
        return np.bincount(self.of_row[rows], minlength=self.x.size) > 0

    def inside(self, region: BaseGeometry) -> BoolArray:
        """Which places lie in `region` or on its edge."""
        shapely.prepare(region)
        return shapely.intersects_xy(region, self.x, self.y)


def factorized(values: np.ndarray) -> tuple[IntArray, IntArray]:
    """For each value the number of its group, and for each group where it occurs first."""
    group, distinct = pd.factorize(values)
    first = np.empty(len(distinct), np.int64)
    first[group[::-1]] = np.arange(len(values))[::-1]
    return group, first


def spacing_of(region: BaseGeometry, n_places: int) -> float:
    """Estimated snap spacing in metres, sqrt(area / distinct places); NaN without places."""
    return float(np.sqrt(region.area / n_places)) if n_places else float("nan")
