"""Crime IDs are used once, here and in memory, to find rows that repeat an offence."""

from __future__ import annotations

import secrets

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hotspot._typing import IntArray
from hotspot.data.snap_points import factorized


def duplicates(
    ids: pa.ChunkedArray, place: IntArray, month: IntArray, offence: IntArray
) -> tuple[IntArray, np.ndarray]:
    """Rows whose Crime ID an earlier located row has, and what sets the two apart.

    Parameters
    ----------
    ids : (n,) text
        Crime IDs; rows with a blank one are never duplicates.
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
    known = np.flatnonzero(ids.is_valid().to_numpy() & (place >= 0))
    group, first = factorized(_id_keys(ids)[known])
    again = first[group] != np.arange(known.size)
    later, earlier = known[again], known[first[group[again]]]
    if not pc.all(pc.equal(ids.take(later), ids.take(earlier)), min_count=0).as_py():
        # Two IDs share a key: fall back on the IDs themselves, slower and exact.
        group, first = factorized(ids.take(known).to_pandas().to_numpy(object))
        again = first[group] != np.arange(known.size)
        later, earlier = known[again], known[first[group[again]]]
    kind = (month[later] != month[earlier]).astype(np.int8)
    kind[(place[later] != place[earlier]) | (offence[later] != offence[earlier])] = 2
    return later, kind


def _id_keys(ids: pa.ChunkedArray) -> np.ndarray:
    """A number for each ID under a key that is drawn anew and never leaves this function."""
    secret = np.frombuffer(secrets.token_bytes(64), np.uint64) | np.uint64(1)
    keys = [np.zeros(len(chunk), np.uint64) for chunk in ids.chunks]
    for chunk, key in zip(ids.chunks, keys, strict=True):
        given = chunk.drop_null()
        if not len(given):
            continue
        offsets = np.frombuffer(given.buffers()[1], np.int32)[given.offset :][: len(given) + 1]
        if (np.diff(offsets) == 64).all():
            text = np.frombuffer(given.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
            number = (text.view(np.uint64).reshape(-1, 8) * secret).sum(axis=1, dtype=np.uint64)
        else:
            # Python keys its own hash of text anew in every process.
            number = np.fromiter(map(hash, given.to_pylist()), np.int64, len(given)).view(np.uint64)
        key[chunk.is_valid().to_numpy(zero_copy_only=False)] = number
    return np.concatenate(keys) if keys else np.zeros(0, np.uint64)
