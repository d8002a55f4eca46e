"""Events survive a file unchanged, and a file that changed is refused."""

import os
import signal
import subprocess
import sys
import textwrap

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pytest
from geopandas.testing import assert_geodataframe_equal
from shapely import box

from hotspot import Events, read_police_uk
from hotspot.data import geoparquet
from hotspot.errors import FileFormatError, MissingFileError
from tests.data.street_files import HEADER, REGION, row, text, write

PLANTED = "Qx7planted"


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """Every dropped column holds a planted string."""
    folder = tmp_path_factory.mktemp("archive")
    planted = {
        "reported_by": f"{PLANTED}-reported-by",
        "location": f"{PLANTED}-location",
        "lsoa_name": f"{PLANTED}-lsoa-name",
        "outcome": f"{PLANTED}-outcome",
        "context": f"{PLANTED}-context",
    }
    rows = [row(i, crime_id=f"{PLANTED}-id-{i % 30}", **planted) for i in range(40)]
    rows += [row(41, crime_id="", lsoa_code=""), row(42, longitude="", latitude="")]
    write(folder, text(rows))
    write(folder, b"", "2019-01-metropolitan-outcomes.csv")
    return read_police_uk(folder, region=REGION)


def assert_same(one, other):
    assert_geodataframe_equal(one.table, other.table)
    assert one.table.crs == other.table.crs
    assert one.region.equals_exact(other.region, 0)
    for name in ("start", "end", "time_resolution", "place_resolution", "time_zone", "source"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("coverage", "report"):
        mine, others = getattr(one, name), getattr(other, name)
        if mine is None:
            assert others is None
        else:
            pd.testing.assert_frame_equal(mine, others)


def test_nothing_is_lost_on_the_way_to_a_file_and_back(events, tmp_path):
    events.to_parquet(tmp_path / "events.parquet")
    back = Events.from_parquet(tmp_path / "events.parquet")
    assert_same(events, back)
    assert back.content_hash() == events.content_hash()


def test_exact_times_and_a_table_of_ones_own_come_back(tmp_path):
    table = gpd.GeoDataFrame(
        {"time": pd.to_datetime(["2024-03-01 22:15:00.123456"]), "offence": ["é, \U0001f512"]},
        geometry=gpd.points_from_xy([0.1], [1e-17]),
        crs=2950,
    )
    events = Events.from_geodataframe(
        table,
        time_resolution="exact",
        region=box(0, 0, 1, 1),
        start=pd.Timestamp("2024-01-01", tz="America/Toronto"),
        end="2025-01-01",
        time_zone="America/Toronto",
        coverage=None,
    )
    events.to_parquet(tmp_path / "events.parquet")
    assert_same(events, Events.from_parquet(tmp_path / "events.parquet"))


def test_events_without_rows_come_back(events, tmp_path):
    none = events.select(offences="Robbery")
    none.to_parquet(tmp_path / "events.parquet")
    assert_same(none, Events.from_parquet(tmp_path / "events.parquet"))


def test_other_programs_can_read_the_file(events, tmp_path):
    events.to_parquet(tmp_path / "events.parquet")
    plain = gpd.read_parquet(tmp_path / "events.parquet")
    assert_geodataframe_equal(plain[events.table.columns.tolist()], events.table)


def test_dropped_columns_reach_no_byte_of_the_file(events, tmp_path):
    path = tmp_path / "events.parquet"
    events.to_parquet(path)
    assert PLANTED.encode() not in path.read_bytes()
    # Pages are compressed, so look into them as well.
    stored = pq.read_table(path)
    assert PLANTED not in str(stored.to_pydict())
    assert PLANTED not in str(stored.schema.metadata)
    assert HEADER.count(",") == 11  # what was planted in: every column but the six that are kept


def test_a_string_that_is_kept_would_be_found(tmp_path, events):
    """The canary test can fail: the force, which is kept, is found by the same search."""
    path = tmp_path / "events.parquet"
    events.to_parquet(path)
    assert "Metropolitan Police Service" in str(pq.read_table(path).to_pydict())


def test_a_flipped_byte_is_refused_or_harmless(events, tmp_path):
    """Some bytes say nothing (who wrote the file); the others may not pass unnoticed."""
    path = tmp_path / "events.parquet"
    events.to_parquet(path)
    whole = path.read_bytes()
    positions = range(0, len(whole), len(whole) // 150)
    refused = 0
    for position in positions:
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            back = Events.from_parquet(path)
        except FileFormatError:
            refused += 1
        else:
            assert_same(events, back)
    assert refused > len(positions) / 2


def test_a_file_cut_short_is_refused(events, tmp_path):
    path = tmp_path / "events.parquet"
    events.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match="is damaged"):
        Events.from_parquet(path)


@pytest.mark.parametrize("key", [b'"month": "2019', b'"rows_kept": ', b'"time_zone": "Europe/L'])
def test_a_changed_description_is_refused(events, tmp_path, key):
    path = tmp_path / "events.parquet"
    events.to_parquet(path)
    stored = pq.read_table(path)
    metadata = dict(stored.schema.metadata)
    said = metadata[b"hotspot"]
    at = said.find(key.partition(b": ")[0]) + 1
    assert at > 0
    metadata[b"hotspot"] = said[:at] + b"x" + said[at:]
    pq.write_table(stored.replace_schema_metadata(metadata), path)
    with pytest.raises(FileFormatError, match="does not match its content hash"):
        Events.from_parquet(path)


def test_a_row_that_was_taken_out_is_missed(events, tmp_path):
    path = tmp_path / "events.parquet"
    events.to_parquet(path)
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(FileFormatError, match="does not match its content hash"):
        Events.from_parquet(path)


def test_what_is_not_a_file_of_events_is_refused(events, tmp_path):
    with pytest.raises(MissingFileError, match="There is no file"):
        Events.from_parquet(tmp_path / "nothing.parquet")
    (tmp_path / "text.parquet").write_text("month,longitude")
    with pytest.raises(FileFormatError, match="is damaged or is not a Parquet file"):
        Events.from_parquet(tmp_path / "text.parquet")
    events.table.to_parquet(tmp_path / "plain.parquet")
    with pytest.raises(FileFormatError, match="without the window they were recorded in"):
        Events.from_parquet(tmp_path / "plain.parquet")


def test_a_file_of_a_later_format_is_refused(events, tmp_path, monkeypatch):
    monkeypatch.setattr(geoparquet, "FORMAT", 2)
    events.to_parquet(tmp_path / "events.parquet")
    monkeypatch.undo()
    with pytest.raises(FileFormatError, match="is of format 2, this version reads 1"):
        Events.from_parquet(tmp_path / "events.parquet")


def test_a_write_that_fails_leaves_the_old_file(events, tmp_path, monkeypatch):
    path = tmp_path / "events.parquet"
    events.to_parquet(path)
    before = path.read_bytes()
    whole = pq.write_table

    def half_then_fail(table, where, **options):
        whole(table, where, **options)
        os.truncate(where, 100)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", half_then_fail)
    with pytest.raises(OSError, match="No space left"):
        events.select(offences="Robbery").to_parquet(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["events.parquet"]


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_a_killed_write_leaves_the_old_file(events, tmp_path):
    """The process is killed after half the bytes are on disk, and nothing can tidy up."""
    path = tmp_path / "events.parquet"
    events.to_parquet(path)
    before = path.read_bytes()
    program = textwrap.dedent(
        """
        import os, signal, sys
        import pyarrow.parquet as pq
        from hotspot import Events
        events = Events.from_parquet(sys.argv[1])
        whole = pq.write_table
        def half_then_die(table, where, **options):
            whole(table, where, **options)
            os.truncate(where, os.path.getsize(where) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        pq.write_table = half_then_die
        events.select(offences="Robbery").to_parquet(sys.argv[1])
        """
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2  # the half file lies beside it, under another name
    assert_same(events, Events.from_parquet(path))
