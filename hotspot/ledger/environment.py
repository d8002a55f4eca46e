"""What code ran, and on what: enough to tell why a number came out otherwise."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hotspot import __version__

# What numbers depend on.
_PACKAGES = ("numpy", "scipy", "numba", "pandas", "xarray", "geopandas", "shapely", "pyproj")


@cache
def code_version() -> Mapping[str, str]:
    """The version of hotspot, and a hash over the bytes of its source.

    A version says what a release was called; the hash says whether it is still that. Read once
    a process: O(size of the source), a few milliseconds.
    """
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return {"version": __version__, "source_sha256": digest.hexdigest()}


@cache
def environment() -> Mapping[str, Any]:
    """Python, operating system, processor family, and the packages that numbers depend on."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": platform.machine(),
        "packages": {name: _version_of(name) for name in _PACKAGES},
    }


def file_record(path: str | os.PathLike[str], **more: Any) -> dict[str, Any]:
    """What a ledger says of a file: its name without folders, its SHA-256, its size.

    Parameters
    ----------
    path : path
        A file, or a folder (a Zarr store), whose hash is over the names and hashes in it.
    **more
        Such as ``rows_in``, ``kept`` and ``dropped`` by reason.

    Returns
    -------
    dict

    Raises
    ------
    MissingFileError
        If there is no such file.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "empty.csv"
    >>> path.touch()
    >>> file_record(path)["sha256"][:8]
    'e3b0c442'
    """
    from hotspot.errors import MissingFileError

    target = Path(path)
    if not target.exists():
        raise MissingFileError(f"There is no file {target}.")
    if target.is_file():
        return {"name": target.name, **_hashed(target), **more}
    digest, size = hashlib.sha256(), 0
    for one in sorted(entry for entry in target.rglob("*") if entry.is_file()):
        found = _hashed(one)
        size += found["bytes"]
        name = one.relative_to(target).as_posix()
        digest.update(f"{found['sha256']}  {name}\n".encode())
    return {"name": target.name, "sha256": digest.hexdigest(), "bytes": size, **more}


def _hashed(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            "bytes": path.stat().st_size,
        }


def _version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
