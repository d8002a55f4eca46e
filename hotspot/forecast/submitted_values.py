"""What a submitted forecast says of each place, laid out by period and place."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._typing import FloatArray, IntArray
from hotspot.errors import ForecastError, ParameterError
from hotspot.forecast.submitted_columns import (
    PRIMARY,
    member_meanings,
    numbers,
    quantile_levels,
)
from hotspot.forecast.submitted_places import Areas, Lattice

_DIMS = ("time", "y", "x")
_DAYS = {"day": 1.0, "week": 7.0, "year": 365.25}


def labelled(
    table: pd.DataFrame,
    meanings: dict[str, object],
    places: Lattice | Areas,
    *,
    periods: pd.IntervalIndex,
    period: IntArray,
    rate_per: tuple[str, str] | None,
) -> xr.Dataset:
    """The Dataset of a submission, but for what is known of its origin."""
    coords, flat, shape = _layout(places, periods)
    row = period * (shape[1] * shape[2]) + flat
    _require_each_once(row, shape, coords, table)

    def spread(meaning: str) -> FloatArray:
        values = np.full(np.prod(shape), np.nan)
        values[row] = numbers(table[meanings[meaning]], meaning=meaning)
        return values.reshape(shape)

    variables = {}
    for meaning in (*PRIMARY, "count_variance", "probability"):
        if meaning in meanings:
            variables[meaning] = (_DIMS, spread(meaning))
    levels = quantile_levels(list(meanings))
    if levels:
        stacked = np.stack([spread(meaning) for meaning in levels.values()])
        _require_rising(stacked, list(levels))
        variables["count_quantile"] = (("quantile", *_DIMS), stacked)
        coords["quantile"] = list(levels)
    members = member_meanings(list(meanings))
    if members:
        futures = np.stack([spread(meaning) for meaning in members])
        variables["simulated_count"] = (("member", *_DIMS), futures)
        if "expected_count" not in variables:
            variables["expected_count"] = (_DIMS, futures.mean(axis=0))
        if "probability" not in variables:
            chance = np.where(np.isnan(futures).any(axis=0), np.nan, (futures > 0).mean(axis=0))
            variables["probability"] = (_DIMS, chance)
    attributes = {"places": "areas" if isinstance(places, Areas) else "cells"}
    if isinstance(places, Lattice):
        attributes["cell_size"] = places.size
    if "rank" in variables:
        variables["score"] = (_DIMS, -variables.pop("rank")[1])
        attributes["score_is"] = "minus the rank, of which 1 is the hottest"
    if "rate" in variables:
        attributes["rate_per"] = json.dumps(_units(rate_per))
        variables["rate"] = (_DIMS, variables["rate"][1] * _per_period(rate_per, periods))
    elif rate_per is not None:
        raise ParameterError(f"rate_per={rate_per!r} was given, but no column is a rate.")
    if set(variables) == {"probability"}:
        variables["score"] = variables["probability"]
        attributes["score_is"] = "the chance of at least one event"
    kind = _kind(variables)
    return xr.Dataset(variables, coords, {"submission_kind": kind, **attributes})


def _layout(places, periods: pd.IntervalIndex):
    coords = {
        "time": periods.left.tz_localize(None),
        "time_end": ("time", periods.right.tz_localize(None)),
    }
    if isinstance(places, Lattice):
        coords |= {"y": places.y, "x": places.x}
        flat = places.row * places.x.size + places.column
        return coords, flat, (len(periods), places.y.size, places.x.size)
    n = len(places.names)
    outlines = np.empty(n, dtype=object)
    outlines[:] = places.geometry
    coords |= {"y": [0], "x": np.arange(n)}
    coords |= {"area": ("x", np.array(places.names, dtype=object)), "geometry": ("x", outlines)}
    return coords, places.slot, (len(periods), 1, n)


def _require_each_once(row: IntArray, shape, coords, table: pd.DataFrame) -> None:
    times = np.bincount(row, minlength=1)
    if times.max() <= 1:
        return
    slot = int(times.argmax())
    rows = np.flatnonzero(row == slot) + 1
    if "area" in coords:
        place = f"Area {str(coords['area'][1][slot % shape[2]])[:60]!r}"
    else:
        y, x = divmod(slot % (shape[1] * shape[2]), shape[2])
        place = f"The cell at x={coords['x'][x]:g}, y={coords['y'][y]:g}"
    raise ForecastError(
        f"{place} stands {times[slot]} times in one period (rows {rows[:5].tolist()}), and "
        f"{(times > 1).sum()} places of {len(table)} rows stand more than once. Keep one row each."
    )


def _require_rising(stacked: FloatArray, levels: list[float]) -> None:
    if not all(0 < level < 1 for level in levels):
        raise ForecastError(f"Levels of quantiles must be in (0, 1), got {levels}.")
    fallen = np.diff(stacked, axis=0) < 0
    if fallen.any():
        i = int(np.flatnonzero(fallen.any(axis=(1, 2, 3)))[0])
        raise ForecastError(
            f"The quantile of level {levels[i + 1]:g} is below that of {levels[i]:g} in "
            f"{fallen[i].sum()} places."
        )


def _units(rate_per: tuple[str, str] | None) -> tuple[str, str]:
    if rate_per is None:
        raise ParameterError(
            'The file holds a rate. Say of what, such as rate_per=("km2", "day") or ("cell", '
            '"week"); taken for a count it would be wrong by that factor.'
        )
    return rate_per


def _per_period(rate_per: tuple[str, str], periods: pd.IntervalIndex) -> FloatArray:
    """What a rate per time unit must be multiplied by for each period."""
    if rate_per[1] == "period":
        return np.ones((len(periods), 1, 1))
    # Days of the calendar: nobody's rate per day knows of the hour that clocks skip in March.
    length = periods.right.tz_localize(None) - periods.left.tz_localize(None)
    days = np.asarray(length / pd.Timedelta(days=1), float)
    return (days / _DAYS[rate_per[1]])[:, None, None]


def _kind(variables: dict) -> str:
    spreads = {"count_quantile", "simulated_count", "count_variance"} & set(variables)
    if spreads:
        return "distribution"
    if "expected_count" in variables or "rate" in variables:
        return "expected_count"
    return "ranking" if "score" in variables else "flagged"
