"""Recorded offences with the window they were recorded in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry.base import BaseGeometry

from hotspot._typing import FloatArray, TimeResolution


@dataclass(frozen=True)
class Source:
    """Where events came from, in numbers that must add up.

    Attributes
    ----------
    name, licence : str
        What the source calls itself; the terms it may be used under.
    sha256 : str
        Hash of the bytes that were read (of the sorted per-file hashes for many files).
    rows_in : int
        Rows read; equals ``rows_kept + sum(dropped.values())``.
    rows_kept : int
        Rows that became events.
    dropped : dict
        Number of rows dropped, by reason.
    """

    name: str = "unnamed"
    licence: str = "not stated"
    sha256: str = ""
    rows_in: int = 0
    rows_kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Events:
    """Recorded offences: points, and the window outside which nothing was looked at.

    A point pattern is not only points: without the region and the periods that were
    observed, an empty place cannot be told from an unobserved one.

    Attributes
    ----------
    table : GeoDataFrame
        One row an event: ``time`` (datetime64, UTC; for month data the first instant of
        the month in `time_zone`), ``offence`` (str), ``geometry`` (points, projected
        CRS in metres; EPSG:27700 for London). police.uk data also carry ``force`` and
        ``lsoa_code``.
    region : Polygon or MultiPolygon
        The observation window in space, in the CRS of `table`.
    start, end : Timestamp
        The observation window in time, half-open [start, end), tz-aware.
    time_resolution : {"exact", "hour", "day", "month"}
        How finely times were recorded.
    place_resolution : float
        Metres; the snap spacing of the places, 0 where places are exact.
    coverage : DataFrame or None
        For monthly sources: one row per ``force`` and ``month`` ("YYYY-MM") that is
        present, with its number of ``rows``. None means that the whole window was
        observed. Missing is not zero.
    time_zone : str
        The zone in which periods (days, months) begin.
    source : Source
        Origin, licence, hash, and rows in = rows kept + rows dropped.
    report : DataFrame or None
        The ingest report, one row a file; see :func:`hotspot.read_police_uk`.
    """

    table: gpd.GeoDataFrame
    region: BaseGeometry
    start: pd.Timestamp
    end: pd.Timestamp
    time_resolution: TimeResolution
    place_resolution: float
    coverage: pd.DataFrame | None = None
    time_zone: str = "Europe/London"
    source: Source = field(default_factory=Source)
    report: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.table)

    def before(self, end: pd.Timestamp) -> Events:
        """The events strictly before `end`, with the window cut there; what a model may see."""
        end = min(end, self.end)
        coverage = self.coverage
        if coverage is not None:
            last = end.tz_convert(self.time_zone)
            coverage = coverage[coverage["month"] < f"{last:%Y-%m}"].reset_index(drop=True)
        return replace(
            self,
            table=self.table[self.table["time"] < end].reset_index(drop=True),
            end=end,
            coverage=coverage,
            report=None,
        )

    def coordinates(self) -> FloatArray:
        """Positions and times as one array, in an order that does not depend on the rows'.

        Returns
        -------
        (n, 3) float64
            Columns: days since `start`, x, y (metres); sorted by time, then x, then y.
        """
        days = (self.table["time"] - self.start) / pd.Timedelta(days=1)
        points = self.table.geometry
        columns = np.column_stack([days.to_numpy(float), points.x.to_numpy(), points.y.to_numpy()])
        return columns[np.lexsort(columns.T[::-1])]
