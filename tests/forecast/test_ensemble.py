"""The compiled quantiles are those of NumPy, whatever the counts look like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hotspot._numba.ensemble import count_quantiles
from tests.reference import ensemble as reference

LEVELS = np.array([0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975])


def compiled(counts, levels=LEVELS):
    return count_quantiles(counts, np.ceil(counts.shape[1] * levels).astype(np.int64))


def test_quantiles_by_hand():
    """Of 0 0 0 1 2 2 3 3 3 9 a tenth is reached at 0, half at 2, nine tenths at 3, all at 9."""
    counts = np.array([[3, 0, 2, 9, 0, 3, 1, 2, 0, 3]], np.uint8)
    found = count_quantiles(counts, np.array([1, 5, 9, 10]))
    np.testing.assert_array_equal(found, [[0, 2, 3, 9]])
    assert found.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("mean", [0.05, 3.0, 120.0])
@pytest.mark.parametrize("members", [40, 101])
def test_quantiles_match_the_plain_version(dtype, mean, members):
    counts = np.random.default_rng(1).poisson(mean, (12, members)).astype(dtype)
    np.testing.assert_array_equal(compiled(counts), reference.count_quantiles(counts, LEVELS))


def test_counts_too_large_to_tally_are_sorted_to_the_same_answer():
    counts = np.random.default_rng(2).integers(0, 4_000_000_000, (5, 40), dtype=np.uint32)
    np.testing.assert_array_equal(
        compiled(counts), reference.count_quantiles(counts, LEVELS).astype(np.float32)
    )


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint8, (3, 41), elements=st.integers(0, 255)))
def test_quantiles_never_fall_as_the_level_rises(counts):
    found = compiled(counts)
    assert (np.diff(found, axis=1) >= 0).all()
    np.testing.assert_array_equal(found, reference.count_quantiles(counts, LEVELS))


def test_the_input_is_left_as_it_was():
    counts = np.random.default_rng(3).integers(0, 60_000, (4, 50)).astype(np.uint16)
    before = counts.copy()
    compiled(counts)
    np.testing.assert_array_equal(counts, before)
