"""The tests of consistency against values of pyCSEP 0.8.0, and where the two differ on purpose.

The values come from ``tests/reference/pycsep/consistency_values.py``; ``docs/against-pycsep.md``
says why they differ where they do.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hotspot.evaluate.consistency import (
    conditional_likelihood_test,
    likelihood_test,
    number_test,
    pseudo_likelihood_test,
    spatial_test,
)
from hotspot.evaluate.consistency._outcome import Outcome
from tests.evaluate.maps import forecast_of, on_grid
from tests.reference import consistency as reference

VALUES = json.loads(
    (Path(__file__).parents[1] / "reference/pycsep/consistency_values.json").read_text("utf-8")
)
POISSON, MEMBERS = VALUES["poisson"], VALUES["members"]
EXACT = {"rel": 1e-10, "abs": 1e-10}
# Where no event falls on a rate of 0, and some are observed, the two agree in everything.
SOUND = [name for name in POISSON if name not in ("none observed", "zero rates, an event there")]


def maps_of(case):
    return forecast_of(case["rates"]), on_grid(case["counts"])


def members_of(case):
    members = np.array(case["members"], float)[:, None, :]
    cells = on_grid(case["counts"])
    members = xr.DataArray(members, cells.coords, ["member", "y", "x"])
    return xr.Dataset({"simulated_count": members}), cells


@pytest.mark.parametrize("name", POISSON)
def test_the_number_tests_are_pycseps(name):
    case = POISSON[name]
    for key, options in (
        ("number", {}),
        (
            "negative_binomial",
            {"distribution": "negative_binomial", "variance": case["variance"]},
        ),
    ):
        found = number_test(*maps_of(case), **options)
        deltas = [found["at_least"].item(), found["at_most"].item()]
        assert deltas == pytest.approx(case[key]["quantile"], **EXACT)
        assert found["statistic"].item() == case[key]["statistic"]


@pytest.mark.parametrize("name", SOUND)
def test_observed_likelihoods_are_pycseps(name):
    case = POISSON[name]
    for key, test in (
        ("likelihood", likelihood_test),
        ("conditional_likelihood", conditional_likelihood_test),
        ("spatial", spatial_test),
    ):
        found = test(*maps_of(case), rng=np.random.default_rng(1), size=5)
        assert found["statistic"].item() == pytest.approx(case[key]["statistic"], **EXACT)


@pytest.mark.parametrize("name", SOUND)
def test_likelihoods_of_pycseps_simulated_maps_are_those_of_the_plain_version(name):
    case = POISSON[name]
    rates, n = np.array(case["rates"]), sum(case["counts"])
    for key, scaled in (
        ("conditional_likelihood", rates),
        ("spatial", rates * n / rates.sum()),
    ):
        found = [reference.log_likelihood(one, scaled) for one in case["simulated_counts"]]
        assert found == pytest.approx(case[key]["simulated"], **EXACT)


@pytest.mark.parametrize("name", SOUND)
def test_quantiles_of_pycseps_simulated_likelihoods_are_pycseps(name):
    case = POISSON[name]
    for key in ("conditional_likelihood", "spatial"):
        simulated = np.array(case[key]["simulated"])
        found = Outcome(1.0, 1.0).against(case[key]["statistic"], simulated)
        assert [found.at_most] == case[key]["quantile"]


@pytest.mark.parametrize("name", ["drawn from the forecast", "an empty future"])
def test_the_tests_of_simulated_futures_are_pycseps(name):
    case = MEMBERS[name]
    for key, found in (
        ("number", number_test(*members_of(case), distribution="members")),
        (
            "spatial",
            spatial_test(*members_of(case), rng=np.random.default_rng(1), distribution="members"),
        ),
        ("pseudo_likelihood", pseudo_likelihood_test(*members_of(case))),
    ):
        truth = case[key]
        assert found["statistic"].item() == pytest.approx(truth["statistic"], **EXACT)
        np.testing.assert_allclose(found["simulated"], truth["simulated"], rtol=1e-10)
        assert [found["at_least"].item(), found["at_most"].item()] == truth["quantile"]


@pytest.mark.parametrize("name", ["shuffled", "an event where no future has one"])
def test_an_event_where_no_future_has_one_is_kept_where_pycsep_takes_it_out(name):
    """pyCSEP drops the event and goes on; here it refutes, or a floor answers for it."""
    case = MEMBERS[name]
    assert case["spatial"]["status"] == case["pseudo_likelihood"]["status"] == "undersampled"
    assert np.isfinite(case["pseudo_likelihood"]["statistic"])
    found = pseudo_likelihood_test(*members_of(case))
    assert found["statistic"].item() == -np.inf
    floored = pseudo_likelihood_test(*members_of(case), floor=0.5 / 40)
    mean = np.maximum(np.mean(case["members"], axis=0), 0.5 / 40)
    truth = np.dot(case["counts"], np.log(mean)) - mean.sum()
    assert floored["statistic"].item() == pytest.approx(truth)
    assert floored["n_events"].item() == sum(case["counts"])


def test_an_event_on_a_rate_of_zero_refutes_in_both_but_only_here_with_a_p_value_above_zero():
    case = POISSON["zero rates, an event there"]
    found = spatial_test(*maps_of(case), rng=np.random.default_rng(1), size=40)
    assert found["statistic"].item() == case["spatial"]["statistic"] == -np.inf
    assert [found["at_most"].item()] == case["spatial"]["quantile"] == [0.0]
    assert found["p_value"].item() == 1 / 41


def test_pycseps_binary_likelihood_pays_for_an_event_on_a_rate_of_zero():
    """The reason why nothing is masked here: calling the place impossible earned a nat."""
    binary = VALUES["binary"]
    assert binary["event where nothing is expected"] == binary["no event"] + 1


def test_pycsep_tells_maps_apart_that_differ_by_rounding_alone():
    """The reason why equal statistics are counted as equal here."""
    ties = VALUES["ties"]
    assert ties["counted"] < ties["tied"]
    observed, below, above = -20.0, -20.0 - 1e-9, -20.0 + 1e-9
    found = Outcome(1.0, 1.0).against(observed, np.array([below, above, -30.0, -10.0]))
    assert (found.at_most, found.at_least) == (0.75, 0.75)


def test_no_event_is_no_evidence_here_and_a_pass_in_pycsep():
    case = POISSON["none observed"]
    assert case["spatial"]["quantile"] == [1.0]
    found = spatial_test(*maps_of(case), rng=np.random.default_rng(1), size=40)
    assert np.isnan(found["p_value"].item())
    assert found["status"].item() == "not tested: no event was observed"
