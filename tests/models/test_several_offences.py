"""Offences that excite one another."""

import json
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely

from hotspot import ConstantBackground, Grid, KernelBackground, SelfExciting, make_periods
from hotspot.errors import ParameterError, TooFewEventsError, UnknownNameError
from tests.models.self_exciting_cases import SQUARE, START, as_events

GRID = Grid.over(SQUARE, cell_size=500.0)
OFFENCES = ("Burglary", "Robbery")
MODEL = SelfExciting(background=ConstantBackground(), offences=OFFENCES)
MATRIX = np.array([[0.35, 0.2], [0.0, 0.25]])
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)


def simulated(rng, *, background=(2.0, 2.0), days=400.0):
    """Events of two offences: a branching process whose children are drawn by a matrix."""
    generation = np.concatenate(
        [
            np.column_stack([rng.uniform(0, days, n), rng.uniform(0, 3000, (n, 2)), np.full(n, k)])
            for k, n in enumerate(rng.poisson(np.array(background) * days))
        ]
    )
    family = [generation]
    while len(generation):
        born = []
        for k in (0, 1):
            mean = MATRIX[generation[:, 3].astype(int), k]
            children = np.repeat(generation, rng.poisson(mean), axis=0)
            moved = np.column_stack(
                [
                    rng.exponential(1 / 0.15, len(children)),
                    150.0 * rng.standard_normal((len(children), 2)),
                ]
            )
            born.append(np.column_stack([children[:, :3] + moved, np.full(len(children), k)]))
        generation = np.concatenate(born)
        inside = shapely.contains_xy(SQUARE, generation[:, 1], generation[:, 2])
        generation = generation[(generation[:, 0] < days) & inside]
        family.append(generation)
    rows = np.concatenate(family)
    rows = rows[np.argsort(rows[:, 0])]
    events = as_events(rows[:, :3], days=days)
    table = events.table.assign(offence=np.array(OFFENCES)[rows[:, 3].astype(int)])
    return replace(events, table=table)


@pytest.fixture(scope="module")
def events():
    return simulated(np.random.default_rng(7))


@pytest.fixture(scope="module")
def fitted(events):
    return MODEL.fit(events, GRID)


def test_the_matrix_is_recovered_within_two_and_a_half_standard_errors(fitted):
    theta = fitted.estimate.parts.productivity
    errors = np.sqrt(np.diag(fitted.estimate.covariance))[2:6].reshape(2, 2)
    there = MATRIX > 0
    assert (np.abs(np.log(theta / np.where(there, MATRIX, 1)))[there] < 2.5 * errors[there]).all()


def test_a_pair_that_does_not_trigger_stays_at_its_least_or_within_its_error_of_0(fitted):
    theta = fitted.estimate.parts.productivity[1, 0]
    error = np.sqrt(np.diag(fitted.estimate.covariance))[4]
    assert theta < 0.08
    assert error == 0 or theta < 2.5 * theta * error


def test_the_order_in_which_offences_are_named_changes_nothing_else(events, fitted):
    turned = replace(MODEL, offences=OFFENCES[::-1]).fit(events, GRID)
    np.testing.assert_allclose(
        turned.estimate.parts.productivity[::-1, ::-1],
        fitted.estimate.parts.productivity,
        rtol=0.02,
        atol=1e-3,
    )
    assert turned.log_likelihood == pytest.approx(fitted.log_likelihood, abs=0.01)


def test_each_offence_has_a_background_of_its_own_events(events):
    kernel = replace(MODEL, background=KernelBackground(400.0)).fit(events, GRID)
    assert kernel.background.cell_share.shape == (2, *GRID.shape)
    np.testing.assert_allclose(kernel.background.cell_share.sum(axis=(1, 2)), 1.0)
    for one, laid in zip(OFFENCES, kernel.background.laid, strict=True):
        assert laid.at_events.size == (events.table["offence"] == one).sum()


