"""What is remarked of a record: its age, breaks that were published, areas with few events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from hotspot.guards.outcome import Finding, settle
from hotspot.guards.scope import FEWEST_EVENTS

OLDEST = pd.DateOffset(months=3)  # from the end of the data to the first period forecast
# Known from what forces and police.uk published, not found in the data.
PUBLISHED_BREAKS = (
    ("2011-12", "data.police.uk drew a new list of map points; places before and after differ."),
    ("2013-05", "Categories of offences were divided; some names ended, others began."),
    ("2024-02", "The Metropolitan Police moved its records to CONNECT on 28 February 2024."),
)


def of_age(cutoff: pd.Timestamp, first: pd.Timestamp) -> Iterator[Finding]:
    """G14, where the data end more than three months before the first period forecast.

    Parameters
    ----------
    cutoff : Timestamp
        Nothing at or after it was used.
    first : Timestamp
        Begin of the first period.

    Yields
    ------
    Finding

    Examples
    --------
    >>> cutoff = pd.Timestamp("2024-01-01", tz="Europe/London")
    >>> list(of_age(cutoff, pd.Timestamp("2024-04-01", tz="Europe/London")))
    []
    >>> [one.code for one in of_age(cutoff, pd.Timestamp("2024-05-01", tz="Europe/London"))]
    ['G14']
    """
    ended = cutoff.tz_convert(first.tz)
    if first > ended + OLDEST:
        yield settle(
            "G14",
            f"The data end on {ended:%Y-%m-%d}, and the first period begins on "
            f"{first:%Y-%m-%d}, more than three months later.",
            remedy="",
        )


def published_breaks(
    source: str, first: pd.Timestamp, last: pd.Timestamp
) -> Iterator[tuple[str, str]]:
    """Month and words of each published break of police.uk inside a window, if it is its record.

    The first month of a window is of the new regime already.
    """
    name = source.lower()
    if "police.uk" in name and "simulated" not in name:
        for month, told in PUBLISHED_BREAKS:
            if f"{first:%Y-%m}" < month < f"{last:%Y-%m}":
                yield month, told


def of_breaks(source: str, first: pd.Timestamp, last: pd.Timestamp) -> Iterator[Finding]:
    """G13, one for each published break that a record crosses.

    Parameters
    ----------
    source : str
        Name of the record.
    first, last : Timestamp
        Local begin and end of what a model may learn from.

    Yields
    ------
    Finding

    Examples
    --------
    >>> window = (pd.Timestamp("2023-01-01"), pd.Timestamp("2025-01-01"))
    >>> [one.message for one in of_breaks("data.police.uk", *window)]
    ['The record crosses a break (2024-02): The Metropolitan Police moved its records to CONNECT...]
    """
    for month, told in published_breaks(source, first, last):
        yield settle("G13", f"The record crosses a break ({month}): {told}", remedy="")


def of_areas(counts: Mapping[str, int]) -> Iterator[Finding]:
    """G8 of areas: those whose own record is too short to tell more than chance.

    It remarks and does not refuse: the map of the whole region rests on all events, but a bound
    shown for one area is hardly its own.

    Parameters
    ----------
    counts : mapping of str to int
        Events of the training window in each area.

    Yields
    ------
    Finding

    Examples
    --------
    >>> [one.message for one in of_areas({"Camden": 400, "City of London": 12})]
    ['Fewer than 30 events were recorded in City of London (12): what is shown there is hardly...]
    """
    few = {name: count for name, count in counts.items() if count < FEWEST_EVENTS}
    if few:
        named = ", ".join(f"{name} ({count:,})" for name, count in sorted(few.items()))
        yield Finding(
            "G8",
            f"Fewer than {FEWEST_EVENTS} events were recorded in {named}: what is shown there is "
            "hardly its own.",
        )
