"""What the body and the projection of a small tagger cost: BiLSTM and CNN side by side, exported and in training.

  python benchmarks/student_bodies.py --out=benchmarks/results/student_bodies.md [--rounds=60]

Random weights, 30,000 pieces, E=50, 7 labels, 32 pieces a sentence. CPU time of one process on one thread, the students
in turn, so that what else the machine does touches all alike: median (least) of the rounds. TensorFlow Lite answers one
sentence a call. A training step is one of the logits stage, batch 128 of 24 pieces, embeddings frozen, optimizer included.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from absl import app, flags

from pages import environment, table, write_page

_OUT = flags.DEFINE_string("out", "benchmarks/results/student_bodies.md", "The Markdown file to write.")
_ROUNDS = flags.DEFINE_integer("rounds", 60, "How often each is measured.")
_VERSIONED = ("tensorflow", "onnxruntime", "ai-edge-litert", "numpy")
_VOCABULARY, _EMBEDDING, _LABELS, _PIECES = 30_000, 50, list("ABCDEFG"), 32


def _shapes() -> dict[str, Any]:
    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.cnn import CNNShape

    outputs = len(_LABELS)
    found: dict[str, Any] = {f"BiLSTM H=200, projection {width}": BiLSTMShape(
        _VOCABULARY, _EMBEDDING, 200, 0, outputs, projection_size=width) for width in (384, 128)}
    for blocks, gated in ((4, False), (6, False), (4, True)):
        found[f"CNN {blocks} x 128{', gated' * gated}, projection 128"] = CNNShape(
            _VOCABULARY, _EMBEDDING, 128, blocks, 0, outputs, gated=gated, projection_size=128)
    return found


def _tokenizer() -> Any:
    import tokenizers
    import transformers

    model = tokenizers.models.WordLevel({f"p{i}": i for i in range(_VOCABULARY)}, unk_token="p0")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(model), pad_token="p1")


def _batch(rows: int, pieces: int = _PIECES) -> dict[str, np.ndarray]:
    ids = np.random.default_rng(rows).integers(4, _VOCABULARY, (rows, pieces)).astype(np.int32)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def _forms(student: Any, folder: pathlib.Path) -> dict[str, tuple[pathlib.Path, Any]]:
    """Form -> its file and what runs it."""
    from xtremedistil_tf.export.onnx import export_onnx
    from xtremedistil_tf.export.tflite import export_tflite
    from xtremedistil_tf.inference.runtimes import OnnxRuntime, TFLiteRuntime
    from xtremedistil_tf.tasks.tagging import TaggingTask

    task, tokenizer, found = TaggingTask(_LABELS), _tokenizer(), {}
    for quantization in ("none", "int8"):
        file = export_onnx(folder / f"{quantization}.onnx", student, tokenizer, task, quantization)
        found[f"onnx {quantization}"] = file, OnnxRuntime(file, 1)
    for quantization in ("none", "dynamic", "int8"):
        file = export_tflite(folder, student, tokenizer, task, quantization, lambda: [_batch(16)])
        found[f"tflite {quantization}"] = file, TFLiteRuntime(file, 1)
    return found


def _training_step(shape: Any, policy: str) -> Callable[[], Any]:
    import tensorflow as tf

    from xtremedistil_tf.distillation.stages import LogitStage
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.tasks.tagging import TaggingTask
    from xtremedistil_tf.training.optimizers import RowAdam
    from xtremedistil_tf.training.stage import precision

    with precision(policy):
        student = new_student(shape)
    student.unfreeze([group for group in student.groups if group != "embedding"])
    stage = LogitStage(student, TaggingTask(_LABELS))
    stage.compile(optimizer=RowAdam(1e-3))
    arrays = _batch(128, 24)
    batch = {name: tf.constant(values) for name, values in arrays.items()}
    batch["word_starts"] = tf.ones((128, 24))
    batch["teacher_logits"] = tf.random.normal((128, 24, len(_LABELS)))
    step = tf.function(stage.train_step)
    return lambda: step(batch)["loss"].numpy()


def _measured(calls: Mapping[Any, Callable[[], Any]], rounds: int) -> dict[Any, list[float]]:
    """Milliseconds of CPU time of each call, called in turn."""
    times: dict[Any, list[float]] = {name: [] for name in calls}
    for name in [*calls, *calls]:
        calls[name]()
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.process_time()
            call()
            times[name].append(1e3 * (time.process_time() - began))
    return times


def _shown(times: list[float]) -> str:
    return f"{np.median(times):.3g} ({min(times):.3g})"


def main(argv):
    del argv
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from xtremedistil_tf.students.registry import new_student

    figures: dict[str, Any] = {}
    singles, batches, steps = {}, {}, {}
    one, many = _batch(1), _batch(32)
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in _shapes().items():
            student = new_student(shape)
            body = sum(int(np.prod(v.shape)) for v in student.variables) - _VOCABULARY * _EMBEDDING
            figures[name] = {"parameters without the table": body}
            for form, (file, runtime) in _forms(student, pathlib.Path(folder) / name.replace(" ", "_")).items():
                figures[name][form] = {"megabytes": file.stat().st_size / 1e6}
                singles[name, form] = lambda runtime=runtime: runtime.forward(one)
                if form.startswith("onnx"):
                    batches[name, form] = lambda runtime=runtime: runtime.forward(many)
            steps |= {(name, f"training {policy}"): _training_step(shape, policy)
                      for policy in ("float32", "mixed_bfloat16")}
            logging.info("%s: written", name)
        for size, calls in ((1, singles), (32, batches), (0, steps)):
            for (name, form), times in _measured(calls, _ROUNDS.value).items():
                key = f"ms, batch {size}" if size else "ms a step"
                figures[name].setdefault(form, {})[key] = _shown(times)
    versions = {name: importlib.metadata.version(name) for name in _VERSIONED}
    header = ["E=50", "numbers outside the table", "onnx int8, MB", "onnx, 1 x 32", "onnx, 32 x 32", "onnx int8, 1 x 32",
              "onnx int8, 32 x 32", "tflite, 1 x 32", "tflite dynamic, 1 x 32", "tflite int8, 1 x 32",
              "step, float32", "step, bfloat16"]
    rows = [[name, f"{f['parameters without the table']:,}", f"{f['onnx int8']['megabytes']:.2f}",
             *(f[form][f"ms, batch {size}"] for form, size in (
                 ("onnx none", 1), ("onnx none", 32), ("onnx int8", 1), ("onnx int8", 32), ("tflite none", 1),
                 ("tflite dynamic", 1), ("tflite int8", 1))),
             f["training float32"]["ms a step"], f["training mixed_bfloat16"]["ms a step"]]
            for name, f in figures.items()]
    parts = ["# Bodies of small students", environment(versions), __doc__.split("\n\n", 2)[2].strip(),
             f"```sh\npython benchmarks/student_bodies.py --rounds={_ROUNDS.value}\n```",
             "Milliseconds but for sizes.", table(header, rows)]
    write_page(pathlib.Path(_OUT.value), parts, figures)


if __name__ == "__main__":
    app.run(main)
