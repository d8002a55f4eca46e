"""Which periods a submitted forecast speaks of."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import xarray as xr

from hotspot._checks import local_timestamp
from hotspot._typing import IntArray
from hotspot.errors import DateError, FileFormatError, ParameterError
from hotspot.grid.periods import make_periods


def periods_of_rows(
    table: pd.DataFrame,
    meanings: dict[str, object],
    *,
    given: tuple[object, object],
    length: str | None,
    time_zone: str,
) -> tuple[pd.IntervalIndex, IntArray]:
    """The periods, ascending, and the number of each row's.

    Raises
    ------
    ParameterError
        If neither file nor caller says when a period begins and ends, or both do.
    DateError
        If a time cannot be read, or a period ends before it begins or within the next.
    """
    start, end = given
    if "start" not in meanings:
        return _one_period(start, end, length, time_zone), np.zeros(len(table), np.int64)
    if start is not None:
        raise ParameterError(
            f"start={start!r} was given, but column {meanings['start']!r} holds the periods."
        )
    starts, row = _instants(table[meanings["start"]], time_zone)
    if "end" in meanings:
        ends, row_end = _instants(table[meanings["end"]], time_zone)
        pairs = sorted({(a, b) for a, b in zip(row.tolist(), row_end.tolist(), strict=True)})
        if len(pairs) != len(starts):
            raise DateError("Some period begins with one start and two ends in the file.")
        right = [ends[b] for _, b in pairs]
    elif length is not None:
        right = [
            make_periods(a, count=1, length=length, time_zone=time_zone)[0].right for a in starts
        ]
    elif end is not None and len(starts) == 1:
        right = [local_timestamp(end, time_zone)]
    else:
        raise ParameterError(
            "The file says when its periods begin but not when they end. Give length, such as "
            '"month", or a column with columns={"end": NAME}.'
        )
    return _checked(starts, right), row


def periods_of(submitted: xr.Dataset) -> pd.IntervalIndex:
    """The periods of a submitted forecast, left-closed, in its time zone.

    Parameters
    ----------
    submitted : Dataset
        As :func:`hotspot.read_forecast` gives it.

    Returns
    -------
    IntervalIndex
    """
    zone = submitted.attrs["time_zone"]
    left, right = (
        pd.DatetimeIndex(submitted[name].to_numpy()).tz_localize(
            zone, ambiguous=np.ones(submitted.sizes["time"], bool), nonexistent="shift_forward"
        )
        for name in ("time", "time_end")
    )
    return pd.IntervalIndex.from_arrays(left, right, closed="left")


def _one_period(start, end, length, time_zone) -> pd.IntervalIndex:
    if start is None or (end is None) == (length is None):
        raise ParameterError(
            "The file does not say which period it is of. Give start and end, or start and "
            'length, such as start="2024-01-01", end="2024-02-01".'
        )
    if length is not None:
        return make_periods(start, count=1, length=length, time_zone=time_zone)
    return _checked([local_timestamp(start, time_zone)], [local_timestamp(end, time_zone)])


def _instants(column: pd.Series, time_zone: str) -> tuple[list[pd.Timestamp], IntArray]:
    """The distinct instants of a column, ascending, and which one each row holds."""
    codes, distinct = pd.factorize(column)
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0])
        raise FileFormatError(f"Column {column.name!r} holds no time in row {row + 1}.")
    for value in distinct:
        # "14:00" would be taken for an hour of the day on which this is run.
        if isinstance(value, str) and not re.search(r"\d{4}", value):
            raise DateError(
                f'{value[:40]!r} is not a date with its year; write it like "2019-01-31".'
            )
    instants = [local_timestamp(_plain(value), time_zone) for value in distinct]
    order = sorted(set(instants))
    place = np.array([order.index(one) for one in instants])
    return order, place[codes]


def _plain(value: object) -> object:
    """Years or months that were read as numbers, so that they are refused as such."""
    return value.item() if isinstance(value, np.integer | np.floating) else value


def _checked(left: list[pd.Timestamp], right: list[pd.Timestamp]) -> pd.IntervalIndex:
    for i, (begin, finish) in enumerate(zip(left, right, strict=True)):
        if finish <= begin:
            raise DateError(f"A period ends at {finish}, not after it begins at {begin}.")
        if i + 1 < len(left) and finish > left[i + 1]:
            raise DateError(
                f"The period from {begin} ends at {finish}, within the next, which begins at "
                f"{left[i + 1]}."
            )
    zone = left[0].tz
    return pd.IntervalIndex.from_arrays(
        pd.DatetimeIndex(left).tz_convert(zone),
        pd.DatetimeIndex(right).tz_convert(zone),
        closed="left",
    )
