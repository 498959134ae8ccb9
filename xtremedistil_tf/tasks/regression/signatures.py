"""TensorFlow graphs for regression."""

from __future__ import annotations

import tensorflow as tf

from xtremedistil_tf.tasks.signatures import LiteAnswers, LitePieces, TextSignatures


class RegressionSignatures(TextSignatures):
    """A number; see `export_saved_model`."""

    def answers(self, logits):
        return {"scores": logits[:, 0]}


class LiteNumber(LiteAnswers):
    """`scores`; see `export_raw_string_tflite`."""

    def answers(self, logits: tf.Tensor, texts: LitePieces) -> dict[str, tf.Tensor]:
        return {"scores": logits}


SIGNATURES, LITE = RegressionSignatures, LiteNumber
