"""The inner step of training, for all stages and for the teacher: gradients, replicas, precision, dropout, GELU."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import tensorflow as tf
import tf_keras

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.training.distribution import Workers, worker_loss_explained
from xtremedistil_tf.training.losses import ANSWERED

_DROPOUT_LEVELS = 256


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers made inside compute in `policy`: float32, mixed_bfloat16 or mixed_float16."""
    before = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        tf_keras.mixed_precision.set_global_policy(before)


class _StepSeeded:
    """Stands in for a Keras layer's random generator; the mask depends on (stream, step), and on the replica
    where there are several."""

    def __init__(self, step: tf.Variable, stream: int):
        self._step, self._stream = step, stream

    def dropout(self, inputs: tf.Tensor, rate: float, noise_shape: Any = None) -> tf.Tensor:
        seed = tf.stack([tf.constant(self._stream, tf.int32), tf.cast(self._step, tf.int32)])
        replica = tf.distribute.get_replica_context()
        if replica is not None and replica.num_replicas_in_sync > 1:
            seed = tf.random.experimental.stateless_fold_in(seed, replica.replica_id_in_sync_group)
        return stateless_dropout(inputs, rate, seed, noise_shape)


def stateless_dropout(inputs: tf.Tensor, rate: float, seed: tf.Tensor, noise_shape: Any = None) -> tf.Tensor:
    """Dropout in half the time of TensorFlow's: one random number, of 32 bits, decides for four values.

    Args:
        inputs: float, any shape.
        rate: share of values that become zero, in steps of 1/256; the others grow by as much as is lost.
        seed: int32 [2]; the same seed, the same values.
        noise_shape: shape of what is drawn, with 1 where all along an axis share their fate; None: that of the inputs.
    """
    dropped = min(round(rate * _DROPOUT_LEVELS), _DROPOUT_LEVELS - 1)
    if not dropped:
        return inputs
    shape = tf.shape(inputs) if noise_shape is None else tf.convert_to_tensor(noise_shape)
    size = tf.reduce_prod(shape)
    # The algorithm is named, so that masks are the same on every device.
    words = tf.random.stateless_uniform([(size + 3) // 4], seed, None, None, tf.uint32, alg="philox")
    draws = tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:size], shape)
    kept = tf.cast(draws >= tf.constant(dropped, tf.uint8), inputs.dtype)
    return inputs * (kept * (_DROPOUT_LEVELS / (_DROPOUT_LEVELS - dropped)))


def seed_dropout_by_step(model: tf_keras.Model, step: tf.Variable, seed: int) -> None:
    """Makes every dropout of a built model draw its masks from (seed, layer, step).

    Keras's own generators keep their state inside op kernels, which no checkpoint holds.

    Args:
        model: built model; nested layers are found.
        step: integer variable that the training loop moves and checkpoints (an optimizer's
            `iterations`).
        seed: seed of the run and phase.
    """
    layers = [layer for layer in model._flatten_layers() if _is_dropout(layer)]
    for number, layer in enumerate(layers):
        stream = (seed * 100_003 + number) % (2**31 - 1)
        generator = _StepSeeded(step, stream)
        if isinstance(layer, tf_keras.layers.Dropout):
            layer._random_generator = generator
        else:
            rate = layer.drop_prob
            layer.xdropout = lambda inputs, _g=generator, _r=rate: _g.dropout(inputs, _r)


@tf.custom_gradient
def _bfloat16_gelu(inputs: tf.Tensor) -> tuple[tf.Tensor, Any]:
    wide = tf.cast(inputs, tf.float32)
    below = 0.5 + 0.5 * tf.math.erf(wide * math.sqrt(0.5))
    density = tf.exp(-0.5 * wide * wide) * (1 / math.sqrt(2 * math.pi))
    # Kept in 16 bits, as all activations are.
    slope = tf.cast(below + wide * density, inputs.dtype)
    return tf.cast(wide * below, inputs.dtype), lambda upstream: upstream * slope


def gelu(inputs: tf.Tensor) -> tf.Tensor:
    """Keras's GELU; on bfloat16 in less than half its time, by functions that processors have for float32 only."""
    return _bfloat16_gelu(inputs) if inputs.dtype == tf.bfloat16 else tf_keras.activations.gelu(inputs)


def quicken_gelu(model: tf_keras.Model) -> None:
    """Puts `gelu` in the place of Keras's in a built model; nested layers are found."""
    for layer in model._flatten_layers():
        for name in ("activation", "intermediate_act_fn"):
            if getattr(layer, name, None) is tf_keras.activations.gelu:
                setattr(layer, name, gelu)


def _is_dropout(layer: Any) -> bool:
    # DeBERTa has a dropout of its own ("stable dropout"), seeded by nobody.
    return isinstance(layer, tf_keras.layers.Dropout) or (
        hasattr(layer, "xdropout") and hasattr(layer, "drop_prob"))


class TrainingSteps:
    """Runs `stage.train_step` over batches.

    There is one graph for all lengths of batches and any number of steps: tracing takes seconds, and shapes
    known in one trace and unknown in another may round differently.

    Args:
        stage: compiled Stage.
        workers: who trains.
    """

    def __init__(self, stage: Any, workers: Workers):
        self._stage, self._workers = stage, workers
        self._names: list[str] = []
        self._graph = tf.function(self._steps)

    def __call__(self, iterator: Iterator[Any], count: int) -> list[dict[str, float]]:
        """Takes the next `count` batches and returns the losses of each.

        Args:
            iterator: over a `tf.data.Dataset` of batches, or of tuples with a batch for each replica of this
                process where there are several replicas.
            count: number of steps; the batches must be there.
        """
        # Collectives in a loop keep the shapes of the first turn (TensorFlow 2.21): replicas go step by step.
        blocks = [count] if self._workers.shares is None else [1] * count
        with worker_loss_explained():
            rows = [row for size in blocks for row in self._graph(iterator, tf.constant(size)).numpy()]
        return [dict(zip(self._names, map(float, row))) for row in rows]

    def _steps(self, iterator: Iterator[Any], count: tf.Tensor) -> tf.Tensor:
        rows = tf.TensorArray(tf.float32, count)
        for number in tf.range(count):
            rows = rows.write(number, self._step(next(iterator)))
        return rows.stack()

    def _step(self, batch: Any) -> tf.Tensor:
        strategy, shares = self._workers.strategy, self._workers.shares
        if shares is None:
            return self._losses(batch)
        shared = strategy.experimental_distribute_values_from_function(
            lambda context: batch[shares.local.index(context.replica_id_in_sync_group)])
        losses = strategy.run(self._losses, args=(shared,))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def _losses(self, batch: Any) -> tf.Tensor:
        losses = self._stage.train_step(batch)
        self._names = list(losses)
        return tf.stack(list(losses.values()))


class TaskLosses(Protocol):
    """What training asks of a task, see `tasks.task.Task`."""

    def label_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor: ...

    def logit_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor: ...

    def answered(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor: ...

    def weight_of(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor: ...


class Stage(tf_keras.Model):
    """A model and a loss: subclasses say what the losses of a batch are.

    Trains what is unfrozen in the model, and nothing else. Works with `compile` and `fit` like any
    Keras model, and step by step in `training.loop`.

    Args:
        model: built model.
        task: knows the losses of its answers.
        name: shown by Keras.
    """

    def __init__(self, model: Any, task: TaskLosses, name: str):
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
