"""What the hottest places catch: at every share of area, and against what they held before.

How cells are ordered, tied and weighed by area is told in :mod:`hotspot.evaluate.ranking`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from hotspot.errors import ParameterError
from hotspot.evaluate._flagged import Ties, area_under_one_map, checked_ties, curve_of_one_map
from hotspot.evaluate._maps import over_areas
from hotspot.evaluate.ranking import hit_rate


def capture_curve(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    area_share: Sequence[float] | None = None,
    cell_area: xr.DataArray | None = None,
    ties: Ties = "mean",
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
        Area of each cell, in any unit. See the notes of :mod:`hotspot.evaluate.ranking`.
    ties : {"mean", "lowest", "highest"}
        How tied cells are credited; see there.

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
    curve = over_areas(
        curve_of_one_map,
        forecast,
        observed,
        cell_area,
        output=["area_share"],
        shares=shares,
        ties=checked_ties(ties),
    )
    return (
        curve.assign_coords(area_share=shares)
        .rename("capture_curve")
        .assign_attrs(long_name="share of events captured", units="1")
    )


def capture_area(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    cell_area: xr.DataArray | None = None,
    ties: Ties = "mean",
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
        Area of each cell, in any unit. See the notes of :mod:`hotspot.evaluate.ranking`.
    ties : {"mean", "lowest", "highest"}
        How tied cells are credited; see there.

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
    area = over_areas(area_under_one_map, forecast, observed, cell_area, ties=checked_ties(ties))
    return area.rename("capture_area").assign_attrs(
        long_name="area under the capture curve", units="1"
    )


def recapture_rate_index(
    forecast: xr.Dataset,
    observed: xr.DataArray,
    *,
    earlier: xr.DataArray,
    area_share: float | Sequence[float],
    cell_area: xr.DataArray | None = None,
) -> xr.DataArray:
    r"""Recapture rate index: how much of its concentration the flagged area keeps later on.

    .. math:: \mathrm{RRI} = \frac{n_2 / n_1}{N_2 / N_1} = \frac{n_2 / N_2}{n_1 / N_1}

    where the flagged area held :math:`n_1` of the :math:`N_1` events of an earlier period, usually
    the one that the map was made of, and :math:`n_2` of the :math:`N_2` that followed. 1: the
    places are as hot as they were; less: they were partly a chance of the earlier period. It
    says nothing of how many events were caught: a flat map scores 1. What some programs call RRI
    is the expected over the observed number; that is :func:`hotspot.calibration_ratio`.

    Parameters
    ----------
    forecast : Dataset (..., y, x)
        Holds ``expected_count``; its hottest cells are flagged.
    observed, earlier : DataArray (..., y, x)
        Event counts on the same grid, of the judged and of the earlier period.
    area_share : float or sequence of float
        Share of the region to flag, in (0, 1]. A sequence adds the dimension ``area_share``.
    cell_area : DataArray (y, x), optional
        Area of each cell, in any unit. See the notes of :mod:`hotspot.evaluate.ranking`.

    Returns
    -------
    DataArray
        Unitless, over the remaining dimensions; NaN where nothing was observed in one of the
        periods, ``inf`` where the flagged area held nothing earlier but does later.

    Raises
    ------
    GridMismatchError, ParameterError, ForecastError
        As :func:`hotspot.hit_rate`.

    References
    ----------
    Levine, N. (2008). The "hottest" part of a hotspot: comments on "The utility of hotspot mapping
    for predicting spatial patterns of crime". Security Journal, 21, 295-302.
    https://doi.org/10.1057/sj.2008.5

    Examples
    --------
    The flagged quarter held 6 of 8 events and then 5 of 10: (5 / 10) / (6 / 8) = 0.67.

    >>> import xarray as xr
    >>> cells = {"y": [0], "x": [0, 1, 2, 3]}
    >>> past = xr.DataArray([[6, 1, 1, 0]], cells, ["y", "x"])
    >>> later = xr.DataArray([[5, 3, 1, 1]], cells, ["y", "x"])
    >>> forecast = xr.Dataset({"expected_count": past})
    >>> index = recapture_rate_index(forecast, later, earlier=past, area_share=0.25)
    >>> round(float(index), 2)
    0.67
    """
    options = {"area_share": area_share, "cell_area": cell_area}
    now, before = (hit_rate(forecast, counts, **options) for counts in (observed, earlier))
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is not defined and says so
        index = now / before
    return index.rename("recapture_rate_index").assign_attrs(
        long_name="recapture rate index", units="1"
    )
