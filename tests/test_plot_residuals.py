"""Pictures of residuals: what they show, and that white is nothing left unexplained."""

import matplotlib as mpl
import numpy as np
import pytest
import shapely
import xarray as xr

from hotspot import (
    Grid,
    knox_test,
    space_time_k_test,
    super_thinned_residuals,
    voronoi_residuals,
)
from hotspot.errors import ParameterError
from hotspot.plot import plot_knox, plot_residuals, plot_space_time_k, plot_super_thinned
from hotspot.plot.style import residual_colours
from tests.models.self_exciting_cases import as_events

mpl.use("Agg")
REGION = shapely.box(0, 0, 1000, 1000) - shapely.Point(300, 300).buffer(200)


@pytest.fixture(autouse=True)
def _no_figure_is_left_open():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(1)
    places = rng.uniform(0, 1000, (80, 2))
    places = places[shapely.contains_xy(REGION, *places.T)]
    return as_events(np.column_stack([rng.uniform(0, 20, len(places)), places]), days=20,
                     region=REGION)  # fmt: skip


def test_no_residual_is_white_and_the_ends_are_equally_far():
    cells = {"y": [50.0, 150.0], "x": [50.0, 150.0, 250.0]}
    values = xr.DataArray([[0.0, -4.0, 1.0], [np.nan, 2.0, 0.5]], cells, ["y", "x"])
    ax = plot_residuals(values, title="A town")
    image = ax.images[0]
    assert image.get_clim() == (-4, 4)
    # Lightness, not hue, tells nothing from much: the middle is the lightest of all colours.
    light = residual_colours()(np.linspace(0, 1, 11))[:, :3].sum(axis=1)
    assert light.argmax() == 5
    assert image.get_array().mask[1, 0]
    assert ax.get_title(loc="left") == "A town"


def test_voronoi_cells_are_drawn_each_with_its_residual(events):
    grid = Grid.over(REGION, cell_size=100)
    expected = xr.DataArray(
        np.where(grid.inside, grid.inside_area / 1e4, np.nan), {"y": grid.y, "x": grid.x}
    )
    found = voronoi_residuals(expected, events, grid)
    shaded = plot_residuals(found, vmax=1.0).collections[0]
    parts = sum(shapely.get_num_geometries(found.geometry.to_numpy()))
    assert len(shaded.get_paths()) == parts
    assert set(np.asarray(shaded.get_array())) == set(found["residual"])


def test_kept_events_are_dots_and_added_points_are_rings(events):
    left = super_thinned_residuals(
        lambda at: np.where(at[:, 1] < 500, 1.0, 8.0), events, rng=np.random.default_rng(2)
    )
    ax = plot_super_thinned(left)
    kept, added = ax.collections[:2]
    assert len(added.get_offsets()) == left.table["added"].sum() > 0
    assert len(kept.get_offsets()) == (~left.table["added"]).sum() > 0
    assert len(added.get_facecolors()) == 0
    assert f"{len(left.table)} points" in ax.get_title(loc="left")


def test_k_is_drawn_over_that_of_independent_points(events):
    left = super_thinned_residuals(
        lambda at: np.full(len(at), 3.0), events, rng=np.random.default_rng(2)
    )
    found = space_time_k_test(
        left, distances=[100, 200], lags=[2, 4, 6, 8], rng=np.random.default_rng(3), size=19
    )
    axes = plot_space_time_k(found, lags=2)
    assert [ax.get_title(loc="left") for ax in axes] == ["up to 2 days later", "up to 8 days later"]
    drawn = axes[1].lines[0].get_ydata()
    np.testing.assert_allclose(drawn, (found["k"] / found["poisson"]).isel(lag=3))
    assert f"p = {found.attrs['p_value']:.3g}" in axes[0].figure.get_suptitle()
    with pytest.raises(ParameterError, match="2 lags are shown, and there are 1 axes"):
        plot_space_time_k(found, lags=2, axes=[axes[0]])


def test_knoxs_table_says_ratio_and_counts_and_prints_small_p_bold(events):
    found = knox_test(
        events,
        distances=[0, 200, np.inf],
        days=[0, 5, np.inf],
        rng=np.random.default_rng(1),
        size=19,
    )
    found["p_value"][:] = [[0.01, 0.9], [0.5, 0.05]]
    found["ratio"][0, 1] = np.nan
    ax = plot_knox(found)
    texts = [text for text in ax.texts if text.get_text()]
    said = [text.get_text() for text in texts]
    assert said[0] == f"{found['ratio'].values[0, 0]:.2f}"
    assert said[1].startswith(f"{found['observed'].values[0, 0]} / ")
    assert said[2] == "-"
    assert [text.get_weight() for text in texts[::2]] == ["bold", "normal", "normal", "bold"]
    assert [label.get_text() for label in ax.get_xticklabels()] == list(found["time_band"].values)


def test_what_cannot_be_drawn_is_refused():
    cells = {"y": [50.0, 150.0], "x": [50.0, 150.0]}
    blank = xr.DataArray(np.full((2, 2), np.nan), cells, ["y", "x"])
    with pytest.raises(ParameterError, match="nothing to draw"):
        plot_residuals(blank)
    with pytest.raises(ParameterError, match="draw one map"):
        plot_residuals(blank.expand_dims(time=2))
