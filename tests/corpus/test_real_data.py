"""Reads real corpora from the folder that the environment variable XTREMEDISTIL_DATA names."""

import os
import pathlib

import pytest

from xtremedistil_tf.corpus import load_task, read_text

pytestmark = pytest.mark.skipif("XTREMEDISTIL_DATA" not in os.environ, reason="XTREMEDISTIL_DATA is not set")


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
