"""One key of a study file: is it of the type that is meant?"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hotspot.errors import StudyError


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list_of(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and all(test(one) for one in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


# Annotation of the field -> (is it?, what is expected, what becomes of it).
_TYPES: dict[str, tuple[Callable[[Any], bool], str, Callable[[Any], Any]]] = {
    "str": (_is_text, "text in quotes", str),
    "int": (lambda v: isinstance(v, int) and not isinstance(v, bool), "a whole number", int),
    "float": (_is_number, "a number", float),
    "bool": (lambda v: isinstance(v, bool), "true or false", bool),
    "Path": (_is_text, "a path in quotes", Path),
    "tuple[str, ...]": (_is_list_of(_is_text), "a list of texts in quotes", tuple),
    "tuple[float, ...]": (_is_list_of(_is_number), "a list of numbers", tuple),
}


def checked(where: str, key: str, value: Any, kind: str, base: Path = Path()) -> Any:
    """`value` as the type that the annotation `kind` names; other annotations pass as they are.

    TOML has no word for nothing: "none" stands for it where it may be said and a text may not.
    """
    kinds = [one.strip() for one in kind.split("|")]
    if value == "none" and "None" in kinds and not {"str", "Path"} & set(kinds):
        return None
    wanted = [_TYPES.get(one) for one in kinds if one != "None"]
    if None in wanted:
        return value
    for is_one, _, become in filter(None, wanted):
        if is_one(value):
            # A path that is absolute stays as it is when joined.
            return base / value if become is Path else become(value)
    expected = " or ".join(expected for _, expected, _ in filter(None, wanted))
    raise StudyError(f"{where}: {key} must be {expected}, got {value!r}.")


def unknown(where: str, given: str, known: Any, what: str = "key") -> str:
    """A sentence that says which word is not known, and the near ones."""
    names = [str(name) for name in known]
    near = get_close_matches(str(given), names, n=3, cutoff=0.5)
    hint = (
        f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {', '.join(names)}."
    )
    return f"{where} has no {what} {given!r}. {hint}"
