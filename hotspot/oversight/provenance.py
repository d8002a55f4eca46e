"""A ledger in the words of W3C PROV: files are entities, entries activities, roles agents."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspot._files import replaced
from hotspot.ledger import Ledger

if TYPE_CHECKING:
    from prov.model import ProvDocument


def prov_document(ledger: Ledger) -> ProvDocument:
    """What came from what, by whom in which role, for any tool that reads W3C PROV.

    Parameters
    ----------
    ledger : Ledger

    Returns
    -------
    ProvDocument
        Of the package ``prov``. Entities are files by their SHA-256 (``sha256:...``), so that what
        one entry wrote and another read is one entity; activities are entries by their hash
        (``entry:...``); agents are roles.

    Raises
    ------
    MissingFileError, LedgerError
        If there is no ledger, or a line of it is wrong.

    References
    ----------
    Moreau, L., & Missier, P. (Eds.). (2013). PROV-DM: The PROV data model. W3C.
    https://www.w3.org/TR/prov-dm/

    Examples
    --------
    >>> import tempfile, pathlib
    >>> ledger = Ledger(pathlib.Path(tempfile.mkdtemp()) / "ledger.jsonl")
    >>> _ = ledger.append("ingest", role="analyst", inputs=[{"name": "a.zip", "sha256": "ab"}])
    >>> sorted(type(one).__name__ for one in prov_document(ledger).get_records())
    ['ProvActivity', 'ProvAgent', 'ProvAssociation', 'ProvEntity', 'ProvUsage']
    """
    from prov.model import ProvDocument

    document = ProvDocument()
    for prefix in ("sha256", "entry", "role", "hotspot"):
        document.add_namespace(prefix, f"urn:hotspot:{prefix}:")
    entities: dict[str, Any] = {}
    agents: dict[str, Any] = {}
    for entry in ledger.entries():
        body = entry.body
        at = datetime.fromisoformat(body["at"])
        told = {"prov:type": f"hotspot:{body['kind']}", "hotspot:seq": entry.seq}
        activity = document.activity(f"entry:{entry.hash}", endTime=at, other_attributes=told)
        who = re.sub(r"[^a-z0-9]+", "-", body["role"].lower()).strip("-") or "role"
        if who not in agents:
            named = {"prov:label": body["role"]}
            agents[who] = document.agent(f"role:{who}", named)
        document.wasAssociatedWith(activity, agents[who])
        for one in _files(body, "inputs"):
            document.used(activity, _entity(document, entities, one))
        for one in _files(body, "outputs"):
            document.wasGeneratedBy(_entity(document, entities, one), activity, time=at)
    return document


def export_prov(ledger: Ledger, path: str | Path) -> Path:
    """Write :func:`prov_document` as PROV-JSON; the same ledger gives the same bytes.

    Parameters
    ----------
    ledger : Ledger
    path : path

    Raises
    ------
    MissingFileError, LedgerError
        As :func:`prov_document`.
    """
    import json

    content = json.loads(prov_document(ledger).serialize(format="json"))
    with replaced(path) as temporary:
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return Path(path)


def _files(body: Any, key: str) -> list[dict[str, Any]]:
    return [one for one in body.get(key, ()) if "sha256" in one]


def _entity(document: ProvDocument, known: dict[str, Any], record: dict[str, Any]) -> Any:
    digest = record["sha256"]
    if digest not in known:
        known[digest] = document.entity(f"sha256:{digest}", {"prov:label": record["name"]})
    return known[digest]
