"""What decides the numbers of a backtest, in plain words that two runs can be compared by."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from hotspot.backtesting.content import array_hash
from hotspot.backtesting.tasks import Plan
from hotspot.errors import ParameterError
from hotspot.forecast.issue import crs_name

_SHOWN = 6  # differences that an error lists


def protocol_of(plan: Plan, *, seed: str) -> dict[str, Any]:
    """Models, folds, grid, events, areas, seed, size and versions, ready for JSON.

    Parameters
    ----------
    plan : Plan
    seed : str
        What was kept of the generator, before anything was drawn from it.

    Raises
    ------
    ParameterError
        If a model holds something of which it cannot be said whether it is still the same.
    """
    from hotspot import __version__

    weights = plan.weights
    areas = None
    if weights is not None:
        matrix = weights[0].tocsr()
        parts = (matrix.indptr.astype("<i8"), matrix.indices.astype("<i8"), matrix.data)
        areas = {
            "names": [str(name) for name in weights[1]],
            "weights_sha256": hashlib.sha256(b"".join(p.tobytes() for p in parts)).hexdigest(),
        }
    grid = plan.grid
    return {
        "models": {name: described(model) for name, model in plan.models.items()},
        "order_of_models": list(plan.models),
        "folds": [described(fold) for fold in plan.folds],
        "grid": {
            "crs": crs_name(grid),
            "cell_size": float(grid.cell_size),
            "cells": list(grid.shape),
            "south_west": [float(grid.x[0]), float(grid.y[0])],
            "inside_area_sha256": array_hash(grid.inside_area),
        },
        "events_sha256": plan.events.content_hash(),
        "overrides": described(plan.events.overrides),
        "areas": areas,
        "seed": json.loads(seed),
        "size": int(plan.size),
        "quantiles": [float(level) for level in plan.quantiles],
        "keep_members": bool(plan.keep_members),
        # A generator's streams may change from one version of numpy to the next.
        "versions": {"hotspot": __version__, "numpy": np.__version__},
    }


def described(value: Any) -> Any:
    """A model, or any part of one, as plain values; large arrays and tables as their hash."""
    if value is None or isinstance(value, bool | int | float | str):
        return "nan" if value != value else value  # a NaN would differ from itself
    if isinstance(value, np.generic):
        return described(value.item())
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, pd.IntervalIndex):
        return [f"{one.left.isoformat()}/{one.right.isoformat()}" for one in value]
    if isinstance(value, Mapping):
        return {str(key): described(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [described(one) for one in value]
    if isinstance(value, np.ndarray):
        return {"array_sha256": array_hash(value)}
    if isinstance(value, BaseGeometry):
        return {"geometry_sha256": hashlib.sha256(shapely.to_wkb(value)).hexdigest()}
    if isinstance(value, pd.DataFrame | pd.Series):
        table = value.to_frame() if isinstance(value, pd.Series) else value
        columns = {str(name): array_hash(table[name].astype(str).to_numpy()) for name in table}
        return {"index_sha256": array_hash(table.index.astype(str).to_numpy()), **columns}
    return {"kind": f"{type(value).__module__}.{type(value).__qualname__}", **_state_of(value)}


def _state_of(value: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (field.name for field in dataclasses.fields(value))
        return {name: described(getattr(value, name)) for name in fields}
    if callable(value) or not hasattr(value, "__dict__"):
        raise ParameterError(
            f"Whether {value!r:.80} is the same in another run cannot be said, and a stored "
            "backtest must know it. Use models that are dataclasses of numbers, texts, arrays and "
            "tables, or leave out store=."
        )
    return {name: described(one) for name, one in sorted(vars(value).items())}


def differences(stored: Any, wanted: Any) -> str:
    """What differs between two protocols, in words; empty where nothing does."""
    before, now = dict(_leaves(stored)), dict(_leaves(wanted))
    found = [
        f"{name or 'all'}: {_short(before.get(name))} in the store, {_short(now.get(name))} asked"
        for name in dict.fromkeys([*before, *now])
        if before.get(name, _ABSENT) != now.get(name, _ABSENT)
    ]
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + more


_ABSENT = object()


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from _leaves(one, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value:
        for number, one in enumerate(value):
            yield from _leaves(one, f"{name}[{number}]")
    else:
        yield name, value


def _short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:40]}...{text[-8:]}"
