import pytest

from xtremedistil_tf.corpus.files import entries, listing
from xtremedistil_tf.errors import DataError


def test_files_folders_and_hidden_names(tmp_path):
    (tmp_path / "b.tsv").touch()
    (tmp_path / "a").mkdir()
    (tmp_path / ".part-1-b.tsv").touch()
    assert [path.name for path in entries(tmp_path)] == ["a", "b.tsv"]
    assert listing(tmp_path) == f"{tmp_path} holds: a/, b.tsv"


def test_many_empty_and_missing(tmp_path):
    assert "is empty" in listing(tmp_path)
    assert f"no folder {tmp_path / 'x'}" in listing(tmp_path / "x")
    for i in range(30):
        (tmp_path / f"{i:02}").touch()
    assert listing(tmp_path).endswith("10, 11 and 18 more")


def test_a_folder_that_cannot_be_listed_is_named(tmp_path):
    with pytest.raises(DataError, match="x: the folder cannot be listed"):
        entries(tmp_path / "x")
