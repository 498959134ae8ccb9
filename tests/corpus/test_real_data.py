"""Reads real corpora from the folder that the environment variable XTREMEDISTIL_DATA names."""

import os
import pathlib

import pytest

from xtremedistil_tf.corpus import read_squad, read_text
from xtremedistil_tf.tasks.opening import load_task

pytestmark = pytest.mark.skipif("XTREMEDISTIL_DATA" not in os.environ, reason="needs real text: set XTREMEDISTIL_DATA")


@pytest.fixture
def data():
    return pathlib.Path(os.environ["XTREMEDISTIL_DATA"])


# Counts as published in the README of each data set.
@pytest.mark.parametrize(("name", "languages", "sizes", "known"), [
    ("peer-ner", None, (2000, 500, 1000), 0),
    ("ner-wikiann-mini", None, (12298, 3078, 5143), 31),
    ("ner-wikiann", ["de", "ta"], (35876, 12224, 12431), 2),
    ("ner-gold", ["af", "tl"], (7052, 882, 1104), 2),
])
def test_tasks(data, name, languages, sizes, known):
    task = load_task(data / name, languages)
    assert (len(task.train), len(task.dev), len(task.test)) == sizes
    assert len(task.languages) == known and task.labels[0] == "O"


def test_text(data):
    files = [data / "unlabeled-wiki" / "de.txt.xz", data / "peer-ner" / "unlabeled.txt.xz"]
    examples = list(read_text(",".join(map(str, files))))
    assert [sum(e.language == code for e in examples) for code in ("de", None)] == [24648, 5000]


@pytest.mark.parametrize(("name", "kind", "pairs", "languages", "sizes", "labels"), [
    ("agnews", "classification", False, None, (9479, 500, 7594), ["World", "Sports", "Business", "Sci/Tech"]),
    ("glue-sst2", "classification", False, None, (67349, 872, 0), None),
    ("glue-mrpc", "classification", True, None, (3667, 408, 1725), ["not_equivalent", "equivalent"]),
    ("glue-stsb", "regression", True, None, (5749, 1500, 0), ["score"]),
    ("xnli", "classification", True, ["en", "fr"], (3180, 600, 1200), None),
    ("qa-squadshifts/new_wiki", "question_answering", False, None, (6851, 487, 600), ["start", "end"]),
])
def test_other_kinds_of_tasks(data, name, kind, pairs, languages, sizes, labels):
    task = load_task(data / name, languages, kind=kind, pairs=pairs)
    assert (len(task.train), len(task.dev), len(task.test)) == sizes
    assert labels is None or task.labels == labels
    if kind == "question_answering":
        assert all(e.context[a.start:].startswith(a.text) for e in task.train for a in e.answers)


def test_translated_questions(data):
    for language in ("de", "zh", "ar"):
        assert len(read_squad(data / "qa-xquad" / language / "test.json.xz")) > 1000
