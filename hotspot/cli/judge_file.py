"""``hotspot judge``: somebody's forecast against what was recorded."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspot._files import replaced
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
from hotspot.cli.record import recorded
from hotspot.errors import StudyError
from hotspot.study import Study, load_areas, load_events

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hotspot.data.events import Events

FILES = ("scores.csv", "judgement.json")


def run_judge(
    file: Path,
    study: Study,
    out: Path,
    *,
    reading: dict[str, Any],
    judging: dict[str, Any],
    baseline: Path | None = None,
    nij: bool = False,
    quiet: bool = False,
) -> None:
    """Read the file as `reading` says, judge it as `judging` says, write and print."""
    folder = results_folder(out, files=FILES)
    said = {"reading": _without_none(reading), "judging": judging, "nij": nij}
    with recorded("score", study=study, command="judge", **said) as record:
        record.read(file, part="forecast")
        if baseline is not None:
            record.read(baseline, part="baseline")
        submitted, table, rules = _judged(
            file, study, reading=reading, judging=judging, baseline=baseline, nij=nij, quiet=quiet
        )
        write_csv(table, file_in(folder, "scores.csv"))
        _write_json(submitted, table, rules, file_in(folder, "judgement.json"))
        for name in FILES:
            record.wrote(folder / name)
        _say(submitted, table)
        if rules is not None:
            _say_rules(rules)
        say(f"Written to {relative(folder)}: scores.csv and judgement.json.")


def _judged(
    file: Path,
    study: Study,
    *,
    reading: dict[str, Any],
    judging: dict[str, Any],
    baseline: Path | None,
    nij: bool,
    quiet: bool,
) -> tuple[xr.Dataset, pd.DataFrame, pd.DataFrame | None]:
    """What was submitted, its scores, and those by the challenge's rules if they are wanted."""
    import numpy as np

    from hotspot.evaluate.judge import judge_forecast
    from hotspot.evaluate.nij import score_by_nij_rules
    from hotspot.forecast.submitted import read_forecast

    with stages(["reading the forecast", "reading the events", "judging"], quiet=quiet) as stage:
        next(stage)
        submitted = read_forecast(file, **reading)
        rival = None if baseline is None else read_forecast(baseline)
        next(stage)
        events = _events(study, quiet=quiet)
        next(stage)
        rng = np.random.default_rng(study.seed)
        table = judge_forecast(submitted, events, rng=rng, baseline=rival, **judging)
        return submitted, table, score_by_nij_rules(submitted, events) if nij else None


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


def pairs(texts: list[str] | None) -> dict[str, object]:
    """``MEANING=COLUMN`` texts as a mapping; a whole number is a band of a raster."""
    found: dict[str, object] = {}
    for text in texts or []:
        meaning, equals, column = text.partition("=")
        if not equals:
            raise StudyError(f"--column {text!r} is not MEANING=COLUMN. Write it like score=risk.")
        found[meaning.strip()] = int(column) if column.strip().isdecimal() else column
    return found


def units(text: str | None) -> tuple[str, str] | None:
    """``km2/day`` as the units of a rate."""
    if text is None:
        return None
    area, slash, time = text.partition("/")
    if not slash:
        raise StudyError(f"--rate-per {text!r} is not AREA/TIME. Write it like km2/day.")
    return area.strip(), time.strip()


def _events(study: Study, *, quiet: bool) -> Events:
    """Events in the study's region; a file of events with no region told keeps its own."""
    from hotspot.data.events import Events

    own = study.area.region is None and not study.area.boroughs
    if own and study.data.path.suffix == ".parquet" and study.data.path.exists():
        return Events.from_parquet(study.data.path).select(offences=study.data.offences or None)
    return load_events(study, region=load_areas(study), progress=shows_progress(quiet))


def _write_json(
    submitted: xr.Dataset, table: pd.DataFrame, rules: pd.DataFrame | None, path: Path
) -> None:
    """What was judged, what it was judged to be, and every score; numbers in full."""
    document = {
        "forecast": {name: _plain(value) for name, value in submitted.attrs.items()},
        "judgement": {name: _plain(value) for name, value in table.attrs.items()},
        "scores": [{k: _plain(v) for k, v in row.items()} for row in table.to_dict("records")],
    }
    if rules is not None:
        rows = rules.astype({"start": str, "end": str}).to_dict("records")
        document["nij"] = [{k: _plain(v) for k, v in row.items()} for row in rows]
    with replaced(path) as temporary:
        text = json.dumps(document, indent=1, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    """JSON has no NaN and no infinity: null, and the words that Python uses."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _say(submitted: xr.Dataset, table: pd.DataFrame) -> None:
    attrs = table.attrs
    what = {
        "flagged": f"flagged {attrs['places']}",
        "ranking": f"an order of {attrs['places']}, without counts",
        "expected_count": f"expected counts of {attrs['places']}, without their spread",
        "distribution": f"expected counts of {attrs['places']} and their spread",
    }[attrs["submission_kind"]]
    n = submitted.sizes["time"]
    of = f"{n} period{'s' * (n > 1)}, {attrs['n_events']} events"
    say(f"{submitted.attrs['source']}: {what}; {of}.")
    allowed = table[table["allowed"]]
    notes = list(dict.fromkeys(allowed["note"]))
    rows = [
        (
            f"{row.score} at {row.area_share:.3g}" if row.area_share > 0 else row.score,
            f"{row.value:.4g}",
            _range(row.lower, row.upper),
            _range(row.ties_lowest, row.ties_highest) if row.ties_lowest < row.ties_highest else "",
            f"[{notes.index(row.note) + 1}]",
        )
        for row in allowed.itertuples()
    ]
    say_table(("score", "value", f"{attrs['level']:.0%} interval", "over ties", "note"), rows)
    for number, note in enumerate(notes, start=1):
        say(f"  [{number}] {note}")
    for row in table[~table["allowed"]].itertuples():
        say(f"  no {row.score}: {row.note}")
    for remark in attrs["remarks"]:
        say(f"  {remark}")


def _range(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"{low:.4g} to {high:.4g}"


def _say_rules(rules: pd.DataFrame) -> None:
    say("By the rules of the NIJ challenge:")
    rows = [
        (
            f"{row.start:%Y-%m-%d}, {row.horizon}",
            f"{row.n:.0f} of {row.N:.0f}",
            f"{row.flagged_sq_mi:.3f}",
            f"{row.pai:.2f}",
            f"{row.pei_star:.3f}",
        )
        for row in rules.itertuples()
    ]
    say_table(("period", "caught", "sq mi", "PAI", "PEI*"), rows)
