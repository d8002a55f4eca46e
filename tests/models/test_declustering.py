"""A background that follows the events, and a fit over it, come to agree."""

import os
from dataclasses import replace

import numpy as np
import pytest

from hotspot import ConstantBackground, Grid, KernelBackground, SelfExciting, StackedBackground
from hotspot.errors import ConvergenceError
from hotspot.models.backgrounds.base import LaidBackground
from hotspot.models.self_exciting import climb, declustering
from hotspot.models.self_exciting.climb import maximise
from hotspot.models.self_exciting.likelihood import Likelihood
from tests.models.self_exciting_cases import SQUARE, as_events, branching_process
from tests.models.test_background import window_of

GRID = Grid.over(SQUARE, cell_size=500.0)
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)


@pytest.fixture(scope="module")
def rows():
    """Triggering over a background that is denser in one corner."""
    rng = np.random.default_rng(22)
    found = branching_process(rng, background=4.0, days=200.0, theta=0.3, sd=60.0)
    kept = rng.random(len(found)) < 0.2 + 0.8 * np.exp(-found[:, 1:].sum(axis=1) / 1500)
    return found[kept]


@pytest.fixture(scope="module")
def fitted(rows):
    return SelfExciting(background=KernelBackground()).fit(as_events(rows, days=200.0), GRID)


def climbed_to_the_top_in_every_round(rows, fitted, *, rounds=12):
    """The plain way: a bandwidth chosen anew and a whole climb for each background."""
    model = SelfExciting(background=KernelBackground())
    record = fitted.record
    chance = np.full(record.n, 0.8)
    for _ in range(rounds):
        window = window_of(rows, days=200.0, grid=GRID)
        laid = model.background.lay(window, chance)
        likelihood = Likelihood(record, laid.at_events, record.end)
        starts, limits = model._starts(likelihood), model._limits(likelihood, window)
        found = maximise(likelihood, starts, limits)
        chance = likelihood.chance_background(found.parts)
    return found, laid


def test_the_fit_is_that_of_whole_climbs_in_every_round(rows, fitted):
    found, laid = climbed_to_the_top_in_every_round(rows, fitted)
    errors = np.sqrt(np.diag(found.covariance))
    apart = (fitted.estimate.parts.vector - found.parts.vector) / errors
    assert np.abs(apart).max() < 0.05
    np.testing.assert_allclose(fitted.estimate.covariance, found.covariance, rtol=0.02, atol=1e-6)
    assert laid.parameters == fitted.background.parameters


def test_the_background_is_the_one_that_the_estimate_implies(rows, fitted):
    """Laid once more, by the chances under the estimate, it hardly changes: the choice included."""
    chance = fitted.background_probability
    again = KernelBackground().lay(window_of(rows, days=200.0, grid=GRID), np.asarray(chance))
    assert again.parameters == fitted.background.parameters
    np.testing.assert_allclose(again.at_events, fitted.background.at_events, rtol=0.01)


def test_the_trace_holds_every_round(fitted):
    vectors = np.array([vector for vector, _ in fitted.estimate.trace])
    assert len(vectors) > 20
    assert np.abs(vectors[-6:] - fitted.estimate.parts.vector).max() < 0.02


def test_a_held_bandwidth_is_the_chosen_one(rows):
    window = window_of(rows, days=200.0, grid=GRID)
    laid = KernelBackground().lay(window, np.ones(len(rows)))
    held = KernelBackground().held(laid)
    assert held.bandwidth == laid.parameters["bandwidth_metres"]
    np.testing.assert_array_equal(held.lay(window, np.ones(len(rows))).at_events, laid.at_events)


def test_held_bandwidths_are_each_events_own(rows):
    """Under other chances they stay, where a new choice would move them."""
    window, background = window_of(rows, days=200.0, grid=GRID), KernelBackground("adaptive")
    laid = background.lay(window, np.ones(len(rows)))
    held = background.held(laid)
    np.testing.assert_allclose(
        held.lay(window, np.ones(len(rows))).at_events, laid.at_events, rtol=1e-12
    )
    other = np.where(rows[:, 1] < 1500, 0.2, 1.0)
    np.testing.assert_array_equal(held.lay(window, other).bandwidth, laid.bandwidth)
    assert not np.allclose(background.lay(window, other).bandwidth, laid.bandwidth)


