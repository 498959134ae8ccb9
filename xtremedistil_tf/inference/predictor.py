"""Opening a model directory in the form that a user names, and answering examples with it.

What ONNX Runtime or LiteRT answers needs neither TensorFlow nor transformers in the process.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.config.commands import OPENED_FORMS, check_quantization
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.files import counted
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.inference.chunks import chunks
from xtremedistil_tf.inference.runtimes import KerasRuntime, Runtime
from xtremedistil_tf.students.metadata import (
    exported_forms,
    exported_path,
    is_complete,
    longest_input,
    read_metadata,
    saved_task,
    with_decoding,
)
from xtremedistil_tf.tasks.raw_text import Asked
from xtremedistil_tf.tasks.task import PredictionFeatures, Task
from xtremedistil_tf.tokenization.light import light_tokenizer
from xtremedistil_tf.training.batches import PADDED_TO, FeatureSource, RaggedFeatures, in_order, run_over

#: So long are the inputs of a whole batch at most: of longer ones fewer make a batch, so that memory is bounded.
_BATCH_LENGTH = 512
#: Pieces of a batch that ONNX Runtime answers: what it works on then stays in the processor's caches.
_ONNX_PIECES = 2048
_DEV = "student, dev set"


class Predictor:
    """Answers examples of any length.

    Args:
        forward: padded batch, int32 [batch, time] `input_ids`, `attention_mask` and what else the task's
            features have -> `logits` float32 [batch, time, outputs], or [batch, outputs].
        tokenizer: the student's fast tokenizer, or its `LightTokenizer`.
        task: what it answers.
        max_length: most pieces that it takes; None: any number.
        batch_size: most inputs in a batch.
        batch_pieces: most pieces in a batch, padding included, unless one input alone has more; None: 512 an input.
        padded_to: batches are padded to a multiple of so many pieces.

    Attributes:
        max_length: as given.
        truncated: number of examples so far that were longer than `max_length` and were cut.
    """

    def __init__(self, forward: Callable[[dict[str, np.ndarray]], Mapping[str, Any]], tokenizer: Any, task: Task,
                 max_length: int | None, batch_size: int = 256, batch_pieces: int | None = None,
                 padded_to: int = PADDED_TO):
        self._forward, self._tokenizer, self._task = forward, tokenizer, task
        self._batch_pieces, self._padded_to = batch_pieces, padded_to
        self.max_length, self._batch_size, self.truncated = max_length, batch_size, 0

    def predict(self, examples: Iterable[AnyExample], label: str = "") -> list[Any]:
        """One prediction of the task per example, in order; a bar with the label, if it has one, says how many are
        done."""
        return self._task.decode(*self._answered(examples, label=label))

    def calibrated(self, dev: Sequence[AnyExample]) -> Task:
        """The task with what it chooses for this model on labelled examples, see `Task.calibrated`."""
        return self._task.calibrated(dev, lambda: self._answered(dev, label=_DEV)[1])

    def dev_scores(self, dev: Sequence[AnyExample]) -> dict[str, Any]:
        """The task's scores on labelled examples, on which it is calibrated too."""
        features, logits = self._answered(dev, label=_DEV)
        task = self._task.calibrated(dev, lambda: logits)
        return task.scores(dev, task.decode(features, logits))

    def _answered(self, examples: Iterable[AnyExample],
                  batch_size: int | None = None, label: str = "") -> tuple[PredictionFeatures, list[np.ndarray]]:
        features = self._task.prediction_features(self._tokenizer, examples, self.max_length)
        self.truncated += features.truncated
        return features, self.logits(features.features, batch_size, label)

    def answers(self, asked: Sequence[Asked], batch_size: int | None = None) -> list[Any]:
        """Answers to raw text, see `RawText`, in order."""
        task = self._task
        features, logits = self._answered([one.example for one in asked], batch_size)
        predictions = task.decode_scored(features, logits)
        return [task.raw_text.answer(task, one, prediction) for one, prediction in zip(asked, predictions)]

    def answer_stream(self, asked: Iterable[Asked], batch_size: int | None = None) -> Iterator[Any]:
        """As `answers`, one after another in memory that does not grow with their number."""
        for chunk in chunks(asked, lambda one: sum(map(len, one.texts))):
            yield from self.answers(chunk, batch_size)

    def logits(self, source: FeatureSource, batch_size: int | None = None, label: str = "") -> list[np.ndarray]:
        """float32 [pieces, outputs] or [outputs] of every row of a source."""
        if (self._padded_to == 1 and isinstance(source, RaggedFeatures)
                and (batch := source.alone()) is not None):  # the way for many takes longer than a small student
            return [np.asarray(self._forward(batch)["logits"])[0]]
        from xtremedistil_tf.progress import counted_items

        size, count = batch_size or self._batch_size, len(source.lengths)
        answers = run_over(self._forward, source, size, self._tokenizer.pad_token_id,
                           {"logits": self._task.per_piece}, self._batch_pieces or size * _BATCH_LENGTH,
                           self._padded_to)
        return in_order(counted_items(answers, count, label), "logits", count)


def cut_note(cut: int, count: int, max_length: int | None) -> str | None:
    """What to tell people where `cut` of `count` inputs were cut at `max_length` subwords; None where none was."""
    if not cut:
        return None
    return (f"{cut:,} of {counted(count, 'input')} cut: longer than the {max_length} subwords that this student takes. "
            "Only the beginning was read.")


