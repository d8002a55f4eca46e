"""The picture of tests of consistency: what it shows and what it refuses."""

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from hotspot.errors import ParameterError
from hotspot.evaluate.consistency import consistency_tests, number_test
from hotspot.plot import plot_consistency

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _no_figure_is_left_open():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def found(**options):
    """Fold 0 as expected, fold 1 in the wrong places, fold 2 on a cell that was ruled out."""
    forecast = xr.Dataset({"expected_count": (("y", "x"), [[30.0, 9.0, 1.0, 0.0]])})
    counts = [[[31, 8, 1, 0]], [[1, 9, 30, 0]], [[30, 9, 0, 1]]]
    observed = xr.DataArray(counts, {"fold": [7, 8, 9]}, ["fold", "y", "x"])
    return consistency_tests(forecast, observed, rng=np.random.default_rng(1), size=99, **options)


def drawn(ax):
    """Marked points by their label in the legend."""
    return {
        one.get_label(): one.get_offsets().data
        for one in ax.collections
        if len(one.get_offsets()) and not one.get_label().endswith("if right")
    }


def test_each_fold_is_marked_by_its_p_value():
    ax = plot_consistency(found().sel(test="spatial"))
    marks = drawn(ax)
    assert marks["observed, consistent"][:, 0].tolist() == [0]
    assert marks["refuted at 5 %"][:, 0].tolist() == [1]
    assert marks["event ruled out"][:, 0].tolist() == [2]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["7", "8", "9"]


def test_points_and_bars_are_those_of_the_result_less_its_median():
    one = found().sel(test="spatial")
    ax = plot_consistency(one)
    middle = one["distribution"].sel(level=0.5).values
    assert drawn(ax)["observed, consistent"][0, 1] == pytest.approx(
        one["statistic"].values[0] - middle[0]
    )
    bars = next(bar for bar in ax.collections if bar.get_label() == "95 % if right")
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    truth = one["distribution"].sel(level=[0.025, 0.975]).values - middle[:, None]
    np.testing.assert_allclose(ends, truth)


def test_one_map_is_a_histogram_of_its_simulations():
    one = found().sel(test="likelihood").isel(fold=0)
    ax = plot_consistency(one)
    assert sum(bar.get_height() for bar in ax.patches) == 99
    assert ax.lines[0].get_xdata()[0] == one["statistic"].item()
    assert ax.get_xlabel() == "Likelihood statistic, nats"


def test_what_is_no_result_or_too_much_of_one_is_refused():
    with pytest.raises(
        ParameterError, match=r"holds maps along \('test', 'fold'\); select all but"
    ):
        plot_consistency(found())
    with pytest.raises(ParameterError, match=r"found lacks \['distribution', 'p_value', 'stat"):
        plot_consistency(xr.Dataset())
    forecast = xr.Dataset({"expected_count": (("y", "x"), [[2.0]])})
    one = number_test(forecast, xr.DataArray([[1]], dims=["y", "x"]))
    with pytest.raises(
        ParameterError, match="without simulations has nothing to draw; its p-value"
    ):
        plot_consistency(one)
