"""Pictures: what they show, that they are legible to all, and that they change nothing."""

import io
import subprocess
import sys

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from hotspot.errors import ForecastError, GridMismatchError, ParameterError
from hotspot.evaluate.comparison.added_value import MEASURES, NO_BENEFIT, AddedValueReport
from hotspot.plot import (
    plot_added_value,
    plot_area_bounds,
    plot_bounds,
    plot_calibration,
    plot_capture_curve,
    plot_forecast,
    plot_pit,
)
from hotspot.plot.maps import round_length, square_root_ticks
from hotspot.plot.style import LINE_COLOURS, map_colours

mpl.use("Agg")

# What a deuteranope sees of linear RGB (Machado, Oliveira & Fernandes 2009, severity 1).
DEUTERANOPE = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)


@pytest.fixture(autouse=True)
def _no_figure_is_left_open():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def cielab(rgb, *, seen_through=None):
    seen_through = np.eye(3) if seen_through is None else seen_through
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ seen_through.T, 0, 1)
    to_xyz = [[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]
    xyz = linear @ np.array(to_xyz).T / [0.9505, 1.0, 1.0890]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack(
        [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1
    )


def small_forecast(n_periods=2):
    """4 x 6 cells of 250 m, one of them outside; two areas."""
    rng = np.random.default_rng(7)
    expected = rng.gamma(0.5, 1, (n_periods, 4, 6))
    expected[:, 0, 0] = np.nan
    dims = ("time", "y", "x")
    ends = np.stack([np.floor(expected / 2), np.ceil(expected * 3)])
    start = pd.date_range("2020-01-01", periods=n_periods, freq="MS")
    return xr.Dataset(
        {
            "expected_count": (dims, expected),
            "probability": (dims, 1 - np.exp(-expected)),
            "count_quantile": (("quantile", *dims), ends),
            "area_expected_count": (("time", "area"), np.tile([30.0, 50.0], (n_periods, 1))),
            "area_count_quantile": (
                ("quantile", "time", "area"),
                np.stack([np.tile(q, (n_periods, 1)) for q in ([20.0, 40.0], [41.0, 62.0])]),
            ),
        },
        {
            "time": start,
            "time_end": ("time", start + pd.offsets.MonthBegin()),
            "y": 125 + 250.0 * np.arange(4),
            "x": 125 + 250.0 * np.arange(6),
            "quantile": [0.05, 0.95],
            "area": ["Brent", "Camden"],
        },
        {
            "model": "HistoricalRate",
            "data_cutoff": "2020-01-01T00:00:00+00:00",
            "crs": "EPSG:27700",
        },
    )


def two_boroughs():
    squares = [shapely.box(0, 0, 750, 1000), shapely.box(750, 0, 1500, 1000)]
    return gpd.GeoDataFrame({"name": ["Brent", "Camden"]}, geometry=squares, crs=27700)


def png(axes):
    target = io.BytesIO()
    np.ravel(axes)[0].figure.savefig(target, format="png", dpi=60)
    return target.getvalue()


def texts(ax):
    return " | ".join(text.get_text() for text in ax.texts)


def colour_bar(ax):
    return ax.images[0].colorbar


def test_the_map_colours_darken_in_equal_steps():
    lightness, *_ = cielab(map_colours()(np.linspace(0, 1, 65))[:, :3]).T
    assert (np.diff(lightness) < 0).all()
    assert lightness[0] > 95  # prints as paper
    assert lightness[-1] < 10
    steps = np.linalg.norm(
        np.diff(cielab(map_colours()(np.linspace(0, 1, 11))[:, :3]), axis=0), axis=1
    )
    assert steps.max() < 1.3 * steps.min()


def test_a_deuteranope_can_tell_eleven_steps_of_the_map_apart():
    seen = cielab(map_colours()(np.linspace(0, 1, 11))[:, :3], seen_through=DEUTERANOPE)
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=2)[np.triu_indices(11, 1)]
    assert apart.min() > 7  # just noticeable is about 2
    assert (np.diff(seen[:, 0]) < 0).all()


def test_a_deuteranope_can_tell_the_lines_apart():
    rgb = np.array([mpl.colors.to_rgb(colour) for colour in LINE_COLOURS[:4]])
    seen = cielab(rgb, seen_through=DEUTERANOPE)
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=2)[np.triu_indices(4, 1)]
    assert apart.min() > 10


