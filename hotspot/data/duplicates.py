"""Crime IDs are used once, here and in memory, to find rows that repeat an offence."""

from __future__ import annotations

import secrets

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hotspot._typing import IntArray
from hotspot.data.snap_points import factorized


def id_groups(ids: pa.ChunkedArray) -> IntArray:
    """A number for each row that rows of the same ID share; -1 where the ID is blank.

    The numbers say nothing about the IDs. Time O(n).
    """
    given = np.flatnonzero(ids.is_valid().to_numpy())
    group, first = factorized(_id_keys(ids)[given])
    again = np.flatnonzero(first[group] != np.arange(given.size))
    later, earlier = given[again], given[first[group[again]]]
    if not pc.all(pc.equal(ids.take(later), ids.take(earlier)), min_count=0).as_py():
        # Two IDs share a key: fall back on the IDs themselves, slower and exact.
        group, _ = factorized(ids.take(given).to_pandas().to_numpy(object))
    groups = np.full(len(ids), -1)
    groups[given] = group
    return groups


def duplicates(
    group: IntArray, place: IntArray, month: IntArray, offence: IntArray
) -> tuple[IntArray, np.ndarray]:
    """Rows whose Crime ID an earlier located row has, and what sets the two apart.

    Parameters
    ----------
    group : (n,) int
        From :func:`id_groups`; rows with a blank ID are never duplicates.
    place, month, offence : (n,) int
        Codes of what the rows say; `place` is -1 where none is given, and such rows take no part.

    Returns
    -------
    rows : (k,) int64
        Which rows repeat an earlier one.
    kind : (k,) int8
        0: same place, offence and month (an exact repeat, or a revised outcome); 1: same place
        and offence in another month; 2: another place or offence.
    """
    known = np.flatnonzero((group >= 0) & (place >= 0))
    first = np.full(group.max(initial=-1) + 1, -1)
    first[group[known[::-1]]] = known[::-1]
    earlier = first[group[known]]
    again = earlier != known
    later, earlier = known[again], earlier[again]
    kind = (month[later] != month[earlier]).astype(np.int8)
    kind[(place[later] != place[earlier]) | (offence[later] != offence[earlier])] = 2
    return later, kind


def _id_keys(ids: pa.ChunkedArray) -> np.ndarray:
    """A number for each ID under a key that is drawn anew and never leaves this function."""
    secret = np.frombuffer(secrets.token_bytes(64), np.uint64) | np.uint64(1)
    keys = np.zeros(len(ids), np.uint64)
    keys[ids.is_valid().to_numpy()] = np.concatenate(
        [np.zeros(0, np.uint64), *(_keys_of(chunk.drop_null(), secret) for chunk in ids.chunks)]
    )
    return keys


def _keys_of(ids: pa.StringArray, secret: np.ndarray) -> np.ndarray:
    """Keys of IDs without blanks; the 64 hexadecimal digits of police.uk all at once."""
    if not len(ids):
        return np.zeros(0, np.uint64)
    offsets = np.frombuffer(ids.buffers()[1], np.int32)[ids.offset :][: len(ids) + 1]
    usual = np.diff(offsets) == 64
    if usual.all():
        text = np.frombuffer(ids.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
        return (text.view(np.uint64).reshape(-1, 8) * secret).sum(axis=1, dtype=np.uint64)
    # An ID has one key wherever it stands, so the way to it depends on its own length only.
    keys = np.empty(len(ids), np.uint64)
    keys[usual] = _keys_of(ids.filter(pa.array(usual)), secret)
    others = ids.filter(pa.array(~usual)).to_pylist()
    # Python keys its own hash of text anew in every process.
    keys[~usual] = np.fromiter(map(hash, others), np.int64, len(others)).view(np.uint64)
    return keys
