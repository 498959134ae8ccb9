"""Tasks whose teacher is a file of answers: what is read of it, and labelled data made of it where there is none."""

from __future__ import annotations

import logging
import pathlib
from typing import Any

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus import TaskCorpus
from xtremedistil_tf.corpus.answered import AnswersReader, kind_of_answers
from xtremedistil_tf.corpus.kept_answers import DEV, TEST, TRAIN, KeptAnswers, keep_answers
from xtremedistil_tf.corpus.sampling import evenly
from xtremedistil_tf.corpus.tag_schemes import OUTSIDE
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.registry import KINDS, make_task
from xtremedistil_tf.tasks.targets import Softening
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.raw_words import AT_SPACES, PUNCTUATION, WHITESPACE, RawWords

log = logging.getLogger(__name__)

#: Examples of the answers that serve as labelled ones, and the share that becomes dev, and test.
_MOST_TRAIN, _MEASURED = 20_000, 0.1


def softening_of(config: DistillationConfig) -> Softening:
    """How answers become probabilities."""
    return Softening(config.label_smoothing, config.label_temperature, config.min_label_score)


def keep(config: DistillationConfig, task: Task | None = None) -> KeptAnswers:
    """Reads `transfer_labels`, unless that is done, into `<model_dir>/answers`.

    Args:
        config: of the run.
        task: of the labelled data; None: there is none, and dev and test are cut from the answers.

    Raises:
        DataError: see `keep_answers`.
    """
    kind = task.kind if task else kind_answered(config)
    pairs = config.do_pairwise or (task is None and _are_pairs(config))
    rule = task.raw_words if task else AT_SPACES if config.word_splitting == WHITESPACE else RawWords(PUNCTUATION)
    labels = task.labels if task and task.names_outputs else None
    reader = AnswersReader(kind, pairs, (rule or AT_SPACES).split, labels)
    fraction = 0.0 if task else config.dev_fraction or _MEASURED
    identity = [kind, pairs, labels, (rule or AT_SPACES).facts()]
    return keep_answers(config.transfer_labels, pathlib.Path(config.model_dir) / "answers", reader, identity, fraction,
                        config.seed)


def open_answered(config: DistillationConfig, kept: KeptAnswers) -> tuple[TaskCorpus, Task]:
    """Labelled data and task of answers alone: the labels are the teacher's best answers.

    Args:
        config: of the run, without `task`.
        kept: what `keep` gave for it.
    """
    kind = kind_answered(config)
    options: dict[str, Any] = {"main_score": config.metric} if config.metric else {}
    parts = {split: list(kept.examples(split)) for split in (DEV, TEST)}
    parts[TRAIN] = list(evenly(kept.examples(TRAIN), kept.trained, config.max_train_per_language or _MOST_TRAIN))
    for split, limit in ((DEV, config.max_dev_per_language), (TEST, config.max_test_per_language)):
        parts[split] = list(evenly(parts[split], len(parts[split]), limit or len(parts[split])))
    if not parts[TRAIN] or not parts[DEV]:
        raise DataError(f"`transfer_labels={config.transfer_labels}`: {kept.facts['rows']} texts with answers, too few "
                        "for train, dev and test. Expected at least 30, or give labelled data as `task`.")
    labels = _labels(kept, kind)
    corpus = TaskCorpus(parts[TRAIN], parts[DEV], parts[TEST], labels, [])
    task = make_task(kind, labels, **options, **KINDS[kind].options_from(config, corpus))
    labelled = {split: [task.with_given(example) for example in part] for split, part in parts.items()}
    languages = sorted({example.language for part in parts.values() for example in part if example.language})
    return TaskCorpus(labelled[TRAIN], labelled[DEV], labelled[TEST], labels, languages), task


def _are_pairs(config: DistillationConfig) -> bool:
    try:
        return kind_of_answers(config.transfer_labels)[1]
    except DataError:
        return False  # what is kept of files that are gone says it itself


def kind_answered(config: DistillationConfig) -> str:
    """The kind of task that a configuration with answers alone means."""
    if config.do_NER:
        return "tagging"
    return config.task_kind if config.task_kind != "auto" else kind_of_answers(config.transfer_labels)[0]


def _labels(kept: KeptAnswers, kind: str) -> list[str]:
    if kind == "question_answering":
        return ["start", "end"]
    if kind == "regression":
        return ["score"]
    names = kept.names
    if kind != "tagging":
        if len(names) < 2:
            raise DataError(f"`transfer_labels={kept.name}`: only the class {', '.join(names) or 'none'}, expected at "
                            "least two.")
        return names
    if not names:
        raise DataError(f"`transfer_labels={kept.name}`: no entity in any text, expected some.")
    if kept.facts["plain"]:
        return names
    return [OUTSIDE, *(f"{part}-{name}" for name in names for part in "BI")]
