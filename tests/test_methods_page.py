"""The page of methods names every public name, nothing else, and the papers that the code names."""

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

import hotspot

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and "`" in line
]
NOTEBOOKS = {path.name[1]: path for path in (ROOT / "notebooks").glob("*.ipynb")}
NOT_METHODS = {"audit", "backtesting", "data", "disclosure", "errors", "evaluate", "forecast",
               "grid", "guards", "ledger", "models", "plot"}  # fmt: skip


def names_in(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def test_every_public_name_stands_in_the_table():
    named = {name for row in ROWS for name in names_in(row[1])}
    assert set(hotspot.__all__) - NOT_METHODS == named


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_notebook_named_beside_a_method_uses_it(row):
    # Types that a user meets only as results are named beside what makes them.
    for number in re.findall(r"\d", row[2]):
        cells = nbformat.read(NOTEBOOKS[number], as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        assert any(f"hs.{name}" in code for name in [*names_in(row[1]), *MADE_BY.get(row[1], [])])


MADE_BY = {
    "`Events`, `Source`": ["read_police_uk"],
    "`FittedRateMap`": ["HistoricalRate"],
    "`Model`, `FittedModel`": ["HistoricalRate"],
}


def test_every_paper_of_the_table_is_named_in_the_code():
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "hotspot").rglob("*.py"))
    dois = {unquote(doi) for doi in re.findall(r"\(https://doi\.org/([^)\s]+)\)", PAGE)}
    assert len(dois) > 15
    assert {doi for doi in dois if f"doi.org/{doi}" not in code} == set()
