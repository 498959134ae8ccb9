"""What every runtime must do: answer batches as the Keras student does, whatever their sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xtremedistil_tf.inference.runtimes import Runtime

#: Of the batches: padded and unpadded, one input and several, one piece and many.
LENGTHS = ([5, 3, 1], [4], [1], [2] * 9, [13, 12])


def run_runtime_test(opened: Callable[[int | None], Runtime], student: Any, task: Any, padding: int = 0,
                     tolerance: float = 1e-5) -> None:
    """Checks a runtime.

    Args:
        opened: most threads, or None -> the runtime.
        student: the Keras student that the file was exported from.
        task: what it answers.
        padding: id of the piece that fills inputs up.
        tolerance: how far logits may be apart.
    """
    for threads in None, 1:
        runtime = opened(threads)
        for lengths in LENGTHS:
            batch = _batch(student, task, lengths, padding)
            found, expected = runtime.forward(batch), np.asarray(student(batch, training=False)["logits"])
            assert set(found) == {"logits"} and found["logits"].dtype == np.float32
            assert found["logits"].shape == expected.shape
            logits = found["logits"]
            if task.per_piece:  # what stands at padding is nobody's answer
                logits, expected = (part[batch["attention_mask"] == 1] for part in (logits, expected))
            np.testing.assert_allclose(logits, expected, atol=tolerance, err_msg=f"lengths {lengths}")
        runtime.close()


def _batch(student: Any, task: Any, lengths: list[int], padding: int) -> dict[str, np.ndarray]:
    rng, time = np.random.default_rng(5), max(lengths)
    mask = (np.arange(time) < np.array(lengths)[:, None]).astype(np.int32)
    ids = rng.integers(1, student.shape.vocab_size, mask.shape, np.int32)
    batch = {"input_ids": np.where(mask, ids, padding).astype(np.int32), "attention_mask": mask}
    if "token_type_ids" in task.text_columns:
        batch["token_type_ids"] = rng.integers(0, 2, mask.shape, np.int32) * mask
    # A column that no exported form takes.
    return batch | {"another": np.ones(mask.shape, np.float32)}
