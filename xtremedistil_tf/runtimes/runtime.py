"""What every form of a student offers once it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np


class Runtime(Protocol):
    """A student in one of the forms that it is exported to; `Predictor` takes its `forward`."""

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Logits of a padded batch.

        Args:
            batch: int32 [batch, time] `input_ids` and `attention_mask`, padded on the right, and
                `token_type_ids` where the task has them; columns that the form does not take are left out.

        Returns:
            `logits` float32 [batch, time, outputs], or [batch, outputs] where the task answers whole inputs.

        Raises:
            ModelLoadError: the form cannot run this batch, such as a server that does not answer.
        """

    def close(self) -> None:
        """Frees what it holds; it cannot be used afterwards."""
