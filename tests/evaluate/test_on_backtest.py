"""The scores on what a backtest returns, with its models, folds, steps and clipped cells."""

import geopandas as gpd
import matplotlib
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

import hotspot


@pytest.fixture(scope="module")
def result():
    """Two models, 8 monthly folds; 2 km cut obliquely, 250 m cells, more events in the west."""
    rng = np.random.default_rng(20)
    region = shapely.Polygon([(0, 0), (2000, 0), (2000, 1300), (700, 2000), (0, 2000)])
    places = np.column_stack([2000 * rng.beta(1, 2.5, 6000), rng.uniform(0, 2000, 6000)])
    places = places[shapely.contains_xy(region, *places.T)]
    days = pd.to_timedelta(rng.uniform(0, 730, len(places)), unit="D").round("s")
    table = gpd.GeoDataFrame(
        {"time": pd.Timestamp("2018-01-01", tz="UTC") + days, "offence": "burglary"},
        geometry=gpd.points_from_xy(*places.T),
        crs=27700,
    )
    window = [pd.Timestamp(day, tz="Europe/London") for day in ("2018-01-01", "2020-01-01")]
    events = hotspot.Events(table, region, *window, time_resolution="exact", place_resolution=0.0)
    models = {
        "year": hotspot.HistoricalRate(window="12 months"),
        "month": hotspot.HistoricalRate(window="1 month"),
    }
    folds = hotspot.rolling_origin("2019-04", "2019-12")
    grid = hotspot.Grid.over(region, cell_size=250)
    return hotspot.backtest(models, events, grid, folds, rng=np.random.default_rng(1), size=100)


def test_every_score_keeps_model_fold_and_step(result):
    observed = result["observed_count"]
    scores = [
        hotspot.hit_rate(result, observed, area_share=0.2),
        hotspot.prediction_accuracy_index(result, observed, area_share=0.2),
        hotspot.prediction_efficiency_index(result, observed, area_share=0.2),
        hotspot.prediction_efficiency_index_star(result, observed, area_share=0.2),
        hotspot.capture_area(result, observed),
        hotspot.poisson_log_score(result, observed),
        hotspot.negative_binomial_log_score(result, observed),
        hotspot.crps(result, observed),
        hotspot.brier_score(result, observed),
        hotspot.interval_coverage(result, observed, level=0.9),
        hotspot.information_gain(result, observed, baseline=result.sel(model="year", drop=True)),
    ]
    for score in scores:
        assert dict(score.sizes) == {"model": 2, "fold": len(result["fold"]), "step": 1}, score.name
        assert np.isfinite(score).all(), score.name


def test_the_inside_area_of_clipped_cells_is_used_without_being_asked_for(result):
    observed = result["observed_count"]
    asked = hotspot.hit_rate(result, observed, area_share=0.2, cell_area=result["inside_area"])
    assert hotspot.hit_rate(result, observed, area_share=0.2).equals(asked)
    equal = xr.ones_like(result["inside_area"]).where(result["inside_area"] > 0)
    assert not asked.equals(hotspot.hit_rate(result, observed, area_share=0.2, cell_area=equal))


def test_a_year_of_counts_beats_a_month_of_them_beyond_chance(result):
    """The truth does not change here, so twelve times the data must tell."""
    scores = hotspot.negative_binomial_log_score(result, result["observed_count"])
    found = hotspot.compare(scores, baseline="month", rng=np.random.default_rng(2))
    assert found["lower"].sel(model="year").item() > 0


def test_pictures_can_be_drawn_from_one_model_and_fold(result):
    matplotlib.use("Agg")
    ax = hotspot.plot_forecast(result.isel(fold=2).sel(model="year"))
    assert ax.get_title(loc="left") == "June 2019"
    assert "Model: year. Data before 2019-06-01" in ax.get_xlabel()
    ax.figure.clear()
