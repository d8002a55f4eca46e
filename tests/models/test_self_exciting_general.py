"""Other lags and displacements, marks, several offences, and times known only to intervals."""

import math
from dataclasses import replace

import numpy as np
import pytest

from hotspot.errors import ParameterError
from hotspot.models.parts.displacement import (
    ExponentialDisplacement,
    GaussianDisplacement,
    PiecewiseConstantDisplacement,
    PowerLawDisplacement,
    StudentDisplacement,
)
from hotspot.models.parts.lag import ExponentialLag, PiecewiseConstantLag, PowerLawLag
from hotspot.models.self_exciting.em import em_step
from hotspot.models.self_exciting.likelihood import (
    Likelihood,
    Parts,
    Record,
    arrived_by,
    recorded_offspring,
    triggered_sums,
)
from hotspot.models.triggering.mass_inside import MassInside
from tests.models.self_exciting_cases import SQUARE, branching_process

STEPS_LAG = PiecewiseConstantLag(edges=(0.0, 2.0, 8.0, 40.0), weights=(0.5, 0.3, 0.2))
STEPS_AWAY = PiecewiseConstantDisplacement(edges=(0.0, 100.0, 400.0), weights=(0.6, 0.4))
LAGS = [ExponentialLag(0.2), PowerLawLag(c=3.0, p=2.2), STEPS_LAG]
DISPLACEMENTS = [
    GaussianDisplacement(170.0),
    ExponentialDisplacement(90.0),
    PowerLawDisplacement(scale=150.0, exponent=4.0),
    StudentDisplacement(scale=150.0, exponent=2.5),
    STEPS_AWAY,
]


@pytest.fixture(scope="module")
def rows():
    return branching_process(np.random.default_rng(5), background=0.5, days=60.0)


def record_of(rows, *, history=10.0, shortest_lag=0.0, length=None, **options):
    t = rows[:, 0] - history
    earliest = None
    if length is not None:
        earliest = t - length
    return Record(
        t=t,
        x=np.ascontiguousarray(rows[:, 1]),
        y=np.ascontiguousarray(rows[:, 2]),
        first=int((t < 0).sum()),
        end=60.0 - history,
        shortest_lag=shortest_lag,
        mass=MassInside.of(rows[:, 1:], SQUARE),
        earliest=earliest,
        **options,
    )


def likelihood_of(record, kinds=1):
    at_events = (1 + np.arange(record.n) % 3) / (2 * SQUARE.area)
    return Likelihood(record, at_events, record.end if kinds == 1 else np.full(kinds, record.end))


def assert_gradient_is_that_of_differences(likelihood, parts, *, step=1e-4, rtol=2e-5):
    gradient = likelihood.value_and_gradient(parts)[1]
    differences = [
        (
            likelihood.value(parts.with_vector(parts.vector + e))
            - likelihood.value(parts.with_vector(parts.vector - e))
        )
        / (2 * step)
        for e in step * np.eye(parts.vector.size)
    ]
    np.testing.assert_allclose(gradient, differences, rtol=rtol, atol=3e-3)


@pytest.mark.parametrize("lag", LAGS, ids=lambda part: type(part).__name__)
@pytest.mark.parametrize("displacement", DISPLACEMENTS, ids=lambda part: type(part).__name__)
def test_log_likelihood_is_that_of_a_double_loop_over_the_parts(rows, lag, displacement):
    record = record_of(rows, shortest_lag=0.25)
    likelihood = likelihood_of(record)
    parts = Parts(0.6, 0.3, lag, displacement)
    apart = np.hypot(record.x[:, None] - record.x, record.y[:, None] - record.y)
    passed = record.t[:, None] - record.t - record.shortest_lag
    heard = np.where(passed > 0, lag.value(np.maximum(passed, 0)), 0.0) * displacement.value(apart)
    intensity = 0.6 * likelihood.at_events + 0.3 * heard[record.first :].sum(axis=1)
    mass = displacement.mass_inside(np.column_stack([record.x, record.y]), SQUARE)
    came = lag.integral(np.maximum(record.end - record.t - 0.25, 0))
    came -= lag.integral(np.maximum(-record.t - 0.25, 0))
    value = np.log(intensity).sum() - 0.6 * record.end - 0.3 * (mass * came).sum()
    assert likelihood.value(parts) == pytest.approx(value, abs=2e-4)
    assert likelihood.value_and_gradient(parts)[0] == pytest.approx(value, abs=2e-4)


