"""The N, S and CL tests of maps of London's size, by hotspot and by pyCSEP, in one run.

    python -m venv csep && csep/bin/pip install pycsep==0.8.0
    python benchmarks/peers/consistency.py --pycsep csep/bin/python

26,007 cells of 250 m and some 5,500 events, as burglaries of a month; rates are drawn from a gamma
law and the events from the rates. Both sides make 1,000 simulations of each map. Seconds are of
processor time and for one simulation: for pyCSEP of one simulation more, so that starting,
gridding the events and whatever else it does once are left out; for hotspot of 12 folds, whole
calls with all that is in them, over the number of their simulations. In one call
(``consistency_tests``) the spatial and conditional likelihood tests of a map rest on the same
simulations, as without magnitudes they ask the same; test by test each makes its own.
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
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import numpy as np  # noqa: E402
import xarray as xr  # noqa: E402

from hotspot.evaluate import consistency  # noqa: E402

CELLS, EVENTS, FOLDS = 26_007, 5_500, 12
TESTS = {
    "spatial": consistency.spatial_test,
    "conditional likelihood": consistency.conditional_likelihood_test,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pycsep", required=True, help="interpreter that has pyCSEP")
    parser.add_argument("--simulations", type=int, default=1000)
    options = parser.parse_args()
    rng = np.random.default_rng(20261124)
    rates = rng.gamma(0.6, 1.0, CELLS)
    rates *= EVENTS / rates.sum()
    counts = rng.poisson(rates, (FOLDS, CELLS))
    size = options.simulations
    print(f"{CELLS:,} cells, {counts[0].sum():,} events, {size:,} simulations")
    theirs = by_pycsep(options.pycsep, rates, counts[0], size)
    ours, found = by_hotspot(rates, counts, size)
    print(f"{'microseconds a simulation':28}{'hotspot':>10}{'pyCSEP ' + theirs['version']:>14}"
          f"{'times':>8}   share of simulations as low")  # fmt: skip
    rows = {**theirs["seconds"], "both, and the number test": sum(theirs["seconds"].values())}
    for name, seconds in rows.items():
        shares = f"   {found[name]:.3f} {theirs['quantiles'][name]:.3f}" if name in found else ""
        print(f"{name:28}{1e6 * ours[name]:10.1f}{1e6 * seconds:14.1f}{seconds / ours[name]:8.0f}"
              + shares)  # fmt: skip
    apart = np.abs(np.subtract(found["number"], theirs["quantiles"]["number"])).max()
    print(f"the two chances of the number test are at most {apart:.0e} apart")


def by_pycsep(python: str, rates: np.ndarray, counts: np.ndarray, size: int) -> dict:
    """Its seconds a simulation and quantiles, from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        np.savez(path, rates=rates, counts=counts)
        done = subprocess.run(
            [python, str(HERE / "with_pycsep.py"), str(path), str(size)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def by_hotspot(rates: np.ndarray, counts: np.ndarray, size: int) -> tuple[dict, dict]:
    """Processor seconds a simulation of each test and of all in one call; quantiles of fold 0."""
    forecast = xr.Dataset({"expected_count": (("y", "x"), rates[None])})
    observed = xr.DataArray(counts[:, None], dims=["fold", "y", "x"])
    together = ("number", "conditional likelihood", "spatial")
    calls = {
        **{name: (test, {}) for name, test in TESTS.items()},
        "both, and the number test": (consistency.consistency_tests, {"tests": together}),
    }
    seconds, found = {}, {}
    for name, (test, options) in calls.items():
        test(forecast, observed[:1], rng=np.random.default_rng(1), size=2, **options)  # compiles
        begin = time.process_time()
        result = test(forecast, observed, rng=np.random.default_rng(1), size=size, **options)
        seconds[name] = (time.process_time() - begin) / size / len(counts)
        if name in TESTS:
            found[name] = result["at_most"].values[0]
    number = consistency.number_test(forecast, observed[0])
    found["number"] = [number["at_least"].item(), number["at_most"].item()]
    return seconds, found


if __name__ == "__main__":
    main()
