"""Every command puts what it did on record, or says that it could not."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from hotspot import Ledger, verify_ledger
from hotspot.cli.record import kept_in, recorded
from hotspot.errors import LedgerError, RefusedError
from hotspot.guards.outcome import Override, settle
from hotspot.study import Study, StudyData, StudyModel, example_study_path, parse_study, read_study
from hotspot.study.document import document_of
from tests.cli.conftest import AREA

pytestmark = pytest.mark.process

SMALL = ["--cell-size", 500, "--size", 50, *AREA]
MODEL = ["--model", "HistoricalRate:window=12 months"]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def walked(hotspot, events_file, tmp_path_factory):
    """A ledger after a forecast and a backtest of two months; the folder it lies in."""
    folder = tmp_path_factory.mktemp("walked")
    ledger = ["--ledger", folder / "kept.jsonl", "--role", "evaluation team"]
    said = hotspot(
        "forecast", "--data", events_file, *SMALL, *MODEL, "--out", folder / "f", *ledger
    )
    months = ["--start", "2024-11", "--end", "2025-01"]
    hotspot(
        "backtest", "--data", events_file, *SMALL, *MODEL, *months, "--out", folder / "b", *ledger
    )
    return folder, said


def entries(path):
    return [entry.body for entry in Ledger(path).entries()]


def test_a_ledger_of_commands_is_whole_and_in_their_order(walked):
    kept = walked[0] / "kept.jsonl"
    assert verify_ledger(kept).problems == ()
    assert [body["kind"] for body in entries(kept)] == ["forecast", "backtest"]
    assert {body["role"] for body in entries(kept)} == {"evaluation team"}


def test_inputs_and_outputs_are_those_on_the_disk(walked, events_file):
    folder = walked[0]
    forecast, backtest = entries(folder / "kept.jsonl")
    for body in (forecast, backtest):
        assert [one["sha256"] for one in body["inputs"]] == [sha256(events_file)]
    for body, where in ((forecast, "f"), (backtest, "b")):
        written = {path.name: sha256(path) for path in (folder / where).iterdir()}
        assert {one["name"]: one["sha256"] for one in body["outputs"]} == written


def test_a_command_says_which_entry_it_became(walked):
    folder, said = walked
    first = next(Ledger(folder / "kept.jsonl").entries())
    assert f"entry 0 of {os.path.relpath(folder / 'kept.jsonl')}" in said.stdout.replace(
        str(folder / "kept.jsonl"), os.path.relpath(folder / "kept.jsonl")
    )
    assert first.hash[:12] in said.stdout


def test_the_recorded_study_and_seed_are_enough_to_run_it_again(walked, events_file):
    body = entries(walked[0] / "kept.jsonl")[0]
    study = parse_study(body["parameters"]["study"], folder=events_file.parent)
    assert study.data.path == events_file
    assert study.models[0].options == (("window", "12 months"),)
    assert (study.grid.cell_size, study.forecast.size, study.seed) == (500.0, 50, 1)
    assert body["seeds"]["seed"] == 1
    assert set(body["seeds"]["entropy"]) == {study.models[0].name}


def test_no_folder_and_no_user_stands_in_a_ledger(walked):
    text = (walked[0] / "kept.jsonl").read_text(encoding="utf-8")
    assert str(walked[0]) not in text
    assert str(Path.cwd()) not in text
    assert str(Path.home()) + "/" not in text
    assert "/tmp" not in text


def test_ingest_keeps_rows_in_kept_and_dropped(hotspot, tmp_path):
    from hotspot.data.sample import sample_path

    archive = sample_path("police_uk/archive.zip")
    kept = tmp_path / "kept.jsonl"
    hotspot("ingest", archive, *AREA, "--out", tmp_path / "data", "--ledger", kept)
    (body,) = entries(kept)
    rows = body["rows"]
    assert rows["in"] == rows["kept"] + sum(rows["dropped"].values())
    assert body["inputs"] == [
        {"name": "archive.zip", "sha256": sha256(archive), "bytes": archive.stat().st_size}
    ]


def test_without_a_flag_the_ledger_lies_with_the_results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOTSPOT_LEDGER")
    with recorded("audit"):
        pass
    assert [body["kind"] for body in entries(tmp_path / "results" / "ledger.jsonl")] == ["audit"]


def study_of(path, **more):
    return Study(data=StudyData(path), **more)


def study_with(*overrides):
    return Study(data=StudyData(Path("no.zip")), override=overrides)


def test_flag_then_variable_then_study_then_default_name_the_ledger(tmp_path, monkeypatch):
    study = study_of(tmp_path / "none.zip", ledger=tmp_path / "of_study.jsonl")
    with recorded("audit", study=study):
        pass
    assert not (tmp_path / "of_study.jsonl").exists()  # the variable of the tests is stronger
    monkeypatch.delenv("HOTSPOT_LEDGER")
    with recorded("audit", study=study):
        pass
    assert len(entries(tmp_path / "of_study.jsonl")) == 1
    with kept_in(tmp_path / "demo.jsonl"), recorded("audit", study=study):
        pass
    assert len(entries(tmp_path / "of_study.jsonl")) == 1
    assert len(entries(tmp_path / "demo.jsonl")) == 1


def test_a_refusal_by_a_guard_is_recorded_with_its_code(tmp_path):
    kept = tmp_path / "kept.jsonl"
    with kept_in(kept), pytest.raises(RefusedError, match="G7"), recorded("forecast"):
        settle("G7", "'Drugs' is recorded where police look.", remedy="Leave it out.")
    (body,) = entries(kept)
    assert body["kind"] == "refusal"
    assert body["command"] == "forecast"
    assert body["refusal"]["code"] == "G7"
    assert body["refusal"]["may_be_overridden"]


def test_a_command_that_a_guard_refuses_leaves_an_entry(hotspot, events_file, tmp_path):
    kept = tmp_path / "kept.jsonl"
    flags = ["--cell-size", 40, "--out", tmp_path / "f", "--ledger", kept]
    result = hotspot("forecast", "--data", events_file, *AREA, *MODEL, *flags, ends_with=2)
    assert "[G3]" in result.stderr
    (body,) = entries(kept)
    assert (body["kind"], body["refusal"]["code"]) == ("refusal", "G3")
    assert body["inputs"][0]["sha256"] == sha256(events_file)


def test_other_errors_are_no_refusals_of_a_guard(tmp_path):
    kept = tmp_path / "kept.jsonl"
    with kept_in(kept), pytest.raises(ZeroDivisionError), recorded("forecast"):
        raise ZeroDivisionError
    assert not kept.exists()


def test_an_override_is_an_entry_of_its_own_that_names_what_it_let_pass(tmp_path):
    kept = tmp_path / "kept.jsonl"
    override = Override("G7", reason="an audit of recording", role="ethics panel")
    with (
        kept_in(kept),
        recorded("audit", study=study_with(override)),
    ):
        pass
    audit, passed = Ledger(kept).entries()
    assert audit.body["overrides"] == [passed.body["override"]]
    assert passed.body["kind"] == "override"
    assert passed.body["role"] == "ethics panel"
    assert passed.body["of"] == {"seq": 0, "hash": audit.hash}


@pytest.mark.parametrize("text", ["ask j.smith@example.org first", "AB12 CDE seen at 07700 900123"])
def test_identifiers_in_a_reason_do_not_reach_the_ledger(tmp_path, text):
    kept = tmp_path / "kept.jsonl"
    override = Override("G7", reason=text)
    with (
        kept_in(kept),
        recorded("audit", study=study_with(override)),
    ):
        pass
    raw = kept.read_text(encoding="utf-8")
    assert not any(word in raw for word in ("j.smith", "AB12", "900123"))
    assert "not kept: it seems to hold" in raw


def test_a_ledger_that_cannot_be_written_is_found_out_before_the_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    began = False
    with (
        kept_in(tmp_path / "file" / "ledger.jsonl"),
        pytest.raises(LedgerError, match="ledger is as it was"),
        recorded("forecast"),
    ):
        began = True
    assert not began


def test_a_ledger_that_breaks_during_the_work_is_told_and_the_results_stand(tmp_path):
    kept = tmp_path / "kept.jsonl"

    def work():
        with kept_in(kept), recorded("forecast") as record:
            (tmp_path / "result.csv").write_text("1\n")
            record.wrote(tmp_path / "result.csv")
            kept.mkdir()

    with pytest.raises(LedgerError, match="results stand, but they are NOT on record"):
        work()
    assert (tmp_path / "result.csv").exists()


def test_another_versions_ledger_is_refused_before_the_work(hotspot, events_file, tmp_path):
    kept = tmp_path / "kept.jsonl"
    with kept_in(kept), recorded("audit"):
        pass
    kept.write_bytes(kept.read_bytes().replace(b"hotspot.audit.v1", b"hotspot.audit.v9"))
    flags = ["--out", tmp_path / "f", "--ledger", kept]
    result = hotspot("forecast", "--data", events_file, *SMALL, *MODEL, *flags, ends_with=2)
    assert "another format, 'hotspot.audit.v9'" in result.stderr
    assert not (tmp_path / "f" / "forecast.nc").exists()


def test_a_torn_tail_is_set_aside_and_the_command_goes_on(tmp_path):
    kept = tmp_path / "kept.jsonl"
    with kept_in(kept):
        with recorded("audit"):
            pass
        with kept.open("ab") as file:
            file.write(b'{"body": {"kind"')
        with recorded("audit"):
            pass
    assert [body["kind"] for body in entries(kept)] == ["audit", "repair", "audit"]


def test_an_address_is_no_role(hotspot, events_file, tmp_path):
    flags = ["--role", "j.smith@example.org", "--out", tmp_path / "f", "--ledger", tmp_path / "l"]
    result = hotspot("forecast", "--data", events_file, *SMALL, *flags, ends_with=2)
    assert "as a role" in result.stderr
    assert not (tmp_path / "l").exists()


def test_hostile_names_are_texts_like_any_other(tmp_path):
    study = study_of(
        tmp_path / "=cmd|' .zip",
        models=(StudyModel("<script>alert(1)</script>", "HistoricalRate", ()),),
    )
    with kept_in(tmp_path / "kept.jsonl"), recorded("audit", study=study):
        pass
    said = entries(tmp_path / "kept.jsonl")[0]["parameters"]["study"]
    assert said["data"]["path"] == "=cmd|' .zip"
    assert said["models"][0]["name"] == "<script>alert(1)</script>"
    assert verify_ledger(tmp_path / "kept.jsonl").whole


def test_the_document_of_a_study_is_that_study_without_folders():
    study = read_study(example_study_path())
    study = replace(study, override=(Override("G7", reason="an audit of recording"),))
    document = json.loads(json.dumps(document_of(study)))
    bare = replace(study, data=replace(study.data, path=Path("archive.zip")), out=None)
    assert parse_study(document) == bare
