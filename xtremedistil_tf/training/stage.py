"""The inner step of training, common to all stages and to the teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf
import tf_keras

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.training.answered import ANSWERED

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task


class Stage(tf_keras.Model):
    """A model and a loss: subclasses say what the losses of a batch are.

    Trains what is unfrozen in the model, and nothing else. Works with `compile` and `fit` like any
    Keras model, and step by step in `training.loop`.

    Args:
        model: built model.
        task: knows the losses of its answers.
        name: shown by Keras.
    """

    def __init__(self, model: Any, task: Task, name: str):
        super().__init__(name=name)
        self.model, self.task = model, task

    def compile(self, optimizer: Any = "rmsprop", **options: Any) -> None:
        """As Keras's own; the loss is the stage's.

        Args:
            optimizer: of `tf_keras`, or the name of one.
            options: the other arguments of `tf_keras.Model.compile`.

        Raises:
            ConfigError: the optimizer is one of Keras 3.
        """
        if not isinstance(optimizer, str | dict | tf_keras.optimizers.Optimizer | tf_keras.optimizers.legacy.Optimizer):
            given = f"{type(optimizer).__module__}.{type(optimizer).__name__}"
            raise ConfigError(f"compile: optimizer is a {given}. Students and stages are models of Keras 2 (package "
                              f"tf_keras). Use tf_keras.optimizers.{type(optimizer).__name__}, or a name such as "
                              "\"adam\".")
        super().compile(optimizer=optimizer, **options)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, Any]:
        return self.model(inputs, training=training)

    def logits_of(self, batch: Mapping[str, Any], training: bool) -> tf.Tensor:
        """The model's answers; in training, of students that can, only those that the task's losses read."""
        wanted = {ANSWERED: self.task.answered(batch)} if training else {}
        return self({**batch, **wanted}, training=training)["logits"]

    def losses_of(self, batch: Mapping[str, Any], training: bool) -> dict[str, tf.Tensor]:
        """float32 scalars; `loss` is what is minimised."""
        raise NotImplementedError

    def weight_of(self, batch: Mapping[str, Any]) -> tf.Tensor:
        """float32 scalar, how many answers the losses of a batch are means over."""
        return self.task.weight_of(batch)

    def train_step(self, batch: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        scales = isinstance(self.optimizer, tf_keras.mixed_precision.LossScaleOptimizer)
        variables = self.trainable_variables
        # Keras's `trainable` is unknown to the tape: left to itself it would record frozen layers too.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            losses = self.losses_of(batch, training=True)
            loss = losses["loss"]
            if scales:
                loss = self.optimizer.get_scaled_loss(loss)
        gradients = tape.gradient(loss, variables)
        if scales:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        # What this loss does not reach, such as projections of lower layers, stays as it is.
        self.optimizer.apply_gradients([(g, v) for g, v in zip(gradients, variables) if g is not None])
        return losses

    def test_step(self, batch: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        return self.losses_of(batch, training=False)
