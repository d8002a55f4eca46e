r"""A ledger in three lines, to be published where its keeper cannot change them.

The head is the root of a Merkle tree over the lines (RFC 9162, section 2.1):

.. math:: H() = \mathrm{SHA256}(), \quad H(d) = \mathrm{SHA256}(0 \| d), \quad
   H(D_n) = \mathrm{SHA256}(1 \| H(D_k) \| H(D_{k..n})), \; k = 2^{\lceil \log_2 n \rceil - 1}

and the text is that of a transparency log's checkpoint (https://c2sp.org/tlog-checkpoint): origin,
number of entries, root in base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from hotspot.errors import LedgerError
from hotspot.ledger.journal import Ledger


@dataclass(frozen=True)
class Checkpoint:
    """What a ledger held at some time, small enough for council minutes.

    Attributes
    ----------
    origin : str
        Which ledger it is of.
    size : int
        How many entries it had.
    root : bytes
        Root of the Merkle tree over their lines.
    """

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def checkpoint(ledger: Ledger, *, origin: str | None = None) -> Checkpoint:
    """The head of a ledger that is whole, as text to publish elsewhere.

    Whoever holds it can tell later whether the first `size` entries are still what they were: a
    chain without it cannot see that its end was cut, or that all of it was written anew.

    Parameters
    ----------
    ledger : Ledger
    origin : str, optional
        Which ledger it is of; default ``hotspot/`` and the file's name. One line.

    Returns
    -------
    Checkpoint
        ``str()`` of it is the text.

    Raises
    ------
    MissingFileError, LedgerError
        If there is no ledger, or a line of it is wrong.

    Notes
    -----
    O(entries): every line is read and hashed.

    References
    ----------
    Laurie, B., Messeri, E., & Stradling, R. (2021). Certificate Transparency version 2.0. RFC 9162.
    https://doi.org/10.17487/RFC9162

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from hotspot.ledger import Ledger, checkpoint
    >>> ledger = Ledger(pathlib.Path(tempfile.mkdtemp()) / "ledger.jsonl")
    >>> _ = ledger.append("seal", role="evaluation team")
    >>> print(str(checkpoint(ledger)).splitlines()[:2])
    ['hotspot/ledger.jsonl', '1']
    """
    name = f"hotspot/{ledger.path.name}" if origin is None else origin
    if not name.strip() or "\n" in name:
        raise LedgerError(f"origin must be one line of text, got {name!r}.")
    leaves = [leaf_hash(entry.line) for entry in ledger.entries()]
    return Checkpoint(name, len(leaves), merkle_root(leaves))


def read_checkpoint(text: str | Path) -> Checkpoint:
    """A checkpoint from its text, or from a file that holds it.

    Parameters
    ----------
    text : str or Path
        The three lines; lines after them (signatures) are passed over.

    Returns
    -------
    Checkpoint

    Raises
    ------
    LedgerError
        If it is not a checkpoint.

    Examples
    --------
    >>> read_checkpoint("hotspot/a\\n0\\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\\n").size
    0
    """
    lines = (text.read_text("utf-8") if isinstance(text, Path) else text).splitlines()
    try:
        origin, size, encoded = lines[:3]
        root = base64.b64decode(encoded, validate=True)
        if not origin or not size.isascii() or not size.isdigit() or len(root) != 32:
            raise ValueError
    except (ValueError, binascii.Error):
        raise LedgerError(
            "This is not a checkpoint: it has three lines, the origin, the number of entries and "
            "the root in base64, as `hotspot checkpoint` prints them."
        ) from None
    return Checkpoint(origin, int(size), root)


def leaf_hash(line: bytes) -> bytes:
    """Hash of one line as a leaf of the tree."""
    return sha256(b"\0" + line).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Root of the tree over leaf hashes; that of nothing is the hash of nothing."""
    if not leaves:
        return sha256().digest()
    level = list(leaves)
    while len(level) > 1:
        # The last of an odd number goes up as it is, which is where RFC 9162 splits the tree.
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\1" + left + right).digest() for left, right in pairs] + (
            [level[-1]] if len(level) % 2 else []
        )
    return level[0]
