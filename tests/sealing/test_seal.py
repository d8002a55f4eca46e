"""A sealed forecast is as it was sealed, or is refused with the name of what was edited."""

import json
import shutil
from hashlib import sha256

import pytest
import xarray as xr

from hotspot import load_forecast, save_forecast
from hotspot.errors import ParameterError, SealError
from hotspot.sealing.content import forecast_hash
from hotspot.sealing.manifest import FORMAT, seal_id, written
from hotspot.sealing.seal import read_seal, seal_forecast
from tests.sealing.made import day, forecast, study

IN_TIME = day("2019-01-03")


def sealed_in(folder, *, at=IN_TIME, **options):
    options.setdefault("study", study())
    return seal_forecast({"gradient": forecast()}, folder, sealed_at=at, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seal") / "sealed"
    sealed_in(folder)
    return folder


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "copy")


def rewritten(folder, **changes):
    """The manifest with other words and an id that fits them: what a forger would do first."""
    manifest = json.loads((folder / "seal.json").read_bytes()) | changes
    content = written(manifest)
    (folder / "seal.json").write_bytes(content)
    (folder / "seal.id").write_text(seal_id(content) + "\n")


def test_a_seal_holds_the_forecast_its_protocol_and_their_hashes(whole):
    seal = read_seal(whole)
    assert {path.name for path in whole.iterdir()} == {
        "forecast-gradient.nc", "protocol.json", "seal.json", "seal.id",
    }  # fmt: skip
    told = {one["name"]: one["sha256"] for one in seal.manifest["files"]}
    for name in ("forecast-gradient.nc", "protocol.json"):
        assert told[name] == sha256((whole / name).read_bytes()).hexdigest()
    assert seal.study.scores.area_shares == (0.25,)
    assert forecast_hash(seal.forecasts()["gradient"]) == forecast_hash(forecast())


def test_the_seal_id_is_one_hash_over_the_manifest(whole):
    content = (whole / "seal.json").read_bytes()
    by_hand = sha256(b"hotspot.seal.v1" + b"\0" + content).hexdigest()
    assert read_seal(whole).id == by_hand == (whole / "seal.id").read_text().strip()


def test_the_study_file_is_kept_word_for_word(tmp_path):
    file = tmp_path / "study.toml"
    file.write_bytes(b"# ours\r\n[data]\npath = 'a.zip'\n")
    sealed_in(tmp_path / "sealed", study_file=file)
    assert (tmp_path / "sealed" / "study.toml").read_bytes() == file.read_bytes()


def test_sealed_before_its_outcome_it_is_prospective(whole):
    seal = read_seal(whole)
    assert (seal.label, seal.reasons) == ("prospective", ())
    assert seal.facts.published_from == day("2019-03-01")  # a month after the period's end
    assert "first period had begun" in seal.remarks[0]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"data_until": day("2019-01-02")}, "hold part of the sealed periods"),
        ({"data_until": day("2019-02-01")}, "hold part of the sealed periods"),
        ({"at": day("2019-03-01")}, "published from 2019-03-01 on"),
        ({"at": day("2019-02-20"), "outcome_published": day("2019-02-20")}, "from 2019-02-20 on"),
        ({"at": day("2019-02-16"), "publication_lag": "2 weeks"}, "from 2019-02-15 on"),
    ],
)
def test_it_is_retrospective_if_an_outcome_could_be_known(tmp_path, options, why):
    seal = sealed_in(tmp_path / "sealed", **options)
    assert seal.label == "retrospective"
    assert why in seal.reasons[0]


@pytest.mark.parametrize(
    "options",
    [
        {"data_until": day("2019-01-01")},
        {"at": day("2019-02-28")},
        {"at": day("2019-02-19"), "outcome_published": day("2019-02-20")},
        {"at": day("2019-05-01"), "publication_lag": "4 months"},
    ],
)
def test_it_is_prospective_up_to_the_last_moment(tmp_path, options):
    assert sealed_in(tmp_path / "sealed", **options).label == "prospective"


def test_old_data_are_remarked(tmp_path):
    told = sealed_in(tmp_path / "old", at=day("2019-04-02")).remarks
    assert told[0].startswith("[G14] The data end at 2019-01-01, 90 days before")
    assert "G14" not in " ".join(sealed_in(tmp_path / "new", at=day("2019-03-31")).remarks)


