"""``hotspot audit``: who bears a forecast, by a plan that was written before."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import numpy as np

from hotspot.cli.output import file_in, relative, results_folder, say, shows_progress, write_text
from hotspot.cli.record import recorded
from hotspot.errors import StudyError
from hotspot.study import Study, load_areas, load_events
from hotspot.study.audit_plan import read_audit_plan

FILES = ("audit.json", "audit.txt")
EXIT = {"ok": 0, "warn": 0, "fail": 3}


def run_audit_of(
    study: Study, plan_path: Path, out: Path, *, backtest: Path | None, fast: bool, quiet: bool
) -> int:
    """Audit a study's backtest; write and print what was found, and give the exit code."""
    folder = results_folder(out, files=FILES)
    source = backtest if backtest is not None else _default_backtest(study)
    with recorded("audit", study=study, fast=fast) as record:
        record.read(plan_path, part="plan")
        record.read(source, part="backtest")
        code = _audited(study, plan_path, folder, source=source, fast=fast, quiet=quiet)
        for name in FILES:
            record.wrote(folder / name)
    return code


def _audited(
    study: Study, plan_path: Path, folder: Path, *, source: Path, fast: bool, quiet: bool
) -> int:
    from hotspot.audit.result import worst
    from hotspot.audit.run import run_audit
    from hotspot.grid.cells import Grid

    asked = read_audit_plan(plan_path)
    result = _opened(source)
    areas = load_areas(study)
    events = load_events(study, region=areas, progress=shows_progress(quiet))
    grid = Grid.over(areas, cell_size=study.grid.cell_size)
    specification = next((one for one in study.models if one.name == asked.plan.model), None)
    audit = run_audit(
        result,
        asked.plan,
        events=events,
        grid=grid,
        rng=np.random.default_rng(asked.seed),
        groups=[one.load(grid) for one in asked.groups],
        model=None if fast or specification is None else specification.build(areas),
        progress=shows_progress(quiet),
    )
    told = {
        "plan_sha256": sha256(plan_path.read_bytes()).hexdigest(),
        "model": asked.plan.model,
        "area_share": asked.plan.area_share,
        "windows": int(result.sizes["fold"] * result.sizes["step"]),
        "events_sha256": events.content_hash(),
        "groups": [{"name": one.name, "source": one.source} for one in asked.groups],
        "results": [one.to_json() for one in audit.results],
        "findings": [vars(one) for one in audit.findings],
    }
    write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", file_in(folder, "audit.json"))
    write_text(f"{audit}\n", file_in(folder, "audit.txt"))
    say(f"Audit of {asked.plan.model!r} over {told['windows']} windows:")
    say(str(audit))
    say("  Recorded offences are what was reported or found, not all that happened.")
    digest = told["plan_sha256"][:16]
    say(f"  Plan {plan_path.name}, SHA-256 {digest}...: publish it before scores are seen.")
    say(f"Written to {relative(folder)}.")
    return EXIT[worst(audit.results)]


def _default_backtest(study: Study) -> Path:
    return (study.out or Path("results/backtest")) / "backtest.nc"


def _opened(path: Path):
    import xarray as xr

    from hotspot.backtesting.store import open_backtest

    if path.is_dir():
        return open_backtest(path)
    if not path.is_file():
        raise StudyError(
            f"There is no backtest at {path}. Run `hotspot backtest` with the same study first, or "
            "name its backtest.nc or store with --backtest."
        )
    return xr.load_dataset(path, engine="h5netcdf")
