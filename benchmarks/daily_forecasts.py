"""Ninety daily forecasts with scores, and simulated futures: time against a reference loop.

Run ``python benchmarks/daily_forecasts.py`` on an idle machine. A city of 30 x 30 km is recorded
for two years (the events of ``benchmarks/likelihood.py``) and a self-exciting model fitted once, to
all but the last 90 days. Then, day by day, the cut-off moves on, the next day's expected counts are
laid on 14,400 cells of 250 m, and at the end all are scored: the share of offences caught in the
hottest 1, 2, 5, 10 and 20 % of the area.

open_cp's RetroHotspot grid predictor took 123 s of CPU for the same 90 days and scores of 20,000
events and 688 s for 100,000, timed on a few of the days, where the reference loop took 11.7 ms: its
figures are scaled by the loop of this run.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numba import njit

from hotspot import Events, Grid, KernelBackground, SelfExciting, count_events, hit_rate

sys.path.insert(0, str(Path(__file__).parent))
from likelihood import DAYS, DISPLACEMENT, LAG, SIDE, events_of

START = pd.Timestamp("2021-01-01", tz="UTC")
DAYS_AHEAD = 90
SHARES = [0.01, 0.02, 0.05, 0.1, 0.2]
PEER_SECONDS = {20_000: 123.0, 100_000: 688.0}
PEER_LOOP = 0.0117  # seconds that the reference loop took where these were measured


def recorded(n: int, rng: np.random.Generator) -> Events:
    t, x, y = events_of(n, rng)[:3]
    inside = (x >= 0) & (x < SIDE) & (y >= 0) & (y < SIDE)
    table = gpd.GeoDataFrame(
        {"time": (START + pd.to_timedelta(t[inside], unit="D")).as_unit("us")},
        geometry=gpd.points_from_xy(x[inside], y[inside]),
        crs=27700,
    ).assign(offence="Burglary")
    return Events(
        table=table,
        region=shapely.box(0, 0, SIDE, SIDE),
        start=START,
        end=START + pd.Timedelta(days=DAYS),
        time_resolution="exact",
        place_resolution=0.0,
        time_zone="UTC",
    )


def daily(fitted, events: Events, periods: pd.IntervalIndex) -> xr.DataArray:
    """Hit rates of each day's forecast from the day before; (time, area_share)."""
    maps = []
    for k in range(len(periods)):
        fitted = fitted.updated(events, end=periods[k].left) if k else fitted
        maps.append(fitted.expected_count(periods[k : k + 1]))
    forecast = xr.concat(maps, "time").to_dataset(name="expected_count")
    return hit_rate(forecast, count_events(events, fitted.grid, periods), area_share=SHARES)


def seconds(function, *, repeats: int = 3) -> tuple[float, float]:
    """Least CPU time and least wall time of some calls."""
    taken = []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        function()
        taken.append((time.process_time() - cpu, time.perf_counter() - wall))
    return tuple(map(min, zip(*taken, strict=True)))


@njit(fastmath={"reassoc", "contract", "arcp", "nsz"}, error_model="numpy")
def brute(t, x, y, decay, precision):
    """Every pair of events, with an exponential of degree 7."""
    total = 0.0
    for i in range(t.shape[0]):
        inner = 0.0
        for j in range(i):
            dx, dy = x[i] - x[j], y[i] - y[j]
            z = max(-decay * (t[i] - t[j]) - precision * (dx * dx + dy * dy), -700.0)
            k = np.floor(z * 1.4426950408889634 + 0.5)
            r = z - k * 0.6931471805599453
            p = 1 / 720 + r * (1 / 5040)
            p = 1 / 24 + r * (1 / 120 + r * p)
            p = 1.0 + r * (1.0 + r * (1 / 2 + r * (1 / 6 + r * p)))
            inner += p * np.int64((np.int64(k) + 1023) << 52).view(np.float64)
        total += inner
    return total


def reference_loop(rng: np.random.Generator) -> float:
    """Seconds for the 12.5 million pairs of 5,000 events."""
    t = np.sort(rng.uniform(0, DAYS, 5000))
    x, y = rng.uniform(0, SIDE, (2, 5000))
    brute(t, x, y, 0.1, 0.5 / 200.0**2)
    return seconds(lambda: brute(t, x, y, 0.1, 0.5 / 200.0**2), repeats=9)[0]


def show(n: int, size: int, loop: float, rng: np.random.Generator) -> None:
    events = recorded(n, rng)
    grid = Grid.over(events.region, cell_size=250.0)
    cutoff = events.end - pd.Timedelta(days=DAYS_AHEAD)
    breaks = pd.date_range(cutoff, periods=DAYS_AHEAD + 1, freq="D")
    periods = pd.IntervalIndex.from_breaks(breaks, closed="left")
    model = SelfExciting(background=KernelBackground(400.0), lag=LAG, displacement=DISPLACEMENT)
    fitted = model.fit(events, grid, end=cutoff)
    rates = daily(fitted, events, periods).mean("time").values
    cpu, wall = seconds(lambda: daily(fitted, events, periods), repeats=5)
    print(f"\n{len(events):,} events, {DAYS_AHEAD} daily forecasts with scores:")
    print(f"  {cpu:.3f} s of CPU, {wall:.3f} s of wall time, {cpu / loop:,.0f} reference loops")
    print("  share caught: " + ", ".join(f"{rate:.3f}" for rate in rates))
    if n in PEER_SECONDS:
        peer = PEER_SECONDS[n]
        scaled = peer * loop / PEER_LOOP
        print(f"  open_cp RetroHotspot: {peer:.0f} s where it was timed, {peer / cpu:,.0f} times; "
              f"scaled by the loop {scaled:.0f} s, {scaled / cpu:,.0f} times")  # fmt: skip

    weeks = pd.IntervalIndex.from_breaks(breaks[:29:7], closed="left")

    def futures():
        rng = np.random.default_rng(1)
        return fitted.simulate_counts(weeks, size=size, rng=rng)

    total = float(futures().sum())
    cpu, _ = seconds(futures)
    print(
        f"  {size} futures of four weeks, {total:,.0f} events: {cpu:.3f} s of CPU, "
        f"{total / cpu / 1e6:.2f} M events/s with the maps"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--futures", type=int, default=200)
    asked = parser.parse_args()
    rng = np.random.default_rng(20240229)
    loop = reference_loop(rng)
    print(f"reference loop over 12.5 M pairs: {1e3 * loop:.1f} ms of CPU")
    for n in asked.events:
        show(n, asked.futures, loop, rng)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory {peak:.0f} MiB")


if __name__ == "__main__":
    main()
