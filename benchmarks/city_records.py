"""Recorded offences of four cities with days or exact times, read into Events; used by cities.py.

Each reader returns the events, the grid and the first day of the test. No file holds the outline
of Toronto, Chicago or New York, so the region there is every cell within one cell of any offence
of the file before the test; what is later recorded outside it is left out, and counted.
"""

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from hotspot import Events, Grid

CELL = 250.0
NEAR = 1  # cells around a recorded offence that still belong to the region


@dataclass(frozen=True)
class City:
    """What a benchmark needs to know of one city's record.

    Attributes
    ----------
    name : str
    events : Events
    grid : Grid
    test_start : str
        First day of the first of 26 weeks.
    shortest_lag : float or None
        Days; see ``SelfExciting``.
    window : str
        What a self-exciting likelihood explains.
    counted : tuple of str
        Windows of the counts in a stack; the last is also that of its densities.
    dropped : dict
        Rows left out, by reason.
    intervals : Events or None
        The same events with the time before which each cannot have happened, where that is known.
    """

    name: str
    events: Events
    grid: Grid
    test_start: str
    shortest_lag: float | None
    window: str
    counted: tuple[str, ...]
    dropped: dict
    intervals: Events | None = None


def toronto(data: Path) -> City:
    """Break and enter, to the hour, at the nearest crossing."""
    table = pd.read_parquet(data / "toronto_mci/toronto_mci_2014_2021.parquet")
    rows = len(table)
    # Rows without a place lie at 0, 0 of the reference system's own axes.
    placed = (table["utm17n_x"] > 5e5) & (table["utm17n_y"] > 4.7e6)
    timely = table["occurrence"] >= "2014-01-01"  # reports of old offences trickle in for decades
    dropped = {"before 2014 or without a place": int(rows - (placed & timely).sum())}
    table = table[placed & timely]
    test = "2019-07-01"
    early = table[table["occurrence"] < test]
    region = cells_near(early["utm17n_x"], early["utm17n_y"])
    table = table[table["MCI"] == "Break and Enter"]
    unique = table.drop_duplicates()
    dropped["exact duplicates"] = len(table) - len(unique)
    return _city(
        "Toronto, break and enter",
        (unique["occurrence"], unique["utm17n_x"], unique["utm17n_y"]),
        region=region,
        crs=32617,
        time_zone="America/Toronto",
        resolution="hour",
        span=("2014-01-01", "2022-01-01"),
        test_start=test,
        dropped=dropped,
    )


def chicago(data: Path) -> City:
    """Aggravated assault, to the minute, by block."""
    name = "chicago_agg_assault_exact/dev_chicago_agg_assault_2010_2016.parquet"
    table = pd.read_parquet(data / name)
    rows = len(table)
    table = table.dropna(subset=["x", "y"])
    dropped = {"without a place": rows - len(table)}
    unique = table.drop_duplicates()
    dropped["exact duplicates"] = len(table) - len(unique)
    test = "2016-07-01"
    early = unique[unique["date"] < test]
    return _city(
        "Chicago, aggravated assault",
        (unique["date"], unique["x"], unique["y"]),
        region=cells_near(early["x"], early["y"]),
        crs=26971,
        time_zone="America/Chicago",
        resolution="exact",
        span=("2010-01-01", "2017-01-01"),
        test_start=test,
        dropped=dropped,
    )


def portland_burglary(data: Path) -> City:
    """Burglary, to the day, by address."""
    return _portland(data, "burglary")


def portland_vehicle_theft(data: Path) -> City:
    """Vehicle theft, to the day, by address."""
    return _portland(data, "vehicle_theft")


