"""Whoever looks at a path sees the old file or the new one, never half."""

import pytest

from hotspot._files import replaced


def fail_midway(path, error, *, folder):
    if folder:
        path.mkdir()
        path = path / "chunk"
    path.write_text("hal")
    raise error("midway")


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_raises_leaves_the_old_and_nothing_else(tmp_path, folder, error):
    target = tmp_path / "forecast.any"
    target.write_text("old")
    with pytest.raises(error, match="midway"), replaced(target) as temporary:
        fail_midway(temporary, error, folder=folder)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_old_is_there_until_the_block_ends_and_the_new_is_there_after(tmp_path):
    target = tmp_path / "deep" / "forecast.txt"
    with replaced(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"


def test_a_folder_takes_the_place_of_a_folder_and_of_a_file(tmp_path):
    target = tmp_path / "forecast.any"
    target.write_text("a file")
    for name in ["first", "second"]:
        with replaced(target) as temporary:
            (temporary / "inner").mkdir(parents=True)
            (temporary / "inner" / name).write_text(name)
        assert [entry.name for entry in (target / "inner").iterdir()] == [name]
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_never_takes_the_place_of_a_folder(tmp_path):
    target = tmp_path / "thesis"
    target.mkdir()
    (target / "chapter1.tex").write_text("years of work")
    with pytest.raises(IsADirectoryError), replaced(target) as temporary:
        temporary.write_text("new")
    assert [entry.name for entry in target.iterdir()] == ["chapter1.tex"]
    assert list(tmp_path.iterdir()) == [target]
