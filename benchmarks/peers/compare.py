"""The same four-parameter model fitted by hotspot and by a peer, to one record, in one run.

    python -m venv peers && peers/bin/pip install the-hawkes-package
    python benchmarks/peers/compare.py hawkes-package --python peers/bin/python
    python benchmarks/peers/compare.py twinstim

The record is simulated: an even background on a square, on it a cascade with branching ratio 0.25,
mean lag 10 days, Gaussian displacement. Both programs fit background, branching ratio, decay
and standard deviation by maximum likelihood, with the triggered mass that leaves the square taken
off, on one thread. The peer's climb starts at the truth, hotspot's where it always does.
Seconds are of processor time and of the fit alone: starting, importing, compiling and reading are
left out on both sides. ``twinstim`` needs R with the package surveillance.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import geopandas as gpd  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import shapely  # noqa: E402

from hotspot import ConstantBackground, Events, Grid, SelfExciting  # noqa: E402
from hotspot.models.parts.displacement import GaussianDisplacement  # noqa: E402
from hotspot.models.parts.lag import ExponentialLag  # noqa: E402
from hotspot.models.triggering.cascades import simulate_cascade  # noqa: E402

DAYS, START = 730.0, pd.Timestamp("2022-01-01", tz="UTC")
RATIO, RATE = 0.25, 0.1
# Events, side of the square and standard deviation in km. The first peer integrates on a lattice
# over the square, which a smaller square lets it do well.
WORLDS = {"hawkes-package": (1_000, 10.0, 0.4), "twinstim": (20_000, 30.0, 0.2)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peer", choices=WORLDS)
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the peer")
    parser.add_argument("--events", type=int, help="about how many")
    parser.add_argument("--seed", type=int, default=20240229)
    options = parser.parse_args()
    n, side, sd = WORLDS[options.peer]
    record = simulated(options.events or n, side, sd, np.random.default_rng(options.seed))
    print(f"{len(record):,} events on {side:g} x {side:g} km in {DAYS:g} days")
    ours = fit_ours(record, side)
    theirs = fit_theirs(options, record, side, sd)
    print(f"{'':18}{'seconds':>10}{'per day, km2':>14}{'ratio':>9}{'decay':>9}{'sd, km':>9}")
    for name, fit in (("hotspot", ours), (options.peer, theirs)):
        numbers = "".join(
            f"{value:{width}.5f}" for value, width in zip(fit[1], (14, 9, 9, 9), strict=True)
        )
        print(f"{name:18}{fit[0]:10.4f}{numbers}")
    apart = np.abs(np.array(theirs[1]) / ours[1] - 1).max()
    print(f"{theirs[0] / ours[0]:,.0f} times quicker; estimates at most {apart:.2%} apart")


def simulated(n: int, side: float, sd: float, rng: np.random.Generator) -> np.ndarray:
    """About n events inside the square, in order of time: (n, 3), days and km."""
    m = rng.poisson(n * (1 - RATIO))
    cascade = simulate_cascade(
        rng.uniform(0, DAYS, m),
        *rng.uniform(0, 1_000 * side, (2, m)),
        productivity=RATIO,
        lag=ExponentialLag(RATE),
        displacement=GaussianDisplacement(1_000 * sd),
        end=DAYS,
        rng=rng,
    )
    record = np.column_stack([cascade.times, cascade.x / 1_000, cascade.y / 1_000])
    record = record[((record[:, 1:] >= 0) & (record[:, 1:] < side)).all(axis=1)]
    # Places to a metre's hundredth and times to a second, so that all programs read the same.
    return np.column_stack([record[:, 0].round(5), record[:, 1:].round(5)])


def fit_ours(record: np.ndarray, side: float) -> tuple[float, list[float]]:
    """Least processor seconds of five fits, and background, ratio, decay and sd."""
    region = shapely.box(0, 0, 1_000 * side, 1_000 * side)
    table = gpd.GeoDataFrame(
        {"time": (START + pd.to_timedelta(record[:, 0], unit="D")).as_unit("us"), "offence": "-"},
        geometry=gpd.points_from_xy(1_000 * record[:, 1], 1_000 * record[:, 2]),
        crs=27700,
    )
    events = Events(
        table=table, region=region, start=START, end=START + pd.Timedelta(days=DAYS),
        time_resolution="exact", place_resolution=0.0, time_zone="UTC",
    )  # fmt: skip
    grid = Grid.over(region, cell_size=1_000)
    model = SelfExciting(background=ConstantBackground())
    taken = []
    for _ in range(6):  # the first compiles
        begin = time.process_time()
        fitted = model.fit(events, grid)
        taken.append(time.process_time() - begin)
    per_day, ratio, decay, sd = np.exp(fitted.estimate.parts.vector)
    return min(taken[1:]), [per_day / side**2, ratio, decay, sd / 1_000]


def fit_theirs(options, record, side: float, sd: float) -> tuple[float, list[float]]:
    """The peer's processor seconds and the same four numbers, from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.csv"
        np.savetxt(path, record, delimiter=",", header="t,x,y", comments="", fmt="%.5f")
        per_area = len(record) * (1 - RATIO) / DAYS / side**2
        truth = [str(one) for one in (per_area, RATIO, RATE, sd)]
        if options.peer == "twinstim":
            command = ["Rscript", str(HERE / "with_twinstim.R")]
        else:
            command = [options.python, str(HERE / "with_hawkes_package.py")]
        done = subprocess.run(
            [*command, str(path), str(side), str(DAYS), *truth],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    return found["seconds"], found["estimates"]


if __name__ == "__main__":
    main()
