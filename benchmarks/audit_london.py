"""The full audit of real forecasts: London burglary of 2019, by deprivation and ethnic group.

    python benchmarks/audit_london.py [--data FOLDER]

Twelve months, one month ahead, 250 m: a count with a half-life of 24 months is audited, a 36-month
count and a kernel density stand beside it. Groups: tenths of LSOAs by income deprivation (2019; not
the whole index, which holds recorded crime), tenths by share of residents who are not White, and
ethnic groups (Census 2021). Prints every result and the time.
"""

import argparse
import time
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from london import read_london

from hotspot import Grid, HistoricalRate, KernelDensity, backtest, rolling_origin
from hotspot.audit import Groups
from hotspot.audit.feedback import Loop
from hotspot.audit.groups import people_by_class
from hotspot.audit.run import AuditPlan, run_audit
from hotspot.errors import DataQualityWarning

MINE = HistoricalRate(half_life=730.5)
MODELS = {
    "half-life": MINE,
    "count map": HistoricalRate("36 months"),
    "kernel density": KernelDensity(window="36 months", bandwidth=200.0),
}
PLAN = AuditPlan(
    "half-life",
    baselines=("count map", "kernel density"),
    training_months=60,
    loop=Loop(warm_up=12, rounds=12, repeats=2),
    null_records=3,
)
SHORT = {"White": "White", "Mixed": "Mixed", "Asian": "Asian", "Black": "Black", "Other": "Other"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    data = options.parse_args().data
    warnings.simplefilter("ignore", DataQualityWarning)
    events, boroughs = read_london(data)
    grid = Grid.over(boroughs, cell_size=250)
    result = backtest(
        MODELS, events, grid, rolling_origin("2019-01", "2020-01"), rng=np.random.default_rng(1),
        size=100, quantiles=(0.05, 0.5, 0.95),
    )  # fmt: skip
    groups = divisions(data, grid)
    wall, processor = time.perf_counter(), time.process_time()
    audit = run_audit(
        result, PLAN, events=events, grid=grid, groups=groups, model=MINE,
        rng=np.random.default_rng(2),
    )  # fmt: skip
    print(audit)
    for one in audit.results:
        if one.code in ("A3", "A8", "A10", "A12"):
            print(f"\n{one.code} {one.name}: {one.value:.3g} {one.interval}")
            print(pd.DataFrame(one.groups).round(3).to_string(index=False))
    print(
        f"\n{len(audit.results)} results in {time.process_time() - processor:.0f} s of processor, "
        f"{time.perf_counter() - wall:.0f} s by the clock"
    )


def divisions(data: Path, grid: Grid) -> list[Groups]:
    of_lsoas = data / "london_lsoa_sociodemographics"
    income = pd.read_csv(of_lsoas / "imd2019_lsoa2011_london.csv").set_index("LSOA code (2011)")
    people = pd.read_csv(of_lsoas / "imd2019_population_figures.csv", thousands=",")
    residents = people.set_index("LSOA code (2011)").filter(like="Total population").iloc[:, 0]
    tenths = (11 - tenths_of(income["Income Score (rate)"])).reindex(residents.index)
    ethnic = pd.read_csv(of_lsoas / "ethnic_group_lsoa2021_census2021.csv", thousands=",")
    ethnic = ethnic.set_index("LSOA code")
    by_group = pd.DataFrame(
        {name: ethnic.filter(regex=f"^{start}").sum(axis=1) for name, start in SHORT.items()}
    )
    total = by_group.sum(axis=1)
    share = tenths_of(1 - by_group["White"] / total)
    old = outlines(data / "london_boundaries_2011/london_lsoa_2011.gpkg")
    new = outlines(data / "london_boundaries_2021/london_lsoa_2021.gpkg")
    first, census = "MHCLG 2019; ONS mid-2015 residents", "GLA, Census 2021"
    made = [
        (old, "LSOA11CD", people_by_class(residents, tenths), "tenth by income (1 poorest)", first),
        (new, "LSOA21CD", people_by_class(total, share), "tenth by share not White", census),
        (new, "LSOA21CD", by_group, "ethnic group", census),
    ]
    return [
        Groups.from_areas(grid, areas, table, by=by, name=name, source=source)
        for areas, by, table, name, source in made
    ]


def tenths_of(values: pd.Series) -> pd.Series:
    return pd.qcut(values.rank(method="first"), 10, labels=range(1, 11)).astype(int)


def outlines(path: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(path).to_crs(27700)


if __name__ == "__main__":
    main()
