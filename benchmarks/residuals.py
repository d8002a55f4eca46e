"""What models leave unexplained on real records: near repeats, super-thinned points, Moran's I.

    python benchmarks/residuals.py [PART ...] [--data FOLDER] [--street FOLDER] [--images FOLDER]

Parts: `knox` (Chicago's burglaries of 2016, and the time of the test on seven years of assaults),
`chicago` (self-exciting fits of a year of assaults, and what super-thinning leaves of them) and
`london` (residuals of forecasts of every month of 2019). With --images pictures are drawn there.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import shapely
from city_records import chicago

from hotspot import (
    ConstantBackground,
    EndemicEpidemic,
    Events,
    Grid,
    HistoricalRate,
    KernelBackground,
    PeriodicBackground,
    SelfExciting,
    backtest,
    cell_residuals,
    knox_test,
    local_gi_star,
    morans_i,
    plot_knox,
    plot_residuals,
    plot_space_time_k,
    plot_super_thinned,
    read_police_uk,
    residual_tests,
    rolling_origin,
    space_time_k_test,
    super_thinned_residuals,
    time_rescaled_residuals,
)

SEED = 20160101
DISTANCES, LAGS = [100, 200, 400, 800], [1, 7, 28]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("part", nargs="*", default=list(PARTS), choices=list(PARTS))
    options.add_argument("--data", type=Path, default=beside, help="folder of real data")
    options.add_argument("--street", type=Path, help="the street-level CSVs, unpacked already")
    options.add_argument("--images", type=Path, help="draw pictures here")
    chosen = options.parse_args()
    mpl.use("Agg")
    for part in chosen.part:
        start = time.perf_counter()
        print(f"\n# {part}\n")
        PARTS[part](chosen)
        print(f"\n{part}: {time.perf_counter() - start:.0f} s", flush=True)


def near_repeats(chosen: argparse.Namespace) -> None:
    events = chicago_burglaries(chosen.data)
    found = timed_knox(events, distances=[0, 1, 100, 200, 400, 800], days=[0, 1, 7, 14, 28])
    for name in ("observed", "expected", "ratio", "p_value"):
        print(f"\n{name}\n{found[name].to_pandas().round(3).to_string()}")
    print(f"p of any band: {found.attrs['p_any_band']}")
    keep(plot_knox(found, title="Chicago 2016, residential burglary"), chosen, "knox")
    many = chicago(chosen.data).events
    timed_knox(many, distances=[0, 1, 100, 200, 400], days=[0, 1, 7, 14, 28])


def timed_knox(events: Events, **bands):
    def run(size):
        start = time.process_time()
        found = knox_test(events, rng=np.random.default_rng(SEED), size=size, **bands)
        return found, time.process_time() - start

    run(19)  # compiles
    _, few = run(19)
    found, seconds = run(999)
    pairs = listed(events, bands)
    print(
        f"{len(events):,} events, {pairs:,} pairs below {bands['distances'][-1]} m: {seconds:.1f} "
        f"s of processor for 999 dealings, {(seconds - few) / 980 / pairs * 1e9:.2f} ns a pair and "
        "dealing"
    )
    return found


def listed(events: Events, bands: dict) -> int:
    from hotspot.evaluate.residuals.pairs import close_pairs

    return close_pairs(events.coordinates()[:, 1:], np.array(bands["distances"], float)).band.size


def chicago_burglaries(data: Path) -> Events:
    path = data / "chicago_burglary_nearrepeat/chicago_be.csv"
    table = pd.read_csv(path, parse_dates=["date"]).dropna(subset="date")
    points = gpd.points_from_xy(table["X"], table["Y"])
    return Events.from_geodataframe(
        gpd.GeoDataFrame(
            {"time": table["date"], "offence": "Burglary"}, geometry=points, crs=26971
        ),
        time_resolution="day",
        region=shapely.box(*shapely.total_bounds(points)).buffer(1),
        start="2015-12-31",
        end="2017-01-01",
        time_zone="America/Chicago",
    )


def chicago_fits(chosen: argparse.Namespace) -> None:
    city = chicago(chosen.data)
    events, grid = city.events.select(start="2015-01-01", end="2016-01-01"), city.grid
    print(f"{events!r}")
    even = len(events) / events.region.area * 1e6 / 365
    judged = {"an even intensity": (lambda at: np.full(len(at), even), events)}
    parts = {"shortest_lag": city.shortest_lag, "coarse_places": False}
    for name, background in (
        ("even background", ConstantBackground()),
        ("kernel background", KernelBackground("likelihood")),
        ("kernel and rhythm", PeriodicBackground(KernelBackground("likelihood"))),
    ):
        fitted = SelfExciting(background=background, **parts).fit(events, grid)
        print(f"\n{name}: branching ratio {fitted.branching_ratio:.3f}")
        said = {k: v for k, v in fitted.parameters.items() if "metres" in k or "mean" in k}
        print(said)
        print(residual_tests(time_rescaled_residuals(fitted)).iloc[:, :2].round(4).to_string())
        judged[f"self-exciting, {name}"] = (fitted, None)
    for name, (model, record) in judged.items():
        left = super_thinned_residuals(model, record, rng=np.random.default_rng(SEED))
        found = space_time_k_test(
            left, distances=DISTANCES, lags=LAGS, rng=np.random.default_rng(SEED + 1), size=99
        )
        kept = int((~left.table["added"]).sum())
        print(
            f"\n{name}: {len(left.table):,} points ({kept:,} kept), {left.expected:,.0f} expected, "
            f"p = {found.attrs['p_value']:.3g}; K over that of independent points"
        )
        print((found["k"] / found["poisson"]).to_pandas().round(2).to_string())
        slug = name.replace(",", "").replace(" ", "-")
        keep(plot_space_time_k(found)[0], chosen, f"k-{slug}")
        first = replace(left, table=left.table[left.table["days"] < 28], length=28.0)
        keep(plot_super_thinned(first), chosen, f"points-{slug}")


def london_residuals(chosen: argparse.Namespace) -> None:
    boroughs = gpd.read_file(chosen.data / "london_boroughs_spdata/lnd.geojson").to_crs(27700)
    archive = chosen.data / "met_burglary_police_uk/dev_raw_csv_2010-12_2021-12.tar.xz"
    events = read_police_uk(chosen.street or archive, region=boroughs)
    grid = Grid.over(boroughs, cell_size=500)
    models = {
        "36 months' count": HistoricalRate("36 months"),
        "endemic-epidemic": EndemicEpidemic(),
    }
    folds = rolling_origin("2019-01", "2020-01")
    result = backtest(models, events, grid, folds, rng=np.random.default_rng(SEED), size=100)
    for model in models:
        one = result.sel(model=model)
        year = one[["expected_count"]].sum(["fold", "step"], min_count=1)
        seen = one["observed_count"].sum(["fold", "step"], min_count=1)
        residuals = cell_residuals(year, seen, kind="pearson")
        monthly = cell_residuals(one[["expected_count"]], one["observed_count"], kind="pearson")
        of_year = morans_i(residuals, rng=np.random.default_rng(SEED))
        of_month = morans_i(monthly.isel(step=0), rng=np.random.default_rng(SEED), size=199)
        hot = local_gi_star(residuals, rng=np.random.default_rng(SEED))
        believed = int((hot["p_value"] <= hot.attrs["false_discovery_p"]).sum())
        print(
            f"{model}: {float(seen.sum()):,.0f} recorded and "
            f"{float(year['expected_count'].sum()):,.0f} expected; "
            f"Pearson residuals of the year: variance {float(residuals.var()):.2f}, "
            f"Moran's I {float(of_year['morans_i']):.3f} (p = {float(of_year['p_value']):.3g}), "
            f"{believed} cells of Gi* believed; of single months "
            f"I {float(of_month['morans_i'].min()):.3f} to {float(of_month['morans_i'].max()):.3f}"
        )
        keep(
            plot_residuals(residuals, outline=boroughs, title=f"London 2019, {model}"),
            chosen,
            f"london-{model.replace(' ', '-').replace(chr(39), '')}",
        )


def keep(ax, chosen: argparse.Namespace, name: str) -> None:
    if chosen.images:
        ax.figure.savefig(chosen.images / f"{name}.png", dpi=110)


PARTS = {"knox": near_repeats, "chicago": chicago_fits, "london": london_residuals}


if __name__ == "__main__":
    main()
