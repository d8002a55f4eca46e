"""Every number of a card stands in the artefact that it names, at the place that it names."""

import json
import re
from hashlib import sha256

import h5py
import numpy as np
import pytest

from hotspot.card import write_card
from hotspot.card.write import DOCUMENTS
from hotspot.errors import FileFormatError, ForecastError, MissingFileError, ParameterError
from tests.card.conftest import AREA_SHARE, BEFORE_IT_ENDS, audit_results, write_audit


def documents(card):
    return {name: json.loads((card.folder / f"{name}.json").read_text()) for name in DOCUMENTS}


def numbers_in(content, path=""):
    """Paths of all numbers, true and false aside."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from numbers_in(value, f"{path}/{key}")
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from numbers_in(value, f"{path}/{number}")
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield path


def test_no_number_of_a_document_is_without_a_source(full):
    for content in documents(full).values():
        loose = [path for path in numbers_in(content) if not re.fullmatch(r"/fact/.+/value", path)]
        assert loose == []


def test_no_digit_of_a_sentence_is_without_a_fact(full):
    for content in documents(full).values():
        sentences = list(sentences_in(content))
        assert len(sentences) > 10
        for one in sentences:
            text = one["text"]
            told = [content["fact"][key] for key in one["facts"]]
            shown = [fact["text"] for fact in told]
            # As many of a hundred: the page for a councillor says shares so.
            shown += [f"{100 * f['value']:.0f}" for f in told if f["unit"] == "share"]
            shown += [fact["source"]["sha256"] for fact in told] + [
                fact["source"]["file"] for fact in told
            ]
            for known in sorted(shown, key=len, reverse=True):
                text = text.replace(known, "")
            for ours in ("SHA-256", "9 times in 10"):
                text = text.replace(ours, "")
            assert not re.search(r"\d", text), one


def sentences_in(content):
    if isinstance(content, dict):
        if isinstance(content.get("facts"), list) and "text" in content:
            yield content
        for value in content.values():
            yield from sentences_in(value)
    elif isinstance(content, list):
        for one in content:
            yield from sentences_in(one)


def reread(path, folder):
    """What stands at a source's path, by h5py and json alone; None for formulas over maps."""
    file = folder / path["file"]
    assert sha256(file.read_bytes()).hexdigest() == path["sha256"]
    place = path["path"]
    if file.suffix == ".json":
        left, pointer = place.startswith("1 - "), place.removeprefix("1 - ")
        value = json.loads(file.read_text())
        for part in pointer.split("/")[1:]:
            value = value[int(part)] if isinstance(value, list) else value[part]
        return 1 - value if left else value
    with h5py.File(file) as held:
        if place.startswith("attrs:"):
            name, *pointer = place.removeprefix("attrs:").split("/")
            value = held.attrs[name]
            value = value.decode() if isinstance(value, bytes) else value
            for part in pointer:
                value = json.loads(value) if isinstance(value, str) else value
                value = value[int(part)] if isinstance(value, list) else value[part]
            return np.asarray(value).item()
        if match := re.fullmatch(r"(\w+)\[([\d,]+)\]", place):
            value = held[match[1]][tuple(int(i) for i in match[2].split(","))]
            if match[1].startswith("time"):
                return str(np.datetime64(int(value), "s"))
            return value.decode() if isinstance(value, bytes) else np.asarray(value).item()
    return None


def test_every_fact_of_forecast_and_audit_is_what_stands_in_the_file(full, run):
    read = 0
    for key, fact in full.facts.items():
        source = {"file": fact.file, "sha256": fact.sha256, "path": fact.path}
        if fact.file == "ledger.jsonl" or (found := reread(source, run)) is None:
            continue
        assert found == fact.value, key
        read += 1
    assert read == len(full.facts) - 5 - 6  # the ledger's, and formulas over maps, which follow


