"""seal, score, verify, checkpoint, reproduce, decision and ledger, as they are typed."""

import json
import shutil

import pandas as pd
import pytest

from hotspot import Ledger, load_forecast, save_forecast
from hotspot.sealing.seal import read_seal

pytestmark = pytest.mark.process

STUDY = """
seed = 3
[data]
path = "events.parquet"
[area]
boroughs = ["City of London", "Islington"]
[grid]
cell_size = 500
[[models]]
name = "a year"
kind = "HistoricalRate"
window = "12 months"
[forecast]
start = "2024-12"
size = 50
[folds]
start = "2024-11"
end = "2025-01"
[scores]
area_shares = [0.2]
"""


@pytest.fixture(scope="module")
def study(events_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    shutil.copyfile(events_file, folder / "events.parquet")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    return folder / "study.toml"


@pytest.fixture(scope="module")
def run(hotspot, study, tmp_path_factory):
    """Folder with a ledger of one forecast and one backtest, and their results."""
    folder = tmp_path_factory.mktemp("run")
    for command in ("forecast", "backtest"):
        hotspot(command, study, "--out", folder / command, "--ledger", folder / "kept.jsonl")
    return folder


def entries(path):
    return [entry.body for entry in Ledger(path).entries()]


def test_a_seal_on_data_of_its_months_is_retrospective_and_scored_so(hotspot, study, tmp_path):
    kept = ["--ledger", tmp_path / "kept.jsonl"]
    sealed = tmp_path / "sealed"
    said = hotspot("seal", study, "--out", sealed, *kept).stdout
    seal = read_seal(sealed)
    assert "RETROSPECTIVE" in said
    assert "hold part of the sealed periods" in said
    assert f"seal id     {seal.id}" in said
    assert (sealed / "study.toml").read_bytes() == study.read_bytes()
    data = ["--data", study.parent / "events.parquet"]
    out = ["--out", tmp_path / "scores"]
    told = hotspot("score", sealed, *data, *out, "--seal-id", seal.id, *kept).stdout
    assert "RETROSPECTIVE" in told
    table = pd.read_csv(tmp_path / "scores" / "scores.csv")
    assert set(table["label"]) == {"retrospective"}
    assert set(table["seal_id"]) == {seal.id}
    events = pd.read_parquet(study.parent / "events.parquet", columns=["time"])["time"]
    n = (events >= pd.Timestamp("2024-12", tz="UTC")).sum()
    assert table.loc[table["score"] == "observed_events", "value"].tolist() == [n]
    first, second = entries(tmp_path / "kept.jsonl")
    assert (first["kind"], first["seal"]["id"]) == ("seal", seal.id)
    assert (second["kind"], second["parameters"]["seal_id"]) == ("score", seal.id)
    (sealed / "protocol.json").write_text("{}")
    refused = hotspot("score", sealed, *data, *out, *kept, ends_with=2)
    assert "protocol.json was edited" in refused.stderr


def test_a_forecast_file_is_sealed_as_it_stands(hotspot, study, run, tmp_path):
    file = run / "forecast" / "forecast.nc"
    hotspot("seal", study, "--forecast", file, "--out", tmp_path / "sealed")
    (kept,) = (tmp_path / "sealed").glob("forecast-*.nc")
    assert kept.read_bytes() == file.read_bytes()


def test_verify_ends_with_0_if_whole_and_4_if_not(hotspot, run, tmp_path):
    kept = tmp_path / "kept.jsonl"
    shutil.copyfile(run / "kept.jsonl", kept)
    text = hotspot("checkpoint", "--ledger", kept).stdout
    (tmp_path / "minutes.txt").write_text(text)
    assert text.splitlines()[:2] == ["hotspot/kept.jsonl", "2"]
    flags = ["verify", "--ledger", kept]
    against = ["--checkpoint", tmp_path / "minutes.txt"]
    assert "2 entries: whole" in hotspot(*flags, *against).stdout
    lines = kept.read_bytes().splitlines(keepends=True)
    kept.write_bytes(lines[0])
    assert "cannot be seen" in hotspot(*flags).stdout  # a cut end, and no checkpoint
    assert "the end was cut off" in hotspot(*flags, *against, ends_with=4).stdout
    kept.write_bytes(lines[0].replace(b"analyst", b"analyzt"))
    assert "line 1 was changed" in hotspot(*flags, ends_with=4).stdout
    kept.write_bytes(lines[0] + lines[1][:40])
    assert "the end is torn: 40 bytes" in hotspot(*flags, ends_with=4).stdout


def reproduced(hotspot, run, which, inputs, ends_with=0):
    flags = ["--ledger", run / "kept.jsonl", "--inputs", inputs]
    return hotspot("reproduce", which, *flags, ends_with=ends_with).stdout


def test_what_is_run_again_is_identical(hotspot, run, study):
    assert "a year: identical" in reproduced(hotspot, run, 0, study.parent)
    digest = list(Ledger(run / "kept.jsonl").entries())[1].hash
    assert "backtest: identical" in reproduced(hotspot, run, digest[:12], study.parent)


def test_inputs_that_were_changed_are_refused_first(hotspot, run, tmp_path):
    (tmp_path / "events.parquet").write_bytes(b"other")
    flags = ["--ledger", run / "kept.jsonl", "--inputs", tmp_path]
    refused = hotspot("reproduce", 0, *flags, ends_with=2)
    assert "events.parquet is not the file that was recorded" in refused.stderr


@pytest.mark.parametrize(
    ("change", "ends_with", "verdict"), [(1e-9, 0, "equivalent"), (0.01, 4, "different")]
)
def test_another_result_is_told_by_how_much(
    hotspot, run, study, tmp_path, monkeypatch, change, ends_with, verdict
):
    """As if the code had changed: the recorded forecast is found beside the data by its hash."""
    made = load_forecast(run / "forecast" / "forecast.nc")
    made["expected_count"] = made["expected_count"] + change
    monkeypatch.setattr(
        "hotspot.cli.forecast.issued_forecasts", lambda *_, **__: [("a year", made)]
    )
    shutil.copyfile(study.parent / "events.parquet", tmp_path / "events.parquet")
    said = reproduced(hotspot, run, 0, tmp_path, ends_with=4)
    assert "by how much cannot be told without forecast.nc" in said
    shutil.copyfile(run / "forecast" / "forecast.nc", tmp_path / "forecast.nc")
    said = reproduced(hotspot, run, 0, tmp_path, ends_with=ends_with)
    assert f"a year: {verdict}" in said
    assert f"expected_count differs by up to {change:.3g}" in said


def test_a_decision_cannot_be_run_again(hotspot, run, tmp_path):
    kept = ["--ledger", tmp_path / "kept.jsonl"]
    file = run / "forecast" / "forecast.nc"
    decide = ["decision", "add", "--forecast", file, "--role", "duty inspector", *kept]
    said = hotspot(*decide, "--reject", "--why", "the market has moved").stdout
    assert "On record: rejected, entry 0" in said
    assert "EXPIRED" in said
    hotspot(*decide, "--accept", "--why", "as expected this month")
    listed = hotspot("decision", "list", *kept).stdout
    assert "duty inspector" in listed
    assert "the market has moved" in listed
    assert "2 decisions, 1 rejected: 50.0% (95 % interval 1.3% to 98.7%)" in listed
    refused = hotspot("reproduce", 0, *kept, ends_with=2)
    assert "Entry 0 is a decision" in refused.stderr


def test_an_identifier_in_a_reason_is_refused_and_the_refusal_recorded(hotspot, run, tmp_path):
    kept = tmp_path / "kept.jsonl"
    file = run / "forecast" / "forecast.nc"
    flags = ["--forecast", file, "--role", "duty inspector", "--accept", "--ledger", kept]
    result = hotspot("decision", "add", *flags, "--why", "saw AB12 CDE there again", ends_with=2)
    assert "[G1]" in result.stderr
    (body,) = entries(kept)
    assert body["refusal"]["code"] == "G1"
    assert "AB12" not in kept.read_text()


def test_a_ledger_is_exported_and_bundled(hotspot, run, tmp_path):
    kept = ["--ledger", run / "kept.jsonl"]
    hotspot("ledger", "export", "--prov", tmp_path / "prov.json", *kept)
    assert len(json.loads((tmp_path / "prov.json").read_text())["activity"]) == 2
    hotspot("ledger", "bundle", "--out", tmp_path / "crate", *kept)
    assert (tmp_path / "crate" / "ro-crate-metadata.json").exists()


def test_a_command_in_the_way_of_a_file_is_refused_before_the_work(hotspot, study, tmp_path):
    (tmp_path / "sealed").mkdir()
    result = hotspot("seal", study, "--out", tmp_path / "sealed", ends_with=2)
    assert "never written over" in result.stderr


def test_a_saved_forecast_with_a_note_has_the_same_content(run, tmp_path):
    from hotspot.sealing.content import forecast_hash

    made = load_forecast(run / "forecast" / "forecast.nc")
    save_forecast(made.assign_attrs(note="SIMULATED"), tmp_path / "noted.nc")
    kept = entries(run / "kept.jsonl")[0]["outputs"]
    recorded = next(one["content_sha256"] for one in kept if one["name"] == "forecast.nc")
    assert forecast_hash(load_forecast(tmp_path / "noted.nc")) == recorded
