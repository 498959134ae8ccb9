"""A tagger in every form that it is exported in, asked with words and with text as people write it; and its teacher."""

from __future__ import annotations

import abc
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.raw_text import asked
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tasks.tagging.decoding import entities
from xtremedistil_tf.tokenization.raw_words import RawWords

Place = tuple[str, int, int]
_BATCH = 64


def with_rule(task: Any, rule: RawWords) -> Any:
    """The task with another rule for words."""
    return make_task(task.kind, task.labels, **task.options | {"raw_words": rule.facts()})


class Form(abc.ABC):
    """A tagger in one form.

    Attributes:
        name: of the form.
    """

    name: str

    @abc.abstractmethod
    def tags(self, words: Sequence[Sequence[str]]) -> list[Sequence[str]]:
        """Tags of sentences whose words are given."""

    @abc.abstractmethod
    def places(self, texts: Sequence[str]) -> list[set[Place]]:
        """The entities of texts: type, first character, the one after the last."""


class Logits(Form):
    """A form that is given token ids; the rule in Python splits text.

    Args:
        name: of the form.
        task: with its rule for words.
        tokenizer: the form's.
        logits: of every row of a source of features.
        max_length: most pieces; None: any number.
    """

    def __init__(self, name: str, task: Any, tokenizer: Any, logits: Callable[[Any], list[np.ndarray]], max_length: int | None):
        self.name, self._task, self._tokenizer, self._logits, self._max_length = name, task, tokenizer, logits, max_length

    def with_rule(self, rule: RawWords) -> Logits:
        """The same with another rule."""
        return Logits(self.name, with_rule(self._task, rule), self._tokenizer, self._logits, self._max_length)

    def tags(self, words):
        features = self._task.prediction_features(self._tokenizer, [Example(tuple(row)) for row in words], self._max_length)
        return self._task.decode(features, self._logits(features.features))

    def places(self, texts):
        rows = [asked(self._task, text) for text in texts]
        features = self._task.prediction_features(self._tokenizer, [row.example for row in rows], self._max_length)
        predictions = self._task.decode_scored(features, self._logits(features.features))
        answers = [self._task.raw_text.answer(self._task, row, prediction) for row, prediction in zip(rows, predictions)]
        return [{(entity.type, entity.start, entity.end) for entity in answer} for answer in answers]


class SavedModel(Form):
    """Signatures `words` and `raw_strings`: the graph splits text.

    Args:
        path: of the SavedModel.
    """

    name = "SavedModel, raw strings"

    def __init__(self, path: pathlib.Path):
        import tensorflow as tf
        import tensorflow_text  # noqa: F401

        # The signatures live no longer than the model.
        self._model = tf.saved_model.load(str(path))
        self._signatures = self._model.signatures

    def _answers(self, signature: str, rows: Sequence[Any], array: Callable[[Any], np.ndarray]):
        """The outputs of each row."""
        import tensorflow as tf

        for begin in range(0, len(rows), _BATCH):
            batch = array(rows[begin:begin + _BATCH])
            found = self._signatures[signature](tf.constant(batch))
            columns = {name: values.numpy() for name, values in found.items()}
            yield from ({name: values[number] for name, values in columns.items()} for number in range(len(batch)))

    def tags(self, words):
        def array(rows):
            width = max(map(len, rows))
            return np.array([[word.encode() for word in row] + [b""] * (width - len(row)) for row in rows], object)

        return [[tag.decode() for tag in one["tags"][:one["word_counts"]]] for one in self._answers("words", words, array)]

    def places(self, texts):
        answers = self._answers("raw_strings", texts, lambda rows: np.array([text.encode() for text in rows], object))
        return [{(kind.decode(), int(start), int(end)) for kind, start, end in
                 zip(one["entity_types"], one["entity_starts"], one["entity_ends"]) if start >= 0} for one in answers]


