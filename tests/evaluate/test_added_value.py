"""The added-value report and the equivalence test, on backtests made by hand."""

import numpy as np
import pytest
import xarray as xr

import hotspot as hs
from hotspot.errors import ParameterError, TooFewEventsError, UnknownNameError
from hotspot.evaluate.comparison.added_value import NO_BENEFIT

CELLS = {"y": [0.0], "x": [0.0, 1.0, 2.0, 3.0]}


def backtest_of(observed, **maps):
    """A backtest of one step and one row of four cells; a map is the same in all folds."""
    observed = np.asarray(observed, float)
    n = len(observed)
    expected = np.stack([np.broadcast_to(np.asarray(one, float), (n, 4)) for one in maps.values()])
    return xr.Dataset(
        {
            "expected_count": (("model", "fold", "step", "y", "x"), expected[:, :, None, None]),
            "observed_count": (("fold", "step", "y", "x"), observed[:, None, None]),
        },
        {"model": list(maps), "fold": np.arange(n), **CELLS},
    )


def drawn(rate, n=24, seed=1):
    return np.random.default_rng(seed).poisson(rate, (n, 4))


def report_of(backtest, seed=0, **options):
    options = {"model": "new", "baselines": ["old"], "area_share": 0.25, **options}
    return hs.added_value(backtest, rng=np.random.default_rng(seed), **options)


def test_the_numbers_are_those_of_a_hand_calculation():
    """Four folds with events 3, 1, 0, 0 and one fold more with 0, 2, 2, 0.

    The model flags the first cell, the baseline the second. Caught: 12 of 20 against 4 + 2. Gain of
    places: 12 log(.4 / .2) + 6 log(.3 / .4) + 2 log(.2 / .3). With volume: the model expects 10 in
    a fold, the baseline 5, so that each event's ratio grows by log 2 and 5 x 5 is taken off.
    """
    observed = [[3, 1, 0, 0]] * 4 + [[0, 2, 2, 0]]
    table = report_of(
        backtest_of(observed, new=[4, 3, 2, 1], old=[1, 2, 1.5, 0.5]), block=1
    ).table.loc["old"]
    gain = (12 * np.log(2) + 6 * np.log(0.75) + 2 * np.log(2 / 3)) / 20
    assert table["hit_rate"] == pytest.approx((12 - 6) / 20)
    assert table["gain"] == pytest.approx(gain)
    assert table["volume_gain"] == pytest.approx(gain + np.log(2) - 25 / 20)
    # Ranks 4 3 2 1 against 2 4 3 1: 1 - 6 (4 + 1 + 1) / 60.
    assert table["rank_correlation"] == pytest.approx(0.4)
    assert table["correlation"] == pytest.approx(np.corrcoef([4, 3, 2, 1], [1, 2, 1.5, 0.5])[0, 1])
    assert table["overlap"] == 0


def test_a_model_against_its_own_copy_gains_exactly_nothing():
    rate = [5, 3, 2, 1]
    row = report_of(backtest_of(drawn(rate), new=rate, old=rate)).table.loc["old"]
    for measure in ("hit_rate", "gain", "volume_gain"):
        assert row[measure] == row[f"{measure}_lower"] == row[f"{measure}_upper"] == 0
        assert row[f"{measure}_verdict"] == NO_BENEFIT
    assert row["rank_correlation"] == pytest.approx(1)
    assert row["overlap"] == 1
    assert np.isnan(row["gain_p_value"])


def test_a_better_map_is_called_better_and_a_worse_one_worse():
    rate = np.array([8.0, 4.0, 2.0, 2.0])
    backtest = backtest_of(drawn(rate), new=rate, old=rate[::-1])
    there = report_of(backtest).table.loc["old"]
    back = report_of(backtest, model="old", baselines=["new"]).table.loc["new"]
    for measure in ("hit_rate", "gain", "volume_gain"):
        assert there[f"{measure}_verdict"] == "better"
        assert back[f"{measure}_verdict"] == "worse"
    assert there["gain_p_value"] < 1e-6
    assert "over 'old': better" in str(report_of(backtest))


def test_a_difference_that_chance_could_make_is_no_demonstrated_benefit():
    rate = np.array([5.0, 4.0, 3.0, 2.0])
    backtest = backtest_of(drawn(rate), new=rate, old=rate + np.array([0.1, -0.1, 0.1, -0.1]))
    report = report_of(backtest)
    row = report.table.loc["old"]
    assert row["gain_lower"] < 0 < row["gain_upper"]
    assert row["gain_verdict"] == NO_BENEFIT
    assert NO_BENEFIT in str(report)


