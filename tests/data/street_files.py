"""Street-level files written by hand, for tests to damage."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
from shapely import box

HEADER = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,"
    "Crime type,Last outcome category,Context"
)
NAME = "2019-01-metropolitan-street.csv"
# About 5 by 5 km round Camden Town; contains every place that `row` gives by default.
REGION = gpd.GeoSeries([box(526_000, 181_000, 532_000, 187_000)], crs=27700)


def row(i: int = 0, **changes: str) -> str:
    """One row; place, ID and all else differ with `i`, and `changes` name single fields."""
    fields = {
        "crime_id": hashlib.sha256(str(i).encode()).hexdigest(),
        "month": "2019-01",
        "reported_by": "Metropolitan Police Service",
        "falls_within": "Metropolitan Police Service",
        "longitude": f"{-0.14 + 0.001 * (i % 7):.6f}",
        "latitude": f"{51.53 + 0.001 * (i % 5):.6f}",
        "location": "On or near High Street",
        "lsoa_code": "E01000907",
        "lsoa_name": "Camden 001A",
        "crime_type": "Burglary",
        "outcome": "Under investigation",
        "context": "",
    }
    return ",".join({**fields, **changes}.values())


def text(rows: Sequence[str], header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def good(n: int = 12, **changes: str) -> bytes:
    return text([row(i, **changes) for i in range(n)])


def write(folder: Path, data: bytes, name: str = NAME) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
