"""Models of a study, by kind and options; parts of models the same way, inside one another."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hotspot.errors import StudyError
from hotspot.study.checks import checked, unknown

if TYPE_CHECKING:
    import geopandas as gpd

MODEL_KINDS = (
    "HistoricalRate",
    "KernelDensity",
    "ProspectiveMap",
    "Stacked",
    "SeasonalPoisson",
    "EndemicEpidemic",
    "Boosted",
    "WithLevels",
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
    "LevelModel",
    "GaussianShape",
    "ExponentialShape",
    "PowerLawShape",
    "PowerLawDecay",
)
# Parts that `hotspot` does not offer by itself, and where they are.
_MODULES = {
    "GaussianShape": "hotspot.models.parts.shapes",
    "ExponentialShape": "hotspot.models.parts.shapes",
    "PowerLawShape": "hotspot.models.parts.shapes",
    "PowerLawDecay": "hotspot.models.endemic_epidemic.neighbours",
}
_OF_THE_STUDY = ("areas",)  # fields that are filled with the study's areas, named by "name"


def made(
    where: str,
    kind: str,
    options: Iterable[tuple[str, Any]],
    *,
    areas: gpd.GeoDataFrame | None = None,
) -> Any:
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
    areas : GeoDataFrame, optional
        The study's own, for kinds that take areas: a file cannot hold them.

    Raises
    ------
    StudyError
        If an option is not one of its kind's, is not of its type or is refused by it, or a part's
        kind is not known.
    """
    one = getattr(import_module(_MODULES.get(kind, "hotspot")), kind)
    fields = {field.name: field for field in dataclasses.fields(one) if field.init}
    arguments = {name: areas for name in _OF_THE_STUDY if fields.pop(name, None) is not None}
    for key, value in options:
        if key not in fields:
            raise StudyError(unknown(where, key, ["name", "kind", *fields]))
        if _is_part(value):
            arguments[key] = _part(f"{where}, {key}", value, areas)
        elif isinstance(value, list) and value and all(map(_is_part, value)):
            arguments[key] = tuple(
                _part(f"{where}, {key} number {number}", each, areas)
                for number, each in enumerate(value, start=1)
            )
        else:
            arguments[key] = checked(where, key, value, str(fields[key].type))
    missing = [
        name
        for name, field in fields.items()
        if name not in arguments and field.default is field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise StudyError(f"{where} is of kind {kind}, which needs the keys {', '.join(missing)}.")
    try:
        return one(**arguments)
    except (TypeError, ValueError) as error:
        raise StudyError(f"{where} cannot be made: {error}") from error


def _is_part(value: Any) -> bool:
    return isinstance(value, dict)


def _part(where: str, table: dict[str, Any], areas: gpd.GeoDataFrame | None) -> Any:
    known = (*PART_KINDS, *MODEL_KINDS)
    if "kind" not in table:
        raise StudyError(f"{where} needs a kind, one of {', '.join(known)}.")
    if table["kind"] not in known:
        raise StudyError(unknown(where, table["kind"], known, "kind"))
    options = [pair for pair in table.items() if pair[0] != "kind"]
    return made(where, table["kind"], options, areas=areas)
