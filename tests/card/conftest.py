"""A small run of the sample, with an audit, answers and a ledger, made once."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np
import pytest

import hotspot as hs
from hotspot.audit.result import AuditResult, not_computable
from hotspot.card import write_card
from hotspot.guards import Override
from hotspot.guards.scope import checked_scope
from hotspot.ledger import Ledger, file_record

BEFORE_IT_ENDS = datetime(2025, 1, 10, tzinfo=UTC)
AREA_SHARE = 0.1
REASON = "a study of how drugs are recorded, not for patrols"
ANSWERS = """
[atrs]
"0.2" = "Council of Anytown"
"1.4" = "questions@example.org"
"2.1.3" = "=cmd|' /C calc'!A0"
"2.3.1" = "<script>alert(1)</script>"
[model_card]
consulted = "The residents' panel"
"""


def result(code, value, interval, **more):
    """One result as an audit gives it."""
    defaults = {"n": 12, "reading": f"In words, {code}."}
    return AuditResult(code, f"measure {code}", value, interval, **(defaults | more))


def audit_results(*, gain=(0.02, -0.01, 0.05)):
    """One result a code; A1 and A2 with numbers that tests know."""
    status = "ok" if gain[1] > 0 else "fail" if gain[2] < 0 else "warn"
    simple = {"group": "count map", "value": gain[0], "lower": gain[1], "upper": gain[2],
              "verdict": "better"}  # fmt: skip
    caught = ({"group": "share of recorded offences under flags", "value": 0.234},)
    ratio = ({"group": "most deprived", "value": 1.7, "lower": 1.2, "upper": 2.1},)
    others = [result(f"A{n}", n / 10, (n / 20, n / 5)) for n in (*range(4, 8), *range(9, 18))]
    return [
        result("A1", 0.61, (0.52, 0.68), groups=caught),
        result("A2", gain[0], gain[1:], groups=(simple,), status=status,
               reason="" if status == "ok" else "No demonstrated benefit."),
        result("A3", 1.7, (1.2, 2.1), groups=ratio, reading="One group lives under more flags."),
        *others,
        result("A7b", 0.3, (0.2, 0.4)),
        not_computable("A8", "feedback gain", "the model's specification was not given."),
    ]  # fmt: skip


def write_audit(path, results, *, area_share=AREA_SHARE):
    """What `hotspot audit` writes."""
    told = {
        "plan_sha256": "ab" * 32, "model": "mine", "area_share": area_share, "windows": 12,
        "events_sha256": "cd" * 32, "groups": [{"name": "deprivation", "source": "made up"}],
        "results": [one.to_json() for one in results],
        "findings": [{"code": "G15", "message": "Much is flagged.", "overridden": "", "role": ""}],
    }  # fmt: skip
    path.write_text(json.dumps(told))
    return path


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Folder with forecast.nc, drugs.nc (an override), backtest.nc, audit.json, ..."""
    folder = tmp_path_factory.mktemp("run")
    events = hs.load_sample(offences="Burglary")
    boroughs = hs.load_boroughs(["Camden", "Islington"])
    grid = hs.Grid.over(boroughs, cell_size=1000)
    model = hs.HistoricalRate("12 months")
    fitted = model.fit(events, grid)
    month = hs.make_periods(events.end, count=1, length="month")
    forecast = hs.issue_forecast(
        fitted, month, rng=np.random.default_rng(1), size=100, areas=boroughs,
        input_sha256=events.content_hash(), quantiles=[0.05, 0.5, 0.95],
    )  # fmt: skip
    forecast = forecast.assign_attrs(findings=json.dumps(["The level shifted in one month."]))
    hs.save_forecast(forecast, folder / "forecast.nc")
    let_pass = [Override("G7", reason=REASON, role="ethics lead")]
    scope = checked_scope({"Drugs": 400}, cell_size=1000, place_resolution=0, overrides=let_pass)
    hs.save_forecast(forecast.assign_attrs(scope=json.dumps(asdict(scope))), folder / "drugs.nc")
    folds = hs.rolling_origin("2024-09", "2025-01")
    hs.backtest(
        {"mine": model}, events, grid, folds, rng=np.random.default_rng(2), size=100
    ).to_netcdf(folder / "backtest.nc", engine="h5netcdf")
    write_audit(folder / "audit.json", audit_results())
    (folder / "answers.toml").write_text(ANSWERS)
    ledger = Ledger(folder / "ledger.jsonl")
    ledger.append("ingest", role="analyst")
    ledger.append("forecast", role="analyst", outputs=[file_record(folder / "forecast.nc")])
    return folder


@pytest.fixture(scope="session")
def full(run, tmp_path_factory):
    """A card of everything: audit, backtest, answers and ledger."""
    return write_card(
        run, tmp_path_factory.mktemp("card"), audit=run / "audit.json", at=BEFORE_IT_ENDS,
        backtest=run / "backtest.nc", answers=run / "answers.toml", ledger=run / "ledger.jsonl",
    )  # fmt: skip
