"""Maps stacked: weights by hand, by law and from simulation, and nothing seen too early."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from hotspot import (
    Events,
    Grid,
    HistoricalRate,
    KernelDensity,
    MapBackground,
    ProspectiveMap,
    Stacked,
    backtest,
    count_events,
    make_periods,
    rolling_origin,
)
from hotspot.errors import ParameterError, TooFewEventsError
from hotspot.models.backgrounds.base import WindowEvents
from hotspot.models.rate_map import rates_of
from hotspot.models.stacked_map import likeliest_weights
from tests.models.self_exciting_cases import SQUARE, START, as_events
from tests.patterns import monthly_events

pytestmark = pytest.mark.filterwarnings("ignore:Only .* past periods can be judged")  # short pasts

GRID = Grid.over(SQUARE, cell_size=500.0)


@dataclass(frozen=True, eq=False)
class Known:
    """A model that always says the same."""

    rate: np.ndarray

    def fit(self, events, grid, *, end=None):  # noqa: ARG002 - the protocol's
        raise AssertionError("a model that offers its rates need not be fitted")

    def rates(self, events, grid):  # noqa: ARG002 - the protocol's
        return lambda _cutoff: (self.rate, np.full(grid.shape, 0.04))


@dataclass(frozen=True)
class OnlyFits:
    """A model that offers no rates."""

    model: HistoricalRate

    def fit(self, events, grid, *, end=None):
        return self.model.fit(events, grid, end=end)


def from_map(share, n, *, rng, days=300.0):
    """Days and places of n events whose cells are drawn by `share`."""
    row, column = np.divmod(rng.choice(share.size, n, p=share.ravel()), share.shape[1])
    x, y = GRID.x[column] + rng.uniform(-250, 250, n), GRID.y[row] + rng.uniform(-250, 250, n)
    return np.column_stack([rng.uniform(0, days, n), x, y])


def two_maps(rng):
    """Two uneven maps, neither of which calls a cell all but impossible."""
    return tuple(share / share.sum() for share in 0.3 + rng.gamma(0.5, 1.0, (2, *GRID.shape)))


def test_weights_of_maps_that_do_not_overlap_are_their_shares_of_the_events():
    """Three of four events fall where only the first map looks: 3/4 and 1/4."""
    weights = likeliest_weights(np.array([[2.0, 1.0, 2.0, 0.0], [0, 0, 0, 5.0]]), np.ones(4))
    np.testing.assert_allclose(weights, [0.75, 0.25])


def test_an_event_that_counts_half_moves_the_weights_half_as_much():
    weights = likeliest_weights(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, 0.5]))
    np.testing.assert_allclose(weights, [2 / 3, 1 / 3])


def test_no_other_weights_make_the_events_likelier():
    rng = np.random.default_rng(3)
    densities = rng.gamma(1.0, 1.0, (4, 400))
    best = np.log(likeliest_weights(densities, np.ones(400)) @ densities).sum()
    others = np.log(rng.dirichlet(np.full(4, 0.5), 3000) @ densities).sum(axis=1)
    assert best > others.max()


def test_the_weights_of_a_simulated_mixture_come_back():
    rng = np.random.default_rng(5)
    first, second = two_maps(rng)
    mixture = 0.7 * first + 0.3 * second
    events = as_events(from_map(mixture, 4000, rng=rng), days=300)
    fitted = Stacked((Known(first), Known(second))).fit(events, GRID)
    error = (4000 * ((first - second) ** 2 / mixture).sum()) ** -0.5  # of the likelihood
    assert fitted.parameters["weights"][0] == pytest.approx(0.7, abs=3 * error)
    assert error < 0.02
    share = fitted.rate / fitted.rate.sum()
    np.testing.assert_allclose(share, mixture, atol=3 * error * np.abs(first - second).max())


def test_the_total_is_the_weighted_mean_of_the_totals_and_errors_add_up():
    rng = np.random.default_rng(6)
    first, second = two_maps(rng)
    events = as_events(from_map(0.5 * first + 0.5 * second, 500, rng=rng), days=300)
    fitted = Stacked((Known(2 * first), Known(6 * second))).fit(events, GRID)
    weights = fitted.parameters["weights"]
    assert fitted.rate.sum() == pytest.approx(2 * weights[0] + 6 * weights[1], rel=1e-5)
    np.testing.assert_allclose(fitted.rate_variance, 0.04)  # the same error in both parts


def test_a_map_that_only_remembers_earns_nothing_on_noise():
    """Weighed by the events it was made of, the count of one or two a cell would win outright."""
    even = np.full(GRID.shape, 1 / GRID.inside.sum())
    events = as_events(from_map(even, 120, rng=np.random.default_rng(7)), days=300)
    remembers, flat = HistoricalRate(), HistoricalRate(background_share=0.999)
    weights = Stacked((remembers, flat)).fit(events, GRID).parameters["weights"]
    assert weights[0] < 0.2
    cell = GRID.cell_of(*events.coordinates()[:, 1:].T)
    in_sample = [model.fit(events, GRID).rate.ravel()[cell] for model in (remembers, flat)]
    assert likeliest_weights(np.array(in_sample), np.ones(120))[0] > 0.9


def test_weights_are_learned_from_the_window_only():
    """The world changes from the first map to the second half-way; only the second half counts."""
    rng = np.random.default_rng(8)
    first, second = two_maps(rng)
    early, late = from_map(first, 1500, rng=rng, days=180), from_map(second, 500, rng=rng, days=120)
    late[:, 0] += 180
    events = as_events(np.concatenate([early, late]), days=300)
    stack = Stacked((Known(first), Known(second)), window="120 days")
    error = (500 * ((first - second) ** 2 / second).sum()) ** -0.5  # of the likelihood
    fitted = stack.fit(events, GRID)
    assert fitted.parameters["weights"][1] > 1 - 3 * error
    assert fitted.parameters["weighed_by_events"] == 500
    before = stack.fit(events, GRID, end=START + pd.Timedelta(days=180))
    assert before.parameters["weights"][0] > 1 - 3 * error
    assert 3 * error < 0.1


def test_events_at_or_after_the_cut_off_change_no_byte():
    rng = np.random.default_rng(9)
    first, second = two_maps(rng)
    rows = from_map(first, 600, rng=rng)
    moved = rows.copy()
    late = rows[:, 0] >= 200
    moved[late] = from_map(second, late.sum(), rng=rng, days=100)
    moved[late, 0] += 200
    stack = Stacked((HistoricalRate(), KernelDensity(bandwidth=400.0)), refresh="3 weeks")
    fits = [
        stack.fit(as_events(r, days=300), GRID, end=START + pd.Timedelta(days=200))
        for r in (rows, moved)
    ]
    assert fits[0].rate.tobytes() == fits[1].rate.tobytes()
    assert fits[0].parameters == fits[1].parameters
    assert fits[0].level.region.tobytes() == fits[1].level.region.tobytes()


def test_the_order_of_rows_changes_no_byte():
    rng = np.random.default_rng(10)
    rows = from_map(two_maps(rng)[0], 400, rng=rng)
    stack = Stacked((HistoricalRate("60 days"), HistoricalRate()))
    fits = [stack.fit(as_events(r, days=300), GRID) for r in (rows, rng.permutation(rows))]
    assert fits[0].rate.tobytes() == fits[1].rate.tobytes()


@pytest.mark.parametrize(
    "model",
    [
        HistoricalRate("100 days", half_life=40.0),
        KernelDensity(bandwidth=300.0),
        KernelDensity(bandwidth="scott"),
        ProspectiveMap(cells=3),
        Stacked((HistoricalRate(), HistoricalRate("60 days"))),
    ],
    ids=["count", "density", "density with its own bandwidth", "prospective", "stack"],
)
def test_the_rates_a_model_offers_are_those_that_it_would_be_fitted_with(model):
    rng = np.random.default_rng(11)
    events = as_events(from_map(two_maps(rng)[0], 600, rng=rng), days=300)
    rate_before = rates_of(model, events, GRID)
    for days in (150, 217, 300):
        cutoff = START + pd.Timedelta(days=days)
        fitted = model.fit(events, GRID, end=cutoff)
        rate, variance = rate_before(cutoff)
        np.testing.assert_allclose(rate, fitted.rate, rtol=1e-9)
        np.testing.assert_allclose(variance, fitted.rate_variance, rtol=1e-9)


def test_a_model_without_rates_of_its_own_is_fitted_for_them():
    rng = np.random.default_rng(12)
    events = as_events(from_map(two_maps(rng)[0], 600, rng=rng), days=300)
    plain = HistoricalRate("100 days")
    rate, variance = rates_of(OnlyFits(plain), events, GRID)(events.end)
    fitted = plain.fit(events, GRID)
    np.testing.assert_allclose(rate, fitted.rate)
    assert (variance >= fitted.rate_variance * (1 - 1e-9)).all()  # levels that move come on top
    stack = Stacked((OnlyFits(plain), HistoricalRate()), refresh="2 months")
    weights = stack.fit(events, GRID).parameters["weights"]
    same = Stacked((plain, HistoricalRate()), refresh="2 months").fit(events, GRID)
    np.testing.assert_allclose(weights, same.parameters["weights"])


def test_months_are_weighed_by_what_was_published_before_them():
    """A burst in one cell every second month: last month's map is wrong each time."""
    counts = np.ones((12, 1, 6), int)
    counts[::2, 0, 0] = 12
    counts[1::2, 0, 5] = 12
    events = monthly_events(counts)
    fitted = Stacked((HistoricalRate("1 month"), HistoricalRate("10 months"))).fit(
        events, Grid.over(events.region)
    )
    assert fitted.parameters["weights"][1] > 0.95
    assert fitted.parameters["weighed_by_events"] == 11 * 17  # nothing came before the first month


