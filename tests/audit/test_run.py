"""All audits at once: each is made or says why not, and none moves another."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import hotspot as hs
from hotspot.audit.groups import Groups
from hotspot.audit.run import AuditPlan, Scenario, labels_of, run_audit
from hotspot.errors import ParameterError, UnknownNameError

FITTED_ANEW = {"A8", "A10", "A16"}


@pytest.fixture(scope="module")
def city():
    areas = hs.load_boroughs(["Camden", "Islington"])
    events = hs.load_sample(offences="Burglary").select(region=areas)
    grid = hs.Grid.over(areas, cell_size=500)
    models = {"mine": hs.HistoricalRate("36 months"), "count": hs.HistoricalRate("12 months")}
    result = hs.backtest(
        models, events, grid, hs.rolling_origin("2024-07", "2025-01"),
        rng=np.random.default_rng(1), size=100,
    )  # fmt: skip
    people = pd.DataFrame({"a": [300, 100], "b": [100, 400]}, index=areas["name"])
    groups = Groups.from_areas(grid, areas, people, by="name", name="side", reference="a")
    return events, grid, result, groups


def audited(city, *, plan=None, **more):
    events, grid, result, groups = city
    plan = AuditPlan("mine", baselines=("count",), area_share=0.1) if plan is None else plan
    given = {"groups": [groups], "rng": np.random.default_rng(7), **more}
    return run_audit(result, plan, events=events, grid=grid, **given)


def test_every_audit_of_a_map_is_made_and_the_others_say_what_is_missing(city):
    found = audited(city)
    codes = [one.code for one in found.results]
    assert set(codes) == {f"A{k}" for k in range(1, 18)}
    missing = {one.code for one in found.results if one.status == "not_computable"}
    assert missing == FITTED_ANEW
    assert all(one.reading for one in found.results)


def test_one_audit_more_changes_no_other(city):
    alone, with_groups = audited(city, groups=[]), audited(city)
    first = {one.code: one for one in alone.results}
    assert "A3" not in first
    for one in with_groups.results[:2]:
        assert one == first[one.code]


def test_the_same_seed_gives_the_same_audit(city):
    assert audited(city).results == audited(city).results


def test_a_scenario_is_made_for_its_division(city):
    scenario = Scenario("side", {"a": 1.0, "b": 0.5}, "assumption")
    plan = AuditPlan("mine", baselines=("count",), area_share=0.1, scenarios=(scenario,))
    (found,) = [one for one in audited(city, plan=plan).results if one.code == "A7b"]
    assert found.groups[0]["source"] == "assumption"
    assert found.value > 0


def test_a_large_flag_is_remarked(city):
    assert any(one.code == "G15" and "10% of the land" in one.message
               for one in audited(city).findings)  # fmt: skip


def test_an_unknown_model_or_division_is_refused(city):
    with pytest.raises(UnknownNameError, match="holds no model 'other'"):
        audited(city, plan=AuditPlan("other"))
    scenario = Scenario("age", {}, "assumption")
    with pytest.raises(UnknownNameError, match="names 'age'"):
        audited(city, plan=AuditPlan("mine", scenarios=(scenario,)))


def test_a_share_that_makes_no_sense_is_refused():
    with pytest.raises(ParameterError, match="area_share"):
        AuditPlan("mine", area_share=0.0)


def test_a_cell_is_labelled_by_the_group_of_most_of_its_residents():
    people = xr.DataArray(
        [[[3.0, 0, np.nan]], [[5.0, 0, np.nan]]],
        {"group": ["a", "b"], "y": [0], "x": [0, 1, 2]}, ["group", "y", "x"],
    )  # fmt: skip
    groups = Groups("side", people, people.sum("group"))
    found = labels_of(groups)
    assert found.values[0, 0] == "b"
    assert found.notnull().values.tolist() == [[True, False, False]]


def test_the_text_says_every_result_in_a_line(city):
    found = audited(city)
    lines = str(found).splitlines()
    assert len(lines) == len(found.results) + len(found.findings)
    assert lines[0].split()[1] == "A1"
    assert "saw no recorded offence" in lines[0]
