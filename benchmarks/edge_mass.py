"""The mass of displacements inside Greater London: time against exact quadrature, and error.

Run ``python benchmarks/edge_mass.py``. Events are even in the boroughs' outline; `MassInside` lays
its weights once and is then asked again and again, as in a fit, and exact quadrature
(``mass_inside`` of the displacement) integrates along the border for each event.
"""

import time

import numpy as np
import shapely

from hotspot import (
    ExponentialDisplacement,
    PowerLawDisplacement,
    StudentDisplacement,
    load_boroughs,
)
from hotspot.models.triggering.mass_inside import MassInside

EVENTS, EXACT = 10_000, 100
DISPLACEMENTS = (
    ExponentialDisplacement(150.0),
    PowerLawDisplacement(scale=100.0, exponent=2.5),
    StudentDisplacement(scale=100.0, exponent=1.5),
)


def seconds(function, repeats: int = 3) -> float:
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        taken.append(time.process_time() - start)
    return min(taken)


def main() -> None:
    region = load_boroughs().union_all()
    west, south, east, north = region.bounds
    places = np.random.default_rng(1).uniform((west, south), (east, north), (4 * EVENTS, 2))
    points = places[shapely.contains_xy(region, *places.T)][:EVENTS]
    MassInside.of(points[:10], region).at(DISPLACEMENTS[0])  # compiled
    laid = seconds(lambda: MassInside.of(points, region).at(DISPLACEMENTS[0]))
    inside = MassInside.of(points, region)
    inside.at(DISPLACEMENTS[0])
    sides = shapely.get_num_coordinates(region)
    print(
        f"{EVENTS:,} events, {sides:,} corners; weights laid once: {laid:.2f} s of processor time"
    )
    for part in DISPLACEMENTS:
        again = seconds(lambda part=part: inside.at(part), repeats=20)
        exact = seconds(
            lambda part=part: part.mass_inside(points[:EXACT], region, derivatives=True), repeats=1
        )
        mass, slopes = inside.at(part)
        true, true_slopes = part.mass_inside(points[:EXACT], region, derivatives=True)
        error = max(
            np.abs(mass[:EXACT] - true).max(), np.abs(slopes[:, :EXACT] - true_slopes).max()
        )
        print(
            f"{type(part).__name__}: an evaluation {1e3 * again:.1f} ms, with derivatives; exact "
            f"quadrature {exact * EVENTS / EXACT / again:,.0f} times as long, "
            f"{exact * EVENTS / EXACT / laid:,.0f} times laying; largest error {error:.0e}"
        )


if __name__ == "__main__":
    main()
