"""What pages say first, what they never say, and that they open anywhere."""

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from hotspot.card import write_card
from hotspot.card.councillor import BENEFIT
from hotspot.card.write import DOCUMENTS
from tests.card.conftest import BEFORE_IT_ENDS, REASON, audit_results, write_audit

SHOWN = {"p", "li", "h1", "h2", "h3", "td", "th", "caption", "figcaption"}


class Page(HTMLParser):
    """Texts in their order, tags, and whatever a browser would go and fetch."""

    def __init__(self, path):
        super().__init__()
        self.stack, self.texts, self.tags, self.fetched = [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        for name, value in attrs:
            if name in ("src", "href", "action", "data", "poster") or "url(" in (value or ""):
                self.fetched.append(value)
        if tag in SHOWN:
            self.texts.append([tag, ""])

    def handle_data(self, data):
        if self.texts:
            self.texts[-1][1] += data

    def handle_endtag(self, tag):
        if tag in SHOWN:
            self.texts.append(["", ""])


def texts(card, name="councillor"):
    found = Page(card.folder / f"{name}.html").texts
    return [(tag, " ".join(text.split())) for tag, text in found if tag and text.strip()]


@pytest.fixture(scope="module")
def overridden(run, tmp_path_factory):
    return write_card(
        run / "drugs.nc", tmp_path_factory.mktemp("drugs"), audit=run / "audit.json",
        at=BEFORE_IT_ENDS,
    )  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_override_is_the_first_line_of_every_page_with_its_reason_and_who_decided(
    overridden, name
):
    tag, first = texts(overridden, name)[0]
    assert tag == "p"
    assert REASON in first
    assert "ethics lead" in first
    assert overridden.overrides == (REASON,)


def test_the_first_number_of_the_plain_page_is_how_often_a_flag_is_wrong(full, overridden):
    for card in (full, overridden):
        shown = " ".join(text for _, text in texts(card))
        assert re.search(r"\d+", shown)[0] == "39"  # the audit found 0.61 of flags right
        assert "between 32 and 48" in shown


def test_a_page_without_tests_says_first_that_nothing_was_measured(run, tmp_path):
    card = write_card(run, tmp_path, at=BEFORE_IT_ENDS)
    first = texts(card)[1][1]
    assert first == "How often this map is wrong has not been measured. Do not rely on it."


def test_pages_say_expired_from_the_end_of_their_window_and_not_a_second_before(run, tmp_path):
    ends = datetime(2025, 2, 1, tzinfo=UTC)
    late = write_card(run, tmp_path / "late", at=ends)
    early = write_card(run, tmp_path / "early", at=ends - timedelta(seconds=1))
    for name in DOCUMENTS:
        assert texts(late, name)[0][1].startswith("EXPIRED")
        assert not any("EXPIRED" in text for _, text in texts(early, name))
    assert (late.expired, early.expired) == (True, False)


@pytest.mark.parametrize(
    "gain, sentence",
    [
        ((0.02, -0.01, 0.05), "none"),
        ((0.02, 0.01, 0.05), "some"),
        ((-0.02, -0.05, -0.01), "worse"),
    ],
)
def test_benefit_is_said_only_where_the_interval_is_above_zero(run, tmp_path, gain, sentence):
    audit = write_audit(tmp_path / "audit.json", audit_results(gain=gain))
    card = write_card(run, tmp_path / "card", audit=audit, at=BEFORE_IT_ENDS)
    said = [text for _, text in texts(card)]
    assert [key for key, text in BENEFIT.items() if text in said] == [sentence]


def test_an_interval_that_holds_zero_shows_no_benefit_whatever_its_status_says(run, tmp_path):
    audit = write_audit(tmp_path / "audit.json", audit_results())
    told = json.loads(audit.read_text())
    told["results"][1]["status"] = "ok"
    audit.write_text(json.dumps(told))
    card = write_card(run, tmp_path / "card", audit=audit, at=BEFORE_IT_ENDS)
    assert BENEFIT["none"] in [text for _, text in texts(card)]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_fetches_nothing_and_runs_nothing(full, name):
    page = Page(full.folder / f"{name}.html")
    own = {f"{one}.html" for one in DOCUMENTS}
    assert {one for one in page.fetched if not one.startswith("data:")} <= own
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "form"}
    assert not [key for _, attrs in page.tags for key in attrs if key.startswith("on")]
    assert "@import" not in (full.folder / f"{name}.html").read_text()


