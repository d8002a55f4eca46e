"""What the README shows runs, gives what it says, and links to what is there."""

import re
import runpy
from pathlib import Path

import pytest

from hotspot import __version__

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def first_block(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", README, flags=re.DOTALL).group(1)


def test_the_python_of_the_readme_prints_what_the_readme_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    (tmp_path / "readme.py").write_text(first_block("python"), encoding="utf-8")
    runpy.run_path(str(tmp_path / "readme.py"))
    promised = re.search(r"It prints `([\d.]+)`", README).group(1)
    assert f"{float(capsys.readouterr().out):.3f}" == promised
    assert {path.name for path in tmp_path.iterdir()} == {"readme.py", "january.nc", "january.png"}


def test_the_python_of_the_readme_is_ten_lines_and_its_imports():
    lines = [line for line in first_block("python").splitlines() if line]
    assert len([line for line in lines if not line.startswith("import ")]) == 10


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/methods.md",
        "docs/data.md",
        "docs/benchmarks.md",
        "docs/ledger.md",
    ],
)
def test_links_of_a_page_lead_to_files_that_are_there(page):
    path = ROOT / page
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if not link.startswith("http")]
    assert [link for link in local if not (path.parent / link).exists()] == []


def test_the_picture_of_the_readme_is_small_and_has_a_description():
    description, picture = re.search(r"!\[([^\]]+)\]\(([^)]+\.png)\)", README).groups()
    assert "simulated" in description
    assert (ROOT / picture).read_bytes()[:4] == b"\x89PNG"
    assert (ROOT / picture).stat().st_size < 300_000


def test_the_picture_and_the_python_stand_before_the_first_heading_of_detail():
    top = README[: README.index("\n## ")]
    assert "docs/images/forecast.png" in top
    assert "make demo" in top
    assert "make test" in top
    assert "```python" in top


def test_the_citation_and_the_changelog_speak_of_the_version_that_this_is():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, flags=re.MULTILINE).group(1) == __version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{__version__}]" in changelog
