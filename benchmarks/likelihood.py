"""What earlier events add to the intensity: time, scaling, error, threads; and simulation.

Run ``python benchmarks/likelihood.py`` on an idle machine. Events are made as in a city: 30 x 30 km
and two years, a background of 40 clusters and a fifth scattered evenly, and on it a cascade with
productivity 0.25, mean lag 10 days and displacement 200 m. Rates to compare are measured in the
same run; ``--most`` sets the largest number of events.
"""

import argparse
import time
from functools import partial

import numpy as np
from numba import njit

from hotspot._numba import FASTMATH
from hotspot._numba.branching import branch
from hotspot._numba.fast_exp import fast_exp, fast_log
from hotspot._numba.spread_gather import NODES, TILE_COLUMNS
from hotspot.models.parts.displacement import GaussianDisplacement, PowerLawDisplacement
from hotspot.models.parts.lag import ExponentialLag, PowerLawLag
from hotspot.models.parts.shapes import ConstantLagShape, ConstantShape
from hotspot.models.triggering.cascades import (
    drawn_displacement,
    drawn_lag,
    simulate_cascade,
)
from hotspot.models.triggering.pairs import candidate_pairs
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


def seconds(function, *, repeats: int = 5, clock=time.perf_counter) -> float:
    """Least time of some calls after one that warms up."""
    function()
    taken = []
    for _ in range(repeats):
        start = clock()
        function()
        taken.append(clock() - start)
    return min(taken)


def in_turns(one, other, *, repeats: int = 5) -> tuple[float, float]:
    """Least processor times of two calls made in turns, so that both meet the machine alike."""
    clock = time.process_time
    pairs = [
        (seconds(one, repeats=1, clock=clock), seconds(other, repeats=1, clock=clock))
        for _ in range(repeats)
    ]
    return tuple(min(taken) for taken in zip(*pairs, strict=True))


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


@njit(fastmath=FASTMATH)
def brute_power_law(t, x, y, lag, displacement):
    """The same for a power law of the lag and of the distance, (c, p) each."""
    total = 0.0
    for i in range(t.shape[0]):
        inner = 0.0
        for j in range(i):
            dx = x[i] - x[j]
            dy = y[i] - y[j]
            g = lag[1] * fast_log(1.0 + (t[i] - t[j]) * (1.0 / lag[0]))
            r = np.sqrt(dx * dx + dy * dy) * (1.0 / displacement[0])
            inner += fast_exp(-g - displacement[1] * fast_log(1.0 + r))
        total += inner
    return total


@njit(fastmath=FASTMATH)
def touch_patches(field, stride, places, fields, out):
    """No more than the lattice must do: read and write each event's patches, five exponentials."""
    nodes, row = np.uint64(NODES), np.uint64(stride)
    for i in range(places.shape[0]):
        total = 0.0
        for f in range(fields):
            first = np.uint64(places[i] + f * stride * NODES)
            # Rows are unrolled and columns go into vector registers, as on the lattice.
            for c in range(nodes):
                for r in range(nodes):
                    value = field[first + r * row + c]
                    total += value
                    field[first + r * row + c] = value + 1.0
        out[i] = total
    for i in range(places.shape[0]):
        for k in range(5):
            out[i] += fast_exp(-1e-3 * places[i] - k)


def least_work(n: int, *, moments: bool, rng: np.random.Generator):
    """A call that touches the patches of n events at random places among one tile's nodes."""
    stride, rows, fields = TILE_COLUMNS + 2 * NODES, 64 + 2 * NODES, 2 if moments else 1
    field = np.zeros(fields * rows * stride)
    places = rng.integers(0, rows - NODES, n) * stride + rng.integers(0, stride - NODES, n)
    return partial(touch_patches, field, stride, places, fields, np.empty(n))


def within_reach(events: np.ndarray) -> float:
    """Pairs within reach: every event a productivity of 1, and shapes that are 1 everywhere."""
    constant = {"lag": ConstantLagShape(), "displacement": ConstantShape()}
    found = triggered_intensity(
        *events[:3], productivity=1.0, method="pairs", **constant, **REACH
    ).intensity
    return float(found.sum())


def show_grid(worlds: list[np.ndarray], rng: np.random.Generator) -> None:
    print(
        "\nlinear time, ns an event: processor time of one thread, and what its traffic alone takes"
    )
    rows = []
    for events in worlds:
        n = events.shape[1]
        line = f"{n:10,}"
        for derivatives in (False, True):
            call = partial(summed, events, "grid", derivatives=derivatives)
            took, least = in_turns(call, least_work(n, moments=derivatives, rng=rng))
            gain = seconds(call, repeats=3) / seconds(partial(call, workers=2), repeats=3)
            rows.append((n, took))
            line += (
                f"   {'gradient' if derivatives else 'value'} {1e9 * took / n:4.0f}, "
                f"{1e9 * least / n:4.0f} ({least / took:.0%}); two threads {gain:.2f}"
            )
        print(line)
    for k, name in enumerate(("value", "gradient")):
        (n0, first), (n1, last) = rows[k], rows[k - 2]
        exponent = np.log(last / first) / np.log(n1 / n0)
        print(f"  time grows as n^{exponent:.3f} ({name}, {n0:,} to {n1:,})")


def show_pairs(worlds: list[np.ndarray]) -> None:
    print("\npairs within 140 days and 1 km, against a loop over every pair of 5,000 events")
    t, x, y = worlds[0][:3, :5000]
    power = (PowerLawLag(c=3.0, p=1.7), PowerLawDisplacement(scale=150.0, exponent=3.1))
    loops = {
        "exponential, Gaussian": (LAG, DISPLACEMENT, lambda: brute(t, x, y, 0.1, 0.5 / 200.0**2)),
        "power laws": (*power, lambda: brute_power_law(t, x, y, (3.0, 1.7), (150.0, 3.1))),
    }
    for events in worlds:
        within = within_reach(events)
        looked = candidate_pairs(events, REACH["lag_reach"], REACH["displacement_reach"])
        n = events.shape[1]
        print(f"  {n:,} events, {within / n:.0f} pairs each within reach; about {looked / n:.0f}")
        for name, (lag, displacement, loop) in loops.items():
            parts = {"productivity": events[3], "lag": lag, "displacement": displacement}
            call = partial(triggered_intensity, *events[:3], **parts, **REACH, method="pairs")
            took, rate = in_turns(call, loop)
            rate = 5000 * 4999 / 2 / rate
            print(
                f"    {name:22} {1e9 * took / n:6.0f} ns an event on one thread, "
                f"{within / took / 1e9:.2f} G pairs within reach/s; loop {rate / 1e9:.2f}: "
                f"{within / took / rate:.0%}"
            )
            gain = seconds(call, repeats=3) / seconds(partial(call, workers=2), repeats=3)
            print(f"    {'':22} two threads {gain:.2f} times quicker by the clock")


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
    show_grid(worlds, rng)
    show_pairs(worlds[:3])
    show_error(worlds[0])
    show_simulation(rng)


if __name__ == "__main__":
    main()
