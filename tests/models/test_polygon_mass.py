"""Integrals over a polygon within reach: against quadrature in the plane, shapely and Owen's T."""

import math

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, Polygon, box

from hotspot.errors import CoordinateError, ParameterError, RegionError
from hotspot.models.parts.displacement import (
    ExponentialDisplacement,
    GaussianDisplacement,
    PiecewiseConstantDisplacement,
    PowerLawDisplacement,
    StudentDisplacement,
)
from hotspot.models.parts.polygon_mass import PolygonRule
from hotspot.models.parts.shapes import (
    ConstantShape,
    ExponentialShape,
    GaussianShape,
    PowerLawShape,
    StepShape,
    StudentShape,
)
from hotspot.models.smoothing.edge import kernel_mass_at
from tests.models.part_checks import difference_by_vector
from tests.reference.polygon_mass import integral_by_sides, integral_over_box, rings_of

NOTCHED = Polygon([(0, 0), (10, 0), (10, 8), (6, 3), (2, 9)], [[(3, 1), (5, 1), (5, 2), (3, 2)]])
TWO = MultiPolygon([NOTCHED, box(11, 0, 14, 6)])
# Inside, in the hole, in the notch, on a side, at a corner, near a side, in line with one, outside.
POINTS = np.array(
    [(1.5, 2), (4, 1.5), (6, 5), (10, 4), (0, 0), (2.2, 1e-6), (5, -1), (12, 3), (30.0, 4)]
)
SHAPES = [
    GaussianShape(sd=0.05),
    GaussianShape(sd=1.2),
    GaussianShape(sd=60.0),
    ExponentialShape(scale=0.8),
    PowerLawShape(scale=0.1, exponent=2.7),
    PowerLawShape(scale=5.0, exponent=1.3),
    StudentShape(scale=0.4, exponent=1.0),
    StepShape(edges=(0, 0.7, 2.5, 6), heights=(0.5, 0.8)),
    ConstantShape(),
]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=repr)


@pytest.mark.parametrize("shape", [s for s in SHAPES if not s.kinks], ids=repr)
def test_the_rule_agrees_with_quadrature_along_every_side(shape):
    rule = PolygonRule.over(POINTS, TWO, reach=4.5)
    expected = [
        integral_by_sides(rings_of(TWO), point, lambda r: float(shape.moment(r)), 4.5)
        for point in POINTS
    ]
    scale = 2 * math.pi * shape.moment(4.5)
    np.testing.assert_allclose(rule.integrate(shape), expected, rtol=1e-7, atol=1e-8 * scale)


@pytest.mark.parametrize("shape", [SHAPES[1], SHAPES[3], SHAPES[5], SHAPES[6]], ids=repr)
@pytest.mark.parametrize("point", [(3.0, 2.0), (0.2, 5.5), (-0.5, 1.0)])
def test_the_rule_agrees_with_quadrature_in_the_plane(shape, point):
    rule = PolygonRule.over(np.array([point]), box(0, 0, 7, 6), reach=2.5)
    expected = integral_over_box((0, 0, 7, 6), point, lambda r: float(shape.value(r)), 2.5)
    assert rule.integrate(shape)[0] == pytest.approx(expected, rel=1e-7)


def test_a_constant_gives_the_area_that_shapely_cuts():
    rule = PolygonRule.over(POINTS, TWO, reach=4.5)
    discs = shapely.buffer(shapely.points(POINTS), 4.5, quad_segs=4000)
    expected = shapely.area(shapely.intersection(discs, TWO))
    # The polygon with 16,000 sides that stands for the disc is a 2.6e-8th too small.
    np.testing.assert_allclose(rule.integrate(ConstantShape()), expected, rtol=1e-6)


def test_steps_give_the_areas_of_their_rings():
    shape = SHAPES[7]
    rule = PolygonRule.over(POINTS, TWO, reach=5.0, kinks=shape.kinks)
    radii = (0.7, 2.5, 5.0)
    discs = shapely.buffer(shapely.points(POINTS)[:, None], radii, quad_segs=4000)
    rings = np.diff(shapely.area(shapely.intersection(discs, TWO)), axis=1, prepend=0)
    np.testing.assert_allclose(rule.integrate(shape), rings @ [1, 0.5, 0.8], rtol=1e-6)


def test_a_gaussian_agrees_with_owens_function():
    mass = GaussianDisplacement(sd=1.2).mass_inside(POINTS, TWO)
    np.testing.assert_allclose(mass, kernel_mass_at(POINTS, TWO, bandwidth=1.2), atol=1e-6)


@each_shape
def test_derivatives_of_the_integral_are_slopes(shape):
    rule = PolygonRule.over(POINTS, TWO, reach=4.5, kinks=shape.kinks)
    given = rule.integrate_derivatives(shape)
    assert given.shape == (len(shape.names), len(POINTS))
    if len(shape.names):
        expected = difference_by_vector(shape, rule.integrate)
        scale = np.abs(rule.integrate(shape)).max()
        np.testing.assert_allclose(given, expected, rtol=1e-6, atol=1e-8 * scale)


@pytest.mark.parametrize(
    "density",
    [
        GaussianDisplacement(sd=0.9),
        ExponentialDisplacement(scale=0.5),
        PowerLawDisplacement(scale=0.3, exponent=4.5),
        StudentDisplacement(scale=0.4, exponent=2.0),
        PiecewiseConstantDisplacement(edges=(0, 1, 3), weights=(0.4, 0.6)),
    ],
    ids=repr,
)
def test_the_mass_inside_and_outside_is_one(density):
    hole = Polygon(box(-1e4, -1e4, 1e4, 1e4).exterior, [box(0, 0, 7, 6).exterior])
    points = np.array([(1.0, 1.0), (3.5, 5.9), (7.5, 2.0)])
    inside = density.mass_inside(points, box(0, 0, 7, 6))
    assert ((inside > 0) & (inside < 1)).all()
    np.testing.assert_allclose(inside + density.mass_inside(points, hole), 1.0, atol=1e-7)


def test_a_disc_inside_the_region_needs_no_nodes():
    rule = PolygonRule.over(np.array([[50.0, 50.0]]), box(0, 0, 100, 100), reach=30.0)
    assert rule.radius.size == 0
    assert rule.integrate(ConstantShape())[0] == pytest.approx(math.pi * 30**2, rel=1e-14)


def test_the_mass_comes_with_its_derivatives():
    near = GaussianDisplacement(sd=1.2)
    mass, derivatives = near.mass_inside(POINTS, TWO, derivatives=True)
    expected = difference_by_vector(near, lambda moved: moved.mass_inside(POINTS, TWO))
    np.testing.assert_allclose(derivatives, expected, atol=1e-7)
    np.testing.assert_array_equal(mass, near.mass_inside(POINTS, TWO))


def test_bad_input_is_refused():
    inside = np.array([[1.0, 1.0]])
    with pytest.raises(CoordinateError):
        PolygonRule.over(np.array([[np.nan, 1.0]]), TWO, reach=1.0)
    with pytest.raises(ParameterError, match="Every reach must be positive"):
        PolygonRule.over(inside, TWO, reach=0.0)
    with pytest.raises(RegionError, match="got a Point"):
        PolygonRule.over(inside, shapely.Point(0, 0), reach=1.0)
    with pytest.raises(RegionError, match=r"shapely\.make_valid"):
        PolygonRule.over(inside, Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), reach=1.0)
