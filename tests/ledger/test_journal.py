"""The file grows by whole lines, whoever writes and whatever stops them."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime

import pytest

from hotspot.errors import LedgerError, MissingFileError
from hotspot.ledger import Ledger, file_record, journal, verify_ledger
from hotspot.ledger.chain import linked


def test_entries_are_those_appended_in_order(ledger):
    found = list(ledger.entries())
    assert [entry.seq for entry in found] == list(range(30))
    assert found[7].body["outputs"][0]["name"] == "forecast-7.nc"
    assert found[7].body["at"] == "2025-01-02T09:07:00.000000+00:00"


def test_an_entry_says_what_code_ran_on_what(ledger):
    body = next(ledger.entries()).body
    assert len(body["code"]["source_sha256"]) == 64
    assert body["environment"]["packages"]["numpy"]


@pytest.mark.parametrize(
    ("kind", "said", "match"),
    [
        ("dispatch", {}, "no kind of entry 'dispatch'"),
        ("fit", {"role": "  "}, "role must say"),
        ("fit", {"role": "jo@met.police.uk"}, "no names and no addresses"),
        ("fit", {"at": datetime(2025, 1, 1)}, "time zone"),
        ("fit", {"inputs": [{"name": "/home/jo/data.csv"}]}, "without its folder"),
        ("fit", {"parameters": {"x": float("nan")}}, "canonical JSON"),
    ],
)
def test_what_cannot_be_recorded_is_refused_and_nothing_is_written(tmp_path, kind, said, match):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    with pytest.raises(LedgerError, match=match):
        ledger.append(kind, **{"role": "analyst", **said})
    assert not ledger.path.exists()


def test_there_is_no_ledger(tmp_path):
    with pytest.raises(MissingFileError, match="no ledger"):
        list(Ledger(tmp_path / "none.jsonl").entries())


def stopped_after(monkeypatch, written, error):
    """The disk takes `written` bytes, and then the writer ends with `error`."""
    left, real = [written], os.write

    def write(descriptor, content):
        if left[0] == 0:
            raise error
        part = content[: left[0]]
        left[0] -= len(part)
        return real(descriptor, part)

    monkeypatch.setattr(journal.os, "write", write)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.5, 0.97, 0.999])
def test_a_writer_killed_within_a_line_leaves_a_torn_end_that_is_set_aside(
    ledger, monkeypatch, share
):
    whole = ledger.path.read_bytes()
    length = len(
        linked(30, "0" * 64, journal._body("score", role="analyst", at=None, said={})).line
    )
    with monkeypatch.context() as patched:
        stopped_after(patched, int(share * length), KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            ledger.append("score", role="analyst")
    torn = ledger.path.read_bytes()[len(whole) :]
    assert len(torn) == int(share * length)
    assert verify_ledger(ledger.path).whole == (not torn)
    ledger.append("score", role="analyst")
    assert ledger.path.read_bytes().startswith(whole)
    assert verify_ledger(ledger.path).whole
    kinds = [entry.body["kind"] for entry in ledger.entries()][30:]
    assert kinds == (["repair", "score"] if torn else ["score"])
    if torn:
        record = list(ledger.entries())[30].body["set_aside"]
        assert (ledger.path.parent / record["name"]).read_bytes() == torn
        assert record["bytes"] == len(torn)


def test_a_full_disk_leaves_the_ledger_as_it_was(ledger, monkeypatch):
    before = ledger.path.read_bytes()
    with monkeypatch.context() as patched:
        stopped_after(patched, 100, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(LedgerError, match=r"No space left.*make room"):
            ledger.append("score", role="analyst")
    assert ledger.path.read_bytes() == before


def test_a_line_that_was_changed_at_the_end_stops_the_next_writer(ledger):
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"forecast-29", b"forecast-28"))
    with pytest.raises(LedgerError, match="the last line was changed"):
        ledger.append("score", role="analyst")


def test_a_ledger_of_another_version_is_not_written_to(ledger):
    content = ledger.path.read_bytes().replace(b"hotspot.audit.v1", b"hotspot.audit.v9")
    ledger.path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"another format, 'hotspot.audit.v9'"):
        ledger.append("score", role="analyst")
    assert ledger.path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(LedgerError, match="nothing that must be recorded was done"):
        Ledger(blocked / "ledger.jsonl").append("fit", role="analyst")


def test_writers_in_threads_never_interleave(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")

    def write(name):
        for number in range(15):
            ledger.append("fit", role=name, parameters={"number": number})

    threads = [threading.Thread(target=write, args=(f"analyst {k}",)) for k in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert verify_ledger(ledger.path).problems == ()
    by_writer = {}
    for entry in ledger.entries():
        by_writer.setdefault(entry.body["role"], []).append(entry.body["parameters"]["number"])
    assert list(by_writer.values()) == [list(range(15))] * 4


WRITER = """
import sys
from hotspot.ledger import Ledger
ledger = Ledger(sys.argv[1])
print("ready", flush=True)
while True:
    ledger.append("fit", role=sys.argv[2], parameters={"filling": "x" * 20_000})
"""


@pytest.mark.process
def test_two_processes_take_turns_and_a_killed_one_leaves_no_half_record(tmp_path):
    path = tmp_path / "ledger.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), role], stdout=subprocess.PIPE)
        for role in ("first", "second")
    ]
    try:
        for one in writers:
            assert one.stdout.readline() == b"ready\n"  # and so the file is there, or soon
        path.touch()
        deadline = time.monotonic() + 60
        while not all(role in path.read_bytes() for role in (b'"first"', b'"second"')):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        for one in writers:
            one.send_signal(signal.SIGKILL)
            one.wait()
            one.stdout.close()
    last = Ledger(path).append("score", role="after the kill")
    assert verify_ledger(path).problems == ()
    roles = {entry.body["role"] for entry in Ledger(path).entries()}
    assert {"first", "second", "after the kill"} <= roles
    assert last.seq >= 2


def test_the_record_of_a_folder_changes_with_any_file_in_it(tmp_path):
    store = tmp_path / "store.zarr"
    (store / "inner").mkdir(parents=True)
    (store / "inner" / "chunk").write_bytes(b"abc")
    before = file_record(store, rows_in=3)
    assert (before["name"], before["bytes"], before["rows_in"]) == ("store.zarr", 3, 3)
    (store / "inner" / "chunk").write_bytes(b"abd")
    assert file_record(store)["sha256"] != before["sha256"]
