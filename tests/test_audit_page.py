"""docs/audit.md names tests that exist and guards as they are."""

import ast
import re
from pathlib import Path

import pytest

from hotspot.guards import GUARDS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "audit.md"
LEVELS = {"refuse": "refused", "override": "needs a reason", "remark": "remarked"}


def guard_rows():
    """The rows of the page's table of guards."""
    return [
        f"| {one.code} | {one.title} | {LEVELS[one.level]} | "
        f"{', '.join(f'`{name}`' for name in one.raises) or 'none'} | {one.why} |"
        for one in GUARDS.values()
    ]


def page():
    return PAGE.read_text(encoding="utf-8")


def named_tests():
    return sorted(set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", page())))


def functions_in(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), named_tests())
def test_a_test_that_the_page_names_exists(file, name):
    assert name in functions_in(ROOT / "tests" / file)


def test_the_table_of_guards_is_the_catalogue():
    rows = [line for line in page().splitlines() if re.match(r"\| G\d+ \|", line)]
    assert rows == guard_rows()


def test_every_audit_is_a_function_with_three_known_answers():
    rows = [line.split(" | ") for line in page().splitlines() if re.match(r"\| A\d+b? \|", line)]
    assert [row[0].strip("| ") for row in rows] == sorted(
        [*(f"A{k}" for k in range(1, 18)), "A7b"], key=lambda code: (int(code[1:].strip("b")), code)
    )
    for row in rows:
        module, function = row[1].strip("`").split(".")
        assert function in functions_in(ROOT / "hotspot" / "audit" / f"{module}.py")
        assert row[4].count("::test_") >= 3


def test_every_concern_is_answered_by_a_test():
    text = page()
    section = text[text.index("## From concern") : text.index("## The audits")]
    rows = [line for line in section.splitlines()[3:] if line.startswith("| ")]
    assert len(rows) >= 10
    assert all("::test_" in row for row in rows)
