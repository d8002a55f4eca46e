"""What may be forecast, what needs a reason on record, and where the reason is then found."""

import json

import numpy as np
import pytest

from hotspot import (
    EndemicEpidemic,
    Events,
    Grid,
    HistoricalRate,
    KernelDensity,
    LogLinear,
    ProspectiveMap,
    SelfExciting,
    Stacked,
    WithLevels,
    issue_forecast,
    load_boroughs,
    load_sample,
    make_periods,
)
from hotspot.errors import ParameterError, RefusedError, StudyError
from hotspot.guards import GUARDS, Finding, Override, settle
from hotspot.guards.scope import checked_scope
from hotspot.study import parse_study

REASON = "audit of how drugs are recorded"


@pytest.fixture(scope="module")
def drugs():
    """The sample, a tenth of it called drugs."""
    events = load_sample(offences="Burglary")
    table = events.table.assign(offence=np.where(np.arange(len(events)) % 10, "Burglary", "Drugs"))
    from dataclasses import replace

    return replace(events, table=table)


@pytest.fixture(scope="module")
def grid(drugs):
    return Grid.over(drugs.region, cell_size=500)


def test_every_guard_says_why_and_what_it_does():
    assert list(GUARDS) == [f"G{k}" for k in range(1, 17)]
    assert {guard.level for guard in GUARDS.values()} == {"refuse", "override", "remark"}
    assert all(guard.why.endswith(".") for guard in GUARDS.values())


@pytest.mark.parametrize(
    "model",
    [HistoricalRate(), KernelDensity(bandwidth=300.0), ProspectiveMap(), EndemicEpidemic(),
     SelfExciting(), Stacked((HistoricalRate("12 months"), HistoricalRate())),
     WithLevels(HistoricalRate(), load_boroughs("Camden"))],
    ids=lambda model: type(model).__name__,
)  # fmt: skip
def test_no_model_forecasts_drugs_without_a_reason(model, drugs, grid):
    with pytest.raises(RefusedError, match=r"\[G7\] 'Drugs' .* \(10% of the events\)") as caught:
        model.fit(drugs, grid)
    assert caught.value.may_be_overridden
    assert 'overriding("G7"' in str(caught.value)


def test_with_a_reason_it_does_and_the_forecast_carries_it(drugs, grid, tmp_path):
    allowed = drugs.overriding("G7", reason=REASON, role="evaluation team")
    fitted = HistoricalRate().fit(allowed, grid)
    assert fitted.scope.offences == ("Burglary", "Drugs")
    forecast = issue_forecast(
        fitted, make_periods("2025-01", count=1), rng=np.random.default_rng(1), size=100
    )
    scope = json.loads(forecast.attrs["scope"])
    assert scope["events"] == len(drugs)
    (found,) = [one for one in scope["findings"] if one["code"] == "G7"]
    assert (found["overridden"], found["role"]) == (REASON, "evaluation team")

    allowed.to_parquet(tmp_path / "events.parquet")
    again = Events.from_parquet(tmp_path / "events.parquet")
    assert again.overrides == allowed.overrides
    assert again.before(drugs.end).select(offences="Drugs").overrides == allowed.overrides


def test_events_without_drugs_need_no_reason(drugs, grid):
    fitted = HistoricalRate().fit(drugs.select(offences="Burglary"), grid)
    assert fitted.scope.offences == ("Burglary",)
    assert "G7" not in {one.code for one in fitted.scope.findings}


@pytest.mark.parametrize("name", ["Stop and search", "stop-and-search"])
def test_searches_are_no_offences_and_no_reason_makes_them_so(name):
    given = (Override("G7", reason=REASON),)
    with pytest.raises(RefusedError, match="counts what police did"):
        checked_scope({name: 100}, cell_size=500, place_resolution=0, overrides=given)


def test_public_order_is_remarked():
    scope = checked_scope({"Public order": 50, "Burglary": 50}, cell_size=500, place_resolution=0)
    assert [one.code for one in scope.findings] == ["G7"]
    assert "50% of the events" in scope.findings[0].message


