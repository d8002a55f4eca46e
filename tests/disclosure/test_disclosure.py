"""No small count can be read or worked out of what is published, by whoever tries everything."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot.disclosure import Rule, feasible_intervals, protect_table, require_safe
from hotspot.errors import ParameterError, RefusedError


def frame(values):
    values = np.array(values)
    return pd.DataFrame(
        values, [f"r{i}" for i in range(len(values))], [f"c{j}" for j in range(values.shape[1])]
    )


def tried_out(cells, rows, columns):
    """Every table of whole counts with these totals and published counts, one by one."""
    hidden = np.argwhere(np.isnan(cells))
    most = int(min(np.nanmax(rows), np.nanmax(columns)))
    low, high = np.full(cells.shape, np.inf), np.full(cells.shape, -np.inf)
    for guess in product(range(most + 1), repeat=len(hidden)):
        table = cells.copy()
        table[tuple(hidden.T)] = guess
        if (table.sum(axis=1) == rows).all() and (table.sum(axis=0) == columns).all():
            low, high = np.minimum(low, table), np.maximum(high, table)
    return low, high


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=6, max_size=6), st.sets(st.integers(0, 5), min_size=2,
                                                                   max_size=4))  # fmt: skip
def test_intervals_are_those_of_trying_everything(values, hide):
    table = np.array(values, float).reshape(2, 3)
    cells = table.copy()
    cells.flat[list(hide)] = np.nan
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    low, high = feasible_intervals(cells, rows, columns, table.sum())
    expected = tried_out(cells, rows, columns)
    np.testing.assert_allclose(low, expected[0], atol=1e-6)
    np.testing.assert_allclose(high, expected[1], atol=1e-6)


def test_a_count_alone_in_its_row_is_no_secret():
    table = frame([[3, 20], [15, 30]])
    hidden = table.astype(float).copy()
    hidden.iloc[0, 0] = np.nan
    low, high = feasible_intervals(
        hidden.to_numpy(), np.array([23.0, 45]), np.array([18.0, 50]), 68.0
    )
    assert (low[0, 0], high[0, 0]) == (3, 3)


def test_without_totals_nothing_bounds_a_count():
    low, high = feasible_intervals(
        np.array([[np.nan, 4.0]]), np.array([np.nan]), np.full(2, np.nan), np.nan
    )
    assert (low[0, 0], high[0, 0]) == (0, np.inf)


def test_totals_that_contradict_are_refused():
    with pytest.raises(ParameterError, match="contradict"):
        feasible_intervals(np.array([[np.nan, 9.0]]), np.array([5.0]), np.full(2, np.nan), 5.0)
    with pytest.raises(ParameterError, match="needs 1 totals"):
        feasible_intervals(np.array([[np.nan, 9.0]]), np.array([5.0, 1]), np.full(2, np.nan), 5.0)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=16, max_size=16), st.sampled_from([1, 5]))
def test_what_is_protected_is_safe_and_adds_up(values, rounded_to):
    counts, rule = frame(np.array(values).reshape(4, 4)), Rule(10, rounded_to)
    try:
        found = protect_table(counts, rule=rule)
    except RefusedError:
        # Only where the totals themselves tell: with every count above 0 held back.
        hidden = np.where(counts > 0, np.nan, 0.0)
        sums = [
            np.round(one / rounded_to) * rounded_to
            for one in (
                counts.sum(axis=1).to_numpy(),
                counts.sum(axis=0).to_numpy(),
                counts.to_numpy().sum(),
            )
        ]
        low, high = feasible_intervals(hidden, *sums, rounded_to=rounded_to)
        assert (np.isnan(hidden) & (high - low < 10) & (low < 10)).any()
        return
    require_safe(found.table, rule=rule)
    small = ((counts > 0) & (counts < 10)).to_numpy()
    assert (found.held_back.to_numpy()[small] == "small").all()
    inner = found.table.drop(index="total", columns="total")
    assert (inner.isna() == (found.held_back != "")).to_numpy().all()
    assert (found.lower <= counts).to_numpy().all()
    assert (counts <= found.upper).to_numpy().all()
    width = (found.upper - found.lower).to_numpy()[small]
    assert (width >= 10).all()
    off = np.abs(inner - counts).to_numpy()
    assert np.nanmax(off, initial=0) <= rounded_to / 2


def test_nothing_small_means_nothing_held_back():
    found = protect_table(frame([[10, 0], [25, 40]]))
    assert (found.held_back == "").to_numpy().all()
    assert found.table.loc["total", "total"] == 75
    require_safe(found.table)


def test_a_small_total_cannot_be_protected():
    with pytest.raises(RefusedError, match=r"\[G4\] With all counts held back") as caught:
        protect_table(frame([[3, 2], [0, 0]]))
    assert not caught.value.may_be_overridden
    assert "coarser areas" in str(caught.value)


def test_a_table_that_tells_is_refused_by_place():
    told = frame([[3, 20], [15, 30]]).astype(float)
    told["total"] = told.sum(axis=1)
    told.loc["total"] = told.sum()
    with pytest.raises(RefusedError, match=r"A count of 3 would be published \('r0', 'c0'\)"):
        require_safe(told)
    told.loc["r0", "c0"] = np.nan
    with pytest.raises(RefusedError, match="between 3 and 3"):
        require_safe(told)
    with pytest.raises(ParameterError, match="called"):
        require_safe(told.drop(columns="total"))


def test_a_protected_table_passes_its_own_audit():
    rng = np.random.default_rng(4)
    counts = frame(rng.poisson(14, (5, 6)))
    found = protect_table(counts)
    assert (found.held_back == "small").to_numpy().any()
    assert require_safe(found.table) is None
    # Told again, one of the small ones is refused: the audit looked at them.
    i, j = np.argwhere((found.held_back == "small").to_numpy())[0]
    told = found.table.copy()
    told.iloc[i, j] = counts.iloc[i, j]
    with pytest.raises(RefusedError, match="would be published"):
        require_safe(told)


@pytest.mark.parametrize("bad", [-1, 0.5, np.nan])
def test_counts_are_whole_numbers(bad):
    with pytest.raises(ParameterError, match="whole numbers"):
        protect_table(frame([[20.0, bad]]))


def test_a_rule_that_makes_no_sense_and_a_row_called_total_are_refused():
    for given_rule in [(1, 1), (10, 0), (10, 11)]:
        with pytest.raises(ParameterError, match="threshold"):
            Rule(*given_rule)
    with pytest.raises(ParameterError, match="totals are added here"):
        protect_table(frame([[20, 20]]).rename(index={"r0": "total"}))
