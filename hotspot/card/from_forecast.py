"""Facts of a forecast: what was flagged, what is expected, what it was made of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from hotspot.card.facts import Artefact, Fact, pointed_at

_ATTRIBUTES = {
    "issued_at": "date", "data_cutoff": "date", "model": "text", "parameters": "text",
    "entropy": "text", "n_members": "count", "interval_kind": "text", "time_zone": "text",
    "time_resolution": "text", "place_resolution": "metres", "cell_size": "metres",
    "crs": "text", "input_sha256": "text", "hotspot_version": "text", "note": "text",
}  # fmt: skip
LEVEL = 0.9  # of the bounds that are shown


def facts_of_forecast(
    forecast: xr.Dataset, artefact: Artefact, *, area_share: float
) -> Iterator[Fact]:
    """All that cards say of a forecast, with where in the file it stands."""
    for name, unit in _ATTRIBUTES.items():
        if (value := forecast.attrs.get(name)) not in (None, ""):
            yield artefact.fact(name, value, f"attrs:{name}", unit)
    yield from _window(forecast, artefact)
    yield from _scope(forecast, artefact)
    yield from _cells(forecast, artefact, area_share)
    yield from _areas(forecast, artefact)


def flagged_cells(forecast: xr.Dataset, *, area_share: float) -> xr.DataArray:
    """How much of each cell is flagged in the first period. (y, x)"""
    from hotspot.evaluate.flags import flag_cells

    return flag_cells(forecast[["expected_count"]].isel(time=0), area_share=area_share)


def _window(forecast: xr.Dataset, artefact: Artefact) -> Iterator[Fact]:
    start, end = (
        np.datetime_as_string(forecast[name].values[0], unit="s") for name in ("time", "time_end")
    )
    yield artefact.fact("window_start", start, "time[0]", "date")
    yield artefact.fact("window_end", end, "time_end[0]", "date")
    yield artefact.fact("periods", forecast.sizes["time"], "len(time)", "count")


def _scope(forecast: xr.Dataset, artefact: Artefact) -> Iterator[Fact]:
    scope = json.loads(forecast.attrs.get("scope", "{}"))

    def fact(key: str, pointer: str, unit: str = "text") -> Iterator[Fact]:
        value = pointed_at(scope, pointer)
        if value not in (None, ""):
            yield artefact.fact(key, value, f"attrs:scope{pointer}", unit)

    yield from fact("events", "/events", "count")
    for number in range(len(scope.get("offences", ()))):
        yield from fact(f"offence.{number}.name", f"/offences/{number}")
    passed = 0
    for number, finding in enumerate(scope.get("findings", ())):
        row, place = f"finding.{number}", f"/findings/{number}"
        for part in ("code", "message", "overridden", "role"):
            yield from fact(f"{row}.{part}", f"{place}/{part}")
        if finding.get("overridden"):
            yield from fact(f"override.{passed}.code", f"{place}/code")
            yield from fact(f"override.{passed}.reason", f"{place}/overridden")
            yield from fact(f"override.{passed}.role", f"{place}/role")
            yield from fact(f"override.{passed}.message", f"{place}/message")
            passed += 1
    for number, note in enumerate(json.loads(forecast.attrs.get("findings", "[]"))):
        yield artefact.fact(f"remark.{number}.text", note, f"attrs:findings/{number}")


def _cells(forecast: xr.Dataset, artefact: Artefact, area_share: float) -> Iterator[Fact]:
    expected = forecast["expected_count"].isel(time=0)
    flags = flagged_cells(forecast, area_share=area_share)
    of = f"flag_cells(expected_count[0], area_share={area_share:g})"
    area = forecast["inside_area"]
    yield artefact.fact("cells", int(expected.notnull().sum()), "count(expected_count[0])", "count")
    total = float(expected.sum())
    yield artefact.fact("expected_total", total, "sum(expected_count[0])", "expected")
    yield artefact.fact("flagged_cells", int((flags > 0).sum()), f"count({of} > 0)", "count")
    share = float((flags * area).sum() / area.sum())
    yield artefact.fact(
        "flagged_share", share, f"sum({of} * inside_area) / sum(inside_area)", "share"
    )
    caught = float((flags * expected).sum())
    yield artefact.fact("flagged_expected", caught, f"sum({of} * expected_count[0])", "expected")


def _areas(forecast: xr.Dataset, artefact: Artefact) -> Iterator[Fact]:
    if "area_expected_count" not in forecast:
        return
    levels: Any = forecast["quantile"].to_numpy()
    ends = [_nearest(levels, wanted) for wanted in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)]
    for name, end in zip(("bound_low", "bound_high"), ends, strict=True):
        yield artefact.fact(name, levels[end], f"quantile[{end}]", "share")
    for number, name in enumerate(forecast["area"].values):
        yield artefact.fact(f"area.{number}.name", str(name), f"area[{number}]")
        mean = float(forecast["area_expected_count"].values[0, number])
        if np.isnan(mean):
            continue  # outside the region
        yield artefact.fact(
            f"area.{number}.expected", mean, f"area_expected_count[0,{number}]", "expected"
        )
        for side, end in zip(("low", "high"), ends, strict=True):
            value = float(forecast["area_count_quantile"].values[end, 0, number])
            place = f"area_count_quantile[{end},0,{number}]"
            yield artefact.fact(f"area.{number}.{side}", value, place, "expected")


def _nearest(levels: Any, wanted: float) -> int:
    return int(np.abs(levels - wanted).argmin())
