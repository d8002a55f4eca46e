"""Half-kernels of points on a lattice, and the blocks that they say they reached."""

import numpy as np
import pytest

from hotspot._numba.smoothed_points import NODES, spread_points


@pytest.mark.parametrize("place", [(20.0, 20.0), (28.3, 41.7), (40.9, 30.1), (31.5, 31.5)])
def test_every_node_that_a_point_adds_to_lies_in_a_block_that_is_marked(place):
    """Alone, so that no other point marks a block for it; blocks have 16 nodes along each axis."""
    rows = columns = 64 + 2 * NODES
    field = np.zeros(rows * columns)
    reached = np.zeros((rows // 16 + 2, columns // 16 + 2), np.uint8)
    spread_points(np.array(place).reshape(2, 1), np.ones(1), field, columns, reached)
    row, column = np.divmod(np.flatnonzero(field), columns)
    assert row.size > 0
    assert (reached[row // 16, column // 16] == 1).all()
