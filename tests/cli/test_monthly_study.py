"""Monthly models with levels, told in a study file and run from the command line."""

import json
import re
import tomllib

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from shapely.geometry import box

from hotspot import EndemicEpidemic, LevelModel, WithLevels
from hotspot.errors import StudyError
from hotspot.models.endemic_epidemic.neighbours import PowerLawDecay
from hotspot.models.parts.shapes import GaussianShape
from hotspot.study import example_study_path, parse_study

from ..breaks.cities import SIDE, city, simulated

HALVES = gpd.GeoDataFrame(
    {"name": ["west", "east"]},
    geometry=[box(0, 0, SIDE / 2, SIDE), box(SIDE / 2, 0, SIDE, SIDE)],
    crs=27700,
)


def model_of(**table):
    return parse_study({"data": {"path": "x"}, "models": [table]}).models[0]


def test_a_map_with_levels_is_built_with_the_areas_of_the_study():
    level = {"kind": "LevelModel", "window": 36, "leads": 6, "error_half_life": "none"}
    space = {"kind": "EndemicEpidemic", "half_life": [12, 48], "harmonics": 2}
    built = model_of(kind="WithLevels", space=space, level=level).build(HALVES)
    assert isinstance(built, WithLevels)
    assert built.areas is HALVES
    assert built.level == LevelModel(window=36, leads=6, error_half_life=None)
    assert built.space.half_life == (12.0, 48.0)
    parts = [{"kind": "WithLevels", "space": space}, {"kind": "HistoricalRate"}]
    inside = model_of(kind="Stacked", parts=parts).build(HALVES)
    assert inside.parts[0].areas is HALVES


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        ({"kind": "GaussianShape", "sd": 400}, GaussianShape(400.0)),
        ({"kind": "PowerLawDecay", "exponent": 2}, PowerLawDecay(2.0)),
    ],
)
def test_options_of_the_monthly_model_can_be_named(decay, expected):
    built = model_of(
        kind="EndemicEpidemic", decay=decay, window="none", near_lags="none", trend=True
    ).build()
    assert isinstance(built, EndemicEpidemic)
    assert (built.decay, built.window, built.near_lags, built.trend) == (expected, None, None, True)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"kind": "WithLevels"}, "of kind WithLevels, which needs the keys space"),
        (
            {"kind": "WithLevels", "areas": "x", "space": {"kind": "HistoricalRate"}},
            "no key 'areas'",
        ),
        ({"kind": "EndemicEpidemic", "decay": {"kind": "GaussianShape"}}, "decay is of kind Gauss"),
        ({"kind": "EndemicEpidemic", "half_life": "none"}, "half_life must be a list of numbers"),
        ({"kind": "EndemicEpidemic", "window": 6}, "window must be at least 12 months"),
        ({"kind": "LevelModel"}, "has no kind 'LevelModel'"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(table, said):
    with pytest.raises(StudyError, match=said):
        model_of(**table)


@pytest.mark.parametrize(
    ("forecast", "said"),
    [
        ({"recalibrate": 5}, "at least 6 earlier forecasts, got 5"),
        ({"recalibrate": 12, "length": "week"}, "by the month"),
        ({"recalibrate": "yes"}, "recalibrate must be a whole number"),
    ],
)
def test_a_recalibration_that_makes_no_sense_is_refused(forecast, said):
    with pytest.raises(StudyError, match=said):
        parse_study({"data": {"path": "x"}, "forecast": forecast})


def test_what_the_example_only_mentions_is_true_too():
    """Its commented models and keys, with the marks of a comment taken away."""
    text = example_study_path().read_text(encoding="utf-8").partition("[data]")[2]
    blocks = re.findall(r"(?:^#     .*\n)+", text, flags=re.MULTILINE)
    models = [re.sub("^#     ", "", b, flags=re.MULTILINE) for b in blocks if "[[models]]" in b]
    assert len(models) == 2
    for model in models:
        parse_study({"data": {"path": "x"}, **tomllib.loads(model)})
    keys = re.findall(r"^# (\w+ = [^#]+?) +#", text, flags=re.MULTILINE)
    assert {key.split(" = ")[0] for key in keys} == {"start", "recalibrate"}
    parse_study({"data": {"path": "x"}, "forecast": tomllib.loads("\n".join(keys))})


@pytest.mark.process
def test_a_recalibrated_forecast_of_three_months_tells_its_findings(hotspot, tmp_path):
    """The city doubles in July 2016, 30 months before the forecast."""
    rng = np.random.default_rng(21)
    city(*simulated(rng, rate=60.0, step=2.0)).to_parquet(tmp_path / "events.parquet")
    HALVES.to_file(tmp_path / "halves.gpkg")
    study = tmp_path / "study.toml"
    study.write_text(
        """
        [data]
        path = "events.parquet"
        [area]
        region = "halves.gpkg"
        [grid]
        cell_size = 500
        [[models]]
        name = "levels"
        kind = "WithLevels"
        space = { kind = "HistoricalRate" }
        level = { kind = "LevelModel", window = 48, error_half_life = "none" }
        [forecast]
        periods = 3
        size = 60
        recalibrate = 6
        """,
        encoding="utf-8",
    )
    result = hotspot("forecast", study, "--out", tmp_path / "next")
    shown = re.findall(r"to expect from (\d{4}-\d\d)", result.stdout)
    assert shown == ["2019-01", "2019-03"]
    assert "Finding: levels: The training window crosses a break. From 2016-07" in result.stdout
    with xr.open_dataset(tmp_path / "next/forecast.nc") as forecast:
        steps = json.loads(forecast.attrs["recalibration"])["steps"]
        findings = json.loads(forecast.attrs["findings"])
    # Six forecasts whose three months were over before January 2019, the first from May 2018 on.
    assert [step["folds"] for step in steps] == [6, 6, 6]
    assert steps[0]["first_cutoff"].startswith("2018-05-01")
    assert len(findings) == 1
    rows = pd.read_csv(tmp_path / "next/boroughs.csv")
    assert rows["area"].tolist() == ["west", "east"] * 3


@pytest.mark.process
def test_a_backtest_looks_as_far_ahead_as_it_is_asked_to(hotspot, tmp_path):
    rng = np.random.default_rng(22)
    city(*simulated(rng, rate=60.0)).to_parquet(tmp_path / "events.parquet")
    HALVES.to_file(tmp_path / "halves.gpkg")
    hotspot(
        "backtest", "--data", tmp_path / "events.parquet", "--region", tmp_path / "halves.gpkg",
        "--cell-size", 200, "--start", "2018-07", "--end", "2019-01", "--horizon", 3,
        "--model", "HistoricalRate:window=24 months", "--size", 60, "--out", tmp_path / "out",
    )  # fmt: skip
    scores = pd.read_csv(tmp_path / "out/scores.csv")
    assert sorted(scores["step"].unique()) == [0, 1, 2]
    assert scores["fold"].nunique() == 4
