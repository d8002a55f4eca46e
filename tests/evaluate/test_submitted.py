"""A submitted forecast beside what was recorded: on its own places, over the whole region."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import Polygon, box

from hotspot import match_observed, read_forecast
from hotspot.errors import (
    CoverageError,
    ForecastError,
    GridError,
    GridMismatchError,
    LeakError,
    ParameterError,
    RegionError,
    ResolutionError,
)
from tests.forecast.submissions import (
    CENTRES,
    PERIOD,
    SOUTH,
    SQUARE,
    WEST,
    cells,
    csv,
    events,
    squares,
)

GRID = {"crs": 27700, **PERIOD}


def submitted(tmp_path, values=(4, 3, 2, 1), *, column="score", **options):
    path = csv(tmp_path / "a.csv", cells(values), columns=f"x,y,{column}")
    return read_forecast(path, **{**GRID, **options})


def test_events_are_counted_in_the_cells_of_the_file(tmp_path):
    matched = match_observed(submitted(tmp_path), events())
    np.testing.assert_array_equal(matched["observed_count"].values, [[[5, 1], [2, 0]]])
    np.testing.assert_array_equal(matched["inside_area"], np.full((2, 2), 10_000.0))
    assert matched.attrs["share_unlisted"] == 0.0
    assert matched.attrs["seen_future"] == "unknown: the data cut-off is not stated"


def test_cells_of_any_origin_and_size_are_taken_as_they_are(tmp_path):
    rows = [(WEST - 20 + 70 * i, SOUTH - 30 + 70 * j, i + j) for i in range(5) for j in range(5)]
    path = csv(tmp_path / "a.csv", rows)
    matched = match_observed(read_forecast(path, **GRID), events())
    assert matched.attrs["cell_size"] == 70.0
    assert float(matched["observed_count"].sum()) == 8
    assert float(matched["inside_area"].sum()) == pytest.approx(SQUARE.area, rel=1e-12)
    # The five events at (60, 60) m lie in the cell from 15 to 85 m, the one east of it beyond.
    cell = matched.sel(x=WEST + 50, y=SOUTH + 40)
    assert float(cell["observed_count"].item()) == 5


def test_a_grid_in_feet_is_judged_in_feet(tmp_path):
    """EPSG:2913 is in international feet: cells stay square in it, events move to them."""
    point = gpd.GeoSeries([box(7_650_000, 680_000, 7_650_500, 680_250)], crs=2913)
    region = point.to_crs(2838)
    recorded = events(
        counts=(3, 2),
        centres=[(one.x, one.y) for one in gpd.GeoSeries.from_xy(
            [7_650_100, 7_650_400], [680_100, 680_100], crs=2913).to_crs(2838)],
        region=region.union_all(),
        crs=2838,
    )  # fmt: skip
    rows = [(7_650_125, 680_125, 1), (7_650_375, 680_125, 0)]
    path = csv(tmp_path / "a.csv", rows, columns="x,y,flagged")
    read = read_forecast(path, crs=2913, cell_size=250, **PERIOD)
    matched = match_observed(read, recorded)
    np.testing.assert_array_equal(matched["observed_count"].values, [[[3, 2]]])
    np.testing.assert_allclose(matched["inside_area"].values, [[62_500, 62_500]], rtol=1e-6)


def test_cells_that_the_file_lacks_are_refused_or_taken_as_lowest(tmp_path):
    path = csv(tmp_path / "a.csv", cells((4, 3, 2, 1))[:3])
    read = read_forecast(path, **GRID)
    recorded = events(counts=(5, 1, 2, 3))
    with pytest.raises(GridMismatchError, match=r"of 25\.00% .*1 places, which hold 3 events"):
        match_observed(read, recorded)
    matched = match_observed(read, recorded, unlisted="lowest")
    assert matched["score"].values.argmin() == 3
    assert matched.attrs["share_unlisted"] == 0.25


def test_unlisted_cells_of_a_file_of_flags_are_not_flagged(tmp_path):
    path = csv(tmp_path / "a.csv", [(*CENTRES[0], 1)], columns="x,y,flagged")
    matched = match_observed(read_forecast(path, cell_size=100, **GRID), events())
    np.testing.assert_array_equal(matched["flagged"].values, [[[1, 0], [0, 0]]])
    assert float(matched["observed_count"].sum()) == 8


def test_a_rate_becomes_a_count_of_the_part_inside(tmp_path):
    read = submitted(tmp_path, (10, 10, 10, 10), column="rate", rate_per=("km2", "week"))
    half = box(WEST, SOUTH, WEST + 150, SOUTH + 200)
    matched = match_observed(read, events(counts=(1, 0, 1, 0), region=half))
    per_cell = 10 * 0.01 * 31 / 7  # 10 a week and km² on a hectare for 31 days
    np.testing.assert_allclose(
        matched["expected_count"].values, [[[per_cell, per_cell / 2]] * 2], rtol=1e-12
    )


def test_a_rate_per_square_mile_on_a_grid_in_feet_is_a_count(tmp_path):
    rows = [(5280.0 * i, 0.0, 2.0) for i in (1000, 1001)]
    path = csv(tmp_path / "a.csv", rows, columns="x,y,rate")
    read = read_forecast(path, crs=2913, cell_size=5280, rate_per=("mi2", "period"), **PERIOD)
    observed = read["rate"].copy(data=[[[1.0, 0.0]]])
    matched = match_observed(read, observed)
    np.testing.assert_allclose(matched["expected_count"].values, [[[2, 2]]], rtol=1e-12)


def test_areas_are_counted_and_cut_to_the_region(tmp_path):
    outlines = [
        Polygon([(WEST, SOUTH), (WEST + 200, SOUTH), (WEST, SOUTH + 200)]),
        Polygon([(WEST + 200, SOUTH), (WEST + 400, SOUTH + 200), (WEST, SOUTH + 200)]),
    ]
    table = gpd.GeoDataFrame({"expected_count": [3.0, 4.0]}, geometry=outlines, crs=27700)
    table.assign(area=["lower", "upper"]).to_parquet(tmp_path / "a.parquet")
    read = read_forecast(tmp_path / "a.parquet", **PERIOD)
    matched = match_observed(read, events())
    # Of the events 10 m off the centres, those at (60, 60) lie below the diagonal; those at
    # (160, 60) and (60, 160) above it.
    assert matched["area"].values.tolist() == ["lower", "upper"]
    np.testing.assert_array_equal(matched["observed_count"].values, [[[5, 3]]])
    np.testing.assert_allclose(matched["inside_area"].values, [[20_000, 20_000]], rtol=1e-12)
    # Half of the second triangle lies east of the region.
    np.testing.assert_array_equal(matched["expected_count"].values, [[[3, 4]]])
    shared = match_observed(read, events(), at_border="share")
    np.testing.assert_allclose(shared["expected_count"].values, [[[3, 2]]], rtol=1e-12)
    with pytest.raises(ParameterError, match="ranks have nothing to cut"):
        match_observed(submitted(tmp_path), events(), at_border="share")


def test_land_in_no_area_is_one_more_place(tmp_path):
    table = squares((1, 0, 0, 0), name="flagged")
    table = table.iloc[:2].assign(name=["a", "b"])
    table.loc[1, "geometry"] = box(WEST + 100, SOUTH, WEST + 200, SOUTH + 50)
    table.to_parquet(tmp_path / "a.parquet")
    matched = match_observed(read_forecast(tmp_path / "a.parquet", **PERIOD), events())
    np.testing.assert_array_equal(matched["observed_count"].values, [[[5, 0, 3]]])
    np.testing.assert_array_equal(matched["flagged"].values, [[[1, 0, 0]]])
    np.testing.assert_allclose(matched["inside_area"].values, [[10_000, 5_000, 25_000]])
    assert matched["area"].values.tolist() == ["a", "b", "(not in the file)"]


def test_an_event_on_a_shared_border_counts_once_in_the_first_area(tmp_path):
    middle = WEST + 100
    halves = [box(WEST, SOUTH, middle, SOUTH + 200), box(middle, SOUTH, WEST + 200, SOUTH + 200)]
    table = gpd.GeoDataFrame({"flagged": [0, 1]}, geometry=halves, crs=27700)
    for names in (["a", "b"], ["b", "a"]):
        table.assign(name=names).to_parquet(tmp_path / "a.parquet")
        on_it = events(counts=(1,), centres=[(middle - 10, SOUTH + 60)])
        read = read_forecast(tmp_path / "a.parquet", **PERIOD)
        matched = match_observed(read, on_it)
        assert matched["area"].values.tolist() == ["a", "b"]
        np.testing.assert_array_equal(matched["observed_count"].values, [[[1, 0]]])


def test_areas_that_overlap_are_refused(tmp_path):
    table = squares((1, 0, 0, 0), name="flagged", half=70).assign(name=list("abcd"))
    table.loc[0, "geometry"] = table.geometry[0].buffer(5)
    table.to_parquet(tmp_path / "a.parquet")
    read = read_forecast(tmp_path / "a.parquet", **PERIOD)
    with pytest.raises(RegionError, match="overlap by"):
        match_observed(read, events())


@pytest.mark.parametrize("crs", [4326, 3857])
def test_outlines_in_another_system_find_the_same_events(tmp_path, crs):
    squares((4, 3, 2, 1), crs=crs).to_parquet(tmp_path / "a.parquet")
    matched = match_observed(read_forecast(tmp_path / "a.parquet", **PERIOD), events())
    assert matched.attrs["places"] == "areas"
    scores, counts = (matched[name].values.ravel() for name in ("score", "observed_count"))
    assert dict(zip(scores, counts, strict=True)) == {4: 5, 3: 1, 2: 2, 1: 0}


def test_a_forecast_elsewhere_is_refused(tmp_path):
    rows = [(y, x, value) for x, y, value in cells((4, 3, 2, 1))]  # swapped
    path = csv(tmp_path / "a.csv", rows)
    with pytest.raises((RegionError, GridError), match=r"x and y in their order|more than"):
        match_observed(read_forecast(path, **GRID), events())
    triangle = Polygon([(WEST + 900, SOUTH), (WEST + 950, SOUTH), (WEST + 900, SOUTH + 50)])
    table = gpd.GeoDataFrame({"score": [1.0]}, geometry=[triangle], crs=27700)
    table.to_parquet(tmp_path / "b.parquet")
    with pytest.raises(RegionError, match="No area of the forecast lies in the region"):
        match_observed(read_forecast(tmp_path / "b.parquet", **PERIOD), events())


def test_a_window_that_was_not_recorded_is_refused(tmp_path):
    read = submitted(tmp_path, end="2024-03-01")
    with pytest.raises(CoverageError, match="lies outside the recorded window"):
        match_observed(read, events())


def test_a_week_of_monthly_events_is_refused(tmp_path):
    read = submitted(tmp_path, end="2024-01-08")
    with pytest.raises(ResolutionError, match="recorded by the month"):
        match_observed(read, events(resolution="month"))


def test_a_forecast_that_saw_its_period_is_refused_or_labelled(tmp_path):
    read = submitted(tmp_path, data_cutoff="2024-01-02")
    with pytest.raises(LeakError, match="may have seen what it forecasts"):
        match_observed(read, events())
    assert match_observed(read, events(), overlap="label").attrs["seen_future"].startswith("yes")
    on_time = submitted(tmp_path, data_cutoff="2024-01-01")
    assert match_observed(on_time, events()).attrs["seen_future"] == "no"


def test_nothing_flagged_inside_and_no_submission_are_refused(tmp_path):
    with pytest.raises(ForecastError, match="No flagged place lies inside"):
        match_observed(submitted(tmp_path, (0, 0, 0, 0), column="flagged", cell_size=100), events())
    with pytest.raises(ForecastError, match="attribute 'submission_kind'"):
        match_observed(submitted(tmp_path).drop_attrs(), events())


def test_counts_on_other_cells_are_refused(tmp_path):
    read = submitted(tmp_path)
    counts = match_observed(read, events())["observed_count"]
    again = match_observed(read, counts.reset_coords(drop=True))
    np.testing.assert_array_equal(again["observed_count"], counts)
    with pytest.raises(GridMismatchError, match="differ along 'x'"):
        match_observed(read, counts.assign_coords(x=counts["x"] + 1))
