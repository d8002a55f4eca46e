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
    """Counts, means, and excesses of every kind: none, by the mean, and beside the mean."""
    rng = np.random.default_rng(20240229)
    counts = rng.poisson(3, (5, 4)).astype(float)
    counts[1, 2] = np.nan
    mean = scale * rng.gamma(2.0, 1.0, (5, 4))
    excess = PSI * mean
    excess[3:] += 0.3
    return counts, mean, excess


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_log_likelihoods_are_those_of_scipy(scale):
    counts, mean, excess = case(scale)
    ours = count_log_likelihood(counts, mean, excess).sum() - np.nansum(gammaln(counts + 1))
    truth = count_likelihood.count_log_likelihood(counts, mean, excess)
    assert ours == pytest.approx(truth, rel=1e-9)


@pytest.mark.parametrize("mean", [1e-3, 1e-7, 1e-12])
def test_log_likelihoods_keep_their_digits_where_means_are_tiny(mean):
    """Against the formula in 50 digits; scipy's own probabilities lose them here."""
    with localcontext() as context:
        context.prec = 50
        y, psi, mu = Decimal(3), Decimal(1) / 4096, Decimal(mean)
        truth = y * mu.ln() + (1 + psi).ln() + (1 + 2 * psi).ln()
        truth -= (y + 1 / psi) * (1 + psi * mu).ln()
    one = np.array([[mean]])
    ours = count_log_likelihood(np.array([[3.0]]), one, one / 4096)
    assert ours[0] == pytest.approx(float(truth), rel=1e-14)


def test_a_count_where_none_can_be_has_no_likelihood():
    counts, mean, excess = case(1.0)
    mean[0, 0], counts[0, 0] = 0.0, 1.0
    assert count_log_likelihood(counts, mean, excess)[0] == -np.inf
    mean[4, 1], counts[4, 1] = 0.0, 2.0  # repeats alone bring no first one
    assert count_log_likelihood(counts, mean, excess)[1] == -np.inf


def test_nothing_where_none_can_be_says_nothing():
    nothing = np.zeros((1, 2))
    excess = np.array([[0.0, 0.3]])
    np.testing.assert_array_equal(count_log_likelihood(nothing, nothing, excess), 0.0)


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_slopes_and_curvatures_are_those_of_differences(scale):
    counts, mean, excess = case(scale)
    step_mean, step_excess = 1e-5 * mean, 1e-4 * excess
    some = excess > 0
    along_mean, along_excess = count_slopes(counts, mean, excess)
    for t in range(len(counts)):  # a time alone, so that sums over times are of it alone
        one = np.arange(len(counts))[:, None] == t
        rise = count_log_likelihood(counts, mean + one * step_mean, excess)
        rise -= count_log_likelihood(counts, mean - one * step_mean, excess)
        np.testing.assert_allclose(along_mean[t], rise / (2 * step_mean[t]), rtol=1e-5)
        rise = count_log_likelihood(counts, mean, excess + one * step_excess)
        rise -= count_log_likelihood(counts, mean, excess - one * step_excess)
        rise, twice = rise[some[t]], 2 * step_excess[t][some[t]]
        np.testing.assert_allclose(along_excess[t][some[t]], rise / twice, rtol=1e-4, atol=1e-8)
    of_mean, of_both, of_excess = count_curvatures(counts, mean, excess)
    higher = count_slopes(counts, mean + step_mean, excess)
    lower = count_slopes(counts, mean - step_mean, excess)
    np.testing.assert_allclose(of_mean, (higher[0] - lower[0]) / (2 * step_mean), rtol=1e-5)
    np.testing.assert_allclose(of_both, (higher[1] - lower[1]) / (2 * step_mean), rtol=1e-5)
    higher = count_slopes(counts, mean, excess + step_excess)[1][some]
    lower = count_slopes(counts, mean, excess - step_excess)[1][some]
    np.testing.assert_allclose(of_excess[some], (higher - lower) / (2 * step_excess[some]), 1e-5)


def test_slopes_along_the_excess_keep_their_digits_where_it_meets_its_series():
    """Just above and just below an excess of 0.01 the closed form and the series must meet."""
    counts, mean = np.array([[2.0, 2.0]]), np.array([[0.5, 0.5]])
    excess = np.array([[0.01 * (1 - 1e-9), 0.01 * (1 + 1e-9)]])
    for found in (*count_slopes(counts, mean, excess), *count_curvatures(counts, mean, excess)):
        assert found[0, 0] == pytest.approx(found[0, 1], rel=1e-8)


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
