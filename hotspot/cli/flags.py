"""Flags become a study, as if they had been written in a study file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hotspot.errors import StudyError
from hotspot.study import Study, parse_study, study_document

# Flag -> section and key of the study file; "" is the top level.
_PLACES = {
    "data": ("data", "path"),
    "offence": ("data", "offences"),
    "borough": ("area", "boroughs"),
    "region": ("area", "region"),
    "cell_size": ("grid", "cell_size"),
    "forecast_start": ("forecast", "start"),
    "periods": ("forecast", "periods"),
    "size": ("forecast", "size"),
    "folds_start": ("folds", "start"),
    "folds_end": ("folds", "end"),
    "horizon": ("folds", "horizon"),
    "workers": ("run", "workers"),
    "processes": ("run", "processes"),
    "resume": ("run", "resume"),
    "repair": ("run", "repair"),
    "seed": ("", "seed"),
    "out": ("", "out"),
}


def study_from(
    file: Path | None, *, model: list[str] | None = None, one_model: bool = False, **flags: Any
) -> Study:
    """The study of a file, with what flags say laid over it.

    Parameters
    ----------
    file : Path or None
        A study file; None where the flags say everything.
    model : list of str, optional
        Models in the words of the flag ``--model``, instead of the file's.
    one_model : bool
        Where neither file nor flags name models, take the first default only.
    **flags
        As in `_PLACES`; None means not given.

    Raises
    ------
    StudyError
        If the file or a flag is not understood.
    """
    document = {} if file is None else study_document(file)
    folder = Path() if file is None else file.parent
    given = {flag: value for flag, value in flags.items() if value not in (None, [])}
    for flag, value in given.items():
        section, key = _PLACES[flag]
        table = document if section == "" else document.setdefault(section, {})
        if not isinstance(table, dict):
            raise StudyError(f"[{section}] must be a section with keys, got {table!r}.")
        # Paths of flags are relative to where the command is run, not to the study file.
        table[key] = str(value.resolve()) if isinstance(value, Path) else value
    _one_kind_of_area(document, given)
    if model:
        document["models"] = [_model(text) for text in model]
        document.get("scores", {}).pop("baseline", None)
    elif one_model and "models" not in document:
        document["models"] = [_model("HistoricalRate:window=36 months")]
    if "data" not in document:
        raise StudyError("Say what to read: a study file with [data], or --data PATH.")
    return parse_study(document, folder=folder)


def _one_kind_of_area(document: dict[str, Any], given: dict[str, Any]) -> None:
    """A flag for boroughs replaces the file's region, and the other way round."""
    if "borough" in given and "region" not in given:
        document["area"].pop("region", None)
    if "region" in given and "borough" not in given:
        document["area"].pop("boroughs", None)


def _model(text: str) -> dict[str, Any]:
    """``"KernelDensity:bandwidth=300"`` as the table that a study file would hold."""
    kind, _, options = text.partition(":")
    table: dict[str, Any] = {"kind": kind.strip()}
    for option in filter(None, (one.strip() for one in options.split(","))):
        key, equals, value = option.partition("=")
        if not equals:
            raise StudyError(
                f"--model {text!r}: {option!r} is not KEY=VALUE. Write it like "
                '"HistoricalRate:window=36 months".'
            )
        table[key.strip()] = _value(value.strip())
    # Pictures and tables have room for the values, and their keys go without saying.
    name = ", ".join(str(value) for value in table.values()).replace(", ", " ", 1)
    return {"name": name, **table}


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a text without quotes, which a shell would have taken away
