"""The endemic-epidemic model beside R's surveillance::twinstim: numbers and time, in one run.

Run ``python benchmarks/twinstim.py`` with the development data beside the project. Where R and
its package surveillance are installed, the same fits are timed there on the same machine.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))  # hence E402: imports from tests/

from hotspot.errors import ConvergenceError  # noqa: E402
from hotspot.models.endemic_epidemic.points import EndemicEpidemicPoints  # noqa: E402
from tests.models import twinstim_data  # noqa: E402
from tests.models.test_twinstim import ENDEMIC, REFERENCE, model  # noqa: E402

PUBLISHED = {"endemic_only": -9579.063892, "gaussian": -9474.748169}
# Where R begins; its intercepts are -20.5 and -12.5 throughout.
IN_R = {
    "gaussian": ("siaf.gaussian()", "e.siaf.1 = 3"),
    "exponential": ("siaf.exponential()", "e.siaf.1 = 2.5"),
    "power_law": ("siaf.powerlaw()", "e.siaf.1 = 1.5, e.siaf.2 = 0.9"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-r", action="store_true", help="do not time R")
    options = parser.parse_args()
    beside = PROJECT.parent / "shared" / "data"
    folder = Path(os.environ.get("HOTSPOT_REAL_DATA", beside))
    if not folder.is_dir():
        raise SystemExit("The development data are not beside the project.")
    data = {
        "events": twinstim_data.events(folder),
        "tiles": twinstim_data.tiles(folder),
        "region": twinstim_data.region(folder),
    }
    model("gaussian").fit(**data)  # compiles
    show_endemic(data)
    seconds = {name: show(name, data) for name in REFERENCE["models"]}
    if not options.no_r and shutil.which("Rscript"):
        time_r(seconds)


def show_endemic(data: dict) -> None:
    start = time.perf_counter()
    fit = EndemicEpidemicPoints(ENDEMIC, type_column="type").fit(**data)
    print(f"endemic only: {time.perf_counter() - start:.2f} s")
    print(f"  log-likelihood {fit.log_likelihood:.6f}   published {PUBLISHED['endemic_only']:.6f}")
    compare(fit, REFERENCE["endemic_only"])


def show(name: str, data: dict) -> float:
    """Seconds of a fit with discs as discs; and the numbers of one with R's polygons for discs."""
    start = time.perf_counter()
    try:
        found = f"{model(name).fit(**data).log_likelihood:.6f}"
    except ConvergenceError as refusal:
        found = f"refused: {refusal}"
    seconds = time.perf_counter() - start
    fit = model(name, disc_sides=16).fit(**data)
    reference = REFERENCE["models"][name]
    print(f"\n{name}: {seconds:.2f} s")
    print(f"  log-likelihood, discs           {found}")
    print(f"  log-likelihood, 16-sided discs  {fit.log_likelihood:.6f}")
    print(f"  surveillance                    {reference['log_likelihood']:.6f}")
    at_theirs = fit.likelihood.log_likelihood(reference["estimates"])
    print(f"  ours at its estimates           {at_theirs:.6f}")
    if name in PUBLISHED:
        print(f"  published, stopped early        {PUBLISHED[name]:.6f}")
    compare(fit, reference)
    return seconds


def compare(fit, reference: dict) -> None:
    print(f"  {'':<28} {'ours':>11} {'R':>11} {'s.e. ours':>10} {'s.e. R':>10}")
    rows = zip(
        fit.likelihood.names,
        fit.theta,
        reference["estimates"],
        fit.standard_errors,
        reference["standard_errors"],
        strict=True,
    )
    for name, *numbers in rows:
        print(f"  {name:<28} {numbers[0]:>11.5f} {numbers[1]:>11.5f}", end=" ")
        print(f"{numbers[2]:>10.5f} {numbers[3]:>10.5f}")


def time_r(ours: dict[str, float]) -> None:
    """The package's own defaults: it stops earlier than its reference numbers above."""
    script = [
        "suppressMessages(library(surveillance)); data(imdepi); seconds <- list()",
        "set.seed(321); untied <- untie(imdepi, amount = list(s = 1.172836322 / 2))",
        "endemic <- addSeason2formula(~ offset(log(popdensity)) + I(start / 365 - 3.5), "
        "period = 365, timevar = 'start')",
    ]
    for name, (shape, start) in IN_R.items():
        script.append(
            f"seconds${name} <- system.time(twinstim(endemic = endemic, "
            f"epidemic = ~ type + agegrp, data = untied, subset = !is.na(agegrp), siaf = {shape}, "
            "verbose = FALSE, "
            f"start = c(h.Intercept = -20.5, `e.(Intercept)` = -12.5, {start}), "
            "optim.args = list(control = list(trace = 0))))[['elapsed']]"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "time.R"
        script.append(
            f"cat(jsonlite::toJSON(seconds, auto_unbox = TRUE), file = '{folder}/s.json')"
        )
        path.write_text("\n".join(script))
        done = subprocess.run(["Rscript", str(path)], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"\nR was not timed: {done.stderr.strip()[-200:]}")
            return
        theirs = json.loads((Path(folder) / "s.json").read_text())
    print(f"\n{'fit':<14} {'hotspot':>9} {'surveillance':>13} {'ratio':>7}")
    for name, seconds in theirs.items():
        print(f"{name:<14} {ours[name]:>7.2f} s {seconds:>11.2f} s {seconds / ours[name]:>6.1f}x")
    ratios = [theirs[name] / ours[name] for name in theirs]
    print(f"geometric mean {np.exp(np.log(ratios).mean()):.1f}x")


if __name__ == "__main__":
    main()