def test_a_fit_over_kernels_of_their_own_width_settles(rows):
    """Laid once more, by the chances under the estimate, the background hardly changes."""
    background = KernelBackground("adaptive")
    fitted = SelfExciting(background=background).fit(as_events(rows, days=200.0), GRID)
    chance = np.asarray(fitted.background_probability)
    again = background.lay(window_of(rows, days=200.0, grid=GRID), chance)
    np.testing.assert_allclose(again.at_events, fitted.background.at_events, rtol=0.01)
    assert fitted.branching_ratio > 0.05


def test_the_search_for_a_bandwidth_ends_where_it_would_from_afar(rows):
    """From the choice for even weights, and from the rule of thumb."""
    chance = np.random.default_rng(1).uniform(0.1, 1, len(rows))
    warm = window_of(rows, days=200.0, grid=GRID)
    KernelBackground().lay(warm, np.full(len(rows), 0.8))
    cold = window_of(rows, days=200.0, grid=GRID)
    one, other = (KernelBackground().lay(window, chance) for window in (warm, cold))
    assert one.parameters == other.parameters
    np.testing.assert_array_equal(one.at_events, other.at_events)


def test_a_stack_is_declustered_too(rows):
    parts = (ConstantBackground(), replace(ConstantBackground()))
    fitted = SelfExciting(background=StackedBackground(parts)).fit(
        as_events(rows, days=200.0), GRID
    )
    plain = SelfExciting(background=ConstantBackground()).fit(as_events(rows, days=200.0), GRID)
    assert fitted.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-3)


class Restless:
    """A background that leans the other way whenever it is laid."""

    follows_events = True

    def __init__(self):
        self.turn = 0

    def lay(self, window, chance):  # noqa: ARG002 - the protocol's
        self.turn += 1
        laid = KernelBackground(bandwidth=300.0).lay(window, np.ones(len(window.points)))
        uneven = 1 + 0.3 * (self.turn % 2) * np.cos(window.points[:, 0] / 500)
        return LaidBackground(uneven * laid.at_events, laid.cell_share, {})


def test_rounds_that_do_not_settle_are_refused_with_their_trace(rows, monkeypatch):
    monkeypatch.setattr(declustering, "_MOST_ROUNDS", 4)
    model = SelfExciting(background=Restless())
    with pytest.raises(ConvergenceError, match="did not settle in 4 rounds") as caught:
        model.fit(as_events(rows, days=200.0), GRID)
    assert len(caught.value.trace) == 4


def test_a_fit_that_begins_with_some_of_the_events_ends_where_one_with_all_does(
    rows, fitted, monkeypatch
):
    monkeypatch.setattr(climb, "_MANY", 200)
    monkeypatch.setattr(climb, "_FEW", 150)
    again = SelfExciting(background=KernelBackground()).fit(as_events(rows, days=200.0), GRID)
    errors = np.sqrt(np.diag(fitted.estimate.covariance))
    apart = (again.estimate.parts.vector - fitted.estimate.parts.vector) / errors
    assert 0 < np.abs(apart).max() < 0.05
    np.testing.assert_allclose(
        again.estimate.covariance, fitted.estimate.covariance, rtol=0.02, atol=1e-6
    )


def test_the_latter_part_of_a_window_has_a_history_and_expects_hardly_less(fitted):
    whole = fitted.likelihood
    part = climb.latter(whole, 100)
    begin = whole.record.t[-100]
    assert (part.record.n, part.record.first) == (100, 25)
    assert part.record.t[part.record.first] == 0.0
    assert part.record.end == pytest.approx(whole.record.end - begin)
    parts = fitted.estimate.parts
    kept = [likelihood.intensities(parts)[1][-100:] for likelihood in (whole, part)]
    # A little is lost of what the events left behind still triggered, and nothing gained.
    assert (kept[1] <= kept[0] * (1 + 1e-9)).all()
    assert 0.9 < kept[1].sum() / kept[0].sum() < 1
    assert part.days == pytest.approx(part.record.end)
