"""A short text that is asked alone has the answers that it has among others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tasks.tagging.alone import FEW_WORDS

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
#: The second has a word without pieces, the fourth none with any, the last two are long: in pieces, in words.
TEXTS = [("anna", "met", "boris", "in", "paris"), ("the", "\x01", "house"), ("göran",), ("\x01",), (),
         (",", "anna", ",", "paris", ",", "old"), ("yesterday",) * 10, ("a",) * (FEW_WORDS + 1)]
EDGES = {"never_first": [","], "never_last": [",", "old"]}
TASKS = {"legal": TaggingTask(LABELS, seq_len=60), "argmax": TaggingTask(LABELS, decoding="argmax", seq_len=60),
         "edges": TaggingTask(LABELS, edge_words=EDGES, seq_len=60),
         "plain": TaggingTask(["NOUN", "VERB", "O"], seq_len=60)}


@pytest.mark.parametrize("kind", TASKS)
def test_the_same_as_among_others(kind, tiny_tokenizer):
    task, random, changed = TASKS[kind], np.random.default_rng(3), 0
    for _ in range(20):
        together = task.prediction_features(tiny_tokenizer, [Example(words) for words in TEXTS], None)
        rows = [random.normal(size=(length, len(task.labels))).astype(np.float32) * 3
                for length in together.features.lengths]
        wanted = task.decode_scored(together, rows)
        own = [[] for _ in TEXTS]
        short = [number for number, words in enumerate(TEXTS) if words != TEXTS[-2] and len(words) <= FEW_WORDS]
        for number, words in enumerate(TEXTS):
            alone = task.prediction_features(tiny_tokenizer, [Example(words)], None)
            if number in short:  # one row each, in order
                own[number] = [rows[short.index(number)]]
                np.testing.assert_array_equal(alone.features.data["input_ids"],
                                              together.features.read(short.index(number))["input_ids"])
                found, = task.decode_scored(alone, own[number])
                assert (found.tags, found.entities) == (wanted[number].tags, wanted[number].entities)
                np.testing.assert_array_equal(found.scores, wanted[number].scores)
                best = [task.labels[label] for label in own[number][0][alone.places].argmax(-1)]
                changed += len(best) == len(words) and best != found.tags
    assert (changed > 10) == (kind in ("legal", "edges"))


def test_a_batch_of_one_is_not_padded(tiny_tokenizer):
    features = TASKS["legal"].prediction_features(tiny_tokenizer, [Example(TEXTS[0])], None).features
    batch = features.alone()
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (1, features.lengths[0])
    assert batch["attention_mask"].all() and batch["input_ids"][0].tolist() == features.read(0)["input_ids"].tolist()
    two = TASKS["legal"].prediction_features(tiny_tokenizer, [Example(TEXTS[0])] * 2, None).features
    assert two.alone() is None
    assert dataclasses.replace(features, offsets=np.array([0, 0])).alone() is None
