"""A student that answers at once and takes limited inputs."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf


class TableStudent:
    """Answers that depend on every piece, its place and its type; no two alike."""

    def __init__(self, vocab_size: int, task, max_length: int | None):
        values = np.random.default_rng(5).normal(size=(vocab_size, task.num_outputs)).astype(np.float32)
        self.table = tf.Variable(values)
        self.variables, self.max_length, self._per_piece = [self.table], max_length, task.per_piece

    def __call__(self, inputs, training=False):
        mask = tf.cast(inputs["attention_mask"], tf.float32)[..., None]
        place = tf.cast(tf.range(tf.shape(mask)[1]), tf.float32)[:, None]
        own = (tf.gather(self.table, inputs["input_ids"]) + 0.1 * tf.sin(place)) * mask
        if "token_type_ids" in inputs:
            own *= 1.0 + 0.5 * tf.cast(inputs["token_type_ids"], tf.float32)[..., None]
        weighted = own * (1.0 + 0.3 * tf.cos(place))
        whole = tf.reduce_sum(weighted, 1) / tf.reduce_sum(mask, 1)
        before = tf.cumsum(weighted, 1) / (1.0 + place)
        return {"logits": own + before + 0.5 * whole[:, None] if self._per_piece else whole}


@pytest.fixture(scope="session")
def asked(tiny_tokenizer):
    """Makes for a task and a limit the traced signature for raw strings and the package's prediction."""
    from xtremedistil_tf.export.saved_model import KINDS
    from xtremedistil_tf.students.prediction import StudentPredictor
    from xtremedistil_tf.tokenization.in_graph import InGraphWordPiece

    def make(task, max_length, pairs=False):
        student = TableStudent(len(tiny_tokenizer), task, max_length)
        kind = KINDS[task.kind]
        wordpiece = InGraphWordPiece.from_tokenizer(tiny_tokenizer, kind.whole_texts)
        concrete = kind(student, tiny_tokenizer, task, wordpiece, pairs).concrete()["raw_strings"]

        def run(**texts):
            found = concrete(**{name: tf.constant([t.encode() for t in values], tf.string)
                                for name, values in texts.items()})
            return {name: value.numpy() for name, value in found.items()}

        return run, StudentPredictor(student, tiny_tokenizer, task).predict

    return make
