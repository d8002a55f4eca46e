"""KernelDensity: laws of the fitted map, agreement of its methods, and bad input."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from hotspot.data.events import Events
from hotspot.errors import DataQualityWarning, ParameterError, TooFewEventsError
from hotspot.grid.cells import Grid
from hotspot.models.kde import KernelDensity
from hotspot.models.protocol import FittedModel, Model
from hotspot.models.smoothing.density import density_at_points

REGION = box(0, 0, 6000, 5000)
START = pd.Timestamp("2019-01-01", tz="UTC")


def events_at(points, days, *, resolution="exact", place_resolution=0.0, n_days=365):
    times = START + pd.to_timedelta(np.asarray(days, float), unit="D")
    table = gpd.GeoDataFrame(
        {"time": times, "offence": "burglary"},
        geometry=gpd.points_from_xy(*np.asarray(points, float).T),
        crs=27700,
    )
    return Events(
        table=table,
        region=REGION,
        start=START,
        end=START + pd.Timedelta(days=n_days),
        time_resolution=resolution,
        place_resolution=place_resolution,
        time_zone="UTC",
    )


def clustered(n=400, seed=20240229, **options):
    rng = np.random.default_rng(seed)
    centres = np.array([[1500, 1200], [4200, 3800], [5800, 300]])
    points = centres[rng.integers(3, size=n)] + rng.normal(0, 350, (n, 2))
    # Reflected at the border, where clipping would line a part of them up along it.
    points = np.abs(points)
    points = np.minimum(points, [12_000, 10_000] - points)
    return events_at(points, rng.uniform(0, 365, n), **options)


@pytest.fixture(scope="module")
def grid():
    return Grid.over(REGION, cell_size=250)


OPTIONS = [
    {},
    {"edge_correction": "diggle"},
    {"edge_correction": "none"},
    {"method": "exact"},
    {"adaptive": True},
    {"adaptive": True, "edge_correction": "diggle"},
    {"adaptive": True, "method": "exact"},
    {"half_life": 60.0, "window": "6 months"},
]


def test_the_specification_and_the_fit_keep_the_model_contract(grid):
    model = KernelDensity(bandwidth=300.0)
    assert isinstance(model, Model)
    assert isinstance(model.fit(clustered(), grid), FittedModel)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_map_sums_to_the_weighted_rate_of_the_events(grid, options):
    events = clustered()
    fit = KernelDensity(bandwidth=300.0, **options).fit(events, grid)
    if "half_life" in options:
        age = 365 - events.coordinates()[:, 0]
        # Half a year back from 1 January 2020 is 1 July 2019, 184 days.
        weight = 0.5 ** (age[age <= 184] / 60.0)
        exposure = 60.0 / np.log(2) * (1 - 0.5 ** (184 / 60.0))
        expected = weight.sum() / exposure
    else:
        expected = len(events) / 365
    assert fit.rate.sum() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_cell_inside_has_a_rate_and_a_finite_uncertainty(grid, options):
    fit = KernelDensity(bandwidth=100.0, **options).fit(clustered(), grid)
    assert (fit.rate[grid.inside] > 0).all()
    assert np.isfinite(fit.rate_variance).all()
    assert (fit.rate_variance[grid.inside] > 0).all()


@pytest.mark.compiled
@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("edge_correction", ["uniform", "diggle", "none"])
def test_fft_and_exact_give_the_same_map(grid, adaptive, edge_correction):
    options = {"bandwidth": 260.0, "adaptive": adaptive, "edge_correction": edge_correction}
    events = clustered(1500)
    exact = KernelDensity(method="exact", **options).fit(events, grid)
    fast = KernelDensity(method="fft", **options).fit(events, grid)
    stated = 3e-3 if adaptive else 1e-3
    assert np.abs(fast.rate - exact.rate).max() < stated * exact.rate.max()


@pytest.mark.compiled
def test_even_scatter_gives_an_even_map_with_the_uniform_correction(grid):
    """On a lattice of events 50 m apart the corrected density is flat up to the border.

    Flat to the midpoint rule's error in each axis, at most 50² / (24 x 300²) = 1.2e-3.
    """
    x, y = np.meshgrid(np.arange(25, 6000, 50), np.arange(25, 5000, 50))
    points = np.column_stack([x.ravel(), y.ravel()])
    events = events_at(points, np.linspace(0, 364, len(points)))
    flat = KernelDensity(bandwidth=300.0, method="exact").fit(events, grid).rate
    np.testing.assert_allclose(flat, flat.mean(), rtol=2 * 1.2e-3)
    uncorrected = KernelDensity(bandwidth=300.0, edge_correction="none").fit(events, grid).rate
    assert uncorrected[0, 0] < 0.6 * uncorrected[10, 12]


def test_a_tiny_bandwidth_gives_the_counts(grid):
    events = clustered()
    _, x, y = events.coordinates().T
    count = np.bincount(grid.cell_of(x, y), minlength=grid.inside_area.size).reshape(grid.shape)
    fit = KernelDensity(bandwidth=1e-4, background_share=0.01).fit(events, grid)
    expected = (0.99 * count + 0.01 * count.sum() / count.size) / 365
    np.testing.assert_allclose(fit.rate, expected, rtol=1e-6)


def test_relative_variance_of_a_tiny_bandwidth_is_one_over_the_count(grid):
    points = np.repeat([[1125.0, 1125.0], [3125.0, 3125.0]], [4, 100], axis=0)
    fit = KernelDensity(bandwidth=0.01, background_share=1e-9).fit(
        events_at(points, np.linspace(1, 300, 104)), grid
    )
    assert fit.rate_variance[4, 4] == pytest.approx(1 / 4, rel=1e-6)
    assert fit.rate_variance[12, 12] == pytest.approx(1 / 100, rel=1e-6)


def test_smoothing_lowers_the_uncertainty_of_the_peak(grid):
    events = clustered()
    narrow, wide = (KernelDensity(bandwidth=h).fit(events, grid) for h in (50.0, 400.0))
    peak = np.unravel_index(narrow.rate.argmax(), grid.shape)
    assert wide.rate_variance[peak] < narrow.rate_variance[peak]


def test_events_outside_the_grid_do_not_count():
    events = clustered()
    west = Grid.over(box(0, 0, 3000, 5000), cell_size=250)
    on_grid = (events.coordinates()[:, 1] < 3000).sum()
    fit = KernelDensity(bandwidth=300.0).fit(events, west)
    assert fit.rate.sum() == pytest.approx(on_grid / 365)


def test_recent_events_count_for_more_with_a_half_life(grid):
    events = events_at([[1000, 1000], [5000, 4000]], [10.0, 360.0])
    fit = KernelDensity(bandwidth=200.0, half_life=30.0).fit(events, grid)
    assert fit.rate[16, 20] > 100 * fit.rate[4, 4]


def test_month_data_age_by_the_middle_of_their_month(grid):
    """Weights 0.5 ** (age / 30) at 16 December and 16 January of a cut-off on 1 January 2020."""
    events = events_at([[1125, 1125], [5125, 4125]], [0.0, 334.0], resolution="month")
    fit = KernelDensity(bandwidth=0.01, half_life=30.0, background_share=1e-9).fit(events, grid)
    old, new = fit.rate[4, 4], fit.rate[16, 20]
    assert new / old == pytest.approx(2 ** ((365 - 15.5 - 15.5) / 30), rel=1e-3)


@pytest.mark.compiled
def test_events_after_the_cut_off_change_nothing(grid):
    end = START + pd.Timedelta(days=200)
    events = clustered()
    early = events.coordinates()[:, 0] < 200
    moved = events.coordinates()[:, 1:].copy()
    moved[~early] = 10.0
    other = events_at(moved, events.coordinates()[:, 0])
    for bandwidth in (250.0, "likelihood"):
        model = KernelDensity(bandwidth=bandwidth)
        assert model.fit(events, grid, end=end).rate.tobytes() == (
            model.fit(other, grid, end=end).rate.tobytes()
        )


def test_the_order_of_rows_changes_no_byte(grid):
    points = clustered().coordinates()
    shuffled = np.random.default_rng(1).permutation(len(points))
    for options in OPTIONS:
        model = KernelDensity(bandwidth=220.0, **options)
        maps = [
            model.fit(events_at(some[:, 1:], some[:, 0]), grid)
            for some in (points, points[shuffled])
        ]
        assert maps[0].rate.tobytes() == maps[1].rate.tobytes()
        assert maps[0].rate_variance.tobytes() == maps[1].rate_variance.tobytes()


def test_the_default_chooses_a_bandwidth_of_the_clusters_scale(grid):
    fit = KernelDensity().fit(clustered(), grid)
    assert 80 < fit.parameters["bandwidth_metres"] < 350


def test_adaptive_smoothing_keeps_peaks_and_fills_hollows(grid):
    events = clustered(3000)
    fixed = KernelDensity(bandwidth=300.0).fit(events, grid)
    adaptive = KernelDensity(bandwidth=300.0, adaptive=True).fit(events, grid)
    assert adaptive.rate.max() > 1.1 * fixed.rate.max()


def test_exact_density_of_one_event_stands_in_the_map():
    """One event in the middle: the map of small cells is the kernel itself, by hand."""
    grid = Grid.over(REGION, cell_size=50)
    point = np.array([[3025.0, 2525.0]])
    fit = KernelDensity(bandwidth=200.0, background_share=1e-9).fit(events_at(point, [100.0]), grid)
    centre = np.array([[3225.0, 2525.0]])
    density = density_at_points(point, centre, bandwidth=200.0)[0]
    assert fit.rate[50, 64] == pytest.approx(density * 50**2 / 365, rel=3e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bandwidth": 0.0}, "positive number of metres"),
        ({"bandwidth": -5}, "positive number of metres"),
        ({"bandwidth": np.nan}, "positive number of metres"),
        ({"bandwidth": np.inf}, "positive number of metres"),
        ({"bandwidth": "silverman"}, "one of"),
        ({"edge_correction": "torus"}, "edge_correction must be one of"),
        ({"method": "tree"}, '"fft" or "exact"'),
        ({"window": "a while"}, "not understood"),
        ({"half_life": -1.0}, "half_life must be"),
        ({"background_share": 0.0}, "background_share must be in"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        KernelDensity(**options)


def test_a_bandwidth_larger_than_the_region_is_refused(grid):
    with pytest.raises(ParameterError, match="larger than the region, which is 6000 m by 5000 m"):
        KernelDensity(bandwidth=7000.0).fit(clustered(), grid)


def test_a_bandwidth_below_the_snap_spacing_warns(grid):
    with pytest.warns(DataQualityWarning, match="below the place resolution, 120 m"):
        KernelDensity(bandwidth=50.0).fit(clustered(place_resolution=120.0), grid)


def test_no_events_are_too_few(grid):
    nobody = events_at(np.zeros((0, 2)), [])
    with pytest.raises(TooFewEventsError, match="nothing to smooth"):
        KernelDensity(bandwidth=300.0).fit(nobody, grid)
    with pytest.raises(TooFewEventsError, match="0 events in 0 distinct places"):
        KernelDensity().fit(nobody, grid)


def test_events_in_one_place_need_a_bandwidth_in_metres(grid):
    together = events_at(np.full((50, 2), 1000.0), np.arange(50))
    with pytest.raises(TooFewEventsError, match="50 events in 1 distinct places"):
        KernelDensity().fit(together, grid)
    fit = KernelDensity(bandwidth=200.0).fit(together, grid)
    assert np.isfinite(fit.rate).all()
