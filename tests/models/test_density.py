"""Kernel density against plain sums, laws, and bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot._numba.binning import linear_binning
from hotspot._numba.kernel_sums import exp_minus, outer_product_sums
from hotspot.errors import CoordinateError, GridError, ParameterError
from hotspot.models.smoothing import fourier
from hotspot.models.smoothing.density import (
    density_at_centres,
    density_at_points,
    mass_in_cells,
    squared_mass_in_cells,
)
from tests.reference import density as reference

CENTRES = np.arange(50.0, 1200.0, 100.0)
AXES = (CENTRES, CENTRES[:9])
NODES = np.stack(np.meshgrid(*AXES), axis=-1).reshape(-1, 2)


def cloud(n, seed=20240229, low=-200.0, high=1400.0):
    return np.random.default_rng(seed).uniform(low, high, (n, 2))


def test_linear_binning_matches_the_plain_version():
    rng = np.random.default_rng(1)
    points, weight = rng.uniform(-50, 650, (40, 2)), rng.uniform(0, 2, 40)
    arguments = (points, weight, 10.0, -20.0, 100.0, (6, 7))
    for ours, plain in zip(
        linear_binning(*arguments), reference.linear_binning(*arguments), strict=True
    ):
        np.testing.assert_allclose(ours, plain, rtol=1e-12, atol=1e-12)


def test_outer_product_sums_match_the_plain_version_over_the_borders_too():
    rng = np.random.default_rng(2)
    corners = rng.integers(-6, 9, (2, 30))
    factors = rng.uniform(0, 1, (2, 30, 5))
    arguments = (corners[0], corners[1], factors[0], factors[1], (7, 8))
    np.testing.assert_allclose(
        outer_product_sums(*arguments), reference.outer_product_sums(*arguments), rtol=1e-12
    )


def test_exp_minus_is_exp_to_eleven_digits():
    x = np.linspace(0, 32, 1001)
    ours = np.array([exp_minus(value) for value in x])
    np.testing.assert_allclose(ours, np.exp(-x), rtol=2e-12)
    assert ours[0] == 1.0


@pytest.mark.parametrize("bandwidth", [20.0, 90.0, 250.0])
def test_exact_density_at_centres_matches_the_plain_sum(bandwidth):
    points = cloud(40)
    weights = np.random.default_rng(3).uniform(0, 2, 40)
    ours = density_at_centres(points, AXES, bandwidth=bandwidth, weights=weights, method="exact")
    plain = reference.density(points, NODES, bandwidth=bandwidth, weights=weights)
    tolerance = 1.6e-8 * weights.sum() / (2 * np.pi * bandwidth**2)
    np.testing.assert_allclose(ours.ravel(), plain, rtol=1e-12, atol=tolerance)


@pytest.mark.parametrize("bandwidth", [20.0, 90.0, 250.0])
@pytest.mark.parametrize(("function", "power"), [(mass_in_cells, 1), (squared_mass_in_cells, 2)])
def test_exact_mass_in_cells_matches_the_error_function(bandwidth, function, power):
    points = cloud(25)
    weights = np.random.default_rng(4).uniform(0, 2, 25)
    ours = function(points, AXES, bandwidth=bandwidth, weights=weights, method="exact")
    plain = reference.mass_in_cells(points, AXES, bandwidth=bandwidth, weights=weights, power=power)
    np.testing.assert_allclose(ours, plain, rtol=1e-9, atol=1e-7)


MANY = 6_000
WIDE = (np.arange(50.0, 5000.0, 100.0), np.arange(50.0, 4000.0, 100.0))


@pytest.mark.parametrize("bandwidth", [100.0, 200.0, 330.0])
@pytest.mark.parametrize("function", [density_at_centres, mass_in_cells, squared_mass_in_cells])
@pytest.mark.parametrize("rounded_to", [None, 100.0], ids=["anywhere", "on the grid's lines"])
def test_fft_is_within_its_stated_error(function, bandwidth, rounded_to, monkeypatch):
    monkeypatch.setattr("hotspot.models.smoothing.density._direct_is_cheaper", lambda *_: False)
    points = cloud(MANY, low=-500, high=5500)
    if rounded_to:
        points = np.round(points / rounded_to) * rounded_to
    exact = function(points, WIDE, bandwidth=bandwidth, method="exact")
    fast = function(points, WIDE, bandwidth=bandwidth, method="fft")
    stated = 1e-2 if function is squared_mass_in_cells else 1e-3
    assert 0.0 < np.abs(fast - exact).max() < stated * exact.max()


def test_one_point_by_fft_is_exact_to_a_thousandth():
    """A lone point has no others to cancel its binning error, so it must be summed directly."""
    point = np.array([[420.0, 390.0]])
    fast = density_at_centres(point, AXES, bandwidth=150.0, method="fft")
    plain = reference.density(point, NODES, bandwidth=150.0).reshape(fast.shape)
    np.testing.assert_allclose(fast, plain, atol=1e-3 * plain.max())


def test_the_transform_does_not_wrap_round_the_border():
    """Points along the east edge must leave nothing along the west one."""
    points = cloud(MANY, low=4700, high=4999)
    split = fourier.splits_needed(points, np.ones(MANY), bandwidth=200.0, cell_size=100.0)
    wide = (WIDE[0], WIDE[0])
    smooth = fourier.fourier_sums(
        points,
        np.ones(MANY),
        wide,
        bandwidth=200.0,
        split=split,
        transfer=fourier.gaussian_at_centre(200.0),
    )
    assert smooth[:, :10].max() < 1e-8 * smooth.max()
    assert smooth[:10].max() < 1e-8 * smooth.max()


@settings(max_examples=20, deadline=None)
@given(bandwidth=st.floats(1.0, 150.0), x=st.floats(1000, 4000), y=st.floats(1000, 3000))
def test_all_mass_of_a_point_far_from_the_border_stays_on_the_grid(bandwidth, x, y):
    mass = mass_in_cells(np.array([[x, y]]), WIDE, bandwidth=bandwidth)
    assert mass.sum() == pytest.approx(1.0, abs=1e-6)


def test_mass_of_a_tiny_bandwidth_is_the_count():
    points = cloud(200, low=0, high=900)
    mass = mass_in_cells(points, AXES, bandwidth=1e-3)
    count, *_ = np.histogram2d(
        points[:, 1], points[:, 0], [np.arange(0, 901, 100), np.arange(0, 1201, 100)]
    )
    np.testing.assert_allclose(mass, count, atol=1e-9)


def test_density_at_points_matches_the_plain_sum():
    points = cloud(60)
    weights = np.random.default_rng(5).uniform(0, 2, 60)
    targets = cloud(20, seed=6, low=-2000, high=3000)
    ours = density_at_points(points, targets, bandwidth=130.0, weights=weights)
    plain = reference.density(points, targets, bandwidth=130.0, weights=weights)
    cut = 1.3e-14 * weights.sum() / (2 * np.pi * 130.0**2)
    np.testing.assert_allclose(ours, plain, rtol=3e-12, atol=cut)


@pytest.mark.parametrize("leave_one_out", [True, False])
def test_density_at_the_points_themselves_keeps_others_in_the_same_place(leave_one_out):
    points = np.round(cloud(60, high=600) / 150) * 150
    weights = np.random.default_rng(7).uniform(0, 2, 60)
    ours = density_at_points(points, bandwidth=80.0, weights=weights, leave_one_out=leave_one_out)
    plain = reference.density(
        points,
        points,
        bandwidth=80.0,
        weights=weights,
        leave_out=np.arange(60) if leave_one_out else None,
    )
    np.testing.assert_allclose(ours, plain, rtol=1e-10, atol=1e-12)


def test_a_point_with_nobody_near_has_a_leave_one_out_density_of_exactly_zero():
    points = np.array([[0.0, 0.0], [1e5, 0.0], [1e5, 10.0]])
    density = density_at_points(points, bandwidth=100.0, weights=np.array([0.1, 0.2, 0.3]))
    assert density[0] == 0.0
    assert density[1] > 0.0


def test_bandwidths_far_from_the_points_own_scale_are_still_exact():
    points = cloud(30)
    for bandwidth in (1e-6, 1e7):
        plain = reference.density(points, points, bandwidth=bandwidth, leave_out=np.arange(30))
        ours = density_at_points(points, bandwidth=bandwidth)
        np.testing.assert_allclose(ours, plain, rtol=1e-9)


def test_no_points_give_a_density_of_zero():
    nobody = np.zeros((0, 2))
    assert density_at_centres(nobody, AXES, bandwidth=100.0).max() == 0.0
    assert density_at_points(nobody, np.zeros((1, 2)), bandwidth=100.0).tolist() == [0.0]


@pytest.mark.parametrize("bandwidth", [0, -1.0, np.nan, np.inf, "wide", None])
def test_an_impossible_bandwidth_is_refused(bandwidth):
    with pytest.raises(ParameterError, match="bandwidth must be a positive number of metres"):
        density_at_centres(cloud(3), AXES, bandwidth=bandwidth)


def test_bad_points_are_refused_with_where_they_are():
    points = cloud(5)
    points[3, 1] = np.nan
    with pytest.raises(CoordinateError, match=r"1 of 5 points hold NaN or infinity.*row 3"):
        density_at_points(points, bandwidth=100.0)
    with pytest.raises(CoordinateError, match=r"shape \(n, 2\)"):
        density_at_points(points.T, bandwidth=100.0)


def test_bad_weights_methods_and_axes_are_refused():
    points = cloud(5)
    with pytest.raises(ParameterError, match="finite and not negative"):
        density_at_centres(points, AXES, bandwidth=100.0, weights=np.full(5, -1.0))
    with pytest.raises(ParameterError, match="one value a point"):
        density_at_centres(points, AXES, bandwidth=100.0, weights=np.ones(4))
    with pytest.raises(ParameterError, match='"fft" or "exact"'):
        density_at_centres(points, AXES, bandwidth=100.0, method="tree")
    with pytest.raises(GridError, match="even steps"):
        density_at_centres(points, (CENTRES, CENTRES * 2), bandwidth=100.0)
    with pytest.raises(GridError, match="even steps"):
        density_at_centres(points, (CENTRES[::-1], CENTRES[::-1]), bandwidth=100.0)
