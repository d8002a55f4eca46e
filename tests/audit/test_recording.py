"""Reporting gaps, police-initiated offences, precision and interpolation, by hand."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import xarray as xr

from hotspot import load_sample
from hotspot.audit.interpolation import interpolated_share
from hotspot.audit.precision import precision_of_flags
from hotspot.audit.recording import (
    ReportingRates,
    police_initiated_share,
    reporting_sensitivity,
)
from hotspot.errors import ParameterError
from tests.audit.conftest import residents, windows

EXPECTED = windows([[9, 7, 5, 4, 1]])
FIRST_TWO = windows([[1, 1, 0, 0, 0]])
AREA = xr.ones_like(EXPECTED[0])


def flagged_by(rates):
    return set(np.argsort(-rates)[:2])


def test_gamma_is_the_smallest_gap_that_can_change_the_flags():
    """Brute force: of all ways to under-report by a factor, none below 1.4 moves a flag."""
    value = reporting_sensitivity(EXPECTED, FIRST_TWO, AREA).value
    assert value == pytest.approx(1.4)
    rates = EXPECTED.values.ravel()
    for factor, moved in [(1.39, False), (1.41, True)]:
        changes = {
            frozenset(flagged_by(rates * np.array(gaps)))
            for gaps in product([1.0, factor], repeat=5)
        }
        assert (len(changes) > 1) == moved


def test_rates_are_by_land():
    """The same counts on half the land are twice as dense."""
    area = AREA * [[1, 1, 2, 2, 2]]
    assert reporting_sensitivity(EXPECTED, FIRST_TWO, area).value == pytest.approx(7 / 2.5)


def test_a_plausible_gap_tells_which_flags_it_could_take_away():
    """9 / 5 = 1.8 and 7 / 5 = 1.4: a gap of 1.5 takes the second flag and not the first."""
    rates = ReportingRates("Burglary", 0.5, 0.75, source="a survey, 2019")
    found = reporting_sensitivity(EXPECTED, FIRST_TWO, AREA, plausible=rates)
    assert found.groups[0]["value"] == 0.5
    assert found.groups[0]["source"] == "a survey, 2019"
    assert found.status == "warn"
    assert "50% of the flags" in found.reason


def test_a_map_whose_flags_are_hardly_hotter_than_the_rest_is_fragile():
    found = reporting_sensitivity(windows([[5.2, 5.1, 5, 4, 1]]), FIRST_TWO, AREA)
    assert found.value == pytest.approx(1.02)
    assert found.status == "warn"
    assert "could take away 100% of the flags" in found.reason
    assert "must come from a survey" in found.reading
    firm = reporting_sensitivity(windows([[9, 5.8, 5, 4, 1]]), FIRST_TWO, AREA)
    assert (firm.groups[0]["value"], firm.status) == (0.0, "ok")


def test_the_median_over_windows_has_an_exact_interval():
    maps = windows([[9, 5 * g, 5, 4, 1] for g in np.linspace(1.2, 1.6, 9)])
    found = reporting_sensitivity(maps, windows([[1, 1, 0, 0, 0]] * 9), AREA)
    assert found.value == pytest.approx(1.4)
    assert found.interval == pytest.approx((1.25, 1.55))  # 2nd and 8th of 9: 96 %


def test_a_map_without_flags_or_others_is_not_computable():
    everywhere = windows([[1] * 5])
    assert reporting_sensitivity(EXPECTED, everywhere, AREA).status == "not_computable"
    assert reporting_sensitivity(EXPECTED * 0, FIRST_TWO, AREA).status == "not_computable"


@pytest.mark.parametrize(("low", "high", "source"), [(0, 0.5, "x"), (0.6, 0.5, "x"),
                                                     (0.5, 1.1, "x"), (0.5, 0.6, " ")])  # fmt: skip
def test_rates_without_sense_or_source_are_refused(low, high, source):
    with pytest.raises(ParameterError, match=r"Rates must be|name the source"):
        ReportingRates("Burglary", low, high, source)


@pytest.fixture(scope="module")
def sample():
    return load_sample(offences="Burglary")


@pytest.mark.parametrize(("share", "status"), [(0.0, "ok"), (0.1, "warn"), (1.0, "warn")])
def test_a_known_mix_is_found(sample, share, status):
    count = len(sample)
    drugs = np.arange(count) < round(share * count)
    names = np.where(drugs, "Drugs", "Burglary")
    found = police_initiated_share(replace(sample, table=sample.table.assign(offence=names)))
    assert found.value == pytest.approx(share, abs=1e-4)
    assert found.interval[0] <= found.value <= found.interval[1]
    assert found.status == status


def test_public_order_is_counted_apart(sample):
    table = sample.table.assign(offence=["Public order", "Burglary"] * (len(sample) // 2))
    found = police_initiated_share(replace(sample, table=table))
    assert found.value == 0.0
    assert found.groups[0]["value"] == 0.5


def test_no_event_has_no_share(sample):
    assert (
        police_initiated_share(replace(sample, table=sample.table[:0])).status == "not_computable"
    )


def test_precision_comes_first_and_the_index_last(rng):
    """Of 12 flags 3 saw an offence; 9 of 12 offences were under flags on 2 of 4 cells."""
    observed = windows([[3, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]] * 2)
    observed[0, 0, 1] = 3
    area = xr.ones_like(observed[0])
    found = precision_of_flags(windows([[1, 1, 0, 0]] * 6), observed, area, rng=rng)
    assert found.value == 3 / 12
    assert found.reading.startswith("75% of the places flagged saw no recorded offence")
    assert [row["value"] for row in found.groups] == pytest.approx([9 / 11, 18 / 11])


def test_a_single_window_gets_clopper_and_pearsons_interval(rng):
    """5 of 10: [0.187, 0.813]."""
    observed = windows([[1] * 5 + [0] * 5])
    found = precision_of_flags(windows([[1] * 10]), observed, xr.ones_like(observed[0]), rng=rng)
    assert found.interval == pytest.approx((0.1871, 0.8129), abs=1e-4)


def test_a_perfect_forecast_is_never_wrong_and_random_flags_have_an_index_of_1(rng):
    observed = windows(rng.poisson(0.2, (40, 200)))
    area = xr.ones_like(observed[0])
    assert precision_of_flags((observed > 0) * 1.0, observed, area, rng=rng).value == 1.0
    found = precision_of_flags(windows(rng.random((40, 200)) < 0.1), observed, area, rng=rng)
    assert found.groups[1]["value"] == pytest.approx(1.0, abs=0.15)


def test_the_interpolated_share_by_hand():
    people = residents([[80, 20, 50]], names=["all"])
    people = replace(people, split=people.split.copy(data=[[0.0, 20.0, 25.0]]))
    found = interpolated_share(windows([[1, 1, 0], [0, 1, 0]]), people)
    assert found.value == pytest.approx(40 / 120)
    assert found.status == "warn"
    assert interpolated_share(windows([[1, 0, 0]]), people).value == 0.0
    assert interpolated_share(windows([[0, 0, 0]]), people).status == "not_computable"
