"""What a human must answer: read from a short file, or left as NOT PROVIDED."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from hotspot.errors import MissingFileError, StudyError
from hotspot.guards.outcome import settle
from hotspot.guards.persons import identifiers_in

DOCUMENTS = ("atrs", "model_card", "datasheet")  # those that ask
_LONGEST = 20_000  # characters of an answer


@cache
def fields_of(document: str) -> Mapping[str, Any]:
    """The table of fields of a document, as the package holds it."""
    table = files("hotspot.card").joinpath("data", f"{document}.json")
    return json.loads(table.read_text("utf-8"))


def asked_of_humans(document: str) -> Iterator[Mapping[str, Any]]:
    """The fields of a document that a human answers, wholly or beside the run."""
    for section in fields_of(document)["sections"]:
        yield from (field for field in section["fields"] if field["who"] != "run")


def read_answers(path: str | os.PathLike[str]) -> dict[str, dict[str, str]]:
    """Read what humans answered, by document and field.

    Parameters
    ----------
    path : path
        TOML with the tables ``[atrs]``, ``[model_card]`` and ``[datasheet]``, keyed by field:
        ``"2.1.1" = "..."``. :func:`template_of_answers` writes one with every field.

    Returns
    -------
    dict
        Text by document and field; an empty text is no answer.

    Raises
    ------
    MissingFileError
        If there is no such file.
    StudyError
        If it is not TOML, a key is unknown, stands twice, belongs to a field that the run fills,
        or an answer is no text.
    RefusedError
        G1, if an answer holds what identifies persons, in a field that asks for no contact.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "answers.toml"
    >>> _ = path.write_text('[atrs]\\n"0.2" = "Council of Anytown"\\n')
    >>> read_answers(path)
    {'atrs': {'0.2': 'Council of Anytown'}}
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(
            f"There is no file of answers at {path}. `hotspot card --new-answers FILE` writes one "
            "to fill in."
        )
    document = _parsed(path)
    _refuse_unknown(document, DOCUMENTS, f"{path.name}: there is no table")
    answers: dict[str, dict[str, str]] = {}
    for name, given in document.items():
        if not isinstance(given, dict):
            raise StudyError(f"{path.name}: [{name}] must be a table of answers, got {given!r}.")
        known = {field["id"]: field for field in asked_of_humans(name)}
        _refuse_unknown(given, known, f"{path.name}, [{name}]: there is no field to answer")
        texts = {
            key: _answer(f"[{name}] {key!r}", value, known[key]) for key, value in given.items()
        }
        answers[name] = {key: text for key, text in texts.items() if text}
    return answers


def template_of_answers() -> str:
    """A file of answers to fill in: every field that a human answers, with what it asks.

    Examples
    --------
    >>> template_of_answers().splitlines()[0]
    '# Answers for `hotspot card`. Remove the # before a line that you fill in; what stays'
    """
    lines = [
        "# Answers for `hotspot card`. Remove the # before a line that you fill in; what stays",
        "# commented out is printed as NOT PROVIDED. Write roles, not names of persons;",
        "# contacts go only where they are asked for. For several lines take three quotes before",
        "# and after.",
    ]
    for name in DOCUMENTS:
        lines += ["", f"[{name}]", f"# {fields_of(name)['title']}"]
        for field in asked_of_humans(name):
            asks = field["asks"] + (" The run adds to it." if field["who"] == "both" else "")
            lines += ["", f"# {field['name']}. {asks}", f'# "{field["id"]}" = ""']
    return "\n".join(lines) + "\n"


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        return tomllib.loads(text)
    except UnicodeDecodeError:
        raise StudyError(f"{path.name} is not UTF-8 text: save it as such.") from None
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"line (\d+)", str(error))
        lines = text.splitlines()
        number = min(int(where[1]), len(lines)) if where else 0
        line = lines[number - 1].split("=")[0].strip() if number else ""
        if "overwrite" in str(error) or "twice" in str(error):
            raise StudyError(f"{path.name}: the key {line} stands twice ({error}).") from None
        raise StudyError(f"{path.name} is not TOML: {error}, near {line!r}.") from None


def _refuse_unknown(given: Mapping[str, Any], known: Any, said: str) -> None:
    for key in given:
        if key not in known:
            near = get_close_matches(key, list(known), n=3)
            hint = f" Did you mean {', '.join(map(repr, near))}?" if near else ""
            raise StudyError(
                f"{said} {key!r}.{hint} `hotspot card --new-answers FILE` lists all that there are."
            )


def _answer(where: str, value: Any, field: Mapping[str, Any]) -> str:
    if not isinstance(value, str):
        raise StudyError(f"{where} must be text in quotes, got {value!r}.")
    text = value.strip()
    if len(text) > _LONGEST:
        raise StudyError(f"{where} has {len(text):,} characters; {_LONGEST:,} are the most.")
    # Codes that turn a line around, or that a terminal obeys, could make a card read otherwise.
    if hidden := [one for one in text if not one.isprintable() and one not in "\n\t"]:
        raise StudyError(f"{where} holds the invisible character {hidden[0]!r}; remove it.")
    if not field.get("contact") and (found := identifiers_in(text)):
        settle(
            "G1",
            f"The answer {where} seems to hold {', '.join(found)}.",
            remedy="Write a role instead; contacts go only into the fields that ask for them.",
        )
    return text
