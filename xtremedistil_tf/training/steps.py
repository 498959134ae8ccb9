"""Training steps, as many as wanted inside one call of a graph, on one replica or shared among several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from xtremedistil_tf.training.distribution import Workers, worker_loss_explained


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