class LiteStrings(Form):
    """`raw_strings_*.tflite`: the file splits text; words are given to the file of token ids.

    Args:
        path: of the file.
        token_ids: the file of token ids.
        labels: of the tagger.
    """

    def __init__(self, path: pathlib.Path, token_ids: Form, labels: Sequence[str]):
        from ai_edge_litert.interpreter import InterpreterWithCustomOps
        from tensorflow_text import tflite_registrar

        self.name, self._token_ids, self._labels = "TensorFlow Lite, raw strings", token_ids, labels
        self._run = InterpreterWithCustomOps(
            model_path=str(path), custom_op_registerers=tflite_registrar.SELECT_TFTEXT_OPS).get_signature_runner("raw_strings")

    def tags(self, words):
        return self._token_ids.tags(words)

    def places(self, texts):
        return [self._places(text) for text in texts]

    def _places(self, text: str) -> set[Place]:
        found, data = self._run(texts=np.array([text.encode()], object)), text.encode()
        firsts = np.flatnonzero(found["word_starts"])
        lasts = [*(firsts[1:] - 1), len(found["word_starts"]) - 1]
        tags = [self._labels[found["label_ids"][first]] for first in firsts]
        return {(one.type, len(data[:found["starts"][firsts[one.first]]].decode()), len(data[:found["ends"][lasts[one.last]]].decode()))
                for one in entities(tags, self._labels)}


def forms_of(model_dir: pathlib.Path, rule: RawWords, folder: pathlib.Path) -> list[Form]:
    """The student of a directory in every form, exported with a rule into a folder."""
    from xtremedistil_tf.export.onnx import export_onnx
    from xtremedistil_tf.export.saved_model import export_saved_model
    from xtremedistil_tf.export.tflite import export_tflite
    from xtremedistil_tf.export.tflite_raw_strings import export_raw_string_tflite
    from xtremedistil_tf.inference.predictor import Predictor, StudentPredictor
    from xtremedistil_tf.inference.runtimes import OnnxRuntime, TFLiteRuntime
    from xtremedistil_tf.students.model_directory import load_student

    saved = load_student(model_dir)
    student, tokenizer, task = saved.student, saved.tokenizer, with_rule(saved.task, rule)

    def form(name: str, predictor: Predictor) -> Form:
        return Logits(name, task, tokenizer, predictor.logits, student.max_length)

    def answered_by(name: str, runtime: Any) -> Form:
        return form(name, Predictor(runtime.forward, tokenizer, task, student.max_length))

    found = [form("Keras", StudentPredictor(student, tokenizer, task))]
    export_saved_model(folder / "saved_model", student, tokenizer, task)
    found.append(SavedModel(folder / "saved_model"))
    for quantization, name in (("none", "ONNX float32"), ("int8", "ONNX int8")):
        path = export_onnx(folder / f"{quantization}.onnx", student, tokenizer, task, quantization)
        found.append(answered_by(name, OnnxRuntime(path)))
    for quantization in ("none", "dynamic"):
        lite = answered_by(f"TensorFlow Lite {quantization}", TFLiteRuntime(export_tflite(
            folder, student, tokenizer, task, quantization)))
        found.append(lite)
    if path := export_raw_string_tflite(folder, student, tokenizer, task, "dynamic"):
        found.append(LiteStrings(path, lite, task.labels))
    return found


def teacher_of(folder: pathlib.Path, task: Any, rule: RawWords) -> Form:
    """A fine-tuned teacher."""
    from transformers import AutoTokenizer

    from xtremedistil_tf.teachers.fine_tuned import FineTuned
    from xtremedistil_tf.teachers.protocol import TeacherPredictor

    task = with_rule(task, rule)
    teacher, tokenizer = FineTuned.at(folder).load(task), AutoTokenizer.from_pretrained(str(folder))
    predictor = TeacherPredictor(teacher, (), tokenizer.pad_token_id, _BATCH)
    return Logits("teacher", task, tokenizer, predictor.logits, 512)
