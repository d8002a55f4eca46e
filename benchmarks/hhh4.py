"""Counts of areas: hotspot against R's surveillance::hhh4 on the same data, value and time.

    python benchmarks/hhh4.py

Needs R with the package surveillance. Fits the counts of tests/reference/r/hhh4_counts.csv, and the
package's measlesWeserEms, with a power law over orders of neighbourhood; prints the largest
differences, and the time of each fit in one run (the start of R is not counted).
"""

import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from hotspot import EndemicEpidemicAreas, LogLinear, calendar_table
from hotspot.models.endemic_epidemic.neighbours import DecayingWeights, PowerLawDecay

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "reference" / "r"
SEASON = ("trend", "sin 1", "cos 1")
ORDER = [
    "own intercept",
    "near intercept",
    *(f"endemic {name}" for name in ("intercept", *SEASON)),
    "near log exponent",
    "log overdispersion",
]
SCRIPT = """
suppressMessages(library(surveillance))
data(measlesWeserEms); m <- measlesWeserEms
y <- as.matrix(read.csv("hhh4_counts.csv"))
ring <- outer(1:6, 1:6, function(i, j) pmin(abs(i - j), 6 - abs(i - j)))
dimnames(ring) <- list(colnames(y), colnames(y))
s <- sts(y, frequency = 12, neighbourhood = ring)
fit <- function(d, offset, maxlag, period) hhh4(d, list(
  ar = list(f = ~1), ne = list(f = ~1, weights = W_powerlaw(maxlag)),
  end = list(f = addSeason2formula(~1 + t, period = period), offset = offset), family = "NegBin1"))
for (k in 1:6) {
  one <- system.time(fit(m, population(m), 5, 52))[["elapsed"]]
  two <- system.time(fit(s, 1, 3, 12))[["elapsed"]]
  if (k > 1) cat(one, two, "\\n")
}
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["Rscript", str(FOLDER / "hhh4.R"), str(FOLDER), folder],
            check=True,
            capture_output=True,
        )
        cases = [measles(Path(folder)), simulated()]
    done = subprocess.run(
        ["Rscript", "-e", SCRIPT], cwd=FOLDER, check=True, capture_output=True, text=True
    )
    of_r = np.array([line.split() for line in done.stdout.splitlines()], float)
    reference = json.loads((FOLDER / "hhh4.json").read_text())
    model = EndemicEpidemicAreas(LogLinear(SEASON), LogLinear(), LogLinear())
    exposed = EndemicEpidemicAreas(LogLinear(SEASON, "people"), LogLinear(), LogLinear())
    for (name, counts, table, weights), times in zip(cases, of_r.T, strict=True):
        chosen = exposed if "people" in table else model
        spent = []
        for _ in range(6):
            start = time.perf_counter()
            fitted = chosen.fit(counts, table, neighbours=weights)
            spent.append(time.perf_counter() - start)
        ours = np.array([fitted.estimates[ORDER], fitted.standard_errors[ORDER]])
        ours[0, -2:] = np.exp(ours[0, -2:])
        ours[1, -2:] *= ours[0, -2:]
        theirs = reference[name]
        off = np.abs(ours - [theirs["estimates"], theirs["standard_errors"]])
        print(
            f"{name}: log-likelihood off by "
            f"{fitted.log_likelihood - theirs['log_likelihood']:.1e}, "
            f"estimates by {(off[0] / theirs['standard_errors']).max():.1e} standard errors, "
            f"standard errors by {(off[1] / theirs['standard_errors']).max():.1e} of themselves"
        )
        median, rival = np.median(spent[1:]), np.median(times)
        print(f"  R {rival:.3f} s, hotspot {median:.3f} s: {rival / median:.1f} times faster")


def measles(folder: Path):
    counts = pd.read_csv(folder / "measles_counts.csv").astype(float)
    orders = pd.read_csv(folder / "measles_orders.csv").to_numpy(float)
    people = pd.read_csv(folder / "measles_population.csv").iloc[0]
    of_areas = dict(zip(counts.columns, people, strict=True))
    table = calendar_table(counts, period=52, people=of_areas)
    weights = DecayingWeights(csr_array(np.where(orders <= 5, orders, 0.0)), PowerLawDecay(1.0))
    return "measles_negbin_power", counts, table, weights


def simulated():
    counts = pd.read_csv(FOLDER / "hhh4_counts.csv").astype(float)
    ring = np.abs(np.subtract.outer(np.arange(6.0), np.arange(6.0)))
    weights = DecayingWeights(csr_array(np.minimum(ring, 6 - ring)), PowerLawDecay(1.0))
    return "simulated_negbin_power", counts, calendar_table(counts), weights


if __name__ == "__main__":
    main()
