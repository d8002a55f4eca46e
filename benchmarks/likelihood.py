"""What earlier events add to the intensity: time, scaling, error, threads; and simulation.

Run ``python benchmarks/likelihood.py`` on an idle machine. Events are made as in a city: 30 x 30 km
and two years, a background of 40 clusters and a fifth scattered evenly, and on it a cascade with
productivity 0.25, mean lag 10 days and displacement 200 m. Rates to compare are measured in the
same run; ``--most`` sets the largest number of events.
"""

import argparse
import time

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH
from hotspot._numba.branching import branch
from hotspot._numba.fast_exp import fast_exp
from hotspot.models.parts.displacement import GaussianDisplacement
from hotspot.models.parts.lag import ExponentialLag
from hotspot.models.triggering.cascades import (
    drawn_displacement,
    drawn_lag,
    simulate_cascade,
)
from hotspot.models.triggering.pairs import list_cells
from hotspot.models.triggering.sums import triggered_intensity

SIDE, DAYS = 30_000.0, 730.0
LAG, DISPLACEMENT, PRODUCTIVITY = ExponentialLag(0.1), GaussianDisplacement(200.0), 0.25
REACH = {"lag_reach": 140.0, "displacement_reach": 1000.0}


def events_of(n: int, rng: np.random.Generator) -> np.ndarray:
    """About n events, (4, n): times, x, y, productivities."""
    m = int(n * (1 - PRODUCTIVITY))
    centres, spread = rng.uniform(0, SIDE, (40, 2)), rng.uniform(300, 2000, 40)
    cluster = rng.integers(40, size=m)
    places = centres[cluster] + rng.normal(size=(m, 2)) * spread[cluster, None]
    scattered = rng.random(m) < 0.2
    places[scattered] = rng.uniform(0, SIDE, (scattered.sum(), 2))
    inside = ((places >= 0) & (places < SIDE)).all(axis=1)
    cascade = simulate_cascade(
        rng.uniform(0, DAYS, inside.sum()),
        *places[inside].T,
        productivity=PRODUCTIVITY,
        lag=LAG,
        displacement=DISPLACEMENT,
        end=DAYS,
        rng=rng,
    )
    return np.array([*cascade[:3], np.full(cascade.times.size, PRODUCTIVITY)])


def summed(events: np.ndarray, method: str, **rest):
    parts = {"productivity": events[3], "lag": LAG, "displacement": DISPLACEMENT}
    return triggered_intensity(*events[:3], **parts, method=method, **rest)


def seconds(function, *, repeats: int = 5) -> float:
    """Least wall time of some calls after one that warms up."""
    function()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return min(taken)


@njit(fastmath=FASTMATH)
def brute(t, x, y, decay, precision):
    """Reference loop: every earlier event, sorted or not within any reach."""
    total = 0.0
    for i in range(t.shape[0]):
        inner = 0.0
        for j in range(i):
            dx = x[i] - x[j]
            dy = y[i] - y[j]
            inner += fast_exp(-decay * (t[i] - t[j]) - precision * (dx * dx + dy * dy))
        total += inner
    return total


def looked_at(events: np.ndarray) -> tuple[int, int]:
    """Pairs within reach in time of neighbouring cells, and those of them within reach in space."""
    cells = list_cells(events, REACH["lag_reach"], REACH["displacement_reach"])
    times, places = events[0, cells.order], events[1:3, cells.order]
    looked = within = 0
    held = np.flatnonzero(np.diff(cells.starts))
    for cell in held:
        a = slice(cells.starts[cell], cells.starts[cell + 1])
        for step in cells.neighbours:
            b = slice(cells.starts[cell + step], cells.starts[cell + step + 1])
            low = np.searchsorted(times[b], times[a] - REACH["lag_reach"])
            high = np.searchsorted(times[b], times[a])
            looked += int((high - low).sum())
            for i, (first, last) in enumerate(zip(low, high, strict=True)):
                if last > first:
                    apart = (
                        places[:, b.start + first : b.start + last] - places[:, a.start + i, None]
                    )
                    within += int((np.square(apart).sum(axis=0) <= 1000.0**2).sum())
    return looked, within


