"""Writing a student as one ONNX file."""

from __future__ import annotations

import importlib.util
import os
import pathlib
from typing import TYPE_CHECKING, Any

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.errors import ConfigError, ExportCheckError, MissingExtraError
from xtremedistil_tf.students.bilstm import BiLSTMStudent
from xtremedistil_tf.tasks.task import Task

if TYPE_CHECKING:
    import onnx


QUANTIZATIONS = ("none", "int8")
# One protocol buffer takes no more.
_MOST_BYTES = 2**31 - 1


def export_onnx(path: str | os.PathLike[str], student: Any, tokenizer: Any, task: Task,
                quantization: str) -> pathlib.Path:
    """Writes an ONNX file, once ONNX Runtime has answered a batch with it as the student does.

    Inputs: `input_ids`, `attention_mask` and, but for tagging, `token_type_ids`; int64 [batch, time], special
    tokens included, padded on the right. Output: `logits`, float32 [batch, time, outputs], for classification
    and regression [batch, outputs]; those of padding mean nothing. Metadata of the model: see `described`.

    Args:
        path: the file; replaced whole.
        student: float32 student.
        tokenizer: its fast tokenizer.
        task: what the student answers.
        quantization: none; or int8, a quarter of the size; a BiLSTM then needs ONNX Runtime.

    Returns:
        `path`.

    Raises:
        ConfigError: unknown quantization, or a student of 2 GB and more.
        ExportCheckError: the graph is not valid, or does not answer as the student does.
        MissingExtraError: onnx, onnxruntime or tf2onnx is not installed.
    """
    path = pathlib.Path(path)
    if quantization not in QUANTIZATIONS:
        raise ConfigError(f"`quantize={quantization}`: ONNX files are available as {' or '.join(QUANTIZATIONS)}.")
    _check_size(student)
    _check_packages(student)
    from xtremedistil_tf.export.onnx_graph import check_against, described
    from xtremedistil_tf.onnx_graphs import quantized_model

    model, complaints = _model(student, task, quantization)
    try:
        if quantization == "int8":
            # The small head is faster as it is than with a range for each row.
            model = quantized_model(model, ["head_product"] if isinstance(student, BiLSTMStudent) else [])
        with atomic_file(path) as part:
            part.write_bytes(described(model, student, tokenizer, task, quantization).SerializeToString())
            check_against(part, student, task, tokenizer.pad_token_id, exact=quantization == "none")
    except ExportCheckError as error:
        said = f" tf2onnx said: {complaints[0].splitlines()[0]}" if complaints else ""
        raise ExportCheckError(f"{path.name} was not written: {error}{said}") from error
    return path


def _model(student: Any, task: Task, quantization: str) -> tuple[onnx.ModelProto, list[str]]:
    """The student's graph, and what the converter complained of."""
    if isinstance(student, BiLSTMStudent):
        from xtremedistil_tf.export.onnx_graph import bilstm_model
        return bilstm_model(student, task, fixed_ranges=quantization == "int8"), []
    from xtremedistil_tf.export.onnx_graph import converted_model
    return converted_model(student, task)


def _check_size(student: Any) -> None:
    size = sum(variable.shape.num_elements() * 4 for variable in student.variables)
    if size > _MOST_BYTES:
        raise ConfigError(f"the student's weights take {size / 1e9:.1f} GB, but an ONNX file holds at most 2 GB. "
                          "Distil a smaller student, or export another form.")


def _check_packages(student: Any) -> None:
    for package in ("onnx", "onnxruntime", *([] if isinstance(student, BiLSTMStudent) else ["tf2onnx"])):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "onnx", "exporting to ONNX")
