"""A training window that crosses a break says so: in the fit, the forecast and the summary."""

import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from hotspot import (
    EndemicEpidemic,
    EndemicEpidemicAreas,
    HistoricalRate,
    LevelModel,
    LogLinear,
    WithLevels,
    calendar_table,
    count_in_areas,
    issue_forecast,
    make_periods,
)
from hotspot.errors import DataQualityWarning

from ..models.monthly_cases import CELL, coverage_without, record_of

pytestmark = pytest.mark.compiled  # each fit climbs for minutes in plain loops

STEP = "The training window crosses a break. From 2017-01 on recorded offences ran at"
SIDE = 6 * CELL
HALVES = gpd.GeoDataFrame(
    {"name": ["west", "east"]},
    geometry=[box(0, 0, SIDE / 2, SIDE), box(SIDE / 2, 0, SIDE, SIDE)],
    crs=27700,
)
AHEAD = make_periods("2019-01", count=1)


def stepped(factor, *, seed=1):
    """60 months of 36 cells, of which the last 24 hold `factor` times as many."""
    rng = np.random.default_rng(seed)
    mean = rng.gamma(2.0, 2.0, 36) * np.where(np.arange(60) >= 36, factor, 1.0)[:, None]
    return rng.poisson(mean)


MODELS = {
    "cells": lambda: EndemicEpidemic(harmonics=0),
    "levels": lambda: WithLevels(HistoricalRate(), HALVES),
    "both": lambda: WithLevels(EndemicEpidemic(harmonics=0), HALVES),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_fit_across_a_step_says_so_and_so_does_its_forecast(name):
    events, grid = record_of(stepped(2.0), side=6)
    fitted = MODELS[name]().fit(events, grid)
    assert any(STEP in finding for finding in fitted.findings)
    forecast = issue_forecast(fitted, AHEAD, rng=np.random.default_rng(1), size=40)
    forecast_says = forecast.attrs["findings"]
    assert json.loads(forecast_says) == list(fitted.findings)


@pytest.mark.parametrize("name", MODELS)
def test_a_fit_to_one_regime_has_no_break_to_tell(name):
    events, grid = record_of(stepped(1.0), side=6)
    findings = MODELS[name]().fit(events, grid).findings
    assert not any("crosses a break" in finding for finding in findings)


def test_levels_and_areas_name_the_step():
    events, _ = record_of(stepped(2.0), side=6)
    totals = count_in_areas(events, HALVES)
    assert any(STEP in finding for finding in LevelModel().fit(totals).findings)
    areas = EndemicEpidemicAreas(LogLinear())
    fitted = areas.fit(totals, calendar_table(totals, harmonics=0))
    assert any(STEP in finding for finding in fitted.findings)
    assert f"finding: {STEP}" in fitted.summary()
    numbered = totals.reset_index(drop=True)
    assert areas.fit(numbered, calendar_table(numbered, harmonics=0)).findings == ()


def test_months_of_areas_by_name_of_month_are_looked_at_too():
    events, _ = record_of(stepped(2.0), side=6)
    totals = count_in_areas(events, HALVES)
    totals.index = pd.period_range("2014-01", periods=60, freq="M")
    fitted = EndemicEpidemicAreas(LogLinear()).fit(totals, calendar_table(totals, harmonics=0))
    assert any(STEP in finding for finding in fitted.findings)


def test_a_step_before_the_window_of_the_levels_is_not_theirs():
    events, _ = record_of(stepped(2.0), side=6)
    fitted = LevelModel(window=24).fit(count_in_areas(events, HALVES))
    assert fitted.findings == ()


def test_a_month_that_a_force_did_not_publish_is_named():
    counts = stepped(1.0)
    counts[40] = 0
    events, grid = record_of(counts, side=6, coverage=coverage_without(counts, [40]))
    for name in ("cells", "levels"):
        findings = " ".join(MODELS[name]().fit(events, grid).findings)
        assert "met did not publish 2017-05" in findings
    totals = count_in_areas(events, HALVES)
    fitted = EndemicEpidemicAreas(LogLinear()).fit(totals, calendar_table(totals, harmonics=0))
    assert "1 of 60 months lack the count of some area" in " ".join(fitted.findings)


def test_other_map_points_are_told_with_the_months_that_are_left_out():
    """From month 30 on every point lies 40 m further east."""
    counts = stepped(1.0)
    events, grid = record_of(counts, side=6, place_resolution=30.0)
    late = (events.table["time"] >= "2016-06-15").to_numpy()
    x = events.table.geometry.x + 40.0 * late
    table = events.table.set_geometry(gpd.points_from_xy(x, events.table.geometry.y, crs=27700))
    with pytest.warns(DataQualityWarning, match="another list of map points in 2016-07"):
        fitted = EndemicEpidemic(harmonics=0).fit(replace(events, table=table), grid)
    assert "another list of map points in 2016-07" in fitted.findings[0]
    assert not any("uses other map points" in finding for finding in fitted.findings)


def test_a_record_too_thin_for_levels_says_that_none_were_looked_for():
    counts = np.zeros((60, 36), int)
    counts[:, :8] = np.random.default_rng(3).poisson(0.5, (60, 8))
    events, grid = record_of(counts, side=6)
    findings = EndemicEpidemic(harmonics=0).fit(events, grid).findings
    assert any("not looked for" in finding and "20 are needed" in finding for finding in findings)
