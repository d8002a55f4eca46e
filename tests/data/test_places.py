"""Boroughs and LSOAs: complete, clean, and found under the names people write."""

import geopandas as gpd
import pytest
import shapely

from hotspot.data import sample
from hotspot.data.places import load_boroughs, load_lsoas
from hotspot.data.sample import sample_path
from hotspot.errors import ParameterError, UnknownNameError


def test_there_are_33_boroughs_with_consecutive_gss_codes():
    boroughs = load_boroughs()
    assert boroughs["gss_code"].tolist() == [f"E09{i:06d}" for i in range(1, 34)]
    assert boroughs["name"].is_unique
    assert boroughs.crs.to_epsg() == 27700


def test_fourteen_boroughs_are_inner_london_as_the_statistics_office_has_it():
    """Its 14 include Haringey and Newham and leave Greenwich out."""
    inner = set(load_boroughs().query("inner")["name"])
    assert len(inner) == 14
    assert {"City of London", "Haringey", "Newham"} <= inner
    assert "Greenwich" not in inner


def test_borough_outlines_have_the_area_that_the_london_datastore_states():
    """Its hectares count land; rounding to 0.1 m may not move an area by a thousandth."""
    boroughs = load_boroughs()
    land = boroughs.area / 1e4
    assert land.sum() == pytest.approx(157_340, rel=1e-4)
    assert ((land / boroughs["hectares"] - 1).abs() < 0.12).all()


@pytest.mark.parametrize("load", [load_boroughs, load_lsoas])
def test_neighbours_share_exactly_the_same_border(load):
    geometry = load().geometry.to_numpy()
    assert shapely.is_valid(geometry).all()
    assert shapely.coverage_is_valid(geometry)


def test_lsoas_hold_the_published_census_total_of_london():
    """Census 2011, London: 8,173,941 usual residents, 3,266,173 households, 4,835 LSOAs."""
    lsoas = load_lsoas()
    assert len(lsoas) == 4835
    assert lsoas["code"].is_unique
    assert lsoas["persons"].sum() == 8_173_941
    assert lsoas["households"].sum() == 3_266_173


def test_every_lsoa_lies_mostly_in_the_borough_it_names():
    lsoas = load_lsoas()
    boroughs = load_boroughs().set_index("gss_code").geometry
    own = gpd.GeoSeries(boroughs.loc[lsoas["borough_code"]].to_numpy(), crs=27700)
    share = lsoas.intersection(own).area / lsoas.area
    assert share.min() > 0.5
    names = load_boroughs().set_index("gss_code")["name"]
    assert (names.loc[lsoas["borough_code"]].to_numpy() == lsoas["borough"]).all()


@pytest.mark.parametrize(
    "written",
    ["Hackney", "hackney", " HACKNEY ", "E09000012", "e09000012"],
)
def test_a_borough_is_found_by_name_or_code_in_any_case(written):
    assert load_boroughs(written)["name"].tolist() == ["Hackney"]
    assert set(load_lsoas(written)["borough"]) == {"Hackney"}


def test_an_ampersand_stands_for_and():
    assert load_boroughs("Hammersmith & Fulham")["gss_code"].item() == "E09000013"


def test_boroughs_come_in_the_order_asked_for_and_each_once():
    names = load_boroughs(["Islington", "Camden", "E09000019"])["name"]
    assert names.tolist() == ["Islington", "Camden"]


def test_a_misspelt_borough_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"'Islingtn' is not.*Did you mean 'Islington'"):
        load_boroughs(["Camden", "Islingtn"])


def test_a_name_like_none_is_answered_with_all_names():
    with pytest.raises(UnknownNameError, match=r"Known: City of London, .*Westminster"):
        load_boroughs("Gotham")


def test_a_name_that_is_not_text_is_refused():
    with pytest.raises(UnknownNameError, match="must be text, got 7"):
        load_boroughs([7])


def test_lsoas_are_found_by_code():
    lsoas = load_lsoas(codes=["E01000002", "e01000001"])
    assert lsoas["code"].tolist() == ["E01000001", "E01000002"]


def test_an_lsoa_of_2021_is_refused_with_the_reason():
    with pytest.raises(UnknownNameError, match=r"'E01035716' is not.*2021.*by place"):
        load_lsoas(codes="E01035716")


def test_boroughs_and_codes_together_are_refused():
    with pytest.raises(ParameterError, match="Give either"):
        load_lsoas("Camden", codes="E01000001")


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match=r"nothing\.parquet is not among"):
        sample_path("nothing.parquet")


def test_the_data_are_found_inside_an_installed_package(tmp_path, monkeypatch):
    """A wheel carries data/sample as hotspot/sample (force-include in pyproject.toml)."""
    carried = tmp_path / "hotspot" / "sample"
    carried.mkdir(parents=True)
    (carried / "boroughs.parquet").write_bytes(sample_path("boroughs.parquet").read_bytes())
    monkeypatch.setattr(sample, "_PACKAGE", tmp_path / "hotspot")
    assert sample_path("boroughs.parquet") == carried / "boroughs.parquet"
    assert len(load_boroughs()) == 33


def test_an_installation_without_data_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "_PACKAGE", tmp_path / "hotspot")
    with pytest.raises(FileNotFoundError, match="The sample folder is not among the data"):
        sample_path()
