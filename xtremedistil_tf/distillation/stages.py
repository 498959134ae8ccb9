"""The stages of distillation as Keras models that own a student and a loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from xtremedistil_tf.distillation.signals import RepresentationSignal, signal_mask
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.training.losses import total
from xtremedistil_tf.training.stage import Stage


class RepresentationStage(Stage):
    """Stage 1: the student's projected states imitate the teacher's hidden states.

    Batches: the task's `text_columns`, `attention_mask`, and what the signal reads.
    """

    def __init__(self, student: Any, task: Task, signal: RepresentationSignal):
        super().__init__(student, task, "representation_stage")
        self.signal = signal

    def losses_of(self, batch: Mapping[str, Any], training: bool) -> dict[str, tf.Tensor]:
        return self.signal.losses(batch, self(batch, training=training))

    def weight_of(self, batch: Mapping[str, Any]) -> tf.Tensor:
        return total(signal_mask(batch))


class LogitStage(Stage):
    """Stage 2: the student's logits imitate the teacher's wherever the task has an answer.

    Batches: the task's `text_columns`, `attention_mask`, `teacher_logits`.
    """

    def __init__(self, student: Any, task: Task):
        super().__init__(student, task, "logit_stage")

    def losses_of(self, batch: Mapping[str, Any], training: bool) -> dict[str, tf.Tensor]:
        return {"loss": self.task.logit_loss(batch, self.logits_of(batch, training))}


class LabelStage(Stage):
    """Stage 3: the task's loss against the gold labels.

    Batches: the task's `text_columns` and `label_columns`, and `attention_mask`.
    """

    def __init__(self, student: Any, task: Task):
        super().__init__(student, task, "label_stage")

    def losses_of(self, batch: Mapping[str, Any], training: bool) -> dict[str, tf.Tensor]:
        return {"loss": self.task.label_loss(batch, self.logits_of(batch, training))}


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

    def __init__(self, student: Any, task: Task, weights: JointWeights, signal: RepresentationSignal):
        super().__init__(student, task, "joint_stage")
        self._weights, self.signal = weights, signal

    def losses_of(self, batch: Mapping[str, Any], training: bool) -> dict[str, tf.Tensor]:
        labelled, transfer = batch["labelled"], batch["transfer"]
        losses = {"label_loss": self.task.label_loss(labelled, self.logits_of(labelled, training))}
        if self._weights.representation:
            outputs = self(transfer, training=training)
            logits = outputs["logits"]
        else:
            logits = self.logits_of(transfer, training)
        losses["logit_loss"] = self.task.logit_loss(transfer, logits)
        loss = self._weights.label * losses["label_loss"] + self._weights.logit * losses["logit_loss"]
        if self._weights.representation:
            losses["representation_loss"] = self.signal.losses(transfer, outputs)["loss"]
            loss += self._weights.representation * losses["representation_loss"]
        return {"loss": loss} | losses

    def weight_of(self, batch: Mapping[str, Any]) -> tf.Tensor:
        return self.task.weight_of(batch["transfer"])