@pytest.mark.parametrize("lag", LAGS, ids=lambda part: type(part).__name__)
@pytest.mark.parametrize("displacement", DISPLACEMENTS, ids=lambda part: type(part).__name__)
def test_gradient_is_that_of_differences_for_every_pair_of_parts(rows, lag, displacement):
    likelihood = likelihood_of(record_of(rows))
    assert_gradient_is_that_of_differences(likelihood, Parts(0.6, 0.3, lag, displacement))


def test_em_of_steps_climbs_to_where_the_gradient_is_0(rows):
    likelihood = likelihood_of(record_of(rows))
    parts = Parts(0.6, 0.3, STEPS_LAG, STEPS_AWAY)
    values = [likelihood.value(parts)]
    for _ in range(150):
        parts = em_step(likelihood, parts)
        values.append(likelihood.value(parts))
    assert np.diff(values).min() > -1e-6
    assert np.abs(likelihood.value_and_gradient(parts)[1]).max() < 0.05


def test_em_refuses_what_it_has_no_sums_for(rows):
    likelihood = likelihood_of(record_of(rows))
    with pytest.raises(ParameterError, match="EM knows exponential lags"):
        em_step(likelihood, Parts(0.6, 0.3, LAGS[1], STEPS_AWAY))
    with pytest.raises(ParameterError, match="EM knows Gaussian displacements"):
        em_step(likelihood, Parts(0.6, 0.3, LAGS[0], DISPLACEMENTS[1]))


@pytest.mark.parametrize("length", [None, 0.7], ids=["exact", "intervals"])
def test_marks_multiply_what_an_event_triggers(rows, length):
    design = np.column_stack([np.arange(len(rows)) % 2, np.linspace(-1, 1, len(rows))])
    record = record_of(rows, design=design, length=length)
    parts = Parts(0.6, 0.2, LAGS[0], DISPLACEMENTS[0], np.array([0.8, -0.4]))
    np.testing.assert_allclose(record.factors(parts), np.exp(design @ [0.8, -0.4]))
    assert_gradient_is_that_of_differences(likelihood_of(record), parts)
    if length is None:
        plain = triggered_sums(replace(record, design=None), parts, np.exp(design @ parts.marks))
        intensity = 0.6 * likelihood_of(record).at_events + 0.2 * plain[0]
        assert np.log(intensity).sum() - likelihood_of(record).value(parts) == pytest.approx(
            0.6 * record.end + 0.2 * _expected(record, parts), abs=1e-6
        )


def _expected(record, parts):
    mass = record.mass.at(parts.displacement)[0] * record.factors(parts)
    came = parts.lag.integral(record.end - record.t) - parts.lag.integral(
        np.maximum(-record.t, 0.0)
    )
    return (mass * came).sum()


def test_two_offences_excite_each_other_by_a_matrix(rows):
    kind = (np.arange(len(rows)) % 3 == 0).astype(np.int64)
    record = record_of(rows, kind=kind)
    likelihood = likelihood_of(record, kinds=2)
    theta = np.array([[0.3, 0.1], [0.05, 0.2]])
    parts = Parts(np.array([0.5, 0.3]), theta, LAGS[0], DISPLACEMENTS[0])
    assert_gradient_is_that_of_differences(likelihood, parts)
    apart = np.hypot(record.x[:, None] - record.x, record.y[:, None] - record.y)
    passed = record.t[:, None] - record.t
    heard = np.where(passed > 0, LAGS[0].value(np.maximum(passed, 0)), 0.0)
    heard = heard * DISPLACEMENTS[0].value(apart) * theta[kind[None, :], kind[:, None]]
    intensity = np.array([0.5, 0.3])[record.window_kind] * likelihood.at_events
    intensity += heard[record.first :].sum(axis=1)
    outgoing = record.mass.at(parts.displacement)[0] * theta.sum(axis=1)[kind]
    came = LAGS[0].integral(record.end - record.t) - LAGS[0].integral(np.maximum(-record.t, 0))
    value = np.log(intensity).sum() - 0.8 * record.end - (outgoing * came).sum()
    assert likelihood.value(parts) == pytest.approx(value, abs=2e-4)
    # Of the eigenvalues of ((.3, .1), (.05, .2)), the larger.
    assert likelihood.branching_ratio(parts) == pytest.approx(0.25 + math.sqrt(0.0025 + 0.005))


def test_one_offence_in_a_matrix_is_the_same_as_a_number(rows):
    record = record_of(rows)
    matrix = Parts(np.array([0.5]), np.array([[0.3]]), LAGS[0], DISPLACEMENTS[0])
    number = Parts(0.5, 0.3, LAGS[0], DISPLACEMENTS[0])
    assert likelihood_of(record).value(matrix) == likelihood_of(record).value(number)


