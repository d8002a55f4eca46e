"""Power laws as sums of exponentials and Gaussians: the stated error is the true one."""

import math

import numpy as np
import pytest

from hotspot.errors import ConvergenceError, DateError, ParameterError
from hotspot.models.parts.displacement import (
    ExponentialDisplacement,
    PowerLawDisplacement,
    StudentDisplacement,
)
from hotspot.models.parts.lag import PiecewiseConstantLag, PowerLawLag
from hotspot.models.triggering.mixtures import (
    exponential_mixture,
    gaussian_mixture,
    triggered_by_mixture,
)
from hotspot.models.triggering.sums import triggered_intensity

DISPLACEMENTS = [
    StudentDisplacement(scale=100.0, exponent=2.0),
    PowerLawDisplacement(scale=100.0, exponent=3.1),
    ExponentialDisplacement(scale=400.0),
]


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4])
@pytest.mark.parametrize(
    "lag", [PowerLawLag(1.0, 1.5), PowerLawLag(3.0, 1.1), PowerLawLag(2.0, 4.0)]
)
def test_a_sum_of_exponentials_is_as_close_to_a_power_law_as_it_says(lag, tolerance):
    found = exponential_mixture(lag, shortest=0.03, longest=500.0, tolerance=tolerance)
    at = np.geomspace(0.03, 500.0, 1234)
    total = np.exp(-at[:, None] / found.scales) @ found.weights
    error = np.abs(total / lag.value(at) - 1).max()
    assert error <= found.error * (1 + 1e-3) <= tolerance * (1 + 1e-3)
    assert (found.weights > 0).all()
    assert math.isclose(error, found.error, rel_tol=0.2)


@pytest.mark.parametrize("part", DISPLACEMENTS, ids=lambda part: type(part).__name__)
def test_a_sum_of_gaussians_is_as_close_to_a_displacement_density_as_it_says(part):
    found = gaussian_mixture(part, nearest=5.0, farthest=3_000.0, tolerance=1e-3)
    at = np.geomspace(5.0, 3_000.0, 1234)
    total = np.exp(-(at[:, None] ** 2) / (2 * found.scales**2)) @ found.weights
    error = np.abs(total / part.value(at) - 1).max()
    assert error <= found.error * (1 + 1e-3) <= 1e-3 * (1 + 1e-3)
    derivatives = found.derivative_weights @ np.exp(-(at**2) / (2 * found.scales[:, None] ** 2))
    error = np.abs((derivatives - part.value_derivatives(at)) / part.value(at)).max()
    assert error <= found.derivative_error * (1 + 1e-3) < 0.05


def test_smaller_tolerances_take_more_terms():
    sizes = [
        exponential_mixture(
            PowerLawLag(1.0, 1.5), shortest=0.03, longest=500.0, tolerance=tolerance
        ).weights.size
        for tolerance in (1e-1, 1e-3, 1e-5)
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_sums_by_mixture_agree_with_pairs_to_the_errors_stated():
    rng = np.random.default_rng(3)
    n = 40
    times, (x, y) = np.sort(rng.uniform(0, 90, n)), rng.uniform(0, 1_500, (2, n))
    lag, displacement = PowerLawLag(2.0, 1.8), StudentDisplacement(300.0, 2.5)
    g = exponential_mixture(lag, shortest=0.01, longest=90.0, tolerance=1e-2)
    h = gaussian_mixture(displacement, nearest=10.0, farthest=2_200.0, tolerance=1e-2)
    exact = triggered_intensity(
        times, x, y, productivity=0.3, lag=lag, displacement=displacement, derivatives=True,
        method="pairs",
    )  # fmt: skip
    found = triggered_by_mixture(
        times, x, y, productivity=0.3, lag=g, displacement=h, derivatives=True
    )
    bound = (1 + g.error) * (1 + h.error) - 1
    # The narrowest terms are right to 1e-6 of their own peak, which is far above the density's.
    np.testing.assert_allclose(found.intensity[1:], exact.intensity[1:], rtol=bound + 1e-4)
    assert found.intensity[0] == 0
    slack = 1.1 * (
        g.derivative_error + h.derivative_error + bound * np.abs(exact.derivatives).max()
    )
    error = np.abs(found.derivatives - exact.derivatives)
    assert (error <= (slack + 1e-4) * exact.intensity).all()


def test_no_events_have_nothing_before_them():
    g = exponential_mixture(PowerLawLag(2.0, 1.8), shortest=0.1, longest=90.0, tolerance=0.1)
    h = gaussian_mixture(DISPLACEMENTS[0], nearest=10.0, farthest=2_200.0, tolerance=0.1)
    none = np.empty(0)
    found = triggered_by_mixture(none, none, none, productivity=0.1, lag=g, displacement=h)
    assert found.intensity.size == 0
    with pytest.raises(DateError, match="must ascend"):
        triggered_by_mixture([1, 0], [0, 0], [0, 0], productivity=0.1, lag=g, displacement=h)


def test_a_histogram_is_no_sum_of_exponentials_and_is_refused():
    steps = PiecewiseConstantLag((0, 5, 100), (0.2, 0.8))
    with pytest.raises(ConvergenceError, match="the least error was") as caught:
        exponential_mixture(steps, shortest=0.1, longest=90.0)
    assert caught.value.trace[0][0] == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shortest": 0.0, "longest": 1.0}, "0 < least < most"),
        ({"shortest": 2.0, "longest": 1.0}, "0 < least < most"),
        ({"shortest": 1.0, "longest": math.inf}, "0 < least < most"),
        ({"shortest": 1.0, "longest": 2.0, "tolerance": 0.0}, "tolerance must be above 0"),
    ],
)
def test_an_empty_range_is_refused(given, message):
    with pytest.raises(ParameterError, match=message):
        exponential_mixture(PowerLawLag(2.0, 1.8), **given)
