"""Starting is cheap: what costs seconds is loaded where it is used."""

import subprocess
import sys

import pytest

HEAVY = {"matplotlib", "geopandas", "xarray", "numba", "pandas", "scipy", "shapely", "rasterio"}

pytestmark = pytest.mark.process


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded after `code` ran in a fresh interpreter."""
    report = (
        "\nimport sys; sys.stderr.write(' '.join({name.split('.')[0] for name in sys.modules}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, check=True
    )
    return set(ran.stderr.split())


HELP = """
import sys
from hotspot.cli import main
sys.argv = ["hotspot", *{arguments}]
try:
    main()
except SystemExit as left:
    assert not left.code, left.code
"""


def test_importing_hotspot_loads_nothing_heavy():
    loaded = loaded_by("import hotspot")
    assert "hotspot" in loaded
    assert loaded & HEAVY == set()


COMMANDS = [["--help"], ["--version"]] + [
    [command, "--help"]
    for command in (
        "demo",
        "ingest",
        "forecast",
        "backtest",
        "judge",
        "card",
        "seal",
        "score",
        "verify",
        "reproduce",
    )
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_help_and_version_load_nothing_heavy(arguments):
    loaded = loaded_by(HELP.format(arguments=arguments))
    assert "typer" in loaded
    assert loaded & HEAVY == set()


def test_a_model_is_loaded_when_it_is_named_and_never_brings_matplotlib():
    loaded = loaded_by("import hotspot; hotspot.HistoricalRate; hotspot.issue_forecast")
    assert {"numba", "xarray"} <= loaded
    assert "matplotlib" not in loaded
