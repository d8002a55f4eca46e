"""Each clause has its evidence, or the human who must answer; none is said to be met."""

import json

import pytest

from hotspot.card.answers import DOCUMENTS, fields_of
from hotspot.card.sentences import said_of_each

FRAMEWORKS = {one["id"]: one["clauses"] for one in fields_of("evidence")["frameworks"]}
CLAUSES = [clause for clauses in FRAMEWORKS.values() for clause in clauses]
FIELDS = {
    f"{name} {field['id']}"
    for name in DOCUMENTS
    for section in fields_of(name)["sections"]
    for field in section["fields"]
}


def test_the_covenant_has_six_principles_and_algo_care_eight_letters():
    assert [one["title"] for one in FRAMEWORKS["covenant"]] == [
        "Lawful", "Transparent", "Explainable", "Responsible", "Accountable", "Robust",
    ]  # fmt: skip
    assert "".join(one["title"][0] for one in FRAMEWORKS["algo_care"]) == "ALGOCARE"


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause["id"])
def test_every_clause_has_evidence_or_a_human_who_must_answer(clause):
    assert clause["evidence"] or clause["human_required"]
    assert set(clause["human_required"]) <= FIELDS


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause["id"])
def test_every_key_of_evidence_is_a_fact_that_some_run_has(clause, full):
    known = {**full.facts, "finding.0.message": None, "override.0.reason": None}
    for key in clause["evidence"]:
        prefix, *_ = key.split("*")
        assert key in known or ("*" in key and any(one.startswith(prefix) for one in known)), key


def test_clauses_have_names_of_their_own():
    assert len({clause["id"] for clause in CLAUSES}) == len(CLAUSES)


def test_the_page_shows_what_was_found_what_is_missing_and_what_humans_answered(full):
    document = json.loads((full.folder / "evidence.json").read_text())
    clauses = {one["id"]: one for part in document["frameworks"] for one in part["clauses"]}
    robust = clauses["covenant.robust"]
    assert robust["found"][0] == {"text": "39%", "facts": ["wrong_share"]}
    assert clauses["covenant.accountable"]["missing"] == ["override.*.reason"]
    answers = {one["field"]: one["answer"] for one in clauses["psed.149.1.c"]["human"]}
    assert answers == {"model_card consulted": "The residents' panel"}
    assert "evidence, not compliance" in document["title"].lower()


def test_a_row_is_made_for_every_audit_of_a_code(full):
    told = said_of_each("{audit.A3.*.reading}", full.facts)
    assert [one["text"] for one in told] == ["One group lives under more flags."]
