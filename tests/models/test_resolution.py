"""What coarse times do to triggering."""

import numpy as np
import pytest

from hotspot.errors import ParameterError, ResolutionError
from hotspot.models.self_exciting.resolution import (
    branching_ratio_of_floored_poisson,
    require_exact_times,
    shortest_scales,
)
from tests.models.self_exciting_cases import as_events

ROWS = np.array([[1.0, 10.0, 10.0], [2.0, 20.0, 20.0]])


def test_flooring_makes_triggering_out_of_nothing():
    """On the same records, exact times fit little and months nearly 1; published: .05, .37, .97."""

    def median(resolution):
        rng = np.random.default_rng(7)
        return np.median(
            branching_ratio_of_floored_poisson(resolution, rng=rng, runs=3, days=250.0)
        )

    assert median("exact") < 0.2
    assert 0.25 < median("day") < 0.5
    assert median("month") > 0.9


def test_the_same_seed_gives_the_same_ratios():
    runs = [
        branching_ratio_of_floored_poisson("day", rng=np.random.default_rng(1), runs=2, days=60.0)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*runs)


def test_options_that_make_no_sense_are_refused():
    rng = np.random.default_rng(1)
    with pytest.raises(ParameterError, match="resolution must be one of"):
        branching_ratio_of_floored_poisson("week", rng=rng)
    with pytest.raises(ParameterError, match="at least 20 events"):
        branching_ratio_of_floored_poisson("day", rng=rng, days=10.0)
    with pytest.raises(ParameterError, match=r"numpy\.random\.Generator"):
        branching_ratio_of_floored_poisson("day", rng=1)


def test_month_data_are_refused():
    with pytest.raises(ResolutionError, match="recorded by the month"):
        require_exact_times(as_events(ROWS, days=62, resolution="month"))


def test_resolutions_bound_the_scales_from_below():
    hourly = as_events(ROWS, days=10, resolution="hour", place_resolution=80.0)
    assert shortest_scales(hourly) == (1 / 24, pytest.approx(80 / 6**0.5))
