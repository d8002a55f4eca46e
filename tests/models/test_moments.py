"""Expected counts and simulated futures of a self-exciting model, of any parts and offences."""

import os

import numpy as np
import pytest
import shapely

from hotspot import Grid
from hotspot.errors import ExplosiveError
from hotspot.models.parts.displacement import (
    ExponentialDisplacement,
    GaussianDisplacement,
    PiecewiseConstantDisplacement,
    PowerLawDisplacement,
    StudentDisplacement,
)
from hotspot.models.parts.lag import ExponentialLag, PiecewiseConstantLag, PowerLawLag
from hotspot.models.self_exciting.families import excess_variance, summed_lags
from hotspot.models.self_exciting.futures import Stretches, future_counts
from hotspot.models.self_exciting.likelihood import Parts
from hotspot.models.self_exciting.moments import (
    Past,
    expected_by_step,
    shares_between,
    step_edges,
    twice_integrated,
)
from tests.reference.self_exciting_futures import simulate_future

compiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1",
    reason="thousands of futures take minutes uncompiled",
)
GRID = Grid.over(shapely.box(0, 0, 2000, 1900), cell_size=500.0)  # the last row is cut
NOBODY = Past(np.empty(0), np.empty((0, 2)), 0.0)
SPOT = GaussianDisplacement(sd=1.0)
LAGS = [
    ExponentialLag(rate=0.4),
    PowerLawLag(c=1.0, p=2.2),
    PiecewiseConstantLag((0, 2, 5, 12), (0.5, 0.1, 0.4)),
]
WORLDS = [
    (LAGS[0], GaussianDisplacement(200.0)),
    (LAGS[0], StudentDisplacement(200.0, 2.0)),
    (LAGS[1], ExponentialDisplacement(150.0)),
    (LAGS[1], PowerLawDisplacement(200.0, 3.5)),
    (LAGS[2], PiecewiseConstantDisplacement((0, 200, 700), (0.6, 0.4))),
]


def named(part):
    return type(part).__name__


def world_of(lag, displacement, *, offences, place_cell=0.0, shortest=0.25):
    """Parts, past and background of one or of two offences with marks."""
    rng = np.random.default_rng(5)
    n = 30
    ago = np.sort(rng.uniform(0, 6, n))[::-1]
    points = rng.uniform(100, 1800, (n, 2))
    if place_cell:
        points = (np.floor(points / place_cell) + 0.5) * place_cell
    even = GRID.inside_area / GRID.inside_area.sum()
    if offences == 1:
        past = Past(ago, points, shortest, place_cell)
        return Parts(1.2, 0.45, lag, displacement), past, even[None]
    kind, weight = rng.integers(0, 2, n), rng.choice([0.5, 1.0, 2.0], n)
    past = Past(ago, points, shortest, place_cell, weight, kind, weight, kind)
    theta = np.array([[0.2, 0.3], [0.05, 0.25]])
    corner = np.zeros(GRID.shape)
    corner[:2, :2] = 0.25
    return Parts(np.array([0.8, 0.6]), theta, lag, displacement), past, np.stack([even, corner])


def moments_of(parts, past, share, *, until):
    edges = step_edges(np.zeros(1), np.array([until]), parts.lag)
    rate = np.atleast_1d(parts.background_rate)[:, None, None, None]
    background = rate * np.diff(edges)[:, None, None] * share[:, None]
    by_step = expected_by_step(GRID, past, parts, edges, background)
    excess = excess_variance(GRID, parts, edges, by_step, past=past, periods=[(0.0, until)])
    return by_step.sum(axis=1), by_step.sum(axis=1) + excess[:, 0]


def futures_of(parts, past, share, *, until, size, seed=1, workers=1):
    stretches = Stretches(np.array([0.0, until]), np.full((len(share), 1), until), share[:, None])
    counts = future_counts(
        GRID,
        [(parts, past)] * size,
        stretches,
        periods=(np.zeros(1), np.array([until])),
        rng=np.random.default_rng(seed),
        workers=workers,
    )
    return counts[:, :, 0].reshape(size, len(share), *GRID.shape)


def test_a_step_by_hand():
    """Lags even over 10 days, a step of 1 day, one event 5 days ago, two expected anyway.

    Of what an event of the step triggers, 1/10 x 1/2 comes within it. N = 2 + .5 x .1 + .5 x .05 N.
    """
    background = np.zeros((1, *GRID.shape))
    background[0, 1, 1] = 2.0
    past = Past(np.array([5.0]), np.array([[750.0, 750.0]]), 0.0)
    parts = Parts(1.0, 0.5, PiecewiseConstantLag((0, 10), (1,)), SPOT)
    found = expected_by_step(GRID, past, parts, np.array([0.0, 1.0]), background)
    assert found.sum() == pytest.approx(2.05 / 0.975, rel=1e-6)
    assert found[0, 1, 1] == pytest.approx(2.05 / 0.975, rel=0.01)  # 1 m leaves over the sides


