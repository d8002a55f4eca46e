"""Columns that identify persons, and free text: never taken, with no way round."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from hotspot.guards.outcome import settle

# Words of a column's name that say who. "name" alone may be a street's or a borough's.
_WHO_WORDS = """
    surname forename firstname lastname fullname dob birthday birthdate nhs nino pncid pnc cro
    arrestee detainee suspect offender victim complainant witness nominal accused defendant
    passport telephone msisdn imei imsi vrm numberplate uprn facebook twitter instagram username
    gang ethnicity ethnic religion nationality disability gender
"""
_WHO = frozenset(_WHO_WORDS.split())
# Words of what persons have or are, which a thing, a place or an offence may have as well: these
# identify unless another word of the name says that they do not.
_HAS_WORDS = """
    birth phone mobile email mail registration plate postcode ip mac race sex custody address
"""
_HAS = frozenset(_HAS_WORDS.split())
_OF_A_THING = frozenset(
    """
    theft stolen robbery snatch offence crime sexual kind type class category count total rate share
    distance near shop store mast box office depot company business district sector area suite
    centre course ground works valid present missing has
    """.split()  # noqa: SIM905
)
_NUMBERED = frozenset({"no", "num", "number", "ref", "reference", "id", "identifier", "text"})
_PAIRS = (
    frozenset({"first", "name"}),
    frozenset({"last", "name"}),
    frozenset({"full", "name"}),
    frozenset({"family", "name"}),
    frozenset({"given", "name"}),
    frozenset({"maiden", "name"}),
    frozenset({"middle", "name"}),
    frozenset({"owner", "name"}),
    frozenset({"person", "name"}),
    frozenset({"driver", "name"}),
    frozenset({"person", "id"}),
    frozenset({"person", "ref"}),
    frozenset({"national", "insurance"}),
    frozenset({"driving", "licence"}),
    frozenset({"number", "plate"}),
    frozenset({"home", "address"}),
    frozenset({"post", "code"}),
    frozenset({"user", "name"}),
    frozenset({"date", "birth"}),
)
_MONTHS = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_HEX = "[0-9A-Fa-f]"
# What such columns hold, whatever they are called.
_HOLDS = {
    "PNC identifiers": r"\d{2,4}/\d{7}[A-Z]",
    "criminal record numbers": r"\d{3,6}/\d{2}[A-Z]",
    "National Insurance numbers": (
        r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]"
    ),
    "NHS numbers": r"\d{3}([ -])\d{3}\1\d{4}",
    "driving licence numbers": r"[A-Z9]{5}\d{6}[A-Z9]{2}\d[A-Z]{2}",
    "email addresses": r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}",
    # At least two digits follow the 0 without a break: 01-02-2024 10:30 is a time.
    "telephone numbers": (
        r"(?:\+44 ?(?:\(0\) ?)?|0044 ?|\(?0(?=\d\d))(?:\d\)?[ -]?){9,10}|\+\d{1,3}(?:[ -]?\d){8,12}"
    ),
    # No inward part has C, I, K, M, O or V.
    "full postcodes": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[ABD-HJLNP-UW-Z]{2}",
    "vehicle registrations": (
        rf"(?!(?:FY|CY)\d\d ?(?:{_MONTHS}))[A-Z]{{2}}\d{{2}} ?[A-Z]{{3}}"
        r"|[A-HJ-NPR-Y]\d{3} [A-Z]{3}"
    ),
    "IP addresses": r"(?=[\d.]*\d\d)(?:\d{1,3}\.){3}\d{1,3}",
    "network addresses of devices": (
        rf"(?:{_HEX}{{2}}[:-]){{5}}{_HEX}{{2}}|(?:{_HEX}{{1,4}}:){{7}}{_HEX}{{1,4}}"
    ),
    "dates of birth": r"(?i:d\.?o\.?b\.?|born)(?: on)?[ :]{1,3}\d{1,4}[-/. ]",
}
_PATTERNS = {
    what: re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])")
    for what, pattern in _HOLDS.items()
}
# Its pattern ends before the date does.
_PATTERNS["dates of birth"] = re.compile(rf"(?<![A-Za-z0-9])(?:{_HOLDS['dates of birth']})")
_TEN = re.compile(r"\d{10}")
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
    return tuple(what for what, pattern in _PATTERNS.items() if _holds(text, pattern))


def _holds(text: str, pattern: re.Pattern[str]) -> bool:
    """Whether it stands somewhere in the text, or is all of it in small letters."""
    if pattern.search(text):
        return True
    whole = text.strip()
    return whole.islower() and pattern.fullmatch(whole.upper()) is not None


def _person_word(column: str) -> str | None:
    words = _words(column)
    words |= {word.removesuffix("es") for word in words} | {
        word.removesuffix("s") for word in words
    }
    if found := sorted(words & _WHO):
        return found[0]
    has = sorted(words & _HAS)
    # What a number or a reference stands beside is somebody's, whatever else the name says.
    if has and (not words & _OF_A_THING or words & _NUMBERED):
        return has[0]
    return next((" ".join(sorted(pair)) for pair in _PAIRS if pair <= words), None)


def _words(column: str) -> set[str]:
    apart = re.sub(r"([a-z])([A-Z])|([A-Z])(?=[A-Z][a-z])", r"\1\3 \2", column)
    return set(re.findall(r"[a-z]+", apart.lower()))


def _nhs_numbers(texts: np.ndarray) -> int:
    """How many are unspaced NHS numbers, if most of ten digits are: by chance one in eleven is."""
    ten = [text.strip() for text in texts if _TEN.fullmatch(text.strip())]
    valid = sum(_checks(text) for text in ten)
    return valid if valid > len(ten) / 2 else 0


def _checks(number: str) -> bool:
    """Whether the last digit is that of a sum modulo 11."""
    total = sum(
        int(digit) * weight for digit, weight in zip(number[:9], range(10, 1, -1), strict=True)
    )
    return (11 - total % 11) % 11 == int(number[9])


def _require_no_person_inside(column: str, values: pd.Series) -> None:
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return
    texts = pd.unique(values.dropna()).astype(str)
    for what, pattern in _PATTERNS.items():
        found = sum(_holds(text, pattern) for text in texts)
        if what == "NHS numbers":
            found += _nhs_numbers(texts)
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
