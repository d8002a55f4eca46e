"""Every score that a file allows stands in the table with its value, others with the reason."""

import geopandas as gpd
import numpy as np
import pytest
from scipy import stats
from shapely import Polygon, box

from hotspot import (
    Grid,
    HistoricalRate,
    hit_rate,
    issue_forecast,
    judge_forecast,
    load_sample,
    make_periods,
    match_observed,
    poisson_log_score,
    prediction_accuracy_index,
    read_forecast,
    save_forecast,
)
from hotspot.errors import ForecastError, GridMismatchError, ParameterError
from tests.forecast.submissions import (
    COUNTS,
    PERIOD,
    SOUTH,
    WEST,
    cells,
    csv,
    events,
    squares,
)

GRID = {"crs": 27700, **PERIOD}


def rng():
    return np.random.default_rng(20240229)


def judged(tmp_path, values, *, column, recorded=None, shares=(0.25, 0.5), **options):
    path = csv(tmp_path / "a.csv", cells(values), columns=f"x,y,{column}")
    read = read_forecast(path, cell_size=100, **GRID)
    recorded = events() if recorded is None else recorded
    return judge_forecast(read, recorded, area_shares=shares, rng=rng(), **options)


def value(table, score, share=None):
    rows = table[table["score"] == score]
    if share is not None:
        rows = rows[np.isclose(rows["area_share"], share)]
    (found,) = rows["value"]
    return found


def reason(table, score):
    (row,) = table[table["score"] == score].to_dict("records")
    assert not row["allowed"]
    assert np.isnan(row["value"])
    return row["note"]


def test_a_ranking_is_judged_by_its_order_and_by_nothing_else(tmp_path):
    """Cells hold 5, 1, 2, 0; the order is 1st, 3rd, 2nd, 4th: half the area catches 7 of 8."""
    table = judged(tmp_path, (0.9, -3.0, 0.1, -7.0), column="score")
    assert value(table, "hit_rate", 0.25) == 5 / 8
    assert value(table, "hit_rate", 0.5) == 7 / 8
    assert value(table, "pai", 0.5) == (7 / 8) / 0.5
    assert value(table, "pei", 0.5) == value(table, "pei_star", 0.5) == 1.0
    assert reason(table, "information_gain") == "rank only: no expected counts"
    assert reason(table, "poisson_log_score") == "rank only: no expected counts"
    assert reason(table, "brier_score") == "no chance of at least one event"
    assert "neither variance nor members" in reason(table, "crps")
    assert table.attrs["submission_kind"] == "ranking"
    assert table.attrs["n_events"] == 8


def test_flagged_cells_are_judged_at_the_share_they_are(tmp_path):
    """Two of four cells hold 5 + 1 of 8 events; the best two hold 7."""
    table = judged(tmp_path, (1, 1, 0, 0), column="flagged")
    assert set(table.loc[table["allowed"], "area_share"]) == {0.5}
    assert value(table, "hit_rate") == 6 / 8
    assert value(table, "pai") == 1.5
    assert value(table, "pei") == pytest.approx(6 / 7)
    assert value(table, "share_of_flagged_with_events") == 1.0
    assert "in no order" in reason(table, "capture_area")
    assert reason(table, "calibration_ratio") == "flagged places only: no expected counts"


def test_expected_counts_are_judged_as_poisson_and_against_an_even_map(tmp_path):
    means = np.array([4.0, 1.0, 2.0, 1.0])
    table = judged(tmp_path, means, column="expected_count")
    counts = np.array(COUNTS)
    assert value(table, "poisson_log_score") == pytest.approx(
        stats.poisson.logpmf(counts, means).mean(), rel=1e-12
    )
    gain = counts @ np.log(means / means.sum() / 0.25) / counts.sum()
    assert value(table, "information_gain") == pytest.approx(gain, rel=1e-12)
    assert value(table, "calibration_ratio") == 1.0


def test_the_interval_of_a_gain_is_the_t_interval_of_its_events(tmp_path):
    means = np.array([4.0, 1.0, 2.0, 1.0])
    table = judged(tmp_path, means, column="expected_count").set_index("score")
    each = np.repeat(np.log(means / means.sum() / 0.25), COUNTS)
    low, high = stats.t.interval(0.95, 7, each.mean(), stats.sem(each))
    assert table.loc["information_gain", "lower"] == pytest.approx(low, rel=1e-12)
    assert table.loc["information_gain", "upper"] == pytest.approx(high, rel=1e-12)


