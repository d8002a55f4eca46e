"""A forecast says what the model says, with bounds that come from whole simulated futures."""

import json
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from shapely import box

import hotspot.forecast.ensemble as ensemble
from hotspot import check_forecast, generator_from, issue_forecast, make_periods
from hotspot.errors import (
    DateError,
    ForecastError,
    GridMismatchError,
    LeakError,
    ParameterError,
    RegionError,
    UnknownNameError,
)
from hotspot.forecast.issue import chance_of_any
from hotspot.grid.areas import area_weights
from tests.forecast.made import CUTOFF, fitted_map, months


def issue(fitted=None, periods=None, *, seed=20240229, **options):
    return issue_forecast(
        fitted or fitted_map(),
        months() if periods is None else periods,
        rng=np.random.default_rng(seed),
        **{"size": 200, **options},
    )


def west_and_east(shape=(4, 6)):
    """Two areas that meet in the middle of the grid of `fitted_map`."""
    ny, nx = shape
    halves = [box(0, 0, nx * 50, ny * 100), box(nx * 50, 0, nx * 100, ny * 100)]
    return gpd.GeoDataFrame({"name": ["West", "East"]}, geometry=halves, crs=27700)


@dataclass(frozen=True)
class Told:
    """A fitted model whose moments and futures are those it is told."""

    base: object
    expected: float | None = None
    variance: float | None = None
    drawn: float | None = None

    def __getattr__(self, name):
        return getattr(self.base, name)

    def expected_count(self, periods):
        true = self.base.expected_count(periods)
        return true if self.expected is None else spoilt(true, self.expected)

    def count_variance(self, periods):
        true = self.base.count_variance(periods)
        return true if self.variance is None else spoilt(true, self.variance)

    def simulate_counts(self, periods, *, size, rng):
        true = self.base.simulate_counts(periods, size=size, rng=rng)
        return true if self.drawn is None else spoilt(true, self.drawn)


def spoilt(values, value):
    values = values.copy()
    values[..., 1, 2] = value
    return values


def test_the_moments_are_the_models():
    fitted = fitted_map(disc=True)
    forecast = issue(fitted, months(2))
    xr.testing.assert_allclose(
        forecast["expected_count"].drop_vars(["time_end", "inside_area"]),
        fitted.expected_count(months(2)),
        rtol=0,
    )
    xr.testing.assert_allclose(
        forecast["count_variance"].drop_vars(["time_end", "inside_area"]),
        fitted.count_variance(months(2)),
        rtol=0,
    )
    assert forecast["expected_count"].dtype == np.float64


@pytest.mark.parametrize("size", [200, 233], ids=["whole ranks", "ranks between members"])
def test_bounds_are_quantiles_of_the_members_that_are_kept(size):
    forecast = issue(periods=months(2), keep_members=True, size=size)
    assert forecast["simulated_count"].dims == ("member", "time", "y", "x")
    np.testing.assert_array_equal(
        forecast["count_quantile"],
        np.quantile(
            forecast["simulated_count"], forecast["quantile"], axis=0, method="inverted_cdf"
        ),
    )


def test_keeping_the_members_changes_no_bound():
    xr.testing.assert_identical(
        issue(keep_members=True).drop_vars(["simulated_count", "member"]), issue()
    )


def test_cells_outside_the_region_are_nan_in_every_variable():
    forecast = issue(fitted_map(disc=True), keep_members=True)
    outside = (forecast["inside_area"] == 0).to_numpy()
    assert outside.any()
    for name, values in forecast.data_vars.items():
        missing = np.isnan(values.to_numpy())
        assert (missing == np.broadcast_to(outside, missing.shape)).all(), name


def test_coordinates_say_when_periods_end_and_how_much_of_a_cell_is_inside():
    fitted = fitted_map(disc=True)
    forecast = issue(fitted, months(2))
    np.testing.assert_array_equal(
        forecast["time_end"], np.array(["2019-02-01", "2019-03-01"], "datetime64[ns]")
    )
    np.testing.assert_array_equal(forecast["inside_area"], fitted.grid.inside_area)
    assert forecast["time_end"].dims == ("time",)