def test_offences_that_are_not_there_or_too_few_are_refused(events):
    with pytest.raises(UnknownNameError, match=r"no event|No event before the cut-off is of"):
        replace(MODEL, offences=("Burglary", "Arson")).fit(events, GRID)
    with pytest.raises(ParameterError, match="two or more different ones"):
        replace(MODEL, offences=("Burglary",))
    with pytest.raises(ParameterError, match="two or more different ones"):
        replace(MODEL, offences=("Burglary", "Burglary"))
    rare = events.table["offence"] == "Robbery"
    rare &= rare.cumsum() > 5
    few = replace(events, table=events.table[~rare].reset_index(drop=True))
    with pytest.raises(TooFewEventsError, match="Of 'Robbery': 5 events"):
        MODEL.fit(few, GRID)


class TestForecast:
    """Each offence is forecast by itself, with what all of them trigger."""

    week = make_periods("2022-02-05", count=2, length="week")

    def test_one_of_the_offences_must_be_chosen(self, fitted):
        with pytest.raises(ParameterError, match=r"Say which is to be forecast: fitted\.of"):
            fitted.expected_count(self.week)
        with pytest.raises(UnknownNameError, match="not fitted to 'Arson'"):
            fitted.of("Arson")

    def test_expected_counts_are_the_means_of_simulated_futures(self, fitted):
        held = replace(
            fitted,
            estimate=replace(fitted.estimate, covariance=np.zeros_like(fitted.estimate.covariance)),
        )
        for offence in OFFENCES:
            one = held.of(offence)
            futures = one.simulate_counts(self.week, size=1500, rng=np.random.default_rng(1))
            totals = futures.sum(("y", "x"))
            error = totals.std("member") / np.sqrt(1500)
            gap = totals.mean("member") - one.expected_count(self.week).sum(("y", "x"))
            assert (np.abs(gap) < 3.5 * error).all()

    def test_what_is_triggered_counts_what_both_trigger(self, fitted):
        """Robbery is triggered by burglary too: without that its forecast is lower."""
        parts = fitted.estimate.parts
        alone = parts.productivity * np.array([[1.0, 1e-9], [1.0, 1.0]])
        cut = replace(
            fitted, estimate=replace(fitted.estimate, parts=parts._replace(productivity=alone))
        )
        whole, less = (
            float(one.of("Robbery").triggered_count(self.week).sum()) for one in (fitted, cut)
        )
        assert less < 0.9 * whole

    def test_the_parts_sum_to_the_whole_for_each_offence(self, fitted):
        for offence in OFFENCES:
            one = fitted.of(offence)
            total = one.background_count(self.week) + one.triggered_count(self.week)
            np.testing.assert_allclose(total, one.expected_count(self.week))

    def test_a_later_cutoff_knows_events_of_each_offence(self, events):
        early = replace(MODEL, window=None).fit(events, GRID, end=START + pd.Timedelta(days=380))
        later = early.updated(events, end=START + pd.Timedelta(days=390))
        since = events.table["time"].between(
            START + pd.Timedelta(days=380), START + pd.Timedelta(days=390), inclusive="left"
        )
        assert later.parameters["events_since_fit"] == since.sum()
        np.testing.assert_array_equal(
            np.bincount(later.later.kind, minlength=2),
            [(events.table["offence"][since] == one).sum() for one in OFFENCES],
        )


def test_the_error_of_the_branching_ratio_is_that_of_differences(fitted):
    """Spectral radius at moved parameters; the covariance carries it over."""
    best, likelihood = fitted.estimate.parts, fitted.likelihood
    slopes = [
        (
            likelihood.branching_ratio(best.with_vector(best.vector + e))
            - likelihood.branching_ratio(best.with_vector(best.vector - e))
        )
        / 2e-4
        for e in 1e-4 * np.eye(best.vector.size)
    ]
    error = np.sqrt(slopes @ fitted.estimate.covariance @ slopes)
    assert fitted.branching_ratio_error == pytest.approx(error, rel=1e-4)


def test_the_summary_names_each_pair(fitted):
    text = fitted.summary()
    assert "productivity, Burglary to Robbery" in text
    assert f"{fitted.branching_matrix.loc['Burglary', 'Robbery']:.4g}" in text
    assert json.dumps(dict(fitted.parameters))


def test_residuals_of_all_offences_sum_to_their_number(fitted):
    """At a maximum the expected number is the number of events."""
    total = fitted.time_rescaled_residuals().sum()
    assert total == pytest.approx(fitted.record.n, rel=0.01)