def test_the_interval_of_one_period_is_exact_binomial(tmp_path):
    """The interval of 6 of 8 in any table of Clopper and Pearson: .349 to .968."""
    table = judged(tmp_path, (1, 1, 0, 0), column="flagged").set_index("score")
    bounds = table.loc["hit_rate", ["lower", "upper"]].to_numpy(float)
    expected = stats.binomtest(6, 8).proportion_ci(0.95, method="exact")
    np.testing.assert_allclose(bounds, [expected.low, expected.high], rtol=1e-10)
    np.testing.assert_allclose(bounds, [0.349, 0.968], atol=5e-4)
    np.testing.assert_allclose(
        table.loc["pai", ["lower", "upper"]].to_numpy(float), bounds / 0.5, rtol=1e-10
    )
    assert "taken as independent" in table.loc["pai", "note"]
    assert table.loc["pei", "note"] == "no interval: one period"


def test_a_place_that_expects_nothing_and_sees_an_event_scores_minus_infinity(tmp_path):
    table = judged(tmp_path, (4, 0, 2, 1), column="expected_count")
    row = table.set_index("score").loc["poisson_log_score"]
    assert row["value"] == -np.inf
    assert row["note"].startswith("events fell in places where the forecast expects none")
    assert any("1 events fell in places where 0 were expected" in r for r in table.attrs["remarks"])
    assert value(table, "hit_rate", 0.25) == 5 / 8


def test_ties_are_flagged_in_part(tmp_path):
    table = judged(tmp_path, (1, 1, 1, 1), column="score")
    assert value(table, "hit_rate", 0.25) == 0.25
    assert value(table, "pai", 0.5) == 1.0
    row = table[(table["score"] == "hit_rate") & (table["area_share"] == 0.25)].iloc[0]
    assert (row["ties_lowest"], row["ties_highest"]) == (0, 5 / 8)


def test_one_event_and_none(tmp_path):
    means = (4.0, 1.0, 2.0, 1.0)
    one = judged(tmp_path, means, column="expected_count", recorded=events(counts=(1, 0, 0, 0)))
    row = one.set_index("score").loc["information_gain"]
    assert row["value"] == pytest.approx(np.log(2))
    assert row["note"] == "no interval: one event"
    none = judged(tmp_path, means, column="expected_count", recorded=events(counts=(0, 0, 0, 0)))
    row = none[none["score"] == "hit_rate"].iloc[0]
    assert row["note"] == "not defined: no events were recorded"
    assert value(none, "poisson_log_score") == pytest.approx(-2.0)
    assert value(none, "calibration_ratio") == np.inf
    # With none observed the mean may be up to -log(.025), and 8 were expected.
    assert none.set_index("score").loc["calibration_ratio", "lower"] == pytest.approx(
        8 / -np.log(0.025)
    )


def test_counts_that_are_not_whole_are_refused(tmp_path):
    path = csv(tmp_path / "a.csv", cells((4, 1, 2, 1)), columns="x,y,expected_count")
    read = read_forecast(path, **GRID)
    counts = match_observed(read, events())["observed_count"].reset_coords(drop=True)
    with pytest.raises(ParameterError, match="whole numbers of events, got 5"):
        judge_forecast(read, counts + 0.5, rng=rng(), area_shares=[0.25])


def test_the_baseline_may_be_another_file(tmp_path):
    path = csv(tmp_path / "b.csv", cells((2, 1, 1, 1)), columns="x,y,expected_count")
    other = read_forecast(path, **GRID)
    table = judged(tmp_path, (4, 1, 2, 1), column="expected_count", baseline=other)
    p, q = np.array([4, 1, 2, 1]) / 8, np.array([2, 1, 1, 1]) / 5
    assert value(table, "information_gain") == pytest.approx(np.array(COUNTS) @ np.log(p / q) / 8)
    same = judged(tmp_path, (2, 1, 1, 1), column="expected_count", baseline=other)
    row = same.set_index("score").loc["information_gain"]
    assert row["value"] == row["lower"] == row["upper"] == 0.0
    ranks = read_forecast(csv(tmp_path / "c.csv", cells((2, 1, 1, 1))), **GRID)
    with pytest.raises(ParameterError, match="must be a forecast of expected counts"):
        judged(tmp_path, (4, 1, 2, 1), column="expected_count", baseline=ranks)


