"""How long a model takes for a batch, and how big it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

#: What `latency` spends on each size unless it is told.
SECONDS = 2.0


def latency(forward: Callable[[dict[str, np.ndarray]], Any], vocab_size: int, seq_len: int,
            batch_sizes: tuple[int, ...] = (1, 32), seconds: float | None = None, most_runs: int = 500,
            columns: Sequence[str] = ("input_ids", "attention_mask")) -> dict[str, Any]:
    """Wall time of full batches of `seq_len` random pieces, in milliseconds.

    Args:
        forward: batch -> array; as fast as it is used, so a tf.function where it is TensorFlow.
        vocab_size: ids are drawn below it.
        seq_len: pieces of each sentence, none padded.
        batch_sizes: sizes to measure.
        seconds: time to spend on each size, at least 5 runs; None: `SECONDS`.
        most_runs: enough for the median of a model so fast that it would run more often in that time.
        columns: names of the inputs, each int32 [batch, seq_len].

    Returns:
        {"batch_1": {"median_ms", "min_ms", "runs"}, ...}
    """
    rng = np.random.default_rng(0)
    results = {}
    for size in batch_sizes:
        values = {"input_ids": rng.integers(0, vocab_size, (size, seq_len), np.int32),
                  "attention_mask": np.ones((size, seq_len), np.int32)}
        batch = {name: values.get(name, np.zeros((size, seq_len), np.int32)) for name in columns}
        np.asarray(forward(batch)), np.asarray(forward(batch))
        times: list[float] = []
        end = time.perf_counter() + (SECONDS if seconds is None else seconds)
        while len(times) < 5 or (len(times) < most_runs and time.perf_counter() < end):
            began = time.perf_counter()
            np.asarray(forward(batch))
            times.append(1000 * (time.perf_counter() - began))
        results[f"batch_{size}"] = {"median_ms": float(np.median(times)), "min_ms": float(min(times)),
                                    "runs": len(times)}
    return results


def count_parameters(model: Any) -> int:
    """Number of float parameters of a built Keras model."""
    return int(sum(np.prod(w.shape) for w in model.weights if w.dtype.is_floating))


def model_size(parameters: int, word_embedding_rows: int, embedding_width: int, rows_seen: int) -> dict[str, int]:
    """Parameters and float32 bytes, whole and with the word pieces left out that never occurred.

    Args:
        parameters: of the model.
        word_embedding_rows, embedding_width: shape of its word-embedding table.
        rows_seen: pieces that occur in training and transfer text.
    """
    seen = parameters - (word_embedding_rows - rows_seen) * embedding_width
    return {"parameters": parameters, "bytes": 4 * parameters, "parameters_seen_pieces": seen,
            "bytes_seen_pieces": 4 * seen}
