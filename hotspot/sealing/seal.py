"""A forecast and how it is to be scored, set down before its outcome."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from hotspot._files import replaced
from hotspot.errors import SealError
from hotspot.ledger.chain import canonical
from hotspot.ledger.environment import code_version, file_record
from hotspot.sealing.content import forecast_hash
from hotspot.sealing.label import Facts, label_of, published_from, remarks_of, zoned
from hotspot.sealing.manifest import FORMAT, read_manifest, seal_id, written
from hotspot.study import Study, parse_study
from hotspot.study.document import document_of
from hotspot.study.parts import folder_name

if TYPE_CHECKING:
    import xarray as xr

MANIFEST, ID, PROTOCOL, STUDY = "seal.json", "seal.id", "protocol.json", "study.toml"


@dataclass(frozen=True)
class Seal:
    """A sealed forecast that is as it was sealed.

    Attributes
    ----------
    folder : Path
    id : str
        One SHA-256 over everything. **Publish it where you cannot change it**: a clock can lie,
        and a folder can be sealed anew; a hash in somebody else's keeping cannot.
    label : str
        "prospective" or "retrospective".
    reasons, remarks : tuple of str
        Why it is retrospective; what else a reader should know.
    facts : Facts
        The instants that decide the label.
    study : Study
        The protocol it is to be scored by.
    manifest : mapping
        All that ``seal.json`` says.

    Examples
    --------
    :func:`hotspot.score_seal` shows one made and scored. Without a folder there is none:

    >>> read_seal("mislaid").label
    Traceback (most recent call last):
    hotspot.errors.SealError: There is no seal at mislaid: seal.json is missing.
    """

    folder: Path
    id: str
    label: str
    reasons: tuple[str, ...]
    remarks: tuple[str, ...]
    facts: Facts
    study: Study
    manifest: Mapping[str, Any]

    def forecasts(self) -> dict[str, xr.Dataset]:
        """The sealed forecasts, by the name of their model."""
        from hotspot.forecast.export import load_forecast

        return {
            one["name"]: load_forecast(self.folder / one["file"]) for one in self.manifest["models"]
        }


def seal_forecast(
    forecasts: Mapping[str, xr.Dataset | Path],
    folder: str | Path,
    *,
    study: Study,
    study_file: Path | None = None,
    data_until: pd.Timestamp | None = None,
    outcome_published: pd.Timestamp | None = None,
    publication_lag: str = "1 month",
    role: str = "analyst",
    sealed_at: pd.Timestamp | None = None,
) -> Seal:
    """Set forecasts down with the protocol they will be scored by, under one hash to publish.

    Parameters
    ----------
    forecasts : mapping of str to Dataset or Path
        By the name of the model; of the same periods. The bytes of a file (``.nc``) are kept.
    folder : path
        Where to; it must not exist yet.
    study : Study
        How they are to be scored: area shares, baseline, seed, region, offences.
    study_file : Path, optional
        The file it was read from, kept word for word beside it.
    data_until : Timestamp, optional
        Where the data at hand end, including what no model looked at.
    outcome_published : Timestamp, optional
        When the outcome of the first period was, or is to be, published; default:
        `publication_lag` after that period's end.
    publication_lag : str
        See :func:`hotspot.sealing.label.published_from`.
    role : str
        Who seals, as a role.
    sealed_at : Timestamp, optional
        Default: now.

    Returns
    -------
    Seal
        Its ``label`` is "retrospective" if an outcome of the sealed periods could be known by
        then; nobody can make it "prospective" afterwards.

    Raises
    ------
    SealError
        If the folder exists, the forecasts are of different periods, or the clock stands before
        a forecast was issued.
    ForecastError, ParameterError
        If one is no forecast; if an instant has no time zone.

    Notes
    -----
    Costs the writing of the forecasts and one pass over their bytes.

    Examples
    --------
    >>> from hotspot.study import example_study_path, read_study
    >>> seal_forecast({}, "sealed", study=read_study(example_study_path()))
    Traceback (most recent call last):
    hotspot.errors.SealError: There is nothing to seal...
    """
    target = Path(folder)
    if target.exists():
        raise SealError(f"{target} exists: a seal is never written over. Name another folder.")
    if not forecasts:
        raise SealError("There is nothing to seal: give one forecast or more, by model.")
    with replaced(target) as temporary:
        temporary.mkdir(parents=True)
        models = _keep_forecasts(forecasts, temporary)
        _keep_protocol(study, study_file, temporary)
        facts, zone = _facts(
            models, data_until, outcome_published, publication_lag, sealed_at or _now()
        )
        label, reasons = label_of(facts)
        basis = published_from(facts.ends[0], stated=outcome_published, lag=publication_lag)[1]
        manifest = written(
            {
                "format": FORMAT,
                "sealed_at": facts.sealed_at.isoformat(),
                "role": role,
                "time_zone": zone,
                "data_cutoff": facts.data_cutoff.isoformat(),
                "data_until": None if data_until is None else facts.data_until.isoformat(),
                "periods": [
                    {"start": start.isoformat(), "end": end.isoformat()}
                    for start, end in zip(facts.starts, facts.ends, strict=True)
                ],
                "published_from": facts.published_from.isoformat(),
                "published_basis": basis,
                "label": label,
                "reasons": list(reasons),
                "remarks": list(remarks_of(facts)),
                "models": [
                    {"name": name, "file": file, "forecast_sha256": forecast_hash(one)}
                    for name, (file, one) in models.items()
                ],
                "files": [file_record(path) for path in sorted(temporary.iterdir())],
                "code": dict(code_version()),
            }
        )
        (temporary / MANIFEST).write_bytes(manifest)
        (temporary / ID).write_text(f"{seal_id(manifest)}\n", encoding="ascii")
    return read_seal(target)


def read_seal(folder: str | Path, *, expected: str | None = None) -> Seal:
    """Open a sealed forecast, if every byte of it is as it was sealed.

    Parameters
    ----------
    folder : path
    expected : str, optional
        The seal id, as it was published elsewhere: only with it can it be told that the folder was
        not sealed anew.

    Returns
    -------
    Seal

    Raises
    ------
    SealError
        If there is no seal; a file is missing or was edited, by name; the manifest has unknown or
        duplicate keys, or another version; the label does not follow from the facts; or the id is
        not the one expected.

    Notes
    -----
    Reads every sealed byte once.

    Examples
    --------
    >>> read_seal("mislaid")
    Traceback (most recent call last):
    hotspot.errors.SealError: There is no seal at mislaid: seal.json is missing.
    """
    source = Path(folder)
    content, told = _bytes_of(source, MANIFEST), _bytes_of(source, ID).decode("ascii", "replace")
    manifest = read_manifest(content)
    found = seal_id(content)
    if told.strip() != found:
        raise SealError(f"{MANIFEST} was edited: its hash is not that of {ID}.")
    if expected is not None and expected.strip().lower() != found:
        raise SealError(
            f"This is not the seal that was published: its id is {found}, not {expected.strip()}."
        )
    for one in manifest["files"]:
        _bytes_of(source, one["name"])
        if file_record(source / one["name"]) != one:
            raise SealError(f"{one['name']} was edited after it was sealed: its SHA-256 differs.")
    facts = _facts_of(manifest)
    label, reasons = label_of(facts)
    if (label, list(reasons)) != (manifest["label"], manifest["reasons"]):
        raise SealError(
            f"{MANIFEST} says {manifest['label']!r}, and its own facts make it {label!r}: it was "
            "relabelled."
        )
    import json

    protocol = json.loads(_bytes_of(source, PROTOCOL))
    study = parse_study(protocol["study"], folder=source)
    return Seal(source, found, label, reasons, tuple(manifest["remarks"]), facts, study, manifest)


def _keep_forecasts(
    forecasts: Mapping[str, xr.Dataset | Path], folder: Path
) -> dict[str, tuple[str, xr.Dataset]]:
    from hotspot.forecast.export import load_forecast, save_forecast

    kept = {}
    for name, one in forecasts.items():
        file = f"forecast-{folder_name(name)}.nc"
        if (folder / file).exists():
            raise SealError(f"Two models are filed under {file}: give names that differ.")
        if isinstance(one, Path):
            load_forecast(one)  # what is no forecast is refused before it is copied
            shutil.copyfile(one, folder / file)
        else:
            save_forecast(one, folder / file)
        kept[name] = (file, load_forecast(folder / file))
    return kept


def _keep_protocol(study: Study, study_file: Path | None, folder: Path) -> None:
    document = document_of(study)
    protocol = {
        "study": document,
        "scores": {"area_shares": list(study.scores.area_shares), "baseline": study.baseline},
    }
    (folder / PROTOCOL).write_bytes(canonical(protocol))
    if study_file is not None:
        shutil.copyfile(study_file, folder / STUDY)
    if study.area.region is not None:
        shutil.copyfile(study.area.region, folder / study.area.region.name)


def _facts(
    models: Mapping[str, tuple[str, xr.Dataset]],
    data_until: pd.Timestamp | None,
    outcome_published: pd.Timestamp | None,
    lag: str,
    sealed_at: pd.Timestamp,
) -> tuple[Facts, str]:
    periods = {name: _periods(one) for name, (_, one) in models.items()}
    starts, ends = next(iter(periods.values()))
    if any(one != (starts, ends) for one in periods.values()):
        raise SealError("The forecasts are of different periods: seal each on its own.")
    zoned([str(one) for one in (data_until, outcome_published, sealed_at) if one is not None])
    attrs = [one.attrs for _, one in models.values()]
    issued = max(zoned([one["issued_at"] for one in attrs]))
    if sealed_at < issued:
        raise SealError(
            f"The clock says {sealed_at.isoformat()}, and a forecast was issued at "
            f"{issued.isoformat()}: set the clock right before sealing."
        )
    facts = Facts(
        sealed_at=sealed_at.tz_convert("UTC"),
        starts=starts,
        ends=ends,
        data_cutoff=max(zoned([one["data_cutoff"] for one in attrs])),
        data_until=data_until,
        published_from=published_from(ends[0], stated=outcome_published, lag=lag)[0],
    )
    return facts, str(attrs[0]["time_zone"])


def _periods(forecast: xr.Dataset) -> tuple[tuple[pd.Timestamp, ...], tuple[pd.Timestamp, ...]]:
    zone = forecast.attrs["time_zone"]
    return tuple(
        tuple(pd.DatetimeIndex(forecast[name].to_numpy()).tz_localize(zone))
        for name in ("time", "time_end")
    )


def _facts_of(manifest: Mapping[str, Any]) -> Facts:
    try:
        zone = manifest["time_zone"]
        starts, ends = (
            tuple(one.tz_convert(zone) for one in zoned([p[key] for p in manifest["periods"]]))
            for key in ("start", "end")
        )
        sealed_at, cutoff, published = zoned(
            [manifest[key] for key in ("sealed_at", "data_cutoff", "published_from")]
        )
        until = manifest["data_until"]
        return Facts(
            sealed_at, starts, ends, cutoff, None if until is None else zoned([until])[0], published
        )
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise SealError(f"{MANIFEST} says when in words that are not understood: {error}") from None


def _bytes_of(folder: Path, name: str) -> bytes:
    path = folder / name
    if Path(name).name != name or not path.is_file():
        raise SealError(f"There is no seal at {folder}: {name} is missing.")
    return path.read_bytes()


def _now() -> pd.Timestamp:
    return pd.Timestamp.now("UTC")
