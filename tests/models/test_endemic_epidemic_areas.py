"""Counts of areas: forecasts, weights from polygons, gaps and refusals. Values of R: test_hhh4."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.sparse import csr_array

from hotspot import EndemicEpidemicAreas, FreeLags, LogLinear, calendar_table
from hotspot.errors import (
    ConvergenceError,
    GridMismatchError,
    ParameterError,
    RegionError,
    TooFewEventsError,
    UnknownNameError,
)
from hotspot.models.endemic_epidemic.area_weights import centroid_distances, neighbour_orders
from hotspot.models.endemic_epidemic.neighbours import KnownWeights

ROW = gpd.GeoDataFrame(geometry=list(shapely.box([0, 1, 2], 0, [1, 2, 3], 1)), crs=27700)
ORDERS = np.array([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]])
FIRST = KnownWeights(csr_array((ORDERS == 1).astype(float)))


def record(months=120, seed=3):
    rng = np.random.default_rng(seed)
    counts = np.zeros((months, 3))
    for t in range(1, months):
        mean = 2.0 + 0.4 * counts[t - 1] + 0.1 * (ORDERS == 1) @ counts[t - 1]
        counts[t] = rng.poisson(mean)
    return pd.DataFrame(counts, columns=["west", "middle", "east"])


BOTH = EndemicEpidemicAreas(LogLinear(), LogLinear(), LogLinear(), overdispersion="none")


@pytest.fixture(scope="module")
def fitted():
    counts = record()
    return BOTH.fit(counts, calendar_table(counts, harmonics=0), neighbours=FIRST)


def future(number, counts):
    times = np.repeat(np.arange(len(counts), len(counts) + number), 3)
    return pd.DataFrame({"time": times, "area": np.tile(counts.columns, number)})


def test_expected_counts_follow_the_recursion(fitted):
    counts = fitted.counts.to_numpy()[-1]
    endemic, own, near = np.exp(fitted.theta)
    for month, expected in fitted.expected_count(future(3, fitted.counts)).iterrows():
        counts = endemic + own * counts + near * (ORDERS == 1) @ counts
        np.testing.assert_allclose(expected, counts, rtol=1e-12, err_msg=str(month))


def test_simulated_counts_have_the_expected_mean(fitted):
    ahead = future(4, fitted.counts)
    drawn = fitted.simulate_counts(ahead, size=4000, rng=np.random.default_rng(1))
    mean = fitted.expected_count(ahead).to_numpy()
    off = (drawn.mean("member").to_numpy() - mean) / (drawn.std("member").to_numpy() / 4000**0.5)
    assert np.abs(off).max() < 6  # redrawn parameters shift the mean a little by their curvature


def test_the_branching_ratio_is_the_largest_eigenvalue(fitted):
    _, own, near = np.exp(fitted.theta)
    # The path of three areas has eigenvalues 0 and ± the root of 2.
    assert fitted.branching_ratio == pytest.approx(own + near * np.sqrt(2), rel=1e-9)


def test_counts_over_their_fitted_values_are_one_on_average(fitted):
    """So says the score of an intercept of a constant term, which is 0 at the top."""
    ratio = fitted.counts.iloc[1:] / fitted.fitted_values
    assert ratio.to_numpy().mean() == pytest.approx(1.0, abs=1e-9)


def test_a_gap_explains_nothing_and_is_not_explained():
    counts = record()
    counts.iloc[50, 1] = np.nan
    table = calendar_table(counts, harmonics=0)
    explained = BOTH.likelihood(counts, table, neighbours=FIRST).counts
    assert np.isnan(explained[49, 1])  # itself
    assert np.isnan(explained[50]).all()  # and those that would hear it
    assert np.isfinite(np.delete(explained, [49, 50], axis=0)).all()


def test_orders_are_the_borders_between_areas():
    np.testing.assert_array_equal(neighbour_orders(ROW, gap=0.01).toarray(), ORDERS)
    np.testing.assert_array_equal(
        neighbour_orders(ROW, longest=1, gap=0.01).toarray(), ORDERS * (ORDERS == 1)
    )


def test_distances_are_those_of_centroids_within_reach():
    near = np.where(ORDERS == 1, 1.0, 0.0)
    np.testing.assert_allclose(centroid_distances(ROW, reach=1.5).toarray(), near)


@pytest.mark.real
def test_londons_boroughs_have_the_neighbours_that_a_map_shows(real_data):
    boroughs = gpd.read_file(real_data / "london_boundaries_2011/london_boroughs.gpkg")
    name = next(c for c in boroughs.columns if boroughs[c].astype(str).eq("Camden").any())
    orders = neighbour_orders(boroughs.to_crs(27700))
    camden = int(np.flatnonzero(boroughs[name] == "Camden")[0])
    touching = set(boroughs[name].iloc[np.flatnonzero(orders.toarray()[camden] == 1)])
    assert {"Barnet", "Brent", "Haringey", "Islington", "Westminster"} <= touching
    assert "Croydon" not in touching


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"neighbours": None}, ParameterError, "needs neighbours"),
        ({"neighbours": KnownWeights(csr_array(np.ones((2, 2))))}, GridMismatchError, "2 by 2"),
        ({"neighbours": KnownWeights(csr_array(-ORDERS))}, ParameterError, "not negative"),
        ({"neighbours": KnownWeights(csr_array(np.ones((3, 3))))}, ParameterError, "diagonal"),
        ({"counts": record() - 1.0}, ParameterError, "whole numbers"),
        ({"counts": record() + 0.5}, ParameterError, "whole numbers"),
        ({"counts": record() * 0.0}, TooFewEventsError, "no count above 0"),
        ({"counts": record().iloc[:2]}, TooFewEventsError, "too few"),
    ],
)
def test_input_that_does_not_fit_is_refused(change, error, words):
    counts = change.get("counts", record())
    with pytest.raises(error, match=words):
        BOTH.fit(
            counts,
            calendar_table(counts, harmonics=0),
            neighbours=change.get("neighbours", FIRST),
        )


def test_tables_that_do_not_fit_are_refused():
    counts = record()
    table = calendar_table(counts, homes={"west": 1.0, "middle": 0.0, "east": 2.0})
    for change, error, words in (
        (table.drop(columns="area"), UnknownNameError, "no column 'area'"),
        (table.iloc[:-1], ParameterError, "no row for"),
        (pd.concat([table, table.iloc[:1]]), ParameterError, "two rows"),
    ):
        with pytest.raises(error, match=words):
            BOTH.fit(counts, change, neighbours=FIRST)
    exposed = EndemicEpidemicAreas(LogLinear(exposure="homes"))
    with pytest.raises(ParameterError, match="not positive"):
        exposed.fit(counts, table)
    with pytest.raises(UnknownNameError, match="no column"):
        EndemicEpidemicAreas(LogLinear(("shops",))).fit(counts, table)


def test_protected_columns_and_unknown_options_are_refused():
    with pytest.raises(ParameterError, match="protected characteristic"):
        EndemicEpidemicAreas(LogLinear(("ethnicity",)))
    with pytest.raises(ParameterError, match="overdispersion"):
        EndemicEpidemicAreas(overdispersion="some")


def test_two_columns_that_say_the_same_do_not_converge():
    counts = record()
    table = calendar_table(counts, harmonics=0)
    table["twin"] = table["trend"]
    with pytest.raises(ConvergenceError, match=r"twin|trend"):
        EndemicEpidemicAreas(LogLinear(("trend", "twin"))).fit(counts, table)


def test_a_forecast_of_what_was_counted_is_refused(fitted):
    with pytest.raises(ParameterError, match="already counted"):
        fitted.expected_count(calendar_table(fitted.counts, harmonics=0))
    with pytest.raises(ParameterError, match="size"):
        fitted.simulate_counts(future(1, fitted.counts), size=0, rng=np.random.default_rng())


def test_areas_without_a_polygon_or_with_one_centroid_are_refused():
    with pytest.raises(RegionError, match="empty"):
        neighbour_orders(gpd.GeoDataFrame(geometry=[shapely.Polygon()], crs=27700))
    rings = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 2, 2), shapely.box(0.5, 0.5, 1.5, 1.5)])
    with pytest.raises(RegionError, match="share a centroid"):
        centroid_distances(rings, reach=1.0)
    with pytest.raises(ParameterError, match="longest"):
        neighbour_orders(ROW, longest=0)


def test_a_lag_without_a_share_is_named_by_the_refusal():
    """The record was made with lag 1 alone."""
    counts = record(400)
    model = EndemicEpidemicAreas(
        LogLinear(), LogLinear(), own_lags=FreeLags((1, 2)), overdispersion="none"
    )
    with pytest.raises(ConvergenceError, match="own log share of lag 2 to lag 1"):
        model.fit(counts, calendar_table(counts, harmonics=0))


def test_shares_of_lags_are_told_from_the_counts():
    rng, counts = np.random.default_rng(9), np.ones((600, 3))
    for t in range(2, 600):
        counts[t] = rng.poisson(2.0 + 0.4 * counts[t - 1] + 0.2 * counts[t - 2])
    table = pd.DataFrame(counts, columns=["west", "middle", "east"])
    model = EndemicEpidemicAreas(
        LogLinear(), LogLinear(), own_lags=FreeLags((1, 2)), overdispersion="none"
    )
    found = model.fit(table, calendar_table(table, harmonics=0))
    off = found.theta - np.log([2.0, 0.6, 0.5])
    assert np.abs(off / found.standard_errors).max() < 3