def test_every_picture_has_words_for_those_who_cannot_see_it(full):
    pictures = [attrs for tag, attrs in Page(full.folder / "councillor.html").tags if tag == "img"]
    assert len(pictures) == 1
    assert re.search(r"\d+ flagged squares are outlined", pictures[0]["alt"])
    assert pictures[0]["src"].startswith("data:image/png;base64,")


def test_hostile_answers_are_printed_and_never_obeyed(full):
    page = (full.folder / "atrs.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert ("p", "=cmd|' /C calc'!A0") in texts(full, "atrs")


def test_what_nobody_answered_says_so_and_what_was_answered_does_not(full):
    record = json.loads((full.folder / "atrs.json").read_text())
    answers = {one["id"]: one.get("answer") for s in record["sections"] for one in s["fields"]}
    assert answers["0.2"] == "Council of Anytown"
    assert answers["2.1.2"] == "NOT PROVIDED"
    assert answers["2.4.2.2"] is None  # the run fills it alone
    said = sum(text == "NOT PROVIDED" for _, text in texts(full, "atrs"))
    assert said == sum(answer == "NOT PROVIDED" for answer in answers.values())


def test_each_field_of_the_record_that_was_not_checked_says_so(full):
    record = json.loads((full.folder / "atrs.json").read_text())
    fields = [one for section in record["sections"] for one in section["fields"]]
    unchecked = [one for one in fields if not one["checked"]]
    shown = [text for _, text in texts(full, "atrs") if text.startswith("Field not checked")]
    assert record["standard_version"] == "4.0"
    assert len(shown) == len(unchecked) > 10
    assert {"0.1", "1.4", "2.1.4", "2.4.1.5", "2.5.2"} <= {
        one["id"] for one in fields if one["checked"]
    }


def syllables(word):
    """By groups of vowels, a silent e aside: within one of the dictionary for most words."""
    word = re.sub(r"(?<=[^aeiouyl])es?$|ed$(?<![td]ed)", "", word.lower())
    return max(1, len(re.findall(r"[aeiouy]+", word)))


def grade(sentences):
    """Flesch and Kincaid's grade: 0.39 words a sentence + 11.8 syllables a word - 15.59."""
    parts = [part for one in sentences for part in re.split(r"[.?!:](?:\s|$)", one) if part.strip()]
    words = [re.findall(r"[A-Za-z']+", part) for part in parts]
    words = [one for one in words if one]
    every = [word for one in words for word in one]
    return 0.39 * len(every) / len(words) + 11.8 * sum(map(syllables, every)) / len(every) - 15.59


def test_the_grade_of_a_known_sentence_is_that_of_a_hand_calculation():
    # 6 words, 6 syllables: 0.39 * 6 + 11.8 - 15.59.
    assert grade(["The cat sat on the mat."]) == pytest.approx(-1.45)
    assert syllables("recorded") == 3
    assert syllables("flagged") == 1


def test_the_page_for_a_councillor_can_be_read_at_fourteen(overridden):
    content = json.loads((overridden.folder / "councillor.json").read_text())
    sentences = [content["headline"]["number"]["text"] + " " + content["headline"]["says"]]
    sentences += [one["text"] for one in content["overrides"] + content["headline"]["lines"]]
    for section in content["sections"]:
        sentences += [section["title"] + "?"]
        sentences += [one["text"] for key in ("lines", "list") for one in section.get(key, [])]
    readable = [re.sub(r"[0-9a-f]{64}", "", one) for one in sentences]
    assert len(readable) > 30
    assert grade(readable) <= 9
