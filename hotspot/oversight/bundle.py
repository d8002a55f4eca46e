"""A ledger with its checkpoint and provenance as one folder that archives take: an RO-Crate."""

from __future__ import annotations

from pathlib import Path

from hotspot._files import replaced
from hotspot.errors import LedgerError, ParameterError
from hotspot.ledger import Entry, Ledger, checkpoint
from hotspot.oversight.provenance import export_prov


def bundle_ledger(ledger: Ledger, folder: str | Path) -> Path:
    """Pack a ledger for publication: the ledger, its checkpoint, its PROV, and what says so.

    Parameters
    ----------
    ledger : Ledger
    folder : path
        Where to; it must not exist yet.

    Returns
    -------
    Path
        Of the crate; ``ro-crate-metadata.json`` in it describes each entry as an action with what
        it read and wrote. The files themselves are named by hash and are not in it.

    Raises
    ------
    LedgerError
        If the folder exists or the ledger is not whole or empty.
    ParameterError
        If the package ``rocrate`` is not installed (the extra ``publish``).

    References
    ----------
    Soiland-Reyes, S., et al. (2022). Packaging research artefacts with RO-Crate. Data Science, 5,
    97-138. https://doi.org/10.3233/DS-210053

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> ledger = Ledger(folder / "ledger.jsonl")
    >>> _ = ledger.append("seal", role="evaluation team")
    >>> sorted(path.name for path in bundle_ledger(ledger, folder / "crate").iterdir())
    ['checkpoint.txt', 'ledger.jsonl', 'prov.json', 'ro-crate-metadata.json']
    """
    try:
        from rocrate.model.contextentity import ContextEntity
        from rocrate.rocrate import ROCrate
    except ImportError:
        raise ParameterError(
            "Bundles are written with the package rocrate: pip install 'hotspot-forecast[publish]'."
        ) from None
    target = Path(folder)
    if target.exists():
        raise LedgerError(f"{target} exists: nothing is written over. Name another folder.")
    entries = list(ledger.entries())
    if not entries:
        raise LedgerError(f"{ledger.path.name} holds no entry: there is nothing to publish.")
    with replaced(target) as temporary:
        temporary.mkdir(parents=True)
        crate = ROCrate()
        crate.name = f"Ledger of {len(entries):,} entries"
        crate.description = "What hotspot was used for: each line tied to the one before by hashes."
        last = str(entries[-1].body["at"])
        crate.root_dataset["datePublished"] = last  # of the content: the same ledger, same crate
        for name, content in _contents(ledger, temporary).items():
            crate.add_file(content, name, properties={"name": name})
        for entry in entries:
            _describe(crate, ContextEntity, entry)
        crate.write(temporary)
        for left in temporary.glob("._*"):
            left.unlink()
    return target


def _contents(ledger: Ledger, folder: Path) -> dict[str, Path]:
    """The three files, under names that the crate's own copies do not take."""
    kept = folder / "._checkpoint"
    kept.write_text(str(checkpoint(ledger)), encoding="utf-8")
    prov = export_prov(ledger, folder / "._prov")
    return {"ledger.jsonl": ledger.path, "checkpoint.txt": kept, "prov.json": prov}


def _describe(crate, entity, entry: Entry) -> None:
    body = entry.body
    who = crate.add(entity(crate, f"#role-{body['role']}", {"@type": "Role", "name": body["role"]}))
    action = crate.add(
        entity(
            crate,
            f"#entry-{entry.hash}",
            {
                "@type": "CreateAction",
                "name": f"{body['kind']}, entry {entry.seq}",
                "endTime": body["at"],
            },
        )
    )
    action["agent"] = who
    for key, field in (("object", "inputs"), ("result", "outputs")):
        files = [
            crate.add(
                entity(
                    crate,
                    f"#sha256-{one['sha256']}",
                    {"@type": "CreativeWork", "name": one["name"], "sha256": one["sha256"]},
                )
            )
            for one in body.get(field, ())
            if "sha256" in one
        ]
        if files:
            action[key] = files
