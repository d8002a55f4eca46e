"""What every audit returns: a number with its interval and what it means, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hotspot.errors import ParameterError

Status = Literal["ok", "warn", "fail", "not_computable"]


@dataclass(frozen=True)
class AuditResult:
    """One finding of an audit.

    Attributes
    ----------
    code : str
        "A1" to "A17"; see :mod:`hotspot.audit`.
    name : str
        What was measured.
    value : float or None
        The number; None only where it cannot be computed.
    interval : tuple of float or None
        Within which it lies; None only where `reason` says why there is none.
    level : float
        Of the interval.
    n : int
        How many windows, events or cells it is made of.
    status : {"ok", "warn", "fail", "not_computable"}
    reason : str
        Why it warns, fails or cannot be computed.
    reading : str
        What it means, in plain English.
    groups : tuple of mapping
        One row a group, where there are groups: ``group``, ``value``, ``lower``, ``upper`` and
        what else belongs to it.
    inputs_sha256 : str
        Hash of what it was made of.

    Raises
    ------
    ParameterError
        If a result has a number and is not computable, has none and is, is NaN, or an interval
        does not hold.

    Examples
    --------
    >>> AuditResult("A3", "exposure ratio", 3.0, (2.1, 4.2), n=24, reading="Three times the flags.")
    AuditResult(code='A3', name='exposure ratio', value=3.0, ..., status='ok', ...)
    """

    code: str
    name: str
    value: float | None
    interval: tuple[float, float] | None
    n: int
    reading: str
    level: float = 0.95
    status: Status = "ok"
    reason: str = ""
    groups: tuple[Mapping[str, Any], ...] = ()
    inputs_sha256: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != (self.status == "not_computable"):
            raise ParameterError(
                f"{self.code}: a result has a value, or is not computable and says why; got "
                f"{self.value} and {self.status!r}."
            )
        if self.status != "ok" and not self.reason:
            raise ParameterError(f"{self.code}: {self.status!r} needs a reason.")
        if self.value is None:
            return
        object.__setattr__(self, "value", float(self.value))
        if math.isnan(self.value):
            raise ParameterError(f"{self.code}: NaN is no answer; say why it cannot be computed.")
        if self.interval is None and not self.reason:
            raise ParameterError(f"{self.code}: a value without an interval needs a reason.")
        if self.interval is not None:
            lower, upper = map(float, self.interval)
            if not lower <= upper:
                raise ParameterError(f"{self.code}: the interval {self.interval} does not hold.")
            object.__setattr__(self, "interval", (lower, upper))

    def to_json(self) -> dict[str, Any]:
        """Plain types, for a report, a card or a ledger; infinite ends as text."""
        told = asdict(self)
        told["interval"] = None if self.interval is None else [_finite(x) for x in self.interval]
        told["value"] = None if self.value is None else _finite(self.value)
        told["groups"] = [
            {key: _finite(value) for key, value in row.items()} for row in self.groups
        ]
        return told


def not_computable(code: str, name: str, reason: str, *, n: int = 0) -> AuditResult:
    """The result of an audit that cannot say, and says so.

    Examples
    --------
    >>> not_computable("A3", "exposure ratio", "Nobody lives in the group.").status
    'not_computable'
    """
    return AuditResult(
        code, name, None, None, n=n, status="not_computable", reason=reason,
        reading=f"This could not be measured: {reason}",
    )  # fmt: skip


def worst(results: Sequence[AuditResult]) -> Status:
    """The worst status among results; one that could not be computed counts as a warning."""
    order: dict[Status, int] = {"ok": 0, "not_computable": 1, "warn": 1, "fail": 2}
    found = max((order[one.status] for one in results), default=0)
    return ("ok", "warn", "fail")[found]


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.item() if hasattr(value, "item") else value