def test_a_stack_is_a_background_and_can_be_backtested():
    rng = np.random.default_rng(13)
    events = as_events(from_map(two_maps(rng)[0], 600, rng=rng), days=300)
    stack = Stacked((HistoricalRate(), HistoricalRate("60 days")), window="60 days")
    points = events.coordinates()[:, 1:]
    window = WindowEvents(
        events, GRID, points, pd.DatetimeIndex(events.in_order().table["time"]),
        START + pd.Timedelta(days=150), events.end,
    )  # fmt: skip
    laid = MapBackground(stack, refresh="50 days", background_share=1e-9).lay(window, np.ones(600))
    fitted = stack.fit(events, GRID)
    np.testing.assert_allclose(laid.cell_share, fitted.rate / fitted.rate.sum(), rtol=1e-6)
    folds = rolling_origin("2021-09-01", "2021-09-15", length="week", time_zone="UTC")
    result = backtest({"stack": stack}, events, GRID, folds, rng=np.random.default_rng(1), size=40)
    assert float(result["expected_count"].isel(fold=0).sum()) == pytest.approx(14, rel=0.2)


def test_stacks_without_parts_to_weigh_are_refused():
    with pytest.raises(ParameterError, match="at least two models, got 1"):
        Stacked((HistoricalRate(),))
    with pytest.raises(ParameterError, match=r"with a fit method.*KernelDensity"):
        Stacked((HistoricalRate(), KernelDensity))
    with pytest.raises(ParameterError, match="'soon' is not understood"):
        Stacked((HistoricalRate(), HistoricalRate("1 month")), refresh="soon")