class TestIntervals:
    """Of each event only an interval of time is known."""

    parts = Parts(0.6, 0.3, ExponentialLag(0.4), GaussianDisplacement(170.0))

    @pytest.mark.parametrize("shortest_lag", [0.0, 0.1])
    def test_gradient_is_that_of_differences(self, rows, shortest_lag):
        record = record_of(rows, length=0.9, shortest_lag=shortest_lag)
        assert_gradient_is_that_of_differences(likelihood_of(record), self.parts)

    def test_intervals_of_no_length_change_nothing(self, rows):
        exact, none = record_of(rows), record_of(rows, length=0.0)
        assert likelihood_of(none).value(self.parts) == pytest.approx(
            likelihood_of(exact).value(self.parts), abs=1e-9
        )

    def test_two_intervals_apart_are_integrated_over(self):
        """By hand: of g over two intervals, the second's every moment after the first's."""
        pair = np.array([[16.0, 1000.0, 1000.0], [20.0, 1100.0, 1000.0]])
        found = triggered_sums(record_of(pair, length=2.0), self.parts)[0]
        at = (np.arange(400) + 0.5) / 400
        lag = (8.0 + 2.0 * at[:, None]) - (4.0 + 2.0 * at)
        mean = (0.4 * np.exp(-0.4 * lag)).mean()
        h = math.exp(-(100**2) / (2 * 170**2)) / (2 * math.pi * 170**2)
        assert found[0] == pytest.approx(0.0, abs=1e-12)
        # Eight and sixteen times stand for an interval; midpoints of eighths of a day.
        assert found[1] == pytest.approx(mean * h, rel=1e-3)

    def test_of_two_that_overlap_either_may_have_come_first_but_not_both(self):
        """The later end hears E g(|t - s|), the other nothing, and no event hears itself."""
        pair = np.array([[12.0, 1000.0, 1000.0], [12.5, 1000.0, 1000.0]])
        found = triggered_sums(record_of(pair, length=1.5), self.parts)[0]
        at = (np.arange(600) + 0.5) / 600
        lag = np.abs((0.5 + 1.5 * at[:, None] + 0.5) - (0.5 + 1.5 * at))
        mean = (0.4 * np.exp(-0.4 * lag)).mean() / (2 * math.pi * 170**2)
        assert found[0] == pytest.approx(0.0, abs=1e-9 * mean)
        # Rows at the same time hear nothing of each other: a quarter of a day's grid, 3 %.
        assert found[1] == pytest.approx(mean, rel=0.1)

    def test_what_an_event_triggers_and_what_triggers_are_one_sum(self, rows):
        """Σ_i a_i S_i = Σ_j T_j(a), for any a: the two passes are transposes."""
        record = record_of(rows, length=0.9)
        a = np.linspace(0.2, 2.0, record.n)
        forwards = a @ triggered_sums(record, self.parts)[0]
        assert recorded_offspring(record, self.parts, a).sum() == pytest.approx(forwards, rel=1e-6)

    def test_an_event_triggers_in_equal_parts_from_its_interval_inside_the_window(self):
        """By hand: of [-1, 1] days the window leaves [0, 1], of [29, 31] all."""
        place = np.array([1500.0, 1500.0])
        record = record_of(np.array([[11.0, *place], [41.0, *place]]), length=2.0)
        times, _, _ = record.roll.sources()
        found = record.roll.by_event(self.parts.lag.integral(50.0 - times))
        at = (np.arange(1000) + 0.5) / 1000
        by_hand = [(1 - np.exp(-0.4 * (50.0 - u))).mean() for u in (at, 29.0 + 2.0 * at)]
        np.testing.assert_allclose(found, by_hand, rtol=1e-5)


@pytest.mark.parametrize("lag", LAGS, ids=lambda part: type(part).__name__)
def test_what_has_arrived_is_the_sum_of_the_lag_s_integrals(lag):
    begin, weight = np.array([0.0, 1.0, 4.0]), np.array([1.0, 2.0, 0.5])
    until = np.array([0.0, 0.5, 4.0, 30.0])
    expected = [
        sum(
            w * lag.integral(np.array([max(u - b, 0.0)]))[0]
            for b, w in zip(begin, weight, strict=True)
        )
        for u in until
    ]
    np.testing.assert_allclose(arrived_by(lag, begin, weight, until), expected, atol=1e-12)
