"""What earlier events add to the intensity: three ways, one answer, and the plain twin's."""

import itertools
import math

import numpy as np
import pytest

from hotspot.models.parts import displacement, lag, shapes
from hotspot.models.parts.coded import coded_displacement, coded_lag
from hotspot.models.triggering import grid as triggered_grid
from hotspot.models.triggering import sums as triggered
from hotspot.models.triggering.sums import offspring_totals, triggered_intensity
from tests.reference import self_exciting as reference

EXPONENTIAL = lag.ExponentialLag(rate=0.1)
GAUSSIAN = displacement.GaussianDisplacement(sd=200.0)
# Each part with the plain function that it stands for.
LAGS = {
    "exponential": (EXPONENTIAL, reference.exponential(0.1)),
    "power law": (lag.PowerLawLag(c=3.0, p=1.7), reference.power_law_lag(3.0, 1.7)),
    "steps": (
        lag.PiecewiseConstantLag((0, 3, 10, 40), (0.3, 0.0, 0.6)),
        reference.steps((0, 3, 10, 40), (0.1 / 0.9, 0.0, 0.02 / 0.9)),
    ),
    "growing shape": (shapes.ExponentialLagShape(rate=-0.01), lambda u: math.exp(0.01 * u)),
    "step shape": (
        shapes.StepLagShape((0, 2, 30), (0.5,)),
        reference.steps((0, 2, 30), (1.0, 0.5)),
    ),
    "constant shape": (shapes.ConstantLagShape(), lambda _: 1.0),
}
DISPLACEMENTS = {
    "gaussian": (GAUSSIAN, reference.gaussian(200.0)),
    "exponential": (
        displacement.ExponentialDisplacement(scale=150.0),
        lambda r: math.exp(-r / 150) / (2 * math.pi * 150**2),
    ),
    "power law": (
        displacement.PowerLawDisplacement(scale=150.0, exponent=3.1),
        reference.power_law_displacement(150.0, 3.1),
    ),
    "student": (
        displacement.StudentDisplacement(scale=150.0, exponent=1.9),
        reference.student(150.0, 1.9),
    ),
    "steps": (
        displacement.PiecewiseConstantDisplacement((0, 200, 700), (0.3, 0.7)),
        reference.steps(
            (0, 200, 700), (0.3 / (math.pi * 200**2), 0.7 / (math.pi * (700**2 - 200**2)))
        ),
    ),
    "gaussian shape": (shapes.GaussianShape(200.0), lambda r: math.exp(-(r**2) / (2 * 200**2))),
    "power law shape": (shapes.PowerLawShape(150.0, 1.5), lambda r: (r + 150) ** -1.5),
    "student shape": (shapes.StudentShape(150.0, 0.8), lambda r: (r**2 + 150**2) ** -0.8),
    "step shape": (
        shapes.StepShape((0, 200, 700), (0.4,)),
        reference.steps((0, 200, 700), (1.0, 0.4)),
    ),
    "constant shape": (shapes.ConstantShape(), lambda _: 1.0),
}
PAIRS = list(itertools.product(LAGS, DISPLACEMENTS))


