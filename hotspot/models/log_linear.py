"""Log-linear predictors: named columns of a table become numbers that multiply a rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray
from hotspot.errors import ParameterError, UnknownNameError
from hotspot.guards.inputs import require_permitted


@dataclass(frozen=True)
class LogLinear:
    r"""A rate that each covariate multiplies: its logarithm is a sum of columns times coefficients.

    .. math:: \log \text{rate} = \log e + \beta_0 + \sum_k \beta_k x_k

    Attributes
    ----------
    terms : tuple of str
        Columns that enter. A column of numbers enters as it is; one of text, categories or
        booleans as one indicator for each level but the first.
    exposure : str or None
        A positive column that the rate is proportional to, such as residents per square
        kilometre; its coefficient is 1.

    Raises
    ------
    ParameterError
        If a term is named twice.
    RefusedError
        If a column is a protected characteristic, deprivation or enforcement by its name: these
        are groups to audit by.

    Examples
    --------
    >>> LogLinear(terms=("trend", "district"), exposure="residents").columns
    ('residents', 'trend', 'district')
    """

    terms: tuple[str, ...] = ()
    exposure: str | None = None

    def __post_init__(self) -> None:
        terms = (self.terms,) if isinstance(self.terms, str) else tuple(self.terms)
        if len(set(terms)) != len(terms):
            raise ParameterError(f"terms must differ, got {terms}.")
        object.__setattr__(self, "terms", terms)
        require_permitted(self.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is needed."""
        return self.terms if self.exposure is None else (self.exposure, *self.terms)

    def levels(self, table: pd.DataFrame) -> dict[str, list]:
        """Levels of each column that is not a number, in order; the first is the baseline.

        Raises
        ------
        UnknownNameError
            If a column is missing.
        """
        require_columns(table, self.columns)
        found = {}
        for name in self.terms:
            column = table[name]
            if isinstance(column.dtype, pd.CategoricalDtype):
                found[name] = list(column.cat.categories)
            elif pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
                found[name] = sorted(column.dropna().unique())
        return found

    def names(self, levels: dict[str, list]) -> tuple[str, ...]:
        """What each coefficient is: the intercept first."""
        names = ["intercept"]
        for term in self.terms:
            names += (
                [f"{term}[{level}]" for level in levels[term][1:]] if term in levels else [term]
            )
        return tuple(names)

    def design(self, table: pd.DataFrame, levels: dict[str, list]) -> tuple[FloatArray, FloatArray]:
        """Columns times coefficients, and what is added to them.

        Parameters
        ----------
        table : DataFrame
        levels : dict
            As :meth:`levels` found them in the table that the model is fitted to.

        Returns
        -------
        design : (n, k) float64
            The first column is 1.
        log_exposure : (n,) float64

        Raises
        ------
        UnknownNameError
            If a column is missing, or holds a level that was not there in fitting.
        ParameterError
            If a covariate is missing or not finite, or an exposure not positive.
        """
        require_columns(table, self.columns)
        columns = [np.ones(len(table))]
        for name in self.terms:
            columns += (
                self._indicators(table[name], levels[name])
                if name in levels
                else [_finite(table[name])]
            )
        log_exposure = np.zeros(len(table))
        if self.exposure is not None:
            exposure = _finite(table[self.exposure])
            if (exposure <= 0).any():
                raise ParameterError(
                    f"'{self.exposure}' is not positive in {(exposure <= 0).sum()} rows: where "
                    "nothing can be exposed, nothing can be recorded. Leave those tiles out."
                )
            log_exposure = np.log(exposure)
        return np.column_stack(columns), log_exposure

    @staticmethod
    def _indicators(column: pd.Series, levels: list) -> list[FloatArray]:
        if column.isna().any():
            raise ParameterError(
                f"'{column.name}' is missing in {column.isna().sum()} rows. Drop them, or make "
                "missing a level of its own."
            )
        unknown = sorted(set(column.unique()) - set(levels))
        if unknown:
            raise UnknownNameError(
                f"'{column.name}' holds {unknown}, which were not among the levels {levels} in "
                "fitting."
            )
        return [(column == level).to_numpy(float) for level in levels[1:]]


def require_columns(table: pd.DataFrame, names: tuple[str, ...]) -> None:
    """Refuse a table that lacks a column."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise UnknownNameError(
            f"The table has no column {missing}; it has {sorted(map(str, table.columns))}."
        )


def _finite(column: pd.Series) -> FloatArray:
    values = pd.to_numeric(column, errors="coerce").to_numpy(float)
    if not np.isfinite(values).all():
        raise ParameterError(
            f"'{column.name}' is missing or not a finite number in "
            f"{(~np.isfinite(values)).sum()} rows. Drop them or fill them in."
        )
    return values
