"""What several tests share: the real development data, if they are there."""

import os
from pathlib import Path

import pytest

# Scripts that made reference values by other programs, which are not installed here.
collect_ignore_glob = ["reference/pycsep/*.py"]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real data beside the project; the test is skipped where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("HOTSPOT_REAL_DATA", beside))
    if not folder.is_dir():
        # Real data are never part of the project, so a clone without them cannot run these.
        pytest.skip(f"real development data are not at {folder.name}/ beside the project")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _ledger_of_the_tests(tmp_path_factory):
    """Commands put what they do on record: not in the checkout that is tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOTSPOT_LEDGER", str(tmp_path_factory.mktemp("ledger") / "ledger.jsonl"))
        yield
