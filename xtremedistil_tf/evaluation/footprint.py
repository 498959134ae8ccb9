"""What one form of a student costs, measured in a process of its own.

`measure_footprint` starts `python -m xtremedistil_tf.evaluation.footprint`, which imports only what the form
needs: cold start and peak memory are those of a program that does nothing else.
"""

from __future__ import annotations

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.batching.ragged import Column, RaggedFeatures, pad_batch
from xtremedistil_tf.errors import XtremeDistilError
from xtremedistil_tf.evaluation.latency import latency
from xtremedistil_tf.runtimes.opening import open_runtime
from xtremedistil_tf.runtimes.runtime import Runtime

_BATCH = 32


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
            "peak_memory_mb": round(_peak_memory() / 1e6, 1)}


def _peak_memory() -> int:
    """Bytes of this process; `ru_maxrss` on Linux would count those of the parent that it was forked from."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        kilobytes = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:")).split()[1]
        return int(kilobytes) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _throughput(runtime: Runtime, features: RaggedFeatures, pad_id: int) -> float:
    order = np.argsort(-features.lengths, kind="stable")
    batches = [pad_batch(features, order[i:i + _BATCH], pad_id) for i in range(0, len(order), _BATCH)]
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
