"""The two searches behind breaks, against plain versions of themselves."""

import numpy as np
import pytest

from hotspot.breaks.level_shifts import _Series, level_shifts
from hotspot.breaks.map_points import _Used, point_changes


def test_a_column_is_judged_as_generalised_least_squares_would():
    """Size, precision and restricted likelihood from the textbook's matrices."""
    rng = np.random.default_rng(1)
    n, drift, noise = 30, 0.04, 0.06
    counts, month = rng.poisson(80, n).astype(float), np.arange(n) + np.arange(n) // 20
    series = _Series.of(counts, np.full(n, 30.0), month + 7)
    columns = (np.arange(n)[:, None] >= [10, 20]).astype(float)
    size, precision, likelihood = [], [], []
    walk = np.array([[min(a, b) for b in month] for a in month]) * drift**2  # of the first: 0
    inverse = np.linalg.inv(walk + np.diag(series.chance + noise**2))
    for column in columns.T:
        x = np.column_stack([series.season, column])
        normal = x.T @ inverse @ x
        beta = np.linalg.solve(normal, x.T @ inverse @ series.value)
        left = series.value - x @ beta
        size.append(beta[-1])
        precision.append(1 / np.linalg.inv(normal)[-1, -1])
        likelihood.append(
            0.5 * np.linalg.slogdet(inverse)[1]
            - 0.5 * np.linalg.slogdet(normal)[1]
            - 0.5 * left @ inverse @ left
        )
    fit = [
        each[1] for each in series.fits(series.season, columns, np.array([[0, 0], [drift, noise]]))
    ]
    np.testing.assert_allclose(fit[1], size, rtol=1e-8)
    np.testing.assert_allclose(fit[2], precision, rtol=1e-8)
    np.testing.assert_allclose(fit[0][1] - fit[0][0], likelihood[1] - likelihood[0], rtol=1e-6)


def test_two_steps_are_told_apart():
    counts = np.select([np.arange(72) < 24, np.arange(72) < 48], [200.0, 400.0], 250.0)
    found = level_shifts(counts, np.full(72, 30.0), np.arange(72), false_alarms=0.05)
    assert [(one.row, one.lasts) for one in found] == [(24, True), (48, True)]
    assert [one.size for one in found] == pytest.approx([2.0, 0.625], rel=0.03)


def test_a_drift_is_no_step():
    """A level that doubles over five years a little each month."""
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(30):
        mean = 300 * np.exp(np.cumsum(rng.normal(0.01, 0.03, 60)))
        found = level_shifts(
            rng.poisson(mean).astype(float), np.full(60, 30.0), np.arange(60), false_alarms=0.05
        )
        alarms += bool(found)
    assert alarms <= 4


def test_points_of_a_month_alone_are_counted_as_plain_sets_do():
    rng = np.random.default_rng(3)
    month, point = np.sort(rng.integers(0, 20, 200)), rng.integers(0, 40, 200)
    used = _Used.of(point, month, 20)
    for row in range(3, 20):
        for begin in (0, 5):
            span = range(max(begin, row - 12), row + 1)
            if row - begin < 3:
                continue
            alone = {
                t: sum(
                    p not in {q for q, m in zip(point, month, strict=True) if m in span and m != t}
                    for p in point[month == t]
                )
                for t in span
            }
            number = {t: (month == t).sum() for t in span}
            share, usual, *_ = used.compared(row, begin)
            assert share == pytest.approx(alone[row] / number[row])
            before = [t for t in span if t != row]
            expected = sum(alone[t] for t in before) / sum(number[t] for t in before)
            assert usual == pytest.approx(expected)


def test_points_in_common_are_those_of_the_two_years():
    """Points 0 to 9 before, 5 to 14 after: 5 of 15."""
    month = np.repeat(np.arange(24), 10)
    point = np.tile(np.arange(10), 24) + np.where(month >= 12, 5, 0)
    assert _Used.of(point, month, 24).jaccard(12) == pytest.approx(5 / 15)


def test_a_rise_too_small_to_matter_is_no_change():
    """2 % of a city's points are new from one month on, which 5000 offences a month would show."""
    rng = np.random.default_rng(4)
    month = np.repeat(np.arange(40), 5000)
    point = rng.integers(0, 300, month.size)
    moved = (month >= 20) & (rng.random(month.size) < 0.02)
    assert point_changes(np.where(moved, 300, point), month, 40, false_alarms=0.05) == []
    moved = (month >= 20) & (rng.random(month.size) < 0.2)
    point = np.where(moved, 300, point)
    assert [one.row for one in point_changes(point, month, 40, false_alarms=0.05)] == [20]


def test_months_without_offences_are_no_months_without_points():
    rng = np.random.default_rng(5)
    month = rng.choice(np.setdiff1d(np.arange(40), [10, 11]), 8000)
    point = rng.integers(0, 200, month.size)
    assert point_changes(point, month, 40, false_alarms=0.05) == []
