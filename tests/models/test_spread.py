"""Where on a grid offspring fall, for any displacement."""

import numpy as np
import pytest
import shapely

from hotspot import Grid
from hotspot.models.parts.displacement import (
    ExponentialDisplacement,
    GaussianDisplacement,
    PiecewiseConstantDisplacement,
    PowerLawDisplacement,
    StudentDisplacement,
)
from hotspot.models.self_exciting.families import characteristic, staying_chance
from hotspot.models.self_exciting.spread import Blur, Scatter, cell_stencil
from hotspot.models.smoothing.edge import mean_mass_between
from tests.reference.self_exciting_futures import mean_cell_to_cell

CELL = 250.0
GRID = Grid.over(shapely.box(0, 0, 5000, 4000), cell_size=CELL)
OTHERS = [
    ExponentialDisplacement(scale=100.0),
    PowerLawDisplacement(scale=150.0, exponent=3.2),
    StudentDisplacement(scale=200.0, exponent=1.6),
    PiecewiseConstantDisplacement((0, 150, 300, 900), (0.5, 0.2, 0.3)),
]


def named(part):
    return type(part).__name__


@pytest.mark.parametrize("sd", [5.0, 60.0, 250.0, 2000.0])
def test_the_stencil_of_a_gaussian_is_the_closed_form(sd):
    stencil = cell_stencil(GaussianDisplacement(sd), GRID)
    ry, rx = (n // 2 for n in stencil.shape)
    exact = np.multiply.outer(
        *(mean_mass_between(np.arange(-r, r + 1), CELL / sd) for r in (ry, rx))
    )
    np.testing.assert_allclose(stencil, exact, atol=3e-6)


@pytest.mark.parametrize("displacement", OTHERS, ids=named)
@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 1), (1, 1), (2, 1), (0, -3), (14, 12)])
def test_the_stencil_is_the_mean_polygon_mass_between_cells(displacement, row, column):
    stencil = cell_stencil(displacement, GRID)
    ry, rx = (n // 2 for n in stencil.shape)
    exact = mean_cell_to_cell(displacement, cell=CELL, row=row, column=column)
    if abs(row) > ry or abs(column) > rx:
        assert exact < 1e-9
    else:
        # The plain rule of 24 x 24 places errs by some 1e-4 at the jumps of a histogram.
        assert stencil[ry + row, rx + column] == pytest.approx(exact, abs=1e-4, rel=1e-3)


@pytest.mark.parametrize("displacement", [GaussianDisplacement(150.0), *OTHERS], ids=named)
def test_no_more_falls_on_the_grid_than_was_triggered_and_far_from_the_border_nearly_all(
    displacement,
):
    count = np.zeros(GRID.shape)
    count[8, 10] = 1.0
    fell = Blur(GRID, displacement)(count)
    within = displacement.integral(np.array([1800.0]))[0]
    assert within - 1e-6 <= fell.sum() <= 1 + 1e-9
    corner = np.zeros(GRID.shape)
    corner[0, 0] = 1.0
    assert Blur(GRID, displacement)(corner).sum() < 0.9 * fell.sum()


def test_what_falls_in_a_cell_cut_by_the_border_is_its_share_inside():
    half = Grid.over(shapely.box(0, 0, 5000, 3875), cell_size=CELL)
    count = np.zeros(GRID.shape)
    count[14, 10] = 1.0
    displacement = OTHERS[0]
    whole, cut = Blur(GRID, displacement)(count), Blur(half, displacement)(count)
    np.testing.assert_allclose(cut[:15], whole[:15], atol=1e-12)
    np.testing.assert_allclose(cut[15], 0.5 * whole[15], atol=1e-12)


@pytest.mark.parametrize("displacement", OTHERS, ids=named)
def test_offspring_of_places_fall_by_their_polygon_mass(displacement):
    """Three events alone show the error of a place kept to a part of a cell: 1 % of the peak."""
    points = np.array([[2030.0, 1890.0], [2510.0, 2240.0], [3120.0, 1501.0]])
    weight = np.array([1.0, 0.5, 2.0])
    x, y = (axis.ravel() for axis in np.meshgrid(GRID.x, GRID.y))
    cell = shapely.box(-CELL / 2, -CELL / 2, CELL / 2, CELL / 2)
    exact = sum(
        w * displacement.mass_inside(p - np.column_stack([x, y]), cell)
        for p, w in zip(points, weight, strict=True)
    )
    laid = Scatter(GRID, displacement, points)(weight)
    assert np.abs(laid.ravel() - exact).max() < 0.01 * exact.max()
    assert laid.sum() == pytest.approx(exact.sum(), rel=2e-3)


def test_events_known_to_squares_are_anywhere_in_them():
    """A square of two by two cells: a quarter of the event in each."""
    displacement = OTHERS[0]
    centre = np.array([[10 * CELL, 8 * CELL]])
    count = np.zeros(GRID.shape)
    count[7:9, 9:11] = 0.25
    laid = Scatter(GRID, displacement, centre, 2 * CELL)(np.ones(1))
    np.testing.assert_allclose(laid, Blur(GRID, displacement)(count), atol=1e-12)


def test_a_square_that_hangs_over_the_grid_loses_what_is_outside():
    laid = Scatter(GRID, GaussianDisplacement(1.0), np.array([[5000.0, 4000.0]]), 2 * CELL)
    assert laid(np.ones(1))[-1, -1] == pytest.approx(0.25, abs=0.01)
    assert laid(np.ones(1)).sum() == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("displacement", OTHERS, ids=named)
def test_the_characteristic_function_is_the_mean_wave_of_samples(displacement):
    rng = np.random.default_rng(7)
    x = displacement.sample(40_000, rng=rng)[:, 0]
    for rho in (1e-4, 1e-3, 5e-3, 2e-2):
        waves = np.cos(rho * x)
        error = waves.std() / 200
        found = characteristic(displacement, np.array([rho]))[0]
        assert abs(found - waves.mean()) < 4 * error + 1e-9


@pytest.mark.parametrize("displacement", OTHERS, ids=named)
def test_the_chance_to_stay_in_a_cell_is_that_of_samples(displacement):
    rng = np.random.default_rng(8)
    place, chance = rng.uniform(0, CELL, (40_000, 2)), staying_chance(displacement, CELL, 4)
    for k in range(4):
        place = place + displacement.sample(40_000, rng=rng)
        stayed = ((place > 0) & (place < CELL)).all(axis=1).mean()
        assert abs(stayed - chance[k]) < 4 * np.sqrt(chance[k] / 40_000)


def test_the_chance_to_stay_once_is_the_middle_of_the_stencil():
    for displacement in OTHERS:
        stencil = cell_stencil(displacement, GRID)
        middle = stencil[stencil.shape[0] // 2, stencil.shape[1] // 2]
        assert staying_chance(displacement, CELL, 1)[0] == pytest.approx(middle, abs=1e-4)
