"""``hotspot backtest``: how wrong several models would have been."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hotspot._files import replaced
from hotspot.cli.findings import of_few_in_areas, say_overridden, say_remarks
from hotspot.cli.judge import added_values, judge, scores_table, summarise
from hotspot.cli.output import (
    file_in,
    relative,
    results_folder,
    say,
    say_table,
    shows_progress,
    stages,
    write_csv,
)
from hotspot.cli.pictures import CURVES, draw_curves
from hotspot.cli.record import Record, recorded
from hotspot.errors import StudyError
from hotspot.study import Study, load_areas, load_events

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    import xarray as xr

    from hotspot.data.events import Events

STORE = "store"
FILES = ("backtest.nc", "scores.csv", "summary.csv", *CURVES)


def run_backtest(study: Study, out: Path, *, quiet: bool, note: str = "") -> None:
    """Refit the study's models at every fold, score their forecasts, write and print."""
    require_folds(study)
    with recorded("backtest", study=study) as record:
        areas = load_areas(study)
        events = load_events(study, region=areas, progress=shows_progress(quiet))
        backtest_events(study, events, areas, record=record, out=out, quiet=quiet, note=note)


def require_folds(study: Study) -> None:
    """A backtest must be told which months to judge: found out before minutes of reading."""
    if study.folds is None:
        raise StudyError(
            "Say which months to judge: [folds] start and end in the study, or --start 2024-01 "
            "--end 2025-01."
        )


def backtest_events(
    study: Study,
    events: Events,
    areas: gpd.GeoDataFrame,
    *,
    record: Record,
    out: Path,
    quiet: bool,
    note: str = "",
) -> None:
    """The same for events that are at hand."""
    from hotspot.backtesting.content import backtest_hash
    from hotspot.evaluate import score_by_fold

    folder = results_folder(out, files=FILES)
    forecasts_rng, scores_rng = np.random.default_rng(study.seed).spawn(2)
    result = backtest_of(study, events, areas, folder=folder, rng=forecasts_rng, quiet=quiet)
    with stages(["scoring", "writing", "drawing"], quiet=quiet) as stage:
        next(stage)
        scores = score_by_fold(result, lambda fold: judge(fold, study, rng=scores_rng))
        summary = summarise(scores, study, rng=scores_rng)
        next(stage)
        if not study.run.resume:
            noted = result.assign_attrs({"note": note} if note else {})
            save_backtest(noted, file_in(folder, "backtest.nc"))
        write_csv(scores_table(scores), file_in(folder, "scores.csv"), note=note)
        write_csv(summary, file_in(folder, "summary.csv"), note=note)
        next(stage)
        draw_curves(result, folder, rng=scores_rng, note=note)
    found = backtest_findings(study, events, areas, result)
    say_overridden(found)
    say_summary(summary, study, n_folds=result.sizes["fold"])
    say_remarks(found)
    for report in added_values(result, study, rng=scores_rng):
        say(str(report))
    say(f"Written to {relative(folder)}; look at summary.csv and capture.png first.")
    whole = backtest_hash(result)
    record.says(content_sha256=whole, entropy=result.attrs.get("entropy"), findings=found)
    drawn = CURVES if result.sizes["fold"] >= 2 else CURVES[:1]
    for name in (STORE if study.run.resume else "backtest.nc", "scores.csv", "summary.csv", *drawn):
        record.wrote(folder / name)
    say(f"SHA-256 of all forecasts and observations: {whole}")
    say()


def backtest_findings(
    study: Study, events: Events, areas: gpd.GeoDataFrame, result: xr.Dataset
) -> list[dict[str, object]]:
    """What guards say of the first fold, which has the shortest record to learn from."""
    import pandas as pd

    from hotspot.grid.cells import Grid
    from hotspot.models.door import scope_of

    first = pd.Timestamp(str(result["data_cutoff"].to_numpy()[0]))
    grid = Grid.over(areas, cell_size=study.grid.cell_size)
    scope = scope_of(events, grid, end=first)
    few = of_few_in_areas(events.before(first), areas)
    return [asdict(one) for one in (*scope.findings, *few)]


def backtest_of(
    study: Study,
    events: Events,
    areas: gpd.GeoDataFrame,
    *,
    folder: Path,
    rng: np.random.Generator,
    quiet: bool,
) -> xr.Dataset:
    """Forecasts beside observations; kept in `folder` where the study is to be resumed."""
    from hotspot.backtesting.folds import rolling_origin
    from hotspot.backtesting.run import backtest
    from hotspot.grid.cells import Grid

    folds = study.folds
    origins = rolling_origin(
        folds.start,
        folds.end,
        length=folds.length,
        horizon=folds.horizon,
        step=folds.step,
        window=folds.window,
        gap=folds.gap,
        time_zone=events.time_zone,
    )
    kept = {"store": folder / STORE, "resume": True, "repair": study.run.repair}
    with _workers(study) as workers:
        return backtest(
            {model.name: model.build(areas) for model in study.models},
            events,
            Grid.over(areas, cell_size=study.grid.cell_size),
            origins,
            rng=rng,
            size=study.forecast.size,
            quantiles=study.forecast.quantiles,
            areas=areas,
            progress=shows_progress(quiet),
            **workers,
            **(kept if study.run.resume else {}),
        )


@contextmanager
def _workers(study: Study) -> Iterator[dict[str, Any]]:
    """Threads, or processes that end with the block, as `backtest` takes them."""
    if not study.run.processes:
        yield {"workers": study.run.workers}
        return
    from hotspot.backtesting.local import local_workers

    with local_workers(study.run.workers) as client:
        yield {"client": client}


def save_backtest(result: xr.Dataset, path: Path) -> None:
    """Forecasts beside observations, as compressed NetCDF."""
    packed = {"zlib": True, "complevel": 1, "shuffle": True}
    encoding = {name: packed for name in result.data_vars if result[name].dtype.kind in "fiu"}
    with replaced(path) as temporary:
        result.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def say_summary(summary: pd.DataFrame, study: Study, *, n_folds: int) -> None:
    """A few scores a person can read at once, each beside its difference to the baseline."""
    shares = [share for share in study.scores.area_shares if share <= 0.1][-2:]
    columns = {f"hit_rate_{s:g}": f"caught in {s:.3g}" for s in shares} | {
        "negative_binomial_log_score": "log score",
        "crps": "CRPS",
        "area_coverage_0.9": "areas in 90 %",
    }
    say(f"Backtest over {n_folds} origins, each model refitted before each; mean scores:")
    by_model = summary.set_index(["model", "score"])
    rows = [
        (model.name, *(f"{by_model.loc[(model.name, name), 'mean']:.4g}" for name in columns))
        for model in study.models
    ]
    say_table(("", *columns.values()), rows)
    rivals = [model.name for model in study.models if model.name != study.baseline]
    if rivals:
        say(f"Difference to {study.baseline!r} (95 % interval):")
        rows = [
            (name, *(_difference(by_model.loc[(name, score)]) for score in columns))
            for name in rivals
        ]
        say_table(("", *columns.values()), rows)
    say("  Caught: share of offences in the hottest share of area. Caught, log score: larger is")
    say("  better; CRPS: smaller. Areas in their 90 % interval should be 0.9 of all.")


def _difference(row: pd.Series) -> str:
    return f"{row['difference']:+.2g} ({row['lower']:+.2g}, {row['upper']:+.2g})"
