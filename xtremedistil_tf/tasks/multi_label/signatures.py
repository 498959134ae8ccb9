"""TensorFlow graphs for multi-label classification."""

from __future__ import annotations

import tensorflow as tf

from xtremedistil_tf.tasks.signatures import LiteAnswers, LitePieces, TextSignatures


class MultiLabelSignatures(TextSignatures):
    """The labels that reach their thresholds.

    `token_ids`: `logits` and `probabilities` float32 [batch, labels] and `is_label` int32 [batch, labels], 1 for the
    labels that are given. `raw_strings`: `labels` string and `scores` float32 (their probabilities), [batch, given
    labels], padded with "" and -1; `label_counts` int32 [batch]; `probabilities` float32 and `label_names` string,
    [batch, labels]: the names are those of the columns, the same in every row.
    """

    def __init__(self, student, tokenizer, task, tokenizer_graph, pairs: bool = False):
        super().__init__(student, tokenizer, task, tokenizer_graph, pairs)
        self.labels, self.cutoffs = tf.constant(task.labels), tf.constant(task.cutoffs)

    def answers(self, logits):
        return {"logits": logits, "probabilities": tf.sigmoid(logits),
                "is_label": tf.cast(logits >= self.cutoffs, tf.int32)}

    def named(self, logits):
        answers = self.answers(logits)
        names, is_label = tf.broadcast_to(self.labels, tf.shape(logits)), answers["is_label"] > 0
        return {"labels": tf.ragged.boolean_mask(names, is_label).to_tensor(""),
                "scores": tf.ragged.boolean_mask(answers["probabilities"], is_label).to_tensor(-1.0),
                "label_counts": tf.reduce_sum(answers["is_label"], -1),
                "probabilities": answers["probabilities"], "label_names": names}


class LiteLabels(LiteAnswers):
    """`probabilities` float32 and `is_label` int32, [1, labels]."""

    def __init__(self, task):
        super().__init__(task)
        self._cutoffs = task.cutoffs

    def answers(self, logits: tf.Tensor, texts: LitePieces) -> dict[str, tf.Tensor]:
        return {"probabilities": tf.sigmoid(logits)[None],
                "is_label": tf.cast(logits >= self._cutoffs, tf.int32)[None]}


SIGNATURES, LITE = MultiLabelSignatures, LiteLabels
