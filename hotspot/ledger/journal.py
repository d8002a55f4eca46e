"""The file that entries are appended to: locked, flushed to the disk, never half a line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from hotspot.errors import LedgerError, MissingFileError
from hotspot.ledger.chain import FORMAT, GENESIS, KINDS, Entry, linked, read_line
from hotspot.ledger.environment import code_version, environment

_BLOCK = 65_536
_WAIT = 60.0  # seconds for another writer to finish a line


@dataclass(frozen=True)
class Ledger:
    """A record of what was done that can only grow, and in which no line can be changed unseen.

    Each line holds the hash of the one before, so whoever changes, inserts or removes one must
    write all later ones anew. That too is found out by anybody who kept a checkpoint
    (:func:`hotspot.ledger.checkpoint`): **a chain alone cannot see that its end was cut off, or
    that all of it was written anew.** Publish checkpoints where you cannot change them.

    Attributes
    ----------
    path : Path
        The file; made by the first entry. Beside it lies ``NAME.lock``.

    Notes
    -----
    An append costs the same however long the ledger is: it reads the last line only. Writers take
    turns, also from several processes. A process killed in the middle of a line leaves a torn end;
    the next writer sets it aside in a file of its own (``NAME.torn-...``) and says so in an entry
    of kind ``"repair"``: it is never quietly cut.

    References
    ----------
    Laurie, B., Messeri, E., & Stradling, R. (2021). Certificate Transparency version 2.0. RFC 9162.
    https://doi.org/10.17487/RFC9162

    Rundgren, A., Jordan, B., & Erdtman, S. (2020). JSON canonicalization scheme. RFC 8785.
    https://doi.org/10.17487/RFC8785

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from hotspot.ledger import Ledger, verify_ledger
    >>> ledger = Ledger(pathlib.Path(tempfile.mkdtemp()) / "ledger.jsonl")
    >>> first = ledger.append("ingest", role="analyst", inputs=[{"name": "2024-12.zip"}])
    >>> second = ledger.append("forecast", role="analyst", parameters={"cell_size": 250.0})
    >>> second.prev == first.hash
    True
    >>> verify_ledger(ledger.path).problems
    ()
    """

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))

    def append(
        self,
        kind: str,
        *,
        role: str,
        at: datetime | None = None,
        **said: Any,
    ) -> Entry:
        """Add an entry, and return when it is on the disk.

        Parameters
        ----------
        kind : str
            One of :data:`hotspot.ledger.KINDS`.
        role : str
            Who did it, as a role ("analyst", "duty inspector"): never a name or an address.
        at : datetime, optional
            When; default now. With a time zone.
        **said
            What belongs to it, as JSON knows it: ``inputs`` and ``outputs`` (lists of
            :func:`hotspot.ledger.file_record`), ``parameters``, ``seeds``, ``findings``,
            ``overrides``, ``reason``. Names without folders.

        Returns
        -------
        Entry

        Raises
        ------
        LedgerError
            If the kind is not known, the role is empty or looks like an address, a value is not
            JSON, the last line was changed, the disk is full or the folder cannot be written.
            The ledger is then as it was.
        """
        body = _body(kind, role=role, at=at, said=said)
        with self._alone():
            repaired = self._set_torn_end_aside(role, body["at"])
            return self._write(body, after=repaired or self._last())

    def require_writable(self, *, role: str) -> None:
        """Find out before the work, rather than after it, whether an entry can be added.

        Parameters
        ----------
        role : str
            As :meth:`append` will be told.

        Raises
        ------
        LedgerError
            If the role is none, the last whole line was changed or is of another version, or the
            file or its folder cannot be written.
        """
        _require_role(role)
        with self._alone():
            self._last()
            try:
                if self.path.exists():
                    self.path.open("ab").close()
            except OSError as error:
                raise _cannot_write(self.path, error) from None

    def entries(self) -> Iterator[Entry]:
        """The entries in order; each line's own hash is checked, and that it follows the last.

        Raises
        ------
        MissingFileError
            If there is no such file.
        LedgerError
            At the first line that is wrong; :func:`hotspot.ledger.verify_ledger` lists them all.
        """
        if not self.path.is_file():
            raise MissingFileError(f"There is no ledger at {self.path}.")
        seq, prev = 0, GENESIS
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    raise LedgerError(f"{self.path.name}: the last line is torn.")
                entry = _entry_of(line[:-1], self.path.name, f"line {seq + 1}")
                if (entry.seq, entry.prev) != (seq, prev):
                    raise LedgerError(
                        f"{self.path.name}: line {seq + 1} does not follow the one before it."
                    )
                seq, prev = seq + 1, entry.hash
                yield entry

    def _alone(self):
        from filelock import FileLock, Timeout

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return _Locked(FileLock(f"{self.path}.lock", timeout=_WAIT), Timeout, self.path)
        except OSError as error:
            raise _cannot_write(self.path, error) from None

    def _last(self) -> Entry | None:
        line = _last_line(self.path)
        return None if line is None else _entry_of(line, self.path.name, "the last line")

    def _write(self, body: Mapping[str, Any], *, after: Entry | None) -> Entry:
        entry = linked(after.seq + 1, after.hash, body) if after else linked(0, GENESIS, body)
        _append_whole(self.path, entry.line + b"\n")
        return entry

    def _set_torn_end_aside(self, role: str, at: str) -> Entry | None:
        torn = _torn_end(self.path)
        if not torn:
            return None
        digest = sha256(torn).hexdigest()
        aside = self.path.with_name(f"{self.path.name}.torn-{digest[:12]}")
        try:
            _write_flushed(aside, torn)
            _cut(self.path, self.path.stat().st_size - len(torn))
        except OSError as error:
            raise _cannot_write(self.path, error) from None
        told = {"set_aside": {"name": aside.name, "sha256": digest, "bytes": len(torn)}}
        return self._write(_stamped("repair", role, at, told), after=self._last())


class _Locked:
    """The lock of a ledger, whose refusals are told in plain words."""

    def __init__(self, lock: Any, timeout: type[Exception], path: Path) -> None:
        self.lock, self.timeout, self.path = lock, timeout, path

    def __enter__(self) -> None:
        try:
            self.lock.acquire()
        except self.timeout:
            raise LedgerError(
                f"{self.path.name} was locked by another writer for {_WAIT:.0f} s. If none is "
                f"running, remove {self.path.name}.lock."
            ) from None
        except OSError as error:
            raise _cannot_write(self.path, error) from None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.lock.release()
        if isinstance(error, OSError):  # such as a folder of that name
            raise _cannot_write(self.path, error) from None


def _body(
    kind: str, *, role: str, at: datetime | None, said: Mapping[str, Any]
) -> Mapping[str, Any]:
    if kind not in KINDS:
        raise LedgerError(f"There is no kind of entry {kind!r}. Known: {', '.join(KINDS)}.")
    _require_role(role)
    when = datetime.now(UTC) if at is None else at
    if when.tzinfo is None:
        raise LedgerError(f"at must have a time zone, got {when!r}.")
    for name in ("inputs", "outputs"):
        for one in said.get(name, ()):
            _require_bare_name(one)
    moment = when.astimezone(UTC).isoformat(timespec="microseconds")
    return _stamped(kind, role.strip(), moment, said)


def _require_role(role: object) -> None:
    if not isinstance(role, str) or not role.strip() or "@" in role:
        raise LedgerError(
            f'role must say who acted as a role, such as "analyst", got {role!r}; no names and no '
            "addresses."
        )


def _stamped(kind: str, role: str, at: str, said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "kind": kind,
        "at": at,
        "role": role,
        "code": code_version(),
        "environment": environment(),
        **said,
    }


def _require_bare_name(record: Mapping[str, Any]) -> None:
    name = str(record.get("name", ""))
    if not name or "/" in name or "\\" in name:
        raise LedgerError(
            f"An input or output is named without its folder, got {name!r}: a path tells who "
            "worked where. hotspot.ledger.file_record(path) makes the record."
        )


def _entry_of(line: bytes, file: str, which: str) -> Entry:
    try:
        return read_line(line)
    except LedgerError as error:
        raise LedgerError(f"{file}: {which} {error}.") from None


def _last_line(path: Path) -> bytes | None:
    """The last whole line, read from the end; None if there is none."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        tail = b""
        while at > 0 and tail[:-1].count(b"\n") == 0:
            step = min(_BLOCK, at)
            at = file.seek(at - step)
            tail = file.read(step) + tail
    lines: Sequence[bytes] = tail.split(b"\n")
    return lines[-2] if len(lines) > 1 else None


def _torn_end(path: Path) -> bytes:
    """What stands after the last end of a line."""
    if not path.exists() or path.stat().st_size == 0:
        return b""
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        tail = b""
        while at > 0 and b"\n" not in tail:
            step = min(_BLOCK, at)
            at = file.seek(at - step)
            tail = file.read(step) + tail
            file.seek(at)
    return tail.rpartition(b"\n")[2]


def _append_whole(path: Path, line: bytes) -> None:
    """All of the line and on the disk, or the file as it was."""
    new = not path.exists()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError as error:
        raise _cannot_write(path, error) from None
    before = os.fstat(descriptor).st_size
    try:
        written = 0
        while written < len(line):
            written += os.write(descriptor, line[written:])
        os.fsync(descriptor)
    except OSError as error:
        os.ftruncate(descriptor, before)
        raise _cannot_write(path, error) from None
    finally:
        os.close(descriptor)
    if new:
        _flush_folder(path.parent)


def _write_flushed(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _flush_folder(path.parent)


def _cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_write(path: Path, error: OSError) -> LedgerError:
    return LedgerError(
        f"{path}: {error.strerror or error}. The ledger is as it was, and nothing that must be "
        "recorded was done: make room, or name a ledger that can be written."
    )
