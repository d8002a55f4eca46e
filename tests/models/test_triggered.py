"""What earlier events add to the intensity: three ways, one answer, and the plain twin's."""

import dataclasses
import itertools

import numpy as np
import pytest

from hotspot.models import triggered_grid
from hotspot.models.coded_density import CodedDensity
from hotspot.models.triggered import offspring_totals, triggered_intensity
from tests.reference import self_exciting as reference

EXPONENTIAL = CodedDensity("lag", "exponential", (0.1,))
GAUSSIAN = CodedDensity("displacement", "gaussian", (200.0,))
LAGS = {
    "exponential": (EXPONENTIAL, reference.exponential(0.1)),
    "power_law": (
        CodedDensity("lag", "power_law", (3.0, 1.7)),
        reference.power_law_lag(3.0, 1.7),
    ),
    "steps": (
        CodedDensity("lag", "steps", (0.1, 0.0, 0.02), (0.5, 3, 10, 40)),
        reference.steps((0.5, 3, 10, 40), (0.1, 0.0, 0.02)),
    ),
}
DISPLACEMENTS = {
    "gaussian": (GAUSSIAN, reference.gaussian(200.0)),
    "power_law": (
        CodedDensity("displacement", "power_law", (150.0, 3.1)),
        reference.power_law_displacement(150.0, 3.1),
    ),
    "student": (
        CodedDensity("displacement", "student", (150.0, 1.9)),
        reference.student(150.0, 1.9),
    ),
    "steps": (
        CodedDensity("displacement", "steps", (1e-6, 5e-7), (0.0, 200.0, 700.0)),
        reference.steps((0.0, 200.0, 700.0), (1e-6, 5e-7)),
    ),
}
PAIRS = list(itertools.product(LAGS, DISPLACEMENTS))


