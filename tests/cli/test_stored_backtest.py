"""``hotspot backtest --resume``: kept as it is made, the same numbers, whoever makes it."""

import pytest

from hotspot import open_backtest, verify_backtest
from tests.cli.conftest import AREA

pytestmark = pytest.mark.process

SMALL = ["--cell-size", 1000, "--size", 50, "--start", "2024-10", "--end", "2025-01", *AREA]
SMALL += ["--model", "HistoricalRate:window=24 months", "--model", "HistoricalRate"]
TABLES = ("scores.csv", "summary.csv")


@pytest.fixture(scope="module")
def backtest(hotspot, events_file):
    def run(folder, *flags, **options):
        arguments = ["--data", events_file, *SMALL, "--out", folder, *flags]
        return hotspot("backtest", *arguments, **options)

    return run


def test_processes_and_a_store_change_no_score_and_a_second_run_makes_nothing_anew(
    backtest, tmp_path
):
    backtest(tmp_path / "plain")
    said = backtest(tmp_path / "kept", "--processes", "--resume").stdout
    store = tmp_path / "kept" / "store"
    assert verify_backtest(store) == []
    for name in TABLES:
        kept, plain = ((tmp_path / one / name).read_bytes() for one in ("kept", "plain"))
        assert kept == plain
    assert not (tmp_path / "kept" / "backtest.nc").exists()
    times = {file: file.stat().st_mtime_ns for file in store.rglob("*") if file.is_file()}
    again = backtest(tmp_path / "kept", "--resume", "--workers", 2).stdout
    assert {file: file.stat().st_mtime_ns for file in times} == times
    hashes = [[line for line in out.splitlines() if "SHA-256" in line] for out in (said, again)]
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 1


def test_a_damaged_store_is_refused_in_one_sentence_and_repaired_on_request(backtest, tmp_path):
    backtest(tmp_path, "--resume")
    chunk = tmp_path / "store/data.zarr/expected_count/1.2.0.0.0"
    chunk.write_bytes(chunk.read_bytes()[:-4])
    refused = backtest(tmp_path, "--resume", ends_with=2).stderr
    assert "the forecast of 'HistoricalRate' in fold 2 (expected_count/1.2.0.0.0)" in refused
    backtest(tmp_path, "--resume", "--repair")
    assert verify_backtest(tmp_path / "store") == []
    assert open_backtest(tmp_path / "store")["expected_count"].isel(fold=2).notnull().any()


def test_another_study_in_the_same_folder_is_refused_with_what_differs(backtest, tmp_path):
    backtest(tmp_path, "--resume")
    refused = backtest(tmp_path, "--resume", "--seed", 2, ends_with=2).stderr
    assert "is another one: seed.entropy" in refused


def test_repair_without_resume_is_refused(backtest, tmp_path):
    assert "it needs resume" in backtest(tmp_path, "--repair", ends_with=2).stderr
    assert "workers must be at least 1" in backtest(tmp_path, "--workers", 0, ends_with=2).stderr
