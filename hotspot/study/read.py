"""A study file becomes a `Study`, or an error that names the key and what was expected."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from hotspot.errors import ParameterError, StudyError
from hotspot.guards.outcome import Override
from hotspot.study.checks import checked, unknown
from hotspot.study.models import MODEL_KINDS
from hotspot.study.parts import (
    FEWEST_EARLIER,
    Study,
    StudyArea,
    StudyData,
    StudyFolds,
    StudyForecast,
    StudyGrid,
    StudyModel,
    StudyRun,
    StudyScores,
    folder_name,
)


def read_study(path: str | os.PathLike[str]) -> Study:
    """Read a study file, or say which line or key is wrong and what was expected.

    Parameters
    ----------
    path : path
        A TOML file; paths in it are relative to its folder.

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        If the file is missing or not TOML, or a key is unknown, missing, of the wrong
        type or out of range.

    Examples
    --------
    >>> study = read_study(example_study_path())
    >>> study.area.boroughs[:2], study.grid.cell_size, [model.kind for model in study.models]
    (('Camden', 'Hackney'), 250.0, ['HistoricalRate', 'HistoricalRate', 'KernelDensity'])
    """
    return parse_study(study_document(path), folder=Path(path).parent)


def study_document(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The content of a study file as it stands, unchecked but for being TOML.

    Parameters
    ----------
    path : path

    Raises
    ------
    StudyError
        If it cannot be read as TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StudyError(f"The study file {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not a TOML file in UTF-8: {error}.") from None


def parse_study(document: Mapping[str, Any], *, folder: str | os.PathLike[str] = ".") -> Study:
    """Check what a study file holds.

    Parameters
    ----------
    document : mapping
        As :mod:`tomllib` gives it.
    folder : path
        What relative paths are relative to.

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        If a key is unknown, missing, of the wrong type or out of range.

    Examples
    --------
    >>> parse_study({"data": {"path": "archive.zip"}, "grid": {"cel_size": 500}})
    Traceback (most recent call last):
    hotspot.errors.StudyError: [grid] has no key 'cel_size'. Did you mean 'cell_size'?
    """
    base = Path(folder)
    sections = {
        "data": StudyData, "area": StudyArea, "grid": StudyGrid, "folds": StudyFolds,
        "forecast": StudyForecast, "scores": StudyScores, "run": StudyRun,
    }  # fmt: skip
    known = [part.name for part in dataclasses.fields(Study)]
    for key in document:
        if key not in known:
            raise StudyError(unknown("A study", key, known))
    if "data" not in document:
        raise StudyError('A study needs a section [data] with path = "...", what to read.')
    parts: dict[str, Any] = {}
    for name, section in sections.items():
        if name in document:
            parts[name] = _section(f"[{name}]", document[name], section, base)
    if "models" in document:
        parts["models"] = _models(document["models"])
    if "override" in document:
        parts["override"] = _overrides(document["override"])
    for key, kind in (("seed", "int"), ("out", "Path"), ("ledger", "Path")):
        if key in document:
            parts[key] = checked("A study", key, document[key], kind, base)
    return _consistent(Study(**parts))


def example_study_path() -> Path:
    """The documented study file that comes with hotspot; ``hotspot demo`` runs it.

    Raises
    ------
    FileNotFoundError
        If it was stripped from the installation.

    Examples
    --------
    >>> example_study_path().name
    'study.example.toml'
    """
    package = Path(__file__).resolve().parents[1]
    # A wheel carries it beside the sample data; a source checkout keeps it with the documents.
    for folder in (package / "sample", package.parent / "docs"):
        if (folder / "study.example.toml").is_file():
            return folder / "study.example.toml"
    raise FileNotFoundError(
        "study.example.toml is not part of this installation of hotspot. Install "
        "hotspot-forecast again, or work in a full checkout."
    )


def _models(given: Any) -> tuple[StudyModel, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(m, dict) for m in given):
        raise StudyError("Models are given as one or more [[models]], each with name and kind.")
    models = []
    for number, table in enumerate(given, 1):
        where = f"[[models]] number {number}"
        if "kind" not in table:
            raise StudyError(f"{where} needs a kind, one of {', '.join(MODEL_KINDS)}.")
        kind = checked(where, "kind", table["kind"], "str")
        if kind not in MODEL_KINDS:
            raise StudyError(unknown(where, kind, MODEL_KINDS, "kind"))
        name = checked(where, "name", table.get("name", kind), "str")
        options = {key: value for key, value in table.items() if key not in ("name", "kind")}
        models.append(StudyModel(name, kind, tuple(options.items())))
    return tuple(models)


def _overrides(given: Any) -> tuple[Override, ...]:
    keys = ("guard", "reason", "role")
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise StudyError("Overrides are given as [[override]], each with guard and reason.")
    overrides = []
    for number, table in enumerate(given, 1):
        where = f"[[override]] number {number}"
        for key in table:
            if key not in keys:
                raise StudyError(unknown(where, key, keys))
        said = {key: checked(where, key, value, "str") for key, value in table.items()}
        try:
            overrides.append(Override(said.pop("guard", ""), said.pop("reason", ""), **said))
        except ParameterError as error:
            raise StudyError(f"{where}: {error}") from None
    return tuple(overrides)


def _section(where: str, table: Any, section: type, base: Path) -> Any:
    if not isinstance(table, dict):
        raise StudyError(f"{where} must be a section with keys, got {table!r}.")
    parts = {part.name: part for part in dataclasses.fields(section)}
    for key in table:
        if key not in parts:
            raise StudyError(unknown(where, key, parts))
    for name, part in parts.items():
        if part.default is MISSING and name not in table:
            raise StudyError(f"{where} needs the key {name}.")
    return section(
        **{key: checked(where, key, v, str(parts[key].type), base) for key, v in table.items()}
    )


def _consistent(study: Study) -> Study:
    """What one key says about another."""
    if study.area.boroughs and study.area.region is not None:
        raise StudyError("[area] must give boroughs or region, not both.")
    folders: dict[str, str] = {}
    for model in study.models:
        model.build()
        folder = folder_name(model.name)
        if folder in folders:
            raise StudyError(
                f"[[models]] {folders[folder]!r} and {model.name!r} need names that differ in "
                "letters or digits: results are filed under them."
            )
        folders[folder] = model.name
    names = [model.name for model in study.models]
    if study.baseline not in names:
        raise StudyError(unknown("[scores] baseline:", study.baseline, names, "model called"))
    shares = study.scores.area_shares
    if not shares or not all(0 < share <= 1 for share in shares):
        raise StudyError(f"[scores] area_shares must lie in (0, 1], got {list(shares)}.")
    if not {0.05, 0.95} <= set(study.forecast.quantiles):
        raise StudyError(
            "[forecast] quantiles must hold 0.05 and 0.95, the 90 % bounds that the tables show; "
            f"got {list(study.forecast.quantiles)}."
        )
    for key in ("periods", "size"):
        if getattr(study.forecast, key) < 1:
            raise StudyError(
                f"[forecast] {key} must be at least 1, got {getattr(study.forecast, key)}."
            )
    earlier = study.forecast.recalibrate
    if earlier is not None and earlier < FEWEST_EARLIER:
        raise StudyError(
            f"[forecast] recalibrate must be at least {FEWEST_EARLIER} earlier forecasts, got "
            f"{earlier}."
        )
    if earlier is not None and study.forecast.length != "month":
        raise StudyError('[forecast] recalibrate is for forecasts by the month: length = "month".')
    if study.run.workers < 1:
        raise StudyError(f"[run] workers must be at least 1, got {study.run.workers}.")
    if study.run.repair and not study.run.resume:
        raise StudyError("[run] repair makes stored forecasts anew: it needs resume = true.")
    if study.seed < 0:
        raise StudyError(f"seed must be 0 or more, got {study.seed}.")
    return study
