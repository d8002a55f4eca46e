"""Was a forecast set down before anybody could know the outcome? What follows from the facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from hotspot.errors import ParameterError
from hotspot.guards.outcome import settle

PROSPECTIVE, RETROSPECTIVE = "prospective", "retrospective"
OLDEST = pd.DateOffset(months=3)  # data, at the time a forecast is issued (G14)


@dataclass(frozen=True)
class Facts:
    """What decides whether a sealed forecast is prospective; all instants are tz-aware.

    Attributes
    ----------
    sealed_at : Timestamp
        When, by the clock of the machine that sealed it.
    starts, ends : tuple of Timestamp
        Of the sealed periods, in order.
    data_cutoff : Timestamp
        Nothing at or after it was used by a model.
    data_until : Timestamp or None
        Where the data that were handed in at sealing end; None if none were.
    published_from : Timestamp
        When the first outcome was, or is to be, published.
    """

    sealed_at: pd.Timestamp
    starts: tuple[pd.Timestamp, ...]
    ends: tuple[pd.Timestamp, ...]
    data_cutoff: pd.Timestamp
    data_until: pd.Timestamp | None
    published_from: pd.Timestamp


def label_of(facts: Facts) -> tuple[str, tuple[str, ...]]:
    """Prospective only if no outcome of the sealed periods could be known when it was sealed.

    Parameters
    ----------
    facts : Facts

    Returns
    -------
    (str, tuple of str)
        "prospective" or "retrospective"; why it is the latter, in words.

    Examples
    --------
    A forecast of March 2025, sealed on the 3rd of March from data up to January:

    >>> at = lambda day: pd.Timestamp(day, tz="Europe/London")
    >>> facts = Facts(at("2025-03-03"), (at("2025-03"),), (at("2025-04"),),
    ...               at("2025-02"), at("2025-02"), at("2025-05"))
    >>> label_of(facts)
    ('prospective', ())

    The same, sealed when the month had been published:

    >>> from dataclasses import replace
    >>> label_of(replace(facts, sealed_at=at("2025-05-02")))[0]
    'retrospective'
    """
    first, why = facts.starts[0], []
    if facts.data_cutoff > first:
        why.append(f"a model saw data up to {_day(facts.data_cutoff)}, after {_day(first)}")
    if facts.data_until is not None and facts.data_until > first:
        why.append(
            f"the data handed in at sealing reach to {_day(facts.data_until)} and so hold part of "
            f"the sealed periods, which begin at {_day(first)}"
        )
    if facts.sealed_at >= facts.published_from:
        why.append(
            f"it was sealed on {_day(facts.sealed_at)}, and the first outcome was published from "
            f"{_day(facts.published_from)} on"
        )
    return (RETROSPECTIVE if why else PROSPECTIVE), tuple(why)


def remarks_of(facts: Facts) -> tuple[str, ...]:
    """What the reader should know besides: old data, and periods that had begun."""
    said = []
    if facts.data_cutoff + OLDEST < facts.sealed_at:
        age = (facts.sealed_at - facts.data_cutoff).days
        said.append(
            settle(
                "G14",
                f"[G14] The data end at {_day(facts.data_cutoff)}, {age:,} days before it was "
                "sealed: more than 3 months.",
                remedy="",
            ).message
        )
    if facts.sealed_at >= facts.starts[0]:
        said.append(
            f"It was sealed after {_day(facts.starts[0])}, when the first period had begun: "
            "whoever sees unpublished records could have known part of the outcome."
        )
    return tuple(said)


def expired(facts: Facts, at: pd.Timestamp) -> str:
    """What is to be said of a use at an instant: empty inside the window, else EXPIRED (G14)."""
    return expiry(facts.ends[-1], at)


def expiry(end: pd.Timestamp, at: pd.Timestamp) -> str:
    """The same, of a forecast whose last period ends at `end`.

    Examples
    --------
    >>> day = lambda day: pd.Timestamp(day, tz="UTC")
    >>> expiry(day("2025-04-01"), day("2025-03-31"))
    ''
    >>> expiry(day("2025-04-01"), day("2025-04-02"))
    '[G14] EXPIRED: the forecast ended on 2025-04-01, and it is used on 2025-04-02.'
    """
    if at < end:
        return ""
    told = f"[G14] EXPIRED: the forecast ended on {_day(end)}, and it is used on {_day(at)}."
    return settle("G14", told, remedy="").message


def published_from(
    end: pd.Timestamp, *, stated: pd.Timestamp | None = None, lag: str = "1 month"
) -> tuple[pd.Timestamp, str]:
    """When the outcome of a period that ends at `end` is published, and how that is known.

    data.police.uk publishes a month about two months after it began, some weeks after its end. The
    default, a month after its end, is where that begins: a forecast sealed later is taken to
    be retrospective, whether or not publication was late.

    Parameters
    ----------
    end : Timestamp
    stated : Timestamp, optional
        Said by whoever seals.
    lag : str
        Such as "1 month" or "6 weeks", after the end.

    Raises
    ------
    ParameterError
        If it is stated to lie before the end of the period, or the lag is not understood.

    Examples
    --------
    >>> published_from(pd.Timestamp("2025-04-01", tz="Europe/London"))[0].isoformat()
    '2025-05-01T00:00:00+01:00'
    """
    if stated is not None:
        if stated < end:
            raise ParameterError(
                f"An outcome cannot have been published on {_day(stated)}, before its period ended "
                f"on {_day(end)}. Say when the data of the first sealed period came out."
            )
        return stated, "stated by whoever sealed it"
    number, _, unit = lag.strip().partition(" ")
    unit = unit.rstrip("s")
    if not number.isdecimal() or unit not in ("day", "week", "month"):
        raise ParameterError(
            f'publication_lag must be like "1 month", "6 weeks" or "45 days", got {lag!r}.'
        )
    return end + pd.DateOffset(**{f"{unit}s": int(number)}), f"{lag} after the first period's end"


def zoned(texts: Sequence[str]) -> tuple[pd.Timestamp, ...]:
    """Instants from their texts; refused without a time zone."""
    stamps = tuple(pd.Timestamp(text) for text in texts)
    if any(stamp.tzinfo is None for stamp in stamps):
        raise ParameterError(f"An instant needs a time zone, got {list(texts)}.")
    return stamps


def _day(when: pd.Timestamp) -> str:
    return f"{when:%Y-%m-%d}"
