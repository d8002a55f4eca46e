"""A table of fields, facts and answers become a document; what nobody answered says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hotspot.card.answers import fields_of
from hotspot.card.facts import Facts
from hotspot.card.sentences import facts_in, said_of_each, table_of

NOT_PROVIDED = "NOT PROVIDED"
NOT_MEASURED = "NOT MEASURED"


@dataclass(frozen=True)
class Told:
    """All that documents are made from.

    Attributes
    ----------
    facts : Facts
    answers : mapping
        By document and field.
    answered_in : mapping or None
        Name and hash of the file of answers.
    made_at : str
        When the card was made, by the clock of who made it.
    expired : bool
        Whether the forecast's window was over by then.
    """

    facts: Facts
    answers: Mapping[str, Mapping[str, str]]
    answered_in: Mapping[str, str] | None
    made_at: str
    expired: bool


def head_of(told: Told, document: str, title: str) -> dict[str, Any]:
    """What every document begins with: what was set aside, and whether it is past its window."""
    from hotspot import __version__

    overrides = [
        *said_of_each(
            "A safety rule was set aside. The reason given: “{override.*.reason}”. "
            "Decided by: {override.*.role}.",
            told.facts,
        )
    ]
    return {
        "document": document,
        "title": title,
        "hotspot_version": __version__,
        "made_at": told.made_at,
        "overrides": overrides,
        "expired": told.expired,
    }


def with_facts(content: dict[str, Any], told: Told) -> dict[str, Any]:
    """The document with every fact that it refers to, and its source."""
    used = dict.fromkeys(facts_in(content))
    return {**content, "fact": {key: told.facts[key].to_json() for key in used}}


def field_document(name: str, told: Told) -> dict[str, Any]:
    """A transparency record, model card or datasheet."""
    table = fields_of(name)
    answers = told.answers.get(name, {})
    sections = [
        {
            "title": section["title"],
            "fields": [_filled(field, answers, told.facts) for field in section["fields"]],
        }
        for section in table["sections"]
    ]
    about = ("standard", "standard_version", "reference", "note")
    content = {
        **head_of(told, name, table["title"]),
        **{key: table[key] for key in about},
        "answered_in": told.answered_in,
        "sections": sections,
    }
    return with_facts(content, told)


def evidence_document(told: Told, fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Clauses of three frameworks, each with the evidence there is and what a human must answer.

    Parameters
    ----------
    told : Told
    fields : mapping
        The documents that were filled in, by name; answers are looked up there.
    """
    table = fields_of("evidence")
    frameworks = [
        {**one, "clauses": [_clause(clause, told.facts, fields) for clause in one["clauses"]]}
        for one in table["frameworks"]
    ]
    content = {
        **head_of(told, "evidence", table["title"]),
        "note": table["note"],
        "frameworks": frameworks,
    }
    return with_facts(content, told)


def _filled(field: Mapping[str, Any], answers: Mapping[str, str], facts: Facts) -> dict[str, Any]:
    """One field with its answer, what the run says, and its status in a word."""
    filled = {key: field[key] for key in ("id", "name", "tier", "who") if key in field}
    filled |= {key: field[key] for key in ("checked", "seen") if key in field}
    filled["run"] = [one for line in field.get("run", ()) for one in said_of_each(line, facts)]
    if "table" in field:
        filled["table"] = table_of(field["table"], facts)
    from_run = bool(filled["run"] or filled.get("table", {}).get("rows"))
    if field["who"] != "run":
        filled["answer"] = answers.get(field["id"], NOT_PROVIDED)
    elif not from_run:
        filled["answer"] = NOT_MEASURED
    return filled


def _clause(clause: Mapping[str, Any], facts: Facts, fields: Mapping[str, Any]) -> dict[str, Any]:
    keys = [key.strip() for key in clause["evidence"]]
    found = [one for key in keys for one in said_of_each("{" + key + "}", facts)]
    human = []
    for place in clause["human_required"]:
        document, _, number = place.partition(" ")
        every = [one for section in fields[document]["sections"] for one in section["fields"]]
        field = next(one for one in every if one["id"] == number)
        answer = field.get("answer", NOT_PROVIDED)
        human.append({"field": place, "name": field["name"], "answer": answer})
    missing = [key for key in keys if not said_of_each("{" + key + "}", facts)]
    return {**clause, "found": found, "missing": missing, "human": human}