def test_the_chance_of_any_is_that_of_the_law_with_these_moments():
    """SciPy's negative binomial with n = m² / (v - m), p = m / v; its Poisson where v = m."""
    mean = np.array([1e-9, 1e-4, 0.5, 3.0, 40.0, 0.5, 0.5, 1e-3])
    variance = np.array([2e-9, 1e-4, 0.9, 30.0, 41.0, 0.5, 0.4, 1e-3 * (1 + 1e-12)])
    over = variance > mean * (1 + 1e-9)
    n = np.where(over, mean**2 / np.where(over, variance - mean, 1), 1)
    expected = np.where(over, stats.nbinom(n, mean / variance).sf(0), stats.poisson(mean).sf(0))
    np.testing.assert_allclose(chance_of_any(mean, variance), expected, rtol=1e-7)


def test_the_chance_of_any_is_close_to_the_share_of_futures_with_any():
    forecast = issue(fitted_map(region=0.0, block=0.0), size=4000, keep_members=True)
    share = (forecast["simulated_count"] > 0).mean("member")
    chance = forecast["probability"]
    error = np.sqrt(chance * (1 - chance) / 4000)
    assert float((np.abs(share - chance) - 4.5 * error).max()) < 1e-9


def test_area_bounds_are_quantiles_of_sums_of_whole_futures():
    forecast = issue(periods=months(2), areas=west_and_east(), keep_members=True)
    members = forecast["simulated_count"]
    sums = np.stack([members[..., :3].sum(("y", "x")), members[..., 3:].sum(("y", "x"))], axis=-1)
    assert list(forecast["area"].values) == ["West", "East"]
    np.testing.assert_allclose(
        forecast["area_count_quantile"],
        np.quantile(sums, forecast["quantile"], axis=0, method="inverted_cdf"),
    )
    np.testing.assert_allclose(
        forecast["area_expected_count"].sum("area"), forecast["expected_count"].sum(("y", "x"))
    )


def test_area_bounds_are_narrower_than_the_sums_of_cell_bounds():
    forecast = issue(fitted_map(region=0.0, block=0.0), areas=west_and_east())
    upper = forecast.sel(quantile=0.975)
    assert float(upper["area_count_quantile"].sum()) < float(upper["count_quantile"].sum())


def test_an_area_that_halves_a_cell_counts_half_of_it():
    """The border runs through the middle of the second of three cells."""
    fitted = fitted_map(shape=(1, 3))
    areas = gpd.GeoDataFrame({"ward": ["W"]}, geometry=[box(0, 0, 150, 100)], crs=27700)
    forecast = issue(fitted, areas=areas, by="ward", keep_members=True)
    first, second, _ = forecast["expected_count"].to_numpy().ravel()
    assert forecast["area_expected_count"].item() == pytest.approx(first + second / 2)
    counts = forecast["simulated_count"].to_numpy().reshape(-1, 3)
    np.testing.assert_allclose(
        forecast["area_count_quantile"].to_numpy().ravel(),
        np.quantile(counts @ [1, 0.5, 0], forecast["quantile"].to_numpy(), method="inverted_cdf"),
    )


def test_an_area_outside_the_region_has_no_forecast():
    areas = west_and_east()
    areas.loc[2] = ["Elsewhere", box(9_000, 0, 9_100, 100)]
    forecast = issue(areas=areas)
    assert np.isnan(forecast["area_expected_count"].sel(area="Elsewhere")).all()
    assert np.isnan(forecast["area_count_quantile"].sel(area="Elsewhere")).all()
    assert np.isfinite(forecast["area_count_quantile"].sel(area="West")).all()


def test_weights_made_once_give_the_same_forecast_as_the_areas_they_were_made_of():
    fitted = fitted_map()
    weights = area_weights(fitted.grid, west_and_east(), by="name")
    xr.testing.assert_identical(issue(fitted, areas=weights), issue(areas=west_and_east()))
    with pytest.raises(GridMismatchError, match=r"are \(2, 24\), for 2 areas on a grid of 6 cells"):
        issue(fitted_map(shape=(2, 3)), areas=weights)


def test_areas_that_cannot_be_laid_over_the_cells_are_refused():
    with pytest.raises(RegionError, match="Project them first"):
        issue(areas=west_and_east().to_crs(4326))
    with pytest.raises(UnknownNameError, match="no column 'ward'"):
        issue(areas=west_and_east(), by="ward")


