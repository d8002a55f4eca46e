"""Flagged cells: which, in what shape, shared with whom, and how they move."""

from itertools import product

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hotspot.errors import GridMismatchError, ParameterError
from hotspot.evaluate import (
    clumpiness,
    compactness,
    complementarity,
    dynamic_variability,
    flag_cells,
    hit_rate,
)
from tests.evaluate.maps import forecast_of, on_grid

counts = arrays(float, (4, 5), elements=st.integers(0, 9).map(float)).filter(lambda c: c.sum() > 0)
rates = arrays(float, (4, 5), elements=st.integers(0, 20).map(lambda i: i / 4))
areas = arrays(float, (4, 5), elements=st.integers(1, 8).map(lambda i: i * 7812.5))
shares = st.floats(0.05, 1.0)

CHECKERS = [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]


def of_mask(mask):
    return forecast_of(np.asarray(mask, float))


def share_of(mask):
    return float(np.mean(mask))


@settings(max_examples=20, deadline=None)
@given(expected=rates, observed=counts, area=areas, area_share=shares)
def test_flags_times_events_are_the_hits(expected, observed, area, area_share):
    forecast = forecast_of(expected, inside_area=area)
    flags = flag_cells(forecast, area_share=area_share)
    hits = float((flags * observed).sum())
    rate = hit_rate(forecast, on_grid(observed), area_share=area_share).item()
    assert hits / observed.sum() == pytest.approx(rate, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(expected=rates, area=areas, area_share=shares)
def test_flags_hold_the_share_of_area_asked_for(expected, area, area_share):
    area = area.copy()
    area[0, 0] = 100.0  # never all equal, so that nothing is rounded to whole cells
    flags = flag_cells(forecast_of(expected), area_share=area_share, cell_area=on_grid(area))
    assert float((flags * area).sum()) == pytest.approx(area_share * area.sum(), rel=1e-9)


def test_flags_keep_models_and_shares_and_the_labels_of_the_grid():
    expected = xr.concat([on_grid([[4, 3], [2, 1]]), on_grid([[1, 2], [3, 4]])], "model")
    flags = flag_cells(xr.Dataset({"expected_count": expected}), area_share=[0.25, 0.5])
    assert flags.dims == ("model", "area_share", "y", "x")
    assert flags["x"].values.tolist() == [0.0, 250.0]
    assert flags.sel(model=1, area_share=0.25).values.tolist() == [[0, 0], [0, 1]]


def test_cells_outside_are_neither_flagged_nor_not():
    flags = flag_cells(forecast_of([3, np.nan, 1]), area_share=0.5)
    assert flags.values.ravel().tolist() == pytest.approx([1, np.nan, 0], nan_ok=True)


@pytest.mark.parametrize(
    ("mask", "sides"),
    [
        ([[1, 1, 0], [1, 1, 0], [0, 0, 0]], 8),  # a block
        ([[1, 0, 1], [0, 0, 0], [1, 0, 1]], 16),  # four corners
        ([[1, 1, 1], [0, 0, 1], [0, 0, 1]], 12),  # an L of five: at best 10
        ([[1, 1, 1], [1, 0, 1], [1, 1, 1]], 16),  # a ring of eight: at best 12
    ],
)
def test_compactness_by_counting_sides(mask, sides):
    n = int(np.sum(mask))
    fewest = {4: 8, 5: 10, 8: 12}[n]
    found = compactness(of_mask(mask), area_share=share_of(mask)).item()
    assert found == pytest.approx(fewest / sides)


@pytest.mark.parametrize("n", range(1, 8))
def test_no_choice_of_cells_is_more_compact_than_one(n):
    """Every choice of n of 3 x 3 cells: the best reaches 1, none exceeds it."""
    masks = [np.reshape(bits, (3, 3)) for bits in product([0, 1], repeat=9) if sum(bits) == n]
    expected = xr.DataArray(np.array(masks, float), dims=["choice", "y", "x"])
    found = compactness(xr.Dataset({"expected_count": expected}), area_share=n / 9)
    assert found.max().item() == 1.0
    assert found.min().item() > 0


def test_clumpiness_by_hand():
    """A checkerboard has no like neighbours, G = 0: (0 - .5) / .5 = -1. A half in one block is 1.

    One column and a cell apart, 5 of 16: sides 10 + 4, fewest 10, G = (20 - 14) / (20 - 10) = .6,
    P = 5 / 16, so (.6 - .3125) / .6875 = .41818.
    """
    half = [[1, 1, 0, 0]] * 4
    apart = [[1, 0, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    found = [clumpiness(of_mask(m), area_share=share_of(m)).item() for m in (CHECKERS, half, apart)]
    assert found == pytest.approx([-1.0, 1.0, 0.2875 / 0.6875])


def test_a_little_less_clumped_than_chance_is_measured_against_the_share_flagged():
    """3 of 16 cells, two of them side by side: G = (12 - 10) / (12 - 8) = .5 above P = 3/16.
    Apart: G = 0 < P < 1/2, so (0 - P) / P = -1."""
    apart = [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    pair = [[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    found = [clumpiness(of_mask(m), area_share=3 / 16).item() for m in (apart, pair)]
    assert found == pytest.approx([-1.0, (0.5 - 3 / 16) / (13 / 16)])


def test_cells_drawn_at_random_are_clumped_no_more_than_chance():
    rng = np.random.default_rng(8)
    expected = xr.DataArray(rng.uniform(size=(40, 30, 30)), dims=["map", "y", "x"])
    found = clumpiness(xr.Dataset({"expected_count": expected}), area_share=0.2)
    # The border has fewer neighbours than a cell within, which costs a little; see the formula.
    assert abs(found.mean().item()) < 0.03


def test_one_cell_or_all_of_them_are_neither_clumped_nor_not():
    forecast = forecast_of([[4, 3], [2, 1]])
    found = clumpiness(forecast, area_share=[0.25, 1.0])
    assert found.isnull().all()


def test_complementarity_by_hand():
    ours, theirs = forecast_of([4, 3, 2, 1]), forecast_of([4, 1, 3, 2])
    shares = complementarity(ours, on_grid([5, 1, 2, 2]), other=theirs, area_share=0.5)
    assert [shares[name].item() for name in shares] == pytest.approx([0.5, 0.1, 0.2, 0.2, 0.5])


@settings(max_examples=20, deadline=None)
@given(expected=rates, others=rates, observed=counts, area=areas, area_share=shares)
def test_shares_caught_sum_to_one_and_to_the_hit_rates(
    expected, others, observed, area, area_share
):
    ours = forecast_of(expected, inside_area=area)
    theirs = forecast_of(others, inside_area=area)
    maps = on_grid(observed)
    shares = complementarity(ours, maps, other=theirs, area_share=area_share)
    caught = {name: shares[name].item() for name in shares}
    overlap = caught.pop("overlap")
    assert sum(caught.values()) == pytest.approx(1)
    assert min(caught.values()) > -1e-9
    assert -1e-9 <= overlap <= 1 + 1e-9
    for name, forecast in (("forecast_only", ours), ("other_only", theirs)):
        rate = hit_rate(forecast, maps, area_share=area_share).item()
        assert caught["both"] + caught[name] == pytest.approx(rate, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(expected=rates, observed=counts, area_share=shares)
def test_a_forecast_is_no_complement_to_itself(expected, observed, area_share):
    forecast = forecast_of(expected)
    shares = complementarity(forecast, on_grid(observed), other=forecast, area_share=area_share)
    assert shares["forecast_only"].item() == pytest.approx(0, abs=1e-12)
    assert shares["other_only"].item() == pytest.approx(0, abs=1e-12)
    assert shares["overlap"].item() == pytest.approx(1)


def test_nothing_observed_leaves_the_overlap_and_no_shares():
    ours, theirs = forecast_of([2, 1]), forecast_of([1, 2])
    shares = complementarity(ours, on_grid([0, 0]), other=theirs, area_share=0.5)
    assert np.isnan(shares["both"].item())
    assert shares["overlap"].item() == 0


def test_an_event_where_one_of_the_two_is_silent_is_refused():
    ours, theirs = forecast_of([2, 1, 1]), forecast_of([1, 2, np.nan])
    with pytest.raises(GridMismatchError, match="holds 3 events in 1 cells where the forecast is"):
        complementarity(ours, on_grid([1, 0, 3]), other=theirs, area_share=0.5)


def moving(*maps):
    return xr.Dataset({"expected_count": xr.concat([on_grid(one) for one in maps], "fold")})


def test_dynamic_variability_by_hand():
    """Flagged: cells 0 1, then 0 2, then 2 0, then 1 3. New: half, none, all."""
    forecast = moving([4, 3, 2, 1], [4, 1, 3, 2], [3, 1, 4, 2], [1, 4, 2, 3])
    forecast = forecast.assign_coords(fold=[10, 20, 30, 40])
    index = dynamic_variability(forecast, area_share=0.5)
    assert index.values.tolist() == [0.5, 0.0, 1.0]
    assert index["fold"].values.tolist() == [20, 30, 40]


@settings(max_examples=20, deadline=None)
@given(expected=rates, area=areas, area_share=shares)
def test_a_map_that_stays_flags_nothing_new(expected, area, area_share):
    forecast = moving(expected, expected * 2)
    index = dynamic_variability(forecast, area_share=area_share, cell_area=on_grid(area))
    assert index.item() == pytest.approx(0, abs=1e-12)


def test_one_period_cannot_move():
    with pytest.raises(ParameterError, match="two or more periods along 'fold'; the forecast has"):
        dynamic_variability(moving([1, 2]), area_share=0.5)
