"""The step that reads the transfer text of a run, and what `augment` makes of it."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from xtremedistil_tf.augmentation.augmenter import Augmented, Augmenter
from xtremedistil_tf.augmentation.honest import without_measured
from xtremedistil_tf.augmentation.kept import AugmentedText, Chooser
from xtremedistil_tf.augmentation.provenance import Tally
from xtremedistil_tf.augmentation.quality import Quality, confident
from xtremedistil_tf.augmentation.registry import augmenter_names, make_augmenter
from xtremedistil_tf.augmentation.teacher_answers import TeacherAnswers
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus.decontamination import MeasuredTexts
from xtremedistil_tf.corpus.example import AnyExample, Example
from xtremedistil_tf.jobs.choice import BASELINE
from xtremedistil_tf.jobs.labelled import Labelled
from xtremedistil_tf.tasks.reading import read_unlabeled
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.teachers.protocol import LoadedTeacher
from xtremedistil_tf.transfer.fragments import EntityWords
from xtremedistil_tf.transfer.sampling import SampledText, TaskText
from xtremedistil_tf.transfer.text import TransferText

log = logging.getLogger(__name__)

_OF_THE_TEACHER = "neighbours"


@dataclasses.dataclass(frozen=True)
class RunText:
    """Attributes:
        originals: the transfer text; None where no step of the run reads any.
        used: the same, with what augmentation made of it.
    """

    originals: TransferText | None
    used: TransferText | AugmentedText | None


def transfer_text(config: DistillationConfig, labelled: Labelled) -> TransferText | None:
    """The originals; None where no step of the run reads any.

    Args:
        config: of the run.
        labelled: its labelled side, whose surplus and unmeasured examples may be transfer text too.

    Raises:
        DataError: a file is faulty, or there is no example.
    """
    c, corpus = config, labelled.corpus
    text = None
    if not c.transfer_store and (c.strategy != BASELINE or c.student_vocab_size):
        text = _text(c, labelled)
    if corpus.left_out or (text and text.left_out):
        log.info("%d training and %d transfer examples are left out: their text also occurs in the dev and test sets "
                 "(`keep_test_text` keeps them)", corpus.left_out, text.left_out if text else 0)
    return text


def _text(config: DistillationConfig, labelled: Labelled) -> TransferText:
    c, corpus = config, labelled.corpus
    measured = MeasuredTexts(()) if c.keep_test_text else corpus.measured_texts
    own = [*(corpus.surplus if c.transfer_surplus else ()), *(corpus.unmeasured if c.transfer_unmeasured else ())]

    def read() -> Iterable[AnyExample]:
        return read_unlabeled(c.transfer_file, labelled.task.kind, c.do_pairwise) if c.transfer_file else ()

    if not c.transfer_like:
        return TransferText(read, c.transfer_file, own, c.max_transfer, measured)
    # The task's own text is like the task: it is neither cut nor sampled, and comes first.
    room = (c.max_transfer - sum(example not in measured for example in own) or -1) if c.max_transfer else 0
    sentences = [example for example in corpus.train if isinstance(example, Example)]
    entities = EntityWords(sentences) if sentences else None
    sampled = SampledText(read, TaskText([*corpus.train, *corpus.dev]), room, measured, entities, c.seed)
    log.info("`transfer_like=%s`: %d of %d examples of %s are sampled%s", c.transfer_like, sampled.sentences,
             sampled.candidates, c.transfer_file, ", sentences cut to fragments" if entities else "")
    text = TransferText(lambda: sampled, c.transfer_file, own, c.max_transfer, measured)
    text.left_out += sampled.left_out
    return text


class Augmentation:
    """The augmenters of a run. Made before the teacher is trained, so that what is wrong with them is said then.

    Args:
        config: with `augment`.
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
        c, choice = self._config, {}
        if c.augment_confidence:
            choice = {"teacher": fingerprint, "confidence": c.augment_confidence, "seq_len": c.seq_len}
        if not c.keep_test_text:
            choice["measured"] = self._labelled.corpus.measured_texts.digests
        return AugmentedText(originals, augmenters, c.augment_factor, c.seed, root,
                             choose=self._chooser(augmenters, teacher), choice=choice or None)

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
            if not c.keep_test_text:
                stream = without_measured(stream, self._labelled.corpus.measured_texts, tally)
            if not c.augment_confidence:
                return stream
            predictor = TeacherPredictor(teacher(), (), tokenizer.pad_token_id, c.teacher_batch_size)
            answers = TeacherAnswers(task, tokenizer, predictor, c.seq_len)
            return confident(stream, answers, Quality(task, c.augment_confidence), keeps_label, tally)

        return choose
