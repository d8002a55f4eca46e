"""The mass of any displacement inside the region."""

import math

import numpy as np
import pytest
import shapely

from hotspot.errors import CoordinateError, ParameterError
from hotspot.models.parts.displacement import (
    ExponentialDisplacement,
    GaussianDisplacement,
    PiecewiseConstantDisplacement,
    PowerLawDisplacement,
    StudentDisplacement,
)
from hotspot.models.triggering.mass_inside import MassInside
from tests.reference.polygon_mass import integral_by_sides, integral_over_box, rings_of

BOX = (0.0, 0.0, 1000.0, 600.0)
RUGGED = shapely.Polygon(
    [(0, 0), (900, 100), (950, 90), (700, 400), (1000, 800), (400, 650), (380, 655), (100, 900)],
    [[(300, 300), (300, 400), (450, 420), (400, 300)]],
)
DISPLACEMENTS = [
    GaussianDisplacement(90.0),
    ExponentialDisplacement(60.0),
    PowerLawDisplacement(scale=80.0, exponent=2.3),
    PowerLawDisplacement(scale=300.0, exponent=12.0),
    StudentDisplacement(scale=70.0, exponent=1.2),
    StudentDisplacement(scale=70.0, exponent=4.0),
    PiecewiseConstantDisplacement(edges=(0, 50, 120, 700), weights=(2, 1, 1)),
]
NAMES = [
    f"{type(d).__name__}-{getattr(d, 'exponent', '')}".removesuffix("-") for d in DISPLACEMENTS
]
any_displacement = pytest.mark.parametrize("displacement", DISPLACEMENTS, ids=NAMES)


def by_sides(points, region, displacement):
    rings = rings_of(region)

    def within(point, moment, reach=1e9):
        return integral_by_sides(rings, point, moment, reach)

    if displacement.kinks:
        return in_rings(
            displacement,
            [[within(p, lambda r: r * r / 2, edge) for p in points] for edge in displacement.kinks],
        )
    return np.array([within(p, lambda r: float(displacement.moment(r))) for p in points])


def in_box(points, displacement):
    def within(point, value, reach):
        return integral_over_box(BOX, point, value, reach)

    if displacement.kinks:
        return in_rings(
            displacement,
            [[within(p, lambda _: 1.0, edge) for p in points] for edge in displacement.kinks],
        )
    return np.array([within(p, lambda r: float(displacement.value(r)), 2000.0) for p in points])


def in_rings(steps, area_of_disc):
    """Each ring's weight times the share of it that lies inside."""
    area = np.diff(np.array(area_of_disc), axis=0, prepend=0.0)
    return (np.array(steps.weights) / np.diff(np.pi * np.square(steps.edges))) @ area


@any_displacement
def test_mass_in_a_rectangle_is_the_integral_over_the_plane(displacement):
    points = np.array([[30.0, 50.0], [520.0, 310.0], [999.0, 599.0]])
    mass, _ = MassInside.of(points, shapely.box(*BOX)).at(displacement)
    np.testing.assert_allclose(mass, in_box(points, displacement), atol=1e-6)


@any_displacement
def test_mass_in_a_rugged_polygon_with_a_hole_is_that_of_its_sides(displacement):
    points = np.random.default_rng(2).uniform(0, (1000, 900), (6, 2))
    points = np.vstack([points, [[300.5, 350.0], [0.1, 0.1], [389.0, 652.4]]])
    mass, _ = MassInside.of(points, RUGGED).at(displacement)
    np.testing.assert_allclose(mass, by_sides(points, RUGGED, displacement), atol=1e-6)


@any_displacement
def test_derivatives_are_those_of_the_mass_by_the_vector(displacement):
    points = np.random.default_rng(3).uniform(100, (900, 600), (4, 2))
    _, derivatives = MassInside.of(points, RUGGED).at(displacement)
    assert derivatives.shape == (len(displacement.vector), 4)
    for row, e in zip(derivatives, 1e-4 * np.eye(len(displacement.vector)), strict=True):
        up, down = (
            by_sides(points, RUGGED, displacement.with_vector(displacement.vector + s * e))
            for s in (1, -1)
        )
        np.testing.assert_allclose(row, (up - down) / 2e-4, atol=2e-6)


@any_displacement
def test_two_halves_hold_what_the_whole_holds(displacement):
    points = np.array([[500.0, 200.0], [499.0, 10.0], [501.0, 599.0]])
    west, east = shapely.box(0, 0, 500, 600), shapely.box(500, 0, 1000, 600)
    apart = shapely.MultiPolygon([shapely.box(0, 0, 480, 600), east])
    strip = shapely.box(480, 0, 500, 600)
    inside = [
        MassInside.of(points, shapely.box(*BOX)),
        MassInside.of(points, apart),
    ]
    whole, most = (one.at(displacement)[0] for one in inside)
    np.testing.assert_allclose(whole - most, by_sides(points, strip, displacement), atol=2e-6)
    halves = sum(
        by_sides(points + np.array([1e-7, 0]), half, displacement) for half in (west, east)
    )
    np.testing.assert_allclose(whole, halves, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0, 1e4])
