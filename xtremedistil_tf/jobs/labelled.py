"""The labelled side of a run: data, task, tokenizer, and the teacher that is fine-tuned on them."""

from __future__ import annotations

import collections
import dataclasses
import logging
import pathlib
from collections.abc import Callable, Mapping, Sequence
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
from xtremedistil_tf.teachers.fine_tuning import TeacherRecipe
from xtremedistil_tf.teachers.loading import check_teacher_class
from xtremedistil_tf.teachers.workshop import FineTunedTeachers, make_teachers, teachers_tokenizer
from xtremedistil_tf.training.precision_choice import AUTO

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
            log.warning("%d of %d %s examples are longer than --seq_len=%d pieces and are cut for training",
                        encoded.truncated, len(examples), split, seq_len)
        return encoded.features

    def make_teachers(self, config: DistillationConfig, default_root: pathlib.Path,
                      on_epoch: Callable[[Mapping[str, Any]], None] = lambda record: None) -> FineTunedTeachers:
        """Fine-tunes the teachers, or finds them."""
        teachers = make_teachers(self.checkpoints, _roots(config) or [default_root], self.tokenizer, self.task,
                                 self.corpus.train, self.corpus.dev, self.fingerprint, self.teacher_recipe(config),
                                 config.checkpoint_minutes, on_epoch, config.teacher_backend, config.refine_teacher)
        self._warn_of_chance(teachers)
        return teachers

    def teacher_recipe(self, config: DistillationConfig) -> TeacherRecipe:
        """How the teachers are fine-tuned."""
        from transformers import AutoConfig

        width = 0
        if not config.teacher_learning_rate and self.checkpoints:
            width = AutoConfig.from_pretrained(self.checkpoints[0]).hidden_size
        return TeacherRecipe.fitting(
            len(self.corpus.train), width, config.teacher_epochs, config.teacher_learning_rate,
            config.teacher_ft_batch_size, config.patience, config.seq_len, config.seed,
            "float32" if config.opt_policy == AUTO else config.opt_policy)

    def _warn_of_chance(self, teachers: FineTunedTeachers) -> None:
        """A teacher that has learned nothing has nothing to teach."""
        main, floor = self.task.main_score, 0.0
        if main == "accuracy":
            counts = collections.Counter(getattr(example, "label", None) for example in self.corpus.dev)
            floor = max(counts.values(), default=0) / max(1, counts.total())
        for member in teachers.members:
            best = max((record.get(f"val_{main}", 0.0) for record in member.history), default=1.0)
            if best <= floor:
                log.warning("teacher %s: its dev %s is %.4f, no better than the same answer for all (%.4f). A student "
                            "cannot learn from it: give more labelled data, --teacher_epochs or another "
                            "--teacher_learning_rate", member.path, main, best, floor)


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
    return Labelled(corpus, task, checkpoints, teachers_tokenizer(checkpoints, _roots(config)),
                    examples_fingerprint([*corpus.train, *corpus.dev]))


def _roots(config: DistillationConfig) -> list[pathlib.Path]:
    return [pathlib.Path(name) for name in listed(config.teacher_model_dir)]
