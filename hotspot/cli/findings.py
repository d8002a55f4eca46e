"""What guards had to say, put into a forecast and before the eyes of who reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hotspot.cli.output import say
from hotspot.guards.outcome import Finding

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from hotspot.data.events import Events


def of_few_in_areas(past: Events, areas: gpd.GeoDataFrame) -> tuple[Finding, ...]:
    """G8 for areas with fewer than 30 of the events that a model may learn from."""
    from hotspot.guards.record import of_areas

    shapes = areas[["name", "geometry"]].to_crs(past.table.crs)
    joined = past.table[["geometry"]].sjoin(shapes, predicate="intersects")
    counts = joined["name"].value_counts().reindex(areas["name"], fill_value=0)
    return tuple(of_areas({str(name): int(count) for name, count in counts.items()}))


def with_findings(forecast: xr.Dataset, findings: Iterable[Finding]) -> xr.Dataset:
    """The forecast, its scope with these findings too."""
    scope = json.loads(forecast.attrs["scope"])
    scope["findings"] = [*scope["findings"], *map(asdict, findings)]
    return forecast.assign_attrs(scope=json.dumps(scope))


def findings_of(forecast: xr.Dataset, *, model: str) -> list[dict[str, object]]:
    """What guards remarked or let pass, and what the model found in its data."""
    of_guards = json.loads(forecast.attrs.get("scope", "{}")).get("findings", [])
    of_model = [{"message": one} for one in json.loads(forecast.attrs.get("findings", "[]"))]
    return [{"model": model, **one} for one in (*of_guards, *of_model)]


def say_overridden(findings: Iterable[Mapping[str, Any]]) -> None:
    """What was let pass, and why: it comes before any number."""
    for one in findings:
        if one.get("overridden"):
            say(f"OVERRIDDEN {one['code']}: {one['message']}")
            say(f"  Let pass by {one['role']}: {one['overridden']}")


def say_remarks(findings: Iterable[Mapping[str, Any]]) -> None:
    """What was only remarked, after the numbers."""
    for one in findings:
        if not one.get("overridden"):
            code = f" {one['code']}" if "code" in one else ""
            say(f"  Finding{code}: {one['message']}")
