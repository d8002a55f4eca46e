"""Columns that identify persons, and free text: never taken, with no way round."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from hotspot.guards.outcome import settle

# Words of a column's name that say whose or who. "name" alone may be a street's or a borough's.
_WHO_WORDS = """
    surname forename firstname lastname fullname dob birth birthday birthdate nhs nino pncid pnc cro
    custody arrestee detainee suspect offender victim complainant witness nominal accused defendant
    passport phone telephone mobile msisdn imei imsi email mail vrm numberplate plate registration
    uprn postcode ip mac facebook twitter instagram username gang ethnicity ethnic race religion
    nationality disability gender sex
"""
_WHO = frozenset(_WHO_WORDS.split())
_PAIRS = (
    frozenset({"first", "name"}),
    frozenset({"last", "name"}),
    frozenset({"full", "name"}),
    frozenset({"national", "insurance"}),
    frozenset({"number", "plate"}),
    frozenset({"home", "address"}),
    frozenset({"date", "birth"}),
)
# What such columns hold, whatever they are called.
_HOLDS = {
    "PNC identifiers": r"\d{2,4}/\d{7}[A-Z]",
    "National Insurance numbers": (
        r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]"
    ),
    "NHS numbers": r"\d{3} \d{3} \d{4}",
    "email addresses": r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}",
    "telephone numbers": r"(?:\+44 ?|0)(?:\d[ -]?){9,10}",
    "full postcodes": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}",
    "vehicle registrations": r"[A-Z]{2}\d{2} ?[A-Z]{3}",
    "IP addresses": r"(?:\d{1,3}\.){3}\d{1,3}",
}
_PATTERNS = {
    what: re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])")
    for what, pattern in _HOLDS.items()
}
_LONG = 40  # characters of a text that is a sentence
_UNIQUE = 0.1  # share of rows with a text of their own
_FREE_TEXT = frozenset({"notes", "note", "context", "mo", "narrative", "description", "summary",
                        "comment", "comments", "details", "text", "remarks"})  # fmt: skip


def require_no_persons(table: pd.DataFrame, *, kept: Iterable[str]) -> None:
    """Refuse a table with columns that identify persons, and free text that is to be kept.

    Names of all columns are looked at, since what identifies persons has no business here even
    unread; the content only of those that would be kept.

    Parameters
    ----------
    table : DataFrame
    kept : iterable of str
        Columns that would become part of the events.

    Raises
    ------
    RefusedError
        G1 or G2; no override lets either pass.

    Notes
    -----
    O(distinct values) of text columns. It knows formats and words: a column that hides names under
    a harmless title and in no format is not found, and the one who hands it over answers for it.

    Examples
    --------
    >>> require_no_persons(pd.DataFrame({"victim_name": ["A"]}), kept=())
    Traceback (most recent call last):
    hotspot.errors.RefusedError: [G1] Column 'victim_name' identifies persons ('victim')...
    """
    for column in map(str, table.columns):
        if (word := _person_word(column)) is not None:
            settle(
                "G1",
                f"Column '{column}' identifies persons ('{word}').",
                remedy="Drop it before the table is handed over: table.drop(columns=...).",
            )
    for column in kept:
        if column in table:
            _require_no_person_inside(column, table[column])


def identifiers_in(text: str) -> tuple[str, ...]:
    """Kinds of identifiers of persons that a text seems to hold; none for most.

    Parameters
    ----------
    text : str

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> identifiers_in("Ask j.smith@example.org about AB12 CDE")
    ('email addresses', 'vehicle registrations')
    >>> identifiers_in("Weekend staffing was already decided")
    ()
    """
    return tuple(what for what, pattern in _PATTERNS.items() if pattern.search(text))


def _person_word(column: str) -> str | None:
    words = _words(column)
    if found := sorted(words & _WHO):
        return found[0]
    return next((" ".join(sorted(pair)) for pair in _PAIRS if pair <= words), None)


def _words(column: str) -> set[str]:
    apart = re.sub(r"([a-z])([A-Z])|([A-Z])(?=[A-Z][a-z])", r"\1\3 \2", column)
    return set(re.findall(r"[a-z]+", apart.lower()))


def _require_no_person_inside(column: str, values: pd.Series) -> None:
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return
    texts = pd.unique(values.dropna().astype(str))
    for what, pattern in _PATTERNS.items():
        found = sum(pattern.search(text) is not None for text in texts)
        if found:
            settle(
                "G1",
                f"Column '{column}' holds {what} ({found:,} distinct values).",
                remedy="Drop the column before the table is handed over.",
            )
    long = np.mean([len(text) > _LONG for text in texts]) if len(texts) else 0.0
    named = _words(column) & _FREE_TEXT
    if named or (long > 0.5 and len(texts) > max(_UNIQUE * len(values), 1)):
        settle(
            "G2",
            f"Column '{column}' is free text ({len(texts):,} distinct values in {len(values):,} "
            "rows).",
            remedy="Keep a coded mark instead, such as the kind of premises.",
        )
