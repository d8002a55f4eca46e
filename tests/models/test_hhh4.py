"""Endemic-epidemic counts of areas against R's surveillance::hhh4, value by value."""

import json
import subprocess
from pathlib import Path
from shutil import which

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from hotspot import EndemicEpidemicAreas, LogLinear, calendar_table
from hotspot.models.endemic_epidemic.neighbours import DecayingWeights, KnownWeights, PowerLawDecay

R_FOLDER = Path(__file__).resolve().parents[1] / "reference" / "r"
REFERENCE = json.loads((R_FOLDER / "hhh4.json").read_text())
SEASON = ("trend", "sin 1", "cos 1")
RING = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
RING = np.minimum(RING, 6 - RING)


@pytest.fixture(scope="session")
def r_data(tmp_path_factory) -> Path:
    """The data sets of R's surveillance, which belong to it and are not kept here."""
    if which("Rscript") is None:
        pytest.skip("R is not installed, and the data sets are those of its package surveillance")
    folder = tmp_path_factory.mktemp("hhh4")
    script = [str(R_FOLDER / "hhh4.R"), str(R_FOLDER), str(folder)]
    done = subprocess.run(["Rscript", *script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("R has no package surveillance, whose data sets are needed")
    return folder


def first_order(orders: np.ndarray) -> KnownWeights:
    return KnownWeights(csr_array((orders == 1).astype(float)))


def power_law(orders: np.ndarray, longest: int) -> DecayingWeights:
    return DecayingWeights(
        csr_array(np.where(orders <= longest, orders, 0).astype(float)), PowerLawDecay(1.0)
    )


def simulated() -> pd.DataFrame:
    return pd.read_csv(R_FOLDER / "hhh4_counts.csv").astype(float)


def model(family: str, endemic: LogLinear) -> EndemicEpidemicAreas:
    return EndemicEpidemicAreas(endemic, own=LogLinear(), near=LogLinear(), overdispersion=family)


def assert_as_r_fits_it(fitted, name: str, order: list[str]) -> None:
    """Estimates and standard errors in R's order; of logarithms by the delta rule."""
    reference = REFERENCE[name]
    assert fitted.log_likelihood == pytest.approx(reference["log_likelihood"], abs=1e-4)
    estimates, errors = fitted.estimates[order], fitted.standard_errors[order]
    positive = np.array([name.split()[1] == "log" or name.startswith("log") for name in order])
    value = np.where(positive, np.exp(estimates), estimates)
    error = np.where(positive, value * errors, errors)
    # Four digits; R's climb itself stops up to 2e-5 standard errors short of the top.
    np.testing.assert_allclose(value, reference["estimates"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(error, reference["standard_errors"], rtol=1e-4)


ENDEMIC = ["endemic intercept", "endemic trend", "endemic sin 1", "endemic cos 1"]
ECHOES = ["own intercept", "near intercept"]


@pytest.mark.parametrize(
    ("name", "family", "weights", "shape"),
    [
        ("simulated_poisson_first", "none", first_order(RING), []),
        ("simulated_negbin_first", "shared", first_order(RING), ["log overdispersion"]),
        (
            "simulated_negbin_each",
            "by area",
            first_order(RING),
            [f"log overdispersion {k}" for k in range(6)],
        ),
        (
            "simulated_negbin_power",
            "shared",
            power_law(RING, 3),
            ["near log exponent", "log overdispersion"],
        ),
    ],
)
def test_simulated_counts_are_fitted_as_r_fits_them(name, family, weights, shape):
    counts = simulated()
    fitted = model(family, LogLinear(SEASON)).fit(
        counts, calendar_table(counts), neighbours=weights
    )
    assert_as_r_fits_it(fitted, name, ECHOES + ENDEMIC + shape)


@pytest.mark.parametrize(
    ("name", "family", "shape"),
    [
        ("measles_poisson_first", "none", []),
        ("measles_negbin_first", "shared", ["log overdispersion"]),
        ("measles_poisson_power", "none", ["near log exponent"]),
        ("measles_negbin_power", "shared", ["near log exponent", "log overdispersion"]),
    ],
)
def test_measles_in_weser_ems_is_fitted_as_r_fits_it(r_data, name, family, shape):
    counts = pd.read_csv(r_data / "measles_counts.csv").astype(float)
    orders = pd.read_csv(r_data / "measles_orders.csv").to_numpy()
    people = pd.read_csv(r_data / "measles_population.csv").iloc[0]
    table = calendar_table(counts, period=52, people=dict(zip(counts.columns, people, strict=True)))
    weights = power_law(orders, 5) if name.endswith("power") else first_order(orders)
    chosen = model(family, LogLinear(SEASON, exposure="people"))
    fitted = chosen.fit(counts, table, neighbours=weights)
    assert_as_r_fits_it(fitted, name, ECHOES + ENDEMIC + shape)


def test_influenza_and_meningococci_are_fitted_as_r_fits_them(r_data):
    """Each has a season, an overdispersion and an echo of its own; influenza feeds the other."""
    counts = pd.read_csv(r_data / "influenza_counts.csv").astype(float)
    table = calendar_table(counts, harmonics=3, period=52)
    flu = (table["area"] == "influenza").astype(float)
    for wave in ("sin", "cos"):
        table[f"other {wave} 1"] = table[f"{wave} 1"] * (1 - flu)
        for k in (1, 2, 3):
            table[f"{wave} {k}"] *= flu
    for name in ("influenza", "meningococcus"):
        table[name] = (table["area"] == name).astype(float)
    season = ("sin 1", "other sin 1", "cos 1", "other cos 1", "sin 2", "cos 2", "sin 3", "cos 3")
    chosen = EndemicEpidemicAreas(
        LogLinear(("meningococcus", *season)),
        own=LogLinear(("meningococcus",)),
        near=LogLinear(),
        overdispersion="by area",
    )
    weights = KnownWeights(csr_array(np.array([[0.0, 1.0], [0.0, 0.0]])))
    fitted = chosen.fit(counts, table, neighbours=weights)
    reference = REFERENCE["influenza_negbin"]
    assert fitted.log_likelihood == pytest.approx(reference["log_likelihood"], abs=1e-4)
    # R gives each disease an intercept of its own; here the second is a difference from the first.
    names = list(fitted.likelihood.names)
    ours = {
        "ar.1.influenza": {"own intercept": 1},
        "ar.1.meningococcus": {"own intercept": 1, "own meningococcus": 1},
        "ne.1": {"near intercept": 1},
        "end.1.influenza": {"endemic intercept": 1},
        "end.1.meningococcus": {"endemic intercept": 1, "endemic meningococcus": 1},
        **{
            theirs: {f"endemic {column}": 1}
            for theirs, column in zip(reference["names"][5:13], season, strict=True)
        },
    }
    combine = np.array([[ours[r].get(name, 0) for name in names] for r in reference["names"][:13]])
    psi = np.exp(fitted.theta[-2:])
    value = np.concatenate([combine @ fitted.theta, psi])
    error = np.sqrt(np.diag(combine @ fitted.covariance @ combine.T))
    error = np.concatenate([error, psi * fitted.standard_errors.iloc[-2:]])
    np.testing.assert_allclose(value, reference["estimates"], rtol=1e-4, atol=2e-5)
    np.testing.assert_allclose(error, reference["standard_errors"], rtol=1e-4)
