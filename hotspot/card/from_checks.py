"""Facts of what was checked: the audit, the backtest behind it, and the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from hotspot.card.facts import LEFT, Artefact, Fact, JsonArtefact
from hotspot.errors import FileFormatError, ForecastError, ParameterError, UnknownNameError

_NUMBERS = {"value": "number", "n": "count", "level": "share"}
_SHARES = ("A1", "A9", "A17")
SEED = 1  # of the interval, where it is taken from a backtest


def facts_of_audit(artefact: JsonArtefact) -> Iterator[Fact]:
    """Each result of ``audit.json``, by its code; the first of all is how often a flag is wrong."""
    results = artefact.at("/results")
    if not isinstance(results, list) or not all(
        isinstance(one, dict) and {"code", "status", "reading"} <= set(one) for one in results
    ):
        raise FileFormatError(f"{artefact.name} is no audit as `hotspot audit` writes it.")
    yield from artefact.take("audit_model", "/model")
    yield from artefact.take("audit_windows", "/windows", "count")
    yield from artefact.take("audit_plan_sha256", "/plan_sha256")
    yield from artefact.take("audit_events_sha256", "/events_sha256")
    yield from artefact.take("audit_area_share", "/area_share", "share")
    for number, finding in enumerate(artefact.at("/findings") or ()):
        for part in finding:
            yield from artefact.take(f"audit_finding.{number}.{part}", f"/findings/{number}/{part}")
    for number, group in enumerate(artefact.at("/groups") or ()):
        for part in group:
            yield from artefact.take(f"division.{number}.{part}", f"/groups/{number}/{part}")
    met: dict[str, int] = {}
    bad = 0
    for number, one in enumerate(results):
        code = one["code"]
        turn = met.setdefault(code, 0)
        met[code] += 1
        yield from _result(artefact, f"/results/{number}", f"audit.{code}.{turn}", one)
        if code == "A1" and turn == 0:
            yield from _wrong(artefact, f"/results/{number}")
        if code == "A2" and turn == 0:
            yield from _result(artefact, f"/results/{number}", "benefit", one)
        if one["status"] != "ok":
            yield from _result(artefact, f"/results/{number}", f"bad.{bad}", one)
            bad += 1


def _result(artefact: JsonArtefact, place: str, row: str, one: dict) -> Iterator[Fact]:
    unit = "share" if one["code"] in _SHARES else "number"
    for part in ("code", "name", "reason", "reading"):
        yield from artefact.take(f"{row}.{part}", f"{place}/{part}")
    yield from artefact.take(f"{row}.status", f"{place}/status", "status")
    yield from artefact.take(f"{row}.value", f"{place}/value", unit)
    for part in ("n", "level"):
        yield from artefact.take(f"{row}.{part}", f"{place}/{part}", _NUMBERS[part])
    for side, end in (("low", 0), ("high", 1)):
        yield from artefact.take(f"{row}.{side}", f"{place}/interval/{end}", unit)
    for number, group in enumerate(one.get("groups", ())):
        for part in ("group", "value", "lower", "upper", "verdict"):
            if part in group:
                pointer = f"{place}/groups/{number}/{part}"
                yield from artefact.take(f"{row}.group.{number}.{part}", pointer, "number")


def _wrong(artefact: JsonArtefact, place: str) -> Iterator[Fact]:
    """The share of flags that saw nothing: what the share that saw something leaves of 1."""
    yield from artefact.take("wrong_share", f"{place}/value", "share", left=True)
    yield from artefact.take("wrong_low", f"{place}/interval/1", "share", left=True)
    yield from artefact.take("wrong_high", f"{place}/interval/0", "share", left=True)
    yield from artefact.take("wrong_level", f"{place}/level", "share")
    yield from artefact.take("wrong_windows", f"{place}/n", "count")
    yield from artefact.take("caught_share", f"{place}/groups/0/value", "share")


def facts_of_backtest(
    artefact: Artefact, result: xr.Dataset, *, model: str | None, area_share: float
) -> Iterator[Fact]:
    """How often flags were wrong, from the backtest itself; for where no audit was made."""
    from hotspot.audit.precision import precision_of_flags
    from hotspot.evaluate.flags import flag_cells

    mine = result.sel(model=model_of(result, model))
    flags = flag_cells(mine, area_share=area_share).reset_coords(drop=True)
    observed = result["observed_count"].reset_coords(drop=True)
    area = result["inside_area"].reset_coords(drop=True)
    rng = np.random.default_rng(SEED)
    found = precision_of_flags(flags, observed, area, rng=rng)
    how = f"precision_of_flags(flag_cells(model={mine['model'].item()!r}, "
    how += f"area_share={area_share:g}), observed_count)"
    if found.value is None or found.interval is None:
        return
    low, high = found.interval
    for key, value, part in (
        ("wrong_share", found.value, "value"),
        ("wrong_low", high, "interval/1"),
        ("wrong_high", low, "interval/0"),
    ):
        yield artefact.fact(key, 1 - value, f"{LEFT}{how}/{part}", "share")
    yield artefact.fact("wrong_level", found.level, f"{how}/level", "share")
    yield artefact.fact("wrong_windows", found.n, f"{how}/n", "count")
    if found.groups:
        caught = found.groups[0]["value"]
        yield artefact.fact("caught_share", caught, f"{how}/groups/0/value", "share")


def model_of(result: xr.Dataset, model: str | None) -> str:
    """The model of a backtest that is meant; its only one where none is named."""
    names = [str(name) for name in result["model"].values]
    if model is None and len(names) == 1:
        return names[0]
    if model is None:
        raise ParameterError(f"Say which model of the backtest this is: {', '.join(names)}.")
    if model not in names:
        raise UnknownNameError(f"The backtest holds no model {model!r}; it holds {names}.")
    return model


def require_same_kind(forecast: xr.Dataset, result: xr.Dataset, model: str | None) -> None:
    """Refuse a backtest of other offences or of other cells than the forecast's.

    Raises
    ------
    ForecastError
    """
    mine = result.sel(model=model_of(result, model))
    offences = json.loads(forecast.attrs.get("scope", "{}")).get("offences")
    if "scope" in mine and offences is not None:
        tested = json.loads(str(mine["scope"].values.ravel()[-1])).get("offences")
        if tested != offences:
            raise ForecastError(
                f"The forecast is of {offences} and the backtest of {tested}: how wrong the one "
                "was says nothing of the other."
            )
    same = all(
        np.array_equal(forecast[name].to_numpy(), result[name].to_numpy()) for name in ("y", "x")
    )
    if not same:
        raise ForecastError(
            "The backtest lies on other cells than the forecast: make it with the same areas and "
            "the same --cell-size."
        )


def facts_of_ledger(artefact: Artefact, path: Path, *, run_sha256: str) -> Iterator[Fact]:
    """The ledger's checkpoint, and the entry in which the forecast stands."""
    from hotspot.ledger import Ledger, checkpoint

    ledger = Ledger(path)
    head = checkpoint(ledger)
    origin, size, root = str(head).splitlines()
    yield artefact.fact("ledger_origin", origin, "checkpoint/origin")
    yield artefact.fact("ledger_size", int(size), "checkpoint/size", "count")
    yield artefact.fact("ledger_root", root, "checkpoint/root")
    for entry in ledger.entries():
        held = {one.get("sha256") for one in entry.body.get("outputs", ()) if isinstance(one, dict)}
        if run_sha256 in held:
            yield artefact.fact("entry_number", entry.seq, f"line {entry.seq}/seq", "count")
            yield artefact.fact("entry_hash", entry.hash, f"line {entry.seq}/hash")
            return
