"""Backgrounds that covariates of tiles and periods explain."""

import itertools
import os

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.optimize import minimize

from hotspot import EndemicEpidemicPoints, ExponentialLag, Grid, LogLinear, SelfExciting
from hotspot.errors import (
    ConvergenceError,
    CoverageError,
    ParameterError,
    RegionError,
    UnknownNameError,
)
from hotspot.models.backgrounds.base import WindowEvents
from hotspot.models.backgrounds.covariates import CovariateBackground
from hotspot.models.backgrounds.periodic import PeriodicBackground
from hotspot.models.backgrounds.poisson import poisson_coefficients
from hotspot.models.parts.displacement import GaussianDisplacement
from hotspot.models.parts.shapes import ExponentialLagShape, GaussianShape
from tests.models.self_exciting_cases import SQUARE, START, as_events

GRID = Grid.over(SQUARE, cell_size=500.0)
# Strips of 1.2, 0.8 and 1 km: two of their borders cut through cells.
EDGES = [0, 1200, 2000, 3000]
TILES = gpd.GeoDataFrame(
    {"tile": ["west", "middle", "east"], "density": [2.0, 5.0, 3.0], "z": [0.0, 1.0, -0.5]},
    geometry=[shapely.box(a, 0, b, 3000) for a, b in itertools.pairwise(EDGES)],
    crs=27700,
)
AREA = np.diff(EDGES) * 3000.0
DAYS = 200.0
compiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="fits take minutes uncompiled"
)


def day(n):
    return START + pd.Timedelta(days=n)


