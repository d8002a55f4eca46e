"""``hotspot forecast``: what to expect next, with bounds, as tables, maps and files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hotspot.cli.findings import (
    findings_of,
    of_few_in_areas,
    say_overridden,
    say_remarks,
    with_findings,
)
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
from hotspot.cli.pictures import MAPS, draw_maps
from hotspot.cli.record import Record, recorded
from hotspot.study import Study, load_areas, load_events
from hotspot.study.parts import folder_name

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np
    import pandas as pd
    import xarray as xr

    from hotspot.data.events import Events
    from hotspot.grid.cells import Grid
    from hotspot.study import StudyModel

HORIZONS = (1, 3, 6, 12)  # periods ahead that the screen shows
SAVED_AS = ("forecast.nc", "cells.parquet", "cells.geojson", "forecast.tif")
FILES = (*SAVED_AS, "boroughs.parquet", "boroughs.csv", *MAPS)


def run_forecast(study: Study, out: Path, *, quiet: bool, note: str = "") -> None:
    """Fit the study's models, issue their forecasts, write and print them."""
    with recorded("forecast", study=study) as record:
        areas = load_areas(study)
        events = load_events(study, region=areas, progress=shows_progress(quiet))
        forecast_events(study, events, areas, record=record, out=out, quiet=quiet, note=note)


