"""Was anything changed? Anybody can ask, with nothing but the file and a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hotspot.errors import LedgerError, MissingFileError
from hotspot.ledger.chain import GENESIS, Entry, read_line
from hotspot.ledger.checkpoint import Checkpoint, leaf_hash, merkle_root


@dataclass(frozen=True)
class Verification:
    """What looking through a ledger found.

    Attributes
    ----------
    entries : int
        Lines that stand in it.
    problems : tuple of str
        What is wrong, in words; empty if nothing is.
    remarks : tuple of str
        What is odd and may be innocent: a clock that went back.
    against_checkpoint : bool
        Whether a checkpoint was given. Without one a cut end, or a ledger that was written anew
        from its first line, cannot be seen.
    """

    entries: int
    problems: tuple[str, ...]
    remarks: tuple[str, ...]
    against_checkpoint: bool

    @property
    def whole(self) -> bool:
        """Whether nothing wrong was found."""
        return not self.problems

    def __str__(self) -> str:
        told = [f"{self.entries:,} entries: " + ("whole" if self.whole else "NOT whole")]
        told += [f"  {problem}" for problem in self.problems]
        told += [f"  remark: {remark}" for remark in self.remarks]
        if not self.against_checkpoint:
            told.append(
                "  without a checkpoint: whether the end was cut off, or all of it written anew, "
                "cannot be seen"
            )
        return "\n".join(told)


def verify_ledger(path: str | Path, *, against: Checkpoint | None = None) -> Verification:
    """Look through a ledger for anything that was changed, put in, taken out or moved.

    Parameters
    ----------
    path : path
    against : Checkpoint, optional
        One that was kept elsewhere: with it a cut end and a ledger written anew are seen too.

    Returns
    -------
    Verification
        Every problem, not only the first.

    Raises
    ------
    MissingFileError
        If there is no such file.

    Notes
    -----
    O(entries).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from hotspot.ledger import Ledger, verify_ledger
    >>> ledger = Ledger(pathlib.Path(tempfile.mkdtemp()) / "ledger.jsonl")
    >>> _ = ledger.append("seal", role="evaluation team")
    >>> _ = ledger.path.write_bytes(ledger.path.read_bytes().replace(b"team", b"crew"))
    >>> verify_ledger(ledger.path).problems
    ('line 1 was changed: its hash is not that of what it says',)
    """
    source = Path(path)
    if not source.is_file():
        raise MissingFileError(f"There is no ledger at {source}.")
    content = source.read_bytes()
    lines = content.split(b"\n")
    torn = lines.pop()
    problems = list(_of_lines(lines))
    if torn:
        problems.append(f"the end is torn: {len(torn):,} bytes after the last whole line")
    if against is not None:
        problems += _of_checkpoint(lines, against)
    return Verification(len(lines), tuple(problems), tuple(_odd(lines)), against is not None)


def _of_lines(lines: list[bytes]) -> Iterator[str]:
    prev: str | None = GENESIS
    for number, line in enumerate(lines):
        try:
            entry = read_line(line)
        except LedgerError as error:
            yield f"line {number + 1} {error}"
            prev = None  # what follows a broken line is not told twice
            continue
        if entry.seq != number:
            yield f"line {number + 1} says that it is number {entry.seq}, not {number}"
        if prev is not None and entry.prev != prev:
            yield f"line {number + 1} does not follow the line before it"
        prev = entry.hash


def _of_checkpoint(lines: list[bytes], kept: Checkpoint) -> list[str]:
    if len(lines) < kept.size:
        return [
            f"the checkpoint knows {kept.size:,} entries, and {len(lines):,} are left: the end "
            "was cut off"
        ]
    if merkle_root([leaf_hash(line) for line in lines[: kept.size]]) != kept.root:
        return [f"the first {kept.size:,} entries are not those of the checkpoint"]
    return []


def _odd(lines: list[bytes]) -> Iterator[str]:
    before: Entry | None = None
    for number, line in enumerate(lines):
        try:
            entry = read_line(line)
        except LedgerError:
            before = None
            continue
        if before is not None and entry.body["at"] < before.body["at"]:
            yield (
                f"line {number + 1} is dated {entry.body['at']}, before the line above it: a "
                "clock went back"
            )
        before = entry