def test_a_baseline_of_other_areas_is_refused(tmp_path):
    """Areas are numbered along x, so that two files of as many areas look alike."""
    whole = box(WEST, SOUTH, WEST + 200, SOUTH + 200)
    lower = Polygon([(WEST, SOUTH), (WEST + 200, SOUTH), (WEST, SOUTH + 200)])
    third = Polygon([(WEST, SOUTH), (WEST + 200, SOUTH), (WEST, SOUTH + 130)])
    reads = []
    for part in (lower, third):
        table = gpd.GeoDataFrame(
            {"expected_count": [3.0, 2.0], "name": ["a", "b"]},
            geometry=[part, whole.difference(part)],
            crs=27700,
        )
        table.to_parquet(tmp_path / "a.parquet")
        reads.append(read_forecast(tmp_path / "a.parquet", **PERIOD))
    mine, theirs = reads
    counts = match_observed(mine, events())["observed_count"]
    np.testing.assert_array_equal(counts.values, [[[5, 3]]])
    judge_forecast(mine, events(), rng=rng(), baseline=mine, area_shares=[0.5])
    renamed = mine.assign_coords(area=("x", np.array(["a", "c"], dtype=object)))
    for other in (theirs, renamed):
        with pytest.raises(GridMismatchError, match="of different places"):
            judge_forecast(mine, events(), rng=rng(), baseline=other, area_shares=[0.5])


def test_quantiles_without_a_mean_are_judged_as_intervals_alone(tmp_path):
    """Counts 5, 1, 2, 0 against 1 to 4: two of four intervals hold."""
    rows = [(x, y, 1, 4) for x, y, _ in cells((0, 0, 0, 0))]
    path = csv(tmp_path / "a.csv", rows, columns="x,y,q0.1,q0.9")
    table = judge_forecast(read_forecast(path, **GRID), events(), rng=rng(), area_shares=[0.25])
    assert value(table, "interval_coverage_0.8") == 0.5
    # Widths of 3, and 2 / 0.2 for each event beyond: one above, one below.
    assert value(table, "interval_score_0.8") == pytest.approx(3 + (10 + 10) / 4)
    assert "the places are in no order" in reason(table, "pai")
    assert reason(table, "information_gain") == "quantiles without a mean: no expected counts"


def test_a_forecast_of_nothing_anywhere_has_no_gain(tmp_path):
    table = judged(tmp_path, (0, 0, 0, 0), column="expected_count")
    row = table.set_index("score").loc["information_gain"]
    assert np.isnan(row["value"])
    assert row["note"] == "not defined: nothing was expected anywhere"
    assert value(table, "pai", 0.25) == 1.0


def test_chances_are_judged_by_their_squared_error(tmp_path):
    table = judged(tmp_path, (0.9, 0.2, 0.4, 0.1), column="probability")
    squared = np.mean([0.1**2, 0.8**2, 0.6**2, 0.1**2])
    assert value(table, "brier_score") == pytest.approx(squared)
    assert value(table, "pai", 0.25) == (5 / 8) / 0.25


def test_counts_given_for_areas_weigh_them_by_their_area(tmp_path):
    lower = Polygon([(WEST, SOUTH), (WEST + 200, SOUTH), (WEST, SOUTH + 100)])
    upper = box(WEST, SOUTH, WEST + 200, SOUTH + 200).difference(lower)
    table = gpd.GeoDataFrame({"flagged": [1, 0]}, geometry=[lower, upper], crs=27700)
    table.assign(name=["a", "b"]).to_parquet(tmp_path / "a.parquet")
    read = read_forecast(tmp_path / "a.parquet", **PERIOD)
    counts = read["flagged"].copy(data=[[[1.0, 1.0]]])
    judged = judge_forecast(read, counts, rng=rng())
    assert value(judged, "pai", 0.25) == pytest.approx(0.5 / 0.25)


def test_polygons_are_scored_as_polygons(tmp_path):
    """Two triangles halve the square; the lower one is flagged and holds 5 of 8."""
    lower = Polygon([(WEST, SOUTH), (WEST + 200, SOUTH), (WEST, SOUTH + 200)])
    upper = box(WEST, SOUTH, WEST + 200, SOUTH + 200).difference(lower)
    table = gpd.GeoDataFrame({"flagged": [1, 0]}, geometry=[lower, upper], crs=27700)
    table.to_parquet(tmp_path / "a.parquet")
    judged = judge_forecast(read_forecast(tmp_path / "a.parquet", **PERIOD), events(), rng=rng())
    assert value(judged, "pai", 0.5) == pytest.approx(5 / 8 / 0.5)
    assert value(judged, "pei_star", 0.5) == pytest.approx(1.0)


def test_flagged_polygons_alone_have_no_efficiency(tmp_path):
    lower = Polygon([(WEST, SOUTH), (WEST + 200, SOUTH), (WEST, SOUTH + 200)])
    gpd.GeoDataFrame({"flagged": [1]}, geometry=[lower], crs=27700).to_parquet(
        tmp_path / "a.parquet"
    )
    judged = judge_forecast(read_forecast(tmp_path / "a.parquet", **PERIOD), events(), rng=rng())
    assert value(judged, "pai", 0.5) == pytest.approx(5 / 8 / 0.5)
    assert "hindsight could flag no part" in reason(judged, "pei_star")
    assert any("nothing of 50.00% of the region" in one for one in judged.attrs["remarks"])


