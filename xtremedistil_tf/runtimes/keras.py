"""Running the Keras student itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


class KerasRuntime:
    """A student as it was trained.

    Args:
        student: student model.
    """

    def __init__(self, student: Any):
        from xtremedistil_tf.batching.tracing import traced_once

        self._forward = traced_once(lambda batch: student(batch, training=False)["logits"])

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        import tensorflow as tf

        inputs = {name: tf.constant(values, tf.int32) for name, values in batch.items()}
        return {"logits": self._forward(inputs).numpy()}

    def close(self) -> None:
        self._forward = None
