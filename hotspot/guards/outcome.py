"""A guard is set off: it refuses, lets pass on the record, or remarks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hotspot.errors import ParameterError, RefusedError
from hotspot.guards.catalogue import GUARDS

_FEWEST_WORDS = 3


@dataclass(frozen=True)
class Override:
    """Let one guard pass, for a reason that goes on the record and on the card's first line.

    Attributes
    ----------
    code : str
        Of the guard, such as "G7".
    reason : str
        Why, in three words or more; printed wherever the forecast is.
    role : str
        Who decided, as a role.

    Raises
    ------
    ParameterError
        If there is no such guard, it cannot be overridden, or no reason is given.

    Examples
    --------
    >>> Override("G7", reason="audit of drug recording, not for patrols").code
    'G7'
    >>> Override("G1", reason="we would like to know")
    Traceback (most recent call last):
    hotspot.errors.ParameterError: G1 (a column that identifies persons) cannot be overridden...
    """

    code: str
    reason: str
    role: str = "analyst"

    def __post_init__(self) -> None:
        guard = GUARDS.get(self.code)
        if guard is None:
            raise ParameterError(
                f"There is no guard {self.code!r}; known: {', '.join(GUARDS)}. "
                "hotspot.guards.GUARDS describes them."
            )
        if guard.level != "override":
            said = "cannot be overridden" if guard.level == "refuse" else "refuses nothing"
            raise ParameterError(f"{guard.code} ({guard.title}) {said}. {guard.why}")
        if not isinstance(self.reason, str) or len(self.reason.split()) < _FEWEST_WORDS:
            raise ParameterError(
                f"An override of {self.code} needs a reason in words that can be printed on the "
                f"card, got {self.reason!r}."
            )


@dataclass(frozen=True)
class Finding:
    """What a guard remarked, or let pass.

    Attributes
    ----------
    code : str
    message : str
        What was found, with numbers.
    overridden : str
        The reason why it was let pass; empty if it only remarks.
    role : str
        Who decided to let it pass.
    """

    code: str
    message: str
    overridden: str = ""
    role: str = ""


def settle(code: str, message: str, *, remedy: str, overrides: Iterable[Override] = ()) -> Finding:
    """What comes of a guard that was set off.

    Parameters
    ----------
    code : str
    message : str
        What was given and what was expected.
    remedy : str
        What to do instead.
    overrides : iterable of Override

    Returns
    -------
    Finding
        If the guard only remarks, or an override lets it pass.

    Raises
    ------
    RefusedError
        If it refuses, and nothing lets it pass.

    Examples
    --------
    >>> settle("G13", "The window crosses 2020-04.", remedy="").message
    'The window crosses 2020-04.'
    """
    level = GUARDS[code].level
    if level == "remark":
        return Finding(code, message)
    let_pass = next((one for one in overrides if one.code == code), None)
    if level == "override" and let_pass is not None:
        return Finding(code, message, overridden=let_pass.reason, role=let_pass.role)
    if level == "override":
        remedy = (
            f"{remedy} To go on all the same, give a reason that will be printed with the "
            f'forecast: events.overriding("{code}", reason="..."), or [[override]] in a study.'
        )
    raise RefusedError(code, message, remedy=remedy, may_be_overridden=level == "override")
