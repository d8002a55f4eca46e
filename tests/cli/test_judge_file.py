"""`hotspot judge`: somebody's file against recorded events, in a table, a CSV and JSON."""

import json

import numpy as np
import pandas as pd
import pytest

from hotspot import (
    Events,
    Grid,
    HistoricalRate,
    issue_forecast,
    judge_forecast,
    make_periods,
    read_forecast,
    save_forecast,
)
from tests.cli.conftest import AREA


@pytest.fixture(scope="module")
def own(events_file, tmp_path_factory):
    """A forecast of the last two months of the events, saved for GIS."""
    events = Events.from_parquet(events_file)
    periods = make_periods("2024-11-01", count=2)
    grid = Grid.over(events.region, cell_size=500)
    fitted = HistoricalRate().fit(events, grid, end=periods[0].left)
    forecast = issue_forecast(fitted, periods, rng=np.random.default_rng(1), size=60)
    return save_forecast(forecast, tmp_path_factory.mktemp("own") / "cells.parquet")


def test_a_file_is_judged_and_its_scores_written(hotspot, own, events_file, tmp_path):
    result = hotspot(
        "judge", own, "--data", events_file, *AREA, "--area-share", 0.1, "--out", tmp_path
    )
    assert "expected counts of cells and their spread; 2 periods" in result.output
    table = pd.read_csv(tmp_path / "scores.csv")
    document = json.loads((tmp_path / "judgement.json").read_text())
    events = Events.from_parquet(events_file)
    again = judge_forecast(
        read_forecast(own), events, area_shares=[0.1], rng=np.random.default_rng(1)
    )
    np.testing.assert_allclose(table["value"], again["value"], rtol=1e-5)
    assert [row["value"] for row in document["scores"]] == again["value"].tolist()
    assert document["judgement"]["submission_kind"] == "distribution"
    assert document["forecast"]["source"] == "cells.parquet"


def test_what_a_ranking_does_not_allow_is_said_on_the_screen(hotspot, own, events_file, tmp_path):
    table = read_forecast(own)["expected_count"].isel(time=0, drop=True).to_series().dropna()
    table.rename("=risk").reset_index().to_csv(tmp_path / "vendor.csv", index=False)
    told = ["--crs", "EPSG:27700", "--start", "2024-11-01", "--length", "month"]
    given = ["--data", events_file, *AREA, *told, "--out", tmp_path / "out"]
    refused = hotspot("judge", tmp_path / "vendor.csv", *given, ends_with=2)
    assert "Which of the columns ['y', 'x', '=risk'] is the forecast" in refused.output
    result = hotspot("judge", tmp_path / "vendor.csv", *given, "--column", "score==risk")
    assert "no poisson_log_score: rank only: no expected counts" in result.output
    assert "Had it seen what it forecasts? unknown" in result.output
    rows = json.loads((tmp_path / "out" / "judgement.json").read_text())["scores"]
    refusals = {row["score"]: row["note"] for row in rows if not row["allowed"]}
    assert refusals["crps"] == "no spread of counts: neither variance nor members"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--column", "risk"], "is not MEANING=COLUMN"),
        (["--rate-per", "km2"], "is not AREA/TIME"),
        (["--overlap", "ignore"], "overlap must be one of"),
        (["--nij"], "The challenge took flagged cells only"),
    ],
)
def test_flags_that_make_no_sense_are_refused(hotspot, own, events_file, tmp_path, flags, words):
    given = ["--data", events_file, *AREA, "--out", tmp_path]
    assert words in hotspot("judge", own, *given, *flags, ends_with=2).output
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_one_sentence(hotspot, events_file, tmp_path):
    result = hotspot(
        "judge", tmp_path / "no.csv", "--data", events_file, "--out", tmp_path, ends_with=2
    )
    assert "There is no forecast at" in result.output
    assert "Traceback" not in result.output
