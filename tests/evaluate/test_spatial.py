"""Moran's I, Gi* and Ripley's K on labelled arrays: by hand, and by their laws."""

import numpy as np
import pytest
import shapely
import xarray as xr

from hotspot import local_gi_star, morans_i, ripley_k
from hotspot.errors import GridMismatchError, ParameterError, TooFewEventsError
from hotspot.evaluate.residuals.spatial import _offsets, _pairs
from tests.models.self_exciting_cases import as_events

REGION = shapely.box(0, 0, 1000, 800)


def mapped(array, *, cell=100.0):
    array = np.asarray(array, float)
    centres = [(np.arange(n) + 0.5) * cell for n in array.shape[-2:]]
    dims = ["time", "y", "x"][-array.ndim :]
    return xr.DataArray(array, {"y": centres[0], "x": centres[1]}, dims)


def moran(values, *, seed=1, size=99, **options):
    return morans_i(mapped(values), rng=np.random.default_rng(seed), size=size, **options)


def plain_morans_i(array, within):
    """The formula, cell by cell; rows of weights sum to 1."""
    inside = np.argwhere(np.isfinite(array))
    z = array[tuple(inside.T)] - np.nanmean(array)
    total, rows = 0.0, 0
    for i, here in enumerate(inside):
        apart = np.hypot(*(inside - here).T)
        near = (apart > 0) & (apart <= within)
        if near.any():
            total += z[i] * z[near].mean()
            rows += 1
    return len(z) / rows * total / (z @ z)


@pytest.mark.parametrize("within", [100.0, 150.0, 230.0])
def test_morans_i_is_the_formula_cell_by_cell(within):
    array = np.random.default_rng(3).gamma(1.0, size=(7, 9))
    array[:2, :3] = np.nan
    found = moran(array, within=within)
    assert found["morans_i"].item() == pytest.approx(plain_morans_i(array, within / 100))
    assert found["expected"].item() == pytest.approx(-1 / 56)


def test_a_cell_without_neighbours_counts_in_the_mean_and_not_in_the_sum():
    array = np.random.default_rng(4).normal(size=(6, 6))
    array[3:, 3:] = np.nan
    array[5, 5] = 2.0
    assert moran(array)["morans_i"].item() == pytest.approx(plain_morans_i(array, 1.5))


def test_a_slope_is_alike_and_a_board_is_unlike_its_neighbours():
    slope = moran(np.add.outer(np.arange(8.0), np.arange(8.0)))
    assert slope["morans_i"] > 0.8
    assert slope["z"] > 5
    assert slope["p_value"] == 0.01
    board = moran(np.indices((8, 8)).sum(axis=0) % 2, within=100)
    assert board["morans_i"].item() == pytest.approx(-1)
    assert board["p_value"] == 0.01


def test_independent_cells_have_even_p_values():
    """100 maps: p at most .1 in 10 % of them, within 3.3 errors; z about 0 with spread about 1."""
    maps = np.random.default_rng(5).exponential(size=(100, 5, 6))
    found = moran(maps, size=59)
    assert abs(float((found["p_value"] <= 0.1).mean()) - 0.1) < 3.3 * np.sqrt(0.09 / 100)
    assert abs(float(found["z"].mean())) < 3.5 / np.sqrt(100)
    assert float(found["z"].std()) == pytest.approx(1, abs=0.25)


def test_the_seed_decides_and_the_global_state_is_left_alone():
    array = np.random.default_rng(6).normal(size=(6, 7))
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is this that must not change
    assert moran(array, seed=7).identical(moran(array, seed=7))
    assert moran(array, seed=7)["z"] != moran(array, seed=8)["z"]
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_map_that_is_flat_or_nearly_empty_has_no_i():
    assert np.isnan(moran(np.ones((4, 4)))["morans_i"])
    few = np.full((4, 4), np.nan)
    few[0] = [1, 2, 3, 4]
    assert np.isnan(moran(few)["p_value"])


def test_neighbours_are_all_cells_within_the_distance():
    inside = np.random.default_rng(8).random((6, 7)) < 0.7
    focal, neighbour = _pairs(inside, _offsets(mapped(np.zeros((6, 7))), 210.0))
    places = np.argwhere(inside)
    apart = np.hypot(*(places[:, None] - places).transpose(2, 0, 1))
    near = {(i, j) for i, j in zip(*np.nonzero((apart > 0) & (apart <= 2.1)), strict=True)}
    assert set(zip(focal.tolist(), neighbour.tolist(), strict=True)) == near


def gi_star(array, **options):
    return local_gi_star(mapped(array), rng=np.random.default_rng(1), size=99, **options)


def test_gi_star_is_the_formula():
    array = np.random.default_rng(9).poisson(2.0, (6, 8)).astype(float)
    array[0, 0] = np.nan
    found = gi_star(array)
    inside = np.isfinite(array)
    values = array[inside]
    row, column = 3, 4  # with its eight neighbours
    block = array[2:5, 3:6]
    n, mean, sd = values.size, values.mean(), values.std()
    by_hand = (block.sum() - 9 * mean) / (sd * np.sqrt((n * 9 - 81) / (n - 1)))
    assert found["gi_star"][row, column].item() == pytest.approx(by_hand)
    assert np.isnan(found["gi_star"][0, 0])


