"""What a study names, read from disk: its areas and its events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hotspot.errors import StudyError
from hotspot.study.checks import unknown
from hotspot.study.parts import Study

if TYPE_CHECKING:
    import geopandas as gpd

    from hotspot.data.events import Events


def load_areas(study: Study) -> gpd.GeoDataFrame:
    """The boroughs or polygons of a study; together they are its region.

    Parameters
    ----------
    study : Study

    Returns
    -------
    GeoDataFrame
        EPSG:27700, with a column ``name``.

    Raises
    ------
    StudyError
        If the region file cannot be read, holds no polygons or lacks the name column.
    UnknownNameError
        If a borough is not known.
    """
    import geopandas as gpd

    from hotspot.data.places import load_boroughs

    if study.area.region is None:
        return load_boroughs(study.area.boroughs or None)
    areas = _read_polygons(study.area.region)
    if areas.crs is None:
        raise StudyError(
            f"{study.area.region} does not say its reference system. Save it with one, for London "
            "EPSG:27700."
        )
    areas = areas.to_crs(27700)
    column = study.area.name_column
    if column in areas.columns:
        names = areas[column].astype(str)
    elif len(areas) == 1:
        names = [study.area.region.stem]
    else:
        columns = [name for name in areas.columns if name != areas.geometry.name]
        raise StudyError(unknown(f"{study.area.region.name}", column, columns, "column"))
    return gpd.GeoDataFrame({"name": list(names)}, geometry=list(areas.geometry), crs=27700)


def load_events(
    study: Study, *, region: gpd.GeoDataFrame | None = None, progress: bool = False
) -> Events:
    """Read the events of a study, of its offences, inside its region.

    Parameters
    ----------
    study : Study
    region : GeoDataFrame, optional
        What :func:`load_areas` gave, if it is at hand.
    progress : bool
        Show a bar while reading.

    Returns
    -------
    Events

    Raises
    ------
    StudyError
        If there is nothing at the path of ``[data]``.
    HotspotError
        Whatever :func:`hotspot.read_police_uk` or :meth:`hotspot.Events.select` refuse.
    """
    from hotspot.data.events import Events
    from hotspot.data.police_uk import read_police_uk

    path, offences = study.data.path, study.data.offences or None
    if not path.exists():
        raise StudyError(f"There is nothing to read at {path}.")
    region = load_areas(study) if region is None else region
    if path.suffix == ".parquet":
        events = Events.from_parquet(path).select(offences=offences, region=region)
    else:
        events = read_police_uk(path, offences=offences, region=region, progress=progress)
    return replace(events, overrides=(*events.overrides, *study.override))


def _read_polygons(path: Path) -> gpd.GeoDataFrame:
    import geopandas as gpd

    if not path.is_file():
        raise StudyError(f"There is no region file {path}.")
    try:
        is_parquet = path.suffix in (".parquet", ".geoparquet")
        areas = gpd.read_parquet(path) if is_parquet else gpd.read_file(path)
    except Exception as error:  # each of GDAL's drivers raises its own
        raise StudyError(f"{path} cannot be read as a file of polygons: {error}") from error
    if not isinstance(areas, gpd.GeoDataFrame) or areas.empty:
        raise StudyError(f"{path} holds no polygon.")
    return areas
