"""A ledger of thirty entries, with a clock that moves by a minute."""

from datetime import UTC, datetime, timedelta

import pytest

from hotspot.ledger import Ledger

BEGIN = datetime(2025, 1, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "ledger.jsonl")
    for number in range(30):
        made.append(
            ("ingest", "fit", "forecast")[number % 3],
            role="analyst",
            at=BEGIN + timedelta(minutes=number),
            parameters={"cell_size": 250.0, "note": "naïve £"},
            outputs=[{"name": f"forecast-{number}.nc", "sha256": f"{number:064x}"}],
        )
    return made
