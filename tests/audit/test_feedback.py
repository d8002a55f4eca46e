"""Feedback loops: fixed points of an urn, and loops of real models whose answer is known."""

from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr
from shapely import box

from hotspot import Grid, HistoricalRate
from hotspot.audit.feedback import Loop, closed_loop_feedback
from hotspot.audit.urn import inspection_weights, simulate_urn, urn_fixed_point
from hotspot.errors import GridMismatchError, ParameterError


@pytest.mark.parametrize(("share", "root"), [(1.0, 0.6458), (0.5, 0.6235), (0.0, 0.6)])
def test_fixed_points_are_those_of_ensign_and_the_urn_goes_there(share, root):
    """Rates .6 and .4, all reported; discovered as well: all, half or none of them."""
    discovered, reported = (0.6 * share, 0.4 * share), (0.6, 0.4)
    assert urn_fixed_point(discovered, reported) == pytest.approx(root, abs=5e-5)
    shares = simulate_urn(discovered, reported, rounds=4000, size=100, rng=np.random.default_rng(7))
    assert shares.mean() == pytest.approx(root, abs=0.004)


def test_the_fixed_point_solves_its_equation():
    rng = np.random.default_rng(3)
    for _ in range(50):
        (da, db), (ra, rb) = rng.random((2, 2))
        p = urn_fixed_point((da, db), (ra, rb))
        visited = p * (da + ra) + (1 - p) * ra
        other = p * rb + (1 - p) * (db + rb)
        assert p == pytest.approx(visited / (visited + other), abs=1e-12)


def test_discovered_offences_alone_run_away_and_the_correction_brings_them_back():
    """Rates .6 and .4: uncorrected towards 1, corrected to .6."""
    run = {"rounds": 4000, "size": 200}
    away = simulate_urn((0.6, 0.4), (0, 0), rng=np.random.default_rng(7), **run)
    back = simulate_urn((0.6, 0.4), (0, 0), rng=np.random.default_rng(7), corrected=True, **run)
    assert away.mean() > 0.8  # and rising
    assert back.mean() == pytest.approx(0.6, abs=0.003)
    assert back.std() < 0.02


def test_equal_areas_part_by_chance_alone_and_not_when_corrected():
    run = {"rounds": 2000, "size": 200}
    alone = simulate_urn((0.5, 0.5), (0, 0), rng=np.random.default_rng(7), **run)
    mended = simulate_urn((0.5, 0.5), (0, 0), rng=np.random.default_rng(7), corrected=True, **run)
    assert alone.std() > 0.2
    assert mended.std() < 0.02


def test_an_urn_without_reports_has_no_fixed_point():
    with pytest.raises(ParameterError, match="runs away"):
        urn_fixed_point((0.6, 0.4), (0, 0))
    with pytest.raises(ParameterError, match="two areas' rates"):
        urn_fixed_point((-0.6, 0.4), (0.1, 0.1))


def test_weights_undo_the_chance_of_a_visit_on_average():
    rng = np.random.default_rng(5)
    chance = np.array([0.9, 0.2])
    found = (rng.random((40_000, 2)) < chance) * rng.poisson([3.0, 3.0], (40_000, 2))
    weighed = (found * inspection_weights(chance)).mean(axis=0)
    np.testing.assert_allclose(weighed, [3, 3], rtol=0.03)
    with pytest.raises(ParameterError, match="never visited"):
        inspection_weights(np.array([0.5, 0.0]))


GRID = Grid.over(box(0, 0, 1000, 500), cell_size=100)
EQUAL = xr.DataArray(np.full(GRID.shape, 2.0), {"y": GRID.y, "x": GRID.x}, ["y", "x"])
LOOP = Loop(area_share=0.1, reporting=0.3, warm_up=1, rounds=30, repeats=2)


@dataclass(frozen=True)
class NeverMoves:
    """A map that learns nothing."""

    def fit(self, *_, **__):
        raise AssertionError("its map is at hand")

    def rates(self, _, grid):
        rate = np.arange(1.0, grid.inside.size + 1).reshape(grid.shape)
        return lambda _: (rate, np.zeros(grid.shape))


def curve(model=HistoricalRate(window=None), **more):  # noqa: B008
    found = closed_loop_feedback(
        model, EQUAL, GRID, rng=np.random.default_rng(11), discovery=(0.0, 0.3, 1.0),
        **{"loop": LOOP, **more},
    )  # fmt: skip
    return found, [row["concentration"] for row in found.groups]


def test_in_a_city_of_equals_discovery_makes_hot_spots():
    found, concentration = curve()
    assert concentration == sorted(concentration)
    assert concentration[2] > 0.9
    assert found.groups[0]["value"] == 0.0
    assert found.value > 0.1
    assert found.status == "warn"


def test_what_is_discovered_and_left_out_of_the_record_moves_nothing():
    loop = Loop(area_share=0.1, reporting=0.3, warm_up=1, rounds=8, repeats=2,
                keep_discovered=False)  # fmt: skip
    found, concentration = curve(loop=loop)
    assert concentration[0] == concentration[1] == concentration[2]
    assert (found.value, found.status) == (0.0, "ok")


def test_a_map_that_never_moves_cannot_be_amplified():
    found, concentration = curve(
        NeverMoves(), loop=Loop(area_share=0.1, warm_up=1, rounds=5, repeats=2)
    )
    assert concentration == [1.0, 1.0, 1.0]
    assert found.value == 0.0


def test_the_same_seed_gives_the_same_curve():
    loop = Loop(area_share=0.1, rounds=5, repeats=2)
    assert curve(loop=loop)[0] == curve(loop=loop)[0]


def test_one_city_has_no_interval():
    found, _ = curve(loop=Loop(area_share=0.1, rounds=3, repeats=1))
    assert found.interval is None
    assert "take repeats" in found.reason


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"discovery": (0.3, 1.2)}, r"must lie in \[0, 1\]"),
        ({"discovery": (0.1, 0.5)}, "judged_at be one of them"),
        ({"judged_at": 0.0}, "above 0"),
    ],
)
def test_a_share_discovered_lies_between_0_and_1(more, match):
    with pytest.raises(ParameterError, match=match):
        closed_loop_feedback(HistoricalRate(), EQUAL, GRID, rng=np.random.default_rng(1), **more)


def test_rates_on_another_grid_are_refused():
    with pytest.raises(GridMismatchError):
        closed_loop_feedback(
            HistoricalRate(), EQUAL.isel(x=slice(3)), GRID, rng=np.random.default_rng(1)
        )


@pytest.mark.parametrize(
    "given", [{"area_share": 0.0}, {"reporting": 1.5}, {"rounds": 0}, {"repeats": 0}]
)
def test_a_loop_that_makes_no_sense_is_refused(given):
    with pytest.raises(ParameterError, match="must be"):
        Loop(**given)
