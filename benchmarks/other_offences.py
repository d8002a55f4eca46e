"""Robbery, vehicle crime and violence in London, one month ahead, from the two years there are.

    python benchmarks/other_offences.py [--data FOLDER] [--offence NAME] [--first 2017-07]

The record is 2016-01..2017-12, street level, of the LSOAs that it covers; March and April 2016 were
not gathered in whole and count as not published. So at most 21 months lie before a forecast, too
few for a mean of 36 months, for a season, or for choices: options are those chosen on burglary of
2018 and before, but for lags, harmonics, rows and months held out, which so short a record cannot
fill. Prints information gain and shares caught against the mean of all months before.
"""

import argparse
import time
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from hotspot import (
    Boosted,
    EndemicEpidemic,
    Events,
    GeometricLags,
    Grid,
    HistoricalRate,
    compare,
    count_events,
    hit_rate,
    information_gain,
    rolling_origin,
)
from hotspot.errors import DataQualityWarning

OFFENCES = {
    "robbery": "Robbery",
    "vehicle-crime": "Vehicle crime",
    "violent-crime": "Violence and sexual offences",
}
HOLES = ("2016-03", "2016-04")
LONG, EW, BASE, OURS = "all months before", "half-life of 24 months", "endemic-epidemic", "boosted"
SHARES = [0.01, 0.05, 0.10]
SHORT = EndemicEpidemic(own_lags=GeometricLags(6), harmonics=0, fewest_months=14)
MODEL = Boosted(SHORT, held_out=3, most_rows=200_000)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    options.add_argument("--offence", choices=list(OFFENCES), action="append", help="all, if none")
    options.add_argument("--first", default="2017-07", help="first month that is forecast")
    chosen = options.parse_args()
    warnings.simplefilter("ignore", DataQualityWarning)
    region = covered_region(chosen.data)
    grid = Grid.over(region, cell_size=250)
    print(f"{int(grid.inside.sum()):,} cells of 250 m, {grid.inside_area.sum() / 1e6:.0f} km²")
    for category in chosen.offence or OFFENCES:
        events = read_offence(chosen.data, category, region)
        print_offence(category, events, grid, rolling_origin(chosen.first, "2018-01"))


def covered_region(data: Path) -> gpd.GeoDataFrame:
    """The LSOAs of which nearly every burglary is in the record."""
    table = pd.read_csv(data / "london_all_crime_2016_2018/lsoa_coverage.csv")
    areas = gpd.read_file(data / "london_boundaries_2011/london_lsoa_2011.gpkg").to_crs(27700)
    code = next(name for name in areas.columns if name.upper() == "LSOA11CD")
    covered = areas[areas[code].isin(table.loc[table["covered"], "LSOA11CD"])]
    # Outlines that tile need no overlay; a metre closes what slits rounding left between them.
    whole = covered.union_all(method="coverage").buffer(1.0).simplify(5.0)
    return gpd.GeoDataFrame(geometry=[whole], crs=27700)


def read_offence(data: Path, category: str, region: gpd.GeoDataFrame) -> Events:
    folder = data / "london_all_crime_2016_2018"
    rows = pd.read_parquet(folder / "dev_london_street_crime_2016-01_2017-12.parquet")
    rows["month"] = rows["month"].astype(str)
    rows = rows[rows["category"].eq(category) & ~rows["month"].isin(HOLES)]
    table = gpd.GeoDataFrame(
        {"time": pd.to_datetime(rows["month"] + "-01"), "offence": OFFENCES[category]},
        geometry=gpd.points_from_xy(rows["easting"], rows["northing"]),
        crs=27700,
    )
    months = [f"{month}" for month in pd.period_range("2016-01", "2017-12", freq="M")]
    present = [month for month in months if month not in HOLES]
    events = Events.from_geodataframe(
        table,
        time_resolution="month",
        region=region,
        start="2016-01",
        end="2018-01",
        coverage=pd.DataFrame({"force": "metropolitan", "month": present}),
    )
    # Two years show fewer of the map points than there are, and so a wider spacing of them.
    return events.overriding("G3", reason="the cells of the benchmark of burglary, for comparison")


def print_offence(category: str, events: Events, grid: Grid, folds) -> None:
    rates = {
        LONG: HistoricalRate().rates(events, grid),
        EW: HistoricalRate(half_life=730.5).rates(events, grid),
    }
    maps, observed, shares = [], [], []
    wall, processor = time.perf_counter(), time.process_time()
    for fold in folds:
        fitted = MODEL.fit(fold.past(events), grid, end=fold.cutoff)
        ours = fitted.expected_count(fold.periods)
        simple = [
            ours.copy(data=np.where(grid.inside, rate(fold.cutoff)[0], np.nan)[None])
            for rate in rates.values()
        ]
        each = [*simple, fitted.base.expected_count(fold.periods), ours]
        maps.append(xr.concat(each, pd.Index([*rates, BASE, OURS], name="model")))
        observed.append(count_events(events, grid, fold.periods))
        shares.append(fitted.learned.share)
    print(
        f"\n{category}: {len(events.table):,} offences, {len(folds)} months forecast from "
        f"{folds[0].periods[0].left:%Y-%m} on; {time.perf_counter() - wall:.0f} s, "
        f"{time.process_time() - processor:.0f} s of processor; share of the correction taken "
        + " ".join(f"{share:.2f}" for share in shares)
    )
    forecast = xr.Dataset({"expected_count": xr.concat(maps, "time")})
    forecast["inside_area"] = (("y", "x"), grid.inside_area)
    print_skill(forecast.set_coords("inside_area"), xr.concat(observed, "time"))


def print_skill(forecast: xr.Dataset, seen: xr.DataArray) -> None:
    for rival in (LONG, EW, BASE):
        gain = information_gain(forecast, seen, baseline=forecast.sel(model=rival))
        found = compare(gain, baseline=rival, dim="time", rng=np.random.default_rng(1))
        for name in found["model"].values:
            if name == rival or (rival == BASE and name != OURS):
                continue
            low, middle, high = (
                float(found[key].sel(model=name)) for key in ("lower", "difference", "upper")
            )
            print(f"  {name:<24} over {rival:<24} {middle:+.4f} [{low:+.4f}, {high:+.4f}]")
    caught = hit_rate(forecast, seen, area_share=SHARES).mean("time")
    for name in forecast["model"].values:
        values = caught.sel(model=name).values
        print(f"  {name:<24} catches " + "  ".join(f"{value:.4f}" for value in values))


if __name__ == "__main__":
    main()
