"""Kernel mass inside a polygon, and both corrections, against closed forms and R."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

from hotspot.errors import ParameterError
from hotspot.grid.cells import Grid
from hotspot.models.smoothing.edge import (
    corrected_density_at_points,
    corrected_density_on_grid,
    kernel_mass_at,
    kernel_mass_on_grid,
    kernel_mass_read,
)
from tests.reference import bandwidth as reference

R = json.loads((Path(__file__).parents[1] / "reference/r/spatstat_kde.json").read_text())
WITH_HOLE = Polygon(
    [(0, 0), (1000, 100), (700, 900), (500, 300), (100, 800)],
    [[(300, 200), (500, 150), (400, 260)]],
)


def test_mass_in_a_rectangle_is_a_product_of_normal_integrals():
    points = np.random.default_rng(1).uniform(-200, 1200, (60, 2))
    points[:4] = [[0, 0], [0, 400], [1000, 800], [500, 800]]  # corners and sides themselves
    ours = kernel_mass_at(points, box(0, 0, 1000, 800), bandwidth=130.0)
    plain = reference.kernel_mass(points, 130.0, [1000, 800])
    np.testing.assert_allclose(ours, plain, atol=1e-8)


def test_mass_in_a_polygon_with_a_hole_matches_quadrature():
    points = np.random.default_rng(2).uniform(-100, 1100, (12, 2))
    step = 2.0
    x, y = np.meshgrid(np.arange(step / 2, 1000, step), np.arange(step / 2, 1000, step))
    inside = shapely.contains_xy(WITH_HOLE, x, y)
    nodes = np.column_stack([x[inside], y[inside]])
    squared = ((points[:, None] - nodes[None]) ** 2).sum(axis=-1)
    plain = np.exp(-squared / (2 * 150.0**2)).sum(axis=1) * step**2 / (2 * np.pi * 150.0**2)
    ours = kernel_mass_at(points, WITH_HOLE, bandwidth=150.0)
    np.testing.assert_allclose(ours, plain, atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(bandwidth=st.floats(5.0, 400.0), cut=st.floats(100.0, 900.0))
def test_masses_in_the_parts_of_a_region_add_up(bandwidth, cut):
    points = np.random.default_rng(3).uniform(0, 1000, (5, 2))
    west, east = box(0, 0, cut, 700), box(cut, 0, 1000, 700)
    parts = [kernel_mass_at(points, part, bandwidth=bandwidth) for part in (west, east)]
    whole = kernel_mass_at(points, box(0, 0, 1000, 700), bandwidth=bandwidth)
    np.testing.assert_allclose(sum(parts), whole, atol=1e-8)


@pytest.mark.parametrize("bandwidth", [20.0, 130.0, 900.0])
def test_mass_at_cell_centres_matches_the_closed_form(bandwidth):
    grid = Grid.over(box(0, 0, 1000, 800), cell_size=50)
    centres = np.stack(np.meshgrid(grid.x, grid.y), axis=-1).reshape(-1, 2)
    ours = kernel_mass_on_grid(grid, bandwidth=bandwidth, mean_over_cell=False)
    plain = reference.kernel_mass(centres, bandwidth, [1000, 800])
    np.testing.assert_allclose(ours.ravel(), plain, atol=2e-8)


@pytest.mark.parametrize("bandwidth", [20.0, 130.0, 60_000.0])
def test_mean_mass_over_a_cell_matches_quadrature(bandwidth):
    grid = Grid.over(box(0, 0, 500, 300), cell_size=50)
    ours = kernel_mass_on_grid(grid, bandwidth=bandwidth)
    part = (np.arange(40) + 0.5) / 40 * 50
    x, y = np.meshgrid(part, 100 + part)  # the cell in the third row, at the west border
    nodes = np.column_stack([x.ravel(), y.ravel()])
    plain = reference.kernel_mass(nodes, bandwidth, [500, 300]).mean()
    assert ours[2, 0] == pytest.approx(plain, rel=2e-4)


def test_mass_read_off_the_grid_is_near_the_exact_one():
    grid = Grid.over(WITH_HOLE, cell_size=20)
    points = np.random.default_rng(4).uniform(100, 700, (40, 2))
    read = kernel_mass_read(points, grid, bandwidth=150.0)
    exact = kernel_mass_at(points, WITH_HOLE, bandwidth=150.0)
    assert np.abs(read - exact).max() < 0.1 * (20 / 150) ** 2


def test_diggles_correction_keeps_the_total():
    grid = Grid.over(WITH_HOLE, cell_size=10)
    points = np.array([[20.0, 30.0], [600.0, 400.0], [350.0, 190.0]])
    density = corrected_density_on_grid(points, grid, bandwidth=120, edge_correction="diggle")
    assert np.nansum(density * grid.inside_area) == pytest.approx(3.0, rel=2e-3)


def test_cells_outside_the_region_are_nan():
    grid = Grid.over(WITH_HOLE, cell_size=100)
    density = corrected_density_on_grid(np.array([[500.0, 200.0]]), grid, bandwidth=100)
    assert np.isnan(density[~grid.inside]).all()
    assert np.isfinite(density[grid.inside]).all()


@pytest.mark.parametrize("pattern", ["redwood", "japanesepines"])
@pytest.mark.parametrize("correction", ["uniform", "diggle", "none"])
def test_leave_one_out_density_agrees_with_spatstat(unit_square_points, pattern, correction):
    ours = corrected_density_at_points(
        unit_square_points(pattern), box(0, 0, 1, 1), bandwidth=0.1, edge_correction=correction
    )
    np.testing.assert_allclose(ours, R[pattern]["at_points"][correction], rtol=1e-9)


@pytest.mark.parametrize("pattern", ["redwood", "japanesepines"])
@pytest.mark.parametrize("correction", ["uniform", "diggle", "none"])
def test_integral_of_the_density_agrees_with_spatstat(unit_square_points, pattern, correction):
    """spatstat moves points to the nearest pixel: by 1/2048 of the square here, and 1/256 by
    default, which alone changes its integral by up to 1.5e-3."""
    points = unit_square_points(pattern)
    grid = Grid.over(box(0, 0, 1, 1), cell_size=1 / 100)
    density = corrected_density_on_grid(
        points, grid, bandwidth=0.1, edge_correction=correction, method="exact"
    )
    integral = (density * grid.inside_area).sum()
    assert integral == pytest.approx(R[pattern]["integral_1024"][correction], rel=3e-4)
    if correction == "none":  # then it is the points' own kernel mass, in closed form
        mass = reference.kernel_mass(points, 0.1, [1, 1]).sum()
        assert integral == pytest.approx(mass, rel=1e-4)
    if correction == "diggle":
        assert integral == pytest.approx(len(points), rel=3e-4)


@pytest.mark.parametrize("correction", ["uniform", "diggle", "none"])
def test_density_in_a_notched_polygon_agrees_with_spatstat(correction):
    """Every 32nd of 512 pixels; both discretise, so to a few thousandths of the peak."""
    window = R["polygon"]
    region = Polygon(np.column_stack([window["x"], window["y"]]))
    theirs = window[correction]
    x, y = np.array(theirs["x"]), np.array(theirs["y"])
    z = np.array([[np.nan if v in (None, "NA") else v for v in row] for row in theirs["z"]], float)
    targets = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    points = np.array(window["points"])
    ours = density_anywhere(points, targets, region, 0.1, correction)
    both = np.isfinite(z.ravel())
    assert both.sum() > 50
    assert np.abs(ours[both] - z.ravel()[both]).max() < 5e-3 * np.nanmax(z)


def density_anywhere(points, targets, region, bandwidth, correction):
    from hotspot.models.smoothing.density import density_at_points

    weights = np.ones(len(points))
    if correction == "diggle":
        weights = 1 / kernel_mass_at(points, region, bandwidth=bandwidth)
    density = density_at_points(points, targets, bandwidth=bandwidth, weights=weights)
    if correction == "uniform":
        density = density / kernel_mass_at(targets, region, bandwidth=bandwidth)
    return density


def test_an_unknown_correction_is_refused():
    grid = Grid.over(WITH_HOLE, cell_size=100)
    with pytest.raises(ParameterError, match="edge_correction must be one of"):
        corrected_density_on_grid(np.zeros((1, 2)), grid, bandwidth=10, edge_correction="ripley")
