"""How often audits alarm where nothing is wrong, and where something is.

    python benchmarks/audit_alarms.py [--cities 300] [--loops 20]

Simulated cities of 20 x 20 cells and 24 months, whose forecast knows the true rates. Unbiased:
residents of two groups are spread without regard to offences, all offences are reported alike.
Biased, one thing at a time: one half of the city reports 1.5 times as much as the other; one of
five districts records 1.3 times what is foretold; twice what comes is foretold for one of five, so
that it is flagged on less; .3 of unreported offences under flags are discovered and learned from.
Prints the share of cities in which each audit warns.
"""

import argparse

import numpy as np
import xarray as xr
from shapely import box

from hotspot import Grid, HistoricalRate, flag_cells
from hotspot.audit import Groups
from hotspot.audit.concentration import persistence
from hotspot.audit.exposure import exposure_disparity, flag_share_against_records
from hotspot.audit.feedback import Loop, closed_loop_feedback
from hotspot.audit.recording import ReportingRates, reporting_sensitivity
from hotspot.audit.within_groups import calibration_by_group, hit_rate_gap

SIDE, MONTHS, SHARE = 20, 24, 0.1
BIASES = {
    "none": "unbiased",
    "few": "same, few",
    "reporting": "reporting 1.5",
    "district": "O/E 1.3",
    "bar": "lower bar",
}
DIMS = ("fold", "y", "x")
PLACES = {"y": np.arange(SIDE) * 100.0, "x": np.arange(SIDE) * 100.0}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--cities", type=int, default=300)
    options.add_argument("--loops", type=int, default=20)
    chosen = options.parse_args()
    tables = {told: alarms(bias, chosen.cities) for bias, told in BIASES.items()}
    print(f"share of {chosen.cities} cities that warn")
    print(f"{'':<30}" + "".join(f"{told:>16}" for told in tables))
    for name in tables["unbiased"]:
        print(f"{name:<30}" + "".join(f"{one[name]:>16.3f}" for one in tables.values()))
    print(f"\nA8, share of {chosen.loops} cities that warn")
    for name, keep in (("what is discovered is left out", False), ("learned from, .3 of it", True)):
        print(f"{name:<34}{loops(chosen.loops, keep):>10.3f}")


def alarms(bias: str, cities: int) -> dict[str, float]:
    found: dict[str, list[bool]] = {}
    for seed in range(cities):
        rng = np.random.default_rng((seed, len(bias)))
        for name, result in audited(rng, bias).items():
            found.setdefault(name, []).append(result.status in ("warn", "fail"))
    return {name: float(np.mean(values)) for name, values in found.items()}


def audited(rng: np.random.Generator, bias: str) -> dict:
    half = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 2  # the two sides alternate, alike in truth
    district = rng.permutation(SIDE * SIDE).reshape(SIDE, SIDE) % 5
    truth = rng.lognormal(-1.0 if bias in ("few", "bar") else 0.5, 0.8, (SIDE, SIDE))
    foretold = truth * (np.where(half == 0, 1.0, 1 / 1.5) if bias == "reporting" else 1.0)
    recorded = foretold * (np.where(district == 0, 1.3, 1.0) if bias == "district" else 1.0)
    level = rng.lognormal(0.0, 0.08, (MONTHS, 1, 1))  # the city's months differ
    if bias == "bar":
        foretold = foretold * np.where(district == 0, 2.0, 1.0)
        recorded = truth
    expected = month_maps(foretold[None] * rng.lognormal(0, 0.05, (MONTHS, SIDE, SIDE)))
    observed = month_maps(rng.poisson(recorded[None] * level))
    flags = flag_cells(xr.Dataset({"expected_count": expected}), area_share=SHARE)
    area = xr.ones_like(expected[0])
    share = np.where(half == 0, 0.9, 0.1) if bias == "reporting" else rng.beta(2, 2, truth.shape)
    people = rng.integers(20, 200, truth.shape) * np.array([share, 1 - share])
    residents = xr.DataArray(people, {"group": ["a", "b"], **PLACES}, ["group", "y", "x"])
    groups = Groups("side", residents, residents.sum("group") * 0)
    labels = xr.DataArray(district, PLACES, ["y", "x"])
    survey = ReportingRates("offence", 0.5, 0.55, source="simulation")
    return {
        "A3 exposure": exposure_disparity(flags, groups, rng=rng),
        "A4 flags over records": flag_share_against_records(flags, observed, groups, rng=rng),
        "A6 habit": persistence(flags, observed, expected, rng=rng),
        "A7 reporting gap of 1.1": reporting_sensitivity(expected, flags, area, plausible=survey),
        "A12 calibration by district": calibration_by_group(expected, observed, labels, rng=rng),
        "A13 hit rates by district": hit_rate_gap(flags, observed, labels, rng=rng),
    }


def month_maps(values) -> xr.DataArray:
    return xr.DataArray(np.asarray(values, float), PLACES, DIMS)


def loops(cities: int, keep: bool) -> float:
    grid = Grid.over(box(0, 0, 1000, 500), cell_size=100)
    rates = xr.DataArray(np.full(grid.shape, 2.0), {"y": grid.y, "x": grid.x}, ["y", "x"])
    warned = []
    for seed in range(cities):
        found = closed_loop_feedback(
            HistoricalRate(window=None), rates, grid, rng=np.random.default_rng(seed),
            discovery=(0.0, 0.3),
            loop=Loop(0.1, reporting=0.3, warm_up=1, rounds=40, repeats=5, keep_discovered=keep),
        )  # fmt: skip
        warned.append(found.status == "warn")
    return float(np.mean(warned))


if __name__ == "__main__":
    main()
