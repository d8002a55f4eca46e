"""Models of a study, by kind and options; parts of models the same way, inside one another."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from hotspot.errors import StudyError
from hotspot.study.checks import checked, unknown

MODEL_KINDS = (
    "HistoricalRate",
    "KernelDensity",
    "ProspectiveMap",
    "Stacked",
    "SeasonalPoisson",
    "EndemicEpidemic",
    "Boosted",
    "SelfExciting",
)
PART_KINDS = (
    "ConstantBackground",
    "KernelBackground",
    "MapBackground",
    "StackedBackground",
    "PeriodicBackground",
    "ExponentialLag",
    "PowerLawLag",
    "PiecewiseConstantLag",
    "GaussianDisplacement",
    "ExponentialDisplacement",
    "PowerLawDisplacement",
    "StudentDisplacement",
    "PiecewiseConstantDisplacement",
    "FreeLags",
    "GeometricLags",
    "PoissonLags",
)


def made(where: str, kind: str, options: Iterable[tuple[str, Any]]) -> Any:
    """A model, or a part of one, of a kind.

    Parameters
    ----------
    where : str
        What a refusal calls the place in the file.
    kind : str
        Name of the class.
    options : pairs of str and value
        Its arguments. A table with a ``kind`` stands for a part of that kind, a list of such
        tables for several.

    Raises
    ------
    StudyError
        If an option is not one of its kind's, is not of its type or is refused by it, or a part's
        kind is not known.
    """
    import hotspot

    one = getattr(hotspot, kind)
    fields = {field.name: field for field in dataclasses.fields(one) if field.init}
    arguments = {}
    for key, value in options:
        if key not in fields:
            raise StudyError(unknown(where, key, ["name", "kind", *fields]))
        if _is_part(value):
            arguments[key] = _part(f"{where}, {key}", value)
        elif isinstance(value, list) and value and all(map(_is_part, value)):
            arguments[key] = tuple(
                _part(f"{where}, {key} number {number}", each)
                for number, each in enumerate(value, start=1)
            )
        else:
            arguments[key] = checked(where, key, value, str(fields[key].type))
    try:
        return one(**arguments)
    except (TypeError, ValueError) as error:
        raise StudyError(f"{where} cannot be made: {error}") from error


def _is_part(value: Any) -> bool:
    return isinstance(value, dict)


def _part(where: str, table: dict[str, Any]) -> Any:
    known = (*PART_KINDS, *MODEL_KINDS)
    if "kind" not in table:
        raise StudyError(f"{where} needs a kind, one of {', '.join(known)}.")
    if table["kind"] not in known:
        raise StudyError(unknown(where, table["kind"], known, "kind"))
    return made(where, table["kind"], [pair for pair in table.items() if pair[0] != "kind"])
