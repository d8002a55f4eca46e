"""What a score owes to the grid: laws of moved and turned grids, and the picture."""

from dataclasses import replace

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import shapely

import hotspot
from hotspot.errors import GridError, ParameterError
from hotspot.plot import plot_grid_sensitivity

mpl.use("Agg")
SCORES = ["n_events", "hit_rate", "pai", "pei_star", "information_gain"]


def record(region, n=1500):
    """Events of two years, thick about two places."""
    rng = np.random.default_rng(31)
    places = np.vstack(
        [
            rng.normal((700, 1300), 150, (n // 3, 2)),
            rng.normal((1500, 400), 250, (n // 3, 2)),
            rng.uniform(0, 2000, (n // 3, 2)),
        ]
    )
    places = places[shapely.contains_xy(region, *places.T)]
    days = pd.to_timedelta(rng.uniform(0, 730, len(places)), unit="D").round("s")
    table = gpd.GeoDataFrame(
        {"time": pd.Timestamp("2018-01-01", tz="UTC") + days, "offence": "burglary"},
        geometry=gpd.points_from_xy(*places.T),
        crs=27700,
    )
    window = [pd.Timestamp(day, tz="Europe/London") for day in ("2018-01-01", "2020-01-01")]
    return hotspot.Events(table, region, *window, time_resolution="exact", place_resolution=0.0)


SQUARE = record(shapely.box(0, 0, 2000, 2000))
NOTCHED = record(shapely.Polygon([(0, 0), (2000, 0), (2000, 1300), (700, 2000), (0, 2000)]))
FOLDS = hotspot.rolling_origin("2019-06", "2019-08")
COUNT = hotspot.HistoricalRate("12 months")


def tried(events, model=COUNT, **options):
    options = {"cell_sizes": [250], "offsets": [(0, 0)], "area_share": 0.1, **options}
    return hotspot.grid_sensitivity(model, events, FOLDS, **options)


def test_each_grid_and_fold_has_a_row_and_no_grid_loses_an_event():
    table = tried(NOTCHED, cell_sizes=[200, 350], offsets=[(0, 0), (0.3, 0.6)], rotations=[0, 25])
    assert len(table) == 2 * 2 * 2 * 2
    assert table.groupby("fold")["n_events"].nunique().tolist() == [1, 1]
    assert (table["pai_lowest"] <= table["pai"] + 1e-12).all()
    assert (table["pai"] <= table["pai_highest"] + 1e-12).all()
    assert table.groupby("cell_size")["pai"].nunique().min() > 4


def test_an_origin_a_whole_cell_away_is_the_same_grid():
    table = tried(NOTCHED, offsets=[(0, 0), (1, 0), (0, -2)])
    for _, rows in table.groupby("fold"):
        np.testing.assert_allclose(rows[SCORES], rows[SCORES].iloc[[0, 0, 0]], rtol=1e-9)


@pytest.mark.parametrize("model", [COUNT, hotspot.KernelDensity(200.0, window="12 months")])
def test_moving_the_origin_is_moving_the_record_the_other_way(model):
    moved = replace(
        NOTCHED,
        table=NOTCHED.table.set_geometry(NOTCHED.table.geometry.translate(-75, -125)),
        region=shapely.transform(NOTCHED.region, lambda xy: xy - (75, 125)),
    )
    there = tried(NOTCHED, model, offsets=[(0.3, 0.5)])
    here = tried(moved, model)
    np.testing.assert_allclose(there[SCORES], here[SCORES], rtol=1e-6)


def test_a_square_turned_by_a_right_angle_scores_the_same():
    table = tried(SQUARE, rotations=[0, 90, 180], area_share=0.125)  # 8 of 64 cells
    for _, rows in table.groupby("fold"):
        np.testing.assert_allclose(rows[SCORES], rows[SCORES].iloc[[0, 0, 0]], rtol=1e-9)


def test_the_scores_are_those_of_the_grid_laid_by_hand():
    grid = hotspot.Grid.over(NOTCHED.region, cell_size=250)
    row = tried(NOTCHED).iloc[1]
    fitted = COUNT.fit(FOLDS[1].past(NOTCHED), grid, end=FOLDS[1].cutoff)
    forecast = fitted.expected_count(FOLDS[1].periods).to_dataset(name="expected_count")
    area = forecast["expected_count"][0].copy(data=grid.inside_area).drop_vars("time")
    observed = hotspot.count_events(NOTCHED, grid, FOLDS[1].periods)
    pai = hotspot.prediction_accuracy_index(forecast, observed, area_share=0.1, cell_area=area)
    assert row["pai"] == pytest.approx(pai.item())
    assert row["hit_rate"] == pytest.approx(pai.item() * 0.1)
    assert row["n_cells"] == grid.inside.sum()


def test_what_makes_no_grid_is_refused():
    with pytest.raises(ParameterError, match="rotations is empty; give at least one"):
        tried(SQUARE, rotations=[])
    with pytest.raises(ParameterError, match=r"area_share must be in \(0, 1\], got 0"):
        tried(SQUARE, area_share=0)
    with pytest.raises(GridError, match="larger than the region"):
        tried(SQUARE, cell_sizes=[5000])


def test_the_picture_shows_each_grid_once_and_tells_the_spread():
    import matplotlib.pyplot as plt

    table = pd.DataFrame(
        {
            "cell_size": np.repeat([100.0, 200.0], 4),
            "offset_x": np.tile([0.0, 0.0, 0.5, 0.5], 2),
            "offset_y": 0.0,
            "rotation": 0.0,
            "fold": np.tile([0, 1], 4),
            "pai": [8.0, 10.0, 7.0, 7.0, 6.0, 6.0, 5.0, 7.0],
        }
    )
    ax = plot_grid_sensitivity(table)
    points = next(one for one in ax.collections if one.get_label() == "0°").get_offsets().data
    assert points.tolist() == [[100, 9], [100, 7], [200, 6], [200, 6]]
    assert ax.get_title(loc="left") == "from 6 to 9: 50 % by the grid alone"
    with pytest.raises(ParameterError, match=r"table lacks \['hit_rate'\]; make it with"):
        plot_grid_sensitivity(table, score="hit_rate")
    plt.close("all")
