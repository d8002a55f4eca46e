"""Compiled loops of the monthly model against their plain twins."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.special import gammaln

from hotspot._numba.count_likelihood import (
    count_curvatures,
    count_log_likelihood,
    count_slopes,
    weighted_square,
)
from hotspot._numba.grid_spread import spread_on_grid
from tests.reference import count_likelihood, grid_spread

PSI = np.array([0.0, 0.4, 1e-4, 2.0])


def case(scale):
    rng = np.random.default_rng(20240229)
    counts = rng.poisson(3, (5, 4)).astype(float)
    counts[1, 2] = np.nan
    return counts, scale * rng.gamma(2.0, 1.0, (5, 4))


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_log_likelihoods_are_those_of_scipy(scale):
    counts, mean = case(scale)
    ours = count_log_likelihood(counts, mean, PSI).sum() - np.nansum(gammaln(counts + 1))
    assert ours == pytest.approx(count_likelihood.count_log_likelihood(counts, mean, PSI), rel=1e-9)


@pytest.mark.parametrize("mean", [1e-3, 1e-7, 1e-12])
def test_log_likelihoods_keep_their_digits_where_means_are_tiny(mean):
    """Against the formula in 50 digits; scipy's own probabilities lose them here."""
    with localcontext() as context:
        context.prec = 50
        y, psi, mu = Decimal(3), Decimal(1) / 4096, Decimal(mean)
        truth = y * mu.ln() + (1 + psi).ln() + (1 + 2 * psi).ln()
        truth -= (y + 1 / psi) * (1 + psi * mu).ln()
    ours = count_log_likelihood(np.array([[3.0]]), np.array([[mean]]), np.array([1 / 4096]))
    assert ours[0] == pytest.approx(float(truth), rel=1e-14)


def test_a_count_where_none_can_be_has_no_likelihood():
    counts, mean = case(1.0)
    mean[0, 0], counts[0, 0] = 0.0, 1.0
    assert count_log_likelihood(counts, mean, PSI)[0] == -np.inf


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_slopes_and_curvatures_are_those_of_differences(scale):
    counts, mean = case(scale)
    slope, along_psi = count_slopes(counts, mean, PSI)
    curvature, cross, psi_curvature = count_curvatures(counts, mean, PSI)
    step = 1e-5 * mean

    def at_mean(change):
        return count_slopes(counts, mean + change, PSI)[0]

    one = np.zeros_like(mean)
    one[2] = step[2]  # a time alone, so that sums over times are of it alone
    rise = count_log_likelihood(counts, mean + one, PSI)
    rise -= count_log_likelihood(counts, mean - one, PSI)
    np.testing.assert_allclose(slope[2], rise / (2 * one[2]), rtol=1e-5)
    change = (at_mean(step) - at_mean(-step)) / (2 * step)
    np.testing.assert_allclose(curvature, change, rtol=1e-5)
    more = 1e-4 * PSI
    high, low = (count_slopes(counts, mean, PSI + sign * more) for sign in (1, -1))
    rise = count_log_likelihood(counts, mean, PSI + more)
    rise -= count_log_likelihood(counts, mean, PSI - more)
    varies = PSI > 0
    twice = 2 * more[varies]
    np.testing.assert_allclose(along_psi[varies], rise[varies] / twice, rtol=1e-5)
    by_psi = (high[0] - low[0])[:, varies] / twice
    np.testing.assert_allclose(
        cross[:, varies], by_psi, rtol=1e-4, atol=1e-6 * np.abs(by_psi).max()
    )
    np.testing.assert_allclose(psi_curvature[varies], (high[1] - low[1])[varies] / twice, rtol=1e-5)


def test_slopes_along_overdispersion_keep_their_digits_where_it_meets_its_series():
    """Just above and just below ψμ = 0.01 the closed form and the series must meet."""
    counts = np.array([[2.0, 2.0]])
    mean = np.array([[0.01 * (1 - 1e-9), 0.01 * (1 + 1e-9)]])
    _, slopes = count_slopes(counts, mean, np.ones(2))
    _, _, curvatures = count_curvatures(counts, mean, np.ones(2))
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-8)
    assert curvatures[0] == pytest.approx(curvatures[1], rel=1e-8)


def test_weighted_squares_are_products_of_matrices():
    rng = np.random.default_rng(1)
    rows, weight = rng.normal(size=(3, 4100)), rng.normal(size=4100)
    np.testing.assert_allclose(weighted_square(rows, weight), (rows * weight) @ rows.T, rtol=1e-10)


def test_sums_on_a_grid_are_those_of_the_full_matrix():
    rng = np.random.default_rng(2)
    cells = np.flatnonzero(rng.random(63) > 0.2)
    row, column = np.divmod(cells, 7)
    amount = rng.poisson(0.5, (3, cells.size)).astype(float)
    table = rng.random((4, 4))
    np.testing.assert_allclose(
        spread_on_grid(amount, row, column, (9, 7), table),
        grid_spread.spread_on_grid(amount, row, column, (9, 7), table),
        rtol=1e-12,
    )
