"""Count maps of Portland scored by the rules of the NIJ forecasting challenge.

    python benchmarks/nij_portland.py [--data FOLDER]

Before each of 24 months (2014-03 to 2016-02) the cells with the most calls so far are flagged, as
few as reach 0.25 square miles, and scored by `score_by_nij_rules`. PAI is pooled: caught over all
months, over all calls, over the share of area. Cells tied at the cut are broken by a kernel
density; beside it stand the mean, the least and the most over all ways to break them. The
challenge itself was of March to May 2017, which these data do not hold: its winners' figures are
not comparable.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from hotspot import (
    Events,
    Grid,
    HistoricalRate,
    KernelDensity,
    count_events,
    hit_rate,
    make_periods,
    score_by_nij_rules,
)
from hotspot.evaluate.nij import FOOT, MILE

ZONE = "America/Los_Angeles"
FIRST, LAST = "2014-03-01", "2016-03-01"
HORIZONS = {"1 week": "week", "2 weeks": "14D", "1 month": "month", "2 months": "2MS",
            "3 months": "3MS"}  # fmt: skip
CASES = [(feet, window, "1 month") for feet in (250, 400, 600) for window in (None, "12 months")]
CASES += [(250, None, name) for name in HORIZONS if name != "1 month"]


def portland(folder: Path, offence: str) -> Events:
    """Calls for service in EPSG:2838, the projection of the challenge's feet, in metres."""
    districts = gpd.read_file(folder / "portland_police_districts.gpkg").to_crs(2838)
    districts["geometry"] = districts.geometry.make_valid()
    table = pd.read_csv(next(folder.glob(f"dev_portland_{offence}_*.csv")))
    points = gpd.points_from_xy(table["x_coordina"], table["y_coordina"], crs=2913)
    calls = gpd.GeoDataFrame(
        {"time": pd.to_datetime(table["occ_date"]), "offence": offence}, geometry=points
    ).to_crs(2838)
    return Events.from_geodataframe(
        calls, time_resolution="day", region=districts.union_all(), start="2012-03-01", end=LAST,
        time_zone=ZONE, place_resolution=0.0, name="Portland Police Bureau, by NIJ",
    )  # fmt: skip


def flags(first: np.ndarray, second: np.ndarray, grid: Grid, *, square_miles: float) -> np.ndarray:
    """The hottest cells, as few as reach the area; `second` orders those that tie."""
    area = grid.inside_area.ravel()
    order = np.lexsort((-second.ravel(), -first.ravel()))
    order = order[area[order] > 0]
    enough = np.searchsorted(np.cumsum(area[order]), square_miles * MILE**2) + 1
    flagged = np.zeros(area.size)
    flagged[order[:enough]] = 1.0
    return np.where(grid.inside, flagged.reshape(grid.shape), np.nan)


def entry(flagged: np.ndarray, grid: Grid, periods: pd.IntervalIndex) -> xr.Dataset:
    """Flagged cells as a submitted forecast, as if read from a file."""
    return xr.Dataset(
        {"flagged": (("time", "y", "x"), flagged)},
        {
            "time": periods.left.tz_localize(None),
            "time_end": ("time", periods.right.tz_localize(None)),
            "y": grid.y,
            "x": grid.x,
        },
        {"submission_kind": "flagged", "places": "cells", "crs": grid.crs.to_wkt(),
         "cell_size": grid.cell_size, "time_zone": ZONE},
    )  # fmt: skip


def origins(length: str) -> list[pd.IntervalIndex]:
    """One period from the first of each month on, as long as they do not overlap."""
    found, free = [], None
    for start in make_periods(FIRST, LAST, time_zone=ZONE).left:
        period = make_periods(start, count=1, length=length, time_zone=ZONE)
        if (free is None or start >= free) and period.right[0] <= pd.Timestamp(LAST, tz=ZONE):
            found.append(period[0])
            free = period.right[0]
    return found


def run(events: Events, *, feet: float, length: str, window: str | None) -> dict[str, float]:
    """Pooled scores of the count map over all origins."""
    grid = Grid.over(events.region, cell_size=feet * FOOT, crs=events.table.crs)
    counts = HistoricalRate(window=window).rates(events, grid)
    density = KernelDensity(bandwidth=150.0).rates(events, grid)
    periods = pd.IntervalIndex(origins(length), closed="left")
    area = np.where(grid.inside, grid.inside_area, 1.0)
    maps = np.stack([counts(start)[0] for start in periods.left])
    flagged = [
        flags(hot / area, density(start)[0] / area, grid, square_miles=0.25)
        for hot, start in zip(maps, periods.left, strict=True)
    ]
    scores = score_by_nij_rules(entry(np.stack(flagged), grid, periods), events)
    share = scores["flagged_sq_mi"].sum() / scores["region_sq_mi"].sum()
    total = scores["N"].sum()
    found = {
        "pai": scores["n"].sum() / total / share,
        "pei_star": scores["n"].sum() / scores["n_best"].sum(),
        "n": scores["n"].sum(), "N": total, "origins": len(scores),
        "sq_mi": scores["flagged_sq_mi"].mean(),
    }  # fmt: skip
    forecast = xr.Dataset(
        {"expected_count": (("time", "y", "x"), np.where(grid.inside, maps, np.nan))},
        {"time": periods.left.tz_localize(None), "y": grid.y, "x": grid.x,
         "inside_area": (("y", "x"), grid.inside_area)},
    )  # fmt: skip
    observed = count_events(events, grid, periods)
    for ties in ("lowest", "mean", "highest"):
        caught = hit_rate(forecast, observed, area_share=share, ties=ties)
        found[ties] = float((caught * observed.sum(["y", "x"])).sum()) / total / share
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    parser.add_argument("--data", type=Path, default=os.environ.get("HOTSPOT_REAL_DATA", beside))
    folder = Path(parser.parse_args().data) / "portland_nij"
    for offence in ("burglary", "vehicle_theft"):
        events = portland(folder, offence)
        print(f"{offence}: {len(events.table):,} calls, {events.region.area / MILE**2:.2f} sq mi")
        for feet, window, name in CASES:
            one = run(events, feet=feet, length=HORIZONS[name], window=window)
            print(
                f"  {feet} ft, {name}, {window or 'all past'}: PAI {one['pai']:.1f} (over ties "
                f"{one['mean']:.1f}, {one['lowest']:.1f} to {one['highest']:.1f}), PEI* "
                f"{one['pei_star']:.3f}; {one['n']:.0f} of {one['N']:.0f} in {one['sq_mi']:.4f} "
                f"sq mi, {one['origins']} origins",
                flush=True,
            )


if __name__ == "__main__":
    main()
