"""A result has a number with an interval, or says why not."""

import pytest

from hotspot.audit.result import AuditResult, not_computable, worst
from hotspot.errors import ParameterError


def result(**more):
    given = {"value": 1.5, "interval": (1.0, 2.0), "n": 3, "reading": "So it is."}
    return AuditResult("A3", "ratio", **{**given, **more})


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"value": None}, "has a value, or is not computable"),
        ({"status": "not_computable", "reason": "no"}, "has a value, or is not computable"),
        ({"status": "warn"}, "'warn' needs a reason"),
        ({"value": float("nan")}, "NaN is no answer"),
        ({"interval": None}, "without an interval needs a reason"),
        ({"interval": (2.0, 1.0)}, "does not hold"),
        ({"interval": (float("nan"), 1.0)}, "does not hold"),
    ],
)
def test_what_is_no_result_is_refused(given, match):
    with pytest.raises(ParameterError, match=match):
        result(**given)


def test_what_cannot_be_computed_says_so_in_its_reading():
    found = not_computable("A3", "ratio", "Nobody lives there.")
    assert (found.value, found.status) == (None, "not_computable")
    assert "Nobody lives there." in found.reading


def test_json_holds_no_infinity():
    told = result(interval=(0.0, float("inf")), groups=({"group": "a", "upper": float("inf")},))
    assert told.to_json()["interval"] == [0.0, "inf"]
    assert told.to_json()["groups"] == [{"group": "a", "upper": "inf"}]


def test_the_worst_status_counts():
    cannot = not_computable("A8", "feedback", "No model was given.")
    fail = result(status="fail", reason="Too much.")
    assert worst([]) == "ok"
    assert worst([result()]) == "ok"
    assert worst([result(), cannot]) == "warn"
    assert worst([fail, cannot]) == "fail"
