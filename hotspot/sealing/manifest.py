"""The manifest of a seal: what was sealed, when, and the one hash over all of it."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from hotspot.errors import SealError
from hotspot.ledger.chain import canonical

FORMAT = "hotspot.seal.v1"
KEYS = frozenset({
    "format", "sealed_at", "role", "time_zone", "data_cutoff", "data_until", "periods",
    "published_from", "published_basis", "label", "reasons", "remarks", "models", "files", "code",
})  # fmt: skip


def seal_id(manifest: bytes) -> str:
    """SHA-256 over the manifest's canonical bytes, under a name that no other protocol uses."""
    return sha256(FORMAT.encode() + b"\0" + manifest).hexdigest()


def written(manifest: dict[str, Any]) -> bytes:
    """The one way to write a manifest (RFC 8785)."""
    return canonical(manifest)


def read_manifest(content: bytes) -> dict[str, Any]:
    """What a manifest says.

    Raises
    ------
    SealError
        If it is not JSON or not in canonical form, is of another version, has a key that is
        unknown or stands twice, or lacks one.
    """
    try:
        found = json.loads(content, object_pairs_hook=_once)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise SealError("seal.json is not JSON: it was edited, or is no seal.") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        version = found.get("format") if isinstance(found, dict) else None
        raise SealError(f"seal.json is of another format, {version!r}; this reads {FORMAT!r}.")
    if unknown := sorted(set(found) - KEYS):
        raise SealError(f"seal.json has keys that no seal has: {', '.join(unknown)}.")
    if missing := sorted(KEYS - set(found)):
        raise SealError(f"seal.json lacks {', '.join(missing)}.")
    if written(found) != content:
        raise SealError("seal.json is not written in canonical form (RFC 8785): it was edited.")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise SealError(f"seal.json says {key!r} twice, and readers would differ in which.")
        found[key] = value
    return found