def test_importing_plot_does_not_load_matplotlib():
    code = "import sys, hotspot.plot; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_map_shows_the_values_of_the_period_asked_for():
    forecast = small_forecast()
    for time, position in ((1, 1), ("2020-02-01", 1), (-2, 0), (pd.Timestamp("2020-01-01"), 0)):
        shown = plot_forecast(forecast, time=time).images[0].get_array()
        expected = forecast["expected_count"].values[position]
        np.testing.assert_array_equal(shown.filled(np.nan), expected)


def test_the_map_lies_where_the_cells_lie():
    ax = plot_forecast(small_forecast())
    assert ax.images[0].get_extent() == [0, 1500, 0, 1000]
    assert ax.images[0].origin == "lower"


def test_the_colour_bar_names_unit_scale_and_values_beyond_it():
    ax = plot_forecast(small_forecast(), vmax=0.1)
    bar = colour_bar(ax)
    assert "Expected recorded offences, 250 m cells" in bar.ax.get_ylabel()
    assert "square root" in bar.ax.get_ylabel()
    assert bar.extend == "max"
    assert colour_bar(plot_forecast(small_forecast(), vmax=100.0)).extend == "neither"


def test_a_chance_is_shown_on_a_plain_scale_from_0_to_1():
    image = plot_forecast(small_forecast(), variable="probability").images[0]
    assert (image.norm.vmin, image.norm.vmax, image.norm.gamma) == (0, 1, 1)
    assert "square root" not in image.colorbar.ax.get_ylabel()


@pytest.mark.parametrize("top", [0.013, 0.5, 3.2, 8.0, 99.0, 1e4])
def test_ticks_of_the_square_root_bar_are_round_and_apart(top):
    ticks = square_root_ticks(top)
    assert ticks[0] == 0
    assert 4 <= len(ticks) <= 9
    assert max(ticks) <= top
    assert np.diff(np.sqrt(np.array(ticks) / top)).min() > 0.07
    assert {f"{tick:.0e}"[0] for tick in ticks[1:]} <= {"1", "2", "5"}


def test_one_model_and_fold_of_a_backtest_says_which_it_is():
    plain = small_forecast(1)
    plain.attrs = {}
    one = plain.assign_coords(model="count", data_cutoff="2019-12-01T00:00:00+00:00")
    ax = plot_forecast(one.rename_dims(time="step").expand_dims("fold"))
    assert ax.get_xlabel().endswith("Model: count. Data before 2019-12-01.")


def test_the_title_names_the_month_and_the_caption_what_is_shown():
    ax = plot_forecast(small_forecast(), outline=two_boroughs(), names="name")
    assert ax.get_title(loc="left") == "January 2020"
    assert ax.get_xlabel().startswith("Recorded offences")
    assert "HistoricalRate. Data before 2020-01-01" in ax.get_xlabel()
    assert "Brent" in texts(ax)


def test_outlines_in_another_crs_are_projected_onto_the_map():
    forecast = small_forecast()
    in_london = forecast.assign_coords(x=forecast["x"] + 530_000, y=forecast["y"] + 180_000)
    outline = two_boroughs().set_geometry(two_boroughs().translate(530_000, 180_000)).to_crs(4326)
    ax = plot_forecast(in_london, outline=outline)
    x, y = np.concatenate([path.vertices for path in ax.collections[0].get_paths()]).T
    assert (x.min(), x.max()) == pytest.approx((530_000, 531_500), abs=0.5)
    assert (y.min(), y.max()) == pytest.approx((180_000, 181_000), abs=0.5)


