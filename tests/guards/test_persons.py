"""What identifies persons is not taken in, whatever the column is called; and no reason helps."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from hotspot import Events
from hotspot.errors import ParameterError, RefusedError
from hotspot.guards import Override
from hotspot.guards.persons import require_no_persons

NAMES = """
    victim_name VictimName suspect offender_id surname forename first_name LastName full_name DOB
    date_of_birth nhs_number NHSNo nino national_insurance pncid PNC_ID cro_number custody_ref
    arrestee phone mobile_no email EMail vrm number_plate ip_address UPRN postcode ethnicity
    self_defined_ethnic religion gender gang_name nominal_ref complainant witness
""".split()  # noqa: SIM905
HARMLESS = ["name", "borough", "offence", "lsoa_code", "ward_name", "street", "premises", "beat",
            "method", "stolen_value", "reported_at", "weekday", "geometry", "force"]  # fmt: skip
CONTENT = [
    ("PNC identifiers", "2001/1234567D"),
    ("National Insurance numbers", "AB 12 34 56 C"),
    ("NHS numbers", "943 476 5919"),
    ("email addresses", "jo.bloggs@example.org"),
    ("telephone numbers", "+44 7911 123456"),
    ("telephone numbers", "020 7946 0018"),
    ("full postcodes", "flat 2, SW1A 1AA"),
    ("vehicle registrations", "AB12 CDE"),
    ("IP addresses", "from 192.168.10.44"),
]
CODED = ["Dwelling", "E01000001", "Shop, on a street", "City of London 001A", "A", "17", "2024-05",
         "Theft of pedal cycle", "250 m", "W06000015", "low", "Flat 12"]  # fmt: skip


def table(**columns):
    return gpd.GeoDataFrame(
        {"time": pd.to_datetime(["2024-03-01"] * 2), "offence": "Burglary", **columns},
        geometry=gpd.points_from_xy([10.0, 60.0], [20.0, 30.0]),
        crs=27700,
    )


def events(made, **more):
    window = {"region": box(0, 0, 100, 100), "start": "2024-03-01", "end": "2024-03-04"}
    return Events.from_geodataframe(made, time_resolution="day", **window, **more)


@pytest.mark.parametrize("name", NAMES)
def test_a_column_with_such_a_name_is_refused_though_nobody_would_keep_it(name):
    with pytest.raises(RefusedError, match=rf"\[G1\] Column '{name}' identifies persons") as caught:
        events(table(**{name: "x"}))
    assert caught.value.code == "G1"
    assert not caught.value.may_be_overridden


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_name_passes(name):
    assert require_no_persons(pd.DataFrame({name: ["a", "b"]}), kept=()) is None


@pytest.mark.parametrize(("what", "text"), CONTENT, ids=[text for _, text in CONTENT])
def test_a_mark_that_holds_identifiers_is_refused_under_any_name(what, text):
    with pytest.raises(RefusedError, match=rf"\[G1\] Column 'mark' holds {what}"):
        events(table(mark=["Dwelling", text]), marks=["mark"])


@pytest.mark.parametrize("text", CODED)
def test_coded_marks_pass(text):
    assert len(events(table(mark=["Dwelling", text]), marks=["mark"])) == 2


def test_identifiers_in_the_offence_are_found_too():
    with pytest.raises(RefusedError, match="'offence' holds email addresses"):
        events(table().assign(offence=["Burglary", "Burglary by jo@example.org"]))


def test_free_text_is_refused_by_its_name_and_by_its_look():
    with pytest.raises(RefusedError, match=r"\[G2\] Column 'notes' is free text"):
        events(table(notes=["a", "b"]), marks=["notes"])
    sentences = [f"entered by the rear window, number {k}, and took a bicycle" for k in range(2)]
    with pytest.raises(RefusedError, match=r"\[G2\] Column 'method' is free text"):
        events(table(method=sentences), marks=["method"])


def test_free_text_that_is_not_kept_is_simply_dropped():
    assert "notes" not in events(table(notes=["a", "b"])).table


def test_long_names_of_few_kinds_are_no_free_text():
    kinds = ["Theft from a motor vehicle, of property left in view"] * 30
    assert require_no_persons(pd.DataFrame({"kind": kinds}), kept=["kind"]) is None
    each_its_own = [f"{kind}, number {k}" for k, kind in enumerate(kinds)]
    with pytest.raises(RefusedError, match=r"\[G2\]"):
        require_no_persons(pd.DataFrame({"kind": each_its_own}), kept=["kind"])


def test_numbers_are_not_read_as_identifiers():
    values = np.array([9434765919.0, 1.5])
    assert require_no_persons(pd.DataFrame({"value": values}), kept=["value"]) is None


@pytest.mark.parametrize("code", ["G1", "G2", "G5", "G10"])
def test_no_reason_lets_pass_what_is_always_refused(code):
    with pytest.raises(ParameterError, match="cannot be overridden"):
        Override(code, reason="the chief would like to")
