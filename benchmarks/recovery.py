"""How often the self-exciting model recovers what records were simulated from.

    python benchmarks/recovery.py --events 1000 --runs 200
    python benchmarks/recovery.py --events 1000 --runs 100 --background clusters
    python benchmarks/recovery.py --events 1000 --runs 100 --theta 0

Records are branching processes in the borough of Camden: an even background, or one of Gaussian
clusters, drawn and thinned here without the library. For each parameter: the mean error in standard
errors, the share of runs within two of them, and the share whose 90 % interval covers the
truth; and the time of a fit. A fit that is refused is counted by its reason.
"""

import argparse
import collections
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from hotspot import (
    ConstantBackground,
    Events,
    Grid,
    KernelBackground,
    SelfExciting,
    load_boroughs,
)
from hotspot.errors import HotspotError

DAYS, RATE, SD = 730.0, 0.1, 100.0
START = pd.Timestamp("2022-01-01", tz="UTC")


def main() -> None:
    arguments = parsed()
    region = load_boroughs().set_index("name").geometry["Camden"]
    shapely.prepare(region)
    grid = Grid.over(region, cell_size=250)
    even = arguments.background == "even"
    model = SelfExciting(background=ConstantBackground() if even else KernelBackground())
    rng = np.random.default_rng(arguments.seed)
    scaled, refused, seconds, holds_zero = [], collections.Counter(), [], 0
    for _ in range(arguments.runs):
        record, background = simulate(rng, region, arguments, even)
        begin = time.perf_counter()
        try:
            fitted = model.fit(events_of(record, region), grid)
        except HotspotError as error:
            refused[type(error).__name__] += 1
            continue
        seconds.append(time.perf_counter() - begin)
        parts, errors = fitted.estimate.parts, np.sqrt(np.diag(fitted.estimate.covariance))
        truth = np.log([background, max(arguments.theta, 1e-9), RATE, SD])
        scaled.append((parts.vector - truth) / errors)
        holds_zero += fitted.branching_ratio_interval(0.9)[0] == 0
    report(np.array(scaled), refused, seconds, holds_zero, arguments)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--theta", type=float, default=0.3)
    parser.add_argument("--background", choices=("even", "clusters"), default="even")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def simulate(rng, region, arguments, even):
    """Rows of days, x, y, and the background's events per day."""
    per_day = arguments.events * (1 - arguments.theta) / DAYS
    n = rng.poisson(per_day * DAYS)
    generation = np.column_stack([rng.uniform(0, DAYS, n), places(rng, region, n, even)])
    family = [generation]
    while len(generation):
        children = np.repeat(generation, rng.poisson(arguments.theta, len(generation)), axis=0)
        m = len(children)
        children = children + np.column_stack(
            [rng.exponential(1 / RATE, m), SD * rng.standard_normal((m, 2))]
        )
        inside = shapely.contains_xy(region, children[:, 1], children[:, 2])
        generation = children[inside & (children[:, 0] < DAYS)]
        family.append(generation)
    return np.concatenate(family), per_day


def places(rng, region, n, even):
    west, south, east, north = region.bounds
    centres = rng.uniform((west, south), (east, north), (12, 2))
    found = np.empty((0, 2))
    while len(found) < n:
        drawn = rng.uniform((west, south), (east, north), (2 * n, 2))
        if not even:
            near = rng.random(2 * n) < 0.7
            around = centres[rng.integers(0, 12, 2 * n)] + 350 * rng.standard_normal((2 * n, 2))
            drawn = np.where(near[:, None], around, drawn)
        found = np.concatenate([found, drawn[shapely.contains_xy(region, *drawn.T)]])
    return found[:n]


def events_of(record, region):
    stamps = (START + pd.to_timedelta(record[:, 0], unit="D")).as_unit("us")
    table = gpd.GeoDataFrame(
        {"time": stamps, "offence": "simulated"},
        geometry=gpd.points_from_xy(record[:, 1], record[:, 2]),
        crs=27700,
    )
    return Events(
        table=table,
        region=region,
        start=START,
        end=START + pd.Timedelta(days=DAYS),
        time_resolution="exact",
        place_resolution=0.0,
        time_zone="UTC",
    )


def report(scaled, refused, seconds, holds_zero, arguments) -> None:
    print(f"{arguments}\nrefused {dict(refused)}; fitted {len(scaled)}")
    if not len(scaled):
        return
    print(f"branching ratio's 90 % interval holds 0: {holds_zero} of {len(scaled)} fitted")
    print(f"seconds a fit, median {np.median(seconds):.2f}")
    if arguments.theta == 0:
        return
    print(f"{'':<16}{'mean z':>8}{'sd z':>8}{'|z| < 2':>10}{'90 % covers':>13}")
    for k, name in enumerate(("background", "branching ratio", "lag rate", "displacement")):
        z = scaled[:, k]
        within, covers = (np.abs(z) < 2).mean(), (np.abs(z) < 1.645).mean()
        print(f"{name:<16}{z.mean():>8.2f}{z.std():>8.2f}{within:>10.1%}{covers:>13.1%}")


if __name__ == "__main__":
    main()
