r"""What can be worked out of a published table: the interval of every count held back.

Whoever reads a table with its totals knows that

.. math:: x_{ij} \ge 0, \quad |x_{ij} - p_{ij}| \le h \text{ where published}, \quad
   \Bigl| \sum_j x_{ij} - r_i \Bigr| \le h, \quad \Bigl| \sum_i x_{ij} - c_j \Bigr| \le h,
   \quad \Bigl| \sum_{ij} x_{ij} - t \Bigr| \le h

with h the most that rounding can hide. The least and the largest value of each count under these
are linear programmes.
"""

from __future__ import annotations

import numpy as np

from hotspot._typing import BoolArray, FloatArray
from hotspot.errors import ParameterError


def feasible_intervals(
    cells: FloatArray,
    rows: FloatArray,
    columns: FloatArray,
    total: float,
    *,
    rounded_to: int = 1,
) -> tuple[FloatArray, FloatArray]:
    """Least and largest value that each count can have, given all that is published.

    Parameters
    ----------
    cells : (n, m) float64
        Published counts; NaN where held back.
    rows, columns : (n,) and (m,) float64
        Published totals; NaN where held back.
    total : float
        Published total of all; NaN where held back.
    rounded_to : int
        Published numbers are rounded to whole multiples of this; 1 for none.

    Returns
    -------
    lower, upper : (n, m) float64
        ``inf`` where nothing bounds a count from above.

    Raises
    ------
    ParameterError
        If the published numbers contradict one another, or shapes do not fit.

    Notes
    -----
    Two linear programmes a count held back, by HiGHS. Counts are whole; where nothing is rounded
    so are the ends, since the totals of a two-way table form a transport problem.

    References
    ----------
    Fischetti, M., & Salazar, J. J. (2001). Solving the cell suppression problem on tabular data
    with linear constraints. Management Science, 47, 1008-1027.
    https://doi.org/10.1287/mnsc.47.7.1008.9805

    Examples
    --------
    Rows sum to 10 and 7, columns to 8 and 9: the first count is between 1 and 8.

    >>> hidden = np.full((2, 2), np.nan)
    >>> low, high = feasible_intervals(hidden, np.array([10.0, 7]), np.array([8.0, 9]), 17.0)
    >>> float(low[0, 0]), float(high[0, 0])
    (1.0, 8.0)
    """
    n, m = cells.shape
    if rows.shape != (n,) or columns.shape != (m,):
        raise ParameterError(
            f"A table of {n} x {m} needs {n} totals of rows and {m} of columns, got "
            f"{rows.size} and {columns.size}."
        )
    hidden = np.isnan(cells)
    slack = (rounded_to - 1) / 2 if rounded_to % 2 else rounded_to / 2
    problem = _Problem(cells, hidden, rows, columns, total, slack)
    lower, upper = np.maximum(cells - slack, 0.0), cells + slack
    for i, j in np.argwhere(hidden):
        lower[i, j], upper[i, j] = problem.ends(i, j)
    return lower, upper


class _Problem:
    """The programme of one table; its goal changes from count to count."""

    def __init__(self, cells, hidden: BoolArray, rows, columns, total, slack: float) -> None:
        self.shape = cells.shape
        low = np.where(hidden, 0.0, np.maximum(cells - slack, 0.0))
        high = np.where(hidden, np.inf, cells + slack)
        self.bounds = np.column_stack([low.ravel(), high.ravel()])
        above, limits = [], []
        for line, stated in _sums(self.shape, rows, columns, total):
            if np.isfinite(stated):
                above += [line, -line]
                limits += [stated + slack, -(stated - slack)]
        self.above = np.array(above) if above else None
        self.limits = np.array(limits) if above else None

    def ends(self, i: int, j: int) -> tuple[float, float]:
        goal = np.zeros(self.shape)
        goal[i, j] = 1.0
        return self._solved(goal.ravel(), 1.0), self._solved(-goal.ravel(), -1.0)

    def _solved(self, goal: FloatArray, sign: float) -> float:
        from scipy.optimize import linprog

        found = linprog(goal, A_ub=self.above, b_ub=self.limits, bounds=self.bounds)
        if found.status == 3:  # unbounded
            return np.inf
        if found.status != 0:
            raise ParameterError(
                "The published numbers contradict one another: no counts sum to these totals."
            )
        return float(round(sign * found.fun, 6)) + 0.0


def _sums(shape: tuple[int, int], rows, columns, total):
    """Each published sum: which counts it is of, and what it states."""
    n, m = shape
    for i in range(n):
        line = np.zeros(shape)
        line[i] = 1.0
        yield line.ravel(), rows[i]
    for j in range(m):
        line = np.zeros(shape)
        line[:, j] = 1.0
        yield line.ravel(), columns[j]
    yield np.ones(n * m), total
