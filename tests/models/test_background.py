"""Backgrounds: densities that integrate to 1, and never hold the event they are read at."""

import numpy as np
import pandas as pd
import pytest

from hotspot import Grid, HistoricalRate, KernelDensity
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.models.backgrounds import kernel as kernel_background
from hotspot.models.backgrounds import kernel_sums
from hotspot.models.backgrounds.base import ConstantBackground, MapBackground, WindowEvents
from hotspot.models.backgrounds.kernel import KernelBackground
from hotspot.models.backgrounds.stacked import StackedBackground
from tests.models.self_exciting_cases import SQUARE, START, as_events

GRID = Grid.over(SQUARE, cell_size=500.0)
BANDWIDTHS = ("likelihood", "adaptive")


def window_of(rows, *, first_day=0.0, days=100.0, grid=GRID):
    rows = rows[np.argsort(rows[:, 0])]
    events = as_events(rows, days=days)
    inside = rows[:, 0] >= first_day
    start = START + pd.Timedelta(days=first_day)
    stamps = START + pd.to_timedelta(rows[inside, 0], unit="D")
    return WindowEvents(events, grid, rows[inside, 1:], stamps, start, events.end)


def random_rows(n, seed=1):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(0, 100, n), rng.uniform(0, 3000, (n, 2))])


def test_constant_background_is_one_over_the_area():
    laid = ConstantBackground().lay(window_of(random_rows(30)), np.ones(30))
    np.testing.assert_allclose(laid.at_events, 1 / 9e6)
    assert laid.cell_share.sum() == pytest.approx(1.0)


def test_map_background_is_the_share_of_past_events_over_the_area_of_the_cell():
    """Three of four past events lie in the first cell; the even share is 10 % of all."""
    rows = np.array(
        [
            [1.0, 100, 100],
            [2.0, 200, 100],
            [3.0, 300, 100],
            [4.0, 2900, 2900],
            [60.0, 400, 400],
            [70.0, 1300, 1300],
        ]
    )
    background = MapBackground(
        HistoricalRate(background_share=1e-9), refresh=None, background_share=0.1
    )
    laid = background.lay(window_of(rows, first_day=50.0), np.ones(2))
    even = 0.1 / 9e6
    np.testing.assert_allclose(laid.at_events, [0.9 * 0.75 / 500**2 + even, even], rtol=1e-6)


def test_an_event_does_not_lie_in_its_own_map():
    rows = random_rows(40)
    background = MapBackground(KernelDensity(bandwidth=400.0), refresh=None)
    before = background.lay(window_of(rows, first_day=50.0), np.ones(1)).at_events
    moved = rows.copy()
    late = moved[:, 0] >= 50
    moved[late, 1:] = moved[late, 1:][0]  # all in one place: a map that saw them would show it
    after = background.lay(window_of(moved, first_day=50.0), np.ones(1)).at_events
    first = np.argmin(rows[late, 0])
    np.testing.assert_allclose(after, background_at(background, rows, moved, late))
    assert before[first] > 0


def background_at(background, rows, moved, late):
    """The map of the original early events read at the moved late places."""
    grid_cells = GRID.cell_of(*moved[late][np.argsort(moved[late, 0]), 1:].T)
    early = as_events(rows[~late], days=50.0)
    rate = background.model.fit(early, GRID).rate
    share = 0.99 * rate / rate.sum() + 0.01 * GRID.inside_area / GRID.inside_area.sum()
    return (share / GRID.inside_area).ravel()[grid_cells]


def test_a_refreshed_map_is_fitted_to_what_came_before_each_refresh():
    """Days 60 and 70 lie in the block that begins on day 50, day 95 in that of day 80."""
    rows = np.array([[1.0, 100, 100], [60.0, 100, 100], [70.0, 2900, 2900], [95.0, 2900, 2900]])
    background = MapBackground(
        HistoricalRate(background_share=1e-9), refresh="30 days", background_share=0.1
    )
    laid = background.lay(window_of(rows, first_day=50.0), np.ones(3))
    even = 0.1 / 9e6
    expected = [0.9 / 500**2 + even, even, 0.9 / 3 / 500**2 + even]
    np.testing.assert_allclose(laid.at_events, expected, rtol=1e-6)


def test_map_background_without_a_past_is_refused():
    with pytest.raises(TooFewEventsError, match="begins 2021-01-01, with the data"):
        MapBackground(HistoricalRate()).lay(window_of(random_rows(30)), np.ones(30))


