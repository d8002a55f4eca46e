"""`hotspot backtest` ends with what each model adds to the simple ones of its study."""

from types import SimpleNamespace

import numpy as np
import xarray as xr

from hotspot.cli.judge import added_values
from tests.cli.conftest import AREA

STUDY = """
[data]
path = '{events}'
[[models]]
kind = "HistoricalRate"
name = "count"
window = "24 months"
[[models]]
kind = "Stacked"
name = "stack"
parts = [
  {{ kind = "HistoricalRate", window = "24 months" }},
  {{ kind = "HistoricalRate", half_life = 365.0 }},
]
"""


def test_a_model_that_is_not_simple_is_held_against_one_that_is(hotspot, events_file, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(STUDY.format(events=events_file))
    small = ["--cell-size", 1000, "--size", 50, "--start", "2024-09", "--end", "2025-01", *AREA]
    said = hotspot("backtest", study, *small, "--out", tmp_path / "out").stdout
    assert "Added value of 'stack' over simple models: 4 periods" in said
    assert "over 'count':" in said
    assert said.count("Added value of") == 1


def reports(kinds, *, n_folds=5):
    """What is said of models of these kinds, with four cells and some events in each fold."""
    rng = np.random.default_rng(1)
    dims = ("model", "fold", "step", "y", "x")
    result = xr.Dataset(
        {
            "expected_count": (dims, rng.gamma(2, 2, (len(kinds), n_folds, 1, 2, 2))),
            "observed_count": (dims[1:], rng.poisson(3, (n_folds, 1, 2, 2)).astype(float)),
        },
        {"model": list(kinds)},
    )
    models = [SimpleNamespace(name=kind, kind=kind) for kind in kinds]
    study = SimpleNamespace(models=models, scores=SimpleNamespace(area_shares=(0.25, 0.5)))
    return added_values(result, study, rng=rng)


def test_each_model_that_is_not_simple_gets_a_report_at_the_share_nearest_the_usual():
    found = reports(["HistoricalRate", "SeasonalPoisson", "Stacked", "EndemicEpidemic"])
    assert [one.model for one in found] == ["Stacked", "EndemicEpidemic"]
    assert list(found[0].table.index) == ["HistoricalRate", "SeasonalPoisson"]
    assert found[0].area_share == 0.25


def test_with_nothing_to_compare_or_too_few_folds_nothing_is_said():
    assert reports(["HistoricalRate", "KernelDensity"]) == []
    assert reports(["Stacked", "EndemicEpidemic"]) == []
    assert reports(["HistoricalRate", "Stacked"], n_folds=3) == []
