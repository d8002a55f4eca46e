"""Paired differences and their block-bootstrap intervals."""

import numpy as np
import pytest
import xarray as xr

from hotspot.errors import ParameterError, TooFewEventsError, UnknownNameError
from hotspot.evaluate import compare
from hotspot.evaluate.comparison.differences import drawn_periods, optimal_block


def scores_of(*rows, models=("base", "new", "other")):
    return xr.DataArray(
        np.array(rows, float), {"model": list(models[: len(rows)])}, ["model", "fold"]
    )


def autocorrelated(n, rng, rho=0.4):
    noise = rng.normal(size=n)
    for t in range(1, n):
        noise[t] = rho * noise[t - 1] + np.sqrt(1 - rho**2) * noise[t]
    return noise


def test_a_constant_difference_has_an_interval_of_no_width():
    base = np.random.default_rng(0).normal(size=12)
    found = compare(scores_of(base, base + 0.25), baseline="base", rng=np.random.default_rng(1))
    assert found["model"].values.tolist() == ["new"]
    for name in ("difference", "lower", "upper"):
        assert found[name].item() == pytest.approx(0.25)
    assert found["n_periods"].item() == 12


def test_what_makes_a_period_hard_for_both_cancels():
    rng = np.random.default_rng(2)
    hard, small = 100 * rng.normal(size=24), 0.1 * rng.normal(size=24)
    found = compare(scores_of(hard, hard + 1 + small), baseline="base", rng=rng)
    assert 0.8 < found["lower"].item() < 1 < found["upper"].item() < 1.2


def test_the_interval_agrees_with_a_bootstrap_of_whole_quarters():
    """The plain twin: blocks that do not overlap, as quarters of a year drawn whole."""
    series = autocorrelated(24, np.random.default_rng(7))
    found = compare(scores_of(np.zeros(24), series), baseline="base", rng=np.random.default_rng(1))
    quarters, rng = series.reshape(8, 3), np.random.default_rng(2)
    means = [quarters[rng.integers(8, size=8)].mean() for _ in range(2000)]
    width = found["upper"].item() - found["lower"].item()
    assert found["difference"].item() == pytest.approx(series.mean())
    assert width == pytest.approx(np.subtract(*np.quantile(means, [0.975, 0.025])), rel=0.25)


def test_the_interval_of_neighbours_alike_is_wider_with_blocks_than_without():
    series = autocorrelated(240, np.random.default_rng(3), rho=0.8)
    widths = []
    for block in (1, 12):
        found = compare(
            scores_of(np.zeros(240), series),
            baseline="base",
            block=block,
            rng=np.random.default_rng(1),
        )
        widths.append(found["upper"].item() - found["lower"].item())
    assert widths[1] > 1.5 * widths[0]


def test_the_interval_of_independent_periods_has_the_width_of_the_normal_one():
    """The standard error of a mean of 400 is sd / 20; at 95 % the width is 2 x 1.96 of it."""
    series = np.random.default_rng(4).normal(size=400)
    found = compare(scores_of(np.zeros(400), series), baseline="base", rng=np.random.default_rng(1))
    width = found["upper"].item() - found["lower"].item()
    assert width == pytest.approx(2 * 1.96 * series.std() / 20, rel=0.15)


def test_every_other_dimension_is_kept():
    rng = np.random.default_rng(5)
    scores = xr.DataArray(
        rng.normal(size=(3, 12, 2)),
        {"model": ["base", "new", "other"], "area_share": [0.01, 0.05]},
        ["model", "fold", "area_share"],
    )
    found = compare(scores, baseline="new", rng=np.random.default_rng(1))
    assert found["difference"].sizes == {"model": 2, "area_share": 2}
    alone = compare(scores.sel(area_share=0.05), baseline="new", rng=np.random.default_rng(1))
    xr.testing.assert_allclose(
        found.sel(area_share=0.05, drop=True), alone.drop_vars("area_share"), rtol=1e-12
    )


def test_periods_without_a_score_for_both_are_left_out():
    base, new = np.arange(8.0), np.arange(8.0) + 1
    base[3] = new[5] = np.nan
    found = compare(scores_of(base, new), baseline="base", rng=np.random.default_rng(1))
    assert found["n_periods"].item() == 6
    assert found["difference"].item() == pytest.approx(1)
    assert found["upper"].item() == pytest.approx(1)


def test_an_interval_from_a_single_scored_period_is_not_defined():
    base, new = np.full(6, np.nan), np.ones(6)
    base[2] = 0.5
    found = compare(scores_of(base, new), baseline="base", block=1, rng=np.random.default_rng(1))
    assert found["difference"].item() == 0.5
    assert np.isnan(found["lower"].item())


