"""TensorFlow graphs for classification."""

from __future__ import annotations

import tensorflow as tf

from xtremedistil_tf.tasks.signatures import LiteAnswers, LitePieces, TextSignatures


class ClassificationSignatures(TextSignatures):
    """The most probable class; see `export_saved_model`."""

    def __init__(self, student, tokenizer, task, tokenizer_graph, pairs: bool = False):
        super().__init__(student, tokenizer, task, tokenizer_graph, pairs)
        self.labels = tf.constant(task.labels)

    def answers(self, logits):
        return {"logits": logits, "probabilities": tf.nn.softmax(logits),
                "label_ids": tf.argmax(logits, -1, output_type=tf.int32)}

    def named(self, logits):
        answers = self.answers(logits)
        return {"labels": tf.gather(self.labels, answers["label_ids"]),
                "scores": tf.reduce_max(answers["probabilities"], -1),
                "probabilities": answers["probabilities"],
                "label_names": tf.broadcast_to(self.labels, tf.shape(logits))}


class LiteClasses(LiteAnswers):
    """`probabilities`; see `export_raw_string_tflite`."""

    def answers(self, logits: tf.Tensor, texts: LitePieces) -> dict[str, tf.Tensor]:
        return {"probabilities": tf.nn.softmax(logits)[None]}


SIGNATURES, LITE = ClassificationSignatures, LiteClasses
