"""Folds: origins that roll, and a past that ends at the cut-off."""

import numpy as np
import pandas as pd
import pytest

from hotspot import make_periods, rolling_origin
from hotspot.backtesting.folds import Fold
from hotspot.errors import LeakError, ParameterError, TooFewEventsError
from tests.patterns import LONDON, monthly_events


def test_origins_roll_by_the_step_and_judge_the_horizon():
    folds = rolling_origin("2019-01", "2020-01", horizon=3, step=3)
    assert [f"{fold.cutoff:%Y-%m}" for fold in folds] == [
        "2019-01",
        "2019-04",
        "2019-07",
        "2019-10",
    ]
    assert all(len(fold.periods) == 3 for fold in folds)
    assert folds[-1].periods[-1].right == pd.Timestamp("2020-01", tz=LONDON)


@pytest.mark.parametrize(
    ("length", "start", "gap", "cutoff"),
    [
        ("month", "2019-04", 2, "2019-02-01"),
        ("week", "2019-04-03", 1, "2019-03-27"),  # across the clock change of 31 March
        ("day", "2019-04-01", 1, "2019-03-31"),
    ],
)
def test_a_gap_moves_the_cut_off_back_by_whole_local_periods(length, start, gap, cutoff):
    end = pd.Timestamp(start) + pd.Timedelta(days=70)
    fold = rolling_origin(start, end, length=length, gap=gap)[0]
    assert fold.cutoff == pd.Timestamp(cutoff, tz=LONDON)
    assert fold.periods[0].left == pd.Timestamp(start, tz=LONDON)


def test_the_past_of_a_fold_holds_nothing_at_or_after_the_cut_off():
    events = monthly_events(np.ones((12, 2, 2), int))
    for fold in rolling_origin("2019-04", "2020-01"):
        past = fold.past(events)
        assert past.table["time"].max() < fold.cutoff
        assert past.end == fold.cutoff
        assert past.coverage["month"].max() < f"{fold.cutoff:%Y-%m}"


def test_a_window_limits_what_a_fold_may_see():
    events = monthly_events(np.ones((12, 2, 2), int))
    fold = rolling_origin("2019-10", "2019-12", window="3 months")[0]
    past = fold.past(events)
    assert len(past) == 3 * 4
    assert past.start == pd.Timestamp("2019-07", tz=LONDON)


def test_a_cut_off_before_the_data_is_refused():
    events = monthly_events(np.ones((3, 2, 2), int), first="2019-06")
    with pytest.raises(TooFewEventsError, match="Begin the folds later"):
        rolling_origin("2019-06", "2019-08")[0].past(events)


def test_a_fold_that_would_see_its_future_cannot_be_built():
    with pytest.raises(LeakError, match="before the cut-off"):
        Fold(pd.Timestamp("2019-02", tz=LONDON), make_periods("2019-01", count=1))


@pytest.mark.parametrize("options", [{"horizon": 0}, {"step": 0}, {"gap": -1}, {"horizon": 13}])
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(ParameterError, match=r"horizon|step|gap"):
        rolling_origin("2019-01", "2020-01", **options)
