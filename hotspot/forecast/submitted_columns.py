"""Which column of somebody's file says what: by names that leave no doubt, or as told."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hotspot._typing import FloatArray
from hotspot.errors import FileFormatError, ForecastError, ParameterError, UnknownNameError

# What a row may say of its place. A file says exactly one of these.
PRIMARY = ("expected_count", "rate", "score", "rank", "flagged")
# Names taken without being told, in small letters. "prediction", "value" or "risk" could be
# anything, so they are not among them.
_ALIASES = {
    "expected_count": ("expected_count", "expected", "expected_events"),
    "rate": ("rate", "intensity"),
    "score": ("score", "risk_score"),
    "rank": ("rank",),
    "flagged": ("flagged", "hotspot", "hot_spot", "is_hotspot"),
    "count_variance": ("count_variance", "variance"),
    "probability": ("probability",),
    "x": ("x", "easting"),
    "y": ("y", "northing"),
    "geometry": ("geometry", "wkt"),
    "area": ("area", "name", "area_name", "cell_id", "id"),
    "start": ("time", "start", "period_start"),
    "end": ("time_end", "end", "period_end"),
}
MEANINGS = tuple(_ALIASES)
_QUANTILE = re.compile(r"(?:q|quantile_)(0?\.\d+)")
_MEMBER = re.compile(r"member_?(\d+)")


def columns_by_meaning(
    names: Sequence[object], told: Mapping[str, object] | None
) -> dict[str, object]:
    """The column of each meaning: those told first, then those whose names leave no doubt.

    Quantiles have the meaning ``"q0.05"``, members ``"member_3"``. Where a primary meaning is
    told, no other primary meaning, quantile or member is looked for: a file's scores are judged
    as scores, whatever else it holds.

    Raises
    ------
    UnknownNameError
        If a meaning or a column that is told does not exist.
    ParameterError
        If the file says no primary meaning, or several.
    """
    told = dict(told or {})
    for meaning, name in told.items():
        if meaning not in MEANINGS and not _distribution_of(meaning):
            raise UnknownNameError(
                f"columns: {meaning!r} is no meaning; those known are {', '.join(MEANINGS)}, "
                "quantiles like 'q0.05', and members like 'member_1'."
            )
        if name not in names:
            raise UnknownNameError(
                f"columns: the file has no column {name!r}; it has {_listed(names)}."
            )
    found = _found(names, told)
    given = [meaning for meaning in PRIMARY if meaning in found]
    if len(given) > 1:
        raise ParameterError(
            f"The file says several things of each place: {', '.join(given)}. Say which to judge, "
            f'such as columns={{"{given[0]}": {found[given[0]]!r}}}.'
        )
    spoken = "probability" in found or any(_distribution_of(meaning) for meaning in found)
    if not given and not spoken:
        raise ParameterError(
            f"Which of the columns {_listed(names)} is the forecast, and what does it say? Tell it "
            'with columns={"score": NAME}, or expected_count, rate, rank (1 is the hottest) or '
            "flagged in place of score."
        )
    return found


def _found(names: Sequence[object], told: dict[str, object]) -> dict[str, object]:
    found = dict(told)
    primary_told = any(meaning in PRIMARY for meaning in told)
    taken = set(told.values())
    for name in names:
        lower = str(name).strip().lower()
        whole = _QUANTILE.fullmatch(lower) or _MEMBER.fullmatch(lower)
        if whole and not primary_told and name not in taken:
            prefix = "q" if _QUANTILE.fullmatch(lower) else "member_"
            meaning = f"{prefix}{float(whole.group(1)):g}"
            if found.setdefault(meaning, name) != name:
                raise ParameterError(
                    f"Columns {found[meaning]!r} and {name!r} both say {meaning!r}. Keep one."
                )
    by_lower = {str(name).strip().lower(): name for name in reversed(list(names))}
    for meaning, aliases in _ALIASES.items():
        if meaning in found or (primary_told and meaning in (*PRIMARY, "count_variance")):
            continue
        named = [by_lower[alias] for alias in aliases if alias in by_lower]
        if named and named[0] not in taken:
            found[meaning] = named[0]
    return found


def _distribution_of(meaning: str) -> bool:
    return bool(_QUANTILE.fullmatch(meaning) or _MEMBER.fullmatch(meaning))


def quantile_levels(meanings: Sequence[str]) -> dict[float, str]:
    """Levels in ascending order with their meanings."""
    levels = {
        float(found.group(1)): meaning
        for meaning in meanings
        if (found := _QUANTILE.fullmatch(meaning))
    }
    return dict(sorted(levels.items()))


def member_meanings(meanings: Sequence[str]) -> list[str]:
    """Members in the order of their numbers."""
    return sorted((m for m in meanings if _MEMBER.fullmatch(m)), key=lambda m: int(m[7:]))


def numbers(column: pd.Series, *, meaning: str) -> FloatArray:
    """A column as float64; NaN where it is empty.

    Raises
    ------
    FileFormatError
        If a cell is no number.
    ForecastError
        If a number is infinite, or not one that the meaning allows.
    """
    if column.dtype.kind in "biuf":
        values = column.to_numpy(float)
    else:
        values = np.array([_number(one) for one in column.astype(object)])
    broken = np.isneginf(values) & ~column.isna().to_numpy()
    if broken.any() and column.dtype.kind not in "biuf":
        row = int(np.flatnonzero(broken)[0])
        raise FileFormatError(
            f"Column {column.name!r} holds {str(column.iloc[row])[:40]!r} in row {row + 1}, which "
            f"is no number for {meaning!r}."
        )
    _require_allowed(values, meaning)
    return values


def _number(value: object) -> float:
    """A cell of a column that is not all numbers; minus infinity where it is none."""
    if value is None or value is pd.NA or value is pd.NaT:
        return math.nan
    words = {"true": 1.0, "false": 0.0} | dict.fromkeys(("", "na", "null", "none"), math.nan)
    text = value.strip().lower() if isinstance(value, str) else value
    try:
        return words[text] if text in words else float(text)
    except (TypeError, ValueError):
        return -math.inf


def _require_allowed(values: FloatArray, meaning: str) -> None:
    known = values[~np.isnan(values)]
    if np.isinf(known).any():
        raise ForecastError(f"{meaning!r} is infinite in {np.isinf(known).sum()} rows.")
    if meaning == "flagged" and not np.isin(known, (0.0, 1.0)).all():
        other = known[~np.isin(known, (0.0, 1.0))][0]
        raise ForecastError(f"'flagged' must be 0 or 1 (or true, false), got {other:g}.")
    if meaning == "rank" and (known < 1).any():
        raise ForecastError(f"'rank' must begin at 1, the hottest place; got {known.min():g}.")
    if meaning not in ("score", "x", "y", "flagged", "rank") and (known < 0).any():
        raise ForecastError(
            f"{meaning!r} is negative in {(known < 0).sum()} rows, first {known[known < 0][0]:g}; "
            "a count, a rate or a chance is not."
        )
    if meaning == "probability" and (known > 1).any():
        raise ForecastError(f"'probability' must not exceed 1, got {known.max():g}.")


def _listed(names: Sequence[object]) -> str:
    shown = [str(name)[:40] for name in names]
    return str(shown[:20])[:-1] + (", ...]" if len(shown) > 20 else "]")
