"""Counts of gold label and answer, against scikit-learn."""

from __future__ import annotations

import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from xtremedistil_tf.corpus.example import Example, TextExample
from xtremedistil_tf.evaluation.measuring import confusion
from xtremedistil_tf.tasks.registry import make_task

LABELS = ["O", "B-X", "I-X", "B-A"]
label = st.sampled_from(LABELS)


def task(kind: str):
    return make_task(kind, {"regression": ["score"], "question_answering": ["start", "end"]}.get(kind, LABELS))


def as_matrix(counts: dict) -> np.ndarray:
    return np.array([[counts.get(gold, {}).get(answer, 0) for answer in LABELS] for gold in LABELS])


@given(st.lists(st.lists(st.tuples(label, label), max_size=6), min_size=1, max_size=8))
def test_words_of_taggers(sentences):
    examples = [Example(("w",) * len(pairs), tuple(gold for gold, _ in pairs)) for pairs in sentences]
    found = confusion(task("tagging"), examples, [[answer for _, answer in pairs] for pairs in sentences])
    flat = [pair for pairs in sentences for pair in pairs]
    if not flat:
        assert found == {}
        return
    gold, answers = zip(*flat)
    assert (as_matrix(found) == confusion_matrix(gold, answers, labels=LABELS)).all()
    assert list(found) == [name for name in LABELS if name in {*gold, *answers}]
    assert all(count > 0 for row in found.values() for count in row.values())


@given(st.lists(st.tuples(label, label), min_size=1, max_size=20))
def test_classes_of_texts(pairs):
    examples = [TextExample("t", label=gold) for gold, _ in pairs]
    found = confusion(task("classification"), examples, [types.SimpleNamespace(label=a) for _, a in pairs])
    gold, answers = zip(*pairs)
    assert (as_matrix(found) == confusion_matrix(gold, answers, labels=LABELS)).all()


def test_labels_that_the_task_does_not_know_come_last():
    examples = [Example(("a", "b", "c"), ("Z", "O", "M"))]
    assert confusion(task("tagging"), examples, [["O", "B-X", "O"]]) == {
        "O": {"B-X": 1}, "B-X": {}, "M": {"O": 1}, "Z": {"O": 1}}
    assert list(confusion(task("tagging"), examples, [["O", "B-X", "O"]])) == ["O", "B-X", "M", "Z"]


@pytest.mark.parametrize("kind", ["regression", "question_answering"])
def test_numbers_and_spans_are_no_labels(kind):
    assert confusion(task(kind), [TextExample("t", label=1.0)], [1.0]) is None


def test_a_missing_answer_is_a_fault():
    with pytest.raises(ValueError):
        confusion(task("tagging"), [Example(("a", "b"), ("O", "O"))], [["O"]])
