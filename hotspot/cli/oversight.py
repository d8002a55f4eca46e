"""The commands for whoever looks over a forecaster's shoulder: seal, score, verify, decide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hotspot.cli.output import relative, say
from hotspot.cli.record import LedgerFile, ledger_path, on_record

Checkpoint = Annotated[
    Path | None,
    typer.Option("--checkpoint", metavar="FILE", help="A checkpoint that was kept elsewhere."),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]

decision = typer.Typer(no_args_is_help=True, help="What people decided about a forecast.")
ledger = typer.Typer(no_args_is_help=True, help="A ledger for other tools, and for archives.")


def add_commands(app: typer.Typer) -> None:
    """Add them to the command line."""
    app.command(short_help="Set a forecast down before its outcome, under one hash.")(
        on_record(seal)
    )
    app.command(short_help="Score a sealed forecast by its sealed protocol.")(on_record(score))
    app.command(short_help="Was anything in a ledger changed?")(verify)
    app.command(short_help="A ledger in three lines, to publish elsewhere.")(checkpoint)
    app.command(short_help="Run what a ledger says again; is it the same?")(reproduce)
    app.add_typer(decision, name="decision")
    app.add_typer(ledger, name="ledger")


def seal(
    study: Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The protocol.")],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="New folder for the seal.")],
    forecast: Annotated[
        Path | None,
        typer.Option("--forecast", metavar="FILE", help="Seal this .nc instead of making one."),
    ] = None,
    outcome_published: Annotated[
        str | None,
        typer.Option(
            "--outcome-published", metavar="DATE", help="When the first outcome came out."
        ),
    ] = None,
    publication_lag: Annotated[
        str,
        typer.Option("--publication-lag", help="If that is not said: so long after the period."),
    ] = "1 month",
    quiet: Quiet = False,
) -> None:
    """Set a forecast down before its outcome, with the protocol it is to be scored by.

    \b
        hotspot seal study.toml --out sealed/2025-02

    Makes the forecasts of the study's models, or takes one that was made. It is `prospective` only
    if no outcome of the sealed periods could be known when it was sealed; else `retrospective`,
    for good.

    \b
    Writes to FOLDER:
        forecast-*.nc       the forecasts
        study.toml          the study, word for word; protocol.json the same as read
        seal.json           hashes of all of it, when, up to when data were seen
        seal.id             one hash over everything: publish it
    """
    from hotspot.cli.seal import run_seal
    from hotspot.study import read_study

    run_seal(
        read_study(study), out, study_file=study, forecast=forecast,
        outcome_published=outcome_published, publication_lag=publication_lag, quiet=quiet,
    )  # fmt: skip


def score(
    sealed: Annotated[Path, typer.Argument(metavar="SEALED", help="Folder of `hotspot seal`.")],
    *,
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="What was then recorded.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where results go.")] = Path(
        "results/score"
    ),
    seal_id: Annotated[
        str | None, typer.Option("--seal-id", metavar="ID", help="As it was published elsewhere.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Score a sealed forecast by the protocol that was sealed with it, and no other.

    \b
        hotspot score sealed/2025-02 --data data/events.parquet --seal-id 5f0c...

    Every hash is checked first: a file that was edited is named, and nothing is scored.
    Writes scores.csv to FOLDER, each row with the label and the id of the seal.
    """
    from hotspot.cli.seal import run_score

    run_score(sealed, data, out, expected=seal_id, quiet=quiet)


def verify(*, ledger: LedgerFile = None, checkpoint: Checkpoint = None) -> None:
    """Look through a ledger for anything changed, put in, taken out or moved. Exit code 4 if so.

    \b
        hotspot verify --checkpoint council-minutes.txt

    Without a checkpoint it cannot be seen whether the end was cut off, or all written anew.
    """
    from hotspot.cli.reproduce import run_verify

    raise typer.Exit(run_verify(ledger or ledger_path(), checkpoint))


def checkpoint(*, ledger: LedgerFile = None) -> None:
    """Print a ledger in three lines, to be published where its keeper cannot change them.

    \b
        hotspot checkpoint > council-minutes.txt
    """
    from hotspot.ledger import Ledger
    from hotspot.ledger import checkpoint as checkpoint_of

    typer.echo(str(checkpoint_of(Ledger(ledger or ledger_path()))), nl=False)


