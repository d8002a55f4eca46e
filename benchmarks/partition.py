"""Street-level files of several forces, one partition a force and month: time, bytes, memory.

    python benchmarks/partition.py [--data FOLDER] [--out FOLDER]

Reads every original file of the development data (Metropolitan Police, burglary; City of London and
West Yorkshire, all offences), one at a time, writes each as GeoParquet under force=.../month=...,
puts each force together again, and holds it against one read of all its files. Rows, seconds of
processor, bytes and memory are per partition; nothing is extrapolated here.
"""

import argparse
import gzip
import resource
import shutil
import tarfile
import tempfile
import time
import warnings
from pathlib import Path

import geopandas as gpd
import pandas as pd
from shapely import Polygon, box

from hotspot import Events, read_police_uk
from hotspot.data.content import table_hash


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    options.add_argument("--out", type=Path, help="keep the partitions here")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")  # single months of a force: what is doubtful is not at issue
    with tempfile.TemporaryDirectory() as folder:
        out = chosen.out or Path(folder) / "events"
        files = unpacked(chosen.data, Path(folder) / "files")
        print(f"{'force':<16} partitions    rows    kept   s  us/row  bytes/row  MiB, largest")
        for force, (paths, region) in files.items():
            written = [partition(path, region, out) for path in paths]
            print_cost(force, written)
            check_whole(paths, region, [one["path"] for one in written])
    print(f"memory of the process, all the time: {peak()} MiB")


def unpacked(data: Path, folder: Path):
    """The original files of each force, and its region: a box, since each partition repeats it."""
    london = gpd.read_file(data / "london_boroughs_spdata/lnd.geojson").to_crs(27700)
    yorkshire = data / "police_uk_west_yorkshire"
    leeds = gpd.read_file(yorkshire / "west_yorkshire_lsoa_2011_bsc.geojson").to_crs(27700)
    folder.mkdir()
    archive = data / "met_burglary_police_uk/dev_raw_csv_2010-12_2021-12.tar.xz"
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "met", filter="data")
    for packed in yorkshire.glob("*.csv.gz"):
        with gzip.open(packed) as source, (folder / packed.stem).open("wb") as target:
            shutil.copyfileobj(source, target)
    london, leeds = (box(*region.total_bounds) for region in (london, leeds))
    city = data / "city_of_london_street"
    return {
        "metropolitan": (sorted((folder / "met").rglob("*.csv")), london),
        "city-of-london": (sorted(city.glob("*street.csv")), london),
        "west-yorkshire": (sorted(folder.glob("*.csv")), leeds),
    }


def partition(path: Path, region: Polygon, out: Path) -> dict[str, object]:
    """One file becomes one partition; nothing else is in memory."""
    start = time.process_time()
    events = read_police_uk(path, region=region)
    table = events.table
    (force, month) = events.coverage[["force", "month"]].iloc[0].astype(str)
    target = out / f"force={force.replace(' ', '-').lower()}" / f"month={month}" / "events.parquet"
    target.parent.mkdir(parents=True)
    events.to_parquet(target)
    return {
        "path": target,
        "rows": events.source.rows_in,
        "kept": len(table),
        "seconds": time.process_time() - start,
        "bytes": target.stat().st_size,
        "memory": int(table.memory_usage(deep=True).sum()) / 2**20,
    }


def print_cost(force: str, written: list[dict]) -> None:
    table = pd.DataFrame(written)
    rows, kept, seconds = table["rows"].sum(), table["kept"].sum(), table["seconds"].sum()
    print(
        f"{force:<16} {len(table):>10} {rows:>7} {kept:>7} {seconds:>3.0f} "
        f"{1e6 * seconds / rows:>7.1f} {table['bytes'].sum() / kept:>10.1f} "
        f"{table['memory'].max():>13.1f}"
    )


def check_whole(files: list[Path], region: Polygon, partitions: list[Path]) -> None:
    """A force put together from its partitions holds the rows of its files, each once."""
    start = time.process_time()
    tables = [Events.from_parquet(path).table for path in partitions]
    together = pd.concat(tables, ignore_index=True)
    seconds = time.process_time() - start
    single = [table_hash(read_police_uk(path, region=region).table) for path in files[:3]]
    same = single == [table_hash(table) for table in tables[:3]]
    memory = together.memory_usage(deep=True).sum() / 2**20
    print(
        f"{'':<16} together: {len(together):,} rows in {seconds:.1f} s, {memory:.0f} MiB; "
        f"first three as read from their files: {same}"
    )


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
