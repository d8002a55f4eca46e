"""How long reading street-level CSVs takes, beside what pyarrow needs to parse the same bytes.

Run ``python benchmarks/reading.py [FOLDER]``. Without a folder the 133 months of Metropolitan
burglary are unpacked from the development data into a temporary one. Reading means everything:
hashing, checking, de-duplicating, projecting, placing in the region, building the Events.
Both sides run in turn in one process, warm; the least of several turns counts.
"""

import argparse
import os
import tarfile
import tempfile
import time
import warnings
from pathlib import Path

import geopandas as gpd
import pyarrow.csv

import hotspot

REAL = Path(
    os.environ.get("HOTSPOT_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)
ARCHIVE = REAL / "met_burglary_police_uk" / "dev_raw_csv_2010-12_2021-12.tar.xz"
BOROUGHS = REAL / "london_boroughs_spdata" / "lnd.geojson"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="a folder of street-level CSVs")
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.folder:
        compare(arguments.folder, arguments.turns)
        return
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(folder, filter="data")
        compare(Path(folder), arguments.turns)


def compare(folder: Path, turns: int) -> None:
    files = sorted(folder.rglob("*-street.csv"))
    region = gpd.read_file(BOROUGHS).to_crs(27700).union_all() if BOROUGHS.exists() else None
    parse, read = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hotspot.errors.DataQualityWarning)
        for _ in range(turns + 1):
            parse.append(seconds(lambda: [pyarrow.csv.read_csv(file) for file in files]))
            read.append(seconds(lambda: hotspot.read_police_uk(folder, region=region)))
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    # The first turn warms the file cache and the imports.
    parsing, reading = min(parse[1:]), min(read[1:])
    print(f"{len(files)} files, {megabytes:.0f} MB, best of {turns} turns")
    print(f"pyarrow.csv.read_csv, every file   {parsing:.2f} s")
    print(f"hotspot.read_police_uk             {reading:.2f} s")
    print(f"ratio                              {reading / parsing:.2f}   (must be at most 3)")


def seconds(work) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