def _portland(data: Path, offence: str) -> City:
    folder = data / "portland_nij"
    table = pd.read_csv(folder / f"dev_portland_{offence}_2012-03_2016-02.csv")
    unique = table.drop_duplicates()
    # The coordinates are in international feet; to metres of the same state plane.
    points = gpd.GeoSeries(
        gpd.points_from_xy(unique["x_coordina"], unique["y_coordina"]), crs=2913
    ).to_crs(32126)
    districts = gpd.read_file(folder / "portland_police_districts.gpkg").to_crs(32126)
    return _city(
        f"Portland, {offence.replace('_', ' ')}",
        (pd.to_datetime(unique["occ_date"]), points.x.to_numpy(), points.y.to_numpy()),
        region=shapely.union_all(shapely.make_valid(districts.geometry.to_numpy())),
        crs=32126,
        time_zone="America/Los_Angeles",
        resolution="day",
        span=("2012-03-01", "2016-03-01"),
        test_start="2015-08-31",
        dropped={"exact duplicates": len(table) - len(unique)},
    )


def new_york(data: Path) -> City:
    """Vehicle theft, taken to be known at the end of the interval it happened in."""
    name = "nyc_vehicle_theft_exact/dev_nyc_vehicle_thefts_2014_2016.parquet"
    table = pd.read_parquet(data / name)
    known = table["date_end"].fillna(table["date_single"])
    earliest = np.minimum(table["date_start"].fillna(known), known)
    test = "2016-07-01"
    early = known < test
    return _city(
        "New York, vehicle theft",
        (known, table["x"], table["y"]),
        region=cells_near(table.loc[early, "x"], table.loc[early, "y"]),
        crs=32618,
        time_zone="America/New_York",
        resolution="exact",
        span=("2014-01-01", "2017-01-01"),
        test_start=test,
        dropped={},
        earliest=earliest,
        window="12 months",
        counted=("6 months", "12 months", "18 months"),
    )


CITIES = {
    "toronto": toronto,
    "chicago": chicago,
    "portland-burglary": portland_burglary,
    "portland-vehicle-theft": portland_vehicle_theft,
    "new-york": new_york,
}


def cells_near(x, y):
    """The union of all cells within one cell of a point."""
    corner = np.unique(np.floor(np.column_stack([x, y]) / CELL).astype(int), axis=0)
    steps = range(-NEAR, NEAR + 1)
    near = np.concatenate([corner + np.array([right, up]) for right in steps for up in steps])
    near = np.unique(near, axis=0)
    west, south = (near * CELL).T
    return shapely.union_all(shapely.box(west, south, west + CELL, south + CELL))


def _city(
    name,
    columns,
    *,
    region,
    crs,
    time_zone,
    resolution,
    span,
    test_start,
    dropped,
    earliest=None,
    window="24 months",
    counted=("12 months", "24 months", "36 months"),
):
    local, x, y = (np.asarray(column) for column in columns)
    time = _zoned(local, time_zone)
    start, end = (pd.Timestamp(edge, tz=time_zone) for edge in span)
    within = np.asarray((time >= start) & (time < end))
    shapely.prepare(region)
    placed = shapely.intersects_xy(region, x, y)
    dropped = {
        **dropped,
        "outside the window": int((~within).sum()),
        "outside the region": int((within & ~placed).sum()),
    }
    keep = within & placed
    table = gpd.GeoDataFrame(
        {"time": time[keep], "offence": name},
        geometry=gpd.points_from_xy(x[keep], y[keep]),
        crs=crs,
    )
    options = {
        "time_resolution": resolution,
        "region": region,
        "start": start,
        "end": end,
        "time_zone": time_zone,
        "name": name,
    }
    events, intervals = Events.from_geodataframe(table, **options), None
    if earliest is not None:
        table["earliest"] = _zoned(earliest, time_zone)[keep]
        intervals = Events.from_geodataframe(table, earliest_time="earliest", **options)
    return City(
        name=name,
        events=events,
        grid=Grid.over(gpd.GeoSeries([region], crs=crs), cell_size=CELL),
        test_start=test_start,
        # Rows of one incident lie hours apart; dates alone leave only the next day on.
        shortest_lag=None if resolution == "day" else 0.5,
        window=window,
        counted=counted,
        dropped=dropped,
        intervals=intervals,
    )


def _zoned(local, time_zone):
    """Local times: in an hour that the clocks skip, their change; in one they repeat, the first."""
    return pd.DatetimeIndex(local).tz_localize(
        time_zone, ambiguous=np.ones(len(local), bool), nonexistent="shift_forward"
    )
