"""The stages of distillation as Keras models that own a student and a loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from xtremedistil_tf.training.losses import REPRESENTATION_LOSSES, label_loss, logit_loss
from xtremedistil_tf.training.stage import Stage


class RepresentationStage(Stage):
    """Stage 1: the student's projected states imitate the teacher's hidden states.

    Batches: `input_ids`, `attention_mask`, `teacher_hidden` [batch, time, width].
    """

    def __init__(self, student, representation_loss: str = "kl"):
        super().__init__(student, "representation_stage")
        self._representation_loss = REPRESENTATION_LOSSES[representation_loss]

    def losses_of(self, batch, training):
        outputs = self(batch, training=training)
        mask = tf.cast(batch["attention_mask"], tf.float32)
        return {"loss": self._representation_loss(batch["teacher_hidden"], outputs["representation"], mask)}

    def weight_of(self, batch):
        return tf.reduce_sum(tf.cast(batch["attention_mask"], tf.float32))


class LogitStage(Stage):
    """Stage 2: the student's logits imitate the teacher's, at the first piece of each word.

    Batches: `input_ids`, `attention_mask`, `word_starts`, `teacher_logits` [batch, time, labels].
    """

    def __init__(self, student):
        super().__init__(student, "logit_stage")

    def losses_of(self, batch, training):
        logits = self(batch, training=training)["logits"]
        return {"loss": logit_loss(batch["teacher_logits"], logits, batch["word_starts"])}


class LabelStage(Stage):
    """Stage 3: cross-entropy with the gold labels.

    Batches: `input_ids`, `attention_mask`, `word_starts`, `labels` int32 [batch, time].
    """

    def __init__(self, student):
        super().__init__(student, "label_stage")

    def losses_of(self, batch, training):
        logits = self(batch, training=training)["logits"]
        return {"loss": label_loss(batch["labels"], logits, batch["word_starts"])}


@dataclasses.dataclass(frozen=True)
class JointWeights:
    """alpha, beta and gamma of the joint loss; a loss of weight 0 is not computed."""

    label: float = 1.0
    representation: float = 0.0
    logit: float = 1.0


class JointStage(Stage):
    """Labels, logits and, where weighted, representations at once: alpha CE + beta RL + gamma LL.

    Batches: dict with `labelled` (as for LabelStage) and `transfer` (as for the other two).
    """

    def __init__(self, student, weights: JointWeights, representation_loss: str = "kl"):
        super().__init__(student, "joint_stage")
        self._weights = weights
        self._representation_loss = REPRESENTATION_LOSSES[representation_loss]

    def losses_of(self, batch, training):
        labelled, transfer = batch["labelled"], batch["transfer"]
        logits = self(labelled, training=training)["logits"]
        losses = {"label_loss": label_loss(labelled["labels"], logits, labelled["word_starts"])}
        outputs = self(transfer, training=training)
        losses["logit_loss"] = logit_loss(transfer["teacher_logits"], outputs["logits"],
                                          transfer["word_starts"])
        total = self._weights.label * losses["label_loss"] + self._weights.logit * losses["logit_loss"]
        if self._weights.representation:
            mask = tf.cast(transfer["attention_mask"], tf.float32)
            losses["representation_loss"] = self._representation_loss(
                transfer["teacher_hidden"], outputs["representation"], mask)
            total += self._weights.representation * losses["representation_loss"]
        return {"loss": total} | losses

    def weight_of(self, batch):
        return tf.reduce_sum(batch["transfer"]["word_starts"])