def test_kernel_background_is_the_weighted_density_of_the_others():
    """Against a plain double loop, with the mass of each kernel in the square by the normal CDF."""
    from scipy.special import ndtr

    window = window_of(random_rows(25))
    chance = np.random.default_rng(2).uniform(0.2, 1, 25)
    laid = KernelBackground(bandwidth=300.0, background_share=0.2).lay(window, chance)
    p = window.points
    mass = (ndtr((3000 - p) / 300) - ndtr(-p / 300)).prod(axis=1)
    expected = []
    for i in range(25):
        others = [
            chance[j] / mass[j] * np.exp(-((p[i] - p[j]) ** 2).sum() / (2 * 300**2))
            for j in range(25)
            if j != i
        ]
        expected.append(0.8 * sum(others) / (2 * np.pi * 300**2 * chance.sum()) + 0.2 / 9e6)
    np.testing.assert_allclose(laid.at_events, expected, rtol=1e-4)
    assert laid.cell_share.sum() == pytest.approx(1.0)


def test_kernel_background_on_the_lattice_is_that_of_pairs(monkeypatch):
    window = window_of(random_rows(60))
    on_lattice = KernelBackground(bandwidth=200.0).lay(window, np.ones(60)).at_events
    monkeypatch.setattr(kernel_sums, "_MOST_NODES", 0)
    by_pairs = KernelBackground(bandwidth=200.0).lay(window, np.ones(60)).at_events
    np.testing.assert_allclose(on_lattice, by_pairs, atol=1e-6 * by_pairs.max())


def test_the_chosen_bandwidth_is_likelier_than_its_neighbours():
    rng = np.random.default_rng(3)
    centres = rng.uniform(500, 2500, (6, 2))
    points = centres[rng.integers(0, 6, 120)] + 90 * rng.standard_normal((120, 2))
    rows = np.column_stack([rng.uniform(0, 100, 120), np.clip(points, 0, 2999)])
    window = window_of(rows)
    chosen = KernelBackground().lay(window, np.ones(120)).parameters["bandwidth_metres"]

    def log_density(bandwidth):
        return np.log(KernelBackground(bandwidth).lay(window, np.ones(120)).at_events).sum()

    best = log_density(chosen)
    assert best > log_density(chosen * 2**0.25)
    assert best > log_density(chosen / 2**0.25)


