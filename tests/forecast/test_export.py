"""Every format keeps the bounds, lands in the right place, and is written whole or not at all."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from shapely import box

import hotspot._files as files
from hotspot import issue_forecast, load_forecast, save_area_forecast, save_forecast
from hotspot.errors import (
    FileFormatError,
    ForecastError,
    ParameterError,
    RegionError,
    UnknownNameError,
)
from tests.forecast.made import fitted_map, months

SUFFIXES = [".nc", ".zarr", ".tif", ".parquet", ".geojson"]
LOSSLESS = [".nc", ".zarr"]
CORNER = (530_000, 180_000)  # in London, where the change to longitude and latitude is exact


def outlines():
    """Two areas whose names a careless spreadsheet, page or codec would trip over."""
    x, y = CORNER
    halves = [box(x, y, x + 500, y + 1000), box(x + 500, y, x + 1000, y + 1000)]
    return gpd.GeoDataFrame({"name": ['=cmd|" /C calc"', "Îles <b>"]}, geometry=halves, crs=27700)


def made(seed=20240229, **options):
    return issue_forecast(
        fitted_map(disc=True, corner=CORNER),
        months(2),
        rng=np.random.default_rng(seed),
        size=50,
        areas=outlines(),
        input_sha256="ab12",
        **options,
    )


@pytest.fixture(scope="module")
def forecast():
    return made()


def contents(path):
    """Bytes of a file, or of every file of a folder by its name."""
    if path.is_dir():
        found = sorted(entry for entry in path.rglob("*") if entry.is_file())
        return {str(entry.relative_to(path)): entry.read_bytes() for entry in found}
    return path.read_bytes()


def only(folder):
    return [entry.name for entry in folder.iterdir()]


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("keep_members", [False, True], ids=["without members", "with members"])
def test_a_saved_forecast_is_read_back_identical(tmp_path, suffix, keep_members):
    forecast = made(keep_members=keep_members)
    path = save_forecast(forecast, tmp_path / f"january{suffix}")
    read = load_forecast(path)
    xr.testing.assert_identical(read, forecast)
    for name in forecast.variables:
        if forecast[name].dtype.kind == "f":
            assert read[name].dtype == forecast[name].dtype, name
    assert {name: type(value) for name, value in read.attrs.items()} == {
        name: type(value) for name, value in forecast.attrs.items()
    }


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_forecast_read_back_can_be_saved_in_the_other_format(tmp_path, forecast, suffix):
    other = {".nc": ".zarr", ".zarr": ".nc"}[suffix]
    read = load_forecast(save_forecast(forecast, tmp_path / f"a{suffix}"))
    xr.testing.assert_identical(
        load_forecast(save_forecast(read, tmp_path / f"b{other}")), forecast
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_forecast_gives_the_same_bytes(tmp_path, forecast, suffix):
    first, again = (
        contents(save_forecast(value, tmp_path / name / f"january{suffix}"))
        for value, name in [(forecast, "first"), (made(), "again")]
    )
    assert first == again
    other = contents(save_forecast(made(seed=1), tmp_path / f"other{suffix}"))
    assert other != first


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_forecast_without_its_bounds_is_not_written(tmp_path, forecast, suffix):
    with pytest.raises(ForecastError, match="must hold 'count_quantile'"):
        save_forecast(forecast.drop_vars("count_quantile"), tmp_path / f"january{suffix}")
    assert only(tmp_path) == []


@pytest.mark.parametrize("name", ["january.csv", "january", "january.nc.gz", "january.NC"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path, forecast, name):
    with pytest.raises(ParameterError, match=r"\.nc, \.zarr, \.tif, \.parquet, \.geojson"):
        save_forecast(forecast, tmp_path / name)
    with pytest.raises(ParameterError, match=r"\.nc, \.zarr"):
        load_forecast(tmp_path / name)
    with pytest.raises(ParameterError, match=r"\.parquet, \.geojson"):
        save_area_forecast(forecast, outlines(), tmp_path / name)


def test_the_geotiff_lies_where_the_cells_lie(tmp_path, forecast):
    """Each cell's value is sampled at its centre, by GDAL's own reading of the file."""
    path = save_forecast(forecast, tmp_path / "january.tif")
    east, north = np.meshgrid(forecast["x"], forecast["y"])
    centres = list(zip(east.ravel(), north.ravel(), strict=True))
    with rasterio.open(path) as raster:
        assert raster.crs.to_epsg() == 27700
        assert raster.transform.e < 0  # rows run from north to south
        assert np.isnan(raster.nodata)
        sampled = np.array(list(raster.sample(centres))).T.reshape(-1, *east.shape)
        bands = [raster.tags(number) for number in raster.indexes]
        descriptions = raster.descriptions
        attributes = raster.tags()
    assert len(bands) == 2 * (3 + forecast.sizes["quantile"])
    for values, tags, description in zip(sampled, bands, descriptions, strict=True):
        expected = forecast[tags["variable"]].sel(time=tags["time"])
        if "quantile" in tags:
            expected = expected.sel(quantile=float(tags["quantile"]))
        np.testing.assert_array_equal(values, expected)
        assert description.startswith(tags["variable"])
        assert description.endswith(tags["time"])
    for name, value in forecast.attrs.items():
        assert attributes[name] == str(value), name
    assert only(tmp_path) == ["january.tif"]  # and no side file


def test_the_geoparquet_holds_each_cell_with_its_square_and_bounds(tmp_path, forecast):
    table = gpd.read_parquet(save_forecast(forecast, tmp_path / "january.parquet"))
    inside = int((forecast["inside_area"] > 0).sum())
    assert len(table) == 2 * inside
    assert table.crs.to_epsg() == 27700
    assert (table.geometry.area == 100.0**2).all()
    assert table.attrs == {"hotspot": forecast.attrs}
    centres = table.geometry.centroid
    cells = {
        "time": xr.DataArray(table["time"].to_numpy(), dims="row"),
        "x": xr.DataArray(centres.x.round(6), dims="row"),
        "y": xr.DataArray(centres.y.round(6), dims="row"),
    }
    for name in ["expected_count", "count_variance", "probability"]:
        np.testing.assert_array_equal(table[name], forecast[name].sel(cells))
    for level in forecast["quantile"].to_numpy():
        np.testing.assert_array_equal(
            table[f"q{level:g}"], forecast["count_quantile"].sel({**cells, "quantile": level})
        )
    np.testing.assert_array_equal(table["time_end"], forecast["time_end"].sel(time=cells["time"]))


def test_the_geojson_is_in_longitude_and_latitude_as_its_standard_requires(tmp_path, forecast):
    """RFC 7946: WGS 84, no "crs" member, closed exterior rings that run counter-clockwise."""
    path = save_forecast(forecast, tmp_path / "january.geojson")
    collection = json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert collection["type"] == "FeatureCollection"
    assert "crs" not in collection
    assert collection["hotspot"] == forecast.attrs
    table = gpd.read_parquet(save_forecast(forecast, tmp_path / "january.parquet"))
    assert len(collection["features"]) == len(table)
    for feature, row in zip(collection["features"], table.itertuples(), strict=True):
        assert feature["type"] == "Feature"
        (ring,) = feature["geometry"]["coordinates"]
        assert ring[0] == ring[-1]
        assert shapely.is_ccw(shapely.LinearRing(ring))
        longitude, latitude = np.array(ring).T
        assert ((longitude > -0.14) & (longitude < -0.11)).all()  # by Charing Cross
        assert ((latitude > 51.50) & (latitude < 51.52)).all()
        assert feature["properties"]["expected_count"] == row.expected_count
    properties = collection["features"][-1]["properties"]
    assert properties["time"] == "2019-02-01T00:00:00"
    assert properties["q0.025"] <= properties["q0.5"] <= properties["q0.975"]


def test_the_geojson_is_read_back_to_the_same_places(tmp_path, forecast):
    read = gpd.read_file(save_forecast(forecast, tmp_path / "january.geojson")).to_crs(27700)
    table = gpd.read_parquet(save_forecast(forecast, tmp_path / "january.parquet"))
    off = read.geometry.centroid.distance(table.geometry.centroid)
    assert off.max() < 0.02  # metres: the coordinates are written to about a centimetre
    np.testing.assert_array_equal(read["q0.975"], table["q0.975"])


@pytest.mark.parametrize("suffix", [".parquet", ".geojson"])
def test_areas_are_written_with_outlines_and_bounds(tmp_path, forecast, suffix):
    shuffled = outlines().iloc[::-1]  # rows are matched by name, not by order
    path = save_area_forecast(forecast, shuffled, tmp_path / f"areas{suffix}")
    table = gpd.read_parquet(path) if suffix == ".parquet" else gpd.read_file(path)
    assert list(table["area"]) == list(outlines()["name"]) * 2
    np.testing.assert_array_equal(
        table["expected_count"], forecast["area_expected_count"].to_numpy().ravel()
    )
    for i, level in enumerate(forecast["quantile"].to_numpy()):
        np.testing.assert_array_equal(
            table[f"q{level:g}"], forecast["area_count_quantile"].to_numpy()[i].ravel()
        )
    west = table.to_crs(27700).geometry.iloc[0]
    assert west.symmetric_difference(outlines().geometry[0]).area < 50  # of 500,000 m²


def test_an_area_without_a_forecast_is_null_in_geojson(tmp_path):
    areas = outlines()
    areas.loc[2] = ["Elsewhere", box(540_000, 180_000, 540_100, 180_100)]
    forecast = issue_forecast(
        fitted_map(disc=True, corner=CORNER),
        months(),
        rng=np.random.default_rng(1),
        size=40,
        areas=areas,
    )
    path = save_area_forecast(forecast, areas, tmp_path / "areas.geojson")
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    assert features[2]["properties"]["area"] == "Elsewhere"
    assert features[2]["properties"]["expected_count"] is None
    assert features[1]["properties"]["expected_count"] > 0


def test_areas_that_do_not_fit_the_forecast_are_refused(tmp_path, forecast):
    path = tmp_path / "areas.geojson"
    with pytest.raises(UnknownNameError, match=r"column 'name' lacks: \['Îles <b>'"):
        save_area_forecast(forecast, outlines().iloc[:1], path)
    with pytest.raises(UnknownNameError, match="no column 'ward'"):
        save_area_forecast(forecast, outlines(), path, by="ward")
    with pytest.raises(RegionError, match="no CRS"):
        save_area_forecast(forecast, outlines().set_crs(None, allow_override=True), path)
    without = forecast.drop_vars(["area_expected_count", "area_count_quantile", "area"])
    with pytest.raises(ForecastError, match="holds no areas"):
        save_area_forecast(without, outlines(), path)
    assert not path.exists()


def test_a_forecast_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no forecast at .*january\.nc"):
        load_forecast(tmp_path / "january.nc")


@pytest.mark.parametrize("damage", ["truncated", "not NetCDF", "empty"])
def test_a_damaged_netcdf_is_refused(tmp_path, forecast, damage):
    path = save_forecast(forecast, tmp_path / "january.nc")
    whole = path.read_bytes()
    path.write_bytes(
        {"truncated": whole[: len(whole) // 2], "not NetCDF": b"<html>", "empty": b""}[damage]
    )
    with pytest.raises(FileFormatError, match=r"january\.nc is damaged, or is not NetCDF"):
        load_forecast(path)


def test_a_zarr_with_a_damaged_map_is_refused(tmp_path, forecast):
    path = save_forecast(forecast, tmp_path / "january.zarr")
    chunk = path / "expected_count" / "0.0.0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    with pytest.raises(FileFormatError, match=r"january\.zarr is damaged, or is not Zarr"):
        load_forecast(path)


def test_a_zarr_with_a_map_lost_is_refused(tmp_path, forecast):
    """Zarr reads a chunk that is not there as NaN, which would pass for "outside the region"."""
    path = save_forecast(forecast, tmp_path / "january.zarr")
    (path / "count_quantile" / "3.0.0.0").unlink()
    with pytest.raises(ForecastError, match="are NaN in different places"):
        load_forecast(path)


def test_a_folder_of_something_else_is_not_replaced_by_a_zarr(tmp_path, forecast):
    folder = tmp_path / "thesis.zarr"
    folder.mkdir()
    (folder / "chapter1.tex").write_text("years of work")
    with pytest.raises(ParameterError, match="folder that holds no Zarr"):
        save_forecast(forecast, folder)
    assert only(folder) == ["chapter1.tex"]


@pytest.mark.parametrize("suffix", [".nc", ".tif", ".parquet", ".geojson"])
def test_a_folder_is_not_replaced_by_a_file(tmp_path, forecast, suffix):
    folder = tmp_path / f"thesis{suffix}"
    folder.mkdir()
    (folder / "chapter1.tex").write_text("years of work")
    with pytest.raises(IsADirectoryError):
        save_forecast(forecast, folder)
    assert only(folder) == ["chapter1.tex"]
    assert only(tmp_path) == [folder.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_new_forecast_replaces_the_old_one_whole(tmp_path, forecast, suffix):
    path = tmp_path / f"january{suffix}"
    fresh = contents(save_forecast(forecast, tmp_path / "fresh" / path.name))
    save_forecast(made(keep_members=True, seed=3), path)  # has files that the new one lacks
    save_forecast(forecast, path)
    assert contents(path) == fresh
    assert sorted(only(tmp_path)) == sorted(["fresh", path.name])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_write_that_fails_leaves_the_old_file(tmp_path, forecast, monkeypatch, suffix):
    path = save_forecast(forecast, tmp_path / f"january{suffix}")
    before = contents(path)

    def fail(_):
        raise OSError("no space left on device")

    monkeypatch.setattr(files, "_flush", fail)
    with pytest.raises(OSError, match="no space left"):
        save_forecast(made(seed=3), path)
    assert contents(path) == before
    assert only(tmp_path) == [path.name]


def test_a_folder_that_cannot_take_its_place_gives_it_back_to_the_old_one(
    tmp_path, forecast, monkeypatch
):
    path = save_forecast(forecast, tmp_path / "january.zarr")
    before = contents(path)
    replace = os.replace

    def fail_for_the_new_one(source, target):
        if Path(target) == path and not Path(source).name.endswith(".old"):
            raise OSError("the disk went away")
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", fail_for_the_new_one)
    with pytest.raises(OSError, match="the disk went away"):
        save_forecast(made(seed=3), path)
    assert contents(path) == before
    assert only(tmp_path) == ["january.zarr"]


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_killed_write_leaves_the_old_file(tmp_path, forecast, suffix):
    """Another process is killed when its new file is written but not yet in place."""
    path = save_forecast(forecast, tmp_path / f"january{suffix}")
    script = f"""
        import time
        import hotspot._files as files
        from hotspot import save_forecast
        from tests.forecast.test_export import made

        def linger(_):
            print("written", flush=True)
            time.sleep(60)

        files._flush = linger
        save_forecast(made(seed=3), {str(path)!r})
        """
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=root,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout.readline().strip() == b"written"
        assert len(only(tmp_path)) == 2  # the old one and the one under way
        process.send_signal(signal.SIGKILL)
        process.wait()
    xr.testing.assert_identical(load_forecast(path), forecast)
    later = made(seed=4)
    save_forecast(later, path)
    xr.testing.assert_identical(load_forecast(path), later)
