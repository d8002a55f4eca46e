"""Published files read as their providers count them."""

import json
import tarfile
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from hotspot import Events, read_police_uk, read_police_uk_json
from hotspot.data.ingest import REASONS
from hotspot.errors import DataQualityWarning

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def greater_london(real_data):
    return gpd.read_file(real_data / "london_boroughs_spdata" / "lnd.geojson").to_crs(27700)


@pytest.fixture(scope="module")
def met_folder(real_data, tmp_path_factory):
    """Months with a trap each: no IDs, repeats, quotes, many rows without a place."""
    months = ("2010-12", "2012-08", "2016-06", "2021-09")
    folder = tmp_path_factory.mktemp("met")
    archive = real_data / "met_burglary_police_uk" / "dev_raw_csv_2010-12_2021-12.tar.xz"
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.rsplit("/", 1)[-1]
            if name.startswith(months):
                (folder / name).write_bytes(tar.extractfile(member).read())
    assert len(list(folder.iterdir())) == 4
    return folder


@pytest.fixture(scope="module")
def met(met_folder, greater_london):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataQualityWarning)  # months between them are missing
        return read_police_uk(met_folder, region=greater_london)


def require_adds_up(events):
    report = events.report
    assert (report["rows_in"] == report["rows_kept"] + report[list(REASONS)].sum(axis=1)).all()
    assert events.source.rows_in == events.source.rows_kept + sum(events.source.dropped.values())


def test_met_files_hold_the_rows_that_pandas_counts(met, met_folder):
    """pandas, which shares no code with the reader, says how many rows there are of each kind."""
    require_adds_up(met)
    report = met.report.set_index("file")
    for path in sorted(met_folder.iterdir()):
        rows = pd.read_csv(path)
        named = rows.dropna(subset=["Crime ID", "Longitude"])
        assert report.loc[path.name, "rows_in"] == len(rows)
        assert report.loc[path.name, "no location"] == rows["Longitude"].isna().sum()
        assert report.loc[path.name, "duplicate"] == named["Crime ID"].duplicated().sum()


def test_met_places_agree_with_those_projected_by_others(met, real_data):
    """Eastings and northings of the parquet were projected elsewhere, to 0.1 m."""
    source = real_data / "met_burglary_police_uk" / "dev_met_burglary_2010-12_2021-12.parquet"
    columns = ["easting", "northing", "lsoa_code"]
    theirs = pq.read_table(source, columns=columns, filters=[("month", "=", "2010-12")]).to_pandas()
    theirs = theirs[np.isfinite(theirs["easting"])]
    ours = met.table[met.table["time"] == met.start]
    lost = met.report["outside region"].iloc[0]
    assert len(ours) + lost == len(theirs)
    pairs = np.c_[ours.geometry.x, ours.geometry.y]
    known = theirs[["easting", "northing"]].to_numpy()
    distance = gpd.GeoSeries(gpd.points_from_xy(*pairs.T)).sindex.nearest(
        gpd.points_from_xy(*known.T), return_distance=True, return_all=False
    )[1]
    assert np.quantile(distance, 0.99) < 0.1


def test_a_city_of_london_id_with_several_places_counts_once(real_data, greater_london):
    with pytest.warns(DataQualityWarning) as warned:
        events = read_police_uk(real_data / "city_of_london_street", region=greater_london)
    said = " ".join(str(one.message) for one in warned)
    assert "2014-01, 2014-02" in said
    assert "5.2% of the rows have no coordinates" in said
    require_adds_up(events)
    assert events.source.rows_in == 15_261
    assert events.source.dropped["no location"] == 799
    assert events.source.dropped["duplicate with another place or offence"] > 0
    assert len(events.coverage) == 24
    assert {"Violent crime", "Public disorder and weapons"} < set(events.table["offence"])


def test_another_force_reads_without_being_told(real_data):
    path = real_data / "police_uk_west_yorkshire" / "2018-07-west-yorkshire-street.csv.gz"
    with pytest.warns(DataQualityWarning, match="No region was given"):
        events = read_police_uk(path)
    require_adds_up(events)
    assert events.source.rows_in == 31_635
    assert events.table["offence"].nunique() == 14
    # Every anti-social behaviour row is without an ID and none of those located may be lost.
    raw = pd.read_csv(path)
    asb = raw[(raw["Crime type"] == "Anti-social behaviour") & raw["Longitude"].notna()]
    assert (events.table["offence"] == "Anti-social behaviour").sum() == len(asb)


def test_an_answer_of_the_api_reads(real_data):
    path = real_data / "london_all_crime_2016_2018" / "sample_api_response.json"
    with pytest.warns(DataQualityWarning, match="No region was given"):
        events = read_police_uk_json(path, force="Metropolitan Police Service")
    rows = json.loads(path.read_text())
    ids = [row["persistent_id"] for row in rows if row["persistent_id"]]
    assert events.source.rows_in == len(rows) == 93
    assert events.source.dropped["duplicate"] == len(ids) - len(set(ids))


def test_all_categories_of_the_all_crime_set_read_through_the_api_reader(real_data, greater_london):
    path = (
        real_data / "london_all_crime_2016_2018" / "dev_london_street_crime_2016-01_2017-12.parquet"
    )
    columns = ["id", "month", "category", "longitude", "latitude"]
    flat = pq.read_table(path, columns=columns).to_pandas().iloc[::500]
    answer = [
        {
            "category": row.category,
            "month": row.month,
            "id": row.id,
            "persistent_id": "",
            "location": {"latitude": str(row.latitude), "longitude": str(row.longitude)},
        }
        for row in flat.itertuples()
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataQualityWarning)  # of a slice, some months may lack
        events = read_police_uk_json(answer, region=greater_london)
    assert flat["category"].nunique() == 14
    assert events.table["offence"].nunique() == 14
    kept = events.source.rows_kept + events.source.dropped["outside region"]
    assert kept == len(flat)


def test_as_many_lsoa_codes_disagree_as_a_join_made_elsewhere_says(
    met_folder, greater_london, real_data
):
    """The parquet holds a spatial join of every row to the same polygons, by another program."""
    folder = real_data / "london_boundaries_2011"
    lsoas = gpd.read_file(folder / "london_lsoa_2011.gpkg").rename(columns={"LSOA11CD": "code"})
    path = met_folder / "2016-06-metropolitan-street.csv"
    events = read_police_uk(path, region=greater_london, lsoas=lsoas)
    ours = events.report["lsoa_disagrees"].sum() / len(events)
    theirs = pq.read_table(
        real_data / "met_burglary_police_uk" / "dev_met_burglary_2010-12_2021-12.parquet",
        columns=["crime_id", "lsoa_code", "lsoa11_spatial"],
        filters=[("month", "=", "2016-06")],
    ).to_pandas()
    theirs = theirs.drop_duplicates("crime_id").dropna(subset="lsoa11_spatial").astype(str)
    assert ours == pytest.approx((theirs["lsoa_code"] != theirs["lsoa11_spatial"]).mean(), abs=2e-3)


def test_real_events_come_back_from_a_file(met, tmp_path):
    met.to_parquet(tmp_path / "met.parquet")
    back = Events.from_parquet(tmp_path / "met.parquet")
    assert back.content_hash() == met.content_hash()
    pd.testing.assert_frame_equal(back.table, met.table)