def clustered_rows(n=120, seed=3):
    """Half of the events within 60 m of two centres, half anywhere."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 3000, (n, 2))
    near = rng.random(n) < 0.5
    centre = np.array([[800.0, 900.0], [2100.0, 1700.0]])[rng.integers(0, 2, n)]
    points[near] = (centre + 60 * rng.standard_normal((n, 2)))[near]
    return np.column_stack([np.sort(rng.uniform(0, 100, n)), points])


def test_kernels_of_their_own_width_are_sums_of_pairs_of_rungs():
    """Against a plain double loop: each kernel lies on two rungs, and its variance is right."""
    from scipy.special import ndtr

    window = window_of(clustered_rows(30))
    chance = np.random.default_rng(2).uniform(0.2, 1, 30)
    background = KernelBackground("adaptive", background_share=0.2)
    laid = background.lay(window, chance)
    p, h = window.points, laid.bandwidth
    low = 2.0 ** np.floor(np.log2(h))
    high_share = (h**2 - low**2) / (3 * low**2)
    np.testing.assert_allclose((1 - high_share) * low**2 + high_share * 4 * low**2, h**2)
    expected = np.zeros(30)
    for share, sd in ((1 - high_share, low), (high_share, 2 * low)):
        mass = (ndtr((3000 - p) / sd[:, None]) - ndtr(-p / sd[:, None])).prod(axis=1)
        for i in range(30):
            squared = ((p[i] - p) ** 2).sum(axis=1)
            of_all = chance * share / mass * np.exp(-squared / (2 * sd**2)) / (2 * np.pi * sd**2)
            expected[i] += of_all.sum() - of_all[i]
    expected = 0.8 * expected / chance.sum() + 0.2 / 9e6
    np.testing.assert_allclose(laid.at_events, expected, rtol=1e-4)
    assert laid.cell_share.sum() == pytest.approx(1.0)


def test_bandwidths_follow_the_square_root_law():
    window = window_of(clustered_rows())
    laid = KernelBackground("adaptive").lay(window, np.ones(120))
    pilot = KernelBackground("likelihood").lay(window, np.ones(120)).at_events
    widest = 2 * np.sqrt(0.5 * window.points.var(axis=0).sum())
    scaled = (laid.bandwidth * np.sqrt(pilot))[laid.bandwidth < widest]
    assert len(scaled) > 100
    np.testing.assert_allclose(scaled, scaled[0])
    told = laid.parameters
    assert told["bandwidth_metres"] == pytest.approx(np.exp(np.log(laid.bandwidth).mean()))
    assert told["bandwidth_range_metres"] == [laid.bandwidth.min(), laid.bandwidth.max()]


def test_left_out_events_are_likelier_under_kernels_of_their_own_width():
    window = window_of(clustered_rows())
    one, own = (KernelBackground(kind).lay(window, np.ones(120)) for kind in BANDWIDTHS)
    assert np.log(own.at_events).sum() > np.log(one.at_events).sum() + 10


def test_a_scattered_record_has_bandwidths_that_hardly_differ():
    laid = KernelBackground("adaptive").lay(window_of(random_rows(120)), np.ones(120))
    narrowest, widest = laid.parameters["bandwidth_range_metres"]
    assert widest < 2 * narrowest


@pytest.mark.parametrize("kind", BANDWIDTHS)
def test_the_order_of_simultaneous_events_changes_no_density(kind):
    rows = clustered_rows(30)
    rows[:, 0] = 50.0
    shuffled = np.random.default_rng(4).permutation(30)
    one, other = (
        KernelBackground(kind).lay(window_of(some), np.ones(30)) for some in (rows, rows[shuffled])
    )
    np.testing.assert_allclose(one.at_events[shuffled], other.at_events, rtol=1e-9)
    np.testing.assert_allclose(one.cell_share, other.cell_share, rtol=1e-9)


def test_some_of_the_events_choose_nearly_the_bandwidth_that_all_do(monkeypatch):
    rows = clustered_rows(120)
    every = KernelBackground("adaptive").lay(window_of(rows), np.ones(120))
    monkeypatch.setattr(kernel_background, "_ENOUGH_EVENTS", 40)
    some = KernelBackground("adaptive").lay(window_of(rows), np.ones(120))
    ratio = some.bandwidth / every.bandwidth
    assert 2**-0.5 < ratio.min() <= ratio.max() < 2**0.5
    assert some.at_events.shape == (120,)


@pytest.mark.parametrize("bandwidth", [0.0, -5.0, np.nan, "scott"])
def test_a_bandwidth_that_makes_no_sense_is_refused(bandwidth):
    with pytest.raises(ParameterError, match="bandwidth must be a"):
        KernelBackground(bandwidth=bandwidth)


def test_a_background_map_needs_a_model():
    with pytest.raises(ParameterError, match="needs a model with a fit method"):
        MapBackground(model=3.0)
    with pytest.raises(ParameterError, match=r"background_share must be in \(0, 1\)"):
        MapBackground(HistoricalRate(), background_share=0.0)
    with pytest.raises(ParameterError, match="window='often'"):
        MapBackground(HistoricalRate(), refresh="often")


def test_kernel_background_of_few_events_is_refused():
    with pytest.raises(TooFewEventsError, match="9 events lie in the window"):
        KernelBackground(100.0).lay(window_of(random_rows(9)), np.ones(9))


def test_a_stack_takes_the_weights_under_which_events_are_likeliest():
    """Two maps; the weights are those of a search along the line between them."""
    rng = np.random.default_rng(5)
    rows = random_rows(120)
    rows[:, 1:][rng.random(120) < 0.5] *= 0.3
    window = window_of(rows, first_day=50.0)
    parts = (
        ConstantBackground(),
        MapBackground(HistoricalRate(background_share=1e-9), background_share=1e-9),
    )
    chance = rng.uniform(0.3, 1, len(window.points))
    laid = StackedBackground(parts).lay(window, chance)
    even, mapped = (part.lay(window, chance).at_events for part in parts)
    shares = np.linspace(0.001, 0.999, 999)
    likelihood = [chance @ np.log(w * even + (1 - w) * mapped) for w in shares]
    best = shares[np.argmax(likelihood)]
    assert 0.02 < best < 0.98
    np.testing.assert_allclose(laid.parameters["weights"], [best, 1 - best], atol=3e-3)
    np.testing.assert_allclose(laid.at_events, best * even + (1 - best) * mapped, rtol=0.02)
    assert laid.cell_share.sum() == pytest.approx(1.0)


def test_a_stack_of_one_or_of_what_follows_the_events_is_refused():
    with pytest.raises(ParameterError, match="at least two"):
        StackedBackground((ConstantBackground(),))
    with pytest.raises(ParameterError, match="do not follow the events"):
        StackedBackground((ConstantBackground(), KernelBackground()))
