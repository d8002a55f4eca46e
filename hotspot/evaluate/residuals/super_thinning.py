"""Super-thinning: events and added points that are evenly spread if the intensity is right."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from hotspot._checks import require_generator
from hotspot._typing import FloatArray
from hotspot.data.events import Events
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.evaluate.residuals.intensity import Judged, intensity_of

_PER_KM2 = 1e6


@dataclass(frozen=True, eq=False)
class SuperThinned:
    """What super-thinning left: a homogeneous Poisson process, if the intensity is right.

    Attributes
    ----------
    table : GeoDataFrame
        One row a point, in order of time: ``days`` since `start`, ``added`` (False for an event
        that was kept), ``geometry``.
    rate : float
        Of the process that it should be; points per day per km².
    region : Polygon or MultiPolygon
    start : Timestamp
    length : float
        Days.

    Examples
    --------
    >>> from hotspot import load_sample
    >>> left = super_thinned_residuals(
    ...     lambda points: np.full(len(points), 0.18),  # the mean of the sample, per day per km²
    ...     load_sample("exact"),
    ...     rng=np.random.default_rng(1),
    ...     rate=0.05,
    ... )
    >>> round(left.expected), left.coordinates().shape[1]
    (1239, 3)
    """

    table: gpd.GeoDataFrame
    rate: float
    region: BaseGeometry
    start: pd.Timestamp
    length: float

    @property
    def expected(self) -> float:
        """How many points there should be."""
        return self.rate * self.region.area / _PER_KM2 * self.length

    def coordinates(self) -> FloatArray:
        """Days since `start`, x, y (metres); (n, 3), in order of time."""
        places = shapely.get_coordinates(self.table.geometry.to_numpy())
        return np.column_stack([self.table["days"].to_numpy(float), places])


def super_thinned_residuals(
    model: Judged,
    events: Events | None = None,
    *,
    rng: np.random.Generator,
    rate: float | None = None,
) -> SuperThinned:
    r"""Residual points of an intensity: events thinned where many are expected, others added.

    Each event is kept with probability :math:`\min(1, k / \lambda_i)`, and points are added
    with intensity :math:`\max(0, k - \lambda(t, s))`. If :math:`\lambda` is right, the points that
    result are a homogeneous Poisson process of rate k: evenly spread over the region and the
    window, and independent. Where they cluster the model expected too few; where they leave a hole,
    too many.

    Parameters
    ----------
    model : FittedSelfExciting, Dataset or function
        A fitted point process, judged on the events of its own window; a forecast, or one
        model of a backtest whose periods follow one another, taken as even within each cell and
        period; or a function of (n, 3) points, days since ``events.start``, x and y in metres, that
        gives events per day per km².
    events : Events, optional
        What was recorded; for forecasts and functions.
    rng : Generator
    rate : float, optional
        k; points per day per km². Default the mean of events in the window. A low one
        keeps few events and adds few points; a high one adds points that drown the events. Both
        lose power.

    Returns
    -------
    SuperThinned
        For :func:`space_time_k_test`, :func:`inhomogeneous_k` and pictures.

    Raises
    ------
    ParameterError
        If the model has no intensity, its background's map changes in the window of the fit, or
        `rate` is not positive.
    ResolutionError
        If events are known to cells only, or by the month where the model has no months.
    GridMismatchError
        If events lie where the forecast is NaN.
    TooFewEventsError
        If there are no events in the window.

    See Also
    --------
    space_time_k_test : Whether the points are evenly spread at all scales at once.
    voronoi_residuals, cell_residuals : Where too few and where too many were expected.

    Notes
    -----
    Chance decides which points remain: repeat with other generators before believing in one
    pattern. A fit is judged by the events that it was fitted to, so too mildly. Its background
    is taken as even within each cell at points that are added, and at events as the likelihood has
    it (of kernels, without the event itself).

    What is known to an hour, a day or a square only is spread over it at random, and clustering
    within it cannot be seen; nor can an error on a scale that too few points show.

    References
    ----------
    Clements, R. A., Schoenberg, F. P., & Veen, A. (2012). Evaluation of space-time point process
    models using super-thinning. Environmetrics, 23, 606-616. https://doi.org/10.1002/env.2168

    Examples
    --------
    >>> from hotspot import load_sample
    >>> events = load_sample("exact").select(start="2024-12-01")
    >>> mean = len(events) / events.region.area * 1e6 / 31
    >>> left = super_thinned_residuals(
    ...     lambda points: np.full(len(points), mean), events, rng=np.random.default_rng(1)
    ... )
    >>> len(left.table) == len(events), bool(left.table["added"].any())  # nothing to put right
    (True, False)
    """
    require_generator(rng)
    found = intensity_of(model, events, rng=rng)
    if len(found.points) == 0:
        raise TooFewEventsError("There are no events in the window: nothing to judge by.")
    area = found.region.area / _PER_KM2
    if rate is None:
        rate = len(found.points) / (area * found.length)
    if not (np.isfinite(rate) and rate > 0):
        raise ParameterError(
            f"rate must be a positive number of points per day per km², got {rate}."
        )
    _require_intensity(found.at_events)
    keep = rng.random(len(found.points)) * found.at_events < rate
    added = random_points(found.region, found.length, rate=rate, rng=rng)
    at_added = found.at(added)
    _require_intensity(at_added)
    # A point of the even process stands where events are too few by just that share.
    added = added[rng.random(len(added)) * rate < rate - at_added]
    points = np.concatenate([found.points[keep], added])
    order = np.argsort(points[:, 0], kind="stable")
    points = points[order]
    table = gpd.GeoDataFrame(
        {"days": points[:, 0], "added": (np.arange(len(points)) >= keep.sum())[order]},
        geometry=gpd.points_from_xy(points[:, 1], points[:, 2]),
        crs=found.crs,
    )
    return SuperThinned(table, float(rate), found.region, found.start, found.length)


def random_points(
    region: BaseGeometry, length: float, *, rate: float, rng: np.random.Generator
) -> FloatArray:
    """A homogeneous Poisson process in a region and a window; (n, 3) days, x, y.

    Parameters
    ----------
    region : Polygon or MultiPolygon
    length : float
        Days.
    rate : float
        Points per day per km².
    rng : Generator
    """
    west, south, east, north = region.bounds
    box_area = (east - west) * (north - south) / _PER_KM2
    drawn = rng.random((rng.poisson(rate * box_area * length), 3))
    drawn = np.array([0.0, west, south]) + drawn * np.array([length, east - west, north - south])
    shapely.prepare(region)
    return drawn[shapely.contains_xy(region, drawn[:, 1], drawn[:, 2])]


def _require_intensity(values: FloatArray) -> None:
    wrong = ~np.isfinite(values) | (values < 0)
    if wrong.any():
        raise ParameterError(
            f"The intensity is negative, NaN or infinite at {int(wrong.sum())} of {values.size} "
            f"points, first {values[wrong][0]}. It must be 0 or more everywhere in the region."
        )