def some_events(n=70, *, seed=20240229):
    """Times to whole days, so that many are simultaneous; two events in one place; two offences."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 60, n)).round()
    x, y = rng.uniform(0, 2_500, (2, n))
    x[5], y[5] = x[3], y[3]
    return times, x, y, rng.choice([0.2, 0.45], n)


def found_by(method, events, *, lag=EXPONENTIAL, displacement=GAUSSIAN, **rest):
    times, x, y, productivity = events
    parts = {"productivity": productivity, "lag": lag, "displacement": displacement}
    return triggered_intensity(times, x, y, **parts, method=method, **rest)


def twin(events, lag, displacement, **reach):
    times, x, y, productivity = events
    parts = {"productivity": productivity, "lag": lag, "displacement": displacement}
    return np.array(reference.triggered_intensity(times, x, y, **parts, **reach))


@pytest.mark.parametrize("method", ["pairs", "plain"])
@pytest.mark.parametrize(("lag", "displacement"), PAIRS)
def test_pairs_and_plain_agree_with_the_double_loop(lag, displacement, method):
    events = some_events()
    expected = twin(events, LAGS[lag][1], DISPLACEMENTS[displacement][1])
    densities = {"lag": LAGS[lag][0], "displacement": DISPLACEMENTS[displacement][0]}
    found = found_by(method, events, **densities).intensity
    # An exponential or Gaussian is cut where it is below 1e-16 of its peak.
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15 * expected.max())


@pytest.mark.parametrize(("lag", "displacement"), PAIRS)
def test_pairs_out_of_reach_do_not_count(lag, displacement):
    events = some_events()
    expected = twin(events, LAGS[lag][1], DISPLACEMENTS[displacement][1], reach=20.0, far=450.0)
    densities = {"lag": LAGS[lag][0], "displacement": DISPLACEMENTS[displacement][0]}
    reach = {"lag_reach": 20.0, "displacement_reach": 450.0}
    found = found_by("pairs", events, **densities, **reach).intensity
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)
    assert (expected < twin(events, LAGS[lag][1], DISPLACEMENTS[displacement][1])).any()


@pytest.mark.parametrize(("lag", "displacement"), PAIRS)
def test_derivatives_of_pairs_agree_with_central_differences_of_the_double_loop(lag, displacement):
    events = some_events(40)
    both = [LAGS[lag][0], DISPLACEMENTS[displacement][0]]
    found = found_by("pairs", events, lag=both[0], displacement=both[1], derivatives=True)
    row = 0
    for part, density in enumerate(both):
        for k, value in enumerate(density.parameters):
            step = 1e-5 * (value or 1.0)
            ends = []
            for end in (value + step, max(value - step, 0.0)):
                parameters = [*density.parameters[:k], end, *density.parameters[k + 1 :]]
                moved = list(both)
                moved[part] = dataclasses.replace(density, parameters=tuple(parameters))
                ends.append(
                    found_by("plain", events, lag=moved[0], displacement=moved[1]).intensity
                )
            expected = (ends[0] - ends[1]) / (value + step - max(value - step, 0.0))
            largest = np.abs(expected).max()
            np.testing.assert_allclose(
                found.derivatives[row], expected, rtol=1e-7, atol=1e-8 * largest
            )
            row += 1
    assert row == found.derivatives.shape[0]


@pytest.mark.parametrize("decay", [0.02, 0.1, 20.0])  # with 20 the reference time moves
@pytest.mark.parametrize("sigma", [60.0, 200.0, 3_000.0])
def test_the_grid_agrees_with_pairs_to_a_millionth_of_the_largest_sum(decay, sigma):
    events = some_events(120)
    lag = CodedDensity("lag", "exponential", (decay,))
    displacement = CodedDensity("displacement", "gaussian", (sigma,))
    densities = {"lag": lag, "displacement": displacement, "derivatives": True}
    exact, found = (found_by(method, events, **densities) for method in ("pairs", "grid"))
    largest = exact.intensity.max()
    assert largest > 0
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
    power_law = LAGS["power_law"][0]
    choose = triggered_method
    assert choose(crowded) == "grid"
    assert choose(crowded, lag=power_law) == "pairs"
    assert choose(crowded, lag_reach=30.0) == "pairs"


def triggered_method(events, *, lag=EXPONENTIAL, lag_reach=np.inf):
    from hotspot.models.triggered import _choose

    return _choose("auto", np.stack(events), lag, GAUSSIAN, (lag_reach, np.inf), True)


def test_a_density_without_its_constant_is_one_at_zero():
    bare = CodedDensity("displacement", "power_law", (100.0, 1.5), normalised=False)
    assert bare.value(0.0) == 1.0
    lag = dataclasses.replace(EXPONENTIAL, normalised=False)
    two = (np.array([0.0, 10.0]), np.array([0.0, 100.0]), np.zeros(2), np.ones(2))
    found = found_by("pairs", two, lag=lag, displacement=bare)
    assert found.intensity[1] == pytest.approx(np.exp(-1) * 2.0**-1.5, rel=1e-14)


@pytest.mark.parametrize("name", [*LAGS])
def test_a_lag_density_integrates_to_its_mass(name):
    density = LAGS[name][0]
    at = np.concatenate([np.linspace(0, 50, 400_001), np.geomspace(50, 1e9, 400_001)[1:]])
    mass = np.trapezoid(density.value(at), at)
    expected = {"steps": 0.1 * 2.5 + 0.02 * 30}.get(name, 1.0)
    assert mass == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", [*DISPLACEMENTS])
def test_a_displacement_density_integrates_to_its_mass_over_the_plane(name):
    density = DISPLACEMENTS[name][0]
    at = np.concatenate([np.linspace(0, 3_000, 400_001), np.geomspace(3_000, 1e9, 400_001)[1:]])
    mass = np.trapezoid(density.value(at) * 2 * np.pi * at, at)
    expected = {"steps": np.pi * (1e-6 * 200**2 + 5e-7 * (700**2 - 200**2))}.get(name, 1.0)
    assert mass == pytest.approx(expected, abs=1e-4)
