"""K functions that allow for an intensity: against spatstat, plainly, and by their laws."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from hotspot import inhomogeneous_k, space_time_k
from hotspot.errors import ParameterError, ResolutionError, TooFewEventsError
from hotspot.evaluate.residuals.space_time_k import shared_areas
from hotspot.evaluate.residuals.super_thinning import random_points
from tests.models.self_exciting_cases import as_events, branching_process
from tests.patterns import events_at
from tests.reference import close_pairs as reference

R_FOLDER = Path(__file__).resolve().parents[1] / "reference" / "r"
SPATSTAT = json.loads((R_FOLDER / "spatstat_k.json").read_text())
WINDOWS = {
    "rectangle": shapely.box(0, 0, 1000, 800),
    "l_shape": shapely.Polygon([(0, 0), (1000, 0), (1000, 300), (400, 300), (400, 800), (0, 800)]),
}
SQUARE = shapely.box(0, 0, 1000, 1000)


def spatstats_points(region):
    """The 40 points of tests/reference/r/spatstat_k.R that lie in the region."""
    i = np.arange(40)
    places = np.column_stack([(37 * i**2 + 11 * i) % 1000, (53 * i**2 + 29 * i + 7) % 800])
    places = places[shapely.intersects_xy(region, *places.T.astype(float))]
    rows = np.column_stack([np.linspace(0, 9, len(places)), places])
    return as_events(rows, days=10, region=region), 20 * (1 + places[:, 0] / 500)


@pytest.mark.parametrize("name", WINDOWS)
def test_inhomogeneous_k_is_that_of_spatstat(name):
    events, intensity = spatstats_points(WINDOWS[name])
    found = inhomogeneous_k(events, distances=[50, 100, 150], intensity=intensity)
    assert len(events) == SPATSTAT[name]["points"]
    np.testing.assert_allclose(found, SPATSTAT[name]["k"], rtol=1e-9)


def test_space_time_k_is_that_of_looking_at_every_pair():
    rng = np.random.default_rng(6)
    # Whole days and metres: ties in time, and pairs exactly as far apart as asked for.
    rows = np.column_stack([rng.integers(0, 30, 60), rng.integers(0, 20, (60, 2)) * 50])
    events = as_events(rows, days=30, region=SQUARE)
    intensity = rng.uniform(1, 3, 60)
    distances, lags = [50.0, 120.0, 300.0], [1.0, 4.0, 10.0]
    found = space_time_k(events, distances=distances, lags=lags, intensity=intensity)
    plain = reference.space_time_k(
        events.coordinates()[:, [1, 2, 0]],
        1e6 / intensity,
        distances=distances,
        lags=lags,
        shared=lambda dx, dy: (1000 - abs(dx)) * (1000 - abs(dy)),
        length=30.0,
    )
    np.testing.assert_allclose(found, plain, rtol=1e-10)


def test_three_points_by_hand():
    """A pair 100 m and 2 days apart: 1 / (.5² x 900 x 1000 m² x 8 days), .5 a km² and day."""
    events = as_events([[1, 0, 0], [3, 100, 0], [9, 900, 900]], days=10, region=SQUARE)
    found = space_time_k(events, distances=[99, 100], lags=[1, 2], intensity=np.full(3, 0.5))
    by_hand = (1e6 / 0.5) ** 2 / (900 * 1000 * 8)
    np.testing.assert_allclose(found, [[0, 0], [0, by_hand]])
    np.testing.assert_allclose(found["poisson"][1], [np.pi * 1e4, np.pi * 2e4])


def test_independent_points_have_k_of_pi_u2_v_on_average():
    """An intensity that rises tenfold eastwards; 60 patterns; within 3.5 errors."""
    rng = np.random.default_rng(11)
    ratios = []
    for _ in range(60):
        even = random_points(SQUARE, 20.0, rate=4.0, rng=rng)
        kept = even[rng.random(len(even)) < 0.1 ** (1 - even[:, 1] / 1000)]
        kept = kept[np.argsort(kept[:, 0])]
        events = as_events(kept, days=20, region=SQUARE)
        intensity = 4.0 * 0.1 ** (1 - events.coordinates()[:, 1] / 1000)
        k = space_time_k(events, distances=[100, 250], lags=[3, 8], intensity=intensity)
        ratios.append((k / k["poisson"]).values)
    mean, error = np.mean(ratios, axis=0), np.std(ratios, axis=0) / np.sqrt(60)
    assert (np.abs(mean - 1) < 3.5 * error).all()
    assert error.max() < 0.15


def test_pairs_over_the_border_are_not_missed():
    """Without the translation the mean at half the width would be a third too low."""
    rng = np.random.default_rng(12)
    ratios = []
    for _ in range(40):
        events = as_events(random_points(SQUARE, 10.0, rate=6.0, rng=rng), days=10, region=SQUARE)
        k = space_time_k(events, distances=[450], lags=[5], intensity=np.full(len(events), 6.0))
        ratios.append((k / k["poisson"]).item())
    assert np.mean(ratios) == pytest.approx(1, abs=3.5 * np.std(ratios) / np.sqrt(40))
    assert np.std(ratios) / np.sqrt(40) < 0.07


def test_offspring_close_in_place_and_time_raise_k_there_and_less_further_off():
    rng = np.random.default_rng(2)
    rows = branching_process(
        rng, background=2.0, days=80, theta=0.5, rate=1.0, sd=30.0, region=SQUARE
    )
    k = space_time_k(as_events(rows, days=80, region=SQUARE), distances=[50, 300], lags=[1, 20])
    excess = (k / k["poisson"]).values
    assert excess[0, 0] > 5 * excess[1, 1]
    assert excess[0, 0] > 10


def test_areas_shared_with_a_moved_copy_are_those_of_cut_polygons():
    region, step = WINDOWS["l_shape"], 7.0
    found = shared_areas(region, step)
    k = found.shape[0] - 1
    assert found[0, k] == pytest.approx(region.area)
    moved = shapely.transform(region, lambda at: at + np.array([-3, 5]) * step)
    assert found[5, k - 3] == pytest.approx(region.intersection(moved).area)
    assert found.shape == (k + 1, 2 * k + 1)


def test_k_does_not_depend_on_the_order_of_the_rows():
    events, _ = spatstats_points(SQUARE)
    backwards = replace(events, table=events.table[::-1])
    found = [space_time_k(one, distances=[150], lags=[5]) for one in (events, backwards)]
    assert found[0].identical(found[1])


def test_senseless_requests_are_refused():
    events, _ = spatstats_points(SQUARE)
    with pytest.raises(ParameterError, match="more than half of what the region is wide"):
        space_time_k(events, distances=[600], lags=[1])
    with pytest.raises(ParameterError, match="more than half of the window"):
        space_time_k(events, distances=[100], lags=[6])
    with pytest.raises(ParameterError, match="positive, finite and ascending"):
        space_time_k(events, distances=[100, 50], lags=[1])
    with pytest.raises(
        ParameterError, match=r"There are 40 points and intensities of shape \(3,\)"
    ):
        space_time_k(events, distances=[100], lags=[1], intensity=np.ones(3))
    with pytest.raises(ParameterError, match="positive and finite"):
        inhomogeneous_k(events, distances=[100], intensity=np.zeros(40))
    with pytest.raises(TooFewEventsError, match="at least 2 points, got 1"):
        space_time_k(as_events([[1, 1, 1]], days=9, region=SQUARE), distances=[100], lags=[1])


def test_month_data_have_a_k_in_space_and_none_in_time():
    events = events_at(
        ["2024-01-01"] * 4,
        [100, 130, 500, 900],
        [100, 100, 500, 900],
        start="2024-01",
        end="2024-03",
        resolution="month",
    )
    with pytest.raises(ResolutionError, match="inhomogeneous_k"):
        space_time_k(events, distances=[100], lags=[1])
    assert inhomogeneous_k(events, distances=[50]).item() == pytest.approx(2 / 16 * 1e6 / 0.97)
