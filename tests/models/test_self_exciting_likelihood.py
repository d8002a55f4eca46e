"""The log-likelihood, its gradient, its integral, and EM."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

from hotspot._numba.exponential_memory import faded_counts_in_order, faded_sums
from hotspot.models.parts.displacement import GaussianDisplacement
from hotspot.models.parts.lag import ExponentialLag
from hotspot.models.self_exciting.climb import Limits, maximise
from hotspot.models.self_exciting.em import em_step
from hotspot.models.self_exciting.likelihood import (
    Likelihood,
    Parts,
    Record,
    seen_displacement,
    triggered_sums,
)
from hotspot.models.triggering.mass_inside import MassInside
from tests.models.self_exciting_cases import SQUARE, branching_process
from tests.reference.self_exciting import exponential, gaussian, triggered_intensity

PARTS = Parts(0.8, 0.3, ExponentialLag(0.12), GaussianDisplacement(170.0))
AREA = SQUARE.area
LIMITS = Limits(np.full(4, -12.0), np.array([5.0, 1.0, 5.0, 8.0]), [("low", "high")] * 4)


def record_of(rows, *, history_days=0.0, days=100.0, shortest_lag=0.0):
    t = np.ascontiguousarray(rows[:, 0] - history_days)
    return Record(
        t=t,
        x=np.ascontiguousarray(rows[:, 1]),
        y=np.ascontiguousarray(rows[:, 2]),
        first=int((t < 0).sum()),
        end=days - history_days,
        shortest_lag=shortest_lag,
        mass=MassInside.of(rows[:, 1:], SQUARE),
    )


def likelihood_of(rows, **options):
    record = record_of(rows, **options)
    # An uneven background, so that its place in the sum matters.
    at_events = (1 + np.arange(record.n) % 3) / (2 * AREA)
    return Likelihood(record, at_events, record.end)


@pytest.fixture(scope="module")
def rows():
    return branching_process(np.random.default_rng(5), background=0.7, days=100.0)


CASES = [
    {},
    {"history_days": 30.0},
    {"history_days": 30.0, "shortest_lag": 0.5},
]


@pytest.mark.parametrize("options", CASES)
def test_log_likelihood_is_that_of_the_double_loop(rows, options):
    likelihood = likelihood_of(rows, **options)
    record = likelihood.record
    d = record.shortest_lag
    # A lag counted from d on is a density shifted by d.
    lag = exponential(PARTS.lag.rate)
    sums = triggered_intensity(
        record.t,
        record.x,
        record.y,
        productivity=np.ones(record.t.size),
        lag=lambda u: lag(u - d) if u > d else 0.0,
        displacement=gaussian(PARTS.displacement.sd),
    )[record.first :]
    value = sum(
        math.log(PARTS.background_rate * u + PARTS.productivity * s)
        for u, s in zip(likelihood.at_events, sums, strict=True)
    )
    value -= PARTS.background_rate * record.end
    for t, x, y in zip(record.t, record.x, record.y, strict=True):
        mass = _in_square(x) * _in_square(y)
        late = max(record.end - t - d, 0)
        early = max(-t - d, 0)
        came = math.exp(-PARTS.lag.rate * early) - math.exp(-PARTS.lag.rate * late)
        value -= PARTS.productivity * mass * came
    assert likelihood.value(PARTS) == pytest.approx(value, abs=1e-4)
    assert likelihood.value_and_gradient(PARTS)[0] == pytest.approx(value, abs=1e-4)


def _in_square(x):
    return ndtr((3000 - x) / PARTS.displacement.sd) - ndtr(-x / PARTS.displacement.sd)


@pytest.mark.parametrize("options", CASES)
def test_gradient_is_that_of_differences(rows, options):
    likelihood = likelihood_of(rows, **options)
    gradient = likelihood.value_and_gradient(PARTS)[1]
    step = 1e-3
    differences = [
        (
            likelihood.value(PARTS.with_vector(PARTS.vector + e))
            - likelihood.value(PARTS.with_vector(PARTS.vector - e))
        )
        / (2 * step)
        for e in step * np.eye(4)
    ]
    np.testing.assert_allclose(gradient, differences, atol=2e-3)


def test_expected_number_is_the_integral_of_the_intensity():
    """Gauss-Legendre nodes in space, and in time between events: no formula of ours."""
    rows = np.array([[2.0, 100.0, 1500.0], [9.0, 2900.0, 2950.0], [15.0, 1400.0, 1200.0]])
    record = record_of(rows, history_days=5.0, days=25.0)
    likelihood = Likelihood(record, np.full(2, 1 / AREA), record.end)
    place, share = np.polynomial.legendre.leggauss(80)
    x, y = np.meshgrid(1500 * (1 + place), 1500 * (1 + place))
    area = 1500**2 * np.outer(share, share)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    total = 0.0
    for low, high in zip([0.0, 4.0, 10.0], [4.0, 10.0, 20.0], strict=True):
        for node, weight in zip(nodes, weights, strict=True):
            t = low + (high - low) * (node + 1) / 2
            intensity = np.full(x.shape, PARTS.background_rate / AREA)
            for tj, xj, yj in zip(record.t, record.x, record.y, strict=True):
                if tj < t:
                    near = gaussian_map(x - xj, y - yj, PARTS.displacement.sd)
                    fade = PARTS.lag.rate * np.exp(-PARTS.lag.rate * (t - tj))
                    intensity += PARTS.productivity * fade * near
            total += (high - low) / 2 * weight * (intensity * area).sum()
    # The log-likelihood is the sum of logarithms less the expected number.
    intensity = [
        PARTS.background_rate / AREA + PARTS.productivity * s
        for s in triggered_intensity(
            record.t,
            record.x,
            record.y,
            productivity=np.ones(3),
            lag=exponential(PARTS.lag.rate),
            displacement=gaussian(PARTS.displacement.sd),
        )[1:]
    ]
    assert np.log(intensity).sum() - likelihood.value(PARTS) == pytest.approx(total, rel=1e-5)


def gaussian_map(dx, dy, sd):
    return np.exp(-(dx**2 + dy**2) / (2 * sd**2)) / (2 * np.pi * sd**2)


def test_em_never_lowers_the_likelihood_and_nears_its_maximum_from_below(rows):
    likelihood = likelihood_of(rows, history_days=20.0)
    best = maximise(likelihood, [PARTS], LIMITS)
    parts, values = PARTS, [likelihood.value(PARTS)]
    for _ in range(20):
        parts = em_step(likelihood, parts)
        values.append(likelihood.value(parts))
    assert np.diff(values).min() > -1e-6
    short = best.log_likelihood - np.array(values)
    assert short.min() > -1e-4
    assert short[-1] < 0.02 * short[0]


def test_an_em_step_from_the_maximum_stays_there(rows):
    likelihood = likelihood_of(rows, history_days=20.0)
    best = maximise(likelihood, [PARTS], LIMITS)
    errors = np.sqrt(np.diag(best.covariance))
    moved = em_step(likelihood, best.parts).vector - best.parts.vector
    assert np.abs(moved / errors).max() < 0.02


def test_chances_to_be_background_sum_to_the_background_of_an_em_step(rows):
    likelihood = likelihood_of(rows)
    chance = likelihood.chance_background(PARTS)
    assert ((chance > 0) & (chance <= 1)).all()
    step = em_step(likelihood, PARTS)
    assert step.background_rate * likelihood.days == pytest.approx(chance.sum())


def test_the_density_between_squares_is_the_mean_over_both():
    """Against 40,000 pairs of places drawn in two squares 200 m apart, and in one square."""
    rng = np.random.default_rng(1)
    for apart in (0.0, 200.0):
        pair = np.array([[1.0, 1000.0, 1000.0], [2.0, 1000.0 + apart, 1000.0]])
        record = replace(record_of(pair), place_cell=200.0)
        found = triggered_sums(record, PARTS)[0][1]
        between = rng.uniform(-100, 100, (40_000, 2)) - rng.uniform(-100, 100, (40_000, 2))
        drawn = gaussian_map(apart + between[:, 0], between[:, 1], PARTS.displacement.sd).mean()
        lag = PARTS.lag.rate * np.exp(-PARTS.lag.rate)
        assert found / lag == pytest.approx(drawn, rel=0.02)


@pytest.mark.parametrize("sd", [1.0, 50.0, 90.0, 400.0])
def test_the_density_between_squares_sums_to_1_over_the_lattice(sd):
    """Without its scale it would be 1.15 at worst, and the excess would pass for triggering."""
    record = replace(record_of(np.array([[1.0, 1000.0, 1000.0]])), place_cell=250.0)
    seen = seen_displacement(record, GaussianDisplacement(sd))
    centre = 250.0 * np.arange(-20, 21)
    apart = np.hypot(*np.meshgrid(centre, centre))
    assert seen.scale * seen.density.value(apart).sum() * 250.0**2 == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("cell", [200.0, 700.0])
def test_gradient_and_em_between_squares_are_those_of_differences(rows, cell):
    likelihood = likelihood_of(rows, history_days=30.0)
    likelihood = replace(likelihood, record=replace(likelihood.record, place_cell=cell))
    gradient = likelihood.value_and_gradient(PARTS)[1]
    for k, step in enumerate(1e-3 * np.eye(4)):
        up, down = (likelihood.value(PARTS.with_vector(PARTS.vector + s * step)) for s in (1, -1))
        assert gradient[k] == pytest.approx((up - down) / 2e-3, abs=2e-3)
    assert likelihood.value(em_step(likelihood, PARTS)) > likelihood.value(PARTS)


def test_faded_sums_are_those_of_the_double_loop():
    at, asked = np.array([0.5, 2.0, 2.0, 7.0]), np.array([0.1, 2.0, 2.5, 9.0])
    weight = np.array([1.0, 2.0, 3.0, 4.0])
    plain = [
        sum(w * math.exp(-0.3 * (q - a)) for a, w in zip(at, weight, strict=True) if a < q)
        for q in asked
    ]
    np.testing.assert_allclose(faded_sums(at, weight, asked, 0.3), plain, rtol=1e-13)
    counts = [sum(math.exp(-0.3 * (at[i] - at[j])) for j in range(i)) for i in range(4)]
    np.testing.assert_allclose(faded_counts_in_order(at, 0.3), counts, rtol=1e-13)
