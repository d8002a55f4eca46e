"""``hotspot card``: what a run says of itself, as pages and JSON; and whether it still does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hotspot.cli.output import file_in, relative, results_folder, say, write_text
from hotspot.cli.record import DEFAULT, ledger_path, on_record, recorded
from hotspot.errors import StudyError

SOURCES = ("answers", "audit", "backtest")
CHANGED = 4  # exit code of a card that is not what was written


@on_record
def card(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="forecast.nc, or the folder of `hotspot forecast`."),
    ] = None,
    *,
    answers: Annotated[
        Path | None, typer.Option("--answers", metavar="FILE", help="What humans answered; TOML.")
    ] = None,
    audit: Annotated[
        Path | None, typer.Option("--audit", metavar="FILE", help="audit.json of `hotspot audit`.")
    ] = None,
    backtest: Annotated[
        Path | None,
        typer.Option("--backtest", metavar="PATH", help="backtest.nc or store behind the audit."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Which of the backtest this is.")
    ] = None,
    area_share: Annotated[
        float | None,
        typer.Option("--area-share", help="Of the land flagged. [the audit's, else 0.05]"),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="FOLDER", help="Is this card still what was written?"),
    ] = None,
    new_answers: Annotated[
        Path | None,
        typer.Option("--new-answers", metavar="FILE", help="Write a file of answers to fill in."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where results go.")] = Path(
        "results/card"
    ),
) -> None:
    """Write what a run says of itself, for the public record, specialists and councillors.

    \b
        hotspot card --new-answers answers.toml
        hotspot card results/forecast --audit results/audit/audit.json \\
            --answers answers.toml --out results/card
        hotspot card results/forecast --check results/card

    Every number is read anew from the files and carries its source. What only a human can answer
    says NOT PROVIDED until it is answered. The checkpoint of the ledger is printed on the page.

    \b
    Writes to FOLDER, each as .html and .json:
        councillor         one plain page: how often the map is wrong comes first
        atrs               the UK's Algorithmic Transparency Record
        model_card, datasheet
        evidence           beside the clauses of Covenant, ALGO-CARE and the equality duty
        card.json          every number, its source, and the hashes of all files

    Exit code 4 if --check finds a card that is not what was written.
    """
    files = {"audit": audit, "backtest": backtest}
    if new_answers is not None:
        write_template(new_answers)
    elif check is not None:
        raise typer.Exit(run_check(check, run=run, **files))
    elif run is None:
        raise StudyError("Say which forecast: `hotspot card RUN`, a forecast.nc or its folder.")
    else:
        run_card(run, out, answers=answers, model=model, area_share=area_share, **files)


def write_template(path: Path) -> None:
    """Write a file of answers to fill in; an old one is never overwritten."""
    from hotspot.card.answers import template_of_answers

    if path.exists():
        raise StudyError(f"{path} is there already, and may hold answers. Name another file.")
    write_text(template_of_answers(), path)
    say(f"Written to {relative(path)}. What stays commented out is printed as NOT PROVIDED.")


def run_card(run: Path, out: Path, **given: object) -> None:
    """Write the card of a run, and say what stands out."""
    from hotspot.card.write import FILES, run_file, write_card

    results_folder(out, files=FILES)
    kept = ledger_path()
    choices = {name: given[name] for name in ("model", "area_share")}
    with recorded("card", **choices) as record:
        # Of the ledger as it is now: this card's own entry can only follow.
        ledger = kept if kept.exists() and kept.stat().st_size else None
        for path in (run_file(run), *(given[name] for name in SOURCES if given[name] is not None)):
            record.read(path)
        card = write_card(run, out, ledger=ledger, **given)
        record.says(expired=card.expired, not_provided=card.unanswered)
        for name in FILES:
            record.wrote(out / name)
    for reason in card.overrides:
        say(f"OVERRIDE on every page: {reason}")
    if card.expired:
        say("EXPIRED on every page: the time that the forecast was made for is over.")
    if "wrong_share" in card.facts:
        wrong = card.facts["wrong_share"]
        say(f"Flags that saw no recorded offence: {float(wrong.value):.0%} ({wrong.file}).")
    else:
        say("How often flags are wrong is NOT MEASURED: give --audit or --backtest.")
    say(f"{card.unanswered} fields say NOT PROVIDED; `hotspot card --new-answers FILE` lists them.")
    say(f"Written to {relative(out)}; look at councillor.html first.")
    say(f"SHA-256 of card.json, which holds those of all others: {card.sha256}")


def run_check(folder: Path, **given: object) -> int:
    """Say whether a card is what was written; the exit code is 4 if not."""
    from hotspot.card.check import check_card

    kept = ledger_path()
    # Whoever checks may keep a ledger of their own; only one that is named vouches for the card.
    problems = check_card(folder, ledger=None if kept == DEFAULT else kept, **given)
    for one in problems:
        say(f"  {one}")
    if problems:
        say(f"{relative(file_in(folder, 'card.json').parent)}: NOT what was written.")
        return CHANGED
    against = "" if given.get("run") else " Give RUN and its files to read every number again."
    say(f"{relative(folder)}: every file and page is what was written.{against}")
    return 0