@pytest.mark.parametrize("name", ["forecast-gradient.nc", "protocol.json"])
def test_an_edited_file_is_refused_by_name(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(SealError, match=f"{name} was edited"):
        read_seal(copy)


@pytest.mark.parametrize("name", ["forecast-gradient.nc", "protocol.json", "seal.json", "seal.id"])
def test_a_missing_file_is_refused_by_name(copy, name):
    (copy / name).unlink()
    with pytest.raises(SealError, match=f"{name} is missing"):
        read_seal(copy)


def test_an_edited_manifest_is_refused(copy):
    content = (copy / "seal.json").read_bytes()
    (copy / "seal.json").write_bytes(content.replace(b"analyst", b"analyzt"))
    with pytest.raises(SealError, match=r"seal\.json was edited"):
        read_seal(copy)


def test_a_retrospective_seal_cannot_be_relabelled(tmp_path):
    sealed_in(tmp_path / "late", at=day("2019-05-01"))
    rewritten(tmp_path / "late", label="prospective", reasons=[])
    with pytest.raises(SealError, match=r"make it 'retrospective': it was\s+relabelled"):
        read_seal(tmp_path / "late")


def test_a_seal_made_anew_is_found_out_by_the_id_that_was_published(tmp_path):
    published = sealed_in(tmp_path / "late", at=day("2019-05-01")).id
    rewritten(tmp_path / "late", label="prospective", reasons=[], sealed_at=IN_TIME.isoformat())
    assert read_seal(tmp_path / "late").label == "prospective"  # the folder alone cannot tell
    with pytest.raises(SealError, match="not the seal that was published"):
        read_seal(tmp_path / "late", expected=published)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace('{"', '{"label":"prospective","', 1), "'label' twice"),
        (lambda text: text.replace('{"', '{"aaa":1,"', 1), "no seal has: aaa"),
        (lambda text: text.replace('"role":"analyst",', ""), "lacks role"),
        (lambda text: text.replace(FORMAT, "hotspot.seal.v9"), "'hotspot.seal.v9'"),
        (lambda text: text.replace(",", ", ", 1), "canonical"),
        (lambda text: text[:-5], "not JSON"),
        (lambda _: "[]", "another format, None"),
    ],
)
def test_a_manifest_that_is_none_is_refused(copy, edit, message):
    text = edit((copy / "seal.json").read_text(encoding="utf-8"))
    (copy / "seal.json").write_bytes(text.encode())
    (copy / "seal.id").write_text(seal_id(text.encode()))
    with pytest.raises(SealError, match=message):
        read_seal(copy)


def test_a_name_that_leads_out_of_the_folder_is_refused(copy):
    (copy.parent / "outside.nc").write_bytes(b"")
    rewritten(copy, files=[{"name": "../outside.nc", "sha256": "", "bytes": 0}])
    with pytest.raises(SealError, match="missing"):
        read_seal(copy)


def test_a_seal_is_never_written_over(whole):
    with pytest.raises(SealError, match="never written over"):
        sealed_in(whole)


def test_a_clock_before_the_forecast_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(SealError, match="set the clock right"):
        sealed_in(tmp_path / "sealed", at=day("2019-01-01"))
    assert list(tmp_path.iterdir()) == []


def test_an_outcome_is_not_published_before_its_period_ends(tmp_path):
    with pytest.raises(ParameterError, match="cannot have been published on 2019-01-20"):
        sealed_in(tmp_path / "sealed", outcome_published=day("2019-01-20"))


def test_a_lag_that_is_not_understood_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="publication_lag must be like"):
        sealed_in(tmp_path / "sealed", publication_lag="soon")


def test_forecasts_of_other_periods_are_not_sealed_together(tmp_path):
    both = {"one": forecast(), "two": forecast(n_months=2)}
    with pytest.raises(SealError, match="of different periods"):
        seal_forecast(both, tmp_path / "sealed", study=study(), sealed_at=IN_TIME)


def test_the_bytes_of_a_file_that_is_sealed_are_kept(tmp_path):
    save_forecast(forecast(), tmp_path / "mine.nc")
    seal_forecast(
        {"mine": tmp_path / "mine.nc"}, tmp_path / "sealed", study=study(), sealed_at=IN_TIME
    )
    kept = tmp_path / "sealed" / "forecast-mine.nc"
    assert kept.read_bytes() == (tmp_path / "mine.nc").read_bytes()


def test_the_hash_of_a_forecast_survives_its_file_and_sees_one_bit(tmp_path):
    one = forecast()
    save_forecast(one, tmp_path / "a.nc")
    save_forecast(one, tmp_path / "a.zarr")
    assert forecast_hash(load_forecast(tmp_path / "a.nc")) == forecast_hash(one)
    assert forecast_hash(load_forecast(tmp_path / "a.zarr")) == forecast_hash(one)
    other = one.copy(deep=True)
    xr.DataArray(other["expected_count"])[0, 0, 0] *= 1 + 2**-52
    assert forecast_hash(other) != forecast_hash(one)
