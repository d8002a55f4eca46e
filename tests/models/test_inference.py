"""Profile likelihood and block bootstrap of the self-exciting model."""

import os

import numpy as np
import pandas as pd
import pytest

from hotspot import Grid, SelfExciting, block_bootstrap, profile_likelihood
from hotspot.errors import ParameterError, UnknownNameError
from hotspot.models.backgrounds.base import ConstantBackground
from hotspot.models.parts.displacement import GaussianDisplacement
from hotspot.models.parts.lag import ExponentialLag
from hotspot.models.self_exciting.inference import block_scores
from tests.models.self_exciting_cases import SQUARE, as_events, branching_process

GRID = Grid.over(SQUARE, cell_size=500.0)
CONSTANT = SelfExciting(background=ConstantBackground(), window="240 days")
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)


@pytest.fixture(scope="module")
def events():
    rows = branching_process(np.random.default_rng(21), background=1.5, days=260.0)
    return as_events(rows, days=260.0)


@pytest.fixture(scope="module")
def fitted(events):
    return CONSTANT.fit(events, GRID)


@pytest.mark.parametrize("end", ["low", "high"])
def test_at_a_profile_s_bound_the_likelihood_has_fallen_by_half_the_chi_squared_point(
    events, fitted, end
):
    """By a fit of its own that holds the displacement there; chi-squared's 90 % point is 2.706."""
    profile = profile_likelihood(fitted, "log displacement sd", level=0.9)
    held = SelfExciting(
        background=ConstantBackground(),
        window="240 days",
        displacement=GaussianDisplacement(float(getattr(profile, end))),
        hold=("displacement",),
    ).fit(events, GRID)
    assert fitted.log_likelihood - held.log_likelihood == pytest.approx(2.7055 / 2, abs=0.03)


def test_a_profile_is_highest_at_the_estimate_and_falls_to_both_sides(fitted):
    profile = profile_likelihood(fitted, "log lag rate")
    best = int(profile.table["log_likelihood"].argmax())
    assert profile.table["value"][best] == pytest.approx(fitted.estimate.parts.lag.rate)
    steps = np.diff(profile.table["log_likelihood"])
    assert (steps[:best] > 0).all()
    assert (steps[best:] < 0).all()
    assert profile.low < fitted.estimate.parts.lag.rate < profile.high


def test_a_profile_that_never_falls_far_enough_has_no_bound_there():
    """60 events tell little: the ratio may be anything down to its limit."""
    rows = branching_process(np.random.default_rng(2), background=0.5, days=110.0, theta=0.25)
    fitted = SelfExciting(
        background=ConstantBackground(),
        lag=ExponentialLag(0.15),
        displacement=GaussianDisplacement(150.0),
        hold=("lag", "displacement"),
    ).fit(as_events(rows, days=110.0), GRID)
    assert profile_likelihood(fitted, "log productivity", level=0.999999).low == 0.0


def test_a_profile_of_what_is_not_there_or_was_held_is_refused(events, fitted):
    with pytest.raises(UnknownNameError, match="There is no parameter 'theta'"):
        profile_likelihood(fitted, "theta")
    held = SelfExciting(background=ConstantBackground(), hold=("lag",)).fit(events, GRID)
    with pytest.raises(ParameterError, match="was held"):
        profile_likelihood(held, "log lag rate")


def test_scores_of_blocks_are_derivatives_of_the_blocks_own_likelihoods(fitted):
    """Each block's part of the log-likelihood by plain sums, at moved parameters."""
    day = pd.Timedelta(days=1)
    edges = [fitted.window_start + days * day for days in (0, 30, 100, 240)]
    edges[-1] = fitted.data_cutoff
    found = block_scores(fitted, edges)
    best, record = fitted.estimate.parts, fitted.record
    days = [(edge - fitted.window_start) / day for edge in edges]
    apart = np.hypot(record.x[:, None] - record.x, record.y[:, None] - record.y)[record.first :]
    passed = (record.t[:, None] - record.t)[record.first :]

    def by_block(parts):
        heard = np.where(passed > 0, parts.lag.value(np.maximum(passed, 0)), 0.0)
        sums = (heard * parts.displacement.value(apart)).sum(axis=1)
        intensity = parts.background_rate / SQUARE.area + parts.productivity * sums
        mass = parts.displacement.mass_inside(np.column_stack([record.x, record.y]), SQUARE)
        came = [parts.lag.integral(np.maximum(end - record.t, 0)) @ mass for end in days]
        t = record.t[record.first :]
        return [
            np.log(intensity[(t >= a) & (t < b)]).sum()
            - parts.background_rate * (b - a)
            - parts.productivity * (later - earlier)
            for a, b, earlier, later in zip(days, days[1:], came, came[1:], strict=False)
        ]

    for k, step in enumerate(1e-4 * np.eye(4)):
        up, down = (by_block(best.with_vector(best.vector + s * step)) for s in (1, -1))
        differences = (np.array(up) - down) / 2e-4
        np.testing.assert_allclose(found[:, k], differences, rtol=1e-3, atol=5e-3)


def test_draws_of_blocks_vary_as_the_sandwich_says(fitted):
    draws = block_bootstrap(fitted, rng=np.random.default_rng(3), block="20 days", size=20_000)
    day = pd.Timedelta(days=1)
    edges = [fitted.window_start + 20 * k * day for k in range(13)]
    scores = block_scores(fitted, edges)
    centred = scores - scores.mean(axis=0)
    bread = fitted.estimate.covariance
    sandwich = bread @ centred.T @ centred @ bread
    np.testing.assert_allclose(
        np.log(draws.iloc[:, :4]).cov(), sandwich, rtol=0.1, atol=0.03 * sandwich.max()
    )
    # The model is right: the sandwich is the inverse information, but for 12 blocks' chance.
    ratio = np.sqrt(np.diag(sandwich) / np.diag(bread))
    assert ((ratio > 0.4) & (ratio < 1.8)).all()


def test_too_few_blocks_are_refused(fitted):
    with pytest.raises(ParameterError, match="Only 2 blocks of 120 days"):
        block_bootstrap(fitted, rng=np.random.default_rng(1), block="120 days")
    with pytest.raises(ParameterError, match="size must be at least 1"):
        block_bootstrap(fitted, rng=np.random.default_rng(1), size=0)
