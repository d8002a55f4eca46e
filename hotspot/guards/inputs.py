"""Which columns may explain where offences are recorded, and which are groups to audit by."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hotspot.guards.outcome import settle

# Words in the name of a column that may not explain where offences are recorded: protected
# characteristics (Equality Act 2010), deprivation (its index holds recorded crime), and
# enforcement, which follows the police rather than offences.
_WORDS = """
    age disability disabled ethnic ethnicity race racial religion faith muslim christian jewish
    sex gender male female sexual orientation pregnancy maternity marriage marital nationality
    birth migrant black white asian mixed bame deprivation deprived imd idaci idaopi income
    benefit benefits unemployment stop search arrest arrests
"""
REFUSED = frozenset(_WORDS.split())


def require_permitted(names: Iterable[str]) -> None:
    """Refuse columns that are protected characteristics, deprivation or enforcement by name.

    Parameters
    ----------
    names : iterable of str

    Raises
    ------
    RefusedError
        G10; no override lets it pass.

    Examples
    --------
    >>> require_permitted(["households", "shops"])
    >>> require_permitted(["share_ethnic"])
    Traceback (most recent call last):
    hotspot.errors.RefusedError: [G10] 'share_ethnic' looks like a protected characteristic...
    """
    for name in names:
        words = set(re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", str(name)).lower()))
        if found := sorted(words & REFUSED):
            settle(
                "G10",
                f"'{name}' looks like a protected characteristic, a measure of deprivation or of "
                f"enforcement ('{found[0]}'), and a model of recorded offences here takes none: it "
                "would learn who was recorded, not where offences are.",
                remedy="Take households or land use; if the name misleads, rename the column.",
            )
