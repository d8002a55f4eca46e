"""Sums over areas: totals are conserved, cells are split by area, land outside is named."""

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box
from shapely.affinity import translate

from hotspot.data.places import load_boroughs, load_lsoas
from hotspot.errors import (
    DataQualityWarning,
    GridMismatchError,
    ParameterError,
    RegionError,
    UnknownNameError,
)
from hotspot.grid.areas import area_weights, sum_over_areas
from hotspot.grid.cells import Grid

BOROUGHS = ["Camden", "City of London", "Hackney", "Islington"]


def areas_of(*polygons, names=None):
    names = names or [f"area {k}" for k in range(len(polygons))]
    return gpd.GeoDataFrame({"name": names}, geometry=list(polygons), crs=27700)


def on_grid(grid, values=None, **leading):
    values = np.where(grid.inside, 1.0 if values is None else values, np.nan)
    return xr.DataArray(values, {**leading, "y": grid.y, "x": grid.x}, [*leading, "y", "x"])


def random_counts(grid, rng, size=()):
    return on_grid(grid, rng.poisson(3.0, (*size, *grid.shape)).astype(float))


def test_a_straddling_cell_is_split_by_the_land_in_each_area():
    """Cells hold 4, 2, 1; the border halves the middle one: 4 + 1 and 1 + 1."""
    halves = areas_of(box(0, 0, 150, 100), box(150, 0, 300, 100))
    grid = Grid.over(halves, cell_size=100)
    sums = sum_over_areas(on_grid(grid, [[4.0, 2.0, 1.0]]), grid, halves, by="name")
    assert sums.values.tolist() == [5.0, 2.0]


def test_only_land_inside_the_region_counts_in_the_split():
    """Of the middle cell the region holds 100-160 m; the border at 130 halves that, not 100-200."""
    parts = areas_of(box(0, 0, 130, 100), box(130, 0, 160, 100))
    grid = Grid.over(parts, cell_size=100)
    weights, _ = area_weights(grid, parts, by="name")
    np.testing.assert_allclose(weights.toarray(), [[1.0, 0.5], [0.0, 0.5]], rtol=1e-12)


@pytest.mark.parametrize("cell_size", [100, 250, 700])
def test_totals_are_conserved_where_boroughs_tile_the_region(cell_size):
    boroughs = load_boroughs(BOROUGHS)
    grid = Grid.over(boroughs, cell_size=cell_size)
    cells = random_counts(grid, np.random.default_rng(5))
    sums = sum_over_areas(cells, grid, boroughs, by="name")
    assert float(sums.sum()) == pytest.approx(float(cells.sum()), rel=1e-9)
    assert sums.attrs["share_outside"] == pytest.approx(0.0, abs=1e-9)


def test_the_inside_area_of_cells_sums_to_the_area_of_each_borough():
    boroughs = load_boroughs(BOROUGHS)
    grid = Grid.over(boroughs, cell_size=250)
    sums = sum_over_areas(on_grid(grid, grid.inside_area), grid, boroughs, by="gss_code")
    np.testing.assert_allclose(sums.values, boroughs.area, rtol=1e-9)


def test_totals_are_conserved_over_lsoas_that_do_not_tile_the_boroughs():
    """Their outlines leave slivers, which go to the areas that touch the cell."""
    boroughs, lsoas = load_boroughs(BOROUGHS), load_lsoas(BOROUGHS)
    grid = Grid.over(boroughs, cell_size=250)
    assert lsoas.union_all().symmetric_difference(boroughs.union_all()).area > 1e5
    cells = random_counts(grid, np.random.default_rng(6))
    weights, _ = area_weights(grid, lsoas, by="code")
    covered = np.asarray(weights.sum(axis=0)).reshape(grid.shape) > 0
    sums = sum_over_areas(cells, grid, lsoas, by="code")
    assert float(sums.sum()) == pytest.approx(float(cells.where(covered).sum()), rel=1e-9)
    assert sums.attrs["share_outside"] < 1e-3


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 9999), min_size=1, max_size=5, unique=True),
    cell_size=st.sampled_from([70.0, 100.0, 333.0]),
    seed=st.integers(0, 1000),
)
def test_totals_are_conserved_however_a_region_is_cut(cuts, cell_size, seed):
    edges = np.array([0, *sorted(cuts), 10_000]) / 10
    strips = areas_of(*(box(a, 0, b, 500) for a, b in pairwise(edges)))
    grid = Grid.over(box(0, 0, 1000, 500), cell_size=cell_size)
    cells = random_counts(grid, np.random.default_rng(seed))
    sums = sum_over_areas(cells, grid, strips, by="name")
    assert float(sums.sum()) == pytest.approx(float(cells.sum()), rel=1e-9, abs=1e-9)


