"""A ledger in other tools' words: PROV and RO-Crate, read back by their own packages."""

import json

import pytest

from hotspot import Ledger, verify_ledger
from hotspot.errors import LedgerError
from hotspot.ledger import read_checkpoint
from hotspot.oversight.again import TOLERANCE, compare_results, entry_named, found_input
from hotspot.oversight.bundle import bundle_ledger
from hotspot.oversight.provenance import export_prov

HOSTILE = '=cmd|"<script>'


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "ledger.jsonl")
    events = {"name": "events.parquet", "sha256": "e" * 64}
    made.append("ingest", role="analyst", inputs=[{"name": HOSTILE, "sha256": "a" * 64}],
                outputs=[events])  # fmt: skip
    made.append("forecast", role="Analyst", inputs=[events],
                outputs=[{"name": "forecast.nc", "sha256": "f" * 64}])  # fmt: skip
    made.append("decision", role="duty inspector")
    return made


def test_prov_reads_back_with_each_file_once_and_each_role_once(ledger, tmp_path):
    from prov.model import ProvActivity, ProvAgent, ProvDocument, ProvEntity

    path = export_prov(ledger, tmp_path / "prov.json")
    back = ProvDocument.deserialize(path, format="json")
    counted = [len(list(back.get_records(kind))) for kind in (ProvEntity, ProvActivity, ProvAgent)]
    assert counted == [3, 3, 2]
    told = json.loads(path.read_text(encoding="utf-8"))
    hashes = [entry.hash for entry in ledger.entries()]
    used = {(one["prov:entity"], one["prov:activity"]) for one in told["used"].values()}
    made = {(one["prov:entity"], one["prov:activity"]) for one in told["wasGeneratedBy"].values()}
    assert ("sha256:" + "e" * 64, f"entry:{hashes[1]}") in used
    assert ("sha256:" + "e" * 64, f"entry:{hashes[0]}") in made


def test_the_same_ledger_gives_the_same_prov(ledger, tmp_path):
    one, other = (export_prov(ledger, tmp_path / name).read_bytes() for name in "ab")
    assert one == other


def test_a_bundle_holds_a_whole_ledger_with_the_checkpoint_that_fits(ledger, tmp_path):
    from rocrate.rocrate import ROCrate

    crate = bundle_ledger(ledger, tmp_path / "crate")
    assert {path.name for path in crate.iterdir()} == {
        "ledger.jsonl", "checkpoint.txt", "prov.json", "ro-crate-metadata.json",
    }  # fmt: skip
    kept = read_checkpoint(crate / "checkpoint.txt")
    assert verify_ledger(crate / "ledger.jsonl", against=kept).whole
    back = ROCrate(crate)
    actions = [one for one in back.contextual_entities if one.type == "CreateAction"]
    assert len(actions) == 3
    named = {one["name"] for one in back.contextual_entities if one.type == "CreativeWork"}
    assert named == {HOSTILE, "events.parquet", "forecast.nc"}


def test_a_bundle_is_not_written_over(ledger, tmp_path):
    (tmp_path / "crate").mkdir()
    with pytest.raises(LedgerError, match="nothing is written over"):
        bundle_ledger(ledger, tmp_path / "crate")


def test_an_entry_is_found_by_number_and_by_the_beginning_of_its_hash(ledger):
    entries = list(ledger.entries())
    assert entry_named(ledger, "1") == entries[1]
    assert entry_named(ledger, entries[2].hash[:10].upper()) == entries[2]
    with pytest.raises(LedgerError, match="there is no such entry"):
        entry_named(ledger, "99")
    with pytest.raises(LedgerError, match="at least four"):
        entry_named(ledger, entries[0].hash[:3])


def test_an_input_that_was_changed_is_not_taken(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.csv").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    record = {"name": "a.csv", "sha256": empty}
    assert found_input(record, tmp_path) == tmp_path / "below" / "a.csv"
    (tmp_path / "below" / "a.csv").write_bytes(b"x")
    with pytest.raises(LedgerError, match=f"a.csv is not the file that was recorded.*{empty}"):
        found_input(record, tmp_path)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [(TOLERANCE / 2, "equivalent"), (TOLERANCE * 2, "different"), (float("nan"), "different")],
)
def test_bounds_count_as_much_as_means(change, verdict):
    from tests.sealing.made import forecast

    one = forecast()
    other = one.copy(deep=True)
    other["count_quantile"][0, 0, 0, 0] += change
    found = compare_results(one, other)
    assert found.verdict == verdict
    assert len(found.details) == 1
    assert found.details[0].startswith("count_quantile differs")
