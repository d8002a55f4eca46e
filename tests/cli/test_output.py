"""Files are written whole, and safe to open."""

import pandas as pd
import pytest

from hotspot.cli.output import file_in, results_folder, say_table, write_csv, write_text
from hotspot.errors import StudyError


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe(tmp_path, name):
    write_csv(pd.DataFrame({"name": [name, "Camden"], "count": [-1.5, 2.0]}), tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_bytes().decode()
    assert f"'{name}" in text
    assert "'Camden" not in text
    assert "'-1.5" not in text  # a number may be negative


def test_the_table_that_was_given_is_not_changed(tmp_path):
    table = pd.DataFrame({"name": ["=1"]})
    write_csv(table, tmp_path / "a.csv")
    assert table["name"].tolist() == ["=1"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    write_csv(pd.DataFrame({"a": [1]}), tmp_path / "a.csv")

    def half(_, path, **__):
        path.write_text("a\n1")
        raise OSError("no room")

    monkeypatch.setattr(pd.DataFrame, "to_csv", half)
    with pytest.raises(OSError, match="no room"):
        write_csv(pd.DataFrame({"a": [2]}), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "a\n1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_text_is_replaced_whole(tmp_path):
    write_text("old and long", tmp_path / "a.txt")
    write_text("new", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_codes_that_a_terminal_obeys_are_not_printed(capsys):
    say_table(("name", "n"), [("\x1b[2JCamden", 1)])
    assert capsys.readouterr().out == "  name        n\n  ?[2JCamden  1\n"


def test_a_folder_is_made_with_those_above_it(tmp_path):
    assert results_folder(tmp_path / "a" / "b").is_dir()


def test_a_folder_is_not_taken_for_a_file(tmp_path):
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(StudyError, match="is a folder, and a file of that name"):
        file_in(tmp_path, "x.csv")
