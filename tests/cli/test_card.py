"""`hotspot card` writes, checks, and never overwrites answers."""

import pytest
from typer.testing import CliRunner

from hotspot.cli.app import app
from hotspot.ledger import Ledger, file_record
from tests.card.conftest import run  # noqa: F401


def card(*words):
    return CliRunner().invoke(app, ["card", *map(str, words)])


def test_a_card_is_written_checked_and_found_out_when_changed(run, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("HOTSPOT_LEDGER", str(tmp_path / "ledger.jsonl"))
    files = ["--audit", run / "audit.json"]
    made = card(run / "drugs.nc", *files, "--out", tmp_path)
    assert made.exit_code == 0, made.output
    assert "OVERRIDE on every page: a study of how drugs are recorded" in made.output
    assert "EXPIRED on every page" in made.output
    assert "Flags that saw no recorded offence: 39% (audit.json)." in made.output
    (entry,) = Ledger(tmp_path / "ledger.jsonl").entries()
    assert entry.body["kind"] == "card"
    assert [one["name"] for one in entry.body["inputs"]] == ["drugs.nc", "audit.json"]
    assert entry.body["outputs"][0] == file_record(tmp_path / "card.json")
    good = card(run / "drugs.nc", *files, "--check", tmp_path)
    assert (good.exit_code, "every file and page is what was written" in good.output) == (0, True)
    (tmp_path / "atrs.html").write_text("<p>All is well.</p>")
    bad = card("--check", tmp_path)
    assert bad.exit_code == 4
    assert "atrs.html was changed after it was written." in bad.output


def test_a_second_card_prints_the_checkpoint_of_the_ledger_that_holds_the_first(run, tmp_path):  # noqa: F811
    ledger = tmp_path / "ledger.jsonl"
    for name in ("first", "second"):
        made = card(run / "forecast.nc", "--out", tmp_path / name, "--ledger", ledger)
        assert made.exit_code == 0, made.output
    first, second = (
        (tmp_path / name / "councillor.html").read_text() for name in ("first", "second")
    )
    assert "No ledger was given" in first
    assert "Lines in the ledger at that time: 1." in second


def test_a_file_of_answers_is_written_once(tmp_path):
    path = tmp_path / "answers.toml"
    assert card("--new-answers", path).exit_code == 0
    again = card("--new-answers", path)
    assert (again.exit_code, "is there already" in again.output) == (2, True)


@pytest.mark.parametrize(
    "words, said", [([], "Say which forecast"), (["mislaid.nc"], "There is no file mislaid.nc")]
)
def test_what_is_missing_is_said(words, said, tmp_path):
    ran = card(*words, "--out", tmp_path)
    assert ran.exit_code == 2
    assert said in ran.output
