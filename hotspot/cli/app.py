"""The commands, their flags and what their help teaches. Work begins in the modules beside."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

import click
import typer
from typer.core import TyperGroup

from hotspot import __version__
from hotspot.cli.card import card
from hotspot.cli.flags import study_from
from hotspot.cli.oversight import add_commands
from hotspot.cli.record import on_record
from hotspot.errors import HotspotError, HotspotWarning

REFUSED = 2


class _Refusing(TyperGroup):
    """Refusals become one sentence and exit code 2; what is unexpected keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("always", HotspotWarning)
            warnings.showwarning = _show(warnings.showwarning)
            try:
                return super().invoke(ctx)
            except (HotspotError, OSError) as error:
                # An OSError with a file name is about the user's disk: no such file, no room.
                if ctx.params.get("debug") or not _is_refusal(error):
                    raise
                typer.echo(f"hotspot: {_sentence(error)}", err=True)
                raise typer.Exit(REFUSED) from None


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, HotspotError) or getattr(error, "filename", None) is not None


def _sentence(error: Exception) -> str:
    if isinstance(error, HotspotError):
        return str(error)
    return f"{error.filename}: {error.strerror}."


def _show(usual: Any) -> Any:
    """Doubts about the data in plain words; every other warning as Python shows it."""

    said = set()

    def show(message, category, filename, lineno, file=None, line=None):
        if not issubclass(category, HotspotWarning):
            usual(message, category, filename, lineno, file, line)
        elif str(message) not in said:  # the same doubt at every fold is one doubt
            said.add(str(message))
            typer.echo(f"Note: {message}", err=True)

    return show


app = typer.Typer(
    name="hotspot",
    cls=_Refusing,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: half the start-up time, and examples stay as typed
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

StudyFile = Annotated[
    Path | None,
    typer.Argument(metavar="STUDY.toml", help="A study file; flags override what it says."),
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Where results go.")]
DataPath = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="Folder, zip, tar or CSV of data.police.uk street files, or an events.parquet that "
        "`hotspot ingest` wrote.",
    ),
]
Offences = Annotated[
    list[str] | None,
    typer.Option("--offence", metavar="NAME", help='Kind to keep, such as "Burglary"; repeatable.'),
]
Boroughs = Annotated[
    list[str] | None,
    typer.Option("--borough", metavar="NAME", help="London borough; repeatable. Default: all 33."),
]
Region = Annotated[
    Path | None,
    typer.Option("--region", metavar="FILE", help="Polygons (GeoJSON, ...) instead of boroughs."),
]
CellSize = Annotated[
    float | None, typer.Option("--cell-size", metavar="METRES", help="Side of a cell. [250]")
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="KIND[:KEY=VALUE,...]",
        help='Such as "HistoricalRate:window=36 months" or KernelDensity; repeatable.',
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Same seed, same numbers. [1]")]
Size = Annotated[
    int | None, typer.Option("--size", metavar="N", help="Simulated futures behind the bounds.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hotspot {__version__}")
        raise typer.Exit


@app.callback()
def hotspot(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it, and stop.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of a refusal.")
    ] = False,
) -> None:
    """Where recorded offences will concentrate in London, how sure that is, and how wrong it was.

    Begin with the demonstration, which needs no data of yours:

    \b
        hotspot demo

    Then your own data, from an archive of data.police.uk to a forecast and a backtest:

    \b
        hotspot ingest 2024-12.zip --offence Burglary --borough Camden --out data
        hotspot forecast --data data/events.parquet --borough Camden --out results/forecast
        hotspot backtest --data data/events.parquet --borough Camden --out results/backtest \\
            --start 2024-01 --end 2025-01

    What is forecast are recorded offences in places. Nothing here is about persons.
    """


@app.command(short_help="Read, forecast and backtest the SIMULATED sample: begin here.")
def demo(
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where results go.")] = Path(
        "results/demo"
    ),
    quiet: Quiet = False,
) -> None:
    """The whole walk on the sample data, which are SIMULATED: read, forecast, backtest.

    Reads four years of simulated burglaries in five boroughs from an archive in the layout
    of data.police.uk, forecasts the next month with bounds, and backtests three models over the
    last twelve months. Takes about half a minute.

    \b
        hotspot demo --out results/demo

    Writes README.txt (what to open first), ingest/, forecast/ and backtest/ as the commands of
    these names do.
    """
    from hotspot.cli.demo import run_demo

    run_demo(out, quiet=quiet)


@app.command(short_help="Read an archive of data.police.uk; account for every row.")
@on_record
def ingest(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="Folder, zip, tar or CSV of street-level files.")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where results go.")],
    offence: Offences = None,
    borough: Boroughs = None,
    region: Region = None,
    quiet: Quiet = False,
) -> None:
    """Read street-level files of data.police.uk once, and account for every row.

    \b
        hotspot ingest 2024-12.zip --offence Burglary --borough Camden --out data

    Rows in = rows kept + rows dropped by reason, per file. Without --borough or --region the
    region is Greater London; rows outside are dropped and counted.

    \b
    Writes to FOLDER:
        events.parquet       the events with their window, for --data of the other commands
        ingest_report.csv    one row a file: rows in, kept, dropped by reason, notes
    """
    from hotspot.cli.ingest import run_ingest

    study = study_from(None, data=path, offence=offence, borough=borough, region=region)
    run_ingest(study, out, quiet=quiet)


