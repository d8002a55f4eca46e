"""The futures of a rate map have the moments it claims, and share what they should share."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from hotspot import make_periods
from hotspot.errors import LeakError, ParameterError
from tests.forecast.made import fitted_map, months

SIZE = 4000
# Below one offence a slot the offences are drawn, above it the counts: two ways to one law.
BOTH_WAYS = pytest.mark.parametrize("busiest", [0.02, 2.0], ids=["few offences", "many offences"])


def simulate(fitted, periods, *, size=SIZE, seed=20240229):
    return fitted.simulate_counts(periods, size=size, rng=np.random.default_rng(seed))


def z_scores_of_means(fitted, periods, drawn):
    """How many standard errors each simulated mean lies from the expected count."""
    error = np.sqrt(fitted.count_variance(periods) / drawn.sizes["member"])
    return ((drawn.mean("member") - fitted.expected_count(periods)) / error).to_numpy()


@BOTH_WAYS
@pytest.mark.parametrize("n_periods", [1, 3])
def test_simulated_means_are_the_expected_counts(busiest, n_periods):
    """Means of independent members are normal: no |z| of 24 to 72 exceeds 4.5 but by 1 in 2000."""
    fitted = fitted_map(region=0.0, block=0.0, busiest=busiest)
    periods = months(n_periods)
    z = z_scores_of_means(fitted, periods, simulate(fitted, periods))
    assert np.abs(z).max() < 4.5
    assert abs(z[0].mean()) < 4 / np.sqrt(z[0].size)


@BOTH_WAYS
@pytest.mark.parametrize("levels", [(0.0, 0.0, 0.3), (0.05, 0.1, 0.3), (0.05, 0.1, 0.0)])
def test_simulated_variances_are_the_count_variances(busiest, levels):
    region, block, cell = levels
    fitted = fitted_map(region=region, block=block, cell=cell, busiest=busiest)
    drawn = simulate(fitted, months())
    ratio = drawn.var("member", ddof=1) / fitted.count_variance(months())
    # The relative error of a sample variance is sqrt((kurtosis - 1) / n), with kurtosis < 12 here.
    assert np.abs(ratio - 1).max() < 5 * np.sqrt(11 / SIZE)
    assert abs(float(ratio.mean()) - 1) < 0.06


def test_the_count_variance_by_hand():
    """Mean 2 and relative variances .1, .2, .3, .05: 2 + 4 (1.1 x 1.2 x 1.3 x 1.05 - 1)."""
    fitted = fitted_map(region=0.1, block=0.2, cell=0.3)
    fitted = replace(fitted, rate=np.full_like(fitted.rate, 2 / 31))
    assert fitted.count_variance(months()).to_numpy() == pytest.approx(
        2 + 4 * (1.1 * 1.2 * 1.3 * 1.05 - 1)
    )


@BOTH_WAYS
def test_without_any_variance_the_counts_are_poisson(busiest):
    fitted = fitted_map(region=0.0, block=0.0, cell=0.0, busiest=busiest)
    drawn = simulate(fitted, months()).to_numpy()[:, 0].reshape(SIZE, -1)
    means = fitted.expected_count(months()).to_numpy().ravel()
    np.testing.assert_array_equal(fitted.count_variance(months()).to_numpy().ravel(), means)
    for column in (0, 5, 23):
        assert_distributed_as(drawn[:, column], stats.poisson(means[column]))


@BOTH_WAYS
def test_with_cell_variance_alone_the_counts_are_negative_binomial(busiest):
    """A Poisson whose mean is gamma with relative variance v has k = 1 / v and p = k / (k + m)."""
    fitted = fitted_map(region=0.0, block=0.0, cell=0.3, busiest=busiest)
    drawn = simulate(fitted, months()).to_numpy()[:, 0].reshape(SIZE, -1)
    means = fitted.expected_count(months()).to_numpy().ravel()
    k = 1 / (1.3 * 1.05 - 1)
    for column in (0, 5, 23):
        assert_distributed_as(drawn[:, column], stats.nbinom(k, k / (k + means[column])))


def assert_distributed_as(drawn, law):
    """Chi-squared test over bins expected to hold 10 or more; fails by chance 1 in 10,000."""
    cuts = np.unique(law.ppf(np.linspace(0.05, 0.95, 15)))
    expected = np.diff(np.concatenate([[0], law.cdf(cuts), [1]])) * drawn.size
    observed = np.bincount(np.searchsorted(cuts, drawn, side="left"), minlength=cuts.size + 1)
    kept = expected >= 10
    statistic = ((observed - expected)[kept] ** 2 / expected[kept]).sum()
    assert statistic < stats.chi2(kept.sum() - 1).ppf(1 - 1e-4)


def test_a_future_keeps_its_levels_through_all_periods():
    """Cov(N_c1, N_c2) = m_c1 m_c2 x relative variance, for all factors are shared in time."""
    fitted = fitted_map(region=0.2, block=0.2, cell=0.3, busiest=3.0)
    drawn = simulate(fitted, months(2)).to_numpy().reshape(SIZE, 2, -1)[:, :, -12:]
    mean = fitted.expected_count(months(2)).to_numpy().reshape(2, -1)[:, -12:]
    covariance = ((drawn[:, 0] - mean[0]) * (drawn[:, 1] - mean[1])).mean(0)
    expected = mean[0] * mean[1] * (1.2 * 1.2 * 1.3 * 1.05 - 1)
    assert (covariance / expected).mean() == pytest.approx(1, abs=0.15)


def test_levels_further_ahead_vary_more_and_follow_one_path():
    """Lognormal levels of variances .05 and .5 on one path: the logs' correlation is 1."""
    fitted = fitted_map(region=[0.05, 0.5], block=[0.0, 0.0], cell=0.0)
    fitted = replace(fitted, rate=np.full_like(fitted.rate, 100.0), rate_variance=0 * fitted.rate)
    totals = simulate(fitted, months(2)).sum(("y", "x")).to_numpy()
    level = totals / (24 * 100 * np.array([31, 28]))
    assert level.var(axis=0) == pytest.approx([0.05, 0.5], rel=0.2)
    assert np.corrcoef(np.log(level).T)[0, 1] > 0.999
    variance = fitted.count_variance(months(2)).to_numpy()[:, 0, 0]
    mean = 100 * np.array([31, 28])
    assert variance == pytest.approx(mean + mean**2 * [0.05, 0.5])


