"""The law of monthly counts: its excess, and counts drawn from it."""

import numpy as np
import pytest

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
