r"""What a flagged area is like, whatever it catches: its shape, its overlap, how much it moves.

Flagged are the hottest cells by expected count per area, with the rules on area, rounding and
ties of :mod:`hotspot.evaluate.ranking`: cells tied at the cut are flagged in equal part.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
import xarray as xr

from hotspot._checks import require_same_grid, require_variable
from hotspot._typing import BoolArray, FloatArray
from hotspot.errors import ParameterError
from hotspot.evaluate._flagged import flags_of_one_map
from hotspot.evaluate._maps import MAP, area_of_cells, inside_of, over_maps, shares_of, with_shares


def flag_cells(
    forecast: xr.Dataset,
    *,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None = None,
) -> xr.DataArray:
    """The hottest part of the map: how much of each cell is flagged.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    area_share : float or sequence of float
        Share of the region to flag, in (0, 1]. A sequence adds the dimension ``area_share``.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit. See the notes of :mod:`hotspot.evaluate.ranking`.

    Returns
    -------
    DataArray (..., y, x)
        1 flagged, 0 not; in between where cells are tied at the cut, or where cells differ in
        area and the last is needed in part. NaN outside the region.

    Raises
    ------
    GridMismatchError
        If `cell_area` is on another grid.
    ParameterError
        If `area_share` is outside (0, 1] or flags less than one cell.
    ForecastError
        If there is no ``expected_count``, or it is negative or infinite somewhere.

    Examples
    --------
    One cell of four is to be flagged, and two are tied for it.

    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[3.0, 3.0, 2.0, 1.0]])})
    >>> flag_cells(forecast, area_share=0.25).values
    array([[0.5, 0.5, 0. , 0. ]])
    """
    expected = require_variable(forecast, "expected_count")
    area = area_of_cells(forecast, cell_area)
    flags = over_maps(
        flags_of_one_map,
        expected,
        area,
        output=["area_share", *MAP],
        shares=shares_of(area_share),
    )
    flags = flags.assign_coords({dim: expected[dim] for dim in MAP if dim in expected.coords})
    return (
        with_shares(flags, area_share)
        .rename("flagged")
        .assign_attrs(long_name="part of the cell that is flagged", units="1")
    )


def compactness(
    forecast: xr.Dataset,
    *,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None = None,
) -> xr.DataArray:
    r"""How nearly the flagged cells lie in one block: 1 for a square, near 0 for scattered cells.

    .. math:: \frac{\min e}{e}, \qquad \min e = 2 \left\lceil 2 \sqrt{n} \right\rceil

    with :math:`e` the sides of the :math:`n` flagged cells that do not border another flagged
    cell (the region's border counts), and :math:`\min e` the fewest that :math:`n` squares can
    have. Scattered single cells have :math:`e = 4 n`. A compact area is easier to patrol; it is
    not more accurate. The area-to-perimeter ratio of the literature, in metres, is the cell's side
    times :math:`n / e`: it grows with the cell and with :math:`n`, so it cannot be compared across
    grids.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    area_share : float or sequence of float
        Share of the region to flag, in (0, 1]. A cell flagged in part, by a tie, counts whole.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit; only ranks the cells.

    Returns
    -------
    DataArray
        In (0, 1], unitless, over the remaining dimensions. NaN for a map without cells.

    Raises
    ------
    GridMismatchError, ParameterError, ForecastError
        As :func:`flag_cells`.

    See Also
    --------
    clumpiness : The same sides, measured against cells scattered at random.

    References
    ----------
    Adepeju, M., Rosser, G., & Cheng, T. (2016). Novel evaluation metrics for sparse
    spatio-temporal point process hotspot predictions - a crime case study. International Journal
    of Geographical Information Science, 30, 2133-2154.
    https://doi.org/10.1080/13658816.2016.1159684

    Examples
    --------
    Two cells side by side have 6 sides; two that do not touch have 8.

    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[4.0, 3.0, 2.0, 1.0]])})
    >>> float(compactness(forecast, area_share=0.5))
    1.0
    >>> apart = xr.Dataset({"expected_count": (("y", "x"), [[4.0, 1.0, 3.0, 2.0]])})
    >>> float(compactness(apart, area_share=0.5))
    0.75
    """
    flags = flag_cells(forecast, area_share=area_share, cell_area=cell_area)
    shape = over_maps(_compactness_of_one_map, flags)
    return shape.rename("compactness").assign_attrs(long_name="compactness", units="1")


def clumpiness(
    forecast: xr.Dataset,
    *,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None = None,
) -> xr.DataArray:
    r"""Clumpiness index: whether flagged cells neighbour one another more than by chance.

    .. math:: G = \frac{4 n - e}{4 n - \min e}, \qquad \mathrm{CLUMPY} = \begin{cases}
              (G - P) / P & G < P < \tfrac12 \\ (G - P) / (1 - P) & \text{otherwise}
              \end{cases}

    with :math:`n`, :math:`e` and :math:`\min e` as in :func:`compactness` and :math:`P` the share
    of the region's cells that is flagged. 1: one block; 0: as if the cells had been drawn at
    random; -1: no two side by side.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    area_share : float or sequence of float
        Share of the region to flag, in (0, 1]. A cell flagged in part, by a tie, counts whole.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit; only ranks the cells.

    Returns
    -------
    DataArray
        In [-1, 1], unitless, over the remaining dimensions. NaN where one cell, or every cell, is
        flagged: neither can be more or less clumped.

    Raises
    ------
    GridMismatchError, ParameterError, ForecastError
        As :func:`flag_cells`.

    References
    ----------
    Adepeju, M., Rosser, G., & Cheng, T. (2016). Novel evaluation metrics for sparse
    spatio-temporal point process hotspot predictions - a crime case study. International Journal
    of Geographical Information Science, 30, 2133-2154.
    https://doi.org/10.1080/13658816.2016.1159684

    McGarigal, K., Cushman, S. A., & Ene, E. (2023). FRAGSTATS v4: spatial pattern analysis program
    for categorical maps. https://www.fragstats.org

    Examples
    --------
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[4.0, 3.0, 2.0, 1.0]])})
    >>> float(clumpiness(forecast, area_share=0.5))
    1.0
    """
    flags = flag_cells(forecast, area_share=area_share, cell_area=cell_area)
    index = over_maps(_clumpiness_of_one_map, flags)
    return index.rename("clumpiness").assign_attrs(long_name="clumpiness index", units="1")


def complementarity(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    other: xr.Dataset,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None = None,
) -> xr.Dataset:
    r"""Which share of events both forecasts catch, only one of them, or neither.

    Two maps with one hit rate may catch the same events or quite others. Flagging both areas
    would catch ``both + forecast_only + other_only``, at up to twice the area.

    Parameters
    ----------
    forecast, other : Dataset (..., y, x)
        Hold ``expected_count``, on one grid. Labels that both have, such as folds, are paired.
    observed : DataArray (..., y, x)
        Event counts on the same grid.
    area_share : float or sequence of float
        Share of the region that each flags, in (0, 1]. A sequence adds the dimension
        ``area_share``.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit; by default each forecast's own, as in
        :mod:`hotspot.evaluate.ranking`.

    Returns
    -------
    Dataset
        ``both``, ``forecast_only``, ``other_only``, ``neither``: shares of the events, which sum to
        1, over the remaining dimensions; and ``overlap``, the share of the flagged cells that both
        flag. Of a cell flagged in part by both, the smaller part is flagged by both (ties are
        broken alike). NaN where nothing was observed, but ``overlap``.

    Raises
    ------
    GridMismatchError, ParameterError, ForecastError
        As :func:`hotspot.hit_rate`.

    References
    ----------
    Adepeju, M., Rosser, G., & Cheng, T. (2016). Novel evaluation metrics for sparse
    spatio-temporal point process hotspot predictions - a crime case study. International Journal
    of Geographical Information Science, 30, 2133-2154.
    https://doi.org/10.1080/13658816.2016.1159684

    Examples
    --------
    >>> ours = xr.Dataset({"expected_count": (("y", "x"), [[4.0, 3.0, 2.0, 1.0]])})
    >>> theirs = xr.Dataset({"expected_count": (("y", "x"), [[4.0, 1.0, 3.0, 2.0]])})
    >>> observed = xr.DataArray([[5, 1, 2, 2]], dims=["y", "x"])
    >>> shares = complementarity(ours, observed, other=theirs, area_share=0.5)
    >>> {name: float(share) for name, share in shares.items()}
    {'both': 0.5, 'forecast_only': 0.1, 'other_only': 0.2, 'neither': 0.2, 'overlap': 0.5}
    """
    maps = [require_variable(one, "expected_count") for one in (forecast, other)]
    for expected in maps:
        require_same_grid(expected, observed)
    ours, theirs = (
        flag_cells(one, area_share=area_share, cell_area=cell_area) for one in (forecast, other)
    )
    require_same_grid(ours, theirs)
    for expected in maps:
        over_maps(_n_inside, expected, observed)  # refuses events where a forecast is silent
    shares = over_maps(_caught_by_both, ours, theirs, observed, output=["part"])
    names = ("both", "forecast_only", "other_only", "neither", "overlap")
    return xr.Dataset({name: shares.isel(part=i) for i, name in enumerate(names)})


def dynamic_variability(
    forecast: xr.Dataset,
    *,
    area_share: float | Sequence[float],
    dim: Hashable = "fold",
    cell_area: xr.DataArray | None = None,
) -> xr.DataArray:
    r"""Dynamic variability index: how much of the flagged area is new, from period to period.

    .. math:: \mathrm{DVI}_t = \frac{E_t}{E_t + R_t}

    with :math:`E_t` the flagged area that was not flagged the period before, and :math:`R_t` that
    which was. 0: the same places each time, as a long-run map gives; 1: none of them again. A map
    that moves asks more of those who act on it; whether it catches more is another question.

    Parameters
    ----------
    forecast : Dataset (..., `dim`, y, x)
        Holds ``expected_count``.
    area_share : float or sequence of float
        Share of the region to flag, in (0, 1]. A sequence adds the dimension ``area_share``.
    dim : str
        The periods, in order of time.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit. See the notes of :mod:`hotspot.evaluate.ranking`.

    Returns
    -------
    DataArray (..., `dim`)
        In [0, 1]; one fewer along `dim`, each under the label of the later period. Of a cell
        flagged in part both times, the smaller part stayed.

    Raises
    ------
    ParameterError
        If there is no `dim` or it holds fewer than two periods; and as :func:`flag_cells`.
    GridMismatchError, ForecastError
        As :func:`flag_cells`.

    References
    ----------
    Adepeju, M., Rosser, G., & Cheng, T. (2016). Novel evaluation metrics for sparse
    spatio-temporal point process hotspot predictions - a crime case study. International Journal
    of Geographical Information Science, 30, 2133-2154.
    https://doi.org/10.1080/13658816.2016.1159684

    Examples
    --------
    Of two flagged cells one stays and one is new.

    >>> maps = [[[4.0, 3.0, 2.0, 1.0]], [[4.0, 1.0, 3.0, 2.0]]]
    >>> forecast = xr.Dataset({"expected_count": (("fold", "y", "x"), maps)})
    >>> dynamic_variability(forecast, area_share=0.5).values
    array([0.5])
    """
    flags = flag_cells(forecast, area_share=area_share, cell_area=cell_area)
    if dim not in flags.dims or flags.sizes[dim] < 2:
        raise ParameterError(
            f"dynamic_variability needs two or more periods along '{dim}'; the forecast has "
            f"{dict(flags.sizes)}."
        )
    area = area_of_cells(forecast, cell_area)
    later = flags.isel({dim: slice(1, None)})
    earlier = flags.isel({dim: slice(None, -1)}).drop_vars(dim, errors="ignore")
    earlier = earlier.assign_coords({dim: later[dim]}) if dim in later.coords else earlier
    index = over_maps(_new_share, earlier, later, area)
    return index.rename("dynamic_variability").assign_attrs(
        long_name="dynamic variability index", units="1"
    )


def _sides(flagged: BoolArray) -> tuple[int, int, int]:
    """Flagged cells, their sides without a flagged neighbour, and the fewest there could be."""
    n = int(np.count_nonzero(flagged))
    shared = np.count_nonzero(flagged[:, 1:] & flagged[:, :-1])
    shared += np.count_nonzero(flagged[1:] & flagged[:-1])
    root = math.isqrt(n)
    fewest = 4 * root + (0 if n == root**2 else 2 if n <= root * (root + 1) else 4)
    return n, 4 * n - 2 * shared, fewest


def _compactness_of_one_map(flags) -> float:
    n, sides, fewest = _sides(flags > 0)
    return fewest / sides if n else np.nan


def _clumpiness_of_one_map(flags) -> float:
    n, sides, fewest = _sides(flags > 0)
    n_inside = int((~np.isnan(flags)).sum())
    if n in (0, 1, n_inside):
        return np.nan
    together, share = (4 * n - sides) / (4 * n - fewest), n / n_inside
    scale = share if together < share < 0.5 else 1 - share
    return (together - share) / scale


def _n_inside(expected, observed) -> float:
    return inside_of(expected, observed).sum()


def _caught_by_both(ours, theirs, observed) -> FloatArray:
    kept = (ours > 0) | (theirs > 0) | (observed > 0)  # the others add nothing to any sum
    kept &= ~np.isnan(ours) & ~np.isnan(theirs)
    ours, theirs, observed = ours[kept], theirs[kept], observed[kept]
    shared = np.minimum(ours, theirs)
    overlap = shared.sum() / max(ours.sum(), theirs.sum()) if ours.any() else np.nan
    total = observed.sum()
    if not total > 0:
        return np.array([np.nan] * 4 + [overlap])
    parts = np.array([shared, ours - shared, theirs - shared, 1 - ours - theirs + shared])
    return np.append(parts @ observed / total, overlap)


def _new_share(earlier, later, area) -> float:
    kept = later > 0
    now = later[kept] * area[kept]
    stayed = np.fmin(earlier[kept], later[kept]) * area[kept]
    return 1 - stayed.sum() / now.sum() if now.any() else np.nan
