"""What a learner is told of cells, and what it learns from, against plain twins."""

import numpy as np
import pytest

from hotspot import EndemicEpidemic, FreeLags
from hotspot.models.boosted.correction import _Past, _share_of
from hotspot.models.boosted.features import CellFeatures, _ratio
from hotspot.models.boosted.learner import Trees, bin_edges, chosen_rows, in_bins
from hotspot.models.boosted.model import Boosted
from hotspot.models.endemic_epidemic.grid_data import arrange_grid
from tests.models.monthly_cases import record_of

SIDE, MONTHS, FIRST = 6, 40, 4
ROWS = np.array([25, 33, 40])
TREES = Trees(rounds=80, learning_rate=0.1, leaves=4, fewest_rows=20, prior_events=1.0)


def recorded(seed=1):
    return np.random.default_rng(seed).poisson(0.6, (MONTHS, SIDE**2)).astype(float)


def features_of(counts):
    model = EndemicEpidemic(own_lags=FreeLags((1,)), near_lags=None)
    data = arrange_grid(model, *record_of(counts, side=SIDE), None)
    expected = np.random.default_rng(2).uniform(0.3, 1.0, (MONTHS - FIRST + 1, SIDE**2))
    return CellFeatures(data, ROWS, FIRST, expected, (expected[ROWS - FIRST],))


@pytest.fixture(scope="module")
def features():
    return features_of(recorded())


@pytest.fixture(scope="module")
def table(features):
    return dict(features)


def log_ratio(past, expected, prior):
    level = past.sum() / expected.sum()
    return np.log((past + prior) / (level * expected + prior))


def test_a_cells_own_past_is_weighed_by_age(features, table):
    counts = recorded()
    for k, row in enumerate(ROWS):
        weight = 0.5 ** ((row - 1 - np.arange(row)) / 12.0)
        expected = weight.sum() * features.expected[row - FIRST]
        truth = log_ratio(weight @ counts[:row], expected, 0.5)
        np.testing.assert_allclose(table["recorded, half-life 12"][k], truth, rtol=1e-5, atol=1e-6)


def test_last_months_are_held_against_what_was_expected_of_them(features, table):
    counts = recorded()
    for k, row in enumerate(ROWS):
        expected = features.expected[row - 3 - FIRST : row - FIRST].sum(axis=0)
        truth = log_ratio(counts[row - 3 : row].sum(axis=0), expected, 0.5)
        np.testing.assert_allclose(table["recorded, last 3"][k], truth, rtol=1e-5, atol=1e-6)


def test_the_neighbourhood_is_a_gaussian_sum(features, table):
    """600 m are 2.4 cells; the kernel ends at three standard deviations."""
    step = np.arange(-7, 8)
    line = np.exp(-0.5 * (step / 2.4) ** 2)
    line /= line.sum()
    row, column = np.divmod(np.arange(SIDE**2), SIDE)
    kernel = line[row[:, None] - row + 7] * line[column[:, None] - column + 7]
    counts, prior = recorded(), 1 / (2 * np.pi * 2.4**2)
    for k, month in enumerate(ROWS):
        expected = kernel @ features.expected[month - 1 - FIRST]
        truth = log_ratio(kernel @ counts[month - 1], expected, prior)
        np.testing.assert_allclose(table["around 600 m, last 1"][k], truth, rtol=1e-3, atol=1e-4)


def test_points_are_counted_that_were_used_of_late(table):
    """Every offence of a cell lies at its middle: one point, used if anything was recorded."""
    counts = recorded()
    for k, row in enumerate(ROWS):
        used = counts[row - 12 : row].any(axis=0)
        np.testing.assert_array_equal(table["points used within 12"][k], used)


def test_repeats_at_one_point_in_one_month_count_once(table):
    counts = recorded()
    for k, row in enumerate(ROWS):
        weight = 0.5 ** ((row - 1 - np.arange(row)) / 24.0)
        once, all_of_them = weight @ np.minimum(counts[:row], 1.0), weight @ counts[:row]
        truth = np.log((once + 0.5) / (all_of_them + 0.5))
        np.testing.assert_allclose(table["not repeated, half-life 24"][k], truth, atol=1e-5)


def test_no_feature_of_a_month_sees_it_or_what_came_later(table):
    counts = recorded()
    counts[33:] = 5.0
    altered = dict(features_of(counts))
    for name, values in table.items():
        np.testing.assert_array_equal(altered[name][:2], values[:2], err_msg=name)
    assert any((altered[name][2] != values[2]).any() for name, values in table.items())


def test_a_past_that_agrees_with_the_base_says_nothing():
    expected = np.random.default_rng(3).uniform(0.1, 2.0, (3, 20))
    np.testing.assert_allclose(_ratio(2.0 * expected, expected, 0.5), 0.0, atol=1e-12)


def test_rows_are_chosen_where_something_happened_and_stand_for_the_rest():
    rng = np.random.default_rng(4)
    expected = rng.gamma(0.3, 0.5, 50_000)
    counts = rng.poisson(expected)
    rows, stands_for = chosen_rows(counts, expected, 20_000)
    assert rows.size == pytest.approx(20_000, abs=2)
    assert np.isin(np.flatnonzero(counts), rows).all()
    assert (stands_for[counts[rows] > 0] == 1.0).all()
    assert (expected[rows] * stands_for).sum() == pytest.approx(expected.sum(), rel=0.01)
    every, one = chosen_rows(counts, expected, 60_000)
    assert every.size == 50_000
    assert (one == 1.0).all()


def test_trees_find_a_factor_that_the_base_misses():
    """Twice as many where a feature is above a half; weights are what was expected."""
    rng = np.random.default_rng(5)
    features = rng.random((4000, 3)).astype(np.float32)
    expected = rng.uniform(0.5, 3.0, 4000)
    counts = rng.poisson(expected * np.where(features[:, 1] > 0.5, 2.0, 1.0))
    found = TREES.grow(features, counts / expected, expected).log_ratio(features)
    above = features[:, 1] > 0.5
    assert found[above].mean() == pytest.approx(np.log(2.0), abs=0.06)
    assert found[~above].mean() == pytest.approx(0.0, abs=0.06)


def test_bins_keep_the_order_of_values():
    values = np.random.default_rng(6).normal(size=(5000, 1))
    binned = in_bins(values, bin_edges(values))[:, 0]
    assert binned.max() <= 127
    assert (np.diff(binned[np.argsort(values[:, 0])].astype(int)) >= 0).all()
    assert np.unique(binned).size > 120


@pytest.mark.parametrize(("truth", "low", "high"), [(0.0, 0.0, 0.1), (1.0, 0.8, 1.2)])
def test_the_share_taken_is_the_likeliest_for_the_months_held_out(truth, low, high):
    """Earlier months show a factor of two; the months held out hold `truth` of it."""
    rng = np.random.default_rng(7)
    features = rng.random((12_000, 1)).astype(np.float32)
    month = np.repeat(np.arange(12), 1000)
    power = np.where(month < 8, 1.0, truth)
    factor = np.where(features[:, 0] > 0.5, 2.0, 1.0) ** power
    expected = rng.uniform(0.5, 3.0, 12_000)
    past = _Past(features, rng.poisson(expected * factor), expected, np.ones(12_000), month)
    model = Boosted(rounds=80, learning_rate=0.1, leaves=4, fewest_rows=20, prior_events=1.0)
    share, gain = _share_of(model, past, 8)
    assert low <= share <= high
    assert (gain > 0.03) == (truth > 0)
