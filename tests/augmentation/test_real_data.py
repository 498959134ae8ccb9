"""Augments real corpora from the folder that the environment variable XTREMEDISTIL_DATA names."""

import os
import pathlib

import pytest
from seqeval.scheme import IOB2, Entities

from xtremedistil_tf.augmentation.registry import make_augmenter
from xtremedistil_tf.augmentation.stream import augmented
from xtremedistil_tf.tasks.opening import load_task

pytestmark = pytest.mark.skipif("XTREMEDISTIL_DATA" not in os.environ, reason="needs real text: set XTREMEDISTIL_DATA")


def no_stray_tags(tags):
    """Whether strict entities cover all tags other than O."""
    spans = Entities([list(tags)], IOB2).entities[0]
    return sum(entity.end - entity.start for entity in spans) == sum(tag != "O" for tag in tags)


@pytest.mark.parametrize(("name", "languages"), [("peer-ner", None), ("ner-wikiann-mini", ["ja", "th", "ar", "hi"])])
def test_tags_stay_valid_on_real_sentences(name, languages):
    task = load_task(pathlib.Path(os.environ["XTREMEDISTIL_DATA"]) / name, languages)
    train = [example for example in task.train if no_stray_tags(example.tags)]
    assert len(train) > 0.9 * len(task.train)
    augmenters = [make_augmenter(name, kind="tagging", labels=task.labels, examples=train)
                  for name in ("entities", "mixing")]
    new = [item.example for item in augmented(train, augmenters, 2, 42) if item.augmenter != "original"]
    assert len(new) > 0.8 * len(train)
    for example in new:
        assert len(example.words) == len(example.tags) and set(example.tags) <= set(task.labels)
        assert no_stray_tags(example.tags)
