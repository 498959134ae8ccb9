"""The labelled side of a run: data, task, and the tokenizers of teachers and student."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_directory
from xtremedistil_tf.checkpoints.finding import resolve_checkpoint
from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.arguments import OWN_VOCABULARY
from xtremedistil_tf.config.fields import listed
from xtremedistil_tf.corpus import TaskCorpus
from xtremedistil_tf.corpus.example import AnyExample, texts_of
from xtremedistil_tf.corpus.kept_answers import KeptAnswers
from xtremedistil_tf.corpus.text import text_paths
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.fingerprint import examples_fingerprint, fingerprint
from xtremedistil_tf.runs.student_shape import BASELINE, needs_no_teacher
from xtremedistil_tf.tasks.answered import keep, open_answered
from xtremedistil_tf.tasks.opening import open_task
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.fine_tuned import teachers_tokenizer
from xtremedistil_tf.teachers.loading import check_teacher_class
from xtremedistil_tf.tokenization.own_vocabulary import train_tokenizer
from xtremedistil_tf.training.batches import RaggedFeatures

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Attributes:
        corpus: labelled examples.
        task: what is to be answered.
        checkpoints: resolved pre-trained checkpoints of the teachers.
        tokenizer: their tokenizer.
        fingerprint: of the training and dev examples.
        answers: of a teacher by file; None: a teacher is run.
    """

    corpus: TaskCorpus
    task: Task
    checkpoints: list[str]
    tokenizer: Any
    fingerprint: str
    answers: KeptAnswers | None = None

    @property
    def measured(self) -> tuple[str, Sequence[AnyExample]]:
        """Name and examples of the split that results are measured on."""
        return ("test", self.corpus.test) if self.corpus.test else ("dev", self.corpus.dev)

    def encode(self, tokenizer: Any, split: str, seq_len: int) -> RaggedFeatures:
        """The features of `train` or `dev`; says how many examples were cut."""
        examples = getattr(self.corpus, split)
        encoded = self.task.training_features(tokenizer, examples, seq_len)
        if encoded.truncated:
            log.warning("%d of %d %s examples have more subwords than `seq_len=%d` and are truncated for training",
                        encoded.truncated, len(examples), split, seq_len)
        return encoded.features


def open_labelled(config: DistillationConfig) -> Labelled:
    """Reads the task and finds the teachers' checkpoints and tokenizer; the student's where no teacher is needed."""
    if config.transfer_labels:
        return _open_answered(config)
    if needs_no_teacher(config):
        config = dataclasses.replace(config, pt_teacher="TFAutoModel", teacher_model_dir="",
                                     pt_teacher_checkpoint=config.pt_student_checkpoint)
    corpus, task = open_task(config)
    log.info("task %s (%s): %d train, %d dev, %d test examples, labels %s%s", config.task, task.kind,
             len(corpus.train), len(corpus.dev), len(corpus.test), " ".join(corpus.labels),
             f", languages {' '.join(corpus.languages)}" if corpus.languages else "")
    if config.transfer_file and not config.transfer_store and config.strategy != BASELINE:
        text_paths(config.transfer_file)  # a wrong path is said before a teacher is downloaded
    checkpoints = [resolve_checkpoint(name) for name in listed(config.pt_teacher_checkpoint)]
    for checkpoint in checkpoints:
        check_teacher_class(config.pt_teacher, checkpoint)
    return Labelled(corpus, task, checkpoints, teachers_tokenizer(checkpoints, teacher_roots(config)),
                    examples_fingerprint([*corpus.train, *corpus.dev]))


def _open_answered(config: DistillationConfig) -> Labelled:
    """Labelled data, or what stands for it, beside a teacher by file; its checkpoint is read for the tokenizer only."""
    if config.task:
        corpus, task = open_task(config)
        answers = keep(config, task)
    else:
        answers = keep(config)
        corpus, task = open_answered(config, answers)
    log.info("%s (%s): %d train, %d dev, %d test examples, labels %s",
             f"task {config.task}" if config.task else "labels by the teacher", task.kind, len(corpus.train),
             len(corpus.dev), len(corpus.test), " ".join(corpus.labels))
    checkpoint = config.pt_teacher_checkpoint or (not config.student_vocab_size and config.pt_student_checkpoint) or ""
    names = [resolve_checkpoint(checkpoint)] if checkpoint else []
    log.info("no teacher is run: its answers are those of %s; tokenizer and embeddings are %s", config.transfer_labels,
             f"those of {checkpoint}" if checkpoint else "the student's own")
    return Labelled(corpus, task, names, load_tokenizer(names[0]) if names else None,
                    examples_fingerprint([*corpus.train, *corpus.dev]), answers)


