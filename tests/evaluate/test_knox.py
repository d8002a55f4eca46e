"""Knox's test: pairs in bands against chance, by hand, plainly and as published elsewhere."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from hotspot import Events, knox_test
from hotspot.errors import ParameterError, ResolutionError, TooFewEventsError
from hotspot.evaluate.residuals.pairs import close_pairs
from tests.models.self_exciting_cases import SQUARE, as_events, branching_process
from tests.patterns import events_at
from tests.reference import close_pairs as reference

# Chicago's arsons of 2016 by the Near Repeat Calculator 1.3, as the vignette of R's NearRepeat
# prints them: Manhattan distance, bands of 200 m and one day.
PUBLISHED_ARSONS = [
    [0, 2, 0, 8],
    [9, 1, 1, 45],
    [4, 0, 0, 140],
    [6, 0, 0, 234],
    [393, 710, 770, 133658],
]
# Residential burglaries of the year's first month: Manhattan, bands of 100 m and 7 days.
PUBLISHED_BURGLARIES = [
    [28, 5, 5, 2],
    [44, 13, 8, 4],
    [97, 56, 19, 16],
    [77, 67, 45, 20],
    [182194, 146149, 95237, 45879],
]


def some_events(n=80, *, seed=3, days=60):
    rng = np.random.default_rng(seed)
    rows = np.column_stack([rng.uniform(0, days, n), rng.uniform(0, 3000, (n, 2)).round(-2)])
    return as_events(rows, days=days)


def knox(events, *, distances=(0, 200, 600, np.inf), days=(0, 2, 7, np.inf), seed=1, **options):
    rng = np.random.default_rng(seed)
    return knox_test(events, distances=distances, days=days, rng=rng, **{"size": 19, **options})


def test_three_events_by_hand():
    """Pairs: 100 m and 7 days apart; 300 m and 1 day; 400 m and 8 days. Each edge opens a band."""
    days = ["2024-01-01", "2024-01-08", "2024-01-09"]
    events = events_at(
        days, [0, 100, 400], [5, 5, 5], start="2024-01-01", end="2024-02-01", resolution="day"
    )
    found = knox(events, distances=[0, 100, 400], days=[0, 7, 14])
    assert found["observed"].values.tolist() == [[0, 0], [1, 1]]
    # Two pairs in [100, 400) m; of three one lies in [0, 7) days and two in [7, 14).
    np.testing.assert_allclose(found["expected"], [[0, 0], [2 / 3, 4 / 3]])
    np.testing.assert_allclose(found["ratio"][1], [3 / 2, 3 / 4])
    assert found["ratio"][0].isnull().all()
    assert found["distance_band"].values.tolist() == ["[0, 100) m", "[100, 400) m"]
    assert found["time_band"].values.tolist() == ["[0, 7) days", "[7, 14) days"]


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
@pytest.mark.parametrize("far", [600.0, np.inf])
def test_counts_are_those_of_looking_at_every_pair(metric, far):
    events = some_events()
    distances, days = [0, 100, 300, far], [0, 0.5, 5, 30, np.inf]
    found = knox(events, distances=distances, days=days, metric=metric)
    rows = events.coordinates()
    plain = reference.knox_table(
        rows[:, 1:], rows[:, 0], distances, days, blocks=metric == "manhattan"
    )
    np.testing.assert_array_equal(found["observed"], plain)


@pytest.mark.parametrize("reach", [1.0, 250.0, 900.0, 9_000.0])
@pytest.mark.parametrize("shape", [(3000.0, 3000.0), (3000.0, 0.0), (5.0, 9000.0)])
def test_close_pairs_are_all_pairs_closer_than_the_reach_once(reach, shape):
    points = np.random.default_rng(5).uniform(0, shape, (70, 2)).round()
    found = close_pairs(points, np.array([0.0, reach]))
    listed = [tuple(sorted(pair)) for pair in found.pairs.T.tolist()]
    apart = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    near = {(i, j) for i, j in zip(*np.nonzero(apart < reach), strict=True) if i < j}
    assert len(listed) == len(set(listed))
    assert set(listed) == near


def test_dealings_leave_the_margins_and_average_to_what_is_expected():
    events = some_events()
    found = knox(events, size=400)
    np.testing.assert_allclose(
        found["expected"].sum("time_band"), found["observed"].sum("time_band")
    )
    np.testing.assert_allclose(
        found["expected"].sum("distance_band"), found["observed"].sum("distance_band")
    )
    assert found["observed"].sum() == found.attrs["pairs"] == 80 * 79 / 2
    # Expected counts are about 3 to 100; their interval must hold them.
    assert ((found["lower"] <= found["expected"]) & (found["expected"] <= found["upper"])).all()


def test_pysal_counts_the_same_close_pairs():
    """pointpats counts pairs at most so far apart, and these have none exactly so far."""
    from pointpats import Knox

    events = some_events()
    rows = events.coordinates()
    theirs = Knox(rows[:, 1:], rows[:, :1], delta=399.5, tau=6.5, permutations=0)
    ours = knox(events, distances=[0, 399.5], days=[0, 6.5])
    assert ours["observed"].item() == theirs.statistic_


def test_without_interaction_p_values_are_even():
    """200 independent records: p at most .1 in 10 %, half of them at most .5; 3.3 errors each."""
    small = np.array(
        [knox(some_events(40, seed=seed), seed=seed)["p_value"][1, 1].item() for seed in range(200)]
    )
    assert abs((small <= 0.1).mean() - 0.1) < 3.3 * np.sqrt(0.09 / 200)
    # Counts are whole and tie, so that p-values can only be too large.
    assert (small <= 0.5).mean() < 0.5 + 3.3 * np.sqrt(0.25 / 200)
    assert (small <= 0.5).mean() > 0.3


def test_p_for_any_band_is_even_without_interaction():
    any_band = [knox(some_events(40, seed=s), seed=s).attrs["p_any_band"] for s in range(150)]
    assert abs(np.mean(np.array(any_band) <= 0.2) - 0.2) < 3.3 * np.sqrt(0.16 / 150)


def test_planted_near_repeats_are_found_where_they_were_planted():
    rng = np.random.default_rng(8)
    rows = branching_process(rng, background=2.0, days=150, theta=0.4, rate=0.5, sd=60.0)
    found = knox(as_events(rows, days=150), size=99)
    assert found["p_value"][0, 0] == 0.01
    assert found["ratio"][0, 0] > 3
    assert found.attrs["p_any_band"] == 0.01
    assert found["ratio"][2, 2] == pytest.approx(1, abs=0.01)


def test_a_day_is_a_day_when_the_clocks_change():
    """From 30 to 31 March 2024 there are 23 hours in London: still one day apart, not 0.96."""
    events = events_at(
        ["2024-03-30", "2024-03-31", "2024-04-30"],
        [0, 10, 20],
        [0, 0, 0],
        start="2024-03-01",
        end="2024-05-01",
        resolution="day",
    )
    found = knox(events, distances=[0, 50], days=[0, 1, 2, 30])
    assert found["observed"].values.tolist() == [[0, 1, 0]]


def test_the_same_seed_gives_the_same_table_in_any_order_of_rows():
    events = some_events()
    backwards = replace(events, table=events.table[::-1])
    assert knox(events).identical(knox(backwards))


def test_labels_of_the_near_repeat_calculator_stand_beside_the_true_bands():
    found = knox(
        some_events(),
        distances=[0, 1, 100, 200, np.inf],
        days=[0, 7, 14, np.inf],
        near_repeat_labels=True,
    )
    assert found["distance_band"].values.tolist() == [
        "Same location",
        "1 to 100 meters",
        "101 to 200 meters",
        "More than 200 meters",
    ]
    assert found["time_band"].values.tolist() == [
        "0 to 7 days",
        "8 to 14 days",
        "More than 14 days",
    ]
    assert found["distance_interval"].values[2] == "[100, 200) m"
    assert found["time_interval"].values[1] == "[7, 14) days"
    assert "one too high" in found.attrs["note"]


def test_the_calculators_own_example_of_its_labels():
    """Two events 100 m and 3 days apart, which it puts in "101 to 200" and "4 to 6"."""
    days = ["2019-01-01", "2019-01-04", "2019-06-01"]
    events = events_at(
        days, [0, 0, 900], [0, 100, 900], start="2019-01-01", end="2019-07-01", resolution="day"
    )
    found = knox(
        events,
        distances=[0, 1, 100, 200, np.inf],
        days=[0, 3, 6, np.inf],
        near_repeat_labels=True,
    )
    pair = found["observed"].sel(distance_band="101 to 200 meters", time_band="4 to 6 days")
    assert pair.item() == 1


def chicago(real_data, name, *, decimals=9):
    table = pd.read_csv(
        real_data / "chicago_burglary_nearrepeat" / f"{name}.csv", parse_dates=["date"]
    )
    table = table.dropna(subset="date").round({"X": decimals, "Y": decimals})
    points = gpd.points_from_xy(table["X"], table["Y"])
    return Events.from_geodataframe(
        gpd.GeoDataFrame({"time": table["date"], "offence": name}, geometry=points, crs=26971),
        time_resolution="day",
        region=shapely.box(*shapely.total_bounds(points)).buffer(1),
        start="2015-12-31",
        end="2017-01-01",
        time_zone="America/Chicago",
    )


@pytest.mark.real
def test_pairs_of_chicagos_arsons_are_those_that_the_near_repeat_calculator_printed(real_data):
    """To 0.1 m, as it printed its input: one pair lies 0.1 m from the edge of a band."""
    found = knox(
        chicago(real_data, "chicago_arson", decimals=1),
        distances=[0, 0.1, 200, 400, 600, np.inf],
        days=[0, 1, 2, 3, np.inf],
        metric="manhattan",
        near_repeat_labels=True,
    )
    assert found["observed"].values.tolist() == PUBLISHED_ARSONS
    assert found["time_band"].values[0] == "0 to 1 days"  # which are those of the same day


@pytest.mark.real
def test_pairs_of_chicagos_burglaries_are_those_that_the_calculator_printed(real_data):
    first_month = chicago(real_data, "chicago_be").select(end="2016-02-01")
    found = knox(
        first_month,
        distances=[0, 1, 100, 200, 300, np.inf],
        days=[0, 7, 14, 21, np.inf],
        metric="manhattan",
        size=99,
    )
    assert len(first_month) == 970
    assert found["observed"].values.tolist() == PUBLISHED_BURGLARIES
    # Its mean of 19 dealings was 16.9; the mean over all dealings is exact.
    assert found["expected"][0, 0].item() == pytest.approx(40 * 182440 / 469965, abs=1.0)


def test_month_data_are_refused():
    events = events_at(
        ["2024-01-01"] * 4, range(4), range(4), start="2024-01", end="2024-03", resolution="month"
    )
    with pytest.raises(ResolutionError, match="recorded by the month"):
        knox(events)


def test_bands_narrower_than_the_times_are_refused():
    events = as_events(np.ones((5, 3)), days=9, resolution="day")
    with pytest.raises(ResolutionError, match=r"0\.5 days wide"):
        knox(events, days=[0, 0.5, 1])


@pytest.mark.parametrize("edges", [[100, 200], [0, 200, 100], [0], [0, np.inf], [0, np.nan, 5]])
def test_edges_that_do_not_ascend_from_0_are_refused(edges):
    with pytest.raises(ParameterError, match="ascending from 0"):
        knox(some_events(), distances=edges)
    with pytest.raises(ParameterError, match="ascending from 0"):
        knox(some_events(), days=edges)


def test_labels_for_bands_that_the_calculator_cannot_have_are_refused():
    with pytest.raises(ParameterError, match="same location"):
        knox(some_events(), near_repeat_labels=True)
    with pytest.raises(ParameterError, match="whole days"):
        knox(some_events(), distances=[0, 1, 9], days=[0, 1.5, 3], near_repeat_labels=True)


def test_other_senseless_arguments_are_refused():
    with pytest.raises(ParameterError, match="at least 19"):
        knox(some_events(), size=9)
    with pytest.raises(ParameterError, match="metric must be one of"):
        knox(some_events(), metric="taxi")
    with pytest.raises(ParameterError, match="rng must be"):
        knox_test(some_events(), distances=[0, 1], days=[0, 1], rng=1)
    with pytest.raises(TooFewEventsError, match="at least 3 events, got 2"):
        knox(some_events(2))


def test_events_that_are_all_at_one_place_and_time_show_nothing():
    events = as_events(np.ones((5, 3)), days=9, resolution="day", region=SQUARE)
    found = knox(events, distances=[0, 100], days=[0, 1])
    assert found["observed"].item() == found["expected"].item() == 10
    assert found["p_value"].item() == found.attrs["p_any_band"] == 1
