"""The grid: aligned, half-open, and each cell's inside area is right."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, Polygon, box

from hotspot.data.places import load_boroughs
from hotspot.errors import GridError, RegionError
from hotspot.grid.cells import Grid

TRIANGLE = Polygon([(0, 0), (100, 0), (0, 100)])


def test_edges_lie_on_whole_multiples_of_the_cell_size():
    grid = Grid.over(box(130, 260, 870, 540), cell_size=250)
    assert grid.bounds == (0.0, 250.0, 1000.0, 750.0)
    assert grid.x.tolist() == [125.0, 375.0, 625.0, 875.0]
    assert grid.y.tolist() == [375.0, 625.0]


def test_a_region_west_and_south_of_the_origin_is_aligned_too():
    assert Grid.over(box(-130, -10, 10, 10), cell_size=100).bounds == (-200, -100, 100, 100)


def test_grids_of_neighbouring_regions_share_their_cells():
    west = Grid.over(load_boroughs("Camden"), cell_size=250)
    both = Grid.over(load_boroughs(["Camden", "Hackney"]), cell_size=250)
    assert set(west.x) <= set(both.x)
    assert set(west.y) <= set(both.y)


def test_inside_area_of_a_triangle_by_hand():
    """Halves of 50 m cells: the corner cell is whole, two are cut in half, one is only touched."""
    grid = Grid.over(TRIANGLE, cell_size=50)
    np.testing.assert_allclose(grid.inside_area, [[2500, 1250], [1250, 0]], atol=1e-9)
    assert grid.inside.tolist() == [[True, True], [True, False]]


def test_a_hole_is_not_inside():
    ring = box(0, 0, 300, 300).difference(box(100, 100, 200, 200))
    grid = Grid.over(ring, cell_size=100)
    assert grid.inside_area[1, 1] == 0
    assert grid.inside_area.sum() == pytest.approx(80_000)


def test_a_small_part_inside_a_single_cell_is_counted():
    specks = MultiPolygon([box(10, 10, 20, 20), box(910, 10, 920, 20)])
    grid = Grid.over(specks, cell_size=100)
    assert grid.inside_area[0, 0] == pytest.approx(100)
    assert grid.inside_area[0, 9] == pytest.approx(100)
    assert grid.inside.sum() == 2


@pytest.mark.parametrize("cell_size", [100, 250, 333.3, 1000])
def test_inside_area_sums_to_the_area_of_the_boroughs(cell_size):
    boroughs = load_boroughs(["Camden", "Hackney", "City of London"])
    grid = Grid.over(boroughs, cell_size=cell_size)
    assert grid.inside_area.sum() == pytest.approx(boroughs.union_all().area, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    corners=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=3, max_size=8),
    cell_size=st.sampled_from([7.5, 40.0, 61.0]),
)
def test_inside_area_sums_to_the_area_of_any_convex_region(corners, cell_size):
    region = shapely.convex_hull(shapely.MultiPoint(corners))
    if region.geom_type != "Polygon" or max(np.ptp(corners, axis=0)) < cell_size:
        return
    grid = Grid.over(region, cell_size=cell_size)
    assert grid.inside_area.sum() == pytest.approx(region.area, rel=1e-9)


@pytest.mark.parametrize(
    ("x", "y", "cell"),
    [
        (0, 0, 0),  # the south-west corner is in
        (250, 0, 1),  # on an edge: the cell east of it
        (0, 250, 4),  # on an edge: the cell north of it
        (249.999999, 249.999999, 0),
        (999.999999, 499.999999, 7),
        (1000, 100, -1),  # the east edge of the grid is out
        (100, 500, -1),  # the north edge of the grid is out
        (-0.000001, 100, -1),
    ],
)
def test_cells_are_half_open_to_the_east_and_north(x, y, cell):
    grid = Grid.over(box(0, 0, 1000, 500), cell_size=250)
    assert grid.cell_of(np.array([x]), np.array([y])).tolist() == [cell]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1e300])
def test_a_point_without_a_finite_place_is_in_no_cell(bad):
    grid = Grid.over(box(0, 0, 1000, 500), cell_size=250)
    good = np.array([100.0, 100.0])
    assert grid.cell_of(np.array([bad, 100]), good).tolist() == [-1, 0]
    assert grid.cell_of(good, np.array([bad, 100])).tolist() == [-1, 0]


@given(
    west=st.sampled_from([0.0, 100.0, 530_000.0]),
    cell_size=st.sampled_from([0.1, 0.3, 7.7, 33.3, 100.0, 250.0]),
)
def test_a_point_on_an_edge_is_east_of_it_and_the_next_one_west_is_west(west, cell_size):
    """Dividing by the cell size would misplace many: fl(fl(k s) / s) is not always k or more."""
    grid = Grid.over(box(west, 0, west + 40 * cell_size, cell_size), cell_size=cell_size)
    columns = np.arange(1, grid.x.size)
    on_edge = grid.bounds[0] + columns * cell_size
    middle = np.full(columns.size, cell_size / 2)
    assert grid.cell_of(on_edge, middle).tolist() == columns.tolist()
    just_west = np.nextafter(on_edge, -np.inf)
    assert grid.cell_of(just_west, middle).tolist() == (columns - 1).tolist()


def test_every_point_inside_a_region_is_in_an_inside_cell():
    grid = Grid.over(TRIANGLE, cell_size=13)
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 100, (2, 2000))
    inside = shapely.contains_xy(TRIANGLE, x, y)
    assert grid.inside.ravel()[grid.cell_of(x[inside], y[inside])].all()


def test_cells_are_the_squares_of_the_inside_cells():
    grid = Grid.over(TRIANGLE, cell_size=50)
    cells = grid.cells()
    assert cells.index.tolist() == [0, 1, 2]
    assert cells.loc[1].bounds == (50, 0, 100, 50)
    assert cells.crs.to_epsg() == 27700


@pytest.mark.parametrize("bad", [0, -250, np.nan, np.inf, "wide", None])
def test_a_cell_size_that_is_no_positive_number_is_refused(bad):
    with pytest.raises(GridError, match="must be a positive number of metres"):
        Grid.over(TRIANGLE, cell_size=bad)


def test_a_cell_larger_than_the_region_is_refused():
    with pytest.raises(GridError, match="larger than the region, which is 100 m by 100 m"):
        Grid.over(TRIANGLE, cell_size=101)


@pytest.mark.parametrize("cell_size", [1, 1e-9, 1e-310])
def test_too_many_cells_are_refused_with_a_size_that_fits(cell_size):
    """10 km by 10 km over 10,000,000 cells is 10 m² a cell, 3.2 m a side."""
    with pytest.raises(GridError, match=r"limit of 10,000,000 cells.* about 3\.2 m"):
        Grid.over(box(0, 0, 10_000, 10_000), cell_size=cell_size)


def test_a_long_thin_region_of_too_many_cells_is_refused():
    with pytest.raises(GridError, match="limit of 10,000,000 cells"):
        Grid.over(box(0, 0, 2e9, 0.1), cell_size=10)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (Polygon(), "is empty"),
        (gpd.GeoSeries([None], crs=27700), "is empty"),
        (gpd.GeoSeries([], crs=27700), "is empty"),
        (Polygon([(0, 0), (100, 100), (100, 0), (0, 100)]), r"invalid \(Self-intersection"),
        (Point(0, 0), "must be a polygon with an area, got a Point"),
        (LineString([(0, 0), (9, 9)]), "must be a polygon with an area, got a LineString"),
        (box(0, 0, np.inf, 1), r"invalid \(Invalid Coordinate"),
        ("Camden", "got a str"),
        (gpd.GeoSeries([box(0, 0, 9, 9)]), "has no CRS"),
        (gpd.GeoSeries([box(0, 51, 1, 52)], crs=4326), r"WGS 84, which is not in metres"),
        (gpd.GeoSeries([box(0, 0, 9, 9)], crs=2913), r"not in metres"),
    ],
)
def test_a_region_that_cannot_be_covered_is_refused(region, message):
    with pytest.raises(RegionError, match=message):
        Grid.over(region, cell_size=1)
