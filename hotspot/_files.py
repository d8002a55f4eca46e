"""A file is written whole or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path that takes the place of `path` when the block ends well.

    The temporary file (or folder) lies beside the target, so the final rename is
    atomic: whoever looks sees the old file or the new one, never half. If the block
    raises, the temporary is removed and the target is left as it was.

    A folder cannot be renamed over another, so an old one first steps aside, to
    ``.NAME.XXXXXXXX.old``, and is removed when the new one stands. A process killed between
    those two renames leaves the old folder whole under that name.

    Raises
    ------
    IsADirectoryError
        If a file would take the place of a folder, whatever that holds.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(4)
    temporary = target.with_name(f".{target.name}.{token}.part{target.suffix}")
    try:
        yield temporary
        _flush(temporary)
        if temporary.is_dir() and target.exists():
            _swap(temporary, target, aside=target.with_name(f".{target.name}.{token}.old"))
        else:
            os.replace(temporary, target)
        _flush_entry(target.parent)
    finally:
        _remove(temporary)


def _swap(temporary: Path, target: Path, *, aside: Path) -> None:
    os.replace(target, aside)
    try:
        os.replace(temporary, target)
    except BaseException:
        os.replace(aside, target)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """To the disk before the rename, or a power cut could leave the new name on empty files."""
    if path.is_dir():
        for entry in path.iterdir():
            _flush(entry)
    _flush_entry(path)


def _flush_entry(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