@pytest.mark.parametrize(
    ("width", "length"),
    [(58_000, 10_000), (4_000, 1_000), (7_999, 1_000), (8_000, 2_000), (90, 20)],
)
def test_the_scale_bar_is_the_longest_round_length_in_a_quarter_of_the_map(width, length):
    assert round_length(width) == pytest.approx(length)


def test_the_scale_bar_is_as_long_as_it_says():
    ax = plot_forecast(small_forecast())
    bar = ax.lines[-1].get_xdata()
    assert f"{bar[1] - bar[0]:g} m" in texts(ax)


def test_the_three_maps_of_bounds_share_one_scale_and_show_both_ends():
    forecast = small_forecast()
    axes = plot_bounds(forecast, outline=two_boroughs(), time=1)
    assert len({ax.images[0].norm.vmax for ax in axes}) == 1
    for ax, end in ((axes[0], 0), (axes[2], 1)):
        shown = ax.images[0].get_array().filled(np.nan)
        np.testing.assert_array_equal(shown, forecast["count_quantile"].values[end, 1])
    assert [ax.get_title(loc="left") for ax in axes] == [
        "Lower bound (0.05 quantile)",
        "Expected",
        "Upper bound (0.95 quantile)",
    ]


def test_area_bounds_are_in_order_and_mark_what_fell_outside():
    observed = xr.DataArray([45.0, 50.0], {"area": ["Brent", "Camden"]}, ["area"])
    ax = plot_area_bounds(small_forecast(), observed=observed)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Brent", "Camden"]
    marked = {line.get_label(): line.get_xdata().tolist() for line in ax.lines}
    assert marked["recorded, outside"] == [45.0]
    assert marked["recorded, inside"] == [50.0]
    segments = ax.collections[0].get_segments()
    assert [segment[:, 0].tolist() for segment in segments] == [[20, 41], [40, 62]]


def test_areas_observed_in_another_order_are_refused():
    observed = xr.DataArray([45.0, 50.0], {"area": ["Camden", "Brent"]}, ["area"])
    with pytest.raises(GridMismatchError, match="differ along 'area'"):
        plot_area_bounds(small_forecast(), observed=observed)


def curves():
    share = np.linspace(0, 1, 5)
    values = np.stack([[np.sqrt(share)] * 2, [np.sqrt(share), share]])
    return xr.DataArray(
        values, {"model": ["count", "kde"], "area_share": share}, ["model", "fold", "area_share"]
    )


def test_the_capture_curve_draws_the_mean_of_the_folds_of_each_model():
    ax = plot_capture_curve(curves(), best=curves().isel(model=0))
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    share = np.linspace(0, 1, 5)
    np.testing.assert_allclose(lines["kde"], (np.sqrt(share) + share) / 2)
    np.testing.assert_allclose(lines["best in hindsight"], np.sqrt(share))
    np.testing.assert_allclose(lines["flat map"], [0, 1])


def test_the_calibration_plot_draws_each_model_with_its_band():
    level = [0.5, 0.9]
    table = xr.Dataset(
        {
            name: (("model", "level"), np.array([level, level]) + shift)
            for name, shift in (("actual", 0.0), ("lower", -0.1), ("upper", 0.05))
        },
        {"model": ["count", "kde"], "level": level},
    )
    ax = plot_calibration(table)
    assert [line.get_label() for line in ax.lines] == ["as stated", "count", "kde"]
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.4, 0.95))


def test_the_pit_histogram_has_area_one():
    pit = xr.DataArray(np.random.default_rng(0).uniform(size=(3, 4, 4)), dims=["fold", "y", "x"])
    ax = plot_pit(pit.where(pit > 0.1), bins=8)
    heights, edges, _ = ax.patches[0].get_data()
    assert (heights * np.diff(edges)).sum() == pytest.approx(1)


