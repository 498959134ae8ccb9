"""Every example of docs/data.md is read, as the page says."""

from __future__ import annotations

import pathlib
import re

import pytest

from xtremedistil_tf.tasks.opening import read_labelled, read_unlabeled

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "data.md"
_PART = re.compile(r'^## (?P<title>[^\n]+)$|^```text title="(?P<name>[^"]+)"\n(?P<text>.*?)^```$',
                   re.MULTILINE | re.DOTALL)
# What each example gives first.
FIRST = {
    ("Tagging", "train.conll"): ("EU", "B-ORG"), ("Tagging", "germeval.tsv"): ("Schartau", "B-PER"),
    ("Tagging", "conll2012.conll"): ("John", "B-PERSON"), ("Tagging", "en_ewt-ud-train.conllu"): ("I", "PRON"),
    ("Tagging", "kaggle.csv"): ("London", "B-geo"), ("Tagging", "train.tsv"): ("Ada", "B-PER"),
    ("Tagging", "train.jsonl"): ("Ada", "B-PER"), ("Tagging", "doccano.jsonl"): ("Ada", "B-PER"),
    **{("Classification and the other kinds on texts", name): ("a fine film", "positive")
       for name in ("train.tsv", "header.tsv", "train.json")},
    ("Classification and the other kinds on texts", "train.csv"): ('a fine, "good" film', "positive"),
    ("Transfer text", "text.txt"): ("One", None),
}


def examples():
    title = ""
    for part in _PART.finditer(PAGE.read_text(encoding="utf-8")):
        title = part["title"] or title
        if part["name"]:
            yield pytest.param(title, part["name"], part["text"], id=f"{title.split()[0]}-{part['name']}")


@pytest.mark.parametrize(("title", "name", "text"), examples())
def test_an_example_is_read(tmp_path, title, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    if title == "Tagging":
        first = read_labelled(path, "tagging")[0]
        found = first.words[0], first.tags[0]
    elif title == "Transfer text":
        found = next(read_unlabeled(str(path), "tagging")).words[0], None
    else:
        first = read_labelled(path, "classification")[0]
        found = first.text, first.label
    assert found == FIRST[title, name]


def test_no_example_is_missing():
    assert {tuple(example.values[:2]) for example in examples()} == set(FIRST)
