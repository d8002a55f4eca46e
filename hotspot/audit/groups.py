r"""Residents of groups in each cell: groups attach to areas, never to persons.

People of an area are spread evenly over its land, for want of knowing better (areal
interpolation):

.. math:: N_{cg} = \sum_a N_{ag} \frac{|c \cap a|}{|a|}

How much of the result rests on that is itself audited (A17).
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from hotspot.errors import ParameterError, UnknownNameError
from hotspot.grid.areas import area_weights
from hotspot.grid.cells import Grid

_WHOLE = 0.98  # of an area inside the region; less is an area that the region cuts
_SUMS = 0.01  # groups may miss a stated total by this share


@dataclass(frozen=True, eq=False)
class Groups:
    """Residents by group and cell, for audits; refused as inputs of models.

    Attributes
    ----------
    name : str
        What divides them, such as "deprivation decile".
    residents : DataArray (group, y, x)
        People; 0 where nobody lives, NaN outside the region.
    split : DataArray (y, x)
        People in each cell who come from areas that the grid's lines cut; NaN outside.
    reference : str or None
        The group that others are compared with; None for all residents.
    source : str
        Whose figures, of which year.

    Examples
    --------
    >>> from shapely import box
    >>> areas = gpd.GeoDataFrame(
    ...     {"code": ["W", "E"]}, geometry=[box(0, 0, 150, 100), box(150, 0, 300, 100)], crs=27700
    ... )
    >>> grid = Grid.over(areas, cell_size=100)
    >>> people = pd.DataFrame({"young": [30, 0], "old": [30, 90]}, index=["W", "E"])
    >>> groups = Groups.from_areas(grid, areas, people, by="code", name="generation")
    >>> groups.residents.sel(group="old").values
    array([[20., 40., 60.]])
    """

    name: str
    residents: xr.DataArray
    split: xr.DataArray
    reference: str | None = None
    source: str = "not stated"

    @classmethod
    def from_areas(
        cls,
        grid: Grid,
        areas: gpd.GeoDataFrame,
        people: pd.DataFrame,
        *,
        by: str,
        name: str,
        reference: str | None = None,
        source: str = "not stated",
        total: pd.Series | None = None,
    ) -> Groups:
        """Residents of cells from those of census areas.

        Parameters
        ----------
        grid : Grid
        areas : GeoDataFrame
            Polygons in the CRS of `grid`, such as LSOAs.
        people : DataFrame
            One row an area, indexed by its code; one column a group; residents. For a class of
            areas (a deprivation decile) see :func:`people_by_class`.
        by : str
            Column of `areas` with the codes.
        name : str
            What divides the groups.
        reference : str, optional
            The group that others are compared with; default all residents.
        source : str
            Whose figures, of which year; printed on the card.
        total : Series, optional
            Residents of each area; groups must sum to it within 1 %.

        Raises
        ------
        UnknownNameError
            If an area has no row (often codes of another census), or there is no such reference.
        ParameterError
            If numbers are negative or missing, or groups do not sum to `total`.
        RegionError
            If `areas` are invalid, overlap, or are in another CRS.

        Notes
        -----
        Residents of an area that the region cuts count by the part inside. Costs what
        :func:`hotspot.area_weights` costs: some seconds for London's 4,835 LSOAs.
        """
        weights, codes = area_weights(grid, areas, by=by)
        people = _checked_people(people, codes, total)
        if reference is not None and reference not in people.columns:
            raise UnknownNameError(
                f"There is no group {reference!r} to compare with; there are "
                f"{list(people.columns)}."
            )
        shared = weights.multiply(grid.inside_area.ravel()).tocsr()  # m² of area in cell
        inside = np.asarray(shared.sum(axis=1)).ravel()
        whole = areas.geometry.area.to_numpy()
        land = np.where(inside >= _WHOLE * whole, inside, whole)
        spread = shared.multiply(1 / np.where(land > 0, land, 1.0)[:, None]).tocsr()
        cells = (spread.T @ people.to_numpy(float)).T
        cut = (np.diff(shared.indptr) > 1)[:, None] * people.sum(axis=1).to_numpy(float)[:, None]
        coords = {"y": grid.y, "x": grid.x}
        shape = (len(people.columns), *grid.shape)
        return cls(
            name=name,
            residents=xr.DataArray(
                np.where(grid.inside, cells.reshape(shape), np.nan),
                {"group": [str(one) for one in people.columns], **coords},
                ["group", "y", "x"],
                attrs={"units": "residents"},
            ),
            split=xr.DataArray(
                np.where(grid.inside, (spread.T @ cut).reshape(grid.shape), np.nan),
                coords,
                ["y", "x"],
            ),
            reference=reference,
            source=source,
        )


def people_by_class(residents: pd.Series, classes: pd.Series) -> pd.DataFrame:
    """One column a class of areas, for :meth:`Groups.from_areas`: all of an area are of its class.

    Parameters
    ----------
    residents : Series
        People of each area, by its code.
    classes : Series
        Class of each area, by its code, such as a decile of deprivation.

    Returns
    -------
    DataFrame
        One row an area; columns in the order of the classes.

    Raises
    ------
    UnknownNameError
        If an area with residents has no class.

    Examples
    --------
    >>> people_by_class(pd.Series({"a": 5, "b": 7}), pd.Series({"a": 2, "b": 1})).loc["a"].tolist()
    [0, 5]
    """
    missing = residents.index.difference(classes.dropna().index)
    if len(missing):
        raise UnknownNameError(
            f"{len(missing):,} of {len(residents):,} areas have no class, the first "
            f"{missing[0]!r}. Are both lists of one census?"
        )
    of_area = classes.loc[residents.index]
    return pd.DataFrame(
        {str(one): residents.where(of_area == one, 0) for one in sorted(of_area.unique())}
    )


def _checked_people(
    people: pd.DataFrame, codes: np.ndarray, total: pd.Series | None
) -> pd.DataFrame:
    if people.index.has_duplicates or people.columns.has_duplicates:
        raise ParameterError("people names an area or a group twice.")
    missing = [code for code in codes if code not in people.index]
    if missing:
        raise UnknownNameError(
            f"{len(missing):,} of {len(codes):,} areas have no row in people, the first "
            f"{missing[0]!r}. Codes change from one census to the next: outlines and figures must "
            "be of one."
        )
    kept = people.loc[codes]
    values = kept.to_numpy(float)
    if not (np.isfinite(values) & (values >= 0)).all():
        raise ParameterError("people must be 0 or more in every area and group, and not missing.")
    if total is not None:
        stated = total.loc[codes].to_numpy(float)
        off = np.abs(values.sum(axis=1) - stated) > _SUMS * np.maximum(stated, 1.0)
        if off.any():
            first = int(np.flatnonzero(off)[0])
            raise ParameterError(
                f"Groups do not sum to the residents of {off.sum():,} of {len(codes):,} areas, the "
                f"first {codes[first]!r}: {values[first].sum():,.0f} against "
                f"{stated[first]:,.0f}. Add the groups that are missing, or a column of all others."
            )
    return kept
