"""What the commands leave behind: folders, CSV files, tables on the screen, progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hotspot._files import replaced
from hotspot.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def say(text: str = "") -> None:
    """A line on the screen."""
    typer.echo(text)


def results_folder(path: Path, *, files: Sequence[str] = ()) -> Path:
    """Make the folder for results. What is in it stays, but for files of the names in `files`.

    That they can be written is found out here, before minutes of work.
    """
    if path.exists() and not path.is_dir():
        raise StudyError(f"--out must be a folder, and {path} is a file. Name another.")
    for name in files:
        file_in(path, name)
    path.mkdir(parents=True, exist_ok=True)
    return path


def file_in(folder: Path, name: str) -> Path:
    """Where to write a file; refused where a folder of that name would have to go."""
    path = folder / name
    if path.is_dir():
        raise StudyError(
            f"{path} is a folder, and a file of that name is to be written. Nothing that hotspot "
            "did not write is deleted: move it, or name another folder."
        )
    return path


def write_csv(table: pd.DataFrame, path: Path, *, note: str = "") -> None:
    """Write a table whole, numbers to six digits, texts safe to open in a spreadsheet.

    A `note` stands in a column of its own, so that it stays with each row that is copied.

    A name that begins like a formula gets an apostrophe in front: area names come from files,
    and a spreadsheet would run ``=HYPERLINK(...)``.
    """
    safe = table.assign(note=note) if note else table.copy()
    for column in safe.columns[[not _is_numeric(safe[name]) for name in safe.columns]]:
        safe[column] = [_escaped(value) for value in safe[column]]
    with replaced(path) as temporary:
        safe.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def _is_numeric(column: pd.Series) -> bool:
    return column.dtype.kind in "biuf"


def _escaped(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def write_text(text: str, path: Path) -> None:
    """Write a text whole."""
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def say_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on the screen: the first column to the left, numbers to the right."""
    cells = [[_printable(value) for value in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        first, *others = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        say("  " + "  ".join([first, *others]).rstrip())


def _printable(value: object) -> str:
    # A name from a file could carry codes that a terminal obeys.
    return "".join(one if one.isprintable() else "?" for one in str(value))


def shows_progress(quiet: bool) -> bool:
    """Bars are for somebody who watches: not with --quiet, not into a file."""
    return not quiet and sys.stderr.isatty()


@contextmanager
def stages(names: Sequence[str], *, quiet: bool) -> Iterator[Iterator[str]]:
    """A bar over the stages of a command: ``next(stage)`` ends one and begins the next."""
    from tqdm import tqdm

    with tqdm(
        total=len(names),
        file=sys.stderr,
        disable=not shows_progress(quiet),
        bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}]",
        leave=False,
    ) as bar:
        yield _steps(bar, names)


def _steps(bar, names: Sequence[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        bar.n = number
        bar.set_description(name)
        yield name


def relative(path: Path) -> str:
    """A path as short as it can be typed from here."""
    shorter = os.path.relpath(path)
    return str(path) if shorter.startswith("..") else shorter
