"""What the sums over earlier events refuse, and what they say."""

import numpy as np
import pytest

from hotspot.errors import CoordinateError, DateError, ParameterError
from hotspot.models.parts.displacement import GaussianDisplacement
from hotspot.models.parts.lag import ExponentialLag, PowerLawLag
from hotspot.models.parts.shapes import ExponentialLagShape
from hotspot.models.triggering.sums import offspring_totals, triggered_intensity

EXPONENTIAL = ExponentialLag(rate=0.1)
GAUSSIAN = GaussianDisplacement(sd=200.0)
POWER_LAW = PowerLawLag(c=3.0, p=1.7)


def asked(times=(0.0, 1.0), x=(0.0, 1.0), y=(0.0, 1.0), productivity=0.3, **rest):
    parts = {"lag": EXPONENTIAL, "displacement": GAUSSIAN} | rest
    return triggered_intensity(
        np.array(times), np.array(x), np.array(y), productivity=productivity, **parts
    )


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"times": (1.0, 0.0)}, DateError, "event 1 is earlier than the one before it. Sort"),
        ({"times": (0.0, np.nan)}, DateError, "1 times are NaN or infinite"),
        ({"times": (0.0, np.inf)}, DateError, "1 times are NaN or infinite"),
        ({"x": (0.0, np.nan)}, CoordinateError, "1 places are NaN or infinite"),
        ({"y": (np.inf, -np.inf)}, CoordinateError, "2 places are NaN or infinite"),
        ({"x": (0.0, 1.0, 2.0)}, CoordinateError, "three arrays of one length"),
        ({"productivity": -0.1}, ParameterError, "finite number, 0 or more"),
        ({"productivity": np.nan}, ParameterError, "finite number, 0 or more"),
        ({"productivity": np.ones(3)}, ParameterError, "2 events and .3,. productivities"),
        ({"lag_reach": 0.0}, ParameterError, "lag_reach must be above 0"),
        ({"displacement_reach": np.nan}, ParameterError, "displacement_reach must be above 0"),
        ({"workers": 0}, ParameterError, "workers must be 1 or more"),
        ({"method": "fast"}, ParameterError, "method must be one of auto, pairs, grid, plain"),
        ({"method": "grid", "lag": POWER_LAW}, ParameterError, "Take method=.pairs."),
        ({"method": "grid", "lag_reach": 9.0}, ParameterError, "without a reach"),
        (
            {"method": "grid", "lag": ExponentialLagShape(-0.1)},
            ParameterError,
            "falling exponential",
        ),
        ({"lag": GAUSSIAN}, ParameterError, "not a lag part .* Take a ConstantLagShape, Expon"),
        ({"displacement": EXPONENTIAL}, ParameterError, "not a displacement part"),
    ],
)
def test_what_cannot_be_summed_is_refused_with_what_to_do(given, error, message):
    with pytest.raises(error, match=message):
        asked(**given)


def test_offspring_totals_name_the_first_event_out_of_order_as_it_was_given():
    unsorted = np.array([0.0, 2.0, 1.0, 3.0])
    with pytest.raises(DateError, match="event 2 is earlier"):
        offspring_totals(
            unsorted, unsorted, unsorted, weights=1.0, lag=EXPONENTIAL, displacement=GAUSSIAN
        )
