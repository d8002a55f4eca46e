"""What intensity a model, a gridded forecast or a function gives at events and anywhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
import xarray as xr
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from hotspot._checks import require_variable
from hotspot._typing import BoolArray, FloatArray
from hotspot.data.events import Events
from hotspot.errors import ForecastError, GridMismatchError, ParameterError, ResolutionError
from hotspot.models.self_exciting.fitted import FittedSelfExciting
from hotspot.models.self_exciting.likelihood import seen_displacement
from hotspot.models.triggering.sums import triggered_intensity

_DAY = pd.Timedelta(days=1)
_UNIT = {"exact": 0.0, "hour": 1 / 24, "day": 1.0}
_PER_KM2 = 1e6  # from per square metre to per square kilometre

Judged = FittedSelfExciting | xr.Dataset | Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class Intensity:
    """A window of events, and what was expected there.

    Attributes
    ----------
    points : (n, 3) float64
        Days since `start`, x, y (metres) of each event, in order of time; spread at random over the
        unit of time and the square of place that is all that is known of them.
    at_events : (n,) float64
        Events per day per km².
    at : function
        The same at any (m, 3) points.
    region : Polygon or MultiPolygon
    crs : CRS
    start : Timestamp
    length : float
        Days.
    """

    points: FloatArray
    at_events: FloatArray
    at: Callable[[FloatArray], FloatArray]
    region: BaseGeometry
    crs: CRS
    start: pd.Timestamp
    length: float


def intensity_of(model: Judged, events: Events | None, *, rng: np.random.Generator) -> Intensity:
    """The intensity of whatever is judged; see :func:`super_thinned_residuals` for what it may be.

    Raises
    ------
    ParameterError
        If the model has no intensity, or `events` are missing.
    """
    if isinstance(model, FittedSelfExciting):
        if events is not None:
            raise ParameterError(
                "A fitted self-exciting model is judged by the events of its own window; leave "
                "events out. For later events judge its forecasts."
            )
        return _of_fit(model, rng)
    if events is None:
        raise ParameterError("Give the events that the forecast or intensity is to be judged by.")
    if isinstance(model, xr.Dataset):
        return _of_forecast(model, events, rng)
    if callable(model):
        return _of_function(model, events, rng)
    raise ParameterError(
        f"{type(model).__name__} has no intensity in continuous time. Judge its forecasts: "
        "issue_forecast(model.fit(events, grid), periods, ...), or a backtest of one model."
    )


def _of_fit(fitted: FittedSelfExciting, rng: np.random.Generator) -> Intensity:
    if fitted.offences:
        raise ParameterError(
            "The model was fitted to several offences, whose residuals overlap. Fit them one at a "
            "time, or judge its forecasts."
        )
    _require_kept_background(fitted)
    record, parts = fitted.record, fitted.estimate.parts
    background, triggered = fitted.likelihood.intensities(parts)
    known = np.column_stack([record.t, record.x, record.y])[record.first :]
    points = known.copy()
    unit = _UNIT[fitted.time_resolution]
    points[:, 0] = np.minimum(known[:, 0] + unit * rng.random(len(known)), record.end)
    if record.place_cell:
        points[:, 1:] = _spread(known[:, 1:], record.place_cell, fitted.grid.region, rng)
    return Intensity(
        points,
        (background + triggered) * _PER_KM2,
        lambda asked: _fits_intensity(fitted, asked) * _PER_KM2,
        fitted.grid.region,
        fitted.grid.crs,
        fitted.window_start,
        record.end,
    )


def _require_kept_background(fitted: FittedSelfExciting) -> None:
    told = str(fitted.background.parameters)
    if fitted.background.map_moves or "background_refresh" in told:
        raise ParameterError(
            "The background's map changes within the window, and a fit keeps the last one only, so "
            "its intensity is known at the events and nowhere else. Judge forecasts instead, such "
            "as a backtest of weeks."
        )


def _spread(centres, side, region, rng) -> FloatArray:
    """Places drawn evenly in the squares about the centres, as far as these lie in the region."""
    found = centres.copy()
    lost = np.arange(len(centres))
    for _ in range(100):
        found[lost] = centres[lost] + side * (rng.random((lost.size, 2)) - 0.5)
        lost = lost[~shapely.intersects_xy(region, *found[lost].T)]
        if lost.size == 0:
            break
    return found


def _fits_intensity(fitted: FittedSelfExciting, asked: FloatArray) -> FloatArray:
    """Background by cells, and what events trigger, at days since the window began, x, y.

    The displacement's density is that between the places as the fit knows them.
    """
    record, parts, grid = fitted.record, fitted.estimate.parts, fitted.grid
    asked = np.asarray(asked, float)
    places = asked[:, 1:]
    if record.place_cell:
        corner, side = np.array(grid.bounds[:2]), record.place_cell
        places = (np.floor((places - corner) / side) + 0.5) * side + corner
    times, event, share = record.roll.sources()
    source_time = times + record.shortest_lag
    t = np.concatenate([source_time, asked[:, 0]])
    # Heard first, then hearing: whoever asks at the very instant of an event does not hear it.
    order = np.argsort(t, kind="stable")
    seen = seen_displacement(record, parts.displacement)
    found = triggered_intensity(
        t[order],
        np.concatenate([record.x[event], places[:, 0]])[order],
        np.concatenate([record.y[event], places[:, 1]])[order],
        productivity=np.append(
            parts.productivity * share * record.factors(parts)[event], np.zeros(len(asked))
        )[order],
        lag=parts.lag,
        displacement=seen.density,
        workers=record.workers,
    ).intensity
    triggered = np.empty(t.size)
    triggered[order] = found * seen.scale
    return _background_at(fitted, asked) + triggered[times.size :]


def _background_at(fitted: FittedSelfExciting, asked: FloatArray) -> FloatArray:
    grid, laid = fitted.grid, fitted.background
    cell = grid.cell_of(asked[:, 1], asked[:, 2])
    density = (laid.cell_share / np.where(grid.inside, grid.inside_area, np.inf)).ravel()[cell]
    rate = fitted.estimate.parts.background_rate * density
    if laid.pattern is None:
        return rate
    stamps = pd.DatetimeIndex(fitted.window_start + pd.to_timedelta(asked[:, 0], unit="D"))
    return rate * laid.pattern.at(stamps)


def _of_function(function: Callable, events: Events, rng: np.random.Generator) -> Intensity:
    return Intensity(
        points := _untied(events, rng),
        np.asarray(function(points), float),
        function,
        events.region,
        events.table.crs,
        events.start,
        (events.end - events.start) / _DAY,
    )


def _untied(events: Events, rng: np.random.Generator) -> FloatArray:
    """Days since the start, x and y; times spread over the hour or day that is known of them."""
    if events.time_resolution == "month":
        raise ResolutionError(
            "The events were recorded by the month, of which an intensity in continuous time says "
            "nothing. Judge a forecast by months instead."
        )
    points = events.coordinates()
    length = (events.end - events.start) / _DAY
    shift = _UNIT[events.time_resolution] * rng.random(len(points))
    points[:, 0] = np.minimum(points[:, 0] + shift, length)
    return points[np.argsort(points[:, 0], kind="stable")]


def _of_forecast(forecast: xr.Dataset, events: Events, rng: np.random.Generator) -> Intensity:
    """Even within each cell and period, as a forecast of counts has it."""
    cells = GriddedIntensity.of(forecast, events.time_zone)
    if events.place_resolution >= cells.cell_size:
        raise ResolutionError(
            f"Places are known to {events.place_resolution:.0f} m, and cells have sides of "
            f"{cells.cell_size:g} m: within a cell there is nothing to see. Forecast larger "
            "cells, or use cell_residuals."
        )
    edges = cells.edges
    start = edges[0]
    days = ((edges - start) / _DAY).to_numpy(float)
    points = events.coordinates()
    points[:, 0] += (events.start - start) / _DAY
    points = points[(points[:, 0] >= 0) & (points[:, 0] < days[-1])]
    slot = np.searchsorted(days, points[:, 0], side="right") - 1
    latest = days[slot + 1]
    if events.time_resolution != "month":
        latest = np.minimum(points[:, 0] + _UNIT[events.time_resolution], latest)
    points[:, 0] += (latest - points[:, 0]) * rng.random(len(points))
    points = points[np.argsort(points[:, 0], kind="stable")]
    at_events = cells.at(points)
    if np.isnan(at_events).any():
        raise GridMismatchError(
            f"{int(np.isnan(at_events).sum())} events lie in cells where the forecast is NaN or "
            "beside its grid. Select the events of the forecast's region."
        )
    region = cells.region(events.region)
    return Intensity(points, at_events, cells.at, region, events.table.crs, start, days[-1])


@dataclass(frozen=True, eq=False)
class GriddedIntensity:
    """Expected counts of cells and periods as a rate that is even within each.

    Attributes
    ----------
    rate : (p, ny, nx) float64
        Per day per km² of the region; NaN outside it.
    x, y : (nx,), (ny,) float64
        Centres; metres.
    edges : DatetimeIndex (p + 1,)
        Of the periods, in UTC.
    """

    rate: FloatArray
    x: FloatArray
    y: FloatArray
    edges: pd.DatetimeIndex

    @classmethod
    def of(cls, forecast: xr.Dataset, time_zone: str) -> GriddedIntensity:
        """Of a forecast, or of one model of a backtest; periods must follow one another.

        Raises
        ------
        ForecastError
            If there are no periods, or cells, or their areas are not told.
        ParameterError
            If several models are left to choose from, or periods overlap or leave a gap.
        """
        expected = require_variable(forecast, "expected_count")
        for name in ("time", "time_end", "inside_area"):
            if name not in forecast.coords and name not in forecast:
                raise ForecastError(
                    f"This needs '{name}' beside 'expected_count', as issue_forecast and backtest "
                    "give it: an intensity is a count over an area and a time."
                )
        leading = [dim for dim in expected.dims if dim not in ("y", "x")]
        when = forecast["time"]
        if set(leading) != set(when.dims):
            spare = [dim for dim in leading if dim not in when.dims]
            raise ParameterError(
                f"The forecast holds several maps along {spare}; choose one, such as "
                f"forecast.isel({', '.join(f'{dim}=0' for dim in spare)})."
            )
        maps = expected.transpose(*when.dims, "y", "x").to_numpy()
        maps = maps.reshape(-1, *maps.shape[-2:])
        begin, end = (
            pd.DatetimeIndex(forecast[name].transpose(*when.dims).to_numpy().ravel())
            .tz_localize(time_zone)
            .tz_convert("UTC")
            for name in ("time", "time_end")
        )
        order = np.argsort(begin)
        begin, end = begin[order], end[order]
        if (begin[1:] != end[:-1]).any():
            first = int(np.flatnonzero(begin[1:] != end[:-1])[0])
            raise ParameterError(
                f"Periods must follow one another: one ends {end[first]}, and the next begins "
                f"{begin[first + 1]}. Take folds whose periods neither overlap nor leave a gap."
            )
        days = ((end - begin) / _DAY).to_numpy(float)
        area = forecast["inside_area"].transpose("y", "x").to_numpy() / _PER_KM2
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = maps[order] / (days[:, None, None] * np.where(area > 0, area, np.nan))
        edges = begin.append(end[-1:])
        return cls(rate, expected["x"].to_numpy(), expected["y"].to_numpy(), edges)

    @property
    def cell_size(self) -> float:
        """Metres."""
        along = self.x if self.x.size > 1 else self.y
        return float(along[1] - along[0])

    def at(self, points: FloatArray) -> FloatArray:
        """Per day per km² at (n, 3) days since the first period, x, y; NaN off the map."""
        days = ((self.edges - self.edges[0]) / _DAY).to_numpy(float)
        half, size = self.cell_size / 2, self.cell_size
        slot = np.clip(np.searchsorted(days, points[:, 0], side="right") - 1, 0, days.size - 2)
        column = np.floor((points[:, 1] - self.x[0] + half) / size).astype(np.int64)
        row = np.floor((points[:, 2] - self.y[0] + half) / size).astype(np.int64)
        on: BoolArray = (column >= 0) & (column < self.x.size) & (row >= 0) & (row < self.y.size)
        found = np.full(len(points), np.nan)
        found[on] = self.rate[slot[on], row[on], column[on]]
        return found

    def region(self, region: BaseGeometry) -> BaseGeometry:
        """The part of a region that the map covers."""
        half = self.cell_size / 2
        inside = np.isfinite(self.rate).all(axis=0)
        row, column = np.nonzero(inside)
        x, y = self.x[column], self.y[row]
        west, south, east, north = region.bounds
        spanned = x.min() - half <= west and x.max() + half >= east
        spanned &= y.min() - half <= south and y.max() + half >= north
        if spanned:
            return region
        return region.intersection(
            shapely.box(self.x[0] - half, self.y[0] - half, self.x[-1] + half, self.y[-1] + half)
        )
