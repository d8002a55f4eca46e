"""What may be forecast: which offences, how many of them, in cells how small."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hotspot.guards.outcome import Finding, Override, settle

# Recorded because police searched or watched: their map is a map of where police were.
POLICE_INITIATED = frozenset(
    {
        "drugs",
        "possession of weapons",
        "public disorder and weapons",
        "stop and search",
        "drug trafficking",
        "drug possession",
        "going equipped",
    }
)
# Some of them: recorded by victims too, and published in one category.
PARTLY_POLICE_INITIATED = frozenset({"public order", "other crime"})
# Searches are no offences, whatever came of them.
SEARCHES = frozenset({"stop and search", "stop-and-search", "stop & search"})
FEWEST_EVENTS = 30
FINEST_CELL = 100.0  # metres, where places were moved to map points
COMFORTABLE = 2.5  # cell sides in spacings of the map points


@dataclass(frozen=True)
class Scope:
    """What a model was fitted to, and what guards had to say of it.

    Attributes
    ----------
    offences : tuple of str
        In order of the alphabet.
    events : int
        How many, before the cut-off.
    findings : tuple of Finding
        What was remarked, or let pass for a reason.
    """

    offences: tuple[str, ...] = ()
    events: int = 0
    findings: tuple[Finding, ...] = ()


NOT_SAID = Scope()  # of what was not fitted behind the door


def checked_scope(
    counts: Mapping[str, int],
    *,
    cell_size: float,
    place_resolution: float,
    overrides: Iterable[Override] = (),
) -> Scope:
    """The scope of a fit, if the guards let it pass.

    Parameters
    ----------
    counts : mapping of str to int
        Events by offence.
    cell_size, place_resolution : float
        Metres; a resolution of 0 is exact.
    overrides : iterable of Override

    Returns
    -------
    Scope

    Raises
    ------
    RefusedError
        G3 or G7 without an override. Few events (G8) are remarked here and refused by
        :func:`require_enough`, when a forecast is to be issued: a map of three events can be
        worked out by hand, but not be published.

    Examples
    --------
    >>> checked_scope({"Burglary": 400}, cell_size=250.0, place_resolution=0.0).findings
    ()
    >>> checked_scope({"Drugs": 400}, cell_size=250.0, place_resolution=0.0)
    Traceback (most recent call last):
    hotspot.errors.RefusedError: [G7] 'Drugs' is recorded where police look for it...
    """
    given = tuple(overrides)
    findings = [
        *_of_offences(counts, given),
        *_of_cells(cell_size, place_resolution, given),
        *_of_numbers(counts, given),
    ]
    return Scope(tuple(sorted(counts)), int(sum(counts.values())), tuple(findings))


def require_enough(scope: Scope) -> None:
    """Refuse to issue a forecast from too few events, unless somebody let it pass.

    Raises
    ------
    RefusedError
        G8.
    """
    for finding in scope.findings:
        if finding.code == "G8" and not finding.overridden:
            settle(
                "G8",
                finding.message,
                remedy="Take a longer window, a larger region, or forecast the total alone.",
            )


def _of_offences(counts: Mapping[str, int], overrides: tuple[Override, ...]) -> Iterable[Finding]:
    total = sum(counts.values())
    for name in sorted(counts):
        known = name.strip().lower()
        share = counts[name] / total if total else 0.0
        if known in SEARCHES:
            yield settle(
                "G7",
                f"'{name}' counts what police did and no offence, so that nothing is left to "
                "forecast; no reason lets it pass.",
                remedy="Leave it out of the events: events.select(offences=...).",
            )
        elif known in POLICE_INITIATED:
            yield settle(
                "G7",
                f"'{name}' is recorded where police look for it ({share:.0%} of the events): a "
                "forecast would foretell searches.",
                remedy="Forecast what victims report: events.select(offences=...).",
                overrides=overrides,
            )
        elif known in PARTLY_POLICE_INITIATED:
            yield Finding(
                "G7",
                f"'{name}' ({share:.0%} of the events) is in part recorded where police look for "
                "it.",
            )


def _of_cells(cell_size: float, spacing: float, overrides: tuple[Override, ...]):
    if spacing <= 0:
        return
    finest = max(spacing, FINEST_CELL)
    if cell_size < finest * (1 - 1e-9):
        yield settle(
            "G3",
            f"Cells of {cell_size:g} m are finer than the places were published: map points lie "
            f"about {spacing:.0f} m apart, and {FINEST_CELL:g} m is the least.",
            remedy=f"Take cells of at least {finest:.0f} m, better {COMFORTABLE * spacing:.0f}.",
            overrides=overrides,
        )
    elif cell_size < COMFORTABLE * spacing:
        yield Finding(
            "G3",
            f"Cells of {cell_size:g} m are {cell_size / spacing:.1f} spacings of the map points "
            f"({spacing:.0f} m): below {COMFORTABLE:g} more than a fifth of offences are published "
            "in a cell next to their own.",
        )


def _of_numbers(counts: Mapping[str, int], overrides: tuple[Override, ...]):
    total = sum(counts.values())
    if total < FEWEST_EVENTS:
        told = f"{total:,} events are too few for a map: at least {FEWEST_EVENTS} are needed."
        passed = next((one for one in overrides if one.code == "G8"), None)
        yield Finding("G8", told, *(() if passed is None else (passed.reason, passed.role)))
