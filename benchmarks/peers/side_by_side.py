"""Two peers' recipes as models of hotspot, beside simple maps, on break and enter in Toronto.

    python -m venv peers && peers/bin/pip install predspot
    python benchmarks/peers/side_by_side.py --python peers/bin/python [--data FOLDER] [--months 6]

predspot 1.0.0 (BSD-3-Clause) runs as its README says: a monthly kernel density at points 1 km
apart, twelve lags of STL's season and trend and of differences, a random forest. It is given the 36
months before each month that it is to foretell, so that its STL sees no future, which in its own
cross-validation it does. open_cp (Artistic-2.0) is not on PyPI: its retrospective hotspot is
written anew from its description, a quartic kernel of 200 m round each event of the last 60 days,
added up; it is not that program. Each peer becomes a `Model` in a few lines. Neither foretells a
volume: both are given the mean of the last twelve months, and like the count map a hundredth of it
is spread evenly, so that no cell is ruled out.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
import pyproj
from city_records import CITIES

import hotspot as hs
from hotspot.models.level import LevelVariance

HERE = Path(__file__).resolve().parent
CELL = 1_000.0
EVEN = 0.01
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Predspot:
    """The recipe of predspot's README, in an interpreter that has it."""

    python: str
    months: int = 36
    seed: int = 0

    def fit(self, events, grid, *, end=None):
        past = events.before(end)
        local = end.tz_convert(events.time_zone).tz_localize(None)
        recent = past.table["time"] >= (local - pd.DateOffset(months=self.months)).tz_localize(
            events.time_zone
        )
        table = past.table[recent.to_numpy()]
        to_degrees = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True).transform
        lon, lat = to_degrees(table.geometry.x, table.geometry.y)
        row, column = np.nonzero(grid.inside)
        places = dict(zip(("lon", "lat"), to_degrees(grid.x[column], grid.y[row]), strict=True))
        when = table["time"].dt.tz_convert(events.time_zone).dt.tz_localize(None)
        with tempfile.TemporaryDirectory() as folder:
            files = [str(Path(folder) / name) for name in ("events.csv", "places.csv")]
            rows = {"tag": "burglary", "t": when.to_numpy(), "lon": lon, "lat": lat}
            pd.DataFrame(rows).to_csv(files[0], index=False)
            pd.DataFrame(places).to_csv(files[1], index=False)
            command = [self.python, str(HERE / "with_predspot.py"), *files, str(self.seed)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        answer = json.loads(done.stdout.splitlines()[-1])
        assert answer["month"] == f"{local:%Y-%m}", "the peer foretells another month"
        density = np.zeros(grid.shape)
        density[row, column] = answer["density"]
        return as_fitted(self, density, past, grid, end)


@dataclass(frozen=True)
class RetroHotspot:
    """Quartic kernels round the events of the last days, as open_cp's grid predictor has them."""

    bandwidth: float = 200.0
    days: int = 60
    step: float = 100.0  # its own grids are finer than these cells: the kernel's mean over a cell

    def fit(self, events, grid, *, end=None):
        past = events.before(end)
        recent = past.table[(past.table["time"] >= end - self.days * DAY).to_numpy()]
        fine = int(grid.cell_size / self.step)
        inner = self.step * (np.arange(fine) + 0.5) - grid.cell_size / 2
        x, y = ((centres[:, None] + inner).ravel() for centres in (grid.x, grid.y))
        risk = np.zeros((y.size, x.size))
        for px, py in zip(recent.geometry.x, recent.geometry.y, strict=True):
            cols, rows = (
                np.flatnonzero(np.abs(a - p) < self.bandwidth) for a, p in ((x, px), (y, py))
            )
            d2 = (x[cols] - px) ** 2 + (y[rows, None] - py) ** 2
            weight = (1 - d2 / self.bandwidth**2) ** 2 * (d2 <= self.bandwidth**2)
            risk[np.ix_(rows, cols)] += weight
        coarse = risk.reshape(grid.y.size, fine, grid.x.size, fine).sum(axis=(1, 3))
        return as_fitted(self, coarse, past, grid, end)


def as_fitted(model, surface, past, grid, end):
    """A peer's surface as a fitted map: last year's volume, a hundredth of it spread evenly."""
    surface = np.where(grid.inside, surface, 0.0)
    even = grid.inside_area / grid.inside_area.sum()
    shape = (1 - EVEN) * surface / surface.sum() + EVEN * np.where(grid.inside, even, 0.0)
    per_day = (past.table["time"] >= end - 365 * DAY).sum() / 365
    nothing = np.zeros((1, 1))
    level = LevelVariance(nothing[0], nothing, 0.0, 30.4375, np.zeros((1, *grid.shape), np.int64))
    return hs.FittedRateMap(
        name=type(model).__name__,
        grid=grid,
        data_cutoff=end,
        rate=per_day * shape,
        rate_variance=np.zeros(grid.shape),
        level=level,
        parameters={},
        time_resolution=past.time_resolution,
        place_resolution=past.place_resolution,
        interval_kind="chance alone",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = HERE.parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=beside, help="folder of real data")
    parser.add_argument("--python", required=True, help="interpreter that has predspot")
    parser.add_argument("--months", type=int, default=6)
    options = parser.parse_args()
    warnings.simplefilter("ignore", hs.errors.DataQualityWarning)
    events = CITIES["toronto"](options.data).events
    grid = hs.Grid.over(events.region, cell_size=CELL, crs=events.table.crs)
    last = pd.Timestamp("2019-07-01") + pd.DateOffset(months=options.months)
    folds = hs.rolling_origin("2019-07-01", last, time_zone=events.time_zone)
    simple = hs.baseline_models(bandwidth=500.0)
    models = {
        **simple,
        "half-life of a year": hs.HistoricalRate(half_life=365.0),
        "open_cp RetroHotspot": RetroHotspot(),
        "predspot": Predspot(options.python),
    }
    begin = time.perf_counter()
    result = hs.backtest(models, events, grid, folds, rng=np.random.default_rng(1), size=40)
    print(
        f"{len(folds)} months, {int(grid.inside.sum())} cells of 1 km, "
        f"{int(result['observed_count'].sum()):,} offences; {time.perf_counter() - begin:.0f} s"
    )
    for name in list(models)[3:]:
        print(
            hs.added_value(result, model=name, baselines=list(simple), rng=np.random.default_rng(2))
        )
    scores = hs.poisson_log_score(result, result["observed_count"]).mean("step")
    best = hs.model_confidence_set(scores, larger_is_better=True, rng=np.random.default_rng(3))
    print("model confidence set, 90 %, Poisson log score:")
    for name in models:
        one = best.sel(model=name)
        print(
            f"  {name:22} {float(scores.sel(model=name).mean()):.4f}  "
            f"{'in' if one['included'] else 'out'} (p = {float(one['p_value']):.3f})"
        )


if __name__ == "__main__":
    main()
