"""Adam for models that are mostly embedding table, and the learning-rate schedules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf
import tf_keras


class RowAdam(tf_keras.optimizers.AdamW):
    """Adam (decoupled weight decay optional) whose sparse updates touch only the rows of the batch.

    Keras decays the moments of *every* row at every step, which for a multilingual vocabulary (250,000
    rows) costs more than the student's own forward and backward pass. Here a row's moments move when the
    row occurs in the batch ("lazy" Adam); dense variables are updated exactly as in Keras.

    Args:
        learning_rate: float or schedule.
        weight_decay: decoupled decay per step, None for plain Adam. It never applies to embedding
            tables, biases and layer normalisation.
        clip_norm: global norm to which gradients are clipped, None for no clipping.

    """

    def __init__(self, learning_rate: Any, weight_decay: float | None = None, clip_norm: float | None = None,
                 epsilon: float = 1e-7, **kwargs: Any):
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay or 0.0, epsilon=epsilon,
                         global_clipnorm=clip_norm, jit_compile=False, **kwargs)
        self._decays = bool(weight_decay)
        self._factors: dict[Any, float] = {}
        if not self._decays:
            self.weight_decay = None

    def exclude_undecayed(self, variables: Iterable[tf.Variable]) -> None:
        """Exempts embedding tables, biases and layer normalisation from weight decay."""
        if self._decays:
            self.exclude_from_weight_decay(
                var_list=[v for v in variables if v.shape.rank < 2 or "embedding" in v.name.lower()])

    def slow_down(self, variable: tf.Variable, factor: float) -> None:
        """Gives a variable `factor` times the learning rate of the others."""
        self._factors[self._var_key(variable)] = factor

    def _clip_gradients(self, grads: Any) -> Any:
        # The norm is that of the gradient, in which each row occurs once.
        return super()._clip_gradients(self._deduplicate_sparse_grad(grads))

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        factor = self._factors.get(self._var_key(variable), 1.0)
        if not isinstance(gradient, tf.IndexedSlices):
            before = None if factor == 1.0 else tf.identity(variable)
            super().update_step(gradient, variable)
            if before is not None:
                variable.assign(before + factor * (variable - before))
            return
        step = tf.cast(self.iterations + 1, variable.dtype)
        rate = tf.cast(self.learning_rate, variable.dtype)
        correction = (tf.sqrt(1 - tf.pow(tf.cast(self.beta_2, variable.dtype), step))
                      / (1 - tf.pow(tf.cast(self.beta_1, variable.dtype), step)))
        slot = self._index_dict[self._var_key(variable)]
        momentum, velocity = self._momentums[slot], self._velocities[slot]
        rows, values = gradient.indices, gradient.values
        new_momentum = self.beta_1 * tf.gather(momentum, rows) + (1 - self.beta_1) * values
        new_velocity = self.beta_2 * tf.gather(velocity, rows) + (1 - self.beta_2) * tf.square(values)
        momentum.scatter_update(tf.IndexedSlices(new_momentum, rows))
        velocity.scatter_update(tf.IndexedSlices(new_velocity, rows))
        change = factor * rate * correction * new_momentum / (tf.sqrt(new_velocity) + self.epsilon)
        variable.scatter_sub(tf.IndexedSlices(change, rows))


def cosine_schedule(peak: float, steps: int, final: float = 1e-8,
                    warmup: float = 0.0) -> tf_keras.optimizers.schedules.LearningRateSchedule:
    """Linear from 0 to `peak` over the share `warmup` of the steps, then cosine to `final` (XtremeDistil: without
    warm-up, 1e-3 to 1e-8)."""
    rising = round(warmup * steps)
    if not rising:
        return tf_keras.optimizers.schedules.CosineDecay(peak, max(1, steps), alpha=final / peak)
    return tf_keras.optimizers.schedules.CosineDecay(peak / rising, max(1, steps - rising), alpha=final / peak,
                                                     warmup_target=peak, warmup_steps=rising)


class WarmupLinearDecay(tf_keras.optimizers.schedules.LearningRateSchedule):
    """Linear from 0 to `peak` over `warmup_steps`, then linear to 0 at `steps` (the BERT fine-tuning recipe)."""

    def __init__(self, peak: float, steps: int, warmup_steps: int):
        self.peak, self.steps, self.warmup_steps = peak, max(1, steps), warmup_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        rising = (step + 1) / max(1, self.warmup_steps)
        falling = (self.steps - step) / max(1, self.steps - self.warmup_steps)
        return self.peak * tf.clip_by_value(tf.minimum(rising, falling), 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "steps": self.steps, "warmup_steps": self.warmup_steps}