def teacher_roots(config: DistillationConfig) -> list[pathlib.Path]:
    """The folders of `teacher_model_dir`."""
    return [pathlib.Path(name) for name in listed(config.teacher_model_dir)]


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The student's tokenizer.

    Attributes:
        tokenizer: fast tokenizer of transformers.
        teachers: the teacher's tokenizer where it is another one, else None.
        identity: fingerprint of the student's tokenizer where it is not the teacher's, else "".
    """

    tokenizer: Any
    teachers: Any = None
    identity: str = ""


def student_vocabulary(config: DistillationConfig, teachers: Any, checkpoint: str, folder: pathlib.Path,
                       transfer: Iterable[AnyExample], transfer_fingerprint: str) -> Vocabulary:
    """Chooses the student's tokenizer; one that is trained is kept in `folder`.

    Args:
        config: of the run.
        teachers: the teacher's tokenizer.
        checkpoint: resolved `pt_student_checkpoint`, or "".
        folder: where a trained tokenizer is kept.
        transfer: the transfer text.
        transfer_fingerprint: of the transfer text.

    Raises:
        ConfigError: flags that contradict each other, or too little text for the vocabulary.
    """
    if config.student_vocab_size:
        own = _trained(config, folder, transfer, transfer_fingerprint)
    elif checkpoint and not config.compress_word_embedding:
        own = checkpoint_tokenizer(checkpoint)
        if own is None or (teachers and own.get_vocab() == teachers.get_vocab()):
            return Vocabulary(teachers)
    else:
        return Vocabulary(teachers)
    identity = fingerprint(own.backend_tokenizer.to_str())
    if teachers is None:
        return Vocabulary(own, identity=identity)
    if config.distil_attention or config.distil_relations:
        name = "distil_attention" if config.distil_attention else "distil_relations"
        raise ConfigError(f"`{name}` compares subwords with subwords, but the student's vocabulary is not the "
                          "teacher's. Omit it; hidden states and logits are aligned by words and characters.")
    log.info("the student's vocabulary has %d subwords, the teacher's %d: signals are aligned", len(own),
             len(teachers))
    return Vocabulary(own, teachers, identity)


def carried_over(table: np.ndarray, teachers: Any, tokenizer: Any) -> np.ndarray:
    """Word embeddings for another vocabulary: of each piece the mean of the teacher's pieces that spell it.

    Args:
        table: float [teacher's pieces, width].
        teachers, tokenizer: tokenizers of teacher and student.

    Returns:
        float32 [student's pieces, width]; the mean of the table for pieces that the teacher cannot spell.
    """
    rows = np.tile(table.mean(0), (len(tokenizer), 1)).astype(np.float32)
    special = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids))
    for piece, number in tokenizer.get_vocab().items():
        text = tokenizer.convert_tokens_to_string([piece]).replace("##", "").strip()
        spelt = teachers(text, add_special_tokens=False)["input_ids"] if text and piece not in special else []
        if spelt:
            rows[number] = table[spelt].mean(0)
    for name, number in _roles(tokenizer).items():
        if name in _roles(teachers):
            rows[number] = table[_roles(teachers)[name]]
    return rows


def _roles(tokenizer: Any) -> dict[str, int]:
    names = ("cls_token_id", "sep_token_id", "pad_token_id", "unk_token_id", "mask_token_id")
    return {name: getattr(tokenizer, name) for name in names if getattr(tokenizer, name) is not None}


def checkpoint_tokenizer(checkpoint: str) -> Any:
    try:
        return load_tokenizer(checkpoint)
    except ModelLoadError:
        return None  # a checkpoint without a tokenizer: taken to have the teacher's


def _trained(config: DistillationConfig, folder: pathlib.Path, transfer: Iterable[AnyExample],
             transfer_fingerprint: str) -> Any:
    name = fingerprint([transfer_fingerprint, config.student_vocab_size, config.student_vocab_type])[:8]
    path = folder / f"vocabulary-{name}"
    if not path.exists():
        by_default = bool(config.transfer_labels) and config.student_vocab_size == OWN_VOCABULARY
        tokenizer = train_tokenizer(_texts(transfer), config.student_vocab_size, config.student_vocab_type,
                                    at_most=by_default)
        with atomic_directory(path) as part:
            tokenizer.save_pretrained(part)
    return load_tokenizer(str(path))


def _texts(examples: Iterable[AnyExample]) -> Iterator[str]:
    return (text for example in examples for text in texts_of(example) if text)
