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
  drawn. ``ties="lowest"`` and ``ties="highest"`` give the least and the most that any way of
  breaking the ties could have caught: what lies between them is luck, or choice. (PEI has no
  such switch; on equal cells PEI*, which has, is the same number.)
* Observed counts that lack a dimension of the forecast, such as ``model``, are the same for
  all its labels. The result is NaN where no event was observed.
* The cost is one sort of the cells for each map, however many shares are asked for.

To score a map by the cells whose *centre* lies in the region, as much of the literature
does, pass that mask as the area, ``cell_area=centre_inside`` (DataArray (y, x) of bool).
"""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from hotspot.errors import ParameterError
from hotspot.evaluate._flagged import (
    Ties,
    checked_ties,
    hit_rate_of_one_map,
    pei_of_one_map,
    pei_star_of_one_map,
    penalised_pai_of_one_map,
)
from hotspot.evaluate._maps import over_ranked_maps


def hit_rate(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None = None,
    ties: Ties = "mean",
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
    ties : {"mean", "lowest", "highest"}
        How cells tied at the cut are credited. See the module's notes.

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
    rate = over_ranked_maps(
        hit_rate_of_one_map,
        forecast,
        observed,
        area_share=area_share,
        cell_area=cell_area,
        ties=checked_ties(ties),
    )
    return rate.rename("hit_rate").assign_attrs(long_name="hit rate", units="1")


def prediction_accuracy_index(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None = None,
    ties: Ties = "mean",
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
    ties : {"mean", "lowest", "highest"}
        How cells tied at the cut are credited. See the module's notes.

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
    index = penalised_prediction_accuracy_index(
        forecast, observed, area_share=area_share, alpha=1.0, cell_area=cell_area, ties=ties
    )
    del index.attrs["alpha"]
    return index.rename("pai").assign_attrs(long_name="prediction accuracy index")


def penalised_prediction_accuracy_index(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    area_share: float | Sequence[float],
    alpha: float,
    cell_area: xr.DataArray | None = None,
    ties: Ties = "mean",
) -> xr.DataArray:
    r"""Penalised prediction accuracy index: PAI that a tiny flagged area cannot inflate as much.

    .. math:: \mathrm{PPAI} = \frac{n / N}{(a / A)^{\alpha}}

    where :math:`n` of :math:`N` events fall in the flagged area :math:`a` of a region of area
    :math:`A`. PAI has no ceiling as the flagged area shrinks; the smaller `alpha`, the more it
    costs to flag little. 1 gives PAI, 0 the hit rate. Larger is better; a flat forecast scores
    :math:`(a / A)^{1 - \alpha}`.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; NaN marks cells outside the region.
    observed : DataArray (..., y, x)
        Event counts on the same grid.
    area_share : float or sequence of float
        Share of the region to flag, in (0, 1]. A sequence adds the dimension ``area_share``.
    alpha : float
        In [0, 1]; there is no customary value, so give it with every figure. Kept as attribute.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit. See the module's notes.
    ties : {"mean", "lowest", "highest"}
        How cells tied at the cut are credited. See the module's notes.

    Returns
    -------
    DataArray
        Unitless, over the remaining dimensions; NaN where nothing was observed.

    Raises
    ------
    ParameterError
        If `alpha` is outside [0, 1]; and as :func:`prediction_accuracy_index`.
    GridMismatchError, ForecastError
        As :func:`prediction_accuracy_index`.

    References
    ----------
    Joshi, C., Curtis-Ham, S., D'Ath, C., & Searle, D. (2021). Considerations for developing
    predictive spatial models of crime and new methods for measuring their accuracy. ISPRS
    International Journal of Geo-Information, 10, 597. https://doi.org/10.3390/ijgi10090597

    Examples
    --------
    A quarter of the cells holds 5 of 8 events: (5 / 8) / (1 / 4) ** 0.5 = 1.25.

    >>> import xarray as xr
    >>> cells = {"y": [0], "x": [0, 1, 2, 3]}
    >>> forecast = xr.Dataset({"expected_count": (("y", "x"), [[4.0, 3.0, 2.0, 1.0]])}, cells)
    >>> observed = xr.DataArray([[5, 1, 2, 0]], cells, ["y", "x"])
    >>> float(
    ...     penalised_prediction_accuracy_index(forecast, observed, area_share=0.25, alpha=0.5))
    1.25
    """
    if not 0.0 <= alpha <= 1.0:
        raise ParameterError(f"alpha must be in [0, 1], got {alpha}.")
    index = over_ranked_maps(
        penalised_pai_of_one_map,
        forecast,
        observed,
        area_share=area_share,
        cell_area=cell_area,
        ties=checked_ties(ties),
        alpha=alpha,
    )
    return index.rename("ppai").assign_attrs(
        long_name="penalised prediction accuracy index", units="1", alpha=alpha
    )


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
    index = over_ranked_maps(
        pei_of_one_map, forecast, observed, area_share=area_share, cell_area=cell_area
    )
    return index.rename("pei").assign_attrs(long_name="prediction efficiency index", units="1")


def prediction_efficiency_index_star(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None = None,
    ties: Ties = "mean",
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
    ties : {"mean", "lowest", "highest"}
        How cells tied at the cut are credited. See the module's notes.

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
    index = over_ranked_maps(
        pei_star_of_one_map,
        forecast,
        observed,
        area_share=area_share,
        cell_area=cell_area,
        ties=checked_ties(ties),
    )
    return index.rename("pei_star").assign_attrs(
        long_name="prediction efficiency index PEI*", units="1"
    )
