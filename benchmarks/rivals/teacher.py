"""The fine-tuned teacher itself, in TensorFlow as it is, and in ONNX Runtime in float32 and int8."""

from __future__ import annotations

import argparse
import pathlib
from typing import Any

from rivals.command import Flags, run
from rivals.pieces import Forward, opened
from rivals.task_folder import TaskFolder
from rivals.timing import Opened
from xtremedistil_tf.students.metadata import size_of

FORMS = ("tensorflow", "onnx none", "onnx int8")
_WEIGHTS = "model.safetensors"
_LONGEST = 512


def train(task: TaskFolder, flags: Flags) -> dict[str, Any]:
    """The teacher is trained already: only its ONNX files are written."""
    from xtremedistil_tf.atomic import atomic_file
    from xtremedistil_tf.onnx_graphs import function_model, quantized_model
    from xtremedistil_tf.teachers.accelerated_paths import teacher_graph
    from xtremedistil_tf.teachers.protocol import TeacherSignals

    teacher = _load(task, flags.checkpoint)
    model, _ = function_model(teacher_graph(teacher, TeacherSignals()))
    graphs = {"onnx none": model.SerializeToString(), "onnx int8": quantized_model(model).SerializeToString()}
    sizes = {"tensorflow": size_of(flags.checkpoint / _WEIGHTS)}
    for form, graph in graphs.items():
        with atomic_file(_onnx_file(flags, form)) as part:
            part.write_bytes(graph)
        sizes[form] = len(graph)
    return {"parameters": teacher.parameters, "bytes_of": sizes}


def open_model(task: TaskFolder, flags: Flags) -> Opened:
    in_onnx = flags.form != FORMS[0]
    forward = _session(_onnx_file(flags, flags.form)) if in_onnx else _tensorflow(task, flags)
    return opened(flags.checkpoint, task.labels, task.tagging, forward, _LONGEST)


def _tensorflow(task: TaskFolder, flags: Flags) -> Forward:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    run_batch = _load(task, flags.checkpoint).forward()
    names = ["input_ids", "attention_mask"] + ([] if task.tagging else ["token_type_ids"])
    return lambda batch: run_batch({name: tf.constant(batch[name]) for name in names})["logits"].numpy()


def _session(path: pathlib.Path) -> Forward:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return lambda batch: session.run(["logits"], {name: batch[name] for name in names})[0]


def _load(task: TaskFolder, checkpoint: pathlib.Path):
    from xtremedistil_tf.tasks.registry import make_task
    from xtremedistil_tf.teachers.protocol import backend_named

    kind = "tagging" if task.tagging else "classification"
    return backend_named("tf").load(str(checkpoint), make_task(kind, task.labels))


def _onnx_file(flags: Flags, form: str) -> pathlib.Path:
    return flags.folder / f"{form.replace(' ', '_')}.onnx"


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=pathlib.Path, required=True, help="The fine-tuned teacher.")
    parser.add_argument("--form", choices=FORMS, default=FORMS[0], help="speed: which one.")


if __name__ == "__main__":
    run(__doc__, train, open_model, ("tensorflow", "transformers", "onnxruntime"), _flags)