@app.command(short_help="Forecast the next months in cells and boroughs, with bounds.")
@on_record
def forecast(
    study: StudyFile = None,
    *,
    data: DataPath = None,
    offence: Offences = None,
    borough: Boroughs = None,
    region: Region = None,
    cell_size: CellSize = None,
    model: Models = None,
    start: Annotated[
        str | None,
        typer.Option("--start", help="First period, such as 2025-01; default: where data end."),
    ] = None,
    periods: Annotated[
        int | None, typer.Option("--periods", metavar="N", help="How many, such as 12 months. [1]")
    ] = None,
    size: Size = None,
    seed: Seed = None,
    out: Out = None,
    quiet: Quiet = False,
) -> None:
    """Forecast the next months in cells and boroughs, with bounds from simulated futures.

    \b
        hotspot forecast study.toml
        hotspot forecast --data data/events.parquet --borough Camden --start 2025-01 --out next

    With a study of several models each gets a folder of its own. Data from the first period on
    are not looked at.

    \b
    Writes to FOLDER (default: out in the study, or results/forecast):
        map.png, bounds.png           what to expect where; how far each cell may stray
        boroughs.png                  the same for boroughs
        boroughs.csv, .parquet        expected count and bounds of each borough
        forecast.nc                   everything, for xarray
        cells.parquet, .geojson       one row a cell and period, for GIS
        forecast.tif                  one band a map, for GIS
    """
    from hotspot.cli.forecast import run_forecast

    chosen = study_from(
        study, data=data, offence=offence, borough=borough, region=region, cell_size=cell_size,
        model=model, forecast_start=start, periods=periods, size=size, seed=seed, out=out,
        one_model=True,
    )  # fmt: skip
    run_forecast(chosen, chosen.out or Path("results/forecast"), quiet=quiet)


@app.command(short_help="Forecast the past, and compare models with what was recorded.")
@on_record
def backtest(
    study: StudyFile = None,
    *,
    data: DataPath = None,
    offence: Offences = None,
    borough: Boroughs = None,
    region: Region = None,
    cell_size: CellSize = None,
    model: Models = None,
    start: Annotated[
        str | None, typer.Option("--start", help="Begin of the first judged month: 2024-01.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--end", help="End of the last one: 2025-01 judges December 2024.")
    ] = None,
    horizon: Annotated[
        int | None, typer.Option("--horizon", metavar="N", help="Months ahead, up to N. [1]")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", help="Threads; the numbers stay the same. [1]"),
    ] = None,
    processes: Annotated[
        bool, typer.Option("--processes", help="Workers are processes, not threads.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Keep forecasts in FOLDER/store; go on with what is there."),
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="With --resume: make anew what is damaged.")
    ] = False,
    size: Size = None,
    seed: Seed = None,
    out: Out = None,
    quiet: Quiet = False,
) -> None:
    """Forecast the past as if it were to come, and compare several models with what was recorded.

    \b
        hotspot backtest study.toml
        hotspot backtest --data data/events.parquet --borough Camden \\
            --start 2024-01 --end 2025-01 --out results/backtest \\
            --model "HistoricalRate:window=36 months" --model KernelDensity

    Each model is fitted anew before every judged month, to what came before it. The first is the
    baseline: the others are compared with it, month by month, with an interval.

    A long one is best run so, and, if it was killed, with the same words again:

    \b
        hotspot backtest study.toml --workers 4 --processes --resume --out results/years

    \b
    Writes to FOLDER (default: out in the study, or results/backtest):
        summary.csv        mean of each score, difference to the baseline with its interval
        scores.csv         every score by model and month
        capture.png        share of offences caught against share of area flagged
        calibration.png    how often bounds held against how often they should
        backtest.nc        forecasts beside observations, for any other score; with --resume
                           they stay in store/, for hotspot.open_backtest
    """
    from hotspot.cli.backtest import run_backtest

    chosen = study_from(
        study, data=data, offence=offence, borough=borough, region=region, cell_size=cell_size,
        model=model, folds_start=start, folds_end=end, horizon=horizon, size=size, seed=seed,
        out=out, workers=workers, processes=processes or None, resume=resume or None,
        repair=repair or None,
    )  # fmt: skip
    run_backtest(chosen, chosen.out or Path("results/backtest"), quiet=quiet)


