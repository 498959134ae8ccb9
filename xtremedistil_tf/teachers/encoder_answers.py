"""A fine-tuned encoder among teachers of other kinds: texts in, rows of answers out."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.checkpoints.finding import checkpoint_fingerprint, resolve_checkpoint
from xtremedistil_tf.checkpoints.reading import explained, quiet_transformers
from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.corpus.example import Example, TextExample
from xtremedistil_tf.corpus.tag_schemes import IOB2, MIXED, NONE, iob2_of
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tasks.tagging.prediction import word_logits
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.own_labels import label_names, scheme_of_labels
from xtremedistil_tf.teachers.protocol import TeacherPredictor, backend_named, own_head
from xtremedistil_tf.tokenization.raw_words import PUNCTUATION, RawWords

#: Subwords of an input at most; longer texts of a tagger are parted into windows.
_MOST_SUBWORDS = 512
#: Labels that are less likely are left out of a row.
_LEAST = 1e-4
_BATCH = 32


class EncoderTeacher:
    """Asks a fine-tuned tagger, classifier or regression model about texts.

    Attributes:
        labels: of the task that the checkpoint is fine-tuned for; tags are in IOB2.

    Args:
        checkpoint: Hugging Face folder, `package:...` or hub name.
        backend: `tf`, `torch` or `onnx`.

    Raises:
        ConfigError: the checkpoint is not fine-tuned, or for a task that this does not know.
        ModelLoadError, MissingExtraError: it cannot be loaded.
    """

    def __init__(self, checkpoint: str, backend: str = "tf"):
        from transformers import AutoConfig

        self._path, self._backend = resolve_checkpoint(checkpoint), backend
        with quiet_transformers(), explained(checkpoint, "the config"):
            config = AutoConfig.from_pretrained(self._path, trust_remote_code=False)
        self._task = _task_of(checkpoint, own_head(self._path), config)
        self.labels = list(self._task.labels)
        self._split = RawWords(PUNCTUATION)
        self._tokenizer = load_tokenizer(self._path)
        # RoBERTa's positions begin after its padding id.
        positions = getattr(config, "max_position_embeddings", _MOST_SUBWORDS) - (config.pad_token_id or 0) - 1
        self._seq_len = min(_MOST_SUBWORDS, positions)
        self._predictor: TeacherPredictor | None = None
        self.__qualname__ = f"EncoderTeacher.{pathlib.Path(self._path).name}"

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the answers, which are kept under it: those of another checkpoint are not taken for its
        own."""
        return {"encoder": checkpoint_fingerprint(self._path), "backend": self._backend}

    def __call__(self, texts: Sequence[Any]) -> list[dict[str, Any]]:
        """Answers texts.

        Args:
            texts: strings, or pairs of strings for a classifier of pairs.

        Returns:
            For each text of a tagger {"text", "offsets": [[start, end], ...], "scores": [{tag: probability}, ...]} with
            an entry for each word, `end` being the character after it; of a classifier {"scores": {class:
            probability}}; of a regression model {"score": number}.
        """
        if self._task.kind == "tagging":
            return self._tagged([str(text) for text in texts])
        examples = [TextExample(text) if isinstance(text, str) else TextExample(*text) for text in texts]
        rows = self._logits(self._task.prediction_features(self._tokenizer, examples, self._seq_len))
        return [self._of_text(row) for row in rows]

    def _of_text(self, logits: np.ndarray) -> dict[str, Any]:
        choices = self._task.choices(logits)
        if choices is None:
            return {"score": float(logits[0])}
        # Of several labels each is a choice of its own, between given and not.
        return {"scores": self._named(choices[:, 0] if self._task.kind == "multi_label" else choices.reshape(-1))}

    def _tagged(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        words = [self._split.split(text) for text in texts]
        features: Any = self._task.prediction_features(
            self._tokenizer, [Example(tuple(word.text for word in found), None) for found in words], self._seq_len)
        task: Any = self._task
        probabilities = task.choices(word_logits(features, self._logits(features), task.transitions))
        stops = np.cumsum([len(found) for found in words])
        return [{"text": text, "offsets": [[word.start, word.end] for word in found],
                 "scores": [self._named(row) for row in probabilities[stop - len(found):stop]]}
                for text, found, stop in zip(texts, words, stops)]

    def _named(self, row: np.ndarray) -> dict[str, float]:
        return {label: round(float(value), 5) for label, value in zip(self.labels, row)
                if value >= _LEAST or self._task.kind == "multi_label"}

    def _logits(self, features: Any) -> list[np.ndarray]:
        if self._predictor is None:
            teacher = backend_named(self._backend).load(self._path, self._task)
            self._predictor = TeacherPredictor(teacher, (), self._tokenizer.pad_token_id, _BATCH)
        return self._predictor.logits(features.features)


def _task_of(checkpoint: str, own: str | None, config: Any) -> Task:
    """The task that a fine-tuned checkpoint answers, by its head and its labels."""
    head = own or next(iter(config.architectures or ()), "a model without a head")
    names = label_names(config)
    if head.endswith("ForTokenClassification"):
        scheme = scheme_of_labels(names)
        return make_task("tagging", names if scheme in (IOB2, NONE, MIXED) else list(dict.fromkeys(
            iob2_of(name, scheme) for name in names)))
    if head.endswith("ForSequenceClassification"):
        kinds: Mapping[Any, str] = {"multi_label_classification": "multi_label", "regression": "regression"}
        kind = kinds.get(config.problem_type, "regression" if len(names) == 1 else "classification")
        return make_task(kind, names)
    raise ConfigError(f"`teacher={checkpoint}`: it is {head}. Beside other teachers, expected a checkpoint that is "
                      "fine-tuned for token or sequence classification.")