@pytest.mark.parametrize(
    ("cell_size", "spacing", "outcome"),
    [(99, 60, "refused"), (100, 40, "passes"), (110, 120, "refused"), (120, 120, "remarked"),
     (299, 120, "remarked"), (300, 120, "passes"), (10, 0, "passes")],
)  # fmt: skip
def test_cells_are_held_against_the_spacing_of_places(cell_size, spacing, outcome):
    """Not below 100 m or one spacing; remarked below two and a half."""
    counts = {"Burglary": 100}
    if outcome == "refused":
        with pytest.raises(RefusedError, match=r"\[G3\] Cells of"):
            checked_scope(counts, cell_size=cell_size, place_resolution=spacing)
        given = (Override("G3", reason="to show what snapping does"),)
        scope = checked_scope(
            counts, cell_size=cell_size, place_resolution=spacing, overrides=given
        )
        assert scope.findings[0].overridden == "to show what snapping does"
    else:
        scope = checked_scope(counts, cell_size=cell_size, place_resolution=spacing)
        assert [one.code for one in scope.findings] == ["G3"] * (outcome == "remarked")


def few(events, count):
    from dataclasses import replace

    return replace(events, table=events.table.iloc[:count])


@pytest.mark.parametrize("count", [29, 30])
def test_a_forecast_is_issued_from_30_events_and_not_from_29(drugs, grid, count):
    events = few(drugs.select(offences="Burglary"), count)
    issue = {"periods": make_periods("2025-01", count=1), "size": 100}
    fitted = HistoricalRate(window=None).fit(events, grid)
    if count >= 30:
        issue_forecast(fitted, rng=np.random.default_rng(1), **issue)
        return
    with pytest.raises(RefusedError, match=r"\[G8\] 29 events are too few"):
        issue_forecast(fitted, rng=np.random.default_rng(1), **issue)
    passed = events.overriding("G8", reason="a test of the software")
    fitted = HistoricalRate(window=None).fit(passed, grid)
    issue_forecast(fitted, rng=np.random.default_rng(1), **issue)


@pytest.mark.parametrize("name", ["imd_score", "EthnicShare", "median income", "arrests_2019"])
def test_protected_characteristics_explain_nothing(name):
    with pytest.raises(RefusedError, match=r"\[G10\]"):
        LogLinear((name,))


def test_households_do():
    assert LogLinear(("households", "shops")).columns == ("households", "shops")


@pytest.mark.parametrize("reason", ["", "because", "so there", None])
def test_an_override_needs_a_reason_in_words(reason):
    with pytest.raises(ParameterError, match="needs a reason in words"):
        Override("G7", reason=reason)


def test_what_only_remarks_cannot_be_overridden_and_what_is_not_known_neither():
    with pytest.raises(ParameterError, match="refuses nothing"):
        Override("G13", reason="it does not matter")
    with pytest.raises(ParameterError, match="There is no guard 'G99'"):
        Override("G99", reason="it does not matter")


def test_a_guard_that_remarks_never_refuses():
    assert settle("G15", "6% of the area is flagged.", remedy="") == Finding(
        "G15", "6% of the area is flagged."
    )


def study(**more):
    return parse_study({"data": {"path": "archive.zip"}, **more})


def test_a_study_names_overrides_with_their_reasons():
    given = [{"guard": "G7", "reason": REASON, "role": "evaluation team"}]
    assert study(override=given).override == (Override("G7", REASON, "evaluation team"),)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ([{"guard": "G1", "reason": REASON}], "number 1: G1 .* cannot be overridden"),
        ([{"guard": "G7"}], "number 1: An override of G7 needs a reason"),
        ([{"reason": REASON}], "There is no guard ''"),
        ([{"guard": "G7", "reson": REASON}], "has no key 'reson'. Did you mean 'reason'"),
        ({"guard": "G7"}, r"given as \[\[override\]\]"),
    ],
)
def test_a_study_with_an_override_that_is_none_is_refused(given, match):
    with pytest.raises(StudyError, match=match):
        study(override=given)