def reproduce(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Number or hash of an entry.")],
    *,
    inputs: Annotated[
        Path, typer.Option("--inputs", metavar="DIR", help="Where its inputs lie, or below.")
    ] = Path(),
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Largest difference that is still equivalent.")
    ] = 1e-6,
    ledger: LedgerFile = None,
    quiet: Quiet = False,
) -> None:
    """Run a recorded forecast or backtest again: identical, equivalent or different (exit code 4).

    \b
        hotspot reproduce 12 --inputs data

    The inputs are checked against their recorded hashes first. Nothing is written.
    """
    from hotspot.cli.reproduce import run_reproduce

    raise typer.Exit(
        run_reproduce(
            run, ledger_file=ledger or ledger_path(), inputs=inputs, tolerance=tolerance,
            quiet=quiet,
        )
    )  # fmt: skip


@decision.command("add", short_help="Put on record that a forecast was accepted or rejected.")
def add(
    *,
    forecast: Annotated[Path, typer.Option("--forecast", metavar="FILE", help="A forecast.nc.")],
    role: Annotated[str, typer.Option("--role", help="Who decided: a role, never a name.")],
    accept: Annotated[bool, typer.Option("--accept/--reject", help="What was decided.")],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Without pointing at anybody.")],
    ledger: LedgerFile = None,
) -> None:
    """Put on record that somebody accepted or rejected a forecast, and why.

    \b
        hotspot decision add --forecast next/forecast.nc --role "duty inspector" --reject \\
            --why "the market has moved since the data end"

    Nothing follows from it by itself: a forecast orders nobody anywhere.
    """
    from hotspot.cli.record import refusals_of
    from hotspot.ledger import Ledger
    from hotspot.oversight.decisions import add_decision

    kept = Ledger(ledger or ledger_path())
    with refusals_of(kept, role=role, command="decision"):
        entry = add_decision(kept, forecast, accepted=accept, why=why, role=role)
    for one in entry.body.get("findings", ()):
        say(f"Note: {one['message']}")
    said = "accepted" if accept else "rejected"
    say(f"On record: {said}, entry {entry.seq} of {relative(kept.path)}, {entry.hash[:12]}.")


@decision.command("list", short_help="What was decided, and how often people went against it.")
def list_decisions(*, ledger: LedgerFile = None) -> None:
    """What was decided, and the share that was rejected, with its interval.

    A share of zero over 20 decisions or more is remarked: nobody may be looking any more.
    """
    from hotspot.cli.output import say_table
    from hotspot.ledger import Ledger
    from hotspot.oversight.decisions import decisions_in, summarise_decisions

    found = decisions_in(Ledger(ledger or ledger_path()))
    rows = [
        (
            f"{body['at'][:16]}  {body['role']}",
            "accepted" if body["decision"]["accepted"] else "rejected",
            body["decision"]["why"],
        )
        for body in found
    ]
    if rows:
        say_table(("when (UTC), role", "", "why"), rows)
    say(str(summarise_decisions(found)))


@ledger.command("export", short_help="What came from what, as W3C PROV.")
def export(
    *,
    prov: Annotated[Path, typer.Option("--prov", metavar="FILE", help="PROV-JSON to write.")],
    ledger: LedgerFile = None,
) -> None:
    """Write what came from what, by whom in which role, as W3C PROV-JSON."""
    from hotspot.ledger import Ledger
    from hotspot.oversight.provenance import export_prov

    say(f"Written: {relative(export_prov(Ledger(ledger or ledger_path()), prov))}.")


@ledger.command("bundle", short_help="Ledger, checkpoint and PROV as an RO-Crate.")
def bundle(
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="A new folder.")],
    ledger: LedgerFile = None,
) -> None:
    """Pack a ledger with its checkpoint and provenance as an RO-Crate, for an archive.

    Needs the extra ``publish``.
    """
    from hotspot.ledger import Ledger
    from hotspot.oversight.bundle import bundle_ledger

    say(f"Written: {relative(bundle_ledger(Ledger(ledger or ledger_path()), out))}.")