def test_an_infinite_score_stays_infinite():
    base, new = np.zeros(8), np.zeros(8)
    new[2] = -np.inf
    found = compare(scores_of(base, new), baseline="base", rng=np.random.default_rng(1))
    assert found["difference"].item() == -np.inf
    assert found["lower"].item() == -np.inf
    base[2] = -np.inf
    both = compare(scores_of(base, new), baseline="base", rng=np.random.default_rng(1))
    assert np.isnan(both["difference"].item())


def test_the_same_seed_gives_the_same_interval():
    scores = scores_of(*np.random.default_rng(6).normal(size=(2, 12)))
    found = [compare(scores, baseline="base", rng=np.random.default_rng(9)) for _ in range(2)]
    assert found[0].identical(found[1])


def test_an_unknown_baseline_is_refused_and_the_models_named():
    with pytest.raises(
        UnknownNameError, match=r"'count' is not among the models \['base', 'new'\]"
    ):
        compare(scores_of(np.zeros(8), np.zeros(8)), baseline="count", rng=np.random.default_rng(0))


def test_too_few_periods_for_two_blocks_are_refused():
    with pytest.raises(TooFewEventsError, match="5 periods make fewer than two blocks of 3"):
        compare(scores_of(np.zeros(5), np.ones(5)), baseline="base", rng=np.random.default_rng(0))


def test_scores_without_folds_are_refused():
    with pytest.raises(ParameterError, match="no dimension 'fold'"):
        compare(
            scores_of(np.zeros(5), np.ones(5)).isel(fold=0),
            baseline="base",
            rng=np.random.default_rng(0),
        )


def test_stationary_blocks_have_the_mean_length_asked_for_and_close_to_a_circle():
    drawn = drawn_periods(
        50, block=4.0, size=400, rng=np.random.default_rng(1), bootstrap="stationary"
    )
    assert drawn.shape == (400, 50)
    breaks = (np.diff(drawn, axis=1) % 50 != 1).mean()
    # A new block begins with chance 1/4, and by chance again where the last one would have gone on.
    assert breaks == pytest.approx(0.25 * 49 / 50, abs=0.01)
    assert np.bincount(drawn.ravel(), minlength=50).min() > 300  # 400 times each in the mean


def test_the_stationary_interval_agrees_with_the_circular_one():
    series = autocorrelated(200, np.random.default_rng(3))
    found = [
        compare(
            scores_of(np.zeros(200), series),
            baseline="base",
            rng=np.random.default_rng(1),
            bootstrap=kind,
            block=5,
        )
        for kind in ("circular", "stationary")
    ]
    widths = [one["upper"].item() - one["lower"].item() for one in found]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)
    assert widths[1] != widths[0]
    assert found[0]["difference"].item() == found[1]["difference"].item()


def test_the_best_block_is_longer_for_neighbours_alike_and_the_longest_of_all_rows():
    rng = np.random.default_rng(4)
    alone, alike = rng.normal(size=200), autocorrelated(200, rng, rho=0.8)
    assert optimal_block(alike[None]) > 2 * optimal_block(alone[None])
    assert optimal_block(np.stack([alone, alike])) == optimal_block(alike[None])


def test_a_series_that_tells_no_block_length_has_the_cube_root_of_its_own():
    assert optimal_block(np.ones((1, 27))) == pytest.approx(3)
    assert optimal_block(np.arange(8.0)[None]) == pytest.approx(2)
    assert optimal_block(np.arange(2.0)[None]) == 1


def test_the_block_used_is_told_and_asked_for_by_the_stationary_bootstrap_alone():
    scores = scores_of(np.zeros(60), autocorrelated(60, np.random.default_rng(5)))
    options = {"baseline": "base", "block": "optimal", "rng": np.random.default_rng(1)}
    found = compare(scores, bootstrap="stationary", **options)
    assert found.attrs["block"] == optimal_block(scores.sel(model="new").values[None])
    with pytest.raises(ParameterError, match="is the rule of the stationary bootstrap"):
        compare(scores, **options)
    with pytest.raises(ParameterError, match=r"whole periods, got block=2\.5"):
        compare(scores, baseline="base", block=2.5, rng=np.random.default_rng(1))
    with pytest.raises(ParameterError, match="bootstrap must be one of"):
        compare(scores, baseline="base", bootstrap="moving", rng=np.random.default_rng(1))
