"""A person decides: what was accepted or rejected, in which role, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hotspot.errors import ParameterError
from hotspot.guards.outcome import settle
from hotspot.guards.persons import identifiers_in
from hotspot.ledger import Entry, Ledger, file_record

ENOUGH = 20  # decisions, from which on none rejected is worth a question
_FEWEST_WORDS = 3


@dataclass(frozen=True)
class DecisionSummary:
    """How often people went against a forecast.

    Attributes
    ----------
    n, rejected : int
    rate, lower, upper : float
        Share rejected, with its exact (Clopper-Pearson) 95 % interval; NaN where n is 0.
    finding : str
        Set where nobody ever rejected one; else empty.

    Examples
    --------
    >>> print(summarise_decisions([]))
    No decisions are on record.
    """

    n: int
    rejected: int
    rate: float
    lower: float
    upper: float
    finding: str

    def __str__(self) -> str:
        if self.n == 0:
            return "No decisions are on record."
        told = (
            f"{self.n:,} decisions, {self.rejected:,} rejected: {self.rate:.1%} "
            f"(95 % interval {self.lower:.1%} to {self.upper:.1%})."
        )
        return f"{told}\nFinding: {self.finding}" if self.finding else told


def add_decision(
    ledger: Ledger,
    forecast: str | Path,
    *,
    accepted: bool,
    why: str,
    role: str,
    at: pd.Timestamp | None = None,
) -> Entry:
    """Put on record that somebody accepted or rejected a forecast, and why.

    Nothing follows from it by itself: there is no order, and no field for one.

    Parameters
    ----------
    ledger : Ledger
    forecast : path
        A forecast file (``.nc``).
    accepted : bool
    why : str
        In three words or more; no names, numbers or addresses of persons.
    role : str
        Who decided, as a role.
    at : Timestamp, optional
        When; default now.

    Returns
    -------
    Entry
        With a finding "EXPIRED" if the forecast's periods were over by then.

    Raises
    ------
    ParameterError
        If `why` is too short.
    RefusedError
        G1, if it holds what looks like an identifier: a ledger cannot be corrected.
    MissingFileError, ForecastError, FileFormatError, LedgerError
        If the forecast or the ledger is not what it should be.

    Notes
    -----
    A name in plain letters cannot be told from a word. Whoever writes `why` answers for it.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> ledger = Ledger(pathlib.Path(tempfile.mkdtemp()) / "ledger.jsonl")
    >>> add_decision(ledger, "forecast.nc", accepted=False, why="see AB12 CDE parked there",
    ...              role="duty inspector")
    Traceback (most recent call last):
    hotspot.errors.RefusedError: [G1] The reason seems to hold vehicle registrations...
    """
    from hotspot.forecast.export import load_forecast
    from hotspot.sealing.content import forecast_hash
    from hotspot.sealing.label import expiry

    require_reason(why)
    path = Path(forecast)
    record = file_record(path)
    found = load_forecast(path)
    when = pd.Timestamp.now("UTC") if at is None else at
    ends = pd.DatetimeIndex(found["time_end"].to_numpy()).tz_localize(found.attrs["time_zone"])
    late = expiry(ends[-1], when)
    return ledger.append(
        "decision",
        role=role,
        at=when.to_pydatetime(warn=False),
        inputs=[{**record, "content_sha256": forecast_hash(found)}],
        decision={"accepted": bool(accepted), "why": why.strip()},
        **({"findings": [{"code": "G14", "message": late}]} if late else {}),
    )


def require_reason(why: str) -> None:
    """Refuse a reason that is none, or that holds what looks like an identifier of a person."""
    if found := identifiers_in(why):
        settle(
            "G1",
            f"The reason seems to hold {', '.join(found)}, and what is put on record stays there.",
            remedy="Say why without pointing at anybody.",
        )
    if len(why.split()) < _FEWEST_WORDS:
        raise ParameterError(f"Say why in {_FEWEST_WORDS} words or more, got {why!r}.")


def decisions_in(ledger: Ledger) -> list[Mapping[str, Any]]:
    """The bodies of all decisions, in order."""
    return [entry.body for entry in ledger.entries() if entry.body["kind"] == "decision"]


def summarise_decisions(bodies: Iterable[Mapping[str, Any]]) -> DecisionSummary:
    r"""How often people rejected a forecast; that nobody ever did is a finding.

    .. math:: [B^{-1}(0.025; k, n - k + 1), \; B^{-1}(0.975; k + 1, n - k)]

    with :math:`k` of :math:`n` rejected and :math:`B^{-1}` the quantile of the beta distribution.

    Parameters
    ----------
    bodies : iterable of mapping
        As :func:`decisions_in` gives them.

    Returns
    -------
    DecisionSummary

    References
    ----------
    Clopper, C. J., & Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated
    in the case of the binomial. Biometrika, 26, 404-413. https://doi.org/10.1093/biomet/26.4.404

    Examples
    --------
    Of 20, none: the upper limit is 1 - 0.025 ** (1 / 20), about 17 %.

    >>> print(summarise_decisions([{"decision": {"accepted": True}}] * 20))
    20 decisions, 0 rejected: 0.0% (95 % interval 0.0% to 16.8%).
    Finding: None of 20 forecasts was ever rejected: ...
    """
    from scipy.stats import beta

    accepted = [bool(body["decision"]["accepted"]) for body in bodies]
    n, rejected = len(accepted), accepted.count(False)
    nan = float("nan")
    if n == 0:
        return DecisionSummary(0, 0, nan, nan, nan, "")
    lower = float(beta.ppf(0.025, rejected, n - rejected + 1)) if rejected else 0.0
    upper = float(beta.ppf(0.975, rejected + 1, n - rejected)) if rejected < n else 1.0
    finding = (
        f"None of {n:,} forecasts was ever rejected: the decision may have become a rubber stamp. "
        "Ask those who decide what would make them reject one."
        if n >= ENOUGH and rejected == 0
        else ""
    )
    return DecisionSummary(n, rejected, rejected / n, lower, upper, finding)
