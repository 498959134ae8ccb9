"""Latency and size: of a loaded model, and of one form of a student in a process of its own.

`measure_footprint` starts `python -m xtremedistil_tf.evaluation.footprint`, which imports only what the form
needs: cold start and peak memory are those of a program that does nothing else.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.errors import XtremeDistilError
from xtremedistil_tf.inference.predictor import open_runtime
from xtremedistil_tf.inference.runtimes import Runtime
from xtremedistil_tf.process import peak_memory
from xtremedistil_tf.training.batches import Column, RaggedFeatures, pad_batch

#: What `latency` spends on each size unless it is told.
SECONDS = 2.0
#: How often a size is run at least, however long that takes.
FEWEST_RUNS = 5
_ROWS_OF_A_BATCH = 32


def latency(forward: Callable[[dict[str, np.ndarray]], Any], vocab_size: int, seq_len: int,
            batch_sizes: tuple[int, ...] = (1, 32), seconds: float | None = None, most_runs: int = 500,
            columns: Sequence[str] = ("input_ids", "attention_mask")) -> dict[str, Any]:
    """Wall time of full batches of `seq_len` random pieces, in milliseconds.

    Args:
        forward: batch -> array; as fast as it is used, so a tf.function where it is TensorFlow.
        vocab_size: ids are drawn below it.
        seq_len: pieces of each sentence, none padded.
        batch_sizes: sizes to measure.
        seconds: time to spend on each size, at least `FEWEST_RUNS` runs; None: `SECONDS`.
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
        while len(times) < FEWEST_RUNS or (len(times) < most_runs and time.perf_counter() < end):
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
    """Parameters and float32 bytes, whole and with the subwords left out that never occurred.

    Args:
        parameters: of the model.
        word_embedding_rows, embedding_width: shape of its word-embedding table.
        rows_seen: pieces that occur in training and transfer text.
    """
    seen = parameters - (word_embedding_rows - rows_seen) * embedding_width
    return {"parameters": parameters, "bytes": 4 * parameters, "parameters_seen_pieces": seen,
            "bytes_seen_pieces": 4 * seen}


def measure_footprint(form: str, model_dir: pathlib.Path, quantization: str, features: RaggedFeatures,
                      vocab_size: int, pad_id: int, seq_len: int, threads: int, seconds: float) -> dict[str, Any]:
    """Cold start, latency, throughput and memory of a form.

    Args:
        form, model_dir, quantization, threads: see `open_runtime`.
        features: real inputs for the throughput.
        vocab_size, pad_id: of the tokenizer.
        seq_len: pieces of the inputs for the latency.
        seconds: to spend on each batch size.

    Returns:
        `cold_start_s`, from the start of the process to the first answer; `latency`, see `latency`;
        `examples_per_second`, of `features` in batches of 32 sorted by length, tokenization left out;
        `peak_memory_mb`, resident, of the whole process.

    Raises:
        XtremeDistilError: the form cannot be run; the message is that of the process.
    """
    with tempfile.TemporaryDirectory(prefix="xtremedistil-footprint-") as folder:
        names = list(features.columns)
        arrays: dict[str, Any] = {name: features.data[name] for name in names}
        np.savez(f"{folder}/features.npz", offsets=features.offsets, **arrays)
        request = {"form": form, "model_dir": str(model_dir), "quantization": quantization, "columns": names,
                   "vocab_size": vocab_size, "pad_id": pad_id, "seq_len": seq_len, "threads": threads,
                   "seconds": seconds, "features": f"{folder}/features.npz", "began": time.time()}
        done = subprocess.run([sys.executable, "-m", __spec__.name, json.dumps(request)], capture_output=True,
                              text=True, check=False, env=_environment())
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1].removeprefix("error: ")
        raise XtremeDistilError(f"{form} ({quantization}) cannot be run: {reason}")
    return json.loads(done.stdout.splitlines()[-1])


def _environment() -> dict[str, str]:
    root = str(pathlib.Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}


def _measure(request: dict[str, Any]) -> dict[str, Any]:
    columns: Sequence[str] = [*request["columns"], "attention_mask"]
    runtime = open_runtime(request["form"], pathlib.Path(request["model_dir"]), request["quantization"],
                           request["threads"])
    batch = {name: np.ones((1, request["seq_len"]), np.int32) for name in columns}
    runtime.forward(batch)
    cold = time.time() - request["began"]
    times = latency(lambda batch: runtime.forward(batch)["logits"], request["vocab_size"], request["seq_len"],
                    seconds=request["seconds"], columns=columns)
    arrays = np.load(request["features"])
    kinds = {name: Column(arrays[name].dtype) for name in request["columns"]}
    features = RaggedFeatures({name: arrays[name] for name in kinds}, arrays["offsets"], kinds)
    rate = _throughput(runtime, features, request["pad_id"])
    runtime.close()
    return {"cold_start_s": round(cold, 3), "latency": times | {"seq_len": request["seq_len"]},
            "examples_per_second": round(rate, 1),
            "peak_memory_mb": round(peak / 1e6, 1) if (peak := peak_memory()) else None}


def _throughput(runtime: Runtime, features: RaggedFeatures, pad_id: int) -> float:
    order = np.argsort(-features.lengths, kind="stable")
    batches = [pad_batch(features, order[begin:begin + _ROWS_OF_A_BATCH], pad_id)
               for begin in range(0, len(order), _ROWS_OF_A_BATCH)]
    for batch in batches[:1]:
        runtime.forward(batch)
    began = time.perf_counter()
    for batch in batches:
        runtime.forward(batch)
    return len(order) / (time.perf_counter() - began)


if __name__ == "__main__":
    try:
        print(json.dumps(_measure(json.loads(sys.argv[1]))))
    except XtremeDistilError as error:
        sys.exit(f"error: {error}")
