"""Lag densities and shapes: each held against quadrature, differences and its own sampler."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from hotspot.errors import ParameterError
from hotspot.models.parts.lag import ExponentialLag, Lag, PiecewiseConstantLag, PowerLawLag
from hotspot.models.parts.shapes import (
    ConstantLagShape,
    ExponentialLagShape,
    LagShape,
    StepLagShape,
)
from tests.models.part_checks import assert_derivatives

DENSITIES = [
    ExponentialLag(rate=0.13),
    PowerLawLag(c=0.7, p=1.4),
    PowerLawLag(c=20.0, p=4.0),
    PiecewiseConstantLag(edges=(0, 1, 4, 30), weights=(5, 3, 2)),
    PiecewiseConstantLag(edges=(0, 30), weights=(1,)),
]
SHAPES = [
    ConstantLagShape(),
    ExponentialLagShape(rate=0.2),
    ExponentialLagShape(rate=-0.05),
    ExponentialLagShape(rate=0.0),
    StepLagShape(edges=(0, 2, 9, 40), heights=(0.5, 2.0)),
]
LAGS = np.array([0.0, 1e-3, 0.4, 1.5, 3.9, 11.0, 29.0])

each_density = pytest.mark.parametrize("lag", DENSITIES, ids=repr)
each = pytest.mark.parametrize("part", [*DENSITIES, *SHAPES], ids=repr)


@each
def test_the_integral_is_the_area_under_the_value(part):
    kinks = [edge for edge in getattr(part, "edges", ()) if edge > 0]
    for t in LAGS[1:]:
        inside = [edge for edge in kinks if edge < t] or None
        area, _ = quad(lambda u: float(part.value(np.array(u))), 0, t, points=inside, epsabs=1e-13)
        assert part.integral(np.array(t)) == pytest.approx(area, rel=1e-9)


@each
def test_derivatives_are_slopes(part):
    assert_derivatives(part, "value", LAGS)
    assert_derivatives(part, "integral", LAGS)


@each
def test_a_part_rebuilt_from_its_vector_is_the_same(part):
    again = part.with_vector(part.vector)
    np.testing.assert_allclose(again.value(LAGS), part.value(LAGS), rtol=1e-14)
    assert len(part.names) == len(part.vector) == len(part.bounds)


@each_density
def test_sampled_lags_follow_the_density(lag):
    sampled = lag.sample(4000, rng=np.random.default_rng(5))
    assert kstest(sampled, lag.integral).pvalue > 0.01


@each_density
def test_within_reach_comes_the_stated_share(lag):
    for share in (0.01, 0.5, 0.99):
        assert lag.integral(np.array(lag.reach(share))) == pytest.approx(share, rel=1e-12)


@each_density
def test_nothing_comes_before_its_cause(lag):
    assert lag.value(np.array([-1.0])) == lag.integral(np.array([-1.0])) == 0


def test_omori_utsu_by_hand():
    """(p - 1) / c (1 + t / c)^-p with c = 2, p = 3, t = 2: 1/8; and 1 - (1 + t / c)^-2 = 3/4."""
    lag = PowerLawLag(c=2.0, p=3.0)
    assert lag.value(np.array(2.0)) == pytest.approx(0.125)
    assert lag.integral(np.array(2.0)) == pytest.approx(0.75)


def test_the_slope_at_a_rate_of_nought_joins_the_slopes_beside_it():
    t = np.array([0.5, 10.0, 30.0])
    at, beside = (ExponentialLagShape(rate).integral_derivatives(t) for rate in (0.0, 1e-9))
    np.testing.assert_allclose(at, -(t**2)[None] / 2, rtol=1e-14)
    np.testing.assert_allclose(at, beside, rtol=1e-7)


@each_density
def test_densities_follow_the_contract(lag):
    assert isinstance(lag, Lag)


@pytest.mark.parametrize("part", SHAPES, ids=repr)
def test_shapes_follow_the_contract(part):
    assert isinstance(part, LagShape)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: ExponentialLag(rate=0.0), "rate of ExponentialLag must be a number above 0"),
        (lambda: ExponentialLag(rate=np.nan), "must be a number above 0, got nan"),
        (lambda: PowerLawLag(c=1.0, p=1.0), "p of PowerLawLag must be a number above 1"),
        (lambda: PiecewiseConstantLag((1, 2), (1,)), "must ascend from 0"),
        (lambda: PiecewiseConstantLag((0, 2, 2), (1, 1)), "must ascend from 0"),
        (lambda: PiecewiseConstantLag((0, 1, 2), (1, -1)), "none negative"),
        (lambda: PiecewiseConstantLag((0, 1, 2), (1,)), "must be 2 numbers"),
        (lambda: PiecewiseConstantLag((0, 1, 2), (0, 1)).vector, "first weight is 0"),
        (lambda: StepLagShape((0, 1, 2), (0.0,)), "must be 1 positive numbers"),
        (lambda: ExponentialLagShape(np.inf), "finite number, got inf"),
        (lambda: ExponentialLag(1.0).with_vector([0.0, 1.0]), "takes 1 finite numbers"),
        (lambda: ExponentialLag(1.0).reach(1.0), "share must lie between 0 and 1"),
    ],
)
def test_what_makes_no_sense_is_refused(make, words):
    with pytest.raises(ParameterError, match=words):
        make()
