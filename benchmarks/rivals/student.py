"""A student of ours in one of its exported forms; or one of random weights, for speed and size.

`train` writes the forms: of a distilled student (--model_dir), or of a new transformer (--layers,
--hidden_size).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
from typing import Any

from rivals.command import Flags, run
from rivals.pieces import opened
from rivals.task_folder import TaskFolder
from rivals.timing import Opened
from xtremedistil_tf.students.metadata import size_of

#: Form and quantization, as they are compared.
FORMS = ("saved_model none", "tflite dynamic", "onnx none", "onnx int8")
_LONGEST_TRANSFORMER = 512


def train(task: TaskFolder, flags: Flags) -> dict[str, Any]:
    from xtremedistil_tf.evaluation.footprint import count_parameters
    from xtremedistil_tf.students.model_directory import load_student

    if not flags.model_dir:
        _save_random(task, flags)
    folder = _model_dir(flags)
    saved = load_student(folder)
    sizes = {form: size_of(_export(saved, folder, *form.split())) for form in flags.forms.split(",")}
    return {"parameters": count_parameters(saved.student), "bytes_of": sizes}


def open_model(task: TaskFolder, flags: Flags) -> Opened:
    from xtremedistil_tf.inference.predictor import open_runtime
    from xtremedistil_tf.students.metadata import exported_path

    folder = _model_dir(flags)
    form, quantization = flags.form.split()
    if form == "saved_model":
        return _raw_strings(exported_path(folder, "saved_model"), task.tagging)
    runtime = open_runtime(form, folder, quantization, threads=1)
    model = opened(folder, task.labels, task.tagging, lambda batch: runtime.forward(batch)["logits"],
                   _longest(folder), _facts(folder)["task"]["options"].get("decoding", "argmax"))
    return dataclasses.replace(model, scored=bool(flags.model_dir))


def _raw_strings(path: pathlib.Path, tagging: bool) -> Opened:
    """The SavedModel by itself: its graph tokenizes."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  registers the ops of the tokenizer

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    loaded = tf.saved_model.load(str(path))

    def answer(texts: list[str]) -> list[Any]:
        # Taken from the model each time: a signature alone does not keep its model alive.
        found = loaded.signatures["raw_strings"](texts=tf.constant(texts))
        if not tagging:
            return [label.decode() for label in found["labels"].numpy()]
        counts = found["word_counts"].numpy()
        return [[tag.decode() for tag in row[:count]] for row, count in zip(found["tags"].numpy(), counts)]

    return Opened(None, answer)


def _export(saved, folder: pathlib.Path, form: str, quantization: str) -> pathlib.Path:
    from xtremedistil_tf.students.metadata import exported_path

    path = exported_path(folder, form, quantization)
    if path.exists() and form == "saved_model":  # the run itself wrote it
        return path
    student, tokenizer, task = saved.student, saved.tokenizer, saved.task
    if form == "saved_model":
        from xtremedistil_tf.export.saved_model import export_saved_model
        export_saved_model(path, student, tokenizer, task)
    elif form == "tflite":
        from xtremedistil_tf.export.tflite import export_tflite
        export_tflite(path.parent, student, tokenizer, task, quantization)
    else:
        from xtremedistil_tf.export.onnx import export_onnx
        export_onnx(path, student, tokenizer, task, quantization)
    return path


def _save_random(task: TaskFolder, flags: Flags) -> None:
    import tf_keras

    from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
    from xtremedistil_tf.students.encoders import new_encoder
    from xtremedistil_tf.students.model_directory import save_student
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.students.transformer import TransformerShape
    from xtremedistil_tf.tasks.registry import make_task

    tokenizer = load_tokenizer(flags.tokenizer)
    encoder = new_encoder(len(tokenizer), flags.hidden_size, flags.layers, 12,
                          max_position_embeddings=_LONGEST_TRANSFORMER)
    tf_keras.utils.set_random_seed(0)
    student = new_student(TransformerShape(encoder, len(task.labels), per_piece=task.tagging))
    kind = "tagging" if task.tagging else "classification"
    save_student(_model_dir(flags), student, tokenizer, make_task(kind, task.labels), {"seq_len": 128})


def _model_dir(flags: Flags) -> pathlib.Path:
    return flags.model_dir or flags.folder / "model"


def _longest(folder: pathlib.Path) -> int | None:
    return _LONGEST_TRANSFORMER if _facts(folder)["student_type"] == "transformer" else None


def _facts(folder: pathlib.Path) -> dict[str, Any]:
    return json.loads((folder / "xtremedistil-config.json").read_text(encoding="utf-8"))


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model_dir", type=pathlib.Path, help="Folder of a distilled student.")
    parser.add_argument("--tokenizer", default="", help="Without --model_dir: checkpoint of a tokenizer.")
    parser.add_argument("--layers", type=int, default=6, help="Without --model_dir.")
    parser.add_argument("--hidden_size", type=int, default=384, help="Without --model_dir; 12 heads.")
    parser.add_argument("--forms", default=",".join(FORMS), help="train: which to write.")
    parser.add_argument("--form", choices=FORMS, default=FORMS[-1], help="speed: which one.")


if __name__ == "__main__":
    run(__doc__, train, open_model, ("tensorflow", "onnxruntime", "ai-edge-litert"), _flags)
