"""Kernel density of 500,000 points on 90,000 cells: time and error against peers, in one run.

Run ``python benchmarks/kde.py`` with the "benchmark" extra installed. Points are made as in a city:
40 clusters of differing spread and a fifth scattered evenly, over 30 x 30 km.
"""

import argparse
import time

import numpy as np

from hotspot.models.smoothing.density import density_at_centres, mass_in_cells

CELL = 100.0
SIDE = 30_000.0


def city_like_points(n: int, rng: np.random.Generator) -> np.ndarray:
    centres = rng.uniform(0, SIDE, (40, 2))
    spread = rng.uniform(300, 2000, 40)
    cluster = rng.integers(40, size=2 * n)
    clustered = centres[cluster] + rng.normal(size=(2 * n, 2)) * spread[cluster, None]
    clustered = clustered[((clustered >= 0) & (clustered < SIDE)).all(axis=1)]
    scattered = rng.uniform(0, SIDE, (n // 5, 2))
    return np.vstack([scattered, clustered[: n - len(scattered)]])


def seconds(function, *, repeats: int) -> tuple[float, object]:
    """Median wall time of `repeats` calls after one that warms up, and the last result."""
    result = function() if repeats > 1 else None
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)), result


def fftkde(points: np.ndarray, nodes: np.ndarray, bandwidth: float):
    from KDEpy import FFTKDE

    return FFTKDE(kernel="gaussian", bw=bandwidth).fit(points).evaluate(nodes)


def sklearn_sample(points, nodes, bandwidth, rng) -> tuple[float, np.ndarray, np.ndarray]:
    """Seconds for all nodes, scaled from a random 1 in 30 of them; which; and their density."""
    from sklearn.neighbors import KernelDensity

    some = rng.choice(len(nodes), len(nodes) // 30, replace=False)
    start = time.perf_counter()
    tree = KernelDensity(bandwidth=bandwidth, rtol=1e-3).fit(points)
    building = time.perf_counter() - start
    start = time.perf_counter()
    log_density = tree.score_samples(nodes[some])
    asking = time.perf_counter() - start
    return building + asking * len(nodes) / len(some), some, np.exp(log_density)


def compare(points: np.ndarray, bandwidth: float, *, peers: bool, rng) -> None:
    centres = np.arange(CELL / 2, SIDE, CELL)
    axes = (centres, centres)
    print(f"\n{len(points):,} points, {centres.size**2:,} cells, bandwidth {bandwidth:g} m")
    ours, fast = seconds(lambda: density_at_centres(points, axes, bandwidth=bandwidth), repeats=15)
    summing, exact = seconds(
        lambda: density_at_centres(points, axes, bandwidth=bandwidth, method="exact"), repeats=1
    )
    show("hotspot, fft", ours, fast, exact)
    print(f"  hotspot, exact       {summing:10.4f} s")
    in_cells, mass = seconds(lambda: mass_in_cells(points, axes, bandwidth=bandwidth), repeats=15)
    true_mass = mass_in_cells(points, axes, bandwidth=bandwidth, method="exact")
    show("hotspot, cell mass", in_cells, mass, true_mass)
    if peers:
        compare_with_peers(points, bandwidth, centres, exact, ours, rng)


def compare_with_peers(points, bandwidth, centres, exact, ours, rng) -> None:
    # FFTKDE wants every point within its nodes and x to vary slowest: one node more on each side.
    margin = np.arange(CELL / 2 - CELL, SIDE + CELL, CELL)
    wide = np.stack(np.meshgrid(margin, margin, indexing="ij"), axis=-1).reshape(-1, 2)
    theirs, found = seconds(lambda: fftkde(points, wide, bandwidth), repeats=15)
    found = len(points) * found.reshape(margin.size, margin.size).T[1:-1, 1:-1]
    show("KDEpy.FFTKDE", theirs, found, exact, f"{theirs / ours:.1f} times ours")
    nodes = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    tree, some, density = sklearn_sample(points, nodes, bandwidth, rng)
    note = f"{tree / ours:,.0f} times ours (scaled from 1 in 30 of the cells)"
    show("sklearn, rtol 1e-3", tree, len(points) * density, exact.ravel()[some], note)


def show(name, taken, found, exact, note="") -> None:
    error = np.abs(found - exact).max() / exact.max()
    print(f"  {name:20} {taken:10.4f} s   error/peak {error:.1e}   {note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=500_000)
    n = parser.parse_args().points
    rng = np.random.default_rng(20240229)
    cloud = city_like_points(n, rng)
    compare(cloud, 500.0, peers=True, rng=rng)
    compare(cloud, 2 * CELL, peers=False, rng=rng)
    print("\nthe same points, coordinates rounded to the cell size")
    compare(np.round(cloud / CELL) * CELL, 500.0, peers=False, rng=rng)


if __name__ == "__main__":
    main()
