"""Opening a model directory for answering, with nothing imported that the chosen form does not need.

What ONNX Runtime or LiteRT answers needs neither TensorFlow nor transformers in the process.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.inference.predictor import Predictor
from xtremedistil_tf.runtimes.opening import check_exported, limit_tensorflow, open_runtime
from xtremedistil_tf.students.metadata import is_complete, longest_input, read_metadata, saved_task, with_decoding
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.light import light_tokenizer


@dataclasses.dataclass(frozen=True)
class OpenedStudent:
    """A student in one of its forms, ready to answer.

    Attributes:
        predictor: answers examples.
        task: what it answers, with its labels.
        tokenizer: a `LightTokenizer`, or a tokenizer of transformers where that is needed.
        config: the run's whole configuration as a dict.
        student: the Keras student, where that is what answers.
    """

    predictor: Predictor
    task: Task
    tokenizer: Any
    config: Mapping[str, Any]
    student: Any = None


def open_predictor(model_dir: str | os.PathLike[str], form: str = "keras", quantize: str = "none",
                   batch_size: int = 256, threads: int | None = None, decoding: str = "") -> OpenedStudent:
    """Reads what a model directory says of its student. The file of a form is opened at the first answer.

    The Keras student is built at once for `keras`. For other forms it is built only where the directory does not say
    all that is needed: one that XtremeDistilTransformers wrote, or an old one of a transformer that is no BERT or
    ELECTRA.

    Args:
        model_dir: folder that a distillation run wrote.
        form: keras, saved_model, tflite, onnx, `serving://host:port[/name]` or
            `serving+http://host:port[/name]`.
        quantize: which of the form's files: none, float16, dynamic or int8.
        batch_size: most inputs in a batch.
        threads: most threads; None: as many as the runtime likes.
        decoding: `legal` or `argmax`, how a tagger's tags are chosen; empty: as the directory says.

    Raises:
        ModelLoadError: not a model directory, or the form was not exported; at the first answer: its file cannot be
            read.
        ConfigError: the form has no such quantization, or the student no such decoding.
        MissingExtraError: at the first answer: a package that the form needs is not installed.
    """
    model_dir = pathlib.Path(model_dir)
    facts = read_metadata(model_dir)
    if form == "keras":
        return _keras(model_dir, batch_size, threads, decoding)
    check_exported(form, model_dir, quantize)
    if is_complete(facts):
        task, config = with_decoding(saved_task(facts), facts["config"], decoding)
        tokenizer, max_length = _tokenizer(model_dir), longest_input(facts)
    else:
        from xtremedistil_tf.students.model_directory import load_student

        saved = load_student(model_dir, decoding)
        task, config, tokenizer, max_length = saved.task, saved.config, saved.tokenizer, saved.student.max_length
    runtime = functools.cache(lambda: open_runtime(form, model_dir, quantize, threads))
    predictor = Predictor(lambda batch: runtime().forward(batch), tokenizer, task, max_length, batch_size)
    return OpenedStudent(predictor, task, tokenizer, config)


def needs_tensorflow(model_dir: str | os.PathLike[str], form: str) -> bool:
    """Whether TensorFlow answers in a form, or the directory needs it to be read.

    Raises:
        ModelLoadError: not a model directory.
    """
    if form in ("keras", "saved_model") or form.startswith("serving://"):  # gRPC's messages are TensorFlow's
        return True
    without_litert = form == "tflite" and importlib.util.find_spec("ai_edge_litert") is None
    return without_litert or not is_complete(read_metadata(pathlib.Path(model_dir)))


def _keras(model_dir: pathlib.Path, batch_size: int, threads: int | None, decoding: str) -> OpenedStudent:
    from xtremedistil_tf.inference.keras import StudentPredictor
    from xtremedistil_tf.students.model_directory import load_student

    if threads:
        limit_tensorflow(threads)
    saved = load_student(model_dir, decoding)
    predictor = StudentPredictor(saved.student, saved.tokenizer, saved.task, batch_size)
    return OpenedStudent(predictor, saved.task, saved.tokenizer, saved.config, saved.student)


def _tokenizer(model_dir: pathlib.Path) -> Any:
    light = light_tokenizer(model_dir)
    if light is not None:
        return light
    from xtremedistil_tf.teachers.tokenizers import load_tokenizer

    return load_tokenizer(str(model_dir))
