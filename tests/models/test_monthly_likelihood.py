"""The likelihood of monthly counts and its weights, against differences and full matrices."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from hotspot import FreeLags, GeometricLags, PoissonLags
from hotspot.errors import ParameterError
from hotspot.models.endemic_epidemic.counts_likelihood import CountLikelihood, PastCounts, Term
from hotspot.models.endemic_epidemic.exposure import Exposure
from hotspot.models.endemic_epidemic.long_run import long_run
from hotspot.models.endemic_epidemic.month_lags import HeldLags
from hotspot.models.endemic_epidemic.neighbours import (
    DecayingWeights,
    GridSpread,
    HeldDecay,
    OwnUnit,
    PowerLawDecay,
)
from hotspot.models.parts.shapes import GaussianShape, PowerLawShape

SHAPE, MONTHS = (4, 5), 30
CELLS = np.flatnonzero(np.arange(20) != 7)  # one cell lies outside the region
N = CELLS.size


def spread(decay, exposure=None, reach=3):
    exposure = np.ones((1, N)) if exposure is None else exposure
    return GridSpread(SHAPE, CELLS, 250.0, decay, reach, exposure, np.zeros(MONTHS, np.int64))


def likelihood(decay=None, lags=None, *, groups=1, repeats=False):
    rng = np.random.default_rng(5)
    counts = rng.poisson(rng.gamma(2, 1, N) * 0.7, (MONTHS, N)).astype(float)
    monthly = rng.integers(1, 5, N) * np.ones((MONTHS + 1, 1), np.float32)
    yearly = monthly[-1:].astype(float)
    exposure = Exposure("map points", monthly, yearly, np.zeros(MONTHS, np.int64))
    rates = long_run(
        counts,
        np.ones(MONTHS, bool),
        exposure,
        spread(GaussianShape(300.0)),
        half_lives=(6.0, 24.0),
        begin=0,
    )
    rows = np.arange(10, MONTHS)
    lags = GeometricLags(3, 0.4) if lags is None else lags
    at = rows[:, None] - np.array(lags.months)
    place = spread(GaussianShape(400.0) if decay is None else decay, exposure=yearly)
    wave = np.sin(np.pi * rows / 6)[:, None]
    terms = (
        Term("endemic", (np.ones((1, 1)), wave), ("intercept", "sin"), rates.rows(rows)),
        Term("own", (np.ones((1, 1)),), ("intercept",), PastCounts(counts, at, OwnUnit(), lags)),
        Term("near", (np.ones((1, 1)),), ("intercept",), PastCounts(counts, at, place, lags)),
    )
    explained = counts[rows].copy()
    explained[3, 2] = np.nan
    return CountLikelihood(explained, terms, np.arange(N) % groups, repeats)


def a_point(chosen):
    theta = [-0.5, 0.2, 0.1, 0.3, -2.0, *chosen.terms[1].drive.vector, -1.5]
    law = [-0.6, -0.9][: chosen.law.size - chosen.repeats] + [-1.4] * chosen.repeats
    return np.array([*theta, *chosen.terms[2].drive.vector, *law])


CASES = [
    (GaussianShape(400.0), GeometricLags(3, 0.4)),
    (PowerLawShape(300.0, 3.0), PoissonLags(3, 0.7)),
    (PowerLawDecay(1.5), FreeLags((1, 2, 6), (0.5, 0.3, 0.2))),
]


LAWS = [(1, False), (1, True), (2, True)]


@pytest.mark.parametrize(("decay", "lags"), CASES)
def test_the_score_is_the_slope_of_the_log_likelihood(decay, lags):
    chosen = likelihood(decay, lags)
    theta = a_point(chosen)
    steps = 1e-5 * np.eye(theta.size)
    slopes = [
        (chosen.log_likelihood(theta + e) - chosen.log_likelihood(theta - e)) / 2e-5 for e in steps
    ]
    np.testing.assert_allclose(chosen.score(theta), slopes, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("groups", "repeats"), LAWS[1:])
def test_the_score_is_the_slope_with_repeats_too(groups, repeats):
    chosen = likelihood(groups=groups, repeats=repeats)
    theta = a_point(chosen)
    assert len(chosen.names) == theta.size
    steps = 1e-5 * np.eye(theta.size)
    slopes = [
        (chosen.log_likelihood(theta + e) - chosen.log_likelihood(theta - e)) / 2e-5 for e in steps
    ]
    np.testing.assert_allclose(chosen.score(theta), slopes, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("groups", "repeats"), LAWS)
def test_the_observed_information_is_the_curvature(groups, repeats):
    chosen = likelihood(groups=groups, repeats=repeats)
    theta = a_point(chosen)
    steps = 1e-5 * np.eye(theta.size)
    curvature = -np.array(
        [(chosen.score(theta + e) - chosen.score(theta - e)) / 2e-5 for e in steps]
    )
    information = chosen.observed_information(theta)
    np.testing.assert_allclose(information, curvature, rtol=1e-4, atol=1e-4 * information.max())


@pytest.mark.compiled
@pytest.mark.parametrize("repeats", [False, True])
def test_the_expected_information_is_the_mean_product_of_scores(repeats):
    """Each count is drawn anew from the law itself; 1,000 records."""
    chosen = likelihood(repeats=repeats)
    theta, rng = a_point(chosen), np.random.default_rng(3)
    mean = chosen.mean(theta)
    excess = np.exp(theta[-1]) + np.exp(theta[-2]) * mean if repeats else np.exp(theta[-1]) * mean
    products, told = 0.0, 0.0
    for _ in range(1000):
        counts = rng.poisson(rng.standard_gamma(mean / excess) * excess).astype(float)
        again = CountLikelihood(counts, chosen.terms, chosen.group, repeats)
        score = again.score(theta)
        products = products + np.outer(score, score) / 1000
        told = told + again.expected_information(theta) / 1000
    size = np.sqrt(np.diag(told))
    # A product of two normal scores has a standard deviation of 1.4 at most.
    off = (products - told) / np.outer(size, size)
    assert np.abs(off).max() < 4 * 1.4 / np.sqrt(1000)


def test_a_gap_adds_nothing():
    chosen = likelihood()
    theta = a_point(chosen)
    other = CountLikelihood(chosen.counts.copy(), chosen.terms, chosen.group)
    other.counts[3, 2] = 4.0
    assert chosen.log_likelihood(theta) > other.log_likelihood(theta)
    assert np.isfinite(chosen.score(theta)).all()


def test_weights_on_a_grid_share_each_offence_out_by_distance_and_exposure():
    """Against the full matrix, by the formula of the docstring."""
    rng = np.random.default_rng(6)
    exposure, counts = rng.gamma(2, 1, (1, N)), rng.poisson(1.0, (MONTHS, N)).astype(float)
    row, column = np.divmod(CELLS, SHAPE[1])
    distance = 250.0 * np.hypot(row[:, None] - row, column[:, None] - column)
    kernel = np.exp(-0.5 * (distance / 400.0) ** 2) * (distance > 0) * (distance <= 750.0)
    weights = kernel * exposure
    weights /= weights.sum(axis=1, keepdims=True)
    ours = spread(GaussianShape(400.0), exposure).of(counts, np.log([400.0]))
    np.testing.assert_allclose(ours, counts @ weights, rtol=1e-12)
    np.testing.assert_allclose(ours.sum(axis=1), counts.sum(axis=1), rtol=1e-12)
    squared = spread(GaussianShape(400.0), exposure).of_squared(counts, np.log([400.0]))
    np.testing.assert_allclose(squared, counts @ weights**2, rtol=1e-12)


def test_normalised_weights_of_areas_sum_to_one():
    orders = csr_array(np.array([[0, 1, 2], [1, 0, 1], [2, 1, 0]], float))
    weights = DecayingWeights(orders, PowerLawDecay(2.0)).weights(np.log([2.0])).toarray()
    np.testing.assert_allclose(weights, [[0, 0.8, 0.2], [0.5, 0, 0.5], [0.2, 0.8, 0]])


@pytest.mark.parametrize(
    "lags", [FreeLags((1, 3), (0.7, 0.3)), GeometricLags(4, 0.6), PoissonLags(4, 1.3)]
)
def test_shares_of_lags_sum_to_one_and_slope_as_they_say(lags):
    assert lags.shares().sum() == pytest.approx(1.0)
    for k, slope in enumerate(lags.share_slopes()):
        step = 1e-6 * (np.arange(len(lags.names)) == k)
        high, low = (lags.with_vector(lags.vector + sign * step).shares() for sign in (1, -1))
        np.testing.assert_allclose(slope, (high - low) / 2e-6, rtol=1e-6, atol=1e-9)


def test_what_is_held_stays_as_it_was():
    held = HeldLags(GeometricLags(3, 0.4))
    np.testing.assert_array_equal(held.with_vector(np.empty(0)).shares(), held.lags.shares())
    decay = HeldDecay(GaussianShape(300.0))
    assert decay.with_vector(np.empty(0)).value(300.0) == pytest.approx(np.exp(-0.5))
    assert held.share_slopes().shape == (0, 3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FreeLags((2, 1)), "ascending"),
        (lambda: FreeLags((0, 1)), "from 1"),
        (lambda: FreeLags((1, 2), (1.0, 0.0)), "positive number for each"),
        (lambda: GeometricLags(1), "from 2"),
        (lambda: GeometricLags(3, 1.0), r"in \(0, 1\)"),
        (lambda: PoissonLags(3, 0.0), "positive"),
    ],
)
def test_lags_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ParameterError, match=words):
        make()


def test_long_run_rates_are_those_of_the_formula():
    """One cell by hand: S = 3 x 0.5 + 1, W = 1.5 with a half-life of a month, no neighbours."""
    counts = np.array([[3.0], [1.0]])
    exposure = Exposure("area", np.full((3, 1), 2.0), np.full((1, 1), 2.0), np.zeros(2, np.int64))
    alone = GridSpread(
        (1, 1), np.array([0]), 1.0, GaussianShape(1.0), 1, exposure.yearly, np.empty(0)
    )
    rates = long_run(counts, np.ones(2, bool), exposure, alone, half_lives=(1.0,), begin=0).rows(
        np.array([2])
    )
    rho = (2.5 / 2.0) / 1.5  # nothing near by, so the whole region's rate for each exposure
    strength = 0.7
    expected = (2.5 + strength * 2.0) / (1.5 + strength / rho)
    assert rates.value(np.log([strength]))[0, 0] == pytest.approx(expected, rel=1e-6)
