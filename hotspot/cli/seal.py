"""``hotspot seal`` and ``hotspot score``: set down before the outcome, and judged by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspot.cli.output import (
    file_in,
    relative,
    results_folder,
    say,
    say_table,
    shows_progress,
    write_csv,
)
from hotspot.cli.record import ledger_path, recorded, role
from hotspot.errors import SealError
from hotspot.study import Study, load_areas, load_events

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hotspot.sealing.seal import Seal

PUBLISH = (
    "A clock can lie and a folder can be sealed anew. What proves it is this id in somebody else's "
    "keeping before the outcome is published: a letter, minutes, a public post."
)


def run_seal(
    study: Study,
    out: Path,
    *,
    study_file: Path | None,
    forecast: Path | None,
    outcome_published: str | None,
    publication_lag: str,
    quiet: bool,
) -> None:
    """Make the study's forecasts, or take one that was made, and seal them with the protocol."""
    from hotspot.sealing.seal import seal_forecast

    if out.exists():  # found out before minutes of fitting
        raise SealError(f"{out} exists: a seal is never written over. Name another folder.")
    said = {"outcome_published": outcome_published, "publication_lag": publication_lag}
    with recorded("seal", study=study, **said) as record:
        areas = load_areas(study)
        events = load_events(study, region=areas, progress=shows_progress(quiet))
        made: dict[str, xr.Dataset | Path]
        if forecast is None:
            from hotspot.cli.forecast import issued_forecasts

            made = dict(issued_forecasts(study, events, areas, quiet=quiet))
        else:
            record.read(forecast, part="forecast")
            made = {_name_of(forecast): forecast}
        zone = events.time_zone
        seal = seal_forecast(
            made,
            out,
            study=study,
            study_file=study_file,
            data_until=events.end.tz_convert(zone),
            outcome_published=_instant(outcome_published, zone),
            publication_lag=publication_lag,
            role=role(),
        )
        for path in sorted(out.iterdir()):
            record.wrote(path)
        told = {"id": seal.id, "label": seal.label, "reasons": list(seal.reasons)}
        record.says(seal=told, findings=[{"message": one} for one in seal.remarks])
        _say_seal(seal, out)


def run_score(folder: Path, data: Path, out: Path, *, expected: str | None, quiet: bool) -> None:
    """Verify a seal, count its outcomes, score them by the sealed protocol, write and print."""
    from hotspot.sealing.score import score_seal
    from hotspot.sealing.seal import read_seal

    seal = read_seal(folder, expected=expected)
    target = results_folder(out, files=("scores.csv",))
    study = replace(seal.study, data=replace(seal.study.data, path=data))
    said = {"seal_id": seal.id, "label": seal.label, "against_published_id": expected is not None}
    with recorded("score", study=study, **said) as record:
        record.read(folder / "seal.json", part="seal")
        areas = load_areas(study)
        events = load_events(study, region=areas, progress=shows_progress(quiet))
        table = score_seal(seal, events)
        path = file_in(target, "scores.csv")
        write_csv(table.assign(label=seal.label, seal_id=seal.id), path)
        record.wrote(path)
        _say_scores(seal, table, expected=expected)
        say(f"Written to {relative(path)}.")


def _name_of(path: Path) -> str:
    from hotspot.forecast.export import load_forecast

    return str(load_forecast(path).attrs["model"])


def _instant(text: str | None, zone: str) -> Any:
    import pandas as pd

    if text is None:
        return None
    try:
        when = pd.Timestamp(text)
    except ValueError:
        raise SealError(
            f"--outcome-published must be a date like 2025-03-20, got {text!r}."
        ) from None
    return when.tz_localize(zone) if when.tzinfo is None else when


def _say_seal(seal: Seal, out: Path) -> None:
    say(f"Sealed in {relative(out)}: {', '.join(one['name'] for one in seal.manifest['models'])}.")
    first, last = seal.facts.starts[0], seal.facts.ends[-1]
    say(f"  periods     {first:%Y-%m-%d} up to, not including, {last:%Y-%m-%d}")
    say(f"  data up to  {seal.facts.data_cutoff:%Y-%m-%d}")
    published, basis = seal.facts.published_from, seal.manifest["published_basis"]
    say(f"  outcome     published from {published:%Y-%m-%d} on ({basis})")
    _say_label(seal)
    say(f"  seal id     {seal.id}")
    say(f"{PUBLISH} `hotspot checkpoint --ledger {relative(ledger_path(seal.study))}` "
        "gives one for the whole ledger.")  # fmt: skip


def _say_label(seal: Seal) -> None:
    say(f"  {seal.label.upper()}" + "".join(f"\n    because {one}" for one in seal.reasons))
    for one in seal.remarks:
        say(f"  Note: {one}")


def _say_scores(seal: Seal, table: pd.DataFrame, *, expected: str | None) -> None:
    say(f"Seal {seal.id[:16]}..., sealed {seal.facts.sealed_at:%Y-%m-%d %H:%M} UTC; whole.")
    _say_label(seal)
    rows = [
        (
            f"{one.model}: {one.score}" + (f" at {one.area_share:g}" if one.area_share > 0 else ""),
            one.start,
            f"{one.value:.4g}",
            f"{one.lower:.3g} to {one.upper:.3g}" if one.upper == one.upper else "",
            f"{one.p_value:.3f}" if one.p_value == one.p_value else "",
        )
        for one in table.itertuples()
    ]
    say_table(("", "from", "value", "95 % interval", "p"), rows)
    for model, note in _gains(table):
        say(f"  {model}: {note}.")
    if expected is None:
        say("  Not held against a published id (--seal-id): whoever keeps the folder could have")
        say("  sealed it anew.")


def _gains(table: pd.DataFrame) -> list[tuple[str, str]]:
    gains = table[table["score"] == "gain_per_event"]
    return list(dict.fromkeys(zip(gains["model"], gains["note"], strict=True)))
