"""Strings planted in the columns that are dropped appear in no byte that a command leaves."""

import gzip
import io
import zipfile
import zlib

import pandas as pd
import pytest

from hotspot.data.sample import sample_path
from tests.cli.conftest import AREA

pytestmark = pytest.mark.process

DROPPED = ("Crime ID", "Reported by", "Location", "LSOA name", "Last outcome category", "Context")
CANARIES = {column: f"canary{number}zq" for number, column in enumerate(DROPPED)}
FORCES = ("metropolitan", "city-of-london")
MONTHS = [str(month) for month in pd.period_range("2023-11", "2024-12", freq="M")]


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A folder of street files with a canary in each row of each column that is dropped."""
    folder = tmp_path_factory.mktemp("planted")
    with zipfile.ZipFile(sample_path("police_uk/archive.zip")) as archive:
        for name in archive.namelist():
            if name[:7] not in MONTHS or not name.endswith("street.csv"):
                continue
            table = pd.read_csv(io.BytesIO(archive.read(name)))
            for column, canary in CANARIES.items():
                # An ID tells duplicates, so that each row keeps one of its own.
                unique = [f"{canary}{i}{name[:7]}" for i in range(len(table))]
                table[column] = unique if column == "Crime ID" else canary
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(path, index=False)
    return folder


def commands(planted, out):
    """Every command that leaves something; extend it when there is another one."""
    data = ["--data", out / "data" / "events.parquet", *AREA]
    model = ["--cell-size", 500, "--size", 50, "--model", "HistoricalRate:window=6 months"]
    second = ["--model", "HistoricalRate:window=3 months"]
    nc, kept = out / "forecast" / "forecast.nc", out / "ledger.jsonl"
    study = out / "study.toml"
    return [
        ["ingest", planted, *AREA, "--out", out / "data"],
        ["forecast", *data, *model, "--start", "2024-12", "--out", out / "forecast"],
        ["forecast", "--data", planted, *AREA, *model, "--out", out / "straight"],
        ["backtest", *data, *model, *second, "--start", "2024-11", "--end", "2025-01",
         "--out", out / "backtest"],
        ["judge", nc.with_name("cells.parquet"), *data, "--out", out / "judge"],
        ["seal", study, "--out", out / "sealed"],
        ["score", out / "sealed", "--data", planted, "--out", out / "score"],
        ["decision", "add", "--forecast", nc, "--role", "panel", "--accept",
         "--why", "as expected this month"],
        ["decision", "list"],
        ["audit", study, "--plan", out / "audit.toml", "--fast",
         "--backtest", out / "backtest" / "backtest.nc", "--out", out / "audit"],
        ["card", out / "forecast", "--out", out / "card"],
        ["reproduce", "1", "--inputs", out],
        ["verify"],
        ["checkpoint"],
        ["ledger", "export", "--prov", out / "prov.json", "--ledger", kept],
        ["ledger", "bundle", "--out", out / "crate", "--ledger", kept],
    ]  # fmt: skip


STUDY = """
[data]
path = "data/events.parquet"
[area]
boroughs = ["City of London", "Islington"]
[grid]
cell_size = 500
[[models]]
name = "half a year"
kind = "HistoricalRate"
window = "6 months"
[forecast]
start = "2024-12"
size = 50
"""

PLAN = """
model = "HistoricalRate 6 months"
baselines = ["HistoricalRate 3 months"]
area_share = 0.2
"""


def contents(path):
    """The bytes of a file, and of what is compressed inside it."""
    raw = path.read_bytes()
    yield raw
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif raw[:2] == b"\x1f\x8b":
        yield gzip.decompress(raw)
    elif path.suffix == ".parquet":
        yield pd.read_parquet(path, dtype_backend="pyarrow").to_csv().encode()
        import pyarrow.parquet as pq

        yield repr(pq.read_schema(path).metadata).encode()
    elif path.suffix == ".nc":
        yield from of_hdf5(path)
    elif path.suffix == ".png":
        yield from of_png(raw)


def of_hdf5(path):
    import h5py

    found = []
    with h5py.File(path) as file:
        file.visititems(
            lambda name, one: found.append(
                f"{name} {dict(one.attrs)} {one[...] if one.dtype.kind in 'OS' else ''}"
                if isinstance(one, h5py.Dataset)
                else name
            )
        )
        found.append(str(dict(file.attrs)))
    return [one.encode() for one in found]


def of_png(raw):
    at = 8
    while at < len(raw):
        size, kind = int.from_bytes(raw[at : at + 4]), raw[at + 4 : at + 8]
        chunk = raw[at + 8 : at + 8 + size]
        yield kind + (zlib.decompress(chunk.split(b"\0", 2)[-1]) if kind == b"zTXt" else chunk)
        at += 12 + size


@pytest.fixture(scope="module")
def everything(hotspot, planted, tmp_path_factory):
    """What every command printed, and the folder of all that they left."""
    out = tmp_path_factory.mktemp("canary")
    (out / "study.toml").write_text(STUDY, encoding="utf-8")
    (out / "audit.toml").write_text(PLAN, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOTSPOT_LEDGER", str(out / "ledger.jsonl"))
        patch.chdir(out)
        results = [hotspot(*command) for command in commands(planted, out)]
    return out, [one.stdout + one.stderr for one in results]


def test_no_byte_of_any_output_holds_what_was_dropped(everything):
    out, printed = everything
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) > 30
    found = {
        (path.name, column)
        for path in files
        for content in contents(path)
        for column, canary in CANARIES.items()
        if canary.encode() in content
    }
    assert found == set()
    assert not [text for text in printed if "canary" in text and "zq" in text]


def test_the_search_sees_a_canary_wherever_it_is_put(tmp_path):
    """Or the test above could not fail."""
    import h5py
    from matplotlib.figure import Figure

    table = pd.DataFrame({"a": ["canary0zq"] * 1000})
    table.to_parquet(tmp_path / "a.parquet", compression="gzip")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", "canary0zq" * 99)
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file.create_dataset("t", data=["canary0zq"] * 99, compression="gzip")
    Figure().savefig(tmp_path / "a.png", metadata={"Comment": "canary0zq"})
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"canary0zq" * 99))
    for path in tmp_path.iterdir():
        assert any(b"canary0zq" in content for content in contents(path)), path.name


def test_no_command_is_left_out(planted, tmp_path):
    from hotspot.cli import app

    named = {one[0] for one in commands(planted, tmp_path)}
    known = {one.name or one.callback.__name__ for one in app.registered_commands}
    known |= {one.name for one in app.registered_groups}
    # The demonstration is ingest, forecast and backtest of a sample of its own.
    assert known - named == {"demo"}
