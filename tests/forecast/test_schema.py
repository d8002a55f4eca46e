"""A Dataset that is not a forecast is refused, and told why."""

import numpy as np
import pytest

from hotspot import check_forecast, issue_forecast
from hotspot.errors import ForecastError, LeakError
from hotspot.forecast.schema import DIMENSIONS, REQUIRED_ATTRIBUTES
from tests.forecast.made import fitted_map, months


@pytest.fixture(scope="module")
def sound():
    return issue_forecast(fitted_map(disc=True), months(2), rng=np.random.default_rng(1), size=40)


def with_value(forecast, name, value, *, at=(0, 4, 4)):
    values = forecast[name].copy(deep=True)
    values[(..., *at)] = value
    return forecast.assign({name: values})


def test_a_sound_forecast_is_returned_as_it_is(sound):
    assert check_forecast(sound) is sound


@pytest.mark.parametrize("name", DIMENSIONS)
def test_no_variable_may_be_missing(sound, name):
    with pytest.raises(ForecastError, match=f"must hold '{name}'"):
        check_forecast(sound.drop_vars(name))


@pytest.mark.parametrize("name", REQUIRED_ATTRIBUTES)
def test_no_attribute_may_be_missing(sound, name):
    attributes = {key: value for key, value in sound.attrs.items() if key != name}
    bare = sound.copy()
    bare.attrs = attributes
    with pytest.raises(ForecastError, match=f"must carry the attributes .'{name}'"):
        check_forecast(bare)


def test_dimensions_come_in_one_order(sound):
    with pytest.raises(ForecastError, match="must have dims"):
        check_forecast(sound.transpose("x", "y", "time", "quantile"))


def test_levels_must_be_there_and_ascend(sound):
    with pytest.raises(ForecastError, match="must have the coordinate 'quantile'"):
        check_forecast(sound.drop_vars("quantile"))
    with pytest.raises(ForecastError, match="ascending levels"):
        check_forecast(sound.isel(quantile=slice(None, None, -1)))
    with pytest.raises(ForecastError, match="ascending levels"):
        check_forecast(sound.assign_coords(quantile=sound["quantile"] * 100))
    with pytest.raises(ForecastError, match="and not empty"):
        check_forecast(sound.isel(quantile=slice(0)))


def test_bounds_may_not_fall_as_the_level_rises(sound):
    crossed = with_value(sound, "count_quantile", 10**6, at=(4, 4))
    crossed["count_quantile"][-1] = sound["count_quantile"][-1]
    with pytest.raises(ForecastError, match="'count_quantile' falls somewhere"):
        check_forecast(crossed)


@pytest.mark.parametrize("name", ["expected_count", "count_variance", "probability"])
@pytest.mark.parametrize("value", [-1.0, np.inf])
def test_nothing_may_be_negative_or_infinite(sound, name, value):
    with pytest.raises(ForecastError, match="finite and not negative"):
        check_forecast(with_value(sound, name, value))


def test_a_chance_may_not_exceed_one(sound):
    with pytest.raises(ForecastError, match="must not exceed 1"):
        check_forecast(with_value(sound, "probability", 1.5))


@pytest.mark.parametrize("name", ["count_variance", "probability", "count_quantile"])
def test_all_variables_are_nan_in_the_same_cells(sound, name):
    with pytest.raises(ForecastError, match="are NaN in different"):
        check_forecast(with_value(sound, name, np.nan))
    with pytest.raises(ForecastError, match="are NaN in different"):
        check_forecast(with_value(sound, "expected_count", np.nan))


def test_an_area_mean_without_bounds_is_refused(sound):
    with_mean = sound.assign(area_expected_count=(("time", "area"), np.ones((2, 1))))
    with pytest.raises(ForecastError, match="come together"):
        check_forecast(with_mean)


def test_a_forecast_that_has_seen_its_future_is_refused(sound):
    with pytest.raises(LeakError, match="later than issued_at"):
        check_forecast(sound.assign_attrs(issued_at="2018-12-31T00:00:00+00:00"))
    late = "2019-01-02T00:00:00+00:00"
    with pytest.raises(LeakError, match="later than the first period"):
        check_forecast(sound.assign_attrs(issued_at=late, data_cutoff=late))


class TestTwoParts:
    """Background and triggering, where a model tells them apart."""

    @staticmethod
    def parted(forecast, share):
        return forecast.assign(
            background_count=share * forecast["expected_count"],
            triggered_count=(1 - share) * forecast["expected_count"],
        )

    def test_two_parts_that_sum_to_the_mean_are_a_forecast(self, sound):
        assert check_forecast(self.parted(sound, 0.7)) is not None

    def test_parts_that_do_not_sum_to_the_mean_are_refused(self, sound):
        wrong = self.parted(sound, 0.7)
        wrong["triggered_count"] = wrong["triggered_count"] * 1.01
        with pytest.raises(ForecastError, match="must sum to 'expected_count'"):
            check_forecast(wrong)

    def test_one_part_without_the_other_is_refused(self, sound):
        with pytest.raises(ForecastError, match="come together"):
            check_forecast(self.parted(sound, 0.7).drop_vars("triggered_count"))