def test_squares_scored_as_polygons_score_as_cells(tmp_path):
    # No ties: squares of degrees are not quite equal, which would break them.
    means = (4, 1.5, 2, 1)
    squares(means, name="expected_count").to_parquet(tmp_path / "a.parquet")
    squares(means, name="expected_count", crs=4326).to_parquet(tmp_path / "b.parquet")
    cells_, areas = (
        judge_forecast(
            read_forecast(tmp_path / f"{name}.parquet", **PERIOD),
            events(),
            rng=rng(),
            area_shares=[0.25, 0.5],
        )
        for name in "ab"
    )
    assert (cells_.attrs["places"], areas.attrs["places"]) == ("cells", "areas")
    np.testing.assert_allclose(areas["value"], cells_["value"], rtol=1e-5)


@pytest.fixture(scope="module")
def sample():
    recorded = load_sample("exact")
    grid = Grid.over(recorded.region, cell_size=500)
    cutoff = recorded.end.tz_convert("Europe/London") - np.timedelta64(70, "D")
    periods = make_periods(cutoff.normalize(), count=8, length="week")
    fitted = HistoricalRate().fit(recorded, grid, end=periods[0].left)
    return recorded, issue_forecast(fitted, periods, rng=rng(), size=60)


@pytest.mark.parametrize("suffix", [".nc", ".tif", ".parquet", ".geojson"])
def test_our_own_files_score_what_our_own_forecast_scores(tmp_path, sample, suffix):
    """To the last digit, over a region whose border cuts cells, and in any format."""
    recorded, forecast = sample
    read = read_forecast(save_forecast(forecast, tmp_path / f"own{suffix}"))
    matched = match_observed(read, recorded)
    observed = matched["observed_count"].sel(x=forecast["x"], y=forecast["y"])
    assert float(observed.sum()) == float(matched["observed_count"].sum()) > 0
    for function, options in (
        (hit_rate, {"area_share": 0.05}),
        (prediction_accuracy_index, {"area_share": 0.05}),
        (poisson_log_score, {}),
    ):
        ours = function(forecast, observed.reset_coords(drop=True), **options)
        theirs = function(matched, matched["observed_count"], **options)
        np.testing.assert_array_equal(ours, theirs)
    table = judge_forecast(read, recorded, rng=rng(), area_shares=[0.05])
    assert value(table, "hit_rate") == float(
        hit_rate(forecast, observed.reset_coords(drop=True), area_share=0.05).mean()
    )
    assert table["allowed"].all()
    assert (
        table.loc[table["score"] == "hit_rate", "note"] == "bootstrap of blocks of 3 periods"
    ).all()
    assert (table["lower"] <= table["value"]).all()
    assert (table["value"] <= table["upper"]).all()


def test_rows_in_another_order_score_the_same(tmp_path, sample):
    recorded, forecast = sample
    from hotspot.forecast.layers import cell_table

    table = cell_table(forecast).drop(columns="geometry")
    table.to_csv(tmp_path / "a.csv", index=False)
    table.sample(frac=1, random_state=1).to_csv(tmp_path / "b.csv", index=False)
    first, again = (
        judge_forecast(
            read_forecast(tmp_path / name, crs=27700, cell_size=500), recorded, rng=rng()
        )
        for name in ("a.csv", "b.csv")
    )
    np.testing.assert_array_equal(first["value"], again["value"])
    np.testing.assert_array_equal(first["lower"], again["lower"])


def test_what_is_no_share_or_level_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="area_shares must be in"):
        judged(tmp_path, (4, 3, 2, 1), column="score", shares=(0.0,))
    with pytest.raises(ParameterError, match="level must be in"):
        judged(tmp_path, (4, 3, 2, 1), column="score", level=95)
    read = read_forecast(csv(tmp_path / "a.csv", cells((4, 3, 2, 1))), **GRID)
    with pytest.raises(ParameterError, match="rng must be"):
        judge_forecast(read, events(), rng=1)
    with pytest.raises(ForecastError, match="must be Events or a DataArray"):
        judge_forecast(read, [1, 2], rng=rng())


def test_flags_of_several_periods_are_judged_each_at_its_own_share(tmp_path):
    rows = [(*row, "2024-01-01", "2024-01-11") for row in cells((1, 0, 0, 0))]
    rows += [(*row, "2024-01-11", "2024-02-01") for row in cells((1, 1, 0, 0))]
    path = csv(tmp_path / "a.csv", rows, columns="x,y,flagged,start,end")
    table = judge_forecast(read_forecast(path, crs=27700, cell_size=100), events(), rng=rng())
    row = table.set_index("score").loc["pai"]
    # All events fell on 15 January, in the second period; the first has no score.
    assert row["value"] == 1.5
    assert row["n_periods"] == 1
