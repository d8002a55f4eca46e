"""The mass of a Gaussian displacement inside the region."""

import numpy as np
import pytest
import shapely
from scipy.special import ndtr

from hotspot._numba.half_kernels import BEFORE, NODES, SPACING, half_kernel
from hotspot.errors import CoordinateError, ParameterError
from hotspot.models.triggering import edge_mass
from hotspot.models.triggering.edge_mass import RegionMass
from tests.reference.edge_mass import mass_inside

SQUARE = shapely.box(0, 0, 1000, 600)
RUGGED = shapely.Polygon(
    [(0, 0), (900, 100), (950, 90), (700, 400), (1000, 800), (400, 650), (380, 655), (100, 900)],
    [[(300, 300), (300, 400), (450, 420), (400, 300)]],
)


def in_square(points, sd):
    x, y = points.T
    return (ndtr((1000 - x) / sd) - ndtr(-x / sd)) * (ndtr((600 - y) / sd) - ndtr(-y / sd))


@pytest.mark.parametrize("sd", [15.0, 80.0, 700.0])
def test_mass_in_a_rectangle_is_a_product_of_normal_masses(sd):
    points = np.random.default_rng(1).uniform(0, (1000, 600), (40, 2))
    mass, slope = RegionMass.of(points, SQUARE).at(sd)
    np.testing.assert_allclose(mass, in_square(points, sd), atol=1e-6)
    e = 1e-4
    difference = in_square(points, sd * np.exp(e)) - in_square(points, sd * np.exp(-e))
    np.testing.assert_allclose(slope, difference / (2 * e), atol=2e-6)


@pytest.mark.parametrize("sd", [20.0, 150.0])
def test_mass_in_a_rugged_polygon_with_a_hole_is_that_of_adaptive_integration(sd):
    points = np.random.default_rng(2).uniform(0, (1000, 900), (6, 2))
    mass, _ = RegionMass.of(points, RUGGED).at(sd)
    plain = [mass_inside(point, RUGGED, sd) for point in points]
    np.testing.assert_allclose(mass, plain, atol=1e-6)


def test_mass_in_two_parts_is_the_sum_over_the_parts():
    left, right = shapely.box(0, 0, 300, 600), shapely.box(400, 100, 1000, 600)
    points = np.array([[250.0, 300.0], [399.0, 120.0], [999.0, 599.0]])
    both, _ = RegionMass.of(points, shapely.MultiPolygon([left, right])).at(60.0)
    plain = [mass_inside(p, left, 60.0) + mass_inside(p, right, 60.0) for p in points]
    np.testing.assert_allclose(both, plain, atol=1e-6)


def test_mass_does_not_depend_on_the_strips_it_is_worked_off_in(monkeypatch):
    points = np.random.default_rng(3).uniform(0, (1000, 600), (30, 2))
    whole = RegionMass.of(points, SQUARE).at(25.0)
    monkeypatch.setattr(edge_mass, "_NODES_AT_ONCE", 1)
    np.testing.assert_allclose(RegionMass.of(points, SQUARE).at(25.0), whole, atol=1e-13)


def test_a_narrow_blur_is_integrated_event_by_event(monkeypatch):
    points = np.random.default_rng(4).uniform(0, (1000, 600), (30, 2))
    on_lattice = RegionMass.of(points, SQUARE).at(25.0)
    monkeypatch.setattr(edge_mass, "_MOST_NODES", 1)
    one_by_one = RegionMass.of(points, SQUARE).at(25.0)
    np.testing.assert_allclose(one_by_one, on_lattice, atol=2e-6)


def test_mass_keeps_the_order_of_the_events():
    points = np.array([[0.0, 500.0], [500.0, 300.0], [0.0, 0.0]])
    np.testing.assert_allclose(RegionMass.of(points, SQUARE).at(5.0)[0], [0.5, 1, 0.25], atol=1e-6)


def test_an_event_outside_the_bounds_is_refused():
    with pytest.raises(CoordinateError, match=r"1 of 2 points lie outside .* row 1"):
        RegionMass.of(np.array([[5.0, 5.0], [5.0, 601.0]]), SQUARE)


def test_a_blur_of_nothing_is_refused():
    mass = RegionMass.of(np.array([[5.0, 5.0]]), SQUARE)
    with pytest.raises(ParameterError, match="positive number of metres"):
        mass.at(0.0)


def test_far_from_the_border_all_or_nothing_is_inside():
    points = np.array([[200.0, 500.0], [375.0, 355.0], [980.0, 20.0]])
    mass, slope = RegionMass.of(points, RUGGED).at(4.0)
    np.testing.assert_allclose(mass, [1.0, 0.0, 0.0], atol=1e-8)
    np.testing.assert_allclose(slope, 0.0, atol=1e-7)


@pytest.mark.parametrize("place", [20.0, 20.3, 27.999])
def test_a_half_kernel_is_a_gaussian_of_the_distance_to_each_node(place):
    weight = np.zeros(2 * NODES)
    first = half_kernel(place, weight, np.uint64(NODES))
    assert first == 20 - BEFORE + int(place - 20)
    nodes = int(first) + np.arange(NODES)
    np.testing.assert_allclose(
        weight[NODES:], np.exp(-((SPACING * (nodes - place)) ** 2)), rtol=1e-13
    )
    assert (weight[:NODES] == 0).all()
