r"""How well a forecast orders places: share of events caught in the hottest share of area.

True of every function here:

* Only the order of the cells is judged, by ``expected_count`` per area. How many events
  are expected is judged in :mod:`hotspot.evaluate.scores`.
* **Areas.** `cell_area` gives the area of each cell; without it, the forecast's ``inside_area``
  is used where it holds one, and otherwise all cells count the same. Cells of area 0 or NaN are
  left out, and their events with them, from hits and totals alike.
* **Rounding.** Where all areas are equal, `area_share` is rounded down to whole cells. Where they
  are not (cells clipped by the border), exactly `area_share` of the area is flagged: the last
  cell is flagged in part and credited with that part of its events.
* **Ties.** Cells with the same expected count per area (to a relative 1e-12, so that rounding
  errors make no order) are flagged in equal part, each credited with that part of its events.
  For equal areas this is the expectation over all ways to break the tie. No random numbers are
  drawn.
* Observed counts that lack a dimension of the forecast, such as ``model``, are the same for
  all its labels. The result is NaN where no event was observed.
* The cost is one sort of the cells for each map, however many shares are asked for.

To score a map by the cells whose *centre* lies in the region, as much of the literature
does, pass that mask as the area, ``cell_area=centre_inside`` (DataArray (y, x) of bool).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from hotspot._checks import require_same_grid, require_share, require_variable
from hotspot.errors import ParameterError
from hotspot.evaluate._flagged import (
    area_under_one_map,
    curve_of_one_map,
    hit_rate_of_one_map,
    pai_of_one_map,
    pei_of_one_map,
    pei_star_of_one_map,
)
from hotspot.evaluate._maps import MAP, over_maps


def hit_rate(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None = None,
) -> xr.DataArray:
    r"""Hit rate: the share of events that fell in the flagged, hottest part of the map.

    .. math:: \mathrm{HR} = n / N

    where :math:`n` of :math:`N` events fall in the flagged area. Larger is better; a flat forecast
    scores the share of area flagged.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    observed : DataArray (..., y, x)
        Event counts on the same grid.
    area_share : float or sequence of float
        Share of the region to flag, in (0, 1]. A sequence adds the dimension ``area_share``.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit. See the module's notes.

    Returns
    -------
    DataArray
        A fraction in [0, 1] (not per cent) over the remaining dimensions; NaN where nothing was
        observed.

    Raises
    ------
    GridMismatchError
        If the two are not on one grid, or events fell where the forecast is NaN.
    ParameterError
        If `area_share` is outside (0, 1] or flags less than one cell.
    ForecastError
        If there is no ``expected_count``, or it is negative or infinite somewhere.

    See Also
    --------
    prediction_accuracy_index : The hit rate over the share of area flagged.
    capture_curve : The hit rate at every share.

    References
    ----------
    Bowers, K. J., Johnson, S. D., & Pease, K. (2004). Prospective hot-spotting: the future of
    crime mapping? British Journal of Criminology, 44, 641-658. https://doi.org/10.1093/bjc/azh036

    Examples
    --------
    >>> import xarray as xr
    >>> cells = {"y": [0], "x": [0, 1, 2, 3]}
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[4.0, 3.0, 2.0, 1.0]])}, cells)
    >>> observed = xr.DataArray([[5, 1, 2, 0]], cells, ["y", "x"])
    >>> float(hit_rate(forecast, observed, area_share=0.5))
    0.75
    """
    rate = _ranked_score(hit_rate_of_one_map, forecast, observed, area_share, cell_area)
    return rate.rename("hit_rate").assign_attrs(long_name="hit rate", units="1")


def prediction_accuracy_index(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None = None,
) -> xr.DataArray:
    r"""Prediction accuracy index: hit rate over the share of area flagged.

    .. math:: \mathrm{PAI} = \frac{n / N}{a / A}

    where :math:`n` of :math:`N` events fall in the flagged area :math:`a` of a
    region of area :math:`A`. Larger is better; a flat forecast scores 1. The ceiling is
    :math:`A / a`, so compare values only at one `area_share`. PAI moves with cell size, origin and
    rotation of the grid: compare on one grid.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    observed : DataArray (..., y, x)
        Event counts on the same grid.
    area_share : float or sequence of float
        Share of the region to flag, in (0, 1]. A sequence adds the dimension ``area_share``.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit. See the module's notes.

    Returns
    -------
    DataArray
        PAI over the remaining dimensions; unitless. NaN where nothing was observed.

    Raises
    ------
    GridMismatchError
        If the two are not on one grid, or events fell where the forecast is NaN.
    ParameterError
        If `area_share` is outside (0, 1] or flags less than one cell.
    ForecastError
        If there is no ``expected_count``, or it is negative or infinite somewhere.

    See Also
    --------
    prediction_efficiency_index : PAI as a share of the PAI of hindsight.
    poisson_log_score : Judges the expected counts themselves; PAI judges only their order.

    References
    ----------
    Chainey, S., Tompson, L., & Uhlig, S. (2008). The utility of hotspot mapping
    for predicting spatial patterns of crime. Security Journal, 21, 4-28.
    https://doi.org/10.1057/palgrave.sj.8350066

    Examples
    --------
    >>> import xarray as xr
    >>> cells = {"y": [0], "x": [0, 1, 2, 3]}
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[4.0, 3.0, 2.0, 1.0]])}, cells)
    >>> observed = xr.DataArray([[5, 1, 2, 0]], cells, ["y", "x"])
    >>> float(prediction_accuracy_index(forecast, observed, area_share=0.25))
    2.5
    """
    index = _ranked_score(pai_of_one_map, forecast, observed, area_share, cell_area)
    return index.rename("pai").assign_attrs(long_name="prediction accuracy index", units="1")


def prediction_efficiency_index(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None = None,
) -> xr.DataArray:
    r"""Prediction efficiency index: PAI as a share of the PAI that hindsight would have had.

    .. math:: \mathrm{PEI} = \frac{\mathrm{PAI}}{\mathrm{PAI}^{*}} = \frac{n / a}{n^{*} / a^{*}}

    where hindsight flags as *many cells* as the forecast, those with the most events per area,
    which hold :math:`n^{*}` events in an area :math:`a^{*}`. Larger is better; a perfect order
    scores 1.

    On equal cells :math:`a^{*} = a`, and PEI equals PEI*
    (:func:`prediction_efficiency_index_star`). Where the border clips cells the areas differ,
    and so do the two: a sliver with one event has many events per area, so PEI can be far below
    PEI*, and a forecast that flags other cells than hindsight can even exceed 1. There PEI* is
    the one to compare.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    observed : DataArray (..., y, x)
        Event counts on the same grid.
    area_share : float or sequence of float
        Share of the region to flag, in (0, 1]. A sequence adds the dimension ``area_share``.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit. See the module's notes.

    Returns
    -------
    DataArray
        PEI over the remaining dimensions; unitless. NaN where nothing was observed.

    Raises
    ------
    GridMismatchError, ParameterError, ForecastError
        As :func:`prediction_accuracy_index`.

    References
    ----------
    Hunt, J. M. (2016). Do crime hot spots move? Exploring the effects of the modifiable areal unit
    problem and modifiable temporal unit problem on crime hot spot stability. American University.

    Examples
    --------
    A quarter of the cells is flagged and holds 5 of 8 events; the best quarter holds the same 5.

    >>> import xarray as xr
    >>> cells = {"y": [0], "x": [0, 1, 2, 3]}
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[4.0, 3.0, 2.0, 1.0]])}, cells)
    >>> observed = xr.DataArray([[5, 1, 2, 0]], cells, ["y", "x"])
    >>> prediction_efficiency_index(forecast, observed, area_share=[0.25, 0.5]).values.round(3)
    array([1.   , 0.857])
    """
    index = _ranked_score(pei_of_one_map, forecast, observed, area_share, cell_area)
    return index.rename("pei").assign_attrs(long_name="prediction efficiency index", units="1")


def prediction_efficiency_index_star(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None = None,
) -> xr.DataArray:
    r"""Prediction efficiency index PEI*: events caught over the most that this area could catch.

    .. math:: \mathrm{PEI}^{*} = n / n^{*}

    where :math:`n^{*}` is the largest number of events to be had in the *same area*: cells in
    order of events per area, the last in part. In [0, 1]; larger is better. It equals
    :func:`prediction_efficiency_index` on equal cells, and differs where the border clips
    cells: PEI holds the number of cells fixed, PEI* the area.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    observed : DataArray (..., y, x)
        Event counts on the same grid.
    area_share : float or sequence of float
        Share of the region to flag, in (0, 1]. A sequence adds the dimension ``area_share``.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit. See the module's notes.

    Returns
    -------
    DataArray
        PEI* over the remaining dimensions; unitless. NaN where nothing was observed.

    Raises
    ------
    GridMismatchError, ParameterError, ForecastError
        As :func:`prediction_accuracy_index`.

    References
    ----------
    National Institute of Justice (2017). Real-Time Crime Forecasting Challenge: winners, note 2.
    https://nij.ojp.gov/real-time-crime-forecasting-challenge-winners

    Examples
    --------
    >>> import xarray as xr
    >>> cells = {"y": [0], "x": [0, 1, 2, 3]}
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[4.0, 3.0, 2.0, 1.0]])}, cells)
    >>> observed = xr.DataArray([[5, 1, 2, 0]], cells, ["y", "x"])
    >>> float(prediction_efficiency_index_star(forecast, observed, area_share=0.5).round(3))
    0.857
    """
    index = _ranked_score(pei_star_of_one_map, forecast, observed, area_share, cell_area)
    return index.rename("pei_star").assign_attrs(
        long_name="prediction efficiency index PEI*", units="1"
    )


def capture_curve(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    area_share: Sequence[float] | None = None,
    cell_area: xr.DataArray | None = None,
) -> xr.DataArray:
    r"""Capture curve: the share of events in the hottest share of area, for every share.

    It rises from (0, 0) to (1, 1); a flat forecast gives the diagonal. No share is rounded to
    whole cells here: between cells, and across ties, the curve is a straight line.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    observed : DataArray (..., y, x)
        Event counts on the same grid.
    area_share : sequence of float, optional
        Shares in [0, 1] at which to give the curve; default 0, 0.01, ..., 1.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit. See the module's notes.

    Returns
    -------
    DataArray (..., area_share)
        Share of events, unitless. NaN where nothing was observed.

    Raises
    ------
    GridMismatchError, ForecastError
        As :func:`prediction_accuracy_index`.
    ParameterError
        If a share is outside [0, 1].

    See Also
    --------
    capture_area : The area under this curve.

    Examples
    --------
    >>> import xarray as xr
    >>> cells = {"y": [0], "x": [0, 1, 2, 3]}
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[4.0, 3.0, 2.0, 1.0]])}, cells)
    >>> observed = xr.DataArray([[5, 1, 2, 0]], cells, ["y", "x"])
    >>> capture_curve(forecast, observed, area_share=[0, 0.25, 0.375, 1]).values
    array([0.    , 0.625 , 0.6875, 1.    ])
    """
    shares = np.linspace(0, 1, 101) if area_share is None else np.asarray(area_share, float)
    if shares.ndim != 1 or not ((shares >= 0) & (shares <= 1)).all():
        raise ParameterError(
            f"area_share must be a sequence of shares in [0, 1], got {area_share}."
        )
    curve = _scored(
        curve_of_one_map, forecast, observed, cell_area, output=["area_share"], shares=shares
    )
    return (
        curve.assign_coords(area_share=shares)
        .rename("capture_curve")
        .assign_attrs(long_name="share of events captured", units="1")
    )


def capture_area(
    forecast: xr.Dataset, observed: xr.DataArray, *, cell_area: xr.DataArray | None = None
) -> xr.DataArray:
    r"""Area under the capture curve: how well the whole map is ordered, in one number.

    .. math:: \int_0^1 c(s)\, ds

    with :math:`c` the capture curve; 0.5 for a flat forecast, larger is better. Exact: the
    curve is a chain of straight lines. It weighs the coldest half of the map as much as the
    hottest, so it says little about a small flagged area; give it beside :func:`hit_rate`.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    observed : DataArray (..., y, x)
        Event counts on the same grid.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit. See the module's notes.

    Returns
    -------
    DataArray
        In [0, 1] over the remaining dimensions. NaN where nothing was observed.

    Raises
    ------
    GridMismatchError, ForecastError
        As :func:`prediction_accuracy_index`.

    Examples
    --------
    >>> import xarray as xr
    >>> cells = {"y": [0], "x": [0, 1]}
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[2.0, 1.0]])}, cells)
    >>> float(capture_area(forecast, xr.DataArray([[1, 0]], cells, ["y", "x"])))
    0.75
    """
    area = _scored(area_under_one_map, forecast, observed, cell_area)
    return area.rename("capture_area").assign_attrs(
        long_name="area under the capture curve", units="1"
    )


def _ranked_score(function, forecast, observed, area_share, cell_area) -> xr.DataArray:
    shares = np.atleast_1d(np.asarray(area_share, float))
    if shares.ndim != 1 or shares.size == 0:
        raise ParameterError(
            f"area_share must be a number or a sequence of them, got {area_share}."
        )
    for share in shares:
        require_share(share, "area_share")
    score = _scored(function, forecast, observed, cell_area, output=["area_share"], shares=shares)
    score = score.assign_coords(area_share=shares)
    return score.squeeze("area_share", drop=True) if np.ndim(area_share) == 0 else score


def _scored(function, forecast, observed, cell_area, *, output=(), **options) -> xr.DataArray:
    expected = require_variable(forecast, "expected_count")
    require_same_grid(expected, observed)
    area = _area_of_cells(forecast, expected, cell_area)
    require_same_grid(expected, area)
    return over_maps(function, expected, observed, area, output=output, **options)


def _area_of_cells(forecast, expected, cell_area) -> xr.DataArray:
    if cell_area is None and "inside_area" in forecast:
        cell_area = forecast["inside_area"]
    if cell_area is None:
        first = {dim: 0 for dim in expected.dims if dim not in MAP}
        return xr.ones_like(expected.isel(first, drop=True), dtype=float)
    return cell_area.reset_coords(drop=True)
