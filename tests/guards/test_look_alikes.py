"""Identifiers are refused and what only looks like one is let in, counted over both lists."""

import pandas as pd
import pytest

from hotspot.errors import RefusedError
from hotspot.guards.persons import require_no_persons
from tests.guards.look_alikes import (
    HARMLESS_NAMES,
    HARMLESS_TEXTS,
    PERSONAL_NAMES,
    PERSONAL_TEXTS,
)

HOLDING = [(what, text) for what, texts in PERSONAL_TEXTS.items() for text in texts]


def refused(table, kept=()):
    """What is said of it, and the guard's code; None if it is let in."""
    try:
        require_no_persons(table, kept=kept)
    except RefusedError as error:
        return f"{error.code}: {error}"
    return None


def of_name(name):
    return refused(pd.DataFrame({name: ["a"]}))


def of_text(text):
    return refused(pd.DataFrame({"mark": ["Dwelling", text]}), kept=["mark"])


def test_there_are_150_of_either_and_none_twice():
    assert len({*PERSONAL_NAMES, *(text for _, text in HOLDING)}) >= 150
    assert len({*HARMLESS_NAMES, *HARMLESS_TEXTS}) >= 150
    assert not {*PERSONAL_NAMES} & {*HARMLESS_NAMES}


@pytest.mark.parametrize("name", PERSONAL_NAMES)
def test_a_name_that_says_who_is_refused(name):
    assert f"[G1] Column '{name}' identifies persons" in (of_name(name) or "")


@pytest.mark.parametrize(("what", "text"), HOLDING, ids=[text for _, text in HOLDING])
def test_a_text_that_holds_an_identifier_is_refused_for_what_it_holds(what, text):
    assert f"[G1] Column 'mark' holds {what}" in (of_text(text) or "")


def test_of_harmless_names_and_values_at_most_2_in_100_are_refused():
    """Refused ones are named: there is no way round G1 but another name for the column."""
    names = [name for name in HARMLESS_NAMES if of_name(name)]
    texts = [text for text in HARMLESS_TEXTS if of_text(text)]
    assert len(names) <= 0.02 * len(HARMLESS_NAMES), names
    assert len(texts) <= 0.02 * len(HARMLESS_TEXTS), texts


@pytest.mark.parametrize("numbers", [["9434765919", "4010232137", "9876543210"]])
def test_nhs_numbers_without_spaces_are_told_by_their_check_digit(numbers):
    table = pd.DataFrame({"mark": numbers})
    assert "holds NHS numbers (3 distinct" in (refused(table, kept=["mark"]) or "")


def test_other_numbers_of_ten_digits_pass_though_one_in_eleven_checks():
    numbers = [f"{2401234500 + k}" for k in range(44)]
    assert refused(pd.DataFrame({"mark": numbers}), kept=["mark"]) is None


@pytest.mark.parametrize("text", ["M1 5KM", "A2 7CV", "FY24 JAN", "1.2.3.4", "01-02-2024 10:30"])
def test_what_has_nearly_the_form_of_an_identifier_passes(text):
    """No postcode ends in C, I, K, M, O or V; a year and a month, a clause and a time are none."""
    assert of_text(text) is None
