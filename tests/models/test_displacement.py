"""Displacement densities and shapes: each held against quadrature, differences and its sampler."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from hotspot.errors import ParameterError
from hotspot.models.parts.displacement import (
    Displacement,
    ExponentialDisplacement,
    GaussianDisplacement,
    PiecewiseConstantDisplacement,
    PowerLawDisplacement,
    StudentDisplacement,
)
from hotspot.models.parts.shapes import (
    ConstantShape,
    DisplacementShape,
    ExponentialShape,
    GaussianShape,
    PowerLawShape,
    StepShape,
    StudentShape,
)
from tests.models.part_checks import assert_derivatives

DENSITIES = [
    GaussianDisplacement(sd=120.0),
    ExponentialDisplacement(scale=45.0),
    PowerLawDisplacement(scale=30.0, exponent=2.6),
    PowerLawDisplacement(scale=900.0, exponent=7.0),
    StudentDisplacement(scale=80.0, exponent=1.5),
    StudentDisplacement(scale=80.0, exponent=4.0),
    PiecewiseConstantDisplacement(edges=(0, 50, 120, 700), weights=(3, 4, 3)),
]
SHAPES = [
    ConstantShape(),
    GaussianShape(sd=120.0),
    ExponentialShape(scale=45.0),
    PowerLawShape(scale=30.0, exponent=2.0),  # the exponents at which antiderivatives turn to logs
    PowerLawShape(scale=30.0, exponent=1.0),
    PowerLawShape(scale=3.0, exponent=1.999),
    PowerLawShape(scale=0.5, exponent=4.2),
    StudentShape(scale=30.0, exponent=1.0),
    StudentShape(scale=30.0, exponent=0.6),
    StudentShape(scale=3.0, exponent=2.2),
    StepShape(edges=(0, 50, 120, 700), heights=(0.4, 1.3)),
]
DISTANCES = np.array([0.0, 1e-3, 0.2, 5.0, 49.0, 90.0, 300.0, 650.0])

each_density = pytest.mark.parametrize("density", DENSITIES, ids=repr)
each = pytest.mark.parametrize("part", [*DENSITIES, *SHAPES], ids=repr)


@each
def test_the_moment_is_the_integral_of_distance_times_value(part):
    for r in DISTANCES[1:]:
        kinks = [edge for edge in part.kinks if edge < r]
        expected, _ = quad(
            lambda u: u * float(part.value(np.array(u))),
            0,
            r,
            points=kinks or None,
            epsabs=0,
            epsrel=1e-11,
        )
        assert part.moment(np.array(r)) == pytest.approx(expected, rel=1e-9)


@each
def test_derivatives_are_slopes(part):
    assert_derivatives(part, "value", DISTANCES)
    assert_derivatives(part, "moment", DISTANCES)


@each
def test_a_part_rebuilt_from_its_vector_is_the_same(part):
    again = part.with_vector(part.vector)
    np.testing.assert_allclose(again.value(DISTANCES), part.value(DISTANCES), rtol=1e-13)
    assert len(part.names) == len(part.vector) == len(part.bounds)


@each_density
def test_the_whole_plane_holds_one(density):
    total, _ = quad(
        lambda log_u: 2 * math.pi * math.exp(2 * log_u) * float(density.value(np.exp(log_u))),
        -20,
        60,
        points=[math.log(edge) for edge in density.kinks] or None,
        limit=400,
    )
    assert total == pytest.approx(1.0, abs=1e-8)


@each_density
def test_the_integral_and_its_slopes_are_those_of_the_moment(density):
    assert_derivatives(density, "integral", DISTANCES)
    within, _ = quad(
        lambda u: 2 * math.pi * u * float(density.value(np.array(u))),
        0,
        300,
        points=list(density.kinks[:-1]) or None,
    )
    assert density.integral(np.array(300.0)) == pytest.approx(within, rel=1e-8)


@each_density
def test_sampled_displacements_follow_the_density(density):
    x, y = density.sample(4000, rng=np.random.default_rng(11)).T
    assert kstest(np.hypot(x, y), density.integral).pvalue > 0.01
    assert kstest(np.arctan2(y, x), "uniform", (-math.pi, 2 * math.pi)).pvalue > 0.01


@each_density
def test_within_reach_comes_the_stated_share(density):
    for share in (0.01, 0.5, 0.99):
        assert density.integral(np.array(density.reach(share))) == pytest.approx(share, rel=1e-9)


@each_density
def test_densities_follow_the_contract(density):
    assert isinstance(density, Displacement)


@pytest.mark.parametrize("part", SHAPES, ids=repr)
def test_shapes_follow_the_contract(part):
    assert isinstance(part, DisplacementShape)


@pytest.mark.parametrize("density", [d for d in DENSITIES if hasattr(d, "shape")], ids=repr)
def test_a_density_is_its_shape_scaled(density):
    ratio = density.value(DISTANCES) / density.shape.value(DISTANCES)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)


@pytest.mark.parametrize(
    "make, words",
    [
        (
            lambda: GaussianDisplacement(sd=-1.0),
            "sd of GaussianDisplacement must be a number above 0",
        ),
        (lambda: PowerLawDisplacement(1.0, 2.0), "exponent of PowerLawDisplacement .* above 2"),
        (lambda: StudentDisplacement(1.0, 1.0), "exponent of StudentDisplacement .* above 1"),
        (lambda: StepShape((0, 1, 2), (1, 1)), "must be 1 positive numbers"),
        (lambda: PiecewiseConstantDisplacement((0,), ()), "must ascend from 0"),
        (lambda: GaussianDisplacement(1.0).with_vector([np.nan]), "takes 1 finite numbers"),
        (lambda: PowerLawDisplacement(1.0, 3.0).reach(0.0), "share must lie between 0 and 1"),
    ],
)
def test_what_makes_no_sense_is_refused(make, words):
    with pytest.raises(ParameterError, match=words):
        make()
