"""Version numbers as the server reads them."""

from __future__ import annotations

import pytest

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.export.serving import check_name, new_version, versions_in


@pytest.fixture
def folder(tmp_path):
    for name in ("2", "0010", "9", ".part-11-x", "v12", "-3", "1.5", "\u0663"):
        (tmp_path / name).mkdir()
    (tmp_path / "77").write_text("a file")
    return tmp_path


def test_versions_are_folders_with_whole_numbers(folder):
    assert versions_in(folder) == [2, 9, 10]


def test_the_next_version(folder, tmp_path):
    assert new_version(folder, None) == 11
    assert new_version(tmp_path / "none", None) == 1


def test_a_chosen_version(folder):
    assert new_version(folder, 5) == 5


@pytest.mark.parametrize("version", [9, 10])
def test_a_version_that_is_there(folder, version):
    with pytest.raises(ConfigError, match=f"version {version} already exists.*the next one, 11"):
        new_version(folder, version)


@pytest.mark.parametrize("version", [0, -1, 2**63])
def test_no_version_numbers(folder, version):
    with pytest.raises(ConfigError, match="expected a whole number from 1"):
        new_version(folder, version)


@pytest.mark.parametrize("name", ["ner", "NER_2.multi-lingual", "7"])
def test_names(name):
    check_name(name)


@pytest.mark.parametrize("name", ["", ".ner", "a/b", "a:b", "a b", "..", "ner\n", "n\u00e4r"])
def test_names_that_fit_no_address(name):
    with pytest.raises(ConfigError, match="Model name"):
        check_name(name)
