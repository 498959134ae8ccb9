"""A model repository of NVIDIA's Triton Inference Server: `export/triton/`."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from xtremedistil_tf.atomic import write_text
from xtremedistil_tf.export.onnx import export_onnx
from xtremedistil_tf.export.onnx_files import LABELS, write_text_files
from xtremedistil_tf.tasks.task import Task

CONFIG = "config.pbtxt"
_ROWS = 64
_BATCHING = """\
# Requests that wait at the same time are answered together, where they are padded to the same length.
dynamic_batching { max_queue_delay_microseconds: 1000 }
"""


def export_triton(model_folder: str | os.PathLike[str], student: Any, tokenizer: Any, task: Task,
                  quantization: str) -> pathlib.Path:
    """Writes one model of the repository: `config.pbtxt`, `1/model.onnx`, and what clients need.

    The model's name is that of its folder. Inputs and output: see `export_onnx`; Triton leaves the batch out of `dims`.

    Args:
        model_folder: such as `export/triton/student`.
        student, tokenizer, task, quantization: see `export_onnx`.

    Returns:
        The graph's file.

    Raises:
        ConfigError, ExportCheckError, MissingExtraError: see `export_onnx`.
    """
    folder = pathlib.Path(model_folder)
    (folder / "1").mkdir(parents=True, exist_ok=True)
    file = export_onnx(folder / "1" / "model.onnx", student, tokenizer, task, quantization)
    write_text_files(folder, tokenizer, task)
    write_text(folder / CONFIG, config_of(file, task))
    return file


def config_of(file: pathlib.Path, task: Task) -> str:
    """The `config.pbtxt` (message ModelConfig) of a graph."""
    from xtremedistil_tf.inference.runtimes import OnnxRuntime

    runtime = OnnxRuntime(file, threads=1)
    inputs = "\n".join(f'  {{ name: "{name}" data_type: TYPE_INT64 dims: [ -1 ] }}' for name in runtime.inputs)
    runtime.close()
    dims = f"-1, {task.num_outputs}" if task.per_piece else f"{task.num_outputs}"
    # Triton gives the names with classes that a client asks for.
    named = not task.per_piece and len(task.labels) == task.num_outputs
    labels = f' label_filename: "{LABELS}"' if named else ""
    return f"""\
backend: "onnxruntime"
max_batch_size: {_ROWS}
input [
{inputs.replace("}", "},").rstrip(",")}
]
output [
  {{ name: "logits" data_type: TYPE_FP32 dims: [ {dims} ]{labels} }}
]
{_BATCHING}\
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
parameters {{ key: "intra_op_thread_count" value: {{ string_value: "1" }} }}
"""
