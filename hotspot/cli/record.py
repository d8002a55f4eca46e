"""What a command did goes into the ledger: ``with recorded("forecast", study=study) as record``.

Every command that reads, makes or judges something wraps its work in :func:`recorded`, says what
it read (``record.read(path)``), what it wrote (``record.wrote(path)``) and what else belongs to
it (``record.says(...)``). When the block ends well the entry is written and one line says so. A
guard that refuses inside the block leaves an entry ``refusal``, an override of the study an entry
``override``.

The flags ``--ledger`` and ``--role`` come with the decorator :func:`on_record`, below
``@app.command(...)``.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hotspot.cli.output import relative, say
from hotspot.errors import LedgerError, RefusedError

if TYPE_CHECKING:
    from hotspot.ledger import Entry, Ledger
    from hotspot.study import Study

DEFAULT = Path("results/ledger.jsonl")
VARIABLE = "HOTSPOT_LEDGER"
ROLE = "analyst"

# What the flags of the command that runs say.
_ledger: ContextVar[Path | None] = ContextVar("ledger", default=None)
_role: ContextVar[str | None] = ContextVar("role", default=None)
_kept_in: ContextVar[Path | None] = ContextVar("kept_in", default=None)


LedgerFile = Annotated[
    Path | None,
    typer.Option(
        "--ledger", metavar="FILE", help=f"Where this is put on record. [{DEFAULT}, or ${VARIABLE}]"
    ),
]
Role = Annotated[
    str | None,
    typer.Option("--role", metavar="ROLE", help=f"Who does it: a role, never a name. [{ROLE}]"),
]


def on_record(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the flags ``--ledger`` and ``--role``, which it need not hand through."""

    @wraps(command)
    def with_flags(*args: Any, ledger: Path | None, role: str | None, **kwargs: Any) -> None:
        kept = _ledger.set(ledger), _role.set(role)
        try:
            command(*args, **kwargs)
        finally:
            _ledger.reset(kept[0])
            _role.reset(kept[1])

    signature = inspect.signature(command, eval_str=True)
    flags = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in (("ledger", LedgerFile), ("role", Role))
    ]
    shown = signature.replace(parameters=[*signature.parameters.values(), *flags])
    with_flags.__signature__ = shown  # what typer makes flags of
    with_flags.__annotations__ = {one.name: one.annotation for one in shown.parameters.values()}
    return with_flags


@contextmanager
def kept_in(path: Path) -> Iterator[None]:
    """Keep all that is recorded inside the block in one ledger, whatever else was said."""
    before = _kept_in.set(path)
    try:
        yield
    finally:
        _kept_in.reset(before)


def ledger_path(study: Study | None = None) -> Path:
    """The ledger to write to: ``--ledger``, $HOTSPOT_LEDGER, the study's, or the default."""
    if (kept := _kept_in.get()) is not None:
        return kept
    of_study = None if study is None else study.ledger
    return Path(_ledger.get() or os.environ.get(VARIABLE) or of_study or DEFAULT)


def role() -> str:
    """Who does it, as a role."""
    said = _role.get()
    return ROLE if said is None else said


class Record:
    """What one command has to say for the ledger, gathered while it works."""

    def __init__(self, study: Study | None) -> None:
        self.inputs: list[dict[str, Any]] = []
        self.outputs: list[dict[str, Any]] = []
        self.said: dict[str, Any] = {}
        self.overrides = () if study is None else study.override

    def read(self, path: Path, **more: Any) -> None:
        """Something it reads: called before reading, so that the hash is of what was read."""
        from hotspot.ledger import file_record

        if path.exists():  # what is not there is refused by whoever wants to read it
            self.inputs.append(file_record(path, **more))

    def wrote(self, path: Path, **more: Any) -> None:
        """A file or folder that stands, with what else is to be known of it."""
        from hotspot.ledger import file_record

        self.outputs.append(file_record(path, **more))

    def says(self, **said: Any) -> None:
        """Anything else that JSON can hold: ``seeds``, ``findings``, a hash. No data values."""
        self.said.update(said)

    def body(self) -> dict[str, Any]:
        """All of it, as an entry holds it."""
        overrides = [_override(one) for one in self.overrides]
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            **({"overrides": overrides} if overrides else {}),
            **self.said,
        }


@contextmanager
def recorded(
    kind: str, *, study: Study | None = None, command: str = "", **parameters: Any
) -> Iterator[Record]:
    """Put what is done inside the block on record, once it is done.

    Parameters
    ----------
    kind : str
        One of :data:`hotspot.ledger.KINDS`.
    study : Study, optional
        Kept as JSON, files without their folders; its data and region are taken as inputs, its
        seed as the seed, its overrides as overrides.
    command : str
        What the person typed, where it is not the kind.
    **parameters
        What else decided the result. No paths, no values of data.

    Raises
    ------
    LedgerError
        Before the work, if the ledger cannot be written, was changed or is of another version;
        after it, if the entry could not be written, saying that the results stand.
    """
    from hotspot.ledger import Ledger

    ledger, who = Ledger(ledger_path(study)), role()
    ledger.require_writable(role=who)
    record = Record(study)
    said = {"command": command or kind, "parameters": _parameters(study, parameters)}
    if study is not None:
        record.says(seeds={"seed": study.seed})
        for path in filter(None, (study.data.path, study.area.region)):
            record.read(path)
    with refusals_of(ledger, role=who, inputs=record.inputs, **said):
        yield record
    entry = _appended(ledger, kind, who, {**said, **record.body()})
    for one in record.overrides:
        of = {"seq": entry.seq, "hash": entry.hash}
        _appended(ledger, "override", one.role, {"override": _override(one), "of": of})
    say(f"On record: entry {entry.seq} of {relative(ledger.path)}, {entry.hash[:12]}.")


@contextmanager
def refusals_of(ledger: Ledger, *, role: str, **said: Any) -> Iterator[None]:
    """Put on record that a guard refused what was asked for inside the block."""
    try:
        yield
    except RefusedError as refusal:
        told = {
            "code": refusal.code,
            "message": without_persons(str(refusal)),
            "may_be_overridden": refusal.may_be_overridden,
        }
        ledger.append("refusal", role=role, **said, refusal=told)
        raise


def _appended(ledger: Ledger, kind: str, who: str, said: Mapping[str, Any]) -> Entry:
    try:
        return ledger.append(kind, role=who, **said)
    except LedgerError as error:
        raise LedgerError(
            f"The results stand, but they are NOT on record, and should not be used: {error}"
        ) from None


def _parameters(study: Study | None, given: Mapping[str, Any]) -> dict[str, Any]:
    from hotspot.study.document import document_of

    told = {key: value for key, value in given.items() if value is not None}
    if study is None:
        return told
    document = document_of(study)
    if study.override:
        document["override"] = [_override(one) for one in study.override]
    return {**told, "study": document}


def _override(one: Any) -> dict[str, str]:
    return {"guard": one.code, "reason": without_persons(one.reason), "role": one.role}


def without_persons(text: str) -> str:
    """The text, unless it holds what looks like an identifier: a ledger cannot be corrected."""
    from hotspot.guards.persons import identifiers_in

    found = identifiers_in(text)
    return text if not found else f"(not kept: it seems to hold {', '.join(found)})"
