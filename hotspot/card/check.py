"""Is a folder of cards still what was written? A hand-edited card is found."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from hotspot.card.facts import JsonArtefact
from hotspot.card.page import rendered
from hotspot.card.write import DOCUMENTS, FILES, MANIFEST, gather
from hotspot.errors import MissingFileError


def check_card(
    folder: str | os.PathLike[str],
    *,
    run: str | os.PathLike[str] | None = None,
    audit: str | os.PathLike[str] | None = None,
    backtest: str | os.PathLike[str] | None = None,
    ledger: str | os.PathLike[str] | None = None,
) -> tuple[str, ...]:
    """What is wrong with a folder of cards, in words; nothing if it is as it was written.

    Every file must have the hash that ``card.json`` holds, every page must be what its JSON gives,
    and each document must hold the facts of ``card.json``. With the artefacts at hand every fact is
    read from them anew and compared. With the ledger that the card was recorded in, ``card.json``
    itself must be what was recorded.

    **Without the artefacts or the ledger, a card all of whose files were altered to agree with one
    another is not found out**: nothing in a folder can vouch for all of it.

    Parameters
    ----------
    folder : path
        Where :func:`write_card` wrote.
    run, audit, backtest, ledger : path, optional
        What it was made from.

    Returns
    -------
    tuple of str

    Raises
    ------
    MissingFileError
        If there is no ``card.json``.
    FileFormatError
        If it is not JSON, or a key of it stands twice.

    Examples
    --------
    :func:`hotspot.card.write_card` shows a card written.

    >>> check_card("nowhere")
    Traceback (most recent call last):
    hotspot.errors.MissingFileError: There is no card in nowhere: card.json is not there.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise MissingFileError(f"There is no card in {folder}: {MANIFEST} is not there.")
    held = JsonArtefact(folder / MANIFEST)
    problems = list(_of_files(folder, held.content))
    if not problems:
        problems += _of_pages(folder, held.content)
    if run is not None:
        problems += _of_sources(
            held.content, run=run, audit=audit, backtest=backtest, ledger=ledger
        )
    if ledger is not None:
        problems += _of_ledger(Path(ledger), held.sha256)
    return tuple(problems)


def _of_files(folder: Path, manifest: dict[str, Any]) -> Iterator[str]:
    hashes = manifest.get("files", {})
    for name in FILES[1:]:
        if name not in hashes:
            yield f"{MANIFEST} does not hold the hash of {name}."
        elif not (folder / name).is_file():
            yield f"{name} is missing."
        elif sha256((folder / name).read_bytes()).hexdigest() != hashes[name]:
            yield f"{name} was changed after it was written."


def _of_pages(folder: Path, manifest: dict[str, Any]) -> Iterator[str]:
    from hotspot import __version__

    for name in DOCUMENTS:
        document = json.loads((folder / f"{name}.json").read_text("utf-8"))
        for key, fact in document.get("fact", {}).items():
            if manifest.get("fact", {}).get(key) != fact:
                yield f"{name}.json gives {key} otherwise than {MANIFEST}."
        # Another version may lay its pages out otherwise; then hashes are all there is.
        if document.get("hotspot_version") == __version__:
            page = (folder / f"{name}.html").read_bytes()
            if rendered(document).encode() != page:
                yield f"{name}.html does not say what {name}.json says."


def _of_sources(manifest: dict[str, Any], *, run: Any, **given: Any) -> Iterator[str]:
    share = manifest["area_share"]
    facts, _, artefacts, _ = gather(
        run,
        model=manifest.get("model"),
        area_share=share["value"] if share["given"] else None,
        # A ledger has grown since, by the card's own entry at least.
        **{name: path for name, path in given.items() if name != "ledger"},
    )
    now = {one["name"]: one["sha256"] for one in artefacts}
    for one in manifest["artefacts"]:
        if one["name"] in now and now[one["name"]] != one["sha256"]:
            yield f"{one['name']} is not the file that the card was made from."
    held = manifest.get("fact", {})
    for key, fact in facts.items():
        if key not in held:
            yield f"The card leaves out {key}, which {fact.file} holds."
        elif held[key] != fact.to_json():
            said = held[key].get("value")
            yield f"The card gives {key} as {said!r}; {fact.file} has {fact.value!r} ({fact.path})."


def _of_ledger(path: Path, card_sha256: str) -> Iterator[str]:
    from hotspot.ledger import Ledger

    recorded = [
        one.get("sha256")
        for entry in Ledger(path).entries()
        if entry.body.get("kind") == "card"
        for one in entry.body.get("outputs", ())
    ]
    if card_sha256 not in recorded:
        yield f"{path.name} holds no entry of this card: {MANIFEST} is not what was recorded."
