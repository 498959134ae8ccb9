"""The parts for a training loop of one's own."""

from __future__ import annotations

import numpy as np
import pytest

import xtremedistil_tf as xd
from xtremedistil_tf.errors import ConfigError


@pytest.fixture
def store(distilled):
    return next((distilled("classification") / "transfer").glob("*/manifest.json")).parent


def rows_of(dataset):
    """Every example of a dataset of padded batches, without its padding."""
    found = []
    for batch in dataset.as_numpy_iterator():
        for ids, mask, logits in zip(batch["input_ids"], batch["attention_mask"], batch["teacher_logits"]):
            found.append((tuple(ids[:mask.sum()]), tuple(logits)))
    return found


def test_a_store_as_a_dataset(store, tiny_tokenizer):
    source = xd.TransferStore(store)
    expected = [(tuple(row["input_ids"]), tuple(row["teacher_logits"])) for row in map(source.read, range(len(source)))]
    plain = xd.transfer_dataset(store, tiny_tokenizer, 16, shuffle=False)
    assert rows_of(plain) == expected and int(plain.cardinality()) == -(-len(expected) // 16)
    shuffled = xd.transfer_dataset(store, tiny_tokenizer, 16, columns=["input_ids", "teacher_logits"])
    first, second = rows_of(shuffled), rows_of(shuffled)
    assert sorted(first) == sorted(second) == sorted(expected) and first != second
    again = xd.transfer_dataset(store, tiny_tokenizer, 16, columns=["input_ids", "teacher_logits"])
    assert [rows_of(again), rows_of(again)] == [first, second]
    assert set(again.element_spec) == {"input_ids", "attention_mask", "teacher_logits"} < set(plain.element_spec)
    other = xd.transfer_dataset(store, tiny_tokenizer, 16, seed=43)
    assert sorted(found := rows_of(other)) == sorted(expected) and found != first
    some = xd.transfer_dataset(store, tiny_tokenizer, 16, examples=[3, 1], shuffle=False)
    assert rows_of(some) == [expected[3], expected[1]]


def test_an_optimizer_of_keras_3_is_refused_with_what_to_do(distilled):
    import keras
    import tf_keras

    saved = xd.load_student(distilled("classification"))
    stage = xd.LogitStage(saved.student, saved.task)
    with pytest.raises(ConfigError, match=r"keras\..*Adam.*package tf_keras.*tf_keras\.optimizers\.Adam"):
        stage.compile(optimizer=keras.optimizers.Adam())
    for optimizer in ("adam", tf_keras.optimizers.Adam(), tf_keras.optimizers.legacy.SGD()):
        stage.compile(optimizer=optimizer)


def test_fitting_a_stage_brings_the_loss_down(store, distilled):
    import tf_keras

    saved = xd.load_student(distilled("classification"))
    stage = xd.LogitStage(saved.student, saved.task)
    before = saved.student.embedding.get_weights()[0]
    saved.student.unfreeze(["head"])
    stage.compile(optimizer=tf_keras.optimizers.Adam(0.05))
    history = stage.fit(xd.transfer_dataset(store, saved.tokenizer, 16), epochs=8, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    np.testing.assert_array_equal(saved.student.embedding.get_weights()[0], before)
