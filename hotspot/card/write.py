"""A run becomes a folder of cards: for the public record, for specialists, for a councillor."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspot._checks import require_share
from hotspot._files import replaced
from hotspot.card.answers import read_answers
from hotspot.card.councillor import councillor_page
from hotspot.card.document import Told, evidence_document, field_document
from hotspot.card.facts import Artefact, Facts, JsonArtefact, require_artefact
from hotspot.card.from_checks import (
    facts_of_audit,
    facts_of_backtest,
    facts_of_ledger,
    require_same_kind,
)
from hotspot.card.from_forecast import facts_of_forecast
from hotspot.card.page import rendered

if TYPE_CHECKING:
    import xarray as xr

MANIFEST = "card.json"
DOCUMENTS = ("councillor", "atrs", "model_card", "datasheet", "evidence")
FILES = (MANIFEST, *(f"{name}.{suffix}" for name in DOCUMENTS for suffix in ("html", "json")))
AREA_SHARE = 0.05


@dataclass(frozen=True)
class Card:
    """What was written.

    Attributes
    ----------
    folder : Path
    facts : Facts
        Every number and text that was read, with its source.
    expired : bool
        Whether the forecast's window was over when the card was made.
    overrides : tuple of str
        Reasons for which guards were let pass.
    unanswered : int
        Fields that say NOT PROVIDED.
    sha256 : str
        Of ``card.json``, which holds the hashes of all others.
    """

    folder: Path
    facts: Facts
    expired: bool
    overrides: tuple[str, ...]
    unanswered: int
    sha256: str


def write_card(
    run: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    answers: str | os.PathLike[str] | None = None,
    audit: str | os.PathLike[str] | None = None,
    backtest: str | os.PathLike[str] | None = None,
    ledger: str | os.PathLike[str] | None = None,
    model: str | None = None,
    area_share: float | None = None,
    at: datetime | None = None,
) -> Card:
    """Write what a forecast says of itself: for the public record, specialists and councillors.

    Five documents, each as a page that opens anywhere (no scripts, nothing fetched) and as JSON:
    ``councillor`` (one plain page), ``atrs`` (the UK's Algorithmic Transparency Record),
    ``model_card``, ``datasheet``, and ``evidence`` (clauses of the policing covenant, ALGO-CARE and
    the equality duty). Every number is read anew from the files given and carries its source. What
    only a human can answer says NOT PROVIDED until it is answered.

    Parameters
    ----------
    run : path
        A forecast that was saved (``.nc`` or ``.zarr``), or the folder of ``hotspot forecast``.
    folder : path
        Where to write; files of other names in it stay.
    answers : path, optional
        See :func:`read_answers`.
    audit : path, optional
        ``audit.json`` of ``hotspot audit``.
    backtest : path, optional
        ``backtest.nc`` or store behind the audit. Held against the forecast; and how often flags
        were wrong is read from it where there is no audit.
    ledger : path, optional
        Its checkpoint is printed, and the entry of the forecast if it is there.
    model : str, optional
        Which model of the backtest this is; default that of the audit, or the only one.
    area_share : float, optional
        Share of the land that is flagged; default that of the audit, else 0.05.
    at : datetime, optional
        When it is made; default now. From the end of the forecast's first window on, all pages say
        EXPIRED.

    Returns
    -------
    Card

    Raises
    ------
    MissingFileError, FileNotFoundError
        If a file is not there.
    FileFormatError, ForecastError
        If one is not what it should be, or the backtest is of other offences or cells.
    StudyError, RefusedError
        See :func:`read_answers`.
    ParameterError
        If `area_share` is not that which the audit was made with, or `model` is not said and
        needed.

    Notes
    -----
    Costs one pass over the forecast and, without an audit, over the backtest.

    References
    ----------
    Mitchell, M., et al. (2019). Model cards for model reporting. FAT* '19, 220-229.
    https://doi.org/10.1145/3287560.3287596

    Gebru, T., et al. (2021). Datasheets for datasets. Communications of the ACM, 64(12), 86-92.
    https://doi.org/10.1145/3458723

    Oswald, M., Grace, J., Urwin, S., & Barnes, G. C. (2018). Algorithmic risk assessment policing
    models. Information & Communications Technology Law, 27(2), 223-250.
    https://doi.org/10.1080/13600834.2018.1458455

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> import hotspot as hs
    >>> from hotspot.card import write_card
    >>> events = hs.load_sample(offences="Burglary")
    >>> fitted = hs.HistoricalRate().fit(events, hs.Grid.over(events.region, cell_size=1000))
    >>> month = hs.make_periods(events.end, count=1, length="month")
    >>> forecast = hs.issue_forecast(fitted, month, rng=np.random.default_rng(1), size=100)
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> saved = hs.save_forecast(forecast, folder / "forecast.nc")
    >>> card = write_card(saved, folder / "card")
    >>> card.facts["cell_size"].value, (folder / "card" / "councillor.html").is_file()
    (1000.0, True)
    """
    when = datetime.now(UTC) if at is None else at
    facts, forecast, artefacts, share = gather(
        run, audit=audit, backtest=backtest, ledger=ledger, model=model, area_share=area_share
    )
    given = {} if answers is None else read_answers(answers)
    answered_in = None if answers is None else Artefact(Path(answers)).to_json()
    expired = _is_over(forecast, when)
    made_at = when.astimezone(UTC).isoformat(timespec="seconds")
    told = Told(facts, given, answered_in, made_at, expired)
    documents = _documents(told, forecast, share)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    hashes = {}
    for name, content in documents.items():
        for suffix, text in (("json", as_json(content)), ("html", rendered(content))):
            hashes[f"{name}.{suffix}"] = _write(text, target / f"{name}.{suffix}")
    manifest = {
        "made_at": made_at,
        "hotspot_version": documents["atrs"]["hotspot_version"],
        "area_share": {"value": share, "given": area_share is not None},
        "model": model,
        "artefacts": artefacts,
        "answers": answered_in,
        "files": hashes,
        "fact": {key: fact.to_json() for key, fact in facts.items()},
    }
    digest = _write(as_json(manifest), target / MANIFEST)
    reasons = tuple(str(facts[f"{row}.reason"].value) for row in facts.rows("override"))
    return Card(target, facts, expired, reasons, _unanswered(documents), digest)


def gather(
    run: str | os.PathLike[str],
    *,
    audit: str | os.PathLike[str] | None = None,
    backtest: str | os.PathLike[str] | None = None,
    ledger: str | os.PathLike[str] | None = None,
    model: str | None = None,
    area_share: float | None = None,
) -> tuple[Facts, xr.Dataset, list[dict[str, str]], float]:
    """Every fact of a run and of its checks, the forecast, the artefacts, the share flagged.

    Parameters and errors are those of :func:`write_card`.
    """
    from hotspot.forecast.export import load_forecast

    path = run_file(Path(run))
    for one, what in ((audit, "audit"), (backtest, "backtest"), (ledger, "ledger")):
        require_artefact(None if one is None else Path(one), what)
    of_audit = None if audit is None else JsonArtefact(Path(audit))
    share = _share(area_share, of_audit)
    of_run = Artefact(path)
    forecast = load_forecast(path)
    facts = Facts()
    artefacts = [of_run.to_json()]

    def add(found: Any) -> None:
        facts.update((one.key, one) for one in found)

    add(facts_of_forecast(forecast, of_run, area_share=share))
    if of_audit is not None:
        add(facts_of_audit(of_audit))
        artefacts.append(of_audit.to_json())
        model = model or str(of_audit.at("/model"))
    if backtest is not None:
        of_backtest = Artefact(Path(backtest))
        artefacts.append(of_backtest.to_json())
        result = _opened(Path(backtest))
        require_same_kind(forecast, result, model)
        if of_audit is None:
            add(facts_of_backtest(of_backtest, result, model=model, area_share=share))
    if ledger is not None:
        of_ledger = Artefact(Path(ledger))
        artefacts.append(of_ledger.to_json())
        add(facts_of_ledger(of_ledger, Path(ledger), run_sha256=of_run.sha256))
    return facts, forecast, artefacts, share


def run_file(run: Path) -> Path:
    """The forecast of a run: the file itself, or what ``hotspot forecast`` wrote in its folder."""
    return run / "forecast.nc" if run.is_dir() and run.suffix != ".zarr" else run


def as_json(content: Any) -> str:
    """JSON as it is written, the same bytes for the same content."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _documents(told: Told, forecast: xr.Dataset, share: float) -> dict[str, dict[str, Any]]:
    from hotspot.card.picture import map_of_flags

    title = "Expected recorded offences"
    fields = {name: field_document(name, told) for name in ("atrs", "model_card", "datasheet")}
    return {
        "councillor": councillor_page(told, map_of_flags(forecast, area_share=share, title=title)),
        **fields,
        "evidence": evidence_document(told, fields),
    }


def _share(given: float | None, audit: JsonArtefact | None) -> float:
    from hotspot.errors import ParameterError

    held = None if audit is None else audit.at("/area_share")
    if given is None:
        return AREA_SHARE if held is None else float(held)
    require_share(given, "area_share")
    if held is not None and abs(held - given) > 1e-12:
        raise ParameterError(
            f"The audit flagged {held:g} of the land, and area_share is {given:g}: how often flags "
            "are wrong depends on it. Leave area_share out, or audit with the other."
        )
    return given


def _is_over(forecast: xr.Dataset, when: datetime) -> bool:
    import pandas as pd

    end = pd.Timestamp(forecast["time_end"].values[0]).tz_localize(
        forecast.attrs["time_zone"], ambiguous=True, nonexistent="shift_forward"
    )
    return bool(pd.Timestamp(when) >= end)


def _opened(path: Path) -> xr.Dataset:
    import xarray as xr

    from hotspot.backtesting.store import open_backtest

    if path.is_dir():
        return open_backtest(path)
    return xr.load_dataset(path, engine="h5netcdf")


def _unanswered(documents: dict[str, dict[str, Any]]) -> int:
    from hotspot.card.document import NOT_PROVIDED

    return sum(
        field.get("answer") == NOT_PROVIDED
        for name in ("atrs", "model_card", "datasheet")
        for section in documents[name]["sections"]
        for field in section["fields"]
    )


def _write(text: str, path: Path) -> str:
    data = text.encode()
    with replaced(path) as temporary:
        temporary.write_bytes(data)
    return sha256(data).hexdigest()
