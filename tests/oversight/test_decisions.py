"""People decide, say why without pointing at anybody, and are asked if they never say no."""

import ast
import json
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import binomtest

from hotspot import Ledger, save_forecast
from hotspot.errors import LedgerError, MissingFileError, ParameterError, RefusedError
from hotspot.oversight.decisions import add_decision, decisions_in, summarise_decisions
from tests.sealing.made import day, forecast

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("decisions") / "forecast.nc"
    save_forecast(forecast(), path)
    return path


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.jsonl")


def decided(ledger, file, **options):
    said = {"accepted": False, "why": "the market has moved", "role": "duty inspector"}
    return add_decision(ledger, file, **(said | {"at": day("2019-01-20")} | options))


def test_a_decision_is_on_record_with_role_reason_and_forecast(ledger, file):
    entry = decided(ledger, file)
    (body,) = decisions_in(ledger)
    assert body == entry.body
    assert body["decision"] == {"accepted": False, "why": "the market has moved"}
    assert body["role"] == "duty inspector"
    assert body["inputs"][0]["name"] == "forecast.nc"
    assert "findings" not in body


def test_a_forecast_past_its_window_is_expired(ledger, file):
    (finding,) = decided(ledger, file, at=day("2019-02-01")).body["findings"]
    assert finding["code"] == "G14"
    assert "EXPIRED: the forecast ended on 2019-02-01" in finding["message"]


@pytest.mark.parametrize(
    "why",
    ["saw AB12 CDE twice there", "call j.smith@example.org about it", "it is 2019/1234567A again"],
)
def test_identifiers_do_not_enter_the_ledger(ledger, file, why):
    with pytest.raises(RefusedError, match=r"\[G1\] The reason seems to hold"):
        decided(ledger, file, why=why)
    assert not ledger.path.exists()


def test_a_reason_of_a_word_is_refused(ledger, file):
    with pytest.raises(ParameterError, match="in 3 words or more"):
        decided(ledger, file, why="no")


def test_an_address_is_no_role(ledger, file):
    with pytest.raises(LedgerError, match="as a role"):
        decided(ledger, file, role="j@example.org")


def test_a_forecast_that_is_not_there_cannot_be_decided_on(ledger, tmp_path):
    with pytest.raises(MissingFileError, match="no file"):
        decided(ledger, tmp_path / "none.nc")


def bodies(n, rejected):
    return [{"decision": {"accepted": i >= rejected}} for i in range(n)]


@pytest.mark.parametrize(("n", "rejected"), [(20, 0), (20, 3), (7, 7), (1, 0), (50, 49)])
def test_the_interval_is_that_of_scipys_exact_test(n, rejected):
    found = summarise_decisions(bodies(n, rejected))
    exact = binomtest(rejected, n).proportion_ci(0.95, method="exact")
    assert (found.n, found.rejected) == (n, rejected)
    assert found.rate == pytest.approx(rejected / n)
    assert (found.lower, found.upper) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize(("n", "rejected", "flagged"), [(19, 0, 0), (20, 0, 1), (20, 1, 0)])
def test_twenty_decisions_without_a_rejection_are_flagged(n, rejected, flagged):
    assert ("rubber stamp" in str(summarise_decisions(bodies(n, rejected)))) == flagged


def test_no_decisions_have_no_rate():
    assert str(summarise_decisions([])) == "No decisions are on record."
    assert pd.isna(summarise_decisions([]).rate)


ORDERS = {"order", "orders", "dispatch", "patrol", "patrols", "deploy", "deployment", "officer",
          "officers", "tasking", "assign_to", "unit_id", "shift"}  # fmt: skip


def named_in_the_package():
    """Names of parameters, fields and flags, and keys of outputs, of the whole package."""
    found = set()
    for path in (ROOT / "hotspot").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
            elif isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
            elif isinstance(node, ast.Dict):
                found |= {key.value for key in node.keys if isinstance(key, ast.Constant)}
            elif isinstance(node, ast.Constant) and str(node.value).startswith("--"):
                found.add(node.value[2:])
    return {str(name).lower() for name in found}


def test_no_field_flag_or_key_of_the_package_orders_anybody_anywhere():
    names = named_in_the_package()
    assert {"why", "accepted", "ledger", "expected_count"} <= names  # it does see them
    assert {
        name
        for name in names
        if set(name.replace("-", "_").split("_")) & (ORDERS - {"order", "shift"})
    } == set()
    assert names & {"order_to", "orders", "dispatch_order", "shift_plan"} == set()


def test_no_variable_or_attribute_of_a_forecast_orders_anybody(ledger, file):
    made = forecast()
    names = {*map(str, made.variables), *made.attrs, *decided(ledger, file).body}
    assert not {name for name in names if set(name.lower().split("_")) & ORDERS}
    assert "decision" in json.dumps(decisions_in(ledger))
