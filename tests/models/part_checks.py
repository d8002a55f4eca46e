"""What every part must satisfy, whatever its formula: derivatives held against differences."""

from collections.abc import Callable

import numpy as np


def difference_by_vector(part, quantity: Callable, *, step: float = 1e-5) -> np.ndarray:
    """Central differences, of fourth order, of ``quantity(part)`` by each number of the vector."""
    rows = []
    for k in range(len(part.names)):
        moved = []
        for steps in (-2, -1, 1, 2):
            vector = part.vector.copy()
            vector[k] += steps * step
            moved.append(quantity(part.with_vector(vector)))
        rows.append((moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * step))
    return np.array(rows)


def assert_derivatives(part, name: str, x: np.ndarray) -> None:
    """``part.<name>_derivatives(x)`` is the slope of ``part.<name>(x)``."""
    given = getattr(part, f"{name}_derivatives")(x)
    assert given.shape == (len(part.names), *x.shape)
    expected = difference_by_vector(part, lambda moved: getattr(moved, name)(x))
    if len(part.names):
        size = np.abs(getattr(part, name)(x)).max()
        np.testing.assert_allclose(given, expected, rtol=1e-7, atol=1e-9 * size)
