"""Reference values of pyCSEP 0.8.0's consistency tests, through its public functions.

    python -m venv csep && csep/bin/pip install pycsep==0.8.0
    csep/bin/python tests/reference/pycsep/consistency_values.py

writes consistency_values.json beside this script: arrays that went in and what came out. Nothing
of hotspot is imported. Cells are those of a grid of longitudes and latitudes with one magnitude
bin, which none of the values depends on.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from csep.core import binomial_evaluations, catalog_evaluations, poisson_evaluations
from csep.core.catalogs import CSEPCatalog
from csep.core.forecasts import CatalogForecast, GriddedForecast
from csep.core.regions import CartesianGrid2D
from csep.models import Polygon

NY, NX, SIZE = 5, 6, 40
ORIGINS = [(float(x), float(y)) for y in range(NY) for x in range(NX)]
REGION = CartesianGrid2D(
    [Polygon([(x, y), (x, y + 1), (x + 1, y + 1), (x + 1, y)]) for x, y in ORIGINS],
    1.0,
    magnitudes=np.array([5.0]),
)


def gridded(rates):
    return GriddedForecast(
        data=np.asarray(rates, float)[:, None],
        region=REGION,
        magnitudes=REGION.magnitudes,
        name="forecast",
    )


def catalogue(counts):
    cells = np.repeat(np.arange(len(counts)), np.asarray(counts, int))
    events = [
        (str(i), 1_000 * i, ORIGINS[c][1] + 0.5, ORIGINS[c][0] + 0.5, 10.0, 5.5)
        for i, c in enumerate(cells)
    ]
    return CSEPCatalog(data=events, region=REGION, name="observed")


def counts_of(random_numbers, rates):
    """The maps that pyCSEP simulates of these random numbers."""
    weights = np.cumsum(rates) / np.sum(rates)
    maps = [
        np.bincount(np.searchsorted(weights, row, side="right"), minlength=len(rates))
        for row in random_numbers
    ]
    return np.array(maps).tolist()


def poisson_case(rates, counts, rng, variance):
    forecast, observed = gridded(rates), catalogue(counts)
    assert np.array_equal(observed.spatial_counts(), counts)
    u = rng.random((SIZE, int(np.sum(counts))))
    case = {"rates": list(map(float, rates)), "counts": list(map(int, counts)),
            "variance": variance, "simulated_counts": counts_of(u, rates)}  # fmt: skip
    options = {"num_simulations": SIZE, "random_numbers": u}
    tests = {
        "number": poisson_evaluations.number_test(forecast, observed),
        "negative_binomial": binomial_evaluations.negative_binomial_number_test(
            forecast, observed, variance
        ),
        "conditional_likelihood": poisson_evaluations.conditional_likelihood_test(
            forecast, observed, **options
        ),
        "spatial": poisson_evaluations.spatial_test(forecast, observed, **options),
        "likelihood": poisson_evaluations.likelihood_test(
            forecast, observed, num_simulations=SIZE, seed=1
        ),
    }
    for name, found in tests.items():
        case[name] = {
            "statistic": float(found.observed_statistic),
            "quantile": np.atleast_1d(found.quantile).astype(float).tolist(),
        }
        if name in ("conditional_likelihood", "spatial"):
            case[name]["simulated"] = [float(value) for value in found.test_distribution]
    return case


def ties_of_a_flat_map(cells, events):
    """Simulated maps as likely as the observed one but for rounding, and how many are counted."""
    counts = np.zeros(cells, int)
    counts[: events - 1] = 1
    counts[0] = 2
    _, observed, simulated = poisson_evaluations._poisson_likelihood_test(
        np.full(cells, 0.37), counts, num_simulations=2000, seed=1, normalize_likelihood=True
    )
    simulated = np.array(simulated)
    tied = np.abs(simulated - observed) < 1e-8
    return {"tied": int(tied.sum()), "counted": int((simulated[tied] <= observed).sum())}


def members_case(members, counts):
    forecast = CatalogForecast(
        catalogs=[catalogue(one) for one in members],
        region=REGION,
        name="forecast",
        n_cat=len(members),
    )
    observed = catalogue(counts)
    case = {"members": np.asarray(members).tolist(), "counts": list(map(int, counts))}
    for name, test in (
        ("number", catalog_evaluations.number_test),
        ("spatial", catalog_evaluations.spatial_test),
        ("pseudo_likelihood", catalog_evaluations.pseudolikelihood_test),
    ):
        found = test(forecast, observed)
        case[name] = {
            "statistic": float(found.observed_statistic),
            "quantile": [float(q) for q in found.quantile],
            "simulated": [float(value) for value in found.test_distribution],
            "status": found.status,
        }
    return case


def main():
    warnings.simplefilter("ignore")  # the logarithm of 0, which is one of the cases
    rng = np.random.default_rng(20261124)
    cells = NY * NX
    rates = rng.gamma(0.7, 1.0, cells)
    drawn = rng.poisson(rates)
    poorly = rng.permutation(drawn)
    holes = np.where(rng.random(cells) < 0.3, 0.0, rates)
    beside = np.where(holes > 0, drawn, 0)
    within = beside.copy()
    within[np.flatnonzero(holes == 0)[0]] = 1
    flat = np.full(cells, 0.37)
    apart = (np.arange(cells) < 9).astype(int)
    few = rng.poisson(np.full(cells, 0.05), (SIZE, cells))
    few[3] = 0
    undersampled = np.zeros(cells, int)
    undersampled[np.flatnonzero(few.sum(axis=0) == 0)[0]] = 1
    undersampled[np.flatnonzero(few.sum(axis=0) > 0)[:2]] = 1
    values = {
        "poisson": {
            "drawn from the forecast": poisson_case(rates, drawn, rng, 90.0),
            "shuffled": poisson_case(rates, poorly, rng, 45.5),
            "zero rates, no event there": poisson_case(holes, beside, rng, 60.0),
            "zero rates, an event there": poisson_case(holes, within, rng, 60.0),
            "flat": poisson_case(flat, apart, rng, 30.0),
            "none observed": poisson_case(rates, np.zeros(cells, int), rng, 90.0),
        },
        "members": {
            "drawn from the forecast": members_case(rng.poisson(rates, (SIZE, cells)), drawn),
            "shuffled": members_case(rng.poisson(rates, (SIZE, cells)), poorly),
            "an empty future": members_case(few, few[0]),
            "an event where no future has one": members_case(few, undersampled),
        },
    }  # fmt: skip
    masked = binomial_evaluations.binary_joint_log_likelihood_ndarray
    values["binary"] = {
        "rates": [0.0, 0.5, 0.5],
        "event where nothing is expected": float(
            masked(np.array([0.0, 0.5, 0.5]), np.array([1, 0, 0]))
        ),
        "no event": float(masked(np.array([0.0, 0.5, 0.5]), np.array([0, 0, 0]))),
    }
    values["ties"] = ties_of_a_flat_map(2000, 40)
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(values) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
