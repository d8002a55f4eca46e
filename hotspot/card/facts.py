"""A fact is a value read from an artefact, together with where it was read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotspot.errors import FileFormatError, MissingFileError
from hotspot.ledger import file_record

LEFT = "1 - "  # what a share leaves: the path says so
_STATUS = {
    "ok": "no warning",
    "warn": "warning",
    "fail": "FAILED",
    "not_computable": "not measured",
}


@dataclass(frozen=True)
class Fact:
    """One value of a card and its source.

    Attributes
    ----------
    key : str
        What cards call it, such as ``"wrong_share"`` or ``"area.0.expected"``.
    value : float, int or str
        As it stands in the artefact, or what is left of 1 where the path begins with ``1 -``.
    unit : str
        How it is written: "share", "count", "expected", "metres", "date", "status", "number",
        "text".
    file, sha256 : str
        The artefact, by name without folders, and its hash.
    path : str
        Where in it: a JSON pointer, ``attrs:NAME`` with a pointer, ``variable[position]``, or a
        formula over a variable.
    """

    key: str
    value: float | int | str
    unit: str
    file: str
    sha256: str
    path: str

    def to_json(self) -> dict[str, Any]:
        """Plain types, for a card."""
        return {
            "value": self.value,
            "unit": self.unit,
            "text": written(self.value, self.unit),
            "source": {"file": self.file, "sha256": self.sha256, "path": self.path},
        }


class Facts(dict[str, Fact]):
    """All facts of a card, by key."""

    def rows(self, prefix: str) -> Iterator[str]:
        """``prefix.0``, ``prefix.1``, ... as far as there are any."""
        number = 0
        while any(key.startswith(f"{prefix}.{number}.") for key in self):
            yield f"{prefix}.{number}"
            number += 1


class Artefact:
    """A file that facts are read from; its hash is taken before it is read."""

    def __init__(self, path: Path) -> None:
        record = file_record(path)
        self.path, self.name, self.sha256 = path, record["name"], record["sha256"]

    def fact(self, key: str, value: Any, path: str, unit: str = "text") -> Fact:
        """A value of this artefact."""
        plain = value.item() if hasattr(value, "item") else value
        return Fact(key, plain, unit, self.name, self.sha256, path)

    def to_json(self) -> dict[str, str]:
        """Name and hash."""
        return {"name": self.name, "sha256": self.sha256}


class JsonArtefact(Artefact):
    """A JSON file, read once, with a fact for what a pointer leads to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self.content = json.loads(path.read_text("utf-8"), object_pairs_hook=_once)
        except (ValueError, UnicodeDecodeError) as error:
            raise FileFormatError(f"{path} is not JSON as hotspot writes it: {error}.") from None

    def at(self, pointer: str) -> Any:
        """What a JSON pointer (RFC 6901) leads to; None where it leads nowhere."""
        return pointed_at(self.content, pointer)

    def take(self, key: str, pointer: str, unit: str = "text", *, left: bool = False) -> list[Fact]:
        """The fact at a pointer, or nothing where there is none; `left` is what 1 leaves of it."""
        value = self.at(pointer)
        if value is None or value == "":
            return []
        if left:
            return [self.fact(key, 1 - value, LEFT + pointer, unit)]
        return [self.fact(key, value, pointer, unit)]


def require_artefact(path: Path | None, what: str) -> None:
    """Refuse a path to nothing, saying what was to be there."""
    if path is not None and not path.exists():
        raise MissingFileError(f"There is no {what} at {path}.")


def pointed_at(content: Any, pointer: str) -> Any:
    """What a JSON pointer leads to; None where it leads nowhere.

    Examples
    --------
    >>> pointed_at({"results": [{"value": 0.4}]}, "/results/0/value")
    0.4
    """
    for part in pointer.split("/")[1:]:
        if isinstance(content, Mapping):
            content = content.get(part)
        elif isinstance(content, list) and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        else:
            return None
    return content


def written(value: float | int | str, unit: str) -> str:
    """A value as a person reads it.

    Examples
    --------
    >>> written(0.384, "share"), written(12345, "count"), written("2025-01-01T00:00:00", "date")
    ('38%', '12,345', '1 January 2025')
    """
    if isinstance(value, str):
        return _day(value) if unit == "date" else _STATUS[value] if unit == "status" else value
    if unit == "share":
        return f"{value:.0%}" if 0.01 <= value <= 0.99 or value in (0, 1) else f"{value:.1%}"
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "expected":
        return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}"
    if unit == "metres":
        return f"{value:,.0f} m"
    return f"{value:.3g}"


def _day(text: str) -> str:
    import pandas as pd

    day = pd.Timestamp(text)
    return f"{day.day} {day:%B %Y}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return seen