def test_a_quarter_of_what_is_triggered_in_a_corner_falls_inside_whatever_the_scale(scale):
    """In the corner of an endless quarter plane; here the far sides are 1e6 scales away."""
    side = 1e6 * scale
    inside = MassInside.of(np.array([[0.0, 0.0], [0.0, side / 2]]), shapely.box(0, 0, side, side))
    mass, _ = inside.at(ExponentialDisplacement(scale))
    np.testing.assert_allclose(mass, [0.25, 0.5], atol=1e-6)


def test_mass_of_a_disc_is_its_integral():
    """A circle of 720 sides has the area of one of radius R √(sin a / a), a = 2π / 720."""
    turn = 2 * math.pi / 720
    corners = 400 * np.column_stack([np.cos(turn * np.arange(720)), np.sin(turn * np.arange(720))])
    inside = MassInside.of(np.zeros((1, 2)), shapely.Polygon(corners))
    for displacement in DISPLACEMENTS:
        radius = 400 * math.sqrt(math.sin(turn) / turn)
        expected = displacement.integral(np.array([radius]))
        np.testing.assert_allclose(inside.at(displacement)[0], expected, atol=2e-6)


@pytest.mark.parametrize(
    "displacement", [ExponentialDisplacement(90.0), PowerLawDisplacement(scale=80.0, exponent=2.3)]
)
def test_sides_taken_together_from_afar_weigh_what_each_weighs(displacement):
    """An outline of 420 sides with bays: a run of 16 of them is far from most points."""
    turn = 2 * np.pi * np.arange(420) / 420
    radius = 500 + 60 * np.sin(9 * turn) + 5 * np.cos(60 * turn)
    region = shapely.Polygon(radius[:, None] * np.column_stack([np.cos(turn), np.sin(turn)]))
    points = np.array([[0.0, 0.0], [300.0, 120.0], [-120.0, -400.0]])
    mass, _ = MassInside.of(points, region).at(displacement)
    np.testing.assert_allclose(mass, by_sides(points, region, displacement), atol=2e-7)


def test_events_in_one_place_have_one_mass_in_the_order_given():
    points = np.array([[990.0, 300.0], [5.0, 5.0], [990.0, 300.0], [500.0, 300.0]])
    inside = MassInside.of(points, shapely.box(*BOX))
    for displacement in DISPLACEMENTS:
        mass, derivatives = inside.at(displacement)
        each = [MassInside.of(p[None], shapely.box(*BOX)).at(displacement) for p in points]
        np.testing.assert_allclose(mass, np.concatenate([m for m, _ in each]), atol=1e-7)
        np.testing.assert_allclose(derivatives, np.hstack([d for _, d in each]), atol=1e-6)


def test_weights_of_the_border_are_laid_once(monkeypatch):
    from hotspot.models.triggering import mass_inside

    inside = MassInside.of(np.array([[990.0, 300.0]]), shapely.box(*BOX))
    first = inside.at(ExponentialDisplacement(50.0))[0]
    monkeypatch.setattr(mass_inside, "weigh_border", None)  # a second call would fail
    assert inside.at(ExponentialDisplacement(50.0))[0] == first
    assert inside.at(StudentDisplacement(50.0, 2.0))[0] < 1


def test_mass_does_not_depend_on_the_chunks_it_is_laid_in(monkeypatch):
    from hotspot.models.triggering import mass_inside

    points = np.random.default_rng(5).uniform(0, (1000, 600), (7, 2))
    part = PowerLawDisplacement(scale=80.0, exponent=2.3)
    whole = MassInside.of(points, shapely.box(*BOX)).at(part)[0]
    monkeypatch.setattr(mass_inside, "_VALUES_AT_ONCE", 1000)
    np.testing.assert_array_equal(MassInside.of(points, shapely.box(*BOX)).at(part)[0], whole)


def test_an_event_outside_the_bounds_is_refused():
    with pytest.raises(CoordinateError, match=r"1 of 2 points lie outside .* row 1"):
        MassInside.of(np.array([[5.0, 5.0], [5.0, 601.0]]), shapely.box(*BOX))


def test_what_is_no_density_is_refused():
    inside = MassInside.of(np.array([[5.0, 5.0]]), shapely.box(*BOX))
    with pytest.raises(ParameterError, match="must be a density such as PowerLawDisplacement"):
        inside.at(150.0)
