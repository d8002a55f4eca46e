"""Simulated cascades: their laws, and what is refused."""

import math

import numpy as np
import pytest
import shapely
from scipy import stats

from hotspot._numba.branching import prune
from hotspot.errors import CoordinateError, DateError, ParameterError
from hotspot.models.parts.displacement import (
    ExponentialDisplacement,
    GaussianDisplacement,
    PiecewiseConstantDisplacement,
    PowerLawDisplacement,
    StudentDisplacement,
)
from hotspot.models.parts.lag import ExponentialLag, PiecewiseConstantLag, PowerLawLag
from hotspot.models.triggering.cascades import simulate_cascade

COMPILED = (ExponentialLag(rate=0.1), GaussianDisplacement(sd=200.0))


class OwnLag(PowerLawLag):
    """A part that the compiled samplers do not know."""


BY_GENERATION = (OwnLag(c=2.0, p=2.5), StudentDisplacement(scale=150.0, exponent=2.5))
LAGS = [COMPILED[0], PowerLawLag(c=2.0, p=1.7), PiecewiseConstantLag((0, 2, 5, 30), (0.4, 0, 0.6))]
DISPLACEMENTS = [
    COMPILED[1],
    ExponentialDisplacement(scale=100.0),
    PowerLawDisplacement(scale=100.0, exponent=3.5),
    StudentDisplacement(scale=150.0, exponent=2.5),
    PiecewiseConstantDisplacement((0, 100, 300, 900), (0.5, 0, 0.5)),
]


def cascade_of(n, *, parts=COMPILED, productivity=0.4, end=math.inf, seed=11, **rest):
    given = np.zeros(n)
    return simulate_cascade(
        given,
        given,
        given,
        productivity=productivity,
        lag=parts[0],
        displacement=parts[1],
        end=end,
        rng=np.random.default_rng(seed),
        **rest,
    )


@pytest.mark.parametrize("parts", [COMPILED, BY_GENERATION], ids=["compiled", "by generation"])
def test_direct_offspring_are_poisson_with_the_productivity_as_mean(parts):
    n = 3_000
    cascade = cascade_of(n, parts=parts)
    children = np.bincount(cascade.parent[cascade.parent >= 0], minlength=cascade.times.size)
    seen = np.bincount(np.minimum(children, 3), minlength=4)
    expected = stats.poisson(0.4).pmf([0, 1, 2])
    expected = cascade.times.size * np.append(expected, 1 - expected.sum())
    assert stats.chisquare(seen, expected).pvalue > 1e-3


@pytest.mark.parametrize("parts", [COMPILED, BY_GENERATION], ids=["compiled", "by generation"])
def test_a_cascade_is_one_over_one_less_the_productivity_long(parts):
    n = 3_000
    cascade = cascade_of(n, parts=parts)
    # A Poisson cascade's size is Borel distributed: mean 1 / (1 - m), variance m / (1 - m)^3.
    error = math.sqrt(0.4 / 0.6**3 / n)
    assert abs(cascade.times.size / n - 1 / 0.6) < 4 * error


@pytest.mark.parametrize(
    "parts",
    [
        BY_GENERATION,
        *((lag, COMPILED[1]) for lag in LAGS),
        *((COMPILED[0], displacement) for displacement in DISPLACEMENTS),
    ],
    ids=lambda parts: " and ".join(type(part).__name__ for part in parts),
)
def test_lags_and_distances_follow_their_densities(parts):
    cascade = cascade_of(2_000, parts=parts)
    born = np.flatnonzero(cascade.parent >= 0)
    by = cascade.parent[born]
    lags = cascade.times[born] - cascade.times[by]
    apart = np.hypot(cascade.x[born] - cascade.x[by], cascade.y[born] - cascade.y[by])
    assert stats.kstest(lags, parts[0].integral).pvalue > 1e-3
    assert stats.kstest(apart, parts[1].integral).pvalue > 1e-3