def test_a_gain_that_is_the_same_for_each_event_has_an_interval_of_no_width():
    """Every event in the first cell, to which the model gives twice the share: log 2 each."""
    events = np.outer([1, 9, 2, 30, 4, 1, 17, 3], [1, 0, 0, 0])
    row = report_of(backtest_of(events, new=[6, 2, 2, 2], old=[3, 3, 3, 3])).table.loc["old"]
    for name in ("gain", "gain_lower", "gain_upper"):
        assert row[name] == pytest.approx(np.log(2))


def test_volume_alone_is_seen_by_the_gain_with_volume_and_by_no_other():
    rate = np.array([5.0, 4.0, 3.0, 2.0])
    row = report_of(backtest_of(drawn(rate), new=rate, old=2 * rate)).table.loc["old"]
    assert row["gain"] == pytest.approx(0, abs=1e-12)
    assert row["hit_rate"] == 0
    assert row["volume_gain_verdict"] == "better"


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """Expected counts of the truth: the gain is that of the two maps. 12 folds, 95 %.

    In 100 simulated records it is held at least 88 times: fewer would be 3 standard errors below.
    """
    rate, other = np.array([6.0, 4.0, 3.0, 2.0]), np.array([4.0, 4.0, 4.0, 3.0])
    truth = rate @ np.log(rate / other) / rate.sum()
    held = 0
    for seed in range(100):
        backtest = backtest_of(drawn(rate, n=12, seed=seed), new=rate, old=other)
        row = report_of(backtest, seed=seed, size=300).table.loc["old"]
        held += row["gain_lower"] <= truth <= row["gain_upper"]
    assert held >= 88


def test_p_values_are_adjusted_for_the_number_of_baselines():
    rate = np.array([6.0, 4.0, 3.0, 2.0])
    backtest = backtest_of(drawn(rate), new=rate, old=np.ones(4) * 3.75, flat=np.ones(4) * 3.75)
    one = report_of(backtest).table["gain_p_value"]
    two = report_of(backtest, baselines=["old", "flat"]).table["gain_p_value"]
    assert two.tolist() == pytest.approx([2 * one["old"]] * 2)


def test_an_event_that_was_given_no_chance_is_an_infinite_loss():
    backtest = backtest_of([[3, 1, 1, 1]] * 6, new=[5, 1, 0, 1], old=[2, 2, 2, 2])
    row = report_of(backtest).table.loc["old"]
    assert row["gain"] == row["gain_lower"] == -np.inf
    assert row["gain_verdict"] == "worse"
    assert np.isfinite(row["hit_rate_lower"])


def test_folds_without_events_count_as_periods_and_change_nothing_else():
    rate = [5, 3, 2, 1]
    empty = np.vstack([drawn(rate, n=8), np.zeros((2, 4))])
    some = backtest_of(empty[:8], new=rate, old=[3, 3, 3, 3])
    more = backtest_of(empty, new=rate, old=[3, 3, 3, 3])
    first, second = report_of(some), report_of(more)
    assert second.table.loc["old", "gain"] == pytest.approx(first.table.loc["old", "gain"])
    assert (first.n_periods, second.n_periods) == (8, 10)
    assert first.n_events == second.n_events == empty.sum()


def test_the_same_seed_gives_the_same_report():
    backtest = backtest_of(drawn([5, 3, 2, 1]), new=[5, 3, 2, 1], old=[3, 3, 3, 3])
    assert report_of(backtest, seed=3).table.equals(report_of(backtest, seed=3).table)


def test_missing_baselines_are_named_with_how_to_add_them():
    backtest = backtest_of(drawn([5, 3, 2, 1]), new=[5, 3, 2, 1], old=[3, 3, 3, 3])
    with pytest.raises(
        UnknownNameError,
        match=r"no model 'count map', 'kernel density', 'seasonal Poisson'.*baseline_models\(\)",
    ):
        hs.added_value(backtest, model="new", rng=np.random.default_rng(0))
    with pytest.raises(ParameterError, match="compared with others than itself"):
        report_of(backtest, baselines=["new"])


