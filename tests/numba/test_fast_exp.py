"""The vectorised exponential and logarithm against NumPy's, to the errors that they state."""

import math

import numpy as np
import pytest
from numba import njit

from hotspot._numba import FASTMATH
from hotspot._numba.fast_exp import fast_exp, fast_log


@njit(fastmath=FASTMATH)
def exponentials(values, out):
    for i in range(values.shape[0]):
        out[i] = fast_exp(values[i])


@njit(fastmath=FASTMATH)
def logarithms(values, out):
    for i in range(values.shape[0]):
        out[i] = fast_log(values[i])


def over(function, values):
    out = np.empty_like(values)
    function(values, out)
    return out


def test_the_exponential_is_right_to_5e_16_even_inside_a_loop_that_may_reorder_sums():
    values = np.concatenate(
        [np.linspace(-708, 709, 3001), np.random.default_rng(1).normal(0, 3, 3000)]
    )
    np.testing.assert_allclose(over(exponentials, values), np.exp(values), rtol=5e-16, atol=0)


@pytest.mark.parametrize("half_step", [k + 0.5 for k in (-40, -3, -1, 0, 2, 39)])
def test_the_exponential_is_right_where_its_rounding_turns(half_step):
    edge = half_step * math.log(2)
    values = np.array([np.nextafter(edge, -1e9), edge, np.nextafter(edge, 1e9)])
    np.testing.assert_allclose(over(exponentials, values), np.exp(values), rtol=5e-16, atol=0)


def test_the_exponential_of_zero_is_one_and_of_nan_is_nan():
    found = over(exponentials, np.array([0.0, np.nan]))
    assert found[0] == 1.0
    assert np.isnan(found[1])


def test_far_below_zero_the_exponential_stays_at_the_smallest_normal_power():
    found = over(exponentials, np.array([-709.0, -1e6, -1e300]))
    assert (found == over(exponentials, np.array([-708.0]))[0]).all()
    assert 0 < found[0] < 1e-307


def test_the_logarithm_is_right_to_4e_16_of_itself_or_of_one():
    rng = np.random.default_rng(2)
    values = np.concatenate([np.exp(rng.uniform(-700, 700, 3000)), 1 + rng.uniform(0, 3, 3000)])
    error = np.abs(over(logarithms, values) - np.log(values))
    assert (error <= 4e-16 * np.maximum(1, np.abs(np.log(values)))).all()


def test_the_logarithm_of_one_is_zero_and_near_one_it_keeps_its_digits():
    values = np.array([1.0, 1 + 2.0**-40, 1 + 2.0**-20])
    found = over(logarithms, values)
    assert found[0] == 0.0
    np.testing.assert_allclose(found[1:], np.log1p([2.0**-40, 2.0**-20]), rtol=1e-15)
