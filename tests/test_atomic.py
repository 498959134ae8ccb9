"""Files and folders appear whole or not at all."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from xtremedistil_tf.atomic import atomic_directory, atomic_file, read_json, remove_leftovers, write_json


def test_a_file_is_replaced_only_by_a_whole_one(tmp_path):
    target = tmp_path / "a.weights.h5"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(target) as part:
        assert part.name.endswith("a.weights.h5") and part.parent == tmp_path
        part.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]
    with atomic_file(target) as part:
        part.write_text("new")
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]


def test_a_writer_that_says_nothing_of_a_full_disk(tmp_path):
    def full(file, values):
        raise OSError(f"{values.size} requested and 17 written")  # NumPy's

    with pytest.raises(OSError) as caught, atomic_file(tmp_path / "table.npy") as part:
        part.write_bytes(b"half")
        full(part, np.zeros(9))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "table.npy"))
    assert not list(tmp_path.iterdir())
    with pytest.raises(OSError) as caught, atomic_file(tmp_path / "other"):
        raise OSError("something else")
    assert caught.value.errno is None


def test_a_folder_is_replaced_only_by_a_whole_one(tmp_path):
    target = tmp_path / "d"
    for content in ("1", "2"):
        with atomic_directory(target) as part:
            (part / content).write_text(content)
    with pytest.raises(RuntimeError), atomic_directory(target) as part:
        raise RuntimeError
    assert [f.name for f in target.iterdir()] == ["2"] and list(tmp_path.iterdir()) == [target]


def test_leftovers_of_killed_writers_are_removed(tmp_path):
    (tmp_path / ".part-1-x").write_text("x")
    (tmp_path / ".old-1-d").mkdir()
    (tmp_path / "kept").write_text("x")
    remove_leftovers(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_json_round_trip(tmp_path):
    write_json(tmp_path / "sub" / "a.json", {"ä": [1, None]})
    assert read_json(tmp_path / "sub" / "a.json") == {"ä": [1, None]}
