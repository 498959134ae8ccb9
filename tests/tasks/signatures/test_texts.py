"""Raw texts and pairs of texts longer than the student takes are cut as the package cuts them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.multi_label import MultiLabelTask
from xtremedistil_tf.tasks.regression import RegressionTask

LETTERS = st.text("abcdefghi ,.", max_size=40)


@pytest.fixture(scope="module", params=[12])
def single(request, asked):
    return asked(RegressionTask(), request.param)


@pytest.fixture(scope="module", params=[5, 12])
def paired(request, asked):
    return asked(ClassificationTask(["no", "yes", "maybe"]), request.param, pairs=True)


@given(st.lists(LETTERS, max_size=8))
@settings(max_examples=12)
def test_single_texts(single, texts):
    run, predict = single
    np.testing.assert_allclose(run(texts=texts)["scores"], predict([TextExample(text) for text in texts]),
                               atol=1e-5)


@given(st.lists(st.tuples(LETTERS, LETTERS), min_size=2, max_size=10))
@settings(max_examples=15)
def test_pairs(paired, pairs):
    run, predict = paired
    found = run(texts=[text for text, _ in pairs], pairs=[pair for _, pair in pairs])
    wanted = predict([TextExample(*pair) for pair in pairs])
    assert [label.decode() for label in found["labels"]] == [prediction.label for prediction in wanted]
    assert found["label_names"].tolist() == [[b"no", b"yes", b"maybe"]] * len(pairs)
    for probabilities, prediction in zip(found["probabilities"], wanted):
        np.testing.assert_allclose(probabilities, prediction.probabilities, atol=1e-5)


@pytest.fixture(scope="module")
def labelled(asked):
    return asked(MultiLabelTask(["art", "law", "war"], thresholds=[0.2, 0.5, 0.9]), 12, pairs=True)


@given(st.lists(st.tuples(LETTERS, LETTERS), max_size=10))
@settings(max_examples=15)
def test_labels_of_pairs(labelled, pairs):
    run, predict = labelled
    found = run(texts=[text for text, _ in pairs], pairs=[pair for _, pair in pairs])
    wanted = predict([TextExample(*pair) for pair in pairs])
    assert found["label_counts"].tolist() == [len(answer.labels) for answer in wanted]
    assert found["label_names"].tolist() == [[b"art", b"law", b"war"]] * len(pairs)
    for row, answer in enumerate(wanted):
        count = len(answer.labels)
        assert [label.decode() for label in found["labels"][row]] == [*answer.labels, *[""] * (
            found["labels"].shape[1] - count)]
        scores = [answer.probabilities[label] for label in answer]
        np.testing.assert_allclose(found["scores"][row, :count], scores, atol=1e-5)
        assert (found["scores"][row, count:] == -1).all()
        np.testing.assert_allclose(found["probabilities"][row], list(answer.probabilities.values()), atol=1e-5)


def test_pairs_that_differ_in_number_are_refused(paired):
    with pytest.raises(tf.errors.InvalidArgumentError, match="texts and pairs differ in number"):
        paired[0](texts=["a", "b"], pairs=["c"])


def test_a_student_without_room_is_refused(asked):
    with pytest.raises(ConfigError, match="no room"):
        asked(RegressionTask(), 4, pairs=True)
