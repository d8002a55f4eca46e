"""Anybody's file is read as what it is; what it does not say is asked for, errors are refused."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from shapely import Polygon, box

from hotspot import issue_forecast, read_forecast, save_area_forecast, save_forecast
from hotspot.errors import (
    DateError,
    FileFormatError,
    ForecastError,
    GridError,
    GridMismatchError,
    LeakError,
    MissingFileError,
    ParameterError,
    RegionError,
    UnknownNameError,
)
from hotspot.forecast.layers import cell_table
from hotspot.forecast.submitted_periods import periods_of
from tests.forecast.made import fitted_map, months
from tests.forecast.submissions import CENTRES, PERIOD, SOUTH, WEST, cells, csv, squares

GRID = {"crs": 27700, **PERIOD}
HOT = (0.9, 0.2, 0.4, 0.1)


@pytest.fixture(scope="module")
def own():
    # Corners of a disc leave cells outside, and others cut.
    return issue_forecast(
        fitted_map(disc=True, corner=(530_000, 180_000)),
        months(2),
        rng=np.random.default_rng(20240229),
        size=50,
        areas=gpd.GeoDataFrame(
            {"name": ["west", "east"]},
            geometry=[
                box(530_000, 180_000, 530_500, 181_000),
                box(530_500, 180_000, 531_000, 181_000),
            ],
            crs=27700,
        ),
        input_sha256="ab12",
    )


@pytest.mark.parametrize(
    ("column", "kind", "variable"),
    [
        ("score", "ranking", "score"),
        ("flagged", "flagged", "flagged"),
        ("hotspot", "flagged", "flagged"),
        ("expected_count", "expected_count", "expected_count"),
    ],
)
def test_a_csv_says_what_it_is(tmp_path, column, kind, variable):
    values = (1, 0, 0, 1)
    path = csv(tmp_path / "a.csv", cells(values), columns=f"x,y,{column}")
    submitted = read_forecast(path, **GRID)
    assert submitted.attrs["submission_kind"] == kind
    np.testing.assert_array_equal(submitted[variable].values, [[[1, 0], [0, 1]]])
    assert submitted.attrs["cell_size"] == 100.0
    assert submitted.attrs["places"] == "cells"
    assert str(periods_of(submitted)[0].right) == "2024-02-01 00:00:00+00:00"


def test_a_column_of_an_unclear_name_is_asked_for_and_then_taken(tmp_path):
    path = csv(tmp_path / "a.csv", cells(HOT), columns="x,y,prediction")
    with pytest.raises(ParameterError, match=r"Which of the columns \['x', 'y', 'prediction'\]"):
        read_forecast(path, **GRID)
    submitted = read_forecast(path, columns={"score": "prediction"}, **GRID)
    np.testing.assert_array_equal(submitted["score"].values, [[[0.9, 0.2], [0.4, 0.1]]])
    with pytest.raises(UnknownNameError, match="no column 'risk'"):
        read_forecast(path, columns={"score": "risk"}, **GRID)
    with pytest.raises(UnknownNameError, match="'danger' is no meaning"):
        read_forecast(path, columns={"danger": "prediction"}, **GRID)


def test_a_file_that_says_two_things_must_be_told_which(tmp_path):
    rows = [(*row, i % 2) for i, row in enumerate(cells(HOT))]
    path = csv(tmp_path / "a.csv", rows, columns="x,y,score,flagged")
    with pytest.raises(ParameterError, match="several things of each place: score, flagged"):
        read_forecast(path, **GRID)
    assert "flagged" in read_forecast(path, columns={"flagged": "flagged"}, **GRID)


def test_a_rank_of_one_is_the_hottest(tmp_path):
    path = csv(tmp_path / "a.csv", cells((1, 3, 2, 4)), columns="x,y,rank")
    score = read_forecast(path, **GRID)["score"].values
    assert score.argmax() == 0
    assert score.argmin() == 3


def test_a_rate_without_its_units_is_refused_and_with_them_kept(tmp_path):
    path = csv(tmp_path / "a.csv", cells(HOT), columns="x,y,rate")
    with pytest.raises(ParameterError, match="The file holds a rate"):
        read_forecast(path, **GRID)
    with pytest.raises(ParameterError, match="rate_per must be one of"):
        read_forecast(path, rate_per=("acre", "day"), **GRID)
    submitted = read_forecast(path, rate_per=("km2", "day"), **GRID)
    # 31 days of January; the area comes in when the region is known.
    np.testing.assert_allclose(submitted["rate"].values.ravel(), np.array(HOT) * 31, rtol=1e-14)
    plain = csv(tmp_path / "b.csv", cells(HOT))
    with pytest.raises(ParameterError, match="no column is a rate"):
        read_forecast(plain, rate_per=("km2", "day"), **GRID)


@pytest.mark.parametrize(
    "missing", [{"crs": None}, {"start": None}, {"end": None}], ids=["crs", "start", "end"]
)
def test_what_the_file_does_not_say_is_asked_for(tmp_path, missing):
    path = csv(tmp_path / "a.csv", cells(HOT))
    expected = RegionError if "crs" in missing else ParameterError
    with pytest.raises(expected, match="does not say"):
        read_forecast(path, **{**GRID, **missing})


def test_the_order_of_rows_does_not_matter(tmp_path):
    first = read_forecast(csv(tmp_path / "a.csv", cells(HOT)), **GRID)
    again = read_forecast(csv(tmp_path / "b.csv", cells(HOT)[::-1]), **GRID)
    np.testing.assert_array_equal(first["score"], again["score"])
    outlines = squares(HOT).assign(name=list("dbca"))
    triangle = Polygon([(WEST + 300, SOUTH), (WEST + 400, SOUTH), (WEST + 300, SOUTH + 100)])
    outlines.loc[4] = [0.3, triangle, "e"]  # no square: these are areas
    both = []
    for name, table in (("a", outlines), ("b", outlines.iloc[[4, 2, 0, 3, 1]])):
        table.to_parquet(tmp_path / f"{name}.parquet")
        both.append(read_forecast(tmp_path / f"{name}.parquet", **PERIOD))
    assert both[0].attrs["places"] == "areas"
    assert both[0]["area"].values.tolist() == both[1]["area"].values.tolist() == list("abcde")
    np.testing.assert_array_equal(both[0]["score"], both[1]["score"])


@pytest.mark.parametrize("suffix", [".nc", ".zarr", ".tif", ".parquet", ".geojson", ".csv"])
def test_a_saved_forecast_is_read_back_to_the_last_digit(tmp_path, own, suffix):
    path = tmp_path / f"own{suffix}"
    given = {}
    if suffix == ".csv":
        cell_table(own).drop(columns="geometry").to_csv(path, index=False)
        given = {"crs": 27700}
    else:
        save_forecast(own, path)
    submitted = read_forecast(path, **given)
    assert submitted.attrs["submission_kind"] == "distribution"
    assert submitted.attrs["cell_size"] == 100.0
    known = own["expected_count"].notnull()
    part = submitted.sel(x=own["x"], y=own["y"])
    for name in ("expected_count", "count_variance", "probability"):
        np.testing.assert_array_equal(part[name], own[name].where(known))
    np.testing.assert_array_equal(part["count_quantile"], own["count_quantile"])
    np.testing.assert_array_equal(part["time_end"], own["time_end"])
    if suffix != ".csv":
        assert pd.Timestamp(submitted.attrs["data_cutoff"]) == pd.Timestamp(
            own.attrs["data_cutoff"]
        )


@pytest.mark.parametrize("suffix", [".parquet", ".geojson"])
def test_a_saved_forecast_of_areas_is_read_as_areas(tmp_path, own, suffix):
    outlines = gpd.GeoDataFrame(
        {"name": ["west", "east"]},
        geometry=[box(530_000, 180_000, 530_500, 181_000), box(530_500, 180_000, 531_000, 181_000)],
        crs=27700,
    )
    path = save_area_forecast(own, outlines, tmp_path / f"areas{suffix}")
    submitted = read_forecast(path)
    assert submitted.attrs["places"] == "areas"
    assert submitted["area"].values.tolist() == ["east", "west"]
    np.testing.assert_array_equal(
        submitted["expected_count"].values[:, 0],
        own["area_expected_count"].sel(area=["east", "west"]),
    )


def test_squares_in_degrees_become_cells_again_when_projected(tmp_path):
    path = tmp_path / "a.geojson"
    squares(HOT, crs=4326).to_file(path, driver="GeoJSON", COORDINATE_PRECISION=7)
    as_areas = read_forecast(path, **PERIOD)
    assert as_areas.attrs["places"] == "areas"
    submitted = read_forecast(path, to_crs=27700, **PERIOD)
    assert submitted.attrs["places"] == "cells"
    assert submitted.attrs["cell_size"] == 100.0
    np.testing.assert_array_equal(submitted["x"], [WEST + 50, WEST + 150])
    np.testing.assert_array_equal(submitted["score"].values, [[[0.9, 0.2], [0.4, 0.1]]])


@pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
def test_geopackage_and_shapefile_are_read(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    squares((1, 0, 0, 0), name="hotspot").to_file(path)
    submitted = read_forecast(path, **PERIOD)
    assert submitted.attrs["submission_kind"] == "flagged"
    np.testing.assert_array_equal(submitted["flagged"].values, [[[1, 0], [0, 0]]])


def raster(path, bands, *, size=(100, 100), descriptions=(), nodata=-1):
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=2, width=2, dtype="float64", crs=27700,
        transform=rasterio.Affine(size[0], 0, WEST, 0, -size[1], SOUTH + 200), nodata=nodata,
    ) as file:  # fmt: skip
        for number, values in enumerate(bands, start=1):
            file.write(np.array(values, float), number)
            if descriptions:
                file.set_band_description(number, descriptions[number - 1])
    return path


def test_a_band_is_named_by_its_number_and_nodata_is_silence(tmp_path):
    path = raster(tmp_path / "a.tif", [[[9, 9], [9, 9]], [[0.4, -1], [0.9, 0.2]]])
    with pytest.raises(ParameterError, match="Which of the columns"):
        read_forecast(path, **PERIOD)
    submitted = read_forecast(path, columns={"score": 2}, **PERIOD)
    # Rows of a raster run from north to south.
    np.testing.assert_array_equal(submitted["score"].values, [[[0.9, 0.2], [0.4, np.nan]]])
    with pytest.raises(UnknownNameError, match="no band 3"):
        read_forecast(path, columns={"score": 3}, **PERIOD)


def test_a_band_may_be_named_by_its_description(tmp_path):
    path = raster(tmp_path / "a.tif", [[[0.4, 0.1], [0.9, 0.2]]], descriptions=["score"])
    assert read_forecast(path, **PERIOD).attrs["submission_kind"] == "ranking"


def test_pixels_that_are_no_squares_are_areas(tmp_path):
    path = raster(
        tmp_path / "a.tif", [[[0.4, 0.1], [0.9, 0.2]]], descriptions=["score"], size=(200, 100)
    )
    submitted = read_forecast(path, **PERIOD)
    assert submitted.attrs["places"] == "areas"
    assert {shape.area for shape in submitted["geometry"].values} == {20_000.0}


def test_the_south_west_corner_can_be_the_anchor(tmp_path):
    corners = [(x - 50, y - 50, v) for x, y, v in cells(HOT)]
    path = csv(tmp_path / "a.csv", corners)
    submitted = read_forecast(path, anchor="south-west", **GRID)
    np.testing.assert_array_equal(submitted["x"], [WEST + 50, WEST + 150])
    with pytest.raises(ParameterError, match="anchor must be"):
        read_forecast(path, anchor="north", **GRID)


def test_the_cell_size_is_not_guessed_from_flagged_cells_alone(tmp_path):
    path = csv(tmp_path / "a.csv", cells((1, 1, 1, 1)), columns="x,y,flagged")
    with pytest.raises(ParameterError, match="flagged cells only"):
        read_forecast(path, **GRID)
    assert read_forecast(path, cell_size=50, **GRID).sizes["x"] == 3


def test_the_cell_size_is_not_guessed_from_scattered_cells(tmp_path):
    scattered = [(0, 0, 1.0), (200, 300, 2.0), (400, 100, 3.0), (600, 0, 1.5)]
    path = csv(tmp_path / "a.csv", scattered)
    with pytest.raises(ParameterError, match="cell size cannot be told"):
        read_forecast(path, **GRID)
    assert read_forecast(path, cell_size=100, **GRID).sizes["x"] == 7


def test_cells_off_the_lattice_are_refused(tmp_path):
    rows = cells(HOT)
    rows[3] = (rows[3][0] + 7, rows[3][1], rows[3][2])
    with pytest.raises(GridMismatchError, match=r"x of row 4 is 530157, 7 off the lattice"):
        read_forecast(csv(tmp_path / "a.csv", rows), cell_size=100, **GRID)


def test_cells_of_degrees_are_refused(tmp_path):
    path = csv(tmp_path / "a.csv", cells(HOT))
    with pytest.raises(RegionError, match="in degrees, in which no cell is square"):
        read_forecast(path, **{**GRID, "crs": 4326})


def test_two_cells_a_world_apart_do_not_fill_the_memory(tmp_path):
    rows = [(0, 0, 1.0), (1, 0, 1.0), (0, 1, 1.0), (1e9, 1e9, 1.0)]
    with pytest.raises(GridError, match="more than 10,000,000"):
        read_forecast(csv(tmp_path / "a.csv", rows), cell_size=1, **GRID)


def test_a_cell_that_stands_twice_is_refused(tmp_path):
    rows = [*cells(HOT), (*CENTRES[0], 0.9)]
    with pytest.raises(ForecastError, match=r"x=530050, y=180050 stands 2 times.*rows \[1, 5\]"):
        read_forecast(csv(tmp_path / "a.csv", rows), **GRID)


@pytest.mark.parametrize(
    ("column", "bad", "error", "match"),
    [
        ("expected_count", -0.5, ForecastError, "negative in 1 rows, first -0.5"),
        ("expected_count", "inf", ForecastError, "infinite in 1 rows"),
        ("expected_count", "1,5", FileFormatError, "Decimals need a point"),
        ("expected_count", "many", FileFormatError, "'many' in row 1, which is no number"),
        ("flagged", 2, ForecastError, "must be 0 or 1"),
        ("rank", 0, ForecastError, "must begin at 1"),
        ("score", "=cmd|' /C calc'!A0", FileFormatError, "no number for 'score'"),
    ],
)
def test_what_cannot_be_a_value_is_refused(tmp_path, column, bad, error, match):
    values = (bad, 1, 1, 1)
    path = csv(tmp_path / "a.csv", cells(values), columns=f"x,y,{column}")
    with pytest.raises(error, match=match):
        read_forecast(path, **GRID)


def test_an_empty_cell_is_silence_not_zero(tmp_path):
    path = csv(tmp_path / "a.csv", cells(("", "nan", 1, 1)), columns="x,y,expected_count")
    assert np.isnan(read_forecast(path, **GRID)["expected_count"].values[0, 0]).all()


@pytest.mark.parametrize(
    "content", ["", "\ufeff\n", "x,y,score\n"], ids=["no byte", "no line", "no row"]
)
def test_an_empty_file_is_refused(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(FileFormatError, match=r"is empty|holds no row"):
        read_forecast(path, **GRID)


@pytest.mark.parametrize("suffix", [".geojson", ".parquet", ".tif", ".gpkg", ".csv"])
def test_a_damaged_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b'"\x00\xff\xfe<html>')
    with pytest.raises(FileFormatError, match="cannot be read as"):
        read_forecast(path, **GRID)


def test_no_file_and_an_unknown_suffix_are_refused(tmp_path):
    with pytest.raises(MissingFileError, match="no forecast at"):
        read_forecast(tmp_path / "a.csv")
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(ParameterError, match="ends in none of"):
        read_forecast(tmp_path / "a.xlsx")


def test_a_stated_system_is_not_overruled(tmp_path):
    squares(HOT).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(RegionError, match="crs=3857 was given, but the file says"):
        read_forecast(tmp_path / "a.parquet", crs=3857, **PERIOD)
    with pytest.raises(RegionError, match="no reference system"):
        read_forecast(csv(tmp_path / "a.csv", cells(HOT)), **{**GRID, "crs": "EPSG:nonsense"})


def test_an_outline_that_crosses_itself_is_refused(tmp_path):
    table = squares(HOT)
    bow = Polygon([(WEST, SOUTH), (WEST + 9, SOUTH + 9), (WEST + 9, SOUTH), (WEST, SOUTH + 5)])
    table.loc[0, "geometry"] = bow
    table.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(RegionError, match=r"outline of row 1 is invalid \(Self-intersection"):
        read_forecast(tmp_path / "a.parquet", **PERIOD)


def test_outlines_may_stand_in_a_csv_as_wkt(tmp_path):
    table = squares(HOT)
    pd.DataFrame({"wkt": table.geometry.to_wkt(), "score": HOT}).to_csv(tmp_path / "a.csv")
    submitted = read_forecast(tmp_path / "a.csv", **GRID)
    np.testing.assert_array_equal(submitted["score"].values, [[[0.9, 0.2], [0.4, 0.1]]])
    csv(tmp_path / "b.csv", [("POLYGON((", 1)], columns="wkt,score")
    with pytest.raises(FileFormatError, match="no WKT"):
        read_forecast(tmp_path / "b.csv", **GRID)


def test_quantiles_that_fall_are_refused_and_members_give_their_mean(tmp_path):
    rows = [(x, y, 1, 3, 2) for x, y in CENTRES]
    path = csv(tmp_path / "a.csv", rows, columns="x,y,expected_count,q0.05,q0.95")
    with pytest.raises(ForecastError, match=r"level 0\.95 is below that of 0\.05 in 4 places"):
        read_forecast(path, **GRID)
    rows = [(x, y, 0, 3, 1) for x, y in CENTRES]
    path = csv(tmp_path / "b.csv", rows, columns="x,y,member_1,member_2,member_10")
    submitted = read_forecast(path, **GRID)
    assert submitted.attrs["submission_kind"] == "distribution"
    np.testing.assert_array_equal(submitted["simulated_count"].values[:, 0, 0, 0], [0, 3, 1])
    np.testing.assert_allclose(submitted["expected_count"], 4 / 3, rtol=1e-15)
    np.testing.assert_allclose(submitted["probability"], 2 / 3, rtol=1e-15)


def test_a_forecast_from_data_later_than_its_issue_is_refused(tmp_path):
    path = csv(tmp_path / "a.csv", cells(HOT))
    with pytest.raises(LeakError, match="has seen its future"):
        read_forecast(path, issued_at="2023-12-01", data_cutoff="2023-12-31", **GRID)
    submitted = read_forecast(path, data_cutoff="2023-12-31", **GRID)
    assert submitted.attrs["data_cutoff"] == "2023-12-31T00:00:00+00:00"


def test_periods_come_from_columns_and_their_ends_are_asked_for(tmp_path):
    rows = [(*row, month) for month in ("2024-02-01", "2024-01-01") for row in cells(HOT)]
    path = csv(tmp_path / "a.csv", rows, columns="x,y,score,time")
    with pytest.raises(ParameterError, match="not when they end"):
        read_forecast(path, crs=27700)
    submitted = read_forecast(path, crs=27700, length="month")
    assert [str(one.left.date()) for one in periods_of(submitted)] == ["2024-01-01", "2024-02-01"]
    with pytest.raises(ParameterError, match="holds the periods"):
        read_forecast(path, **GRID)
    with pytest.raises(DateError, match="within the next"):
        read_forecast(path, crs=27700, length="3MS")
    late = csv(tmp_path / "b.csv", [(*row, "soon") for row in cells(HOT)], columns="x,y,score,time")
    with pytest.raises(DateError, match="'soon' is not a date"):
        read_forecast(late, crs=27700, length="month")
    # pandas would take an hour for one of today.
    hour = csv(
        tmp_path / "c.csv", [(*row, "14:00") for row in cells(HOT)], columns="x,y,score,time"
    )
    with pytest.raises(DateError, match="'14:00' is not a date with its year"):
        read_forecast(hour, crs=27700, length="1h")


def test_hostile_names_are_carried_as_text(tmp_path):
    names = ['=HYPERLINK("http://x")', "<script>", "\x1b[2J", "a'; drop table--"]
    table = squares(HOT, half=40).assign(name=names)
    table.loc[0, "geometry"] = box(WEST, SOUTH, WEST + 30, SOUTH + 50)
    table.to_parquet(tmp_path / "a.parquet")
    submitted = read_forecast(tmp_path / "a.parquet", **PERIOD)
    assert sorted(submitted["area"].values.tolist()) == sorted(names)
    assert json.loads(submitted.attrs["read_as"])["area"] == "name"


def test_a_map_of_chances_is_a_ranking_with_chances(tmp_path):
    path = csv(tmp_path / "a.csv", cells((0.9, 0.2, 0.4, 0.1)), columns="x,y,probability")
    submitted = read_forecast(path, **GRID)
    assert submitted.attrs["submission_kind"] == "ranking"
    np.testing.assert_array_equal(submitted["score"], submitted["probability"])


def test_geojson_that_is_not_in_degrees_is_asked_for_its_system(tmp_path):
    path = tmp_path / "a.geojson"
    squares(HOT).set_crs(4326, allow_override=True).to_file(path, driver="GeoJSON")
    with pytest.raises(RegionError, match="does not say in which reference system"):
        read_forecast(path, **PERIOD)
    assert read_forecast(path, **GRID).attrs["cell_size"] == 100.0


def test_names_that_were_told_must_tell_the_outlines_apart(tmp_path):
    table = squares(HOT, half=40).assign(ward=["a", "a", "b", "c"])
    table.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ForecastError, match="Area 'a' has two different outlines"):
        read_forecast(tmp_path / "a.parquet", columns={"area": "ward"}, **PERIOD)


def test_a_hair_between_centres_of_one_column_is_no_cell(tmp_path):
    rows = [(x + 1e-7 * i, y, v) for i, (x, y, v) in enumerate(cells(HOT))]
    assert read_forecast(csv(tmp_path / "a.csv", rows), **GRID).attrs["cell_size"] == (
        pytest.approx(100.0, abs=1e-5)
    )


def test_two_columns_for_one_quantile_are_refused(tmp_path):
    rows = [(x, y, 1, 2) for x, y in CENTRES]
    path = csv(tmp_path / "a.csv", rows, columns="x,y,q.95,q0.950")
    with pytest.raises(ParameterError, match=r"'q\.95' and 'q0\.950' both say 'q0\.95'"):
        read_forecast(path, **GRID)


@pytest.mark.parametrize(
    ("stated", "error", "match"),
    [
        ({"crs": "nonsense"}, RegionError, "is no reference system"),
        ({"cell_size": "wide"}, FileFormatError, "states a cell_size of 'wide'"),
        ({"time_zone": "Moon/Base"}, UnknownNameError, "is not a time zone"),
        ({"data_cutoff": "never"}, DateError, "'never' is not a date"),
    ],
    ids=["crs", "cell size", "time zone", "cut-off"],
)
def test_nonsense_that_a_file_states_of_itself_is_refused(tmp_path, stated, error, match):
    table = squares(HOT, crs=4326).assign(x=[x for x, _ in CENTRES], y=[y for _, y in CENTRES])
    stated = {"crs": "EPSG:27700", "cell_size": 100, **stated}
    collection = {"hotspot": stated, **json.loads(table.to_json())}
    (tmp_path / "a.geojson").write_text(json.dumps(collection))
    with pytest.raises(error, match=match):
        read_forecast(tmp_path / "a.geojson", **PERIOD)
