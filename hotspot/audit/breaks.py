"""Did the record change its ways in the window that a model learned from?"""

from __future__ import annotations

import warnings

import pandas as pd

from hotspot.audit.result import AuditResult, not_computable
from hotspot.breaks.find import find_breaks
from hotspot.data.events import Events
from hotspot.errors import DataQualityWarning, TooFewEventsError
from hotspot.guards.record import published_breaks


def breaks_in_training(
    events: Events, *, window: int | None = None, end: pd.Timestamp | None = None
) -> AuditResult:
    """Does the window that a model learns from cross a break in the record? (A11)

    Parameters
    ----------
    events : Events
    window : int, optional
        Months before the cut-off that are learned from; default the whole record.
    end : Timestamp, optional
        The cut-off.

    Returns
    -------
    AuditResult
        How many breaks lie in the window; it warns from the first on. ``groups`` name each, with
        those that are known from publications. No interval: the finder's chance of an alarm in an
        unbroken record is 5 %, and each finding has a p-value of its own.

    Notes
    -----
    A real change in offences looks the same: that is for people to tell apart.

    See Also
    --------
    hotspot.find_breaks : What finds them.

    Examples
    --------
    >>> from hotspot import load_sample
    >>> breaks_in_training(load_sample(offences="Burglary"), window=12).value
    0.0
    """
    name = "breaks of the record in the training window"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataQualityWarning)
        try:
            table = find_breaks(events, end=end)
        except TooFewEventsError as error:
            return not_computable("A11", name, str(error))
    last = (events.end if end is None else min(end, events.end)).tz_convert(events.time_zone)
    first = events.start.tz_convert(events.time_zone)
    if window is not None:
        first = max(first, last - pd.DateOffset(months=window))
    # The first month of a window is of the new regime already.
    inside = (table["month"] > f"{first:%Y-%m}") & (table["month"] < f"{last:%Y-%m}")
    rows = [
        {"group": f"{row.month}, {row.kind}, {row.where}", "value": float(row.size_),
         "p_value": float(row.p_value), "finding": row.finding}
        for row in table[inside].rename(columns={"size": "size_"}).itertuples()
    ]  # fmt: skip
    published = [
        {"group": f"{month}, published", "value": 1.0, "finding": told}
        for month, told in published_breaks(events.source.name, first, last)
    ]
    found = [*rows, *published]
    return AuditResult(
        "A11", name, float(len(found)), None, n=len(events), groups=tuple(found),
        status="warn" if found else "ok",
        reason=f"First: {found[0]['finding']}" if found
        else "None was found; the finder misses small and slow changes.",
        reading=f"The record from {first:%Y-%m} on changed {len(found)} times, in ways that look "
        "like a change in offences and may be one in recording." if found
        else f"No change in how offences were recorded was found from {first:%Y-%m} on.",
    )  # fmt: skip
