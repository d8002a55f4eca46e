"""A card that was edited by hand is found out."""

import json
import shutil
from hashlib import sha256

import pytest

from hotspot.card import check_card
from hotspot.card.page import rendered
from hotspot.card.write import DOCUMENTS, FILES, as_json
from hotspot.errors import MissingFileError
from hotspot.ledger import Ledger, file_record


@pytest.fixture
def copy(full, tmp_path):
    return shutil.copytree(full.folder, tmp_path / "copy")


@pytest.fixture
def sources(run):
    return {"run": run, "audit": run / "audit.json", "backtest": run / "backtest.nc"}


def rehash(folder, *names):
    """What a forger would do next: the manifest is made to agree."""
    manifest = json.loads((folder / "card.json").read_text())
    for name in names:
        manifest["files"][name] = sha256((folder / name).read_bytes()).hexdigest()
    (folder / "card.json").write_text(as_json(manifest))


def test_a_card_as_it_was_written_has_no_problem(copy, sources):
    assert check_card(copy) == ()
    assert check_card(copy, **sources) == ()


@pytest.mark.parametrize("name", FILES[1:])
def test_a_changed_byte_in_any_file_is_found(copy, name):
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[:-2] + b" " + data[-2:])
    assert check_card(copy) == (f"{name} was changed after it was written.",)


@pytest.mark.parametrize("name", FILES[1:])
def test_a_missing_file_is_found(copy, name):
    (copy / name).unlink()
    assert check_card(copy) == (f"{name} is missing.",)


def test_a_page_that_was_changed_with_its_hash_is_found(copy):
    page = copy / "councillor.html"
    page.write_text(page.read_text().replace("39 out of every hundred", "3 out of every hundred"))
    rehash(copy, "councillor.html")
    assert check_card(copy) == ("councillor.html does not say what councillor.json says.",)


def test_a_document_that_was_changed_with_its_page_and_hashes_is_found(copy):
    document = json.loads((copy / "councillor.json").read_text())
    document["fact"]["wrong_share"]["value"] = 0.03
    (copy / "councillor.json").write_text(as_json(document))
    (copy / "councillor.html").write_text(rendered(document))
    rehash(copy, "councillor.json", "councillor.html")
    assert check_card(copy) == ("councillor.json gives wrong_share otherwise than card.json.",)


def forge(folder):
    """Everything made to agree: documents, pages, facts and hashes."""
    manifest = json.loads((folder / "card.json").read_text())
    manifest["fact"]["wrong_share"]["value"] = 0.03
    (folder / "card.json").write_text(as_json(manifest))
    for name in DOCUMENTS:
        document = json.loads((folder / f"{name}.json").read_text())
        if "wrong_share" in document["fact"]:
            document["fact"]["wrong_share"]["value"] = 0.03
        (folder / f"{name}.json").write_text(as_json(document))
        (folder / f"{name}.html").write_text(rendered(document))
    rehash(folder, *FILES[1:])


def test_a_forgery_that_agrees_with_itself_is_found_with_the_artefacts_only(copy, sources):
    forge(copy)
    assert check_card(copy) == ()
    (problem,) = check_card(copy, **sources)
    assert problem.startswith("The card gives wrong_share as 0.03; audit.json has 0.39")


def test_a_forgery_that_agrees_with_itself_is_found_with_the_ledger(copy, tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append("card", role="analyst", outputs=[file_record(copy / "card.json")])
    assert check_card(copy, ledger=ledger.path) == ()
    forge(copy)
    (problem,) = check_card(copy, ledger=ledger.path)
    assert (
        problem == "ledger.jsonl holds no entry of this card: card.json is not what was recorded."
    )


def test_another_forecast_than_the_cards_is_found(copy, run, sources):
    problems = check_card(copy, **{**sources, "run": run / "drugs.nc", "backtest": None})
    assert "The card leaves out override.0.reason, which drugs.nc holds." in problems


def test_a_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match=r"card\.json is not there"):
        check_card(tmp_path)
