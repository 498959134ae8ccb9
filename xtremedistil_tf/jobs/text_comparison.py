"""Transfer text beside the task's own: what a run and a dry run say about the text that a student learns from."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.evaluation.answers import teacher_answers
from xtremedistil_tf.jobs.labelled import Labelled
from xtremedistil_tf.teachers.protocol import LoadedTeacher
from xtremedistil_tf.transfer.layout import LOGITS
from xtremedistil_tf.transfer.likeness import Comparison, text_profile
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.text import TransferText, evenly

log = logging.getLogger(__name__)

#: Transfer sentences that are compared, spread evenly over the text.
SAMPLE = 20_000
#: Sentences of store and dev set of which the teacher's answers are compared.
_ANSWERED = 2_000


def compare_texts(config: DistillationConfig, labelled: Labelled, text: TransferText | None) -> Comparison | None:
    """Compares a sample of the transfer text with the dev text.

    Args:
        config: of the run.
        labelled: its labelled side.
        text: the transfer text; None where there is none.
    """
    if text is None:
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