def test_two_offences_by_hand():
    """The same with N = B + D + .05 theta' N, rows of theta being what triggers."""
    theta = np.array([[0.2, 0.6], [0.0, 0.4]])
    background = np.zeros((2, 1, *GRID.shape))
    background[:, 0, 1, 1] = [2.0, 1.0]
    past = Past(np.array([5.0]), np.array([[750.0, 750.0]]), 0.0, kind=np.array([0]))
    parts = Parts(np.ones(2), theta, PiecewiseConstantLag((0, 10), (1,)), SPOT)
    found = expected_by_step(GRID, past, parts, np.array([0.0, 1.0]), background)
    known = np.array([2.0, 1.0]) + 0.1 * theta[0]
    by_hand = np.linalg.solve(np.eye(2) - 0.05 * theta.T, known)
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), by_hand, rtol=1e-6)


def test_marks_weigh_recorded_events_and_their_mean_weighs_future_ones():
    """An event that counts three times, in a record whose factors are 3, 1 and 1/2 on average 1.5.

    N = 2 + 3 x .5 x .1 + 1.5 x .5 x .05 N.
    """
    background = np.zeros((1, *GRID.shape))
    background[0, 1, 1] = 2.0
    past = Past(
        np.array([5.0]), np.array([[750.0, 750.0]]), 0.0, weight=np.array([3.0]),
        pool=np.array([3.0, 1.0, 0.5]),
    )  # fmt: skip
    parts = Parts(1.0, 0.5, PiecewiseConstantLag((0, 10), (1,)), SPOT)
    found = expected_by_step(GRID, past, parts, np.array([0.0, 1.0]), background)
    assert found.sum() == pytest.approx(2.15 / (1 - 0.0375), rel=1e-6)


@pytest.mark.parametrize("lag", LAGS, ids=named)
def test_in_the_long_run_each_background_event_brings_its_whole_family(lag):
    parts = Parts(1.0, 0.4, lag, SPOT)
    edges = np.linspace(0, 120, 121)
    background = np.full((120, *GRID.shape), 0.1)
    found = expected_by_step(GRID, NOBODY, parts, edges, background)[-1, 1, 1]
    assert found == pytest.approx(0.1 / 0.6, rel=5e-3)


@pytest.mark.parametrize("lag", [ExponentialLag(5.0), PiecewiseConstantLag((0, 0.4), (1,))])
def test_whole_families_make_the_variance_that_of_a_branching_process(lag):
    """A family's size has mean 1 / (1 - m) and mean square 1 / (1 - m)^3 (Borel distribution)."""
    parts, until = Parts(1.0, 0.4, lag, GaussianDisplacement(sd=0.01)), 60.0
    edges = np.linspace(0, until, 401)
    background = np.full((400, *GRID.shape), 0.01)
    by_step = expected_by_step(GRID, NOBODY, parts, edges, background)
    excess = excess_variance(GRID, parts, edges, by_step, past=NOBODY, periods=[(0.0, until)])
    mean = by_step.sum(axis=0)[1, 1]
    assert (mean + excess[0, 1, 1]) / mean == pytest.approx(1 / 0.6**2, rel=0.02)


@pytest.mark.parametrize("lag", LAGS, ids=named)
@pytest.mark.parametrize("shortest", [0.0, 0.7])
def test_shares_between_steps_are_the_mean_over_starts(lag, shortest):
    edges = np.array([0.0, 0.5, 2.0, 2.25, 9.0])
    found = shares_between(lag, edges, shortest)
    for i in range(4):
        starts = edges[i] + (np.arange(20_000) + 0.5) / 20_000 * (edges[i + 1] - edges[i])
        for j in range(4):
            low, high = (lag.integral(edge - starts - shortest) for edge in edges[j : j + 2])
            exact = (high - low).mean() if j >= i else 0.0
            assert found[i, j] == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("lag", LAGS, ids=named)
def test_the_double_integral_of_a_lag_is_that_of_a_fine_sum(lag):
    t = np.linspace(0, 20, 200_001)
    sums = np.concatenate([[0.0], np.cumsum(lag.integral(t[:-1] + 5e-5) * 1e-4)])
    asked = np.array([0.0, 0.003, 1.0, 4.9, 20.0])
    np.testing.assert_allclose(twice_integrated(lag, asked), np.interp(asked, t, sums), atol=1e-6)