@app.command(short_help="Judge anybody's forecast by every score that it allows.")
@on_record
def judge(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="CSV, GeoJSON, GeoPackage, GeoParquet, GeoTIFF, ..."),
    ],
    *,
    data: DataPath = None,
    offence: Offences = None,
    borough: Boroughs = None,
    region: Region = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="MEANING=NAME",
            help="What a column (or a raster's band, by number) says: score=risk, rank=order, "
            "flagged=hot, expected_count=mean, q0.05=low, ...; repeatable.",
        ),
    ] = None,
    crs: Annotated[
        str | None, typer.Option("--crs", help="Of coordinates in a file without one: EPSG:27700.")
    ] = None,
    to_crs: Annotated[
        str | None, typer.Option("--to-crs", help="Project outlines to this first.")
    ] = None,
    cell_size: Annotated[
        float | None, typer.Option("--cell-size", help="Side of the file's cells, if not plain.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="First instant of the period: 2024-01-01.")
    ] = None,
    end: Annotated[str | None, typer.Option("--end", help="Its end, not included.")] = None,
    length: Annotated[
        str | None, typer.Option("--length", help="Instead of an end: month, week, day, 14D.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="Of times without one. [Europe/London]")
    ] = None,
    data_cutoff: Annotated[
        str | None, typer.Option("--data-cutoff", help="From when on its maker had no data.")
    ] = None,
    rate_per: Annotated[
        str | None, typer.Option("--rate-per", metavar="AREA/TIME", help="Such as km2/day.")
    ] = None,
    area_share: Annotated[
        list[float] | None,
        typer.Option("--area-share", help="Share of area to flag; repeatable. [0.01 0.05 0.1]"),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline", metavar="FILE", help="As `hotspot forecast` saved it, to compare with."
        ),
    ] = None,
    unlisted: Annotated[
        str, typer.Option("--unlisted", help="Places not in the file: refuse, or lowest.")
    ] = "refuse",
    overlap: Annotated[
        str, typer.Option("--overlap", help="If it saw its period: refuse, or label.")
    ] = "refuse",
    nij: Annotated[
        bool, typer.Option("--nij", help="Score by the NIJ challenge's rules too.")
    ] = False,
    seed: Seed = None,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where results go.")] = Path(
        "results/judge"
    ),
    quiet: Quiet = False,
) -> None:
    """Judge anybody's forecast by every score that it allows, and say why not by the others.

    \b
        hotspot judge vendor.csv --column score=risk --crs EPSG:27700 \\
            --start 2024-01-01 --length month --data data/events.parquet --borough Camden
        hotspot judge next/cells.parquet --data data/events.parquet --borough Camden

    The file may hold flagged places, ranks, rates, expected counts or whole distributions, on
    square cells of any grid or on areas. What it does not say is asked for, never guessed.

    \b
    Writes to FOLDER:
        scores.csv         one row a score: value, interval, how it was made or why there is none
        judgement.json     the same in full, with what is known of the file
    """
    from hotspot.cli.judge_file import pairs, run_judge, units

    study = study_from(None, data=data, offence=offence, borough=borough, region=region, seed=seed)
    reading = {
        "columns": pairs(column), "crs": crs, "to_crs": to_crs, "cell_size": cell_size,
        "start": start, "end": end, "length": length, "time_zone": time_zone,
        "data_cutoff": data_cutoff, "rate_per": units(rate_per),
    }  # fmt: skip
    judging = {"unlisted": unlisted, "overlap": overlap}
    if area_share:
        judging["area_shares"] = area_share
    run_judge(
        file, study, out, reading=reading, judging=judging, baseline=baseline, nij=nij, quiet=quiet
    )


@app.command(short_help="Audit who bears a forecast, by a plan written before.")
@on_record
def audit(
    study: Annotated[Path, typer.Argument(help="The study whose backtest is audited.")],
    *,
    plan: Annotated[
        Path, typer.Option("--plan", metavar="FILE", help="What to audit; audit.example.toml.")
    ],
    backtest: Annotated[
        Path | None,
        typer.Option("--backtest", metavar="PATH", help="backtest.nc or store of the study."),
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Leave out the audits that fit the model anew.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where results go.")] = Path(
        "results/audit"
    ),
    quiet: Quiet = False,
) -> None:
    """Audit a backtest: who lives under the flags, how often they are wrong, what they rest on.

    \b
        hotspot backtest study.toml
        hotspot audit study.toml --plan audit.toml

    The plan says which share of the land is flagged, which groups of residents are compared and
    what is assumed of reporting; write and publish it before scores are seen. Groups attach to
    areas, never to persons. What cannot be computed says why.

    \b
    Writes to FOLDER:
        audit.json         every result: value, interval, status, what it means
        audit.txt          the same in plain English

    Exit code 3 if an audit fails, 0 if none does.
    """
    from hotspot.cli.audit import run_audit_of

    chosen = study_from(study)
    code = run_audit_of(chosen, plan, out, backtest=backtest, fast=fast, quiet=quiet)
    raise typer.Exit(code)


app.command(short_help="Write what a run says of itself: record, cards, a plain page.")(card)
add_commands(app)


def main() -> None:
    """Run the command line; the entry point of ``hotspot``."""
    app()
