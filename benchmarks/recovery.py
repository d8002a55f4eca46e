"""How often the self-exciting model recovers what records were simulated from.

    python benchmarks/recovery.py --events 1000 --runs 200
    python benchmarks/recovery.py --events 10000 --runs 200 --places clusters --background true
    python benchmarks/recovery.py --events 1000 --runs 200 --theta 0 --places thomas

Records are branching processes in London boroughs, taken in turn (from 50,000 events on in all of
Greater London), drawn and thinned here without the library. Background events lie evenly; in 12
Gaussian clusters of 350 m with a third of them spread evenly; or in a Thomas process, clusters of
20 events within 150 m (Neyman and Scott): clustered in place, but not in time. The model is given
the true background's shape, one that is learned by kernels, whose bandwidth is chosen (kernel), is
each event's own (adaptive) or is 600 m (wide), or a constant one.

For each parameter: the mean error in standard errors, the share of runs within two of them, and the
share whose 90 % interval covers the truth; and the time of a fit. A fit that is refused is counted
by its reason.
"""

import argparse
import collections
import time
from dataclasses import dataclass, field

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
from hotspot.models.backgrounds.base import LaidBackground

DAYS, RATE, SD = 730.0, 0.1, 100.0
START = pd.Timestamp("2022-01-01", tz="UTC")
BOROUGHS = ("Camden", "Lewisham", "Croydon", "Hillingdon", "Newham")
WHOLE_LONDON_ABOVE = 50_000
MODELS = ("constant", "kernel", "adaptive", "wide", "true")
BANDWIDTHS = {"kernel": "likelihood", "adaptive": "adaptive", "wide": 600.0}


def main() -> None:
    arguments = parsed()
    rng = np.random.default_rng(arguments.seed)
    regions = regions_of(arguments.events)
    scaled, refused, seconds, holds_zero, covers = [], collections.Counter(), [], 0, 0
    for run in range(arguments.runs):
        region, grid = regions[run % len(regions)]
        places = PLACES[arguments.places](rng, region)
        record, background = simulate(rng, region, arguments, places)
        model = SelfExciting(
            background=model_background(arguments.background, places, grid),
            workers=arguments.workers,
        )
        begin = time.perf_counter()
        try:
            fitted = model.fit(events_of(record, region), grid)
        except HotspotError as error:
            refused[f"{type(error).__name__}: {str(error).split('.')[0].split(':')[0]}"] += 1
            continue
        seconds.append(time.perf_counter() - begin)
        parts, errors = fitted.estimate.parts, np.sqrt(np.diag(fitted.estimate.covariance))
        truth = np.log([background, max(arguments.theta, 1e-9), RATE, SD])
        scaled.append((parts.vector - truth) / errors)
        low, high = fitted.branching_ratio_interval(0.9)
        holds_zero += low == 0
        covers += low <= arguments.theta <= high
    report(np.array(scaled), refused, seconds, (holds_zero, covers), arguments)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--theta", type=float, default=0.3)
    parser.add_argument("--places", choices=tuple(PLACES), default="even")
    parser.add_argument("--background", choices=MODELS, default="constant")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args()


def regions_of(events: int) -> list:
    boroughs = load_boroughs().set_index("name").geometry
    if events >= WHOLE_LONDON_ABOVE:
        found = [shapely.union_all(boroughs.to_numpy())]
    else:
        found = [boroughs[name] for name in BOROUGHS]
    for region in found:
        shapely.prepare(region)
    return [(region, Grid.over(region, cell_size=250)) for region in found]


class Even:
    """Background events anywhere."""

    def __init__(self, rng, region) -> None:  # noqa: ARG002 - as the other kinds of places
        self.region = region

    def draw(self, rng, n):
        west, south, east, north = self.region.bounds
        found = np.empty((0, 2))
        while len(found) < n:
            drawn = self._candidates(rng, rng.uniform((west, south), (east, north), (2 * n, 2)))
            found = np.concatenate([found, drawn[shapely.contains_xy(self.region, *drawn.T)]])
        return found[:n]

    def _candidates(self, rng, anywhere):  # noqa: ARG002 - as the other kinds of places
        return anywhere

    def density(self, points):
        """At each point, but for a factor."""
        return np.ones(len(points))


class Clusters(Even):
    """Two thirds about 12 centres, one third anywhere in the bounding box."""

    spread, share = 350.0, 0.7

    def __init__(self, rng, region) -> None:
        super().__init__(rng, region)
        self.centres = self._centres(rng, 12)

    def _centres(self, rng, n):
        west, south, east, north = self.region.bounds
        return rng.uniform((west, south), (east, north), (n, 2))

    def _candidates(self, rng, anywhere):
        n = len(anywhere)
        around = self.centres[rng.integers(0, len(self.centres), n)]
        around = around + self.spread * rng.standard_normal((n, 2))
        return np.where((rng.random(n) < self.share)[:, None], around, anywhere)

    def density(self, points):
        west, south, east, north = self.region.bounds
        total = np.full(len(points), (1 - self.share) / ((east - west) * (north - south)))
        norm = self.share / len(self.centres) / (2 * np.pi * self.spread**2)
        for centre in self.centres:
            total += norm * np.exp(-((points - centre) ** 2).sum(axis=1) / (2 * self.spread**2))
        return total


class Thomas(Clusters):
    """Every event within 150 m of one of many centres, 20 to a centre on average."""

    spread, share = 150.0, 1.0

    def draw(self, rng, n):
        self.centres = self._centres(rng, max(rng.poisson(n / 20), 1))
        return super().draw(rng, n)


PLACES = {"even": Even, "clusters": Clusters, "thomas": Thomas}


@dataclass(frozen=True, eq=False)
class TrueBackground:
    """The density that background events were drawn from."""

    places: Even
    norm: float
    follows_events: bool = field(default=False, init=False)

    def lay(self, window, chance):  # noqa: ARG002 - the protocol's
        inside = window.grid.inside_area
        density = self.places.density(window.points) / self.norm
        return LaidBackground(density, inside / inside.sum(), {"background": "true"})


def model_background(name, places, grid):
    if name == "constant":
        return ConstantBackground()
    if name in BANDWIDTHS:
        return KernelBackground(bandwidth=BANDWIDTHS[name])
    fine = Grid.over(grid.region, cell_size=50)
    x, y = np.meshgrid(fine.x, fine.y)
    density = places.density(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    return TrueBackground(places, float((density * fine.inside_area).sum()))


def simulate(rng, region, arguments, places):
    """Rows of days, x, y, and the background's events per day."""
    per_day = arguments.events * (1 - arguments.theta) / DAYS
    n = rng.poisson(per_day * DAYS)
    generation = np.column_stack([rng.uniform(0, DAYS, n), places.draw(rng, n)])
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


def report(scaled, refused, seconds, counts, arguments) -> None:
    print(f"{arguments}\nrefused {dict(refused)}; fitted {len(scaled)}")
    if not len(scaled):
        return
    holds_zero, covers = counts
    print(f"branching ratio's 90 % interval holds 0: {holds_zero} of {len(scaled)} fitted,")
    print(f"  and holds the truth: {covers}")
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