def test_futures_do_not_depend_on_how_they_are_split_into_blocks_of_periods(monkeypatch):
    """Each block asks the model for whole futures, so periods stay together in a member."""
    fitted = fitted_map(region=2.0, block=0.0, cell=0.0, busiest=3.0)
    monkeypatch.setattr(ensemble, "_BLOCK_BYTES", 1)
    forecast = issue(fitted, months(2), keep_members=True)
    totals = forecast["simulated_count"].sum(("y", "x")).to_numpy()
    assert np.corrcoef(totals.T)[0, 1] > 0.9  # the level varies far more than chance


@pytest.mark.parametrize("busiest", [0.3, 40.0], ids=["one byte", "two bytes"])
def test_a_count_is_held_whole_however_large(busiest):
    forecast = issue(fitted_map(busiest=busiest), keep_members=True)
    np.testing.assert_array_equal(
        forecast["count_quantile"].sel(quantile=0.5),
        np.quantile(forecast["simulated_count"], 0.5, axis=0, method="inverted_cdf"),
    )


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    first, again, other = issue(seed=1), issue(seed=1), issue(seed=2)
    xr.testing.assert_identical(first, again)
    assert not np.array_equal(first["count_quantile"], other["count_quantile"], equal_nan=True)


@pytest.mark.parametrize(
    "make",
    [
        np.random.default_rng,
        lambda seed: np.random.default_rng([seed, 2]).spawn(3)[1],
        lambda seed: np.random.Generator(np.random.Philox(seed)),
        lambda _: np.random.default_rng(),
    ],
    ids=["seeded", "a child of a list", "Philox", "from the system"],
)
def test_the_entropy_of_a_forecast_makes_its_generator_again(make):
    rng = make(20240229)
    rng.random(10)  # what was drawn before does not matter
    rng.spawn(2)  # nor what was spawned
    forecast = issue_forecast(fitted_map(), months(), rng=rng, size=100)
    made_again = generator_from(forecast.attrs["entropy"])
    xr.testing.assert_identical(
        issue_forecast(fitted_map(), months(), rng=made_again, size=100), forecast
    )


def test_two_forecasts_from_one_generator_differ():
    rng = np.random.default_rng(1)
    first, second = (issue_forecast(fitted_map(), months(), rng=rng, size=100) for _ in range(2))
    assert not first["count_quantile"].equals(second["count_quantile"])


@pytest.mark.parametrize("entropy", ["", "null", "{}", '{"entropy": "x"}', None])
def test_what_is_not_entropy_is_refused(entropy):
    with pytest.raises(ParameterError, match="not the entropy of a forecast"):
        generator_from(entropy)


def test_attributes_say_how_the_forecast_was_made():
    attributes = issue(input_sha256="ab12").attrs
    assert attributes["issued_at"] == attributes["data_cutoff"] == "2019-01-01T00:00:00+00:00"
    assert json.loads(attributes["parameters"]) == {"half_life": None, "window": 36}
    assert attributes["crs"] == "EPSG:27700"
    assert attributes["n_members"] == 200
    assert attributes["input_sha256"] == "ab12"
    assert attributes["interval_kind"] == fitted_map().interval_kind


def test_issued_at_may_be_any_instant_up_to_the_first_period():
    later = make_periods("2019-03", count=1)
    forecast = issue(periods=later, issued_at="2019-02-14 09:30")
    assert forecast.attrs["issued_at"] == "2019-02-14T09:30:00+00:00"


@pytest.mark.parametrize(
    ("issued_at", "error", "message"),
    [
        ("2018-12-31", LeakError, "lies before the data cut-off"),
        ("2019-01-02", ParameterError, "lies after the first period begins"),
        ("yesterday-ish", DateError, "is not a date"),
    ],
)
def test_an_impossible_time_of_issue_is_refused(issued_at, error, message):
    with pytest.raises(error, match=message):
        issue(issued_at=issued_at)


@pytest.mark.parametrize("rng", [1, None, np.random.RandomState(1)], ids=repr)
def test_a_seed_is_not_a_generator(rng):
    with pytest.raises(ParameterError, match=r"np\.random\.default_rng\(seed\)"):
        issue_forecast(fitted_map(), months(), rng=rng)