def by_period(n=4, length=50.0, seed=3):
    """A row for each strip and period, with one covariate that changes and one that does not."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        [
            {"tile": name, "start": day(p * length), "end": day((p + 1) * length), "z": z}
            for p in range(n)
            for name, z in zip(TILES["tile"], TILES["z"], strict=True)
        ]
    )
    return table.assign(warmth=rng.normal(size=len(table)).round(2))


def simulated(rng, rate, *, theta=0.0, lag=0.1, sd=100.0):
    """Days, x, y of events of a rate (tiles, periods) a day and tile, and what they trigger."""
    found = []
    length = DAYS / rate.shape[1]
    for k, p in np.ndindex(rate.shape):
        n = rng.poisson(rate[k, p] * length)
        x = rng.uniform(EDGES[k], EDGES[k + 1], n)
        found.append(
            np.column_stack([rng.uniform(p, p + 1, n) * length, x, rng.uniform(0, 3000, n)])
        )
    generation = np.concatenate(found)
    family = [generation]
    while len(generation) and theta:
        children = np.repeat(generation, rng.poisson(theta, len(generation)), axis=0)
        steps = sd * rng.standard_normal((len(children), 2))
        children = children + np.column_stack([rng.exponential(1 / lag, len(children)), steps])
        inside = shapely.contains_xy(SQUARE, children[:, 1], children[:, 2])
        generation = children[inside & (children[:, 0] < DAYS)]
        family.append(generation)
    rows = np.concatenate(family)
    return rows[np.argsort(rows[:, 0])]


def window_of(rows, *, days=DAYS, grid=GRID):
    rows = np.asarray(rows, float)
    stamps = START + pd.to_timedelta(rows[:, 0], unit="D")
    return WindowEvents(as_events(rows, days=days), grid, rows[:, 1:], stamps, START, day(days))


def even_rows(n=60, seed=4):
    rng = np.random.default_rng(seed)
    return np.column_stack([np.sort(rng.uniform(0, DAYS, n)), rng.uniform(0, 3000, (n, 2))])


def tile_of(x):
    return np.searchsorted(EDGES, x, side="right") - 1


def test_rates_of_tiles_told_apart_are_counts_over_area_by_hand():
    """Chances 1, 1 in the west, .5 in the middle, 2 x 1 and .25 in the east."""
    rows = [[10, 100, 5], [20, 900, 5], [30, 1300, 5], [40, 2100, 5], [50, 2900, 5], [60, 2500, 5]]
    chance = np.array([1, 1, 0.5, 1, 1, 0.25])
    laid = CovariateBackground(TILES, LogLinear(("tile",))).lay(window_of(rows), chance)
    total = np.array([2.0, 0.5, 2.25])
    expected = (total / total.sum() / AREA)[tile_of(np.array(rows)[:, 1])]
    np.testing.assert_allclose(laid.at_events, expected, rtol=1e-9)
    assert laid.pattern is None
    assert laid.cell_share.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(laid.cell_share[:, 0].sum(), total[0] / total.sum() * 500 / 1200)


def test_a_background_proportional_to_an_exposure_needs_no_coefficient():
    laid = CovariateBackground(TILES, LogLinear(exposure="density")).lay(
        window_of(even_rows()), np.ones(60)
    )
    west, middle, east = TILES["density"] * AREA / (TILES["density"] * AREA).sum()
    expected = (
        [west * 5 / 12] * 2 + [west * 2 / 12 + middle * 3 / 8, middle * 5 / 8] + [east / 2] * 2
    )
    np.testing.assert_allclose(laid.cell_share.sum(axis=0), expected, rtol=1e-9)
    assert list(laid.parameters["coefficients"]) == ["intercept"]


def test_coefficients_without_triggering_are_those_of_the_likelihood_of_points():
    """``EndemicEpidemicPoints`` climbs the likelihood of the points themselves."""
    table = by_period()
    rate = 0.2 * np.exp(0.8 * table["z"] + 0.4 * table["warmth"]).to_numpy().reshape(4, 3).T
    rows = simulated(np.random.default_rng(5), rate)
    predictor = LogLinear(("z", "warmth"))
    laid = CovariateBackground(TILES, predictor, table).lay(window_of(rows), np.ones(len(rows)))
    joint = EndemicEpidemicPoints(endemic=predictor).fit(*as_points(rows, table), region=SQUARE)
    found = laid.parameters["coefficients"]
    np.testing.assert_allclose(list(found.values()), joint.estimates, atol=1e-5)
    # With B = n / days the two are one log-likelihood.
    n = len(rows)
    value = np.log(n / DAYS * laid.at_events).sum() - n
    assert value == pytest.approx(joint.log_likelihood, abs=1e-6)


def as_points(rows, table):
    """Events and tiles as the endemic-epidemic model takes them: days and square metres."""
    tile = TILES["tile"].to_numpy()[tile_of(rows[:, 1])]
    events = pd.DataFrame({"time": rows[:, 0], "x": rows[:, 1], "y": rows[:, 2], "tile": tile})
    area = dict(zip(TILES["tile"], AREA, strict=True))
    tiles = table.assign(
        start=(table["start"] - START) / pd.Timedelta(days=1),
        stop=(table["end"] - START) / pd.Timedelta(days=1),
        area=table["tile"].map(area),
    )
    return events, tiles.drop(columns="end")


@compiled
def test_where_declustering_rests_covariates_and_triggering_have_their_joint_maximum():
    table = by_period()
    rate = 0.4 * np.exp(0.8 * table["z"] + 0.4 * table["warmth"]).to_numpy().reshape(4, 3).T
    rows = simulated(np.random.default_rng(6), rate, theta=0.35, lag=0.2, sd=80.0)
    predictor = LogLinear(("z", "warmth"))
    fitted = SelfExciting(
        background=CovariateBackground(TILES, predictor, table),
        lag=ExponentialLag(0.2),
        displacement=GaussianDisplacement(80.0),
    ).fit(as_events(rows, days=DAYS), GRID)
    joint = EndemicEpidemicPoints(
        endemic=predictor,
        epidemic=LogLinear(),
        displacement=GaussianShape(sd=80.0),
        lag=ExponentialLagShape(rate=0.2),
        longest_lag=150.0,
        furthest=900.0,
    ).fit(*as_points(rows, table), region=SQUARE)
    beta, error = joint.estimates.to_numpy()[:3], joint.standard_errors.to_numpy()[:3]
    found = fitted.background.parameters["coefficients"]
    # Declustering stops where no parameter moves by more than .02 standard errors a round.
    np.testing.assert_allclose(list(found.values())[1:], beta[1:], atol=0.1 * error[1:].min())
    assert fitted.log_likelihood == pytest.approx(joint.log_likelihood, abs=0.002)
    assert fitted.branching_ratio == pytest.approx(joint.branching_ratio, rel=0.005)


def test_cell_days_are_those_of_the_periods_by_hand():
    """Two periods of 100 days; in the second, the middle strip has four times its rate."""
    table = by_period(2, 100.0).assign(more=[0, 0, 0, 0, 1, 0])
    rows = np.array(
        [[t, x, 5.0] for t, x in [(1, 600), (2, 1600), (3, 2500), (101, 600), (102, 2500)]]
        + [[110.0 + k, 1600.0, 5.0] for k in range(4)]
    )
    # One event a strip and period but for the four: west and east have half the middle's rate.
    laid = CovariateBackground(TILES, LogLinear(("tile", "more")), table).lay(
        window_of(rows), np.ones(9)
    )
    assert laid.map_moves
    assert laid.days(day(0), day(200)) == pytest.approx(200.0)
    # 9 events in 200 days: each stands for 200 / 9 days of a background of one a day.
    first = laid.cell_days(day(0), day(100)).sum(axis=0)
    np.testing.assert_allclose(first[:2].sum(), 200 / 9 * 1000 / 1200, rtol=1e-6)
    second = laid.cell_days(day(100), day(200)).sum(axis=0)
    np.testing.assert_allclose(second[3], 4 * 200 / 9 * 500 / 800, rtol=1e-6)
    np.testing.assert_allclose(
        laid.cell_share * laid.days(day(150), day(160)) * 10,
        second.sum() / second.sum() * laid.cell_days(day(100), day(200)),
        rtol=1e-9,
    )
    many = laid.cell_days(
        pd.DatetimeIndex([day(0), day(90)]), pd.DatetimeIndex([day(100), day(130)])
    )
    np.testing.assert_allclose(many[0].sum(axis=0), first)
    np.testing.assert_allclose(many[1].sum(axis=0), 0.1 * first + 0.3 * second)
    assert list(laid.breaks(day(10), day(190))) == [day(100)]


def test_integrals_over_cells_add_up_to_the_integral_over_the_region():
    table = by_period()
    rows = even_rows()
    laid = CovariateBackground(TILES, LogLinear(("warmth",)), table).lay(
        window_of(rows), np.ones(60)
    )
    begin = pd.DatetimeIndex([day(0), day(33.3), day(120)])
    end = pd.DatetimeIndex([day(200), day(51), day(121)])
    np.testing.assert_allclose(laid.cell_days(begin, end).sum(axis=(1, 2)), laid.days(begin, end))
    steps = pd.DatetimeIndex([day(d) for d in np.linspace(0, 200, 9)])
    np.testing.assert_allclose(np.diff(laid.days(day(0), steps)), laid.days(steps[:-1], steps[1:]))


def test_season_and_trend_are_columns_of_the_months():
    """The same regression with cosine, sine and years written out, a row a month."""
    months = pd.date_range("2021-01-01", "2023-01-01", freq="MS", tz="UTC")
    days = (months[-1] - START) / pd.Timedelta(days=1)
    rng = np.random.default_rng(8)
    rows = np.column_stack([np.sort(rng.uniform(0, days, 300)), rng.uniform(0, 3000, (300, 2))])
    window = window_of(rows, days=days)
    middle = months[:-1] + (months[1:] - months[:-1]) / 2
    turn = 2 * np.pi * (middle.day_of_year - 0.5) / 365
    written = pd.concat(
        [
            pd.DataFrame({"tile": name, "z": z, "start": months[:-1], "end": months[1:]}).assign(
                c=np.cos(turn), s=np.sin(turn), years=(middle.normalize() - START).days / 365.25
            )
            for name, z in zip(TILES["tile"], TILES["z"], strict=True)
        ]
    )
    told = CovariateBackground(TILES, LogLinear(("z",)), harmonics=1, trend=True)
    plain = CovariateBackground(TILES, LogLinear(("z", "c", "s", "years")), written)
    laid, other = (one.lay(window, np.ones(300)) for one in (told, plain))
    np.testing.assert_allclose(laid.at_events, other.at_events, rtol=1e-6)
    np.testing.assert_allclose(
        list(laid.parameters["coefficients"].values()),
        list(other.parameters["coefficients"].values()),
        atol=1e-5,
    )
    assert not laid.map_moves
    # The trend is held where the window left it: years later only the season is different.
    later = [
        laid.days(*pd.to_datetime([f"{y}-06-01", f"{y}-07-01"]).tz_localize("UTC"))
        for y in (2025, 2030)
    ]
    assert later[0] == pytest.approx(later[1])


def test_a_steady_background_of_covariates_may_have_hours():
    rows = even_rows(200)
    inner = CovariateBackground(TILES, LogLinear(("z",)))
    laid = PeriodicBackground(inner, day_of_week=False).lay(window_of(rows), np.ones(200))
    alone = inner.lay(window_of(rows), np.ones(200))
    np.testing.assert_allclose(
        laid.at_events, alone.at_events * laid.pattern.at(window_of(rows).stamps)
    )
    with pytest.raises(ParameterError, match="varies in time itself"):
        PeriodicBackground(CovariateBackground(TILES, LogLinear(("z",)), by_period())).lay(
            window_of(rows), np.ones(200)
        )


def test_a_forecast_beyond_the_covariates_says_what_to_give():
    laid = CovariateBackground(TILES, LogLinear(("warmth",)), by_period()).lay(
        window_of(even_rows()), np.ones(60)
    )
    with pytest.raises(CoverageError, match=r"until 2021-07-27 .* rows for the periods after that"):
        laid.days(day(200), day(207))
    with pytest.raises(CoverageError, match=r"rows for the periods before that"):
        laid.cell_days(day(-1), day(2))


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (
            lambda t: t[t["tile"] != "east"],
            CoverageError,
            r"1 of the 3 tiles .* such as \['east'\]",
        ),
        (lambda t: t.drop(index=4), CoverageError, r"Tile 'middle' has no covariates .* 1 such"),
        (
            lambda t: t[t["start"] != day(50)],
            CoverageError,
            r"leave a gap from 2021-02-20.*2021-04-11",
        ),
        (
            lambda t: t[t["start"] < day(150)],
            CoverageError,
            r"background is asked until 2021-07-20",
        ),
        (lambda t: t[t["start"] > day(0)], CoverageError, r"background is asked from 2021-01-01"),
        (lambda t: pd.concat([t, t.iloc[:1]]), ParameterError, r"two rows, such as tile 'west'"),
        (
            lambda t: t.assign(warmth=t["warmth"].where(t.index != 3)),
            ParameterError,
            "not a finite",
        ),
        (lambda t: t.assign(end=t["end"] + pd.Timedelta("1h")), ParameterError, "overlap"),
        (lambda t: t.assign(end=t["start"]), ParameterError, "must end after it starts"),
        (lambda t: t.drop(columns="warmth"), UnknownNameError, "warmth"),
        (lambda t: t.drop(columns="end"), UnknownNameError, "end"),
    ],
    ids=[
        "tile",
        "row",
        "gap",
        "late",
        "early",
        "twice",
        "nan",
        "overlap",
        "empty",
        "column",
        "end",
    ],
)
def test_covariates_that_miss_something_are_refused(change, error, match):
    background = CovariateBackground(TILES, LogLinear(("warmth",)), change(by_period()))
    with pytest.raises(error, match=match):
        background.lay(window_of(even_rows()), np.ones(60))


def test_tiles_that_leave_part_of_the_region_are_refused():
    with pytest.raises(RegionError, match=r"33\.3% of the region lies in none of the 2 tiles"):
        CovariateBackground(TILES.iloc[:2], LogLinear(("z",))).lay(
            window_of(even_rows()), np.ones(60)
        )


def test_tiles_that_overlap_are_refused():
    twice = TILES.assign(geometry=[*TILES.geometry[:2], shapely.box(1500, 0, 3000, 3000)])
    with pytest.raises(RegionError, match="'middle' and 'east' overlap"):
        CovariateBackground(twice, LogLinear(("z",))).lay(window_of(even_rows()), np.ones(60))


def test_a_column_that_others_explain_is_refused_by_name():
    tiles = TILES.assign(same=2 * TILES["z"] + 3)
    with pytest.raises(ParameterError, match=r"'same' is a sum of multiples .*intercept, z"):
        CovariateBackground(tiles, LogLinear(("z", "same"))).lay(
            window_of(even_rows()), np.ones(60)
        )


def test_a_column_that_is_0_throughout_the_window_is_refused_by_name():
    table = by_period(6).assign(later=lambda t: (t["start"] >= day(200)).astype(float))
    with pytest.raises(ParameterError, match=r"'later' is 0 in every tile and period"):
        CovariateBackground(TILES, LogLinear(("later",)), table).lay(
            window_of(even_rows()), np.ones(60)
        )


def test_tiles_that_do_not_touch_the_region_are_left_out_of_account():
    """Neither their missing covariates nor their names as levels count."""
    far = gpd.GeoDataFrame(
        {"tile": ["afar"], "density": [0.0], "z": [np.nan]},
        geometry=[shapely.box(9000, 0, 9500, 500)],
        crs=27700,
    )
    more = pd.concat([TILES, far], ignore_index=True)
    window, chance = window_of(even_rows()), np.ones(60)
    for predictor in (LogLinear(("tile",)), LogLinear(("z",), exposure="density")):
        with_it, without = (
            CovariateBackground(tiles, predictor).lay(window, chance) for tiles in (more, TILES)
        )
        np.testing.assert_allclose(with_it.at_events, without.at_events)
        np.testing.assert_allclose(with_it.cell_share, without.cell_share)


def test_a_tile_without_events_and_with_a_coefficient_of_its_own_is_refused():
    rows = even_rows()
    rows = rows[rows[:, 1] < 2000]
    with pytest.raises(ConvergenceError, match="grows without end"):
        CovariateBackground(TILES, LogLinear(("tile",))).lay(window_of(rows), np.ones(len(rows)))


@pytest.mark.parametrize("harmonics", [-1, 13, 0.5, True])
def test_harmonics_that_are_no_number_are_refused(harmonics):
    with pytest.raises(ParameterError, match="harmonics must be a whole number"):
        CovariateBackground(TILES, LogLinear(), harmonics=harmonics)


def test_a_formula_in_words_is_refused():
    with pytest.raises(ParameterError, match="predictor must be a LogLinear"):
        CovariateBackground(TILES, "~ z")


def test_an_event_on_the_border_of_two_tiles_lies_in_one_of_them():
    rows = [[1.0, 1200.0, 0.0], [2.0, 2000.0, 3000.0], [3.0, 600.0, 5.0], [4.0, 2700.0, 5.0]]
    laid = CovariateBackground(TILES, LogLinear(("z",))).lay(window_of(rows), np.ones(4))
    assert np.isfinite(laid.at_events).all()


def test_poisson_coefficients_are_at_the_maximum_of_a_general_optimiser():
    rng = np.random.default_rng(7)
    design = np.column_stack([np.ones(40), rng.normal(size=40), 1e5 * rng.uniform(size=40)])
    counts, exposure = rng.uniform(0, 6, 40), rng.uniform(0.5, 2, 40)
    found = poisson_coefficients(design, counts, exposure, names=("a", "b", "c"))
    scale = np.array([1, 1, 1e-5])

    def loss(beta):
        rate = exposure * np.exp(design @ (beta * scale))
        return rate.sum() - counts @ design @ (beta * scale), (rate - counts) @ design * scale

    other = minimize(loss, np.zeros(3), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(found / scale, other, atol=1e-6)


@compiled
def test_a_forecast_moves_with_the_covariates_of_its_periods():
    """Of the expected background, and of simulated futures without triggering to speak of."""
    table = by_period(6)
    rate = 0.8 * np.exp(0.8 * table["z"] + 0.6 * table["warmth"]).to_numpy().reshape(6, 3).T
    rows = simulated(np.random.default_rng(9), rate[:, :4], theta=0.2, lag=0.5, sd=60.0)
    fitted = SelfExciting(
        background=CovariateBackground(TILES, LogLinear(("z", "warmth")), table),
        lag=ExponentialLag(0.5),
        displacement=GaussianDisplacement(60.0),
        hold=("lag", "displacement"),
    ).fit(as_events(rows, days=DAYS), GRID)
    halves = pd.IntervalIndex.from_breaks([day(200), day(250), day(300)], closed="left")
    count = fitted.background_count(halves)
    strips = count.sum("y").to_numpy()
    coefficient = fitted.background.parameters["coefficients"]["warmth"]
    warmth = table["warmth"].to_numpy().reshape(6, 3)
    # The west's columns change by its warmth alone, and so do the east's.
    for columns, tile in ((slice(0, 2), 0), (slice(4, 6), 2)):
        ratio = strips[1, columns].sum() / strips[0, columns].sum()
        expected = np.exp(coefficient * (warmth[5, tile] - warmth[4, tile]))
        assert ratio == pytest.approx(expected, rel=1e-5)
    both = pd.IntervalIndex.from_breaks([day(200), day(300)], closed="left")
    np.testing.assert_allclose(fitted.background_count(both)[0], count.sum("time"), rtol=1e-9)
    futures = fitted.simulate_counts(halves, size=2000, rng=np.random.default_rng(1))
    mean = futures.mean("member").sum("y").to_numpy()
    expected = fitted.expected_count(halves).sum("y").to_numpy()
    error = np.sqrt(futures.sum("y").var("member").to_numpy() / 2000)
    assert (np.abs(mean - expected) < 4.5 * error + 0.01 * expected).all()
    late = pd.IntervalIndex.from_breaks([day(290), day(310)], closed="left")
    with pytest.raises(CoverageError, match="rows for the periods after that"):
        fitted.expected_count(late)