def show_grid(worlds: list[np.ndarray]) -> None:
    print("\nlinear time, ns an event")
    print(
        f"{'events':>10} {'value, 1T':>10} {'2T':>8} {'gradient, 1T':>13} {'2T':>8} {'2T gain':>8}"
    )
    rows = []
    for events in worlds:
        n = events.shape[1]
        row = [
            seconds(lambda d=d, w=w, e=events: summed(e, "grid", derivatives=d, workers=w)) / n
            for d in (False, True)
            for w in (1, 2)
        ]
        rows.append((n, row))
        ns = [1e9 * one for one in row]
        gain = f"{row[0] / row[1]:.2f}, {row[2] / row[3]:.2f}"
        print(f"{n:10,} {ns[0]:10.0f} {ns[1]:8.0f} {ns[2]:13.0f} {ns[3]:8.0f}  {gain}")
    (n0, first), (n1, last) = rows[0], rows[-1]
    for k, name in enumerate(("value, 1T", "value, 2T", "gradient, 1T", "gradient, 2T")):
        exponent = 1 + np.log(last[k] / first[k]) / np.log(n1 / n0)
        print(f"  time grows as n^{exponent:.3f} ({name}, {n0:,} to {n1:,})")


def show_pairs(worlds: list[np.ndarray]) -> None:
    print("\npairs within 140 days and 1 km")
    t, x, y = worlds[0][:3, :5000]
    rate = 5000 * 4999 / 2 / seconds(lambda: brute(t, x, y, 0.1, 0.5 / 200.0**2))
    print(f"  brute loop over 5,000 events: {rate / 1e9:.2f} G pairs/s = 100 %")
    for events in worlds:
        looked, within = looked_at(events)
        for workers in (1, 2):
            took = seconds(
                lambda w=workers, e=events: summed(e, "pairs", workers=w, **REACH), repeats=3
            )
            print(
                f"  {events.shape[1]:9,} events, {workers}T: {took:7.3f} s, "
                f"{looked / took / 1e9:.2f} G looked at/s ({looked / took / rate:.0%}), "
                f"{within / took / 1e9:.2f} G within reach/s ({within / took / rate:.0%})"
            )


def show_error(events: np.ndarray) -> None:
    n = events.shape[1]
    background = 0.75 * n / DAYS / SIDE**2
    exact = summed(events, "plain").intensity
    print(f"\nlog-likelihood's sum over {n:,} events against the exact double sum")
    for method in ("pairs", "grid"):
        found = summed(events, method).intensity
        one, other = (np.log(background + part).sum() for part in (found, exact))
        largest = np.abs(found - exact).max() / exact.max()
        print(
            f"  {method:6} relative error {abs(one / other - 1):.1e}; worst {largest:.1e} of peak"
        )


def show_simulation(rng: np.random.Generator) -> None:
    n = 750_000
    times, x, y = rng.uniform(0, 1, (3, n)) * np.array([[DAYS], [SIDE], [SIDE]])
    given, productivity = np.array([times, x, y]), np.full(n, PRODUCTIVITY)
    parts = drawn_lag(LAG), drawn_displacement(DISPLACEMENT)
    m = branch(given, productivity, *parts, DAYS, rng)[1].size
    taken = seconds(lambda: branch(given, productivity, *parts, DAYS, rng))
    print(f"\nsimulation: compiled loop {m / taken / 1e6:.1f} M events/s on one thread")
    for workers in (1, 2):
        taken = seconds(
            lambda w=workers: simulate_cascade(
                times, x, y, productivity=PRODUCTIVITY, lag=LAG, displacement=DISPLACEMENT,
                end=DAYS, rng=rng, workers=w,
            )
        )  # fmt: skip
        print(f"  simulate_cascade, sorted, {workers}T: {m / taken / 1e6:.1f} M events/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1_000_000)
    most = parser.parse_args().most
    rng = np.random.default_rng(20240229)
    worlds = [events_of(n, rng) for n in (20_000, 100_000, 500_000, 1_000_000) if n <= most]
    show_grid(worlds)
    show_pairs(worlds[:2])
    show_error(worlds[0])
    show_simulation(rng)


if __name__ == "__main__":
    main()
