"""Forecasts as files: written whole or not at all, bounds and all, and read back.

==============  ================================================================================
suffix          what it holds
==============  ================================================================================
``.nc``         NetCDF-4: everything, without loss; :func:`load_forecast` reads it back
``.zarr``       a Zarr folder (format 2): the same
``.tif``        GeoTIFF, north up: bands of the cells' variables, period by period
``.parquet``    GeoParquet: one row a cell and period, with its square
``.geojson``    the same in longitude and latitude, as RFC 7946 requires
==============  ================================================================================

The same forecast gives the same bytes in each of them, as long as the libraries that write them
are of the same version.
"""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import xarray as xr

from hotspot._files import replaced
from hotspot.errors import FileFormatError, ForecastError, ParameterError
from hotspot.forecast.layers import area_table, cell_table, write_geojson, write_geotiff
from hotspot.forecast.schema import check_forecast

_FORMATS = {
    ".nc": "NetCDF",
    ".zarr": "Zarr",
    ".tif": "GeoTIFF",
    ".parquet": "GeoParquet",
    ".geojson": "GeoJSON",
}
_TIME = {"units": "seconds since 1970-01-01", "dtype": "int64"}


def save_forecast(forecast: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write a forecast to a file; the suffix says in which format.

    Parameters
    ----------
    forecast : Dataset
        As :func:`hotspot.issue_forecast` gives it.
    path : str or Path
        Ends in ``.nc``, ``.zarr``, ``.tif``, ``.parquet`` or ``.geojson``. A file there is
        replaced when the new one is whole; until then, and if anything fails, it stays.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    ParameterError
        If the suffix is another, or a ``.zarr`` path is a folder that holds no Zarr.
    ForecastError
        If `forecast` does not follow the schema: without its bounds it is not written.

    Notes
    -----
    NetCDF and Zarr hold everything. The others hold the cells: the mean, the variance, the
    chance of any and every quantile, with the attributes as tags (GeoTIFF), as metadata
    (GeoParquet) or as the member ``"hotspot"`` (GeoJSON). For bounds of areas see
    :func:`save_area_forecast`; simulated members go to NetCDF and Zarr only.

    References
    ----------
    Butler, H., et al. (2016). The GeoJSON Format. RFC 7946.
    https://doi.org/10.17487/RFC7946

    Examples
    --------
    >>> import tempfile
    >>> from hotspot import Grid, HistoricalRate, issue_forecast, load_sample, make_periods
    >>> events = load_sample("exact")
    >>> fitted = HistoricalRate().fit(events, Grid.over(events.region, cell_size=1000))
    >>> week = make_periods(events.end, count=1, length="week")
    >>> forecast = issue_forecast(fitted, week, rng=np.random.default_rng(1), size=100)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_forecast(forecast, f"{folder}/january.nc")
    ...     load_forecast(path).identical(forecast)
    True
    """
    path = Path(path)
    _require_suffix(path, list(_FORMATS))
    check_forecast(forecast)
    if path.suffix == ".zarr":
        _require_zarr_or_nothing(path)
    with replaced(path) as temporary:
        match path.suffix:
            case ".nc":
                forecast.drop_encoding().to_netcdf(
                    temporary, engine="h5netcdf", encoding=_netcdf_encoding(forecast)
                )
            case ".zarr":
                # Format 2, since text has no settled form in format 3 yet.
                forecast.drop_encoding().to_zarr(
                    temporary,
                    mode="w",
                    zarr_format=2,
                    consolidated=False,
                    encoding=_zarr_encoding(forecast),
                )
            case ".tif":
                write_geotiff(forecast, temporary)
            case ".parquet":
                cell_table(forecast).to_parquet(temporary, index=False, compression="zstd")
            case ".geojson":
                write_geojson(cell_table(forecast), temporary)
    return path


def save_area_forecast(
    forecast: xr.Dataset,
    areas: gpd.GeoDataFrame,
    path: str | os.PathLike[str],
    *,
    by: str = "name",
) -> Path:
    """Write the forecast of boroughs, wards or LSOAs, with bounds and outlines, to a file.

    Parameters
    ----------
    forecast : Dataset
        Issued with ``areas``.
    areas : GeoDataFrame
        The outlines; every area of the forecast must be among them.
    path : str or Path
        Ends in ``.parquet`` or ``.geojson``; replaced whole, as by :func:`save_forecast`.
    by : str
        Column of `areas` that names them.

    Returns
    -------
    Path
        Where it was written: one row an area and period, with the expected count and every
        quantile; null where an area lies outside the region.

    Raises
    ------
    ParameterError
        If the suffix is another.
    ForecastError
        If `forecast` does not follow the schema, or holds no areas.
    UnknownNameError
        If there is no column `by`, or an area of the forecast is not in it.
    RegionError
        If `areas` have no CRS.

    Examples
    --------
    >>> import tempfile
    >>> from hotspot import Grid, HistoricalRate, issue_forecast, load_sample, make_periods
    >>> from hotspot import load_boroughs
    >>> events = load_sample("exact")
    >>> boroughs = load_boroughs(["Camden", "Islington"])
    >>> fitted = HistoricalRate().fit(events, Grid.over(events.region, cell_size=1000))
    >>> week = make_periods(events.end, count=1, length="week")
    >>> forecast = issue_forecast(
    ...     fitted, week, rng=np.random.default_rng(1), size=100, areas=boroughs)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_area_forecast(forecast, boroughs, f"{folder}/week.geojson")
    ...     table = gpd.read_file(path)
    >>> table[["area", "q0.025", "q0.975"]].shape
    (2, 3)
    """
    path = Path(path)
    _require_suffix(path, [".parquet", ".geojson"])
    check_forecast(forecast)
    if "area_count_quantile" not in forecast:
        raise ForecastError(
            "This forecast holds no areas. Give them when it is issued: "
            "issue_forecast(..., areas=boroughs)."
        )
    table = area_table(forecast, areas, by=by)
    with replaced(path) as temporary:
        if path.suffix == ".parquet":
            table.to_parquet(temporary, index=False, compression="zstd")
        else:
            write_geojson(table, temporary)
    return path


def load_forecast(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read back a forecast that was saved as NetCDF or Zarr.

    Parameters
    ----------
    path : str or Path
        Ends in ``.nc`` or ``.zarr``.

    Returns
    -------
    Dataset
        Identical to the one that was saved.

    Raises
    ------
    ParameterError
        If the suffix is another.
    FileNotFoundError
        If there is nothing at `path`.
    FileFormatError
        If it is damaged or of another format.
    ForecastError, LeakError
        If it is whole but no forecast; see :func:`hotspot.check_forecast`.

    Examples
    --------
    >>> load_forecast("mislaid.nc")
    Traceback (most recent call last):
    FileNotFoundError: There is no forecast at mislaid.nc.

    :func:`save_forecast` shows one written and read back.
    """
    path = Path(path)
    _require_suffix(path, [".nc", ".zarr"])
    if not path.exists():
        raise FileNotFoundError(f"There is no forecast at {path}.")
    options = {"engine": "h5netcdf"} if path.suffix == ".nc" else {
        "engine": "zarr", "consolidated": False,
    }  # fmt: skip
    try:
        with xr.open_dataset(path, chunks=None, **options) as opened:
            forecast = opened.load().drop_encoding()
    except Exception as error:
        # HDF5, Zarr and their codecs each fail in their own ways; to a reader they are one.
        raise FileFormatError(
            f"{path} is damaged, or is not {_FORMATS[path.suffix]}: {error}. Save it again."
        ) from error
    forecast.attrs = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in forecast.attrs.items()
    }
    return check_forecast(forecast)