@pytest.mark.parametrize("displacement", DISPLACEMENTS, ids=lambda part: type(part).__name__)
def test_offspring_go_every_way_alike(displacement):
    cascade = cascade_of(2_000, parts=(COMPILED[0], displacement))
    born = np.flatnonzero(cascade.parent >= 0)
    by = cascade.parent[born]
    angle = np.arctan2(cascade.y[born] - cascade.y[by], cascade.x[born] - cascade.x[by])
    assert stats.kstest(angle, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3


def test_an_end_leaves_out_what_comes_at_it_or_later_and_nothing_else():
    n, end = 3_000, 8.0
    cascade = cascade_of(n, end=end)
    assert cascade.times.max() < end
    # Offspring of the first generation before the end: m G(end) each.
    first = (cascade.parent >= 0) & (cascade.times[cascade.parent] == 0)
    expected = n * 0.4 * COMPILED[0].integral(end)
    assert abs(first.sum() - expected) < 4 * math.sqrt(expected)


def test_times_ascend_and_parents_come_before_their_offspring():
    cascade = cascade_of(500)
    assert (np.diff(cascade.times) >= 0).all()
    born = cascade.parent >= 0
    assert (cascade.parent[born] < np.flatnonzero(born)).all()
    assert (~born).sum() == 500


def test_productivity_zero_triggers_nothing_and_is_passed_on():
    n = 2_000
    cascade = cascade_of(n, productivity=np.repeat([0.0, 0.6], n // 2))
    assert cascade.times.size > 1.5 * n
    alone = cascade_of(n, productivity=0.0)
    assert alone.times.size == n


def test_what_falls_outside_the_region_is_lost_with_its_descendants():
    half_plane = shapely.box(0, -1e6, 1e6, 1e6)
    n = 4_000
    inside = cascade_of(n, region=half_plane)
    born = inside.parent >= 0
    assert (inside.x[born] > 0).all()
    # Given on the border, half of the first generation is outside.
    first = born & (inside.times[inside.parent] == 0)
    assert abs(first.sum() - 0.2 * n) < 4 * math.sqrt(0.2 * n)


def test_what_comes_before_the_cut_is_lost_with_its_descendants():
    n = 4_000
    cut = cascade_of(n, after=10.0)
    born = cut.parent >= 0
    assert cut.times[born].min() > 10
    first = born & (cut.times[cut.parent] == 0)
    expected = n * 0.4 * math.exp(-1.0)
    assert abs(first.sum() - expected) < 4 * math.sqrt(expected)


def test_pruning_takes_whole_branches():
    parent = np.array([-1, -1, 0, 2, 3, 1])
    sound = np.array([True, True, False, True, True, True])
    assert prune(parent, sound).tolist() == [True, True, False, False, False, True]


@pytest.mark.parametrize("parts", [COMPILED, BY_GENERATION], ids=["compiled", "by generation"])
def test_any_number_of_workers_gives_the_same_bytes(parts):
    runs = [cascade_of(5_000, parts=parts, workers=workers, end=20.0) for workers in (1, 2, 8)]
    for one in runs[1:]:
        for column, other in zip(runs[0], one, strict=True):
            assert column.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"productivity": 1.0}, ParameterError, "branching ratio of 1 or more"),
        ({"productivity": np.array([0.1, 1.2])}, ParameterError, "the highest given is 1.2"),
        ({"productivity": -0.1}, ParameterError, "in .0, 1"),
        ({"productivity": np.nan}, ParameterError, "in .0, 1"),
        ({"times": np.array([0.0, np.nan])}, DateError, "1 times are NaN"),
        ({"x": np.array([0.0, np.inf])}, CoordinateError, "NaN or infinite"),
        ({"x": np.zeros(3)}, CoordinateError, "one length"),
    ],
)
def test_what_cannot_be_simulated_is_refused_before_it_starts(given, error, message):
    zero = np.zeros(2)
    asked = {"times": zero, "x": zero, "y": zero, "productivity": 0.3} | given
    with pytest.raises(error, match=message):
        simulate_cascade(
            asked.pop("times"),
            asked.pop("x"),
            asked.pop("y"),
            lag=COMPILED[0],
            displacement=COMPILED[1],
            end=1.0,
            rng=np.random.default_rng(1),
            **asked,
        )