def test_counts_and_sums_over_the_map_are_those_of_a_plain_sum(full, run):
    with h5py.File(run / "forecast.nc") as held:
        expected, area = held["expected_count"][0].ravel(), held["inside_area"][:].ravel()
    inside = area > 0
    expected, area = expected[inside], area[inside]
    flags, wanted = np.zeros(area.size), AREA_SHARE * area.sum()
    for cell in sorted(range(area.size), key=lambda i: -expected[i] / area[i]):
        part = min(1.0, max(0.0, (wanted - (flags * area).sum()) / area[cell]))
        flags[cell] = part
    value = {key: fact.value for key, fact in full.facts.items()}
    assert value["periods"] == 1
    assert value["cells"] == area.size
    assert value["expected_total"] == pytest.approx(expected.sum(), rel=1e-12)
    assert value["flagged_cells"] == (flags > 1e-9).sum()
    assert value["flagged_share"] == pytest.approx(AREA_SHARE, rel=1e-9)
    assert value["flagged_expected"] == pytest.approx((flags * expected).sum(), rel=1e-9)


def test_without_an_audit_the_share_of_wrong_flags_is_counted_in_the_backtest(run, tmp_path):
    card = write_card(
        run, tmp_path, backtest=run / "backtest.nc", area_share=AREA_SHARE, at=BEFORE_IT_ENDS
    )
    with h5py.File(run / "backtest.nc") as held:
        expected = held["expected_count"][0][:, 0].reshape(4, -1)
        observed = held["observed_count"][:][:, 0].reshape(4, -1)
        area = held["inside_area"][:].ravel()
    wrong = flagged = 0.0
    for mean, seen in zip(expected, observed, strict=True):
        left = AREA_SHARE * area.sum()
        for cell in sorted(np.flatnonzero(area > 0), key=lambda i: -mean[i] / area[i]):
            part = min(1.0, left / area[cell])
            left -= part * area[cell]
            flagged, wrong = flagged + part, wrong + part * (seen[cell] == 0)
    assert card.facts["wrong_share"].value == pytest.approx(wrong / flagged, abs=1e-6)
    assert card.facts["wrong_share"].file == "backtest.nc"
    assert card.facts["wrong_windows"].value == 4


def test_a_backtest_of_other_offences_is_refused(run, tmp_path):
    with pytest.raises(
        ForecastError, match="of \\['Drugs'\\] and the backtest of \\['Burglary'\\]"
    ):
        write_card(run / "drugs.nc", tmp_path, backtest=run / "backtest.nc")


def test_flags_of_another_size_than_the_audits_are_refused(run, tmp_path):
    with pytest.raises(ParameterError, match=r"flagged 0.1 of the land, and area_share is 0.05"):
        write_card(run, tmp_path, audit=run / "audit.json", area_share=0.05)


def test_a_file_that_is_no_audit_is_refused(run, tmp_path):
    (tmp_path / "audit.json").write_text('{"results": 3}')
    with pytest.raises(FileFormatError, match="no audit as `hotspot audit` writes it"):
        write_card(run, tmp_path / "card", audit=tmp_path / "audit.json")


def test_an_audit_with_a_key_that_stands_twice_is_refused(run, tmp_path):
    (tmp_path / "audit.json").write_text('{"model": "a", "model": "b", "results": []}')
    with pytest.raises(FileFormatError, match="'model' stands twice"):
        write_card(run, tmp_path / "card", audit=tmp_path / "audit.json")


def test_an_audit_that_is_not_there_is_refused(run, tmp_path):
    with pytest.raises(MissingFileError, match="no audit at"):
        write_card(run, tmp_path, audit=tmp_path / "mislaid.json")


def test_an_interval_without_end_is_said_as_text(run, tmp_path):
    results = audit_results()
    results[1] = results[1].__class__(**{**vars(results[1]), "interval": (-np.inf, 0.1)})
    audit = write_audit(tmp_path / "audit.json", results)
    card = write_card(run, tmp_path / "card", audit=audit, at=BEFORE_IT_ENDS)
    assert card.facts["benefit.low"].value == "-inf"
