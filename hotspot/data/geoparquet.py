"""Events to GeoParquet and back without loss.

The file is plain GeoParquet, which any program can open; the window, coverage, resolutions,
source and report lie beside the table in the file's metadata, as JSON under ``hotspot``.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from hotspot._files import replaced
from hotspot.data.content import described_columns
from hotspot.data.events import Events, Source
from hotspot.errors import FileFormatError, HotspotError, MissingFileError
from hotspot.guards.outcome import Override
from hotspot.guards.persons import require_no_persons

FORMAT = 1


def write_events(events: Events, path: str | os.PathLike[str]) -> None:
    """Write `events` to `path`, whole or not at all."""
    table = events.table
    columns = {"time": pa.array(table["time"], pa.timestamp("us", "UTC"))}
    columns |= {name: _stored(table[name]) for name in described_columns(table)}
    columns["geometry"] = pa.array(shapely.to_wkb(table.geometry.to_numpy()), pa.binary())
    said = json.dumps(_described(events))
    metadata = {
        "geo": json.dumps(_geo(table)),
        "hotspot": said,
        "hotspot_sha256": hashlib.sha256(said.encode()).hexdigest(),
    }
    with replaced(path) as temporary:
        pq.write_table(
            pa.table(columns).replace_schema_metadata(metadata),
            temporary,
            compression="zstd",
            write_page_checksum=True,
        )


def _stored(column: pd.Series) -> pa.Array:
    if pd.api.types.is_datetime64_any_dtype(column):
        return pa.array(column, pa.timestamp("us", "UTC"))
    return pa.array(column, None if pd.api.types.is_numeric_dtype(column) else pa.string())


def read_events(path: str | os.PathLike[str]) -> Events:
    """Read what :func:`write_events` wrote, and check that nothing changed since."""
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"There is no file at {path}.")
    try:
        return _checked(path)
    except HotspotError:
        raise
    except Exception as error:
        # Damaged bytes surface anywhere: in thrift, in UTF-8, in JSON, in WKB, in the CRS.
        raise FileFormatError(
            f"{path.name} is damaged or is not a Parquet file ({error}). Make it again."
        ) from error


def _checked(path: Path) -> Events:
    stored = pq.read_table(path, page_checksum_verification=True)
    metadata = stored.schema.metadata or {}
    if b"hotspot" not in metadata:
        raise FileFormatError(
            f"{path.name} holds points without the window they were recorded in. Use "
            "Events.from_geodataframe(geopandas.read_parquet(path), ...), which asks for it."
        )
    said = metadata[b"hotspot"]
    changed = hashlib.sha256(said).hexdigest().encode() != metadata.get(b"hotspot_sha256")
    events = None if changed else _events_of(stored, json.loads(said), path.name)
    if events is None or events.content_hash() != json.loads(said)["content_sha256"]:
        raise FileFormatError(
            f"{path.name} does not match its content hash: it was changed or damaged after it "
            "was written. Make it again from the source."
        )
    # A table can be put into events behind the door that Events.from_geodataframe is.
    require_no_persons(events.table, kept=events.table.columns.drop(["time", "geometry"]))
    return events


def _described(events: Events) -> dict:
    return {
        "format": FORMAT,
        "region": shapely.to_wkb(events.region).hex(),
        "start": _instant(events.start),
        "end": _instant(events.end),
        "time_resolution": events.time_resolution,
        "place_resolution": events.place_resolution,
        "time_zone": events.time_zone,
        "coverage": _frame(events.coverage),
        "source": asdict(events.source),
        "report": _frame(events.report),
        "overrides": [asdict(one) for one in events.overrides],
        "content_sha256": events.content_hash(),
    }


def _events_of(stored: pa.Table, said: dict, name: str) -> Events:
    if said["format"] != FORMAT:
        raise FileFormatError(
            f"{name} is of format {said['format']}, this version reads {FORMAT}. "
            "Use the version of hotspot that wrote it, or make it again from the source."
        )
    crs = json.loads(stored.schema.metadata[b"geo"])["columns"]["geometry"]["crs"]
    columns = stored.drop_columns("geometry").replace_schema_metadata(None)
    places = shapely.from_wkb(stored["geometry"].to_numpy())
    table = columns.to_pandas()
    position = 2 if "offence" in table else 1
    table.insert(position, "geometry", gpd.array.GeometryArray(places, crs=CRS.from_json_dict(crs)))
    return Events(
        table=gpd.GeoDataFrame(table, geometry="geometry"),
        region=shapely.from_wkb(bytes.fromhex(said["region"])),
        start=_from_instant(said["start"]),
        end=_from_instant(said["end"]),
        time_resolution=said["time_resolution"],
        place_resolution=said["place_resolution"],
        coverage=_from_frame(said["coverage"]),
        time_zone=said["time_zone"],
        source=Source(**said["source"]),
        report=_from_frame(said["report"]),
        overrides=tuple(Override(**one) for one in said.get("overrides", ())),
    )


def _geo(table: gpd.GeoDataFrame) -> dict:
    """GeoParquet 1.0 file metadata, https://geoparquet.org/releases/v1.0.0/."""
    column: dict = {
        "encoding": "WKB",
        "geometry_types": ["Point"] if len(table) else [],
        "crs": table.crs.to_json_dict(),
    }
    if len(table):
        column["bbox"] = [float(edge) for edge in table.total_bounds]
    return {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": column}}


def _instant(when: pd.Timestamp) -> list[str]:
    return [when.tz_convert("UTC").isoformat(), str(when.tz)]


def _from_instant(said: list[str]) -> pd.Timestamp:
    return pd.Timestamp(said[0]).tz_convert(said[1])


def _frame(frame: pd.DataFrame | None) -> dict | None:
    if frame is None:
        return None
    kinds = {name: "int" if kind.kind in "iu" else "text" for name, kind in frame.dtypes.items()}
    return {"kinds": kinds, "columns": {name: frame[name].tolist() for name in frame}}


def _from_frame(said: dict | None) -> pd.DataFrame | None:
    if said is None:
        return None
    dtype = {"int": "int64", "text": str}
    return pd.DataFrame(
        {
            name: pd.Series(said["columns"][name], dtype=dtype[kind])
            for name, kind in said["kinds"].items()
        }
    )
