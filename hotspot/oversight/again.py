"""Is a result that was made again the one that was recorded?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from hotspot.errors import LedgerError, MissingFileError
from hotspot.ledger import Entry, Ledger, file_record

TOLERANCE = 1e-6  # events in a cell


@dataclass(frozen=True)
class Comparison:
    """What came of running it again.

    Attributes
    ----------
    verdict : {"identical", "equivalent", "different"}
        The same values bit for bit; none further apart than the tolerance, bounds included; or not.
    details : tuple of str
        By how much, and in what.
    """

    verdict: str
    details: tuple[str, ...] = ()


def entry_named(ledger: Ledger, which: str) -> Entry:
    """The entry with a number, or whose hash begins so.

    Raises
    ------
    LedgerError
        If there is none or more than one, or the ledger is not whole.
    """
    entries = list(ledger.entries())
    if which.isdecimal() and int(which) < len(entries):
        return entries[int(which)]
    found = [one for one in entries if len(which) >= 4 and one.hash.startswith(which.lower())]
    if len(found) == 1:
        return found[0]
    said = f"{len(found)} entries begin so" if found else "there is no such entry"
    raise LedgerError(
        f"{which!r}: {said}. Give a number from 0 to {len(entries) - 1}, or at least four "
        "characters of a hash."
    )


def found_input(record: dict, folder: Path) -> Path:
    """The file of a record's name and hash, in a folder or below it.

    Raises
    ------
    MissingFileError
        If there is no file of that name.
    LedgerError
        If none of that name holds what was recorded.
    """
    named = [folder / record["name"], *sorted(folder.rglob(record["name"]))]
    there = [path for path in named if path.exists()]
    if not there:
        raise MissingFileError(
            f"{record['name']} is not in {folder} or below it. Say where with --inputs."
        )
    for path in there:
        if file_record(path)["sha256"] == record["sha256"]:
            return path
    raise LedgerError(
        f"{record['name']} is not the file that was recorded: its SHA-256 should be "
        f"{record['sha256']}."
    )


def compare_results(
    recorded: xr.Dataset, again: xr.Dataset, *, tolerance: float = TOLERANCE
) -> Comparison:
    """Two results that are not the same bit for bit: how far are they apart?

    Parameters
    ----------
    recorded, again : Dataset
    tolerance : float
        Largest absolute difference of any number, bounds included, that still is equivalent.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> one = xr.Dataset({"expected_count": ("x", [0.5, 1.5])})
    >>> compare_results(one, one + 1e-9).verdict, compare_results(one, one + 0.1).details
    ('equivalent', ('expected_count differs by up to 0.1',))
    """
    details, different = [], False
    for name in sorted({*map(str, recorded.variables), *map(str, again.variables)}):
        if name not in recorded.variables or name not in again.variables:
            details.append(f"{name} is in one of the two only")
            different = True
            continue
        gap = _gap(recorded[name].to_numpy(), again[name].to_numpy())
        if gap == 0:
            continue
        different |= not gap <= tolerance
        details.append(
            f"{name} differs by up to {gap:.3g}" if np.isfinite(gap) else f"{name} differs"
        )
    return Comparison("different" if different else "equivalent", tuple(details))


def _gap(one: np.ndarray, other: np.ndarray) -> float:
    """Largest absolute difference; infinite where shapes, texts or gaps in the data differ."""
    if one.shape != other.shape:
        return np.inf
    if one.dtype.kind not in "fiub" or other.dtype.kind not in "fiub":
        return 0.0 if (one.astype(str) == other.astype(str)).all() else np.inf
    one, other = one.astype(float), other.astype(float)
    if (np.isnan(one) != np.isnan(other)).any():
        return np.inf
    return float(np.nanmax(np.abs(one - other), initial=0.0))