def test_leading_dims_and_their_labels_are_kept():
    halves = areas_of(box(0, 0, 150, 100), box(150, 0, 300, 100))
    grid = Grid.over(halves, cell_size=100)
    rng = np.random.default_rng(7)
    values = rng.poisson(2.0, (3, 2, *grid.shape)).astype(float)
    cells = xr.DataArray(
        values,
        {"member": [0, 1, 2], "time": [10, 20], "y": grid.y, "x": grid.x},
        ["member", "time", "y", "x"],
    )
    sums = sum_over_areas(cells, grid, halves, by="name")
    assert sums.dims == ("member", "time", "area")
    assert sums["time"].values.tolist() == [10, 20]
    west = values[..., 0, 0] + values[..., 0, 1] / 2
    np.testing.assert_allclose(sums.sel(area="area 0").values, west)


def test_one_borough_of_a_wider_region_gets_only_its_own_land():
    """A wide gap is land of nobody given, so Camden's border cells are not handed to it whole."""
    boroughs = load_boroughs(BOROUGHS)
    grid = Grid.over(boroughs, cell_size=250)
    camden = boroughs[boroughs["name"] == "Camden"]
    cells = on_grid(grid, grid.inside_area)
    with pytest.warns(DataQualityWarning, match=r"\d\d\.\d% of the region lies in none"):
        sums = sum_over_areas(cells, grid, camden, by="name")
    assert sums.item() == pytest.approx(camden.area.item(), rel=2e-3)
    share = 1 - camden.area.item() / boroughs.area.sum()
    assert sums.attrs["share_outside"] == pytest.approx(share, rel=1e-3)


def test_a_sliver_gap_is_shared_by_the_areas_that_touch_the_cell():
    """A gap of 10 m in 1 km cuts the fifth cell: 40 and 50 m of it become 4/9 and 5/9."""
    parts = areas_of(box(0, 0, 440, 100), box(450, 0, 1000, 100))
    grid = Grid.over(box(0, 0, 1000, 100), cell_size=100)
    weights, _ = area_weights(grid, parts, by="name")
    np.testing.assert_allclose(weights.toarray()[:, 4], [4 / 9, 5 / 9], rtol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, rtol=1e-12)


def test_narrow_gaps_that_make_up_much_of_the_region_are_left_to_nobody():
    """The gap is half a cell wide, but a quarter of the region: no disagreement of outlines."""
    grid = Grid.over(box(0, 0, 200, 100), cell_size=100)
    weights, _ = area_weights(grid, areas_of(box(0, 0, 150, 100)), by="name")
    np.testing.assert_allclose(weights.toarray(), [[1.0, 0.5]], rtol=1e-12)


def test_a_gap_of_one_cell_is_left_to_nobody():
    part = areas_of(box(0, 0, 150, 300))
    grid = Grid.over(box(0, 0, 300, 300), cell_size=100)
    weights, _ = area_weights(grid, part, by="name")
    expected = np.tile([1.0, 0.5, 0.0], 3)
    np.testing.assert_allclose(weights.toarray().ravel(), expected, atol=1e-12)


def test_a_sliver_overlap_is_shared_too():
    parts = areas_of(box(0, 0, 50.1, 100), box(50, 0, 100, 100))
    grid = Grid.over(box(0, 0, 100, 100), cell_size=100)
    weights, _ = area_weights(grid, parts, by="name")
    assert weights.sum() == pytest.approx(1.0, rel=1e-12)


