r"""One entry of a ledger: its canonical bytes, and the hash that ties it to the one before.

A ledger is a text file of one JSON object a line,

.. code-block:: text

    {"body": {...}, "hash": H(seq, prev, body), "prev": hash of the line before, "seq": 0, 1, ...}

in the canonical form of RFC 8785 (one way to write each value), so that a line that means the
same and is written otherwise is found out too. The hash is SHA-256 over a name that no other
protocol uses, a zero byte, and the canonical form of ``{body, prev, seq}``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import rfc8785

from hotspot.errors import LedgerError

FORMAT = "hotspot.audit.v1"
GENESIS = "0" * 64
_WHOLE = 2**53 - 1  # a JSON number beyond it is not the same in every reader
# The six of the Data Protection Act 2018, section 62, and the steps of a forecast.
KINDS = (
    "collection", "alteration", "consultation", "disclosure", "combination", "erasure",
    "ingest", "fit", "forecast", "backtest", "seal", "score", "audit", "card", "decision",
    "override", "refusal", "repair",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One line of a ledger.

    Attributes
    ----------
    seq : int
        Its place, from 0.
    prev : str
        Hash of the entry before; 64 zeros for the first.
    body : mapping
        What was done: ``format``, ``kind``, ``at`` (UTC), ``role`` and what belongs to it.
    hash : str
        SHA-256 that ties the three together, in hexadecimal.
    """

    seq: int
    prev: str
    body: Mapping[str, Any]
    hash: str

    @property
    def line(self) -> bytes:
        """The canonical bytes of the line, without its end."""
        return canonical(
            {"seq": self.seq, "prev": self.prev, "body": dict(self.body), "hash": self.hash}
        )


def linked(seq: int, prev: str, body: Mapping[str, Any]) -> Entry:
    """The entry that says `body` in place `seq`, after the one whose hash is `prev`."""
    plain = plain_json(body)
    return Entry(seq, prev, plain, _hash_of(seq, prev, plain))


def read_line(line: bytes) -> Entry:
    """The entry that a line holds.

    Raises
    ------
    LedgerError
        If it is no entry, not in canonical form, or its hash is not that of what it says.
    """
    try:
        value = json.loads(line)
    except ValueError:
        raise LedgerError("is not JSON") from None
    if not isinstance(value, dict) or set(value) != {"seq", "prev", "body", "hash"}:
        raise LedgerError("is not an entry: it must hold seq, prev, body and hash, no more")
    body = value["body"]
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        found = body.get("format") if isinstance(body, dict) else None
        raise LedgerError(f"is of another format, {found!r}; this version reads {FORMAT!r}")
    if canonical(value) != line:
        raise LedgerError("is not written in canonical form (RFC 8785)")
    if value["hash"] != _hash_of(value["seq"], value["prev"], body):
        raise LedgerError("was changed: its hash is not that of what it says")
    return Entry(**value)


def canonical(value: Any) -> bytes:
    """The one way to write a value as JSON, by RFC 8785.

    Raises
    ------
    LedgerError
        If JSON has no word for it, such as NaN.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise LedgerError(f"A value cannot be written as canonical JSON: {error}.") from None


def plain_json(value: Any) -> Any:
    """`value` of plain types; whole numbers beyond 2^53 as text, since readers would round them.

    Raises
    ------
    LedgerError
        If it holds what JSON has no word for.
    """
    if isinstance(value, Mapping):
        return {str(key): plain_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _WHOLE:
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise LedgerError(
        f"A ledger holds numbers, texts, lists and mappings; got a {type(value).__name__}: "
        f"{value!r:.80}. Say it as one of these."
    )


def _hash_of(seq: int, prev: str, body: Mapping[str, Any]) -> str:
    said = canonical({"seq": seq, "prev": prev, "body": body})
    return hashlib.sha256(FORMAT.encode() + b"\0" + said).hexdigest()
