"""`hotspot audit` by a plan in a file; a plan that is wrong is refused by name."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import hotspot as hs
from hotspot.cli.app import app
from hotspot.errors import StudyError
from hotspot.study.audit_plan import read_audit_plan

STUDY = """
seed = 3
out = "backtest"
[data]
path = "{data}"
offences = ["Burglary"]
[area]
boroughs = ["Camden", "Islington"]
[grid]
cell_size = 1000
[[models]]
name = "count"
kind = "HistoricalRate"
window = "12 months"
[[models]]
name = "mine"
kind = "HistoricalRate"
[forecast]
size = 100
quantiles = [0.05, 0.5, 0.95]
[folds]
start = "2024-09"
end = "2025-01"
"""
PLAN = """
model = "mine"
baselines = ["count"]
area_share = 0.1
null_records = 1
discovery = [0.0, 0.3]
[loop]
warm_up = 2
rounds = 2
repeats = 2
[[groups]]
name = "side"
areas = "areas.gpkg"
by = "code"
people = "people.csv"
code = "area"
columns = ["young", "old"]
source = "made up"
[[groups]]
name = "class"
areas = "areas.gpkg"
by = "code"
people = "people.csv"
code = "area"
residents = "all"
classed_by = "score"
bands = 2
reference = "1"
source = "made up"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A study of the sample, a plan, and the areas and people it names."""
    monkeypatch.chdir(tmp_path)
    data = hs.sample_path("police_uk/archive.zip")
    (tmp_path / "study.toml").write_text(STUDY.format(data=data.as_posix()))
    (tmp_path / "plan.toml").write_text(PLAN)
    boroughs = hs.load_boroughs(["Camden", "Islington"])
    gpd.GeoDataFrame({"code": ["C", "I"]}, geometry=boroughs.geometry.values, crs=27700).to_file(
        tmp_path / "areas.gpkg"
    )
    pd.DataFrame(
        {"area": ["C", "I"], "young": [10, 90], "old": ["1,090", "10"], "all": [100, 100],
         "score": [3.5, 1.5]}
    ).to_csv(tmp_path / "people.csv", index=False)  # fmt: skip
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.process
def test_an_audit_is_written_printed_and_the_same_again(folder):
    assert run("backtest", "study.toml", "--quiet").exit_code == 0
    first = run("audit", "study.toml", "--plan", "plan.toml", "--quiet", "--out", "audit")
    assert first.exit_code in (0, 3), first.output
    assert "saw no recorded offence" in first.output
    told = json.loads((folder / "audit" / "audit.json").read_text())
    codes = {one["code"] for one in told["results"]}
    assert codes == {f"A{k}" for k in range(1, 18)}
    assert [one["code"] for one in told["results"] if one["status"] == "not_computable"] == []
    sides = [one for one in told["results"] if one["code"] == "A3"]
    assert [one["name"] for one in sides] == ["exposure ratio by side", "exposure ratio by class"]
    assert {row["group"] for row in sides[1]["groups"]} == {"1", "2"}
    fast = run("audit", "study.toml", "--plan", "plan.toml", "--fast", "--quiet")
    assert "the model's specification was not given" in fast.output
    again = json.loads((folder / "results" / "audit" / "audit.json").read_text())
    same = [one for one in told["results"] if one["code"] not in ("A8", "A10", "A16")]
    assert [one for one in again["results"] if one["code"] not in ("A8", "A10", "A16")] == same


@pytest.mark.usefixtures("folder")
def test_without_a_backtest_it_says_what_to_run_first():
    found = run("audit", "study.toml", "--plan", "plan.toml", "--quiet")
    assert found.exit_code == 2
    assert "Run `hotspot backtest`" in found.output


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('model = "mine"', "", "needs model"),
        ("area_share", "area_shar", "no key 'area_shar'. Did you mean 'area_share'"),
        ("area_share = 0.1", "area_share = 2.0", r"area_share must be in \(0, 1\]"),
        ("rounds = 2", "rounds = 0", "rounds must be at least 1"),
        ("rounds = 2", 'rounds = "x"', r"\[loop\]: rounds must be a whole number"),
        ('source = "made up"', "", r"\[\[groups\]\] number 1 needs the key source"),
        ('columns = ["young", "old"]', "", "needs either columns"),
        ('areas = "areas.gpkg"', 'areas = "none.gpkg"', "no file"),
    ],
)
def test_a_plan_that_is_wrong_is_refused_by_name(folder, old, new, match):
    (folder / "plan.toml").write_text(PLAN.replace(old, new, 1))
    with pytest.raises(StudyError, match=match):
        read_audit_plan(folder / "plan.toml")


def test_a_column_that_is_not_there_is_refused_with_near_names(folder):
    (folder / "plan.toml").write_text(PLAN.replace('"young"', '"yung"'))
    groups = read_audit_plan(folder / "plan.toml").groups[0]
    grid = hs.Grid.over(hs.load_boroughs("Camden"), cell_size=1000)
    with pytest.raises(StudyError, match="Did you mean 'young'"):
        groups.load(grid)


def test_bands_hold_equally_many_areas(folder):
    rng = np.random.default_rng(1)
    pd.DataFrame({"area": [f"E{k}" for k in range(40)], "all": 10, "score": rng.random(40),
                  "young": 1, "old": 1}).to_csv(folder / "people.csv", index=False)  # fmt: skip
    table = read_audit_plan(folder / "plan.toml").groups[1]._people()
    assert (table > 0).sum().tolist() == [20, 20]


def test_the_example_names_only_keys_that_are_known():
    example = hs.sample_path("police_uk/archive.zip").parents[3] / "docs" / "audit.example.toml"
    asked = read_audit_plan(example)
    assert asked.plan.model == "count, 36 months"
    assert asked.plan.loop.rounds == 24
