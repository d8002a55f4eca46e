"""Do the monthly model's intervals hold the truth as often as they say?

    python benchmarks/monthly_recovery.py [--runs 300]

Simulates records of 256 cells and 108 months from the model itself (own and near echoes, season,
long-run rates that learn, negative binomial counts), fits each, and counts how often the 90 %
interval of each parameter holds the value that the record was made with.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hotspot import EndemicEpidemic, GeometricLags
from hotspot.errors import ConvergenceError, DataQualityWarning
from hotspot.models.parts.shapes import GaussianShape
from tests.models.monthly_cases import LAGS, PSI, TRUE, record_of, simulated_counts

LEVEL_90 = 1.6448536269514722
TRUTH = {
    "endemic intercept": np.log(1 - TRUE["own"] - TRUE["near"]),
    "endemic sin 1/year": TRUE["season"],
    "endemic cos 1/year": 0.0,
    "endemic log strength of prior": np.log(TRUE["strength"]),
    "own intercept": np.log(TRUE["own"]),
    "own logit ratio": LAGS.vector[0],
    "near intercept": np.log(TRUE["near"]),
    "near log sd": np.log(TRUE["sd"]),
    "near logit ratio": LAGS.vector[0],
    "log overdispersion": np.log(PSI),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=300)
    options.add_argument("--side", type=int, default=16, help="cells along an edge")
    options.add_argument("--months", type=int, default=108)
    options.add_argument("--rate", type=float, default=1.5, help="offences a cell and month")
    chosen = options.parse_args()
    warnings.simplefilter("ignore", DataQualityWarning)
    model = EndemicEpidemic(
        half_life=TRUE["half_life"],
        own_lags=GeometricLags(2, 0.3),
        near_lags=GeometricLags(2, 0.3),
        decay=GaussianShape(350.0),
        repeats=False,  # the records are made without
        window=None,
    )
    start, inside, told, failed = time.perf_counter(), [], {}, 0
    for rng in np.random.default_rng(20240229).spawn(chosen.runs):
        counts = simulated_counts(rng, side=chosen.side, months=chosen.months, rate=chosen.rate)
        events, grid = record_of(counts, side=chosen.side)
        try:
            fitted = model.fit(events, grid)
        except ConvergenceError:
            failed += 1
            continue
        errors = (fitted.estimates - np.array([TRUTH[n] for n in fitted.parameter_names])).abs()
        inside.append((errors <= LEVEL_90 * fitted.standard_errors).to_dict())
        for finding in fitted.findings:
            told[finding.split(":")[0][:50]] = told.get(finding.split(":")[0][:50], 0) + 1
    print(f"{chosen.runs} runs in {time.perf_counter() - start:.0f} s; {failed} did not converge")
    for finding, number in told.items():
        print(f"  {number:>4} times: {finding}")
    print("90 % intervals that hold the truth")
    total = []
    for name in TRUTH:
        known = [run[name] for run in inside if name in run]
        total += known
        print(f"  {name:<32} {np.mean(known):.3f} of {len(known)}")
    print(f"  {'all':<32} {np.mean(total):.3f} of {len(total)}")


if __name__ == "__main__":
    main()
