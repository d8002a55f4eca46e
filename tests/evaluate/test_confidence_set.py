"""The model confidence set: against a plain twin, and by what it promises."""

import numpy as np
import pytest
import xarray as xr

from hotspot import model_confidence_set
from hotspot.errors import ParameterError, TooFewEventsError
from tests.reference import confidence_set as reference


def scores_of(values, **names):
    values = np.asarray(values, float)
    labels = names.get("models", [f"m{i}" for i in range(len(values))])
    return xr.DataArray(values, {"model": labels}, ["model", "fold"])


def drawn(means, *, n=40, seed=1, scale=1.0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=n)
    return np.asarray(means)[:, None] + shared + scale * rng.normal(size=(len(means), n))


def chosen(values, seed=0, **options):
    options = {"larger_is_better": True, "block": 1, **options}
    return model_confidence_set(scores_of(values), rng=np.random.default_rng(seed), **options)


def test_p_values_agree_with_a_plain_twin_where_periods_are_independent():
    values = drawn([0.0, -0.1, -0.3, -0.6])
    found = chosen(values, size=4000)["p_value"].values
    expected = reference.p_values(-values.T, rng=np.random.default_rng(5))
    # Of 4000 draws each: standard errors of at most .008, and two of them.
    np.testing.assert_allclose(found, expected, atol=0.035)
    assert 0.01 < np.sort(expected)[1] < 0.99


def test_the_direction_of_the_score_matters():
    values = drawn([0.0, -3.0], n=24)
    assert chosen(values)["included"].values.tolist() == [True, False]
    assert chosen(values, larger_is_better=False)["included"].values.tolist() == [False, True]


def test_the_set_holds_the_best_model_about_as_often_as_it_says():
    """At 90 % in each of 60 series: fewer than 47 would be 3 standard errors below 54."""
    held = sum(
        bool(chosen(drawn([0.1, 0.0, 0.0], seed=seed), size=300)["included"][0])
        for seed in range(60)
    )
    assert held >= 47


def test_models_with_the_same_scores_share_a_p_value():
    values = drawn([0.0, -5.0])
    found = chosen(np.stack([values[0], values[1], values[0]]))
    assert found["p_value"].values[0] == found["p_value"].values[2] == 1
    assert not found["included"][1]
    assert chosen(values[[0, 0]])["included"].values.tolist() == [True, True]


def test_the_same_seed_gives_the_same_set_and_no_other_chance_is_used():
    values = drawn([0.0, -0.1, -0.2])
    first, again = (chosen(values, seed=4, block="optimal", size=200) for _ in range(2))
    assert first.identical(again)
    other = chosen(values, seed=5, block="optimal", size=200)
    assert not first["p_value"].identical(other["p_value"])


def test_periods_in_which_a_model_has_no_score_are_left_out():
    values = drawn([0.0, -0.4])
    gaps = np.insert(values, 7, [0.0, np.nan], axis=1)
    found = chosen(gaps)
    assert found.attrs["n_periods"] == 40
    assert found["p_value"].equals(chosen(values)["p_value"])


def test_what_leaves_nothing_to_test_is_refused():
    values = drawn([0.0, -0.4])
    with pytest.raises(ParameterError, match=r"differ by 0\.5 in each period"):
        chosen(np.stack([values[0], values[0] - 0.5]))
    with pytest.raises(ParameterError, match="a forecast gave an event no chance"):
        chosen(np.where(values > values.max() - 1e-9, -np.inf, values))
    with pytest.raises(ParameterError, match="one score of at least two models"):
        chosen(values[:1])
    with pytest.raises(ParameterError, match="one score of at least two models"):
        model_confidence_set(
            scores_of(values).expand_dims(step=2),
            larger_is_better=True,
            rng=np.random.default_rng(0),
        )
    with pytest.raises(TooFewEventsError, match="4 periods with all scores make fewer than two"):
        chosen(values[:, :4], block=3)
    with pytest.raises(ParameterError, match=r"rng must be a numpy\.random\.Generator, got int"):
        model_confidence_set(scores_of(values), larger_is_better=True, rng=1)
