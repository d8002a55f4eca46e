"""Where the rows of a submitted forecast lie: square cells on one lattice, or outlined areas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from pyproj import CRS

from hotspot._typing import FloatArray, IntArray
from hotspot.errors import ForecastError, GridError, GridMismatchError, ParameterError, RegionError
from hotspot.grid.cells import MAX_CELLS

# Share of a cell's side by which coordinates may lie off the lattice: rounded degrees do.
_OFF = 1e-3


@dataclass(frozen=True)
class Lattice:
    """Square cells: centres of the axes, and the slot of each row of the file."""

    x: FloatArray
    y: FloatArray
    size: float
    row: IntArray
    column: IntArray


@dataclass(frozen=True)
class Areas:
    """Outlines in a fixed order, their names, and the slot of each row of the file."""

    geometry: np.ndarray
    names: list[str]
    slot: IntArray


def lattice_of_centres(x: FloatArray, y: FloatArray, *, cell_size: float | None) -> Lattice:
    """The lattice that the centres lie on; its cell size is inferred where none is given.

    Raises
    ------
    ParameterError
        If the size cannot be told from the spacing, or `cell_size` is not positive.
    GridMismatchError
        If centres lie off the lattice.
    ForecastError
        If a coordinate is missing.
    """
    if not (np.isfinite(x) & np.isfinite(y)).all():
        raise ForecastError(f"{(~np.isfinite(x + y)).sum()} rows have no place: x or y is missing.")
    size = _spacing(x, y) if cell_size is None else float(cell_size)
    if not (np.isfinite(size) and size > 0):
        raise ParameterError(f"cell_size must be a positive number, got {cell_size}.")
    axes, slots = [], []
    for name, values in (("x", x), ("y", y)):
        slot = np.rint((values - values.min()) / size)
        off = np.abs(values - (values.min() + slot * size))
        if off.max() > _OFF * size:
            row = int(off.argmax())
            raise GridMismatchError(
                f"{name} of row {row + 1} is {values[row]:g}, {off[row]:.3g} off the lattice of "
                f"cells of {size:g}. Cells must be squares of one size side by side: give "
                "cell_size, or the outlines."
            )
        if slot.max() >= MAX_CELLS:  # before an axis of that length is made
            raise GridError(f"Cells of {size:g} over this extent are more than {MAX_CELLS:,}.")
        axes.append(values.min() + np.arange(int(slot.max()) + 1) * size)
        slots.append(slot.astype(np.int64))
    if axes[0].size * axes[1].size > MAX_CELLS:
        raise GridError(f"Cells of {size:g} over this extent are more than {MAX_CELLS:,}.")
    return Lattice(x=axes[0], y=axes[1], size=size, row=slots[1], column=slots[0])


def _spacing(x: FloatArray, y: FloatArray) -> float:
    smallest = [_smallest_gap(values) for values in (x, y)]
    if not np.isclose(*smallest, rtol=_OFF):
        raise ParameterError(
            "The cell size cannot be told from the centres: neighbours are "
            f"{smallest[0]:g} apart in x and {smallest[1]:g} in y. Give it with cell_size."
        )
    # Cells that nowhere touch could be of any smaller size.
    steps = np.rint((x - x.min()) / smallest[0]), np.rint((y - y.min()) / smallest[1])
    cells = set(zip(*(one.astype(np.int64).tolist() for one in steps), strict=True))
    sides = ((1, 0), (0, 1), (-1, 0), (0, -1))
    touching = sum(any((i + a, j + b) in cells for a, b in sides) for i, j in cells)
    if touching < len(cells) / 2:
        raise ParameterError(
            f"The cell size cannot be told: few of the {len(cells)} cells would touch another if "
            f"it were {smallest[0]:g}. Give it with cell_size."
        )
    return float(min(smallest))


def _smallest_gap(values: FloatArray) -> float:
    """Between neighbours; a hair between centres of one column is none."""
    gaps = np.diff(np.unique(values))
    gaps = gaps[gaps > 1e-6 * np.ptp(values)]
    return float(gaps.min()) if gaps.size else np.nan


def lattice_of_squares(geometry: np.ndarray, *, cell_size: float | None) -> Lattice | None:
    """The lattice of outlines that are all squares of one size; None where they are not."""
    west, south, east, north = shapely.bounds(geometry).T
    width, height = east - west, north - south
    size = float(np.median(width)) if cell_size is None else float(cell_size)
    side = np.concatenate([width, height])
    filled = shapely.area(geometry) >= width * height * (1 - 2 * _OFF)
    if not filled.all() or np.abs(side - size).max() > _OFF * size:
        return None
    if abs(size - round(size)) < _OFF * size and np.abs(side - round(size)).max() < _OFF * size:
        size = float(round(size))
    x, y = (_settled(low + high) / 2 for low, high in ((west, east), (south, north)))
    try:
        return lattice_of_centres(x, y, cell_size=size)
    except GridMismatchError:
        return None


def _settled(doubled: FloatArray) -> FloatArray:
    """Twice the centres, on whole units where all are within a centimetre or so of one."""
    whole = np.rint(doubled)
    return whole if np.abs(doubled - whole).max() < 0.05 else doubled


def areas_of(geometry: np.ndarray, names: list[str] | None) -> Areas:
    """Outlines in an order that does not depend on that of the rows.

    Raises
    ------
    RegionError
        If an outline is missing, empty, invalid or no polygon.
    ForecastError
        If one name has two outlines.
    """
    bad = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    bad |= ~np.isin(shapely.get_type_id(geometry), (3, 6)) | (shapely.area(geometry) <= 0)
    if bad.any():
        raise RegionError(
            f"Row {int(np.flatnonzero(bad)[0]) + 1} has no polygon with an area; {bad.sum()} rows "
            "of the file have none."
        )
    if not shapely.is_valid(geometry).all():
        row = int(np.flatnonzero(~shapely.is_valid(geometry))[0])
        raise RegionError(
            f"The outline of row {row + 1} is invalid ({shapely.is_valid_reason(geometry[row])}). "
            "Mend it with shapely.make_valid and look at the change in area before going on."
        )
    shapes = shapely.to_wkb(shapely.normalize(geometry))
    keys = shapes if names is None else np.array(names, dtype=object)
    unique, first, slot = np.unique(keys, return_index=True, return_inverse=True)
    if names is not None and (shapes != shapes[first][slot]).any():
        row = int(np.flatnonzero(shapes != shapes[first][slot])[0])
        raise ForecastError(f"Area {names[row]!r} has two different outlines in the file.")
    labels = unique.tolist() if names is not None else [str(i + 1) for i in range(unique.size)]
    return Areas(geometry=geometry[first], names=labels, slot=slot.ravel())


def projected(geometry: np.ndarray, crs: CRS, to: CRS) -> np.ndarray:
    """Outlines in another reference system."""
    import geopandas as gpd

    moved = gpd.GeoSeries(geometry, crs=crs).to_crs(to).to_numpy()
    bounds = shapely.bounds(moved[~shapely.is_missing(moved)])
    if not np.isfinite(bounds).all():
        raise RegionError(
            f"Some outlines cannot be projected from {crs.name} to {to.name}: are their "
            "coordinates swapped, or in another system than stated?"
        )
    # Corners a hair apart may fall together when projected, which makes an outline invalid.
    broken = ~shapely.is_valid(moved) & shapely.is_valid(geometry)
    moved[broken] = [_mended(one) for one in moved[broken]]
    return moved


def _mended(outline):
    parts = shapely.get_parts(shapely.make_valid(outline))
    return shapely.union_all(parts[np.isin(shapely.get_type_id(parts), (3, 6))])
