"""The backtest: forecasts that saw only their past, the same bytes for any number of workers."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from hotspot import Grid, HistoricalRate, backtest, check_forecast, issue_forecast, rolling_origin
from hotspot.errors import CoverageError, LeakError, ParameterError
from tests.patterns import LONDON, monthly_events

MODELS = {"year": HistoricalRate("12 months"), "all": HistoricalRate()}
FEW = {"quantiles": (0.05, 0.5, 0.95), "size": 40}


@pytest.fixture(scope="module")
def city():
    mean = np.random.default_rng(5).gamma(1, 2, (4, 5))
    return monthly_events(np.random.default_rng(6).poisson(mean, (36, 4, 5)))


@pytest.fixture(scope="module")
def folds():
    return rolling_origin("2021-01", "2022-01", horizon=2, step=3)


def _run(city, folds, *, seed=1, **options):
    grid = Grid.over(city.region)
    return backtest(MODELS, city, grid, folds, rng=np.random.default_rng(seed), **FEW | options)


def _bytes(result):
    return {name: result[name].to_numpy().tobytes() for name in result.data_vars}


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_workers(city, folds):
    halves = gpd.GeoDataFrame(
        {"name": ["west", "east"]},
        geometry=[box(0, 0, 600, 1000), box(600, 0, 1250, 1000)],
        crs=27700,
    )
    runs = [_bytes(_run(city, folds, workers=workers, areas=halves)) for workers in (1, 2, 8)]
    assert "area_count_quantile" in runs[0]
    assert runs[0] == runs[1] == runs[2]


def test_another_seed_changes_bounds_and_not_means(city, folds):
    one, two = (_bytes(_run(city, folds, seed=seed)) for seed in (1, 2))
    assert one["expected_count"] == two["expected_count"]
    assert one["count_quantile"] != two["count_quantile"]


def test_the_order_of_rows_changes_no_byte(city, folds):
    shuffled = type(city)(**{**vars(city), "table": city.table.sample(frac=1, random_state=2)})
    assert _bytes(_run(city, folds)) == _bytes(_run(shuffled, folds))


def test_observed_counts_are_those_of_the_judged_periods(city, folds):
    result = _run(city, folds)
    assert result["observed_count"].dims == ("fold", "step", "y", "x")
    march = result["observed_count"].isel(fold=0, step=1)
    in_february_2021 = city.table["time"].dt.strftime("%Y-%m") == "2021-02"
    assert int(march.sum()) == int(in_february_2021.sum())
    assert result["time"].isel(fold=0, step=1).values == np.datetime64("2021-02-01")


def test_one_fold_equals_the_forecast_issued_by_hand(city, folds):
    """The mean of fold 1 is what fitting to its past by hand expects."""
    result = _run(city, folds)
    fitted = MODELS["year"].fit(folds[1].past(city), Grid.over(city.region))
    by_hand = issue_forecast(fitted, folds[1].periods, rng=np.random.default_rng(9), **FEW)
    check_forecast(by_hand)
    np.testing.assert_array_equal(
        result["expected_count"].sel(model="year", fold=1), by_hand["expected_count"]
    )
    assert str(result["data_cutoff"].values[1]).startswith("2021-04-01")


def test_models_are_given_nothing_at_or_after_the_cut_off(city, folds):
    seen = []

    class Spy:
        def fit(self, events, grid, *, end=None):
            seen.append((events.table["time"].max(), events.end, end))
            return HistoricalRate().fit(events, grid, end=end)

    grid = Grid.over(city.region)
    backtest({"spy": Spy()}, city, grid, folds, rng=np.random.default_rng(1), **FEW)
    assert len(seen) == len(folds)
    assert all(last < end and known <= end for last, known, end in seen)


def test_a_model_that_keeps_a_later_cut_off_is_refused(city, folds):
    class Late:
        def fit(self, events, grid, *, end=None):  # noqa: ARG002 - ignores what it is told
            return HistoricalRate().fit(city, grid)

    with pytest.raises(LeakError, match="before the data cut-off"):
        backtest(
            {"late": Late()}, city, Grid.over(city.region), folds,
            rng=np.random.default_rng(1), **FEW,
        )  # fmt: skip


def test_a_fold_judged_on_unrecorded_months_is_refused(city):
    beyond = rolling_origin("2021-12", "2022-03")
    with pytest.raises(CoverageError, match="outside the recorded window"):
        _run(city, beyond)


def test_no_models_or_uneven_folds_are_refused(city, folds):
    grid, rng = Grid.over(city.region), np.random.default_rng(1)
    with pytest.raises(ParameterError, match="at least one model"):
        backtest({}, city, grid, folds, rng=rng)
    uneven = [*folds, *rolling_origin("2021-11", "2021-12")]
    with pytest.raises(ParameterError, match="equally many periods"):
        backtest(MODELS, city, grid, uneven, rng=rng)
    with pytest.raises(ParameterError, match="workers"):
        backtest(MODELS, city, grid, folds, rng=rng, workers=0)


def test_a_past_of_one_kind_has_one_hash(city, folds):
    hashes = _run(city, folds)["input_sha256"]
    assert (hashes == hashes.isel(model=0)).all()
    assert np.unique(hashes).size == len(folds)
    assert folds[0].cutoff == pd.Timestamp("2021-01", tz=LONDON)


@pytest.mark.parametrize("turned", [False, True], ids=["parts last", "parts first"])
def test_what_only_some_models_give_is_nan_for_the_others(city, folds, turned):
    """A model that says that a third of its map was triggered, beside one that says nothing."""

    class Parted:
        def __init__(self, fitted):
            self.fitted = fitted

        def __getattr__(self, name):
            return getattr(self.fitted, name)

        def background_count(self, periods):
            return self.fitted.expected_count(periods) * (2 / 3)

        def triggered_count(self, periods):
            return self.fitted.expected_count(periods) / 3

    class Model:
        def fit(self, events, grid, *, end=None):
            return Parted(HistoricalRate().fit(events, grid, end=end))

    models = {"plain": HistoricalRate(), "parted": Model()}
    models = dict(reversed(models.items())) if turned else models
    grid = Grid.over(city.region)
    found = backtest(models, city, grid, folds, rng=np.random.default_rng(1), **FEW)
    assert found["triggered_count"].sel(model="plain").isnull().all()
    parted = found.sel(model="parted")
    total = parted["background_count"] + parted["triggered_count"]
    np.testing.assert_allclose(total, parted["expected_count"])
