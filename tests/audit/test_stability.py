"""Grids, breaks and simple maps: audits of what the map owes to choices."""

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import hotspot as hs
from hotspot.audit.breaks import breaks_in_training
from hotspot.audit.skill import skill_over_baselines
from hotspot.audit.stability import grid_stability
from hotspot.errors import ParameterError


@pytest.fixture(scope="module")
def burglary():
    return hs.load_sample(offences="Burglary")


@dataclass(frozen=True)
class Slope:
    """A surface of the place alone: hotter to the south-west of the region, on any grid."""

    def fit(self, *_, **__):
        raise AssertionError("its map is at hand")

    def rates(self, events, grid):
        # The shift of the grid is undone by the region's own corner, which moves with it.
        west, south = events.region.bounds[:2]
        x, y = np.meshgrid(grid.x - west, grid.y - south)
        rate = np.exp(-(x + y) / 1500.0) * grid.inside_area
        return lambda _: (rate, np.zeros(grid.shape))


def test_a_smooth_surface_is_the_same_on_any_grid(burglary):
    found = grid_stability(Slope(), burglary, cell_size=400, area_share=0.1)
    assert found.value > 0.9
    assert found.status == "ok"


def test_the_first_grid_agrees_with_itself(burglary):
    found = grid_stability(
        Slope(), burglary, cell_size=500, area_share=0.1, sizes=[1.0], offsets=[(1.0, 0.0)]
    )
    assert found.value == pytest.approx(1.0, abs=1e-9)


def test_single_hot_cells_of_chance_are_found_out(burglary):
    """Thirty events laid at random: their map is of their cells alone."""
    rng = np.random.default_rng(5)
    few = burglary.table.sample(60, random_state=5)
    west, south, east, north = burglary.region.bounds
    x, y = rng.uniform(west, east, 60), rng.uniform(south, north, 60)
    scattered = few.set_geometry(gpd.points_from_xy(x, y, crs=27700))
    found = grid_stability(
        hs.HistoricalRate(window=None), replace(burglary, table=scattered),
        cell_size=250, area_share=0.02,
    )  # fmt: skip
    assert found.value < 0.7
    assert found.status == "warn"


def test_no_other_grid_is_refused(burglary):
    with pytest.raises(ParameterError, match="at least one other grid"):
        grid_stability(Slope(), burglary, cell_size=500, area_share=0.1, sizes=[1.0],
                       offsets=[(0.0, 0.0)])  # fmt: skip


def test_an_unbroken_record_has_no_break(burglary):
    found = breaks_in_training(burglary)
    assert (found.value, found.status) == (0.0, "ok")


def thinned(events, since):
    late = (events.table["time"] >= since).to_numpy()
    kept = ~late | (np.arange(len(events)) % 2 == 0)
    return replace(events, table=events.table[kept].reset_index(drop=True))


def test_half_of_the_record_gone_is_a_break_where_the_window_crosses_it(burglary):
    broken = thinned(burglary, "2023-01-01")
    assert breaks_in_training(broken).status == "warn"
    assert breaks_in_training(broken, window=36).value >= 1
    assert breaks_in_training(broken, window=12).value == 0


def test_a_published_break_counts_for_police_uk_and_not_for_the_sample(burglary):
    assert breaks_in_training(burglary, window=24).value == 0
    real = replace(burglary, source=replace(burglary.source, name="data.police.uk"))
    found = breaks_in_training(real, window=24)
    assert [row["group"] for row in found.groups] == ["2024-02, published"]
    assert breaks_in_training(real, end=pd.Timestamp("2024-01-01", tz="Europe/London")).value == 0


@pytest.fixture(scope="module")
def result(burglary):
    grid = hs.Grid.over(burglary.region, cell_size=1000)
    models = {
        "count": hs.HistoricalRate("36 months"),
        "same": hs.HistoricalRate("36 months"),
        "kernel": hs.KernelDensity(bandwidth=3000.0),
    }
    folds = hs.rolling_origin("2024-05", "2025-01")
    return hs.backtest(models, burglary, grid, folds, rng=np.random.default_rng(1), size=100)


def skill(result, model, baselines):
    return skill_over_baselines(
        result, model=model, baselines=baselines, rng=np.random.default_rng(1)
    )


def test_a_model_that_is_its_baseline_gains_nothing_exactly(result):
    found = skill(result, "same", ["count"])
    assert (found.value, found.status) == (0.0, "warn")
    assert "No demonstrated benefit" in found.reason


def test_a_map_that_blurs_all_is_worse_and_the_count_is_better(result):
    blurred = skill(result, "kernel", ["count"])
    assert blurred.status == "fail"
    assert blurred.value < 0
    sharp = skill(result, "count", ["kernel"])
    assert sharp.status == "ok"
    assert sharp.value == pytest.approx(-blurred.value)
    both = skill(result, "count", ["kernel", "same"])
    assert (both.value, both.status) == (0.0, "warn")


def test_without_baselines_it_says_so(result):
    found = skill(result, "count", ["seasonal Poisson"])
    assert found.status == "not_computable"
    assert "seasonal Poisson" in found.reason
