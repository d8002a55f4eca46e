"""The guards by code: what each holds back, whether a reason lets it pass, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True)
class Guard:
    """One guard.

    Attributes
    ----------
    code : str
        "G1" to "G16".
    title : str
        What sets it off.
    level : {"refuse", "override", "remark"}
        Refuse always; refuse unless an override gives a reason; or go on and remark it.
    why : str
        What would go wrong without it, in a sentence for somebody who is not a statistician.
    raises : tuple of str
        Names of the errors in :mod:`hotspot.errors` that stand for it, in the order of its doors.
        Empty for what only remarks.
    """

    code: str
    title: str
    level: Literal["refuse", "override", "remark"]
    why: str
    raises: tuple[str, ...] = ("RefusedError",)


_ALL = (
    Guard(
        "G1",
        "a column that identifies persons",
        "refuse",
        "Places are forecast here, never persons; what is not held cannot leak.",
    ),
    Guard(
        "G2",
        "free text",
        "refuse",
        "Notes name victims, suspects and addresses without anybody having meant to publish them.",
    ),
    Guard(
        "G3",
        "cells finer than the places were published",
        "override",
        "Published places are moved to map points; a finer map shows the points and not the city.",
    ),
    Guard(
        "G4",
        "a small count from restricted input",
        "refuse",
        "A count of one or two in a small place can tell who it was.",
    ),
    Guard(
        "G5",
        "periods shorter than times were recorded",
        "refuse",
        "The month of an offence does not tell its day, and no model can put it back.",
        ("ResolutionError",),
    ),
    Guard(
        "G6",
        "triggering from tied times",
        "refuse",
        "Times that were rounded make triggering out of nothing: a record without any, rounded to "
        "months, seems to trigger nearly all of itself.",
        ("ResolutionError", "RefusedError", "EstimateOnBoundError"),
    ),
    Guard(
        "G7",
        "offences that are recorded where police look for them",
        "override",
        "A forecast of drug or weapon possession foretells where officers will search, and sends "
        "them there.",
    ),
    Guard(
        "G8",
        "too few events",
        "override",
        "Of a few offences a map shows chance; their total can still be told.",
    ),
    Guard(
        "G9",
        "a forecast without bounds",
        "refuse",
        "A number without its bounds is taken to be sure.",
        ("ForecastError",),
    ),
    Guard(
        "G10",
        "a protected characteristic or deprivation as an input",
        "refuse",
        "A model that takes them learns who was recorded. They are groups to audit by.",
    ),
    Guard(
        "G11",
        "a forecast that has seen its future",
        "refuse",
        "It looks better than it can ever be again.",
        ("LeakError",),
    ),
    Guard(
        "G12",
        "a record of another place, or with months missing",
        "refuse",
        "A month that was not published is not a month without offences.",
        ("GridMismatchError", "CoordinateError", "UnknownNameError", "CoverageError"),
    ),
    Guard(
        "G13",
        "a training window that crosses a break in the record",
        "remark",
        "A change in how offences are recorded looks like a change in offences.",
        (),
    ),
    Guard(
        "G14",
        "old data, or a forecast past its window",
        "remark",
        "It describes a city of some months ago.",
        (),
    ),
    Guard(
        "G15",
        "a large share of the area flagged, or the same cells every time",
        "remark",
        "Who lives there bears all of it.",
        (),
    ),
    Guard(
        "G16",
        "a map that a small change would alter",
        "remark",
        "Which side of a line a street falls on is then chance.",
        (),
    ),
)
GUARDS = MappingProxyType({guard.code: guard for guard in _ALL})
