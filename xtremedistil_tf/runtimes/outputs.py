"""From the named outputs of a `token_ids` signature to the logits that a task decodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def logits_of(outputs: Mapping[str, Any]) -> np.ndarray:
    """float32 logits from a SavedModel's `token_ids` outputs, see `export_saved_model`.

    Args:
        outputs: `logits`; or `start_logits` and `end_logits` of question answering; or a regression's `scores`.

    Returns:
        [batch, time, outputs] or [batch, outputs].
    """
    if "logits" in outputs:
        return np.asarray(outputs["logits"], np.float32)
    if "start_logits" in outputs:
        return np.stack([np.asarray(outputs[name], np.float32) for name in ("start_logits", "end_logits")], -1)
    return np.asarray(outputs["scores"], np.float32)[:, None]
