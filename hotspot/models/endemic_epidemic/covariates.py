"""Covariates of cells: what multiplies a long-run rate, and what may not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray, IntArray
from hotspot.errors import ParameterError
from hotspot.models.log_linear import LogLinear


@dataclass(frozen=True, eq=False)
class CellCovariates:
    """Columns of a table of cells that multiply each cell's long-run rate.

    Attributes
    ----------
    terms : LogLinear
        Which columns enter; without an exposure.
    table : DataFrame
        One row a cell, indexed by the cell's flat index as in ``grid.cells()``. Numbers are
        best given about 0 and of size about 1.

    Raises
    ------
    ParameterError
        If an exposure is named.
    UnknownNameError
        If a column is missing.

    Examples
    --------
    >>> table = pd.DataFrame({"shops": [0.0, 1.0]}, index=[0, 1])
    >>> CellCovariates(LogLinear(("shops",)), table).names
    ('shops',)
    """

    terms: LogLinear
    table: pd.DataFrame

    def __post_init__(self) -> None:
        if self.terms.exposure is not None:
            raise ParameterError(
                "Exposure is the number of map points, or area; name covariates as terms instead."
            )
        self.terms.levels(self.table)

    @property
    def names(self) -> tuple[str, ...]:
        """What each coefficient is."""
        return self.terms.names(self.terms.levels(self.table))[1:]

    def columns_of(self, cells: IntArray) -> FloatArray:
        """Columns for these cells; (cells, k).

        Raises
        ------
        ParameterError
            If a cell has no row, or a value is missing.
        """
        missing = ~np.isin(cells, self.table.index)
        if missing.any():
            raise ParameterError(
                f"The table of covariates has no row for {missing.sum()} of {cells.size} cells, "
                f"the first {cells[missing][0]}. Its index must be that of grid.cells()."
            )
        rows = self.table.loc[cells]
        return self.terms.design(rows, self.terms.levels(self.table))[0][:, 1:]
