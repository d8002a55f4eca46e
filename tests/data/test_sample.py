"""The simulated sample: made by its script, drawn from its truth, and called simulated."""

import hashlib
import json
import sys
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from hotspot.data.places import load_boroughs
from hotspot.data.sample import SIMULATED_BOROUGHS, load_sample, sample_path
from hotspot.errors import ParameterError, UnknownNameError

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture(scope="module")
def truth():
    return json.loads(sample_path("truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def remade(tmp_path_factory):
    """A fresh run of the simulation, in its own folder."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        import simulate_sample
    finally:
        sys.path.remove(str(SCRIPTS))
    folder = tmp_path_factory.mktemp("remade")
    simulate_sample.write_all(folder)
    return folder


@pytest.fixture(scope="module")
def rows():
    with zipfile.ZipFile(sample_path("police_uk/archive.zip")) as archive:
        parts = [pd.read_csv(archive.open(name), dtype=str) for name in archive.namelist()]
    return pd.concat(parts, ignore_index=True)


def hashes_of_members(path):
    with zipfile.ZipFile(path) as archive:
        return {n: hashlib.sha256(archive.read(n)).hexdigest() for n in archive.namelist()}


# Bytes inside the archive, not of it: another zlib may compress them otherwise.
def test_the_archive_is_what_the_script_makes(remade):
    made = hashes_of_members(remade / "police_uk" / "archive.zip")
    assert made == hashes_of_members(sample_path("police_uk/archive.zip"))


@pytest.mark.parametrize(
    "name",
    ["truth_snap_points.parquet", "truth_next_month_250m.parquet", "truth_exact_parents.parquet"],
)
def test_the_true_maps_are_what_the_script_makes(remade, name):
    pd.testing.assert_frame_equal(
        pd.read_parquet(sample_path(name)), pd.read_parquet(remade / name), rtol=1e-6
    )


def test_the_exact_times_are_what_the_script_makes(remade):
    shipped = gpd.read_parquet(sample_path("exact_times.parquet"))
    assert shipped.equals(gpd.read_parquet(remade / "exact_times.parquet"))


def test_the_stated_truth_is_what_the_script_makes(remade, truth):
    assert json.loads((remade / "truth.json").read_text(encoding="utf-8")) == truth


def test_the_sample_is_small_enough_to_ship():
    sizes = [path.stat().st_size for path in sample_path().rglob("*") if path.is_file()]
    assert sum(sizes) <= 8_000_000


def test_the_sample_says_that_it_is_simulated(truth):
    assert truth["note"].startswith("SIMULATED")
    assert "SIMULATED" in sample_path("README.md").read_text(encoding="utf-8")
    with zipfile.ZipFile(sample_path("police_uk/archive.zip")) as archive:
        assert archive.comment.startswith(b"SIMULATED")
    assert load_sample("exact").source.name.startswith("SIMULATED")
    assert load_sample("police_uk").source.name.startswith("SIMULATED")


def test_the_archive_holds_two_forces_in_each_of_48_months():
    with zipfile.ZipFile(sample_path("police_uk/archive.zip")) as archive:
        names = archive.namelist()
    months = pd.period_range("2021-01", "2024-12", freq="M")
    assert sorted(names) == sorted(
        f"{month}/{month}-{force}-street.csv"
        for month in months
        for force in ("metropolitan", "city-of-london")
    )


@pytest.mark.real
def test_rows_have_the_header_and_ids_of_a_police_uk_file(rows, real_data):
    real = pd.read_csv(real_data / "city_of_london_street" / "2018-01-city-of-london-street.csv")
    assert list(rows.columns) == list(real.columns)
    antisocial = rows["Crime type"] == "Anti-social behaviour"
    assert rows.loc[antisocial, "Crime ID"].isna().all()
    assert rows.loc[~antisocial, "Crime ID"].str.fullmatch(r"[0-9a-f]{64}").all()


def test_flaws_are_as_many_as_the_truth_says(rows, truth):
    stated = truth["police_uk"]
    assert len(rows) == stated["rows"]
    with_id = rows[rows["Crime ID"].notna()]
    twice = with_id.duplicated().sum()
    assert twice == stated["flawed_rows"]["published_twice"]
    repeated = with_id.duplicated("Crime ID").sum()
    assert repeated - twice == stated["flawed_rows"]["revised_in_a_later_month"]
    once = rows[~(rows["Crime ID"].notna() & rows.duplicated())]
    assert once["Longitude"].isna().sum() == pytest.approx(
        stated["flawed_rows"]["without_coordinates"], abs=5
    )


def test_rows_without_flaws_are_the_offences_that_were_drawn(rows, truth):
    """Rows of the first of each id are as many as the truth drew, kind by kind."""
    first = rows[rows["Crime ID"].isna() | ~rows.duplicated("Crime ID")]
    published = first["Crime type"].value_counts()
    for offence, boroughs in truth["police_uk"]["by_borough"].items():
        assert published[offence] == sum(sum(b["drawn"]) for b in boroughs.values())


def test_counts_drawn_agree_with_their_true_means(truth):
    """Pearson's statistic over 240 borough-months: 1 + kappa each, within 4 standard errors."""
    for offence in truth["police_uk"]["offences"]:
        boroughs = truth["police_uk"]["by_borough"][offence["name"]].values()
        drawn = np.concatenate([b["drawn"] for b in boroughs])
        mean = np.concatenate([b["expected"] for b in boroughs])
        dispersion = 1 + offence["extra_variance"]
        pearson = ((drawn - mean) ** 2 / (dispersion * mean)).mean()
        assert pearson == pytest.approx(1.0, abs=4 * np.sqrt(2 / drawn.size))
        error = np.sqrt(dispersion * mean.sum())
        assert drawn.sum() == pytest.approx(mean.sum(), abs=4 * error)


def test_true_maps_sum_to_one_in_each_borough_and_to_the_stated_total(truth):
    points = pd.read_parquet(sample_path("truth_snap_points.parquet"))
    shares = points.groupby("borough")["burglary_background_share"].sum()
    assert shares.index.tolist() == list(SIMULATED_BOROUGHS)
    np.testing.assert_allclose(shares, 1.0, rtol=1e-5)
    cells = pd.read_parquet(sample_path("truth_next_month_250m.parquet"))
    stated = truth["police_uk"]["by_borough"]["Burglary"].values()
    total = sum(b["next_month_expected"] for b in stated)
    assert cells["expected_count"].sum() == pytest.approx(total, rel=1e-5)
    assert (cells["background_count"] <= cells["expected_count"]).all()


def test_snap_points_lie_in_the_borough_they_name():
    points = pd.read_parquet(sample_path("truth_snap_points.parquet"))
    for borough, here in points.groupby("borough"):
        outline = load_boroughs(borough).union_all()
        assert shapely.distance(outline, shapely.points(here["x"], here["y"])).max() < 0.1


def test_the_archive_loads_as_events_of_its_boroughs():
    events = load_sample(offences="Burglary")
    assert events.time_resolution == "month"
    assert events.region.equals(load_boroughs(SIMULATED_BOROUGHS).union_all())
    assert set(events.table["offence"]) == {"Burglary"}
    assert events.source.rows_in == events.source.rows_kept + sum(events.source.dropped.values())
    assert events.source.dropped["duplicate in another month"] > 0
    assert 90 < events.place_resolution < 160


def test_exact_events_lie_in_their_window_and_follow_their_parents(truth):
    events = load_sample("exact")
    stated = truth["exact_times"]
    assert len(events) == stated["events"]
    time = events.table["time"]
    assert time.is_monotonic_increasing
    assert time.is_unique
    assert (time >= events.start).all()
    assert (time < events.end).all()
    parent = pd.read_parquet(sample_path("truth_exact_parents.parquet"))["parent"].to_numpy()
    child = np.flatnonzero(parent >= 0)
    assert child.size == stated["events"] - stated["immigrants"]
    assert (parent[child] < child).all()


def test_lags_and_displacements_have_their_true_scale(truth):
    """Mean lag 1 / omega and mean square displacement sigma², within 4 standard errors.

    Of late parents only short lags are seen, and near the border only displacements inward, so
    parents of the last 60 days and within 500 m of the border are left out.
    """
    stated = truth["exact_times"]["parameters"]
    events = load_sample("exact")
    parent = pd.read_parquet(sample_path("truth_exact_parents.parquet"))["parent"].to_numpy()
    days, x, y = events.coordinates().T
    inner = events.region.buffer(-500)
    usable = (days < stated["days"] - 60) & shapely.contains_xy(inner, x, y)
    child = np.flatnonzero((parent >= 0) & usable[parent])
    before = parent[child]
    lag = days[child] - days[before]
    mean_lag = 1 / stated["lag_decay_per_day"]
    assert lag.mean() == pytest.approx(mean_lag, abs=4 * mean_lag / np.sqrt(child.size))
    square = ((x[child] - x[before]) ** 2 + (y[child] - y[before]) ** 2) / 2
    variance = stated["displacement_metres"] ** 2
    assert square.mean() == pytest.approx(variance, abs=4 * variance / np.sqrt(child.size))
    offspring = child.size / usable.sum()
    error = np.sqrt(stated["productivity"] / usable.sum())
    assert offspring == pytest.approx(stated["productivity"], abs=4 * error)


def test_immigrants_are_as_many_as_their_rate_says(truth):
    stated = truth["exact_times"]
    mean = stated["parameters"]["immigrants_per_day"] * stated["parameters"]["days"]
    assert stated["immigrants"] == pytest.approx(mean, abs=4 * np.sqrt(mean))


def test_an_unknown_kind_is_refused():
    with pytest.raises(ParameterError, match='"police_uk" or "exact", got \'daily\''):
        load_sample("daily")


def test_offences_of_the_exact_sample_cannot_be_chosen():
    with pytest.raises(ParameterError, match="holds one kind of offence"):
        load_sample("exact", offences="Burglary")


def test_a_misspelt_offence_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="Burglary"):
        load_sample(offences="Burglry")
