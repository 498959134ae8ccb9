"""The step that reads the transfer text of a run, compares it with the task's own, and augments it."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.augmentation.augmenter import Augmented, Augmenter, Tally
from xtremedistil_tf.augmentation.quality import Quality, TeacherAnswers, confident
from xtremedistil_tf.augmentation.registry import augmenter_names, make_augmenter
from xtremedistil_tf.augmentation.stream import AugmentedText, Chooser, without_measured
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus.example import AnyExample, Example, MeasuredTexts
from xtremedistil_tf.corpus.kept_answers import TRAIN, KeptAnswers
from xtremedistil_tf.corpus.sampling import evenly
from xtremedistil_tf.evaluation.measuring import teacher_answers
from xtremedistil_tf.runs.labelled_data import Labelled
from xtremedistil_tf.runs.student_shape import BASELINE
from xtremedistil_tf.tasks.answered import softening_of
from xtremedistil_tf.tasks.opening import reading_of
from xtremedistil_tf.teachers.protocol import LoadedTeacher, TeacherPredictor
from xtremedistil_tf.tokenization.raw_words import AT_SPACES
from xtremedistil_tf.transfer.format import LOGITS
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.sampling import EntityWords, SampledText, TaskText
from xtremedistil_tf.transfer.text import Comparison, TransferText, text_profile

log = logging.getLogger(__name__)

#: Transfer sentences that are compared, spread evenly over the text.
SAMPLE = 20_000
#: Sentences of store and dev set of which the teacher's answers are compared.
_ANSWERED = 2_000
_OF_THE_TEACHER = "neighbours"


def compare_texts(config: DistillationConfig, labelled: Labelled, text: TransferText | None,
                  tokenizer: Any = None) -> Comparison | None:
    """Compares a sample of the transfer text with the dev text.

    Args:
        config: of the run.
        labelled: its labelled side.
        text: the transfer text; None where there is none.
        tokenizer: where the teacher has none; None: there is no comparison then.
    """
    labelled = dataclasses.replace(labelled, tokenizer=labelled.tokenizer or tokenizer)
    if text is None or labelled.tokenizer is None:
        return None
    sample, dev = list(evenly(text, text.sentences, SAMPLE)), labelled.corpus.dev
    # Which pieces are rare is told from one half of the sample and counted in the other, as it is in dev text.
    halves = [_piece_counts(config, labelled, half) for half in (sample[::2], sample[1::2] or sample)]
    unknown = labelled.tokenizer.unk_token_id
    theirs = {example.language for example in sample if example.language}
    without = sorted({example.language for example in dev if example.language} - theirs) if theirs else []
    return Comparison(text_profile(sample, halves[1], halves[0], unknown),
                      text_profile(dev, _piece_counts(config, labelled, dev), halves[0], unknown), tuple(without))


def log_comparison(comparison: Comparison) -> None:
    """Says what the texts are like in one line, and warns in a line each where they differ much."""
    log.info("transfer text (dev text in brackets): %s",
             "; ".join(f"{title.strip()} {ours} ({devs})" for title, ours, devs in comparison.rows()))
    _warn(comparison.warnings())


def with_teachers_view(comparison: Comparison, store: pathlib.Path, labelled: Labelled,
                       teacher: Callable[[], LoadedTeacher], seq_len: int) -> Comparison:
    """The comparison with the share of entity words by the teacher, in the store and on dev; of a tagging task.

    Args:
        comparison: without it.
        store: the transfer store.
        labelled: the labelled side of the run.
        teacher: loads the teacher; called only for a task that has entities.
        seq_len: most pieces of an input of the teacher.
    """
    task = labelled.task
    if task.outside is None:
        return comparison
    outside = task.labels[task.outside]
    dev = list(evenly(labelled.corpus.dev, len(labelled.corpus.dev), _ANSWERED))
    tags = [tag for row in teacher_answers(teacher(), labelled.tokenizer, dev, seq_len) for tag in row]
    on_dev = sum(tag != outside for tag in tags) / max(1, len(tags))
    before = set(comparison.warnings())
    comparison = comparison.with_entity_words(_stored_entity_words(store, task.outside), on_dev)
    _warn(line for line in comparison.warnings() if line not in before)
    return comparison


def _stored_entity_words(store: pathlib.Path, outside: int) -> float:
    """Share of the words of a store whose best tag is not `O`, of rows spread evenly over it."""
    rows = TransferStore(store, ["word_starts", LOGITS])
    words = entities = 0
    for index in evenly(range(len(rows)), len(rows), _ANSWERED):
        row = rows.read(index)
        best = row[LOGITS][row["word_starts"] > 0].argmax(-1)
        words += len(best)
        entities += int((best != outside).sum())
    return entities / max(1, words)


def _piece_counts(config: DistillationConfig, labelled: Labelled, examples: Sequence[AnyExample]) -> np.ndarray:
    """int64 [pieces]: how often each piece occurs, special tokens but the unknown piece aside."""
    tokenizer = labelled.tokenizer
    ids = labelled.task.text_features(tokenizer, examples, config.seq_len).features.data["input_ids"]
    counts = np.bincount(ids, minlength=len(tokenizer))
    counts[[number for number in tokenizer.all_special_ids if number != tokenizer.unk_token_id]] = 0
    return counts


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        log.warning("%s", line)


def text_metrics(labelled: Labelled, text: TransferText | None, comparison: Comparison | None) -> dict[str, Any]:
    """What `metrics.json` says of the text: `left_out`, and `transfer_text`, see `Comparison.to_json`."""
    left_out = {"training": labelled.corpus.left_out, "transfer": text.left_out if text else 0}
    return {"left_out": left_out} | ({"transfer_text": comparison.to_json()} if comparison else {})


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
    if text and text.repeated:
        log.info("%d transfer examples repeat the text of another and are left out", text.repeated)
    if corpus.left_out or (text and text.left_out):
        log.info("%d training and %d transfer examples are left out: their text also occurs in the dev and test sets "
                 "(`keep_test_text` keeps them)", corpus.left_out, text.left_out if text else 0)
    return text


def _text(config: DistillationConfig, labelled: Labelled) -> TransferText:
    c, corpus = config, labelled.corpus
    measured = MeasuredTexts(()) if c.keep_test_text else corpus.measured_texts
    if labelled.answers:
        return _answered(config, labelled, labelled.answers, measured)
    own = [*(corpus.surplus if c.transfer_surplus else ()), *(corpus.unmeasured if c.transfer_unmeasured else ())]

    def read() -> Iterable[AnyExample]:
        if not c.transfer_file:
            return ()
        return labelled.task.read_unlabeled(c.transfer_file, c.do_pairwise, reading_of(c))

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


def _answered(config: DistillationConfig, labelled: Labelled, answers: KeptAnswers,
              measured: MeasuredTexts) -> TransferText:
    softening = softening_of(config)

    def sure() -> Iterator[AnyExample]:
        return (example for example in answers.examples(TRAIN) if labelled.task.says_something(example, softening))

    if config.min_label_score and (unsure := answers.trained - sum(1 for _ in sure())):
        log.info("%d texts are left out: no answer has a score of `min_label_score=%g`", unsure,
                 config.min_label_score)
    return TransferText(sure, config.transfer_labels, (), config.max_transfer, measured)


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
            rule=labelled.task.raw_words or AT_SPACES,
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