def test_a_record_of_one_refresh_is_too_short():
    """All events lie in the first month, before which no part has anything to learn from."""
    rows = from_map(
        two_maps(np.random.default_rng(1))[0], 50, rng=np.random.default_rng(2), days=20
    )
    with pytest.raises(TooFewEventsError, match="after every part has a past"):
        Stacked((HistoricalRate(), HistoricalRate("7 days"))).fit(as_events(rows, days=20), GRID)


def test_the_forecast_begins_at_the_cut_off():
    rng = np.random.default_rng(14)
    events = as_events(from_map(two_maps(rng)[0], 300, rng=rng), days=300)
    fitted = Stacked((HistoricalRate(), HistoricalRate("60 days"))).fit(events, GRID)
    week = make_periods("2021-10-28", count=1, length="week", time_zone="UTC")
    assert float(fitted.expected_count(week).sum()) == pytest.approx(7, rel=0.2)


@pytest.mark.real
def test_a_stack_of_counts_foretells_burglaries_in_toronto_better_than_each_of_them(real_data):
    """Eight weeks of spring 2019; each map is made of what came before its week."""
    table = pd.read_parquet(real_data / "toronto_mci/toronto_mci_2014_2021.parquet")
    table = table[(table["MCI"] == "Break and Enter") & (table["utm17n_x"] > 5e5)]
    table = table[table["occurrence"].between("2014-01-01", "2019-05-26")]
    zone = "America/Toronto"
    points = gpd.points_from_xy(table["utm17n_x"], table["utm17n_y"])
    events = Events.from_geodataframe(
        gpd.GeoDataFrame(
            {"time": table["occurrence"].dt.floor("D").to_numpy(), "offence": "Break and Enter"},
            geometry=points,
            crs=32617,
        ),
        time_resolution="day",
        region=box(*gpd.GeoSeries(points).total_bounds).buffer(250.0),
        start="2014-01-01",
        end="2019-05-26",
        time_zone=zone,
    )
    grid = Grid.over(gpd.GeoSeries([events.region], crs=32617), cell_size=250)
    weeks = make_periods("2019-03-31", count=8, length="week", time_zone=zone)
    observed = count_events(events, grid, weeks).to_numpy()
    parts = (HistoricalRate("12 months"), HistoricalRate("36 months"), HistoricalRate())
    scores = []
    for model in (Stacked(parts), *parts):
        rate_before = rates_of(model, events, grid)
        maps = [rate_before(week.left)[0] for week in weeks]
        shares = np.array([rate / rate.sum() for rate in maps])[observed > 0]
        scores.append(observed[observed > 0] @ np.log(shares))
    assert scores[0] > max(scores[1:])
