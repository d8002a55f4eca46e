"""Recorded offences with the window they were recorded in."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from hotspot._checks import local_timestamp, region_polygon
from hotspot._typing import FloatArray, TimeResolution
from hotspot.data.content import content_hash
from hotspot.data.offences import OFFENCES, known_offences
from hotspot.errors import CoverageError, RegionError, ResolutionError
from hotspot.guards.outcome import Override


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
        ``lsoa_code``; a table of your own may carry marks, and ``earliest_time`` where only an
        interval up to ``time`` is known.
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
    overrides : tuple of Override
        Guards that somebody let pass for a reason; see :meth:`overriding`.
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
    overrides: tuple[Override, ...] = ()

    @classmethod
    def from_geodataframe(
        cls,
        table: gpd.GeoDataFrame,
        *,
        time_resolution: TimeResolution,
        region: gpd.GeoDataFrame | gpd.GeoSeries | BaseGeometry | None = None,
        start: str | pd.Timestamp | None = None,
        end: str | pd.Timestamp | None = None,
        place_resolution: float | None = None,
        time: str = "time",
        offence: str = "offence",
        earliest_time: str | None = None,
        marks: Iterable[str] = (),
        time_zone: str = "Europe/London",
        coverage: pd.DataFrame | None = None,
        name: str = "unnamed",
        licence: str = "not stated",
    ) -> Events:
        """Events from a table of your own, with times as finely as they were recorded.

        Parameters
        ----------
        table : GeoDataFrame
            One row an event: points in a projected CRS in metres, a column of times and one
            of offences. ``force`` and ``lsoa_code`` are kept if present, other columns only if
            `marks` names them.
        time_resolution : {"exact", "hour", "day", "month"}
            How finely times were recorded, whatever the column's type. Times are set to the
            first instant of their local hour, day or month.
        region : GeoDataFrame, GeoSeries or (Multi)Polygon, optional
            Where events could have been recorded; a bare polygon is taken to be in the CRS
            of `table`. Without it the convex hull of the events stands for it, with a warning.
        start, end : str or Timestamp, optional
            When events could have been recorded, half-open. Without them, the local days
            (months) of the first and last event, with a warning.
        place_resolution : float, optional
            Metres. By default 0 where most events have a place of their own, and otherwise
            estimated as sqrt(area of the region / distinct places).
        time, offence : str
            Names of the columns.
        earliest_time : str, optional
            Column of the earliest time at which each event can have happened, where only an
            interval is known, as of a car parked overnight; `time` is then the latest. An event
            counts, and may be seen by a model, at its latest time: before it, nobody knew.
        marks : iterable of str
            Columns to carry along, such as the kind of premises; text or numbers.
        time_zone : str
            The zone of times without one, and the one in which days and months begin.
        coverage : DataFrame, optional
            ``force``, ``month``, ``rows``: which force-months are present. None means that the
            whole window was observed.
        name, licence : str
            What the source calls itself, and its terms.

        Raises
        ------
        CoordinateError
            If the table has no CRS or one not in metres, geometries are not points or not
            finite, or no event lies in `region`.
        DateError
            If times are missing, are not datetimes, mix zones with none, or name a wall-clock
            time that a change of the clock skips or repeats.
        UnknownNameError
            If a column is missing; the message lists the near names.
        TooFewEventsError
            If the table is empty and the window is not given in full, or spans no area.
        ParameterError
            If `time_resolution` or `place_resolution` makes no sense.
        RefusedError
            If a column identifies persons by its name, or one that is kept does by what it holds
            or is free text. No override lets that pass.

        Warns
        -----
        DataQualityWarning
            Events outside the window, which are dropped and counted in ``source.dropped``; a
            window that was not given.

        Examples
        --------
        >>> from shapely import box
        >>> table = gpd.GeoDataFrame(
        ...     {"time": pd.to_datetime(["2024-03-01 22:15", "2024-03-02 01:40"])},
        ...     geometry=gpd.points_from_xy([530_010.0, 530_400.0], [180_020.0, 180_300.0]),
        ...     crs=27700,
        ... ).assign(offence="Burglary")
        >>> Events.from_geodataframe(
        ...     table,
        ...     time_resolution="exact",
        ...     region=box(530_000, 180_000, 531_000, 181_000),
        ...     start="2024-03-01",
        ...     end="2024-04-01",
        ... )
        <Events: 2 of Burglary, 2024-03-01 to 2024-03-31, exact times
         exact places, region of 1.0 km², source unnamed>
        """
        from hotspot.data.own_table import Window, events_from_table

        return events_from_table(
            table,
            Window(region=region, start=start, end=end, time_zone=time_zone),
            time_resolution=time_resolution,
            place_resolution=place_resolution,
            columns=(time, offence),
            earliest_time=earliest_time,
            marks=tuple(marks),
            coverage=coverage,
            source=Source(name=name, licence=licence),
        )

    @classmethod
    def from_parquet(cls, path: str | os.PathLike[str]) -> Events:
        """Read events that :meth:`to_parquet` wrote.

        Raises
        ------
        MissingFileError
            If there is no file.
        FileFormatError
            If the file is damaged, was changed since it was written (its content hash does
            not match), or is GeoParquet without a window.
        RefusedError
            If a column identifies persons or is free text (G1, G2).
        """
        from hotspot.data.geoparquet import read_events

        return read_events(path)

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the events, their window and their source to GeoParquet, without loss.

        Any program that reads GeoParquet can open the file. It is written whole or not at
        all: an interrupted write leaves what was there before.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> from shapely import box
        >>> empty = gpd.GeoDataFrame(
        ...     {"time": pd.to_datetime([]), "offence": []}, geometry=[], crs=27700
        ... )
        >>> events = Events.from_geodataframe(
        ...     empty, time_resolution="day", region=box(0, 0, 1e3, 1e3), start="2024", end="2025"
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "events.parquet"
        ...     events.to_parquet(path)
        ...     Events.from_parquet(path).content_hash() == events.content_hash()
        True
        """
        from hotspot.data.geoparquet import write_events

        write_events(self, path)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        offences = self.table["offence"].unique()
        kinds = f"{len(offences)} offences" if len(offences) > 2 else " and ".join(offences)
        count = f"{len(self):,} of {kinds}" if len(self) else "none"
        first, last = self._first_and_last(self.start, self.end)
        times = {"exact": "exact times"}.get(
            self.time_resolution, f"times by the {self.time_resolution}"
        )
        spacing = self.place_resolution
        places = f"places to {spacing:.0f} m" if spacing else "exact places"
        return (
            f"<Events: {count}, "
            f"{first:%Y-%m-%d} to {last:%Y-%m-%d}, {times}\n"
            f" {places}, region of {self.region.area / 1e6:,.1f} km², source {self.source.name}>"
        )

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

    def overriding(self, code: str, *, reason: str, role: str = "analyst") -> Events:
        """The same events, with one guard let pass for a reason that goes on the record.

        Parameters
        ----------
        code : str
            Of the guard, such as "G7"; see :data:`hotspot.guards.GUARDS`.
        reason : str
            Why, in words; printed with every forecast made of these events.
        role : str
            Who decided, as a role.

        Raises
        ------
        ParameterError
            If the guard cannot be overridden, or no reason is given.
        """
        return replace(self, overrides=(*self.overrides, Override(code, reason, role)))

    def coordinates(self) -> FloatArray:
        """Positions and times as one array, in an order that does not depend on the rows'.

        Returns
        -------
        (n, 3) float64
            Columns: days since `start`, x, y (metres); sorted by time, then x, then y.
        """
        days = (self.table["time"] - self.start) / pd.Timedelta(days=1)
        points = shapely.get_coordinates(self.table.geometry.to_numpy())
        columns = np.column_stack([days.to_numpy(float), points])
        return columns if _in_order(columns) else columns[np.lexsort(columns.T[::-1])]

    def in_order(self) -> Events:
        """The same events with rows by time, then x, then y; what follows need not sort again."""
        points = shapely.get_coordinates(self.table.geometry.to_numpy())
        # An instant with a zone would be sorted as an object, a hundred times slower.
        time = self.table["time"].dt.tz_localize(None).to_numpy()
        order = np.lexsort([points[:, 1], points[:, 0], time])
        return replace(self, table=self.table.iloc[order].reset_index(drop=True))

    def select(
        self,
        *,
        offences: str | Iterable[str] | None = None,
        region: gpd.GeoDataFrame | gpd.GeoSeries | BaseGeometry | None = None,
        start: str | pd.Timestamp | None = None,
        end: str | pd.Timestamp | None = None,
    ) -> Events:
        """The events of some offences, of a part of the region or of the window.

        Parameters
        ----------
        offences : str or iterable of str, optional
            Names as in the table.
        region : GeoDataFrame, GeoSeries or (Multi)Polygon, optional
            The new region is what it shares with the old one: nobody looked outside that. A
            bare polygon is taken to be in the CRS of the events.
        start, end : str or Timestamp, optional
            Instants inside the window; without a zone they are local.

        Returns
        -------
        Events
            What was left out is counted in ``source.dropped`` as "not selected". The place
            resolution, a property of the source, stays.

        Raises
        ------
        UnknownNameError
            If an offence is neither in the table nor a crime type of police.uk.
        RegionError
            If the two regions do not overlap.
        CoverageError
            If `start` or `end` lies outside the window.
        ResolutionError
            If they cut through a month or day of events that were recorded by it.
        """
        window = (
            self.start if start is None else self._instant_inside(start),
            self.end if end is None else self._instant_inside(end),
        )
        if not window[0] < window[1]:
            raise CoverageError(f"start {window[0]} is not before end {window[1]}.")
        keep = (self.table["time"] >= window[0]).to_numpy() & (self.table["time"] < window[1])
        area = self.region
        if offences is not None:
            present = self.table["offence"].unique()
            keep &= self.table["offence"].isin(known_offences(offences, {*present, *OFFENCES}))
        if region is not None:
            area = self._shared_with(region)
            # Prepared, a region tests 100,000 points in the time that it else takes for 1,000.
            shapely.prepare(area)
            points = self.table.geometry
            keep &= shapely.intersects_xy(area, points.x.to_numpy(), points.y.to_numpy())
        table = self.table[keep.to_numpy()].reset_index(drop=True)
        left_out = self.source.dropped.get("not selected", 0) + len(self.table) - len(table)
        return replace(
            self,
            table=table,
            region=area,
            start=window[0],
            end=window[1],
            coverage=self._coverage_within(*window),
            source=replace(
                self.source,
                rows_kept=self.source.rows_kept - len(self.table) + len(table),
                dropped={**self.source.dropped, "not selected": left_out},
            ),
            report=None,
        )

    def content_hash(self) -> str:
        """SHA-256 of what the events say: rows, window, coverage and resolutions.

        It does not depend on the order of the rows, on the source's name or on the file they
        came from. A forecast carries it as ``input_sha256``.
        """
        return content_hash(self)

    def _instant_inside(self, when: str | pd.Timestamp) -> pd.Timestamp:
        local = local_timestamp(when, self.time_zone)
        if not self.start <= local <= self.end:
            raise CoverageError(
                f"{local} lies outside the recorded window, {self.start} to {self.end}."
            )
        unit = {"month": "a month", "day": "a day"}.get(self.time_resolution)
        whole = local == local.normalize() and (self.time_resolution != "month" or local.day == 1)
        if unit and not whole:
            raise ResolutionError(
                f"{local} is not the beginning of {unit}, and times were recorded by the "
                f"{self.time_resolution}."
            )
        return local.tz_convert("UTC")

    def _shared_with(self, region: object) -> BaseGeometry:
        polygon, crs = region_polygon(region, crs=self.table.crs)
        if not crs.equals(self.table.crs, ignore_axis_order=True):
            polygon = gpd.GeoSeries([polygon], crs=crs).to_crs(self.table.crs).iloc[0]
        shared = polygon.intersection(self.region)
        if shared.area == 0:
            raise RegionError("The region does not overlap the one the events were recorded in.")
        return shared

    def _coverage_within(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame | None:
        if self.coverage is None:
            return None
        first, last = self._first_and_last(start, end)
        inside = self.coverage["month"].between(f"{first:%Y-%m}", f"{last:%Y-%m}")
        return self.coverage[inside].reset_index(drop=True)

    def _first_and_last(self, start: pd.Timestamp, end: pd.Timestamp) -> list[pd.Timestamp]:
        """First instant of [start, end) and last before its end, local."""
        return [edge.tz_convert(self.time_zone) for edge in (start, end - pd.Timedelta(1, "us"))]


def _in_order(columns: FloatArray) -> bool:
    """Whether rows ascend by the first column, ties by the next, and so on."""
    step = np.diff(columns, axis=0)
    tied = np.ones(len(step), bool)
    for change in step.T:
        if (change[tied] < 0).any():
            return False
        tied &= change == 0
    return True