def test_a_generator_that_cannot_be_made_again_is_refused():
    class Fixed(np.random.bit_generator.ISeedSequence):
        def generate_state(self, n_words, dtype=np.uint32):
            return np.ones(n_words, dtype)

    with pytest.raises(ParameterError, match="without a seed sequence"):
        issue_forecast(fitted_map(), months(), rng=np.random.Generator(np.random.PCG64(Fixed())))


@pytest.mark.parametrize(
    "quantiles", [(), (0.5, 0.25), (0.5, 0.5), (0.0, 0.5), (0.5, 1.0), (0.5, np.nan), 0.5]
)
def test_quantiles_that_are_not_ascending_levels_are_refused(quantiles):
    with pytest.raises(ParameterError, match="ascending levels in"):
        issue(quantiles=quantiles)


@pytest.mark.parametrize(
    ("quantiles", "size", "needed"),
    [((0.025, 0.975), 39, 40), ((0.1, 0.99), 99, 100), ((0.5,), 1, 2)],
)
def test_too_few_futures_for_the_outer_quantiles_are_refused(quantiles, size, needed):
    with pytest.raises(ParameterError, match=f"needs at least {needed}"):
        issue(quantiles=quantiles, size=size)
    assert issue(quantiles=quantiles, size=needed).sizes["quantile"] == len(quantiles)


@pytest.mark.parametrize("size", [0, -5, 10.0, True, "many"])
def test_a_size_that_is_not_a_number_of_futures_is_refused(size):
    with pytest.raises(ParameterError, match="size must be a whole number"):
        issue(size=size)


def test_more_futures_than_fit_in_memory_are_refused_with_an_estimate():
    """A thousand million futures of 24 cells, one byte each: 24e9 / 2**30 = 22.4 GiB."""
    with pytest.raises(ParameterError, match=r"at least 22\.4 GiB, over the limit of 4"):
        issue(size=10**9)
    with pytest.raises(ParameterError, match="do not keep the members"):
        issue(size=10**8, keep_members=True)
    with pytest.raises(ParameterError, match=r"and 2 areas would take at least 7\.5 GiB"):
        issue(size=2 * 10**8, areas=west_and_east())  # (24 + 16) bytes a future


@pytest.mark.parametrize("expected", [0.0, -1.0, np.nan, np.inf])
def test_an_expected_count_that_is_not_positive_is_refused(expected):
    with pytest.raises(ForecastError, match="no positive number of offences in 1 of 24"):
        issue(Told(fitted_map(), expected=expected))


@pytest.mark.parametrize("variance", [-1.0, np.nan, np.inf])
def test_a_variance_that_is_not_a_number_is_refused(variance):
    with pytest.raises(ForecastError, match="variance that is negative or not a number"):
        issue(Told(fitted_map(), variance=variance))


@pytest.mark.parametrize("drawn", [-1.0, np.nan, np.inf, 0.5, 1e10])
def test_simulated_counts_that_are_not_counts_are_refused(drawn):
    with pytest.raises(ForecastError, match="not whole numbers from 0"):
        issue(Told(fitted_map(), drawn=drawn))


def test_parameters_that_are_not_json_are_refused():
    with pytest.raises(ForecastError, match="parameters of gradient are not JSON"):
        issue(replace(fitted_map(), parameters={"bandwidth": np.nan}))


def test_a_period_before_the_cutoff_is_a_leak():
    with pytest.raises(LeakError, match="before the data cut-off"):
        issue(periods=make_periods("2018-12", count=1))
    with pytest.raises(LeakError, match="before the data cut-off"):
        issue(periods=make_periods("2018-12", count=2)[::-1])  # the early one comes last


@pytest.mark.parametrize(
    ("periods", "message"),
    [
        ("2019-01", "left-closed IntervalIndex"),
        (pd.IntervalIndex.from_breaks(pd.date_range("2019-01", periods=2)), "left-closed"),
        (
            pd.IntervalIndex.from_breaks(pd.date_range("2019-01", periods=2), closed="left"),
            "must carry a time zone",
        ),
        (months()[:0], "left-closed IntervalIndex"),
    ],
)
def test_periods_that_are_not_periods_are_refused(periods, message):
    with pytest.raises(ParameterError, match=message):
        issue(periods=periods)


def test_the_forecast_passes_its_own_check():
    forecast = issue(areas=west_and_east())
    assert check_forecast(forecast) is forecast
    assert pd.Timestamp(forecast.attrs["data_cutoff"]) == CUTOFF
