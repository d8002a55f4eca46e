"""``hotspot reproduce``: run what an entry of the ledger says, and tell whether it is the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hotspot.cli.output import relative, say
from hotspot.errors import HotspotError, LedgerError
from hotspot.study import Study, load_areas, load_events, parse_study
from hotspot.study.parts import StudyRun

if TYPE_CHECKING:
    import xarray as xr

    from hotspot.ledger import Entry
    from hotspot.oversight.again import Comparison

DIFFERENT = 4
_ORDER = ("identical", "equivalent", "different")


def run_reproduce(
    which: str, *, ledger_file: Path, inputs: Path, tolerance: float, quiet: bool
) -> int:
    """Check the inputs, run the recorded study anew, compare, print; the exit code."""
    from hotspot.ledger import Ledger
    from hotspot.oversight.again import entry_named

    entry = entry_named(Ledger(ledger_file), which)
    kind = entry.body["kind"]
    if kind not in ("forecast", "backtest"):
        raise LedgerError(
            f"Entry {entry.seq} is a {kind}: what can be run again is a forecast or a backtest."
        )
    study = _study_of(entry, inputs)
    say(f"Entry {entry.seq}, {kind}, {entry.body['at']}: the inputs are those recorded.")
    for told in _surroundings(entry):
        say(f"  {told}")
    verdicts = []
    for name, comparison in _compared(entry, study, inputs, tolerance=tolerance, quiet=quiet):
        verdicts.append(comparison.verdict)
        say(f"{name}: {comparison.verdict}")
        for detail in comparison.details:
            say(f"  {detail}")
    worst = max(verdicts, key=_ORDER.index)
    if worst == "equivalent":
        say(f"Equivalent: no number, bounds included, differs by more than {tolerance:g}.")
    return DIFFERENT if worst == "different" else 0


def _study_of(entry: Entry, folder: Path) -> Study:
    """The recorded study on the recorded inputs, wherever they lie now."""
    from hotspot.oversight.again import found_input

    document = entry.body.get("parameters", {}).get("study")
    if document is None:
        raise LedgerError(f"Entry {entry.seq} holds no study to run again.")
    study = parse_study(document, folder=folder)
    records = {one["name"]: one for one in entry.body["inputs"]}
    at = {name: found_input(one, folder) for name, one in records.items()}
    data, region = study.data.path, study.area.region
    return replace(
        study,
        data=replace(study.data, path=at.get(data.name, data)),
        area=replace(study.area, region=None if region is None else at.get(region.name, region)),
        run=StudyRun(),  # nothing there changes a number
    )


def _compared(
    entry: Entry, study: Study, inputs: Path, *, tolerance: float, quiet: bool
) -> Iterator[tuple[str, Comparison]]:
    """Each result by name, made again."""
    from hotspot.backtesting.content import backtest_hash
    from hotspot.sealing.content import forecast_hash

    outputs = entry.body["outputs"]
    areas = load_areas(study)
    events = load_events(study, region=areas)
    if entry.body["kind"] == "backtest":
        with TemporaryDirectory() as folder:
            again = _backtest(study, events, areas, Path(folder), quiet=quiet)
            same = backtest_hash(again) == entry.body["content_sha256"]
            kept = next((one for one in outputs if one["name"] == "backtest.nc"), None)
            yield "backtest", _told(same, kept, again, inputs, tolerance)
        return
    from hotspot.cli.forecast import issued_forecasts

    kept_by = {one.get("model"): one for one in outputs if one["name"] == "forecast.nc"}
    for name, again in issued_forecasts(study, events, areas, quiet=quiet):
        kept = kept_by.get(name)
        same = kept is not None and forecast_hash(again) == kept["content_sha256"]
        yield name, _told(same, kept, again, inputs, tolerance)


def _backtest(study: Study, events: Any, areas: Any, folder: Path, *, quiet: bool) -> xr.Dataset:
    import numpy as np

    from hotspot.cli.backtest import backtest_of

    rng = np.random.default_rng(study.seed).spawn(2)[0]
    return backtest_of(study, events, areas, folder=folder, rng=rng, quiet=quiet)


def _told(
    same: bool, kept: Mapping | None, again: xr.Dataset, inputs: Path, tolerance: float
) -> Comparison:
    import xarray as xr

    from hotspot.oversight.again import Comparison, compare_results, found_input

    if same:
        return Comparison("identical")
    if kept is None:
        return Comparison("different", ("its hash is not the one recorded",))
    try:
        path = found_input(dict(kept), inputs)
    except HotspotError:
        told = (
            f"its hash is not the one recorded; by how much cannot be told without {kept['name']}"
        )
        return Comparison("different", (told,))
    with xr.open_dataset(path, engine="h5netcdf") as recorded:
        return compare_results(recorded.load(), again, tolerance=tolerance)


def _surroundings(entry: Entry) -> Iterator[str]:
    """What is not as it was: the code, the packages."""
    from hotspot.ledger.environment import code_version, environment

    then, now = entry.body["code"], code_version()
    if then["source_sha256"] != now["source_sha256"]:
        yield f"hotspot is another: {then['version']} then, {now['version']} now, source changed"
    old, new = entry.body["environment"], environment()
    for key in ("python", "system", "processor"):
        if old[key] != new[key]:
            yield f"{key}: {old[key]} then, {new[key]} now"
    for name, version in old["packages"].items():
        if version != new["packages"].get(name):
            yield f"{name}: {version} then, {new['packages'].get(name)} now"


def run_verify(ledger_file: Path, kept: Path | None) -> int:
    """Print what looking through the ledger found; 0 if whole, 4 if not."""
    from hotspot.ledger import read_checkpoint, verify_ledger

    against = None if kept is None else read_checkpoint(_existing(kept))
    found = verify_ledger(ledger_file, against=against)
    say(f"{relative(ledger_file)}: {found}")
    return 0 if found.whole else DIFFERENT


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise LedgerError(f"There is no checkpoint at {path}.")
    return path
