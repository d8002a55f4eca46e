"""The names under which police.uk publishes offences, past and present."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from hotspot.errors import UnknownNameError

# Slug of the API -> name in the CSV files. Three names were used until the categories were
# divided in May 2013: "Violent crime", "Public disorder and weapons", and an "Other crime" and
# "Other theft" that then still held bicycle theft, theft from the person and the rest. They are
# kept as published: to translate an old name into a new one would invent a category.
# https://data.police.uk/docs/method/crime-categories/
CSV_NAME_OF_SLUG = {
    "anti-social-behaviour": "Anti-social behaviour",
    "bicycle-theft": "Bicycle theft",
    "burglary": "Burglary",
    "criminal-damage-arson": "Criminal damage and arson",
    "drugs": "Drugs",
    "other-crime": "Other crime",
    "other-theft": "Other theft",
    "possession-of-weapons": "Possession of weapons",
    "public-disorder-weapons": "Public disorder and weapons",
    "public-order": "Public order",
    "robbery": "Robbery",
    "shoplifting": "Shoplifting",
    "theft-from-the-person": "Theft from the person",
    "vehicle-crime": "Vehicle crime",
    # The API still answers with the slug of the old name for what the CSV now calls this.
    "violent-crime": "Violence and sexual offences",
}
OFFENCES = tuple(sorted({*CSV_NAME_OF_SLUG.values(), "Violent crime"}))


def known_offences(offences: str | Iterable[str], known: Iterable[str] = OFFENCES) -> list[str]:
    """`offences` as a list, or an `UnknownNameError` that lists the near names."""
    wanted = [offences] if isinstance(offences, str) else list(offences)
    known = list(known)
    of_lower = {name.lower(): name for name in known}
    for name in wanted:
        if name in known:
            continue
        near = difflib.get_close_matches(str(name).lower(), list(of_lower), n=3, cutoff=0.5)
        hint = [of_lower[one] for one in near] or known
        raise UnknownNameError(f"No offence is called {name!r}. Did you mean one of {hint}?")
    if not wanted:
        raise UnknownNameError("`offences` is empty: name at least one, or leave it out for all.")
    return wanted