def test_nan_outside_the_region_is_ignored_and_nan_inside_is_not():
    halves = areas_of(box(0, 0, 100, 90), box(100, 0, 300, 90).difference(box(210, 0, 300, 90)))
    grid = Grid.over(halves, cell_size=50)
    cells = on_grid(grid)
    assert np.isfinite(sum_over_areas(cells, grid, halves, by="name")).all()
    cells[0, 0] = np.nan
    sums = sum_over_areas(cells, grid, halves, by="name")
    assert np.isnan(sums[0])
    assert np.isfinite(sums[1])


def test_overlapping_areas_are_refused_and_named():
    both = areas_of(box(0, 0, 200, 100), box(100, 0, 300, 100), names=["a", "b"])
    grid = Grid.over(box(0, 0, 300, 100), cell_size=100)
    with pytest.raises(RegionError, match=r"'a' and 'b' overlap by 10,000 m², 50% of the smaller"):
        area_weights(grid, both, by="name")


def test_areas_in_another_crs_are_refused():
    grid = Grid.over(load_boroughs("Camden"), cell_size=500)
    with pytest.raises(RegionError, match=r"WGS 84.*areas\.to_crs"):
        area_weights(grid, load_boroughs("Camden").to_crs(4326), by="name")


def test_areas_without_a_crs_are_refused():
    grid = Grid.over(box(0, 0, 100, 100), cell_size=50)
    bare = areas_of(box(0, 0, 100, 100)).set_crs(None, allow_override=True)
    with pytest.raises(RegionError, match="no CRS"):
        area_weights(grid, bare, by="name")


def test_an_invalid_area_is_refused_and_named():
    bow_tie = Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    grid = Grid.over(box(0, 0, 100, 100), cell_size=50)
    with pytest.raises(RegionError, match=r"'area 0' is invalid \(Self-intersection"):
        area_weights(grid, areas_of(bow_tie), by="name")


def test_an_empty_area_is_refused_and_named():
    grid = Grid.over(box(0, 0, 100, 100), cell_size=50)
    with pytest.raises(RegionError, match="'area 1' is empty"):
        area_weights(grid, areas_of(box(0, 0, 9, 9), box(0, 0, 9, 9).buffer(-20)), by="name")


def test_a_table_without_areas_is_refused():
    grid = Grid.over(box(0, 0, 100, 100), cell_size=50)
    with pytest.raises(RegionError, match="no areas"):
        area_weights(grid, areas_of(box(0, 0, 9, 9)).iloc[:0], by="name")


def test_an_unknown_column_is_answered_with_the_columns_there_are():
    grid = Grid.over(box(0, 0, 100, 100), cell_size=50)
    with pytest.raises(UnknownNameError, match=r"no column 'ward'; they have \['name'\]"):
        area_weights(grid, areas_of(box(0, 0, 9, 9)), by="ward")


def test_two_areas_of_one_name_are_refused():
    grid = Grid.over(box(0, 0, 100, 100), cell_size=50)
    twins = areas_of(box(0, 0, 9, 9), box(20, 0, 29, 9), names=["a", "a"])
    with pytest.raises(ParameterError, match=r"dissolve\('name'\)"):
        area_weights(grid, twins, by="name")


def test_cells_of_another_grid_are_refused():
    region = box(0, 0, 300, 100)
    grid = Grid.over(region, cell_size=100)
    shifted = Grid.over(translate(region, 100), cell_size=100)
    with pytest.raises(GridMismatchError, match="differ along 'x': 3 against 3 cells, shifted"):
        sum_over_areas(on_grid(shifted), grid, areas_of(region), by="name")


def test_cells_with_other_dims_are_refused():
    grid = Grid.over(box(0, 0, 300, 100), cell_size=100)
    turned = on_grid(grid).transpose("x", "y")
    with pytest.raises(GridMismatchError, match=r"last dims must be \('y', 'x'\)"):
        sum_over_areas(turned, grid, areas_of(box(0, 0, 300, 100)), by="name")
