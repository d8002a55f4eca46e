"""The rules that keep the code readable: who may import whom, how long, how documented."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hotspot

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "hotspot").rglob("*.py"))
MOST_LINES = 500
MOST_BODY_LINES = 50
MOST_POSITIONAL = 3

# What `hotspot` offers with more than three positional arguments, each with its reason.
MANY_POSITIONAL = {
    "backtest": "models, events, grid and folds: the four things that a backtest is of",
    "leak_test": "the same four as backtest",
    "noise_null": "the same four as backtest",
    "snap_null": "the same four as backtest",
}
# Names that `hotspot` offers without an Examples section, each with its reason.
NO_EXAMPLE = {
    "Model": "a contract; HistoricalRate is an example of it",
    "FittedModel": "a contract; FittedRateMap is an example of it",
    "FittedRateMap": "made by fit; issue_forecast makes one by hand",
    "BandwidthChoice": "made by select_bandwidth, which shows one",
    "Source": "made by the readers; read_police_uk shows one",
    "LeakReport": "made by leak_test, which shows one",
    "NoiseNullReport": "made by noise_null, which shows one",
    "SnapNullReport": "made by snap_null, which shows one",
    "AddedValueReport": "made by added_value, which shows one",
    "EquivalenceReport": "made by baseline_equivalence, which shows one",
    "Card": "made by write_card, which shows one",
    "Fold": "made by rolling_origin, which shows one",
    "Damage": "made by verify_backtest; its test damages a store in six ways",
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed() -> Iterator[tuple[str, ast.Module]]:
    for path in FILES:
        yield name_of(path), ast.parse(path.read_text(encoding="utf-8"))


def functions() -> Iterator[tuple[str, ast.FunctionDef, bool]]:
    """Each function and method, by file and qualified name, and whether it is public."""
    for file, tree in parsed():
        private_file = any(
            part.startswith("_") and part != "__init__.py" for part in file.split("/")
        )
        stack = [(tree, "", not private_file)]
        while stack:
            node, prefix, public = stack.pop()
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    inside_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                    seen = public and not child.name.startswith("_") and not inside_function
                    stack.append((child, f"{prefix}{child.name}.", seen))
                    if not isinstance(child, ast.ClassDef):
                        yield f"{file}::{prefix}{child.name}", child, seen
                else:
                    stack.append((child, prefix, public))


def body_lines(function: ast.FunctionDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_there_is_something_to_check():
    assert len(FILES) > 30
    assert sum(public for _, _, public in functions()) > 50


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_holds_at_most_500_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_says_in_its_first_line_what_happens_in_it(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring
    assert docstring.splitlines()[0].strip()


def test_a_function_body_holds_at_most_50_lines():
    long = {name: body_lines(node) for name, node, _ in functions()}
    assert {name: n for name, n in long.items() if n > MOST_BODY_LINES} == {}


def test_what_hotspot_offers_takes_at_most_three_positional_arguments():
    found = {}
    for name, node, public in functions():
        offered = name.split("::")[1]
        if not public or offered.split(".")[0] not in public_names():
            continue
        arguments = [one.arg for one in [*node.args.posonlyargs, *node.args.args]]
        if len([one for one in arguments if one not in ("self", "cls")]) > MOST_POSITIONAL:
            found[offered] = arguments
    assert {name: names for name, names in found.items() if name not in MANY_POSITIONAL} == {}
    assert set(MANY_POSITIONAL) <= set(found), "an exception that is no longer needed"


def test_nothing_prints_but_the_command_line_through_typer():
    prints = [
        f"{file}:{node.lineno}"
        for file, tree in parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert prints == []


def test_no_global_random_state_is_touched():
    """`np.random.<draw>` and `random` share hidden state; a Generator comes in by the door."""
    allowed = {"Generator", "default_rng", "SeedSequence", "BitGenerator", "PCG64", "PCG64DXSM",
               "MT19937", "Philox", "SFC64"}  # fmt: skip
    found = []
    for file, tree in parsed():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in (
                "np.random",
                "numpy.random",
            ):
                if node.attr not in allowed:
                    found.append(f"{file}:{node.lineno} {ast.unparse(node)}")
            elif isinstance(node, ast.Import) and any(a.name == "random" for a in node.names):
                found.append(f"{file}:{node.lineno} import random")
    assert found == []


def public_names() -> list[str]:
    """What `hotspot` offers, without loading any of it: tests are collected by these names."""
    return sorted(name for names in hotspot._names.values() for name in names)


@pytest.mark.parametrize("name", public_names())
def test_a_name_in_the_lazy_table_loads_and_is_listed(name):
    assert getattr(hotspot, name) is not None
    assert name in hotspot.__all__


def test_every_public_function_and_class_is_documented():
    silent = []
    for file, tree in parsed():
        private_file = file.rpartition("/")[2].startswith("_") and not file.endswith("__.py")
        for node in tree.body if not private_file else []:
            named = isinstance(node, ast.ClassDef | ast.FunctionDef)
            if named and not node.name.startswith("_") and not ast.get_docstring(node):
                silent.append(f"{file}::{node.name}")
    assert silent == []


def test_every_method_of_what_hotspot_offers_is_documented():
    silent = [
        name
        for name, node, public in functions()
        if public
        and name.split("::")[1].split(".")[0] in public_names()
        # The attributes of a contract are described where they are implemented.
        and "protocol.py::FittedModel." not in name
        and not ast.get_docstring(node)
    ]
    assert silent == []


def section(docstring: str, title: str) -> str:
    found = re.search(
        rf"^{title}\n-{{{len(title)}}}\n(.*?)(?=^\S[^\n]*\n-{{3,}}\n|\Z)", docstring, re.S | re.M
    )
    return found.group(1) if found else ""


def documented_parameters(docstring: str) -> list[str]:
    """Names in the Parameters section, in order; "x, y : float" gives two."""
    heads = re.findall(r"^(\*{0,2}\w[\w, *]*?)(?: :.*)?$", section(docstring, "Parameters"), re.M)
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


def test_documented_parameters_are_those_of_the_signature_in_its_order():
    wrong = {}
    for name, node, public in functions():
        docstring = ast.get_docstring(node) or ""
        if not public or not section(docstring, "Parameters"):
            continue
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        extra = [one for one in (node.args.vararg, node.args.kwarg) if one is not None]
        expected = [one.arg for one in [*given, *extra] if one.arg not in ("self", "cls")]
        if sorted(documented_parameters(docstring)) != sorted(expected):
            wrong[name] = (documented_parameters(docstring), expected)
    assert wrong == {}


@pytest.mark.parametrize("name", [name for name in public_names() if name not in NO_EXAMPLE])
def test_a_public_name_shows_an_example_that_runs(name):
    value = getattr(hotspot, name)
    texts = [inspect.getdoc(value) or ""]
    if inspect.isclass(value):
        texts += [inspect.getdoc(one) or "" for key, one in vars(value).items() if key[0] != "_"]
    assert any(">>> " in section(text, "Examples") for text in texts)


def raised_classes(node: ast.FunctionDef) -> set[str]:
    """Names of hotspot's exceptions that the function's own lines raise."""
    return {
        inner.exc.func.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.Raise)
        and isinstance(inner.exc, ast.Call)
        and isinstance(inner.exc.func, ast.Name)
    }


def test_what_a_public_name_raises_itself_is_documented():
    missing = {}
    offered = set(public_names())
    for name, node, public in functions():
        if not public or name.split("::")[1] not in offered:
            continue
        told = section(ast.get_docstring(node) or "", "Raises")
        untold = {one for one in raised_classes(node) if one not in told}
        if untold:
            missing[name] = untold
    assert missing == {}


@pytest.mark.process
def test_imports_follow_the_walk():
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import *; lint_imports_command()",
            "--no-cache",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 broken" in ran.stdout
