"""Published point patterns that several tests of models share."""

from pathlib import Path

import pandas as pd
import pytest

_PATTERNS = Path(__file__).parents[1] / "reference/r/patterns.csv"


@pytest.fixture(scope="session")
def unit_square_points():
    """Points of "redwood" (Strauss 1975) or "japanesepines" (Numata 1961) in the unit square."""
    table = pd.read_csv(_PATTERNS)

    def points_of(pattern):
        return table.loc[table["pattern"] == pattern, ["x", "y"]].to_numpy()

    return points_of
