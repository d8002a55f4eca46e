"""The notebooks run on the sample data, without warnings, and are committed without output."""

import os
import re
from pathlib import Path

import nbclient
import nbformat
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
EXPECTED = [
    "01_data_and_grid",
    "02_kernel_density",
    "03_forecast_with_bounds",
    "04_backtest",
    "05_self_exciting",
    "06_two_boroughs",
    "07_comparing_forecasts",
    "08_many_workers",
    "09_audit_and_card",
]

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_the_notebooks_are_those_that_the_readme_promises():
    assert [path.stem for path in NOTEBOOKS] == EXPECTED


@each_notebook
def test_a_notebook_is_committed_without_output_or_execution_counts(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert code
    assert [cell.outputs for cell in code] == [[]] * len(code)
    assert [cell.execution_count for cell in code] == [None] * len(code)
    assert all("execution" not in cell.metadata for cell in code)


@each_notebook
def test_a_notebook_says_first_that_its_offences_are_simulated(path):
    first = nbformat.read(path, as_version=4).cells[0]
    assert first.cell_type == "markdown"
    assert "SIMULATED" in first.source


@each_notebook
def test_a_notebook_ends_with_what_the_data_cannot_support(path):
    text = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]
    headings = re.findall(r"^## (.+)$", "\n".join(text), flags=re.MULTILINE)
    assert headings[-1] in (
        "What the data cannot support",
        "What these data cannot support",
        "What one may conclude, and what not",
    )


@pytest.mark.notebook
@each_notebook
def test_a_notebook_runs_and_warns_of_nothing(path, monkeypatch):
    # The kernel is another process, in another folder: it must find this checkout, and draw into
    # the notebook even where the shell has set another backend.
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    paths = [str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(FOLDER)}}
    nbclient.NotebookClient(notebook, timeout=180, resources=where).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    said = [output.text for output in outputs if output.get("name") == "stderr"]
    assert said == []
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 4
