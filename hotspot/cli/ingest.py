"""``hotspot ingest``: read what was recorded, and account for every row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hotspot.cli.output import (
    file_in,
    relative,
    results_folder,
    say,
    say_table,
    shows_progress,
    write_csv,
)
from hotspot.cli.record import recorded
from hotspot.study import Study, load_areas, load_events

if TYPE_CHECKING:
    from hotspot.data.events import Events


def run_ingest(study: Study, out: Path, *, quiet: bool, note: str = "") -> Events:
    """Read the study's data inside its region; write and print what became of each row."""
    folder = results_folder(out)
    targets = [file_in(folder, name) for name in ("events.parquet", "ingest_report.csv")]
    with recorded("ingest", study=study) as record:
        events = load_events(study, region=load_areas(study), progress=shows_progress(quiet))
        events.to_parquet(targets[0])
        record.wrote(targets[0], content_sha256=events.content_hash())
        if events.report is not None:
            write_csv(events.report, targets[1], note=note)
            record.wrote(targets[1])
        source = events.source
        record.says(
            rows={
                "in": source.rows_in,
                "kept": source.rows_kept,
                "dropped": {why: n for why, n in source.dropped.items() if n},
            }
        )
        say_ingest(events)
        say()
        say(f"Events: {relative(targets[0])}. Account of every file: {relative(targets[1])}.")
    return events


def say_ingest(events: Events) -> None:
    """Rows in, kept and dropped by reason; months; what is missing; how coarse it is."""
    source = events.source
    say(source.name)
    rows = [("rows in", f"{source.rows_in:,}"), ("kept", f"{source.rows_kept:,}")]
    rows += [(f"dropped: {why}", f"{n:,}") for why, n in source.dropped.items() if n]
    say_table(("", ""), rows)
    last = events.end.tz_convert(events.time_zone).tz_localize(None)
    say(f"  window: {events.start:%Y-%m} up to, not including, {last:%Y-%m}")
    if events.coverage is not None:
        say(f"  {_months_covered(events)}")
    say(
        f"  resolution: {events.time_resolution}; places about {events.place_resolution:.0f} m "
        "apart (snap points)"
    )


def _months_covered(events: Events) -> str:
    """Which force-months are there; missing is not zero."""
    from hotspot.grid.periods import make_periods

    periods = make_periods(events.start, events.end, time_zone=events.time_zone)
    months = {f"{begin:%Y-%m}" for begin in periods.left}
    held = events.coverage.groupby("force")["month"].agg(set)
    missing = [(force, month) for force in held.index for month in sorted(months - held[force])]
    total = len(held) * len(months)
    said = f"force-months: {total - len(missing)} of {total} present"
    if missing:
        named = ", ".join(f"{force} {month}" for force, month in missing[:6])
        said += f"; MISSING, which is not zero: {named}" + (", ..." if len(missing) > 6 else "")
    return said
