"""Running a SavedModel's `token_ids` signature."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.runtimes.outputs import logits_of


class SavedModelRuntime:
    """A loaded SavedModel.

    Args:
        path: folder of the SavedModel.

    Raises:
        ModelLoadError: there is none, or it has no `token_ids` signature.
    """

    def __init__(self, path: str | os.PathLike[str]):
        import tensorflow as tf
        import tensorflow_text  # noqa: F401  registers the ops of the raw-string signature

        try:
            self._model = tf.saved_model.load(str(path))
            self._signature = self._model.signatures["token_ids"]
        except (OSError, KeyError) as error:
            raise ModelLoadError(f"{path}: not a SavedModel with a token_ids signature ({error}). Export the "
                                 "student again.") from error
        self._names = list(self._signature.structured_input_signature[1])

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        import tensorflow as tf

        inputs = {name: tf.constant(batch[name], tf.int32) for name in self._names}
        return {"logits": logits_of(self._signature(**inputs))}

    def close(self) -> None:
        self._model = self._signature = None
