"""Commands run in this process, on two small boroughs of the sample."""

import pytest
from typer.testing import CliRunner

from hotspot.cli import app
from hotspot.data.sample import sample_path

AREA = ["--borough", "City of London", "--borough", "Islington"]


@pytest.fixture(scope="session")
def hotspot():
    """Run a command: ``hotspot("forecast", "--seed", 1)`` gives exit code, stdout, stderr."""

    def run(*arguments, ends_with=0):
        result = CliRunner().invoke(app, [str(one) for one in arguments])
        # What ends by itself has a code; anything else is shown as it came.
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == ends_with, result.output
        return result

    return run


@pytest.fixture(scope="session")
def ingested(hotspot, tmp_path_factory):
    """Folder that `hotspot ingest` wrote, and what it printed."""
    folder = tmp_path_factory.mktemp("ingested")
    archive = sample_path("police_uk/archive.zip")
    result = hotspot("ingest", archive, "--offence", "Burglary", *AREA, "--out", folder)
    return folder, result


@pytest.fixture(scope="session")
def events_file(ingested):
    return ingested[0] / "events.parquet"
