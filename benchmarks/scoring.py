"""What scoring a London backtest costs, of what making it costs, in one run.

    python benchmarks/scoring.py

24 monthly folds x 5 models on the 250 m cells of Greater London (the boroughs that come with the
package), 500 simulated futures, bounds of cells and of 33 boroughs. The record is simulated:
6,000 events a month, drawn from a map of gamma rates. Two folds are made and timed; for scoring
they are laid one after another to 24. Seconds are of processor time, on one thread.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import time

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

import hotspot

MODELS = {
    "12 months": hotspot.HistoricalRate("12 months"),
    "36 months": hotspot.HistoricalRate("36 months"),
    "half-life": hotspot.HistoricalRate(half_life=730.5),
    "density": hotspot.KernelDensity(300.0, window="36 months"),
    "recent density": hotspot.KernelDensity(300.0, half_life=365.0),
}
FOLDS, MADE, MONTHS, MONTHLY = 24, 2, 42, 6_000
SHARES = [0.01, 0.05, 0.10]


def main() -> None:
    boroughs = hotspot.load_boroughs()
    grid = hotspot.Grid.over(boroughs, cell_size=250)
    events = simulated(grid, boroughs)
    folds = hotspot.rolling_origin("2020-05", "2020-07")
    options = {"rng": np.random.default_rng(1), "size": 500, "areas": boroughs}
    # What compiles, or is laid once, is not told: it would weigh twelve times too much.
    hotspot.backtest({"36 months": MODELS["36 months"]}, events, grid, folds[:1], **options)
    making, made = timed(lambda: hotspot.backtest(MODELS, events, grid, folds, **options))
    making *= FOLDS / MADE
    result = made.isel(fold=np.tile(np.arange(MADE), FOLDS // MADE))
    result = result.assign_coords(fold=np.arange(FOLDS))
    shape = (FOLDS, len(MODELS), *grid.shape)
    print(f"{shape}, {int(grid.inside.sum()):,} cells inside: making it {making:.0f} s "
          f"({MADE} folds of {FOLDS} made)")  # fmt: skip
    spent = {}
    for name, score in scores_of(result).items():
        spent[name], _ = timed(score)
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"  {name:38}{seconds:7.2f} s {seconds / making:8.2%}")
    total = sum(spent.values())
    print(f"all {len(spent)} scores and tests: {total:.1f} s, {total / making:.1%} of making it")
    print_members(events, grid, folds)


def scores_of(result: xr.Dataset) -> dict:
    """Each score of the whole backtest, to be called."""
    observed = result["observed_count"]
    earlier = observed.shift(fold=1).fillna(observed.isel(fold=0)).where(observed.notnull())
    simple = result.sel(model="36 months", drop=True)
    share = {"area_share": SHARES}
    areas = result["area_observed_count"]

    def rng():
        return np.random.default_rng(2)

    return {
        "hit rate": lambda: hotspot.hit_rate(result, observed, **share),
        "hit rate, lowest of ties": lambda: hotspot.hit_rate(
            result, observed, **share, ties="lowest"
        ),
        "PAI": lambda: hotspot.prediction_accuracy_index(result, observed, **share),
        "penalised PAI": lambda: hotspot.penalised_prediction_accuracy_index(
            result, observed, **share, alpha=0.5
        ),
        "PEI": lambda: hotspot.prediction_efficiency_index(result, observed, **share),
        "PEI*": lambda: hotspot.prediction_efficiency_index_star(result, observed, **share),
        "capture curve": lambda: hotspot.capture_curve(result, observed),
        "capture area": lambda: hotspot.capture_area(result, observed),
        "recapture rate": lambda: hotspot.recapture_rate_index(
            result, observed, earlier=earlier, **share
        ),
        "compactness": lambda: hotspot.compactness(result, **share),
        "clumpiness": lambda: hotspot.clumpiness(result, **share),
        "complementarity": lambda: hotspot.complementarity(result, observed, other=simple, **share),
        "dynamic variability": lambda: hotspot.dynamic_variability(result, **share),
        "calibration ratio": lambda: hotspot.calibration_ratio(result, observed),
        "Poisson log score": lambda: hotspot.poisson_log_score(result, observed),
        "negative binomial log score": lambda: hotspot.negative_binomial_log_score(
            result, observed
        ),
        "information gain": lambda: hotspot.information_gain(result, observed, baseline=simple),
        "CRPS": lambda: hotspot.crps(result, observed),
        "Brier": lambda: hotspot.brier_score(result, observed),
        "interval coverage": lambda: hotspot.interval_coverage(result, observed, level=0.9),
        "interval score": lambda: hotspot.interval_score(result, observed, level=0.9),
        "weighted interval score": lambda: hotspot.weighted_interval_score(result, observed),
        "the same of areas": lambda: hotspot.weighted_interval_score(result, areas, of="areas"),
        "coverage of areas": lambda: hotspot.area_interval_coverage(result, areas, level=0.9),
        "PIT and its table": lambda: hotspot.calibration_table(
            hotspot.randomised_pit(result, observed, rng=rng()), rng=rng()
        ),
        "N, L, CL, S tests, 1,000 simulations": lambda: hotspot.consistency_tests(
            result, observed, rng=rng()
        ),
    }


def print_members(events, grid, folds) -> None:
    """Scores of simulated futures, where they were kept: of one forecast, and of making it."""
    one = {"36 months": MODELS["36 months"]}
    options = {"rng": np.random.default_rng(1), "size": 500, "keep_members": True}
    making, kept = timed(lambda: hotspot.backtest(one, events, grid, folds[:1], **options))
    observed = kept["observed_count"]
    for name, score in {
        "energy score": lambda: hotspot.energy_score(kept, observed),
        "CRPS of members": lambda: hotspot.crps(kept, observed, distribution="members"),
        "pseudo-likelihood test": lambda: hotspot.pseudo_likelihood_test(
            kept, observed, floor=1e-3
        ),
    }.items():
        seconds, _ = timed(score)
        print(f"  where futures are kept: {name:24}{seconds:6.2f} s a forecast, "
              f"{seconds / making:.1%} of making it")  # fmt: skip


def simulated(grid: hotspot.Grid, boroughs: gpd.GeoDataFrame) -> hotspot.Events:
    """Events of whole months, uniform inside cells whose rates are gamma."""
    rng = np.random.default_rng(20261124)
    inside = np.flatnonzero(grid.inside_area >= 0.999 * grid.cell_size**2)
    rates = rng.gamma(0.6, 1.0, inside.size)
    cell = rng.choice(inside, MONTHS * MONTHLY, p=rates / rates.sum())
    row, column = np.divmod(cell, grid.x.size)
    x, y = (
        centres + rng.uniform(-0.49, 0.49, cell.size) * grid.cell_size
        for centres in (grid.x[column], grid.y[row])
    )
    months = pd.date_range("2017-01-01", periods=MONTHS, freq="MS", tz="Europe/London")
    table = gpd.GeoDataFrame(
        {"time": np.repeat(months, MONTHLY), "offence": "Burglary"},
        geometry=gpd.points_from_xy(x, y),
        crs=grid.crs,
    )
    return hotspot.Events.from_geodataframe(
        table, time_resolution="month", region=boroughs, start="2017-01-01", end="2020-07-01",
        place_resolution=0.0,
    )  # fmt: skip


def timed(work):
    begin = time.process_time()
    found = work()
    return time.process_time() - begin, found


if __name__ == "__main__":
    main()
