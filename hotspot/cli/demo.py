"""``hotspot demo``: the whole walk on simulated data, from an archive to a backtest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hotspot.cli.backtest import backtest_events
from hotspot.cli.forecast import forecast_events
from hotspot.cli.ingest import run_ingest
from hotspot.cli.output import file_in, relative, results_folder, say, write_text
from hotspot.cli.record import kept_in, recorded
from hotspot.data.sample import sample_path
from hotspot.study import Study, example_study_path, load_areas, read_study

NOTE = "SIMULATED data: no row describes anything that happened."


def demo_study() -> Study:
    """The documented example, on the sample archive wherever it is installed."""
    study = read_study(example_study_path())
    return replace(study, data=replace(study.data, path=sample_path("police_uk/archive.zip")))


def run_demo(out: Path, *, quiet: bool) -> None:
    """Ingest, forecast and backtest the sample; write and say what to open first."""
    study, folder = demo_study(), results_folder(out)
    say(f"{NOTE}\n")
    with kept_in(folder / "ledger.jsonl"):
        _walk(study, folder, quiet=quiet)
    write_text(_guide(study), file_in(folder, "README.txt"))
    say(NOTE)
    first_to_open = relative(folder / "forecast" / "map.png")
    say(f"Results are in {relative(folder)}. Open {first_to_open} first,")
    say(f"then {relative(folder / 'backtest' / 'capture.png')}; README.txt there says the rest.")


def _walk(study: Study, folder: Path, *, quiet: bool) -> None:
    say("1. What was recorded")
    events = run_ingest(study, folder / "ingest", quiet=quiet, note=NOTE)
    areas = load_areas(study)
    how = {"quiet": quiet, "note": NOTE}
    say("\n2. What to expect next")
    first = replace(study, models=study.models[:1])
    with recorded("forecast", study=first) as record:
        forecast_events(first, events, areas, record=record, out=folder / "forecast", **how)
    say("\n3. How wrong it would have been")
    with recorded("backtest", study=study) as record:
        backtest_events(study, events, areas, record=record, out=folder / "backtest", **how)


def _guide(study: Study) -> str:
    models = "\n".join(f"    {model.name}: {model.kind}" for model in study.models)
    return f"""{NOTE}

Made by `hotspot demo` from the study docs/study.example.toml, seed {study.seed}.

Open in this order
    forecast/map.png              where recorded burglaries are expected next month
    forecast/bounds.png           how far each place may stray from that
    forecast/boroughs.csv         the same for boroughs: expected count and bounds
    backtest/capture.png          share of burglaries caught against share of area flagged
    backtest/calibration.png      how often the bounds held, against how often they should
    backtest/summary.csv          every score, and each model's difference to the baseline
    ingest/ingest_report.csv      what became of every row of the archive
    ledger.jsonl                  what was done, from what, with which result, tied by hashes

Models in the backtest
{models}

The data were simulated in the layout of data.police.uk to resemble the volume and spread of
burglary in five boroughs. They say nothing about those boroughs. To see the same on recorded
offences, take an archive from data.police.uk and run `hotspot ingest --help`.
"""
