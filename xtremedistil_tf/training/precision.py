"""Mixed precision for the layers made in a block, without leaving a global policy behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tf_keras


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers made inside compute in `policy`: float32, mixed_bfloat16 or mixed_float16."""
    before = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        tf_keras.mixed_precision.set_global_policy(before)