def some_events(n=70, *, seed=20240229):
    """Times to whole days, so that many are simultaneous; two events in one place; two offences."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 60, n)).round()
    x, y = rng.uniform(0, 2_500, (2, n))
    x[5], y[5] = x[3], y[3]
    return times, x, y, rng.choice([0.2, 0.45], n)


def found_by(method, events, *, parts=(EXPONENTIAL, GAUSSIAN), **rest):
    times, x, y, productivity = events
    parts = {"productivity": productivity, "lag": parts[0], "displacement": parts[1]}
    return triggered_intensity(times, x, y, **parts, method=method, **rest)


def twin(events, g, h, **reach):
    times, x, y, productivity = events
    parts = {"productivity": productivity, "lag": g, "displacement": h}
    return np.array(reference.triggered_intensity(times, x, y, **parts, **reach))


@pytest.mark.parametrize("method", ["pairs", "plain"])
@pytest.mark.parametrize(("g", "h"), PAIRS)
def test_pairs_and_plain_agree_with_the_double_loop(g, h, method):
    events = some_events()
    expected = twin(events, LAGS[g][1], DISPLACEMENTS[h][1])
    found = found_by(method, events, parts=(LAGS[g][0], DISPLACEMENTS[h][0])).intensity
    # An exponential or Gaussian is cut where it is below 1e-16 of its peak.
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15 * expected.max())


@pytest.mark.parametrize(("g", "h"), PAIRS)
def test_pairs_out_of_reach_do_not_count(g, h):
    events = some_events()
    expected = twin(events, LAGS[g][1], DISPLACEMENTS[h][1], reach=20.0, far=450.0)
    reach = {"lag_reach": 20.0, "displacement_reach": 450.0}
    parts = (LAGS[g][0], DISPLACEMENTS[h][0])
    found = found_by("pairs", events, parts=parts, **reach).intensity
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)
    assert (expected < twin(events, LAGS[g][1], DISPLACEMENTS[h][1])).any()


@pytest.mark.parametrize(("g", "h"), PAIRS)
def test_derivatives_of_pairs_agree_with_those_of_the_parts_and_with_central_differences(g, h):
    events = some_events(40)
    parts = (LAGS[g][0], DISPLACEMENTS[h][0])
    if g == "steps":  # a step of weight 0 has no logarithm to move
        parts = (lag.PiecewiseConstantLag((0, 3, 10, 40), (0.3, 0.1, 0.6)), parts[1])
    found = found_by("pairs", events, parts=parts, derivatives=True).derivatives
    plain = found_by("plain", events, parts=parts, derivatives=True).derivatives
    assert found.shape == (len(parts[0].names) + len(parts[1].names), 40)
    moves = [(part, k) for part in (0, 1) for k in range(len(parts[part].names))]
    for row, (part, k) in enumerate(moves):
        ends = []
        for step in (1e-5, -1e-5):
            vector = parts[part].vector.copy()
            vector[k] += step
            moved = list(parts)
            moved[part] = parts[part].with_vector(vector)
            ends.append(found_by("plain", events, parts=moved).intensity)
        expected = (ends[0] - ends[1]) / 2e-5
        largest = np.abs(expected).max()
        np.testing.assert_allclose(found[row], expected, rtol=1e-7, atol=1e-7 * largest)
        np.testing.assert_allclose(found[row], plain[row], rtol=1e-11, atol=1e-13 * largest)


@pytest.mark.parametrize("rate", [0.02, 0.1, 20.0])  # with 20 the reference time moves
@pytest.mark.parametrize("sd", [60.0, 200.0, 3_000.0])
def test_the_grid_agrees_with_pairs_to_a_millionth_of_the_largest_sum(rate, sd):
    events = some_events(120)
    parts = (lag.ExponentialLag(rate), displacement.GaussianDisplacement(sd))
    exact, found = (
        found_by(method, events, parts=parts, derivatives=True) for method in ("pairs", "grid")
    )
    largest = exact.intensity.max()
    assert largest > 0
    np.testing.assert_allclose(found.intensity, exact.intensity, rtol=0, atol=1e-6 * largest)
    for one, other in zip(found.derivatives, exact.derivatives, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.abs(other).max())


def test_the_grid_sums_shapes_as_it_sums_densities():
    events = some_events(60)
    parts = (shapes.ExponentialLagShape(0.1), shapes.GaussianShape(200.0))
    exact, found = (
        found_by(method, events, parts=parts, derivatives=True) for method in ("pairs", "grid")
    )
    largest = exact.intensity.max()
    np.testing.assert_allclose(found.intensity, exact.intensity, rtol=0, atol=1e-6 * largest)
    for one, other in zip(found.derivatives, exact.derivatives, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.abs(other).max())


def test_the_log_likelihood_by_grid_is_within_1e_9_of_the_exact_one():
    events = some_events(400)
    background = 400 / 60 / 2_500**2
    exact = np.log(
        background + twin(events, *(reference.exponential(0.1), reference.gaussian(200.0)))
    )
    found = np.log(background + found_by("grid", events).intensity)
    assert found.sum() == pytest.approx(exact.sum(), rel=1e-9)
    assert abs(exact.sum() - 400 * np.log(background)) > 1  # the triggering is not nothing


@pytest.mark.parametrize("method", ["pairs", "grid", "plain"])
def test_simultaneous_events_do_not_trigger_one_another(method):
    at = np.zeros(3)
    events = (np.array([1.0, 1.0, 1.0]), at, at, np.ones(3))
    assert (found_by(method, events).intensity == 0).all()


@pytest.mark.parametrize("method", ["pairs", "grid"])
def test_more_simultaneous_events_than_fit_a_block_do_not_trigger_one_another(method):
    n = 300
    rng = np.random.default_rng(7)
    times = np.concatenate([np.zeros(n), np.full(n, 2.0), [5.0]])
    x, y = rng.uniform(0, 500, (2, 2 * n + 1))
    events = (times, x, y, np.full(2 * n + 1, 0.3))
    found = found_by(method, events).intensity
    expected = found_by("plain", events).intensity
    assert (expected[:n] == 0).all()
    assert (found[:n] == 0).all()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("method", ["pairs", "grid", "plain"])
def test_one_event_and_no_event_have_nothing_before_them(method):
    one = np.ones(1)
    assert found_by(method, (one, one, one, one)).intensity.tolist() == [0.0]
    none = np.ones(0)
    assert found_by(method, (none, none, none, none)).intensity.tolist() == []


@pytest.mark.parametrize("method", ["pairs", "grid"])
def test_events_a_thousand_kilometres_and_ten_thousand_years_apart_do_not_matter(method):
    times, x, y, productivity = some_events(60)
    near = found_by(method, (times, x, y, productivity)).intensity
    far = found_by(
        method,
        (
            np.concatenate([[-3.65e6], times, [3.65e6]]),
            np.concatenate([[-1e6], x, [1e6]]),
            np.concatenate([[1e6], y, [-1e6]]),
            np.concatenate([[0.9], productivity, [0.9]]),
        ),
    ).intensity
    assert far[0] == 0
    assert far[-1] < 1e-200
    # Seen from 1e6 m away the places have ten digits fewer; the lattice lies differently, too.
    np.testing.assert_allclose(far[1:-1], near, rtol=1e-9, atol=1e-6 * near.max())


@pytest.mark.parametrize("method", ["pairs", "grid"])
@pytest.mark.parametrize("derivatives", [False, True])
def test_any_number_of_workers_gives_the_same_bytes(method, derivatives):
    rng = np.random.default_rng(5)
    n = 700
    times = np.sort(rng.uniform(0, 90, n)).round(1)
    x, y = rng.uniform(0, 30_000, (2, n))
    events = (times, x, y, np.full(n, 0.3))
    results = [
        found_by(method, events, workers=workers, derivatives=derivatives) for workers in (1, 2, 8)
    ]
    assert len({one.intensity.tobytes() for one in results}) == 1
    assert (
        len({None if one.derivatives is None else one.derivatives.tobytes() for one in results})
        == 1
    )


@pytest.mark.parametrize("method", ["pairs", "grid"])
def test_the_order_of_simultaneous_events_changes_no_byte(method):
    times, x, y, productivity = some_events(90)
    shuffled = np.lexsort((np.random.default_rng(1).permutation(90), times))
    assert (shuffled != np.arange(90)).any()
    found = found_by(method, (times, x, y, productivity)).intensity
    again = found_by(method, (times, x[shuffled], y[shuffled], productivity[shuffled])).intensity
    assert again.tobytes() == found[shuffled].tobytes()


def test_a_lattice_with_too_many_tiles_to_count_gives_the_same_sums(monkeypatch):
    events = some_events(90)
    counted = found_by("grid", events, derivatives=True)
    monkeypatch.setattr(triggered_grid, "_MOST_TILES", 0)
    sorted_out = found_by("grid", events, derivatives=True)
    assert sorted_out.intensity.tobytes() == counted.intensity.tobytes()
    assert sorted_out.derivatives.tobytes() == counted.derivatives.tobytes()


def test_counting_in_pieces_gives_the_same_sums(monkeypatch):
    events = some_events(90)
    whole = found_by("grid", events).intensity
    monkeypatch.setattr(triggered_grid, "_CHUNK", 17)
    assert found_by("grid", events, workers=2).intensity.tobytes() == whole.tobytes()


@pytest.mark.parametrize("method", ["pairs", "grid"])
def test_an_event_of_productivity_zero_adds_nothing_and_is_added_to(method):
    times, x, y, productivity = some_events(50)
    all_of_them = found_by(method, (times, x, y, productivity)).intensity
    silent = productivity.copy()
    silent[20:] = 0.0
    found = found_by(method, (times, x, y, silent)).intensity
    expected = twin((times, x, y, silent), reference.exponential(0.1), reference.gaussian(200.0))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * expected.max())
    assert (found[30:] > 0).any()
    assert (found <= all_of_them * (1 + 1e-9)).all()


@pytest.mark.parametrize("method", ["pairs", "grid"])
def test_twice_the_productivity_is_twice_the_intensity(method):
    times, x, y, productivity = some_events(50)
    once = found_by(method, (times, x, y, productivity)).intensity
    twice = found_by(method, (times, x, y, 2 * productivity)).intensity
    np.testing.assert_array_equal(twice, 2 * once)


@pytest.mark.parametrize("method", ["pairs", "grid"])
def test_offspring_totals_agree_with_the_double_loop(method):
    times, x, y, weights = some_events(60)
    found = offspring_totals(
        times, x, y, weights=weights, lag=EXPONENTIAL, displacement=GAUSSIAN, method=method
    )
    expected = reference.offspring_totals(
        times,
        x,
        y,
        weights=weights,
        lag=reference.exponential(0.1),
        displacement=reference.gaussian(200.0),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-6 * max(expected))


def test_auto_takes_pairs_for_few_events_and_the_grid_for_many_close_ones():
    assert found_by("auto", some_events(60)).method == "pairs"
    rng = np.random.default_rng(3)
    n = 6_000
    crowded = (np.sort(rng.uniform(0, 60, n)), *rng.uniform(0, 2_500, (2, n)), np.full(n, 0.3))
    # Only the choice: with the compiler off, six thousand events would take minutes.
    assert chosen_for(crowded) == "grid"
    assert chosen_for(crowded, g=LAGS["power law"][0]) == "pairs"
    assert chosen_for(crowded, g=LAGS["growing shape"][0]) == "pairs"
    assert chosen_for(crowded, h=DISPLACEMENTS["student"][0]) == "pairs"
    assert chosen_for(crowded, lag_reach=30.0) == "pairs"


def chosen_for(events, *, g=EXPONENTIAL, h=GAUSSIAN, lag_reach=math.inf):
    parts = (coded_lag(g), coded_displacement(h))
    return triggered._choose("auto", np.stack(events), parts, (lag_reach, math.inf), True)
