"""Pattern files: what they must hold, and what is said of faulty ones."""

from __future__ import annotations

import pathlib

import pytest

from xtremedistil_tf.errors import DataError

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
GOOD = """\
[facts]
men = xx.first_names_male
[train]
{PER} came <late|early> .
[test]
{PER} left .
[unlabeled]
{LOC} is far .
[organisations]
Bank of {CITY}
"""


@pytest.fixture
def patterns(monkeypatch):
    monkeypatch.syspath_prepend(str(DATA))
    import sample_patterns

    return sample_patterns


@pytest.mark.parametrize("path", sorted((DATA / "patterns").glob("*.txt")), ids=lambda path: path.stem)
def test_embedded_files(patterns, path):
    sections = patterns.read_language(path).patterns
    assert len(sections["train"]) >= 14 and len(sections["test"]) >= 8
    assert len(sections["unlabeled"]) >= 5 and len(sections["organisations"]) >= 10
    assert any("{ANY}" in p for p in sections["train"]) and any("{ANY}" in p for p in sections["test"])
    used = {skeleton for name in ("train", "unlabeled") for p in sections[name]
            for skeleton in patterns.skeletons(p)}
    assert used.isdisjoint(skeleton for p in sections["test"] for skeleton in patterns.skeletons(p))


def test_reads_sections(patterns, tmp_path):
    (tmp_path / "xx.txt").write_text("# a comment\n\n" + GOOD)
    [language] = patterns.read_languages(tmp_path)
    assert language.code == "xx" and language.facts == {"men": ["xx.first_names_male"]}
    assert language.patterns["train"] == ["{PER} came <late|early> ."]


def test_skeletons_expand_choices_and_mask_slots(patterns):
    assert patterns.skeletons("<On|By> {DAY} {MONTH} {ANY} <left|came> .") == {
        f"{first} # {{MONTH}} {{}} {last} ." for first in ("On", "By") for last in ("left", "came")}


@pytest.mark.parametrize("old, new, words", [
    ("[test]", "[tests]", ["xx.txt:5", "[tests]", "[test]"]),
    ("men =", "man =", ["xx.txt:2", "man", "men"]),
    ("[facts]\n", "", ["xx.txt:1", "first section"]),
    ("{PER} left", "{PERSON} left", ["xx.txt:6", "{PERSON}", "{PER}"]),
    ("Bank of {CITY}", "Bank of {PER}", ["xx.txt:10", "{PER}", "{CITY}"]),
    ("<late|early>", "<late|early", ["xx.txt:4", "partner"]),
    ("{PER} left .", "", ["xx.txt", "[test]", "empty"]),
    ("{PER} left .", "{ORG} came late .", ["xx.txt", "{PER} came", "{ORG} came late"]),
])
def test_faults_are_named(patterns, tmp_path, old, new, words):
    path = tmp_path / "xx.txt"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(DataError) as caught:
        patterns.read_language(path)
    for word in words:
        assert word in str(caught.value)


def test_no_files(patterns, tmp_path):
    with pytest.raises(DataError, match="no pattern file"):
        patterns.read_languages(tmp_path)