def test_gi_star_of_residuals_that_sum_to_0_is_that_of_raised_ones():
    array = np.random.default_rng(10).poisson(2.0, (6, 8)).astype(float)
    raised, centred = gi_star(array), gi_star(array - array.mean())
    np.testing.assert_allclose(raised["gi_star"], centred["gi_star"], atol=1e-9)
    np.testing.assert_allclose(raised["p_value"], centred["p_value"])


def test_the_p_value_of_gi_star_is_of_the_cell_with_its_neighbours():
    """The only offence lies in the corner, or beside it, in 3 of 25 dealings: twice 3/25, and 1."""
    array = np.zeros((5, 5))
    array[0, 0] = 1
    found = local_gi_star(mapped(array), rng=np.random.default_rng(2), within=100, size=999)
    error = 2 * np.sqrt(0.12 * 0.88 / 999)
    assert found["p_value"][0, 0].item() == pytest.approx(0.24, abs=3.3 * error + 0.002)
    assert found["p_value"][2, 2].item() == 1


def test_gi_star_of_independent_cells_has_even_p_values():
    """20 maps of 108 cells, of which neighbours hang together: p at most .1 in 7 to 13 %."""
    maps = np.random.default_rng(12).exponential(size=(20, 9, 12))
    p = np.stack([gi_star(one)["p_value"] for one in maps])
    assert 0.07 < (p <= 0.1).mean() < 0.13


def test_a_planted_hot_spot_is_believed_and_noise_is_not():
    noise = np.random.default_rng(11).poisson(2.0, (12, 12)).astype(float)
    assert (gi_star(noise)["p_value"] <= gi_star(noise).attrs["false_discovery_p"]).mean() < 0.05
    noise[4:8, 4:8] += 8
    found = local_gi_star(mapped(noise), rng=np.random.default_rng(1), size=999)
    believed = found["p_value"] <= found.attrs["false_discovery_p"]
    assert believed[5:7, 5:7].all()
    near = np.pad(np.ones((6, 6), bool), 3)  # whose eight neighbours reach the planted ones
    assert believed.values[~near].mean() < 0.05


def test_ripleys_k_is_pairs_over_those_expected():
    """Without edge correction: pairs closer than u, twice, times the area over n²."""
    places = np.random.default_rng(12).uniform((0, 0), (1000, 800), (40, 2))
    events = as_events(np.column_stack([np.linspace(0, 9, 40), places]), days=10, region=REGION)
    found = ripley_k(events, distances=[60, 150], rng=np.random.default_rng(1), size=19)
    apart = np.hypot(*(places[:, None] - places).transpose(2, 0, 1))[~np.eye(40, dtype=bool)]
    by_hand = [(apart < u).sum() * REGION.area / 40**2 for u in (60, 150)]
    np.testing.assert_allclose(found["k"], by_hand)


def test_even_places_lie_in_the_envelope_of_ripleys_k_and_clusters_do_not():
    rng = np.random.default_rng(13)
    p = []
    for _ in range(40):
        places = rng.uniform((0, 0), (1000, 800), (50, 2))
        events = as_events(np.column_stack([np.linspace(0, 9, 50), places]), days=10, region=REGION)
        p.append(ripley_k(events, distances=[60, 150], rng=rng, size=19).attrs["p_value"])
    assert abs(np.mean(np.array(p) <= 0.2) - 0.2) < 3.3 * np.sqrt(0.16 / 40)
    clusters = np.clip(np.repeat(places[:10], 5, axis=0) + rng.normal(0, 15, (50, 2)), 1, 799)
    events = as_events(np.column_stack([np.linspace(0, 9, 50), clusters]), days=10, region=REGION)
    assert ripley_k(events, distances=[60, 150], rng=rng, size=19).attrs["p_value"] == 0.05


def test_senseless_requests_are_refused():
    rng = np.random.default_rng(1)
    good = mapped(np.random.default_rng(2).normal(size=(5, 5)))
    with pytest.raises(ParameterError, match="reaches no other cell"):
        morans_i(good, rng=rng, within=50.0)
    with pytest.raises(ParameterError, match="dimensions y and x"):
        morans_i(good.rename(x="column"), rng=rng)
    with pytest.raises(ParameterError, match="infinite"):
        morans_i(good + np.inf, rng=rng)
    with pytest.raises(ParameterError, match="at least 19"):
        morans_i(good, rng=rng, size=9)
    with pytest.raises(GridMismatchError, match="square and evenly spaced"):
        morans_i(good.assign_coords(x=good["x"] * 2), rng=rng)
    with pytest.raises(ParameterError, match="of one map"):
        local_gi_star(good.expand_dims(time=2), rng=rng)
    with pytest.raises(ParameterError, match="the same value"):
        local_gi_star(0 * good, rng=rng)
    with pytest.raises(TooFewEventsError, match="4 cells have a value"):
        local_gi_star(good.isel(y=slice(2), x=slice(2)), rng=rng)
    events = as_events([[1, 5, 5]], days=9, region=REGION)
    with pytest.raises(TooFewEventsError, match="at least 2 events"):
        ripley_k(events, distances=[50], rng=rng)
    with pytest.raises(ParameterError, match="rng must be"):
        morans_i(good, rng=3)
