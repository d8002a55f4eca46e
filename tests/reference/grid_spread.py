"""Sums over the cells near each cell, by the full matrix of weights."""

import numpy as np


def spread_on_grid(amount, row, column, shape, table):  # noqa: ARG001 - as the compiled loop
    reach = len(table) - 1
    rows = np.abs(row[:, None] - row[None, :])
    columns = np.abs(column[:, None] - column[None, :])
    near = (rows <= reach) & (columns <= reach)
    weights = np.where(near, table[np.minimum(rows, reach), np.minimum(columns, reach)], 0.0)
    return amount @ weights
