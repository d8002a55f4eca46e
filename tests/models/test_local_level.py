"""Local levels: against a Kalman filter, by hand, and recovered from simulation."""

import numpy as np
import pytest

from hotspot.models.area_levels.local_level import (
    Deviations,
    likeliest_deviations,
    log_likelihood,
    outlook,
)
from tests.reference import local_level as reference

LAW = Deviations(step=0.05, noise=0.04, season=0.1)


def simulated(law, *, n, k, rng, known=0.0):
    season = law.season * rng.standard_normal((12, k))
    walk = 5 + np.cumsum(law.step * rng.standard_normal((n, k)), axis=0)
    noise = np.sqrt(law.noise**2 + known) * rng.standard_normal((n, k))
    return walk + season[np.arange(n) % 12] + noise


def test_the_likelihood_is_that_of_a_kalman_filter():
    series = simulated(LAW, n=30, k=2, rng=np.random.default_rng(1))
    known = np.array([0.001, 0.01])
    ours = log_likelihood(series, np.arange(30), known=known, deviations=LAW)
    theirs = 0.0
    for k in range(2):
        theirs += reference.filtered(
            series[:, k],
            np.arange(30) % 12,
            step=LAW.step,
            noise=LAW.noise,
            season=LAW.season,
            known=known[k],
        )[0]
    assert ours == pytest.approx(theirs, abs=2e-4)


def test_the_outlook_is_that_of_a_kalman_filter():
    series = simulated(LAW, n=40, k=1, rng=np.random.default_rng(2))
    ahead = np.arange(40, 44)
    ours = outlook(series, np.arange(40), ahead, known=np.array([0.002]), deviations=LAW)
    _, state, covariance = reference.filtered(
        series[:, 0],
        np.arange(40) % 12,
        step=LAW.step,
        noise=LAW.noise,
        season=LAW.season,
        known=0.002,
    )
    for lead, month in enumerate(ahead):
        row = np.zeros(13)
        row[0] = row[1 + month % 12] = 1.0
        variance = row @ covariance @ row + LAW.step**2 * (lead + 1) + LAW.noise**2
        assert ours.mean[lead, 0] == pytest.approx(row @ state, abs=1e-5)
        assert ours.variance[lead, 0] == pytest.approx(variance, rel=1e-4)


def test_without_noise_or_season_the_last_value_is_carried_on():
    walk = np.array([[1.0], [3.0], [2.5]])
    law = Deviations(step=0.3, noise=1e-9, season=1e-9)
    found = outlook(walk, np.arange(3), np.array([3, 5]), known=np.zeros(1), deviations=law)
    np.testing.assert_allclose(found.mean[:, 0], 2.5)
    np.testing.assert_allclose(found.covariance[0], 0.09 * np.array([[1, 1], [1, 3]]))


def test_without_steps_or_season_the_mean_is_carried_on():
    values = np.array([[1.0], [3.0], [5.0]])
    law = Deviations(step=1e-9, noise=0.2, season=1e-9)
    found = outlook(values, np.arange(3), np.array([3]), known=np.zeros(1), deviations=law)
    assert found.mean[0, 0] == pytest.approx(3.0)
    assert found.variance[0, 0] == pytest.approx(0.04 * (1 + 1 / 3))


def test_a_missing_month_adds_a_step_and_no_value():
    law = Deviations(step=0.3, noise=1e-9, season=1e-9)
    walk = np.array([[1.0], [2.0]])
    together = log_likelihood(walk, np.array([0, 1]), known=np.zeros(1), deviations=law)
    apart = log_likelihood(walk, np.array([0, 3]), known=np.zeros(1), deviations=law)
    normal = [-0.5 * (np.log(2 * np.pi * v) + 1 / v) for v in (0.09, 0.27)]
    assert together - apart == pytest.approx(normal[0] - normal[1])


def test_deviations_are_recovered_from_many_series():
    rng = np.random.default_rng(3)
    series = simulated(LAW, n=84, k=25, rng=rng, known=0.003)
    found = likeliest_deviations(series, np.arange(84), known=np.full(25, 0.003))
    assert found.step == pytest.approx(LAW.step, rel=0.1)
    assert found.noise == pytest.approx(LAW.noise, rel=0.25)
    assert found.season == pytest.approx(LAW.season, rel=0.15)


def test_a_season_that_is_not_there_is_shrunk_away():
    law = Deviations(step=0.03, noise=0.05, season=0.0)
    series = simulated(law, n=72, k=10, rng=np.random.default_rng(4))
    assert likeliest_deviations(series, np.arange(72), known=np.zeros(10)).season < 0.015