def forecast_events(
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
    folders = {
        model.name: out if len(study.models) == 1 else out / folder_name(model.name)
        for model in study.models
    }
    for folder in folders.values():
        results_folder(folder, files=FILES)
    seeds: dict[str, str] = {}
    findings: list[dict[str, object]] = []
    for name, forecast in issued_forecasts(study, events, areas, quiet=quiet):
        with stages(["writing"], quiet=quiet) as stage:
            next(stage)
            save_all(forecast, areas, folders[name], note=note)
        _put_on_record(record, forecast, folders[name], model=name)
        seeds[name] = forecast.attrs["entropy"]
        findings += findings_of(forecast, model=name)
        cutoff = forecast.attrs["data_cutoff"][:10]
        n = json.loads(forecast.attrs["scope"])["events"]
        say_forecast(forecast, title=f"{name}, from {n:,} events before {cutoff}")
        say(f"Written to {relative(folders[name])}; look at map.png first.")
        say()
    record.says(seeds={"seed": study.seed, "entropy": seeds}, findings=findings)


def issued_forecasts(
    study: Study, events: Events, areas: gpd.GeoDataFrame, *, quiet: bool
) -> Iterator[tuple[str, xr.Dataset]]:
    """Each of the study's models by name, fitted, and its forecast: the same for the same study."""
    import numpy as np

    from hotspot.forecast.issue import issue_forecast
    from hotspot.grid.cells import Grid

    grid = Grid.over(areas, cell_size=study.grid.cell_size)
    periods = _periods(study, events)
    cutoff = min(periods[0].left, events.end).tz_convert(events.time_zone)
    past = events.before(cutoff)
    few = of_few_in_areas(past, areas)
    children = np.random.default_rng(study.seed).spawn(len(study.models))
    for model, child in zip(study.models, children, strict=True):
        with stages(["fitting", "simulating", "recalibrating"], quiet=quiet) as stage:
            next(stage)
            fitted = model.build(areas).fit(past, grid, end=cutoff)
            next(stage)
            forecast = issue_forecast(
                fitted,
                periods,
                rng=child,
                size=study.forecast.size,
                quantiles=study.forecast.quantiles,
                areas=areas,
                input_sha256=past.content_hash(),
            )
            next(stage)
            if study.forecast.recalibrate is not None:
                forecast = recalibrated(study, model, forecast, (past, grid, areas), rng=child)
        yield model.name, with_findings(forecast, few)


def _put_on_record(record: Record, forecast: xr.Dataset, folder: Path, *, model: str) -> None:
    from hotspot.sealing.content import forecast_hash

    whole = forecast_hash(forecast)
    for name in FILES:
        more = {"content_sha256": whole} if name == "forecast.nc" else {}
        record.wrote(folder / name, model=model, **more)


def recalibrated(
    study: Study,
    model: StudyModel,
    forecast: xr.Dataset,
    record: tuple[Events, Grid, gpd.GeoDataFrame],
    *,
    rng: np.random.Generator,
) -> xr.Dataset:
    """The forecast with bounds of areas that would have held over the months before its cut-off."""
    import pandas as pd

    from hotspot.backtesting.folds import rolling_origin
    from hotspot.backtesting.run import backtest
    from hotspot.forecast.recalibration import recalibrate

    past, grid, areas = record
    folds = study.forecast.recalibrate
    last, first = (
        pd.Timestamp(instant).tz_convert(past.time_zone).tz_localize(None).to_period("M")
        for instant in (past.end, _periods(study, past)[0].left)
    )
    months = folds + study.forecast.periods - 1
    origins = rolling_origin(
        (last - months).start_time,
        last.start_time,
        horizon=study.forecast.periods,
        gap=(first - last).n,
        time_zone=past.time_zone,
    )
    earlier = backtest(
        {model.name: model.build(areas)},
        past,
        grid,
        origins,
        rng=rng,
        size=study.forecast.size,
        quantiles=study.forecast.quantiles,
        areas=areas,
    )
    return recalibrate(forecast, earlier.sel(model=model.name), folds=folds)


def _periods(study: Study, events: Events) -> pd.IntervalIndex:
    """What is forecast; without a start it begins where the events end."""
    from hotspot.grid.periods import make_periods

    start = study.forecast.start
    if start is None:
        start = events.end.tz_convert(events.time_zone).tz_localize(None)
    return make_periods(
        start,
        count=study.forecast.periods,
        length=study.forecast.length,
        time_zone=events.time_zone,
    )


def save_all(forecast: xr.Dataset, areas: gpd.GeoDataFrame, folder: Path, *, note: str) -> None:
    """Every file of a forecast, each written whole."""
    from hotspot.forecast.export import save_area_forecast, save_forecast

    if note:
        forecast = forecast.assign_attrs(note=note)
    for name in SAVED_AS:
        save_forecast(forecast, file_in(folder, name))
    save_area_forecast(forecast, areas, file_in(folder, "boroughs.parquet"))
    write_csv(area_rows(forecast), file_in(folder, "boroughs.csv"), note=note)
    draw_maps(forecast, areas, folder, note=note)


def area_rows(forecast: xr.Dataset) -> pd.DataFrame:
    """One row an area and period: expected count and every bound."""
    import pandas as pd

    rows = []
    quantiles = forecast["quantile"].to_numpy()
    for time in range(forecast.sizes["time"]):
        one = forecast.isel(time=time)
        begin, end = (pd.Timestamp(one[name].item()) for name in ("time", "time_end"))
        for area in range(forecast.sizes["area"]):
            expected = one["area_expected_count"].isel(area=area)
            bounds = one["area_count_quantile"].isel(area=area).to_numpy()
            rows.append(
                {
                    "area": str(expected["area"].item()),
                    "start": f"{begin:%Y-%m-%d}",
                    "end": f"{end:%Y-%m-%d}",
                    "expected_count": float(expected),
                    **{f"q{q:g}": float(b) for q, b in zip(quantiles, bounds, strict=True)},
                }
            )
    return pd.DataFrame(rows)


def say_forecast(forecast: xr.Dataset, *, title: str) -> None:
    """Borough, expected count, 90 % interval, one, three, six and twelve periods ahead."""
    found = findings_of(forecast, model=forecast.attrs["model"])
    say_overridden(found)
    say(f"{title}")
    for ahead in HORIZONS:
        if ahead <= forecast.sizes["time"]:
            _say_period(forecast.isel(time=[ahead - 1]))
    if forecast.sizes["time"] > 1:
        say(f"  All {forecast.sizes['time']} periods are in boroughs.csv.")
    say(f"  The interval includes {forecast.attrs['interval_kind']}.")
    say_remarks(found)


def _say_period(forecast: xr.Dataset) -> None:
    rows = area_rows(forecast)
    begin, end = rows["start"].iloc[0], rows["end"].iloc[0]
    say(f"Recorded offences to expect from {begin} to {end}:")
    say_table(
        ("", "expected", "90 % interval"),
        [
            (row.area, f"{row.expected_count:.1f}", f"{low:.0f} to {high:.0f}")
            for row, low, high in zip(rows.itertuples(), rows["q0.05"], rows["q0.95"], strict=True)
        ],
    )