def _require_suffix(path: Path, known: list[str]) -> None:
    if path.suffix not in known:
        raise ParameterError(
            f"{path.name!r} ends in {path.suffix!r}, which is not known here; end it in one of "
            f"{', '.join(known)}."
        )


def _require_zarr_or_nothing(path: Path) -> None:
    """A folder of something else would be lost when the forecast takes its place."""
    if path.is_dir() and any(path.iterdir()) and not (path / ".zgroup").exists():
        raise ParameterError(f"{path} is a folder that holds no Zarr group; name another.")


def _netcdf_encoding(forecast: xr.Dataset) -> dict[str, dict[str, object]]:
    packed = {"zlib": True, "complevel": 1, "shuffle": True}
    return {name: {"dtype": "int64", **_TIME} for name in ("time", "time_end")} | {
        name: {**packed, "chunksizes": _one_map(forecast[name])} for name in forecast.data_vars
    }


def _zarr_encoding(forecast: xr.Dataset) -> dict[str, dict[str, object]]:
    return {name: dict(_TIME) for name in ("time", "time_end")} | {
        name: {"chunks": _one_map(forecast[name])} for name in forecast.data_vars
    }


def _one_map(values: xr.DataArray) -> tuple[int, ...]:
    """A chunk is one map, since maps are what is read."""
    return tuple(n if dim in ("y", "x", "area") else 1 for dim, n in values.sizes.items())