def test_cells_of_a_block_move_together_more_than_cells_of_two_blocks():
    """Within a block covariance is m² ((1 + region)(1 + block) - 1); across, m² region."""
    fitted = fitted_map(region=0.1, block=0.3, cell=0.0)
    fitted = replace(fitted, rate=np.full_like(fitted.rate, 1.0))
    counts = simulate(fitted, months()).to_numpy()[:, 0].reshape(SIZE, -1)
    covariance = np.cov(counts.T) / 31**2
    block = fitted.level.square_of_cell[0].ravel()
    same = (block[:, None] == block) & ~np.eye(block.size, dtype=bool)
    assert covariance[same].mean() == pytest.approx(1.1 * 1.3 - 1, abs=0.05)
    assert covariance[block[:, None] != block].mean() == pytest.approx(0.1, abs=0.02)


def test_with_no_level_variance_cells_are_independent():
    fitted = fitted_map(region=0.0, block=0.0, cell=0.3)
    counts = simulate(fitted, months()).to_numpy()[:, 0].reshape(SIZE, -1)
    correlation = np.corrcoef(counts.T)[~np.eye(counts.shape[1], dtype=bool)]
    assert np.abs(correlation).max() < 5 / np.sqrt(SIZE)


def test_no_cell_gets_an_offence_where_none_is_expected():
    fitted = fitted_map(region=0.0, block=0.0, busiest=0.02)
    empty = np.zeros(fitted.rate.shape, bool)
    empty.flat[[0, 7, 8, 23]] = True
    fitted = replace(fitted, rate=np.where(empty, 0.0, fitted.rate))
    drawn = simulate(fitted, months(2), size=500).to_numpy()
    assert drawn[:, :, empty].sum() == 0
    assert (drawn[:, :, ~empty].sum(axis=(0, 1)) > 0).all()


def test_longer_periods_hold_more_in_proportion():
    fitted = fitted_map(region=0.0, block=0.0, busiest=3.0)
    periods = months(2)  # 31 and 28 days
    totals = simulate(fitted, periods).sum(("y", "x")).mean("member").to_numpy()
    assert totals[0] / totals[1] == pytest.approx(31 / 28, rel=0.02)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    fitted = fitted_map()
    first, again, other = (
        simulate(fitted, months(2), size=50, seed=seed).to_numpy().tobytes() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_cells_outside_the_region_are_nan_and_cells_inside_are_whole_numbers():
    fitted = fitted_map(disc=True)
    drawn = simulate(fitted, months(2), size=5)
    assert drawn.dims == ("member", "time", "y", "x")
    assert drawn.dtype == np.float32
    outside = ~fitted.grid.inside
    assert outside.any()
    assert np.isnan(drawn.to_numpy()[:, :, outside]).all()
    inside = drawn.to_numpy()[:, :, fitted.grid.inside]
    assert (inside == np.floor(inside)).all()
    assert (inside >= 0).all()


@pytest.mark.parametrize("ask", ["expected_count", "count_variance", "simulate_counts"])
def test_a_period_before_the_cutoff_is_a_leak(ask):
    options = {"size": 2, "rng": np.random.default_rng(1)} if ask == "simulate_counts" else {}
    with pytest.raises(LeakError, match="before the data cut-off 2019-01-01"):
        getattr(fitted_map(), ask)(make_periods("2018-12", count=2), **options)


def test_fewer_than_one_future_is_refused():
    with pytest.raises(ParameterError, match="size must be at least 1, got 0"):
        simulate(fitted_map(), months(), size=0)


def test_the_summary_names_the_model_and_what_it_chose():
    text = fitted_map().summary()
    assert "gradient: fitted to events before 2019-01-01" in text
    assert "region 0.02; squares 0.05; cell 0.3" in text
    assert "window" in text
