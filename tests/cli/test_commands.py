"""The commands, as an analyst meets them: what they write, print and refuse."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hotspot.cli import app
from hotspot.data.places import load_boroughs
from hotspot.data.sample import sample_path
from hotspot.errors import StudyError
from tests.cli.conftest import AREA

pytestmark = pytest.mark.process

FORECAST_FILES = {"map.png", "bounds.png", "boroughs.png", "boroughs.csv", "boroughs.parquet",
                  "forecast.nc", "forecast.tif", "cells.parquet", "cells.geojson"}  # fmt: skip
BACKTEST_FILES = {"summary.csv", "scores.csv", "capture.png", "calibration.png", "backtest.nc"}
MODELS = ["--model", "HistoricalRate:window=24 months", "--model", "HistoricalRate:window=6 months"]


def names_in(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def forecast_of(hotspot, events_file, tmp_path_factory):
    """Folder of a small forecast of two months, with more flags where given."""

    def run(*flags):
        folder = tmp_path_factory.mktemp("forecast")
        small = ["--cell-size", 500, "--size", 100, "--periods", 2, *AREA]
        result = hotspot("forecast", "--data", events_file, *small, "--out", folder, *flags)
        return folder, result

    return run


@pytest.fixture(scope="module")
def forecast(forecast_of):
    return forecast_of()


@pytest.fixture(scope="module")
def backtest_of(hotspot, events_file, tmp_path_factory):
    def run(*flags):
        folder = tmp_path_factory.mktemp("backtest")
        small = ["--cell-size", 500, "--size", 50, "--start", "2024-07", "--end", "2025-01", *AREA]
        result = hotspot(
            "backtest", "--data", events_file, *small, *MODELS, "--out", folder, *flags
        )
        return folder, result

    return run


@pytest.fixture(scope="module")
def backtest(backtest_of):
    return backtest_of()


def test_every_row_of_the_archive_is_accounted_for(ingested):
    folder, _ = ingested
    assert names_in(folder) == {"events.parquet", "ingest_report.csv"}
    report = pd.read_csv(folder / "ingest_report.csv")
    first_reason = report.columns.get_loc("rows_kept") + 1
    reasons = [name for name in report.columns[first_reason:] if " " in name or name == "duplicate"]
    assert len(report) == 96
    assert (report["rows_in"] == report["rows_kept"] + report[reasons].sum(axis=1)).all()


def test_ingest_prints_rows_months_and_spacing(ingested):
    said = ingested[1].stdout
    report = pd.read_csv(ingested[0] / "ingest_report.csv")
    assert f"{report['rows_in'].sum():,}" in said
    assert f"{report['rows_kept'].sum():,}" in said
    assert "window: 2021-01 up to, not including, 2025-01" in said
    assert "force-months: 96 of 96 present" in said
    assert "m apart (snap points)" in said


def test_ingest_names_the_months_that_are_missing(hotspot, tmp_path):
    import zipfile

    hole = tmp_path / "hole.zip"
    with (
        zipfile.ZipFile(sample_path("police_uk/archive.zip")) as whole,
        zipfile.ZipFile(hole, "w") as part,
    ):
        for name in whole.namelist():
            if name[:7] in ("2021-01", "2021-02", "2021-03") and "2021-02-metro" not in name:
                part.writestr(name, whole.read(name))
    result = hotspot("ingest", hole, *AREA, "--out", tmp_path / "out")
    assert "5 of 6 present; MISSING, which is not zero: Metropolitan" in result.stdout
    assert "2021-02" in result.stdout


def test_a_forecast_writes_what_its_help_says(forecast, hotspot):
    assert names_in(forecast[0]) == FORECAST_FILES
    said = hotspot("forecast", "--help").stdout
    for name in FORECAST_FILES - {"boroughs.parquet", "cells.geojson"}:
        assert name in said


def test_the_table_of_boroughs_is_the_forecast(forecast):
    folder, _ = forecast
    table = pd.read_csv(folder / "boroughs.csv")
    with xr.open_dataset(folder / "forecast.nc", engine="h5netcdf") as kept:
        expected = kept["area_expected_count"].to_numpy().ravel()
        upper = kept["area_count_quantile"].sel(quantile=0.95).to_numpy().ravel()
    assert table["area"].tolist() == ["City of London", "Islington"] * 2
    assert table["start"].tolist() == ["2025-01-01"] * 2 + ["2025-02-01"] * 2
    np.testing.assert_allclose(table["expected_count"], expected, rtol=1e-5)
    np.testing.assert_allclose(table["q0.95"], upper, rtol=1e-5)
    bounds = table[[name for name in table.columns if name.startswith("q")]].to_numpy()
    assert (np.diff(bounds, axis=1) >= 0).all()


def test_a_forecast_prints_each_borough_with_its_interval(forecast):
    folder, result = forecast
    table = pd.read_csv(folder / "boroughs.csv")
    for row in table.iloc[:2].to_dict("records"):
        line = next(line for line in result.stdout.splitlines() if row["area"] in line)
        assert f"{row['expected_count']:.1f}" in line
        assert f"{row['q0.05']:.0f} to {row['q0.95']:.0f}" in line
    assert "The interval includes chance" in result.stdout


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(forecast, forecast_of):
    table = (forecast[0] / "boroughs.csv").read_bytes()
    assert (forecast_of()[0] / "boroughs.csv").read_bytes() == table
    assert (forecast_of("--seed", 2)[0] / "boroughs.csv").read_bytes() != table


def test_a_forecast_of_a_past_month_does_not_look_at_what_came_after(
    ingested, forecast_of, tmp_path
):
    folder, _ = forecast_of("--start", "2024-03")
    with xr.open_dataset(folder / "forecast.nc", engine="h5netcdf") as kept:
        assert kept.attrs["data_cutoff"].startswith("2024-03-01")
    from hotspot.data.events import Events

    past = Events.from_parquet(ingested[0] / "events.parquet").select(end="2024-03")
    past.to_parquet(tmp_path / "past.parquet")
    other, _ = forecast_of("--data", tmp_path / "past.parquet")
    same = [(one / "boroughs.csv").read_bytes() for one in (folder, other)]
    assert same[0] == same[1]


def test_several_models_are_forecast_in_folders_of_their_own(forecast_of):
    folder, _ = forecast_of(*MODELS)
    assert names_in(folder) == {
        "historicalrate-24-months",
        "historicalrate-6-months",
    }
    for one in folder.iterdir():
        assert names_in(one) == FORECAST_FILES


def test_a_history_too_short_for_bounds_is_noted(forecast_of):
    _, result = forecast_of("--start", "2021-04")
    assert "Note: Only" in result.stderr


def test_a_backtest_writes_what_its_help_says(backtest, hotspot):
    assert names_in(backtest[0]) == BACKTEST_FILES
    said = hotspot("backtest", "--help").stdout
    for name in BACKTEST_FILES:
        assert name in said


def test_the_hit_rate_in_the_table_is_that_of_the_maps(backtest):
    """Counted again from the saved maps with nothing but a sort; ties and the last cell in part."""
    folder, _ = backtest
    table = pd.read_csv(folder / "scores.csv").set_index(["model", "fold"])
    with xr.open_dataset(folder / "backtest.nc", engine="h5netcdf") as kept:
        kept = kept.load()
    assert len(table) == 2 * 6
    for model, fold in itertools.product(kept["model"].to_numpy(), range(6)):
        expected = kept["expected_count"].sel(model=model, fold=fold).to_numpy()[0]
        observed = kept["observed_count"].sel(fold=fold).to_numpy()[0]
        area = kept["inside_area"].to_numpy()
        inside = np.isfinite(expected)
        density = expected[inside] / area[inside]
        order = np.argsort(-density, kind="stable")
        flagged = 0.2 * area[inside].sum()
        cut = density[order][np.cumsum(area[inside][order]) > flagged][0]
        tied = np.isclose(density, cut, rtol=1e-12, atol=0)
        above = (density > cut) & ~tied
        counts = observed[inside]
        rest = flagged - area[inside][above].sum()
        hits = counts[above].sum() + counts[tied].sum() * rest / area[inside][tied].sum()
        found = table.loc[(model, fold)]
        assert found["observed_events"] == counts.sum()
        assert found["hit_rate_0.2"] == pytest.approx(hits / counts.sum(), rel=1e-5)


def test_the_summary_is_the_mean_of_the_scores_and_their_difference(backtest):
    folder, _ = backtest
    scores = pd.read_csv(folder / "scores.csv").groupby("model").mean(numeric_only=True)
    summary = pd.read_csv(folder / "summary.csv").set_index(["model", "score"])
    baseline, other = "HistoricalRate 24 months", "HistoricalRate 6 months"
    for name in ("hit_rate_0.05", "crps", "negative_binomial_log_score", "area_coverage_0.9"):
        mean = {model: summary.loc[(model, name), "mean"] for model in (baseline, other)}
        assert mean[other] == pytest.approx(scores.loc[other, name], rel=1e-4)
        row = summary.loc[(other, name)]
        assert row["difference"] == pytest.approx(mean[other] - mean[baseline], abs=1e-4)
        assert row["lower"] <= row["difference"] <= row["upper"]
        assert np.isnan(summary.loc[(baseline, name), "difference"])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_backtest_gives_the_same_bytes_again(backtest, backtest_of, workers):
    again, _ = backtest_of("--workers", workers)
    for name in ("scores.csv", "summary.csv"):
        assert (again / name).read_bytes() == (backtest[0] / name).read_bytes()


def test_a_long_name_of_a_model_leaves_room_for_the_picture(hotspot, events_file, tmp_path):
    """matplotlib warns where a legend leaves no room, and here a warning is an error."""
    study = tmp_path / "study.toml"
    model = "[[models]]\nkind = 'HistoricalRate'\nname = '{} " + "very " * 20 + "long {}'\n"
    study.write_text(f"[data]\npath = '{events_file}'\n" + "".join(map(model.format, "ab", "cd")))
    small = ["--cell-size", 1000, "--size", 50, "--start", "2024-11", "--end", "2025-01", *AREA]
    hotspot("backtest", study, *small, "--out", tmp_path / "out")
    assert names_in(tmp_path / "out") == BACKTEST_FILES


def test_a_backtest_of_one_model_and_one_month_needs_no_comparison(hotspot, events_file, tmp_path):
    small = ["--cell-size", 1000, "--size", 50, "--start", "2024-12", "--end", "2025-01", *AREA]
    result = hotspot("backtest", "--data", events_file, *small, *MODELS[:2], "--out", tmp_path)
    assert "Difference to" not in result.stdout
    assert pd.read_csv(tmp_path / "summary.csv")["difference"].isna().all()


def test_bars_and_notes_stay_out_of_files(forecast, backtest):
    """Neither command wrote to stderr: it is no terminal here, and nothing was doubtful."""
    assert forecast[1].stderr == ""
    assert backtest[1].stderr == ""


def test_flags_override_the_study_file(hotspot, events_file, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(
        f"seed = 5\nout = 'told'\n[data]\npath = '{events_file}'\n"
        "[area]\nboroughs = ['Islington']\n[grid]\ncell_size = 1000\n[forecast]\nsize = 50\n"
        "[[models]]\nkind = 'HistoricalRate'\n"
    )
    hotspot("forecast", study)
    told = pd.read_csv(tmp_path / "told" / "boroughs.csv")
    assert told["area"].tolist() == ["Islington"]
    hotspot("forecast", study, "--borough", "City of London", "--out", tmp_path / "flag")
    assert pd.read_csv(tmp_path / "flag" / "boroughs.csv")["area"].tolist() == ["City of London"]


def test_a_name_that_is_a_formula_is_not_one_in_the_table(hotspot, events_file, tmp_path):
    areas = load_boroughs(["Islington"])
    areas["name"] = '=HYPERLINK("evil")'
    areas.to_file(tmp_path / "region.geojson")
    small = ["--cell-size", 1000, "--size", 50, "--region", tmp_path / "region.geojson"]
    hotspot("forecast", "--data", events_file, *small, "--out", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "boroughs.csv")
    assert table["area"].tolist() == ['\'=HYPERLINK("evil")']


REFUSALS = [
    (["ingest", "nowhere.zip"], "There is nothing to read at .*nowhere.zip"),
    (["forecast"], "Say what to read"),
    (["forecast", "no.toml"], "no.toml cannot be read: No such file"),
    (["forecast", "--data", "EVENTS", "--borough", "Islingtn"], "Did you mean 'Islington'"),
    (["forecast", "--data", "EVENTS", "--borough", "Barnet"], "does not overlap"),
    (["forecast", "--data", "EVENTS", "--offence", "Burglery"], "Did you mean.*Burglary"),
    (["forecast", "--data", "EVENTS", "--cell-size", "0"], "cell_size"),
    (["forecast", "--data", "EVENTS", "--start", "2020-01"], "begin 2021-01"),
    (["forecast", "--data", "EVENTS", "--start", "soon"], "is not a date"),
    (["forecast", "--data", "EVENTS", "--model", "Oracle"], "no kind 'Oracle'"),
    (["forecast", "--data", "EVENTS", "--model", "HistoricalRate:12"], "is not KEY=VALUE"),
    (["forecast", "--data", "EVENTS", "--seed", "-3"], "seed must be 0 or more"),
    (["forecast", "--data", "EVENTS", "--size", "10"], "size"),
    (["backtest", "--data", "EVENTS"], "Say which months to judge"),
    (["backtest", "--data", "EVENTS", "--start", "2024-01"], "needs the key end"),
    (["backtest", "--data", "EVENTS", "--start", "2024-01", "--end", "2026-01"], "2025-01"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSALS)
def test_a_refusal_is_one_sentence_and_code_2(hotspot, events_file, tmp_path, arguments, said):
    arguments = [str(events_file) if one == "EVENTS" else one for one in arguments]
    if "--borough" not in arguments and "nowhere.zip" not in arguments:
        arguments += AREA if len(arguments) > 2 else []
    result = hotspot(*arguments, "--out", tmp_path / "out", ends_with=2)
    (line,) = [line for line in result.stderr.splitlines() if line and line[:5] != "Note:"]
    assert line.startswith("hotspot: ")
    assert pd.Series([line]).str.contains(said, regex=True).all(), line
    assert "Traceback" not in result.output


def test_debug_shows_where_a_refusal_came_from():
    from typer.testing import CliRunner

    result = CliRunner().invoke(app, ["--debug", "forecast"])
    assert isinstance(result.exception, StudyError)


def test_what_is_unexpected_keeps_its_traceback(monkeypatch, tmp_path):
    from typer.testing import CliRunner

    def broken(*_, **__):
        raise RuntimeError("a mistake in hotspot")

    monkeypatch.setattr("hotspot.cli.ingest.run_ingest", broken)
    result = CliRunner().invoke(app, ["ingest", "x", "--out", str(tmp_path)])
    assert isinstance(result.exception, RuntimeError)


def test_what_lies_in_the_folder_already_stays(hotspot, events_file, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "boroughs.csv").write_text("old")
    small = ["--cell-size", 1000, "--size", 50, *AREA]
    hotspot("forecast", "--data", events_file, *small, "--out", tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "boroughs.csv").read_text().startswith("area,start,end,expected_count")
    assert names_in(tmp_path) == FORECAST_FILES | {"notes.txt"}


def test_a_folder_in_the_place_of_a_file_is_refused_and_kept(hotspot, events_file, tmp_path):
    (tmp_path / "forecast.nc").mkdir()
    (tmp_path / "forecast.nc" / "mine.txt").write_text("mine")
    small = ["--cell-size", 1000, "--size", 50, *AREA]
    flags = ["--data", events_file, *small, "--out", tmp_path]
    result = hotspot("forecast", *flags, ends_with=2)
    assert "Nothing that hotspot did not write is deleted" in result.stderr
    assert (tmp_path / "forecast.nc" / "mine.txt").read_text() == "mine"


def test_a_file_in_the_place_of_the_folder_is_refused(hotspot, events_file, tmp_path):
    (tmp_path / "out").write_text("mine")
    result = hotspot("forecast", "--data", events_file, *AREA, "--out", tmp_path / "out",
                     ends_with=2)  # fmt: skip
    assert "--out must be a folder" in result.stderr
    assert (tmp_path / "out").read_text() == "mine"


@pytest.fixture(scope="module")
def demo(hotspot, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder, hotspot("demo", "--out", folder)


def test_the_demo_walks_from_an_archive_to_a_backtest(demo):
    folder, result = demo
    ledger = {"ledger.jsonl", "ledger.jsonl.lock"}
    assert names_in(folder) == {"README.txt", "ingest", "forecast", "backtest", *ledger}
    assert names_in(folder / "forecast") == FORECAST_FILES
    assert names_in(folder / "backtest") == BACKTEST_FILES
    assert len(pd.read_csv(folder / "forecast" / "boroughs.csv")) == 5
    assert pd.read_csv(folder / "backtest" / "scores.csv")["fold"].nunique() == 12
    assert "map.png first" in result.stdout


def test_every_page_of_the_demo_says_that_its_data_are_simulated(demo):
    folder, result = demo
    assert result.stdout.startswith("SIMULATED data")
    assert (folder / "README.txt").read_text().startswith("SIMULATED data")
    for name in ("ingest/ingest_report.csv", "forecast/boroughs.csv", "backtest/scores.csv",
                 "backtest/summary.csv"):  # fmt: skip
        table = pd.read_csv(folder / name)
        assert (table["note"] == "SIMULATED data: no row describes anything that happened.").all()
    with xr.open_dataset(folder / "forecast" / "forecast.nc", engine="h5netcdf") as kept:
        assert kept.attrs["note"].startswith("SIMULATED data")
    cells = json.loads((folder / "forecast" / "cells.geojson").read_text())
    assert "SIMULATED" in json.dumps(cells["hotspot"])


def test_the_demo_guide_names_files_that_are_there(demo):
    folder, _ = demo
    named = [word for line in (folder / "README.txt").read_text().splitlines()
             for word in line.split()[:1] if word.endswith((".png", ".csv"))]  # fmt: skip
    assert len(named) >= 6
    assert all((folder / name).is_file() for name in named)
