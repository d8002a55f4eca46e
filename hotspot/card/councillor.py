"""The page for a councillor: short sentences, the bad news first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hotspot.card.document import Told, head_of, with_facts
from hotspot.card.facts import Facts
from hotspot.card.sentences import said, said_of_each, table_of

BENEFIT = {
    "none": "No demonstrated benefit. In tests it did not do better than a simple map.",
    "worse": "It did worse than a simple map. A simple map would serve better.",
    "some": "In tests it did better than every simple map that it was held against.",
    "unknown": "Not measured. Nobody has shown that it does better than a simple map.",
}
_QUESTIONS = {
    "A2": "Is it better than a simple map?",
    "A3": "Do some groups live under more flags?",
    "A4": "Do flags follow what is recorded, for each group?",
    "A5": "Do a few places bear most of the flags?",
    "A6": "Are the same places flagged all the time?",
    "A7": "What if some places report less?",
    "A7b": "What if reporting differs as we assume?",
    "A8": "Does it feed on its own flags?",
    "A9": "Does it count what police went looking for?",
    "A10": "Is it better than chance, given how places are published?",
    "A11": "Did the way of recording change?",
    "A12": "Is it as right for one group as for another?",
    "A13": "Does it catch as much for each group?",
    "A14": "Are its errors the same for each group?",
    "A15": "What would equal shares cost?",
    "A16": "Would a small change give another map?",
    "A17": "Do we know who lives in each square?",
}


def councillor_page(told: Told, picture: dict[str, str] | None) -> dict[str, Any]:
    """One plain page: how often it is wrong, what it says, what is not known, how to check it."""
    facts = told.facts
    sections = [
        {"title": "What was flagged?", **_flagged(facts), "picture": picture},
        {"title": "What is expected?", **_expected(facts)},
        {"title": "Does it help?", "lines": list(_benefit(facts))},
        {"title": "Who lives under the flags?", "lines": list(_groups(facts))},
        {"title": "What did the checks find?", **_checks(facts)},
        {"title": "What is not known?", "list": list(_unknown(facts))},
        {"title": "What to ask", "list": list(_questions())},
        {"title": "How can you check this?", "list": list(_how_to_check(facts))},
    ]
    content = {
        **head_of(told, "councillor", "How far can you trust this map?"),
        "headline": _headline(facts),
        "sections": sections,
    }
    return with_facts(content, told)


def _lines(facts: Facts, *templates: str) -> list[dict[str, Any]]:
    return [one for template in templates for one in said_of_each(template, facts)]


def _headline(facts: Facts) -> dict[str, Any]:
    number = said("{wrong_share:in100} out of every hundred", facts)
    if number is None:
        lines = "How often this map is wrong has not been measured. Do not rely on it."
        return {"number": None, "lines": [{"text": lines, "facts": []}]}
    lines = _lines(
        facts,
        "The true figure is likely to be between {wrong_low:in100} and {wrong_high:in100}.",
        "This comes from tests on {wrong_windows} past periods. Each time, the map was drawn first "
        "and then held against what came.",
        "Of all recorded offences, {caught_share:in100} out of a hundred fell in flagged "
        "places. The rest fell where there was no flag.",
    )
    return {"number": number, "says": "flagged places saw no recorded offence.", "lines": lines}


def _flagged(facts: Facts) -> dict[str, Any]:
    lines = _lines(
        facts,
        "Kind of offence: {offence.*.name}.",
        "Time: {window_start} until before {window_end}. Do not use it after that.",
        "Flagged: {flagged_cells} squares out of {cells}. Each is {cell_size} wide. They cover "
        "{flagged_share} of the land.",
        "They are where most offences are expected for their size. A flag is a guess about a "
        "place. It says nothing about any person who lives or walks there.",
    )
    return {"lines": lines}


def _expected(facts: Facts) -> dict[str, Any]:
    lines = _lines(
        facts,
        "In all, {expected_total} recorded offences are expected. Of these, {flagged_expected} are "
        "expected in flagged places.",
    )
    columns = {
        "Area": "{area.*.name}", "Expected": "{area.*.expected}",
        "At least": "{area.*.low}", "At most": "{area.*.high}",
    }  # fmt: skip
    table = table_of(columns, facts)
    if not table["rows"]:
        unbounded = "How sure this is for the area as a whole is not in the file."
        return {"lines": [*lines, {"text": unbounded, "facts": []}]}
    sure = _lines(
        facts,
        "The range is meant to hold 9 times in 10."
        if _ninety(facts)
        else "The range goes from the {bound_low} to the {bound_high} point of what may come.",
    )
    return {"lines": lines + sure, "table": table}


def _ninety(facts: Facts) -> bool:
    return facts["bound_low"].value == 0.05 and facts["bound_high"].value == 0.95


def benefit_of(facts: Facts) -> str:
    """Which of the sentences about benefit the audit bears out."""
    if "benefit.value" not in facts:
        return "unknown"
    status = facts["benefit.status"].value
    low, high = (facts.get(f"benefit.{end}") for end in ("low", "high"))
    if status == "fail" or (high is not None and float(high.value) < 0):
        return "worse"
    if status == "warn" or low is None or float(low.value) <= 0:
        return "none"
    return "some"


def _benefit(facts: Facts) -> Iterator[dict[str, Any]]:
    keys = [key for key in ("benefit.status", "benefit.low", "benefit.high") if key in facts]
    yield {"text": BENEFIT[benefit_of(facts)], "facts": keys, "strong": True}
    yield from _lines(
        facts,
        "Held against: {benefit.group.*.group}.",
        "Gain over the closest of them: {benefit.value}. It could be as low as {benefit.low} or as "
        "high as {benefit.high}. Zero means no gain.",
    )
    yield {
        "text": "Nobody has tested here if acting on the map cuts crime. Nobody has tested here if "
        "it does harm.",
        "facts": [],
    }


def _groups(facts: Facts) -> Iterator[dict[str, Any]]:
    found = _lines(facts, "{audit.A3.*.reading}")
    if found:
        yield from found
    else:
        unmeasured = "Not measured. No groups of residents were given to the audit."
        yield {"text": unmeasured, "facts": []}


def _checks(facts: Facts) -> dict[str, Any]:
    rows = []
    for code, question in _QUESTIONS.items():
        for row in facts.rows(f"audit.{code}"):
            result = said("{" + row + ".status}", facts)
            rows.append([{"text": question, "facts": []}, result])
    if not rows:
        return {"lines": [{"text": "No checks were made.", "facts": []}]}
    why = "Why a check failed or could not be made stands in the model card."
    return {
        "table": {"columns": ["Check", "Result"], "rows": rows},
        "lines": [{"text": why, "facts": []}],
    }


def _unknown(facts: Facts) -> Iterator[dict[str, Any]]:
    for text in (
        "How much was never reported. The map shows records. It does not show all that happened.",
        "Where each offence took place to the yard. Places may have been moved before they were "
        "published.",
        "Why an offence took place, or who did it.",
        "What police should do. The map gives no orders. People must decide, and say why.",
    ):
        yield {"text": text, "facts": []}
    yield from _lines(
        facts, "In the data: {remark.*.text}", "A rule remarked: {audit_finding.*.message}"
    )
    yield from _lines(facts, "What the rule that was set aside had found: {override.*.message}")


def _questions() -> Iterator[dict[str, Any]]:
    for text in (
        "Who looked at this map, and who may say no to it?",
        "What will be done in flagged places, and what will not?",
        "Were the people who live there asked?",
        "How would we know if it did harm?",
        "What would we do without it?",
    ):
        yield {"text": text, "facts": []}


def _how_to_check(facts: Facts) -> Iterator[dict[str, Any]]:
    file = next((one for one in facts.values() if one.path == "time[0]"), None)
    if file is not None:
        yield {
            "text": f"The forecast is the file {file.file}. Its fingerprint (SHA-256): "
            f"{file.sha256}",
            "facts": ["window_start"],
        }
    yield from _lines(
        facts,
        "Fingerprint of the data that it was made from: {input_sha256}",
        "Fingerprint of the plan of checks: {audit_plan_sha256}",
        "It is on record as line {entry_number} of the ledger: {entry_hash}",
        "Lines in the ledger at that time: {ledger_size}. Its seal: {ledger_root}. Ask somebody "
        "outside for the same seal.",
    )
    if "ledger_root" not in facts:
        yield {
            "text": "No ledger was given. Nothing outside this page vouches for it.",
            "facts": [],
        }
    yield {
        "text": "Anybody can run the free program hotspot on these files. The command is: hotspot "
        "card --check, with the name of this folder.",
        "facts": [],
    }