@pytest.mark.parametrize("lag", LAGS, ids=named)
def test_sums_of_lags_come_as_often_as_samples_do(lag):
    rng = np.random.default_rng(3)
    instants, shares = summed_lags(lag, 5, 28.0)
    total = np.zeros(40_000)
    for k in range(5):
        total += lag.sample(total.size, rng=rng)
        for until in (2.0, 7.0, 28.0):
            share = np.interp(until, instants, shares[k])
            error = np.sqrt(max(share * (1 - share), 1e-4) / total.size)
            assert abs((total < until).mean() - share) < 4 * error


def test_expected_counts_are_the_mean_of_plain_simulations():
    """The plain twin follows every event alone; 300 of its futures, marks and two offences."""
    parts, past, share = world_of(*WORLDS[2], offences=2)
    until, size = 4.0, 300
    mean, variance = moments_of(parts, past, share, until=until)
    rng = np.random.default_rng(2)
    counts = np.zeros((size, *mean.shape))
    background = np.asarray(parts.background_rate)[:, None, None] * until * share
    for one in counts:
        for _, kind, cell in simulate_future(GRID, past, parts, background, until=until, rng=rng):
            one[kind].ravel()[cell] += 1
    z = (counts.mean(axis=0) - mean) / np.sqrt(variance / size)
    assert np.abs(z).max() < 4
    assert 0.7 < z.std() < 1.35


@compiled
@pytest.mark.parametrize("offences", [1, 2])
@pytest.mark.parametrize(
    "parts", WORLDS, ids=lambda parts: " and ".join(type(part).__name__ for part in parts)
)
def test_expected_counts_and_variances_are_those_of_futures(parts, offences):
    parts, past, share = world_of(*parts, offences=offences)
    until, size = 7.0, 4000
    mean, variance = moments_of(parts, past, share, until=until)
    counts = futures_of(parts, past, share, until=until, size=size)
    z = (counts.mean(axis=0) - mean) / np.sqrt(variance / size)
    assert np.abs(z).max() < 4.2
    total = counts.sum(axis=(1, 2, 3))
    assert total.mean() == pytest.approx(mean.sum(), abs=4 * total.std() / np.sqrt(size))
    assert counts.var(axis=0).sum() == pytest.approx(variance.sum(), rel=0.05)


@compiled
def test_events_known_to_squares_have_offspring_from_anywhere_in_them():
    parts, past, share = world_of(*WORLDS[1], offences=1, place_cell=1000.0)
    mean, variance = moments_of(parts, past, share, until=7.0)
    counts = futures_of(parts, past, share, until=7.0, size=4000)
    assert np.abs((counts.mean(axis=0) - mean) / np.sqrt(variance / 4000)).max() < 4


@pytest.mark.parametrize("offences", [1, 2])
def test_futures_are_the_same_bytes_for_any_number_of_workers(offences):
    parts, past, share = world_of(*WORLDS[1], offences=offences)
    runs = [
        futures_of(parts, past, share, until=3.0, size=40, workers=workers).tobytes()
        for workers in (1, 2, 8)
    ]
    assert runs[0] == runs[1] == runs[2]


def test_a_background_that_moves_brings_events_where_and_when_it_is():
    parts = Parts(1.0, 1e-6, LAGS[0], SPOT)
    share = np.zeros((1, 2, *GRID.shape))
    share[0, 0, 0, 0] = share[0, 1, 2, 3] = 1.0
    stretches = Stretches(np.array([0.0, 1.0, 3.0]), np.array([[30.0, 0.0]]), share)
    periods = np.array([0.0, 1.0]), np.array([1.0, 3.0])
    rng = np.random.default_rng(1)
    counts = future_counts(GRID, [(parts, NOBODY)] * 20, stretches, periods=periods, rng=rng)
    assert counts[:, 0, 0, 0].mean() == pytest.approx(30, abs=4 * np.sqrt(30 / 20))
    assert counts.sum() == counts[:, 0, 0, 0].sum()


def test_futures_without_end_are_refused_before_they_begin():
    theta = np.array([[0.1, 1.2], [1.0, 0.1]])  # no single number is over 1.2, the radius is 1.195
    parts = Parts(np.ones(2), theta, *WORLDS[0])
    share = np.full((2, *GRID.shape), 1 / 16)
    with pytest.raises(ExplosiveError, match=r"outnumber the last by 1\.20"):
        futures_of(parts, NOBODY, share, until=1.0, size=2)


def test_a_record_whose_marks_are_productive_may_be_without_end():
    past = Past(np.empty(0), np.empty((0, 2)), 0.0, pool=np.array([1.0, 3.0]))
    parts = Parts(1.0, 0.6, *WORLDS[0])
    with pytest.raises(ExplosiveError, match=r"outnumber the last by 1\.20"):
        futures_of(parts, past, np.full((1, *GRID.shape), 1 / 16), until=1.0, size=2)
