"""A hash of what a backtest says, the same wherever and however it was made."""

from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import xarray as xr


def backtest_hash(result: xr.Dataset | str | os.PathLike[str]) -> str:
    """One number that two backtests share if every value in them is the same, bit for bit.

    It does not depend on workers, interruptions, chunks, compression, or on whether the result
    lies in memory or in a store.

    Parameters
    ----------
    result : Dataset, or path of a store
        As :func:`hotspot.backtest` gives it, or what its ``store`` was.

    Returns
    -------
    str
        SHA-256 in hexadecimal, of the values and labels of every variable and coordinate, fold
        after fold, and of the attributes. All NaN count as one.

    Raises
    ------
    StoreError
        If `result` is a path at which there is no finished backtest.

    Notes
    -----
    Reads one fold at a time; about 2 s for a gigabyte that lies in memory.

    Examples
    --------
    >>> one = xr.Dataset({"expected_count": (("fold", "x"), [[0.5, 1.5]])}, {"x": [0, 1]})
    >>> backtest_hash(one) == backtest_hash(one.copy(deep=True)), len(backtest_hash(one))
    (True, 64)
    >>> backtest_hash(one) == backtest_hash(one * 1.0000000000000002)  # the last bit
    False
    """
    if not isinstance(result, xr.Dataset):
        from hotspot.backtesting.store import open_backtest

        result = open_backtest(result)
    whole = hashlib.sha256()
    attributes = {str(key): _plain(value) for key, value in result.attrs.items()}
    whole.update(json.dumps(attributes, sort_keys=True).encode())
    for name in sorted(map(str, result.coords)):
        whole.update(f"{name} {result[name].dims} {array_hash(result[name])}".encode())
    by_fold = sorted(str(name) for name, one in result.data_vars.items() if "fold" in one.dims)
    for name in sorted(set(map(str, result.data_vars)) - set(by_fold)):
        whole.update(f"{name} {result[name].dims} {array_hash(result[name])}".encode())
    for fold in range(result.sizes.get("fold", 0)):
        for name in by_fold:
            one = result[name].isel(fold=fold)
            whole.update(f"{name} {one.dims} {array_hash(one)}".encode())
    return whole.hexdigest()


def array_hash(values: xr.DataArray | np.ndarray) -> str:
    """SHA-256 of the type, shape and values of one array; little-endian, all NaN alike."""
    array = np.asarray(values)
    if array.dtype.kind in "OUSTM":
        # Texts of one meaning may be stored at several widths, times at several resolutions.
        listed = array.astype("datetime64[us]") if array.dtype.kind == "M" else array
        written = json.dumps([str(one) for one in listed.ravel()]).encode()
        kind = array.dtype.kind if array.dtype.kind == "M" else "text"
    else:
        kind = array.dtype.str.lstrip("<>|=")
        if array.dtype.kind == "f":
            array = np.where(np.isnan(array), array.dtype.type(np.nan), array)
        written = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data
    whole = hashlib.sha256(f"{kind} {array.shape} ".encode())
    whole.update(written)
    return whole.hexdigest()


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