def test_the_same_forecast_gives_the_same_bytes():
    pictures = [png(plot_forecast(small_forecast(), outline=two_boroughs())) for _ in range(2)]
    assert pictures[0] == pictures[1]


def test_drawing_changes_no_setting_and_draws_on_the_axes_given():
    import matplotlib.pyplot as plt

    before = dict(mpl.rcParams)
    _, ax = plt.subplots()
    assert plot_capture_curve(curves(), ax=ax) is ax
    assert plot_forecast(small_forecast(), ax=plt.subplots()[1]).images
    plot_area_bounds(small_forecast())
    assert dict(mpl.rcParams) == before


def test_several_models_on_one_map_are_refused():
    two = xr.concat([small_forecast(), small_forecast()], dim="model")
    with pytest.raises(ParameterError, match=r"along \['model'\].*forecast\.isel\(model=0\)"):
        plot_forecast(two)


@pytest.mark.parametrize("time", [2, "2021-01-01", "never"])
def test_a_period_that_is_not_there_is_refused(time):
    with pytest.raises(
        ParameterError, match=r"time=.*(has 2 periods|it has 2020-01-01, 2020-02-01)"
    ):
        plot_forecast(small_forecast(), time=time)


def test_quantiles_that_are_missing_are_refused_and_those_present_named():
    for draw in (plot_bounds, plot_area_bounds):
        with pytest.raises(ForecastError, match=r"quantile 0\.1.*holds 0\.05, 0\.95"):
            draw(small_forecast(), level=0.8)


def test_a_variable_that_is_not_there_is_refused():
    with pytest.raises(ForecastError, match="needs 'triggered_count'"):
        plot_forecast(small_forecast(), variable="triggered_count")


def test_a_table_that_is_none_is_refused():
    with pytest.raises(ParameterError, match=r"lacks .*calibration_table"):
        plot_calibration(xr.Dataset({"actual": ("level", [0.5])}))
    many = xr.Dataset(
        {name: (("level", "fold"), np.ones((1, 2))) for name in ("actual", "lower", "upper")}
    )
    with pytest.raises(ParameterError, match=r"several values along \['fold'\]"):
        plot_calibration(many)
    with pytest.raises(ParameterError, match="needs the dimension 'area_share'"):
        plot_capture_curve(xr.DataArray([0.0, 1.0], dims=["fold"]))
    with pytest.raises(ParameterError, match="holds no number"):
        plot_pit(xr.DataArray([np.nan], dims=["x"]))


def added_value_report(**rows):
    """A row for each baseline, all measures alike: difference, lower and upper bound, verdict."""
    ends = ("", "_lower", "_upper", "_verdict")
    table = pd.DataFrame(
        {
            name: {f"{m}{end}": v for m in MEASURES for end, v in zip(ends, row, strict=True)}
            for name, row in rows.items()
        }
    ).T
    return AddedValueReport("new", table, 0.05, 0.95, 24, 1000, 3.0)


def test_an_added_value_picture_shows_each_interval_and_marks_what_was_not_demonstrated():
    report = added_value_report(
        count=(0.1, -0.05, 0.25, NO_BENEFIT), density=(0.3, 0.2, 0.4, "better")
    )
    axes = plot_added_value(report)
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["count", "density"]
    bars, dots = axes[1].lines[1::2], axes[1].lines[2::2]
    assert [list(bar.get_xdata()) for bar in bars] == [[-0.05, 0.25], [0.2, 0.4]]
    assert [dot.get_marker() for dot in dots] == ["o", ">"]
    assert dots[0].get_markerfacecolor() == "white"
    assert "24 periods, 1,000 recorded offences" in axes[0].figure._suptitle.get_text()


def test_an_infinite_difference_is_written_where_its_dot_would_be():
    axes = plot_added_value(added_value_report(count=(-np.inf, -np.inf, 0.1, "worse")))
    assert [text.get_text() for text in axes[0].texts] == ["-inf"]
    axes[0].figure.canvas.draw()