def open_runtime(form: str, model_dir: pathlib.Path, quantization: str = "none",
                 threads: int | None = None) -> Runtime:
    """Opens one form of the student of a model directory, importing only what that form needs.

    Args:
        form: keras, saved_model, tflite, onnx, `serving://host:port[/name]` or
            `serving+http://host:port[/name]`.
        model_dir: folder that a distillation run wrote.
        quantization: which of the form's files.
        threads: most threads; None: as many as the runtime likes.

    Raises:
        ModelLoadError: the form was not exported, or cannot be read.
        ConfigError: the form has no such quantization.
        MissingExtraError: a package that it needs is not installed.
    """
    if form not in OPENED_FORMS:
        from xtremedistil_tf.inference.serving.answering import ServingRuntime
        return ServingRuntime(form)
    if form in ("keras", "saved_model") and threads:
        limit_tensorflow(threads)
    if form == "keras":
        from xtremedistil_tf.inference.runtimes import KerasRuntime
        from xtremedistil_tf.students.model_directory import load_student
        return KerasRuntime(load_student(model_dir).student)
    check_exported(form, model_dir, quantization)
    path = exported_path(model_dir, form, quantization)
    if form == "saved_model":
        from xtremedistil_tf.inference.runtimes import SavedModelRuntime
        return SavedModelRuntime(path)
    if form == "tflite":
        from xtremedistil_tf.inference.runtimes import TFLiteRuntime
        return TFLiteRuntime(path, threads=threads)
    if form == "mediapipe":
        from xtremedistil_tf.inference.runtimes import MediaPipeRuntime
        return MediaPipeRuntime(path, threads=threads)
    from xtremedistil_tf.inference.runtimes import OnnxRuntime
    return OnnxRuntime(path, threads=threads)


def fitting(runtime: Runtime, task: Task, model_dir: pathlib.Path) -> Runtime:
    """The runtime; raises ModelLoadError where its file says that it has other outputs than the task."""
    width = getattr(runtime, "width", None)
    if width not in (None, task.num_outputs):
        raise ModelLoadError(f"{model_dir}: the exported file has {width} outputs, the task {task.num_outputs}. Export "
                             "the student again.")
    return runtime


def check_exported(form: str, model_dir: pathlib.Path, quantization: str) -> None:
    """Raises ModelLoadError where a model directory does not have a form, with the forms that it has and the command
    that writes this one; ConfigError where there is no such quantization of it. Servers are not asked."""
    if form not in OPENED_FORMS or form == "keras":
        return
    check_quantization(form, quantization)
    path = exported_path(model_dir, form, quantization)
    if not path.exists():
        there = ", ".join(form if name == "none" else f"{form} ({name})" for form, name in exported_forms(model_dir))
        raise ModelLoadError(f"{path}: not found. This directory has {there or 'no exported form'}. Export it with: "
                             f"xtreme-distil export --model_dir={model_dir} --formats={form} --quantize={quantization}")


def limit_tensorflow(threads: int) -> None:
    """Raises ModelLoadError where TensorFlow is running already."""
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise ModelLoadError(f"TensorFlow is already running and cannot be limited to {threads} threads; open the "
                             "model in a process of its own.") from error


class StudentPredictor(Predictor):
    """Answers with the Keras student itself.

    Args:
        student: student model.
        tokenizer, task, batch_size: see `Predictor`.
    """

    def __init__(self, student: Any, tokenizer: Any, task: Task, batch_size: int = 256):
        super().__init__(KerasRuntime(student).forward, tokenizer, task, student.max_length, batch_size)


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
        return _opened_keras(model_dir, batch_size, threads, decoding)
    check_exported(form, model_dir, quantize)
    if is_complete(facts):
        task, config = with_decoding(saved_task(facts), facts["config"], decoding)
        tokenizer, max_length = _tokenizer_of(model_dir), longest_input(facts)
    else:
        from xtremedistil_tf.students.model_directory import load_student

        saved = load_student(model_dir, decoding)
        task, config, tokenizer, max_length = saved.task, saved.config, saved.tokenizer, saved.student.max_length
    runtime = functools.cache(lambda: fitting(open_runtime(form, model_dir, quantize, threads), task, model_dir))
    # To ONNX Runtime a new shape is nothing special.
    limits = (_ONNX_PIECES, 1) if form == "onnx" else (None, PADDED_TO)
    predictor = Predictor(lambda batch: runtime().forward(batch), tokenizer, task, max_length, batch_size, *limits)
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


def _opened_keras(model_dir: pathlib.Path, batch_size: int, threads: int | None, decoding: str) -> OpenedStudent:
    from xtremedistil_tf.students.model_directory import load_student

    if threads:
        limit_tensorflow(threads)
    saved = load_student(model_dir, decoding)
    predictor = StudentPredictor(saved.student, saved.tokenizer, saved.task, batch_size)
    return OpenedStudent(predictor, saved.task, saved.tokenizer, saved.config, saved.student)


def _tokenizer_of(model_dir: pathlib.Path) -> Any:
    light = light_tokenizer(model_dir)
    if light is not None:
        return light
    from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer

    return load_tokenizer(str(model_dir))
