"""Forecasts as map layers: bands of a raster, and tables of cells and areas with outlines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr

from hotspot.errors import RegionError, UnknownNameError
from hotspot.forecast.schema import DIMENSIONS, OPTIONAL_DIMENSIONS

_DECIMALS = 7  # of a degree: about 1 cm
_MAPS = [
    name
    for name, dims in {**DIMENSIONS, **OPTIONAL_DIMENSIONS}.items()
    if dims == ("time", "y", "x")
]


def write_geotiff(forecast: xr.Dataset, path: Path) -> None:
    """Bands for each period in turn: the maps, then the quantiles from low to high."""
    import rasterio

    size = forecast.attrs["cell_size"]
    west, north = float(forecast["x"][0]) - size / 2, float(forecast["y"][-1]) + size / 2
    bands = list(_bands(forecast))
    ends = _ends(forecast)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(bands),
        height=forecast.sizes["y"],
        width=forecast.sizes["x"],
        dtype="float64",
        crs=forecast.attrs["crs"],
        transform=rasterio.Affine(size, 0, west, 0, -size, north),
        nodata=np.nan,
        compress="deflate",
        predictor=3,
    ) as raster:
        raster.update_tags(**{name: str(value) for name, value in forecast.attrs.items()})
        for number, (values, tags) in enumerate(bands, start=1):
            raster.write(values[::-1], number)  # rows of a raster run from north to south
            raster.set_band_description(number, " ".join(tags.values()))
            raster.update_tags(number, **tags, **ends.get(tags["time"], {}))


def _bands(forecast: xr.Dataset) -> Iterator[tuple[np.ndarray, dict[str, str]]]:
    for i, time in enumerate(_iso(forecast["time"])):
        for name in _MAPS:
            if name in forecast:
                yield forecast[name].to_numpy()[i], {"variable": name, "time": time}
        for level, values in zip(
            forecast["quantile"].to_numpy(),
            forecast["count_quantile"].to_numpy()[:, i],
            strict=True,
        ):
            yield values, {"variable": "count_quantile", "quantile": f"{level:g}", "time": time}


def _ends(forecast: xr.Dataset) -> dict[str, dict[str, str]]:
    """The tag of each period's end, by its start; none where the forecast does not hold ends."""
    if "time_end" not in forecast.coords:
        return {}
    starts, ends = _iso(forecast["time"]), _iso(forecast["time_end"])
    return {start: {"time_end": end} for start, end in zip(starts, ends, strict=True)}


def cell_table(forecast: xr.Dataset) -> gpd.GeoDataFrame:
    """One row a period and inside cell, with its square; quantile columns are q0.025 and so on."""
    rows, columns = np.nonzero(np.isfinite(forecast["expected_count"].to_numpy()[0]))
    x, y = forecast["x"].to_numpy()[columns], forecast["y"].to_numpy()[rows]
    half = forecast.attrs["cell_size"] / 2
    squares = shapely.box(x - half, y - half, x + half, y + half)
    n = forecast.sizes["time"]
    table = {**_period_columns(forecast, rows.size), "x": np.tile(x, n), "y": np.tile(y, n)}
    if "inside_area" in forecast.coords:
        table["inside_area"] = np.tile(forecast["inside_area"].to_numpy()[rows, columns], n)
    for name in _MAPS:
        if name in forecast:
            table[name] = forecast[name].to_numpy()[:, rows, columns].ravel()
    quantiles = forecast["count_quantile"].to_numpy()[:, :, rows, columns]
    return _table(
        forecast, table, quantiles, geometry=np.tile(squares, n), crs=forecast.attrs["crs"]
    )


def area_table(forecast: xr.Dataset, areas: gpd.GeoDataFrame, *, by: str) -> gpd.GeoDataFrame:
    """One row a period and area, with its outline; quantile columns as in :func:`cell_table`."""
    if by not in areas.columns:
        raise UnknownNameError(f"The areas have no column {by!r}; they have {list(areas.columns)}.")
    if areas.crs is None:
        raise RegionError("The areas have no CRS. Set it with areas.set_crs(...).")
    outlines = dict(zip(areas[by].astype(str), areas.geometry, strict=True))
    names = [str(name) for name in forecast["area"].to_numpy()]
    missing = [name for name in names if name not in outlines]
    if missing:
        raise UnknownNameError(
            f"The forecast has areas that column {by!r} lacks: {missing[:5]}. Give the areas that "
            "it was issued with."
        )
    n = forecast.sizes["time"]
    table = {
        **_period_columns(forecast, len(names)),
        "area": names * n,
        "expected_count": forecast["area_expected_count"].to_numpy().ravel(),
    }
    quantiles = forecast["area_count_quantile"].to_numpy()
    geometry = np.array([outlines[name] for name in names] * n, dtype=object)
    return _table(forecast, table, quantiles, geometry=geometry, crs=areas.crs)


def _period_columns(forecast: xr.Dataset, repeats: int) -> dict[str, np.ndarray]:
    return {
        name: np.repeat(forecast[name].to_numpy(), repeats)
        for name in ("time", "time_end")
        if name in forecast.coords
    }


def _table(forecast, columns, quantiles, *, geometry, crs) -> gpd.GeoDataFrame:
    for level, values in zip(forecast["quantile"].to_numpy(), quantiles, strict=True):
        columns[f"q{level:g}"] = values.ravel()
    table = gpd.GeoDataFrame(columns, geometry=geometry, crs=crs)
    table.attrs = {"hotspot": dict(forecast.attrs)}
    return table


def write_geojson(table: gpd.GeoDataFrame, path: Path) -> None:
    """A FeatureCollection in longitude and latitude, the forecast's attributes beside it."""
    outlines = table.geometry.to_crs(4326).to_numpy()
    outlines = shapely.transform(outlines, lambda degrees: np.round(degrees, _DECIMALS))
    outlines = shapely.to_geojson(shapely.orient_polygons(outlines))
    columns = table.drop(columns=table.geometry.name)
    for name in columns.select_dtypes("datetime"):
        columns[name] = _iso(columns[name])
    head = json.dumps({"type": "FeatureCollection", **table.attrs}, allow_nan=False)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(head[:-1] + ', "features": [\n')
        lists = [columns[name].tolist() for name in columns]
        for i, values in enumerate(zip(*lists, strict=True)):
            known = {
                name: None if value != value else value
                for name, value in zip(columns, values, strict=True)
            }
            properties = json.dumps(known, allow_nan=False, ensure_ascii=False)
            file.write(
                f'{"," if i else ""}{{"type": "Feature", "geometry": {outlines[i]}, '
                f'"properties": {properties}}}\n'
            )
        file.write("]}\n")


def _iso(times) -> list[str]:
    return [str(time) for time in np.datetime_as_string(np.asarray(times), unit="s")]
