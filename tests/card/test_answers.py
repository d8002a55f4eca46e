"""What a file of answers may say."""

import re

import pytest

from hotspot.card import read_answers, template_of_answers
from hotspot.card.answers import DOCUMENTS, asked_of_humans, fields_of
from hotspot.errors import MissingFileError, RefusedError, StudyError


@pytest.fixture
def answered(tmp_path):
    def read(text):
        path = tmp_path / "answers.toml"
        path.write_text(text, encoding="utf-8")
        return read_answers(path)

    return read


def test_the_template_answers_nothing_and_names_every_field(answered):
    text = template_of_answers()
    assert answered(text) == {name: {} for name in DOCUMENTS}
    filled = re.sub(r'^# ("[^"]+") = ""$', r'\1 = "yes"', text, flags=re.MULTILINE)
    asked = {name: {one["id"]: "yes" for one in asked_of_humans(name)} for name in DOCUMENTS}
    assert answered(filled) == asked


def test_a_field_that_does_not_exist_is_refused_by_name(answered):
    with pytest.raises(StudyError, match=r"no field to answer '2.1.9'.*Did you mean '2.1"):
        answered('[atrs]\n"2.1.9" = "x"\n')


def test_a_table_that_does_not_exist_is_refused_by_name(answered):
    with pytest.raises(StudyError, match=r"no table 'artes'.*'atrs'"):
        answered('[artes]\n"0.1" = "x"\n')


def test_a_key_without_quotes_is_refused(answered):
    with pytest.raises(StudyError, match="no field to answer '0'"):
        answered('[atrs]\n0.1 = "x"\n')


def test_a_key_that_stands_twice_is_refused_by_name(answered):
    with pytest.raises(StudyError, match=r'the key "0\.1" stands twice'):
        answered('[atrs]\n"0.1" = "x"\n"0.1" = "y"\n')


def test_a_field_that_the_run_fills_cannot_be_answered(answered):
    with pytest.raises(StudyError, match=r"no field to answer '2\.4\.2\.7'"):
        answered('[atrs]\n"2.4.2.7" = "Never wrong."\n')


@pytest.mark.parametrize("value", ["3", "true", "[]", "2024-01-01"])
def test_an_answer_that_is_no_text_is_refused(answered, value):
    with pytest.raises(StudyError, match="must be text in quotes"):
        answered(f'[atrs]\n"0.1" = {value}\n')


@pytest.mark.parametrize(
    "text, kind",
    [
        ("ask j.smith@example.org", "email addresses"),
        ("020 7946 0123", "telephone numbers"),
        ("lives at SW1A 1AA", "full postcodes"),
        ("PNCID 2001/1234567X", "PNC identifiers"),
    ],
)
def test_an_identifier_is_refused_but_where_a_contact_is_asked_for(answered, text, kind):
    with pytest.raises(RefusedError, match=rf"\[G1\].*'2.1.3' seems to hold {kind}"):
        answered(f'[atrs]\n"2.1.3" = "{text}"\n')
    assert answered(f'[atrs]\n"1.4" = "{text}"\n') == {"atrs": {"1.4": text}}


@pytest.mark.parametrize("hidden", ["\\u202E", "\\u0000", "\\u001B", "\\u200B"])
def test_invisible_characters_are_refused(answered, hidden):
    with pytest.raises(StudyError, match="invisible character"):
        answered(f'[atrs]\n"0.1" = "a{hidden}b"\n')


def test_what_is_not_toml_is_refused_with_its_line(answered):
    with pytest.raises(StudyError, match="line 2"):
        answered('[atrs]\n"0.1" = x\n')


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match="--new-answers"):
        read_answers(tmp_path / "mislaid.toml")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_field_stands_twice_and_each_asks_a_human_or_says_what_the_run_tells(name):
    fields = [one for section in fields_of(name)["sections"] for one in section["fields"]]
    assert len({one["id"] for one in fields}) == len(fields)
    for one in fields:
        assert one["who"] in ("human", "run", "both")
        assert ("asks" in one) == (one["who"] != "run")
        assert ("run" in one or "table" in one) == (one["who"] != "human")
