"""Kernels laid one by one: any weights, any choice of points, and their squares."""

import numpy as np
import pytest

from hotspot.models.smoothing.density import normal_mass
from hotspot.models.smoothing.patches import Patches

AXIS = np.arange(50.0, 1500.0, 100.0)


@pytest.mark.parametrize("power", [1, 2])
def test_laid_patches_are_the_sum_of_products_of_normal_masses(power):
    rng = np.random.default_rng(3)
    points, weights = rng.uniform(0, 1500, (20, 2)), rng.uniform(0, 2, 20)
    patches = Patches.of(points, (AXIS, AXIS), bandwidth=120.0, factor=normal_mass)
    chosen = np.array([2, 5, 11])
    plain = np.zeros((AXIS.size, AXIS.size))
    for i in chosen:
        along_x, along_y = (normal_mass(AXIS - place, 120.0, 100.0) for place in points[i])
        plain += weights[i] * np.outer(along_y, along_x) ** power
    laid = patches.laid(weights[chosen], power=power, of=chosen)
    np.testing.assert_allclose(laid, plain, atol=1e-8)
