"""Sentences with facts in them: the words are ours, each number is a fact's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hotspot.card.facts import Facts, written

_FIELD = re.compile(r"\{([\w.*]+)(?::(\w+))?\}")
NO_NUMBER = "–"  # of a table's cell for which there is no fact


def said(template: str, facts: Facts) -> dict[str, Any] | None:
    """A sentence and the facts in it; None where one of them is missing.

    ``{wrong_share}`` is replaced by the fact as its unit is written, ``{wrong_share:in100}`` by
    how many that is of a hundred.

    Examples
    --------
    >>> from hotspot.card.facts import Fact
    >>> facts = Facts(wrong_share=Fact("wrong_share", 0.384, "share", "a.json", "", "/value"))
    >>> said("{wrong_share:in100} of a hundred flags", facts)["text"]
    '38 of a hundred flags'
    """
    used = [match[1] for match in _FIELD.finditer(template)]
    if any(key not in facts for key in used):
        return None
    return {
        "text": _FIELD.sub(lambda match: _text(facts, match), template),
        "facts": sorted(set(used)),
    }


def said_of_each(template: str, facts: Facts) -> list[dict[str, Any]]:
    """One sentence for every row that the stars in a template's keys stand for.

    ``{area.*.name}: {area.*.expected}`` gives one sentence an area.
    """
    if "*" not in template:
        one = said(template, facts)
        return [] if one is None else [one]
    found = (said(_bound(template, stars), facts) for stars in rows_of([template], facts))
    return [one for one in found if one is not None]


def table_of(columns: Mapping[str, str], facts: Facts) -> dict[str, Any]:
    """A table with one row for all that the stars stand for; a cell without its fact is a dash."""
    rows = []
    for stars in rows_of(columns.values(), facts):
        cells = [said(_bound(template, stars), facts) for template in columns.values()]
        rows.append([one or {"text": NO_NUMBER, "facts": []} for one in cells])
    return {"columns": list(columns), "rows": rows}


def rows_of(templates: Sequence[str] | Any, facts: Facts) -> Iterator[tuple[str, ...]]:
    """What the stars stand for, in the order of the facts."""
    keys = [match[1] for one in templates for match in _FIELD.finditer(one) if "*" in match[1]]
    longest = max(keys, key=lambda key: key.count("*"), default="")
    upto = longest[: longest.rfind("*") + 1]
    pattern = re.compile(re.escape(upto).replace(r"\*", r"(\w+)") + r"\.")
    met: dict[tuple[str, ...], None] = {}
    for key in facts if longest else ():
        if (match := pattern.match(key)) is not None:
            met[match.groups()] = None
    yield from met


def _bound(template: str, stars: Sequence[str]) -> str:
    """The template with its stars replaced; a key with fewer stars takes the first ones."""

    def bind(match: re.Match[str]) -> str:
        left = iter(stars)
        key = re.sub(r"\*", lambda _: next(left), match[1])
        return "{" + key + (f":{match[2]}" if match[2] else "") + "}"

    return _FIELD.sub(bind, template)


def _text(facts: Facts, match: re.Match[str]) -> str:
    fact = facts[match[1]]
    if match[2] == "in100":
        return f"{100 * float(fact.value):.0f}"
    return written(fact.value, fact.unit)


def facts_in(content: Any) -> Iterator[str]:
    """Keys of all facts that a document refers to."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key == "facts" and isinstance(value, list):
                yield from value
            else:
                yield from facts_in(value)
    elif isinstance(content, list):
        for one in content:
            yield from facts_in(one)