def test_a_single_fold_and_no_events_are_refused():
    maps = {"new": [5, 3, 2, 1], "old": [3, 3, 3, 3]}
    with pytest.raises(TooFewEventsError, match="at least 4 folds, got 1"):
        report_of(backtest_of([[1, 0, 0, 0]], **maps))
    with pytest.raises(TooFewEventsError, match="Nothing was observed in any fold"):
        report_of(backtest_of(np.zeros((6, 4)), **maps))
    with pytest.raises(TooFewEventsError, match="6 periods make fewer than two blocks of 4"):
        report_of(backtest_of(drawn([5, 3, 2, 1], n=6), **maps), block=4)


def test_caught_and_overlap_are_those_of_the_hit_rate_and_of_whole_ties():
    rng = np.random.default_rng(3)
    backtest = backtest_of(drawn([5, 3, 2, 1]), new=[3, 2, 2, 1], old=[2, 2, 2, 2])
    backtest = backtest.assign_coords(inside_area=(("y", "x"), [[1.0, 0.5, 1.0, 1.0]]))
    row = report_of(backtest, area_share=0.5, seed=rng).table.loc["old"]
    observed = backtest["observed_count"]
    rates = hs.hit_rate(backtest, observed, area_share=0.5)
    events = observed.sum(["y", "x"])
    caught = (rates * events).sum(["fold", "step"]) / events.sum()
    assert row["hit_rate"] == pytest.approx(caught.sel(model="new") - caught.sel(model="old"))
    # Per area new's second cell, 4, comes first and takes .5 of 1.75, the first 1, and .25 are
    # left for the third. The old one's second cell takes .5; the others share 1.25 of 3.
    assert row["overlap"] == pytest.approx((0.5 + 1.25 / 3 + 0.25) / 1.75)


def test_a_moving_average_by_another_name_is_found_equivalent():
    rate = np.array([50.0, 40.0, 30.0, 20.0])
    observed = drawn(rate, n=24)
    rng = np.random.default_rng(2)
    nearly = rate * np.exp(0.001 * rng.normal(size=(24, 4)))
    backtest = backtest_of(observed, etas=nearly, count=rate, flat=np.full(4, 35.0))
    report = hs.baseline_equivalence(
        backtest, model="etas", baselines=["count", "flat"], area_share=0.25
    )
    assert report.equivalent
    assert report.best == "count"
    assert report.table.loc["count", "correlation"] > 0.9999
    assert report.table.loc["flat", "verdict"] == "better"
    assert report.table.loc["count", "p_value"] < 0.05 < report.table.loc["flat", "p_value"]
    assert "'count': equivalent" in str(report)


def test_few_events_leave_the_question_open_rather_than_say_equivalent():
    rate, other = np.array([5.0, 4.0, 3.0, 2.0]), np.array([4.0, 5.0, 3.0, 2.0])
    backtest = backtest_of(drawn(rate / 10, n=6), etas=other, count=rate)
    report = hs.baseline_equivalence(backtest, model="etas", baselines=["count"], area_share=0.25)
    assert report.table.loc["count", "verdict"] == "undecided"
    assert not report.equivalent


def test_the_equivalence_test_of_a_gain_on_the_margin_is_wrong_as_often_as_it_says():
    """True gain at the margin: called equivalent in about 5 % of records, here 100; .05 + 3 s.e."""
    rate, other = np.array([6.0, 4.0, 3.0, 2.0]), np.array([4.0, 4.0, 4.0, 3.0])
    p = rate / rate.sum()
    margin = float(p @ np.log(p / (other / other.sum())))
    called = sum(
        hs.baseline_equivalence(
            backtest_of(drawn(rate, n=24, seed=seed), etas=rate, count=other),
            model="etas", baselines=["count"], margin=margin, area_share=0.25,
        ).equivalent
        for seed in range(100)
    )  # fmt: skip
    assert called <= 11


def test_an_equivalence_test_without_a_margin_is_refused():
    backtest = backtest_of(drawn([5, 3, 2, 1]), new=[5, 3, 2, 1], old=[3, 3, 3, 3])
    with pytest.raises(ParameterError, match="margin must be positive"):
        hs.baseline_equivalence(backtest, model="new", baselines=["old"], margin=0.0)
    with pytest.raises(TooFewEventsError, match="at least 4 folds, got 3"):
        hs.baseline_equivalence(backtest.isel(fold=slice(3)), model="new", baselines=["old"])
