"""The law of monthly counts: its excess, and counts drawn from it."""

import numpy as np
import pytest
from scipy.stats import nbinom

from hotspot._numba.count_likelihood import count_slopes
from hotspot.models.endemic_epidemic.count_law import CountLaw, draw_counts


def test_the_excess_is_repeats_plus_what_rates_add():
    """By hand: 0.1 + 0.5 x 2 and 0.1 + 0.2 x 3."""
    law = CountLaw(2, np.array([0, 1]), repeats=True)
    vector = np.log([0.5, 0.2, 0.1])
    assert law.names == ("log overdispersion 0", "log overdispersion 1", "log repeats")
    np.testing.assert_allclose(law.excess(vector, np.array([[2.0, 3.0]])), [[1.1, 0.7]])


def test_a_law_without_either_is_poisson():
    law = CountLaw(2)
    assert law.size == 0
    np.testing.assert_array_equal(law.excess(np.empty(0), np.ones((1, 2))), 0.0)


def test_repeats_alone_are_in_proportion_to_the_mean():
    law = CountLaw(2, repeats=True)
    np.testing.assert_allclose(law.excess(np.log([0.3]), np.array([[1.0, 9.0]])), 0.3)


@pytest.mark.parametrize("group", [np.array([0, 0, 1, 1]), None])
def test_the_information_of_an_excess_is_the_mean_square_of_its_score(group):
    """Summed over all counts that have a chance, by scipy's; means from tiny to large."""
    law = CountLaw(4, group, repeats=True)
    vector = np.log([0.6, 0.2, 0.15]) if group is not None else np.log([0.15])
    mean = np.array([[1e-5, 0.3, 0.02, 12.0], [0.0, 4.0, 1.7, 40.0]])
    excess = law.excess(vector, mean)
    counts = np.arange(600.0)
    found = law.excess_information(vector, mean)
    for where in zip(*np.nonzero(mean), strict=True):
        mu, a = mean[where], excess[where]
        column = counts[:, None]
        _, scores = count_slopes(column, np.full(column.shape, mu), np.full(column.shape, a))
        truth = nbinom.pmf(counts, mu / a, 1 / (1 + a)) @ scores[:, 0] ** 2
        assert found[where] == pytest.approx(truth, rel=2e-3)
    assert found[1, 0] == 0.0


def test_counts_have_the_mean_and_variance_asked_for():
    mean = np.repeat([0.2, 3.0], 100_000)
    excess = np.repeat([0.5, 0.8], 100_000)
    counts = draw_counts(mean, excess, np.random.default_rng(1)).reshape(2, -1)
    np.testing.assert_allclose(counts.mean(axis=1), [0.2, 3.0], rtol=0.02)
    np.testing.assert_allclose(counts.var(axis=1), [0.3, 5.4], rtol=0.03)


@pytest.mark.parametrize("excess", [0.0, 0.4])
def test_nothing_happens_where_nothing_is_expected(excess):
    counts = draw_counts(np.zeros(5), np.full(5, excess), np.random.default_rng(1))
    np.testing.assert_array_equal(counts, 0.0)
    by_mean = draw_counts(np.array([0.0, 2.0]), np.array([0.0, 0.4]), np.random.default_rng(1))
    assert by_mean[0] == 0.0
