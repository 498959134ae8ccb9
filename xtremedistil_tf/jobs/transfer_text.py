"""The transfer text of a run, and what `--augment` makes of it."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

from xtremedistil_tf.augmentation.augmenter import Augmented, Augmenter
from xtremedistil_tf.augmentation.kept import AugmentedText, Chooser
from xtremedistil_tf.augmentation.provenance import Tally
from xtremedistil_tf.augmentation.quality import Quality, confident
from xtremedistil_tf.augmentation.registry import augmenter_names, make_augmenter
from xtremedistil_tf.augmentation.teacher_answers import TeacherAnswers
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus import read_unlabeled
from xtremedistil_tf.jobs.choice import BASELINE
from xtremedistil_tf.jobs.labelled import Labelled
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.teachers.protocol import LoadedTeacher
from xtremedistil_tf.transfer.text import TransferText

_OF_THE_TEACHER = "neighbours"


def transfer_text(config: DistillationConfig, labelled: Labelled) -> TransferText | None:
    """The originals; None where no step of the run reads any.

    Args:
        config: of the run.
        labelled: its labelled side, whose surplus may be transfer text too.

    Raises:
        DataError: a file is faulty, or there is no example.
    """
    c = config
    if c.transfer_store or (c.strategy == BASELINE and not c.student_vocab_size):
        return None
    return TransferText(lambda: read_unlabeled(c.transfer_file, labelled.task.kind, c.do_pairwise)
                        if c.transfer_file else (), c.transfer_file,
                        labelled.corpus.surplus if c.transfer_surplus else [], c.max_transfer)


class Augmentation:
    """The augmenters of a run. Made before the teacher is trained, so that what is wrong with them is said then.

    Args:
        config: with `--augment`.
        labelled: the labelled side of the run.

    Raises:
        ConfigError, DataError, ModelLoadError, MissingExtraError: see `make_augmenter`.
    """

    def __init__(self, config: DistillationConfig, labelled: Labelled):
        self._config, self._labelled = config, labelled
        self._names = augmenter_names(config.augment)
        if _OF_THE_TEACHER in self._names and config.teacher_backend != "tf":
            self._make(_OF_THE_TEACHER)
        self._made = {name: self._make(name) for name in self._names if name != _OF_THE_TEACHER}

    def of(self, originals: TransferText, root: pathlib.Path, fingerprint: str,
           teacher: Callable[[], LoadedTeacher]) -> AugmentedText:
        """The text with its variants, which are made now unless they are there.

        Args:
            originals: to augment.
            root: where the variants are kept.
            fingerprint: of the teacher.
            teacher: loads it; called only where it is needed.
        """
        augmenters = [self._made.get(name) or self._make(
            name, word_embeddings=lambda: teacher().word_embeddings(), teacher=fingerprint)
            for name in self._names]
        c, choose, choice = self._config, None, None
        if c.augment_confidence:
            choice = {"teacher": fingerprint, "confidence": c.augment_confidence, "seq_len": c.seq_len}
            choose = self._chooser(augmenters, teacher)
        return AugmentedText(originals, augmenters, c.augment_factor, c.seed, root, choose=choose, choice=choice)

    def _make(self, name: str, **facts: Any) -> Augmenter:
        c, labelled = self._config, self._labelled
        return make_augmenter(
            name, kind=labelled.task.kind, pairs=labelled.corpus.has_pairs, labels=labelled.task.labels,
            examples=labelled.corpus.train, checkpoint=c.augment_checkpoint, tokenizer=labelled.tokenizer,
            gazetteer=c.augment_gazetteer, corpus=c.augment_corpus, encoder=c.augment_encoder,
            encoder_prefix=c.augment_encoder_prefix, file=c.augment_file, function=c.augment_function, **facts)

    def _chooser(self, augmenters: list[Augmenter], teacher: Callable[[], LoadedTeacher]) -> Chooser:
        c, task, tokenizer = self._config, self._labelled.task, self._labelled.tokenizer
        keeps_label = [augmenter.name for augmenter in augmenters if augmenter.keeps_label]

        def choose(stream: Iterator[Augmented], tally: Tally) -> Iterator[Augmented]:
            predictor = TeacherPredictor(teacher(), (), tokenizer.pad_token_id, c.teacher_batch_size)
            answers = TeacherAnswers(task, tokenizer, predictor, c.seq_len)
            return confident(stream, answers, Quality(task.kind, c.augment_confidence), keeps_label, tally)

        return choose
