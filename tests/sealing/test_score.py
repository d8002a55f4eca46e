"""Sealed forecasts are scored by what was sealed: counted and scored again by hand."""

import numpy as np
import pytest
from shapely import box

from hotspot.errors import CoverageError, SealError
from hotspot.sealing.score import observed_counts, score_seal
from hotspot.sealing.seal import seal_forecast
from tests.sealing.made import day, events, forecast, study

# The rates of the gradient rise cell by cell from the south-west; 6 of 24 cells are the top row.
PLACES = [(550, 350), (450, 350), (50, 350), (50, 50)]


def sealed_in(folder, forecasts, **scores):
    options = {"study": study(**scores), "sealed_at": day("2019-01-03")}
    return seal_forecast(forecasts, folder, **options)


@pytest.fixture(scope="module")
def seal(tmp_path_factory):
    return sealed_in(tmp_path_factory.mktemp("score") / "sealed", {"gradient": forecast()})


def value(table, score, column="value"):
    (one,) = table.loc[table["score"] == score, column]
    return one


def test_three_of_four_events_fell_in_the_top_quarter(seal):
    """Wilson's interval of 3 of 4 by his formula, with z = 1.96."""
    table = score_seal(seal, events(PLACES))
    assert value(table, "observed_events") == 4
    assert value(table, "hit_rate") == pytest.approx(0.75)
    assert value(table, "pai") == pytest.approx(3.0)
    z2 = 1.959963985**2
    root = np.sqrt(z2 * (0.75 * 0.25 / 4 + z2 / 64))
    assert value(table, "hit_rate", "lower") == pytest.approx((0.75 + z2 / 8 - root) / (1 + z2 / 4))
    assert value(table, "hit_rate", "upper") == pytest.approx((0.75 + z2 / 8 + root) / (1 + z2 / 4))


def test_events_are_counted_in_the_cells_of_the_forecast(seal):
    counts = observed_counts(seal, forecast(), events(PLACES)).to_numpy()[0]
    by_hand = np.zeros((4, 6))
    for x, y in PLACES:
        by_hand[y // 100, x // 100] += 1
    np.testing.assert_array_equal(counts, by_hand)


def test_the_number_test_is_that_of_poisson(seal):
    from scipy.stats import poisson

    table = score_seal(seal, events(PLACES))
    mean = value(table, "expected_events")
    expected = min(1, 2 * min(poisson.cdf(4, mean), poisson.sf(3, mean)))
    assert value(table, "number test", "p_value") == pytest.approx(expected)


def test_the_label_and_the_id_go_with_the_scores(seal):
    table = score_seal(seal, events(PLACES))
    assert table.attrs == {"label": "prospective", "seal_id": seal.id}
    assert value(score_seal(seal, events(PLACES)), "spatial test", "p_value") == value(
        table, "spatial test", "p_value"
    )


def test_a_rival_is_compared_with_the_sealed_baseline(tmp_path):
    seal = sealed_in(tmp_path / "sealed", {"count 36 months": forecast(), "rival": forecast(0.3)})
    table = score_seal(seal, events(PLACES))
    gain = table[table["score"] == "gain_per_event"].iloc[0]
    assert gain["model"] == "rival"
    assert gain["value"] == pytest.approx(0)  # the same map
    assert gain["note"] == "over 'count 36 months': no demonstrated benefit"


@pytest.mark.parametrize(("first", "second"), [(0.3, 3.0), (3.0, 0.3)])
def test_the_gain_over_the_baseline_is_that_of_the_formula(tmp_path, first, second):
    """Mean log ratio at the events, less the difference of the totals over their number."""
    seal = sealed_in(
        tmp_path / "sealed", {"count 36 months": forecast(first), "rival": forecast(second)}
    )
    table = score_seal(seal, events(PLACES))
    one, base = (forecast(rate)["expected_count"].to_numpy()[0] for rate in (second, first))
    logs = [np.log(one[y // 100, x // 100] / base[y // 100, x // 100]) for x, y in PLACES]
    by_hand = np.mean(logs) - (one.sum() - base.sum()) / 4
    gain = table[table["score"] == "gain_per_event"].iloc[0]
    assert gain["value"] == pytest.approx(by_hand)
    assert gain["lower"] < gain["value"] < gain["upper"]


def test_a_baseline_that_was_not_sealed_is_refused(tmp_path):
    seal = sealed_in(tmp_path / "sealed", {"one": forecast(), "two": forecast()})
    with pytest.raises(SealError, match="compares with 'count 36 months'"):
        score_seal(seal, events(PLACES))


def test_events_of_a_part_of_the_region_are_refused(seal):
    half = events([(50, 50)], region=box(0, 0, 300, 400))
    with pytest.raises(CoverageError, match=r"50\.0% of the forecast's region"):
        score_seal(seal, half)


def test_months_that_were_not_recorded_are_refused(tmp_path):
    seal = sealed_in(tmp_path / "sealed", {"gradient": forecast(n_months=2)})
    with pytest.raises(CoverageError, match="outside the recorded window"):
        score_seal(seal, events(PLACES))
