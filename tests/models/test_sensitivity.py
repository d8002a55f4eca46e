"""The branching ratio over several backgrounds."""

import os
from dataclasses import replace

import numpy as np
import pytest
import shapely

from hotspot import (
    ConstantBackground,
    Grid,
    KernelBackground,
    SelfExciting,
    background_sensitivity,
)
from hotspot.errors import ParameterError
from hotspot.models.historical import HistoricalRate
from tests.models.self_exciting_cases import SQUARE, as_events, branching_process

GRID = Grid.over(SQUARE, cell_size=250.0)
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)


@pytest.fixture(scope="module")
def even():
    rows = branching_process(np.random.default_rng(4), background=2.0, days=300.0, theta=0.3)
    return as_events(rows, days=300.0)


def test_each_row_is_the_fit_over_that_background(even):
    model = SelfExciting(background=ConstantBackground(), window="240 days")
    table = background_sensitivity(model, even, GRID)
    assert table.index.to_list() == ["as given", "kernel", "long-run map"]
    assert (table["refused"].loc[["as given", "kernel"]] == "").all()
    # 60 days of events in 144 cells are a poor map.
    assert "background is too poor" in table["refused"]["long-run map"]
    alone = replace(model, background=KernelBackground()).fit(even, GRID)
    assert table["branching_ratio"]["kernel"] == alone.branching_ratio
    assert table["gain_over_background"]["kernel"] == alone.gain_over_background
    assert (table["low"]["kernel"], table["high"]["kernel"]) == alone.branching_ratio_interval()


def test_a_background_that_is_too_poor_is_a_row_with_its_reason():
    """Two dense squares: a constant background reads them as triggering without end."""
    rng = np.random.default_rng(4)
    squares = [shapely.box(200, 200, 900, 900), shapely.box(1800, 1500, 2700, 2400)]
    parts = [
        branching_process(rng, background=1.5, days=400.0, theta=0.25, sd=60.0, region=square)
        for square in squares
    ]
    rows = np.concatenate(parts)
    clustered = as_events(rows[np.argsort(rows[:, 0])], days=400.0)
    table = background_sensitivity(SelfExciting(), clustered, GRID)
    assert "background is too poor" in table["refused"]["constant"]
    assert table.loc["constant"].drop("refused").isna().all()
    assert table["refused"]["as given"] == ""
    text = SelfExciting().fit(clustered, GRID).summary(sensitivity=table)
    assert "beside others" in text
    assert f"{table['branching_ratio']['as given']:.3f}  [" in text
    assert "refused: " in text


def test_a_model_that_explains_the_whole_record_is_not_given_a_map_of_nothing(even):
    table = background_sensitivity(SelfExciting(background=ConstantBackground()), even, GRID)
    assert "long-run map" not in table.index


def test_what_is_no_background_is_refused(even):
    with pytest.raises(ParameterError, match="'map' must be a Background"):
        background_sensitivity(
            SelfExciting(window="300 days"), even, GRID, backgrounds={"map": HistoricalRate()}
        )
