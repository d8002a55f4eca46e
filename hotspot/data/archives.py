"""Files of a folder, a zip or a tar, read in memory; nothing is ever unpacked to disk."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from hotspot.errors import ArchiveError, MissingFileError

MAX_EXPANDED_BYTES = 4 * 2**30
MAX_RATIO = 200  # street-level CSVs compress about 5 times
SMALL = 2**20  # a ratio is judged only above this many expanded bytes
_CHUNK = 2**20
_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".xz", ".bz2", ".7z", ".rar")
_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


@dataclass(frozen=True)
class Member:
    """One file by name; `load` gives its bytes, and is None where the file was not wanted."""

    name: str
    load: Callable[[], bytes] | None


def members(path: Path, wanted: Callable[[str], bool]) -> Iterator[Member]:
    """Every file of a folder (recursive), a zip or a tar, or the one file that `path` is.

    Parameters
    ----------
    path : Path
        A folder, a .zip, a .tar (also .gz, .xz, .bz2), a file or a gzipped file.
    wanted : callable
        Whether the file of this name is to be read. What is not wanted is yielded without
        `load`, and in a zip it is not even expanded.

    Raises
    ------
    MissingFileError
        If there is nothing at `path`.
    ArchiveError
        If the archive is corrupt, truncated or encrypted, holds a link, a name that points
        outside it, or another archive, or expands more than 200 times or beyond 4 GiB. Sizes
        are counted while reading: a header can lie.
    """
    if not path.exists():
        raise MissingFileError(f"There is no file or folder at {path}.")
    if path.is_dir():
        for file in sorted(one for one in path.rglob("*") if one.is_file()):
            name = file.relative_to(path).as_posix()
            yield Member(name, partial(_file_bytes, file) if wanted(name) else None)
        return
    with path.open("rb") as file:
        first = file.read(8)
    name = path.name.lower()
    if first.startswith(b"PK") or name.endswith(".zip"):
        yield from _zip_members(path, wanted)
    elif name.endswith((".tar", ".tgz")) or ".tar." in name:
        yield from _tar_members(path, wanted)
    else:
        yield Member(path.name, partial(_file_bytes, path))


def _file_bytes(path: Path) -> bytes:
    data = path.read_bytes()
    if not data.startswith(b"\x1f\x8b"):
        return data
    with _typed_errors(path), gzip.open(path) as stream:
        return _Metered(stream, path).drain()


def _zip_members(path: Path, wanted: Callable[[str], bool]) -> Iterator[Member]:
    with _typed_errors(path), zipfile.ZipFile(path) as archive:
        budget = 0
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            _require_safe(info.filename, path, is_link=kind == stat.S_IFLNK)
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                raise ArchiveError(
                    f"{path.name}: {info.filename} is encrypted. Decrypt the archive first; "
                    "data.police.uk publishes its archives without a password."
                )
            if not wanted(info.filename):
                yield Member(info.filename, None)
                continue
            with archive.open(info) as stream:
                metered = _Metered(stream, path, already=budget)
                data = metered.drain()
            budget = metered.expanded
            yield Member(info.filename, partial(bytes, data))


def _tar_members(path: Path, wanted: Callable[[str], bool]) -> Iterator[Member]:
    with path.open("rb") as file:
        first = file.read(8)
    opener = next((how for magic, how in _OPENERS.items() if first.startswith(magic)), open)
    with _typed_errors(path), opener(path, "rb") as stream:
        metered = _Metered(stream, path)
        with tarfile.open(fileobj=metered, mode="r|") as archive:
            for info in archive:
                _require_safe(info.name, path, is_link=not (info.isreg() or info.isdir()))
                if info.isdir():
                    continue
                if info.issparse():
                    raise ArchiveError(f"{path.name}: {info.name} is a sparse file, not a CSV.")
                data = archive.extractfile(info).read() if wanted(info.name) else None
                yield Member(info.name, None if data is None else partial(bytes, data))
        metered.drain()
        if any(metered.tail):
            # tarfile stops without a word where the end is cut off between two members.
            raise ArchiveError(f"{path.name} is truncated: its end mark is missing.")


def _require_safe(name: str, path: Path, *, is_link: bool) -> None:
    """Refuse names that would land elsewhere if unpacked, links, and archives in archives."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not name or name.startswith(("/", "\\")) or ".." in parts or ":" in name or "\0" in name:
        raise ArchiveError(
            f"{path.name} holds a member named {name!r}, which points outside the archive. "
            "Nothing was written. Take the archive from data.police.uk again."
        )
    if is_link:
        raise ArchiveError(f"{path.name}: {name} is a link or a device, not a file.")
    if name.lower().endswith(_ARCHIVES):
        raise ArchiveError(
            f"{path.name} holds another archive, {name}. Unpack the outer one and give the inner."
        )


class _Metered:
    """A stream that counts what it gives and stops at the limits; keeps its last bytes."""

    def __init__(self, stream: BinaryIO, path: Path, *, already: int = 0) -> None:
        self.stream, self.path, self.expanded = stream, path, already
        self.limit = max(SMALL, min(MAX_RATIO * path.stat().st_size, MAX_EXPANDED_BYTES))
        self.tail = b"\1"

    def read(self, size: int = _CHUNK) -> bytes:
        data = self.stream.read(size)
        self.expanded += len(data)
        if self.expanded > self.limit:
            raise ArchiveError(
                f"{self.path.name} expands to more than {self.limit:,} bytes from "
                f"{self.path.stat().st_size:,}. The limits are {MAX_RATIO} times its size and "
                f"{MAX_EXPANDED_BYTES / 2**30:.0f} GiB. If it is what it should be, unpack it and "
                "give the folder."
            )
        if data:
            self.tail = (self.tail + data)[-1024:]
        return data

    def drain(self) -> bytes:
        return b"".join(iter(self.read, b""))


@contextmanager
def _typed_errors(path: Path) -> Iterator[None]:
    """Each library's way of saying "broken" as an `ArchiveError`."""
    broken = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError)
    try:
        yield
    except broken as error:
        raise _broken(path, error) from error
    except NotImplementedError as error:
        raise ArchiveError(
            f"{path.name} is packed in a way that cannot be read: {error}"
        ) from error
    except OSError as error:
        if error.errno is not None or isinstance(error, MissingFileError):
            raise  # the disk's trouble, not the archive's
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> ArchiveError:
    said = str(error) or type(error).__name__
    return ArchiveError(
        f"{path.name} is corrupt or cut short ({said}). Download it again and compare its size."
    )
