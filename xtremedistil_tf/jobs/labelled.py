"""The labelled side of a run: data, task, and the tokenizer of the teachers."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Sequence
from typing import Any

from xtremedistil_tf.batching.ragged import RaggedFeatures
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.export import listed
from xtremedistil_tf.corpus import TaskCorpus
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.fingerprint import examples_fingerprint
from xtremedistil_tf.jobs.choice import needs_no_teacher
from xtremedistil_tf.tasks.opening import open_task
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.checkpoints import resolve_checkpoint
from xtremedistil_tf.teachers.loading import check_teacher_class
from xtremedistil_tf.teachers.workshop import teachers_tokenizer

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Attributes:
        corpus: labelled examples.
        task: what is to be answered.
        checkpoints: resolved pre-trained checkpoints of the teachers.
        tokenizer: their tokenizer.
        fingerprint: of the training and dev examples.
    """

    corpus: TaskCorpus
    task: Task
    checkpoints: list[str]
    tokenizer: Any
    fingerprint: str

    @property
    def measured(self) -> tuple[str, Sequence[AnyExample]]:
        """Name and examples of the split that results are measured on."""
        return ("test", self.corpus.test) if self.corpus.test else ("dev", self.corpus.dev)

    def encode(self, tokenizer: Any, split: str, seq_len: int) -> RaggedFeatures:
        """The features of `train` or `dev`; says how many examples were cut."""
        examples = getattr(self.corpus, split)
        encoded = self.task.training_features(tokenizer, examples, seq_len)
        if encoded.truncated:
            log.warning("%d of %d %s examples have more pieces than `seq_len=%d` and are truncated for training",
                        encoded.truncated, len(examples), split, seq_len)
        return encoded.features


def open_labelled(config: DistillationConfig) -> Labelled:
    """Reads the task and finds the teachers' checkpoints and tokenizer; the student's where no teacher is needed."""
    if needs_no_teacher(config):
        config = dataclasses.replace(config, pt_teacher="TFAutoModel", teacher_model_dir="",
                                     pt_teacher_checkpoint=config.pt_student_checkpoint)
    corpus, task = open_task(config)
    log.info("task %s (%s): %d train, %d dev, %d test examples, labels %s%s", config.task, task.kind,
             len(corpus.train), len(corpus.dev), len(corpus.test), " ".join(corpus.labels),
             f", languages {' '.join(corpus.languages)}" if corpus.languages else "")
    checkpoints = [resolve_checkpoint(name) for name in listed(config.pt_teacher_checkpoint)]
    for checkpoint in checkpoints:
        check_teacher_class(config.pt_teacher, checkpoint)
    return Labelled(corpus, task, checkpoints, teachers_tokenizer(checkpoints, teacher_roots(config)),
                    examples_fingerprint([*corpus.train, *corpus.dev]))


def teacher_roots(config: DistillationConfig) -> list[pathlib.Path]:
    """The folders of `teacher_model_dir`."""
    return [pathlib.Path(name) for name in listed(config.teacher_model_dir)]
